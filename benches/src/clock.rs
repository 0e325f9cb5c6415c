//! Times a loop: each call by the wall clock, the whole loop by the thread's own clock too.

use crate::fault::Fault;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How a loop went.
#[derive(Debug, Clone, Copy)]
pub struct Timed {
    /// Calls timed.
    pub calls: usize,
    /// Calls per second of wall time.
    pub per_s: f64,
    /// Calls per second of processor time, where the kernel tells it.
    pub per_cpu_s: Option<f64>,
    /// Median.
    pub p50_us: f64,
    /// 99 of 100 calls took at most this.
    pub p99_us: f64,
}

impl Timed {
    /// Calls per second of processor time, or of wall time where the kernel tells nothing better.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.per_cpu_s.unwrap_or(self.per_s)
    }
}

/// Calls `f` for 0, 1, … `of`-1, 0, 1, … after a warm-up, `rounds` times through.
///
/// # Errors
/// With the first error of `f`.
pub fn time<T>(
    rounds: usize,
    of: usize,
    mut f: impl FnMut(usize) -> Result<T, Fault>,
) -> Result<Timed, Fault> {
    let calls = rounds.max(1) * of;
    for i in 0..(calls / 10).clamp(of, 20_000) {
        black_box(f(i % of)?);
    }
    let mut each: Vec<u64> = Vec::with_capacity(calls);
    let (cpu, wall) = (cpu_ns(), Instant::now());
    for _ in 0..rounds.max(1) {
        for i in 0..of {
            let start = Instant::now();
            black_box(f(i)?);
            each.push(ns(start.elapsed()));
        }
    }
    let wall = wall.elapsed();
    let cpu = cpu
        .zip(cpu_ns())
        .map(|(before, after)| Duration::from_nanos(after.saturating_sub(before)));
    each.sort_unstable();
    Ok(Timed {
        calls,
        per_s: rate(calls, wall),
        per_cpu_s: cpu.filter(|c| !c.is_zero()).map(|c| rate(calls, c)),
        p50_us: percentile(&each, 50),
        p99_us: percentile(&each, 99),
    })
}

fn ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn rate(calls: usize, over: Duration) -> f64 {
    number(calls) / over.as_secs_f64()
}

/// A count as a number with a fraction; exact for every count a benchmark can reach.
#[must_use]
pub fn number(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}

/// Nearest-rank percentile of sorted nanoseconds, in microseconds.
fn percentile(sorted: &[u64], p: usize) -> f64 {
    let rank = (sorted.len() * p).div_ceil(100).saturating_sub(1);
    sorted
        .get(rank)
        .map_or(0.0, |ns| Duration::from_nanos(*ns).as_secs_f64() * 1e6)
}

/// Processor time of this thread so far (the scheduler's own count, brought up to date every tick).
#[must_use]
pub fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The middle one of some figures, or what lies between the two in the middle.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = |at: usize| figures.get(at).copied().unwrap_or(f64::NAN);
    let half = figures.len() / 2;
    if figures.len().is_multiple_of(2) {
        f64::midpoint(at(half.wrapping_sub(1)), at(half))
    } else {
        at(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let sorted: Vec<u64> = (1..=200).map(|n| n * 1000).collect();
        assert!((percentile(&sorted, 50) - 100.0).abs() < 1e-9);
        assert!((percentile(&sorted, 99) - 198.0).abs() < 1e-9);
        assert!(percentile(&[], 99).abs() < 1e-9);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![9.0, 1.0, 2.0, 4.0]) - 3.0).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn every_call_of_every_round_is_timed() {
        let mut seen = vec![0; 5];
        let t = time(3, 5, |i| {
            seen[i] += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(t.calls, 15);
        assert_eq!(seen, [4; 5], "three rounds after one round of warm-up");
        assert!(t.per_s > 0.0 && t.p99_us >= t.p50_us);
    }
}
