//! What a witness is asked and what it decides (C2SP `tlog-witness`).
//!
//! ```text
//! old <size>\n
//! <base64 hash>\n               consistency proof from the old size; one a line
//! \n
//! <checkpoint with the log's signature>
//! ```
//!
//! A witness holds one [`TreeHead`] per log. [`decide`] says whether a request leads on
//! from it. Whoever calls it must make the new head durable *before* a cosignature leaves,
//! and let nobody else decide on the same log in between: otherwise a crash or a race
//! could have two histories signed.

use std::fmt;

use crate::checkpoint::{self, CheckpointError, SignedCheckpoint, TrustError};
use crate::encoding::decimal;
use crate::hash::{self, Hash};
use crate::note::{KeyName, MAX_NOTE_BYTES, SignatureError, VerifyingKey};
use crate::tree::{ProofError, verify_consistency};

/// Most hashes of a consistency proof that may be sent.
pub const MAX_PROOF_HASHES: usize = 63;

/// Longest body of a request: the longest note, the proof and the line before it.
pub const MAX_REQUEST_BYTES: usize = MAX_NOTE_BYTES + 64 * 45;

/// Media type of the body that names the size a witness knows.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// The body of an `add-checkpoint` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the tree the witness is thought to know.
    pub old: u64,
    /// Proof that the tree of the old size is the beginning of the checkpoint's.
    pub proof: Vec<Hash>,
    /// The checkpoint to cosign.
    pub checkpoint: SignedCheckpoint,
}

/// Size and root of the latest tree that a witness cosigned for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over these entries.
    pub root: Hash,
}

/// Why bytes are not an `add-checkpoint` request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddCheckpointError {
    /// The body is longer than [`MAX_REQUEST_BYTES`].
    #[error("reading an add-checkpoint request: {found} bytes are too many")]
    TooLong {
        /// Number of bytes found.
        found: usize,
    },
    /// No empty line parts the proof from the checkpoint.
    #[error("reading an add-checkpoint request: no empty line before the checkpoint")]
    NoCheckpoint,
    /// The first line is not `old <size>`.
    #[error("reading an add-checkpoint request: the first line is not `old <size>`")]
    OldSize,
    /// A line of the proof is not a hash.
    #[error("reading an add-checkpoint request: hash {at} of the proof is malformed")]
    Hash {
        /// Number of the hash, from 1.
        at: usize,
    },
    /// More hashes than [`MAX_PROOF_HASHES`].
    #[error("reading an add-checkpoint request: the proof has more than {MAX_PROOF_HASHES} hashes")]
    LongProof,
    /// The checkpoint does not read.
    #[error("reading an add-checkpoint request")]
    Checkpoint(#[from] CheckpointError),
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request does not read, or its old size is above the new one.
    #[error("the request is malformed")]
    Malformed(#[from] AddCheckpointError),
    /// The old size is larger than the checkpoint's.
    #[error("the old size {old} is larger than the checkpoint's, {size}")]
    Shrinks {
        /// Old size of the request.
        old: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The witness has no key for this log.
    #[error("the checkpoint is not of a log that is witnessed here")]
    UnknownLog(#[source] TrustError),
    /// None of the log's trusted keys signed, or one of their signatures is bad.
    #[error("the checkpoint is not signed by its log")]
    Untrusted(#[source] SignatureError),
    /// The witness knows another size than the request's old size.
    #[error("the latest checkpoint cosigned here has {known} entries")]
    OtherSize {
        /// Size of the latest checkpoint cosigned.
        known: u64,
    },
    /// The witness cosigned another tree of the same size: the log has two histories.
    #[error("another tree of {size} entries has been cosigned here: keep both, both are signed")]
    Fork {
        /// Size of both trees.
        size: u64,
    },
    /// The proof does not lead from the tree known to the checkpoint's.
    #[error("the checkpoint does not continue the latest one cosigned here")]
    Inconsistent(#[source] ProofError),
}

impl Refusal {
    /// The HTTP status that the specification gives it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Shrinks { .. } => 400,
            Self::Untrusted(_) => 403,
            Self::UnknownLog(_) => 404,
            Self::OtherSize { .. } | Self::Fork { .. } => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// Reads the body of a request strictly.
    ///
    /// # Errors
    ///
    /// When anything differs from the specification.
    pub fn parse(bytes: &[u8]) -> Result<Self, AddCheckpointError> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(AddCheckpointError::TooLong { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| AddCheckpointError::OldSize)?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(AddCheckpointError::NoCheckpoint)?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("old ")?))
            .ok_or(AddCheckpointError::OldSize)?;
        let mut proof = Vec::new();
        for (at, line) in lines.enumerate() {
            if at == MAX_PROOF_HASHES {
                return Err(AddCheckpointError::LongProof);
            }
            proof.push(Hash::from_base64(line).ok_or(AddCheckpointError::Hash { at: at + 1 })?);
        }
        Ok(Self {
            old,
            proof,
            checkpoint: checkpoint::parse(checkpoint.as_bytes())?,
        })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl TreeHead {
    /// The head of a log that was never cosigned.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            size: 0,
            root: hash::empty(),
        }
    }

    /// The head that a checkpoint names.
    #[must_use]
    pub const fn of(signed: &SignedCheckpoint) -> Self {
        let checkpoint = signed.unverified();
        Self {
            size: checkpoint.size,
            root: checkpoint.root,
        }
    }
}

/// What a log is called where a witness serves its latest checkpoint: SHA-256 of the origin.
#[must_use]
pub fn origin_hash(origin: &KeyName) -> Hash {
    Hash::new(hash::sha256(&[origin.as_str().as_bytes()]))
}

/// Decides on a request, given the keys trusted for logs and the head known of this log.
///
/// Gives the head that must be durable before the checkpoint's cosignature leaves.
///
/// # Errors
///
/// When the specification has the witness refuse; the checks run in its order.
pub fn decide<'a>(
    request: &AddCheckpoint,
    keys: impl IntoIterator<Item = &'a VerifyingKey>,
    known: TreeHead,
) -> Result<TreeHead, Refusal> {
    match request.checkpoint.verify_any(keys) {
        Ok(_) => {}
        Err(TrustError::Signature(error)) => return Err(Refusal::Untrusted(error)),
        Err(error) => return Err(Refusal::UnknownLog(error)),
    }
    let new = TreeHead::of(&request.checkpoint);
    if request.old > new.size {
        return Err(Refusal::Shrinks {
            old: request.old,
            size: new.size,
        });
    }
    if request.old != known.size {
        return Err(Refusal::OtherSize { known: known.size });
    }
    if new.size == known.size && new.root != known.root {
        return Err(Refusal::Fork { size: new.size });
    }
    verify_consistency(
        (known.size, &known.root),
        (new.size, &new.root),
        &request.proof,
    )
    .map_err(Refusal::Inconsistent)?;
    Ok(new)
}
