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
    let start = Instant::now();
    let log = Log::open(folder.path(), real_options()).unwrap();
    println!("open with 1,000,000 entries: {:?}", start.elapsed());
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
