//! `kepil-bench`: how fast, beside whom, and where.

use clap::{Parser, Subcommand};
use kepil_bench::{Fault, gate, http};
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
    let report = match &cli.command {
        Command::Gate => gate::run(cli.quick)?,
        Command::Http { binary } => http::run(cli.quick, binary.clone())?,
    };
    if cli.json {
        println!("{}", report.json());
    } else {
        println!("{}", report.people());
    }
    gate::finished(start);
    Ok(())
}
