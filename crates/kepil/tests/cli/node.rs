//! The demo, the ledger it leaves, and a node in service.

use crate::support::*;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use tempfile::TempDir;

/// A demonstration that was played to its end.
fn demo() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("demo").display().to_string();
    let run = kepil(&["demo", "--exit", "--dir", &place, "--listen", "127.0.0.1:0"]).ended(0);
    let run = run
        .says("each stands in the log")
        .says("every hash holds under the signed root");
    assert!(!run.out.contains("UNEXPECTED"), "{}", run.out);
    (dir, place)
}

/// The partial tile of a log of this size below a folder, whose path contains a text.
fn find(folder: &Path, part: &str, size: u64) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(f) = folders.pop() {
        for entry in fs::read_dir(f).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.display().to_string().contains(part) && path.ends_with(size.to_string())
            {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{part}: {found:?}");
    found.remove(0)
}

/// Changes one byte of a file while a closure runs.
fn with_changed_byte(path: &Path, at: usize, run: impl FnOnce()) {
    let kept = fs::read(path).unwrap();
    let mut changed = kept.clone();
    changed[at] ^= 1;
    fs::write(path, changed).unwrap();
    run();
    fs::write(path, kept).unwrap();
}

#[test]
fn a_ledger_left_by_the_demo_verifies_until_a_byte_is_changed() {
    let (_dir, place) = demo();
    for folder in [
        place.clone(),
        format!("{place}/ledger"),
        format!("{place}/ledger/log"),
    ] {
        kepil(&["ledger", "verify", &folder])
            .ended(0)
            .says("Everything holds");
        kepil(&["ledger", "head", &folder])
            .ended(0)
            .says("entries, signed by");
    }
    let head = kepil(&["ledger", "head", &place, "--json"]).ended(0).json();
    let report = kepil(&["ledger", "verify", &place, "--json"])
        .ended(0)
        .json();
    assert_eq!(report["entries_checked"], head["size"]);
    assert_eq!(report["findings"], serde_json::json!([]));
    let log = Path::new(&place).join("ledger/log");
    let key = fs::read_to_string(log.join("key")).unwrap();
    kepil(&["ledger", "verify", &place, "--key", key.trim()]).ended(0);

    for part in ["tile/entries/", "tile/0/"] {
        let tile = find(&log, part, head["size"].as_u64().unwrap());
        let name = tile.strip_prefix(&log).unwrap().display().to_string();
        with_changed_byte(&tile, 40, || {
            kepil(&["ledger", "verify", &place])
                .ended(1)
                .says("does NOT hold")
                .says(&name);
            let report = kepil(&["ledger", "verify", &place, "--json"])
                .ended(1)
                .json();
            assert!(report["findings"].to_string().contains(&name), "{report}");
        });
        let kept = fs::read(&tile).unwrap();
        fs::remove_file(&tile).unwrap();
        kepil(&["ledger", "verify", &place]).ended(1).says(&name);
        fs::write(&tile, kept).unwrap();
    }
    with_changed_byte(&log.join("checkpoint"), 30, || {
        drop(kepil(&["ledger", "verify", &place]).ended(1))
    });
    // An earlier checkpoint of another log, another key, no key, no folder.
    let other = "127.0.0.1:1/log+7a5c2f1e+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    kepil(&["ledger", "verify", &place, "--key", other])
        .ended(2)
        .says("key");
    kepil(&["ledger", "verify", &place, "--key", "nonsense"])
        .ended(2)
        .says("key");
    kepil(&[
        "ledger",
        "verify",
        &place,
        "--since",
        &format!("{place}/ledger/log/checkpoint"),
    ])
    .ended(0);
    fs::remove_file(log.join("key")).unwrap();
    kepil(&["ledger", "verify", &place]).ended(3).says("--key");
    kepil(&["ledger", "verify", "/no/such/folder"]).ended(3);
    kepil(&["ledger", "verify", &place, "--key", key.trim()]).ended(0);
}

#[test]
fn a_receipt_is_checked_alone_and_against_its_log() {
    let (dir, place) = demo();
    let receipt = format!("{place}/receipt.json");
    let key = fs::read_to_string(format!("{place}/ledger/log/key")).unwrap();
    let key = key.trim();
    kepil(&["ledger", "receipt", &receipt, "--key", key])
        .ended(0)
        .says("The receipt holds");
    kepil(&["ledger", "receipt", &receipt, "--log", &place])
        .ended(0)
        .says("In the log");
    let json = kepil(&["ledger", "receipt", &receipt, "--log", &place, "--json"])
        .ended(0)
        .json();
    assert_eq!(json["valid"], true);
    assert_eq!(json["in_log"]["findings"], serde_json::json!([]));
    // Whoever asked gets no record: it would hold the person's pseudonym of the month.
    assert_eq!(json["record"], Value::Null);
    // An answer of the gate that holds a receipt does as well.
    let text = fs::read_to_string(&receipt).unwrap();
    let answer = file(
        &dir,
        "answer.json",
        &format!(
            "{{\"decision\": true, \"context\": {{\"entry\": {{\"index\": 0, \"receipt\": {text}}}}}}}"
        ),
    );
    kepil(&["ledger", "receipt", &answer, "--key", key]).ended(0);

    let mut changed: Value = serde_json::from_str(&text).unwrap();
    changed["time"] = 1.into();
    let changed = file(&dir, "changed.json", &changed.to_string());
    kepil(&["ledger", "receipt", &changed, "--key", key])
        .ended(1)
        .says("does NOT hold");
    let json = kepil(&["ledger", "receipt", &changed, "--key", key, "--json"])
        .ended(1)
        .json();
    assert_eq!(json["valid"], false);
    let garbage = file(&dir, "garbage.json", "{}");
    kepil(&["ledger", "receipt", &garbage, "--key", key])
        .ended(2)
        .says("garbage.json");
    kepil(&["ledger", "receipt", &receipt])
        .ended(2)
        .says("--key");
    kepil(&["ledger", "receipt", "/no/such/receipt.json", "--key", key]).ended(3);
}

#[test]
fn the_demo_tells_its_story_in_three_languages_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("demo").display().to_string();
    // The second and third play empty the folder that the first one made.
    for lang in ["kk", "ru"] {
        let run = kepil(&[
            "demo",
            "--exit",
            "--dir",
            &place,
            "--listen",
            "127.0.0.1:0",
            "--lang",
            lang,
        ])
        .ended(0);
        assert!(!run.out.contains("UNEXPECTED"));
    }
    let run = kepil(&[
        "demo",
        "--exit",
        "--dir",
        &place,
        "--listen",
        "127.0.0.1:0",
        "--json",
    ])
    .ended(0);
    let lines = run.json_lines();
    assert!(lines.len() >= 20);
    assert!(
        lines.iter().all(|l| l["as_expected"] == true),
        "{}",
        run.out
    );
}

#[test]
fn the_demo_does_not_touch_a_folder_it_did_not_make() {
    let dir = tempfile::tempdir().unwrap();
    let mine = file(&dir, "mine.txt", "precious");
    kepil(&[
        "demo",
        "--exit",
        "--dir",
        &dir.path().display().to_string(),
        "--listen",
        "127.0.0.1:0",
    ])
    .ended(3)
    .says("is not empty");
    assert_eq!(fs::read_to_string(mine).unwrap(), "precious");
}

/// A node in a process of its own; killed when it is dropped.
struct Served {
    child: Child,
    lines: BufReader<ChildStderr>,
    address: String,
    seen: String,
}

impl Served {
    fn start(dir: &TempDir) -> Self {
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let data = dir.path().join("data").display().to_string();
        let text = format!(
            "listen = \"{address}\"\npublic_url = \"http://{address}\"\ndata_dir = {data:?}\n[log]\nformat = \"json\"\n"
        );
        file(dir, "kepil.toml", &text);
        Self::again(dir, &address)
    }

    /// The node of this folder, another time.
    fn again(dir: &TempDir, address: &str) -> Self {
        let path = dir.path().join("kepil.toml").display().to_string();
        let mut child = command(&["serve", "--config", &path])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let mut served = Self {
            child,
            lines,
            address: address.to_owned(),
            seen: String::new(),
        };
        served.await_line("Kepil listens on");
        served
    }

    /// Reads what the node says until a line holds the text.
    fn await_line(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "`{text}` was never said: {}",
                self.seen
            );
            self.seen.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn ended(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_served_node_reloads_at_a_hangup_and_stops_at_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Served::start(&dir);
    assert!(node.get("/health/ready").contains("200 OK"));
    // A second one on the same folder has no business there.
    let second = kepil(&[
        "serve",
        "--config",
        &dir.path().join("kepil.toml").display().to_string(),
    ]);
    second.ended(3).says("listening on");
    let text = fs::read_to_string(dir.path().join("kepil.toml")).unwrap();
    let other = file(
        &dir,
        "other.toml",
        &text.replacen(
            &format!("listen = \"{}\"", node.address),
            "listen = \"127.0.0.1:0\"",
            1,
        ),
    );
    kepil(&["serve", "--config", &other])
        .ended(3)
        .says("another process uses it");

    let register = dir.path().join("data/register.json");
    fs::write(&register, "{").unwrap();
    node.signal("HUP");
    let line = node.await_line("the reload failed");
    let said: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(said["level"], "ERROR");
    fs::write(&register, "{\"systems\": [], \"records\": []}").unwrap();
    node.signal("HUP");
    node.await_line("loaded anew");
    assert!(node.get("/health/ready").contains("200 OK"));
    kepil(&["ledger", "head", &format!("http://{}", node.address)]);
    kepil(&[
        "law",
        "show",
        "KZ-DC-2026#77.4",
        "--node",
        &format!("http://{}", node.address),
    ])
    .ended(0)
    .says("at this node: relied on 0 times");
    node.signal("TERM");
    assert_eq!(node.ended(), 0);
    kepil(&[
        "ledger",
        "verify",
        &dir.path().join("data").display().to_string(),
    ])
    .ended(0)
    .says("Everything holds");
}

#[test]
fn what_was_signed_before_a_change_of_key_is_checked_with_the_key_of_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir);
    let address = served.address.clone();
    let url = format!("http://{address}");
    let token = dir.path().join("data/operator.token").display().to_string();
    let body = |served: &Served, path: &str| {
        let answer = served.get(path);
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let old = body(&served, "/log/key").trim().to_owned();
    let before = loop {
        let text = body(&served, "/log/checkpoint");
        if text.contains("/log\n") {
            break file(&dir, "before", &text);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let operator = |order: &[&str]| {
        let args = [&["operator"], order, &["--url", &url, "--token", &token]];
        kepil(&args.concat())
    };
    operator(&["retire-log-key"])
        .ended(2)
        .says("no new key of the log is announced");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let from = i64::try_from(now.as_millis()).unwrap() + 2000;
    let from = kepil_terms::Instant::from_ms(from).to_rfc3339();
    let said = operator(&["new-log-key", "--from", &from]).ended(0);
    let new = said.out.lines().find_map(|line| line.strip_prefix("log "));
    let new = new.unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(3000));
    let again = |served: Served| {
        served.signal("TERM");
        assert_eq!(served.ended(), 0);
        Served::again(&dir, &address)
    };
    // A quiet log publishes after its start, in its own time.
    let in_time = |code: i32, check: &dyn Fn() -> Run| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let run = check();
            if run.code == code || std::time::Instant::now() > end {
                break run.ended(code);
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    };
    let served = again(served);
    for key in [&new, &old] {
        in_time(0, &|| kepil(&["ledger", "verify", &url, "--key", key]));
    }
    operator(&["retire-log-key"]).ended(0).says(&new);
    let served = again(served);
    let verify = |keys: &[&str]| {
        let mut args = vec!["ledger", "verify", &url, "--since", &before];
        keys.iter().for_each(|key| args.extend(["--key", key]));
        kepil(&args)
    };
    in_time(1, &|| verify(&[&old])).says("none is by this key");
    verify(&[&old, &new]).ended(0).says("the log grew");
    verify(&[&new]).ended(2).says("--key may be repeated");
    served.signal("TERM");
    assert_eq!(served.ended(), 0);
    let data = dir.path().join("data").display().to_string();
    kepil(&["store", "check", "--data", &data]).ended(0);
}

#[test]
fn a_place_that_is_no_node_is_said_to_be_none_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let typo = dir.path().join("typo").display().to_string();
    kepil(&["replay", "--data", &typo])
        .ended(3)
        .says("is not the data folder of a node");
    assert!(!dir.path().join("typo").exists());
    let key = "log.test+7c6cdb7e+AXoh7SZzTWGpCJGSwNMbFG9zpnsyMJ7ZHL8C9g8CkZBk";
    let run = kepil(&["ledger", "verify", "http://127.0.0.1:9", "--key", key]);
    assert!([2, 3].contains(&run.code), "{}{}", run.out, run.err);
    assert!(!run.out.contains("does NOT hold"), "{}", run.out);
    // A configuration that names a file that is not there does not hold.
    let text = "[ledger]\npolicy = \"nofile\"\n";
    let config = file(&dir, "kepil.toml", text);
    kepil(&["config", "check", &config])
        .ended(2)
        .says("ledger.policy");
}

#[test]
fn a_node_that_is_not_there_is_a_fault_of_the_environment() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{address}");
    kepil(&["ledger", "head", &url]).ended(3);
    kepil(&["ledger", "verify", &url]).ended(3);
    kepil(&["law", "show", "KZ-DC-2026#77.4", "--node", &url]).ended(3);
}

#[test]
fn the_quick_bench_measures_something() {
    let json = kepil(&["bench", "--seconds", "1", "--json"])
        .ended(0)
        .json();
    assert!(
        json["decisions_per_s"].as_u64() > Some(0)
            && json["durable_entries_per_s"].as_u64() > Some(0)
    );
}
