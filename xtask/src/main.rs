//! Chores of the repository: `cargo xtask test`, `cargo xtask bench`, `cargo xtask ci`.

mod bench;
mod deny;
mod need;
mod rules;
mod step;
mod test;
mod web;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test                                      everything that must pass
cargo xtask ci                                        the same
cargo xtask bench gate|http|ledger [--json] [--quick] build for release and measure

Exit codes: 0 everything passed; 1 something did not; 2 the command was not understood.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let passed = match words.as_slice() {
        ["test" | "ci"] => test::run(&root()),
        ["bench", rest @ ..] if !rest.is_empty() => bench::run(&root(), rest),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            true
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// The folder of the workspace: the nearest one above the working directory with a lock file.
fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let found = here
        .ancestors()
        .find(|d| d.join("Cargo.lock").is_file() && d.join("xtask").is_dir());
    found.map_or_else(|| here.clone(), Path::to_path_buf)
}
