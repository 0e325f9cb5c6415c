//! Idempotency: the same key and body give the same answer and one entry, whatever happens between.

use crate::support::{
    Call, MANY, Node, ONE, Play, Reply, Stage, config, exchange, index, receipt, without_entry,
};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::Ordering;

fn node(dir: &Path) -> (Node, Stage, Play, String) {
    let (stage, play) = Stage::with("C04");
    let node = started(dir, &stage, &play);
    let token = node.token(&stage, &play.system);
    (node, stage, play, token)
}

fn keyed(node: &Node, path: &str, token: &str, key: &str, body: &Value) -> Call {
    node.call("post", path)
        .token(token)
        .header("Idempotency-Key", key)
        .json(body)
}

/// A node both of whose clocks stand at the play's time.
fn started(dir: &Path, stage: &Stage, play: &Play) -> Node {
    let node = Node::start(dir, stage, play);
    node.wall.store(play.at_ms / 1000, Ordering::SeqCst);
    node
}

/// Stops a node and starts it again on the same folder.
fn again(node: Node, dir: &Path, stage: &Stage, play: &Play) -> (Node, String) {
    node.stop().unwrap();
    let node = started(dir, stage, play);
    let token = node.token(stage, &play.system);
    (node, token)
}

#[test]
fn the_same_key_and_body_give_the_same_answer_and_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    let first = keyed(&node, ONE, &token, "k-1", &play.request).send().ok();
    for _ in 0..3 {
        assert_eq!(
            keyed(&node, ONE, &token, "k-1", &play.request).send().ok(),
            first
        );
    }
    assert_eq!(node.entries(), 1);
    let other = keyed(&node, ONE, &token, "k-2", &play.request).send().ok();
    assert_eq!(
        (node.place(&first), node.place(&other), node.entries()),
        (0, 1, 2)
    );
    node.post(ONE, &token, &play.request).ok();
    assert_eq!(
        node.entries(),
        3,
        "without a key every request is a new one"
    );
}

#[test]
fn the_same_key_with_another_body_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    let first = keyed(&node, ONE, &token, "k", &play.request).send().ok();
    let mut other = play.request.clone();
    other["context"]["purpose"] = json!("private_curiosity");
    for path in [ONE, MANY] {
        let detail = keyed(&node, path, &token, "k", &other).send().problem(422);
        assert!(detail.contains("another body"), "{detail}");
    }
    assert_eq!(node.entries(), 1);
    assert_eq!(
        keyed(&node, ONE, &token, "k", &play.request).send().ok(),
        first
    );
}

#[test]
fn a_key_belongs_to_its_system() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (one, two) = (stage.play("C04").unwrap(), stage.play("C04").unwrap());
    let node = Node::start(dir.path(), &stage, &one);
    let (of_one, of_two) = (
        node.token(&stage, &one.system),
        node.token(&stage, &two.system),
    );
    let first = keyed(&node, ONE, &of_one, "k", &one.request).send().ok();
    let second = keyed(&node, ONE, &of_two, "k", &two.request).send().ok();
    assert_eq!((node.place(&first), node.place(&second)), (0, 1));
    // Nobody reads the answer another system got.
    let foreign = keyed(&node, ONE, &of_two, "other", &one.request)
        .send()
        .ok();
    assert_eq!(foreign["decision"], false);
}

#[test]
fn concurrent_requests_with_one_key_make_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    node.brake.hold();
    let ask = || keyed(&node, ONE, &token, "k", &play.request).send();
    let replies: Vec<Reply> = std::thread::scope(|s| {
        let first = s.spawn(ask);
        node.await_metric("kepil_decide_seconds_count", 1);
        // The first is under way now and cannot end.
        let others: Vec<_> = (0..8).map(|_| s.spawn(ask)).collect();
        let others: Vec<Reply> = others.into_iter().map(|t| t.join().unwrap()).collect();
        for reply in &others {
            assert!(reply.problem(409).contains("still being answered"));
        }
        node.brake.release();
        vec![first.join().unwrap(), ask()]
    });
    assert_eq!(replies[0].ok(), replies[1].ok());
    assert_eq!(node.entries(), 1);
}

#[test]
fn a_race_of_many_with_one_key_makes_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    for round in 0..10 {
        let key = format!("k-{round}");
        let replies: Vec<Reply> = std::thread::scope(|s| {
            let all: Vec<_> = (0..8)
                .map(|_| s.spawn(|| keyed(&node, ONE, &token, &key, &play.request).send()))
                .collect();
            all.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let answers: Vec<Value> = replies
            .iter()
            .filter(|r| r.status == 200)
            .map(Reply::ok)
            .collect();
        assert!(!answers.is_empty());
        assert!(answers.iter().all(|a| *a == answers[0]));
        replies
            .iter()
            .filter(|r| r.status != 200)
            .for_each(|r| drop(r.problem(409)));
        assert_eq!(node.entries(), round + 1);
    }
}

#[test]
fn a_caller_that_hangs_up_can_ask_again_and_gets_the_one_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    for round in 0..5 {
        let key = format!("k-{round}");
        node.brake.hold();
        let mut stream = TcpStream::connect(node.address).unwrap();
        stream
            .write_all(&keyed(&node, ONE, &token, &key, &play.request).bytes())
            .unwrap();
        node.await_metric("kepil_decide_seconds_count", round + 1);
        drop(stream);
        // Other requests come and go, so that the node has seen the connection end.
        (0..20).for_each(|_| assert_eq!(node.get("/health/live").status, 200));
        node.brake.release();
        let answer = loop {
            let reply = keyed(&node, ONE, &token, &key, &play.request).send();
            if reply.status != 409 {
                break reply.ok();
            }
            std::thread::yield_now();
        };
        assert_eq!(node.place(&answer), round);
        assert_eq!(node.entries(), round + 1);
    }
}

#[test]
fn a_failed_request_frees_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    let mut bad = play.request.clone();
    bad["context"]["purpose"] = json!("fun");
    for _ in 0..2 {
        keyed(&node, ONE, &token, "k", &bad).send().problem(400);
    }
    exchange(
        node.address,
        &keyed(&node, ONE, &token, "k", &json!({})).bytes(),
        false,
    )
    .unwrap()
    .problem(400);
    let answer = keyed(&node, ONE, &token, "k", &play.request).send().ok();
    assert_eq!((node.place(&answer), node.entries()), (0, 1));
}

#[test]
fn a_repeated_batch_gets_its_answers_and_no_new_entries() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _stage, play, token) = node(dir.path());
    let mut batch = play.request.clone();
    batch["evaluations"] = json!([{}, {"action": {"name": "levitate"}}, {}]);
    let first = keyed(&node, MANY, &token, "k", &batch).send().ok();
    assert_eq!(keyed(&node, MANY, &token, "k", &batch).send().ok(), first);
    assert_eq!(node.entries(), 2);
}

#[test]
fn after_a_restart_the_key_gives_the_same_decision_and_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (node, stage, play, token) = node(dir.path());
    node.post(ONE, &token, &play.request).ok();
    let ask = |node: &Node, token: &str| {
        keyed(node, ONE, token, "k", &play.request)
            .header("Accept-Language", "ru")
            .send()
    };
    let first = ask(&node, &token).ok();
    let (node, token) = again(node, dir.path(), &stage, &play);
    // Even when time has gone on: it is the answer of then.
    node.clock.fetch_add(3_600_000, Ordering::SeqCst);
    let second = ask(&node, &token).ok();
    assert_eq!(without_entry(&second), without_entry(&first));
    assert_eq!(receipt(&second), receipt(&first));
    assert_eq!(node.place(&second), 1);
    let mut other = play.request.clone();
    other["subject"]["id"] = json!("another");
    keyed(&node, ONE, &token, "k", &other).send().problem(422);
    assert_eq!(node.entries(), 2);
    let (node, token) = again(node, dir.path(), &stage, &play);
    assert_eq!(ask(&node, &token).ok(), second, "and after another one");
    assert_eq!(node.entries(), 2);
}

/// Batches whose repetition after a restart must have the same items in the same places.
#[test]
fn after_a_restart_a_batch_keeps_its_shape() {
    let dir = tempfile::tempdir().unwrap();
    let (node, stage, play, token) = node(dir.path());
    let mut curious = play.request["context"].clone();
    curious["purpose"] = json!("private_curiosity");
    let (broken, denied) = (
        json!({"action": {"name": "levitate"}}),
        json!({ "context": curious }),
    );
    let batches: Vec<Value> = [
        ("execute_all", json!([{}])),
        ("execute_all", json!([broken, {}])),
        (
            "execute_all",
            json!([{}, broken, denied, {"subject": 7}, {}, broken]),
        ),
        ("deny_on_first_deny", json!([{}, denied, {}])),
        ("deny_on_first_deny", json!([{}, broken, {}])),
        ("permit_on_first_permit", json!([broken, denied, {}, {}])),
        ("execute_all", json!([])),
    ]
    .into_iter()
    .map(|(semantic, items)| {
        let mut batch = play.request.clone();
        batch["evaluations"] = items;
        batch["options"] = json!({ "evaluations_semantic": semantic });
        batch
    })
    .collect();
    let ask = |node: &Node, token: &str| -> Vec<Value> {
        let each = batches.iter().enumerate();
        each.map(|(i, b)| keyed(node, MANY, token, &format!("k-{i}"), b).send().ok())
            .collect()
    };
    let first = ask(&node, &token);
    let entries = node.entries();
    let (node, token) = again(node, dir.path(), &stage, &play);
    for (then, now) in first.iter().zip(ask(&node, &token)) {
        let list = |v: &Value| {
            v["evaluations"]
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![v.clone()])
        };
        assert_eq!(
            then.get("evaluations").is_some(),
            now.get("evaluations").is_some(),
            "{now}"
        );
        assert_eq!(list(then).len(), list(&now).len());
        for (then, now) in list(then).iter().zip(list(&now)) {
            assert_eq!(then["decision"], now["decision"]);
            if then["context"].get("entry").is_some() {
                assert_eq!(without_entry(then), without_entry(&now));
            }
            assert_eq!(then, &now);
        }
    }
    assert_eq!(node.entries(), entries);
}

#[test]
fn under_another_law_an_old_answer_is_not_made_up_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (node, stage, play, token) = node(dir.path());
    let first = keyed(&node, ONE, &token, "k", &play.request).send().ok();
    node.stop().unwrap();
    let mut config = config(dir.path());
    config.danger_assumed_law = false;
    let node = Node::with(config);
    node.at(&play);
    node.wall.store(play.at_ms / 1000, Ordering::SeqCst);
    let token = node.token(&stage, &play.system);
    let reply = keyed(&node, ONE, &token, "k", &play.request).send();
    let detail = reply.problem(409);
    assert!(
        detail.contains("another law") && detail.contains(&format!("entry {}", index(&first))),
        "{detail}"
    );
    assert_eq!(node.entries(), 1);
    keyed(&node, ONE, &token, "new", &play.request).send().ok();
}

#[test]
fn a_key_is_forgotten_after_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let (node, stage, play, token) = node(dir.path());
    keyed(&node, ONE, &token, "k", &play.request).send().ok();
    let ttl = node.app.config.limits.repeat_secs;
    node.wall.fetch_add(ttl, Ordering::SeqCst);
    let token = node.token(&stage, &play.system);
    let mut other = play.request.clone();
    other["subject"]["id"] = json!("another");
    keyed(&node, ONE, &token, "k", &other).send().ok();
    assert_eq!(node.entries(), 2);
}

#[test]
fn more_keys_than_are_remembered_push_out_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let mut config = config(dir.path());
    config.limits.repeats = 10;
    let node = Node::with(config);
    node.at(&play);
    let token = node.token(&stage, &play.system);
    for i in 0..50u64 {
        node.wall.fetch_add(1, Ordering::SeqCst);
        keyed(&node, ONE, &token, &format!("k-{i}"), &play.request)
            .send()
            .ok();
        assert!(node.app.repeats.lock().unwrap().len() <= 10);
    }
    let last = keyed(&node, ONE, &token, "k-49", &play.request).send().ok();
    assert_eq!((node.place(&last), node.entries()), (49, 50));
}
