//! A log with a book: how far the published map stays behind what is durable.

use crate::fault::{Fault, during, fault};
use crate::ledger::disk::{Disk, Rest};
use crate::ledger::logs::{Bench, booking, callers, now_ms};
use crate::ledger::open::{self, Plan};
use crate::ledger::random::{Random, Spread, draft, tag};
use crate::ledger::times::{Latency, Times};
use kepil_ledger::checkpoint;
use kepil_ledger::entry::{Enrolment, Leaf};
use kepil_ledger::hash::Hash;
use kepil_ledger::period::Period;
use kepil_store::draft::Draft;
use kepil_store::log::{Head, Log};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Persons in one enrolment; their tags fill less than half of the longest frame.
const ENROLLED_AT_ONCE: u64 = 50_000;

/// Time between two looks at the lag.
const LOOK: Duration = Duration::from_millis(5);

/// How it went; the first tenth is not in the figures.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The entries.
    pub load: open::Outcome,
    /// Age of the oldest durable entry that no published map head covers, at each look.
    pub lag: Latency,
    /// Heads published meanwhile.
    pub heads: u64,
}

/// How long a log takes to close and to open again afterwards, seconds.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// Closing, with a snapshot of the map and the lists.
    pub close_s: f64,
    /// Opening with the snapshot.
    pub open_s: f64,
}

/// Enrols persons and waits until they stand in a published map.
///
/// # Errors
/// When the log refuses, or cannot publish.
pub fn enrol(log: &Log, period: Period, persons: u64) -> Result<(), Fault> {
    let mut from = 0;
    while from < persons {
        let to = persons.min(from + ENROLLED_AT_ONCE);
        let draft = Draft {
            booking: booking(period, (from..to).map(tag)),
            ..Draft::of(Leaf::Enrolment(Enrolment {
                period,
                count: to - from,
                root: Hash::new([1; 32]),
            }))
        };
        log.appender()
            .append_blocking(vec![draft])
            .map_err(during("enrolling"))?;
        from = to;
    }
    log.publish().map_err(during("publishing the enrolled"))?;
    Ok(())
}

/// An entry of a person, booked in a month.
#[must_use]
pub fn use_of(person: u64, number: u64, period: Period) -> Draft {
    Draft {
        booking: booking(period, std::iter::once(tag(person))),
        ..draft(number)
    }
}

/// Runs an open loop on a new log whose book holds `persons`.
///
/// # Errors
/// When the log refuses an entry, falls silent, or is not sound afterwards.
pub fn run(
    folder: PathBuf,
    persons: u64,
    spread: Spread,
    plan: Plan,
    checkpoint: Option<Duration>,
    rest: &Rest,
) -> Result<(Outcome, Restart, Disk), Fault> {
    let bench = Bench::with_book(folder, checkpoint)?;
    let period = bench
        .log
        .period_for(now_ms())
        .ok_or_else(|| fault("a log without a book"))?;
    enrol(&bench.log, period, persons)?;
    let before = bench.log.head().size;
    let (outcome, disk) = rest.beside(&bench.folder, || {
        watch(&bench, before, plan, move |number| {
            let mut random = Random::new(number);
            use_of(spread.pick(&mut random, persons), number, period)
        })
    })?;
    let (bench, close_s, open_s) = bench.reopen()?;
    bench.finish(before + plan.arrivals())?;
    Ok((outcome, Restart { close_s, open_s }, disk))
}

/// Drives the log while another thread looks at the lag.
fn watch(
    bench: &Bench,
    before: u64,
    plan: Plan,
    make: impl Fn(u64) -> Draft + Send + Sync + 'static,
) -> Result<Outcome, Fault> {
    let callers = callers()?;
    // Entries and heads share the indices; there are far fewer heads than this.
    let indices = plan.arrivals() + plan.seconds * 100 + 1_000;
    let durable = Arc::new(Durable {
        before,
        since: Times::new(usize::try_from(indices).map_err(fault)?),
    });
    let is_over = AtomicBool::new(false);
    let (load, samples) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_lag(&bench.log, &durable, plan, &is_over));
        let acked = {
            let durable = durable.clone();
            move |index, since| durable.keep(index, since)
        };
        let load = open::drive(&callers, &bench.log.appender(), plan, make, acked);
        is_over.store(true, Ordering::Relaxed);
        let samples = watcher.join().map_err(|_| fault("the watcher panicked"));
        (load, samples)
    });
    let ((lags, heads), load) = (samples?, load?);
    if let Some(reason) = bench.log.health().publishing {
        return Err(during("publishing")(reason));
    }
    Ok(Outcome {
        load,
        lag: Latency::of(lags),
        heads,
    })
}

/// When each entry became durable, as its caller learned it.
struct Durable {
    before: u64,
    since: Times,
}

impl Durable {
    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.before)?).ok()
    }

    fn keep(&self, index: u64, since: Duration) {
        if let Some(place) = self.place(index) {
            self.since.keep(place, since);
        }
    }

    /// When the oldest entry from `published` on became durable; a head has no time.
    fn oldest_from(&self, published: u64) -> Option<Duration> {
        let place = self.place(published)?;
        (place..place + 2).find_map(|place| self.since.of(place))
    }
}

/// Lags in microseconds at each look, the first tenth left out, and the heads seen.
fn watch_lag(log: &Log, durable: &Durable, plan: Plan, is_over: &AtomicBool) -> (Vec<u32>, u64) {
    let start = Instant::now();
    let (mut lags, mut heads, mut published) = (Vec::new(), 0, Published::default());
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        let head = log.head();
        let elapsed = start.elapsed();
        heads += u64::from(published.read(&head));
        let counts = elapsed >= Duration::from_millis(plan.seconds * 100)
            && elapsed < Duration::from_secs(plan.seconds);
        if counts {
            let oldest = durable.oldest_from(published.size);
            let lag = oldest.map_or(Duration::ZERO, |since| elapsed.saturating_sub(since));
            lags.push(u32::try_from(lag.as_micros()).unwrap_or(u32::MAX));
        }
    }
    (lags, heads)
}

/// The published size, read again only when there is a new checkpoint.
#[derive(Default)]
struct Published {
    text: Option<Arc<str>>,
    size: u64,
}

impl Published {
    /// True when there was a new one.
    fn read(&mut self, head: &Head) -> bool {
        let same = match (&self.text, &head.checkpoint) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if same {
            return false;
        }
        self.text.clone_from(&head.checkpoint);
        let text = head.checkpoint.as_deref().unwrap_or_default();
        if let Ok(found) = checkpoint::parse(text.as_bytes()) {
            self.size = found.unverified().size;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_is_watched_while_entries_come_in() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let plan = Plan {
            per_s: 500,
            seconds: 3,
        };
        let (outcome, restart, _) = run(
            folder.path().join("log"),
            1_000,
            Spread::Skewed,
            plan,
            None,
            &Rest::new(Duration::ZERO),
        )
        .unwrap();
        assert_eq!(outcome.load.ack.count, 1_350);
        assert!(outcome.heads >= 1);
        assert!(restart.close_s > 0.0 && restart.open_s > 0.0);
        // Some look found an entry not yet in a published map.
        assert!(outcome.lag.max > 0.0);
    }

    #[test]
    fn the_oldest_entry_beyond_the_map_is_found_behind_a_head() {
        let durable = Durable {
            before: 10,
            since: Times::new(5),
        };
        durable.keep(11, Duration::from_millis(7));
        assert_eq!(durable.oldest_from(10), Some(Duration::from_millis(7)));
        assert_eq!(durable.oldest_from(12), None);
        assert_eq!(durable.oldest_from(3), None);
    }
}
