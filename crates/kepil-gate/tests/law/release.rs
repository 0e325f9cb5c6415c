//! How firmly an entry must stand before data leave: a word of the law.

use crate::support::{GATE, SCENES};
use kepil_gate::decision::Obligation;
use kepil_law::pack::{File, Options, load};
use kepil_law::release::Release;
use kepil_law::{StatuteBook, Value};
use kepil_terms::Instant;

const DAY: i64 = 86_400_000;

fn category(id: &str) -> u128 {
    1 << GATE.book().vocab.find("Category", id).unwrap()
}

fn release(day: &str, categories: u128, yes: &[&str]) -> Release {
    let mut facts = GATE.blank();
    for path in yes {
        let slot = GATE.book().layout.slot(path).unwrap();
        facts.set(slot, Value::Bool(true));
    }
    let at = Instant::parse(&format!("{day}T12:00:00+05:00")).unwrap();
    GATE.book().release(at, categories, &facts)
}

#[test]
fn special_categories_wait_for_witnesses() {
    let day = "2026-10-01";
    for id in [
        "face_image",
        "face_template",
        "health_status",
        "test_result",
    ] {
        assert_eq!(release(day, category(id), &[]), Release::Witnessed, "{id}");
    }
    let plain = category("address") | category("none");
    assert_eq!(release(day, plain, &[]), Release::Durable);
    let mixed = plain | category("face_image");
    assert_eq!(release(day, mixed, &[]), Release::Witnessed);
}

#[test]
fn a_judges_order_waits_for_witnesses() {
    let plain = category("address");
    for path in ["notice.judge", "special.sanction"] {
        let asked = release("2026-10-01", plain, &[path]);
        assert_eq!(asked, Release::Witnessed, "{path}");
    }
    let convenience = release("2026-10-01", plain, &["notice.deferral"]);
    assert_eq!(convenience, Release::Durable);
}

#[test]
fn a_level_is_dated_as_its_provision_is() {
    // The Code on health of 2020 names medical data; no text before it does here.
    assert_eq!(
        release("2020-07-06", category("health_status"), &[]),
        Release::Durable
    );
    assert_eq!(
        release("2020-07-07", category("health_status"), &[]),
        Release::Witnessed
    );
}

#[test]
fn every_decision_says_its_level() {
    let medical = GATE.book().class_mask("CategoryClass", "medical").unwrap();
    let mut seen = [0; 2];
    for (id, scene) in SCENES.iter() {
        let touches = scene.facts.set_of(GATE.slots().data) & medical != 0;
        let from = Instant::parse("2020-07-07T00:00:00+06:00").unwrap();
        let decision = GATE.decide(scene.clone());
        if touches && scene.at.ms() > from.ms() + DAY {
            assert_eq!(decision.release, Release::Witnessed, "{id}");
            seen[0] += 1;
        }
        if decision.release == Release::Durable {
            seen[1] += 1;
        }
        let level = decision.obligations.iter().find_map(|o| match o {
            Obligation::Log { level } => Some(*level),
            _ => None,
        });
        assert_eq!(level, Some(decision.release), "{id}");
    }
    assert!(seen.iter().all(|n| *n > 5), "{seen:?}");
}

fn loaded(from: &str, to: &str) -> Result<StatuteBook, String> {
    let mut files: Vec<File> = kepil_packs::kz();
    let (_, text) = files
        .iter_mut()
        .find(|(path, _)| path == "health-2020.md")
        .unwrap();
    assert!(text.contains(from));
    *text = text.replace(from, to);
    let options = Options {
        assumed: true,
        draft: false,
    };
    load(&files, options).map_err(|e| e.to_string())
}

#[test]
fn a_level_that_means_nothing_does_not_load() {
    let word = "release: {level: witnessed, data: [medical]}";
    for (wrong, said) in [
        ("release: {level: soon, data: [medical]}", "soon"),
        ("release: {level: witnessed, data: [medcal]}", "medcal"),
        ("release: {level: witnessed, when: notice.jugde}", "jugde"),
        (
            "release: {level: witnessed, when: notice.until}",
            "notice.until",
        ),
        ("release: {levle: witnessed}", "levle"),
    ] {
        let error = loaded(word, wrong).unwrap_err();
        assert!(error.contains(said), "{wrong}: {error}");
        assert!(error.contains("health-2020.md"), "{wrong}: {error}");
    }
    let book = loaded(word, "release: {level: included}").unwrap();
    let at = Instant::parse("2026-10-01T12:00:00+05:00").unwrap();
    assert_eq!(book.release(at, 0, &GATE.blank()), Release::Included);
}
