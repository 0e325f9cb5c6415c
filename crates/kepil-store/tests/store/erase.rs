//! Erased rows are gone from the disk, and everything else stays.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kepil_ledger::verify::{self, Standing};
use kepil_store::disk::{Blocks, DirectDisk, Disk, SegmentFile};
use kepil_store::draft::Draft;
use kepil_store::log::{EraseError, Log, Options, ReadError};
use kepil_store::source::DirSource;

use crate::log::{Random, copy, draft, fill, open, options, random_seed, segments, verify};

fn holds(path: &Path, wanted: &[u8]) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

fn in_any_segment(folder: &Path, wanted: &[u8]) -> bool {
    segments(folder).iter().any(|path| holds(path, wanted))
}

/// Drafts 0..size are there, those erased without their rows; receipts and tiles verify.
fn assert_erased(log: &Log, folder: &Path, size: u64, erased: &[u64]) {
    assert_eq!(log.head().size, size);
    for (number, entry) in (0..).zip(log.records(0)) {
        let entry = entry.unwrap();
        let Draft { leaf, booking, row } = draft(number);
        assert_eq!(
            (entry.index, entry.leaf, entry.booking),
            (number, leaf, booking)
        );
        let is_erased = erased.contains(&number);
        assert_eq!(entry.row, (!is_erased).then_some(row), "entry {number}");
    }
    log.publish().unwrap();
    assert!(verify(log, folder).is_sound());
    for index in erased.iter().copied().chain([0, size - 1]) {
        let source = DirSource::new(&folder.join("log"));
        let report = verify::receipt(&source, log.verifying_key(), &log.receipt(index).unwrap());
        assert_eq!(report.standing, Standing::Included, "{report:?}");
    }
}

#[test]
fn an_erased_row_is_gone_from_the_segment_and_all_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 600, 7);
    assert!(segments(folder.path()).len() > 4);
    let erased = [0, 1, 6, 7, 100, 101, 102, 305, 590];
    let before: Vec<_> = segments(folder.path())
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    for index in erased {
        assert!(in_any_segment(folder.path(), &draft(index).row));
    }
    assert_eq!(log.erase(&erased).unwrap(), 9);
    let mut changed = 0;
    for (path, before) in segments(folder.path()).iter().zip(before) {
        let after = fs::read(path).unwrap();
        assert_eq!(after.len(), before.len());
        for (before, after) in before.iter().zip(after) {
            assert!(*before == after || after == 0);
            changed += usize::from(*before != after);
        }
    }
    // Salts have zeros in them, so a few bytes of the rows were zeros before.
    let bytes: usize = erased.iter().map(|index| draft(*index).row.len()).sum();
    assert!(changed <= bytes && changed > bytes - 9 * 9);
    for index in erased {
        assert!(!in_any_segment(folder.path(), &draft(index).row));
        assert_eq!(log.record(index).unwrap().row, None);
        assert_eq!(log.record(index).unwrap().draft(), None);
    }
    assert_erased(&log, folder.path(), 600, &erased);

    // Once more changes nothing, and some more only them.
    assert_eq!(log.erase(&erased).unwrap(), 0);
    assert_eq!(log.erase(&[305, 306, 306, 305]).unwrap(), 1);
    assert_eq!(log.erase(&[]).unwrap(), 0);
    let erased = [erased.as_slice(), &[306]].concat();
    log.close().unwrap();
    let log = open(folder.path());
    assert!(log.damaged_rows().is_empty());
    assert_erased(&log, folder.path(), 600, &erased);
}

#[test]
fn the_newest_frame_is_refused_and_nothing_is_erased_then() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    assert!(matches!(
        log.erase(&[0]).unwrap_err(),
        EraseError::Outside { index: 0, size: 0 }
    ));
    fill(&log, 8, 4);
    for index in 4..8 {
        let error = log.erase(&[0, index]).unwrap_err();
        assert!(matches!(error, EraseError::Newest { index: found } if found == index));
    }
    let error = log.erase(&[1, 8]).unwrap_err().to_string();
    assert_eq!(error, "erasing the row of entry 8: the log has only 8");
    assert_erased(&log, folder.path(), 8, &[]);
    log.close().unwrap();

    // Opening does not change which frame is the newest.
    let log = open(folder.path());
    assert!(matches!(
        log.erase(&[4]),
        Err(EraseError::Newest { index: 4 })
    ));
    assert_eq!(log.erase(&[3]).unwrap(), 1);
    drop(log);
    // The frame with the erased row lies right before the last one.
    let log = open(folder.path());
    assert_erased(&log, folder.path(), 8, &[3]);
}

#[test]
fn an_erasure_cut_short_at_any_byte_is_a_damaged_row_and_can_be_finished() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 6, 6);
    // A row over three blocks.
    let mut long = draft(6);
    long.row = (0..9_000_u32).map(|at| at.to_be_bytes()[3] | 1).collect();
    log.appender().append_blocking(vec![long.clone()]).unwrap();
    fill(&log, 12, 5);
    log.close().unwrap();
    let segment = segments(folder.path())[0].clone();
    let whole = fs::read(&segment).unwrap();
    for row in [draft(2).row, long.row.clone()] {
        let index = if row == long.row { 6 } else { 2 };
        let start = whole
            .windows(row.len())
            .position(|part| part == row)
            .unwrap();
        let length = row.len();
        for cut in (0..=length).step_by(1 + length / 200) {
            for is_backwards in [false, true] {
                let mut torn = whole.clone();
                match is_backwards {
                    false => torn[start..start + cut].fill(0),
                    true => torn[start + length - cut..start + length].fill(0),
                }
                let is_whole = torn == whole;
                let is_erased = torn[start..start + length].iter().all(|byte| *byte == 0);
                fs::write(&segment, &torn).unwrap();
                let log = open(folder.path());
                let expected: &[u64] = if is_whole || is_erased { &[] } else { &[index] };
                assert_eq!(log.damaged_rows(), expected, "cut at {cut}");
                assert_eq!(
                    log.records(0).filter(Result::is_err).count(),
                    expected.len()
                );
                if cut % 16 == 0 {
                    assert_eq!(log.erase(&[index]).unwrap(), u64::from(!is_erased));
                    assert!(log.damaged_rows().is_empty());
                    assert_eq!(log.record(index).unwrap().row, None);
                    assert!(log.records(0).all(|entry| entry.is_ok()));
                }
            }
        }
    }
}

/// A disk that writes as much of an overwriting as it is told to and then fails.
#[derive(Debug)]
struct TearingDisk {
    /// Writes that go well.
    writes: Arc<AtomicI64>,
    /// Blocks of the failing one that are written.
    blocks: usize,
}

#[derive(Debug)]
struct TearingFile {
    file: Box<dyn SegmentFile>,
    writes: Arc<AtomicI64>,
    blocks: usize,
}

impl Disk for TearingDisk {
    fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
        DirectDisk.create_zeroed(path, bytes, rest)
    }

    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(TearingFile {
            file: DirectDisk.open_segment(path)?,
            writes: self.writes.clone(),
            blocks: self.blocks,
        }))
    }

    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8], stays: bool) -> io::Result<()> {
        DirectDisk.publish(scratch, path, bytes, stays)
    }
}

impl SegmentFile for TearingFile {
    fn write_blocks(&mut self, blocks: &Blocks, offset: u64) -> io::Result<()> {
        if self.writes.fetch_sub(1, Ordering::SeqCst) > 0 {
            return self.file.write_blocks(blocks, offset);
        }
        let written = (self.blocks * 4_096).min(blocks.as_bytes().len());
        if written > 0 {
            let mut part = Blocks::new();
            part.fill(&blocks.as_bytes()[..written]);
            self.file.write_blocks(&part, offset)?;
        }
        Err(io::Error::other("the disk is gone"))
    }
}

#[test]
fn an_erasure_that_fails_says_so_and_is_finished_later() {
    for (writes, blocks) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (3, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let disk = Arc::new(TearingDisk {
            writes: left.clone(),
            blocks,
        });
        let log = Log::open(folder.path(), Options { disk, ..options() }).unwrap();
        for number in 0..4 {
            let mut long = draft(number);
            long.row = vec![number.to_be_bytes()[7] + 1; 10_000];
            log.appender().append_blocking(vec![long]).unwrap();
        }
        fill(&log, 8, 1);
        left.store(writes, Ordering::SeqCst);
        let error = log.erase(&[0, 1, 2, 3]).unwrap_err();
        assert!(matches!(error, EraseError::Write { .. }), "{error}");
        left.store(i64::MAX, Ordering::SeqCst);

        // The row in which it stopped is known to be damaged, now and after a crash.
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let other = open(copied.path());
        assert_eq!(other.damaged_rows(), log.damaged_rows());
        let expected: Vec<u64> = (blocks > 0).then_some(writes as u64).into_iter().collect();
        assert_eq!(log.damaged_rows(), expected);
        for index in &expected {
            let error = log.record(*index).unwrap_err();
            assert!(matches!(error, ReadError::DamagedRow { .. }));
        }
        for log in [log, other] {
            assert!(log.health().failed.is_none());
            assert_eq!(log.erase(&[0, 1, 2, 3]).unwrap(), 4 - writes as u64);
            assert!(log.damaged_rows().is_empty());
            let rows: Vec<_> = log.records(0).map(|entry| entry.unwrap().row).collect();
            assert!(rows[..4].iter().all(Option::is_none));
            assert_eq!(rows[4..].iter().flatten().count(), 4);
            fill(&log, 20, 3);
            log.close().unwrap();
        }
    }
}

#[test]
fn readers_never_see_half_a_row_and_appending_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 400, 9);
    let log = &log;
    std::thread::scope(|scope| {
        let erasers: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    let own = (0..300).filter(|index| index % 2 == half);
                    own.map(|index| log.erase(&[index]).unwrap()).sum::<u64>()
                })
            })
            .collect();
        scope.spawn(move || fill(log, 900, 3));
        for seed in [random_seed(), 5] {
            scope.spawn(move || {
                let mut random = Random(seed | 1);
                for _ in 0..2_000 {
                    let index = random.below(400);
                    let entry = log.record(index).unwrap();
                    let row = entry.row.unwrap_or_else(|| draft(index).row);
                    assert_eq!(row, draft(index).row);
                }
            });
        }
        let wiped: u64 = erasers
            .into_iter()
            .map(|eraser| eraser.join().unwrap())
            .sum();
        assert_eq!(wiped, 300);
    });
    let erased: Vec<u64> = (0..300).collect();
    assert_erased(log, folder.path(), 900, &erased);
}

#[test]
fn an_erased_row_in_the_last_frame_is_a_torn_write_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 8, 4);
    let copied = tempfile::tempdir().unwrap();
    copy(folder.path(), copied.path());
    drop(log);
    let segment = segments(copied.path())[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    let row = draft(5).row;
    let start = bytes
        .windows(row.len())
        .position(|part| part == row)
        .unwrap();
    for keep in [0, 10] {
        bytes[start + keep..start + row.len()].fill(0);
        fs::write(&segment, &bytes).unwrap();
        let log = open(copied.path());
        assert_eq!((log.head().size, log.damaged_rows()), (4, Vec::new()));
        fs::remove_file(copied.path().join("log/checkpoint")).unwrap();
    }
}
