//! `kepil ledger timestamp`, and what the other commands make of time stamps.

#[path = "../../../kepil-timestamp/tests/stamp/peer.rs"]
mod peer;

use crate::support::*;
use kepil_store::stamps::Stamps;
use kepil_timestamp::Request;
use peer::{Authority, Keys, NAME, POLICY, Plan};
use std::fs;
use std::path::{Path, PathBuf};

/// Has the checkpoint of a log stamped, as a node does; gives its size.
fn stamp(authority: &Authority, log: &Path) -> u64 {
    let signed = fs::read_to_string(log.join("checkpoint")).unwrap();
    let text: String = signed.split_inclusive('\n').take(3).collect();
    let size = text.lines().nth(1).unwrap().parse().unwrap();
    let query = Request::new(text.as_bytes(), 7).to_der().unwrap();
    let reply = authority.reply(&query);
    Stamps::new(log)
        .keep(size, signed.as_bytes(), &reply)
        .unwrap();
    size
}

#[test]
fn a_stamp_is_checked_from_a_folder_and_from_files_and_goes_with_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let place = at("demo");
    kepil(&["demo", "--exit", "--dir", &place, "--listen", "127.0.0.1:0"]).ended(0);
    let log = PathBuf::from(&place).join("ledger/log");
    let authority = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let (tsa, key) = (
        authority.path("root.pem").display().to_string(),
        fs::read_to_string(log.join("key")).unwrap(),
    );
    let of_place = ["ledger", "timestamp", &place, "--tsa", &tsa];
    kepil(&of_place).ended(3).says("nothing was stamped yet");
    let size = stamp(&authority, &log);

    kepil(&of_place)
        .ended(0)
        .says(&format!("This tree of {size} entries existed at "))
        .says(&format!(", says {NAME}."))
        .says("0F1E2E")
        .says(POLICY);
    let json = kepil(&[&of_place[..], &["--json", "--key", key.trim()]].concat())
        .ended(0)
        .json();
    assert_eq!(json["size"], size);
    assert_eq!(
        (&json["holds"], &json["is_log_checked"]),
        (&true.into(), &true.into())
    );
    let old = [&of_place[..], &["--size", "1"]].concat();
    kepil(&old)
        .ended(3)
        .says("timestamp/1.checkpoint is not there");

    // From files alone, with and without the log's key.
    let signed = log.join(format!("timestamp/{size}.checkpoint"));
    let token = log.join(format!("timestamp/{size}.tsr"));
    let (signed, token) = (signed.display().to_string(), token.display().to_string());
    let files = [
        "ledger",
        "timestamp",
        "--tsa",
        &tsa,
        "--checkpoint",
        &signed,
        "--token",
        &token,
    ];
    kepil(&files).ended(0).says("give its key with --key");
    kepil(&[&files[..], &["--key", key.trim()]].concat()).ended(0);

    // By somebody nobody trusts; about another tree; certificates that are none.
    let other = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let theirs = other.path("root.pem").display().to_string();
    kepil(&["ledger", "timestamp", &place, "--tsa", &theirs])
        .ended(1)
        .says("does NOT hold")
        .says("none that is trusted leads to");
    let text = fs::read_to_string(&signed).unwrap();
    let lie = file(
        &dir,
        "lie",
        &text.replacen(&format!("\n{size}\n"), "\n1\n", 1),
    );
    let lying = [
        "ledger",
        "timestamp",
        "--tsa",
        &tsa,
        "--checkpoint",
        &lie,
        "--token",
        &token,
    ];
    kepil(&lying).ended(1).says("it is of another text");
    kepil(&["ledger", "timestamp", &place, "--tsa", &signed])
        .ended(2)
        .says("BEGIN CERTIFICATE");
    kepil(&["ledger", "timestamp", "--tsa", &tsa]).ended(2);

    // A check, a rebuild and a backup know the files.
    let check = || kepil(&["store", "check", "--data", &place]);
    check().ended(0).says("Everything holds");
    assert!(!check().out.contains("timestamp"), "{}", check().out);
    fs::remove_dir_all(log.join("tile/entries")).unwrap();
    kepil(&["store", "rebuild", "--data", &place, "--replace"]).ended(0);
    kepil(&of_place).ended(0);
    let copy = at("copy");
    kepil(&["backup", "--data", &place, "--to", &copy]).ended(0);
    kepil(&["ledger", "timestamp", &copy, "--tsa", &tsa]).ended(0);
    // Damage is named: a stamped checkpoint that was changed, a response that is gone.
    fs::write(&signed, text.replacen(&format!("\n{size}\n"), "\n1\n", 1)).unwrap();
    check().ended(1).says(&format!("{size}.checkpoint"));
    fs::write(&signed, &text).unwrap();
    fs::remove_file(&token).unwrap();
    check().ended(1).says("a part of a time stamp is not there");
}
