//! A small published log in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::entry::{Leaf, Opening};
use kepil_ledger::note::{KeyName, Signer};
use kepil_ledger::receipt::Batch;
use kepil_ledger::tile::{SourceError, TileBuilder, TileSource};

#[derive(Debug, Default)]
pub struct MemoryLog {
    pub files: BTreeMap<String, Vec<u8>>,
    pub reads: RefCell<Vec<String>>,
}

impl TileSource for MemoryLog {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.reads.borrow_mut().push(path.to_owned());
        Ok(self.files.get(path).cloned())
    }
}

pub fn signer() -> Signer {
    Signer::from_seed(KeyName::new("log.example/test").unwrap(), &[7; 32])
}

pub fn draft(index: u64) -> Opening {
    let mut salt = [3; 32];
    salt[..8].copy_from_slice(&index.to_be_bytes());
    Opening {
        salt,
        record: format!("record {index}").into_bytes(),
    }
}

pub fn leaf(index: u64) -> Leaf {
    draft(index).leaf()
}

/// Publishes the checkpoints of several sizes, one after the other, into one folder.
pub fn publish(sizes: &[u64]) -> (MemoryLog, Vec<Checkpoint>) {
    let mut log = MemoryLog::default();
    let mut builder = TileBuilder::new();
    let mut checkpoints = Vec::new();
    for size in sizes {
        while builder.size() < *size {
            builder.push(&leaf(builder.size()).to_bytes()).unwrap();
        }
        for (path, bytes) in builder.filled().iter().cloned().chain(builder.partial()) {
            log.files.insert(path.to_string(), bytes);
        }
        builder.forget_filled();
        let origin = signer().verifying_key().name().clone();
        let checkpoint = Checkpoint {
            origin,
            size: *size,
            root: builder.root(),
        };
        log.files.insert(
            "checkpoint".to_owned(),
            checkpoint.sign(&signer()).into_bytes(),
        );
        checkpoints.push(checkpoint);
    }
    (log, checkpoints)
}

pub fn batch(first: u64, count: u64) -> Batch {
    let leaves = (first..first + count)
        .map(|index| leaf(index).hash())
        .collect();
    Batch::seal(&signer(), first, leaves, 1_763_700_000_123).unwrap()
}
