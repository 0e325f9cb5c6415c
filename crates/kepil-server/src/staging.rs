//! Puts a worked case into registers: for the demo, the benchmark and the tests, so that a case is
//! played over HTTP with the facts where they belong.

use crate::register::{CLAIMS, RecordEntry, RegisterFile, SystemEntry};
use kepil_gate::case::Situation;
use serde_json::{Map, Value, json};

/// Enters the facts of a situation into the registers and gives the request that refers to them.
///
/// `docs` are the stated facts of the situation, by record; `jwk` is the system's public key.
#[must_use]
pub fn enter(
    file: &mut RegisterFile,
    docs: &Map<String, Value>,
    s: &Situation,
    system: &str,
    person: &str,
    jwk: Value,
) -> Value {
    let take = |group: &str| docs.get(group).cloned();
    let own = docs.get("person").and_then(|p| p.get("own_data")) == Some(&Value::Bool(true));
    let listed = docs.get("person").and_then(|p| p.get("listed")) == Some(&Value::Bool(true));
    file.systems.push(SystemEntry {
        id: system.to_owned(),
        name: format!("invented system of {}", s.actor.replace('_', " ")),
        actors: vec![s.actor.clone()],
        keys: vec![jwk],
        facts: json!({"system": take("system")}),
    });
    let mut context = Map::new();
    let mut add = |kind: &str, id: String, persons: Vec<String>, facts: Value| {
        file.records.push(RecordEntry {
            sealed_until: None,
            born: None,
            attributes: Default::default(),
            id,
            kind: kind.to_owned(),
            systems: vec![system.to_owned()],
            persons,
            facts,
        });
    };
    let of_person = || {
        if listed {
            vec![person.to_owned()]
        } else {
            Vec::new()
        }
    };
    add(
        "order",
        format!("order-{system}"),
        of_person(),
        present(&[("notice", take("notice")), ("special", take("special"))]),
    );
    context.insert("order".into(), format!("order-{system}").into());
    for (group, kind) in [
        ("agreement", "agreement"),
        ("consent", "consent"),
        ("measure", "measure"),
        ("act", "act"),
        ("case", "case"),
    ] {
        if let Some(doc) = take(group) {
            let id = format!("{kind}-{system}");
            let mut facts = Map::new();
            facts.insert(group.to_owned(), doc);
            add(kind, id.clone(), Vec::new(), Value::Object(facts));
            context.insert(kind.to_owned(), id.into());
        }
    }
    let groups = ["decision", "ai", "biometric", "service"].map(|g| (g, take(g)));
    if groups.iter().any(|(_, doc)| doc.is_some()) {
        let id = format!("algorithm-{system}");
        add("algorithm", id.clone(), Vec::new(), present(&groups));
        context.insert("algorithm".into(), id.into());
    }
    let mut subject = Map::new();
    subject.insert("type".into(), "system".into());
    subject.insert("id".into(), system.into());
    if let Some(official) = take("official") {
        add(
            "official",
            format!("official-{system}"),
            Vec::new(),
            json!({"official": official}),
        );
        subject.insert(
            "properties".into(),
            json!({"official": format!("official-{system}")}),
        );
    }
    let mut known = json!({"person": take("person"), "dataset": take("dataset")});
    if let Some(p) = known.get_mut("person").and_then(Value::as_object_mut) {
        // The gate works these out from the records and from who asks.
        p.remove("listed");
        p.remove("own_data");
    }
    add("person", person.to_owned(), Vec::new(), known);
    if own {
        subject.insert("type".into(), "person".into());
        subject.insert("id".into(), person.into());
    }
    let mut claims: Map<String, Value> = CLAIMS
        .iter()
        .filter_map(|g| Some(((*g).to_owned(), take(g)?)))
        .collect();
    if let Some(r) = claims.get_mut("request").and_then(Value::as_object_mut) {
        r.remove("data");
        r.remove("purpose");
    }
    context.insert("purpose".into(), s.purpose.clone().into());
    context.insert("basis".into(), json!(s.cites));
    context.insert("claims".into(), Value::Object(claims));
    if let Some(clock) = &s.clock {
        context.insert("clock".into(), clock.clone().into());
    }
    json!({"subject": subject, "action": {"name": s.operation}, "resource": {"type": "person", "id": person, "properties": {"data": s.data}}, "context": context})
}

fn present(groups: &[(&str, Option<Value>)]) -> Value {
    Value::Object(
        groups
            .iter()
            .filter_map(|(g, doc)| Some(((*g).to_owned(), doc.clone()?)))
            .collect(),
    )
}
