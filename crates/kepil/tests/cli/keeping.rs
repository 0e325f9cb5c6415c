//! What an operator and an auditor do with a node's data when it does not run.

use crate::support::*;
use kepil_notices::Outbox;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

fn demo() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("demo").display().to_string();
    kepil(&["demo", "--exit", "--dir", &place, "--listen", "127.0.0.1:0"])
        .ended(0)
        .says("the proof that none is missing holds");
    (dir, place)
}

#[test]
fn every_decision_of_the_demo_is_decided_again_to_the_same_bytes() {
    let (dir, place) = demo();
    let replay = |more: &[&str]| {
        let args = ["replay", "--danger-assumed-law", "--data", &place];
        kepil(&[&args, more].concat())
    };
    let all = replay(&["--json"]).ended(0).json();
    assert_eq!(all["same"], 24);
    assert_eq!(
        (&all["different"], &all["other_pack"]),
        (&0.into(), &0.into())
    );
    // The state file ends an interrupted replay; begun again, nothing is left.
    let state = dir.path().join("state").display().to_string();
    replay(&["--state", &state])
        .ended(0)
        .says("24 decisions: the same bytes again");
    let rest = replay(&["--state", &state, "--json"]).ended(0).json();
    assert_eq!(rest["same"], 0);
    // Without the assumed acts it is another pack, and says so.
    let other = kepil(&["replay", "--data", &place]).ended(0);
    other.says("decided under another pack");
    // Today's law comes to other verdicts about spring 2020, with reasons on both sides.
    let today = replay(&["--law-as-of", "2026-11-01"]).ended(0);
    today.says("come out otherwise").says("then:").says("now:");
    replay(&["--law-as-of", "yesterday"])
        .ended(2)
        .says("--law-as-of");
}

#[test]
fn damage_in_a_node_s_files_is_named_with_the_entry() {
    let (_dir, place) = demo();
    kepil(&["store", "check", "--data", &place])
        .ended(0)
        .says("Everything holds");
    let json = kepil(&["store", "check", "--data", &place, "--json"])
        .ended(0)
        .json();
    assert!(json["entries"].as_u64().unwrap() > 24);
    let segment = Path::new(&place).join("ledger/segments/000000000000.segment");
    let kept = fs::read(&segment).unwrap();
    let mut changed = kept.clone();
    // Somewhere in the first rows.
    changed[4096 + 600] ^= 1;
    fs::write(&segment, changed).unwrap();
    let found = kepil(&["store", "check", "--data", &place]).ended(1);
    found.says("000000000000.segment").says("entry");
    fs::write(&segment, kept).unwrap();
    kepil(&["store", "check", "--data", &place]).ended(0);
    kepil(&["store", "rebuild", "--data", &place])
        .ended(0)
        .says("Everything that stands is what the log makes");
    let bundles = Path::new(&place).join("ledger/log/tile/entries");
    fs::remove_dir_all(&bundles).unwrap();
    kepil(&["store", "rebuild", "--data", &place])
        .ended(1)
        .says("is missing");
    kepil(&["store", "rebuild", "--data", &place, "--replace"]).ended(0);
    kepil(&["ledger", "verify", &place])
        .ended(0)
        .says("Everything holds");
    kepil(&["store", "check", "--data", "nowhere"])
        .ended(2)
        .says("is not the data folder of a node");
}

#[test]
fn a_backup_proves_what_it_holds_and_a_restored_log_is_the_same() {
    let (dir, place) = demo();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (copy, back) = (at("copy"), at("back"));
    kepil(&["backup", "--data", &place, "--to", &copy])
        .ended(0)
        .says("lead to the root that the log has signed");
    kepil(&["backup", "--data", &place, "--to", &copy])
        .ended(2)
        .says("exists already");
    assert!(
        !Path::new(&copy).join("keys").exists(),
        "keys stay apart from the data"
    );
    let newest = format!("{place}/ledger/log/checkpoint");
    let restored = [
        "restore", "--from", &copy, "--to", &back, "--newest", &newest,
    ];
    kepil(&restored).ended(0).says("The restored log holds");
    kepil(&restored).ended(2).says("nothing is overwritten");
    let roots: Vec<_> = [&place, &back]
        .map(|folder| kepil(&["ledger", "head", folder, "--json"]).ended(0).json())
        .into_iter()
        .map(|head| head["checkpoint"].clone())
        .collect();
    assert_eq!(roots[0], roots[1]);
    for folder in [&copy, &back] {
        for name in ["accounts.db", "notices.db"] {
            let held = fs::metadata(Path::new(folder).join(name)).unwrap();
            assert_eq!(held.permissions().mode() & 0o777, 0o600, "{folder}/{name}");
        }
        let notices = Outbox::open(&Path::new(folder).join("notices.db")).unwrap();
        assert!(notices.counts().unwrap().oldest_undelivered_ms.is_some());
    }
    // One changed byte in the copy, and it is not a copy any more.
    let segment = Path::new(&copy).join("ledger/segments/000000000000.segment");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[4096 + 40] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let broken = ["restore", "--from", &copy, "--to", &at("other")];
    kepil(&broken).ended(3).says("does not hold");
}

#[test]
fn a_stranger_follows_the_log_and_remembers_it() {
    let (dir, place) = demo();
    let state = dir.path().join("audit").display().to_string();
    let log = format!("{place}/ledger/log");
    let audit = |more: &[&str]| {
        let args = ["ledger", "audit", &log, "--state", &state];
        kepil(&[&args, more].concat())
    };
    audit(&[])
        .ended(0)
        .says("entries rebuilt into a signed root");
    let json = audit(&["--json"]).ended(0).json();
    assert_eq!(json["findings"], serde_json::json!([]));
    // Another day the operator shows an empty log under the same name.
    fs::remove_dir_all(format!("{log}/tile")).unwrap();
    audit(&[]).ended(1).says("NOT hold");
}
