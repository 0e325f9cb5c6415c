//! A person's list over HTTP; outcomes; orders of judges; records for auditors; erasure.

use crate::support::{AUDITOR_TOKEN, Node, ONE, Play, Stage, WALL_SECS, config, index, open_only};
use kepil_ledger::anchor::Anchor;
use kepil_ledger::completeness::{Expectation, Fault, Verified, check};
use kepil_ledger::entry::{Commitment, Leaf};
use kepil_ledger::period::Period;
use kepil_ledger::policy::Policy;
use kepil_ledger::record::{DecisionCode, Record, RecordKind};
use serde_json::{Value, json};

pub fn path(play: &Play) -> String {
    format!("/my/v1/uses/{}", Period::of_ms(play.at_ms).number())
}

/// The person's list of the play's month.
fn list(node: &Node, play: &Play, path: &str) -> Result<Verified, Fault> {
    list_of(node, play, Period::of_ms(play.at_ms), path)
}

/// A person's list, checked with what the node publishes and the own secret alone.
pub fn list_of(node: &Node, play: &Play, period: Period, path: &str) -> Result<Verified, Fault> {
    node.publish();
    let file = node.of_person(&play.person, path).send();
    assert_eq!(file.status, 200, "{}", file.text());
    let policy = Policy::parse(&node.get("/log/policy").body).unwrap();
    let anchor = Anchor::parse(&node.get("/log/anchor").text()).unwrap();
    let person = node
        .app
        .ledger
        .chronicle
        .person(&format!("person:{}", play.person));
    check(
        &file.body,
        &Expectation {
            person: &person.unwrap(),
            period,
            policy: &policy,
            anchor: &anchor,
            now: WALL_SECS,
            max_age: 3600,
            memory: None,
        },
    )
}

#[test]
fn a_person_gets_the_own_list_and_it_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let indexes: Vec<u64> = (0..3).map(|_| index(&node.play(&stage, &play))).collect();
    let seen = list(&node, &play, &path(&play)).unwrap();
    assert_eq!((seen.count, seen.shown), (3, 3));
    let found: Vec<u64> = seen.opened.iter().map(|entry| entry.index).collect();
    assert_eq!(found, indexes);
    let payload = &seen.opened[0].payload;
    assert_eq!(
        (payload.system.as_str(), payload.verdict.as_str()),
        (play.system.as_str(), "ok")
    );
    assert!(payload.tests.iter().any(|test| test.starts_with("T01=")));
    assert!(!payload.grounds.is_empty() && !payload.categories.is_empty());
    let alone = list(&node, &play, &format!("{}?rows=none", path(&play))).unwrap();
    assert_eq!((alone.count, alone.not_opened), (3, 3));

    let months = node.of_person(&play.person, "/my/v1/uses").send().ok();
    assert!(
        months["months"]
            .as_array()
            .unwrap()
            .iter()
            .any(|month| month["entries"] == 3)
    );
    node.stop().unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    assert_eq!(list(&node, &play, &path(&play)).unwrap().count, 3);
}

#[test]
fn nobody_gets_a_list_without_the_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.publish();
    let path = path(&play);
    let keys = node
        .app
        .ledger
        .chronicle
        .person(&format!("person:{}", play.person))
        .unwrap();
    let header = |person: &str, time: u64, path: &str| {
        let mac = kepil_server::my::code(keys.request_key(), path, &time.to_string());
        format!("Kepil-Person subject=\"{person}\", time=\"{time}\", mac=\"{mac}\"")
    };
    let ask = |value: &str| {
        node.call("get", &path)
            .header("authorization", value)
            .send()
    };
    assert_eq!(ask(&header(&play.person, WALL_SECS, &path)).status, 200);
    let wrong = ask(&header("somebody-else", WALL_SECS, &path));
    let unknown = ask(&header("no such person", WALL_SECS, &path));
    // A stranger learns nothing from the answer about who is known here.
    assert_eq!((wrong.status, wrong.text()), (401, unknown.text()));
    for value in [
        header(&play.person, WALL_SECS - 301, &path),
        header(&play.person, WALL_SECS + 301, &path),
        header(&play.person, WALL_SECS, "/my/v1/uses"),
        "Kepil-Person".to_owned(),
        "Kepil-Person subject=\"a\"".to_owned(),
        "Bearer x".to_owned(),
    ] {
        assert_eq!(ask(&value).status, 401, "{value}");
    }
}

#[test]
fn outcomes_are_in_the_list_and_a_missing_one_becomes_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    stage.write(dir.path());
    let mut config = config(dir.path());
    config.ledger.intent_secs = 60;
    let node = Node::with(config.clone());
    node.at(&play);
    let (told, silent) = (
        index(&node.play(&stage, &play)),
        index(&node.play(&stage, &play)),
    );
    let token = node.token(&stage, &play.system);
    let report = |entry: u64| {
        let body = json!({"entry": entry, "outcome": "released", "digest": "cd".repeat(32)});
        node.call("post", "/access/v1/outcome")
            .token(&token)
            .json(&body)
            .send()
    };
    assert_eq!(report(told).status, 200);
    assert_eq!(report(told).status, 404, "it was reported before");
    assert_eq!(report(9_999).status, 404);
    assert_eq!(node.metric("kepil_open_intents"), 1);
    // The node stops with an open intent and finds it again.
    node.stop().unwrap();
    let node = Node::with(config);
    node.clock_ms(play.at_ms + 61_000);
    // The clock of the node was months ahead before it was turned back: what came after stands in
    // the month that was still open.
    let late = || {
        let mut outcomes = Vec::new();
        let months = node.of_person(&play.person, "/my/v1/uses").send().ok();
        for month in months["months"].as_array().unwrap() {
            if month["entries"] == 0 {
                continue;
            }
            let number = u32::try_from(month["period"].as_u64().unwrap()).unwrap();
            let (period, path) = (
                Period::new(number).unwrap(),
                month["proof"].as_str().unwrap(),
            );
            let seen = list_of(&node, &play, period, path).unwrap();
            let found = seen.opened.into_iter();
            outcomes.extend(
                found
                    .filter(|entry| entry.shown.kind == RecordKind::Outcome)
                    .map(|entry| (entry.payload.intent.unwrap(), entry.payload.outcome)),
            );
        }
        outcomes
    };
    while late().len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The supervisor sees it by system.
    let count = |outcome: &str| {
        let system = &play.system;
        node.metric(&format!(
            "kepil_outcomes_total{{system=\"{system}\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((count("released"), count("unknown")), (1, 1));
    assert_eq!(node.metric("kepil_open_intents"), 0);
    assert_eq!(
        late(),
        [
            (told, "released".to_owned()),
            (silent, "unknown".to_owned())
        ]
    );
}

#[test]
fn an_order_of_a_judge_defers_or_seals_as_the_register_says() {
    let dir = tempfile::tempdir().unwrap();
    let (mut stage, play) = Stage::with("C04");
    let month = Period::of_ms(play.at_ms);
    let order = |id: &str, facts: Value, sealed: Option<u32>| {
        serde_json::from_value(json!({
            "id": id, "kind": "order", "persons": [play.person], "facts": facts, "sealed_until": sealed,
        }))
        .unwrap()
    };
    stage
        .file
        .records
        .push(order("covert-1", json!({}), Some(month.number())));
    let node = Node::start(dir.path(), &stage, &play);
    let mut request = play.request.clone();
    request["context"]["order"] = json!("covert-1");
    let token = node.token(&stage, &play.system);
    let sealed = index(&node.post(ONE, &token, &request).ok());
    node.publish();
    let leaf = node.app.ledger.chronicle.leaf(sealed).unwrap();
    assert!(matches!(leaf, Leaf::Sealed { embargo, .. } if embargo == month));
    let counters = node.get("/log/counters").ok();
    assert_eq!(counters["counters"]["sealed"], 1);
    // The suspect's list says what everybody's says to whom nothing happened.
    node.enrolled();
    let empty = list(&node, &play, &path(&play)).unwrap();
    assert_eq!((empty.count, empty.not_opened), (0, 0));
    // The month ends, and it opens by itself.
    node.clock_ms(month.end_secs() * 1000 + 1);
    node.enrolled();
    let later = format!("/my/v1/uses/{}", month.next().number());
    while list_of(&node, &play, month.next(), &later).is_ok_and(|seen| seen.count < 1) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let counters = node.get("/log/counters").ok();
    assert_eq!(
        (
            &counters["counters"]["sealed"],
            &counters["counters"]["opened"]
        ),
        (&json!(0), &json!(1))
    );
}

#[test]
fn auditors_read_what_opens_the_leaves_and_nobody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    for _ in 0..5 {
        node.play(&stage, &play);
    }
    node.publish();
    let size = node.app.ledger.published();
    let records = format!("/audit/v1/records/0?width={size}");
    assert_eq!(node.call("get", &records).send().status, 401);
    let body = node.call("get", &records).token(AUDITOR_TOKEN).send().body;
    let (mut rest, mut opened) = (body.as_slice(), 0);
    for at in 0..size {
        let (length, after) = rest.split_at(4);
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let (bytes, after) = after.split_at(length);
        rest = after;
        match node.app.ledger.chronicle.leaf(at).unwrap() {
            Leaf::Access(commitment) => {
                let (salt, record) = bytes.split_first_chunk::<32>().unwrap();
                assert_eq!(Commitment::of(salt, record), commitment);
                let record = Record::parse(record).unwrap();
                node.app
                    .ledger
                    .chronicle
                    .gate()
                    .public()
                    .verify(&record)
                    .unwrap();
                opened += 1;
            }
            Leaf::PolicyAnchor(hash) => {
                let anchor = Anchor::parse(std::str::from_utf8(bytes).unwrap()).unwrap();
                assert_eq!(anchor.hash(), hash);
            }
            Leaf::Enrolment(enrolment) => {
                let (tags, []) = bytes.as_chunks::<32>() else {
                    panic!("tags have 32 bytes");
                };
                assert_eq!(enrolment.count, tags.len() as u64);
            }
            _ => assert!(bytes.is_empty()),
        }
    }
    assert!(rest.is_empty());
    assert_eq!(opened, 5);
}

#[test]
fn an_operator_erases_on_a_basis_and_the_list_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let gone = index(&node.play(&stage, &play));
    node.play(&stage, &play);
    let refused = node.operator(&json!({"do": "erase_rows", "entries": [gone], "basis": " "}));
    assert_eq!(refused.status, 400);
    let erased = node
        .operator(&json!({"do": "erase_rows", "entries": [gone], "basis": "PDL 25(2)(8)"}))
        .ok();
    assert_eq!(erased["rows"], 1);
    let seen = list(&node, &play, &path(&play)).unwrap();
    assert_eq!((seen.count, seen.shown, seen.erased), (2, 1, 1));
    let withheld = index(&node.play(&stage, &play));
    let order = json!({"do": "withhold", "entry": withheld, "ground": "secrecy of a notarial act"});
    node.operator(&order).ok();
    let seen = list(&node, &play, &path(&play)).unwrap();
    assert_eq!((seen.count, seen.shown, seen.withheld), (3, 1, 1));
    // The page of an erased decision is gone, and the node starts again without it.
    assert_eq!(node.get(&format!("/en/decisions/{gone}")).status, 404);
    node.stop().unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    let seen = list(&node, &play, &path(&play)).unwrap();
    assert_eq!((seen.count, seen.erased, seen.withheld), (3, 1, 1));
    let key = node
        .operator(&json!({"do": "person_key", "person": play.person}))
        .ok();
    assert_eq!(key["secret"].as_str().unwrap().len(), 64);
}

#[test]
fn an_old_copy_of_the_log_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.stop().unwrap();
    let (ledger, kept) = (dir.path().join("ledger"), dir.path().join("kept"));
    copy(&ledger, &kept);
    let node = Node::start(dir.path(), &stage, &play);
    node.play(&stage, &play);
    node.stop().unwrap();

    // The operator puts the old files back; the witness remembers.
    let (newer, witness) = (dir.path().join("newer"), dir.path().join("witness"));
    std::fs::rename(&ledger, &newer).unwrap();
    copy(&kept, &ledger);
    let refused = |text: &str| {
        let error = open_only(config(dir.path())).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    refused("it is an old copy");
    // And the witness's memory along with them.
    std::fs::rename(&witness, dir.path().join("witness-away")).unwrap();
    refused("the memory of the witness inside the node is gone");
    std::fs::rename(dir.path().join("witness-away"), &witness).unwrap();
    std::fs::remove_dir_all(&ledger).unwrap();
    std::fs::rename(&newer, &ledger).unwrap();
    let node = Node::start(dir.path(), &stage, &play);
    assert_eq!(node.entries(), 2);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_use_that_only_a_human_may_permit_is_no_permit() {
    // With the confidence floor on, an ok that rests on an assumed act is answered `human`.
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("S12");
    stage.write(dir.path());
    let mut config = config(dir.path());
    config.law.confidence_floor = true;
    let node = Node::with(config);
    let answer = node.play(&stage, &play);
    let verdict = answer["context"]["verdict"].as_str().unwrap();
    let row = node.app.ledger.chronicle.row(index(&answer)).unwrap().row;
    let code = match verdict {
        "ok" => DecisionCode::Permit,
        "human" => DecisionCode::Human,
        _ => DecisionCode::Deny,
    };
    assert_eq!(row.record.facts.decision, code, "{verdict}");
    let waits = node
        .app
        .ledger
        .intents
        .lock()
        .unwrap()
        .contains_key(&index(&answer));
    assert_eq!(waits, verdict == "ok");
}
