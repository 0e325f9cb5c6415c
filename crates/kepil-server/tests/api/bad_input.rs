//! Input that cannot be used: each gets a precise error, nothing is recorded, nothing is released.

use crate::support::{Call, MANY, Node, ONE, Play, Stage, config, exchange};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Gate {
    node: Node,
    play: Play,
    token: String,
    _dir: TempDir,
}

fn gate() -> Gate {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    Gate { node, play, token, _dir: dir }
}

impl Gate {
    fn call(&self, path: &str) -> Call {
        self.node.call("post", path).token(&self.token)
    }

    /// The detail of the 400 these bytes get, at both endpoints.
    fn detail(&self, body: &[u8]) -> String {
        let [one, many] = [ONE, MANY].map(|p| self.call(p).body("application/json", body).send().problem(400));
        assert_eq!(one, many);
        assert_eq!(self.node.entries(), 0);
        one
    }

    /// The detail of the 400 that a change of the good request gets.
    fn changed(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut request = self.play.request.clone();
        change(&mut request);
        self.detail(request.to_string().as_bytes())
    }

    /// The good request is still answered: nothing broke.
    fn still_answers(&self) {
        assert_eq!(self.node.post(ONE, &self.token, &self.play.request).ok()["decision"], true);
    }
}

#[test]
fn an_empty_body_is_said_to_be_empty() {
    let gate = gate();
    for body in ["", " ", "\n\t  \r\n"] {
        assert!(gate.detail(body.as_bytes()).contains("the body is empty"));
    }
    gate.still_answers();
}

#[test]
fn malformed_json_is_refused_with_its_place() {
    let gate = gate();
    let good = gate.play.request.to_string();
    for body in ["{'a': 1}", "{a: 1}", "{\"a\": 1,}", "[1 2]", "{\"a\" 1}", "\"\u{1}\"", "nul", "{\"a\": +1}", "{\"a\": 01}", "{\"a\": .5}", "{\"a\": NaN}", "\\", "<xml/>", "{\"a\": \"\\x\"}", "{\"a\": \"\\ud800\"}"] {
        let detail = gate.detail(body.as_bytes());
        assert!(detail.contains("line 1 column"), "{body}: {detail}");
    }
    let detail = gate.detail(format!("{good} {good}").as_bytes());
    assert!(detail.contains("trailing"), "{detail}");
    let mut bytes = good.clone().into_bytes();
    bytes.extend_from_slice(b"\0");
    assert!(gate.detail(&bytes).contains("trailing"));
    gate.still_answers();
}

#[test]
fn a_body_that_is_not_utf_8_is_refused() {
    let gate = gate();
    for body in [b"\xff\xfe{\x00}\x00".as_slice(), b"{\"subject\": \"\xff\"}", b"{\"\xc3\x28\": 1}", b"\xef\xbb\xbf{}"] {
        assert!(gate.detail(body).contains("not the JSON expected"), "{body:?}");
    }
    gate.still_answers();
}

#[test]
fn json_that_ends_too_early_is_refused_wherever_it_is_cut() {
    let gate = gate();
    let body = gate.play.request.to_string();
    let cuts = (1..body.len()).filter(|i| body.is_char_boundary(*i)).step_by(37);
    for cut in cuts {
        let detail = gate.detail(&body.as_bytes()[..cut]);
        assert!(detail.contains("ends too early"), "{cut}: {detail}");
    }
    gate.still_answers();
}

#[test]
fn a_body_shorter_than_it_said_is_never_answered() {
    let gate = gate();
    let whole = gate.call(ONE).json(&gate.play.request).bytes();
    for missing in [1, 100, 1000] {
        // The sender ends; whoever still listens is told, nothing is decided.
        if let Some(reply) = exchange(gate.node.address, &whole[..whole.len() - missing], true) {
            assert!((400..500).contains(&reply.status), "{}", reply.text());
            assert!(!reply.text().contains("decision"));
        }
    }
    assert_eq!(gate.node.entries(), 0);
    gate.still_answers();
}

#[test]
fn a_key_that_stands_twice_is_refused_at_every_depth() {
    let gate = gate();
    let good = gate.play.request.to_string();
    let twice = |at: &str, more: &str| {
        let changed = good.replacen(at, &format!("{at}{more}"), 1);
        assert_ne!(changed, good);
        gate.detail(changed.as_bytes())
    };
    for (at, more, key) in [
        ("{", "\"subject\": {},", "subject"),
        ("\"action\":{", "\"name\": \"delete\",", "name"),
        ("\"claims\":{", "\"request\": {},", "request"),
        ("\"request\":{", "\"bulk\": false,", "bulk"),
        ("{", "\"x\": 1, \"x\": 1,", "x"),
        ("{", "\"x\": {\"y\": [{\"z\": 1, \"z\": 2}]},", "z"),
        ("{", "\"a\\u0062\": 1, \"ab\": 2,", "ab"),
    ] {
        let detail = twice(at, more);
        assert!(detail.contains(&format!("the key `{key}` stands twice")), "{detail}");
    }
    gate.still_answers();
}

#[test]
fn deep_nesting_is_refused_before_it_costs_anything() {
    let gate = gate();
    for depth in [33, 200, 100_000] {
        let lists = "[".repeat(depth) + &"]".repeat(depth);
        let objects = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        for body in [&lists, &objects, &format!("{{\"x\": {lists}}}"), &"[".repeat(depth)] {
            let detail = gate.detail(body.as_bytes());
            assert!(detail.contains("nested more than 32 deep"), "{detail}");
        }
    }
    let fine = "[".repeat(31) + &"]".repeat(31);
    let body = gate.play.request.to_string().replacen('{', &format!("{{\"extra\": {fine},"), 1);
    assert_eq!(gate.call(ONE).body("application/json", body.as_bytes()).send().ok()["decision"], true);
}

#[test]
fn a_body_over_the_limit_is_a_413_that_names_it() {
    let gate = gate();
    let limit = gate.node.app.config.limits.body_bytes;
    let padded = |bytes: usize| {
        let mut body = gate.play.request.to_string();
        body.push_str(&" ".repeat(bytes - body.len()));
        body
    };
    for path in [ONE, MANY] {
        let detail = gate.call(path).body("application/json", padded(limit + 1).as_bytes()).send().problem(413);
        assert!(detail.contains(&limit.to_string()), "{detail}");
    }
    // A sender that promises far more is stopped at the limit as well, however it sends.
    let head = String::from_utf8(gate.call(ONE).header("content-type", "application/json").bytes()).unwrap();
    let head = head.replace("content-length: 0\r\n\r\n", "");
    let endless = format!("{head}content-length: 99999999999\r\n\r\n{}", padded(limit + 1));
    exchange(gate.node.address, endless.as_bytes(), false).unwrap().problem(413);
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n", limit + 1, padded(limit + 1));
    exchange(gate.node.address, chunked.as_bytes(), false).unwrap().problem(413);
    assert_eq!(gate.node.entries(), 0);
    assert_eq!(gate.call(ONE).body("application/json", padded(limit).as_bytes()).send().ok()["decision"], true);
}

#[test]
fn a_batch_over_the_limit_is_a_413_that_names_it() {
    let gate = gate();
    let mut batch = gate.play.request.clone();
    batch["evaluations"] = vec![json!({}); 1001].into();
    let detail = gate.call(MANY).json(&batch).send().problem(413);
    assert!(detail.contains("1000") && detail.contains("1001"), "{detail}");
    batch["evaluations"] = vec![json!({"x": 1}); 30_000].into();
    gate.call(MANY).json(&batch).send().problem(413);
    assert_eq!(gate.node.entries(), 0);
    batch["evaluations"] = vec![json!({}); 1000].into();
    let answer = gate.call(MANY).json(&batch).send().ok();
    assert_eq!(answer["evaluations"].as_array().unwrap().len(), 1000);
    assert_eq!(gate.node.entries(), 1000);
}

#[test]
fn a_batch_that_grows_large_by_inheriting_is_a_413_and_no_outage() {
    let gate = gate();
    let fields: Vec<String> = (0..128).map(|i| format!("{i:0>4000}")).collect();
    let mut batch = gate.play.request.clone();
    batch["resource"]["properties"]["fields"] = json!(fields);
    batch["evaluations"] = vec![json!({}); 1000].into();
    let detail = gate.call(MANY).json(&batch).send().problem(413);
    assert!(detail.contains("fewer"), "{detail}");
    assert_eq!(gate.node.get("/health/ready").status, 200);
    assert_eq!(gate.node.entries(), 0);
    gate.still_answers();
}

#[test]
fn names_nobody_knows_are_said_back() {
    let gate = gate();
    assert!(gate.changed(|r| r["action"]["name"] = json!("levitate")).contains("`levitate` is not an operation"));
    assert!(gate.changed(|r| r["resource"]["properties"]["data"] = json!(["aura"])).contains("`aura` is not a data category"));
    assert!(gate.changed(|r| r["context"]["purpose"] = json!("fun")).contains("`fun` is not a purpose"));
    assert!(gate.changed(|r| r["subject"]["properties"]["actor"] = json!("wizard")).contains("`wizard`"));
    let long = "x".repeat(500);
    let detail = gate.changed(|r| r["action"]["name"] = json!(long));
    assert!(detail.len() < 200, "a long name is not said back in full: {detail}");
    gate.still_answers();
}

#[test]
fn a_missing_purpose_is_asked_for() {
    let gate = gate();
    for context in [json!({}), json!(null), json!({"purpose": null})] {
        assert!(gate.changed(|r| r["context"] = context).contains("`context.purpose` is missing"));
    }
    assert!(gate.changed(|r| { r.as_object_mut().unwrap().remove("context"); }).contains("`context.purpose` is missing"));
}

#[test]
fn members_of_the_profile_with_another_type_are_named() {
    let gate = gate();
    let wrong = [json!(5), json!(true), json!({"x": 1}), json!(["x"])];
    for key in ["purpose", "time", "agreement", "consent", "measure", "act", "case", "order", "algorithm", "clock"] {
        for v in &wrong {
            assert!(gate.changed(|r| r["context"][key] = v.clone()).contains(&format!("`{key}` must be a string")), "{key}");
        }
    }
    for key in ["actor", "official"] {
        assert!(gate.changed(|r| r["subject"]["properties"][key] = json!(7)).contains(&format!("`{key}` must be a string")));
    }
    assert!(gate.changed(|r| r["resource"]["properties"]["dataset"] = json!(7)).contains("`dataset` must be a string"));
    for key in ["data", "fields"] {
        for v in [json!("x"), json!([1]), json!([["x"]]), json!({"x": 1})] {
            assert!(gate.changed(|r| r["resource"]["properties"][key] = v).contains(&format!("`{key}` must be a list of strings")), "{key}");
        }
        let many: Vec<String> = (0..129).map(|i| i.to_string()).collect();
        assert!(gate.changed(|r| r["resource"]["properties"][key] = json!(many)).contains("more than 128"), "{key}");
    }
    assert!(gate.changed(|r| r["context"]["basis"] = json!("KZ-DC-2026#5.1")).contains("`basis` must be a list of strings"));
    gate.still_answers();
}

#[test]
fn texts_longer_than_anything_real_are_refused() {
    let gate = gate();
    let long = "x".repeat(513);
    for (pointer, name) in [
        ("/subject/id", "subject.id"),
        ("/subject/type", "subject.type"),
        ("/action/name", "action.name"),
        ("/resource/id", "resource.id"),
    ] {
        let detail = gate.changed(|r| *r.pointer_mut(pointer).unwrap() = json!(long));
        assert!(detail.contains(&format!("`{name}` is longer than 512")), "{detail}");
    }
    assert!(gate.changed(|r| r["subject"]["properties"]["official"] = json!(long)).contains("`official` is longer than 512"));
    assert!(gate.changed(|r| r["context"]["order"] = json!(long)).contains("`order` is longer than 512"));
    assert!(gate.changed(|r| r["context"]["basis"] = json!([long])).contains("`basis`"));
    gate.still_answers();
}

#[test]
fn a_person_nobody_knows_is_no_error_but_a_denial() {
    let gate = gate();
    for id in ["nobody", "870412300456", "'; drop table person; --", "../../etc/passwd", "қазақша", "\u{0}", "\u{202e}", &"x".repeat(512)] {
        let mut request = gate.play.request.clone();
        request["resource"]["id"] = json!(id);
        assert_eq!(gate.node.post(ONE, &gate.token, &request).ok()["context"]["verdict"], "deny", "{id}");
    }
}

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
        assert!(detail.contains("`context.time`") && detail.contains(said), "{time}: {detail}");
    }
    gate.still_answers();
}

#[test]
fn an_odd_offset_is_read_and_the_claimed_time_is_never_the_event_time() {
    let gate = gate();
    let plain = gate.node.post(ONE, &gate.token, &gate.play.request).ok()["context"]["at"].clone();
    for time in ["2026-07-12T10:00:00Z", "2026-07-12T10:00:00+05:45", "2026-07-12T10:00:00-11:30", "2026-07-12T10:00:00-00:00", "1990-01-01T00:00:00Z", "2100-12-31T23:59:59.999Z"] {
        let mut request = gate.play.request.clone();
        request["context"]["time"] = json!(time);
        let answer = gate.node.post(ONE, &gate.token, &request).ok();
        assert_eq!((&answer["decision"], &answer["context"]["at"]), (&json!(true), &plain), "{time}");
    }
}

#[test]
fn a_time_in_a_claim_needs_its_offset_too() {
    let gate = gate();
    for from in ["2026-07-12T10:00:00", "yesterday", "9999-01-01T00:00:00Z"] {
        let detail = gate.changed(|r| r["context"]["claims"]["clock"] = json!({"from": from, "done": false}));
        assert!(detail.contains("clock.from"), "{detail}");
    }
}

#[test]
fn numbers_out_of_bounds_in_a_claim_are_named() {
    let gate = gate();
    for n in ["1e400", "-1e400"] {
        let body = gate.play.request.to_string().replacen('{', &format!("{{\"x\": {n},"), 1);
        assert!(gate.detail(body.as_bytes()).contains("number out of range"), "{n}");
    }
    for n in [json!(1e15), json!(1.5), json!(u64::MAX), json!(i64::MIN), json!("5")] {
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
    for path in ["/access/v2/evaluation", "/access/v1/evaluation/", "/access/v1/search/subject", "/oauth", "/xx/ledger", "/statute/KZ-DC-2026/999"] {
        gate.node.get(path).problem(404);
    }
    for path in ["/statute/%ff/1", "/statute/KZ-DC-2026/%ff", "/log/tile/%ff", "/%ff"] {
        let status = gate.node.get(path).status;
        gate.node.get(path).problem(status);
        assert!((400..=404).contains(&status), "{path}");
    }
}

#[test]
fn an_idempotency_key_must_be_visible_and_short() {
    let gate = gate();
    for key in [String::new(), "x".repeat(257), "ключ".to_owned()] {
        let detail = gate.call(ONE).header("Idempotency-Key", &key).json(&gate.play.request).send().problem(400);
        assert!(detail.contains("Idempotency-Key"), "{detail}");
    }
    gate.call(ONE).header("Idempotency-Key", &"x".repeat(256)).json(&gate.play.request).send().ok();
    assert_eq!(gate.node.entries(), 1);
}

#[test]
fn bytes_that_are_not_http_do_no_harm() {
    let gate = gate();
    for bytes in [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), b"GET\r\n\r\n", b"\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n"] {
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
