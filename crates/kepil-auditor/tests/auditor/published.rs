//! Faults in how a log is published.

use kepil_auditor::{Follower, Kind, LogFault, Place, Settings};
use kepil_ledger::audit::FindingKind;
use kepil_ledger::cosignature::Cosigner;
use kepil_ledger::hash;

use crate::site::{
    Node, Site, assert_found, assert_sound, checkpoint, found, grown, key, long_world, name, open,
    round, settings,
};
use crate::world::{World, place};

#[test]
fn an_honest_log_is_followed_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = long_world(100);
    let node = Node::of(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    for step in [1, 155, 3, 260, 600] {
        for at in 0..step {
            world.access(u8::try_from(at % 5).unwrap() + 1);
        }
        world.now += 1;
        world.head();
        node.publish(&world);
        let report = round(&node, folder.path(), &world);
        assert_sound(&report, &world);
        assert_eq!(report.counters.accesses, world.replay().counters().accesses);
    }
    // Nothing new, and many rounds by one value: the same.
    let mut follower = open(&node, folder.path());
    for _ in 0..3 {
        assert_sound(&follower.run(world.now).unwrap(), &world);
    }
    assert_eq!(follower.replay().to_bytes(), world.replay().to_bytes());
    let json = serde_json::to_value(follower.run(world.now).unwrap()).unwrap();
    assert_eq!(json["exit"], 0);
    assert_eq!(
        json["counters"]["accesses"],
        world.replay().counters().accesses
    );
}

#[test]
fn a_log_is_followed_in_public_and_then_with_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = long_world(300);
    let node = Node::of(&world);
    let public = Settings {
        key: None,
        with_records: false,
        ..settings()
    };
    let run = |world: &World| {
        let mut follower = Follower::open(folder.path(), node.log(), public.clone()).unwrap();
        follower.run(world.now).unwrap()
    };
    let report = run(&world);
    assert_sound(&report, &world);
    assert!(!report.with_records);
    assert!(report.notes[0].contains("key was taken from the log"));
    world.access(1);
    world.head();
    node.publish(&world);
    let report = run(&world);
    assert_sound(&report, &world);
    assert!(report.notes.is_empty());
    // With records the replay begins anew; what was seen is not forgotten.
    let report = round(&node, folder.path(), &world);
    assert_sound(&report, &world);
    assert!(report.with_records);
    assert!(Follower::open(folder.path(), node.log(), public.clone()).is_err());
}

#[test]
fn a_log_in_a_folder_is_followed() {
    let world = long_world(300);
    let (log, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Site::of(&world).write(log.path());
    let place = Place::new(log.path().to_str().unwrap(), None, settings().timeout);
    let mut follower = Follower::open(state.path(), place, settings()).unwrap();
    assert_sound(&follower.run(world.now).unwrap(), &world);
    std::fs::remove_file(log.path().join("audit/v1/records/1")).unwrap();
    let report = follower.run(world.now).unwrap();
    assert_eq!((report.exit, report.unchecked.len()), (3, 1), "{report}");
}

#[test]
fn an_entry_that_was_dropped_or_changed_is_named() {
    let before = long_world(100);
    let world = grown(&before, 300);
    // The 8th entry of the second bundle: lengths of all before it lead to it.
    let at = 264;
    let offset = |to: u64| {
        let before = world.entries[256..place(to)].iter();
        before.map(|entry| entry.leaf.len() + 2).sum::<usize>()
    };
    let (from, to) = (offset(at), offset(at + 1));
    let bundle = "tile/entries/001.p/44";
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>));
    let changes: [Change<'_>; 3] = [
        ("dropped", &|bytes| drop(bytes.drain(from..to))),
        ("moved", &|bytes| {
            let entry: Vec<u8> = bytes.drain(from..to).collect();
            bytes.splice(offset(at + 1)..offset(at + 1), entry);
        }),
        ("changed", &|bytes| bytes[to - 1] ^= 1),
    ];
    for (what, change) in changes {
        for is_known in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let node = Node::of(&before);
            if is_known {
                assert_sound(&round(&node, folder.path(), &before), &before);
            }
            node.publish(&world);
            node.change(bundle, change);
            let report = round(&node, folder.path(), &world);
            assert_found(&report, &[(LogFault::EntryMismatch, at)]);
            assert!(report.findings[0].place.is_some(), "{what}");
            // Put right, it is followed again.
            node.publish(&world);
            assert_sound(&round(&node, folder.path(), &world), &world);
        }
    }
}

#[test]
fn a_tile_that_was_rewritten_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = long_world(300);
    let node = Node::of(&world);
    node.change("tile/0/001.p/44", |bytes| bytes[32 * 5] ^= 1);
    let report = round(&node, folder.path(), &world);
    assert_eq!(
        found(&report)[0],
        (Kind::Log(LogFault::TileMismatch), Some(261)),
        "{report}"
    );
    assert_eq!(report.replayed, world.len());
    node.publish(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    // An old one is found on a later look.
    node.change("tile/0/000", |bytes| bytes[32 * 9] ^= 1);
    let report = round(&node, folder.path(), &world);
    assert_found(&report, &[(LogFault::TileMismatch, 9)]);
    node.publish(&world);
    // One of a higher level.
    let folder = tempfile::tempdir().unwrap();
    node.change("tile/1/000.p/1", |bytes| bytes[0] ^= 1);
    let report = round(&node, folder.path(), &world);
    assert_found(&report, &[(LogFault::TileMismatch, 0)]);
}

#[test]
fn files_that_are_missing_are_named() {
    let world = long_world(300);
    for (path, entry) in [
        ("tile/entries/000", 0),
        ("tile/entries/001.p/44", 256),
        ("tile/0/001.p/44", 256),
        ("tile/1/000.p/1", 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::of(&world);
        node.site.lock().unwrap().files.remove(path);
        let report = round(&node, folder.path(), &world);
        assert_found(&report, &[(LogFault::Missing, entry)]);
        assert_eq!(report.findings[0].place.as_deref(), Some(path));
        node.publish(&world);
        assert_sound(&round(&node, folder.path(), &world), &world);
    }
}

/// A history that leaves the world's at an entry.
fn forked(world: &World, at: u64, length: u64) -> World {
    let mut other = world.clone();
    other.entries.truncate(place(length));
    let entry = &mut other.entries[place(at)];
    entry.leaf = kepil_ledger::entry::Leaf::Access(kepil_ledger::entry::Commitment::from_hash(
        hash::leaf(b"another entry"),
    ))
    .to_bytes();
    other
}

#[test]
fn history_that_was_rewritten_is_named_and_both_checkpoints_kept() {
    let world = long_world(300);
    let grown = grown(&world, 601);
    for (forked_at, length) in [(17, 601), (290, 601), (17, 300), (290, 300), (17, 260)] {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::of(&world);
        assert_sound(&round(&node, folder.path(), &world), &world);
        let other = forked(&grown, forked_at, length);
        *node.site.lock().unwrap() = Site::of(&other);
        let report = round(&node, folder.path(), &world);
        let rewritten = (Kind::Log(LogFault::Rewritten), Some(forked_at));
        assert_eq!(found(&report)[0], rewritten, "{report}");
        // The evidence is two checkpoints, both signed by the log.
        let path = report.findings[0].evidence.as_ref().unwrap();
        let evidence: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let of = |which: &str| {
            let text = evidence[which].as_str().unwrap();
            let signed = kepil_ledger::checkpoint::parse(text.as_bytes()).unwrap();
            signed.verify(&key()).unwrap().clone()
        };
        assert_eq!(of("first"), *checkpoint(&world).unverified());
        assert_eq!(of("second"), *checkpoint(&other).unverified());
        // The log goes back to what it was: nothing is forgotten.
        *node.site.lock().unwrap() = Site::of(&grown);
        let report = round(&node, folder.path(), &grown);
        assert_eq!(found(&report), [rewritten]);
        assert_eq!(report.replayed, grown.len());
        assert_eq!(round(&node, folder.path(), &grown).findings.len(), 1);
    }
}

#[test]
fn a_log_that_became_shorter_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = long_world(300);
    let mut shorter = world.clone();
    shorter.entries.truncate(251);
    let node = Node::of(&world);
    round(&node, folder.path(), &world);
    *node.site.lock().unwrap() = Site::of(&shorter);
    let report = round(&node, folder.path(), &world);
    let shrunk = (Kind::Log(LogFault::Shrunk), Some(251));
    assert_eq!(found(&report)[0], shrunk, "{report}");
    *node.site.lock().unwrap() = Site::of(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    node.site.lock().unwrap().files.remove("checkpoint");
    let report = round(&node, folder.path(), &world);
    assert_found(&report, &[(LogFault::Shrunk, 0)]);
}

#[test]
fn checkpoints_that_are_old_or_of_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = long_world(60);
    let node = Node::of(&world);
    let mut follower = open(&node, folder.path());
    let report = follower.run(world.now + 3601).unwrap();
    assert_found(&report, &[(LogFault::Stale, 59)]);
    let report = follower.run(world.now - 61).unwrap();
    assert_found(&report, &[(LogFault::Ahead, 59)]);
    assert_sound(&follower.run(world.now - 60).unwrap(), &world);

    let good = node.site.lock().unwrap().files["checkpoint"].clone();
    for (kind, bytes) in [
        (LogFault::Checkpoint, b"nothing".to_vec()),
        (LogFault::Signature, {
            let other = kepil_ledger::note::Signer::from_seed(key().name().clone(), &[8; 32]);
            checkpoint(&world).unverified().sign(&other).into_bytes()
        }),
        (LogFault::Signature, {
            let other = kepil_ledger::note::Signer::from_seed(name("other.example"), &[7; 32]);
            let mut checkpoint = checkpoint(&world).unverified().clone();
            checkpoint.origin = name("other.example");
            checkpoint.sign(&other).into_bytes()
        }),
    ] {
        node.change("checkpoint", |file| *file = bytes);
        let report = follower.run(world.now).unwrap();
        assert_eq!(found(&report), [(Kind::Log(kind), None)]);
    }
    node.change("checkpoint", |file| *file = good);
    assert_sound(&follower.run(world.now).unwrap(), &world);
}

#[test]
fn a_policy_is_held_against_the_checkpoint() {
    let mut world = long_world(60);
    let cosigner = Cosigner::from_ed25519_seed(name("w.example"), &[9; 32]);
    let policy = format!("log {}\nwitness w {}\nquorum w\n", key(), cosigner.key());
    let settings = Settings {
        key: None,
        ..settings()
    }
    .with_policy(policy.as_bytes())
    .unwrap();
    let mut anchor = world.gates(&[(0, &world.gate)]);
    anchor.policy = Some(kepil_ledger::anchor::policy_hash(policy.as_bytes()));
    world.anchor(&anchor);
    world.head();
    let node = Node::of(&world);
    let folder = tempfile::tempdir().unwrap();
    let mut follower = Follower::open(folder.path(), node.log(), settings).unwrap();
    let last = world.len() - 1;
    let report = follower.run(world.now).unwrap();
    assert_found(&report, &[(LogFault::Quorum, last)]);
    let cosigned = |time| {
        let signed = checkpoint(&world);
        let line = cosigner.sign(signed.unverified(), time).unwrap();
        format!("{signed}{line}\n").into_bytes()
    };
    node.change("checkpoint", |file| *file = cosigned(world.now));
    let report = follower.run(world.now + 10).unwrap();
    assert_sound(&report, &world);
    assert_eq!(report.cosigned_until, Some(world.now));
    node.change("checkpoint", |file| *file = cosigned(world.now - 4000));
    let report = follower.run(world.now).unwrap();
    assert_found(&report, &[(LogFault::Stale, last)]);
    // A line of the witness that is of another tree.
    let mut other = checkpoint(&world).unverified().clone();
    other.size -= 1;
    let line = cosigner.sign(&other, world.now).unwrap();
    let bytes = format!("{}{line}\n", checkpoint(&world)).into_bytes();
    node.change("checkpoint", |file| *file = bytes);
    let report = follower.run(world.now).unwrap();
    assert_eq!(found(&report)[0].0, Kind::Log(LogFault::Cosignature));
    // An anchor that names another policy.
    world.anchor(&world.gates(&[(0, &world.gate)]));
    world.head();
    node.publish(&world);
    let report = follower.run(world.now).unwrap();
    assert_eq!(found(&report)[0].0, Kind::Log(LogFault::Policy));
}

#[test]
fn a_log_may_change_its_key_as_its_anchor_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = long_world(60);
    let next = kepil_ledger::note::Signer::from_seed(key().name().clone(), &[8; 32]);
    let node = Node::of(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    let mut anchor = world.gates(&[(0, &world.gate)]);
    anchor.next_log_keys = vec![(world.now + 50, next.verifying_key().clone())];
    world.anchor(&anchor);
    world.head();
    node.publish(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    let bytes = checkpoint(&world).unverified().sign(&next).into_bytes();
    node.change("checkpoint", |file| *file = bytes);
    // Not yet.
    let report = round(&node, folder.path(), &world);
    assert_eq!(found(&report)[0].0, Kind::Log(LogFault::Signature));
    world.now += 60;
    assert_sound(&round(&node, folder.path(), &world), &world);
}

#[test]
fn what_is_out_of_reach_is_not_called_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let world = long_world(300);
    let node = Node::of(&world);
    // A token that is not accepted: the public part is checked all the same.
    let log = kepil_auditor::HttpLog::new(&node.base, None, settings().timeout);
    let mut follower = Follower::open(folder.path(), log, settings()).unwrap();
    let report = follower.run(world.now).unwrap();
    assert_eq!((report.exit, report.rebuilt, report.replayed), (3, 300, 0));
    assert!(report.unchecked[0].contains("token"), "{report}");
    drop(follower);
    // It is remembered for the day the token comes, and against the log.
    let mut shorter = world.clone();
    shorter.entries.truncate(251);
    *node.site.lock().unwrap() = Site::of(&shorter);
    let report = round(&node, folder.path(), &world);
    assert_eq!(found(&report)[0], (Kind::Log(LogFault::Shrunk), Some(251)));
    node.publish(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    // Records that are not those of the bundle.
    let more = grown(&world, 350);
    node.publish(&more);
    node.site.lock().unwrap().openings.truncate(310);
    let report = round(&node, folder.path(), &more);
    assert_eq!(
        (report.exit, report.rebuilt, report.replayed),
        (3, 350, 300)
    );
    // Nobody there.
    let base = node.base.clone();
    drop(node);
    let log = kepil_auditor::HttpLog::new(&base, None, settings().timeout);
    let mut follower = Follower::open(folder.path(), log, settings()).unwrap();
    let report = follower.run(more.now).unwrap();
    assert_eq!((report.exit, report.findings.len()), (3, 0), "{report}");
    assert!(report.to_string().contains("not complete"));
    // The replay goes on where it was.
    let kinds = found(&report);
    assert!(!kinds.contains(&(Kind::Entry(FindingKind::Absent), Some(0))));
}
