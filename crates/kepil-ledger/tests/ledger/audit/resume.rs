//! Any batching and any saving give the same state; damaged states are refused.

use kepil_ledger::audit::{FindingKind, Opening, Replay, StateError};
use kepil_ledger::entry::{ErasureDegree, KeepingKind, Leaf};
use kepil_ledger::period::GRACE_SECS;
use kepil_ledger::record::{GateSigner, RecordKind};
use proptest::prelude::*;

use super::world::{World, month, place};

/// One thing an operator does, right or wrong.
type Act = (u8, u8, u8);

/// An operator's log: the first acts are honest ones, all others are faults.
fn play(acts: &[Act], is_honest: bool) -> World {
    let mut world = World::new();
    for (act, a, b) in acts {
        let (number, at) = (a % 6 + 1, u64::from(*b) % world.len());
        let honest = [
            0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 10, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
        ];
        let acts = if is_honest { 16 } else { honest.len() };
        match honest[usize::from(*act) % acts] {
            0 => _ = world.access(number),
            1 => _ = world.sealed(number, month(202_611 + u32::from(*b) % 2)),
            2 => open_one(&mut world, number),
            3 => _ = world.enrol(&[number, b % 20 + 30]),
            4 => keep_one(&mut world, at),
            5 => erase_some(&mut world, at, u64::from(*a) % 9),
            6 => {
                let anchor = world.gates(&[(0, &world.gate)]);
                world.anchor(&anchor);
            }
            7 => {
                let row = world.row(RecordKind::Outcome, number);
                world.book_row(&Leaf::Access(row.commitment()), row);
            }
            8 => world.now += u64::from(*b) * 1800,
            9 => world.now += u64::from(*b),
            10 => _ = world.head(),
            11 => {
                let row = world.row(RecordKind::Access, number);
                world.push_row(&Leaf::Access(row.commitment()), row);
            }
            12 => world.forget(at),
            13 => world.now -= u64::from(*b),
            14 => {
                let gate = world.gate.clone();
                world.gate = GateSigner::from_seed(u32::from(*b % 3) + 6, &[9; 32]);
                world.access(number);
                world.gate = gate;
            }
            15 => _ = world.unseal(at, number),
            16 => _ = world.extend(at, month(202_701)),
            17 => {
                let row = world.row_at(RecordKind::Access, number, 9, month(202_611));
                world.push_row(&Leaf::Access(row.commitment()), row);
            }
            18 => {
                let degree = [
                    ErasureDegree::Row,
                    ErasureDegree::Person,
                    ErasureDegree::Month,
                ];
                let to = at + u64::from(*a % 4);
                let rows = u32::from(*a % 4) + 1;
                world.notice(degree[usize::from(*b % 3)], at, to, rows);
            }
            _ => world.entries.push(super::world::Entry {
                leaf: vec![*a; 33],
                opening: vec![*b; 7],
            }),
        }
        if is_honest {
            open_what_is_due(&mut world);
        }
    }
    world.head();
    world
}

fn leaves(world: &World) -> Vec<(u64, Leaf)> {
    let leaf = |entry: &super::world::Entry| Leaf::parse(&entry.leaf).ok();
    (0..)
        .zip(&world.entries)
        .filter_map(|(at, entry)| Some((at, leaf(entry)?)))
        .collect()
}

fn sealed_now(world: &World) -> Vec<(u64, u32)> {
    let leaves = leaves(world);
    let opened: Vec<u64> = leaves
        .iter()
        .filter_map(|(_, leaf)| match leaf {
            Leaf::Unseal { sealed, .. } => Some(*sealed),
            _ => None,
        })
        .collect();
    leaves
        .into_iter()
        .filter_map(|(at, leaf)| match leaf {
            Leaf::Sealed { embargo, .. } if !opened.contains(&at) => Some((at, embargo.number())),
            _ => None,
        })
        .collect()
}

fn open_one(world: &mut World, number: u8) {
    if let Some((index, _)) = sealed_now(world).first() {
        world.unseal(*index, number);
    }
}

fn open_what_is_due(world: &mut World) {
    for (index, embargo) in sealed_now(world) {
        if month(embargo).end_secs() + GRACE_SECS < world.now + 1_000_000 {
            world.unseal(index, 1);
        }
    }
}

fn keep_one(world: &mut World, from: u64) {
    let mut after = leaves(world).into_iter().filter(|(at, _)| *at >= from);
    if let Some((index, _)) = after.find(|(_, leaf)| leaf.chained().is_some()) {
        world.keep_back(KeepingKind::Deferred, index);
    }
}

/// Erases the rows of a stretch that are still there, with a notice.
fn erase_some(world: &mut World, first: u64, length: u64) {
    let last = (first + length).min(world.len() - 1);
    let rows: Vec<u64> = leaves(world)
        .into_iter()
        .filter(|(at, leaf)| (first..=last).contains(at) && leaf.commitment().is_some())
        .map(|(at, _)| at)
        .filter(|at| !world.entries[place(*at)].opening.is_empty())
        .collect();
    if rows.is_empty() {
        return;
    }
    world.notice(
        ErasureDegree::Row,
        first,
        last,
        u32::try_from(rows.len()).unwrap(),
    );
    for index in rows {
        world.forget(index);
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(any::<Act>(), 1..60)
}

/// Takes entries, saving and restoring after each whose place is in `cuts`.
fn with_cuts(world: &World, mut replay: Replay, cuts: &[bool]) -> Replay {
    for (at, entry) in world.entries.iter().enumerate().skip(place(replay.size())) {
        if cuts[at % cuts.len()] {
            let bytes = replay.to_bytes();
            replay = Replay::parse(&bytes).unwrap();
            assert_eq!(replay.to_bytes(), bytes);
        }
        replay.take(&entry.leaf, &Opening::read(&entry.leaf, &entry.opening));
        if entry.leaf.first() == Some(&2) {
            replay.publish();
        }
    }
    replay
}

#[track_caller]
fn same(one: &Replay, other: &Replay, world: &World) {
    assert_eq!(one.findings(), other.findings());
    assert_eq!(one.unexplained(), other.unexplained());
    assert_eq!(one.counters(), other.counters());
    assert_eq!(one.blind_months(), other.blind_months());
    assert_eq!(one.own_head(world.now), other.own_head(world.now));
    assert_eq!(one.holds(), other.holds());
    assert_eq!(one.to_bytes(), other.to_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_saving_gives_the_same_findings_and_state(
        acts in acts(), cuts in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        let world = play(&acts, false);
        let at_once = with_cuts(&world, Replay::new(), &[false]);
        let in_parts = with_cuts(&world, Replay::new(), &cuts);
        same(&at_once, &in_parts, &world);
        let mut alone = Replay::of_leaves();
        for entry in &world.entries {
            alone.take(&entry.leaf, &Opening::Nothing);
            alone = Replay::parse(&alone.to_bytes()).unwrap();
        }
        prop_assert_eq!(alone.counters(), at_once.counters());
    }

    #[test]
    fn an_honest_operator_is_never_accused(acts in acts(), cuts in prop::collection::vec(any::<bool>(), 1..9)) {
        // The whole log played at once: rows erased before the auditor came are explained,
        // and of their months it is blind.
        let world = play(&acts, true);
        let late = with_cuts(&world, Replay::new(), &cuts);
        prop_assert_eq!(late.findings(), &[]);
        prop_assert_eq!(late.unexplained(), vec![]);

        // One that was there all the time sees every map, and every row gone that a notice names.
        let mut there = Replay::new();
        for length in 1..=acts.len() {
            let sofar = play(&acts[..length], true);
            // Each beginning ends with a head of its own; the log itself does not.
            let until = place(sofar.len() - 1);
            for at in place(there.size())..until {
                let entry = &sofar.entries[at];
                there.take(&entry.leaf, &Opening::read(&entry.leaf, &entry.opening));
            }
        }
        world.go_on(&mut there);
        let named: Vec<(u64, u64)> = there.to_reread().collect();
        for index in named.into_iter().flat_map(|(first, last)| first..=last) {
            world.reread(&mut there, index);
        }
        for index in 0..world.len() {
            world.reread(&mut there, index);
        }
        prop_assert_eq!(there.findings(), &[]);
        prop_assert_eq!(there.unexplained(), vec![]);
        // An access that was erased in the same act as logged was never shown to anybody.
        if there.blind_months().is_empty() {
            prop_assert!(there.holds());
        }
        prop_assert_eq!(there.root(), late.root());
    }

    #[test]
    fn one_change_of_a_saved_state_is_refused(acts in acts(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = play(&acts, false).replay().to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Replay::parse(&bytes).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(Replay::parse(&bytes).is_ok());
        prop_assert!(Replay::parse(&bytes[..at]).is_err());
    }
}

#[test]
fn states_of_other_versions_are_refused() {
    let bytes = World::new().replay().to_bytes();
    assert_eq!(Replay::parse(b"").unwrap_err(), StateError::Version);
    assert_eq!(
        Replay::parse(b"kepil-audit/v2\n").unwrap_err(),
        StateError::Version
    );
    assert_eq!(
        Replay::parse(&bytes[..bytes.len() - 1]).unwrap_err(),
        StateError::Checksum
    );
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Replay::parse(&longer).unwrap_err(), StateError::Checksum);
}

/// A new auditor takes up another's snapshot where rows are erased already.
#[test]
fn a_snapshot_sees_what_a_beginning_from_nothing_cannot() {
    let mut world = World::new();
    let row = world.access(1);
    world.head();
    let snapshot = world.replay().to_bytes();
    world.notice(ErasureDegree::Row, row, row, 1);
    world.forget(row);
    world.access(2);
    world.head();
    let mut from_snapshot = Replay::parse(&snapshot).unwrap();
    world.go_on(&mut from_snapshot);
    assert!(from_snapshot.holds());
    assert!(!world.replay().holds());
}

/// The operator's clock steps back behind the end of a month that a head has closed.
#[test]
fn a_closed_month_stays_closed_when_the_clock_steps_back() {
    let mut world = World::new();
    let start = world.now;
    world.access(1);
    world.head();
    world.now = month(202_611).end_secs() + GRACE_SECS;
    world.access(2);
    let closing = world.head();
    assert_eq!(world.book.closed(), Some(month(202_611)));
    world.now = start;
    world.access(3);
    world.head();
    assert_eq!(world.book.closed(), Some(month(202_611)));
    assert_eq!(world.book.closed_at(closing - 1), None);
    assert_eq!(world.book.closed_at(closing), Some(month(202_611)));
    let seen = world.replay();
    let closed = |replay: &Replay| -> Vec<u64> {
        let found = replay.findings().iter();
        let found = found.filter(|found| found.kind == FindingKind::ClosedMonth);
        found.map(|found| found.entry).collect()
    };
    assert_eq!(closed(&seen), [0; 0]);
    assert!(
        !seen
            .findings()
            .iter()
            .any(|found| found.kind == FindingKind::Map)
    );
    // Dated back into the closed month: an auditor finds it, saved in between or not.
    let row = world.row_at(RecordKind::Access, 4, start * 1000, month(202_611));
    let late = world.push_row(&Leaf::Access(row.commitment()), row);
    world.head();
    let mut saved = Replay::parse(&seen.to_bytes()).unwrap();
    world.go_on(&mut saved);
    same(&world.replay(), &saved, &world);
    assert_eq!(closed(&saved), [late]);
}
