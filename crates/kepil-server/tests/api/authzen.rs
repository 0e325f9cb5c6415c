//! OpenID AuthZEN 1.0: the interoperability decisions, the certification table, batches, discovery.

use crate::support::{Call, MANY, Node, ONE, Play, Reply, Stage, config, without_entry};
use serde_json::{Value, json};
use tempfile::TempDir;

const TENANT: &str = "/tenants/conformance";

/// A node with the conformance tenant; the folder goes when it is dropped.
fn conformance() -> (TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.danger_conformance_tenant = true;
    config.public_url = String::new();
    (dir, Node::with(config))
}

/// A node with a system that is allowed what it asks.
fn gate() -> (TempDir, Node, Stage, Play) {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    // The folder comes first, so that it goes last.
    (dir, node, stage, play)
}

fn tenant(node: &Node, path: &str, body: &Value) -> Value {
    node.call("post", &format!("{TENANT}{path}"))
        .json(body)
        .send()
        .ok()
}

fn decided(node: &Node, body: &Value) -> bool {
    tenant(node, ONE, body)["decision"].as_bool().unwrap()
}

fn decisions(answer: &Value) -> Vec<bool> {
    answer["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["decision"].as_bool().unwrap())
        .collect()
}

fn replay(text: &str) -> (usize, usize) {
    let (_dir, node) = conformance();
    let file: Value = serde_json::from_str(text).unwrap();
    let none = Vec::new();
    let (singles, batches) = (
        file["evaluation"].as_array().unwrap_or(&none),
        file["evaluations"].as_array().unwrap_or(&none),
    );
    for case in singles {
        assert_eq!(
            decided(&node, &case["request"]),
            case["expected"],
            "{}",
            case["request"]
        );
    }
    for case in batches {
        let expected: Vec<bool> = case["expected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["decision"].as_bool().unwrap())
            .collect();
        assert_eq!(
            decisions(&tenant(&node, MANY, &case["request"])),
            expected,
            "{}",
            case["request"]
        );
    }
    (singles.len(), batches.len())
}

#[test]
fn the_todo_decisions_of_draft_02_match() {
    assert_eq!(
        replay(include_str!("data/authzen/todo-decisions-1_0-02.json")),
        (40, 3)
    );
}

#[test]
fn the_todo_decisions_of_draft_01_match() {
    assert_eq!(
        replay(include_str!("data/authzen/todo-decisions-1_0-01.json")),
        (40, 0)
    );
}

#[test]
fn the_gateway_decisions_match() {
    assert_eq!(
        replay(include_str!("data/authzen/gateway-decisions.json")),
        (25, 0)
    );
}

fn record(
    subject: &str,
    action: Value,
    id: &str,
    status: Option<&str>,
    role: Option<&str>,
) -> Value {
    let mut out = json!({"subject": {"type": "user", "id": subject}, "action": action, "resource": {"type": "record", "id": id}});
    if let Some(s) = status {
        out["resource"]["properties"] = json!({"status": s});
    }
    if let Some(r) = role {
        out["subject"]["properties"] = json!({"role": r});
    }
    out
}

/// A request of the certification scenario that is permitted.
fn permitted() -> Value {
    record("alice", json!({"name": "read"}), "record-1", None, None)
}

#[test]
fn the_certification_table_holds_with_and_without_context() {
    let (_dir, node) = conformance();
    let name = |n: &str| json!({ "name": n });
    let delete = |soft: bool| json!({"name": "delete", "properties": {"soft": soft}});
    let table = [
        (
            record("alice", name("read"), "record-1", Some("active"), None),
            true,
        ),
        (
            record("alice", name("write"), "record-1", Some("active"), None),
            true,
        ),
        (record("bob", name("read"), "record-1", None, None), true),
        (record("bob", name("write"), "record-1", None, None), false),
        (
            record("alice", name("write"), "record-2", Some("archived"), None),
            false,
        ),
        (
            record("alice", name("write"), "record-1", Some("archived"), None),
            false,
        ),
        (
            record(
                "bob",
                name("write"),
                "record-2",
                Some("archived"),
                Some("admin"),
            ),
            true,
        ),
        (
            record(
                "carol",
                name("write"),
                "record-7",
                Some("archived"),
                Some("admin"),
            ),
            true,
        ),
        (record("alice", delete(true), "record-1", None, None), true),
        (
            record("alice", delete(false), "record-1", None, None),
            false,
        ),
        (
            record("nobody", name("read"), "record-1", None, None),
            false,
        ),
        (record("alice", name("read"), "record-9", None, None), false),
    ];
    for (mut request, expected) in table {
        for context in [
            None,
            Some(json!({})),
            Some(json!({"time": "2026-01-01T00:00:00Z", "ip": "::1"})),
        ] {
            if let Some(c) = context {
                request["context"] = c;
            }
            assert_eq!(decided(&node, &request), expected, "{request}");
            assert_eq!(
                decided(&node, &request),
                expected,
                "the second time: {request}"
            );
        }
    }
}

/// Every way a member can be missing or mistyped, with the name the answer must say.
fn broken(good: &Value) -> Vec<(Value, &'static str)> {
    let mut out = Vec::new();
    for name in [
        "subject",
        "action",
        "resource",
        "subject.type",
        "subject.id",
        "action.name",
        "resource.type",
        "resource.id",
    ] {
        let pointer = format!("/{}", name.replace('.', "/"));
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let mut gone = good.clone();
        gone.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(member);
        out.push((gone, name));
        for wrong in [json!(5), json!(true), json!(null), json!(["x"]), json!("")] {
            let mut v = good.clone();
            *v.pointer_mut(&pointer).unwrap() = wrong;
            out.push((v, name));
        }
    }
    for name in ["subject.type", "resource.id", "action.name"] {
        let mut v = good.clone();
        *v.pointer_mut(&format!("/{}", name.replace('.', "/")))
            .unwrap() = json!({"x": 1});
        out.push((v, name));
    }
    for name in [
        "subject.properties",
        "action.properties",
        "resource.properties",
        "context",
    ] {
        for wrong in [json!("text"), json!(5), json!([])] {
            let mut v = good.clone();
            match name.split_once('.') {
                Some((parent, member)) => v[parent][member] = wrong,
                None => v[name] = wrong,
            }
            out.push((v, name));
        }
    }
    out
}

#[test]
fn every_missing_or_mistyped_member_is_a_400_that_names_it() {
    let (_dir, tenants) = conformance();
    for (body, name) in broken(&permitted()) {
        let detail = tenants
            .call("post", &format!("{TENANT}{ONE}"))
            .json(&body)
            .send()
            .problem(400);
        assert!(detail.contains(&format!("`{name}`")), "{body}: {detail}");
    }
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    for (body, name) in broken(&play.request) {
        for path in [ONE, MANY] {
            let detail = node.post(path, &token, &body).problem(400);
            assert!(detail.contains(&format!("`{name}`")), "{body}: {detail}");
        }
    }
    assert_eq!(
        node.entries(),
        0,
        "what cannot be understood is not recorded"
    );
}

#[test]
fn a_body_that_is_no_object_is_a_400() {
    let (_dir, node) = conformance();
    for body in [json!([]), json!("text"), json!(7), json!(null), json!([{}])] {
        for path in [ONE, MANY] {
            let detail = node
                .call("post", &format!("{TENANT}{path}"))
                .json(&body)
                .send()
                .problem(400);
            assert!(detail.contains("must be a JSON object"), "{detail}");
        }
    }
}

#[test]
fn another_content_type_is_a_400_and_not_a_415() {
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    let body = play.request.to_string();
    let send = |kind: &str| {
        node.call("post", ONE)
            .token(&token)
            .body(kind, body.as_bytes())
            .send()
    };
    for kind in [
        "text/plain",
        "application/xml",
        "application/json-patch+json",
        "application/x-www-form-urlencoded",
        "json",
        "",
    ] {
        assert!(
            send(kind).problem(400).contains("application/json"),
            "{kind}"
        );
    }
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
    ] {
        assert_eq!(send(kind).ok()["decision"], true, "{kind}");
    }
    let bare = format!("content-length: {}\r\n\r\n{body}", body.len());
    let head = String::from_utf8(node.call("post", ONE).token(&token).bytes()).unwrap();
    let head = head.split("content-length").next().unwrap();
    let reply =
        crate::support::exchange(node.address, format!("{head}{bare}").as_bytes(), false).unwrap();
    assert!(reply.problem(400).contains("application/json"));
}

#[test]
fn unknown_members_are_ignored() {
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    let plain = node.post(ONE, &token, &play.request).ok();
    let mut more = play.request.clone();
    more["extra"] = json!({"deep": [1, {"x": null}]});
    more["subject"]["nickname"] = json!("x");
    more["subject"]["properties"]["shoe_size"] = json!(44);
    more["action"]["properties"] = json!({"processing_activity_id": "https://activities.test/1"});
    more["resource"]["properties"]["colour"] = json!(["blue"]);
    more["context"]["mood"] = json!("good");
    more["context"]["supported_obligations"] = json!(["notification"]);
    let reply = node.post(ONE, &token, &more).ok();
    assert_eq!(without_entry(&reply), without_entry(&plain));
    let (_dir, tenants) = conformance();
    let mut more = permitted();
    more["userID"] = json!("x");
    more["resource"]["ownerID"] = json!("x");
    assert!(decided(&tenants, &more));
}

#[test]
fn the_request_id_comes_back_with_answers_and_errors() {
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    let with = |call: Call| call.header("X-Request-ID", "bfe9eb29-ab87-4ca3").send();
    let replies: Vec<Reply> = vec![
        with(node.call("post", ONE).token(&token).json(&play.request)),
        with(node.call("post", ONE).token(&token).json(&json!({}))),
        with(node.call("post", ONE).json(&play.request)),
        with(node.call("get", "/nowhere")),
        with(node.call("get", "/.well-known/authzen-configuration")),
    ];
    for reply in &replies {
        assert_eq!(
            reply.header("x-request-id"),
            Some("bfe9eb29-ab87-4ca3"),
            "{}",
            reply.status
        );
    }
    let record = node.record(&replies[0].ok());
    assert_eq!(record.who.request, "bfe9eb29-ab87-4ca3");
    let reply = node
        .call("post", ONE)
        .token(&token)
        .json(&play.request)
        .send();
    assert_eq!(reply.header("x-request-id"), None);
    let long = "x".repeat(129);
    let reply = node
        .call("post", ONE)
        .token(&token)
        .header("X-Request-ID", &long)
        .json(&play.request)
        .send();
    assert_eq!((reply.status, reply.header("x-request-id")), (200, None));
}

#[test]
fn discovery_names_the_base_address_it_was_asked_at() {
    let (_dir, node) = conformance();
    let base = format!("http://{}", node.address);
    let reply = node.get("/.well-known/authzen-configuration");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let said = reply.ok();
    assert_eq!(said["policy_decision_point"], base);
    assert_eq!(said["access_evaluation_endpoint"], format!("{base}{ONE}"));
    assert_eq!(said["access_evaluations_endpoint"], format!("{base}{MANY}"));
    assert_eq!(said["supported_obligations"], json!(["custom"]));
    // The standard puts the tenant's path behind the well-known one; some clients put it before.
    for path in [
        format!("/.well-known/authzen-configuration{TENANT}"),
        format!("{TENANT}/.well-known/authzen-configuration"),
    ] {
        let said = node.get(&path).ok();
        assert_eq!(said["policy_decision_point"], format!("{base}{TENANT}"));
        assert_eq!(
            said["access_evaluation_endpoint"],
            format!("{base}{TENANT}{ONE}")
        );
        assert_eq!(
            said["access_evaluations_endpoint"],
            format!("{base}{TENANT}{MANY}")
        );
    }
}

/// Three requests of one system: allowed, denied, allowed.
fn three(play: &Play) -> Value {
    let mut curious = play.request["context"].clone();
    curious["purpose"] = json!("private_curiosity");
    let mut batch = play.request.clone();
    batch["evaluations"] = json!([{}, { "context": curious }, {}]);
    batch
}

fn semantics(ask: impl Fn(&Value) -> Value, batch: &Value) {
    for (semantic, expected) in [
        (None, vec![true, false, true]),
        (Some("execute_all"), vec![true, false, true]),
        (Some("deny_on_first_deny"), vec![true, false]),
        (Some("permit_on_first_permit"), vec![true]),
    ] {
        let mut batch = batch.clone();
        if let Some(s) = semantic {
            batch["options"] = json!({ "evaluations_semantic": s, "another_option": 1 });
        }
        let answer = ask(&batch);
        assert_eq!(decisions(&answer), expected, "{semantic:?}");
        assert!(answer.get("decision").is_none());
    }
}

#[test]
fn the_three_batch_semantics_hold_at_the_gate() {
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    semantics(|b| node.post(MANY, &token, b).ok(), &three(&play));
    assert_eq!(
        node.entries(),
        3 + 3 + 2 + 1,
        "what a short cut left out is not recorded"
    );
    let mut batch = three(&play);
    for wrong in [json!("sometimes"), json!(1), json!(null)] {
        batch["options"] = json!({ "evaluations_semantic": wrong });
        assert!(
            node.post(MANY, &token, &batch)
                .problem(400)
                .contains("evaluations_semantic")
        );
    }
}

#[test]
fn the_three_batch_semantics_hold_at_the_conformance_tenant() {
    let (_dir, node) = conformance();
    let mut batch = permitted();
    batch["evaluations"] = json!([{}, { "resource": {"type": "record", "id": "record-9"} }, {}]);
    semantics(|b| tenant(&node, MANY, b), &batch);
}

#[test]
fn a_failed_item_in_a_valid_batch_is_denied_with_its_error() {
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    let mut batch = play.request.clone();
    batch["evaluations"] = json!([
        {},
        {"resource": {"id": "no type"}},
        7,
        {"action": {"name": "levitate"}},
        {"context": {"basis": []}},
        {},
    ]);
    let answer = node.post(MANY, &token, &batch).ok();
    assert_eq!(decisions(&answer), [true, false, false, false, false, true]);
    for (i, said) in [
        (1, "resource.type"),
        (2, "JSON object"),
        (3, "levitate"),
        (4, "context.purpose"),
    ] {
        let error = &answer["evaluations"][i]["context"]["error"];
        assert_eq!(error["status"], 400);
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
    }
    assert_eq!(node.entries(), 2);
    batch["options"] = json!({"evaluations_semantic": "deny_on_first_deny"});
    assert_eq!(
        decisions(&node.post(MANY, &token, &batch).ok()),
        [true, false],
        "a failed item is a denial"
    );
    let (_dir, node) = conformance();
    let mut batch = permitted();
    batch["evaluations"] = json!([{}, {"action": {}}, {}]);
    let answer = tenant(&node, MANY, &batch);
    assert_eq!(decisions(&answer), [true, false, true]);
    assert!(
        answer["evaluations"][1]["context"]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("action.name")
    );
}

#[test]
fn no_evaluations_or_none_in_the_list_is_a_single_evaluation() {
    let (_dir, node, stage, play) = gate();
    let token = node.token(&stage, &play.system);
    let single = without_entry(&node.post(ONE, &token, &play.request).ok());
    let mut empty = play.request.clone();
    empty["evaluations"] = json!([]);
    for body in [&play.request, &empty] {
        assert_eq!(without_entry(&node.post(MANY, &token, body).ok()), single);
    }
    let (_dir, tenants) = conformance();
    let mut empty = permitted();
    empty["evaluations"] = json!([]);
    for body in [permitted(), empty] {
        assert_eq!(tenant(&tenants, MANY, &body), json!({"decision": true}));
    }
    for wrong in [json!({}), json!("x"), json!(null)] {
        let mut body = play.request.clone();
        body["evaluations"] = wrong;
        assert!(
            node.post(MANY, &token, &body)
                .problem(400)
                .contains("`evaluations`")
        );
    }
}

#[test]
fn the_conformance_tenant_does_not_exist_while_its_switch_is_off() {
    let (_dir, node, _stage, _play) = gate();
    for path in [ONE, MANY] {
        node.call("post", &format!("{TENANT}{path}"))
            .json(&permitted())
            .send()
            .problem(404);
    }
    node.get(&format!("{TENANT}/.well-known/authzen-configuration"))
        .problem(404);
    node.get(&format!("/.well-known/authzen-configuration{TENANT}"))
        .problem(404);
    assert_eq!(node.entries(), 0);
}
