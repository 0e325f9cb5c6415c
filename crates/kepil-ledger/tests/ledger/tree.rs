use kepil_ledger::hash::{self, Hash};
use kepil_ledger::tree::{
    Frontier, MemoryTree, ProofError, consistency_path, inclusion_path, root, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|index| hash::leaf(&index.to_be_bytes()))
        .collect()
}

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::new(bytes)
}

#[test]
fn every_proof_of_every_small_tree_verifies_and_no_other_place_does() {
    for size in 1..70 {
        let tree = MemoryTree::new(leaves(size));
        let root = tree.root().unwrap();
        for index in 0..size {
            let path = inclusion_path(&tree, index, size).unwrap();
            let leaf = *tree.leaf(index).unwrap();
            verify_inclusion(&leaf, index, size, &path, &root).unwrap();
            for other in (0..size).filter(|other| *other != index) {
                assert!(verify_inclusion(&leaf, other, size, &path, &root).is_err());
            }
        }
    }
}

#[test]
fn every_growth_of_every_small_tree_verifies_and_no_other_root_does() {
    let tree = MemoryTree::new(leaves(70));
    for new in 0..70 {
        let new_root = root(&tree, new).unwrap();
        for old in 0..=new {
            let old_root = root(&tree, old).unwrap();
            let path = consistency_path(&tree, old, new).unwrap();
            verify_consistency((old, &old_root), (new, &new_root), &path).unwrap();
            let wrong = flip(&old_root, 3);
            assert!(verify_consistency((old, &wrong), (new, &new_root), &path).is_err());
            if old > 0 {
                let wrong = flip(&new_root, 3);
                assert!(verify_consistency((old, &old_root), (new, &wrong), &path).is_err());
            }
            let longer = [path.clone(), vec![new_root]].concat();
            assert!(verify_consistency((old, &old_root), (new, &new_root), &longer).is_err());
            if !path.is_empty() {
                let shorter = &path[..path.len() - 1];
                assert!(verify_consistency((old, &old_root), (new, &new_root), shorter).is_err());
            }
        }
    }
}

#[test]
fn a_path_of_the_wrong_length_is_refused() {
    let tree = MemoryTree::new(leaves(9));
    let root = tree.root().unwrap();
    let leaf = *tree.leaf(4).unwrap();
    let path = inclusion_path(&tree, 4, 9).unwrap();
    let longer = [path.clone(), vec![leaf]].concat();
    assert_eq!(
        verify_inclusion(&leaf, 4, 9, &longer, &root),
        Err(ProofError::Length {
            found: path.len() + 1
        })
    );
    assert_eq!(
        verify_inclusion(&leaf, 4, 9, &path[1..], &root),
        Err(ProofError::Length {
            found: path.len() - 1
        })
    );
    assert_eq!(
        verify_inclusion(&leaf, 9, 9, &path, &root),
        Err(ProofError::OutsideTree { index: 9, size: 9 })
    );
    assert!(inclusion_path(&tree, 9, 9).is_err());
    assert_eq!(
        consistency_path(&tree, 9, 4),
        Err(ProofError::Shrunk { old: 9, new: 4 })
    );
}

#[test]
fn proofs_of_giant_sizes_end() {
    let hash = hash::empty();
    for index in [0, 1, u64::MAX / 2, u64::MAX - 1] {
        assert!(verify_inclusion(&hash, index, u64::MAX, &[hash; 64], &hash).is_err());
    }
    assert!(verify_consistency((u64::MAX - 1, &hash), (u64::MAX, &hash), &[hash; 64]).is_err());
    assert!(verify_consistency((1 << 63, &hash), (u64::MAX, &hash), &[hash; 64]).is_err());
}

proptest! {
    #[test]
    fn a_frontier_knows_the_root_of_every_size(size in 0_u64..2_000) {
        let mut frontier = Frontier::new();
        leaves(size).into_iter().for_each(|leaf| frontier.append(leaf));
        prop_assert_eq!(frontier.size(), size);
        prop_assert_eq!(frontier.root(), MemoryTree::new(leaves(size)).root().unwrap());
    }

    #[test]
    fn a_flipped_bit_breaks_an_inclusion_proof(
        size in 1_u64..600,
        pick in any::<prop::sample::Index>(),
        bit in 0_usize..256,
        place in any::<prop::sample::Index>(),
    ) {
        let tree = MemoryTree::new(leaves(size));
        let root = tree.root().unwrap();
        let index = pick.index(usize::try_from(size).unwrap()) as u64;
        let mut path = inclusion_path(&tree, index, size).unwrap();
        let leaf = *tree.leaf(index).unwrap();
        prop_assert!(verify_inclusion(&leaf, index, size, &path, &root).is_ok());
        prop_assert!(verify_inclusion(&flip(&leaf, bit), index, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &path, &flip(&root, bit)).is_err());
        if !path.is_empty() {
            let place = place.index(path.len());
            path[place] = flip(&path[place], bit);
            prop_assert!(verify_inclusion(&leaf, index, size, &path, &root).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_breaks_a_consistency_proof(
        new in 2_u64..600,
        pick in any::<prop::sample::Index>(),
        bit in 0_usize..256,
        place in any::<prop::sample::Index>(),
    ) {
        let tree = MemoryTree::new(leaves(new));
        let old = 1 + pick.index(usize::try_from(new).unwrap() - 1) as u64;
        let (old_root, new_root) = (root(&tree, old).unwrap(), root(&tree, new).unwrap());
        let mut path = consistency_path(&tree, old, new).unwrap();
        prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &path).is_ok());
        let place = place.index(path.len());
        path[place] = flip(&path[place], bit);
        prop_assert!(verify_consistency((old, &old_root), (new, &new_root), &path).is_err());
    }
}
