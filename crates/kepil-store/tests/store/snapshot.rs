//! Opening with a snapshot gives what opening without one gives.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kepil_ledger::entry::{Enrolment, Leaf};
use kepil_ledger::hash::Hash;
use kepil_ledger::period::Period;
use kepil_store::disk::{DirectDisk, Disk, SegmentFile};
use kepil_store::draft::Draft;
use kepil_store::log::{Head, Log, Options};
use proptest::prelude::*;

use crate::book::{NOW_MS, entry, open_with_book, own_period, tag, with_book};
use crate::log::{
    assert_holds, copy, draft, fill, forget_snapshots, open, options, segments, ticking, verify,
};

/// All files below a folder with their bytes.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("snapshot")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Everything that can be asked of a log.
#[derive(Debug, PartialEq)]
pub struct State {
    pub size: u64,
    head: Head,
    months: Vec<(Period, usize)>,
    lists: Vec<String>,
    receipts: Vec<String>,
    entries: Vec<String>,
    damaged: Vec<u64>,
}

pub fn state(log: &Log) -> State {
    let head = log.head();
    let (mut months, mut lists) = (Vec::new(), Vec::new());
    if let Some(book) = log.book() {
        months = book.months();
        let text = head.checkpoint.clone().unwrap_or_default();
        let signed = kepil_ledger::checkpoint::parse(text.as_bytes());
        let published = signed.map_or(0, |signed| signed.unverified().size);
        for (period, _) in &months {
            let at = book.closing(*period).unwrap_or(published.saturating_sub(1));
            for person in 0..40 {
                let listed = book.list(*period, &tag(person), at);
                lists.push(format!("{period} {person} {listed:?}"));
            }
        }
    }
    let receipts = (0..head.size).step_by(7);
    State {
        receipts: receipts
            .map(|index| log.receipt(index).unwrap().to_json())
            .collect(),
        entries: log.records(0).map(|entry| format!("{entry:?}")).collect(),
        damaged: log.damaged_rows(),
        size: head.size,
        head,
        months,
        lists,
    }
}

fn frozen(options: Options) -> Options {
    Options {
        clock: Arc::new(|| 1_763_800_000_000),
        ..options
    }
}

/// Opens two copies of a folder, one without snapshots, and compares all that follows.
pub fn assert_same_without(folder: &Path) {
    let copies = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    copies.iter().for_each(|to| copy(folder, to.path()));
    let _ = fs::remove_dir_all(copies[1].path().join("snapshot"));
    let logs = copies
        .each_ref()
        .map(|folder| Log::open(folder.path(), frozen(with_book())).unwrap());
    if logs[0].head().size == 0 {
        return;
    }
    // Opening may have written a head and published it already; now it has.
    for log in &logs {
        log.publish().unwrap();
    }
    let [with, without] = logs.each_ref().map(state);
    assert_eq!(with, without);
    let period = logs[0].period_for(1_763_800_000_000).unwrap();
    for log in &logs {
        let drafts = (0..30).map(|number| entry(number % 20, 777_000 + number, period));
        log.appender().append_blocking(drafts.collect()).unwrap();
        log.publish().unwrap();
    }
    let [with, without] = logs.each_ref().map(state);
    assert_eq!(with, without);
    logs.into_iter().for_each(|log| log.close().unwrap());
    for name in ["log", "book"] {
        let [with, without] = copies
            .each_ref()
            .map(|folder| files(&folder.path().join(name)));
        assert!(with == without, "{name} differs");
    }
    for folder in copies {
        let log = open_with_book(folder.path());
        assert!(verify(&log, folder.path()).is_sound());
    }
}

pub fn enrol(period: Period, persons: std::ops::Range<u64>) -> Draft {
    let mut booking = period.number().to_be_bytes().to_vec();
    let count = persons.end - persons.start;
    persons.for_each(|person| booking.extend_from_slice(tag(person).as_bytes()));
    let leaf = Enrolment {
        period,
        count,
        root: Hash::new([1; 32]),
    };
    Draft {
        booking,
        ..Draft::of(Leaf::Enrolment(leaf))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Use(Vec<u64>),
    Enrol(u64, u64),
    Publish,
    Erase(u64),
    /// So many hours pass.
    Wait(u64),
    /// The clock steps back by so many hours.
    Back(u64),
    Close,
    /// The process is gone; what it had written stays.
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(0_u64..40, 1..12).prop_map(Step::Use),
        1 => (0_u64..30, 1_u64..300).prop_map(|(from, count)| Step::Enrol(from, count)),
        4 => Just(Step::Publish),
        1 => (0_u64..50).prop_map(Step::Erase),
        1 => (1_u64..500).prop_map(Step::Wait),
        1 => (1_u64..900).prop_map(Step::Back),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_snapshot_changes_nothing_but_the_time_it_takes(
        steps in prop::collection::vec(step(), 20..120),
        every in 1_u64..60,
    ) {
        let mut folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicU64::new(NOW_MS));
        let open = |folder: &Path| {
            let now = now.clone();
            let options = Options {
                snapshot_every: every,
                clock: Arc::new(move || now.load(Ordering::Relaxed)),
                ..with_book()
            };
            Log::open(folder, options).unwrap()
        };
        let mut log = open(folder.path());
        for (number, step) in (0..).zip(&steps) {
            let period = log.period_for(now.load(Ordering::Relaxed)).unwrap();
            let append = |drafts: Vec<Draft>| log.appender().append_blocking(drafts).unwrap();
            match step {
                Step::Use(persons) => {
                    let drafts = persons.iter().map(|person| entry(*person, number, period));
                    append(drafts.collect());
                }
                Step::Enrol(from, count) => _ = append(vec![enrol(period, *from..from + count)]),
                Step::Publish if log.head().size > 0 => _ = log.publish().unwrap(),
                Step::Publish => {}
                // The newest frame is refused, which is as good as any answer here.
                Step::Erase(index) => _ = log.erase(&[*index]),
                Step::Wait(hours) => _ = now.fetch_add(hours * 3_600_000, Ordering::Relaxed),
                Step::Back(hours) => _ = now.fetch_sub(hours * 3_600_000, Ordering::Relaxed),
                Step::Close => {
                    log.close().unwrap();
                    log = open(folder.path());
                }
                Step::Kill => {
                    let copied = tempfile::tempdir().unwrap();
                    copy(folder.path(), copied.path());
                    drop(log);
                    folder = copied;
                    log = open(folder.path());
                }
            }
        }
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        assert_same_without(copied.path());
        if log.head().size > 0 {
            log.close().unwrap();
            assert!(!snapshots(folder.path()).is_empty());
            assert_same_without(folder.path());
        }
    }
}

/// A closed log with a book over several segments and months, and how it stands.
pub fn closed_log(folder: &Path) -> State {
    let now = Arc::new(AtomicU64::new(NOW_MS));
    let hands = now.clone();
    let options = Options {
        clock: Arc::new(move || hands.load(Ordering::Relaxed)),
        ..with_book()
    };
    let log = Log::open(folder, options).unwrap();
    for round in 0..120 {
        let period = log.period_for(now.load(Ordering::Relaxed)).unwrap();
        let drafts =
            (0..8).map(|number| entry((round * 3 + number * 7) % 40, round * 8 + number, period));
        log.appender().append_blocking(drafts.collect()).unwrap();
        log.publish().unwrap();
        now.fetch_add(12 * 3_600_000, Ordering::Relaxed);
    }
    let state = state(&log);
    log.close().unwrap();
    assert!(segments(folder).len() > 4);
    assert_eq!(state.months.len(), 3);
    state
}

#[test]
fn a_snapshot_spares_old_segments_and_they_are_read_when_needed() {
    let folder = tempfile::tempdir().unwrap();
    let before = closed_log(folder.path());
    assert_eq!(state(&open_with_book(folder.path())), before);
    // A frame in the first segment is damaged: only who reads it meets it.
    let first = segments(folder.path())[0].clone();
    let good = fs::read(&first).unwrap();
    let mut bad = good.clone();
    bad[3 * 4_096 + 50] ^= 1;
    fs::write(&first, &bad).unwrap();
    let log = open_with_book(folder.path());
    assert_eq!(log.head(), before.head);
    let error = log.records(0).find_map(Result::err).unwrap().to_string();
    assert!(error.contains("is damaged at byte 12288"), "{error}");
    assert!(log.record(before.head.size - 1).is_ok());
    drop(log);
    // A header that was changed is met at once, and without a snapshot so is the frame.
    bad = good.clone();
    bad[20] ^= 1;
    fs::write(&first, &bad).unwrap();
    assert!(Log::open(folder.path(), with_book()).is_err());
    fs::write(&first, &good).unwrap();
    forget_snapshots(folder.path());
    bad = good.clone();
    bad[3 * 4_096 + 50] ^= 1;
    fs::write(&first, &bad).unwrap();
    assert!(Log::open(folder.path(), with_book()).is_err());
    fs::write(&first, &good).unwrap();
    assert_eq!(state(&open_with_book(folder.path())), before);
}

#[test]
fn a_missing_older_or_damaged_snapshot_costs_time_and_nothing_else() {
    let original = tempfile::tempdir().unwrap();
    let before = closed_log(original.path());
    let [snapshot] = &snapshots(original.path())[..] else {
        panic!()
    };
    let names: Vec<PathBuf> = files(snapshot).into_keys().collect();
    assert_eq!(names.len(), 4, "a head and three months: {names:?}");
    for name in &names {
        let good = fs::read(snapshot.join(name)).unwrap();
        let places = (0..good.len()).step_by(1 + good.len() / 9);
        for place in places.map(Some).chain([None]) {
            let folder = tempfile::tempdir().unwrap();
            copy(original.path(), folder.path());
            let path = snapshots(folder.path())[0].join(name);
            match place {
                Some(place) => {
                    let mut bad = good.clone();
                    bad[place] ^= 4;
                    fs::write(&path, bad).unwrap();
                }
                None => fs::remove_file(&path).unwrap(),
            }
            let log = open_with_book(folder.path());
            assert_eq!(state(&log), before, "{name:?} {place:?}");
            log.close().unwrap();
        }
    }
    // Lists of entries that are gone or too short.
    for cut in [None, Some(48)] {
        let folder = tempfile::tempdir().unwrap();
        copy(original.path(), folder.path());
        let path = folder
            .path()
            .join("book")
            .join(format!("{}.uses", own_period().number()));
        match cut {
            None => fs::remove_file(&path).unwrap(),
            Some(cut) => {
                let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
                let length = file.metadata().unwrap().len();
                file.set_len(length - cut).unwrap();
            }
        }
        assert_eq!(state(&open_with_book(folder.path())), before);
    }
    // The snapshot of another log, and that of a log without a book.
    let (other, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy(original.path(), folder.path());
    let log = open(other.path());
    fill(&log, before.head.size, 9);
    log.close().unwrap();
    forget_snapshots(folder.path());
    copy(
        &other.path().join("snapshot"),
        &folder.path().join("snapshot"),
    );
    assert_eq!(state(&open_with_book(folder.path())), before);
}

#[test]
fn a_snapshot_made_while_entries_come_in_serves_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        snapshot_every: 400,
        ..with_book()
    };
    let log = Log::open(folder.path(), options).unwrap();
    let start = std::time::Instant::now();
    let mut rounds = 0;
    // Three snapshots, so that the first ones are deleted while the log runs.
    let newest = || {
        let path = snapshots(folder.path()).pop();
        let name = path.and_then(|path| path.file_name()?.to_str()?.parse().ok());
        name.unwrap_or(0_u64)
    };
    while newest() < 1_300 {
        assert!(start.elapsed().as_secs() < 60, "no snapshot came");
        let drafts = (0..20).map(|number| entry(number, rounds * 20 + number, own_period()));
        log.appender().append_blocking(drafts.collect()).unwrap();
        if rounds % 3 == 0 {
            log.publish().unwrap();
        }
        rounds += 1;
    }
    let copied = tempfile::tempdir().unwrap();
    copy(folder.path(), copied.path());
    let log = open_with_book(copied.path());
    let before = state(&log);
    assert!(verify(&log, copied.path()).is_sound());
    drop(log);
    copy(folder.path(), copied.path());
    assert_same_without(copied.path());
    // It was used: damage in the first segment is not met.
    let first = segments(copied.path())[0].clone();
    let mut bytes = fs::read(&first).unwrap();
    bytes[4_096 + 50] ^= 1;
    fs::write(&first, bytes).unwrap();
    assert_eq!(open_with_book(copied.path()).head().root, before.head.root);
}

#[test]
fn a_half_made_snapshot_is_not_one() {
    let folder = tempfile::tempdir().unwrap();
    let before = closed_log(folder.path());
    let snapshot = snapshots(folder.path())[0].clone();
    for name in ["new", "old", "7", "00000000000000000007x"] {
        copy(&snapshot, &folder.path().join("snapshot").join(name));
    }
    fs::remove_file(folder.path().join("snapshot/new/head")).unwrap();
    let log = open_with_book(folder.path());
    assert_eq!(state(&log), before);
    fill_book(&log, 10);
    log.close().unwrap();
    let left = snapshots(folder.path());
    assert!(
        !left
            .iter()
            .any(|path| path.ends_with("new") || path.ends_with("old"))
    );
    assert_same_without(folder.path());
}

fn fill_book(log: &Log, count: u64) {
    let period = log.book().unwrap().months().last().unwrap().0;
    let drafts = (0..count).map(|number| entry(number, 900_000 + number, period));
    log.appender().append_blocking(drafts.collect()).unwrap();
}

#[test]
fn two_snapshots_are_kept_and_share_what_does_not_change() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    for _ in 0..3 {
        let log = open_with_book(folder.path());
        fill_book(&log, 5);
        log.close().unwrap();
        // Nothing new, no new snapshot.
        open_with_book(folder.path()).close().unwrap();
    }
    let [older, newer] = &snapshots(folder.path())[..] else {
        panic!()
    };
    let inode = |folder: &Path, period: Period| {
        fs::metadata(folder.join(format!("{}.map", period.number())))
            .unwrap()
            .ino()
    };
    let months = open_with_book(folder.path()).book().unwrap().months();
    for (at, (period, _)) in months.iter().enumerate() {
        let is_closed = at + 1 < months.len();
        assert_eq!(inode(older, *period) == inode(newer, *period), is_closed);
    }
    // If the newest is damaged the one before it serves.
    let head = newer.join("head");
    let mut bytes = fs::read(&head).unwrap();
    bytes[30] ^= 1;
    fs::write(&head, bytes).unwrap();
    assert_same_without(folder.path());
}

#[test]
fn a_row_half_erased_in_a_spared_segment_is_known() {
    for is_noted in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path());
        fill(&log, 900, 7);
        log.close().unwrap();
        assert!(segments(folder.path()).len() > 5);
        // A crash while the rows of 3 and 9 were being erased.
        let first = segments(folder.path())[0].clone();
        let mut bytes = fs::read(&first).unwrap();
        let row = draft(9).row;
        let at = bytes
            .windows(row.len())
            .position(|part| part == row)
            .unwrap();
        bytes[at..at + 20].fill(0);
        fs::write(&first, bytes).unwrap();
        let note = {
            let mut note = b"KEPILERA\0\0\0\x01".to_vec();
            note.extend([2, 3, 9].map(u64::to_be_bytes).concat());
            let checksum = crc32fast::hash(&note);
            note.extend(checksum.to_be_bytes());
            note
        };
        if is_noted {
            fs::write(folder.path().join("erasing"), note).unwrap();
        } else {
            // Found by an opening that read everything; the snapshot remembers.
            forget_snapshots(folder.path());
            let log = open(folder.path());
            fill(&log, 901, 1);
            log.close().unwrap();
        }
        for _ in 0..2 {
            let log = open(folder.path());
            assert_eq!(log.damaged_rows(), [9]);
            // Erasing something else does not make it forgotten.
            log.erase(&[100]).unwrap();
            assert_eq!(log.damaged_rows(), [9]);
            assert!(folder.path().join("erasing").exists());
        }
        let log = open(folder.path());
        assert_eq!(log.erase(&[3, 9]).unwrap(), 2);
        assert!(log.damaged_rows().is_empty());
        assert!(!folder.path().join("erasing").exists());
        log.close().unwrap();
        let log = open(folder.path());
        assert!(log.damaged_rows().is_empty());
        assert_eq!(log.record(9).unwrap().row, None);
    }
}

#[test]
fn a_snapshot_that_cannot_be_made_costs_nothing_but_time() {
    /// A disk that cannot say whether published files are durable.
    #[derive(Debug)]
    struct Unsure;
    impl Disk for Unsure {
        fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> std::io::Result<()> {
            DirectDisk.create_zeroed(path, bytes, rest)
        }
        fn open_segment(&self, path: &Path) -> std::io::Result<Box<dyn SegmentFile>> {
            DirectDisk.open_segment(path)
        }
        fn publish(
            &self,
            scratch: &Path,
            path: &Path,
            bytes: &[u8],
            stays: bool,
        ) -> std::io::Result<()> {
            DirectDisk.publish(scratch, path, bytes, stays)
        }
        fn sync_below(&self, _: &Path) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        disk: Arc::new(Unsure),
        snapshot_every: 20,
        ..options()
    };
    for round in 1..4 {
        let log = Log::open(folder.path(), options.clone()).unwrap();
        fill(&log, round * 100, 7);
        log.publish().unwrap();
        assert_holds(&log, round * 100);
        log.close().unwrap();
        assert!(snapshots(folder.path()).is_empty());
    }
    let log = open(folder.path());
    assert_holds(&log, 300);
    log.close().unwrap();
    assert_eq!(snapshots(folder.path()).len(), 1);
}

#[test]
fn a_log_without_a_book_has_snapshots_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut size = 0;
    for round in 0..12 {
        let options = Options {
            snapshot_every: 50,
            clock: ticking(1_763_700_000_000 + round * 1_000_000),
            ..options()
        };
        let log = Log::open(folder.path(), options).unwrap();
        assert_holds(&log, size);
        size += 37 + round * 40;
        fill(&log, size, 5);
        log.publish().unwrap();
        fill(&log, size + 3, 2);
        size += 3;
        log.close().unwrap();
        let log = open(folder.path());
        log.publish().unwrap();
        assert!(verify(&log, folder.path()).is_sound());
    }
    assert!((1..=2).contains(&snapshots(folder.path()).len()));
    let plain = tempfile::tempdir().unwrap();
    copy(folder.path(), plain.path());
    forget_snapshots(plain.path());
    assert_eq!(state(&open(folder.path())), state(&open(plain.path())));
}
