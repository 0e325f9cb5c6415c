//! Frames: one batch of entries, durable by one write.
//!
//! | offset | size | field |
//! |---:|---:|---|
//! | 0 | 4 | magic `KFRM` |
//! | 4 | 4 | length L of all but the checksum |
//! | 8 | 8 | epoch of the segment |
//! | 16 | 8 | index of the first entry |
//! | 24 | 4 | number of entries |
//! | 28 | 8 | time of the batch, Unix milliseconds |
//! | 36 | … | per entry: u16 length ‖ leaf ‖ u32 length ‖ booking ‖ u32 length ‖ u32 CRC-32 of the row ‖ row |
//! | L−32 | 32 | root of the log after this frame |
//! | L | 4 | CRC-32 (IEEE) of bytes 0..L without the rows |
//!
//! Rows have checksums of their own, so that one can be erased by writing zeros over it
//! while the frame stays whole. Zeros fill the last block.

use crc32fast::Hasher;
use kepil_ledger::entry::Leaf;
use kepil_ledger::fields::Fields;
use kepil_ledger::hash::Hash;

use crate::draft::Draft;

const MAGIC: &[u8; 4] = b"KFRM";

/// Bytes of a frame before its first entry.
pub(crate) const HEAD_BYTES: usize = 36;

/// Bytes of a frame behind its last entry: root and checksum.
const TAIL_BYTES: usize = 36;

/// Bytes an entry takes beside leaf, booking and row: three lengths and a checksum.
const ENTRY_BYTES: usize = 2 + 4 + 4 + 4;

/// One entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    pub(crate) leaf: Leaf,
    pub(crate) booking: Vec<u8>,
    pub(crate) row: Row,
    /// Where the row stands in the frame.
    pub(crate) place: RowPlace,
}

/// A row as found in a frame that is whole without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// The row that was written.
    Whole(Vec<u8>),
    /// Zeros: the row was erased.
    Erased,
    /// Neither: half an erasure, or damage.
    Damaged,
}

/// Where a row stands, counted from the start of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

/// One frame as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u64,
    pub(crate) time_ms: u64,
    pub(crate) entries: Vec<StoredEntry>,
    pub(crate) root: Hash,
    /// Length in bytes, checksum included, padding not.
    pub(crate) length: usize,
}

/// Why bytes are not the frame that should stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    /// No frame begins here, or not a whole one.
    #[error("no whole frame stands here")]
    NotAFrame,
    /// A frame of another segment's life.
    #[error("the frame is of another epoch")]
    Epoch,
    /// The checksum does not match.
    #[error("the checksum does not match")]
    Checksum,
    /// The checksum is good and the content is impossible: never the fault of a torn write.
    #[error("the checksum is good but the content is not a frame's")]
    Content,
}

/// Bytes an entry takes in a frame.
pub(crate) fn entry_bytes(leaf: usize, draft: &Draft) -> usize {
    ENTRY_BYTES + leaf + draft.booking.len() + draft.row.len()
}

/// Bytes of a frame whose entries take this many bytes.
pub(crate) const fn frame_bytes(entries: usize) -> usize {
    HEAD_BYTES + entries + TAIL_BYTES
}

/// Writes a frame piece by piece into a buffer that is used again.
#[derive(Debug)]
pub(crate) struct FrameWriter<'a> {
    bytes: &'a mut Vec<u8>,
    checksum: Hasher,
    /// Bytes before this one are in the checksum, or are rows.
    covered: usize,
}

impl<'a> FrameWriter<'a> {
    pub(crate) fn begin(
        bytes: &'a mut Vec<u8>,
        epoch: u64,
        first: u64,
        count: u32,
        time_ms: u64,
    ) -> Self {
        bytes.clear();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.extend_from_slice(&first.to_be_bytes());
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(&time_ms.to_be_bytes());
        Self {
            bytes,
            checksum: Hasher::new(),
            covered: HEAD_BYTES,
        }
    }

    fn cover(&mut self) {
        self.checksum
            .update(self.bytes.get(self.covered..).unwrap_or_default());
        self.covered = self.bytes.len();
    }

    pub(crate) fn entry(&mut self, leaf: &[u8], draft: &Draft) {
        // INVARIANT: leaves are shorter than 64 KiB and requests than 4 GiB; both are
        // limited long before they come here.
        let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(leaf);
        let length = u32::try_from(draft.booking.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&draft.booking);
        let length = u32::try_from(draft.row.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        let checksum = crc32fast::hash(&draft.row);
        self.bytes.extend_from_slice(&checksum.to_be_bytes());
        self.cover();
        self.bytes.extend_from_slice(&draft.row);
        self.covered = self.bytes.len();
    }

    pub(crate) fn finish(mut self, root: &Hash) {
        self.bytes.extend_from_slice(root.as_bytes());
        self.cover();
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        if let Some(field) = self.bytes.get_mut(4..8) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        let mut whole = Hasher::new();
        whole.update(self.bytes.get(..HEAD_BYTES).unwrap_or_default());
        whole.combine(&self.checksum);
        self.bytes
            .extend_from_slice(&whole.finalize().to_be_bytes());
    }
}

/// What the start of a frame says, unchecked: enough to go on to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peek {
    pub(crate) first: u64,
    pub(crate) count: u32,
    /// Length in bytes, checksum included, padding not.
    pub(crate) length: u64,
}

impl Peek {
    /// Reads the start of a frame of this epoch.
    pub(crate) fn parse(bytes: &[u8; HEAD_BYTES], epoch: u64) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let is_frame = fields.array::<4>()? == *MAGIC;
        let length = u64::from(fields.u32()?) + 4;
        let is_own = fields.u64()? == epoch;
        let (first, count) = (fields.u64()?, fields.u32()?);
        let is_long_enough = length >= (HEAD_BYTES + TAIL_BYTES) as u64;
        (is_frame && is_own && is_long_enough && count > 0).then_some(Self {
            first,
            count,
            length,
        })
    }
}

impl Frame {
    /// Reads the frame at the start of `bytes`; it may hold rows that are erased or damaged.
    pub(crate) fn parse(bytes: &[u8], epoch: u64) -> Result<Self, Misfit> {
        let (frame, checksum) = Self::split(bytes).ok_or(Misfit::NotAFrame)?;
        let mut fields = Fields::new(frame);
        let head = (|| {
            fields.bytes(8)?;
            Some((fields.u64()?, fields.u64()?, fields.u32()?, fields.u64()?))
        })();
        let (found, first, count, time_ms) = head.ok_or(Misfit::NotAFrame)?;
        if found != epoch {
            return Err(Misfit::Epoch);
        }
        // The rows lie between covered parts; where they lie is covered itself, so a torn
        // frame that leads astray here fails its checksum all the same.
        let mut covered = Hasher::new();
        covered.update(frame.get(..HEAD_BYTES).unwrap_or_default());
        let mut rows = Vec::new();
        let mut is_torn = false;
        for _ in 0..count {
            let before = fields.rest();
            let Some(raw) = RawEntry::read(&mut fields) else {
                is_torn = true;
                break;
            };
            covered.update(before.get(..raw.covered).unwrap_or_default());
            rows.push(raw);
        }
        covered.update(fields.rest());
        if is_torn || covered.finalize() != checksum {
            return Err(Misfit::Checksum);
        }
        let mut entries = Vec::with_capacity(rows.len());
        for raw in rows {
            let row = if raw.row.is_empty() || crc32fast::hash(raw.row) == raw.checksum {
                Row::Whole(raw.row.to_vec())
            } else if raw.row.iter().all(|byte| *byte == 0) {
                Row::Erased
            } else {
                Row::Damaged
            };
            entries.push(StoredEntry {
                leaf: Leaf::parse(raw.leaf).map_err(|_| Misfit::Content)?,
                booking: raw.booking.to_vec(),
                row,
                place: RowPlace {
                    offset: frame.len() - raw.behind - raw.row.len(),
                    length: raw.row.len(),
                },
            });
        }
        let root = fields.array().map(Hash::new).ok_or(Misfit::Content)?;
        if !fields.is_empty() || entries.is_empty() {
            return Err(Misfit::Content);
        }
        Ok(Self {
            first,
            time_ms,
            entries,
            root,
            length: frame.len() + 4,
        })
    }

    /// The epoch that a frame says it is of.
    pub(crate) fn epoch_of(bytes: &[u8]) -> Option<u64> {
        let mut fields = Fields::new(bytes);
        let is_frame = fields.array::<4>()? == *MAGIC;
        fields.u32()?;
        let epoch = fields.u64()?;
        is_frame.then_some(epoch)
    }

    /// True when every row is as it was written.
    pub(crate) fn has_all_rows(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.all(|entry| matches!(entry.row, Row::Whole(_)))
    }

    /// Index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(count)
    }

    /// Parts the checksum from what it covers, if a whole frame stands here.
    fn split(bytes: &[u8]) -> Option<(&[u8], u32)> {
        let mut fields = Fields::new(bytes);
        if fields.array::<4>()? != *MAGIC {
            return None;
        }
        let length = usize::try_from(fields.u32()?).ok()?;
        let (frame, mut rest) = (bytes.get(..length)?, Fields::new(bytes.get(length..)?));
        let is_long_enough = length + 4 >= HEAD_BYTES + TAIL_BYTES;
        Some((frame, rest.u32()?)).filter(|_| is_long_enough)
    }
}

/// An entry whose parts have been found and not yet checked.
struct RawEntry<'a> {
    leaf: &'a [u8],
    booking: &'a [u8],
    checksum: u32,
    row: &'a [u8],
    /// Bytes before the row.
    covered: usize,
    /// Bytes of the frame behind the row.
    behind: usize,
}

impl<'a> RawEntry<'a> {
    fn read(fields: &mut Fields<'a>) -> Option<Self> {
        let start = fields.rest().len();
        let length = fields.u16()?;
        let leaf = fields.bytes(usize::from(length))?;
        let length = usize::try_from(fields.u32()?).ok()?;
        let booking = fields.bytes(length)?;
        let length = usize::try_from(fields.u32()?).ok()?;
        let checksum = fields.u32()?;
        let covered = start - fields.rest().len();
        let row = fields.bytes(length)?;
        Some(Self {
            leaf,
            booking,
            checksum,
            row,
            covered,
            behind: fields.rest().len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use kepil_ledger::entry::Opening;

    fn draft(seed: u8) -> Draft {
        let opening = Opening {
            salt: [seed; 32],
            record: vec![seed; usize::from(seed)],
        };
        Draft {
            booking: vec![seed; 3],
            ..Draft::from(opening)
        }
    }

    fn bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::begin(&mut bytes, 9, 100, 3, 1_763_700_000_123);
        for seed in 1..4 {
            writer.entry(&draft(seed).leaf.to_bytes(), &draft(seed));
        }
        writer.finish(&kepil_ledger::hash::empty());
        bytes
    }

    #[test]
    fn a_frame_round_trips() {
        let mut bytes = bytes();
        let expected = frame_bytes((1..4).map(|seed| entry_bytes(33, &draft(seed))).sum());
        assert_eq!(bytes.len(), expected);
        bytes.extend_from_slice(&[0xee; 50]);
        let frame = Frame::parse(&bytes, 9).unwrap();
        assert_eq!(
            (frame.first, frame.time_ms, frame.length),
            (100, 1_763_700_000_123, expected)
        );
        for (entry, seed) in frame.entries.iter().zip(1..) {
            let Draft { leaf, booking, row } = draft(seed);
            let RowPlace { offset, length } = entry.place;
            assert_eq!(bytes[offset..offset + length], row);
            assert_eq!(
                (&entry.leaf, &entry.booking, &entry.row),
                (&leaf, &booking, &Row::Whole(row))
            );
        }
        assert_eq!(Frame::parse(&bytes, 8), Err(Misfit::Epoch));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let good = bytes();
        let whole = Frame::parse(&good, 9).unwrap();
        let row_at = |byte: usize| {
            let mut entries = whole.entries.iter();
            entries.position(|entry| {
                (entry.place.offset..entry.place.offset + entry.place.length).contains(&byte)
            })
        };
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match (Frame::parse(&bad, 9), row_at(bit / 8)) {
                (Err(_), None) => {}
                // A flipped bit in a row is damage to this row and to nothing else.
                (Ok(found), Some(at)) => {
                    let mut expected = whole.clone();
                    expected.entries[at].row = Row::Damaged;
                    assert_eq!(found, expected, "bit {bit}");
                }
                (found, at) => panic!("bit {bit}, row {at:?}: {found:?}"),
            }
        }
        for length in 0..good.len() {
            assert_eq!(Frame::parse(&good[..length], 9), Err(Misfit::NotAFrame));
        }
    }

    #[test]
    fn an_erased_row_keeps_its_leaf_and_booking() {
        let mut bytes = bytes();
        let RowPlace { offset, length } = Frame::parse(&bytes, 9).unwrap().entries[1].place;
        bytes[offset..offset + length].fill(0);
        let frame = Frame::parse(&bytes, 9).unwrap();
        let is_erased = |frame: &Frame| {
            let entries = frame.entries.iter();
            entries
                .map(|entry| entry.row == Row::Erased)
                .collect::<Vec<_>>()
        };
        assert_eq!(is_erased(&frame), [false, true, false]);
        assert!(!frame.has_all_rows());
        assert_eq!(frame.entries[1].leaf, draft(2).leaf);
        assert_eq!(frame.entries[1].booking, draft(2).booking);
        // Half an erasure is a damaged row.
        bytes[offset] = 7;
        let frame = Frame::parse(&bytes, 9).unwrap();
        assert_eq!(frame.entries[1].row, Row::Damaged);
        assert!(matches!(frame.entries[2].row, Row::Whole(_)));
    }

    #[test]
    fn a_good_checksum_over_nonsense_is_content() {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::begin(&mut bytes, 9, 0, 1, 0);
        writer.entry(&[0xff; 3], &draft(1));
        writer.finish(&kepil_ledger::hash::empty());
        assert_eq!(Frame::parse(&bytes, 9), Err(Misfit::Content));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::parse(&bytes, 0);
            let mut framed = b"KFRM".to_vec();
            framed.extend(&bytes);
            let _ = Frame::parse(&framed, 0);
        }
    }
}
