//! What the book keeps on the disk tells nothing without the month's key, and never a wrong list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;
use kepil_store::book::Use;
use kepil_store::draft::Booker;
use kepil_store::log::{BookReader, Log, Options, rebuild};
use kepil_store::monthkey::MonthKey;

use crate::book::{Plain, entry, open_with_book, own_period, tag, with_book};
use crate::check::run;
use crate::log::{copy, segments};
use crate::snapshot::{closed_log, enrol, files, snapshots, state};

const PERSONS: u64 = 40;
const USE_BYTES: usize = 48;

/// A booker as [`Plain`] whose keys are others, or gone for a month.
#[derive(Debug, Clone, Copy, Default)]
struct Keys {
    other: u8,
    erased: Option<Period>,
}

impl Booker for Keys {
    fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
        Plain
            .booked(booking)
            .filter(|found| Some(found.0) != self.erased)
    }

    fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
        Plain
            .enrolled(booking)
            .filter(|found| Some(found.0) != self.erased)
    }

    fn period(&self, booking: &[u8]) -> Option<Period> {
        Plain.period(booking)
    }

    fn month_key(&self, period: Period) -> Option<MonthKey> {
        let key = MonthKey::new([self.other; 32]);
        (Some(period) != self.erased).then_some(key)
    }
}

fn options_of(keys: Keys) -> Options {
    Options {
        booker: Some(Arc::new(keys)),
        ..with_book()
    }
}

fn open_of(folder: &Path, keys: Keys) -> Log {
    Log::open(folder, options_of(keys)).unwrap()
}

/// Where the lists of a month can be asked for.
fn covers(log: &Log, book: &BookReader, period: Period) -> u64 {
    book.closing(period).unwrap_or(log.head().size - 1)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The files of the book, alive and saved.
fn kept(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = files(folder).into_iter();
    all.filter(|(name, _)| name.starts_with("book") || name.starts_with("snapshot"))
        .collect()
}

fn uses_of(folder: &Path, period: Period) -> PathBuf {
    folder
        .join("book")
        .join(format!("{}.uses", period.number()))
}

fn map_of(folder: &Path, period: Period) -> PathBuf {
    let newest = snapshots(folder).pop().unwrap();
    newest.join(format!("{}.map", period.number()))
}

#[test]
fn no_file_beside_the_log_has_a_pseudonym_a_chain_or_a_link_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let log = open_with_book(folder.path());
    let period = log.book().unwrap().months().last().unwrap().0;
    let drafts = vec![enrol(period, 20..60)];
    log.appender().append_blocking(drafts).unwrap();
    log.close().unwrap();
    let log = open_with_book(folder.path());
    let book = log.book().unwrap();
    let mut secrets = BTreeSet::new();
    for (period, _) in book.months() {
        for person in 0..60 {
            secrets.insert(tag(person).as_bytes().to_vec());
            let at = covers(&log, &book, period);
            if let Ok(listed) = book.list(period, &tag(person), at) {
                secrets.insert(listed.chain.head.as_bytes().to_vec());
            }
        }
    }
    assert!(secrets.len() > 150, "{}", secrets.len());
    let kept = kept(folder.path());
    // A part of a pseudonym would do to find a person.
    for (name, bytes) in &kept {
        for secret in &secrets {
            assert!(!contains(bytes, &secret[..12]), "{name:?}");
        }
    }
    // No place in a list is to be seen: every one is a small number, or all ones.
    let mut places = BTreeSet::new();
    for (name, bytes) in kept.iter().filter(|(name, _)| name.starts_with("book")) {
        for (at, found) in (0_u64..).zip(bytes.as_chunks::<USE_BYTES>().0) {
            let before = u64::from_be_bytes(*found.first_chunk().unwrap());
            assert!(before != u64::MAX && before > 1 << 20, "{name:?} {at}");
            places.insert(before);
        }
    }
    assert_eq!(places.len(), 960, "no mask is used twice");
}

#[test]
fn the_same_persons_look_otherwise_in_every_state_of_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let mut found: Vec<Vec<u8>> = Vec::new();
    for number in 0..5 {
        let log = open_with_book(folder.path());
        let drafts = vec![enrol(own_period(), 0..9), entry(3, number, own_period())];
        log.appender().append_blocking(drafts).unwrap();
        log.close().unwrap();
        found.push(fs::read(map_of(folder.path(), own_period())).unwrap());
    }
    for (at, one) in found.iter().enumerate() {
        for other in &found[..at] {
            // A key stream used twice would leave most of the persons equal.
            let body = one[64..].iter().zip(&other[64..]);
            let equal = body.filter(|(one, other)| one == other).count();
            assert!(equal < one.len() / 16, "{equal} of {}", one.len());
        }
    }
}

#[test]
fn with_another_key_the_log_is_read_and_the_files_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let before = closed_log(folder.path());
    let other = Keys {
        other: 9,
        ..Keys::default()
    };
    for keys in [other, Keys::default(), other] {
        let log = open_of(folder.path(), keys);
        assert_eq!(state(&log), before);
        log.close().unwrap();
        // One of this size, under the other key, stands there already.
        fs::remove_dir_all(folder.path().join("snapshot")).unwrap();
        open_of(folder.path(), keys).close().unwrap();
        assert!(
            rebuild(folder.path(), &options_of(keys), false)
                .unwrap()
                .differences
                .is_empty()
        );
    }
    // Next to a snapshot under another key, one is made whose months are all under the own.
    let log = open_with_book(folder.path());
    let period = log.book().unwrap().months().last().unwrap().0;
    log.appender()
        .append_blocking(vec![entry(1, 77_777, period)])
        .unwrap();
    log.close().unwrap();
    let first = segments(folder.path())[0].clone();
    let mut bytes = fs::read(&first).unwrap();
    bytes[3 * 4_096 + 50] ^= 1;
    fs::write(&first, bytes).unwrap();
    let log = open_with_book(folder.path());
    let book = log.book().unwrap();
    for (period, _) in book.months() {
        let listed = book.list(period, &tag(1), covers(&log, &book, period));
        assert!(!listed.unwrap().uses.is_empty());
    }
}

#[test]
fn files_of_an_erased_month_are_closed_and_do_not_disturb_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let before = closed_log(folder.path());
    let old = kept(folder.path());
    let erased = Keys {
        erased: Some(own_period()),
        ..Keys::default()
    };
    let keys = Keys::default();
    fs::remove_dir_all(folder.path().join("snapshot")).unwrap();
    open_of(folder.path(), keys).close().unwrap();
    for _ in 0..2 {
        // The files of before stand there, and the keys are gone.
        for (name, bytes) in &old {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let log = open_of(folder.path(), erased);
        assert!(log.head().size >= before.size);
        let book = log.book().unwrap();
        let mut asked = 0;
        for (period, persons) in book.months() {
            for person in 0..PERSONS {
                let at = covers(&log, &book, period);
                let listed = book.list(period, &tag(person), at);
                assert_eq!(listed.is_ok(), period != own_period());
                let entries = book.entries(period, &tag(person));
                assert_eq!(entries.unwrap().is_empty(), period == own_period());
                asked += 1;
            }
            assert_eq!(persons > 0, period != own_period());
        }
        assert!(asked > 0);
        let period = book.months().last().unwrap().0;
        let drafts = vec![entry(1, 88_888, period)];
        log.appender().append_blocking(drafts).unwrap();
        log.close().unwrap();
        // A snapshot can be made of it, and opened.
        let report = kepil_store::check::check(folder.path(), None, None, &mut |_, _| {});
        assert!(report.is_sound(), "{:#?}", report.findings);
        let first = segments(folder.path())[0].clone();
        let good = fs::read(&first).unwrap();
        let mut bad = good.clone();
        bad[3 * 4_096 + 50] ^= 1;
        fs::write(&first, bad).unwrap();
        drop(open_of(folder.path(), erased));
        fs::write(&first, good).unwrap();
    }
}

#[test]
fn a_damaged_list_is_named_and_never_given() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let path = uses_of(folder.path(), own_period());
    let good = fs::read(&path).unwrap();
    let lists = |folder: &Path| -> Vec<Result<Vec<Use>, String>> {
        let log = open_with_book(folder);
        let book = log.book().unwrap();
        let at = covers(&log, &book, own_period());
        let list = |person| {
            let listed = book.list(own_period(), &tag(person), at);
            listed.map(|it| it.uses).map_err(|error| error.to_string())
        };
        (0..PERSONS).map(list).collect()
    };
    let right = lists(folder.path());
    let mut wrong = 0;
    for place in (0..good.len()).step_by(1 + good.len() / 60) {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        fs::write(uses_of(copied.path(), own_period()), bad).unwrap();
        for (found, right) in lists(copied.path()).iter().zip(&right) {
            match found {
                Ok(_) => assert_eq!(found, right, "byte {place}"),
                Err(error) => {
                    assert!(error.contains("kepil store rebuild"), "{error}");
                    wrong += 1;
                }
            }
        }
        assert!(!run(copied.path()).is_sound());
    }
    assert!(wrong >= 50, "{wrong}");
}
