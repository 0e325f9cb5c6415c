//! Properties that hold for every request.

use crate::support::{GATE, SCENES};
use kepil_gate::gate::Scene;
use kepil_gate::{Citation, Outcome};
use kepil_law::schema::SlotType;
use kepil_law::{Slot, Value};
use kepil_terms::{Instant, Verdict};
use proptest::prelude::*;

/// A change of one stated fact.
#[derive(Debug, Clone)]
struct Change {
    slot: prop::sample::Index,
    pick: u64,
}

fn mutate(scene: &mut Scene, change: &Change) {
    let layout = &GATE.book().layout;
    let open: Vec<Slot> = (0u16..)
        .zip(layout.slots())
        .filter(|(i, d)| {
            !d.derived
                && !matches!(d.ty, SlotType::Record | SlotType::Strings)
                && scene.facts.has(*i)
        })
        .map(|(i, _)| i)
        .collect();
    if open.is_empty() {
        return;
    }
    let slot = open[change.slot.index(open.len())];
    let def = layout.def(slot).unwrap();
    let terms = |t: u16| GATE.book().vocab.types()[usize::from(t)].terms.len() as u64;
    let value = match (&def.ty, scene.facts.get(slot)) {
        (SlotType::Bool, Value::Bool(b)) => Value::Bool(!b),
        (SlotType::Long(_), Value::Int(n)) => {
            Value::Int(n + i64::try_from(change.pick % 7).unwrap() - 3)
        }
        (SlotType::Datetime, Value::Int(n)) => {
            Value::Int(n + (i64::try_from(change.pick % 801).unwrap() - 400) * 86_400_000)
        }
        (SlotType::Duration, Value::Int(n)) => {
            Value::Int(n + i64::try_from(change.pick % 5).unwrap() * 86_400_000)
        }
        (SlotType::Term(t), _) => Value::Id(u16::try_from(change.pick % terms(*t)).unwrap()),
        (SlotType::Terms(t), Value::Set(m)) => Value::Set(m ^ (1u128 << (change.pick % terms(*t)))),
        _ => return,
    };
    scene.facts.set(slot, value);
}

prop_compose! {
    /// A scene near one of the cases: some facts changed, perhaps another operation, actor, time, basis.
    pub fn any_scene()(
        start in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..8),
        other in any::<(bool, bool, bool)>(),
        picks in any::<(u16, u16)>(),
        day in 0i64..3650,
        cites in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) -> Scene {
        let mut scene = SCENES[start.index(SCENES.len())].1.clone();
        for (slot, pick) in changes {
            mutate(&mut scene, &Change { slot, pick });
        }
        let book = GATE.book();
        let count = |ty: &str| book.vocab.types()[usize::from(book.vocab.type_named(ty).unwrap())].terms.len();
        if other.0 {
            scene.operation = picks.0 % u16::try_from(count("Action")).unwrap();
        }
        if other.1 {
            scene.actor = picks.1 % u16::try_from(count("Actor")).unwrap();
        }
        if other.2 {
            scene.at = Instant::parse("2018-01-01T00:00:00Z").unwrap().plus_ms(day * 86_400_000 + 7);
            scene.citations = cites.iter().map(|c| Citation::Provision(u32::try_from(c.index(book.provisions.len())).unwrap())).collect();
        }
        scene
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_is_total_and_deterministic(scene in any_scene()) {
        let a = GATE.decide(scene.clone());
        let b = GATE.decide(scene);
        prop_assert_eq!(a.verdict, b.verdict);
        prop_assert_eq!(&a.tests, &b.tests);
        prop_assert!(a.strict >= a.verdict || (a.strict == Verdict::Human));
    }

    #[test]
    fn the_verdict_is_the_worst_outcome_or_worse(scene in any_scene()) {
        let d = GATE.decide(scene);
        let worst = d.tests.iter().map(|t| t.outcome.verdict()).max().unwrap();
        prop_assert!(d.verdict >= worst);
        if d.verdict > worst {
            prop_assert!(d.no_ground != 0 || !d.missing.is_empty() || !d.errors.is_empty());
        }
    }

    #[test]
    fn no_rule_ever_errors_on_complete_facts(scene in any_scene()) {
        let d = GATE.decide(scene);
        prop_assert!(d.errors.is_empty());
        prop_assert!(d.tests.iter().all(|t| t.outcome != Outcome::Error));
    }

    #[test]
    fn an_ok_always_has_a_ground_in_force_for_every_category(scene in any_scene()) {
        let at = scene.at;
        let kind = scene.facts.get(GATE.slots().kind).clone();
        let book = GATE.book();
        let released = ["access", "measure"].iter().any(|k| kind == Value::Id(book.vocab.find("Kind", k).unwrap()));
        let asked = scene.facts.set_of(GATE.slots().data);
        let d = GATE.decide(scene);
        if d.verdict == Verdict::Ok && released {
            for c in kepil_law::book::bits(asked) {
                prop_assert!(d.grounds.iter().any(|g| g.category == c), "category {} without a ground", c);
            }
            for g in &d.grounds {
                let p = &book.provisions[book.rules[g.rule as usize].provision as usize];
                prop_assert_ne!(p.span.at(at), kepil_law::instrument::Standing::Ended);
                prop_assert_ne!(p.span.at(at), kepil_law::instrument::Standing::NotYet);
            }
        }
    }

    #[test]
    fn an_expired_or_unknown_basis_never_yields_ok(scene in any_scene(), unknown in any::<bool>()) {
        let mut scene = scene;
        let extra = if unknown { "KZ-NOT-THERE#1" } else { "KZ-EDOC-2003" };
        if scene.at < Instant::parse("2026-07-13T00:00:00Z").unwrap() {
            scene.at = Instant::parse("2026-10-01T10:00:00+05:00").unwrap();
        }
        scene.citations.push(Citation::parse(extra, GATE.book()));
        let kind = scene.facts.get(GATE.slots().kind).clone();
        let d = GATE.decide(scene);
        let book = GATE.book();
        if ["access", "measure"].iter().any(|k| kind == Value::Id(book.vocab.find("Kind", k).unwrap())) && d.outcome(0) != Outcome::NotApplicable {
            prop_assert_eq!(d.verdict, Verdict::Deny);
        }
    }

    #[test]
    fn a_record_decides_again_to_the_same_bytes(scene in any_scene()) {
        let d = GATE.decide(scene.clone());
        let record = GATE.record(&scene, &d, kepil_gate::record::Parties::default());
        let bytes = serde_json::to_vec(&record).unwrap();
        let read: kepil_gate::record::Record = serde_json::from_slice(&bytes).unwrap();
        let again = GATE.scene_of(&read).unwrap();
        let d2 = GATE.decide(again.clone());
        let record2 = GATE.record(&again, &d2, kepil_gate::record::Parties::default());
        prop_assert_eq!(serde_json::to_vec(&record2).unwrap(), bytes);
    }

    #[test]
    fn coded_facts_never_panic_the_reader(text in "[0-9a-f]{0,400}|.{0,60}") {
        let _ = kepil_gate::record::decode(&text, GATE.book().layout.slots().len());
    }

    #[test]
    fn reasons_read_in_three_languages(scene in any_scene()) {
        let d = GATE.decide(scene);
        for lang in kepil_terms::Lang::ALL {
            let e = GATE.explain(&d, lang, true);
            prop_assert!(!e.summary.is_empty());
            for r in e.reasons.iter().filter(|r| r.outcome != "pass") {
                prop_assert!(!r.text.trim().is_empty(), "{} has no sentence in {}", r.test, lang.code());
            }
        }
    }
}
