//! The parts: each measures one thing and puts figures, goals and notes into the report.

use crate::clock::{median, number};
use crate::fault::Fault;
use crate::ledger::booked::{self, Outcome};
use crate::ledger::closed;
use crate::ledger::disk::{self, Disk, State};
use crate::ledger::logs::{Bench, callers, remove};
use crate::ledger::maps::{self, Work};
use crate::ledger::open::{self, Plan};
use crate::ledger::postgres::{self, Server};
use crate::ledger::proofs::{ENTRIES, Found, World};
use crate::ledger::random::{Spread, draft};
use crate::ledger::{Run, times::Latency};
use crate::report::{Figure, Goal, figure, shown};

/// Entries offered to the log by itself, a second.
const OFFERED: u64 = 100_000;

/// Entries offered to the log with a book, a second.
const OFFERED_WITH_BOOK: u64 = 20_000;

/// Rows offered to PostgreSQL and to our log beside it, a second.
const OFFERED_BESIDE: u64 = 10_000;

/// Writers of the closed loops.
const WRITERS: [u64; 2] = [64, 1_024];

/// Batches of the map, with how many of them are timed together.
const BATCHES: [(usize, usize); 4] = [(1, 30_000), (100, 1_000), (1_000, 200), (10_000, 30)];

impl Run {
    /// The log by itself: entries come at a rate.
    pub(super) fn open(&mut self) -> Result<(), Fault> {
        let plan = Plan {
            per_s: OFFERED,
            seconds: self.effort.seconds,
        };
        let (outcome, disk) = self.open_loop(plan)?;
        let state = self.looked("disk, open loop", &disk);
        self.figures.push(
            figure(
                "entries_per_s",
                format!("durable entries a second, {} offered", shown(rate(plan))),
                outcome.per_s,
            )
            .with_goal(Goal::AtLeast(rate(plan)))
            .on(state.as_str()),
        );
        let ack = of_acks("ack_", &outcome.ack, state, Some(5.0));
        self.figures.extend(ack);
        self.figures.push(figure(
            "disk_syncs_per_s",
            "  synced 4 KiB writes a second, one after the other",
            disk.after.per_s,
        ));
        Ok(())
    }

    fn open_loop(&self, plan: Plan) -> Result<(open::Outcome, Disk), Fault> {
        self.progress.step(format!(
            "log: {} entries a second for {} s, open loop",
            plan.per_s, plan.seconds
        ));
        let bench = Bench::open(self.scratch.sub("log"), false)?;
        let (outcome, disk) = disk::beside(self.scratch.path(), || {
            let (callers, appender) = (callers()?, bench.log.appender());
            open::drive(&callers, &appender, plan, draft, |_, _| {})
        })?;
        self.progress.found(format!(
            "{} a second, p50 {} p99 {} max {} ms; disk {}",
            shown(outcome.per_s),
            shown(outcome.ack.p50),
            shown(outcome.ack.p99),
            shown(outcome.ack.max),
            disk.said()
        ));
        self.progress.step("checking the log");
        bench.finish(plan.arrivals())?;
        Ok((outcome, disk))
    }

    /// The log by itself: writers wait for their entries.
    pub(super) fn closed(&mut self) -> Result<(), Fault> {
        let mut runs = Vec::new();
        for round in 1..=self.effort.closed_rounds {
            for writers in WRITERS {
                self.progress.step(format!(
                    "log: {writers} writers, closed loop, round {round}"
                ));
                let (outcome, disk) =
                    closed::run(self.scratch.sub("log"), writers, self.effort.closed)?;
                self.progress.found(format!(
                    "{} a second, p50 {} p99 {} ms; disk {}",
                    shown(outcome.per_s),
                    shown(outcome.ack.p50),
                    shown(outcome.ack.p99),
                    disk.said()
                ));
                runs.push((writers, outcome, disk));
            }
        }
        for writers in WRITERS {
            let of: Vec<_> = runs.iter().filter(|(of, ..)| *of == writers).collect();
            // One state only: the normal one where there is any.
            let state = [State::Normal, State::Slow]
                .into_iter()
                .find(|state| of.iter().any(|(_, _, disk)| disk.state() == *state))
                .unwrap_or(State::Mixed);
            let of = of.iter().filter(|(_, _, disk)| disk.state() == state);
            let of: Vec<_> = of.map(|(_, outcome, _)| *outcome).collect();
            let middle = |get: fn(&closed::Outcome) -> f64| median(of.iter().map(get).collect());
            let key = format!("closed_{writers}_");
            let rounds = of.len();
            self.figures.push(
                figure(
                    format!("{key}per_s"),
                    format!(
                        "{writers} writers, durable entries a second ({rounds} of {} runs)",
                        self.effort.closed_rounds
                    ),
                    middle(|it| it.per_s),
                )
                .on(state.as_str()),
            );
            for (name, what, get) in [
                (
                    "p50_ms",
                    "  median, ms",
                    (|it| it.ack.p50) as fn(&closed::Outcome) -> f64,
                ),
                ("p99_ms", "  p99, ms", |it| it.ack.p99),
            ] {
                self.figures
                    .push(figure(format!("{key}{name}"), what, middle(get)).on(state.as_str()));
            }
        }
        let all = runs.iter().map(|(writers, outcome, disk)| {
            format!(
                "{writers}: {} {}",
                shown(outcome.per_s),
                disk.state().as_str()
            )
        });
        let all: Vec<String> = all.collect();
        self.notes.push(format!(
            "Closed loops, all runs, writers: entries a second, disk: {}.",
            all.join("; ")
        ));
        Ok(())
    }

    /// The log with its book.
    pub(super) fn book(&mut self) -> Result<(), Fault> {
        let plan = Plan {
            per_s: OFFERED_WITH_BOOK,
            seconds: self.effort.seconds,
        };
        for (spread, key, name) in [
            (Spread::Uniform, "", "all persons alike"),
            (Spread::Skewed, "skewed_", "skewed"),
        ] {
            self.progress.step(format!(
                "log with a map of {} persons ({name}): {} entries a second for {} s",
                self.persons, plan.per_s, plan.seconds
            ));
            let (outcome, disk) = booked::run(self.scratch.sub("log"), self.persons, spread, plan)?;
            let Outcome { load, lag, heads } = outcome;
            self.progress.found(format!(
                "{} a second, ack p99 {} ms, lag p99 {} ms, {heads} heads; disk {}",
                shown(load.per_s),
                shown(load.ack.p99),
                shown(lag.p99),
                disk.said()
            ));
            let (setting, what) = match spread {
                Spread::Uniform => ("disk, book", "with a book"),
                Spread::Skewed => ("disk, book, skewed", "with a book, skewed"),
            };
            let state = self.looked(setting, &disk);
            let goal = |limit| (spread == Spread::Uniform).then_some(limit);
            self.figures.push(
                figure(
                    format!("book_{key}entries_per_s"),
                    format!(
                        "{what}: durable entries a second, {} offered",
                        shown(rate(plan))
                    ),
                    load.per_s,
                )
                .on(state.as_str()),
            );
            let acks = of_acks(&format!("book_{key}ack_"), &load.ack, state, None);
            self.figures.extend(acks);
            for (percent, what, value, limit) in [
                ("p50", "  map behind, median, ms", lag.p50, None),
                ("p99", "  map behind, p99, ms", lag.p99, goal(1_000.0)),
                ("max", "  map behind, most, ms", lag.max, None),
            ] {
                let mut lag = figure(format!("{key}lag_{percent}_ms"), what, value);
                lag.goal = limit.map(Goal::AtMost);
                self.figures.push(lag.on(state.as_str()));
            }
            let key = format!("book_{key}heads_per_s");
            let seconds = f64::from(u32::try_from(plan.seconds).unwrap_or(u32::MAX));
            let heads = f64::from(u32::try_from(heads).unwrap_or(u32::MAX));
            self.figures.push(figure(
                key,
                "  map heads published a second",
                heads / seconds,
            ));
        }
        self.notes.push(
            "The map is behind by the age of the oldest durable entry that no published map head covers; looked at every 5 ms.".into(),
        );
        Ok(())
    }

    /// PostgreSQL beside our log.
    pub(super) fn postgres(&mut self) -> Result<(), Fault> {
        self.progress.step("starting PostgreSQL");
        let folder = self.scratch.sub("postgres");
        let server = Server::start(folder.clone())?;
        self.setting.push(("postgresql", server.version.clone()));
        self.progress.step("warming PostgreSQL up");
        server.load(postgres::WRITERS, self.effort.closed)?;
        let (count, long) = (self.effort.postgres_rounds, self.effort.closed);
        self.progress.step(format!(
            "log and PostgreSQL by turns, 64 writers, {count} rounds"
        ));
        let progress = &self.progress;
        let rounds = postgres::rounds(&self.scratch, &server, count, long, |number, round| {
            progress.found(format!(
                "round {}: {} here, {} there, ratio {}; disk {} / {}",
                number + 1,
                shown(round.ours.per_s),
                shown(round.theirs.per_s),
                shown(round.ratio()),
                round.our_disk.said(),
                round.their_disk.said(),
            ));
        })?;
        let (state, counted) = postgres::of_one_state(&rounds);
        let middle = |get: &dyn Fn(&postgres::Round) -> f64| {
            median(counted.iter().map(get).collect::<Vec<f64>>())
        };
        let on = state.as_str();
        self.ratios.push(
            figure(
                "ratio_vs_postgres",
                format!(
                    "durable rows a second, 64 writers: here : PostgreSQL ({} of {} rounds)",
                    counted.len(),
                    rounds.len()
                ),
                middle(&postgres::Round::ratio),
            )
            .with_goal(Goal::AtLeast(5.0))
            .on(on),
        );
        self.figures.extend([
            figure(
                "beside_postgres_per_s",
                "64 writers in the same rounds, entries a second",
                middle(&|round| round.ours.per_s),
            )
            .on(on),
            figure(
                "beside_postgres_p50_ms",
                "  p50, ms",
                middle(&|round| round.ours.ack.p50),
            )
            .on(on),
            figure(
                "postgres_per_s",
                "PostgreSQL, 64 clients, rows a second",
                middle(&|round| round.theirs.per_s),
            )
            .on(on),
            figure(
                "postgres_mean_ms",
                "  mean, ms",
                middle(&|round| round.theirs.mean_ms),
            )
            .on(on),
        ]);
        let all = rounds.iter().map(|round| {
            format!(
                "{} : {} ({})",
                shown(round.ours.per_s),
                shown(round.theirs.per_s),
                round.state().as_str()
            )
        });
        let all: Vec<String> = all.collect();
        self.notes
            .push(format!("Rounds, here : PostgreSQL: {}.", all.join("; ")));
        self.paced(&server)?;
        drop(server);
        remove(&folder)
    }

    /// The open loop's counterpart.
    fn paced(&mut self, server: &Server) -> Result<(), Fault> {
        let plan = Plan {
            per_s: OFFERED_BESIDE,
            seconds: self.effort.seconds.div_ceil(2),
        };
        let (ours, our_disk) = self.open_loop(plan)?;
        self.progress.step(format!(
            "PostgreSQL: {} rows a second for {} s, open loop",
            plan.per_s, plan.seconds
        ));
        server.settle()?;
        let long = std::time::Duration::from_secs(plan.seconds);
        let (theirs, their_disk) = disk::beside(self.scratch.path(), || {
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
        let ours_state = self.looked("disk, paced log", &our_disk);
        let their_state = self.looked("disk, paced postgresql", &their_disk);
        let both = if ours_state == their_state {
            ours_state
        } else {
            State::Mixed
        };
        self.ratios.push(
            figure(
                "paced_p99_postgres_over_ours",
                format!(
                    "p99 at {} rows a second: PostgreSQL : here",
                    shown(rate(plan))
                ),
                theirs.ack.p99 / ours.ack.p99,
            )
            .on(both.as_str()),
        );
        let offered = shown(rate(plan));
        self.figures.push(
            figure(
                "paced_per_s",
                format!("log, {offered} entries offered a second"),
                ours.per_s,
            )
            .on(ours_state.as_str()),
        );
        self.figures
            .extend(of_acks("paced_ack_", &ours.ack, ours_state, None));
        self.figures.push(
            figure(
                "postgres_paced_per_s",
                format!("PostgreSQL, {offered} rows offered a second"),
                theirs.per_s,
            )
            .on(their_state.as_str()),
        );
        self.figures.extend(of_acks(
            "postgres_paced_ack_",
            &theirs.ack,
            their_state,
            None,
        ));
        self.notes.push(
            "PostgreSQL is driven by pgbench over a socket with prepared statements; its server and clients are processes of their own, our writers tasks in ours. Both store an order number and 300 bytes; only ours hashes, signs and publishes.".into(),
        );
        Ok(())
    }

    /// The map by itself.
    pub(super) fn map(&mut self) -> Result<(), Fault> {
        self.progress
            .step(format!("building a map of {} persons", self.persons));
        let (mut bench, built) = maps::Bench::build(self.persons)?;
        self.progress.found(format!(
            "{} s, {} MB",
            shown(built.seconds),
            shown(built.mb)
        ));
        let rounds = self.effort.map_rounds;
        for (batch, batches) in BATCHES {
            self.progress
                .step(format!("map: updates in batches of {batch}"));
            let work = Work {
                batch,
                batches,
                spread: Spread::Uniform,
                marked: false,
            };
            let per_s = bench.updates_per_s(work, rounds)?;
            let name = shown(number(batch));
            let name = name.trim_end_matches(".00");
            let what = format!("map updates a second of one core, in batches of {name}");
            self.figures.push(if batch == 1_000 {
                figure("map_updates_per_s", what, per_s).with_goal(Goal::AtLeast(150_000.0))
            } else {
                figure(format!("map_updates_per_s_{batch}"), what, per_s)
            });
            if batch != 1_000 {
                continue;
            }
            for (spread, marked, key, what) in [
                (
                    Spread::Uniform,
                    true,
                    "map_marked_updates_per_s",
                    "  with the state before remembered",
                ),
                (
                    Spread::Skewed,
                    false,
                    "map_skewed_updates_per_s",
                    "  skewed",
                ),
            ] {
                let work = Work {
                    spread,
                    marked,
                    ..work
                };
                let per_s = bench.updates_per_s(work, rounds)?;
                self.figures.push(figure(key, what, per_s));
            }
        }
        let persons = number(usize::try_from(self.persons).unwrap_or(0));
        self.figures.extend([
            figure("map_persons", "persons in the map", persons),
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

    /// Proofs out of a filled log.
    pub(super) fn proof(&mut self) -> Result<(), Fault> {
        self.progress.step(format!(
            "filling a log of {} entries about {} persons",
            self.effort.leaves, self.persons
        ));
        let folder = self.scratch.sub("log");
        let persons = self.persons;
        let leaves = self.effort.leaves;
        let world = World::make(folder, persons, leaves)?;
        self.progress.step(format!("proofs of {ENTRIES} entries"));
        let bare = world.measure(false)?;
        self.progress
            .step(format!("proofs of {ENTRIES} entries with their rows"));
        let whole = world.measure(true)?;
        let leaves = world.leaves();
        world.finish()?;
        self.figures.extend(of_proofs(&bare, &whole, leaves));
        self.notes.push(format!(
            "Proofs are of a person with {} entries: bytes beyond 40 for each of them, in the decoded file, with a checkpoint of one log and three cosigners. Making reads the book's file and the published tiles, warm; checking is kepil_ledger::completeness::check.",
            shown(number(usize::try_from(ENTRIES).unwrap_or(0)))
        ));
        Ok(())
    }

    /// Notes the state of the disk in the setting.
    fn looked(&mut self, name: &'static str, disk: &Disk) -> State {
        self.setting.push((name, disk.said()));
        disk.state()
    }
}

/// Arrivals a second as a figure.
fn rate(plan: Plan) -> f64 {
    number(usize::try_from(plan.per_s).unwrap_or(0))
}

/// The spread of acknowledgements.
fn of_acks(key: &str, ack: &Latency, state: State, limit: Option<f64>) -> Vec<Figure> {
    let figures = [
        ("p50", "  acknowledged, median, ms", ack.p50),
        ("p95", "  p95, ms", ack.p95),
        ("p99", "  p99, ms", ack.p99),
        ("max", "  longest, ms", ack.max),
    ];
    let of = |(percent, what, value): (&str, &str, f64)| {
        let mut found = figure(format!("{key}{percent}_ms"), what, value).on(state.as_str());
        if percent == "p99" {
            found.goal = limit.map(Goal::AtMost);
        }
        found
    };
    let mut found: Vec<Figure> = figures.into_iter().map(of).collect();
    let count = number(ack.count);
    found.push(figure(format!("{key}count"), "  of so many", count));
    found
}

fn of_proofs(bare: &Found, whole: &Found, leaves: u64) -> Vec<Figure> {
    let leaves = number(usize::try_from(leaves).unwrap_or(0));
    vec![
        figure(
            "proof_bytes",
            "proof of 1,000 entries, bytes beyond 40 an entry",
            bare.beyond,
        )
        .with_goal(Goal::AtMost(2_048.0)),
        figure("proof_make_ms", "  making it, ms", bare.make_ms).with_goal(Goal::AtMost(5.0)),
        figure("proof_verify_ms", "  checking it, ms", bare.verify_ms)
            .with_goal(Goal::AtMost(10.0)),
        figure("proof_file_bytes", "  bytes of the file", bare.file),
        figure(
            "proof_gzip_bytes",
            "  bytes of the file after gzip",
            bare.gzip,
        ),
        figure(
            "proof_rows_file_bytes",
            "with all rows shown, bytes of the file",
            whole.file,
        ),
        figure("proof_rows_gzip_bytes", "  after gzip", whole.gzip),
        figure("proof_rows_make_ms", "  making it, ms", whole.make_ms),
        figure("proof_rows_verify_ms", "  checking it, ms", whole.verify_ms),
        figure("proof_leaves", "leaves of the log it is made from", leaves),
    ]
}
