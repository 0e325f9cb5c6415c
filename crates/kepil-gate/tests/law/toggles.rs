//! For every test there is one fact that toggles it, and it alone.
//!
//! The search starts from the worked cases and their twins. It changes one fact, and looks for a
//! change that makes this test fail where it did not, or hold where it failed, and leaves every
//! other outcome as it was. Facts that somebody states come first; what the gate works out (a ground, a limit,
//! a due date) only where no stated fact can do it alone.

use crate::support::{GATE, SCENES};
use kepil_gate::decision::TestResult;
use kepil_gate::gate::Scene;
use kepil_law::schema::SlotType;
use kepil_law::{Facts, Slot, Value};
use std::collections::BTreeMap;

/// A fact, and the value that toggles.
type Toggle = (String, Slot, Value, usize);

fn alternatives(ty: &SlotType, optional: bool, now: &Value, at: i64) -> Vec<Value> {
    let day = 86_400_000;
    let mut out = match (ty, now) {
        (SlotType::Bool, Value::Bool(b)) => vec![Value::Bool(!b)],
        (SlotType::Long(_), Value::Int(n)) => [0, 1, 3, 5, 10, 15, 24, 99, 100_000]
            .iter()
            .filter(|v| *v != n)
            .map(|v| Value::Int(*v))
            .collect(),
        (SlotType::Datetime, _) => [-400, -40, -1, 0, 1, 40, 400]
            .iter()
            .map(|d| Value::Int(at + d * day))
            .collect(),
        (SlotType::Duration, Value::Int(_)) => vec![Value::Int(day), Value::Int(100 * day)],
        (SlotType::Term(t), Value::Id(i)) => {
            let n = GATE.book().vocab.types()[usize::from(*t)].terms.len();
            (0..u16::try_from(n).unwrap())
                .filter(|x| x != i)
                .map(Value::Id)
                .collect()
        }
        (SlotType::Terms(t), Value::Set(m)) => {
            let n = GATE.book().vocab.types()[usize::from(*t)].terms.len();
            (0..n)
                .map(|i| Value::Set(m ^ (1 << i)))
                .chain([Value::Set(0)])
                .collect()
        }
        _ => Vec::new(),
    };
    if optional && !matches!(now, Value::Absent) && *ty != SlotType::Record {
        out.push(Value::Absent);
    }
    out
}

fn only(before: &[TestResult], after: &[TestResult]) -> Option<usize> {
    let mut changed = None;
    for (i, (b, a)) in before.iter().zip(after).enumerate() {
        // Whether a test has something to look at may change with it; what counts is whether it fails.
        if b.outcome.failed() != a.outcome.failed() {
            if changed.is_some() {
                return None;
            }
            changed = Some(i);
        }
    }
    changed
}

fn outcomes(scene: &Scene, derived: bool) -> (Vec<TestResult>, Facts) {
    let era = GATE.book().at(scene.at);
    if derived {
        return (
            GATE.outcomes(&scene.facts, era, scene.at),
            scene.facts.clone(),
        );
    }
    let (d, facts) = GATE.decide_seeing(scene.clone(), era);
    (d.tests, facts)
}

fn search(derived: bool, found: &mut BTreeMap<usize, Toggle>) {
    let layout = &GATE.book().layout;
    for (n, (_, scene)) in SCENES.iter().enumerate() {
        if found.len() == GATE.book().tests.len() {
            return;
        }
        let (before, full) = outcomes(scene, false);
        let mut start = scene.clone();
        if derived {
            start.facts = full;
        }
        for (slot, def) in (0u16..)
            .zip(layout.slots())
            .filter(|(_, d)| d.derived == derived)
        {
            let parent_there = def
                .path
                .rsplit_once('.')
                .is_none_or(|(p, _)| layout.slot(p).is_none_or(|s| start.facts.has(s)));
            if !parent_there {
                continue;
            }
            for value in alternatives(&def.ty, def.optional, start.facts.get(slot), scene.at.ms()) {
                let mut other = start.clone();
                other.facts.set(slot, value.clone());
                if let Some(test) = only(&before, &outcomes(&other, derived).0) {
                    found
                        .entry(test)
                        .or_insert((def.path.clone(), slot, value, n));
                }
            }
        }
    }
}

#[test]
fn every_test_has_a_fact_that_toggles_it_and_it_alone() {
    let mut found = BTreeMap::new();
    search(false, &mut found);
    let stated = found.len();
    search(true, &mut found);
    let tests = &GATE.book().tests;
    let without: Vec<&str> = tests
        .iter()
        .enumerate()
        .filter(|(i, _)| !found.contains_key(i))
        .map(|(_, t)| t.id.as_str())
        .collect();
    let list: Vec<String> = found
        .iter()
        .map(|(i, (path, ..))| format!("{} by {path}", tests[*i].id))
        .collect();
    assert!(
        without.is_empty(),
        "tests that no single fact toggles alone: {without:?}; found: {list:?}"
    );
    assert!(
        stated >= 58,
        "only {stated} tests toggle by a stated fact: {list:?}"
    );
}
