//! The law over HTTP: every worked case, batches, languages, and what a caller cannot do.

use crate::support::{GATE, MANY, Node, ONE, Play, Stage, config, receipt, without_entry};
use kepil_gate::Outcome;
use kepil_law::vocab::bit;
use kepil_terms::{Lang, Verdict};
use serde_json::{Map, Value, json};

/// Every case and every twin that a stage can play.
fn everything(stage: &mut Stage) -> Vec<Play> {
    let ids: Vec<String> = GATE
        .book()
        .cases
        .iter()
        .flat_map(|c| [c.id.clone(), format!("{}'", c.id)])
        .collect();
    ids.iter().filter_map(|id| stage.play(id)).collect()
}

/// Why the registers cannot express a case.
fn beyond_registers(play: &Play) -> Option<&'static str> {
    let facts = &play.scene.facts;
    let stated = |path: &str| GATE.book().layout.slot(path).and_then(|s| facts.bool(s));
    if stated("log_ready") == Some(false) {
        return Some("the gate itself says whether its log is ready");
    }
    None
}

/// The tests of a direct decision, as an answer says them.
fn tests_of(decision: &kepil_gate::Decision) -> Value {
    let said = GATE.book().tests.iter().zip(&decision.tests);
    let said = said.filter(|(_, r)| {
        !matches!(
            r.outcome,
            Outcome::NotApplicable | Outcome::LawNotYetInForce
        )
    });
    said.map(|(t, r)| (t.id.clone(), Value::from(r.outcome.as_str())))
        .collect::<Map<String, Value>>()
        .into()
}

#[test]
fn every_case_and_twin_comes_out_over_http_as_the_law_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let plays = everything(&mut stage);
    let node = Node::start(dir.path(), &stage, &plays[0]);
    let (mut wrong, mut skipped, mut played) = (Vec::new(), Vec::new(), 0);
    for play in &plays {
        if let Some(why) = beyond_registers(play) {
            skipped.push(format!("{}: {why}", play.id));
            continue;
        }
        played += 1;
        let answer = node.play(&stage, play);
        let context = &answer["context"];
        let verdict = context["verdict"].as_str().unwrap();
        if !play.expected.iter().any(|v| v.as_str() == verdict) {
            wrong.push(format!(
                "{}: {verdict} instead of {:?}",
                play.id, play.expected
            ));
        }
        if play.strict.is_some_and(|s| s.as_str() != context["strict"]) {
            wrong.push(format!(
                "{}: strict {} instead of {:?}",
                play.id, context["strict"], play.strict
            ));
        }
        assert_eq!(answer["decision"], verdict == "ok", "{}", play.id);
        // Nothing may get lost between the registers and the gate: every test comes out alike.
        let direct = GATE.decide(play.scene.clone());
        if context["tests"] != tests_of(&direct) || context["strict"] != direct.strict.as_str() {
            wrong.push(format!(
                "{}: {} instead of {}",
                play.id,
                context["tests"],
                tests_of(&direct)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(skipped.len() <= 5, "{}", skipped.join("\n"));
    assert!(played >= 240, "only {played} played");
    assert_eq!(node.entries(), played);
}

#[test]
fn with_the_confidence_floor_on_the_strict_verdict_is_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let plays = everything(&mut stage);
    let strict_of = |p: &Play| GATE.decide(p.scene.clone());
    let soft: Vec<&Play> = plays
        .iter()
        .filter(|p| beyond_registers(p).is_none() && strict_of(p).verdict < strict_of(p).strict)
        .collect();
    assert!(soft.len() >= 5, "only {} cases differ", soft.len());
    stage.write(dir.path());
    let mut config = config(dir.path());
    config.law.confidence_floor = true;
    let node = Node::with(config);
    for play in soft {
        let answer = node.play(&stage, play);
        assert_eq!(
            answer["context"]["verdict"], answer["context"]["strict"],
            "{}",
            play.id
        );
        assert_eq!(
            answer["context"]["substance"],
            strict_of(play).verdict.as_str(),
            "{}",
            play.id
        );
        assert_eq!(answer["decision"], false, "{}", play.id);
    }
}

#[test]
fn without_the_assumed_acts_a_case_that_rests_on_them_is_no_ok() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("S12");
    assert_eq!(play.expected[0], Verdict::Ok);
    stage.write(dir.path());
    let mut config = config(dir.path());
    config.danger_assumed_law = false;
    let node = Node::with(config);
    assert_eq!(node.play(&stage, &play)["context"]["verdict"], "deny");
}

/// Fifty different requests that one system may put, at one time.
fn fifty(stage: &mut Stage) -> Vec<Value> {
    let plays = everything(stage);
    // One system that may act as all of them refers to all records.
    stage
        .file
        .records
        .iter_mut()
        .for_each(|r| r.systems.clear());
    let mut all = stage.file.systems[0].clone();
    all.id = "many-sided".into();
    all.actors = stage
        .file
        .systems
        .iter()
        .flat_map(|s| s.actors.clone())
        .collect();
    all.actors.sort();
    all.actors.dedup();
    stage.file.systems.push(all);
    let actor = |play: &Play| {
        let ty = GATE.book().vocab.type_named("Actor").unwrap();
        GATE.book()
            .vocab
            .def(ty, play.scene.actor)
            .unwrap()
            .id
            .clone()
    };
    let mut out: Vec<Value> = plays
        .iter()
        .step_by(plays.len() / 50)
        .take(50)
        .map(|p| {
            let mut request = p.request.clone();
            request["subject"]["properties"]["actor"] = actor(p).into();
            request
        })
        .collect();
    assert_eq!(out.len(), 50);
    out.dedup();
    assert_eq!(out.len(), 50);
    out
}

#[test]
fn a_batch_of_fifty_gives_what_fifty_single_requests_give() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let requests = fifty(&mut stage);
    stage.write(dir.path());
    let node = Node::with(config(dir.path()));
    let token = node.token(&stage, "many-sided");
    let singles: Vec<Value> = requests
        .iter()
        .map(|r| without_entry(&node.post(ONE, &token, r).ok()))
        .collect();
    let batch = node
        .post(MANY, &token, &json!({ "evaluations": requests }))
        .ok();
    let batch = batch["evaluations"].as_array().unwrap();
    assert_eq!(batch.len(), 50);
    for (single, item) in singles.iter().zip(batch) {
        assert_eq!(&without_entry(item), single);
        assert!(
            receipt(item).record().is_none(),
            "receipts of a batch are short"
        );
    }
    let indexes: Vec<u64> = batch.iter().map(crate::support::index).collect();
    assert!(indexes.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert_eq!(node.place(&batch[0]), 50);
    let verdicts: std::collections::BTreeSet<&str> = singles
        .iter()
        .map(|s| s["context"]["verdict"].as_str().unwrap())
        .collect();
    assert!(verdicts.len() >= 2, "the fifty are too alike: {verdicts:?}");
}

#[test]
fn reasons_come_in_the_language_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("S01");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let ask = |lang: Option<&str>| {
        let call = node.call("post", ONE).token(&token);
        let call = match lang {
            Some(l) => call.header("Accept-Language", l),
            None => call,
        };
        call.json(&play.request).send().ok()["context"].clone()
    };
    let texts = |c: &Value| {
        c["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let english = ask(Some("en"));
    assert!(!texts(&english).is_empty());
    for (asked, lang) in [
        ("kk", Lang::Kk),
        ("kk-KZ,ru;q=0.8", Lang::Kk),
        ("ru", Lang::Ru),
        ("de-DE, ru-RU;q=0.7, en;q=0.5", Lang::Ru),
        ("en", Lang::En),
        ("de", Lang::En),
        ("*", Lang::En),
        ("", Lang::En),
    ] {
        let context = ask(Some(asked));
        assert_eq!(
            context["summary"],
            kepil_gate::reason::summary(Verdict::Deny, lang),
            "{asked}"
        );
        assert_eq!(context["tests"], english["tests"]);
        assert_eq!(
            texts(&context) == texts(&english),
            lang == Lang::En,
            "{asked}"
        );
        let is_cyrillic = |t: &String| t.chars().any(|c| ('а'..='я').contains(&c));
        assert_eq!(
            texts(&context).iter().all(is_cyrillic),
            lang != Lang::En,
            "{asked}"
        );
    }
    assert_eq!(ask(None)["summary"], english["summary"]);
}

#[test]
fn a_caller_cannot_state_what_only_registers_know() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    for (group, fact) in [
        ("person", json!({"listed": true})),
        ("system", json!({"asking_registered": true})),
        ("agreement", json!({"active": true})),
        ("official", json!({"own_key": true})),
        ("consent", json!({"free": true})),
        ("measure", json!({"cap": 1})),
        ("act", json!({"rank": 1})),
        ("notice", json!({"judge": true})),
        ("dataset", json!({"locked": false})),
        ("case", json!({"court_order": true})),
        ("decision", json!({"foreseen": true})),
        ("biometric", json!({"consent": true})),
        ("ai", json!({"disclosed": true})),
        ("service", json!({"law_based": true})),
        ("special", json!({"sanction": true})),
        ("log_ready", json!(true)),
        ("param", json!({"min_group_size": 0})),
        ("basis", json!({"emergency": true})),
        ("ground", json!({"found": true})),
        ("limit", json!({"data_covered": true})),
        ("now", json!("2026-01-01T00:00:00Z")),
        ("no_such_group", json!({})),
    ] {
        let mut request = play.request.clone();
        request["context"]["claims"] = json!({ group: fact });
        let detail = node.post(ONE, &token, &request).problem(400);
        assert!(
            detail.contains("context.claims") && detail.contains(&format!("`{group}`")),
            "{detail}"
        );
    }
    for (claims, said) in [
        (json!({"request": {"personal": false}}), "request.personal"),
        (json!({"clock": {"due": "2030-01-01"}}), "clock.due"),
        (
            json!({"request": {"no_such_fact": 1}}),
            "request.no_such_fact",
        ),
        (json!({"request": {"bulk": "yes"}}), "request.bulk"),
        (json!({"request": {"lane": "fast"}}), "fast"),
        (json!("text"), "object"),
        (json!({"review": {"same_person": false}}), "lacks"),
        (
            json!({"request": {"fields": ["x".repeat(257)]}}),
            "request.fields",
        ),
        (
            json!({"request": {"fields": (0..129).map(|i| i.to_string()).collect::<Vec<_>>()}}),
            "request.fields",
        ),
    ] {
        let mut request = play.request.clone();
        request["context"]["claims"] = claims;
        let detail = node.post(ONE, &token, &request).problem(400);
        assert!(
            detail.contains("context.claims") && detail.contains(said),
            "{said}: {detail}"
        );
    }
    assert_eq!(node.entries(), 0);
}

#[test]
fn what_a_claim_says_of_data_and_purpose_is_overruled_by_the_request() {
    let dir = tempfile::tempdir().unwrap();
    let (stage, play) = Stage::with("C04");
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let honest = node.post(ONE, &token, &play.request).ok();
    let mut sly = play.request.clone();
    sly["context"]["claims"]["request"]["data"] = json!([]);
    sly["context"]["claims"]["request"]["purpose"] = json!("private_curiosity");
    assert_eq!(
        without_entry(&node.post(ONE, &token, &sly).ok()),
        without_entry(&honest)
    );
}

#[test]
fn records_of_another_system_are_as_if_they_were_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (own, other) = (stage.play("C04").unwrap(), stage.play("C04").unwrap());
    let node = Node::start(dir.path(), &stage, &own);
    let token = node.token(&stage, &own.system);
    assert_eq!(node.post(ONE, &token, &own.request).ok()["decision"], true);
    let mut stolen = other.request.clone();
    stolen["subject"]["id"] = own.request["subject"]["id"].clone();
    let denied = node.post(ONE, &token, &stolen).ok();
    assert_eq!(denied["context"]["verdict"], "deny");
    // Just as if every record were unknown.
    let mut unknown = stolen.clone();
    for kind in ["order", "agreement", "consent", "measure", "act", "case"] {
        if unknown["context"].get(kind).is_some() {
            unknown["context"][kind] = json!("no-such-record");
        }
    }
    unknown["resource"]["id"] = json!("nobody");
    if unknown["subject"]["properties"].get("official").is_some() {
        unknown["subject"]["properties"]["official"] = json!("nobody");
    }
    assert_eq!(
        without_entry(&node.post(ONE, &token, &unknown).ok()),
        without_entry(&denied)
    );
    // One record alone, borrowed, spoils the own request.
    let mut borrowed = own.request.clone();
    borrowed["context"]["agreement"] = other.request["context"]["agreement"].clone();
    assert_eq!(node.post(ONE, &token, &borrowed).ok()["decision"], false);
}

#[test]
fn a_system_cannot_act_as_an_actor_it_is_not_registered_for() {
    let dir = tempfile::tempdir().unwrap();
    let (mut stage, play) = Stage::with("C04");
    let ty = GATE.book().vocab.type_named("Actor").unwrap();
    let own = stage.file.systems[0].actors[0].clone();
    let others: Vec<String> =
        kepil_law::book::bits(GATE.book().vocab.all(ty) & !bit(play.scene.actor))
            .map(|ix| GATE.book().vocab.def(ty, ix).unwrap().id.clone())
            .collect();
    let mut double = stage.file.systems[0].clone();
    double.id = "double".into();
    double.actors.push(others[0].clone());
    stage.file.systems.push(double);
    let node = Node::start(dir.path(), &stage, &play);
    let token = node.token(&stage, &play.system);
    let ask = |token: &str, actor: Value| {
        let mut request = play.request.clone();
        request["subject"]["properties"]["actor"] = actor;
        node.post(ONE, token, &request)
    };
    assert_eq!(ask(&token, own.clone().into()).ok()["decision"], true);
    assert_eq!(ask(&token, json!(null)).ok()["decision"], true);
    for actor in others.iter().map(String::as_str).chain(["nobody", ""]) {
        let detail = ask(&token, actor.into()).problem(400);
        assert!(
            detail.contains("subject.properties.actor") && detail.contains("not registered"),
            "{detail}"
        );
    }
    assert!(ask(&token, json!(7)).problem(400).contains("`actor`"));
    let token = node.token(&stage, "double");
    assert!(
        node.post(ONE, &token, &play.request)
            .problem(400)
            .contains("several actors")
    );
    assert_eq!(ask(&token, own.into()).status, 200);
}

/// The shape of a document: keys and types, lists by whether they are empty.
fn shape(v: &Value) -> Value {
    match v {
        Value::Object(map) => map
            .iter()
            .filter(|(k, _)| *k != "tests")
            .map(|(k, v)| (k.clone(), shape(v)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.first().map_or(json!([]), |v| json!([shape(v)])),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        other => other.clone(),
    }
}

#[test]
fn a_person_nobody_knows_is_denied_in_the_shape_of_a_known_one_who_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new();
    let (own, other) = (stage.play("S12").unwrap(), stage.play("S12").unwrap());
    // The other person is known to this system too, but stands on none of its lists.
    for r in stage
        .file
        .records
        .iter_mut()
        .filter(|r| r.id == other.person)
    {
        r.systems.clear();
    }
    let node = Node::start(dir.path(), &stage, &own);
    let token = node.token(&stage, &own.system);
    assert_eq!(
        node.post(ONE, &token, &own.request).ok()["context"]["verdict"],
        "ok"
    );
    let ask = |person: &str| {
        let mut request = own.request.clone();
        request["resource"]["id"] = person.into();
        node.post(ONE, &token, &request)
    };
    let (known, unknown) = (ask(&other.person), ask("nobody-at-all"));
    for reply in [&known, &unknown] {
        assert_eq!(reply.ok()["context"]["verdict"], "deny");
    }
    assert_eq!(shape(&known.ok()), shape(&unknown.ok()));
    let names =
        |r: &crate::support::Reply| r.headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&known), names(&unknown));
}
