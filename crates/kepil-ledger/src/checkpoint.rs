//! Checkpoints (C2SP `tlog-checkpoint`): the signed size and root of a log.
//!
//! ```text
//! <origin>\n
//! <size, decimal>\n
//! <base64 root>\n
//! \n
//! — <origin> <base64(key id ‖ signature)>\n
//! ```
//!
//! The three lines are the signed text. Extension lines are refused: what Kepil has
//! to say beyond size and root it says in leaves, which every cosigner signs.

use std::fmt;

use crate::encoding::decimal;
use crate::hash::{self, Hash};
use crate::note::{
    self, KeyName, Note, NoteError, Signature, SignatureError, Signer, VerifyingKey,
};

/// Size and root of a log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: KeyName,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over these entries.
    pub root: Hash,
}

/// A checkpoint whose signatures have been read but not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Why bytes are not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are not a signed note.
    #[error("reading a checkpoint")]
    Note(#[from] NoteError),
    /// The text has fewer or more than three lines.
    #[error("reading a checkpoint: its text has {found} lines instead of 3")]
    Lines {
        /// Number of lines found.
        found: usize,
    },
    /// The first line is not a log's name.
    #[error("reading a checkpoint: the origin is not a log's name")]
    Origin,
    /// The second line is not a decimal number.
    #[error("reading a checkpoint: the size is not a number")]
    Size,
    /// The third line is not a hash, or not the empty tree's where the size is 0.
    #[error("reading a checkpoint: the root is not a hash for this size")]
    Root,
}

/// Why a checkpoint is not a log's word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The checkpoint speaks for another log than the key.
    #[error("trusting a checkpoint: it is of `{found}`, the key of `{expected}`")]
    OtherLog {
        /// Name of the key.
        expected: KeyName,
        /// Origin in the checkpoint.
        found: KeyName,
    },
    /// None of the keys is of the log that the checkpoint speaks for.
    #[error("trusting a checkpoint: `{found}` is not a log that is known here")]
    UnknownLog {
        /// Origin in the checkpoint.
        found: KeyName,
    },
    /// The log's signature is missing or bad.
    #[error("trusting a checkpoint")]
    Signature(#[from] SignatureError),
}

impl Checkpoint {
    /// The three lines that are signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            self.root.to_base64()
        )
    }

    /// The signed note, as published.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        let text = self.to_text();
        let signature = signer.sign(&text);
        format!("{text}\n{signature}\n")
    }

    fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text
            .strip_suffix('\n')
            .unwrap_or(text)
            .split('\n')
            .collect();
        let [origin, size, root] = *lines.as_slice() else {
            return Err(CheckpointError::Lines { found: lines.len() });
        };
        let origin = KeyName::new(origin).map_err(|_| CheckpointError::Origin)?;
        let size = decimal(size).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root)
            .filter(|root| size != 0 || *root == hash::empty())
            .ok_or(CheckpointError::Root)?;
        Ok(Self { origin, size, root })
    }
}

/// Reads a signed checkpoint strictly; trust it only after [`SignedCheckpoint::verify`].
///
/// # Errors
///
/// When it is not a signed note, or its text is not the three lines.
pub fn parse(bytes: &[u8]) -> Result<SignedCheckpoint, CheckpointError> {
    let note = note::parse(bytes)?;
    let checkpoint = Checkpoint::parse_text(note.text())?;
    Ok(SignedCheckpoint { checkpoint, note })
}

impl SignedCheckpoint {
    /// The signed note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// What it says, without a check of who says so.
    #[must_use]
    pub const fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Adds a signature line, such as a witness's.
    ///
    /// # Errors
    ///
    /// When the note has as many lines as are read, or becomes too long to be read.
    pub fn append(&mut self, signature: Signature) -> Result<(), NoteError> {
        self.note.append(signature)
    }

    /// Keeps the signature lines that a rule accepts; there may be none left.
    pub fn retain(&mut self, is_kept: impl FnMut(&Signature) -> bool) {
        self.note.retain(is_kept);
    }

    /// Checks that the log of this key signed it.
    ///
    /// # Errors
    ///
    /// When it is another log's, or the log's signature is missing or bad.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&Checkpoint, TrustError> {
        if self.checkpoint.origin != *key.name() {
            return Err(TrustError::OtherLog {
                expected: key.name().clone(),
                found: self.checkpoint.origin.clone(),
            });
        }
        self.note.verify(key)?;
        Ok(&self.checkpoint)
    }

    /// Checks that its log signed it with one of several keys, as while keys change over.
    ///
    /// Keys of other logs are passed over.
    ///
    /// # Errors
    ///
    /// When no key is of its log, no line is by these keys, or any line by them is bad.
    pub fn verify_any<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a VerifyingKey>,
    ) -> Result<&Checkpoint, TrustError> {
        let origin = &self.checkpoint.origin;
        let mut missing = None;
        let mut is_signed = false;
        for key in keys.into_iter().filter(|key| key.name() == origin) {
            match self.note.verify(key) {
                Ok(()) => is_signed = true,
                Err(error @ SignatureError::NotSigned { .. }) => missing = Some(error),
                Err(error @ SignatureError::Bad { .. }) => return Err(error.into()),
            }
        }
        match missing {
            _ if is_signed => Ok(&self.checkpoint),
            Some(error) => Err(error.into()),
            None => Err(TrustError::UnknownLog {
                found: origin.clone(),
            }),
        }
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}
