//! Programs that tests need, beside Rust's own.

use crate::step::End;
use std::process::{Command, Stdio};

/// A program, the words that make it say its version, and the Debian package that brings it.
pub type Need = (&'static str, &'static str, &'static str);

/// Installs what is missing where that is allowed; the first that stays missing is named.
pub fn programs(needed: &[Need]) -> End {
    for (program, version, package) in needed {
        if !is_there(program, version) && !install(package) {
            return End::Failed(format!(
                "`{program} {version}` does not run: install the package `{package}`"
            ));
        }
    }
    End::Passed
}

fn is_there(program: &str, version: &str) -> bool {
    quiet(Command::new(program).args(version.split(' ')))
}

/// Installs a Debian package if this user may.
fn install(package: &str) -> bool {
    println!("{package} is missing; trying apt-get");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        quiet(command.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"]) && apt(&["install", "-y", "--no-install-recommends", package])
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
