//! The log by itself.

use super::{middle, of_acks, of_one_state, rate};
use crate::fault::Fault;
use crate::ledger::Run;
use crate::ledger::closed;
use crate::ledger::disk::Disk;
use crate::ledger::logs::{Bench, callers};
use crate::ledger::open::{self, Plan};
use crate::ledger::random::draft;
use crate::ledger::timed::Waits;
use crate::report::{Goal, figure, shown};

/// Entries offered a second.
const OFFERED: u64 = 100_000;

/// Longest time that 99 of 100 acknowledgements should take, ms.
const LONGEST_MS: f64 = 5.0;

/// Writers of the closed loops.
const WRITERS: [u64; 2] = [64, 1_024];

/// A run of a closed loop.
#[derive(Debug, Clone)]
struct Ran {
    writers: u64,
    outcome: closed::Outcome,
    disk: Disk,
}

impl Run {
    /// Entries come at a rate.
    pub(in crate::ledger) fn open(&mut self) -> Result<(), Fault> {
        let plan = Plan {
            per_s: OFFERED,
            seconds: self.effort.seconds,
        };
        let (outcome, disk, waits) = self.open_loop(plan)?;
        let state = self.looked("disk, open loop", &disk);
        let offered = shown(rate(plan));
        self.figures.push(
            figure(
                "entries_per_s",
                format!("durable entries a second, {offered} offered"),
                outcome.per_s,
            )
            .with_goal(Goal::AtLeast(rate(plan)))
            .on(state.as_str()),
        );
        let acks = of_acks("ack_", &outcome.ack, state, Some(LONGEST_MS));
        self.figures.extend(acks);
        let writes = [
            (
                "p99_ms",
                "  the disk by itself, a write of the log, p99, ms",
                waits.spread.p99,
            ),
            ("max_ms", "  longest, ms", waits.spread.max),
            (
                "stalled_s",
                "  seconds in writes of 10 ms or more",
                waits.stalled_s(),
            ),
        ];
        let writes =
            writes.map(|(name, what, value)| figure(format!("disk_write_{name}"), what, value));
        self.figures.extend(writes);
        self.figures.push(figure(
            "disk_syncs_per_s",
            "  synced 4 KiB writes a second, one after the other, before",
            disk.before.per_s,
        ));
        Ok(())
    }

    /// Runs an open loop on a new log and checks that everything stands in it.
    pub(super) fn open_loop(&self, plan: Plan) -> Result<(open::Outcome, Disk, Waits), Fault> {
        self.progress.step(format!(
            "log: {} entries a second for {} s, open loop",
            plan.per_s, plan.seconds
        ));
        let (bench, timed) = Bench::timed(self.scratch.fresh())?;
        let (outcome, disk) = self.rest.beside(self.scratch.path(), || {
            timed.begin();
            let (callers, appender) = (callers()?, bench.log.appender());
            open::drive(&callers, &appender, plan, draft, |_, _| {})
        })?;
        let waits = timed.waits();
        self.progress.found(format!(
            "{} a second, p50 {} p99 {} max {} ms; writes p99 {} max {} ms; disk {}",
            shown(outcome.per_s),
            shown(outcome.ack.p50),
            shown(outcome.ack.p99),
            shown(outcome.ack.max),
            shown(waits.spread.p99),
            shown(waits.spread.max),
            disk.said()
        ));
        if !waits.stalls.is_empty() {
            let said = format!("writes of 10 ms or more: {}", waits.said());
            self.progress.found(said);
        }
        self.progress.step("checking the log");
        bench.finish(plan.arrivals())?;
        Ok((outcome, disk, waits))
    }

    /// Writers wait for their entries.
    pub(in crate::ledger) fn closed(&mut self) -> Result<(), Fault> {
        let mut runs = Vec::new();
        for round in 1..=self.effort.closed_rounds {
            for writers in WRITERS {
                self.progress.step(format!(
                    "log: {writers} writers, closed loop, round {round}"
                ));
                let long = self.effort.closed;
                let (outcome, disk) = closed::run(self.scratch.fresh(), &self.rest, writers, long)?;
                self.progress.found(format!(
                    "{} a second, p50 {} p99 {} ms; disk {}",
                    shown(outcome.per_s),
                    shown(outcome.ack.p50),
                    shown(outcome.ack.p99),
                    disk.said()
                ));
                runs.push(Ran {
                    writers,
                    outcome,
                    disk,
                });
            }
        }
        for writers in WRITERS {
            self.closed_figures(writers, &runs);
        }
        let all = runs.iter().map(|run| {
            let (writers, state) = (run.writers, run.disk.state().as_str());
            format!("{writers}: {} {state}", shown(run.outcome.per_s))
        });
        let all: Vec<String> = all.collect();
        self.notes.push(format!(
            "Closed loops, all runs, writers: entries a second, disk: {}.",
            all.join("; ")
        ));
        Ok(())
    }

    fn closed_figures(&mut self, writers: u64, runs: &[Ran]) {
        let of = runs.iter().filter(|run| run.writers == writers);
        let of: Vec<Ran> = of.cloned().collect();
        let (state, counted) = of_one_state(&of, |run| run.disk.state());
        let per_s = format!(
            "{writers} writers, durable entries a second ({} of {} runs)",
            counted.len(),
            of.len()
        );
        let figures = [
            ("per_s", per_s, middle(&counted, |run| run.outcome.per_s)),
            (
                "p50_ms",
                "  median, ms".to_owned(),
                middle(&counted, |run| run.outcome.ack.p50),
            ),
            (
                "p99_ms",
                "  p99, ms".to_owned(),
                middle(&counted, |run| run.outcome.ack.p99),
            ),
        ];
        let figures = figures.map(|(name, what, value)| {
            figure(format!("closed_{writers}_{name}"), what, value).on(state.as_str())
        });
        self.figures.extend(figures);
    }
}
