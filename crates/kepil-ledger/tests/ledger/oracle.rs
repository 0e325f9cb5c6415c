//! Three other implementations must agree with ours.

use std::cell::RefCell;

use kepil_ledger::hash;
use kepil_ledger::tree::{Frontier, MemoryTree, consistency_path, inclusion_path, root};
use sha2::Sha256;
use tlog_tiles::tlog;

use crate::log::{publish, signer};

struct Stored(RefCell<Vec<tlog::Hash>>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let stored = self.0.borrow();
        Ok(indexes
            .iter()
            .map(|index| stored[usize::try_from(*index).unwrap()])
            .collect())
    }
}

fn theirs(hash: &hash::Hash) -> tlog::Hash {
    tlog::Hash(*hash.as_bytes())
}

#[test]
fn tlog_tiles_accepts_our_roots_and_proofs() {
    let stored = Stored(RefCell::new(Vec::new()));
    let mut frontier = Frontier::new();
    let mut leaves = Vec::new();
    let mut roots = vec![hash::empty()];
    for index in 0_u64..300 {
        let data = index.to_be_bytes();
        let added = tlog::stored_hashes(index, &data, &stored).unwrap();
        stored.0.borrow_mut().extend(added);
        leaves.push(hash::leaf(&data));
        frontier.append(hash::leaf(&data));
        roots.push(frontier.root());
        assert_eq!(
            tlog::tree_hash(index + 1, &stored).unwrap().0,
            *frontier.root().as_bytes()
        );
    }
    let tree = MemoryTree::new(leaves);
    for (size, index) in [
        (1, 0),
        (2, 1),
        (7, 6),
        (100, 33),
        (256, 255),
        (257, 256),
        (300, 17),
    ] {
        let path = inclusion_path(&tree, index, size)
            .unwrap()
            .iter()
            .map(theirs)
            .collect();
        let root = theirs(&roots[usize::try_from(size).unwrap()]);
        let leaf = theirs(tree.leaf(index).unwrap());
        tlog::check_record(&path, size, root, index, leaf).unwrap();
    }
    for (old, new) in [(1, 2), (3, 7), (4, 8), (100, 256), (255, 257), (6, 300)] {
        let path = consistency_path(&tree, old, new)
            .unwrap()
            .iter()
            .map(theirs)
            .collect();
        let root_of = |size: u64| theirs(&roots[usize::try_from(size).unwrap()]);
        tlog::check_tree(&path, new, root_of(new), old, root_of(old)).unwrap();
    }
}

#[test]
fn ct_merkle_computes_our_roots() {
    let mut oracle = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut leaves = Vec::new();
    for index in 0_u64..300 {
        let data = index.to_be_bytes().to_vec();
        leaves.push(hash::leaf(&data));
        oracle.push(data);
    }
    let tree = MemoryTree::new(leaves);
    assert_eq!(
        oracle.root().as_bytes().as_slice(),
        root(&tree, 300).unwrap().as_bytes()
    );
}

#[test]
fn signed_note_accepts_our_checkpoint() {
    let (log, checkpoints) = publish(&[5]);
    let note = signed_note::Note::from_bytes(&log.files["checkpoint"]).unwrap();
    let vkey = signer().verifying_key().to_string();
    let verifier = signed_note::StandardVerifier::new(&vkey).unwrap();
    let (known, unknown) = note
        .verify(&signed_note::VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!((known.len(), unknown.len()), (1, 0));
    assert_eq!(note.text(), checkpoints[0].to_text().as_bytes());
}
