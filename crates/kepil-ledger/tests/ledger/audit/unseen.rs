//! What the auditor cannot see, and who can.

use kepil_ledger::anchor::Anchor;
use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::completeness::{
    Completeness, Expectation, FaultCode, Memory, RowProof, ShownRow, check,
};
use kepil_ledger::entry::Leaf;
use kepil_ledger::hash;
use kepil_ledger::note::{KeyName, Signer};
use kepil_ledger::policy::Policy;
use kepil_ledger::proof::TlogProof;
use kepil_ledger::record::RecordKind;
use kepil_ledger::tree::{MemoryTree, inclusion_path};

use super::world::{World, month, person};

/// The proof of a person's list at the last head.
fn proof(world: &World, log: &Signer, number: u8) -> String {
    let leaves = world.entries.iter().map(|entry| hash::leaf(&entry.leaf));
    let tree = MemoryTree::new(leaves.collect());
    let index = world.len() - 1;
    let checkpoint = Checkpoint {
        origin: log.verifying_key().name().clone(),
        size: world.len(),
        root: tree.root().unwrap(),
    };
    let period = month(202_611);
    let tag = person(number).tag(period);
    let own: Vec<_> = world
        .rows
        .iter()
        .filter(|(_, row)| row.record.facts.tag == tag)
        .collect();
    let entries = own.iter().map(|(index, row)| (*index, row.commitment()));
    let rows = own
        .iter()
        .zip(0..)
        .map(|((_, row), at)| (at, RowProof::Shown(ShownRow::from(row))));
    let content = Completeness {
        period,
        path: world.book.map(period).unwrap().prove(&tag).unwrap().1,
        head: world.entries.last().unwrap().leaf.clone(),
        entries: entries.collect(),
        rows: rows.collect(),
        later: None,
    };
    TlogProof {
        extra: Some(content.to_bytes()),
        index,
        path: inclusion_path(&tree, index, index + 1).unwrap(),
        checkpoint: kepil_ledger::checkpoint::parse(checkpoint.sign(log).as_bytes()).unwrap(),
    }
    .to_string()
}

/// An operator that files an access under another person's tag: the record is well formed,
/// signed by the gate and in the map, so no replay can tell. The list of the person it was
/// really about is shorter, and whoever knows of the access (the official's own file, the
/// gate's receipt, an earlier proof) sees that it is not there.
#[test]
fn an_access_under_a_wrong_tag_is_seen_by_its_person_only() {
    let log = Signer::from_seed(KeyName::new("log.example/kepil").unwrap(), &[1; 32]);
    let policy = format!("log {}\nquorum none\n", log.verifying_key());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let mut world = World::new();
    world.access(1);
    let filed_away = world.row(RecordKind::Access, 2);
    world.book_row(&Leaf::Access(filed_away.commitment()), filed_away);
    world.head();

    let replay = world.replay();
    assert!(replay.findings().is_empty() && replay.unexplained().is_empty() && replay.holds());

    let anchor: Anchor = replay.anchor().unwrap().clone();
    let keys = person(1);
    let expectation = |memory| Expectation {
        person: &keys,
        period: month(202_611),
        policy: &policy,
        anchor: &anchor,
        now: world.now,
        max_age: 3600,
        memory,
    };
    // Two accesses were about person 1; the list has one.
    let file = proof(&world, &log, 1);
    let verified = check(file.as_bytes(), &expectation(None)).unwrap();
    assert_eq!((verified.count, verified.shown), (1, 1));
    // A person who was promised the second entry, or saw it before, has the proof of it.
    let mut entries = verified.memory.entries.clone();
    entries.push((3, world.rows[1].1.commitment()));
    let promised = Memory { size: 4, entries };
    let fault = check(file.as_bytes(), &expectation(Some(&promised))).unwrap_err();
    assert_eq!(fault.code, FaultCode::Shrunk);
    // The person it was filed under sees an entry that is not about them.
    let other = Expectation {
        person: &person(2),
        ..expectation(None)
    };
    let verified = check(proof(&world, &log, 2).as_bytes(), &other).unwrap();
    assert_eq!(verified.count, 1);
}
