//! `kepil`: the gate, the law and the ledger behind one command.

mod audit;
mod backup;
mod client;
mod config;
mod decide;
#[cfg(feature = "demo")]
mod demo;
mod exit;
mod export;
mod law;
mod ledger;
mod operator;
mod person;
mod quick;
mod replay;
mod serve;
mod store;
mod witness;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

// A request makes some hundreds of small allocations; this allocator serves them a third faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Decide the situations of a file (YAML, or Markdown with case blocks) and say why.
    Decide(decide::Args),
    /// The law pack: check, test, show, list.
    #[command(subcommand)]
    Law(law::Law),
    /// The ledger: its head, a full check, a receipt.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// A person's own list of uses, and the check that it is complete.
    #[command(subcommand)]
    Person(person::Person),
    /// What an operator does on somebody's order: erase, keep back, extend, hand out a secret.
    #[command(subcommand)]
    Operator(operator::Operator),
    /// Decide every recorded decision again, by the law of its time or of another day.
    Replay(replay::Args),
    /// A witness of logs: cosigns their growth and never a fork.
    #[command(subcommand)]
    Witness(witness::Witness),
    /// An auditor of a log: replays every record and cosigns what held.
    #[command(subcommand)]
    Auditor(audit::Auditor),
    /// The files of a node: check every one of them.
    #[command(subcommand)]
    Store(store::Store),
    /// Copy the data of a node, running or not, and prove what the copy holds.
    Backup(backup::Backup),
    /// Put a copy back, and prove that it is the log it was.
    Restore(backup::Restore),
    /// Run a node.
    Serve {
        /// The configuration file; without it, the defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// The configuration: print the documented default, check a file.
    #[command(subcommand)]
    Config(config::Config),
    /// Play spring 2020 and today on invented people, check the log, then serve what was left.
    #[cfg(feature = "demo")]
    Demo(demo::Args),
    /// Measure this machine quickly: decisions and durable entries a second.
    Bench {
        /// Seconds for each measurement.
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Decide(args) => decide::run(&args, cli.json),
        Command::Law(command) => law::run(command, cli.json),
        Command::Ledger(command) => ledger::run(&command, cli.json),
        Command::Person(command) => person::run(&command, cli.json),
        Command::Operator(command) => operator::run(&command, cli.json),
        Command::Replay(args) => replay::run(&args, cli.json),
        Command::Witness(command) => witness::run(&command),
        Command::Auditor(command) => audit::run_auditor(&command),
        Command::Store(command) => store::run(&command, cli.json),
        Command::Backup(args) => backup::backup(&args, cli.json),
        Command::Restore(args) => backup::restore(&args, cli.json),
        Command::Serve { config } => serve::run(config.as_deref()),
        Command::Config(command) => config::run(&command, cli.json),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args, cli.json),
        Command::Bench { seconds } => quick::run(seconds, cli.json),
    };
    exit::code(done)
}
