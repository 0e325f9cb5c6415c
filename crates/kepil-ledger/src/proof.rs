//! Offline proofs (C2SP `tlog-proof`): that an entry stands in a log others have seen.
//!
//! ```text
//! c2sp.org/tlog-proof@v1\n
//! extra <base64>\n              may be absent
//! index <decimal>\n
//! <base64 hash>\n               the leaf's sibling first; one a line
//! \n
//! <checkpoint with its signatures>
//! ```
//!
//! Nothing of it is to be trusted as it stands: the checkpoint is checked by a
//! [`crate::policy`], index and path by [`TlogProof::verify_inclusion`], and `extra` by
//! whoever gives it a meaning.

use std::fmt;

use crate::checkpoint::{self, CheckpointError, SignedCheckpoint};
use crate::encoding::{decimal, from_base64, to_base64};
use crate::hash::Hash;
use crate::tree::{ProofError, verify_inclusion};

/// Longest proof that is read, in bytes.
pub const MAX_PROOF_BYTES: usize = 16 * 1024 * 1024;

/// Longest inclusion path of any tree with a size of 64 bits.
pub const MAX_PATH_HASHES: usize = 64;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof as read from a file, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What the application adds; authenticated by nothing here.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Inclusion path of the entry, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The checkpoint as published.
    pub checkpoint: SignedCheckpoint,
}

/// Why bytes are not a proof file; the code of all of them is `malformed`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The file is longer than [`MAX_PROOF_BYTES`].
    #[error("reading a proof: {found} bytes are too many")]
    TooLong {
        /// Number of bytes found.
        found: usize,
    },
    /// No empty line parts the proof from the checkpoint.
    #[error("reading a proof: no empty line before the checkpoint")]
    NoCheckpoint,
    /// The first line is another one.
    #[error("reading a proof: the first line is not `{FIRST_LINE}`")]
    FirstLine,
    /// The extra data is not canonical base64.
    #[error("reading a proof: its extra data is not base64")]
    Extra,
    /// The index is missing or not a number.
    #[error("reading a proof: it has no index")]
    Index,
    /// A line of the path is not a hash.
    #[error("reading a proof: hash {at} of the path is malformed")]
    Hash {
        /// Number of the hash, from 1.
        at: usize,
    },
    /// More hashes than [`MAX_PATH_HASHES`].
    #[error("reading a proof: the path is too long")]
    LongPath,
    /// The checkpoint does not read.
    #[error("reading a proof")]
    Checkpoint(#[from] CheckpointError),
}

impl TlogProofError {
    /// The code of the ledger's format for a file that is not strictly of its form.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "malformed"
    }
}

impl TlogProof {
    /// Reads a proof file strictly; what it writes again is the same bytes.
    ///
    /// # Errors
    ///
    /// When anything differs from the specification.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(TlogProofError::TooLong { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TlogProofError::FirstLine)?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(TlogProofError::FirstLine);
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra
            .and_then(|line| line.strip_prefix("extra "))
            .map(|encoded| from_base64(encoded).ok_or(TlogProofError::Extra))
            .transpose()?;
        let index = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("index ")?))
            .ok_or(TlogProofError::Index)?;
        let mut path = Vec::new();
        for (at, line) in lines.enumerate() {
            if at == MAX_PATH_HASHES {
                return Err(TlogProofError::LongPath);
            }
            path.push(Hash::from_base64(line).ok_or(TlogProofError::Hash { at: at + 1 })?);
        }
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint::parse(checkpoint.as_bytes())?,
        })
    }

    /// Checks that an entry with this leaf hash stands at the index under the checkpoint.
    ///
    /// The checkpoint itself is not checked here: see [`crate::policy::Policy`].
    ///
    /// # Errors
    ///
    /// When the index is not in the tree, or the path has the wrong length or root.
    pub fn verify_inclusion(&self, leaf: &Hash) -> Result<(), ProofError> {
        let checkpoint = self.checkpoint.unverified();
        let (size, root) = (checkpoint.size, &checkpoint.root);
        verify_inclusion(leaf, self.index, size, &self.path, root)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
