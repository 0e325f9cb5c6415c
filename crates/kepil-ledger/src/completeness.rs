//! The proof that a person's list is complete, as one C2SP `tlog-proof` file.
//!
//! [`Completeness`] is what the file's `extra` data holds; [`check`] verifies the file
//! step by step and says what follows from it. Format and steps: `docs/src/ledger-format.md`.

mod check;
mod form;

pub use check::{
    Before, Expectation, Fault, FaultCode, Memory, Verified, check, check_with, vouched,
};

use crate::checkpoint::SignedCheckpoint;
use crate::entry::{Commitment, KeepingKind, Leaf};
use crate::hash::Hash;
use crate::map::MapPath;
use crate::payload::Payload;
use crate::period::Period;
use crate::record::{DecisionCode, RecordKind};
use crate::row::Row;

/// The `extra` data of a proof file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// The month.
    pub period: Period,
    /// Path from the person to the root of the month's map.
    pub path: MapPath,
    /// The map head as it stands in the log, not yet checked.
    pub head: Vec<u8>,
    /// Index and commitment of every entry, in the order of the log.
    pub entries: Vec<(u64, Commitment)>,
    /// What is said of single entries, by their place in the list.
    pub rows: Vec<(u32, RowProof)>,
    /// A newer checkpoint, for notices that came after the one the list is proved by.
    pub later: Option<Later>,
}

/// A newer checkpoint of the same log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// The checkpoint as published, larger than the one the list is proved by.
    pub checkpoint: SignedCheckpoint,
    /// Inclusion path of the same map head in its tree: list and notices stand in one log.
    pub path: Vec<Hash>,
}

/// What a proof says of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowProof {
    /// The entry, opened for its person.
    Shown(ShownRow),
    /// The row was erased under a notice.
    Erased(NoticeProof),
    /// The content is kept back under a notice.
    KeptBack {
        /// The notice.
        notice: NoticeProof,
        /// Opens the notice's commitment to the ground.
        salt: [u8; 32],
        /// The ground, in words.
        ground: String,
    },
}

impl RowProof {
    /// Index of the notice it rests on.
    #[must_use]
    pub const fn notice(&self) -> Option<u64> {
        match self {
            Self::Shown(_) => None,
            Self::Erased(notice) | Self::KeptBack { notice, .. } => Some(notice.index),
        }
    }
}

/// An opened row; month and tag are left out, the person puts the own ones in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRow {
    /// What kind of event.
    pub kind: RecordKind,
    /// Opens the leaf.
    pub salt: [u8; 32],
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Which gate decided.
    pub gate: u32,
    /// What was decided.
    pub decision: DecisionCode,
    /// Class of the purpose.
    pub purpose: u16,
    /// The gate's signature.
    pub signature: [u8; 64],
    /// Opens the payload commitment.
    pub blind: [u8; 32],
    /// Nonce of the sealed payload.
    pub nonce: [u8; 24],
    /// The sealed payload.
    pub ciphertext: Vec<u8>,
}

/// A notice in the log, with the proof that it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeProof {
    /// Index of the notice.
    pub index: u64,
    /// The leaf.
    pub leaf: Leaf,
    /// Inclusion path in the checkpoint's tree, or in that of the later one.
    pub path: Vec<Hash>,
}

/// An entry that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedEntry {
    /// Index in the log.
    pub index: u64,
    /// The row as it was.
    pub shown: ShownRow,
    /// What it says.
    pub payload: Payload,
}

/// An entry whose content is erased or kept back, with what its notice says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedEntry {
    /// Index in the log.
    pub index: u64,
    /// Index of the notice.
    pub notice: u64,
    /// Why it is not shown.
    pub why: Noted,
}

/// Why an entry is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// Its row was erased.
    Erased,
    /// It is kept back.
    KeptBack {
        /// How.
        kind: KeepingKind,
        /// Until when, Unix seconds; 0 where no day is set.
        until: u64,
        /// The ground, in words.
        ground: String,
    },
}

impl From<&Row> for ShownRow {
    fn from(row: &Row) -> Self {
        let facts = row.record.facts;
        Self {
            kind: facts.kind,
            salt: row.salt,
            time_ms: facts.time_ms,
            gate: facts.gate,
            decision: facts.decision,
            purpose: facts.purpose,
            signature: row.record.signature,
            blind: row.blind,
            nonce: row.nonce,
            ciphertext: row.ciphertext.clone(),
        }
    }
}
