//! `kepil law …`: the law pack.

mod check;
mod pack;
mod show;
mod test;

use crate::exit::Failure;
use clap::Subcommand;
use kepil_terms::Lang;
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
    /// Show a provision: text, rule, cases, open questions, who relies on it.
    Show {
        #[command(flatten)]
        pack: PackArg,
        /// As in KZ-DC-2026#77.4, or an act.
        id: String,
        /// kk, ru or en.
        #[arg(long, default_value = "en", value_parser = crate::decide::lang)]
        lang: Lang,
        /// A node's address: says how often its decisions relied on the provision.
        #[arg(long, value_name = "URL")]
        node: Option<String>,
    },
    /// List the acts of the pack.
    List {
        #[command(flatten)]
        pack: PackArg,
        /// kk, ru or en.
        #[arg(long, default_value = "en", value_parser = crate::decide::lang)]
        lang: Lang,
    },
}

/// Runs the command.
pub fn run(command: Law, json: bool) -> Result<(), Failure> {
    match command {
        Law::Check { pack } => check::run(&pack, json),
        Law::Show {
            pack,
            id,
            lang,
            node,
        } => show::show(&pack, &id, lang, node.as_deref(), json),
        Law::List { pack, lang } => show::list(&pack, lang, json),
        Law::Test {
            pack,
            files,
            only,
            all,
            tests,
        } => test::run(
            &pack,
            &files,
            &test::Show {
                only,
                all,
                tests,
                json,
            },
        ),
    }
}
