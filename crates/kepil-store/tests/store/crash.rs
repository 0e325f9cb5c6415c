//! Kills a writing process at random moments and looks at what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kepil_ledger::entry::Leaf;
use kepil_ledger::period::Period;
use kepil_ledger::verify::{self, Standing};
use kepil_store::draft::{Booker as _, Draft};
use kepil_store::log::{Log, Options};
use kepil_store::source::DirSource;

use crate::book::{Plain, assert_complete, entry, person_of, with_book};
use crate::log::{
    Random, copy, draft, drafts, fill, open, opened, options, random_seed, segments, verify,
};
use crate::snapshot::assert_same_without;

const FOLDER: &str = "KEPIL_STORE_TEST_CRASH_FOLDER";

/// Kills to survive.
const KILLS: u64 = 500;

/// Kills before a new folder is begun, so that reading it again stays quick.
const KILLS_A_FOLDER: u64 = 20;

fn crash_options() -> Options {
    Options {
        checkpoint_interval: Duration::from_millis(3),
        snapshot_every: 60,
        ..with_book()
    }
}

/// A draft with a place in somebody's map.
fn booked(number: u64) -> Draft {
    let period = Period::of_ms(1_763_700_000_000);
    Draft {
        booking: entry(number % 20, number, period).booking,
        ..draft(number)
    }
}

/// Not a test by itself: the writer that the parent kills.
#[test]
#[ignore = "run by the parent as its child"]
fn crash_writer() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let log = Log::open(Path::new(&folder), crash_options()).unwrap();
    // Writers of this life take numbers from 600,000 on; every entry before is a million.
    let base = log.head().size * 1_000_000;
    std::thread::scope(|scope| {
        for writer in 0..6_u64 {
            let appender = log.appender();
            scope.spawn(move || {
                for round in 0_u64.. {
                    let number = base + writer * 100_000 + round * 4;
                    let count = 1 + (round + writer) % 4;
                    let tickets = appender
                        .append_blocking((number..number + count).map(booked).collect())
                        .unwrap();
                    let mut lines = String::new();
                    for (number, ticket) in (number..).zip(tickets) {
                        lines.push_str(&format!("\nack {} {number} .", ticket.index()));
                    }
                    std::io::stdout()
                        .lock()
                        .write_all(lines.as_bytes())
                        .unwrap();
                    std::io::stdout().lock().flush().unwrap();
                }
            });
        }
    });
}

fn spawn_writer(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::crash_writer", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// When a writer is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after it was started: perhaps while it opens the log.
    AfterStart(Duration),
    /// So long after its first answer.
    AfterAnswer(Duration),
}

/// Lets a writer work and kills it; gives what it had acknowledged, index to draft number.
fn run_and_kill(folder: &Path, moment: Moment) -> BTreeMap<u64, u64> {
    let mut child = spawn_writer(folder);
    let output = BufReader::new(child.stdout.take().unwrap());
    let (first_seen, first) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = BTreeMap::new();
        for line in output.lines() {
            let line = line.unwrap();
            // A line that the kill cut short has no dot.
            let words: Vec<&str> = line.split(' ').collect();
            if let ["ack", index, number, "."] = *words.as_slice() {
                acknowledged.insert(index.parse().unwrap(), number.parse().unwrap());
                let _ = first_seen.send(());
            }
        }
        acknowledged
    });
    match moment {
        Moment::AfterStart(after) => std::thread::sleep(after),
        Moment::AfterAnswer(after) => {
            first
                .recv_timeout(Duration::from_secs(30))
                .expect("the writer answers");
            std::thread::sleep(after);
        }
    }
    // SIGKILL: no destructor, no flush, no goodbye.
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn everything_acknowledged_survives_500_kills() {
    let mut random = Random(random_seed());
    let start = Instant::now();
    let (mut total, mut kills) = (0, 0);
    while kills < KILLS {
        let folder = tempfile::tempdir().unwrap();
        let mut acknowledged = BTreeMap::new();
        let mut older = None;
        for _ in 0..KILLS_A_FOLDER {
            let moment = match random.below(4) {
                0 => Moment::AfterStart(Duration::from_micros(random.below(30_000))),
                _ => Moment::AfterAnswer(Duration::from_micros(random.below(60_000))),
            };
            acknowledged.extend(run_and_kill(folder.path(), moment));
            kills += 1;

            if kills % 8 == 0 {
                assert_same_without(folder.path());
            }
            let log = Log::open(folder.path(), with_book()).unwrap();
            let size = log.head().size;
            let needed = acknowledged.keys().last().map_or(0, |last| last + 1);
            assert!(
                size >= needed,
                "{needed} entries were acknowledged, the log has {size}"
            );
            let (mut seen, mut uses) = (0, Vec::new());
            let mut rows = BTreeSet::new();
            for entry in log.records(0) {
                let entry = entry.unwrap();
                let stored = entry.draft().unwrap();
                if matches!(stored.leaf, Leaf::MapHead(_)) {
                    continue;
                }
                assert_eq!(opened(&stored).leaf(), stored.leaf);
                if let Some(number) = acknowledged.get(&entry.index) {
                    assert_eq!(stored, booked(*number), "entry {}", entry.index);
                    seen += 1;
                }
                let (_, tag) = Plain.booked(&stored.booking).unwrap();
                uses.push((person_of(&tag), entry.index));
                assert!(
                    rows.insert(stored.row),
                    "entry {} stands twice",
                    entry.index
                );
            }
            assert_eq!(seen, acknowledged.len());
            if size == 0 {
                // Killed before the first entry: there is nothing to publish a head over.
                continue;
            }

            // The published log is whole, grew from the last one, and keeps its receipts.
            log.publish().unwrap();
            let source = DirSource::new(&folder.path().join("log"));
            let report = verify::rebuild(&source, log.verifying_key(), older.as_ref());
            assert!(report.is_sound(), "{report:?}");
            assert_complete(&log, folder.path(), &uses);
            let size = log.head().size;
            assert_eq!(report.entries_checked, size);
            for _ in 0..size.min(3) {
                let receipt = log.receipt(random.below(size)).unwrap();
                let report = verify::receipt(&source, log.verifying_key(), &receipt);
                assert_eq!(report.standing, Standing::Included);
            }
            let text = log.head().checkpoint.unwrap();
            let signed = kepil_ledger::checkpoint::parse(text.as_bytes()).unwrap();
            older = Some(signed.verify(log.verifying_key()).unwrap().clone());
            drop(log);
        }
        total += acknowledged.len();
    }
    println!(
        "{kills} kills, {total} entries acknowledged and found, {:?}",
        start.elapsed()
    );
}

/// A log with one frame more than `frames`, copied while open; gives the offsets of the
/// last frame in its segment.
fn with_last_frame(folder: &Path, is_published: bool) -> (u64, usize, usize) {
    let live = tempfile::tempdir().unwrap();
    let log = open(live.path());
    fill(&log, 40, 4);
    log.publish().unwrap();
    let end_of = |path: &Path| {
        let bytes = fs::read(&segments(path)[0]).unwrap();
        bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
    };
    let before = end_of(live.path()).next_multiple_of(4_096);
    log.appender().append_blocking(drafts(40..80)).unwrap();
    if is_published {
        log.publish().unwrap();
    }
    copy(live.path(), folder);
    (40, before, end_of(folder))
}

#[test]
fn a_tail_torn_at_any_byte_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (size, start, end) = with_last_frame(folder.path(), false);
    assert!(end - start > 4_096, "the frame takes more than one block");
    let segment = segments(folder.path())[0].clone();
    let whole = fs::read(&segment).unwrap();
    let mut random = Random(random_seed());
    for cut in start..=end {
        let mut torn = whole.clone();
        // What was not written is zeros, or whatever lay there before.
        if cut % 2 == 0 {
            torn[cut..end].fill(0);
        } else {
            torn[cut..end].fill_with(|| random.next().to_be_bytes()[0]);
        }
        let is_whole = torn[start..end] == whole[start..end];
        fs::write(&segment, torn).unwrap();
        let log = open(folder.path());
        assert_eq!(
            log.head().size,
            if is_whole { 80 } else { size },
            "cut at {cut}"
        );
        assert_eq!(log.record(size - 1).unwrap().draft(), Some(draft(size - 1)));
        // What is appended now lies over the torn frame; nothing of it may follow.
        if cut % 64 == 0 {
            let next = log.head().size;
            log.appender().append_blocking(vec![draft(next)]).unwrap();
            drop(log);
            assert_eq!(open(folder.path()).head().size, next + 1);
        } else {
            drop(log);
        }
        // The public files follow from the segments; without them any state may be tried.
        fs::remove_file(folder.path().join("log/checkpoint")).unwrap();
        fs::write(&segment, &whole).unwrap();
    }
}

#[test]
fn a_segment_file_cut_short_is_recovered_or_refused_but_never_less_than_published() {
    let folder = tempfile::tempdir().unwrap();
    let (size, start, end) = with_last_frame(folder.path(), false);
    let segment = segments(folder.path())[0].clone();
    let whole = fs::read(&segment).unwrap();
    for length in (start..end).step_by(97) {
        fs::write(&segment, &whole[..length]).unwrap();
        let log = open(folder.path());
        assert_eq!(log.head().size, size);
        drop(log);
    }
}

#[test]
fn a_torn_tail_that_was_published_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, start, end) = with_last_frame(folder.path(), true);
    let segment = segments(folder.path())[0].clone();
    let mut torn = fs::read(&segment).unwrap();
    torn[end - 1] ^= 1;
    fs::write(&segment, torn).unwrap();
    let error = Log::open(folder.path(), options()).unwrap_err();
    let expected = format!(
        "opening the log: 80 entries were published, the segments hold only 40 and end at \
         byte {start} of `{}`: acknowledged entries are lost",
        segment.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_log_copied_while_open_is_whole() {
    let live = tempfile::tempdir().unwrap();
    let log = open(live.path());
    for round in 0..20 {
        fill(&log, round * 100, 9);
        let copied = tempfile::tempdir().unwrap();
        copy(live.path(), copied.path());
        let log = open(copied.path());
        assert_eq!(log.head().size, round * 100);
        log.publish().unwrap();
        assert!(verify(&log, copied.path()).is_sound());
    }
}
