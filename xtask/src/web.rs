//! The browser's verifier: its own tests, in Node.js and in Chromium.

use crate::step::{End, run_reading};
use crate::test::Counts;
use std::path::Path;
use std::process::{Command, Stdio};

/// Programs the tests need, with the Debian packages that bring them.
const NEEDED: [(&str, &str); 3] = [("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium")];

/// Runs `web/verify/test.sh`; installs what is missing where that is allowed.
pub fn run(root: &Path, counts: &mut Counts) -> End {
    for (program, package) in NEEDED {
        if !is_there(program) && !install(package) {
            return End::Failed(format!(
                "`{program}` is missing: install the package `{package}`"
            ));
        }
    }
    let mut script = Command::new("bash");
    script
        .arg("test.sh")
        .current_dir(root.join("web").join("verify"));
    run_reading(script, |line| counts.add(line))
}

fn is_there(program: &str) -> bool {
    quiet(Command::new(program).arg("--version"))
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
