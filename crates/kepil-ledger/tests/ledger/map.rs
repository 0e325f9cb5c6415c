//! The map against a brute-force tree over all 256 bits.

use std::collections::BTreeMap;

use kepil_ledger::book::Book;
use kepil_ledger::chain::Chain;
use kepil_ledger::entry::Commitment;
use kepil_ledger::fields::Fields;
use kepil_ledger::hash::Hash;
use kepil_ledger::map::{self, Map, MapPath, Slot, ZERO, root_from_path};
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;
use proptest::prelude::*;

/// Tags with few distinct leading bits, so that buckets collide.
fn tag(seed: u8) -> Tag {
    let mut bytes = [0; 32];
    bytes[0] = seed.wrapping_mul(37);
    bytes[1] = seed / 3;
    bytes[31] = seed;
    Tag::new(Hash::new(bytes))
}

fn commitment(index: u64) -> Commitment {
    let mut bytes = [3; 32];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    Commitment::from_hash(Hash::new(bytes))
}

/// The tree as the definition says it, without any short cut.
fn brute(persons: &[(Tag, Chain)], depth: usize, bit: usize) -> Hash {
    if bit >= depth && persons.len() <= 1 {
        return persons
            .first()
            .map_or(ZERO, |(tag, chain)| map::leaf(tag, chain));
    }
    let (right, left): (Vec<_>, Vec<_>) = persons
        .iter()
        .partition(|(tag, _)| tag.bit(bit) == Some(true));
    map::node(
        &brute(&left, depth, bit + 1),
        &brute(&right, depth, bit + 1),
    )
}

fn chains(map: &Map) -> Vec<(Tag, Chain)> {
    map.iter().map(|(tag, slot)| (tag, slot.chain)).collect()
}

fn check_all(map: &Map, root: Hash) {
    for (tag, slot) in map.iter() {
        let (found, path) = map.prove(&tag).unwrap();
        assert_eq!(found, slot);
        assert_eq!(root_from_path(&tag, &slot.chain, &path), root);
        let more = slot.chain.step(1, &commitment(1));
        assert_ne!(root_from_path(&tag, &more, &path), root);
        let mut bytes = Vec::new();
        path.write(&mut bytes);
        let mut fields = Fields::new(&bytes);
        assert_eq!(MapPath::read(&mut fields), Ok(path));
        assert!(fields.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_map_is_the_brute_force_tree(
        early in prop::collection::vec(0u8..60, 0..30),
        steps in prop::collection::vec((0u8..80, 1usize..5), 0..60),
    ) {
        let persons = early.iter().map(|seed| {
            let tag = tag(*seed);
            (tag, Slot { chain: Chain::new(&tag), note: 7 })
        });
        let mut map = Map::build(persons.collect());
        let mut plain: BTreeMap<Tag, Chain> = chains(&map).into_iter().collect();
        let mut index = 0;
        let mut marks = Vec::new();
        for (seed, pause) in steps {
            index += 1;
            let tag = tag(seed);
            map.step(&tag, index, &commitment(index), index);
            let chain = plain.entry(tag).or_insert_with(|| Chain::new(&tag));
            *chain = chain.step(index, &commitment(index));
            if index % pause as u64 == 0 {
                let root = map.settle();
                let list: Vec<_> = plain.iter().map(|(tag, chain)| (*tag, *chain)).collect();
                prop_assert_eq!(root, brute(&list, usize::from(map::depth_for(list.len())), 0));
                map.mark(index);
                marks.push((index, root, list));
            }
        }
        let root = map.settle();
        check_all(&map, root);
        prop_assert!(map.page_at(u64::MAX, None, 5).is_none());
        prop_assert_eq!(map.persons(), plain.len());
        // Every remembered state can still be proved, and nobody who came later is in it.
        for (mark, root, list) in marks {
            for (tag, chain) in &list {
                let (slot, path) = map.prove_at(tag, mark).unwrap();
                prop_assert_eq!(slot.chain, *chain);
                prop_assert_eq!(root_from_path(tag, chain, &path), root);
            }
            let mut paged = Vec::new();
            loop {
                let after = paged.last().map(|(tag, _)| tag);
                let page = map.page_at(mark, after, 1 + paged.len() % 3).unwrap();
                if page.is_empty() {
                    break;
                }
                paged.extend(page.into_iter().map(|(tag, slot)| (tag, slot.chain)));
            }
            prop_assert_eq!(&paged, &list);
            for (tag, _) in map.iter().filter(|(tag, _)| !list.iter().any(|(old, _)| old == tag)) {
                prop_assert_eq!(map.prove_at(&tag, mark), None);
            }
        }
    }

    #[test]
    fn batching_does_not_matter(order in prop::collection::vec(0u8..20, 1..60), cut in 1usize..9) {
        let (mut one, mut many) = (Map::new(), Map::new());
        for (index, seed) in (0..).zip(&order) {
            one.step(&tag(*seed), index, &commitment(index), 0);
            many.step(&tag(*seed), index, &commitment(index), 0);
            if usize::try_from(index).unwrap() % cut == 0 {
                many.settle();
            }
        }
        prop_assert_eq!(one.settle(), many.settle());
    }

    #[test]
    fn arbitrary_bytes_are_no_path_or_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut fields = Fields::new(&bytes);
        if let Ok(path) = MapPath::read(&mut fields) {
            let mut again = Vec::new();
            path.write(&mut again);
            prop_assert_eq!(again.as_slice(), &bytes[..bytes.len() - fields.rest().len()]);
        }
    }
}

#[test]
fn many_enrolled_at_once_are_laid_out_on_the_way() {
    let persons: Vec<Tag> = (0..5_000u64)
        .map(|number| Tag::new(kepil_ledger::hash::leaf(&number.to_be_bytes())))
        .collect();
    let slots = persons.iter().map(|tag| {
        let chain = Chain::new(tag);
        (*tag, Slot { chain, note: 0 })
    });
    let mut at_once = Map::build(slots.collect());

    let mut map = Map::new();
    map.enrol(persons[0]);
    let root = map.settle();
    map.mark(1);
    for tag in &persons[..3_000] {
        map.enrol(*tag);
    }
    assert!(map.depth() >= 10, "one bucket for all takes ages");
    // Entries of persons who come with them are enrolled just as well.
    for (tag, index) in persons[3_000..].iter().zip(0..) {
        assert_eq!(map.step(tag, index, &commitment(index), index), u64::MAX);
        at_once.step(tag, index, &commitment(index), index);
    }
    assert_eq!(map.persons(), persons.len());
    assert_eq!(map.settle(), at_once.settle());
    for (tag, index) in persons[3_000..].iter().zip(0..) {
        assert_eq!(map.slot(tag).map(|slot| slot.note), Some(index));
    }
    // What stood before can still be proved.
    let (slot, path) = map.prove_at(&persons[0], 1).unwrap();
    assert_eq!(root_from_path(&persons[0], &slot.chain, &path), root);
    assert_eq!(map.prove_at(&persons[1], 1), None);
    assert_eq!(map.page_at(1, None, 5).map(|page| page.len()), Some(1));
    map.forget_before(2);
    assert_eq!(map.prove_at(&persons[0], 1), None);
}

#[test]
fn order_matters_within_a_person_and_not_across() {
    let step = |map: &mut Map, seed, index| map.step(&tag(seed), index, &commitment(index), 0);
    let run = |events: &[(u8, u64)]| {
        let mut map = Map::new();
        for (seed, index) in events {
            step(&mut map, *seed, *index);
        }
        map.settle()
    };
    assert_eq!(run(&[(1, 0), (2, 1)]), run(&[(2, 1), (1, 0)]));
    assert_ne!(run(&[(1, 0), (1, 1)]), run(&[(1, 1), (1, 0)]));
}

#[test]
fn months_open_close_and_never_take_entries_again() {
    let mut book = Book::new();
    let [october, november] = [202_610, 202_611].map(|number| Period::new(number).unwrap());
    let end = october.end_secs();
    book.step(october, &tag(1), 0, &commitment(0), 0).unwrap();
    let (head, closed) = book.head(1, end - 10);
    assert_eq!(head.rows().len(), 1);
    assert!(closed.is_empty());

    // A day of overlap: both months stand in the head, late entries still have a place.
    book.step(november, &tag(1), 2, &commitment(2), 0).unwrap();
    let (head, _) = book.head(3, end + 60);
    assert_eq!(
        head.rows().iter().map(|row| row.period).collect::<Vec<_>>(),
        [november, october]
    );
    book.step(october, &tag(2), 4, &commitment(4), 0).unwrap();
    assert_eq!(book.period_for(1000 * (end - 1)), october);

    let (head, left) = book.head(5, end + 86_400);
    let root = *head.root_of(october).unwrap();
    assert!(left.is_empty());
    assert!(book.step(october, &tag(1), 6, &commitment(6), 0).is_err());
    assert_eq!(book.closed(), Some(october));
    // It is listed for another week, and does not change.
    let (head, left) = book.head(6, end + 8 * 86_400 - 1);
    assert_eq!((head.root_of(october), left.len()), (Some(&root), 0));
    let (head, left) = book.head(7, end + 8 * 86_400);
    assert_eq!(head.root_of(october), Some(&root));
    assert_eq!(left[0].1.persons(), 2);
    // A clock that steps back books into the oldest month that is still open.
    assert_eq!(book.period_for(1000 * (end - 1)), november);
    let (head, _) = book.head(8, end - 5);
    assert_eq!(
        head.rows().iter().map(|row| row.period).collect::<Vec<_>>(),
        [november]
    );
}

#[test]
fn a_book_without_entries_still_has_a_head() {
    let mut book = Book::new();
    let (head, _) = book.head(0, 1_763_700_000);
    assert_eq!(head.rows()[0].root, ZERO);
    assert_eq!(head.rows()[0].period.number(), 202_511);
}
