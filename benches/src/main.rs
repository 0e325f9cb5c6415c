//! `kepil-bench`: how fast, beside whom, and where.

use clap::{Parser, Subcommand};
use kepil_bench::{Fault, gate, http, ledger};
use std::process::ExitCode;
use std::time::Instant;

/// Benchmarks of Kepil.
#[derive(Debug, Parser)]
#[command(name = "kepil-bench", version, about)]
struct Cli {
    /// Print one flat JSON object instead of tables.
    #[arg(long, global = true)]
    json: bool,
    /// A tenth of the work: for a look, not for a figure to publish.
    #[arg(long, global = true)]
    quick: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The gate by itself, one thread, in process, beside Cedar, regorus and casbin.
    Gate,
    /// A whole node over HTTP with durable entries, 64 connections.
    Http {
        /// The `kepil` binary; without it, the one beside this binary.
        #[arg(long)]
        binary: Option<std::path::PathBuf>,
    },
    /// The durable log, its map and its proofs, beside PostgreSQL on the same disk.
    Ledger {
        /// Persons enrolled in the map; 20 million take 6 GB of memory for a while.
        #[arg(long, default_value_t = 1_000_000)]
        persons: u64,
        /// A folder on the disk to measure; without it, one on the working directory's disk.
        #[arg(long)]
        dir: Option<std::path::PathBuf>,
        /// Only these parts, parted by commas; without it, all of them.
        #[arg(long = "part", value_enum, value_delimiter = ',')]
        parts: Vec<ledger::Part>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("kepil-bench: {e}");
            ExitCode::from(1)
        }
    }
}

fn run(cli: &Cli) -> Result<(), Fault> {
    let start = Instant::now();
    let mut missing = Vec::new();
    let report = match &cli.command {
        Command::Gate => gate::run(cli.quick)?,
        Command::Http { binary } => http::run(cli.quick, binary.clone())?,
        Command::Ledger {
            persons,
            dir,
            parts,
        } => {
            let found = ledger::run(&ledger::Options {
                quick: cli.quick,
                persons: *persons,
                dir: dir.clone(),
                parts: parts.clone(),
            })?;
            missing = found.missing;
            found.report
        }
    };
    if cli.json {
        println!("{}", report.json());
    } else {
        println!("{}", report.people());
    }
    gate::finished(start);
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Fault(missing.join("\n"))),
    }
}
