//! An auditor that is killed at any moment goes on as if nothing had happened.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kepil_auditor::{FollowError, Follower, Place};

use crate::site::{Node, Site, assert_sound, grown, long_world, open, round, settings};
use crate::world::World;

/// Names the folder in a process that this test binary starts of itself.
const FOLDER: &str = "KEPIL_AUDITOR_TEST_FOLDER";

fn start(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_follows", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Not a test by itself: follows the log that grows in the folder it is given.
#[test]
fn child_that_follows() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let (log, state) = (
        Path::new(&folder).join("site"),
        Path::new(&folder).join("state"),
    );
    let mut out = std::io::stdout();
    let mut world = long_world(300);
    for round in 0_u64.. {
        Site::of(&world).write(&log);
        let place = Place::new(log.to_str().unwrap(), None, Duration::from_secs(5));
        let mut follower = Follower::open(&state, place, settings()).unwrap();
        let report = follower.run(world.now).unwrap();
        assert!(report.is_sound(), "{report}");
        writeln!(out, "followed {}", report.replayed).unwrap();
        out.flush().unwrap();
        // The log grows until it is as long as it gets.
        if round < 60 {
            world = next(&world);
        }
    }
}

fn next(world: &World) -> World {
    grown(world, world.len() + 7)
}

#[test]
fn what_was_followed_before_a_kill_is_there_after_it() {
    for (lines_read, pause) in [(1, 0), (2, 3), (5, 1), (9, 2), (14, 4)] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(folder.path());
        let followed: Vec<u64> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("followed ")?.parse().ok())
            .take(lines_read)
            .collect();
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();

        let state = folder.path().join("state");
        let mut world = long_world(300);
        for _ in 0..100 {
            world = next(&world);
        }
        let node = Node::of(&world);
        let follower = open(&node, &state);
        assert!(follower.replay().size() >= *followed.last().unwrap());
        drop(follower);
        assert_sound(&round(&node, &state, &world), &world);
        let follower = open(&node, &state);
        assert_eq!(follower.replay().to_bytes(), world.replay().to_bytes());
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn every_order_of_files_that_a_kill_can_leave_is_taken_up() {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let short = long_world(300);
    let long = grown(&short, 620);
    let node = Node::of(&short);
    assert_sound(&round(&node, before.path(), &short), &short);
    copy(before.path(), after.path());
    node.publish(&long);
    assert_sound(&round(&node, after.path(), &long), &long);

    // The files are replaced in this order; a kill comes after any number of them.
    let order = [
        "checkpoints",
        "tree-0",
        "tree-1",
        "verified",
        "replay",
        "sweep",
    ];
    for done in 0..=order.len() {
        for is_torn in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            copy(before.path(), folder.path());
            for file in order.iter().take(done) {
                fs::copy(after.path().join(file), folder.path().join(file)).unwrap();
            }
            if is_torn {
                // The next one was being written.
                fs::write(folder.path().join("replay.new"), b"kepil-audit/v1\n...").unwrap();
                fs::write(folder.path().join("verified.new"), b"62").unwrap();
                let mut file = OpenOptions::new()
                    .append(true)
                    .open(folder.path().join("checkpoints"))
                    .unwrap();
                file.write_all(b"seen 17 log 300\nlog.example/ke").unwrap();
                if done < 3 {
                    let mut file = OpenOptions::new()
                        .append(true)
                        .open(folder.path().join("tree-0"))
                        .unwrap();
                    file.write_all(&[7; 77]).unwrap();
                }
            }
            assert_sound(&round(&node, folder.path(), &long), &long);
            let follower = open(&node, folder.path());
            assert_eq!(follower.replay().to_bytes(), long.replay().to_bytes());
        }
    }
}

#[test]
fn files_that_were_changed_are_not_used() {
    let world = long_world(300);
    let node = Node::of(&world);
    let good = tempfile::tempdir().unwrap();
    assert_sound(&round(&node, good.path(), &world), &world);
    for file in ["tree-0", "tree-1", "replay", "verified", "key"] {
        let folder = tempfile::tempdir().unwrap();
        copy(good.path(), folder.path());
        let path = folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap_or_else(|_| b"no key".to_vec());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(&path, bytes).unwrap();
        let opened = Follower::open(folder.path(), node.log(), settings());
        let used = opened.and_then(|mut follower| follower.run(world.now));
        assert!(
            matches!(
                used,
                Err(FollowError::Damaged { .. } | FollowError::State(_))
            ),
            "{file}: {used:?}"
        );
    }
    let _open = open(&node, good.path());
    assert!(matches!(
        Follower::open(good.path(), node.log(), settings()),
        Err(FollowError::Folder { .. })
    ));
}
