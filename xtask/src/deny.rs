//! Licences, advisories, bans and sources, by cargo-deny.

use crate::step::{self, End, cargo};
use std::path::Path;
use std::process::{Command, Stdio};

/// Checks everything; without a network, everything but the advisories.
pub fn run(root: &Path) -> End {
    if !quiet(cargo(root, &["deny", "--version"])) {
        println!("cargo-deny is missing; installing it once");
        if step::run(cargo(root, &["install", "cargo-deny", "--locked"])) != End::Passed {
            return End::Failed("cargo-deny is missing and could not be installed".into());
        }
    }
    if step::run(cargo(root, &["deny", "fetch", "db"])) == End::Passed {
        return step::run(cargo(
            root,
            &["deny", "check", "licenses", "advisories", "bans", "sources"],
        ));
    }
    let note = "the advisory database could not be fetched here: advisories were not checked";
    println!("{note}");
    match step::run(cargo(
        root,
        &["deny", "--offline", "check", "licenses", "bans", "sources"],
    )) {
        End::Passed => End::Noted(note.into()),
        other => other,
    }
}

fn quiet(mut c: Command) -> bool {
    c.stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}
