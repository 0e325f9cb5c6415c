//! The map by itself.

use super::of_count;
use crate::clock::number;
use crate::fault::Fault;
use crate::ledger::Run;
use crate::ledger::maps::{Bench, Work};
use crate::ledger::random::Spread;
use crate::report::{Goal, figure, shown};

/// Batches, with how many of them are timed together.
const BATCHES: [(usize, usize); 4] = [(1, 30_000), (100, 1_000), (1_000, 200), (10_000, 30)];

/// Updates a second of one core in batches of 1,000.
const UPDATES: f64 = 150_000.0;

/// Batches of 1,000 between two heads: 20,000 entries, a second's at the rate of the book.
const HEAD_EVERY: usize = 20;

impl Run {
    /// Updates in batches of several sizes.
    pub(in crate::ledger) fn map(&mut self) -> Result<(), Fault> {
        self.progress
            .step(format!("building a map of {} persons", self.persons));
        let (mut bench, built) = Bench::build(self.persons)?;
        self.progress.found(format!(
            "{} s, {} MB",
            shown(built.seconds),
            shown(built.mb)
        ));
        for (batch, batches) in BATCHES {
            self.batches(&mut bench, batch, batches)?;
        }
        self.figures.extend([
            figure("map_persons", "persons in the map", of_count(self.persons)),
            figure(
                "map_build_s",
                "  building it from nothing, s",
                built.seconds,
            ),
            figure("map_mb", "  resident memory it takes, MB", built.mb),
        ]);
        self.notes.push(
            "Map figures are of processor time of one thread; every update is another entry of a person drawn at random.".into(),
        );
        Ok(())
    }

    fn batches(&mut self, bench: &mut Bench, batch: usize, batches: usize) -> Result<(), Fault> {
        self.progress
            .step(format!("map: updates in batches of {batch}"));
        let work = Work {
            batch,
            batches,
            spread: Spread::Uniform,
            head_every: None,
        };
        let rounds = self.effort.map_rounds;
        let per_s = bench.updates_per_s(work, rounds)?;
        let name = shown(number(batch));
        let name = name.trim_end_matches(".00").trim_end_matches(".0");
        let what = format!("map updates a second of one core, in batches of {name}");
        if batch != 1_000 {
            self.figures
                .push(figure(format!("map_updates_per_s_{batch}"), what, per_s));
            return Ok(());
        }
        let goal = Goal::AtLeast(UPDATES);
        self.figures
            .push(figure("map_updates_per_s", what, per_s).with_goal(goal));
        let with_heads = Work {
            head_every: Some(HEAD_EVERY),
            ..work
        };
        let skewed = Work {
            spread: Spread::Skewed,
            ..work
        };
        for (work, key, what) in [
            (
                with_heads,
                "map_headed",
                "  and a head after each 20,000, the one before remembered",
            ),
            (skewed, "map_skewed", "  skewed, without heads"),
        ] {
            let per_s = bench.updates_per_s(work, rounds)?;
            let key = format!("{key}_updates_per_s");
            self.figures.push(figure(key, what, per_s));
        }
        Ok(())
    }
}
