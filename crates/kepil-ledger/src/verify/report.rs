//! What a check found, in words that can be handed on.

use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::error::in_one_line;
use crate::hash::Hash;
use crate::note::VerifyingKey;
use crate::receipt::{Receipt, RecordCheck, Verified};
use crate::tile::FetchError;

/// Findings that are listed; more are only counted.
const MAX_LISTED: usize = 100;

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of fault.
    pub kind: FindingKind,
    /// Where: a file of the log, an entry, a receipt.
    pub place: String,
    /// What it means, in plain words.
    pub meaning: String,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A file does not exist.
    Missing,
    /// A file could not be read.
    Unreadable,
    /// A file is not of its format.
    Malformed,
    /// The checkpoint is not signed by the log's key.
    Signature,
    /// A leaf of unknown type or wrong length.
    UnknownLeaf,
    /// An entry does not hash to its place in the level-0 tile.
    EntryMismatch,
    /// A tile does not hash to its place in the tile above, or not to the root.
    TileMismatch,
    /// The rebuilt root is not the signed one.
    RootMismatch,
    /// The log is not a continuation of the older checkpoint.
    Rewritten,
    /// The receipt proves nothing.
    Receipt,
    /// The log shows another leaf than the one it gave a receipt for.
    Contradicted,
}

/// Size and root a log signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogState {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

/// Result of checking a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the log.
    pub origin: String,
    /// The public key everything was checked with.
    pub key: String,
    /// What the log signed; absent when there is no checkpoint to believe.
    pub signed: Option<LogState>,
    /// Number of entries read and hashed.
    pub entries_checked: u64,
    /// Number of tiles read and compared.
    pub tiles_checked: u64,
    /// The first hundred faults, in the order they were met.
    pub findings: Vec<Finding>,
    /// Number of faults beyond those listed.
    pub findings_not_listed: u64,
}

impl Report {
    pub(super) fn new(
        key: &VerifyingKey,
        signed: Option<&Checkpoint>,
        entries_checked: u64,
        tiles_checked: u64,
        findings: Findings,
    ) -> Self {
        Self {
            origin: key.name().to_string(),
            key: key.to_string(),
            signed: signed.map(LogState::of),
            entries_checked,
            tiles_checked,
            findings: findings.listed,
            findings_not_listed: findings.not_listed,
        }
    }

    /// True when nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.signed.is_some()
    }
}

impl LogState {
    const fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            size: checkpoint.size,
            root: checkpoint.root,
        }
    }
}

/// How a receipt stands against the published log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The leaf is in the log at its index.
    Included,
    /// The receipt is good; the log has not published this far yet.
    NotYetPublished,
    /// The log shows another leaf at this index: a broken promise.
    Contradicted,
    /// The receipt itself proves nothing.
    Broken,
    /// The receipt is good, but the log could not be read or checked.
    Unknown,
}

/// Result of checking a receipt against a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptReport {
    /// Name of the log.
    pub origin: String,
    /// Index the receipt speaks of.
    pub index: u64,
    /// How it stands.
    pub standing: Standing,
    /// Time in the receipt, Unix milliseconds; absent when it proves nothing.
    pub time_ms: Option<u64>,
    /// True when the receipt carries the record and the leaf commits to it.
    pub record_matches: bool,
    /// What the log signed.
    pub signed: Option<LogState>,
    /// Faults.
    pub findings: Vec<Finding>,
}

impl ReceiptReport {
    pub(super) fn new(
        receipt: &Receipt,
        standing: Standing,
        verified: Option<Verified>,
        signed: Option<&Checkpoint>,
        findings: Findings,
    ) -> Self {
        Self {
            origin: receipt.origin().to_string(),
            index: receipt.index(),
            standing,
            time_ms: verified.map(|verified| verified.time_ms),
            record_matches: verified.map(|verified| verified.record) == Some(RecordCheck::Matches),
            signed: signed.map(LogState::of),
            findings: findings.listed,
        }
    }
}

/// Collects findings up to a limit.
#[derive(Debug, Default)]
pub(super) struct Findings {
    listed: Vec<Finding>,
    not_listed: u64,
}

impl Findings {
    pub(super) fn add(&mut self, kind: FindingKind, place: &str, meaning: String) {
        if self.listed.len() == MAX_LISTED {
            self.not_listed += 1;
        } else {
            self.listed.push(Finding {
                kind,
                place: place.to_owned(),
                meaning,
            });
        }
    }

    pub(super) fn fetch(&mut self, error: &FetchError, consequence: &str) {
        let (kind, place) = match error {
            FetchError::Source(error) => (FindingKind::Unreadable, error.path.clone()),
            FetchError::Missing { path } => (FindingKind::Missing, path.to_string()),
            FetchError::Malformed { path, .. } | FetchError::Width { path, .. } => {
                (FindingKind::Malformed, path.to_string())
            }
            FetchError::Proof(_) => (FindingKind::TileMismatch, "proof".to_owned()),
        };
        self.add(
            kind,
            &place,
            format!("{}; {consequence}", in_one_line(error)),
        );
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.meaning)
    }
}
