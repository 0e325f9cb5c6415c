//! What opens a leaf, and how a bundle of it travels.

use std::fmt;

use crate::entry::LeafKind;
use crate::record::RECORD_BYTES;

/// What is shown to an auditor for one leaf.
///
/// | leaf | bytes |
/// |---|---|
/// | access, sealed access, unseal | salt of 32 bytes ‖ record of 149 |
/// | enrolment | the tags, 32 bytes each, ascending |
/// | policy anchor | the anchor document |
/// | any other | none |
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opening<'a> {
    /// Nothing, be it that nothing is needed or that the row is gone.
    Nothing,
    /// Salt and record.
    Record {
        /// Salt of the commitment.
        salt: &'a [u8; 32],
        /// The record's 149 bytes.
        record: &'a [u8],
    },
    /// The enrolled tags.
    Tags(&'a [[u8; 32]]),
    /// The anchor document.
    Document(&'a [u8]),
    /// Something that cannot open a leaf of this type.
    Malformed,
}

impl<'a> Opening<'a> {
    /// Reads what was sent for a leaf; no bytes mean that nothing opens it.
    #[must_use]
    pub fn read(leaf: &[u8], bytes: &'a [u8]) -> Self {
        let kind = leaf.first().copied().and_then(LeafKind::from_code);
        match kind {
            _ if bytes.is_empty() => Self::Nothing,
            Some(LeafKind::Access | LeafKind::Sealed | LeafKind::Unseal) => {
                match bytes.split_first_chunk::<32>() {
                    Some((salt, record)) if record.len() == RECORD_BYTES => {
                        Self::Record { salt, record }
                    }
                    _ => Self::Malformed,
                }
            }
            Some(LeafKind::Enrolment) => match bytes.as_chunks::<32>() {
                (tags, []) => Self::Tags(tags),
                _ => Self::Malformed,
            },
            Some(LeafKind::PolicyAnchor) => Self::Document(bytes),
            _ => Self::Malformed,
        }
    }

    /// The bytes that [`Opening::read`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Nothing | Self::Malformed => Vec::new(),
            Self::Record { salt, record } => [salt.as_slice(), record].concat(),
            Self::Tags(tags) => tags.concat(),
            Self::Document(bytes) => bytes.to_vec(),
        }
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Record { .. } => "Record(secret)",
            Self::Tags(_) => "Tags(secret)",
            Self::Document(_) => "Document",
            Self::Malformed => "Malformed",
        })
    }
}

/// Appends what opens one leaf to a bundle: its length as `u32`, then the bytes.
///
/// Gives `false`, and appends nothing, when it is longer than the length field can say.
pub fn push_opening(bundle: &mut Vec<u8>, opening: &[u8]) -> bool {
    let Ok(length) = u32::try_from(opening.len()) else {
        return false;
    };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(opening);
    true
}

/// Takes a bundle of exactly `width` openings apart; `None` when it is anything else.
#[must_use]
pub fn parse_openings(bytes: &[u8], width: u16) -> Option<Vec<&[u8]>> {
    let mut rest = bytes;
    let mut openings = Vec::with_capacity(usize::from(width));
    for _ in 0..width {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (opening, after) = after.split_at_checked(length)?;
        openings.push(opening);
        rest = after;
    }
    rest.is_empty().then_some(openings)
}
