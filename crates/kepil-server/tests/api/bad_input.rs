//! Input that cannot be used: each gets a precise error, nothing is recorded, nothing is released.

use crate::support::{Call, MANY, Node, ONE, Play, Stage, exchange};
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct Gate {
    pub node: Node,
    pub play: Play,
    pub token: String,
    pub _dir: TempDir,
}

pub fn gate() -> Gate {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    Gate {
        node,
        play,
        token,
        _dir: dir,
    }
}

impl Gate {
    pub fn call(&self, path: &str) -> Call {
        self.node.call("post", path).token(&self.token)
    }

    /// The detail of the 400 these bytes get, at both endpoints.
    pub fn detail(&self, body: &[u8]) -> String {
        let [one, many] = [ONE, MANY].map(|p| {
            self.call(p)
                .body("application/json", body)
                .send()
                .problem(400)
        });
        assert_eq!(one, many);
        assert_eq!(self.node.entries(), 0);
        one
    }

    /// The detail of the 400 that a change of the good request gets.
    pub fn changed(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut request = self.play.request.clone();
        change(&mut request);
        self.detail(request.to_string().as_bytes())
    }

    /// The good request is still answered: nothing broke.
    pub fn still_answers(&self) {
        assert_eq!(
            self.node.post(ONE, &self.token, &self.play.request).ok()["decision"],
            true
        );
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
    for body in [
        "{'a': 1}",
        "{a: 1}",
        "{\"a\": 1,}",
        "[1 2]",
        "{\"a\" 1}",
        "\"\u{1}\"",
        "nul",
        "{\"a\": +1}",
        "{\"a\": 01}",
        "{\"a\": .5}",
        "{\"a\": NaN}",
        "\\",
        "<xml/>",
        "{\"a\": \"\\x\"}",
        "{\"a\": \"\\ud800\"}",
    ] {
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
    for body in [
        b"\xff\xfe{\x00}\x00".as_slice(),
        b"{\"subject\": \"\xff\"}",
        b"{\"\xc3\x28\": 1}",
        b"\xef\xbb\xbf{}",
    ] {
        assert!(
            gate.detail(body).contains("not the JSON expected"),
            "{body:?}"
        );
    }
    gate.still_answers();
}

#[test]
fn json_that_ends_too_early_is_refused_wherever_it_is_cut() {
    let gate = gate();
    let body = gate.play.request.to_string();
    let cuts = (1..body.len())
        .filter(|i| body.is_char_boundary(*i))
        .step_by(37);
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
    for missing in [1, 10, 100] {
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
        assert!(
            detail.contains(&format!("the key `{key}` stands twice")),
            "{detail}"
        );
    }
    gate.still_answers();
}

#[test]
fn deep_nesting_is_refused_before_it_costs_anything() {
    let gate = gate();
    for depth in [33, 200, 100_000] {
        let lists = "[".repeat(depth) + &"]".repeat(depth);
        let objects = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        for body in [
            &lists,
            &objects,
            &format!("{{\"x\": {lists}}}"),
            &"[".repeat(depth),
        ] {
            let detail = gate.detail(body.as_bytes());
            assert!(detail.contains("nested more than 32 deep"), "{detail}");
        }
    }
    let fine = "[".repeat(31) + &"]".repeat(31);
    let body = gate
        .play
        .request
        .to_string()
        .replacen('{', &format!("{{\"extra\": {fine},"), 1);
    assert_eq!(
        gate.call(ONE)
            .body("application/json", body.as_bytes())
            .send()
            .ok()["decision"],
        true
    );
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
        let detail = gate
            .call(path)
            .body("application/json", padded(limit + 1).as_bytes())
            .send()
            .problem(413);
        assert!(detail.contains(&limit.to_string()), "{detail}");
    }
    // A sender that promises far more is stopped at the limit as well, however it sends.
    let head = String::from_utf8(
        gate.call(ONE)
            .header("content-type", "application/json")
            .bytes(),
    )
    .unwrap();
    let head = head.replace("content-length: 0\r\n\r\n", "");
    let endless = format!(
        "{head}content-length: 99999999999\r\n\r\n{}",
        padded(limit + 1)
    );
    exchange(gate.node.address, endless.as_bytes(), false)
        .unwrap()
        .problem(413);
    let chunked = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n",
        limit + 1,
        padded(limit + 1)
    );
    exchange(gate.node.address, chunked.as_bytes(), false)
        .unwrap()
        .problem(413);
    assert_eq!(gate.node.entries(), 0);
    assert_eq!(
        gate.call(ONE)
            .body("application/json", padded(limit).as_bytes())
            .send()
            .ok()["decision"],
        true
    );
}

#[test]
fn a_batch_over_the_limit_is_a_413_that_names_it() {
    let gate = gate();
    let mut batch = gate.play.request.clone();
    batch["evaluations"] = vec![json!({}); 1001].into();
    let detail = gate.call(MANY).json(&batch).send().problem(413);
    assert!(
        detail.contains("1000") && detail.contains("1001"),
        "{detail}"
    );
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
    let fields: Vec<String> = (0..128).map(|i| format!("{i:0>256}")).collect();
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
    assert!(
        gate.changed(|r| r["action"]["name"] = json!("levitate"))
            .contains("`levitate` is not an operation")
    );
    assert!(
        gate.changed(|r| r["resource"]["properties"]["data"] = json!(["aura"]))
            .contains("`aura` is not a data category")
    );
    assert!(
        gate.changed(|r| r["context"]["purpose"] = json!("fun"))
            .contains("`fun` is not a purpose")
    );
    assert!(
        gate.changed(|r| r["subject"]["properties"]["actor"] = json!("wizard"))
            .contains("`wizard`")
    );
    let long = "x".repeat(500);
    let detail = gate.changed(|r| r["action"]["name"] = json!(long));
    assert!(
        detail.len() < 200,
        "a long name is not said back in full: {detail}"
    );
    gate.still_answers();
}

#[test]
fn a_missing_purpose_is_asked_for() {
    let gate = gate();
    for context in [json!({}), json!(null), json!({"purpose": null})] {
        assert!(
            gate.changed(|r| r["context"] = context)
                .contains("`context.purpose` is missing")
        );
    }
    assert!(
        gate.changed(|r| {
            r.as_object_mut().unwrap().remove("context");
        })
        .contains("`context.purpose` is missing")
    );
}

#[test]
fn members_of_the_profile_with_another_type_are_named() {
    let gate = gate();
    let wrong = [json!(5), json!(true), json!({"x": 1}), json!(["x"])];
    for key in [
        "purpose",
        "time",
        "agreement",
        "consent",
        "measure",
        "act",
        "case",
        "order",
        "algorithm",
        "clock",
    ] {
        for v in &wrong {
            assert!(
                gate.changed(|r| r["context"][key] = v.clone())
                    .contains(&format!("`{key}` must be a string")),
                "{key}"
            );
        }
    }
    for key in ["actor", "official"] {
        assert!(
            gate.changed(|r| r["subject"]["properties"][key] = json!(7))
                .contains(&format!("`{key}` must be a string"))
        );
    }
    assert!(
        gate.changed(|r| r["resource"]["properties"]["dataset"] = json!(7))
            .contains("`dataset` must be a string")
    );
    for key in ["data", "fields"] {
        for v in [json!("x"), json!([1]), json!([["x"]]), json!({"x": 1})] {
            assert!(
                gate.changed(|r| r["resource"]["properties"][key] = v)
                    .contains(&format!("`{key}` must be a list of strings")),
                "{key}"
            );
        }
        let many: Vec<String> = (0..129).map(|i| i.to_string()).collect();
        assert!(
            gate.changed(|r| r["resource"]["properties"][key] = json!(many))
                .contains("more than 128"),
            "{key}"
        );
    }
    assert!(
        gate.changed(|r| r["context"]["basis"] = json!("KZ-DC-2026#5.1"))
            .contains("`basis` must be a list of strings")
    );
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
        assert!(
            detail.contains(&format!("`{name}` is longer than 512")),
            "{detail}"
        );
    }
    assert!(
        gate.changed(|r| r["subject"]["properties"]["official"] = json!(long))
            .contains("`official` is longer than 512")
    );
    assert!(
        gate.changed(|r| r["context"]["order"] = json!(long))
            .contains("`order` is longer than 512")
    );
    for v in [json!([long]), json!(["fine", "x".repeat(257)])] {
        assert!(
            gate.changed(|r| r["context"]["basis"] = v.clone())
                .contains("`basis` holds an item longer than 256")
        );
        assert!(
            gate.changed(|r| r["resource"]["properties"]["fields"] = v)
                .contains("`fields` holds an item longer than 256")
        );
    }
    gate.still_answers();
}

#[test]
fn a_person_nobody_knows_is_no_error_but_a_denial() {
    let gate = gate();
    for id in [
        "nobody",
        "870412300456",
        "'; drop table person; --",
        "../../etc/passwd",
        "қазақша",
        "\u{0}",
        "\u{202e}",
        &"x".repeat(512),
    ] {
        let mut request = gate.play.request.clone();
        request["resource"]["id"] = json!(id);
        assert_eq!(
            gate.node.post(ONE, &gate.token, &request).ok()["context"]["verdict"],
            "deny",
            "{id}"
        );
    }
}
