//! A log with several histories, and a witness that knows it.

use std::path::Path;

use kepil_ledger::checkpoint::{self, Checkpoint, SignedCheckpoint};
use kepil_ledger::hash;
use kepil_ledger::note::{KeyName, Signer};
use kepil_ledger::tree::{MemoryTree, consistency_path, root};
use kepil_ledger::witness::AddCheckpoint;
use kepil_witness::{OpenError, Witness};

/// When cosignatures of the tests are made.
pub const TIME: u64 = 1_763_700_004;

pub const ORIGIN: &str = "log.example/test";

pub fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

pub fn signer() -> Signer {
    Signer::from_seed(name(ORIGIN), &[7; 32])
}

/// A history of 12 entries that leaves the common one at an index.
pub fn history(branch: u8, fork: u64) -> MemoryTree {
    MemoryTree::new(
        (0..12_u64)
            .map(|index| {
                let branch = if index < fork { 0 } else { branch };
                hash::leaf(&[&[branch][..], &index.to_be_bytes()].concat())
            })
            .collect(),
    )
}

pub fn checkpoint_by(signer: &Signer, tree: &MemoryTree, size: u64) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: signer.verifying_key().name().clone(),
        size,
        root: root(tree, size).unwrap(),
    };
    checkpoint::parse(checkpoint.sign(signer).as_bytes()).unwrap()
}

pub fn request(tree: &MemoryTree, old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint {
        old,
        proof: consistency_path(tree, old.min(new), new).unwrap(),
        checkpoint: checkpoint_by(&signer(), tree, new),
    }
}

pub fn open(folder: &Path) -> Result<Witness, OpenError> {
    let keys = vec![signer().verifying_key().clone()];
    Witness::open(folder, &name("witness.example/w1"), keys)
}

pub fn size_of(witness: &Witness) -> u64 {
    witness
        .latest(&name(ORIGIN))
        .map_or(0, |signed| signed.unverified().size)
}
