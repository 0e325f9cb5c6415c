//! `cargo xtask bench …`: builds for release and hands the rest to the program that measures.

use crate::step::{self, End, beside, build, command};
use std::path::Path;

/// Builds, then measures; whether it went well.
pub fn run(root: &Path, args: &[&str]) -> bool {
    let (program, args) = program(args);
    let mut end = build(root);
    if end == End::Passed {
        end = step::run(command(root, beside(program), &args));
    }
    if let End::Failed(why) = &end {
        eprintln!("xtask: {why}");
    }
    end == End::Passed
}

/// The ledger has a program of its own, with the allocator of a node.
fn program<'a>(args: &[&'a str]) -> (&'static str, Vec<&'a str>) {
    match args {
        ["ledger", rest @ ..] => ("kepil-bench-ledger", rest.to_vec()),
        _ => ("kepil-bench", args.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn the_ledger_has_a_program_of_its_own() {
        assert_eq!(
            program(&["ledger", "--json"]),
            ("kepil-bench-ledger", vec!["--json"])
        );
        assert_eq!(
            program(&["gate", "--quick"]),
            ("kepil-bench", vec!["gate", "--quick"])
        );
    }
}
