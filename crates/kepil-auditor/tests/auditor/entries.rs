//! Faults in what the entries say, seen through a node.

use kepil_auditor::Kind;
use kepil_ledger::audit::FindingKind;
use kepil_ledger::entry::{ErasureDegree, Leaf};
use kepil_ledger::period::GRACE_SECS;
use kepil_ledger::record::{GateSigner, RecordKind};

use crate::site::{Node, assert_sound, found, long_world, round};
use crate::world::{World, month};

/// Follows an honest log, then the same with a change; gives what is found.
fn after(change: impl FnOnce(&mut World)) -> (Vec<(Kind, Option<u64>)>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut world = long_world(270);
    let node = Node::of(&world);
    assert_sound(&round(&node, folder.path(), &world), &world);
    change(&mut world);
    node.publish(&world);
    let report = round(&node, folder.path(), &world);
    // A later round says the same.
    let again = round(&node, folder.path(), &world);
    assert_eq!(again.findings, report.findings);
    (found(&report), report.to_string())
}

fn entry(kind: FindingKind, index: u64) -> (Kind, Option<u64>) {
    (Kind::Entry(kind), Some(index))
}

#[test]
fn a_map_that_leaves_an_entry_out() {
    let (mut left_out, mut head) = (0, 0);
    let (found, text) = after(|world| {
        let row = world.row(RecordKind::Access, 1);
        left_out = world.push_row(&Leaf::Access(row.commitment()), row);
        world.access(2);
        head = world.head();
    });
    assert_eq!(found, [entry(FindingKind::Map, head)]);
    assert!(
        text.contains(&format!("leaves out entry {left_out}")),
        "{text}"
    );
}

#[test]
fn a_gate_that_is_not_listed() {
    let mut index = 0;
    let (found, _) = after(|world| {
        world.gate = GateSigner::from_seed(9, &[1; 32]);
        index = world.access(1);
        world.head();
    });
    assert_eq!(found, [entry(FindingKind::UnlistedGate, index)]);
}

#[test]
fn erasure_in_silence() {
    let (found, _) = after(|world| {
        world.forget(5);
        world.access(1);
        world.head();
    });
    assert_eq!(found, [entry(FindingKind::Absent, 5)]);
}

#[test]
fn a_row_that_is_still_there_after_its_notice() {
    let (found, _) = after(|world| {
        world.notice(ErasureDegree::Row, 5, 6, 2);
        world.head();
        world.forget(5);
    });
    assert_eq!(found, [entry(FindingKind::StillThere, 6)]);
}

#[test]
fn erasure_with_a_notice_is_no_fault() {
    let (found, text) = after(|world| {
        world.notice(ErasureDegree::Row, 5, 6, 2);
        world.head();
        world.forget(5);
        world.forget(6);
    });
    assert_eq!(found, []);
    assert!(text.contains("rows erased 2"), "{text}");
}

#[test]
fn a_sealed_entry_past_its_embargo() {
    let mut index = 0;
    let (found, text) = after(|world| {
        index = world.sealed(1, month(202_611));
        world.now = month(202_611).end_secs() + GRACE_SECS;
        world.head();
    });
    assert_eq!(found, [entry(FindingKind::Overdue, index)]);
    assert!(text.contains("overdue 1"), "{text}");
}

#[test]
fn a_time_that_goes_back() {
    let mut index = 0;
    let (found, _) = after(|world| {
        world.now -= 2;
        index = world.head();
        world.now += 2;
        world.head();
    });
    assert_eq!(found, [entry(FindingKind::HeadTime, index)]);
}

#[test]
fn a_record_that_is_dated_back() {
    let mut index = 0;
    let (found, _) = after(|world| {
        world.now = month(202_611).end_secs() + GRACE_SECS;
        world.head();
        let time = (month(202_611).end_secs() - 5) * 1000;
        let row = world.row_at(RecordKind::Access, 1, time, month(202_611));
        index = world.push_row(&Leaf::Access(row.commitment()), row);
        world.head();
    });
    assert_eq!(found, [entry(FindingKind::ClosedMonth, index)]);
}

#[test]
fn a_checkpoint_that_ends_without_a_head() {
    let mut index = 0;
    let (found, _) = after(|world| index = world.access(1));
    assert_eq!(found, [entry(FindingKind::LastLeaf, index)]);
}
