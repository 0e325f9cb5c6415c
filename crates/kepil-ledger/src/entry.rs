//! What stands in the log: public leaves, and what they commit to.
//!
//! The layouts are those of `docs/src/ledger-format.md`, version 1.

mod leaf;

pub use leaf::{
    EmbargoExtension, Enrolment, ErasureDegree, ErasureNotice, KeepingBack, KeepingKind, MapHead,
    MapRow,
};

use std::fmt;

use crate::hash::{self, Hash};
use crate::period::Period;

/// Bytes of an access leaf: the type and the commitment.
pub const ACCESS_LEAF_BYTES: usize = 33;

/// The kinds of leaf of the format, version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LeafKind {
    /// One use of one person's data.
    Access = 0x01,
    /// Roots of the months' maps.
    MapHead = 0x02,
    /// Tags enrolled in a month's map.
    Enrolment = 0x03,
    /// A use that a court ordered to be shown later.
    Sealed = 0x04,
    /// A sealed use comes to light.
    Unseal = 0x05,
    /// Rows were erased.
    Erasure = 0x06,
    /// Hash of the anchor document: law packs, gate keys, policy.
    PolicyAnchor = 0x07,
    /// The last checkpoint of the log before this one.
    ShardLink = 0x08,
    /// The content of an entry is kept back from its person.
    KeepingBack = 0x09,
    /// A sealed use stays sealed for longer.
    EmbargoExtension = 0x0A,
}

impl LeafKind {
    /// The kind with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x01 => Self::Access,
            0x02 => Self::MapHead,
            0x03 => Self::Enrolment,
            0x04 => Self::Sealed,
            0x05 => Self::Unseal,
            0x06 => Self::Erasure,
            0x07 => Self::PolicyAnchor,
            0x08 => Self::ShardLink,
            0x09 => Self::KeepingBack,
            0x0A => Self::EmbargoExtension,
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
    #[error("reading a leaf of type {kind:?}: {found} bytes are not its length")]
    Length {
        /// The kind.
        kind: LeafKind,
        /// Length found.
        found: usize,
    },
    /// A field holds what its type does not allow.
    #[error("reading a leaf of type {kind:?}: its {field} is impossible")]
    Field {
        /// The kind.
        kind: LeafKind,
        /// Which field.
        field: &'static str,
    },
}

/// A public leaf: all that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaf {
    /// One use of one person's data.
    Access(Commitment),
    /// Roots of the months' maps.
    MapHead(MapHead),
    /// Tags enrolled in a month's map.
    Enrolment(Enrolment),
    /// A use that a court ordered to be shown later.
    Sealed {
        /// Commitment to the sealed record.
        commitment: Commitment,
        /// Month at whose end it opens at the latest.
        embargo: Period,
    },
    /// A sealed use comes to light.
    Unseal {
        /// Index of the sealed leaf.
        sealed: u64,
        /// Commitment to the person's new record.
        commitment: Commitment,
    },
    /// Rows were erased.
    Erasure(ErasureNotice),
    /// SHA-256 of the anchor document.
    PolicyAnchor(Hash),
    /// The content of an entry is kept back from its person.
    KeepingBack(KeepingBack),
    /// A sealed use stays sealed for longer.
    EmbargoExtension(EmbargoExtension),
}

impl Leaf {
    /// The leaf's hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash::leaf(&self.to_bytes())
    }

    /// The commitment that enters a person's chain; `None` for leaves in nobody's map.
    #[must_use]
    pub const fn chained(&self) -> Option<&Commitment> {
        match self {
            Self::Access(commitment) | Self::Unseal { commitment, .. } => Some(commitment),
            _ => None,
        }
    }

    /// The commitment to a record, be it in a person's chain or sealed.
    #[must_use]
    pub const fn commitment(&self) -> Option<&Commitment> {
        match self {
            Self::Sealed { commitment, .. } => Some(commitment),
            _ => self.chained(),
        }
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

    /// Takes the 32 bytes as they stand in a leaf.
    #[must_use]
    pub const fn from_hash(hash: Hash) -> Self {
        Self(hash)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_hash(&self) -> &Hash {
        &self.0
    }
}

/// What opens a leaf: the record and the salt of its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// 32 fresh random bytes; one salt for one entry, never used again.
    pub salt: [u8; 32],
    /// The record.
    pub record: Vec<u8>,
}

impl Opening {
    /// The access leaf of this record.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        Leaf::Access(Commitment::of(&self.salt, &self.record))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("salt", &"(secret)")
            .field("record", &format_args!("({} bytes)", self.record.len()))
            .finish()
    }
}
