//! `cargo xtask test`: everything that must pass.

use crate::step::{self, Steps, beside, build, cargo, command, run_reading};
use crate::{deny, need, rules, web};
use std::path::Path;

/// Runs every step, even after one fails, and ends with the count of tests on a line of its own.
pub fn run(root: &Path) -> bool {
    let mut steps = Steps::default();
    steps.run("format", || {
        step::run(cargo(root, &["fmt", "--all", "--check"]))
    });
    steps.run("every package inherits the lints of the workspace", || {
        rules::lints_are_inherited(root)
    });
    steps.run("no source file is too long", || {
        rules::files_are_short(root)
    });
    steps.run("no local paths", || rules::no_local_paths(root));
    steps.run("licences, advisories, bans, sources", || deny::run(root));
    steps.run("clippy", || {
        step::run(cargo(
            root,
            &[
                "clippy",
                "--release",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ))
    });
    steps.run("clippy without the demonstration", || {
        let args = [
            "clippy",
            "--release",
            "-p",
            "kepil",
            "--no-default-features",
            "--",
            "-D",
            "warnings",
        ];
        step::run(cargo(root, &args))
    });
    let built = steps.run("build", || build(root));
    let mut counts = Counts::default();
    // The time stamping authority of the tests.
    steps.run("openssl is there", || {
        need::programs(&[("openssl", "version", "openssl")])
    });
    // The mail server of the tests.
    steps.run("a mail server is there", || {
        need::programs(&[(
            "/usr/bin/python3",
            "-m aiosmtpd --version",
            "python3-aiosmtpd",
        )])
    });
    steps.run_after(built, "tests", || {
        let tests = cargo(
            root,
            &["test", "--release", "--workspace", "--no-fail-fast"],
        );
        run_reading(tests, |line| counts.read(line))
    });
    steps.run("the browser's verifier", || web::run(root, &mut counts));
    steps.run_after(built, "the pages of people", || {
        web::people(root, &beside("kepil"), &mut counts)
    });
    for (name, args) in [
        ("the law: check", &["law", "check"][..]),
        ("the law: cases", &["law", "test"]),
        ("demo", &["demo", "--exit"]),
    ] {
        steps.run_after(built, name, || {
            step::run(command(root, beside("kepil"), args))
        });
    }
    let passed = steps.summary();
    println!("{} passed, {} failed", counts.passed, counts.failed);
    passed
}

/// Sums of the lines that end each test binary.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Adds the counts of another runner's closing line, `N passed, M failed`.
    pub fn add(&mut self, line: &str) {
        let mut parts = line.trim().split(", ");
        let (Some(passed), Some(failed)) = (parts.next(), parts.next()) else {
            return;
        };
        let number = |part: &str, what| part.strip_suffix(what).and_then(|n| n.parse::<u64>().ok());
        if let (Some(passed), Some(failed)) = (number(passed, " passed"), number(failed, " failed"))
        {
            self.passed += passed;
            self.failed += failed;
        }
    }

    fn read(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        let of = |what: &str| -> u64 {
            let part = rest
                .split([';', '.'])
                .map(str::trim)
                .find_map(|p| p.strip_suffix(what));
            part.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
        };
        self.passed += of("passed");
        self.failed += of("failed");
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn result_lines_are_summed() {
        let mut c = Counts::default();
        for line in [
            "running 4 tests",
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 6.09s",
            "test result: FAILED. 11 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "307 passed, 0 failed",
        ] {
            c.read(line);
        }
        assert_eq!(
            c,
            Counts {
                passed: 15,
                failed: 2
            }
        );
    }
}
