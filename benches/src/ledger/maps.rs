//! The map alone: one thread, updates in batches, processor time.

use crate::clock::{cpu_ns, median, number};
use crate::fault::{Fault, fault};
use crate::ledger::random::{Random, Spread, tag};
use kepil_ledger::chain::Chain;
use kepil_ledger::entry::Commitment;
use kepil_ledger::hash::Hash;
use kepil_ledger::map::{Map, Slot};
use kepil_ledger::person::Tag;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How a map was built.
#[derive(Debug, Clone, Copy)]
pub struct Built {
    /// Sorting and hashing all persons, seconds of wall time.
    pub seconds: f64,
    /// Resident memory it took, MB.
    pub mb: f64,
}

/// What is done to a map between two times.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Updates that share one settling of the hashes.
    pub batch: usize,
    /// Batches that are timed together.
    pub batches: usize,
    /// Whose entries come in.
    pub spread: Spread,
    /// Batches from one head to the next: the state at the head before is remembered, as a
    /// node must while proofs for it are made. `None`: nothing is remembered.
    pub head_every: Option<usize>,
}

/// A map, and how far its log has come.
#[derive(Debug)]
pub struct Bench {
    map: Map,
    persons: u64,
    index: u64,
    random: Random,
}

impl Bench {
    /// Builds a map of so many persons, each at count 0.
    ///
    /// # Errors
    /// When the kernel does not tell the memory.
    pub fn build(persons: u64) -> Result<(Self, Built), Fault> {
        let before = resident_mb()?;
        let start = Instant::now();
        let slots = (0..persons).map(tag).map(|tag| {
            let chain = Chain::new(&tag);
            (
                tag,
                Slot {
                    chain,
                    note: u64::MAX,
                },
            )
        });
        let map = Map::build(slots.collect());
        let built = Built {
            seconds: start.elapsed().as_secs_f64(),
            mb: resident_mb()? - before,
        };
        let bench = Self {
            map,
            persons,
            index: 0,
            random: Random::new(persons),
        };
        Ok((bench, built))
    }

    /// Updates a second of processor time: the median of so many rounds.
    ///
    /// # Errors
    /// When the kernel does not tell the processor time.
    pub fn updates_per_s(&mut self, work: Work, rounds: usize) -> Result<f64, Fault> {
        // The first round warms up.
        self.round(work)?;
        let rounds: Result<Vec<f64>, Fault> = (0..rounds).map(|_| self.round(work)).collect();
        Ok(median(rounds?))
    }

    fn round(&mut self, work: Work) -> Result<f64, Fault> {
        let entries = self.entries(work);
        let before = cpu_ns();
        for (number, batch) in entries.chunks(work.batch).enumerate() {
            let is_head = |every| number.is_multiple_of(every);
            if work.head_every.is_some_and(is_head) {
                self.map.mark(self.index);
                self.map.forget_before(self.index);
            }
            for (tag, commitment) in batch {
                self.map.step(tag, self.index, commitment, self.index);
                self.index += 1;
            }
            black_box(self.map.settle());
        }
        let after = cpu_ns();
        self.map.forget_before(u64::MAX);
        let ns = before
            .zip(after)
            .map(|(before, after)| after.saturating_sub(before));
        let took = ns.ok_or_else(|| fault("the kernel does not tell the processor time"))?;
        Ok(number(entries.len()) / Duration::from_nanos(took.max(1)).as_secs_f64())
    }

    /// Entries made before the clock runs.
    fn entries(&mut self, work: Work) -> Vec<(Tag, Commitment)> {
        let random = &mut self.random;
        let persons = self.persons;
        let entries = (0..work.batch * work.batches).map(|_| {
            let person = tag(work.spread.pick(random, persons));
            (person, Commitment::from_hash(Hash::new(random.bytes32())))
        });
        entries.collect()
    }
}

/// Resident memory of this process, MB.
///
/// # Errors
/// When the kernel does not tell it.
pub fn resident_mb() -> Result<f64, Fault> {
    let text = std::fs::read_to_string("/proc/self/status").map_err(fault)?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kb: Option<usize> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    kb.map(|kb| number(kb) / 1_000.0)
        .ok_or_else(|| fault("the kernel does not tell the memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_update_of_every_round_reaches_the_map() {
        let (mut bench, built) = Bench::build(500).unwrap();
        assert_eq!(bench.map.persons(), 500);
        assert!(built.seconds > 0.0);
        for head_every in [None, Some(7)] {
            let work = Work {
                batch: 10,
                batches: 30,
                spread: Spread::Uniform,
                head_every,
            };
            let before = bench.index;
            assert!(bench.updates_per_s(work, 2).unwrap() > 0.0);
            assert_eq!(bench.index - before, 900);
        }
        let counted: u32 = bench.map.iter().map(|(_, slot)| slot.chain.count).sum();
        assert_eq!(u64::from(counted), bench.index);
    }
}
