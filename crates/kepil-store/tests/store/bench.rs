//! Measurements; run with `--ignored --nocapture bench`.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kepil_store::disk::Blocks;
use kepil_store::draft::Draft;
use kepil_store::log::{DEFAULT_CHECKPOINT_INTERVAL, DEFAULT_SEGMENT_BYTES, Log, Options};

use crate::book::Plain;
use crate::log::options;

/// Median of 40 direct synced overwrites of 4 KiB, as section 15 of the reference says.
fn probe(folder: &Path) -> Duration {
    let path = folder.join("probe");
    fs::write(&path, vec![1; 40 * 4096]).unwrap();
    fs::File::open(&path).unwrap().sync_all().unwrap();
    let flags = libc::O_DIRECT | libc::O_DSYNC;
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(&path)
        .unwrap();
    let mut blocks = Blocks::new();
    blocks.fill(&[2; 4096]);
    let mut times: Vec<Duration> = (0..40)
        .map(|at| {
            let start = Instant::now();
            file.write_all_at(blocks.as_bytes(), at * 4096).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[20]
}

fn real_options() -> Options {
    Options {
        segment_bytes: DEFAULT_SEGMENT_BYTES,
        checkpoint_interval: DEFAULT_CHECKPOINT_INTERVAL,
        clock: Arc::new(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::try_from(now.as_millis()).unwrap()
        }),
        ..options()
    }
}

fn draft(number: u64) -> Draft {
    let mut salt = [9; 32];
    salt[..8].copy_from_slice(&number.to_be_bytes());
    Draft::from(crate::log::opening(salt, vec![salt[7]; 300]))
}

fn measure(folder: &Path, writers: u64, is_async: bool) {
    let log = Log::open(folder, real_options()).unwrap();
    let before = probe(folder);
    let stop = Arc::new(AtomicBool::new(false));
    let started = log.head().size;
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let mut latencies: Vec<u32> = if is_async {
        runtime.block_on(async {
            let mut tasks = Vec::new();
            for writer in 0..writers {
                let (appender, stop) = (log.appender(), stop.clone());
                tasks.push(tokio::spawn(async move {
                    let mut times = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let at = Instant::now();
                        let tickets = appender.append(vec![draft(writer)]).await.unwrap();
                        times.push(u32::try_from(at.elapsed().as_micros()).unwrap());
                        std::hint::black_box(tickets);
                    }
                    times
                }));
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
            stop.store(true, Ordering::Relaxed);
            let mut all = Vec::new();
            for task in tasks {
                all.extend(task.await.unwrap());
            }
            all
        })
    } else {
        std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..writers)
                .map(|writer| {
                    let (appender, stop) = (log.appender(), stop.clone());
                    scope.spawn(move || {
                        let mut times = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let at = Instant::now();
                            appender.append_blocking(vec![draft(writer)]).unwrap();
                            times.push(u32::try_from(at.elapsed().as_micros()).unwrap());
                        }
                        times
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_secs(3));
            stop.store(true, Ordering::Relaxed);
            tasks
                .into_iter()
                .flat_map(|task| task.join().unwrap())
                .collect()
        })
    };
    let elapsed = start.elapsed();
    let count = log.head().size - started;
    latencies.sort_unstable();
    let at = |per_mille: usize| latencies[(latencies.len() - 1) * per_mille / 1_000];
    println!(
        "{writers:>5} {}: {:>8.0}/s  p50 {} p99 {} p99.9 {} max {} us; probe {:?} / {:?}",
        if is_async { "tasks  " } else { "threads" },
        count as f64 / elapsed.as_secs_f64(),
        at(500),
        at(990),
        at(999),
        at(1_000),
        before,
        probe(folder),
    );
    let close = Instant::now();
    log.close().unwrap();
    println!("      close {:?}", close.elapsed());
}

#[test]
#[ignore = "a measurement, not a test"]
fn bench_appends() {
    let folder = tempfile::tempdir_in(".").unwrap();
    for (writers, is_async) in [(1, true), (64, true), (64, false), (1024, true)] {
        for _ in 0..2 {
            let folder = folder.path().join("log");
            measure(&folder, writers, is_async);
            fs::remove_dir_all(&folder).unwrap();
        }
    }
}

#[test]
#[ignore = "a measurement, not a test"]
fn bench_open() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let log = Log::open(folder.path(), real_options()).unwrap();
    for _ in 0..250 {
        log.appender()
            .append_blocking((0..4_000).map(draft).collect())
            .unwrap();
    }
    log.close().unwrap();
    let open = |what: &str| {
        let start = Instant::now();
        let log = Log::open(folder.path(), real_options()).unwrap();
        println!("open with 1,000,000 entries, {what}: {:?}", start.elapsed());
        log
    };
    let start = Instant::now();
    let report = kepil_store::check::check(folder.path(), None, None, &mut |_, _| {});
    assert!(report.is_sound());
    println!("checking everything: {:?}", start.elapsed());
    let log = open("with a snapshot");
    let start = Instant::now();
    log.erase(&(0..9_000).map(|index| index * 100).collect::<Vec<_>>())
        .unwrap();
    println!("erasing 9,000 rows in 225 frames: {:?}", start.elapsed());
    let start = Instant::now();
    log.record(10).unwrap();
    println!(
        "first entry of a segment that was spared: {:?}",
        start.elapsed()
    );
    log.close().unwrap();
    fs::remove_dir_all(folder.path().join("snapshot")).unwrap();
    let log = open("without");
    let start = Instant::now();
    log.publish().unwrap();
    println!("comparing all published files: {:?}", start.elapsed());
    log.close().unwrap();
    fs::remove_dir_all(folder.path().join("log")).unwrap();
    let log = Log::open(folder.path(), real_options()).unwrap();
    let start = Instant::now();
    log.publish().unwrap();
    println!("writing all published files: {:?}", start.elapsed());
}

const MAP_FOLDER: &str = "KEPIL_STORE_BENCH_MAP_FOLDER";

/// Persons in the large map.
const PERSONS: u64 = 20_000_000;

/// Resident memory now and at most, in GB.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1e6
    };
    format!(
        "resident {:.2} GB, at most {:.2} GB",
        of("VmRSS:"),
        of("VmHWM:")
    )
}

fn with_map() -> Options {
    Options {
        booker: Some(Arc::new(Plain)),
        ..real_options()
    }
}

/// Opens the large map in a process of its own, so that its memory can be told.
#[test]
#[ignore = "run by the parent as its child"]
fn bench_map_opener() {
    let Some(folder) = std::env::var_os(MAP_FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let start = Instant::now();
    let log = Log::open(folder, with_map()).unwrap();
    println!("open: {:?}, {}", start.elapsed(), memory());
    let (elapsed, months) = (start.elapsed(), log.book().unwrap().months());
    assert_eq!(
        months.iter().map(|(_, persons)| *persons as u64).max(),
        Some(PERSONS)
    );
    if folder.join("snapshot").read_dir().unwrap().next().is_some() {
        assert!(elapsed < Duration::from_secs(60), "{elapsed:?}");
    }
    // One more use and a snapshot of everything.
    let period = months[0].0;
    log.appender()
        .append_blocking(vec![crate::book::entry(3, 1, period)])
        .unwrap();
    log.publish().unwrap();
    println!("in use: {}", memory());
    let start = Instant::now();
    log.close().unwrap();
    println!("close with a snapshot: {:?}, {}", start.elapsed(), memory());
}

#[test]
#[ignore = "a measurement, not a test"]
fn bench_map() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let log = Log::open(folder.path(), with_map()).unwrap();
    let period = log.period_for((real_options().clock)()).unwrap();
    let start = Instant::now();
    let step = 100_000;
    for from in (0..PERSONS / step).map(|round| round * step) {
        let enrolled = crate::snapshot::enrol(period, from..from + step);
        log.appender().append_blocking(vec![enrolled]).unwrap();
    }
    // Every tenth person has entries.
    for from in (0..PERSONS / 10).step_by(4_000) {
        let entries = (from..from + 4_000).map(|person| {
            let mut entry = crate::book::entry(person * 10, person, period);
            entry.row = Vec::new();
            entry
        });
        log.appender().append_blocking(entries.collect()).unwrap();
    }
    log.publish().unwrap();
    println!(
        "build {PERSONS} persons: {:?}, {}",
        start.elapsed(),
        memory()
    );
    let start = Instant::now();
    log.close().unwrap();
    println!("close with a snapshot: {:?}, {}", start.elapsed(), memory());
    for (what, forget) in [("with", false), ("without", true)] {
        if forget {
            fs::remove_dir_all(folder.path().join("snapshot")).unwrap();
        }
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "bench::bench_map_opener",
                "--ignored",
                "--nocapture",
            ])
            .env(MAP_FOLDER, folder.path())
            .output()
            .unwrap();
        println!(
            "{what} a snapshot:\n{}",
            String::from_utf8_lossy(&child.stdout)
        );
        assert!(child.status.success(), "{child:?}");
    }
}

#[test]
#[ignore = "a measurement, not a test"]
fn bench_lists() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let log = Log::open(folder.path(), with_map()).unwrap();
    let period = log.period_for((real_options().clock)()).unwrap();
    // Nine entries a person, and a tenth of all in one long list.
    for from in (0..1_000_000).step_by(4_000) {
        let entries = (from..from + 4_000).map(|number| {
            let person = if number % 10 == 0 { 0 } else { number / 10 };
            let mut entry = crate::book::entry(person, number, period);
            entry.row = Vec::new();
            entry
        });
        log.appender().append_blocking(entries.collect()).unwrap();
    }
    log.publish().unwrap();
    let list = |log: &Log, from: u64, to: u64| {
        let (book, at) = (log.book().unwrap(), log.head().size - 1);
        let start = Instant::now();
        let mut count = 0;
        for person in from..to {
            let listed = book.list(period, &crate::book::tag(person), at).unwrap();
            count += listed.uses.len();
        }
        println!(
            "{} lists, {count} entries: {:?}",
            to - from,
            start.elapsed()
        );
    };
    list(&log, 0, 1);
    list(&log, 1, 10_001);
    log.close().unwrap();
    for forget in [false, true] {
        if forget {
            fs::remove_dir_all(folder.path().join("snapshot")).unwrap();
        }
        let start = Instant::now();
        let log = Log::open(folder.path(), with_map()).unwrap();
        println!("open, without a snapshot {forget}: {:?}", start.elapsed());
        list(&log, 0, 1);
        list(&log, 1, 10_001);
    }
}
