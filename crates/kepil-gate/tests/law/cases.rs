//! The acceptance test: every worked case and its twin.

use crate::support::{BASELINES, GATE};
use kepil_gate::case;

#[test]
fn every_case_and_every_twin_comes_out_as_the_law_says() {
    let mut wrong = Vec::new();
    let (mut cases, mut twins) = (0, 0);
    for block in &GATE.book().cases {
        for r in case::run(&GATE, &BASELINES, block) {
            if r.twin {
                twins += 1;
            } else {
                cases += 1;
            }
            for d in r.differences {
                wrong.push(format!(
                    "{}{} ({}:{}): {d}",
                    r.id,
                    if r.twin { "'" } else { "" },
                    r.place.0,
                    r.place.1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 136, "only {cases} cases");
    assert_eq!(cases, twins);
}

#[test]
fn the_136_published_cases_are_all_there() {
    let have: Vec<&str> = GATE.book().cases.iter().map(|c| c.id.as_str()).collect();
    let s = (1..=17)
        .map(|n| format!("S{n:02}"))
        .flat_map(|id| match id.as_str() {
            "S08" | "S11" | "S14" => vec![format!("{id}a"), format!("{id}b")],
            _ => vec![id],
        });
    let missing: Vec<String> = s
        .chain((1..=116).map(|n| format!("C{n:02}")))
        .filter(|id| !have.contains(&id.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_id_and_no_wording_steers_the_gate() {
    // The same situation under another id, title, wording and reason decides alike.
    for block in GATE.book().cases.iter().take(40) {
        let case = case::Case::parse(&block.text).unwrap();
        let mut other = case.clone();
        other.id = "X99".into();
        other.title = String::new();
        other.original = String::new();
        other.why = String::new();
        let decide =
            |c: &case::Case| GATE.decide(c.situation.scene(&GATE, &BASELINES, None).unwrap());
        assert_eq!(decide(&case).tests, decide(&other).tests);
    }
}
