//! Every endpoint stands in a list that says who may use it, and each keeps out who may not.

use crate::browser::signed_in;
use crate::support::{Node, Play, Reply, Stage, config};
use std::collections::BTreeMap;
use std::path::Path;

const LIST: &str = include_str!("endpoints.txt");

/// The routes that the sources name, with their methods.
fn routed() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in ["routes.rs", "pages.rs", "people.rs", "desk.rs"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        for call in text.split(".route(").skip(1) {
            let path = call.split('"').nth(1).unwrap().to_owned();
            // Up to the next call of the chain.
            let rest: String = call.split('"').skip(2).collect();
            let rest = rest.split("\n        .route").next().unwrap_or_default();
            let rest = rest.split(".merge(").next().unwrap_or_default();
            for method in ["get", "post"] {
                if rest.contains(&format!("{method}(")) {
                    found.push((method.to_owned(), path.clone()));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The list: who may use an endpoint.
fn listed() -> BTreeMap<(String, String), String> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let mut found = BTreeMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let [method, path, who, shows] = words.as_slice() else {
            panic!("`{line}` has no four parts");
        };
        assert!(!shows.is_empty());
        let key = ((*method).to_owned(), (*path).to_owned());
        assert!(
            found.insert(key, (*who).to_owned()).is_none(),
            "{line} twice"
        );
    }
    found
}

#[test]
fn the_list_names_every_endpoint_and_no_other() {
    let listed: Vec<(String, String)> = listed().into_keys().collect();
    let routed = routed();
    let missing: Vec<_> = routed.iter().filter(|r| !listed.contains(r)).collect();
    let stale: Vec<_> = listed.iter().filter(|l| !routed.contains(l)).collect();
    assert!(missing.is_empty(), "add to endpoints.txt: {missing:?}");
    assert!(stale.is_empty(), "no such endpoint: {stale:?}");
}

fn call(node: &Node, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let place = path
        .replace("{lang}", "en")
        .replace("{period}", "202611")
        .replace("{index}", "0")
        .replace("{bundle}", "0?width=1")
        .replace("{ticket}", "00")
        .replace("{form}", "uses.json")
        .replace("{id}", "0000000000000000");
    let call = node.call(method, &place);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    call.json(&serde_json::json!({})).send()
}

fn started() -> (tempfile::TempDir, Stage, Play, Node) {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let node = Node::with(config(dir.path()));
    (dir, stage, play, node)
}

#[test]
fn nobody_gets_in_where_somebody_must_be() {
    let (_dir, _stage, _play, node) = started();
    let own = [("sec-fetch-site", "same-origin")];
    for ((method, path), who) in listed() {
        let reply = call(&node, &method, &path, &own);
        let where_ = format!("{method} {path}: {} {}", reply.status, reply.text());
        match who.as_str() {
            "system" | "person" | "auditor" | "operator" => {
                assert_eq!(reply.status, 401, "{where_}")
            }
            "session" | "citizen" | "official" | "supervisor" => {
                assert_eq!(reply.status, 303, "{where_}");
                let to = reply.header("location").unwrap();
                assert!(to.starts_with("/en/sign-in"), "{where_}");
            }
            "public" | "form" => {}
            other => panic!("{path}: {other} is nobody"),
        }
    }
}

#[test]
fn a_wrong_key_is_nobody_s_and_another_role_s_is_the_wrong_one() {
    let (_dir, stage, play, node) = started();
    let system = format!("Bearer {}", node.token(&stage, &play.system));
    let auditor = format!("Bearer {}", crate::support::AUDITOR_TOKEN);
    let token = std::fs::read_to_string(node.app.config.data_dir.join("operator.token")).unwrap();
    let operator = format!("Bearer {}", token.trim());
    let keys = [
        ("nobody", "Bearer 00"),
        ("system", system.as_str()),
        ("auditor", auditor.as_str()),
        ("operator", operator.as_str()),
    ];
    for ((method, path), who) in listed() {
        if !["system", "person", "auditor", "operator"].contains(&who.as_str()) {
            continue;
        }
        for (of, key) in keys.iter().filter(|(of, _)| *of != who) {
            let headers = [("authorization", *key)];
            let reply = call(&node, &method, &path, &headers);
            assert_eq!(reply.status, 401, "{method} {path} with the key of {of}");
        }
    }
}

#[test]
fn every_role_is_kept_to_its_own_desk() {
    let (_dir, _stage, play, node) = started();
    let roles = [
        ("citizen", play.person.as_str()),
        ("official", "official-1"),
        ("supervisor", "supervisor-1"),
    ];
    let browsers = roles.map(|(role, reference)| (role, signed_in(&node, role, reference).cookie));
    for ((method, path), who) in listed() {
        if !roles.iter().any(|(role, _)| *role == who) {
            continue;
        }
        for (role, cookie) in &browsers {
            let headers = [
                ("cookie", cookie.as_str()),
                ("sec-fetch-site", "same-origin"),
            ];
            let place = path.replace("{lang}", "en");
            let place = place.replace("{period}", "202611").replace("{index}", "0");
            let place = place
                .replace("{id}", "0000000000000000")
                .replace("{form}", "uses.json");
            let call = node.call(&method, &place);
            let call = headers.iter().fold(call, |call, (n, v)| call.header(n, v));
            let reply = call.body("application/x-www-form-urlencoded", b"").send();
            let where_ = format!(
                "{method} {path} as {role}: {} {}",
                reply.status,
                reply.text()
            );
            // An official without a mandate is refused too, and told so in other words.
            let is_out = reply.status == 403 && !reply.text().contains("not in force");
            assert_eq!(is_out, *role != who, "{where_}");
        }
    }
}

#[test]
fn forms_and_sessions_take_nothing_from_other_sites() {
    let (_dir, _stage, _play, node) = started();
    let strange = [("sec-fetch-site", "cross-site"), ("cookie", "kepil=00")];
    for ((method, path), who) in listed() {
        let from_here = ["form", "session", "citizen", "official", "supervisor"];
        if method == "post" && from_here.contains(&who.as_str()) {
            let reply = call(&node, &method, &path, &strange);
            // The one that exists in a demonstration alone may not be there.
            let is_absent = path.ends_with("/invented") && reply.status == 404;
            assert!(reply.status == 403 || is_absent, "{path}: {}", reply.status);
        }
    }
}
