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
    // The crates themselves may come from a mirror, or be here already.
    let rest = ["check", "licenses", "bans", "sources"];
    let plain: Vec<&str> = ["deny"].into_iter().chain(rest).collect();
    let offline: Vec<&str> = ["deny", "--offline"].into_iter().chain(rest).collect();
    let mut end = step::run(cargo(root, &plain));
    if end != End::Passed {
        end = step::run(cargo(root, &offline));
    }
    if end == End::Passed {
        End::Noted(note.into())
    } else {
        end
    }
}

fn quiet(mut c: Command) -> bool {
    c.stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}
