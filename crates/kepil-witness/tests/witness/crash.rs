//! What survives when a process ends at a bad moment, and a second one at the same time.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kepil_ledger::witness::Refusal;
use kepil_witness::{AddError, OpenError};

use crate::log::{TIME, history, open, request, size_of};

/// Names the folder in a process that this test binary starts of itself.
const FOLDER: &str = "KEPIL_WITNESS_TEST_FOLDER";

/// Starts this binary again, with one test only.
fn start(test: &str, folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Not a test by itself: grows a log in the folder it is given, and says every size signed.
#[test]
fn child_that_cosigns() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let witness = open(Path::new(&folder)).unwrap();
    let tree = history(0, 0);
    let mut out = std::io::stdout();
    for round in 0.. {
        let known = size_of(&witness);
        let size = (known + round % 2).min(12);
        witness
            .add_checkpoint(&request(&tree, known, size), TIME)
            .unwrap();
        writeln!(out, "signed {size}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start("crash::child_that_cosigns", folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().starts_with("signed"));
    let refused = open(folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(refused, Err(OpenError::InUse { .. })));

    // The lock ends with its process; within one process it holds as well.
    let witness = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(OpenError::InUse { .. })));
    drop(witness);
    open(folder.path()).unwrap();
}

#[test]
fn what_was_signed_before_a_kill_binds_after_it() {
    for lines_read in [1, 2, 5, 12] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start("crash::child_that_cosigns", folder.path());
        let signed: Vec<u64> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("signed ")?.parse().ok())
            .take(lines_read)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();

        let witness = open(folder.path()).unwrap();
        let known = size_of(&witness);
        assert!(known >= *signed.last().unwrap());
        if known > 0 {
            let fork = history(1, 0);
            for old in 0..=known {
                let forked = witness.add_checkpoint(&request(&fork, old, known), TIME);
                assert!(matches!(forked, Err(AddError::Refused(_))));
            }
        }
        let tree = history(0, 0);
        witness
            .add_checkpoint(&request(&tree, known, 12), TIME)
            .unwrap();
    }
}

#[test]
fn a_lost_answer_leaves_no_room_for_another_root() {
    let folder = tempfile::tempdir().unwrap();
    let tree = history(0, 0);
    let fork = history(1, 2);
    // The answer is lost: the log never sees the cosignature of 5 entries.
    let witness = open(folder.path()).unwrap();
    drop(witness.add_checkpoint(&request(&tree, 0, 5), TIME));
    drop(witness);

    let witness = open(folder.path()).unwrap();
    for (asked, expected) in [
        (request(&fork, 0, 5), 409),
        (request(&fork, 5, 5), 409),
        (request(&fork, 2, 5), 409),
        (request(&fork, 5, 7), 422),
    ] {
        match witness.add_checkpoint(&asked, TIME) {
            Err(AddError::Refused(refusal)) => assert_eq!(refusal.status(), expected),
            other => panic!("{other:?}"),
        }
    }
    // The honest log asks again and gets a later cosignature of the same tree.
    let refusal = witness.add_checkpoint(&request(&tree, 0, 5), TIME);
    assert!(matches!(
        refusal,
        Err(AddError::Refused(Refusal::OtherSize { known: 5 }))
    ));
    witness
        .add_checkpoint(&request(&tree, 5, 5), TIME + 1)
        .unwrap();
}
