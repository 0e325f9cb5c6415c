//! Times of very many events, kept by number without a lock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// One time for each event, in microseconds; 0 stands for none.
#[derive(Debug)]
pub struct Times(Vec<AtomicU32>);

impl Times {
    /// Room for so many events.
    #[must_use]
    pub fn new(events: usize) -> Self {
        Self((0..events).map(|_| AtomicU32::new(0)).collect())
    }

    /// Keeps the time of an event; events beyond the room are not kept.
    pub fn keep(&self, event: usize, time: Duration) {
        if let Some(place) = self.0.get(event) {
            let us = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
            place.store(us.max(1), Ordering::Relaxed);
        }
    }

    /// The time of an event, if it has one.
    #[must_use]
    pub fn of(&self, event: usize) -> Option<Duration> {
        let us = self.0.get(event)?.load(Ordering::Relaxed);
        (us > 0).then(|| Duration::from_micros(u64::from(us)))
    }

    /// The spread of the times of events from `first` on.
    #[must_use]
    pub fn spread_from(&self, first: usize) -> Latency {
        let kept = self.0.iter().skip(first);
        let kept = kept.map(|us| us.load(Ordering::Relaxed));
        Latency::of(kept.filter(|us| *us > 0).collect())
    }
}

/// How times are spread, in milliseconds; percentiles are nearest rank.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    /// How many there are.
    pub count: usize,
    /// Median.
    pub p50: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// Sorts times in microseconds.
    #[must_use]
    pub fn of(mut us: Vec<u32>) -> Self {
        us.sort_unstable();
        let at = |percent: usize| {
            let rank = (us.len() * percent).div_ceil(100).saturating_sub(1);
            us.get(rank).map_or(f64::NAN, |us| f64::from(*us) / 1e3)
        };
        Self {
            count: us.len(),
            p50: at(50),
            p95: at(95),
            p99: at(99),
            max: at(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank_and_missing_events_do_not_count() {
        let times = Times::new(201);
        for number in 0..200 {
            times.keep(number, Duration::from_millis(number as u64));
        }
        times.keep(9_999, Duration::from_secs(1));
        let found = times.spread_from(100);
        assert_eq!(found.count, 100);
        assert!((found.p50 - 149.0).abs() < 1e-9);
        assert!((found.p99 - 198.0).abs() < 1e-9);
        assert!((found.max - 199.0).abs() < 1e-9);
        assert_eq!(times.of(200), None);
        // Nothing takes no time at all.
        assert_eq!(times.of(0), Some(Duration::from_micros(1)));
        assert!(Latency::of(Vec::new()).p99.is_nan());
    }
}
