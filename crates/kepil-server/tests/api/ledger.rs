//! The proof: receipts, tiles over HTTP, and a disk that is full, read-only or somebody else's.

use crate::entries::decisions;
use crate::support::{GATE, MANY, Node, ONE, Play, Stage, config, index, open_only, receipt};
use kepil_ledger::receipt::{Receipt, RecordCheck};
use kepil_ledger::verify;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_receipt_verifies_and_opens_to_the_record_of_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let plays: Vec<Play> = ["C04", "S01", "C35", "C50", "S12", "C79"]
        .iter()
        .map(|id| stage.play(id).unwrap())
        .collect();
    let node = Node::start(dir.path(), &stage, &plays[0]);
    let key = node.key();
    for play in &plays {
        let answer = node.play(&stage, play);
        let receipt = receipt(&answer);
        let verified = receipt.verify(&key).unwrap();
        assert_eq!(
            (verified.index, verified.time_ms, verified.record),
            (index(&answer), play.at_ms, RecordCheck::NotIncluded)
        );
        let row = node.app.ledger.chronicle.row(receipt.index()).unwrap().row;
        assert!(receipt.opens_to(&row.salt, &row.record.to_bytes()));
        let record = node.record(&answer);
        assert_eq!(record.who.system, play.system);
        assert_eq!(record.who.person, play.person);
        assert_eq!(record.at, i64::try_from(play.at_ms).unwrap());
        for (said, kept) in [
            ("substance", &record.verdict),
            ("strict", &record.strict),
            ("law", &record.law),
            ("pack", &record.pack),
        ] {
            assert_eq!(
                &answer["context"][said],
                kept.as_str(),
                "{}: {said}",
                play.id
            );
        }
        // Whoever has the record decides it again and gets the same.
        let again = GATE.decide(GATE.scene_of(&record).unwrap());
        assert_eq!(again.verdict.as_str(), record.verdict);
        assert_eq!(
            GATE.record(&GATE.scene_of(&record).unwrap(), &again, record.who.clone()),
            record
        );
    }
}

#[test]
fn a_changed_receipt_does_not_verify() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let key = node.key();
    node.play(&stage, &play);
    let good = node.play(&stage, &play)["context"]["entry"]["receipt"].clone();
    let other = node.play(&stage, &play)["context"]["entry"]["receipt"].clone();
    for (pointer, v) in [
        ("/index", json!(0)),
        ("/time", json!(1)),
        ("/leaf", other["leaf"].clone()),
        ("/origin", json!("other.test/log")),
        ("/batch/root", other["batch"]["root"].clone()),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = v;
        let verified = Receipt::from_json(changed.to_string().as_bytes())
            .ok()
            .and_then(|r| r.verify(&key).ok());
        assert_eq!(verified, None, "{pointer}");
    }
    assert!(
        Receipt::from_json(good.to_string().as_bytes())
            .unwrap()
            .verify(&key)
            .is_ok()
    );
}

#[test]
fn receipts_of_a_batch_verify_and_the_stored_record_opens_them() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let mut batch = play.request.clone();
    batch["evaluations"] = vec![json!({}); 17].into();
    let answer = node.post(MANY, &token, &batch).ok();
    let key = node.key();
    for item in answer["evaluations"].as_array().unwrap() {
        let receipt = receipt(item);
        assert_eq!(
            receipt.verify(&key).unwrap().record,
            RecordCheck::NotIncluded
        );
        let row = node.app.ledger.chronicle.row(index(item)).unwrap().row;
        assert!(receipt.opens_to(&row.salt, &row.record.to_bytes()));
    }
}

#[test]
fn the_tiles_over_http_rebuild_to_the_signed_root() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let key = node.key();
    let mut batch = play.request.clone();
    batch["evaluations"] = vec![json!({}); 300].into();
    let mut older = None;
    let mut receipts = Vec::new();
    for round in 1..=3u64 {
        let answer = node.post(MANY, &token, &batch).ok();
        receipts.push(receipt(&answer["evaluations"][7]));
        node.publish();
        let report = verify::rebuild(&node, &key, older.as_ref());
        assert!(report.is_sound(), "{:?}", report.findings);
        assert!(report.entries_checked > round * 300);
        let text = node.get("/log/checkpoint").body;
        older = Some(
            kepil_ledger::checkpoint::parse(&text)
                .unwrap()
                .verify(&key)
                .unwrap()
                .clone(),
        );
    }
    for receipt in &receipts {
        let report = verify::receipt(&node, &key, receipt);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
    let tile = node.get("/log/tile/0/000");
    assert_eq!((tile.status, tile.body.len()), (200, 256 * 32));
    assert_eq!(
        tile.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    let checkpoint = node.get("/log/checkpoint");
    assert_eq!(checkpoint.header("cache-control"), Some("no-cache"));
    let size = node.app.ledger.published();
    assert!(
        checkpoint
            .text()
            .starts_with(&format!("gate.test/log\n{size}\n"))
    );
    assert_eq!(node.entries(), 900);
}

#[test]
fn nothing_but_the_public_log_can_be_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.publish();
    let size = node.app.ledger.published();
    let bundle = format!("/log/tile/entries/000.p/{size}");
    assert_eq!(node.get(&bundle).status, 200);
    let secret = fs::read_to_string(dir.path().join("log.key")).unwrap();
    for path in [
        "/log/tile/../../log.key",
        "/log/tile/../../../log.key",
        "/log/tile/../checkpoint",
        "/log/tile/..%2f..%2f..%2flog.key",
        "/log/tile/%2e%2e/%2e%2e/%2e%2e/log.key",
        "/log/tile/%2e%2e%2f%2e%2e%2f%2e%2e%2flog.key",
        "/log/tile/..%5c..%5clog.key",
        "/log/tile/0/../../../../register.json",
        "/log/tile/0/000/../../../../../log.key",
        "/log/tile//etc/passwd",
        "/log/tile/%2fetc%2fpasswd",
        "/log/tile/0/000%00.p/1",
        "/log/tile/0/000.p/1/../2",
        "/log/tile/0/000.p/1%0a",
        "/log/tile/64/000",
        "/log/tile/0/0",
        "/log/tile/0/000.p/0",
        "/log/tile/0/000.p/256",
        "/log/tile/0/999",
        "/log/tile/",
        "/log/tile",
        "/log/",
        "/log/key/",
        "/log/.writing",
        "/log/tile/.writing",
        "/log/../log.key",
        "/log.key",
        "/register.json",
        "/log/segments/00000000000000000000.segment",
        "/../../../../etc/passwd",
    ] {
        let reply = node.get(path);
        assert!(!reply.text().contains(secret.trim()), "{path}");
        reply.problem(404);
    }
    let mode = |p: &str| {
        fs::metadata(dir.path().join(p))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("log.key"), mode("ledger/segments")), (0o600, 0o700));
}

#[test]
fn the_published_folder_brings_its_key_along() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let key = fs::read_to_string(dir.path().join("ledger/log/key")).unwrap();
    assert_eq!(key, node.get("/log/key").text());
    node.stop().unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    assert_eq!(key, node.get("/log/key").text(), "a restart keeps it");
}

#[test]
fn a_second_node_on_the_same_folder_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    let error = open_only(config(dir.path())).unwrap_err().to_string();
    assert!(error.contains("another process uses it"), "{error}");
    node.play(&stage, &play);
    assert_eq!(node.entries(), 2);
    node.stop().unwrap();
    drop(open_only(config(dir.path())).unwrap());
}

#[test]
fn another_name_or_another_key_does_not_open_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.stop().unwrap();
    let mut renamed = config(dir.path());
    renamed.public_url = "https://elsewhere.test".into();
    let error = open_only(renamed).unwrap_err().to_string();
    assert!(error.contains("gate.test/log"), "{error}");
    let key = dir.path().join("log.key");
    let kept = fs::read(&key).unwrap();
    for (broken, said) in [
        (b"".as_slice(), "log.key"),
        (b"kepil-ed25519-seed/v1 AAAA\n", "log.key"),
        (
            b"kepil-ed25519-seed/v1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
            "key",
        ),
    ] {
        fs::write(&key, broken).unwrap();
        let error = open_only(config(dir.path())).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    fs::write(&key, kept).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = open_only(config(dir.path())).unwrap_err().to_string();
    assert!(error.contains("0600"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(decisions(&open_only(config(dir.path())).unwrap()), 1);
}

/// A file system of its own for a test, in memory.
struct Disk(PathBuf);

impl Disk {
    /// None where mounting is not allowed.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let run = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .output();
        if run.is_ok_and(|o| o.status.success()) {
            return Some(Self(at.to_owned()));
        }
        println!("not run: no right to mount");
        None
    }

    fn remount(&self, options: &str) {
        let run = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(&self.0)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// A batch whose entries take much room.
fn large(play: &Play) -> Value {
    let fields: Vec<String> = (0..128).map(|i| format!("{i:0>250}")).collect();
    let mut batch = play.request.clone();
    batch["resource"]["properties"]["fields"] = json!(fields);
    batch["evaluations"] = vec![json!({}); 50].into();
    batch
}

#[test]
fn on_a_full_disk_answers_become_errors_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    // Room for the first segment of 64 MiB, and no room for the next.
    let Some(_disk) = Disk::mount(dir.path(), "140m") else {
        return;
    };
    let ballast = dir.path().join("ballast");
    fs::write(&ballast, vec![1; 50 << 20]).unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let key = node.key();
    // While the next segment is being tried for, the disk is full for a moment.
    let first = loop {
        let reply = node.post(ONE, &token, &play.request);
        if reply.status == 200 {
            break reply.ok();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let mut acknowledged: Vec<Receipt> = vec![receipt(&first)];
    let batch = large(&play);
    let failed = loop {
        let reply = node.post(MANY, &token, &batch);
        if reply.status != 200 && node.get("/health/ready").status != 200 {
            break reply;
        }
        if reply.status != 200 {
            // Full for a moment, as above: the log itself still takes entries.
            std::thread::sleep(std::time::Duration::from_millis(20));
            continue;
        }
        acknowledged.extend(
            reply.json()["evaluations"]
                .as_array()
                .unwrap()
                .iter()
                .map(receipt),
        );
        assert!(acknowledged.len() < 10_000, "the disk does not get full");
    };
    assert!(failed.problem(503).contains("nothing was released"));
    assert_eq!(failed.header("retry-after"), Some("5"));
    assert!(
        acknowledged.len() > 500,
        "only {} before the disk was full",
        acknowledged.len()
    );
    // From now on nothing is answered, by any endpoint, with a key or without.
    for _ in 0..3 {
        node.post(ONE, &token, &play.request).problem(503);
        node.post(MANY, &token, &batch).problem(503);
        node.call("post", ONE)
            .token(&token)
            .header("idempotency-key", "k")
            .json(&play.request)
            .send()
            .problem(503);
    }
    node.get("/health/ready").problem(503);
    assert_eq!(node.get("/health/live").status, 200);
    assert!(node.metric("kepil_unrecorded_total") >= 10);
    assert_eq!(node.entries(), acknowledged.len() as u64);
    assert!(
        node.stop()
            .unwrap_err()
            .to_string()
            .contains("it has failed")
    );

    fs::remove_file(&ballast).unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    assert_eq!(node.get("/health/ready").status, 200);
    assert!(node.entries() >= acknowledged.len() as u64);
    for receipt in &acknowledged {
        let stored = node
            .app
            .ledger
            .chronicle
            .reader()
            .receipt(receipt.index())
            .unwrap();
        assert_eq!(stored.leaf(), receipt.leaf());
        receipt.verify(&key).unwrap();
    }
    let token = node.token(&stage, &play.system);
    let answer = node
        .call("post", ONE)
        .token(&token)
        .header("idempotency-key", "k")
        .json(&play.request)
        .send()
        .ok();
    assert_eq!(
        answer["decision"], true,
        "the refused request can be put again under its key"
    );
    node.publish();
    let report = verify::rebuild(&node, &key, None);
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[test]
fn a_disk_that_is_full_from_the_start_refuses_to_start() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(dir.path(), "8m") else {
        return;
    };
    let error = open_only(config(dir.path())).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
}

#[test]
fn a_read_only_folder_refuses_to_start_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(dir.path(), "200m") else {
        return;
    };
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.stop().unwrap();
    disk.remount("ro");
    let error = open_only(config(dir.path())).unwrap_err().to_string();
    assert!(
        error.contains("Read-only file system") && error.contains("ledger"),
        "{error}"
    );
    let error = open_only(config(&dir.path().join("new")))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Read-only file system") && error.contains("new"),
        "{error}"
    );
    disk.remount("rw");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    assert_eq!(node.entries(), 2);
}
