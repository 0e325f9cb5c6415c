//! What an entry is: a public leaf, and the private record it commits to.

use std::fmt;

use crate::hash::{self, Hash};

/// Bytes of an access leaf: the type and the commitment.
pub const ACCESS_LEAF_BYTES: usize = 33;

/// The kinds of leaf of the ledger's format, version 1.
///
/// Only access leaves are written so far; the other codes are reserved, so that a
/// reader can tell *written by a newer Kepil* from *damaged*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LeafKind {
    /// One use of one person's data.
    Access = 0x01,
    /// Root of the month's map.
    MapHead = 0x02,
    /// Root of the directory of persons' tags.
    DirectoryHead = 0x03,
    /// A use that a court ordered to be shown later.
    Sealed = 0x04,
    /// A sealed use comes to light.
    Unseal = 0x05,
    /// Rows were erased.
    Erasure = 0x06,
    /// Hashes of law packs, gate keys and policies.
    PolicyAnchor = 0x07,
    /// The last checkpoint of the log before this one.
    ShardLink = 0x08,
}

impl LeafKind {
    /// The kind with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x01 => Self::Access,
            0x02 => Self::MapHead,
            0x03 => Self::DirectoryHead,
            0x04 => Self::Sealed,
            0x05 => Self::Unseal,
            0x06 => Self::Erasure,
            0x07 => Self::PolicyAnchor,
            0x08 => Self::ShardLink,
            _ => return None,
        })
    }
}

/// Why bytes are not a leaf that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// A leaf has at least its type.
    #[error("reading a leaf: it is empty")]
    Empty,
    /// No version of the format has this type.
    #[error("reading a leaf: type {code:#04x} is unknown")]
    UnknownKind {
        /// The type byte.
        code: u8,
    },
    /// The type exists in the format but this version does not read it.
    #[error("reading a leaf: type {kind:?} is reserved for a newer version")]
    Reserved {
        /// The kind.
        kind: LeafKind,
    },
    /// The type demands another length.
    #[error("reading a leaf of type {kind:?}: {found} bytes instead of {expected}")]
    Length {
        /// The kind.
        kind: LeafKind,
        /// Length the kind has.
        expected: usize,
        /// Length found.
        found: usize,
    },
}

/// A public leaf: all that stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaf {
    /// One use of one person's data: `0x01 ‖ commitment`.
    Access(Commitment),
}

impl Leaf {
    /// Reads a leaf; unknown types and wrong lengths are refused, never skipped.
    ///
    /// # Errors
    ///
    /// When the type is unknown or reserved, or the length is not the type's.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let (&code, rest) = bytes.split_first().ok_or(LeafError::Empty)?;
        match LeafKind::from_code(code).ok_or(LeafError::UnknownKind { code })? {
            kind @ LeafKind::Access => {
                let commitment: [u8; 32] = rest.try_into().map_err(|_| LeafError::Length {
                    kind,
                    expected: ACCESS_LEAF_BYTES,
                    found: bytes.len(),
                })?;
                Ok(Self::Access(Commitment(Hash::new(commitment))))
            }
            kind => Err(LeafError::Reserved { kind }),
        }
    }

    /// The bytes that stand in the log.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self::Access(Commitment(hash)) = self;
        let mut bytes = Vec::with_capacity(ACCESS_LEAF_BYTES);
        bytes.push(LeafKind::Access as u8);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    /// The leaf's hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash::leaf(&self.to_bytes())
    }

    /// The commitment to the record.
    #[must_use]
    pub const fn commitment(&self) -> &Commitment {
        let Self::Access(commitment) = self;
        commitment
    }
}

/// Binds a leaf to its record without showing it: `HMAC-SHA256(salt, record)`.
///
/// As long as the salt is secret nobody can guess the record from it; once the salt
/// is destroyed nobody can open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(Hash);

impl Commitment {
    /// Commits to a record under a fresh random salt.
    #[must_use]
    pub fn of(salt: &[u8; 32], record: &[u8]) -> Self {
        Self(hash::mac(salt, record))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_hash(&self) -> &Hash {
        &self.0
    }
}

/// What a caller appends: a record, and the salt of its commitment.
///
/// The record is opaque to the ledger and stays off the public log, in the private
/// part of the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// 32 fresh random bytes; one salt for one entry, never used again.
    pub salt: [u8; 32],
    /// The record.
    pub record: Vec<u8>,
}

impl Draft {
    /// The public leaf of this record.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        Leaf::Access(Commitment::of(&self.salt, &self.record))
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("salt", &"(secret)")
            .field("record", &format_args!("({} bytes)", self.record.len()))
            .finish()
    }
}
