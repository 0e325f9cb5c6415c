//! A real mail server beside the tests: aiosmtpd, Debian's package `python3-aiosmtpd`.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

pub struct Peer {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

/// The interpreter that the package belongs to.
const PYTHON: &str = "/usr/bin/python3";

impl Peer {
    pub fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(PYTHON)
            .args(["-c", include_str!("peer.py")])
            .arg(folder.path())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.expect("no mail server: install the package python3-aiosmtpd");
        Self {
            child,
            port,
            folder,
        }
    }

    /// What was taken, in order.
    pub fn taken(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        names.retain(|name| name.extension().is_some_and(|e| e == "json"));
        names.sort();
        let read = |name| serde_json::from_slice(&std::fs::read(name).unwrap()).unwrap();
        names.iter().map(read).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
