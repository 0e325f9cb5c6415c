//! Lists: complete, kept back, sealed and opened.

use kepil_chronicle::Opened;
use kepil_ledger::completeness::FaultCode;
use kepil_ledger::entry::{KeepingKind, Leaf};
use kepil_ledger::period::Period;
use kepil_ledger::record::RecordKind;

use crate::support::{NOW, Place, check_file, contains, event, record, verify};

fn period() -> Period {
    Period::of_secs(NOW)
}

#[test]
fn a_person_sees_all_own_uses_and_nobody_elses() {
    let place = Place::new();
    let chronicle = place.open();
    for number in 0..30_u64 {
        let person = ["asel", "bek", "dana"][usize::try_from(number % 3).unwrap()];
        record(
            &chronicle,
            &[event(
                person,
                &format!("official-{number}"),
                place.now_ms() + number,
            )],
        );
    }
    chronicle.publish().unwrap();
    let list = verify(&chronicle, "asel", period(), NOW, None).unwrap();
    assert_eq!((list.count, list.shown, list.not_opened), (10, 10, 0));
    let officials: Vec<_> = list
        .opened
        .iter()
        .map(|entry| entry.payload.official.as_str())
        .collect();
    assert_eq!(officials[..3], ["official-0", "official-3", "official-6"]);

    // Grown, restarted, and still the continuation of what was seen.
    record(&chronicle, &[event("asel", "official-30", place.now_ms())]);
    chronicle.publish().unwrap();
    let chronicle = place.reopen(chronicle);
    chronicle.publish().unwrap();
    let again = verify(&chronicle, "asel", period(), NOW, Some(&list.memory)).unwrap();
    assert_eq!(again.count, 11);
    let proof = chronicle
        .prove("person:asel", period(), Opened::All, NOW)
        .unwrap()
        .to_string();
    let of_bek = check_file(&chronicle, "bek", period(), NOW, None, &proof);
    assert_eq!(of_bek.unwrap_err().code, FaultCode::Map);
}

#[test]
fn two_persons_in_one_request_do_not_stand_in_each_others_rows() {
    let place = Place::new();
    let chronicle = place.open();
    let indexes = record(
        &chronicle,
        &[
            event("asel", "notary-7", place.now_ms()),
            event("heir-of-asel", "notary-7", place.now_ms()),
        ],
    );
    let rows: Vec<_> = indexes
        .iter()
        .map(|index| chronicle.row(*index).unwrap())
        .collect();
    let payloads: Vec<_> = rows
        .iter()
        .map(|row| chronicle.payload(row).unwrap())
        .collect();
    assert_eq!(payloads[0].person, "asel");
    assert_eq!(payloads[1].person, "heir-of-asel");
    assert!(!contains(&payloads[0].clone().to_cbor(), b"heir-of-asel"));
    let (a, b) = (&rows[0].row, &rows[1].row);
    assert!(a.salt != b.salt && a.blind != b.blind && a.nonce != b.nonce);
    assert_ne!(a.record.facts.tag, b.record.facts.tag);
    assert_ne!(a.record.facts.payload, b.record.facts.payload);
}

#[test]
fn the_files_hold_nothing_readable_about_anybody() {
    let place = Place::new();
    let chronicle = place.open();
    for _ in 0..5 {
        record(
            &chronicle,
            &[event(
                "asel-the-person",
                "official-secret-name",
                place.now_ms(),
            )],
        );
    }
    chronicle.publish().unwrap();
    chronicle.close().unwrap();
    let dump = place.dump();
    // Pseudonyms of the month stand in the saved maps; no name stands anywhere.
    for word in [
        &b"asel-the-person"[..],
        b"official-secret-name",
        b"KZ-TAX-01",
    ] {
        assert!(
            !contains(&dump, word),
            "{:?}",
            String::from_utf8_lossy(word)
        );
    }
}

#[test]
fn what_is_kept_back_is_in_the_list_with_ground_and_day() {
    let place = Place::new();
    let chronicle = place.open();
    let indexes = record(
        &chronicle,
        &[
            event("asel", "one", place.now_ms()),
            event("asel", "two", place.now_ms()),
            event("asel", "three", place.now_ms()),
        ],
    );
    let until = NOW + 86_400;
    chronicle
        .keep_back(
            indexes[0],
            KeepingKind::Deferred,
            until,
            "order 5 of a judge",
        )
        .unwrap();
    chronicle
        .keep_back(
            indexes[1],
            KeepingKind::Withheld,
            0,
            "secrecy of a notarial act",
        )
        .unwrap();
    chronicle.publish().unwrap();
    let list = verify(&chronicle, "asel", period(), NOW, None).unwrap();
    assert_eq!(
        (list.count, list.shown, list.deferred, list.withheld),
        (3, 1, 1, 1)
    );
    assert_eq!(list.opened[0].payload.official, "three");
    let proof = chronicle
        .prove("person:asel", period(), Opened::All, NOW)
        .unwrap();
    assert!(contains(&proof.extra.unwrap(), b"order 5 of a judge"));
    let counters = chronicle.notices().counters(NOW);
    assert_eq!(
        (counters.deferred, counters.withheld, counters.entries),
        (1, 1, 3)
    );

    // The day comes: it is shown by itself. A restart changes nothing.
    place.turn(until);
    let chronicle = place.reopen(chronicle);
    chronicle.publish().unwrap();
    let list = verify(&chronicle, "asel", period(), until, None).unwrap();
    assert_eq!((list.shown, list.deferred, list.withheld), (2, 0, 1));
    // Only entries in somebody's list can be kept back.
    let notice = chronicle
        .keep_back(0, KeepingKind::Withheld, 0, "x")
        .unwrap_err();
    assert!(notice.to_string().contains("nobody's list"), "{notice}");
}

#[test]
fn a_sealed_use_is_in_nobodys_map_until_its_month_ends_and_then_opens_by_itself() {
    let place = Place::new();
    let chronicle = place.open();
    let mut covert = event("asel", "detective-9", place.now_ms());
    covert.kind = RecordKind::Sealed;
    covert.embargo = Some(period());
    covert.payload.order = "order 77".to_owned();
    let later = period().next();
    let sealed = record(
        &chronicle,
        &[
            covert.clone(),
            covert,
            event("asel", "clerk", place.now_ms()),
        ],
    );
    chronicle.publish().unwrap();
    let list = verify(&chronicle, "asel", period(), NOW, None).unwrap();
    assert_eq!(list.count, 1, "a gap would warn the suspect");
    assert!(
        matches!(chronicle.leaf(sealed[0]).unwrap(), Leaf::Sealed { embargo, .. } if embargo == period())
    );
    // What auditors see of it says nothing about whom: the tag is the court's.
    let record_of = |index| chronicle.row(index).unwrap().row.record.facts;
    assert_ne!(record_of(sealed[0]).tag, record_of(sealed[2]).tag);
    assert_eq!(record_of(sealed[0]).tag, record_of(sealed[1]).tag);

    chronicle.extend(sealed[1], later, "order 78").unwrap();
    let again = chronicle.extend(sealed[1], later, "order 79").unwrap_err();
    assert!(again.to_string().contains("names a later month"), "{again}");
    let counters = chronicle.notices().counters(NOW);
    assert_eq!(
        (
            counters.sealed,
            counters.extended,
            counters.overdue,
            counters.opened
        ),
        (2, 1, 0, 0)
    );

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert!(
        runtime
            .block_on(chronicle.open_due(place.now_ms()))
            .unwrap()
            .is_empty()
    );
    place.turn(period().end_secs() + 5);
    assert_eq!(chronicle.notices().counters(period().end_secs()).overdue, 1);
    let chronicle = place.reopen(chronicle);
    let opened = runtime
        .block_on(chronicle.open_due(place.now_ms()))
        .unwrap();
    assert_eq!(opened.len(), 1);
    assert!(
        runtime
            .block_on(chronicle.open_due(place.now_ms()))
            .unwrap()
            .is_empty()
    );
    chronicle.publish().unwrap();
    let list = verify(&chronicle, "asel", later, place.now_ms() / 1000, None).unwrap();
    let shown = &list.opened[0].payload;
    assert_eq!(
        (shown.official.as_str(), shown.order.as_str()),
        ("detective-9", "order 77")
    );
    assert_eq!((shown.sealed, shown.at_ms), (Some(sealed[0]), NOW * 1000));
    let counters = chronicle.notices().counters(place.now_ms() / 1000);
    assert_eq!(
        (counters.sealed, counters.overdue, counters.opened),
        (1, 0, 1)
    );
    let closed = chronicle
        .extend(sealed[0], later.next(), "order 80")
        .unwrap_err();
    assert!(closed.to_string().contains("cannot be sealed again"));
}

#[test]
fn the_enrolled_can_prove_that_nobody_used_their_data() {
    let place = Place::new();
    let chronicle = place.open();
    let persons: Vec<String> = (0..100).map(|n| format!("person:p{n}")).collect();
    chronicle.enrol(&persons, place.now_ms()).unwrap();
    record(&chronicle, &[event("p7", "clerk", place.now_ms())]);
    chronicle.publish().unwrap();
    assert_eq!(
        verify(&chronicle, "p8", period(), NOW, None).unwrap().count,
        0
    );
    assert_eq!(
        verify(&chronicle, "p7", period(), NOW, None).unwrap().count,
        1
    );
    assert!(
        chronicle
            .prove("person:stranger", period(), Opened::All, NOW)
            .is_err()
    );
}

#[test]
fn a_month_that_is_over_is_proved_for_good() {
    let place = Place::new();
    let chronicle = place.open();
    record(&chronicle, &[event("asel", "clerk", place.now_ms())]);
    chronicle.publish().unwrap();
    let mut memory = None;
    for day in [0, 1, 3, 9, 40] {
        place.turn(period().end_secs() + day * 86_400 - 1);
        record(&chronicle, &[event("asel", "later", place.now_ms())]);
        place.turn(period().end_secs() + day * 86_400);
        chronicle.publish().unwrap();
        let now = place.now_ms() / 1000;
        let list = verify(&chronicle, "asel", period(), now, memory.as_ref()).unwrap();
        memory = Some(list.memory.clone());
        if day == 0 {
            assert_eq!((list.count, list.closed), (2, false));
            continue;
        }
        assert_eq!(
            (list.count, list.shown, list.closed),
            (2, 2, true),
            "day {day}"
        );
    }
    let chronicle = place.reopen(chronicle);
    let list = verify(&chronicle, "asel", period(), place.now_ms() / 1000, None).unwrap();
    assert_eq!((list.count, list.closed), (2, true));
}

/// Everything that can be said of a row after its month closed, and a list that is read
/// before, between and after.
#[test]
fn what_is_said_of_a_closed_month_later_is_in_its_list_with_its_notice() {
    // While heads still list the month, and when none does any more.
    for days in [0, 30] {
        said_later(days);
    }
}

fn said_later(days: u64) {
    let place = Place::new();
    let chronicle = place.open();
    let events = ["one", "two", "three", "four"].map(|who| event("asel", who, place.now_ms()));
    let indexes = record(&chronicle, &events);
    chronicle
        .erase_rows(&[indexes[0]], "while it was open")
        .unwrap()
        .unwrap();
    chronicle.publish().unwrap();
    place.turn(period().end_secs() + 86_400);
    record(&chronicle, &[event("asel", "closes", place.now_ms())]);
    chronicle.publish().unwrap();
    place.turn(period().end_secs() + (1 + days) * 86_400);
    record(&chronicle, &[event("asel", "later", place.now_ms())]);
    chronicle.publish().unwrap();
    let now = place.now_ms() / 1000;
    let before = verify(&chronicle, "asel", period(), now, None).unwrap();
    assert_eq!((before.shown, before.erased, before.closed), (3, 1, true));
    let first_file = chronicle
        .prove("person:asel", period(), Opened::All, now)
        .unwrap();

    let until = now + 10 * 86_400;
    chronicle
        .keep_back(indexes[1], KeepingKind::Withheld, 0, "secrecy of adoption")
        .unwrap();
    chronicle
        .keep_back(indexes[2], KeepingKind::Deferred, until, "order 9")
        .unwrap();
    chronicle
        .erase_rows(&[indexes[3]], "PDL 18")
        .unwrap()
        .unwrap();
    // Recorded and not yet published: nothing can be proved of it yet.
    let waiting = verify(&chronicle, "asel", period(), now, Some(&before.memory)).unwrap();
    assert_eq!(
        (waiting.shown, waiting.erased, waiting.not_opened),
        (0, 1, 3)
    );

    chronicle.publish().unwrap();
    let chronicle = place.reopen(chronicle);
    let list = verify(&chronicle, "asel", period(), now, Some(&before.memory)).unwrap();
    assert_eq!(
        (list.count, list.erased, list.withheld, list.deferred),
        (4, 2, 1, 1)
    );
    assert_eq!((list.not_opened, list.closed), (0, true));
    let file = chronicle
        .prove("person:asel", period(), Opened::All, now)
        .unwrap();
    assert_eq!(
        file.checkpoint, first_file.checkpoint,
        "the list is proved by the checkpoint that closed the month"
    );

    // The day comes, and the list goes on from what was seen of it.
    place.turn(until);
    record(&chronicle, &[event("asel", "later", place.now_ms())]);
    chronicle.publish().unwrap();
    let after = verify(&chronicle, "asel", period(), until, Some(&list.memory)).unwrap();
    assert_eq!(
        (after.shown, after.erased, after.withheld, after.deferred),
        (1, 2, 1, 0)
    );
    assert_eq!(after.opened[0].payload.official, "three");
    // The proof of completeness alone needs no later checkpoint.
    let alone = chronicle
        .prove("person:asel", period(), Opened::Nothing, until)
        .unwrap();
    assert_eq!(alone.checkpoint, first_file.checkpoint);
}
