//! What runs in browsers: the verifier, in Node.js and in Chromium, and the pages of people.

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

/// Runs `web/people/test.sh` against the binary; screenshots lie in `target/screens` afterwards.
pub fn people(root: &Path, binary: &Path, counts: &mut Counts) -> End {
    let there = need::programs(&NEEDED);
    if there != End::Passed {
        return there;
    }
    let screens = binary.with_file_name("screens");
    let mut script = Command::new("bash");
    script
        .arg("test.sh")
        .env("KEPIL", binary)
        .env("SCREENS", screens)
        .current_dir(root.join("web").join("people"));
    run_reading(script, |line| counts.add(line))
}

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
