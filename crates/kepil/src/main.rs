//! `kepil`: the gate, the law and the ledger behind one command.

mod exit;
mod law;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Kepil (кепіл, guarantor): one gate in front of every use of a person's data.
#[derive(Debug, Parser)]
#[command(name = "kepil", version, about, after_help = exit::HELP)]
struct Cli {
    /// Print for programs (JSON) instead of people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The law pack: check, test, show, list.
    #[command(subcommand)]
    Law(law::Law),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Law(command) => law::run(command, cli.json),
    };
    exit::code(done)
}
