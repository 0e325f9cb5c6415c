//! Values that can be read but not be meant: times, numbers, addresses, keys, limits.

use crate::bad_input::gate;
use crate::support::{MANY, Node, ONE, Stage, config, exchange};
use serde_json::json;

#[test]
fn a_time_without_an_offset_or_out_of_reach_is_refused() {
    let gate = gate();
    for (time, said) in [
        ("2026-07-12T10:00:00", "offset"),
        ("2026-07-12", ""),
        ("12.07.2026 10:00", ""),
        ("10:00:00Z", ""),
        ("now", ""),
        ("", ""),
        ("1752300000", ""),
        ("2026-02-30T10:00:00Z", ""),
        ("2026-13-01T10:00:00Z", ""),
        ("2026-07-12T24:30:00Z", ""),
        ("2026-07-12T10:61:00Z", ""),
        ("2026-07-12T10:00:00+99:00", ""),
        ("2026-07-12T10:00:00+05:75", ""),
        ("2026-07-12T10:00:00 Almaty", ""),
        ("0001-01-01T00:00:00Z", ""),
        ("1989-12-31T23:59:59Z", ""),
        ("2101-01-01T00:00:00Z", ""),
        ("9999-12-31T23:59:59Z", ""),
        ("99999-01-01T00:00:00Z", ""),
        ("-2026-01-01T00:00:00Z", ""),
    ] {
        let detail = gate.changed(|r| r["context"]["time"] = json!(time));
        assert!(
            detail.contains("`context.time`") && detail.contains(said),
            "{time}: {detail}"
        );
    }
    gate.still_answers();
}

#[test]
fn an_odd_offset_is_read_and_the_claimed_time_is_never_the_event_time() {
    let gate = gate();
    let plain = gate.node.post(ONE, &gate.token, &gate.play.request).ok()["context"]["at"].clone();
    for time in [
        "2026-07-12T10:00:00Z",
        "2026-07-12T10:00:00+05:45",
        "2026-07-12T10:00:00-11:30",
        "2026-07-12T10:00:00-00:00",
        "1990-01-01T00:00:00Z",
        "2100-12-31T23:59:59.999Z",
    ] {
        let mut request = gate.play.request.clone();
        request["context"]["time"] = json!(time);
        let answer = gate.node.post(ONE, &gate.token, &request).ok();
        assert_eq!(
            (&answer["decision"], &answer["context"]["at"]),
            (&json!(true), &plain),
            "{time}"
        );
    }
}

#[test]
fn a_time_in_a_claim_needs_its_offset_too() {
    let gate = gate();
    for from in ["2026-07-12T10:00:00", "yesterday", "9999-01-01T00:00:00Z"] {
        let detail = gate
            .changed(|r| r["context"]["claims"]["clock"] = json!({"from": from, "done": false}));
        assert!(detail.contains("clock.from"), "{detail}");
    }
}

#[test]
fn numbers_out_of_bounds_in_a_claim_are_named() {
    let gate = gate();
    for n in ["1e400", "-1e400"] {
        let body = gate
            .play
            .request
            .to_string()
            .replacen('{', &format!("{{\"x\": {n},"), 1);
        assert!(
            gate.detail(body.as_bytes()).contains("number out of range"),
            "{n}"
        );
    }
    for n in [
        json!(1e15),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("5"),
    ] {
        let detail = gate.changed(|r| r["context"]["claims"]["request"]["subjects"] = n);
        assert!(detail.contains("request.subjects"), "{detail}");
    }
}

#[test]
fn another_method_or_address_is_a_problem_document() {
    let gate = gate();
    for method in ["get", "put", "delete", "patch", "options"] {
        gate.node.call(method, ONE).send().problem(405);
    }
    gate.node.call("post", "/metrics").send().problem(405);
    for path in [
        "/access/v2/evaluation",
        "/access/v1/evaluation/",
        "/access/v1/search/subject",
        "/oauth",
        "/xx/ledger",
        "/statute/KZ-DC-2026/999",
    ] {
        gate.node.get(path).problem(404);
    }
    for path in [
        "/statute/%ff/1",
        "/statute/KZ-DC-2026/%ff",
        "/log/tile/%ff",
        "/%ff",
    ] {
        let status = gate.node.get(path).status;
        gate.node.get(path).problem(status);
        assert!((400..=404).contains(&status), "{path}");
    }
}

#[test]
fn an_idempotency_key_must_be_visible_and_short() {
    let gate = gate();
    for key in [String::new(), "x".repeat(257), "ключ".to_owned()] {
        let detail = gate
            .call(ONE)
            .header("Idempotency-Key", &key)
            .json(&gate.play.request)
            .send()
            .problem(400);
        assert!(detail.contains("Idempotency-Key"), "{detail}");
    }
    gate.call(ONE)
        .header("Idempotency-Key", &"x".repeat(256))
        .json(&gate.play.request)
        .send()
        .ok();
    assert_eq!(gate.node.entries(), 1);
}

#[test]
fn bytes_that_are_not_http_do_no_harm() {
    let gate = gate();
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"GET\r\n\r\n",
        b"\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ] {
        if let Some(reply) = exchange(gate.node.address, bytes, true) {
            assert!((400..600).contains(&reply.status));
        }
    }
    gate.still_answers();
}

#[test]
fn a_small_limit_in_the_configuration_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let mut config = config(dir.path());
    config.limits.body_bytes = 4096;
    config.limits.batch = 2;
    let node = Node::with(config);
    node.at(&play);
    let token = node.token(&stage, &play.system);
    let mut batch = play.request.clone();
    batch["evaluations"] = json!([{}, {}, {}]);
    assert!(node.post(MANY, &token, &batch).problem(413).contains('2'));
    let mut long = play.request.clone();
    long["extra"] = json!("x".repeat(4096));
    assert!(node.post(ONE, &token, &long).problem(413).contains("4096"));
    assert_eq!(node.entries(), 0);
}
