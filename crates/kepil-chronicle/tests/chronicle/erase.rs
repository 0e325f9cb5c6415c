//! Erasure in three degrees: what is gone, what stands, and what still verifies.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kepil_chronicle::{Chronicle, ChronicleError, KeyBooker, Opened};
use kepil_ledger::period::Period;
use kepil_ledger::verify;
use kepil_store::check::check;
use kepil_store::draft::Booker as _;
use kepil_store::source::DirSource;

use crate::support::{NOW, Place, check_file, contains, event, record, secret, verify as list_of};

fn period() -> Period {
    Period::of_secs(NOW)
}

/// Bytes of an entry's row as they lie on the disk.
fn stored(chronicle: &Chronicle, index: u64) -> Vec<u8> {
    chronicle.reader().record(index).unwrap().row.unwrap()
}

fn assert_log_holds(chronicle: &Chronicle) {
    let source = DirSource::new(&chronicle.public());
    let report = verify::rebuild(&source, &chronicle.log_key().unwrap(), None);
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn an_erased_row_is_gone_and_everything_else_still_verifies() {
    let place = Place::new();
    let chronicle = place.open();
    let mut indexes = Vec::new();
    for number in 0..20 {
        let person = ["asel", "bek"][number % 2];
        indexes.extend(record(
            &chronicle,
            &[event(person, &format!("official-{number}"), place.now_ms())],
        ));
    }
    chronicle.publish().unwrap();
    let before = list_of(&chronicle, "asel", period(), NOW, None).unwrap();
    let receipt = chronicle.reader().receipt(indexes[4]).unwrap();
    let old_proof = chronicle
        .prove("person:asel", period(), Opened::Nothing, NOW)
        .unwrap()
        .to_string();
    let (gone, kept) = (
        stored(&chronicle, indexes[4]),
        stored(&chronicle, indexes[6]),
    );
    assert!(contains(&place.dump(), &gone));

    let erased = chronicle
        .erase_rows(&[indexes[4], indexes[7]], "PDL 18(1)")
        .unwrap()
        .unwrap();
    assert_eq!(erased.rows, 2);
    let dump = place.dump();
    assert!(
        !contains(&dump, &gone),
        "the sealed row is still on the disk"
    );
    assert!(contains(&dump, &kept));
    assert!(matches!(
        chronicle.row(indexes[4]),
        Err(ChronicleError::Erased)
    ));
    // A second time it is nothing.
    assert_eq!(chronicle.erase_rows(&[indexes[4]], "again").unwrap(), None);

    chronicle.publish().unwrap();
    {
        let chronicle = &chronicle;
        let list = list_of(chronicle, "asel", period(), NOW, Some(&before.memory)).unwrap();
        assert_eq!(
            (list.count, list.shown, list.erased, list.not_opened),
            (10, 9, 1, 0)
        );
        assert_log_holds(chronicle);
        receipt.verify(&chronicle.log_key().unwrap()).unwrap();
        let saved = check_file(chronicle, "asel", period(), NOW, None, &old_proof).unwrap();
        assert_eq!(saved.count, 10);
    }
    let counters = chronicle.notices().counters(NOW);
    assert_eq!((counters.erasures, counters.erased_rows), (1, 2));
    let chronicle = place.reopen(chronicle);
    let list = list_of(&chronicle, "asel", period(), NOW, Some(&before.memory)).unwrap();
    assert_eq!((list.shown, list.erased), (9, 1));
    assert_log_holds(&chronicle);
}

#[test]
fn no_key_in_any_file_opens_an_erased_row_and_no_old_copy_of_the_keys_does() {
    let place = Place::new();
    let chronicle = place.open();
    let index = record(&chronicle, &[event("asel", "official", place.now_ms())])[0];
    record(&chronicle, &[event("asel", "official", place.now_ms())]);
    let sealed_row = stored(&chronicle, index);
    let old_state = chronicle.keys().backup_state().unwrap();
    // A backup of the log's files, rows and all.
    let backup = chronicle.reader().record(index).unwrap();
    chronicle
        .erase_rows(&[index], "PDL 25(2)(8)")
        .unwrap()
        .unwrap();
    // The row from the backup, with the keys of today: closed.
    assert_eq!(backup.row.as_deref(), Some(sealed_row.as_slice()));
    assert!(matches!(
        chronicle.open_row(&backup),
        Err(ChronicleError::Erased)
    ));
    chronicle.close().unwrap();
    drop(chronicle);
    // The keys of then cannot be opened any more, by design.
    let state = place.path().join("keys").join("state");
    let new_state = fs::read(&state).unwrap();
    assert_ne!(old_state, new_state);
    fs::write(&state, &old_state).unwrap();
    let vault = kepil_keys::file::FileVault::open(
        &place.path().join("vault"),
        &place.path().join("root.key"),
        crate::support::random(),
    );
    let opened = kepil_keys::store::KeyStore::open(
        &place.path().join("keys"),
        Box::new(vault.unwrap()),
        crate::support::random(),
    );
    assert!(opened.is_err());
    fs::write(&state, &new_state).unwrap();
    place.open();
}

#[test]
fn a_person_who_was_erased_leaves_nothing_and_begins_anew() {
    let place = Place::new();
    let chronicle = place.open();
    let mut own = Vec::new();
    for number in 0..10 {
        let indexes = record(
            &chronicle,
            &[
                event("asel", &format!("official-{number}"), place.now_ms()),
                event("bek", "other", place.now_ms()),
            ],
        );
        own.push(indexes[0]);
    }
    chronicle.publish().unwrap();
    let old = secret(&chronicle, "asel").tag(period());
    let rows: Vec<_> = own.iter().map(|index| stored(&chronicle, *index)).collect();
    let erased = chronicle
        .erase_person("person:asel", "court decision 3")
        .unwrap();
    assert_eq!(erased.unwrap().rows, 10);
    let dump = place.dump();
    assert!(rows.iter().all(|row| !contains(&dump, row)));
    assert_ne!(secret(&chronicle, "asel").tag(period()), old);
    chronicle.publish().unwrap();
    assert!(
        chronicle
            .prove("person:asel", period(), Opened::All, NOW)
            .is_err()
    );
    assert_eq!(
        list_of(&chronicle, "bek", period(), NOW, None)
            .unwrap()
            .shown,
        10
    );
    record(&chronicle, &[event("asel", "new", place.now_ms())]);
    chronicle.publish().unwrap();
    assert_eq!(
        list_of(&chronicle, "asel", period(), NOW, None)
            .unwrap()
            .count,
        1
    );
    let chronicle = place.reopen(chronicle);
    assert_eq!(
        list_of(&chronicle, "asel", period(), NOW, None)
            .unwrap()
            .count,
        1
    );
    assert_log_holds(&chronicle);
}

#[test]
fn an_erased_month_takes_its_map_along_and_saved_proofs_still_verify() {
    let place = Place::new();
    let chronicle = place.open();
    record(&chronicle, &[event("asel", "then", place.now_ms())]);
    chronicle.publish().unwrap();
    let open = chronicle.erase_month(period(), "too early").unwrap_err();
    assert!(open.to_string().contains("8 days after its end"), "{open}");
    place.turn(period().end_secs() + 9 * 86_400);
    let now = place.now_ms() / 1000;
    let later = period().next();
    record(&chronicle, &[event("asel", "now", place.now_ms())]);
    chronicle.publish().unwrap();
    let saved = chronicle
        .prove("person:asel", period(), Opened::All, now)
        .unwrap()
        .to_string();
    let erased = chronicle.erase_month(period(), "end of the term").unwrap();
    // The anchor's row lies in that month too, and is no row about anybody.
    assert_eq!(erased.unwrap().rows, 1);
    assert!(
        chronicle
            .prove("person:asel", period(), Opened::All, now)
            .is_err()
    );
    let list = check_file(&chronicle, "asel", period(), now, None, &saved).unwrap();
    assert_eq!((list.count, list.shown), (1, 1));
    chronicle.publish().unwrap();
    assert_eq!(
        list_of(&chronicle, "asel", later, now, None).unwrap().count,
        1
    );
    let chronicle = place.reopen(chronicle);
    chronicle.publish().unwrap();
    assert_eq!(
        list_of(&chronicle, "asel", later, now, None).unwrap().count,
        1
    );
    assert_log_holds(&chronicle);
}

/// Pseudonyms and chains of persons as the book of a month has them.
fn linkage(chronicle: &Chronicle, persons: &[&str]) -> Vec<[u8; 32]> {
    let covers = chronicle.head().unwrap().size - 1;
    let person = |person: &&str| {
        let tag = secret(chronicle, person).tag(period());
        let listed = chronicle.book().list(period(), &tag, covers).unwrap();
        [*tag.as_bytes(), *listed.chain.head.as_bytes()]
    };
    persons.iter().flat_map(person).collect()
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}

#[test]
fn no_file_says_in_clear_who_is_in_a_month_or_which_entries_are_one_persons() {
    let place = Place::new();
    let chronicle = place.open();
    let enrolled = ["person:cholpan".to_owned(), "person:asel".to_owned()];
    chronicle.enrol(&enrolled, place.now_ms()).unwrap();
    let persons = ["asel", "bek", "cholpan"];
    for number in 0..30 {
        let person = persons[number % 2];
        record(&chronicle, &[event(person, "official", place.now_ms())]);
    }
    chronicle.publish().unwrap();
    let secrets = linkage(&chronicle, &persons);
    assert_eq!(secrets.len(), 6);
    let is_clear = |dump: &[u8]| secrets.iter().any(|secret| contains(dump, &secret[..12]));
    assert!(!is_clear(&place.dump()), "while it runs");
    chronicle.close().unwrap();
    drop(chronicle);
    let name = |end: &str| format!("{}.{end}", period().number());
    let ledger = place.path().join("ledger");
    let uses = fs::read(ledger.join("book").join(name("uses"))).unwrap();
    assert_eq!(uses.len(), 30 * 48);
    // Places of entries before: masked, the first ones (all ones) too.
    for found in uses.as_chunks::<48>().0 {
        let before = u64::from_be_bytes(*found.first_chunk().unwrap());
        assert!(before != u64::MAX && before > 1 << 20);
    }
    let saved = fs::read_dir(ledger.join("snapshot")).unwrap().count();
    assert_eq!(saved, 1);
    assert!(!is_clear(&place.dump()), "after it was closed");
    let chronicle = place.open();
    for (person, count) in [("asel", 15), ("bek", 15), ("cholpan", 0)] {
        let list = list_of(&chronicle, person, period(), NOW, None).unwrap();
        assert_eq!((list.count, list.shown), (count, count));
    }
}

/// Every file of the ledger is what it should be, with the keys there are now.
fn assert_sound(place: &Place) {
    let booker = Arc::new(KeyBooker::new(place.keys()));
    let report = check(
        &place.path().join("ledger"),
        None,
        Some(booker),
        &mut |_, _| {},
    );
    assert!(report.is_sound(), "{:#?}", report.findings);
}

#[test]
fn an_old_copy_of_the_book_opens_nothing_of_an_erased_month() {
    let place = Place::new();
    let chronicle = place.open();
    record(&chronicle, &[event("asel", "then", place.now_ms())]);
    record(&chronicle, &[event("bek", "then", place.now_ms())]);
    chronicle.publish().unwrap();
    place.turn(period().end_secs() + 9 * 86_400);
    let later = period().next();
    record(&chronicle, &[event("asel", "now", place.now_ms())]);
    chronicle.publish().unwrap();
    let chronicle = place.reopen(chronicle);
    let old = tempfile::tempdir().unwrap();
    let ledger = place.path().join("ledger");
    for name in ["book", "snapshot"] {
        copy(&ledger.join(name), &old.path().join(name));
    }
    let tag = secret(&chronicle, "asel").tag(period());
    assert_eq!(chronicle.book().entries(period(), &tag).unwrap().len(), 1);
    chronicle.erase_month(period(), "end of the term").unwrap();
    chronicle.close().unwrap();
    drop(chronicle);
    assert_sound(&place);
    for name in ["book", "snapshot"] {
        let _ = fs::remove_dir_all(ledger.join(name));
        copy(&old.path().join(name), &ledger.join(name));
    }
    let chronicle = place.open();
    assert!(chronicle.book().entries(period(), &tag).unwrap().is_empty());
    let now = place.now_ms() / 1000;
    let proof = chronicle.prove("person:asel", period(), Opened::All, now);
    assert!(proof.is_err());
    chronicle.publish().unwrap();
    let list = list_of(&chronicle, "asel", later, now, None).unwrap();
    assert_eq!(list.count, 1);
    // Nor does a booker with the keys of today give a key for it.
    chronicle.close().unwrap();
    drop(chronicle);
    let booker = KeyBooker::new(place.keys());
    assert!(booker.month_key(period()).is_none());
    assert!(booker.month_key(later).is_some());
}

#[test]
fn what_has_no_row_cannot_be_erased() {
    let place = Place::new();
    let chronicle = place.open();
    let error = chronicle.erase_rows(&[0], "x").unwrap_err();
    assert!(error.to_string().contains("entry 0 has no row"), "{error}");
    assert!(chronicle.erase_rows(&[99], "x").is_err());
    assert_eq!(chronicle.erase_rows(&[], "x").unwrap(), None);
}
