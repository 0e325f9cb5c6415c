//! Segments: the files in which entries are durable.
//!
//! A segment is a file of fixed size, written full of zeros ahead of its use. Its first
//! block is the header, written when the segment is taken into use; then come frames
//! ([`frame`]), each from a block boundary, one for one write. All numbers are big-endian.
//!
//! | offset | size | field of the header |
//! |---:|---:|---|
//! | 0 | 8 | magic `KEPILSEG` |
//! | 8 | 4 | version = 2 |
//! | 12 | 8 | epoch, repeated in every frame |
//! | 20 | 8 | number of the segment, from 0 |
//! | 28 | 8 | index of the first entry |
//! | 36 | 32 | root of the tree before it |
//! | 68 | 2 | length of the origin |
//! | 70 | … | origin |
//! | … | 4 | CRC-32 (IEEE) of all before it |

pub(crate) mod frame;
pub(crate) mod scan;

use std::path::{Path, PathBuf};

use kepil_ledger::fields::Fields;
use kepil_ledger::hash::{self, Hash};

use crate::disk::BLOCK_BYTES;

const MAGIC: &[u8; 8] = b"KEPILSEG";
const VERSION: u32 = 2;
const EXTENSION: &str = "segment";

/// Length of the header block; frames begin behind it.
pub(crate) const HEADER_BYTES: u64 = BLOCK_BYTES as u64;

/// Longest origin a header has room for.
pub(crate) const MAX_ORIGIN_BYTES: usize = 1024;

/// What the first block of a segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) root: Hash,
    pub(crate) origin: String,
}

/// Where a segment begins; its number is its place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentStart {
    pub(crate) epoch: u64,
    /// Index of the first entry.
    pub(crate) first: u64,
}

/// What the first block of a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderBlock {
    /// A segment in use.
    Used(Header),
    /// Zeros only: a segment prepared and not yet used.
    Unused,
    /// Neither.
    Damaged,
}

impl Header {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let origin = self.origin.as_bytes();
        let mut bytes = Vec::with_capacity(BLOCK_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(self.root.as_bytes());
        // INVARIANT: the log refuses origins longer than `MAX_ORIGIN_BYTES`.
        bytes.extend_from_slice(
            &u16::try_from(origin.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        bytes.extend_from_slice(origin);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes
    }

    pub(crate) fn parse(block: &[u8]) -> HeaderBlock {
        if block.iter().all(|byte| *byte == 0) {
            return HeaderBlock::Unused;
        }
        Self::parse_used(block).map_or(HeaderBlock::Damaged, HeaderBlock::Used)
    }

    fn parse_used(block: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(block);
        let is_known = fields.array::<8>()? == *MAGIC && fields.u32()? == VERSION;
        let (epoch, number, first) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let root = Hash::new(fields.array()?);
        let length = usize::from(fields.u16()?);
        let origin = fields.bytes(length)?;
        let covered = block.get(..block.len() - fields.rest().len())?;
        let is_whole = fields.u32()? == crc32fast::hash(covered);
        let origin = String::from_utf8(origin.to_vec()).ok()?;
        (is_known && is_whole).then_some(Self {
            epoch,
            number,
            first,
            root,
            origin,
        })
    }
}

/// The epoch of a segment: no other segment, of this log or another, has the same.
///
/// It is derived under the log's secret, so a record that somebody sends in cannot
/// imitate a frame of the segment it will be stored in.
pub(crate) fn epoch(secret: &[u8; 32], number: u64, first: u64, root: &Hash, time_ms: u64) -> u64 {
    let mut message = b"kepil-segment-epoch/v1".to_vec();
    message.extend_from_slice(&number.to_be_bytes());
    message.extend_from_slice(&first.to_be_bytes());
    message.extend_from_slice(root.as_bytes());
    message.extend_from_slice(&time_ms.to_be_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash::mac(secret, &message).as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Path of a segment.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.{EXTENSION}"))
}

/// Number of the segment with this file name, `None` for other files.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let number: u64 = name.split_once('.')?.0.parse().ok()?;
    (self::path(Path::new(""), number).to_str()? == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            epoch: 5,
            number: 3,
            first: 77,
            root: hash::empty(),
            origin: "log.example".to_owned(),
        }
    }

    #[test]
    fn a_header_round_trips_and_no_flipped_bit_passes() {
        let mut block = header().to_bytes();
        let length = block.len();
        block.resize(BLOCK_BYTES, 0);
        assert_eq!(Header::parse(&block), HeaderBlock::Used(header()));
        for bit in 0..length * 8 {
            let mut bad = block.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&bad), HeaderBlock::Damaged, "bit {bit}");
        }
        assert_eq!(Header::parse(&[0; BLOCK_BYTES]), HeaderBlock::Unused);
        assert_eq!(Header::parse(&[]), HeaderBlock::Unused);
        assert_eq!(Header::parse(&[1; 10]), HeaderBlock::Damaged);
    }

    #[test]
    fn file_names_have_one_spelling() {
        let path = path(Path::new("/data"), 42);
        assert_eq!(path, Path::new("/data/000000000042.segment"));
        assert_eq!(number_of(&path), Some(42));
        for name in [
            "42.segment",
            "000000000042.new",
            "x.segment",
            "+00000000042.segment",
            "a",
        ] {
            assert_eq!(number_of(Path::new(name)), None, "{name}");
        }
    }
}
