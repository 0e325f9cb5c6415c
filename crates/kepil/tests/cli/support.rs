//! What the tests of the command share.

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kepil"));
    command.args(args).stdin(Stdio::null());
    command
}

pub fn kepil(args: &[&str]) -> Run {
    let output = command(args).output().unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl Run {
    /// A run that ended with this code.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        // What went wrong is said; what only does not hold was printed already.
        assert_eq!(code >= 2, !self.err.is_empty(), "{}", self.err);
        self
    }

    pub fn says(self, text: &str) -> Self {
        assert!(
            self.out.contains(text) || self.err.contains(text),
            "`{text}` is not in: {}\n{}",
            self.out,
            self.err
        );
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }

    pub fn json_lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
            .collect()
    }
}

pub fn file(dir: &TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Writes the pack of the binary into a folder.
pub fn unpack(dir: &TempDir) -> PathBuf {
    let pack = dir.path().join("pack");
    for (name, text) in kepil_packs::kz() {
        let path = pack.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    pack
}

/// The text of a case in the pack, as it stands between its fences.
pub fn case(id: &str) -> String {
    for (name, text) in kepil_packs::kz()
        .iter()
        .filter(|(n, _)| n.starts_with("cases/"))
    {
        let blocks = kepil_law::case::blocks(name, text).unwrap();
        if let Some(b) = blocks.iter().find(|b| b.id == id) {
            return b.text.clone();
        }
    }
    panic!("no case {id}")
}

/// The keys of a case that are its situation.
pub fn situation(id: &str) -> String {
    let case: serde_json::Map<String, Value> = serde_saphyr::from_str(&case(id)).unwrap();
    let keys = [
        "at",
        "actor",
        "operation",
        "data",
        "purpose",
        "cites",
        "base",
        "clock",
        "facts",
    ];
    let kept: serde_json::Map<String, Value> = case
        .into_iter()
        .filter(|(k, _)| keys.contains(&k.as_str()))
        .collect();
    Value::Object(kept).to_string()
}
