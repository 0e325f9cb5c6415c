//! `kepil-bench-ledger`: how fast the ledger is, beside whom, and on which disk.
//!
//! A program of its own, because it has the allocator of a node; the gate and its peers
//! are measured with the system's.

use clap::Parser;
use kepil_bench::{Fault, gate, ledger};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the durable log, its map and its proofs, beside PostgreSQL on the same disk.
#[derive(Debug, Parser)]
#[command(name = "kepil-bench-ledger", version, about)]
struct Cli {
    /// Print one flat JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Less of everything: for a look, not for a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Persons enrolled in the map; 20 million take 6 GB of memory for a while.
    #[arg(long, default_value_t = 1_000_000)]
    persons: u64,
    /// A folder on the disk to measure; without it, one on the working directory's disk.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only these parts, with commas between; without it, all of them.
    #[arg(long = "part", value_enum, value_delimiter = ',')]
    parts: Vec<ledger::Part>,
    /// Time between checkpoints in milliseconds; without it, that of a node.
    #[arg(long)]
    checkpoint_ms: Option<u64>,
    /// How long to wait, in all, for the disk to be in its normal state, in seconds.
    #[arg(long, default_value_t = 300)]
    rest: u64,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("kepil-bench-ledger: {e}");
            ExitCode::from(1)
        }
    }
}

fn run(cli: Cli) -> Result<(), Fault> {
    let start = Instant::now();
    let found = ledger::run(&ledger::Options {
        quick: cli.quick,
        persons: cli.persons,
        dir: cli.dir,
        parts: cli.parts,
        checkpoint: cli.checkpoint_ms.map(Duration::from_millis),
        rest: Duration::from_secs(cli.rest),
    })?;
    if cli.json {
        println!("{}", found.report.json());
    } else {
        println!("{}", found.report.people());
    }
    gate::finished(start);
    match found.missing.is_empty() {
        true => Ok(()),
        false => Err(Fault(found.missing.join("\n"))),
    }
}
