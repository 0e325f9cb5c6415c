//! The browser's verifier: its own tests, in Node.js and in Chromium.

use crate::need::{self, Need};
use crate::step::{End, run_reading};
use crate::test::Counts;
use std::path::Path;
use std::process::Command;

/// Programs the tests need, with the Debian packages that bring them.
const NEEDED: [Need; 3] = [
    ("node", "--version", "nodejs"),
    ("npm", "--version", "npm"),
    ("chromium", "--version", "chromium"),
];

/// Runs `web/verify/test.sh`; installs what is missing where that is allowed.
pub fn run(root: &Path, counts: &mut Counts) -> End {
    let there = need::programs(&NEEDED);
    if there != End::Passed {
        return there;
    }
    let mut script = Command::new("bash");
    script
        .arg("test.sh")
        .current_dir(root.join("web").join("verify"));
    run_reading(script, |line| counts.add(line))
}
