use std::collections::BTreeSet;
use std::ops::Range;

use kepil_ledger::hash;
use kepil_ledger::keytree::{Cursor, KeyTree, KeyTreeError, Secret};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

const NODE_BYTES: usize = 49;

fn root() -> Secret {
    Secret::new(*hash::leaf(b"root of the tests").as_bytes())
}

fn tree(depth: u8) -> KeyTree {
    KeyTree::new(depth, root()).unwrap()
}

fn bytes_of(key: Option<Secret>) -> Option<[u8; 32]> {
    key.map(|key| *key.as_bytes())
}

fn sha(prefix: u8, seed: &[u8; 32]) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update([prefix]);
    sha.update(seed);
    sha.finalize().into()
}

/// The seeds from the root to a leaf, in the words of the format.
fn way(depth: u8, leaf: u128) -> Vec<[u8; 32]> {
    let mut seeds = vec![*root().as_bytes()];
    for height in (0..depth).rev() {
        let prefix = if leaf >> height & 1 == 0 { 0x30 } else { 0x31 };
        seeds.push(sha(prefix, seeds.last().unwrap()));
    }
    seeds
}

/// Everything that can be derived from the seeds in a state.
fn derivable(state: &[u8], depth: u8) -> BTreeSet<[u8; 32]> {
    let mut open: Vec<[u8; 32]> = state[2..]
        .chunks(NODE_BYTES)
        .map(|node| node[17..].try_into().unwrap())
        .collect();
    let mut all: BTreeSet<[u8; 32]> = open.iter().copied().collect();
    for _ in 0..=depth {
        all.extend(open.iter().map(|seed| sha(0x32, seed)));
        open = open
            .iter()
            .flat_map(|seed| [0x30, 0x31].map(|prefix| sha(prefix, seed)))
            .collect();
        all.extend(&open);
    }
    all
}

#[test]
fn keys_are_those_of_the_format() {
    for (depth, leaf) in [(1, 0), (1, 1), (5, 19), (96, 1 << 95), (128, u128::MAX)] {
        let seeds = way(depth, leaf);
        let key = sha(0x32, seeds.last().unwrap());
        assert_eq!(bytes_of(tree(depth).key(leaf)), Some(key));
    }
}

#[test]
fn there_is_no_key_outside_the_tree() {
    let mut tree = tree(5);
    assert!(tree.key(31).is_some());
    assert!(tree.key(32).is_none());
    assert!(!tree.is_destroyed(32));
    assert!(!tree.destroy(32));
    assert_eq!(tree.destroy_range(32, u128::MAX), 0);
    assert_eq!(tree.nodes(), 1);
}

#[test]
fn a_depth_of_0_or_above_128_is_refused() {
    for depth in [0, 129, 255] {
        let error = KeyTree::new(depth, root()).unwrap_err();
        assert_eq!(error, KeyTreeError::Depth { depth });
    }
}

#[test]
fn one_destroyed_leaf_costs_one_seed_a_level() {
    for depth in [1, 48, 96, 128] {
        let mut tree = tree(depth);
        assert!(tree.destroy(1));
        assert!(!tree.destroy(1));
        assert!(tree.is_destroyed(1));
        assert_eq!(tree.nodes(), usize::from(depth));
    }
}

#[test]
fn a_whole_subtree_costs_less_than_one_leaf() {
    let mut tree = tree(80);
    let first = 202_611 << 48;
    assert_eq!(tree.destroy_range(first, first + (1 << 48) - 1), 1 << 48);
    assert_eq!(tree.nodes(), 32);
    assert!(tree.key(first - 1).is_some());
    assert!(tree.key(first).is_none());
    assert!(tree.key(first + (1 << 48)).is_some());
}

#[test]
fn a_tree_can_be_destroyed_as_a_whole() {
    let mut tree = tree(128);
    assert_eq!(tree.destroy_range(0, u128::MAX), u128::MAX);
    assert_eq!(tree.nodes(), 0);
    assert!(tree.is_destroyed(7));
    let again = KeyTree::parse(&tree.to_bytes()).unwrap();
    assert!(again.is_destroyed(7));
}

#[test]
fn leaves_destroyed_in_a_row_join_to_few_nodes() {
    let mut tree = tree(48);
    for leaf in 0..10_000 {
        assert!(tree.destroy(leaf));
    }
    assert!(tree.nodes() <= 48);
}

#[test]
fn debug_shows_no_secret() {
    let mut cursor = Cursor::new();
    let tree = tree(3);
    let key = tree.key_at(&mut cursor, 1).unwrap();
    assert_eq!(format!("{tree:?}"), "KeyTree { depth: 3, nodes: 1 }");
    assert_eq!(format!("{cursor:?} {key:?}"), "Cursor(..) Secret(..)");
}

#[test]
fn a_cursor_brings_back_no_destroyed_key() {
    let mut tree = tree(10);
    let mut cursor = Cursor::new();
    assert!(tree.key_at(&mut cursor, 6).is_some());
    tree.destroy(7);
    assert!(tree.key_at(&mut cursor, 7).is_none());
    assert_eq!(bytes_of(tree.key_at(&mut cursor, 6)), bytes_of(tree.key(6)));
}

#[test]
fn a_state_that_is_not_exact_is_refused() {
    let mut tree = tree(4);
    tree.destroy(5);
    let good = tree.to_bytes().to_vec();
    assert_eq!(good.len(), 2 + 4 * NODE_BYTES);
    let parse = |bytes: &[u8]| KeyTree::parse(bytes).map(|tree| tree.nodes());
    assert_eq!(parse(&good), Ok(4));

    let longer = [&good[..], &[0]].concat();
    for bytes in [&[][..], &[1], &longer, &good[..good.len() - 1]] {
        let bytes_len = bytes.len();
        assert_eq!(parse(bytes), Err(KeyTreeError::Length { bytes: bytes_len }));
    }
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(
        parse(&with(0, 2)),
        Err(KeyTreeError::Version { version: 2 })
    );
    assert_eq!(parse(&with(1, 0)), Err(KeyTreeError::Depth { depth: 0 }));
    // A depth of 3 leaves the last node outside; 5 fits, since nothing says otherwise.
    assert_eq!(parse(&with(1, 3)), Err(KeyTreeError::Node { position: 3 }));
    // A height above the depth, and a first leaf that is not a multiple.
    assert_eq!(parse(&with(2, 9)), Err(KeyTreeError::Node { position: 0 }));
    assert_eq!(
        parse(&with(2 + 16, 2)),
        Err(KeyTreeError::Node { position: 0 })
    );
    let node = |at: usize| &good[2 + at * NODE_BYTES..][..NODE_BYTES];
    // Out of order, and twice the same.
    let swapped = [&good[..2], node(1), node(0)].concat();
    let doubled = [&good[..2], node(1), node(1)].concat();
    // Siblings, which are one node.
    let mut sibling = node(0).to_vec();
    sibling[16] = 4;
    let siblings = [&good[..2], node(0), &sibling].concat();
    for bytes in [swapped, doubled, siblings] {
        assert_eq!(parse(&bytes), Err(KeyTreeError::Node { position: 1 }));
    }
}

#[derive(Debug, Clone)]
enum Step {
    One(u128),
    Range(u128, u128),
}

/// A depth and things to destroy in a tree of it.
fn steps(depths: Range<u8>) -> impl Strategy<Value = (u8, Vec<Step>)> {
    depths.prop_flat_map(|depth| {
        let leaf = 0..1_u128 << depth;
        let step = prop_oneof![
            leaf.clone().prop_map(Step::One),
            (leaf.clone(), leaf).prop_map(|(first, last)| Step::Range(first, last)),
        ];
        (Just(depth), prop::collection::vec(step, 0..8))
    })
}

fn apply(tree: &mut KeyTree, gone: &mut BTreeSet<u128>, step: &Step) {
    match *step {
        Step::One(leaf) => assert_eq!(tree.destroy(leaf), gone.insert(leaf)),
        Step::Range(first, last) => {
            let fresh = (first..=last).filter(|leaf| gone.insert(*leaf)).count();
            assert_eq!(
                tree.destroy_range(first, last),
                u128::try_from(fresh).unwrap()
            );
        }
    }
}

proptest! {
    // Each case looks at every leaf after every step.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn destroyed_keys_are_gone_and_all_others_as_before(
        (depth, steps) in steps(1..8),
    ) {
        let untouched = tree(depth);
        let mut tree = tree(depth);
        let mut cursor = Cursor::new();
        let mut gone = BTreeSet::new();
        for step in &steps {
            apply(&mut tree, &mut gone, step);
            let again = KeyTree::parse(&tree.to_bytes()).unwrap();
            prop_assert_eq!(again.to_bytes(), tree.to_bytes());
            for leaf in 0..1 << depth {
                let expected = bytes_of(untouched.key(leaf)).filter(|_| !gone.contains(&leaf));
                prop_assert_eq!(tree.is_destroyed(leaf), gone.contains(&leaf));
                prop_assert_eq!(bytes_of(tree.key(leaf)), expected);
                prop_assert_eq!(bytes_of(again.key(leaf)), expected);
                prop_assert_eq!(bytes_of(tree.key_at(&mut cursor, leaf)), expected);
            }
        }
    }

    #[test]
    fn nothing_in_the_state_leads_to_a_destroyed_leaf(
        (depth, steps) in steps(1..6),
    ) {
        let mut tree = tree(depth);
        let mut gone = BTreeSet::new();
        for step in &steps {
            let before = tree.to_bytes();
            apply(&mut tree, &mut gone, step);
            let after = tree.to_bytes();
            let reach = derivable(&after, depth);
            for &leaf in &gone {
                let seeds = way(depth, leaf);
                // Neither a seed above the leaf nor its key stands in the state or follows.
                prop_assert!(seeds.iter().all(|seed| !reach.contains(seed)));
                prop_assert!(!reach.contains(&sha(0x32, seeds.last().unwrap())));
                prop_assert!(after.windows(32).all(|part| seeds.iter().all(|seed| seed != part)));
                // So what the states before and after share leads there neither.
                let both: Vec<u8> = before[2..]
                    .chunks(NODE_BYTES)
                    .filter(|node| after[2..].chunks(NODE_BYTES).any(|other| other == *node))
                    .flatten()
                    .copied()
                    .collect();
                let shared = derivable(&[&[1, depth][..], &both].concat(), depth);
                prop_assert!(seeds.iter().all(|seed| !shared.contains(seed)));
            }
        }
    }
}

proptest! {
    #[test]
    fn a_state_does_not_tell_the_order_of_destruction(
        mut leaves in prop::collection::vec(0..1_u128 << 20, 1..20),
    ) {
        let state = |leaves: &[u128]| {
            let mut tree = tree(20);
            for leaf in leaves {
                tree.destroy(*leaf);
            }
            tree.to_bytes()
        };
        let first = state(&leaves);
        leaves.reverse();
        prop_assert_eq!(state(&leaves), first);
    }

    #[test]
    fn a_cursor_gives_the_same_keys_in_any_order(
        leaves in prop::collection::vec(any::<u128>(), 1..30),
        gone in prop::collection::vec(any::<u128>(), 0..3),
        depth in 1..=128_u8,
    ) {
        let mut tree = tree(depth);
        let inside = |leaf: u128| leaf >> (128 - depth);
        let mut cursor = Cursor::new();
        for leaf in leaves.into_iter().map(inside) {
            for near in [leaf, leaf ^ 1, leaf.saturating_add(1)] {
                prop_assert_eq!(
                    bytes_of(tree.key_at(&mut cursor, near)),
                    bytes_of(tree.key(near))
                );
            }
            for leaf in &gone {
                tree.destroy(inside(*leaf));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeyTree::parse(&bytes);
    }

    #[test]
    fn what_the_parser_takes_is_what_it_writes(
        depth in 1..=128_u8,
        nodes in prop::collection::vec((0..10_u8, any::<u128>(), any::<[u8; 32]>()), 0..6),
    ) {
        let mut nodes: Vec<_> = nodes
            .into_iter()
            .map(|(height, at, seed)| (at >> (128 - depth) >> height << height, height, seed))
            .collect();
        nodes.sort_unstable();
        let mut bytes = vec![1, depth];
        for (at, height, seed) in nodes {
            bytes.push(height);
            bytes.extend(at.to_be_bytes());
            bytes.extend(seed);
        }
        if let Ok(tree) = KeyTree::parse(&bytes) {
            prop_assert_eq!(&tree.to_bytes()[..], &bytes[..]);
        }
    }
}

/// Run with `--release -- --ignored --nocapture cost_of_a_key`.
#[test]
#[ignore = "a measurement"]
fn cost_of_a_key() {
    let tree = tree(96);
    let rounds: u32 = 100_000;
    let time = |key: &mut dyn FnMut(u128) -> Option<Secret>| {
        let start = std::time::Instant::now();
        for leaf in 0..u128::from(rounds) {
            std::hint::black_box(key(leaf));
        }
        start.elapsed() / rounds
    };
    let mut cursor = Cursor::new();
    println!(
        "single, depth 96: {:?}",
        time(&mut |leaf| tree.key(leaf << 70))
    );
    println!(
        "in a row: {:?}",
        time(&mut |leaf| tree.key_at(&mut cursor, leaf))
    );
}
