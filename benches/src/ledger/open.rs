//! Open loop: entries come when they come, whether those before are durable or not.
//!
//! Each arrival is a caller of its own with one entry. Its time runs from the moment it
//! was *due*, so a log that falls behind cannot hide it by asking less.

use crate::clock::number;
use crate::fault::{Fault, during, fault};
use crate::ledger::times::{Latency, Times};
use kepil_store::draft::Draft;
use kepil_store::log::Appender;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Callers that may wait at once; beyond, arrivals queue with their clocks running.
const MOST_WAITING: u64 = 100_000;

/// How long the source of arrivals sleeps between two looks at the clock.
const PAUSE: Duration = Duration::from_micros(100);

/// How many entries, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Arrivals a second, evenly spaced.
    pub per_s: u64,
    /// For how long.
    pub seconds: u64,
}

impl Plan {
    /// All arrivals.
    #[must_use]
    pub const fn arrivals(&self) -> u64 {
        self.per_s * self.seconds
    }

    /// The moment an arrival is due, from the start.
    const fn due(&self, arrival: u64) -> Duration {
        // INVARIANT: a day at a million a second still fits.
        Duration::from_nanos(arrival * 1_000_000_000 / self.per_s)
    }

    /// Arrivals due by a moment.
    fn due_by(&self, elapsed: Duration) -> u64 {
        let ns = elapsed.as_nanos() * u128::from(self.per_s) / 1_000_000_000;
        u64::try_from(ns).map_or(self.arrivals(), |due| (due + 1).min(self.arrivals()))
    }
}

/// How an open loop went; the first tenth is not in the figures.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Entries that became durable in a second.
    pub per_s: f64,
    /// From due to acknowledged.
    pub ack: Latency,
}

/// What the callers share.
struct Shared {
    plan: Plan,
    start: Instant,
    late: Times,
    answered: AtomicU64,
    /// Answers within the nine tenths that count.
    counted: AtomicU64,
    refused: OnceLock<String>,
}

/// Sends arrivals on time and waits for all answers.
///
/// `make` gives the entry of an arrival; `acked` hears the index each entry got, with
/// the time since the start.
///
/// # Errors
/// When the log refuses an entry.
pub fn drive(
    callers: &Runtime,
    appender: &Appender,
    plan: Plan,
    make: impl Fn(u64) -> Draft + Send + Sync + 'static,
    acked: impl Fn(u64, Duration) + Send + Sync + 'static,
) -> Result<Outcome, Fault> {
    let total = plan.arrivals();
    let shared = Arc::new(Shared {
        plan,
        start: Instant::now(),
        late: Times::new(usize::try_from(total).map_err(fault)?),
        answered: AtomicU64::new(0),
        counted: AtomicU64::new(0),
        refused: OnceLock::new(),
    });
    let work = Arc::new((make, acked));
    let mut sent = 0;
    while sent < total {
        let room = shared.answered.load(Ordering::Relaxed) + MOST_WAITING;
        let due = plan.due_by(shared.start.elapsed()).min(room);
        for arrival in sent..due {
            let (shared, work, appender) = (shared.clone(), work.clone(), appender.clone());
            callers.spawn(async move {
                let (make, acked) = &*work;
                let answer = appender.append(vec![make(arrival)]).await;
                let since = shared.start.elapsed();
                match answer {
                    Ok(tickets) => tickets.iter().for_each(|it| acked(it.index(), since)),
                    Err(error) => _ = shared.refused.set(error.to_string()),
                }
                shared.answer(arrival, since);
            });
        }
        sent = sent.max(due);
        std::thread::sleep(PAUSE);
    }
    while shared.answered.load(Ordering::Relaxed) < total {
        std::thread::sleep(Duration::from_millis(1));
    }
    if let Some(refused) = shared.refused.get() {
        return Err(during("appending")(refused));
    }
    Ok(shared.outcome())
}

impl Shared {
    /// A tenth of the time, which is not counted.
    const fn warm_up(&self) -> Duration {
        Duration::from_millis(self.plan.seconds * 100)
    }

    fn answer(&self, arrival: u64, since: Duration) {
        let late = since.saturating_sub(self.plan.due(arrival));
        self.late
            .keep(usize::try_from(arrival).unwrap_or(usize::MAX), late);
        if since >= self.warm_up() && since < Duration::from_secs(self.plan.seconds) {
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn outcome(&self) -> Outcome {
        let counted = usize::try_from(self.counted.load(Ordering::Relaxed)).unwrap_or(0);
        let seconds = Duration::from_secs(self.plan.seconds) - self.warm_up();
        let first = usize::try_from(self.plan.arrivals() / 10).unwrap_or(0);
        Outcome {
            per_s: number(counted) / seconds.as_secs_f64(),
            ack: self.late.spread_from(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::logs::{Bench, callers};
    use crate::ledger::random::draft;
    use std::sync::Mutex;

    #[test]
    fn arrivals_are_due_one_after_the_other() {
        let plan = Plan {
            per_s: 1_000,
            seconds: 2,
        };
        assert_eq!(plan.arrivals(), 2_000);
        for arrival in [0, 1, 2, 999, 1_999] {
            let due = plan.due(arrival);
            assert_eq!(plan.due_by(due), arrival + 1);
            if let Some(before) = due.checked_sub(Duration::from_nanos(1)) {
                assert_eq!(plan.due_by(before), arrival);
            }
        }
        assert_eq!(plan.due_by(Duration::from_secs(9)), 2_000);
    }

    #[test]
    fn every_arrival_is_answered_once_and_stands_in_the_log() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let bench = Bench::open(folder.path().join("log")).unwrap();
        let plan = Plan {
            per_s: 2_000,
            seconds: 1,
        };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let acked = seen.clone();
        let outcome = drive(
            &callers().unwrap(),
            &bench.log.appender(),
            plan,
            draft,
            move |index, _| acked.lock().unwrap().push(index),
        )
        .unwrap();
        assert_eq!(outcome.ack.count, 1_800);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..2_000));
        bench.finish(2_000).unwrap();
    }
}
