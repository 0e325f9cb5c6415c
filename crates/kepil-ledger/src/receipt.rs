//! Receipts: the log's signed promise that a leaf stands at an index.
//!
//! One write makes one batch of entries durable, and the log signs once for the
//! batch. The **batch tree** is the RFC 6962 tree over the leaf hashes of the batch
//! alone; its first entry has place 0. The signed text is six lines, each with its
//! newline:
//!
//! ```text
//! kepil-receipt/v1
//! <origin>
//! <index of the batch's first entry, decimal>
//! <number of entries in the batch, decimal>
//! <base64 root of the batch tree>
//! <time of the batch, Unix milliseconds, decimal>
//! ```
//!
//! The signature is the line a C2SP `signed-note` over this text would carry, by the
//! log's own Ed25519 key (type 0x01), key name = origin. The first line keeps the text
//! apart from a checkpoint: a checkpoint's second line is a number, and no log may
//! be called `kepil-receipt/v1` ([`is_reserved_origin`]).
//!
//! A receipt says: *the leaf at place `index − first` of this batch tree stands at
//! `index` of the log, and was durable at that time before this receipt existed.* A log
//! that later publishes another leaf at this index is convicted by the receipt.
//!
//! As a file it is one JSON object, no other members allowed, numbers below 2^53:
//!
//! ```json
//! { "kepil_receipt": 1, "origin": "...", "index": 7, "leaf": "base64",
//!   "salt": "base64", "record": "base64",
//!   "batch": { "first": 5, "count": 3, "root": "base64", "path": ["base64"] },
//!   "time": 1763700000123, "signature": "— name base64" }
//! ```
//!
//! `salt` and `record` may be left out together: whoever holds them can open the
//! leaf. `record` without `salt` proves nothing and is refused.

mod batch;
mod json;

pub use batch::Batch;
pub use json::ReceiptParseError;

use std::fmt;

use crate::entry::{Commitment, Leaf, LeafError};
use crate::hash::{self, Hash};
use crate::note::{KeyName, Signature, SignatureError, VerifyingKey};
use crate::tree::{ProofError, verify_inclusion};

/// First line of the signed text; no log may have it as its name.
const CONTEXT: &str = "kepil-receipt/v1";

/// Largest number a receipt may carry, so that every JSON reader sees it exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// True for names that a log must not have, because they would blur what its key signs.
#[must_use]
pub fn is_reserved_origin(origin: &KeyName) -> bool {
    let reserved = ["kepil-receipt/", "kepil-manifest/"];
    reserved
        .iter()
        .any(|word| origin.as_str().starts_with(word))
}

/// What the log signs for a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Which log.
    pub origin: KeyName,
    /// Index of the batch's first entry.
    pub first: u64,
    /// Number of entries in the batch.
    pub count: u64,
    /// Root of the batch tree.
    pub root: Hash,
    /// Unix milliseconds.
    pub time_ms: u64,
}

impl Statement {
    /// The six signed lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self {
            origin,
            first,
            count,
            root,
            time_ms,
        } = self;
        let root = root.to_base64();
        format!("{CONTEXT}\n{origin}\n{first}\n{count}\n{root}\n{time_ms}\n")
    }
}

/// A signed receipt for one entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    statement: Statement,
    index: u64,
    leaf: Vec<u8>,
    salt: Option<[u8; 32]>,
    record: Option<Vec<u8>>,
    path: Vec<Hash>,
    signature: Signature,
}

/// What a good receipt proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Index at which the leaf must stand.
    pub index: u64,
    /// Unix milliseconds by the log's clock.
    pub time_ms: u64,
    /// Whether the receipt also shows what the leaf commits to.
    pub record: RecordCheck,
}

/// What a receipt says of the record behind its leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordCheck {
    /// The record is in the receipt and is the one the leaf commits to.
    Matches,
    /// The record is not in the receipt; check it with [`Receipt::opens_to`].
    NotIncluded,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The receipt speaks for another log than the key.
    #[error("checking a receipt: it is of `{found}`, the key of `{expected}`")]
    OtherLog {
        /// Name of the key.
        expected: KeyName,
        /// Origin in the receipt.
        found: KeyName,
    },
    /// The signature is by another key, or bad.
    #[error("checking a receipt's signature")]
    Signature(#[from] SignatureError),
    /// The index is not within the batch.
    #[error("checking a receipt: entry {index} is not in the batch of {count} from {first}")]
    OutsideBatch {
        /// Index of the entry.
        index: u64,
        /// Index of the batch's first entry.
        first: u64,
        /// Number of entries in the batch.
        count: u64,
    },
    /// The path does not lead from the leaf to the signed batch root.
    #[error("checking a receipt's path to the batch root")]
    Path(#[source] ProofError),
    /// The leaf cannot be read.
    #[error("checking a receipt's leaf")]
    Leaf(#[from] LeafError),
    /// The record is not the one the leaf commits to.
    #[error("checking a receipt: the record is not the one the leaf commits to")]
    Record,
}

impl Receipt {
    /// Which log.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        &self.statement.origin
    }

    /// Index at which the leaf must stand.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The leaf as it stands in the log.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Hash of the leaf in the tree.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        hash::leaf(&self.leaf)
    }

    /// Salt of the commitment, if the receipt carries it.
    #[must_use]
    pub const fn salt(&self) -> Option<&[u8; 32]> {
        self.salt.as_ref()
    }

    /// The record, if the receipt carries it.
    #[must_use]
    pub fn record(&self) -> Option<&[u8]> {
        self.record.as_deref()
    }

    /// What the log signed for the batch.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The path from the leaf to the batch root.
    #[must_use]
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The same receipt without salt and record: safe to show to anybody.
    #[must_use]
    pub fn without_record(self) -> Self {
        Self {
            salt: None,
            record: None,
            ..self
        }
    }

    /// True when the leaf commits to this record under this salt.
    #[must_use]
    pub fn opens_to(&self, salt: &[u8; 32], record: &[u8]) -> bool {
        Leaf::parse(&self.leaf)
            .is_ok_and(|leaf| leaf.commitment() == Some(&Commitment::of(salt, record)))
    }

    /// Checks the receipt against the log's key.
    ///
    /// # Errors
    ///
    /// When it is another log's, the signature is bad, the index lies outside the
    /// batch, the path leads elsewhere, or the record is not the leaf's.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Verified, ReceiptError> {
        let Statement {
            origin,
            first,
            count,
            root,
            time_ms,
        } = &self.statement;
        if origin != key.name() {
            return Err(ReceiptError::OtherLog {
                expected: key.name().clone(),
                found: origin.clone(),
            });
        }
        self.signature
            .verify(self.statement.to_text().as_bytes(), key)?;
        let place = self
            .index
            .checked_sub(*first)
            .filter(|place| place < count)
            .ok_or(ReceiptError::OutsideBatch {
                index: self.index,
                first: *first,
                count: *count,
            })?;
        verify_inclusion(&self.leaf_hash(), place, *count, &self.path, root)
            .map_err(ReceiptError::Path)?;
        Leaf::parse(&self.leaf)?;
        let record = match (&self.salt, &self.record) {
            (Some(salt), Some(record)) if self.opens_to(salt, record) => RecordCheck::Matches,
            (_, Some(_)) => return Err(ReceiptError::Record),
            (_, None) => RecordCheck::NotIncluded,
        };
        Ok(Verified {
            index: self.index,
            time_ms: *time_ms,
            record,
        })
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("index", &self.index)
            .field("statement", &self.statement)
            .finish_non_exhaustive()
    }
}
