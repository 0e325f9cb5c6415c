//! PostgreSQL beside our log.

use super::{middle, of_acks, of_one_state, rate};
use crate::fault::Fault;
use crate::ledger::Run;
use crate::ledger::disk::State;
use crate::ledger::logs::{quieten, remove};
use crate::ledger::open::Plan;
use crate::ledger::postgres::{self, Round, Server};
use crate::report::{Goal, figure, shown};
use std::time::Duration;

/// Rows offered to both a second.
const OFFERED: u64 = 10_000;

/// How many times as fast our log should be.
const RATIO: f64 = 5.0;

impl Run {
    /// Both by turns, as fast as 64 writers are, and then at a rate.
    pub(in crate::ledger) fn postgres(&mut self) -> Result<(), Fault> {
        self.progress.step("starting PostgreSQL");
        let folder = self.scratch.fresh();
        let server = Server::start(folder.clone())?;
        self.setting.push(("postgresql", server.version.clone()));
        let (count, long) = (self.effort.postgres_rounds, self.effort.closed);
        self.progress.step("warming PostgreSQL up");
        server.load(postgres::WRITERS, long)?;
        self.progress.step(format!(
            "log and PostgreSQL by turns, 64 writers, {count} rounds"
        ));
        let mut rounds: Vec<Round> = Vec::new();
        for number in 0..count {
            let is_even = number % 2 == 0;
            let round = Round::run(&self.scratch, &self.rest, &server, long, is_even)?;
            self.progress.found(round.said());
            rounds.push(round);
        }
        server.check()?;
        self.round_figures(&rounds);
        self.paced(&server)?;
        drop(server);
        remove(&folder)?;
        quieten(self.scratch.path())
    }

    fn round_figures(&mut self, rounds: &[Round]) {
        let (state, counted) = of_one_state(rounds, Round::state);
        let (found, all) = (counted.len(), rounds.len());
        let ratio = format!(
            "durable rows a second, 64 writers: here : PostgreSQL ({found} of {all} rounds)"
        );
        self.ratios.push(
            figure("ratio_vs_postgres", ratio, middle(&counted, Round::ratio))
                .with_goal(Goal::AtLeast(RATIO))
                .on(state.as_str()),
        );
        let figures = [
            (
                "beside_postgres_per_s",
                "64 writers in the same rounds, durable entries a second",
                middle(&counted, |round| round.ours.per_s),
            ),
            (
                "beside_postgres_p50_ms",
                "  median, ms",
                middle(&counted, |round| round.ours.ack.p50),
            ),
            (
                "postgres_per_s",
                "PostgreSQL, 64 clients, durable rows a second",
                middle(&counted, |round| round.theirs.per_s),
            ),
            (
                "postgres_mean_ms",
                "  mean, ms",
                middle(&counted, |round| round.theirs.mean_ms),
            ),
        ];
        let figures = figures.map(|(key, what, value)| figure(key, what, value).on(state.as_str()));
        self.figures.extend(figures);
        let all = rounds.iter().map(|round| {
            let (ours, theirs) = (round.ours.per_s, round.theirs.per_s);
            let state = round.state().as_str();
            format!("{} : {} ({state})", shown(ours), shown(theirs))
        });
        let all: Vec<String> = all.collect();
        self.notes
            .push(format!("Rounds, here : PostgreSQL: {}.", all.join("; ")));
        self.notes.push(
            "PostgreSQL is driven by pgbench over a socket with prepared statements; its server and clients are processes of their own, our writers tasks in ours. Both store an order number and 300 bytes; only ours hashes, signs and publishes.".into(),
        );
    }

    /// The open loop's counterpart.
    fn paced(&mut self, server: &Server) -> Result<(), Fault> {
        let plan = Plan {
            per_s: OFFERED,
            seconds: self.effort.seconds.div_ceil(2),
        };
        let (ours, our_disk, _) = self.open_loop(plan)?;
        self.progress.step(format!(
            "PostgreSQL: {} rows a second for {} s, open loop",
            plan.per_s, plan.seconds
        ));
        server.settle()?;
        let (theirs, their_disk) = self.rest.beside(self.scratch.path(), || {
            let long = Duration::from_secs(plan.seconds);
            server.pace(plan.per_s, postgres::WRITERS, long)
        })?;
        server.check()?;
        self.progress.found(format!(
            "{} a second, p50 {} p99 {} ms; disk {}",
            shown(theirs.per_s),
            shown(theirs.ack.p50),
            shown(theirs.ack.p99),
            their_disk.said()
        ));
        let states = (
            self.looked("disk, paced log", &our_disk),
            self.looked("disk, paced postgresql", &their_disk),
        );
        let both = match states {
            (ours, theirs) if ours == theirs => ours,
            _ => State::Mixed,
        };
        let offered = shown(rate(plan));
        self.ratios.push(
            figure(
                "paced_p99_postgres_over_ours",
                format!("p99 at {offered} rows a second: PostgreSQL : here"),
                theirs.ack.p99 / ours.ack.p99,
            )
            .on(both.as_str()),
        );
        for (key, what, per_s, ack, state) in [
            ("", "log", ours.per_s, ours.ack, states.0),
            (
                "postgres_",
                "PostgreSQL",
                theirs.per_s,
                theirs.ack,
                states.1,
            ),
        ] {
            let what = format!("{what}, {offered} a second offered");
            let per_s = figure(format!("{key}paced_per_s"), what, per_s);
            self.figures.push(per_s.on(state.as_str()));
            let acks = of_acks(&format!("{key}paced_ack_"), &ack, state, None);
            self.figures.extend(acks);
        }
        Ok(())
    }
}
