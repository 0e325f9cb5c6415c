//! Every kind of fault is found at its index, and nothing else is.

use kepil_ledger::audit::{FindingKind as Kind, Opening, Replay, parse_openings, push_opening};
use kepil_ledger::entry::{Commitment, ErasureDegree, KeepingKind, Leaf, MapHead, MapRow};
use kepil_ledger::hash::Hash;
use kepil_ledger::period::GRACE_SECS;
use kepil_ledger::record::{GateSigner, RecordKind};

use super::world::{START, World, month, place};

fn found(replay: &Replay) -> Vec<(Kind, u64)> {
    let mut found: Vec<_> = replay
        .findings()
        .iter()
        .chain(&replay.unexplained())
        .map(|finding| (finding.kind, finding.entry))
        .collect();
    found.sort_unstable_by_key(|(_, entry)| *entry);
    found
}

/// Checks that an honest log with this one change gives these findings.
#[track_caller]
fn expect(world: &World, expected: &[(Kind, u64)]) {
    let replay = world.replay();
    assert_eq!(found(&replay), expected, "{:?}", replay.findings());
    let cures = |kind: &Kind| matches!(kind, Kind::Overdue);
    assert_eq!(
        replay.holds(),
        expected.iter().all(|(kind, _)| cures(kind)) && replay.counters().overdue == 0
    );
}

#[test]
fn an_honest_log_has_no_findings() {
    let mut world = World::new();
    world.head();
    let access = world.access(1);
    let outcome = world.row(RecordKind::Outcome, 1);
    world.book_row(&Leaf::Access(outcome.commitment()), outcome);
    let first = world.sealed(2, month(202_611));
    let second = world.sealed(3, month(202_611));
    world.keep_back(KeepingKind::Deferred, access);
    world.keep_back(KeepingKind::Withheld, access);
    world.head();
    // Into December, while November still takes entries.
    world.now = month(202_611).end_secs() + 100;
    world.enrol(&[1, 2, 9]);
    let late = world.row_at(RecordKind::Access, 4, (START + 1000) * 1000, month(202_611));
    world.book_row(&Leaf::Access(late.commitment()), late);
    world.access(1);
    world.head();
    world.unseal(first, 2);
    world.extend(second, month(202_612));
    world.now = month(202_611).end_secs() + GRACE_SECS;
    world.head();
    // November is closed: what belongs there comes into December.
    let later = world.row_at(RecordKind::Access, 4, (START + 1000) * 1000, month(202_612));
    world.book_row(&Leaf::Access(later.commitment()), later);
    let end = world.head();
    expect(&world, &[]);

    let replay = world.replay();
    let counters = replay.counters();
    assert_eq!((counters.accesses, counters.sealed), (5, 2));
    assert_eq!((counters.sealed_now, counters.overdue), (1, 0));
    assert_eq!((counters.opened, counters.extended), (1, 1));
    assert_eq!((counters.deferred, counters.withheld), (1, 1));
    assert_eq!((counters.enrolled, counters.anchors), (8, 1));
    assert_eq!(counters.heads, 5);
    assert_eq!(replay.late(), 1);
    assert_eq!(replay.head_time(), Some(world.now));
    assert_eq!(replay.size(), end + 1);
    assert!(replay.blind_months().is_empty());
    let own = replay.own_head(world.now + 1).unwrap();
    assert_eq!(own, world.book.clone().head(end + 1, world.now + 1).0);

    // From the leaves alone the same numbers come out, and no findings.
    let mut alone = Replay::of_leaves();
    for entry in &world.entries {
        alone.take(&entry.leaf, &Opening::Nothing);
    }
    assert_eq!(alone.counters(), counters);
    assert_eq!(alone.root(), replay.root());
    assert!(found(&alone).is_empty() && !alone.holds() && !alone.has_records());
}

#[test]
fn an_entry_left_out_of_the_map_is_named() {
    let mut world = World::new();
    world.access(1);
    world.head();
    world.access(2);
    let row = world.row(RecordKind::Access, 1);
    let left_out = world.push_row(&Leaf::Access(row.commitment()), row);
    world.access(1);
    let head = world.head();
    world.access(3);
    world.head();
    // A head that differs goes on to differ: it is one finding.
    expect(&world, &[(Kind::Map, head)]);
    let meaning = world.replay().findings()[0].meaning.clone();
    assert!(
        meaning.contains(&format!("leaves out entry {left_out}:")),
        "{meaning}"
    );
}

#[test]
fn a_map_with_another_root_or_other_months_is_found() {
    let mut world = World::new();
    world.access(1);
    let (head, _) = world.book.clone().head(world.len(), world.now);
    let rows = |rows: &[(u32, Hash)]| {
        let row = |(number, root): &(u32, Hash)| MapRow {
            period: month(*number),
            root: *root,
        };
        let rows = rows.iter().map(row).collect();
        Leaf::MapHead(MapHead::new(world.len(), world.now, rows).unwrap())
    };
    let root = *head.root_of(month(202_611)).unwrap();
    let other = Hash::new([9; 32]);
    for (listed, count) in [
        (vec![(202_611, other)], 1),
        (vec![(202_612, root), (202_611, root)], 1),
        (vec![(202_611, root), (202_610, root)], 1),
        (vec![(202_610, root)], 2),
    ] {
        let mut world = world.clone();
        let index = world.push(&rows(&listed), Vec::new());
        expect(&world, &vec![(Kind::Map, index); count]);
    }
}

#[test]
fn a_record_that_is_dated_back_is_found() {
    let mut world = World::new();
    world.access(1);
    world.now = month(202_611).end_secs() + GRACE_SECS;
    world.head();
    // Into a month that is closed.
    let row = world.row_at(RecordKind::Access, 1, START * 1000, month(202_611));
    let back = world.push_row(&Leaf::Access(row.commitment()), row);
    // Into another month than that of its time.
    let row = world.row_at(RecordKind::Access, 2, world.now * 1000, month(202_701));
    let ahead = world.book_row(&Leaf::Access(row.commitment()), row);
    world.head();
    expect(&world, &[(Kind::ClosedMonth, back), (Kind::Month, ahead)]);
}

#[test]
fn a_gate_that_is_not_listed_is_found() {
    let other = GateSigner::from_seed(8, &[0x06; 32]);
    let stolen = GateSigner::from_seed(7, &[0x07; 32]);
    let mut world = World::new();
    let honest = world.gate.clone();
    world.gate = other.clone();
    let unlisted = world.access(1);
    world.gate = stolen;
    let stolen = world.access(2);
    world.gate = other.clone();
    // Listed from a later moment on.
    let from = (START + 50) * 1000;
    world.anchor(&world.gates(&[(0, &honest), (from, &other)]));
    let early = world.access(3);
    world.now = START + 50;
    world.access(3);
    // No longer listed by the newest anchor.
    world.anchor(&world.gates(&[(0, &honest)]));
    let dropped = world.access(4);
    world.head();
    expect(
        &world,
        &[
            (Kind::UnlistedGate, unlisted),
            (Kind::GateSignature, stolen),
            (Kind::UnlistedGate, early),
            (Kind::UnlistedGate, dropped),
        ],
    );
    let mut world = World::empty();
    let access = world.access(1);
    world.head();
    expect(&world, &[(Kind::UnlistedGate, access)]);
}

#[test]
fn anchors_and_enrolments_that_are_not_shown_as_logged_are_found() {
    let mut world = World::new();
    let anchor = world.gates(&[]);
    let absent = world.push(&Leaf::PolicyAnchor(anchor.hash()), Vec::new());
    let other = world.push(&Leaf::PolicyAnchor(anchor.hash()), b"kepil".to_vec());
    let hash = kepil_ledger::anchor::policy_hash(b"kepil");
    let malformed = world.push(&Leaf::PolicyAnchor(hash), b"kepil".to_vec());
    // The last good anchor still holds.
    world.access(1);
    world.head();
    expect(
        &world,
        &[
            (Kind::Anchor, absent),
            (Kind::Anchor, other),
            (Kind::Anchor, malformed),
        ],
    );

    for change in [
        (|tags: &mut Vec<u8>| tags.truncate(32)) as fn(&mut Vec<u8>),
        |tags| tags.rotate_left(32),
        |tags| tags[40] ^= 1,
        |tags| tags.truncate(33),
    ] {
        let mut world = World::new();
        let enrolment = world.enrol(&[11, 12]);
        change(&mut world.entries[place(enrolment)].opening);
        world.head();
        let replay = world.replay();
        assert_eq!(found(&replay), [(Kind::Enrolment, enrolment)]);
        // The tags are not known, so the map cannot be compared: no second finding.
        assert_eq!(replay.blind_months(), [month(202_611)]);
    }
    let mut world = World::new();
    let enrolment = world.enrol(&[11, 12]);
    world.forget(enrolment);
    world.head();
    assert_eq!(found(&world.replay()), [(Kind::Absent, enrolment)]);
}

#[test]
fn records_that_do_not_fit_their_leaves_are_found() {
    let mut world = World::new();
    let row = world.row(RecordKind::Sealed, 1);
    let access = world.book_row(&Leaf::Access(row.commitment()), row);
    let row = world.row(RecordKind::Access, 2);
    let sealed = world.push_row(
        &Leaf::Sealed {
            commitment: row.commitment(),
            embargo: month(202_701),
        },
        row,
    );
    let row = world.row(RecordKind::Sealed, 2);
    let commitment = row.commitment();
    let unseal = world.book_row(&Leaf::Unseal { sealed, commitment }, row);
    // Good bytes that are no record.
    let salt = [3; 32];
    let bytes = [9; 149];
    let opening = [salt.as_slice(), &bytes].concat();
    let nothing = world.push(&Leaf::Access(Commitment::of(&salt, &bytes)), opening);
    let short = world.access(3);
    world.entries[place(short)].opening.pop();
    let other = world.access(3);
    world.entries[place(other)].opening[40] ^= 1;
    world.head();
    expect(
        &world,
        &[
            (Kind::Record, access),
            (Kind::Record, sealed),
            (Kind::Record, unseal),
            (Kind::Record, nothing),
            (Kind::Opening, short),
            (Kind::Opening, other),
        ],
    );
}

#[test]
fn heads_that_cover_less_or_go_back_in_time_are_found() {
    let mut world = World::new();
    world.head();
    world.access(1);
    let (head, _) = world.book.clone().head(world.len() - 1, world.now);
    let covers = world.push(&Leaf::MapHead(head), Vec::new());
    world.now -= 5;
    let back = world.head();
    world.now += 4;
    let still = world.head();
    world.now += 1;
    world.head();
    expect(
        &world,
        &[
            (Kind::HeadCovers, covers),
            (Kind::LastLeaf, covers),
            (Kind::HeadTime, back),
            (Kind::HeadTime, still),
        ],
    );
    let mut replay = world.replay();
    let entry = &world.entries[2];
    replay.take(&entry.leaf, &Opening::Nothing);
    replay.publish();
    replay.publish();
    let size = replay.size();
    // An old head again: nothing about it is right.
    let last = size - 1;
    assert_eq!(
        found(&replay).split_off(4),
        [
            (Kind::HeadCovers, last),
            (Kind::Map, last),
            (Kind::LastLeaf, last)
        ]
    );
}

#[test]
fn sealed_entries_that_stay_sealed_are_found() {
    let mut world = World::new();
    let never = world.sealed(1, month(202_611));
    let late = world.sealed(2, month(202_611));
    let extended = world.sealed(3, month(202_611));
    world.now = month(202_611).end_secs() + GRACE_SECS - 1;
    world.head();
    world.extend(extended, month(202_612));
    expect(&world, &[]);
    world.now += 1;
    world.head();
    world.unseal(late, 2);
    world.now = month(202_612).end_secs() + GRACE_SECS;
    world.head();
    expect(
        &world,
        &[
            (Kind::Overdue, never),
            (Kind::Overdue, late),
            (Kind::Overdue, extended),
        ],
    );
    assert_eq!(world.replay().counters().overdue, 2);
    // In the end all is open: what was late stays on the list, and the statement holds again.
    world.unseal(never, 1);
    world.unseal(extended, 3);
    world.head();
    let replay = world.replay();
    assert_eq!((replay.counters().overdue, replay.findings().len()), (0, 3));
    assert!(replay.holds());
}

#[test]
fn entries_that_point_at_nothing_are_found() {
    let mut world = World::new();
    let access = world.access(1);
    let sealed = world.sealed(2, month(202_612));
    let of_access = world.unseal(access, 1);
    let of_later = world.unseal(world.len() + 5, 1);
    let extends_access = world.extend(access, month(202_701));
    let not_later = world.extend(sealed, month(202_612));
    let opened = world.unseal(sealed, 2);
    let twice = world.unseal(sealed, 2);
    let extends_open = world.extend(sealed, month(202_701));
    world.keep_back(KeepingKind::Deferred, opened);
    let of_sealed = world.keep_back(KeepingKind::Deferred, sealed);
    let of_itself = world.keep_back(KeepingKind::Withheld, world.len());
    world.head();
    expect(
        &world,
        &[
            (Kind::Target, of_access),
            (Kind::Target, of_later),
            (Kind::Target, extends_access),
            (Kind::Embargo, not_later),
            (Kind::OpenedTwice, twice),
            (Kind::Target, extends_open),
            (Kind::Target, of_sealed),
            (Kind::Target, of_itself),
        ],
    );
}

#[test]
fn erasure_in_silence_is_found() {
    let mut world = World::new();
    let rows: Vec<u64> = (0..4).map(|at| world.access(at % 2 + 1)).collect();
    world.head();
    // An auditor that was there sees it when it looks again.
    let mut present = world.replay();
    world.forget(rows[1]);
    for index in &rows {
        world.reread(&mut present, *index);
    }
    assert_eq!(found(&present), [(Kind::Absent, rows[1])]);
    assert!(present.blind_months().is_empty() && !present.holds());
    // One that comes later sees it at once, and cannot compare the map.
    let later = world.replay();
    assert_eq!(found(&later), [(Kind::Absent, rows[1])]);
    assert_eq!(later.blind_months(), [month(202_611)]);
    // A notice that comes after all explains it.
    world.notice(ErasureDegree::Row, rows[1], rows[1], 1);
    world.head();
    world.go_on(&mut present);
    assert!(found(&present).is_empty() && present.holds());
    let later = world.replay();
    assert!(found(&later).is_empty() && !later.holds());
}

#[test]
fn notices_are_compared_with_the_rows() {
    let mut world = World::new();
    let rows: Vec<u64> = (0..6).map(|at| world.access(at % 2 + 1)).collect();
    let (first, last) = (rows[0], rows[5]);
    let head = world.head();
    let honest = world.replay();
    let cases = [
        // Fewer or more rows than there are.
        (ErasureDegree::Row, first, last, 5, true),
        (ErasureDegree::Row, first, last, 6, false),
        (ErasureDegree::Row, first, head, 7, true),
        (ErasureDegree::Row, first, first + 1, 2, false),
        // A row that is not there yet.
        (ErasureDegree::Row, first, head + 1, 7, true),
        (ErasureDegree::Person, first, last, 6, false),
        (ErasureDegree::Person, first, last, 3, false),
        (ErasureDegree::Person, first, head, 3, true),
        (ErasureDegree::Month, first - 1, last, 3, true),
        (ErasureDegree::Month, first, head + 1, 3, true),
    ];
    for (degree, from, to, count, is_fault) in cases {
        let mut world = world.clone();
        let notice = world.notice(degree, from, to, count);
        world.head();
        let mut replay = honest.clone();
        world.go_on(&mut replay);
        let expected: Vec<_> = is_fault
            .then_some((Kind::Notice, notice))
            .into_iter()
            .collect();
        assert_eq!(found(&replay), expected, "{degree:?} {from} {to} {count}");
    }

    // A row that was erased before is not counted again.
    world.notice(ErasureDegree::Row, rows[2], rows[2], 1);
    world.notice(ErasureDegree::Row, rows[1], rows[3], 2);
    let again = world.notice(ErasureDegree::Row, rows[1], rows[3], 1);
    world.head();
    let mut replay = honest.clone();
    world.go_on(&mut replay);
    assert_eq!(found(&replay), [(Kind::Notice, again)]);
    // What a notice names must be gone.
    assert_eq!(replay.to_reread().collect::<Vec<_>>(), [(rows[1], rows[3])]);
    world.forget(rows[1]);
    world.forget(rows[2]);
    for index in rows[1]..=rows[3] {
        world.reread(&mut replay, index);
        world.reread(&mut replay, index);
    }
    assert_eq!(
        found(&replay),
        [(Kind::StillThere, rows[3]), (Kind::Notice, again)]
    );
    assert_eq!(replay.to_reread().count(), 0);
}

#[test]
fn notices_of_a_person_or_month_explain_as_many_rows_as_they_count() {
    let mut world = World::new();
    let rows: Vec<u64> = (0..6).map(|at| world.access(at % 2 + 1)).collect();
    world.head();
    for index in &rows[..4] {
        world.forget(*index);
    }
    // Two notices; only one way of sharing the rows out explains all four.
    world.notice(ErasureDegree::Month, rows[0], rows[5], 2);
    world.notice(ErasureDegree::Person, rows[0], rows[2], 2);
    world.head();
    assert_eq!(found(&world.replay()), []);
    world.forget(rows[4]);
    assert_eq!(found(&world.replay()), [(Kind::Absent, rows[4])]);
    // After a notice that does not say which rows, one that does may count fewer.
    world.notice(ErasureDegree::Row, rows[0], rows[5], 2);
    world.head();
    assert_eq!(found(&world.replay()), []);
    // The tags of a month go with it.
    world.forget(1);
    assert_eq!(found(&world.replay()), []);
}

#[test]
fn a_blind_replay_sees_again_in_the_next_month() {
    let mut world = World::new();
    let erased = world.access(1);
    world.notice(ErasureDegree::Row, erased, erased, 1);
    world.forget(erased);
    world.head();
    world.now = month(202_611).end_secs() + 10;
    world.enrol(&[1, 2]);
    world.access(1);
    world.head();
    let replay = world.replay();
    assert_eq!(replay.blind_months(), [month(202_611)]);
    assert!(found(&replay).is_empty() && !replay.holds());
    // December is seen: an entry left out of it is found.
    let mut broken = world.clone();
    let row = broken.row(RecordKind::Access, 2);
    broken.push_row(&Leaf::Access(row.commitment()), row);
    let head = broken.head();
    assert_eq!(found(&broken.replay()), [(Kind::Map, head)]);
    // Until no head lists November any more.
    world.now = month(202_611).end_secs() + GRACE_SECS;
    world.head();
    assert_eq!(world.replay().blind_months(), [month(202_611)]);
    world.access(2);
    world.now += 8 * 86_400;
    world.head();
    world.access(2);
    world.head();
    let replay = world.replay();
    assert!(replay.blind_months().is_empty() && replay.holds());
}

#[test]
fn leaves_of_unknown_form_are_found_and_passed() {
    let mut world = World::new();
    let unknown = world.len();
    for leaf in [vec![], vec![0x0b; 33], vec![0x01; 32], vec![0x08; 33]] {
        world.entries.push(super::world::Entry {
            leaf,
            opening: vec![1],
        });
    }
    world.access(1);
    world.head();
    let replay = {
        let mut replay = Replay::new();
        for entry in &world.entries {
            replay.take(&entry.leaf, &Opening::read(&entry.leaf, &entry.opening));
        }
        replay
    };
    let expected: Vec<_> = (unknown..unknown + 4).map(|at| (Kind::Leaf, at)).collect();
    assert_eq!(found(&replay), expected);
}

#[test]
fn the_list_of_findings_is_bounded() {
    let mut world = World::new();
    for _ in 0..1100 {
        world.keep_back(KeepingKind::Deferred, 0);
    }
    let replay = world.replay();
    assert_eq!(replay.findings().len(), kepil_ledger::audit::MAX_LISTED);
    assert_eq!(replay.findings_not_listed(), 100);
}

#[test]
fn bundles_of_openings_are_read_strictly() {
    let mut bundle = Vec::new();
    for opening in [&[][..], b"x", &[7; 181]] {
        assert!(push_opening(&mut bundle, opening));
    }
    let parts = parse_openings(&bundle, 3).unwrap();
    assert_eq!(parts, [&[][..], b"x", &[7; 181]]);
    assert_eq!(parse_openings(&bundle, 2), None);
    assert_eq!(parse_openings(&bundle, 4), None);
    for length in 0..bundle.len() {
        assert_eq!(parse_openings(&bundle[..length], 3), None);
    }
    let world = World::new();
    for entry in &world.entries {
        let opening = Opening::read(&entry.leaf, &entry.opening);
        assert_eq!(opening.to_bytes(), entry.opening);
        assert!(!format!("{opening:?}").contains(','));
    }
}
