//! `kepil law …`: the law pack.

mod check;
mod pack;
mod test;

use crate::exit::Failure;
use clap::Subcommand;
pub use pack::PackArg;
use std::path::PathBuf;

/// What can be done with the law.
#[derive(Debug, Subcommand)]
pub enum Law {
    /// Load the pack and report every fault with file, line and remedy.
    Check {
        #[command(flatten)]
        pack: PackArg,
    },
    /// Run the worked cases and their twins.
    Test {
        #[command(flatten)]
        pack: PackArg,
        /// Files with case blocks to run instead of those of the pack.
        files: Vec<PathBuf>,
        /// Only cases whose id begins with this.
        #[arg(long)]
        only: Option<String>,
        /// Show every case, not only those that differ.
        #[arg(long)]
        all: bool,
        /// Show the outcome of every test of every case.
        #[arg(long)]
        tests: bool,
    },
}

/// Runs the command.
pub fn run(command: Law, json: bool) -> Result<(), Failure> {
    match command {
        Law::Check { pack } => check::run(&pack, json),
        Law::Test { pack, files, only, all, tests } => test::run(&pack, &files, &test::Show { only, all, tests, json }),
    }
}
