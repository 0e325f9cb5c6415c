//! `cargo xtask bench …`: builds for release and hands the rest to `kepil-bench`.

use crate::step::{self, End, beside, build, command};
use std::path::Path;

/// Builds, then measures; whether it went well.
pub fn run(root: &Path, args: &[&str]) -> bool {
    let mut end = build(root);
    if end == End::Passed {
        end = step::run(command(root, beside("kepil-bench"), args));
    }
    if let End::Failed(why) = &end {
        eprintln!("xtask: {why}");
    }
    end == End::Passed
}
