//! Stopping: what is under way is answered, the log is closed, and everything stands there later.

use crate::entries::decisions;
use crate::support::{Node, ONE, Play, Reply, Stage, config, index, open_only, receipt};
use serde_json::Value;
use std::net::TcpStream;

fn ask(node: &Node, token: &str, play: &Play) -> Reply {
    node.post(ONE, token, &play.request)
}

#[test]
fn requests_under_way_are_answered_and_the_log_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let mut node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    ask(&node, &token, &play).ok();
    node.brake.hold();
    let (address, brake) = (node.address, std::sync::Arc::clone(&node.brake));
    let bytes = node
        .call("post", ONE)
        .token(&token)
        .json(&play.request)
        .bytes();
    let under_way: Vec<_> = (0..5)
        .map(|_| {
            let bytes = bytes.clone();
            std::thread::spawn(move || crate::support::exchange(address, &bytes, false))
        })
        .collect();
    node.await_metric("kepil_decide_seconds_count", 6);
    node.begin_to_stop();
    // Once it is stopping, it takes no new callers; the five are still waiting for the log.
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    assert!(under_way.iter().all(|t| !t.is_finished()));
    brake.release();
    let answers: Vec<Value> = under_way
        .into_iter()
        .map(|t| t.join().unwrap().unwrap().ok())
        .collect();
    let app = std::sync::Arc::clone(&node.app);
    node.stop().unwrap();
    assert!(app.ledger.chronicle.health().is_none());

    let mut indexes: Vec<u64> = answers.iter().map(index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes.len(), 5);
    drop(app);
    let app = open_only(config(dir.path())).unwrap();
    assert_eq!(decisions(&app), 6);
    assert_eq!(app.latest.lock().unwrap().list.len(), 6);
    for answer in &answers {
        assert_eq!(
            app.ledger
                .chronicle
                .reader()
                .receipt(index(answer))
                .unwrap(),
            receipt(answer)
        );
    }
    let head = app.ledger.chronicle.publish().unwrap();
    assert_eq!(head.size, app.ledger.chronicle.reader().size());
    app.ledger.chronicle.close().unwrap();
}

#[test]
fn a_stopped_node_has_published_everything() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let key = node.key();
    (0..7).for_each(|_| drop(ask(&node, &token, &play).ok()));
    node.stop().unwrap();
    let source = kepil_store::source::DirSource::new(&dir.path().join("ledger/log"));
    let report = kepil_ledger::verify::rebuild(&source, &key, None);
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.entries_checked > 7);
    assert_eq!(decisions(&open_only(config(dir.path())).unwrap()), 7);
}

#[test]
fn idle_connections_do_not_hold_a_stop_up() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let idle: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(node.address).unwrap())
        .collect();
    ask(&node, &token, &play).ok();
    node.stop().unwrap();
    drop(idle);
}
