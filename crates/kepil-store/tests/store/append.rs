use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use kepil_ledger::note::KeyName;
use kepil_ledger::receipt::{Receipt, RecordCheck};
use kepil_store::disk::{Blocks, DirectDisk, Disk, SegmentFile};
use kepil_store::log::{AppendError, Log, OpenError, Options, ReadError};
use proptest::prelude::*;

use crate::log::{assert_holds, draft, drafts, fill, open, opened, options, segments};

#[test]
fn entries_are_there_in_order_and_again_after_opening() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..6 {
        let log = open(folder.path());
        assert_eq!(log.head().size, (round - 1) * 500);
        fill(&log, round * 500, 7);
        assert_holds(&log, round * 500);
        let head = log.head();
        log.close().unwrap();
        assert_eq!(open(folder.path()).head().root, head.root);
    }
    assert!(
        segments(folder.path()).len() > 3,
        "several segments are used"
    );
}

#[test]
fn a_request_stands_or_falls_together_and_an_empty_one_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    assert!(
        log.appender()
            .append_blocking(Vec::new())
            .unwrap()
            .is_empty()
    );
    let tickets = log.appender().append_blocking(drafts(0..5)).unwrap();
    let indices: Vec<u64> = tickets.iter().map(|ticket| ticket.index()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4]);
    assert!(
        tickets
            .windows(2)
            .all(|pair| pair[0].time_ms() == pair[1].time_ms())
    );

    let mut large = drafts(5..7);
    large[1].row = vec![0; 61 * 1024];
    assert!(matches!(
        log.appender().append_blocking(large),
        Err(AppendError::TooLarge { entries: 2, limit, .. }) if limit < 60 * 1024
    ));
    let many = drafts(5..8_198);
    assert!(matches!(
        log.appender().append_blocking(many),
        Err(AppendError::TooLarge { entries: 8_193, .. })
    ));
    assert_holds(&log, 5);
}

#[test]
fn the_largest_request_fills_a_segment_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let mut largest = draft(0);
    // 60 KiB of frames fit behind the header; 72 bytes are the frame's, 47 the entry's.
    largest.row = vec![9; 60 * 1024 - 72 - 47];
    for _ in 0..3 {
        log.appender()
            .append_blocking(vec![largest.clone()])
            .unwrap();
    }
    largest.row.push(9);
    assert!(log.appender().append_blocking(vec![largest]).is_err());
    log.close().unwrap();
    let log = open(folder.path());
    assert_eq!(log.head().size, 3);
    assert_eq!(log.record(2).unwrap().row.unwrap().len(), 60 * 1024 - 119);
}

#[test]
fn every_ticket_has_a_receipt_that_verifies_and_can_be_issued_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let mut receipts = Vec::new();
    for from in [0, 1, 4, 40] {
        let to = if from == 0 { 1 } else { from * 3 };
        let from = log.head().size;
        for ticket in log
            .appender()
            .append_blocking(drafts(from..from + to))
            .unwrap()
        {
            let opening = opened(&draft(ticket.index()));
            receipts.push(ticket.receipt(Some(&opening)).unwrap());
        }
    }
    let check = |log: &Log, receipt: &Receipt| {
        let verified = receipt.verify(log.verifying_key()).unwrap();
        assert_eq!(verified.record, RecordCheck::Matches);
        let again = log.receipt(receipt.index()).unwrap();
        assert_eq!(again, receipt.clone().without_record());
        let opening = opened(&draft(receipt.index()));
        assert_eq!(receipt.record(), Some(opening.record.as_slice()));
    };
    receipts.iter().for_each(|receipt| check(&log, receipt));
    log.close().unwrap();
    let log = open(folder.path());
    receipts.iter().for_each(|receipt| check(&log, receipt));
}

#[test]
fn many_tasks_and_threads_append_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            let (appender, acknowledged) = (log.appender(), &acknowledged);
            scope.spawn(move || {
                for round in 0..100 {
                    let tickets = appender
                        .append_blocking(drafts(writer..writer + round % 4))
                        .unwrap();
                    acknowledged.fetch_add(tickets.len() as u64, Ordering::Relaxed);
                }
            });
        }
        runtime.block_on(async {
            let mut tasks = Vec::new();
            for writer in 0..64 {
                let appender = log.appender();
                tasks.push(tokio::spawn(async move {
                    let mut count = 0;
                    for _ in 0..50 {
                        for ticket in appender.append(vec![draft(writer)]).await.unwrap() {
                            assert_eq!(*ticket.leaf(), draft(writer).leaf);
                            count += 1;
                        }
                    }
                    count
                }));
            }
            for task in tasks {
                acknowledged.fetch_add(task.await.unwrap(), Ordering::Relaxed);
            }
        });
    });
    assert_eq!(log.head().size, acknowledged.into_inner());
    assert_eq!(log.records(0).count() as u64, log.head().size);
}

#[test]
fn blocking_and_closing_inside_a_runtime_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let log = open(folder.path());
        log.appender().append_blocking(drafts(0..3)).unwrap();
        log.close().unwrap();
        drop(open(folder.path()));
    });
}

#[test]
fn a_dropped_future_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for number in 0..50 {
            let appender = log.appender();
            let task = tokio::spawn(async move { appender.append(vec![draft(number)]).await });
            tokio::task::yield_now().await;
            task.abort();
        }
    });
    let size = log.appender().append_blocking(vec![draft(0)]).unwrap()[0].index() + 1;
    assert!(size <= 51);
    assert_eq!(log.records(0).filter(Result::is_ok).count() as u64, size);
}

#[test]
fn a_closed_log_takes_nothing_and_serves_what_waited() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let appender = log.appender();
    let waiting: Vec<_> = (0..20)
        .map(|number| {
            let appender = appender.clone();
            std::thread::spawn(move || appender.append_blocking(vec![draft(number)]))
        })
        .collect();
    log.close().unwrap();
    let mut acknowledged = 0;
    for thread in waiting {
        match thread.join().unwrap() {
            Ok(_) => acknowledged += 1,
            Err(error) => assert_eq!(error, AppendError::Closed),
        }
    }
    assert_eq!(
        appender.append_blocking(vec![draft(0)]).unwrap_err(),
        AppendError::Closed
    );
    assert_eq!(open(folder.path()).head().size, acknowledged);
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("another process has the log open")
    );
    drop(log);
    open(folder.path()).close().unwrap();
}

#[test]
fn another_origin_or_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 3, 1);
    log.close().unwrap();
    let with = |change: fn(&mut Options)| {
        let mut options = options();
        change(&mut options);
        Log::open(folder.path(), options).unwrap_err()
    };
    let key = with(|options| options.seed = [8; 32]);
    assert!(matches!(key, OpenError::Checkpoint { .. }), "{key}");
    let origin = with(|options| options.origin = KeyName::new("other.example").unwrap());
    assert!(matches!(origin, OpenError::Checkpoint { .. }), "{origin}");
    std::fs::remove_file(folder.path().join("log/checkpoint")).unwrap();
    let origin = with(|options| options.origin = KeyName::new("other.example").unwrap());
    assert!(matches!(&origin, OpenError::OtherLog { found, .. } if found == "log.example/test"));
    let reserved = with(|options| options.origin = KeyName::new("kepil-receipt/v1").unwrap());
    assert!(matches!(reserved, OpenError::Origin { .. }));
    for bytes in [0, 4096, 65_537, 1 << 31] {
        let mut options = options();
        options.segment_bytes = bytes;
        let error = Log::open(folder.path(), options).unwrap_err();
        assert!(matches!(error, OpenError::SegmentSize { .. }));
    }
}

#[test]
fn a_clock_that_jumps_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let times = [5_000, 10, u64::MAX >> 11, 0, 7_000, 6_999];
    let clock = || {
        let calls = AtomicUsize::new(0);
        Arc::new(move || times[calls.fetch_add(1, Ordering::Relaxed) % times.len()])
    };
    for round in 1..4 {
        let options = Options {
            clock: clock(),
            ..options()
        };
        let log = Log::open(folder.path(), options).unwrap();
        fill(&log, round * 40, 3);
        assert_holds(&log, round * 40);
        for index in 0..round * 40 {
            log.receipt(index)
                .unwrap()
                .verify(log.verifying_key())
                .unwrap();
        }
        log.close().unwrap();
    }
}

#[test]
fn reading_beyond_the_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    assert!(matches!(
        log.record(0),
        Err(ReadError::Outside { index: 0, size: 0 })
    ));
    assert_eq!(log.records(0).count(), 0);
    fill(&log, 10, 3);
    assert!(matches!(
        log.record(10),
        Err(ReadError::Outside {
            index: 10,
            size: 10
        })
    ));
    assert!(matches!(log.receipt(10), Err(ReadError::Outside { .. })));
    assert_eq!(
        log.records(7)
            .map(|entry| entry.unwrap().index)
            .collect::<Vec<_>>(),
        [7, 8, 9]
    );
    assert_eq!(log.records(11).count(), 0);
}

#[test]
fn segments_of_another_size_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    for (round, kib) in [(1, 64), (2, 256), (3, 128), (4, 64), (5, 1024)] {
        let options = Options {
            segment_bytes: kib * 1024,
            ..options()
        };
        let log = Log::open(folder.path(), options).unwrap();
        fill(&log, round * 1_500, 11);
        assert_holds(&log, round * 1_500);
        log.close().unwrap();
    }
    // A record larger than the segment that was prepared when segments were small.
    let options = Options {
        segment_bytes: 2 * 1024 * 1024,
        ..options()
    };
    let log = Log::open(folder.path(), options).unwrap();
    let mut large = draft(0);
    large.row = vec![1; 1_500_000];
    for _ in 0..3 {
        log.appender().append_blocking(vec![large.clone()]).unwrap();
    }
    assert_eq!(log.record(7_502).unwrap().draft(), Some(large));
}

fn root_of(folder: &Path, steps: &[u64]) -> (u64, kepil_ledger::hash::Hash) {
    let log = open(folder);
    let mut from = 0;
    for step in steps {
        log.appender()
            .append_blocking(drafts(from..from + step))
            .unwrap();
        from += step;
    }
    (from, log.head().root)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_batching_gives_the_same_root(steps in prop::collection::vec(1_u64..40, 1..20)) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (size, root) = root_of(one.path(), &steps);
        let reversed: Vec<u64> = steps.iter().rev().copied().collect();
        prop_assert_eq!(root_of(other.path(), &reversed), (size, root));
        assert_holds(&open(one.path()), size);
    }
}

/// Counts the writes that have come back from the disk.
#[derive(Debug)]
struct CountingDisk(Arc<AtomicU64>);

#[derive(Debug)]
struct CountingFile(Box<dyn SegmentFile>, Arc<AtomicU64>);

impl Disk for CountingDisk {
    fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
        DirectDisk.create_zeroed(path, bytes, rest)
    }

    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(CountingFile(
            DirectDisk.open_segment(path)?,
            self.0.clone(),
        )))
    }

    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8], stays: bool) -> io::Result<()> {
        DirectDisk.publish(scratch, path, bytes, stays)
    }
}

impl SegmentFile for CountingFile {
    fn write_blocks(&mut self, blocks: &Blocks, offset: u64) -> io::Result<()> {
        self.0.write_blocks(blocks, offset)?;
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn the_write_has_come_back_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let writes = Arc::new(AtomicU64::new(0));
    let disk = Arc::new(CountingDisk(writes.clone()));
    let log = Log::open(folder.path(), Options { disk, ..options() }).unwrap();
    for number in 0..10 {
        log.appender().append_blocking(vec![draft(number)]).unwrap();
        // One write was the segment's header, and each entry is one more.
        assert_eq!(writes.load(Ordering::SeqCst), number + 2);
    }
}

#[test]
fn segments_are_open_for_synced_writes_only() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let log = open(folder.path());
    fill(&log, 5, 1);
    let mut seen = 0;
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        // Other tests open and close files at the same time.
        let Ok(target) = fs::read_link(&path) else {
            continue;
        };
        if target != segments(folder.path())[0] {
            continue;
        }
        let descriptor = path.file_name().unwrap().to_str().unwrap().to_owned();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap();
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap();
        let flags = i32::from_str_radix(flags.trim(), 8).unwrap();
        assert_ne!(flags & libc::O_DSYNC, 0, "{flags:o}");
        seen += 1;
    }
    assert_eq!(seen, 1);
}

#[test]
fn segments_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()), 5, 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("segments")), 0o700);
    for segment in segments(folder.path()) {
        assert_eq!(mode(&segment), 0o600);
    }
}
