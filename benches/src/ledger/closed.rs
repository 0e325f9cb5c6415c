//! Closed loop: so many writers, each with one entry under way, asking again when it is durable.

use crate::clock::number;
use crate::fault::{Fault, during};
use crate::ledger::disk::{Disk, Rest};
use crate::ledger::logs::{Bench, callers};
use crate::ledger::random::draft;
use crate::ledger::times::Latency;
use kepil_store::log::{AppendError, Appender};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Not counted at the beginning.
const WARM_UP: Duration = Duration::from_millis(500);

/// How a closed loop went.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Entries that became durable in a second.
    pub per_s: f64,
    /// From asked to acknowledged.
    pub ack: Latency,
}

/// Runs writers on a new log for a warm-up and then for `long`.
///
/// # Errors
/// When the log refuses an entry, or does not hold all of them afterwards.
pub fn run(
    folder: PathBuf,
    rest: &Rest,
    writers: u64,
    long: Duration,
) -> Result<(Outcome, Disk), Fault> {
    let bench = Bench::open(folder)?;
    let ((outcome, entries), disk) =
        rest.beside(&bench.folder, || write_all(&bench, writers, long))?;
    bench.finish(entries)?;
    Ok((outcome, disk))
}

fn write_all(bench: &Bench, writers: u64, long: Duration) -> Result<(Outcome, u64), Fault> {
    let callers = callers()?;
    let begin = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| callers.spawn(write(bench.log.appender(), writer, begin, long)))
        .collect();
    let (mut all, mut us) = (0, Vec::new());
    for task in tasks {
        let written = callers
            .block_on(task)
            .map_err(during("waiting for a writer"))?;
        let (entries, mut times) = written.map_err(during("appending"))?;
        all += entries;
        us.append(&mut times);
    }
    let outcome = Outcome {
        per_s: number(us.len()) / long.as_secs_f64(),
        ack: Latency::of(us),
    };
    Ok((outcome, all))
}

/// Entries acknowledged, and the times of those that count.
async fn write(
    appender: Appender,
    writer: u64,
    begin: Instant,
    long: Duration,
) -> Result<(u64, Vec<u32>), AppendError> {
    let (mut entries, mut us) = (0, Vec::with_capacity(1 << 14));
    loop {
        let start = begin.elapsed();
        if start >= WARM_UP + long {
            return Ok((entries, us));
        }
        appender.append(vec![draft(writer << 32 | entries)]).await?;
        entries += 1;
        let end = begin.elapsed();
        if end >= WARM_UP && end < WARM_UP + long {
            us.push(u32::try_from((end - start).as_micros()).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_write_and_what_they_wrote_stands() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let long = Duration::from_millis(200);
        let (outcome, _) = run(
            folder.path().join("log"),
            &Rest::new(Duration::ZERO),
            4,
            long,
        )
        .unwrap();
        assert!(outcome.ack.count > 0);
        assert!(outcome.ack.p50 <= outcome.ack.max);
        assert!(!folder.path().join("log/segments").exists());
    }
}
