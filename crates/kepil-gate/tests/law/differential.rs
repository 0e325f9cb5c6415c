//! Compiled rules against Cedar's own evaluator: the same rules fire, on every case and on
//! thousands of scenes made from them.

use crate::support::{GATE, SCENES};
use kepil_gate::cite::Basis;
use kepil_gate::gate::Scene;
use kepil_law::Facts;
use kepil_law::book::bits;
use kepil_law::eval::Scope;
use kepil_law::oracle::Oracle;
use kepil_law::rule::Role;
use kepil_law::vocab::bit;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;

/// The rules that fire on full facts, by our own evaluator.
fn fired(facts: &Facts, at: kepil_terms::Instant, category: Option<u16>) -> BTreeSet<String> {
    let book = GATE.book();
    let era = book.at(at);
    let list = match category {
        None => era.tests(facts.action),
        Some(c) => era.grounds(facts.action, c),
    };
    list.iter()
        .map(|e| &book.rules[e.rule as usize])
        .filter(|r| r.actors & bit(facts.principal) != 0)
        .filter(|r| {
            let scope = Scope {
                facts,
                resource: category,
                area_up: book.area_up(),
            };
            scope.holds(&r.applies).unwrap() && !scope.holds(&r.holds).unwrap()
        })
        .map(|r| r.id.clone())
        .collect()
}

fn compare(oracle: &Oracle<'_>, name: &str, scene: Scene) {
    let book = GATE.book();
    let at = scene.at;
    let (_, facts) = GATE.decide_seeing(scene, book.at(at));
    let sets = oracle.sets(at).unwrap();
    let request = oracle
        .request(&facts, None)
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(
        oracle.satisfied(&request, &sets.tests).unwrap(),
        fired(&facts, at, None),
        "{name}: tests"
    );
    let asked = facts.set_of(GATE.slots().data);
    for c in bits(asked) {
        let request = oracle.request(&facts, Some(c)).unwrap();
        assert_eq!(
            oracle.satisfied(&request, &sets.grounds).unwrap(),
            fired(&facts, at, Some(c)),
            "{name}: grounds of {c}"
        );
    }
}

#[test]
fn cedar_fires_the_same_rules_on_every_case() {
    let oracle = Oracle::new(GATE.book()).unwrap();
    for (name, scene) in SCENES.iter() {
        compare(&oracle, name, scene.clone());
    }
}

#[test]
fn cedar_fires_the_same_rules_on_scenes_nobody_wrote() {
    let oracle = Oracle::new(GATE.book()).unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&crate::properties::any_scene(), |scene| {
            compare(&oracle, "generated", scene);
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_rule_fires_and_rests_somewhere_in_the_cases() {
    // A rule that no case ever makes fire is a rule nobody has tested.
    let book = GATE.book();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (_, scene) in SCENES.iter() {
        let at = scene.at;
        let (_, facts) = GATE.decide_seeing(scene.clone(), book.at(at));
        seen.extend(fired(&facts, at, None));
        for c in bits(
            facts.set_of(GATE.slots().data) | bit(book.vocab.find("Category", "none").unwrap()),
        ) {
            seen.extend(fired(&facts, at, Some(c)));
        }
    }
    let never: Vec<&str> = book
        .rules
        .iter()
        .map(|r| r.id.as_str())
        .filter(|id| !seen.contains(*id))
        .collect();
    let tests_without: Vec<&str> = book
        .tests
        .iter()
        .enumerate()
        .filter(|(i, _)| {
            !book.rules.iter().any(|r| {
                matches!(r.role, Role::Test { test, .. } if usize::from(test) == *i)
                    && seen.contains(&r.id)
            })
        })
        .map(|(_, t)| t.id.as_str())
        .collect();
    assert!(
        tests_without.is_empty(),
        "tests that never fail in any case: {tests_without:?}"
    );
    // Rules kept for completeness whose cases reach them through another rule of the same test.
    assert!(
        never.len() * 4 < book.rules.len(),
        "{} of {} rules never fire: {never:?}",
        never.len(),
        book.rules.len()
    );
}

#[test]
fn a_basis_is_resolved_up_its_chain_only_from_by_laws() {
    let book = GATE.book();
    let cite = |s: &str| kepil_gate::Citation::parse(s, book);
    let chain = |s: &str| Basis::new(vec![cite(s)], false, book).chain.len();
    assert_eq!(chain("KZ-PDL-2013#9.1"), 0);
    assert!(chain("KZ-ALA-8-2020") >= 3);
    assert!(matches!(
        cite("KZ-NOT-THERE#1"),
        kepil_gate::Citation::Unknown(_)
    ));
}
