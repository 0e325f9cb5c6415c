//! Cases as their users meet them: filed, delivered, read, decided by one or by two.

#![cfg(test)]

use kepil_cases::{
    Case, CaseId, CaseKind, Cases, Command, Event, FORGOTTEN, Flag, Limits, Look, Outcome, Refusal,
    Rule, SealedText, TellError, Term, Watch,
};
use kepil_terms::calendar::{Calendar, Year};
use kepil_terms::{Day, Instant};
use proptest::prelude::*;

const NOW: u64 = 1_795_000_000_000;

fn sealed(text: &str) -> SealedText {
    SealedText {
        nonce: "00".repeat(24),
        text: text.to_owned(),
    }
}

fn filed(number: u8, kind: CaseKind, needs_second: bool) -> Event {
    Event::Filed {
        id: CaseId::new([number; 8]),
        kind,
        entry: Some(u64::from(number)),
        subject: "person:asel".to_owned(),
        system: "KZ-TAX-01".to_owned(),
        against: "official-1".to_owned(),
        text: Some(sealed("I do not know them")),
        needs_second,
        by: String::new(),
        awaits: false,
    }
}

fn deliver(day: &str) -> Command {
    Command::Deliver {
        proof: "receipt".to_owned(),
        due: Some(Day::parse(day).unwrap()),
    }
}

fn open(by: &str) -> Command {
    Command::Open { by: by.to_owned() }
}

fn decide(by: &str, outcome: Outcome, length: usize) -> Command {
    Command::Decide {
        by: by.to_owned(),
        outcome,
        length,
        reasons: sealed("because"),
        least_seconds: 60,
    }
}

fn confirm(by: &str) -> Command {
    Command::Confirm {
        by: by.to_owned(),
        least_seconds: 60,
    }
}

fn refused(result: Result<Case, TellError>) -> Refusal {
    match result.unwrap_err() {
        TellError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

fn store() -> (tempfile::TempDir, Cases) {
    let dir = tempfile::tempdir().unwrap();
    let cases = Cases::open(&dir.path().join("cases.db")).unwrap();
    (dir, cases)
}

#[test]
fn a_complaint_is_decided_after_it_was_delivered_and_read() {
    let (dir, cases) = store();
    let (case, is_new) = cases
        .file(
            "complaint 1 asel",
            filed(1, CaseKind::Complaint, false),
            NOW,
        )
        .unwrap();
    assert!(is_new);
    let again = filed(2, CaseKind::Complaint, false);
    let (same, is_new) = cases.file("complaint 1 asel", again, NOW + 1).unwrap();
    assert_eq!((same.id, is_new), (case.id, false));

    let tell = |command, at| cases.tell(case.id, command, at);
    let by = "supervisor-1";
    let first = refused(tell(decide(by, Outcome::Upheld, 100), NOW));
    assert_eq!(first, Refusal::NotDelivered);
    let delivered = tell(deliver("2026-12-18"), NOW + 5).unwrap();
    assert_eq!(delivered.delivery.unwrap().at_ms, NOW + 5);
    assert_eq!(
        refused(tell(deliver("2027-01-01"), NOW)),
        Refusal::Delivered
    );
    let unread = refused(tell(decide(by, Outcome::Upheld, 100), NOW));
    assert_eq!(unread, Refusal::NotOpened);
    tell(open(by), NOW + 10).unwrap();
    for (command, why) in [
        (decide(by, Outcome::Upheld, 19), Refusal::Reasons),
        (decide(by, Outcome::Allowed, 100), Refusal::Outcome),
        (confirm(by), Refusal::NotProposed),
    ] {
        assert_eq!(refused(tell(command, NOW + 60_000)), why);
    }
    // The official the complaint is about has no say, whoever opened it.
    tell(open("official-1"), NOW + 11).unwrap();
    let own = refused(tell(
        decide("official-1", Outcome::Rejected, 100),
        NOW + 90_000,
    ));
    assert_eq!(own, Refusal::OwnAct);

    assert_eq!(cases.waiting(CaseKind::Complaint).unwrap().len(), 1);
    let decided = tell(decide(by, Outcome::Upheld, 100), NOW + 60_010).unwrap();
    let (at, decision) = decided.decision.clone().unwrap();
    assert_eq!((at, decision.first.seconds), (NOW + 60_010, 60));
    assert!(decision.is_human);
    assert!(cases.waiting(CaseKind::Complaint).unwrap().is_empty());
    let late = refused(tell(decide(by, Outcome::Rejected, 100), NOW + 70_000));
    assert_eq!(late, Refusal::Decided);

    drop(cases);
    let cases = Cases::open(&dir.path().join("cases.db")).unwrap();
    assert_eq!(cases.find(case.id).unwrap().unwrap(), decided);
    assert_eq!(cases.about("person:asel").unwrap(), [decided]);
    assert_eq!(cases.history(case.id).unwrap().len(), 5);
    let copy = dir.path().join("copy.db");
    Cases::copy(&dir.path().join("cases.db"), &copy).unwrap();
    let copy = Cases::open(&copy).unwrap();
    assert_eq!(copy.about("person:asel").unwrap().len(), 1);
}

#[test]
fn who_is_forgotten_is_in_no_case_and_what_was_decided_stays() {
    let (dir, cases) = store();
    let own = filed(1, CaseKind::Complaint, false);
    cases.file("complaint 1 person:asel", own, NOW).unwrap();
    let id = CaseId::new([1; 8]);
    cases.tell(id, deliver("2026-12-18"), NOW).unwrap();
    cases.tell(id, open("supervisor-1"), NOW).unwrap();
    let decided = decide("supervisor-1", Outcome::Upheld, 100);
    cases.tell(id, decided, NOW + 60_000).unwrap();
    // Filed by the same person for a child, whose case it stays.
    let mut of_child = filed(2, CaseKind::Complaint, false);
    if let Event::Filed { subject, by, .. } = &mut of_child {
        "person:dana".clone_into(subject);
        "asel".clone_into(by);
    }
    cases
        .file("complaint 2 person:dana", of_child, NOW)
        .unwrap();

    assert_eq!(cases.forget("person:asel").unwrap(), 2);
    assert_eq!(cases.forget("person:asel").unwrap(), 0);
    assert!(cases.about("person:asel").unwrap().is_empty());
    let case = cases.find(id).unwrap().unwrap();
    assert_eq!((case.subject.as_str(), case.text), (FORGOTTEN, None));
    let (_, decision) = case.decision.unwrap();
    assert_eq!(decision.first.outcome, Outcome::Upheld);
    // One that nobody decided ends with the person.
    let open_one = filed(3, CaseKind::Complaint, false);
    cases
        .file("complaint 3 person:asel", open_one, NOW)
        .unwrap();
    let third = CaseId::new([3; 8]);
    cases.tell(third, deliver("2026-12-18"), NOW).unwrap();
    cases.tell(third, open("supervisor-1"), NOW).unwrap();
    cases.forget("person:asel").unwrap();
    let late = decide("supervisor-1", Outcome::Upheld, 100);
    assert_eq!(
        refused(cases.tell(third, late, NOW + 90_000)),
        Refusal::Forgotten
    );
    let waiting = cases.waiting(CaseKind::Complaint).unwrap();
    assert!(waiting.iter().all(|case| case.id != third));
    let ended = cases.find(third).unwrap().unwrap();
    assert!(!ended.is_overdue(Day::parse("2027-01-09").unwrap()));
    assert_eq!(cases.ended(9).unwrap().0, 2);
    let child = cases.find(CaseId::new([2; 8])).unwrap().unwrap();
    assert_eq!(
        (child.subject.as_str(), child.by.as_str()),
        ("person:dana", FORGOTTEN)
    );
    assert!(child.text.is_some());
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(4).any(|found| found == b"asel"));
    }
}

#[test]
fn what_takes_two_is_decided_by_two() {
    let (_dir, cases) = store();
    let (case, _) = cases
        .file("review 3", filed(3, CaseKind::Review, true), NOW)
        .unwrap();
    let tell = |command, at| cases.tell(case.id, command, at);
    tell(deliver("2026-11-23"), NOW).unwrap();
    for by in ["a", "b"] {
        tell(open(by), NOW).unwrap();
    }
    let none = refused(tell(confirm("b"), NOW + 61_000));
    assert_eq!(none, Refusal::NotProposed);
    let proposed = tell(decide("a", Outcome::Allowed, 40), NOW + 61_000).unwrap();
    assert!(proposed.decision.is_none() && proposed.proposal.is_some());
    assert_eq!(
        refused(tell(confirm("a"), NOW + 62_000)),
        Refusal::SamePerson
    );
    let second = refused(tell(decide("b", Outcome::Refused, 40), NOW + 62_000));
    assert_eq!(second, Refusal::Proposed);
    assert_eq!(
        refused(tell(confirm("c"), NOW + 62_000)),
        Refusal::NotOpened
    );
    let back = Command::Return {
        by: "b".to_owned(),
        length: 30,
        reasons: sealed("not enough"),
    };
    assert!(tell(back, NOW + 62_000).unwrap().proposal.is_none());
    tell(decide("b", Outcome::Refused, 40), NOW + 63_000).unwrap();
    let decided = tell(confirm("a"), NOW + 64_000).unwrap();
    let (_, decision) = decided.decision.unwrap();
    assert_eq!(decision.first.by, "b");
    assert_eq!(decision.second.as_deref(), Some("a"));
    assert_eq!(decision.first.outcome, Outcome::Refused);
}

#[test]
fn a_decision_in_seconds_is_no_humans_work() {
    let (_dir, cases) = store();
    let (case, _) = cases
        .file("review 4", filed(4, CaseKind::Review, false), NOW)
        .unwrap();
    cases.tell(case.id, deliver("2026-11-23"), NOW).unwrap();
    cases.tell(case.id, open("a"), NOW).unwrap();
    let decided = cases
        .tell(case.id, decide("a", Outcome::Allowed, 40), NOW + 59_999)
        .unwrap();
    assert!(!decided.decision.unwrap().1.is_human);
}

#[test]
fn a_case_without_a_decision_is_overdue_the_day_after_its_last() {
    let (_dir, cases) = store();
    let (case, _) = cases
        .file("c", filed(5, CaseKind::Complaint, false), NOW)
        .unwrap();
    let day = |text: &str| Day::parse(text).unwrap();
    assert!(!case.is_overdue(day("2030-01-01")), "no delivery, no clock");
    let case = cases.tell(case.id, deliver("2026-12-18"), NOW).unwrap();
    assert!(!case.is_overdue(day("2026-12-18")));
    assert!(case.is_overdue(day("2026-12-19")));
    assert!(matches!(
        cases.tell(CaseId::new([9; 8]), open("a"), NOW),
        Err(TellError::NoCase)
    ));
}

#[test]
fn terms_run_over_working_days() {
    let mut calendar = Calendar::default();
    let day = |text: &str| Day::parse(text).unwrap();
    calendar.insert(
        2026,
        Year {
            off: [day("2026-12-16")].into(),
            working: std::collections::BTreeSet::new(),
        },
    );
    let begun = day("2026-12-10");
    let ends = |term: Term| term.ends(begun, &calendar);
    assert_eq!(ends(Term::REVIEW).unwrap(), day("2026-12-15"));
    assert_eq!(
        ends(Term::parse("P4WD").unwrap()).unwrap(),
        day("2026-12-17")
    );
    assert_eq!(
        ends(Term::parse("P14D").unwrap()).unwrap(),
        day("2026-12-24")
    );
    assert_eq!(ends(Term::TO_COMPLAIN).unwrap(), day("2027-03-10"));
    assert!(ends(Term::COMPLAINT).is_err(), "no calendar of 2027");
    for wrong in ["", "P", "20WD", "P20", "PWD", "P-1D", "P99999WD", "P4W"] {
        assert!(Term::parse(wrong).is_err(), "{wrong}");
    }
}

fn look(
    index: u64,
    hour: i64,
    official: &str,
    person: &str,
    is_close: bool,
) -> Vec<(u64, i64, String, String, bool)> {
    vec![(
        index,
        hour,
        official.to_owned(),
        person.to_owned(),
        is_close,
    )]
}

fn watched(looks: &[(u64, i64, String, String, bool)]) -> Vec<Flag> {
    let limits = Limits {
        persons: 3,
        night: 2,
    };
    let mut watch = Watch::new(limits);
    let start = Day::parse("2026-11-18").unwrap().start();
    for (index, hour, official, person, is_close) in looks {
        watch.see(Look {
            index: *index,
            at: Instant::from_ms(start.ms() + hour * 3_600_000),
            system: "KZ-TAX-01",
            official,
            person,
            is_close: *is_close,
        });
    }
    let flags = watch.take_raised();
    assert_eq!(watch.take_raised(), []);
    flags
}

#[test]
fn unusual_reading_is_flagged_and_usual_reading_is_not() {
    let usual = [
        look(1, 9, "o", "p1", false),
        look(2, 10, "o", "p2", false),
        look(3, 11, "o", "p2", false),
        look(4, 12, "other", "p3", false),
        look(5, 23, "o", "p1", false),
        look(6, 12, "", "p9", true),
    ];
    assert_eq!(watched(&usual.concat()), []);
    let many = [usual.concat(), look(7, 15, "o", "p3", false)].concat();
    let flags = watched(&many);
    assert_eq!(flags.len(), 1);
    assert_eq!((flags[0].rule, flags[0].count), (Rule::ManyPersons, 3));
    assert_eq!(flags[0].entries, [7, 5, 3, 2, 1]);
    let night = [usual.concat(), look(8, 22, "o", "p1", false)].concat();
    assert_eq!(watched(&night)[0].rule, Rule::NightWork);
    let close = [usual.concat(), look(9, 12, "o", "p1", true)].concat();
    let flags = watched(&close);
    assert_eq!(
        (flags[0].rule, flags[0].entries.clone()),
        (Rule::Close, vec![9])
    );
    assert_eq!(flags[0].key(), "close KZ-TAX-01 o 2026-11-18");
    // The next day begins anew.
    let over_days = [
        look(1, 9, "o", "p1", false),
        look(2, 10, "o", "p2", false),
        look(3, 34, "o", "p3", false),
    ];
    assert_eq!(watched(&over_days.concat()), []);
}

proptest! {
    /// Whatever is tried in whatever order: nothing is decided before delivery and reading, by one
    /// where it takes two, by the official it is about, or twice.
    #[test]
    fn no_order_of_commands_breaks_the_rules(
        steps in prop::collection::vec((0..6_u8, 0..3_usize, 0..120_u64), 0..30),
        needs_second: bool,
    ) {
        let (_dir, cases) = store();
        let (case, _) = cases.file("x", filed(1, CaseKind::Complaint, needs_second), NOW).unwrap();
        let mut at = NOW;
        let mut decided = None;
        for (what, who, seconds) in steps {
            at += seconds * 1000;
            let by = ["official-1", "a", "b"][who];
            let command = match what {
                0 => deliver("2026-12-18"),
                1 => open(by),
                2 => decide(by, Outcome::Upheld, 30),
                3 => confirm(by),
                4 => Command::Return { by: by.to_owned(), length: 30, reasons: sealed("no") },
                _ => decide(by, Outcome::Rejected, 5),
            };
            let _ = cases.tell(case.id, command, at);
            let now = cases.find(case.id).unwrap().unwrap();
            if let Some((_, decision)) = &now.decision {
                let kept = decided.get_or_insert_with(|| decision.clone());
                prop_assert_eq!(&*kept, decision);
                prop_assert!(now.delivery.is_some());
                let people: Vec<&str> =
                    std::iter::once(decision.first.by.as_str()).chain(decision.second.as_deref()).collect();
                prop_assert!(people.iter().all(|by| *by != "official-1" && now.opened.contains_key(*by)));
                prop_assert_eq!(people.len() == 2, needs_second);
                prop_assert!(people.first() != people.get(1));
            }
        }
    }
}

#[test]
fn what_a_child_must_agree_to_is_not_delivered_before() {
    let (_dir, cases) = store();
    let mut event = filed(7, CaseKind::Complaint, false);
    if let Event::Filed { by, awaits, .. } = &mut event {
        (*by, *awaits) = ("mother".to_owned(), true);
    }
    let (case, _) = cases.file("x", event, NOW).unwrap();
    assert!(case.awaits);
    let early = refused(cases.tell(case.id, deliver("2026-12-18"), NOW));
    assert_eq!(early, Refusal::NotAgreed);
    for _ in 0..2 {
        assert!(!cases.tell(case.id, Command::Agree, NOW).unwrap().awaits);
    }
    let case = cases.tell(case.id, deliver("2026-12-18"), NOW).unwrap();
    assert!(case.delivery.is_some());
    assert_eq!(case.by, "mother");
}
