//! What others are shown: witnesses, a mirror, another auditor.

use std::sync::Arc;

use kepil_auditor::{FollowError, Follower, LogFault, Settings};
use kepil_ledger::tree::consistency_path;
use kepil_ledger::witness::AddCheckpoint;
use kepil_witness::Witness;

use crate::site::{
    Node, assert_found, assert_sound, checkpoint, key, long_world, name, round, served, settings,
    tree,
};
use crate::world::World;

/// A witness that has cosigned a world's log.
fn witness_of(folder: &std::path::Path, world: &World) -> Arc<Witness> {
    let witness = Witness::open(folder, &name("w.example"), vec![key()]).unwrap();
    let old = witness
        .latest(key().name())
        .map_or(0, |signed| signed.unverified().size);
    let request = AddCheckpoint {
        old,
        proof: consistency_path(&tree(world), old, world.len()).unwrap(),
        checkpoint: checkpoint(world),
    };
    witness.add_checkpoint(&request, world.now).unwrap();
    Arc::new(witness)
}

/// Another history, which leaves the common one at entry 270.
fn other(world: &World, length: u64) -> World {
    let mut other = world.clone();
    other.entries.truncate(270);
    while other.len() < length {
        other.access(3);
    }
    other
}

#[test]
fn a_witness_that_was_shown_another_history_gives_it_away() {
    let world = long_world(300);
    let honest = |length: u64| {
        let mut same = world.clone();
        same.entries.truncate(usize::try_from(length).unwrap());
        same
    };
    for (shown, entry) in [
        (honest(300), None),
        (honest(100), None),
        (other(&world, 290), Some(289)),
        (other(&world, 300), Some(299)),
    ] {
        let (folder, of_witness) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let witness = witness_of(of_witness.path(), &shown);
        let clock: kepil_witness::Clock = Arc::new(|| 1);
        let (prefix, stop, thread) = served(kepil_witness::router(witness, clock));
        let node = Node::of(&world);
        let settings = Settings {
            witnesses: vec![prefix],
            ..settings()
        };
        let run = || {
            let mut follower = Follower::open(folder.path(), node.log(), settings.clone()).unwrap();
            follower.run(world.now).unwrap()
        };
        match entry {
            None => assert_sound(&run(), &world),
            Some(entry) => {
                let report = run();
                assert_found(&report, &[(LogFault::SplitView, entry)]);
                assert!(report.findings[0].evidence.is_some());
                assert_eq!(run().findings, report.findings);
            }
        }
        stop.send(()).unwrap();
        thread.join().unwrap();
        // Out of reach it is not called wrong; what was found stays found.
        let report = run();
        assert_eq!(report.unchecked.len(), 1, "{report}");
        assert_eq!(report.exit, if entry.is_some() { 1 } else { 3 });
    }
}

#[test]
fn a_witness_that_is_ahead_is_compared_when_the_log_has_come_so_far() {
    let world = long_world(300);
    let mut grown = world.clone();
    grown.access(1);
    grown.head();
    for (shown, is_fork) in [(grown.clone(), false), (other(&world, 302), true)] {
        let (folder, of_witness) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let witness = witness_of(of_witness.path(), &shown);
        let clock: kepil_witness::Clock = Arc::new(|| 1);
        let (prefix, stop, thread) = served(kepil_witness::router(witness, clock));
        let node = Node::of(&world);
        let settings = Settings {
            witnesses: vec![prefix.clone()],
            ..settings()
        };
        let mut follower = Follower::open(folder.path(), node.log(), settings).unwrap();
        let report = follower.run(world.now).unwrap();
        assert_sound(&report, &world);
        assert!(report.notes[0].contains("knows 302 entries"), "{report}");
        drop(follower);
        stop.send(()).unwrap();
        thread.join().unwrap();
        // Without the witness: what it showed is remembered.
        node.publish(&grown);
        let report = round(&node, folder.path(), &grown);
        if is_fork {
            assert_found(&report, &[(LogFault::SplitView, 301)]);
            assert!(report.findings[0].meaning.contains(&prefix));
        } else {
            assert_sound(&report, &grown);
        }
    }
}

#[test]
fn a_mirror_that_shows_another_history_names_the_entry() {
    let world = long_world(300);
    for (length, is_other) in [
        (300, false),
        (250, false),
        (320, false),
        (290, true),
        (300, true),
        (330, true),
    ] {
        let mut shown = if is_other {
            other(&world, length)
        } else {
            world.clone()
        };
        shown.entries.truncate(usize::try_from(length).unwrap());
        while shown.len() < length {
            shown.access(1);
        }
        let folder = tempfile::tempdir().unwrap();
        let (node, mirror) = (Node::of(&world), Node::of(&shown));
        let mut follower = Follower::open(folder.path(), node.log(), settings()).unwrap();
        follower.set_mirror(mirror.place());
        let report = follower.run(world.now).unwrap();
        if is_other {
            assert_found(&report, &[(LogFault::SplitView, 270)]);
        } else {
            assert_sound(&report, &world);
        }
    }
    // A mirror's own fault is not the log's.
    let folder = tempfile::tempdir().unwrap();
    let (node, mirror) = (Node::of(&world), Node::of(&world));
    mirror.change("checkpoint", |bytes| bytes[30] ^= 1);
    let mut follower = Follower::open(folder.path(), node.log(), settings()).unwrap();
    follower.set_mirror(mirror.place());
    let report = follower.run(world.now).unwrap();
    assert_eq!((report.exit, report.findings.len()), (3, 0), "{report}");
}

#[test]
fn another_auditor_goes_on_from_a_snapshot() {
    let mut world = long_world(300);
    let snapshot = world.replay().to_bytes();
    world.notice(kepil_ledger::entry::ErasureDegree::Row, 5, 5, 1);
    world.forget(5);
    world.access(1);
    world.head();
    let node = Node::of(&world);
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &std::path::Path, snapshot: &[u8]| {
        Follower::open_from(folder, node.log(), settings(), Some(snapshot))
    };
    // The snapshot is of a later size than the folder, and it stays over a restart.
    drop(open(folder.path(), &snapshot).unwrap());
    let report = round(&node, folder.path(), &world);
    assert_sound(&report, &world);
    assert!(report.blind_months.is_empty());
    assert!(matches!(
        open(folder.path(), &snapshot),
        Err(FollowError::InUse { .. })
    ));
    // Without it the month of the erased row cannot be compared.
    let alone = tempfile::tempdir().unwrap();
    let report = round(&node, alone.path(), &world);
    assert_sound(&report, &world);
    assert_eq!(report.blind_months, [202_611]);
    // A snapshot of another history is refused.
    let fresh = tempfile::tempdir().unwrap();
    let foreign = other(&world, 280).replay().to_bytes();
    let mut follower = open(fresh.path(), &foreign).unwrap();
    assert!(matches!(
        follower.run(world.now),
        Err(FollowError::OtherLog)
    ));
}
