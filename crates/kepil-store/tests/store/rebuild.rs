//! Read models made again from the segments.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;
use kepil_store::draft::Booker;
use kepil_store::log::{How, OpenError, Options, RebuildError, RebuildReport, rebuild};
use kepil_store::monthkey::MonthKey;

use crate::book::{Plain, open_with_book, with_book};
use crate::check::run;
use crate::log::{copy, fill, open, options, segments};
use crate::snapshot::{closed_log, files, snapshots, state};

fn made(folder: &Path, replace: bool) -> RebuildReport {
    rebuild(folder, &with_book(), replace).unwrap()
}

fn differences(report: &RebuildReport) -> BTreeMap<PathBuf, How> {
    let differences = report.differences.iter();
    differences.map(|one| (one.file.clone(), one.how)).collect()
}

#[test]
fn a_sound_log_is_made_again_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let size = closed_log(folder.path()).size;
    let before = files(folder.path());
    for replace in [false, true] {
        let report = made(folder.path(), replace);
        let expected = RebuildReport {
            entries: size,
            published: size,
            unreadable: 0,
            differences: Vec::new(),
            is_replaced: false,
        };
        assert_eq!(report, expected);
        assert!(files(folder.path()) == before, "nothing is touched");
    }
    let plain = tempfile::tempdir().unwrap();
    let log = open(plain.path());
    fill(&log, 600, 9);
    log.publish().unwrap();
    fill(&log, 700, 9);
    log.publish().unwrap();
    log.close().unwrap();
    let report = rebuild(plain.path(), &options(), true).unwrap();
    assert_eq!((report.published, report.differences), (700, Vec::new()));
}

#[test]
fn what_differs_is_listed_and_replaced_only_when_told_so() {
    let original = tempfile::tempdir().unwrap();
    let before = closed_log(original.path());
    let all = files(original.path());
    let read_models = || {
        let names = all.keys();
        names.filter(|name| name.starts_with("log") || name.starts_with("book"))
    };
    assert!(read_models().count() > 8);
    for name in read_models() {
        let folder = tempfile::tempdir().unwrap();
        copy(original.path(), folder.path());
        let path = folder.path().join(name);
        let mut bytes = all[name].clone();
        let place = bytes.len() / 2;
        bytes[place] ^= 1;
        fs::write(&path, &bytes).unwrap();
        if name.ends_with("checkpoint") {
            // Still the log's own form, but no longer its word: that is for people to look at.
            let error = rebuild(folder.path(), &with_book(), true).unwrap_err();
            assert!(
                matches!(error, RebuildError::Open(OpenError::Checkpoint { .. })),
                "{error}"
            );
            fs::write(&path, "").unwrap();
        }
        let report = made(folder.path(), false);
        let offset = if name.ends_with("checkpoint") {
            0
        } else {
            place as u64
        };
        let expected = BTreeMap::from([(name.clone(), How::Different { offset })]);
        assert_eq!(differences(&report), expected);
        assert!(!report.is_replaced && fs::read(&path).unwrap() != all[name]);
        assert!(!folder.path().join("rebuild").exists());

        let report = made(folder.path(), true);
        assert_eq!(differences(&report), expected);
        assert!(report.is_replaced);
        // An older partial tile is not made again.
        let now = fs::read(&path);
        assert!(now.is_err() || now.unwrap() == all[name]);
        let report = run(folder.path());
        assert!(
            report.findings.is_empty(),
            "{name:?}: {:?}",
            report.findings
        );
        assert_eq!(snapshots(folder.path()).len(), 1);
        assert_eq!(state(&open_with_book(folder.path())), before);
    }
}

#[test]
fn missing_and_strange_files_are_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let before = closed_log(folder.path());
    let list = files(&folder.path().join("book"))
        .into_keys()
        .next()
        .unwrap();
    let list = Path::new("book").join(list);
    fs::remove_file(folder.path().join(&list)).unwrap();
    fs::remove_dir_all(folder.path().join("log/tile/0")).unwrap();
    fs::write(folder.path().join("log/strange"), "x").unwrap();
    let report = made(folder.path(), true);
    let found = differences(&report);
    assert_eq!(found[&list], How::Missing);
    assert_eq!(found[Path::new("log/tile/0/000")], How::Missing);
    assert_eq!(found[Path::new("log/strange")], How::Extra);
    assert!(run(folder.path()).findings.is_empty());
    assert_eq!(state(&open_with_book(folder.path())), before);

    // All of it gone, as after restoring the segments alone.
    for name in ["log", "book", "snapshot"] {
        fs::remove_dir_all(folder.path().join(name)).unwrap();
    }
    assert!(made(folder.path(), true).is_replaced);
    let report = run(folder.path());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(state(&open_with_book(folder.path())), before);
}

#[test]
fn segments_are_only_read_and_damaged_ones_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let path = segments(folder.path())[1].clone();
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[2 * 4_096 + 40] ^= 1;
    fs::write(&path, &bad).unwrap();
    fs::remove_file(folder.path().join("log/tile/0/000")).unwrap();
    let before = files(&folder.path().join("log"));
    let error = rebuild(folder.path(), &with_book(), true).unwrap_err();
    assert!(
        matches!(error, RebuildError::Open(OpenError::Corrupt { .. })),
        "{error}"
    );
    assert!(fs::read(&path).unwrap() == bad);
    assert!(files(&folder.path().join("log")) == before);
    fs::write(&path, good).unwrap();
    let before = files(&folder.path().join("segments"));
    assert!(made(folder.path(), true).is_replaced);
    assert!(files(&folder.path().join("segments")) == before);
    assert!(rebuild(&folder.path().join("nothing"), &with_book(), true).is_err());
    assert!(!folder.path().join("nothing").exists());
}

#[test]
fn a_log_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_with_book(folder.path());
    let error = rebuild(folder.path(), &with_book(), true).unwrap_err();
    assert!(matches!(error, RebuildError::Open(OpenError::InUse { .. })));
    drop(log);
    made(folder.path(), true);
}

#[test]
fn a_book_is_not_replaced_by_one_with_fewer_persons() {
    /// A booker that has lost the keys of some.
    #[derive(Debug)]
    struct Forgetful;
    impl Booker for Forgetful {
        fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
            Plain
                .booked(booking)
                .filter(|(_, tag)| tag.bit(3) == Some(true))
        }
        fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
            Plain.enrolled(booking)
        }
        fn period(&self, booking: &[u8]) -> Option<Period> {
            Plain.period(booking)
        }
        fn month_key(&self, period: Period) -> Option<MonthKey> {
            Plain.month_key(period)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let before = files(folder.path());
    let options = Options {
        booker: Some(Arc::new(Forgetful)),
        ..with_book()
    };
    let report = rebuild(folder.path(), &options, false).unwrap();
    assert!(report.unreadable > 0 && !report.differences.is_empty());
    let error = rebuild(folder.path(), &options, true).unwrap_err();
    assert!(matches!(error, RebuildError::Unreadable { count } if count == report.unreadable));
    assert!(files(folder.path()) == before);
}
