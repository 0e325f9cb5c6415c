//! The log's change of key: announced, signed by both for a while, then by the new one alone.

use crate::support::{Node, Play, Stage, WALL_SECS, config, index, receipt};
use kepil_ledger::anchor::{Anchor, policy_hash};
use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::policy::Policy;
use kepil_ledger::verify;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::Ordering;

fn published(node: &Node) -> SignedCheckpoint {
    node.publish();
    checkpoint::parse(&node.get("/log/checkpoint").body).unwrap()
}

fn signed_by(node: &Node, keys: &[&VerifyingKey]) -> Vec<bool> {
    let signed = published(node);
    keys.iter().map(|key| signed.verify(key).is_ok()).collect()
}

fn policy(node: &Node) -> Policy {
    let text = node.get("/log/policy").body;
    let anchor = Anchor::parse(&node.get("/log/anchor").text()).unwrap();
    assert_eq!(anchor.policy, Some(policy_hash(&text)));
    Policy::parse(&text).unwrap()
}

fn announce(node: &Node, from: u64) -> VerifyingKey {
    let answer = node
        .operator(&json!({"do": "new_log_key", "from": from}))
        .ok();
    VerifyingKey::parse(answer["log_key"].as_str().unwrap()).unwrap()
}

fn started() -> (tempfile::TempDir, Stage, Play, Node) {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    (dir, stage, play, node)
}

fn exists(dir: &Path, name: &str) -> bool {
    dir.join(name).exists()
}

#[test]
fn both_keys_sign_in_the_overlap_and_then_the_new_one_alone() {
    let (dir, stage, play, node) = started();
    let first = receipt(&node.play(&stage, &play));
    let old = node.key();
    let before = policy(&node);

    let from = WALL_SECS + 3600;
    let new = announce(&node, from);
    assert_eq!(new.name(), old.name());
    assert_ne!(new, old);
    // Announced in the log, under the old key alone.
    assert_eq!(signed_by(&node, &[&old, &new]), [true, false]);
    let during = policy(&node);
    let anchor = Anchor::parse(&node.get("/log/anchor").text()).unwrap();
    assert_eq!(
        anchor.next_log_keys,
        [(0, old.clone()), (from, new.clone())]
    );
    assert_eq!(node.app.ledger.chronicle.notices().anchor(), Some(&anchor));
    // Nothing is retired before anybody could see the new key.
    let early = node.operator(&json!({"do": "retire_log_key"}));
    assert!(early.problem(400).contains(&from.to_string()));

    node.wall.store(from, Ordering::SeqCst);
    node.play(&stage, &play);
    assert_eq!(signed_by(&node, &[&old, &new]), [true, true]);
    // A start in the middle changes nothing.
    node.stop().unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    node.wall.store(from + 60, Ordering::SeqCst);
    node.play(&stage, &play);
    let both = published(&node);
    for known in [&before, &during] {
        known.verify_log(&both).unwrap();
        assert!(known.check(&known.cosignatures(&both).unwrap()));
    }

    let retired = node.operator(&json!({"do": "retire_log_key"})).ok();
    assert_eq!(retired["log_key"], new.to_string());
    assert!(!exists(dir.path(), "log.key.next"));
    node.operator(&json!({"do": "retire_log_key"})).ok();
    node.stop().unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    node.wall.store(from + 120, Ordering::SeqCst);
    let last = node.play(&stage, &play);
    assert_eq!(node.key(), new);
    assert_eq!(signed_by(&node, &[&old, &new]), [false, true]);
    let alone = published(&node);
    during.verify_log(&alone).unwrap();
    before.verify_log(&alone).unwrap_err();
    policy(&node).verify_log(&alone).unwrap();
    // Receipts: each under the key of its time; the log still holds what they promise.
    first.verify(&old).unwrap();
    receipt(&last).verify(&new).unwrap();
    let report = verify::receipt(&node, &new, &receipt(&last));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let again = node
        .app
        .ledger
        .chronicle
        .reader()
        .receipt(first.index())
        .unwrap();
    assert_eq!(again.leaf(), first.leaf());
    again.verify(&new).unwrap();
    let report = verify::rebuild(&node, &new, Some(both.verify(&old).unwrap()));
    assert!(report.is_sound(), "{:?}", report.findings);
    // The log goes on naming the key, for whoever knew only the first one.
    let anchor = Anchor::parse(&node.get("/log/anchor").text()).unwrap();
    assert_eq!(anchor.next_log_keys, [(0, old), (from, new)]);
    let second = announce(&node, from + 240);
    let anchor = Anchor::parse(&node.get("/log/anchor").text()).unwrap();
    assert_eq!(anchor.next_log_keys.last(), Some(&(from + 240, second)));
}

#[test]
fn what_is_wrong_about_a_change_of_key_is_said() {
    let (dir, stage, play, node) = started();
    let none = node.operator(&json!({"do": "retire_log_key"}));
    assert!(none.problem(400).contains("new-log-key"));
    let past = node.operator(&json!({"do": "new_log_key", "from": WALL_SECS - 1}));
    assert!(past.problem(400).contains("past"));
    assert!(!exists(dir.path(), "log.key.next"));
    announce(&node, WALL_SECS);
    let twice = node.operator(&json!({"do": "new_log_key", "from": WALL_SECS + 1}));
    assert!(twice.problem(400).contains("retire-log-key"));
    let size = index(&node.play(&stage, &play));
    assert!(size > 0);
}

#[test]
fn a_key_that_a_crash_left_unannounced_signs_nothing_and_is_announced_later() {
    let (dir, stage, play, node) = started();
    node.play(&stage, &play);
    node.stop().unwrap();
    kepil_store::keys::KeyFile::create(&dir.path().join("log.key.next"), [9; 32]).unwrap();
    let node = Node::with(config(dir.path()));
    node.at(&play);
    let old = node.key();
    assert_eq!(
        published(&node).note().signatures().len(),
        3,
        "the log and the witness with two keys"
    );
    let new = announce(&node, WALL_SECS);
    node.play(&stage, &play);
    assert_eq!(signed_by(&node, &[&old, &new]), [true, true]);
    let expected = kepil_ledger::note::Signer::from_seed(old.name().clone(), &[9; 32]);
    assert_eq!(&new, expected.verifying_key());
}
