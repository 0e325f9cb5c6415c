//! The node's own log lines: never an id of a person, a token, a key or a body.

use crate::support::{MANY, Node, ONE, Stage, WALL_SECS, claims, exchange};
use kepil_server::serve::reload;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn no_log_line_holds_a_person_a_token_or_a_body() {
    let captured = Captured::default();
    // As loud as a node can be told to be, and louder for our own crates.
    let filter = EnvFilter::new(
        "debug,kepil_server=trace,kepil_store=trace,kepil_gate=trace,kepil_law=trace,kepil_ledger=trace",
    );
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(captured.clone())
        .init();

    let dir = tempfile::tempdir().unwrap();
    let (mut stage, play) = Stage::with("C04");
    let person = "iin-870412300456";
    let official = "pseudonym-of-an-officer-77";
    let mut text = serde_json::to_string(&stage.file).unwrap();
    text = text.replace(&format!("\"{}\"", play.person), &format!("\"{person}\""));
    stage.file = serde_json::from_str(&text).unwrap();
    let mut request = play.request.clone();
    request["resource"]["id"] = json!(person);
    request["subject"]["properties"]["official"] = json!(official);
    request["extra"] = json!("body-marker-4711");
    let node = Node::start(dir.path(), &stage, &play);
    let assertion = stage.keys.sign(&claims(&play.system, WALL_SECS));
    let token = node.assert(&assertion).ok()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = "idempotency-key-0815";

    node.post(ONE, &token, &request).ok();
    node.call("post", ONE)
        .token(&token)
        .header("Idempotency-Key", key)
        .header("X-Request-ID", "request-id-0816")
        .json(&request)
        .send()
        .ok();
    let mut batch = request.clone();
    batch["evaluations"] = json!([{}, {"action": {"name": "levitate-body-marker"}}]);
    node.post(MANY, &token, &batch).ok();
    let mut bad = request.clone();
    bad["context"]["purpose"] = json!("purpose-body-marker");
    node.post(ONE, &token, &bad).problem(400);
    node.assert(&assertion);
    node.assert(&stage.keys.sign(&claims("no-such-system-0817", WALL_SECS)));
    node.post(ONE, "no-such-token-0818", &request).problem(401);
    node.get(&format!("/en/decisions/0?person={person}"));
    node.get(&format!("/statute/{person}/1")).problem(404);
    exchange(
        node.address,
        format!("GET /{person} HTTP/9\r\n\r\n").as_bytes(),
        true,
    );
    reload(&node.app);
    std::fs::write(
        dir.path().join("register.json"),
        format!("{{\"systems\": \"{person}\""),
    )
    .unwrap();
    reload(&node.app);
    let file = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = file["records"].as_array_mut().unwrap();
        change(list.iter_mut().find(|r| r["id"] == person).unwrap());
        let same = list.iter().find(|r| r["kind"] == "person").unwrap().clone();
        list.push(same);
        file.to_string()
    };
    let broken: [&dyn Fn(&mut serde_json::Value); 4] = [
        &|_| (),
        &|r| r["facts"]["person"]["age"] = json!(person),
        &|r| r["facts"]["person"]["area"] = json!(person),
        &|r| r["persons"] = json!(person),
    ];
    for change in broken {
        std::fs::write(dir.path().join("register.json"), file(change)).unwrap();
        reload(&node.app);
    }
    let app = Arc::clone(&node.app);
    node.stop().unwrap();
    tracing::info!(debugged = ?app, "last line");

    let said = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "node is ready",
        "loaded anew",
        "the reload failed",
        "stands there twice",
        "person.age",
        "person.area",
        "last line",
    ] {
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    let secret = std::fs::read_to_string(dir.path().join("log.key")).unwrap();
    let seed = secret.trim().rsplit(' ').next().unwrap().to_owned();
    let public = stage.keys.jwk()["x"].as_str().unwrap().to_owned();
    let forbidden = [
        person,
        "870412300456",
        official,
        &token,
        &assertion,
        key,
        "request-id-0816",
        "body-marker",
        "no-such-system-0817",
        "no-such-token-0818",
        &seed,
        &public,
        "asking_registered",
    ];
    for word in forbidden {
        let line = said.lines().find(|l| l.contains(word));
        assert_eq!(line, None, "{word}");
    }
}
