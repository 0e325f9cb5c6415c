//! `kepil-bench-ledger`: durable entries, the map behind them, and proofs out of both.
//!
//! Everything runs in this process on a real disk; PostgreSQL runs beside it on the same
//! disk, in the same rounds. No figure is given before what was acknowledged has been
//! found again in the log, and each figure of the disk carries the disk's state.

mod booked;
mod closed;
mod disk;
mod logs;
mod maps;
mod open;
mod parts;
mod postgres;
mod progress;
mod proofs;
mod random;
mod scratch;
mod timed;
mod times;

use crate::fault::Fault;
use crate::report::{Figure, Report};
use crate::setting::{Setting, load_average};
use disk::Rest;
use progress::Progress;
use scratch::Scratch;
use std::path::PathBuf;
use std::time::Duration;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Less of everything.
    pub quick: bool,
    /// Persons in the map.
    pub persons: u64,
    /// A folder on the disk to measure.
    pub dir: Option<PathBuf>,
    /// Only these; all when empty.
    pub parts: Vec<Part>,
    /// Time between checkpoints of a log with a book; that of a node when absent.
    pub checkpoint: Option<Duration>,
    /// How long to wait, in all, for the disk's normal state.
    pub rest: Duration,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The log by itself, open loop.
    Open,
    /// The log by itself, closed loop.
    Closed,
    /// The log with its book, and how far the map stays behind.
    Book,
    /// The same rows in PostgreSQL.
    Postgres,
    /// The map alone.
    Map,
    /// Completeness proofs.
    Proof,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Open,
        Self::Closed,
        Self::Book,
        Self::Postgres,
        Self::Map,
        Self::Proof,
    ];
}

/// What was found, and what could not be measured.
#[derive(Debug)]
pub struct Found {
    /// The figures of the parts that ran.
    pub report: Report,
    /// One line for each part that did not.
    pub missing: Vec<String>,
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Of an open loop.
    seconds: u64,
    /// Of a closed loop, after its warm-up.
    closed: Duration,
    closed_rounds: usize,
    postgres_rounds: usize,
    map_rounds: usize,
    /// Leaves of the log that proofs are made from.
    leaves: u64,
}

const FULL: Effort = Effort {
    seconds: 60,
    closed: Duration::from_secs(3),
    closed_rounds: 3,
    postgres_rounds: 5,
    map_rounds: 5,
    leaves: 1_000_000,
};
const QUICK: Effort = Effort {
    seconds: 10,
    closed: Duration::from_secs(2),
    closed_rounds: 1,
    postgres_rounds: 3,
    map_rounds: 3,
    leaves: 100_000,
};

/// What all parts need, and where they put what they find.
#[derive(Debug)]
struct Run {
    effort: Effort,
    persons: u64,
    checkpoint: Option<Duration>,
    rest: Rest,
    scratch: Scratch,
    progress: Progress,
    ratios: Vec<Figure>,
    figures: Vec<Figure>,
    notes: Vec<String>,
    setting: Vec<(&'static str, String)>,
}

/// Runs the parts; progress goes to standard error.
///
/// # Errors
/// When there is no folder to work in; parts that fail are named in what is found.
pub fn run(options: &Options) -> Result<Found, Fault> {
    let load_before = load_average();
    let scratch = Scratch::make(options.dir.as_deref())?;
    let mut setting = Setting::look_for(&["sha2", "ed25519-dalek", "tokio"]);
    setting
        .lines
        .push(("file system", scratch::file_system(scratch.path())));
    let mut run = Run {
        effort: if options.quick { QUICK } else { FULL },
        persons: options.persons.max(1),
        checkpoint: options.checkpoint,
        rest: Rest::new(options.rest),
        scratch,
        progress: Progress::new(),
        ratios: Vec::new(),
        figures: Vec::new(),
        notes: Vec::new(),
        setting: Vec::new(),
    };
    let mut missing = Vec::new();
    for part in Part::ALL {
        if !options.parts.is_empty() && !options.parts.contains(&part) {
            continue;
        }
        let done = match part {
            Part::Open => run.open(),
            Part::Closed => run.closed(),
            Part::Book => run.book(),
            Part::Postgres => run.postgres(),
            Part::Map => run.map(),
            Part::Proof => run.proof(),
        };
        if let Err(fault) = done {
            missing.push(format!("{part:?} is missing: {fault}"));
        }
    }
    setting.lines.append(&mut run.setting);
    setting.lines.push(("load average before", load_before));
    setting.lines.push(("load average after", load_average()));
    let mut notes = run.notes;
    notes.extend(missing.iter().cloned());
    Ok(Found {
        report: Report {
            title: "The ledger: durable log, map and proofs, in process".into(),
            ratios: run.ratios,
            figures: run.figures,
            notes,
            setting,
        },
        missing,
    })
}
