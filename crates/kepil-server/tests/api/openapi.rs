//! The OpenAPI document: exactly the routes there are, and every real answer fits its schema.

use crate::support::{
    AUDITOR_TOKEN, Call, GATE, MANY, Node, ONE, Play, Reply, Stage, WALL_SECS, claims, form, index,
};
use jsonschema::{Draft, Validator};
use kepil_server::openapi::document;
use kepil_server::routes::ROUTES;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// A validator of a schema of the document; its references stay whole.
fn validator(schema: &Value) -> Validator {
    let root = json!({"allOf": [schema], "components": document()["components"]});
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(&root)
        .unwrap_or_else(|e| panic!("{schema}: {e}"))
}

fn assert_fits(schema: &Value, v: &Value, what: &str) {
    let validator = validator(schema);
    let faults: Vec<String> = validator
        .iter_errors(v)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{what}: {}\n{v}", faults.join("\n"));
}

#[test]
fn the_document_names_exactly_the_routes_there_are() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(|m| (m.clone(), path.clone()))
        })
        .collect();
    let served: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|(m, p)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    assert_eq!(described, served);
    assert_eq!(served.len(), ROUTES.len(), "no route stands twice");
}

#[test]
fn every_route_of_the_list_is_served_and_by_no_other_method() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.publish();
    put_stamp(dir.path());
    for (method, path) in ROUTES {
        let path = path
            .replace("{act}", "KZ-DC-2026")
            .replace("{number}", "77.4")
            .replace("{period}", "202607")
            .replace("{bundle}", "0")
            .replace("{name}", "latest")
            .replace(
                "{path}",
                &format!("0/000.p/{}", node.app.ledger.published()),
            );
        let reply = node.call(method, &path).send();
        assert!(
            ![404, 405].contains(&reply.status),
            "{method} {path}: {}",
            reply.status
        );
        let other = if *method == "get" { "post" } else { "get" };
        node.call(other, &path).send().problem(405);
    }
}

#[test]
fn every_schema_and_every_reference_of_the_document_holds() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::meta::validate(
            &json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema]}),
        )
        .unwrap_or_else(|e| panic!("{name}: {e}"));
        validator(schema);
    }
    let text = document.to_string();
    for reference in text
        .split("\"$ref\":\"#")
        .skip(1)
        .filter_map(|t| t.split('"').next())
    {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

/// Walks over the interface and holds every answer against the document.
struct Walk {
    node: Node,
    seen: BTreeSet<(String, u16)>,
}

impl Walk {
    fn check(&mut self, method: &str, route: &str, reply: &Reply) {
        let document = document();
        let what = format!("{method} {route} {}", reply.status);
        let described = &document["paths"][route][method]["responses"][reply.status.to_string()];
        assert!(
            described.is_object(),
            "{what} is not described: {}",
            reply.text()
        );
        let kind = reply
            .header("content-type")
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        let content = described["content"].as_object().unwrap();
        let schema = &content
            .get(kind)
            .unwrap_or_else(|| panic!("{what}: {kind} is not described"))["schema"];
        let body = if kind.ends_with("json") {
            reply.json()
        } else {
            reply.text().into()
        };
        assert_fits(schema, &body, &what);
        self.seen
            .insert((format!("{method} {route}"), reply.status));
    }

    fn post(&mut self, route: &str, call: Call) -> Value {
        let reply = call.send();
        self.check("post", route, &reply);
        reply.json()
    }

    fn get(&mut self, route: &str, path: &str) {
        let reply = self.node.get(path);
        self.check("get", route, &reply);
    }
}

/// Puts the files of a time stamp beside the log; what is in them does not matter here.
fn put_stamp(data: &Path) {
    let stamps = kepil_store::stamps::Stamps::new(&data.join("ledger/log"));
    stamps.keep(1, b"text", b"response").unwrap();
}

fn assert_request_fits(route: &str, body: &Value) {
    let document = document();
    assert_fits(
        &document["paths"][route]["post"]["requestBody"]["content"]["application/json"]["schema"],
        body,
        route,
    );
}

#[test]
fn every_answer_of_a_walk_over_the_interface_fits_its_schema() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let ids: Vec<String> = GATE
        .book()
        .cases
        .iter()
        .step_by(4)
        .map(|c| c.id.clone())
        .collect();
    let plays: Vec<_> = ids
        .iter()
        .chain(&["C04".to_owned()])
        .map(|id| stage.play(id).unwrap())
        .collect();
    let good = plays.last().unwrap();
    let mut walk = Walk {
        node: Node::start(dir.path(), &stage, good),
        seen: BTreeSet::new(),
    };
    walk.get("/log/key", "/log/key");

    let mut human = (0, String::new());
    // Answers of all kinds: every play, alone and as a batch of one.
    for play in &plays {
        walk.node.at(play);
        let token = walk.node.token(&stage, &play.system);
        assert_request_fits(ONE, &play.request);
        let call = walk
            .node
            .call("post", ONE)
            .token(&token)
            .header("accept-language", "kk")
            .json(&play.request);
        let reply = call.send();
        walk.check("post", ONE, &reply);
        let answer = reply.json();
        if answer["context"]["verdict"] == "human" {
            let index = answer["context"]["entry"]["index"].as_u64().unwrap();
            human = (index, play.system.clone());
        }
        let call = walk
            .node
            .call("post", MANY)
            .token(&token)
            .json(&json!({ "evaluations": [play.request] }));
        walk.post(MANY, call);
    }
    walk.node.at(good);
    let token = walk.node.token(&stage, &good.system);
    let mut batch = good.request.clone();
    batch["evaluations"] = json!([{}, {"action": {"name": "levitate"}}, {"subject": 7}]);
    batch["options"] = json!({"evaluations_semantic": "execute_all"});
    let mut fit = batch.clone();
    fit["evaluations"][2] = json!({});
    assert_request_fits(MANY, &fit);
    let endpoints = [(ONE, &good.request), (MANY, &batch)];

    // Errors of both endpoints.
    for (route, body) in endpoints {
        let new = |node: &Node| node.call("post", route).token(&token);
        let calls = [
            new(&walk.node).json(body),
            new(&walk.node).json(&good.request),
            new(&walk.node).json(&json!({})),
            new(&walk.node).body("text/plain", b"x"),
            new(&walk.node).body("application/json", b"{"),
            new(&walk.node).body("application/json", &vec![b' '; 1_048_577]),
            walk.node.call("post", route).json(body),
            new(&walk.node).header("idempotency-key", route).json(body),
            new(&walk.node).header("idempotency-key", route).json(body),
            new(&walk.node).header("idempotency-key", route).json(&json!({"subject": {"type": "x", "id": "x"}, "action": {"name": "x"}, "resource": {"type": "x", "id": "x"}})),
            new(&walk.node).header("idempotency-key", "").json(body),
        ];
        for call in calls {
            walk.post(route, call);
        }
        // A request whose twin is still under way.
        let under_way = walk.node.metric("kepil_decide_seconds_count");
        walk.node.brake.hold();
        let keyed = || {
            new(&walk.node)
                .header("idempotency-key", &format!("twin {route}"))
                .json(body)
        };
        let (first, second) = std::thread::scope(|s| {
            let first = s.spawn(|| keyed().send());
            walk.node
                .await_metric("kepil_decide_seconds_count", under_way + 1);
            let second = keyed().send();
            walk.node.brake.release();
            (first.join().unwrap(), second)
        });
        assert_eq!(second.status, 409);
        walk.check("post", route, &first);
        walk.check("post", route, &second);
    }

    // Verdicts that a human decides: whose they are, somebody else's, nobody's.
    let route = "/access/v1/reviews/{index}";
    let at = format!("/access/v1/reviews/{}", human.0);
    let own = walk.node.token(&stage, &human.1);
    for (path, token) in [(&at, Some(&own)), (&at, Some(&token)), (&at, None)] {
        let call = walk.node.call("get", path);
        let call = match token {
            Some(token) => call.token(token),
            None => call,
        };
        let reply = call.send();
        walk.check("get", route, &reply);
    }

    let assertion = stage.keys.sign(&claims(&good.system, WALL_SECS));
    let urlencoded = "application/x-www-form-urlencoded";
    for body in [
        form(&assertion),
        form(&assertion),
        form("garbage"),
        String::new(),
        "grant_type=client_credentials".into(),
    ] {
        let call = walk
            .node
            .call("post", "/oauth/token")
            .body(urlencoded, body.as_bytes());
        walk.post("/oauth/token", call);
    }
    let call = walk
        .node
        .call("post", "/oauth/token")
        .body("text/plain", b"x");
    walk.post("/oauth/token", call);

    walk.node.publish();
    for route in [
        "/.well-known/authzen-configuration",
        "/openapi.json",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/log/key",
        "/log/checkpoint",
    ] {
        walk.get(route, route);
    }
    for p in &GATE.book().provisions {
        if let Some((act, number)) = p.id.split_once('#') {
            walk.get(
                "/statute/{act}/{number}",
                &format!("/statute/{act}/{}", number.replace('/', "%2f")),
            );
        }
    }
    walk.get("/statute/{act}/{number}", "/statute/KZ-DC-2026/999");
    let partial = format!("/log/tile/entries/000.p/{}", walk.node.leaves());
    walk.get("/log/tile/{path}", &partial);
    walk.get("/log/tile/{path}", "/log/tile/nothing");

    for name in ["policy", "anchor", "counters"] {
        let path = format!("/log/{name}");
        walk.get(&path, &path);
    }
    put_stamp(dir.path());
    for name in ["latest", "1.checkpoint", "1.tsr", "2.tsr", "key"] {
        walk.get("/log/timestamp/{name}", &format!("/log/timestamp/{name}"));
    }
    let left = ledger_walk(&mut walk, &token, good);

    // The log is closed under the node: nothing can be recorded any more.
    walk.node.app.ledger.chronicle.close().unwrap();
    for (route, body) in endpoints {
        let call = walk.node.call("post", route).token(&token).json(body);
        walk.post(route, call);
    }
    let call = walk.node.call("post", "/access/v1/outcome").token(&token);
    walk.post(
        "/access/v1/outcome",
        call.json(&json!({"entry": left, "outcome": "released"})),
    );
    let path = format!("/my/v1/uses/{}", period_of(&walk, good));
    let reply = walk.node.of_person(&good.person, &path).send();
    walk.check("get", "/my/v1/uses/{period}", &reply);
    for name in ["key", "policy", "anchor"] {
        std::fs::remove_file(dir.path().join("ledger/log").join(name)).unwrap();
        let path = format!("/log/{name}");
        walk.get(&path, &path);
    }
    walk.get("/health/ready", "/health/ready");
    std::fs::remove_file(dir.path().join("ledger/log/checkpoint")).unwrap();
    walk.get("/log/checkpoint", "/log/checkpoint");

    // Every status the document names was seen.
    let described: BTreeSet<(String, u16)> = statuses(&document());
    let unseen: Vec<_> = described.difference(&walk.seen).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// The month a play is booked in: its own, or the next open one after plays of later times.
fn period_of(walk: &Walk, play: &Play) -> u32 {
    let book = walk.node.app.ledger.chronicle.book();
    book.period_for(play.at_ms).number()
}

/// Outcomes, lists, records, orders: every answer they have while the log is open.
///
/// Gives the entry of a permitted use that has no outcome yet.
fn ledger_walk(walk: &mut Walk, token: &str, good: &Play) -> u64 {
    let ask = |walk: &Walk| index(&walk.node.post(ONE, token, &good.request).ok());
    let (entry, left) = (ask(walk), ask(walk));
    walk.node.publish();
    const OUTCOME: &str = "/access/v1/outcome";
    let body = json!({"entry": entry, "outcome": "released", "digest": "ab".repeat(32)});
    assert_request_fits(OUTCOME, &body);
    // Reported, reported again, not readable, and by nobody.
    for body in [&body, &body, &json!({"entry": entry, "outcome": "unknown"})] {
        let call = walk.node.call("post", OUTCOME).token(token).json(body);
        walk.post(OUTCOME, call);
    }
    let call = walk.node.call("post", OUTCOME).json(&body);
    walk.post(OUTCOME, call);

    let (months, month) = ("/my/v1/uses", "/my/v1/uses/{period}");
    let path = format!("/my/v1/uses/{}", period_of(walk, good));
    for (route, path) in [
        (months, months),
        (month, &path),
        (month, "/my/v1/uses/197001"),
        (month, "/my/v1/uses/13"),
    ] {
        let reply = walk.node.of_person(&good.person, path).send();
        walk.check("get", route, &reply);
        walk.get(route, path);
    }
    let route = "/audit/v1/records/{bundle}";
    for (path, token) in [
        ("/audit/v1/records/0?width=1", AUDITOR_TOKEN),
        ("/audit/v1/records/0?width=0", AUDITOR_TOKEN),
        ("/audit/v1/records/99?width=1", AUDITOR_TOKEN),
        ("/audit/v1/records/0?width=1", "nobody's"),
    ] {
        let reply = walk.node.call("get", path).token(token).send();
        walk.check("get", route, &reply);
    }
    const ORDERS: &str = "/admin/v1/orders";
    for order in [json!({"do": "rotate_keys"}), json!({"do": "levitate"})] {
        let reply = walk.node.operator(&order);
        walk.check("post", ORDERS, &reply);
    }
    let call = walk
        .node
        .call("post", ORDERS)
        .token("guess")
        .json(&json!({"do": "rotate_keys"}));
    walk.post(ORDERS, call);
    left
}

/// Every answer the document describes.
fn statuses(document: &Value) -> BTreeSet<(String, u16)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(move |(m, o)| (format!("{m} {path}"), o))
        })
        .flat_map(|(name, o)| {
            o["responses"]
                .as_object()
                .unwrap()
                .keys()
                .map(move |s| (name.clone(), s.parse().unwrap()))
        })
        .collect()
}
