//! Months in which nothing happened are proved too; sealed uses have sealed outcomes.

use crate::support::{Node, ONE, Play, Stage, WALL_SECS, config, index};
use crate::uses::{list_of, path};
use kepil_ledger::entry::Leaf;
use kepil_ledger::period::Period;
use kepil_ledger::record::RecordKind;
use kepil_server::register::RecordEntry;
use serde_json::{Value, json};
use std::time::Duration;

fn enrolments(node: &Node) -> Vec<u64> {
    let leaves = node.app.ledger.chronicle.reader().records(0);
    let leaves = leaves.map(|entry| entry.unwrap().leaf);
    let counts = leaves.filter_map(|leaf| match leaf {
        Leaf::Enrolment(enrolment) => Some(enrolment.count),
        _ => None,
    });
    counts.collect()
}

fn month_of(node: &Node, person: &str, period: Period) -> Value {
    let months = node.of_person(person, "/my/v1/uses").send().ok();
    let months = months["months"].as_array().unwrap();
    let month = months
        .iter()
        .find(|month| month["period"] == period.number());
    month.cloned().unwrap_or_default()
}

#[test]
fn a_month_without_a_use_is_proved_empty() {
    let dir = tempfile::tempdir().unwrap();
    let (mut stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    node.enrolled();
    let month = Period::of_ms(play.at_ms);
    let nothing = list_of(&node, &play, month, &path(&play)).unwrap();
    assert_eq!((nothing.count, nothing.shown), (0, 0));
    let shown = month_of(&node, &play.person, month);
    assert_eq!(
        (&shown["entries"], &shown["proof"]),
        (&json!(0), &json!(path(&play)))
    );
    node.play(&stage, &play);
    assert_eq!(list_of(&node, &play, month, &path(&play)).unwrap().count, 1);

    // Somebody in no register: no proof is promised, and none is given.
    let stranger = month_of(&node, "nobody-here", month);
    assert_eq!(
        (&stranger["entries"], &stranger["proof"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(
        node.of_person("nobody-here", &path(&play)).send().status,
        404
    );

    // The start of a node enrols nobody twice.
    let once = enrolments(&node);
    node.stop().unwrap();
    let node = Node::with(config(dir.path()));
    assert_eq!(enrolments(&node), once);

    // A new person in the registers is in the month's map after a reload.
    let records = &mut stage.file.records;
    let mut new = records.iter().find(|r| r.kind == "person").unwrap().clone();
    new.id = "newcomer".into();
    records.push(new);
    stage.write(dir.path());
    kepil_server::serve::reload(&node.app);
    node.enrolled();
    let newcomer = Play {
        person: "newcomer".into(),
        ..play
    };
    let now = Period::of_secs(WALL_SECS);
    let theirs = format!("/my/v1/uses/{}", now.number());
    assert_eq!(list_of(&node, &newcomer, now, &theirs).unwrap().count, 0);
}

/// A node with an order that seals uses of the play until the end of its month.
fn sealed(dir: &std::path::Path) -> (Stage, Play, Node, Period) {
    let (mut stage, play) = Stage::with("C04");
    let month = Period::of_ms(play.at_ms);
    // What the case's own order says, sealed.
    let own = play.request["context"]["order"].as_str().unwrap();
    let is_own = |record: &&RecordEntry| record.kind == "order" && record.id == own;
    let own = stage.file.records.iter().find(is_own).unwrap();
    let sealed = RecordEntry {
        id: "covert-1".into(),
        sealed_until: Some(month.number()),
        ..own.clone()
    };
    stage.file.records.push(sealed);
    stage.write(dir);
    let mut config = config(dir);
    config.ledger.intent_secs = 60;
    let node = Node::with(config);
    node.at(&play);
    (stage, play, node, month)
}

fn use_sealed(node: &Node, stage: &Stage, play: &Play) -> u64 {
    let mut request = play.request.clone();
    request["context"]["order"] = json!("covert-1");
    let token = node.token(stage, &play.system);
    let answer = node.post(ONE, &token, &request).ok();
    assert_eq!(answer["decision"], true, "{answer}");
    index(&answer)
}

fn embargo(node: &Node, entry: u64) -> Option<Period> {
    match node.app.ledger.chronicle.leaf(entry).unwrap() {
        Leaf::Sealed { embargo, .. } => Some(embargo),
        _ => None,
    }
}

#[test]
fn the_outcome_of_a_sealed_use_is_sealed_and_opens_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play, node, month) = sealed(dir.path());
    let entry = use_sealed(&node, &stage, &play);
    let token = node.token(&stage, &play.system);
    let body = json!({"entry": entry, "outcome": "released", "digest": "cd".repeat(32)});
    let report = || node.post("/access/v1/outcome", &token, &body);
    let outcome = report().ok()["entry"].as_u64().unwrap();
    assert_eq!(report().status, 404, "it was reported before");
    assert_eq!(embargo(&node, outcome), Some(month));
    node.enrolled();
    assert_eq!(list_of(&node, &play, month, &path(&play)).unwrap().count, 0);

    // A court extends the use; its outcome stays shut with it.
    let until = month.next();
    let order =
        json!({"do": "extend", "entry": entry, "until_month": until.number(), "order": "court 7"});
    node.operator(&order).ok();
    let counters = node.get("/log/counters").ok()["counters"].clone();
    assert_eq!(
        (&counters["sealed"], &counters["extended"]),
        (&json!(2), &json!(2))
    );
    node.clock_ms(month.end_secs() * 1000 + 1);
    std::thread::sleep(Duration::from_millis(1200));
    let counters = node.get("/log/counters").ok()["counters"].clone();
    assert_eq!(
        (&counters["opened"], &counters["overdue"]),
        (&json!(0), &json!(0))
    );

    node.clock_ms(until.end_secs() * 1000 + 1);
    let then = until.next();
    let theirs = format!("/my/v1/uses/{}", then.number());
    node.enrolled();
    let seen = loop {
        let seen = list_of(&node, &play, then, &theirs).unwrap();
        if seen.count >= 2 {
            break seen;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let found: Vec<_> = seen
        .opened
        .iter()
        .map(|opened| {
            assert_eq!(opened.shown.kind, RecordKind::Opened);
            let payload = &opened.payload;
            (payload.sealed, payload.intent, payload.outcome.as_str())
        })
        .collect();
    assert_eq!(
        found,
        [
            (Some(entry), None, ""),
            (Some(outcome), Some(entry), "released")
        ]
    );
}

#[test]
fn a_sealed_use_without_a_report_has_an_unknown_outcome_that_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play, node, month) = sealed(dir.path());
    let entry = use_sealed(&node, &stage, &play);
    node.clock_ms(play.at_ms + 61_000);
    let chronicle = &node.app.ledger.chronicle;
    let outcome = loop {
        let found = (entry + 1..chronicle.reader().size())
            .find(|at| matches!(chronicle.leaf(*at).unwrap(), Leaf::Sealed { .. }));
        if let Some(found) = found {
            break found;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(embargo(&node, outcome), Some(month));
    let payload = chronicle.payload(&chronicle.row(outcome).unwrap()).unwrap();
    assert_eq!(
        (payload.intent, payload.outcome.as_str()),
        (Some(entry), "unknown")
    );
    // Once, and not again after a start.
    let leaves = |node: &Node| {
        let chronicle = &node.app.ledger.chronicle;
        let all = (0..chronicle.reader().size()).map(|at| chronicle.leaf(at).unwrap());
        all.filter(|leaf| matches!(leaf, Leaf::Sealed { .. }))
            .count()
    };
    assert_eq!(leaves(&node), 2);
    let config = node.app.config.clone();
    node.stop().unwrap();
    let node = Node::with(config);
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(leaves(&node), 2);
}
