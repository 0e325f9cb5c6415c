//! The log with its book.

use super::{of_acks, of_count, rate};
use crate::fault::Fault;
use crate::ledger::Run;
use crate::ledger::booked::{self, Outcome, Restart};
use crate::ledger::disk::State;
use crate::ledger::open::Plan;
use crate::ledger::random::Spread;
use crate::report::{Goal, figure, shown};

/// Entries offered a second.
const OFFERED: u64 = 20_000;

/// How far the map may be behind at 99 of 100 looks, ms.
const FARTHEST_MS: f64 = 1_000.0;

impl Run {
    /// Entries come at a rate, from all persons alike and then from some more than from others.
    pub(in crate::ledger) fn book(&mut self) -> Result<(), Fault> {
        let plan = Plan {
            per_s: OFFERED,
            seconds: self.effort.seconds,
        };
        for (spread, key, name, place) in [
            (Spread::Uniform, "", "with a book", "disk, book"),
            (
                Spread::Skewed,
                "skewed_",
                "with a book, skewed",
                "disk, book, skewed",
            ),
        ] {
            self.progress.step(format!(
                "log {name}, {} persons: {} entries a second for {} s",
                self.persons, plan.per_s, plan.seconds
            ));
            let (outcome, restart, disk) = booked::run(
                self.scratch.fresh(),
                self.persons,
                spread,
                plan,
                self.checkpoint,
                &self.rest,
            )?;
            self.progress.found(format!(
                "{} a second, ack p99 {} ms, lag p99 {} ms, {} heads; disk {}",
                shown(outcome.load.per_s),
                shown(outcome.load.ack.p99),
                shown(outcome.lag.p99),
                outcome.heads,
                disk.said()
            ));
            let state = self.looked(place, &disk);
            self.book_figures(key, name, plan, &outcome, state);
            if spread == Spread::Uniform {
                let Restart { close_s, open_s } = restart;
                self.figures.extend([
                    figure("book_close_s", "  closing with a snapshot, s", close_s),
                    figure(
                        "book_open_s",
                        "  opening again with the snapshot, s",
                        open_s,
                    ),
                ]);
            }
        }
        let every = self.checkpoint.map_or_else(
            || "the node's own interval".to_owned(),
            |time| format!("{} ms", time.as_millis()),
        );
        self.notes.push(format!(
            "The map is behind by the age of the oldest durable entry that no published map head covers; looked at every 5 ms; a checkpoint after {every}."
        ));
        Ok(())
    }

    fn book_figures(&mut self, key: &str, name: &str, plan: Plan, outcome: &Outcome, state: State) {
        let Outcome { load, lag, heads } = outcome;
        let offered = shown(rate(plan));
        self.figures.push(
            figure(
                format!("book_{key}entries_per_s"),
                format!("{name}: durable entries a second, {offered} offered"),
                load.per_s,
            )
            .on(state.as_str()),
        );
        let acks = of_acks(&format!("book_{key}ack_"), &load.ack, state, None);
        self.figures.extend(acks);
        for (percent, what, value) in [
            ("p50", "  map behind, median, ms", lag.p50),
            ("p99", "  map behind, p99, ms", lag.p99),
            ("max", "  map behind, most, ms", lag.max),
        ] {
            let mut lag = figure(format!("{key}lag_{percent}_ms"), what, value);
            lag.goal = (percent == "p99").then_some(Goal::AtMost(FARTHEST_MS));
            self.figures.push(lag.on(state.as_str()));
        }
        self.figures.push(figure(
            format!("book_{key}heads_per_s"),
            "  map heads published a second",
            of_count(*heads) / of_count(plan.seconds),
        ));
    }
}
