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
//! | 36 | … | per entry: u16 length ‖ leaf ‖ u32 length ‖ private part |
//! | L−32 | 32 | root of the log after this frame |
//! | L | 4 | CRC-32 (IEEE) of bytes 0..L |
//!
//! The private part is the 32-byte salt and the record; length 0 means that the row was
//! erased and only the leaf stands. Zeros fill the last block.

use kepil_ledger::entry::{Draft, Leaf};
use kepil_ledger::hash::Hash;

use super::Fields;

const MAGIC: &[u8; 4] = b"KFRM";

/// Bytes of a frame before its first entry.
const HEAD_BYTES: usize = 36;

/// Bytes of a frame behind its last entry: root and checksum.
const TAIL_BYTES: usize = 36;

/// Bytes an access entry takes beside its record: lengths, leaf and salt.
const ENTRY_BYTES: usize = 2 + 33 + 4 + 32;

/// One entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    pub(crate) leaf: Leaf,
    /// `None` when the row was erased.
    pub(crate) draft: Option<Draft>,
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

/// Bytes an entry with a record of this length takes in a frame.
pub(crate) const fn entry_bytes(record: usize) -> usize {
    ENTRY_BYTES + record
}

/// Bytes of a frame whose entries take this many bytes.
pub(crate) const fn frame_bytes(entries: usize) -> usize {
    HEAD_BYTES + entries + TAIL_BYTES
}

/// Writes a frame piece by piece into a buffer that is used again.
#[derive(Debug)]
pub(crate) struct FrameWriter<'a> {
    bytes: &'a mut Vec<u8>,
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
        Self { bytes }
    }

    pub(crate) fn entry(&mut self, leaf: &Leaf, draft: &Draft) {
        let leaf = leaf.to_bytes();
        let private = u32::try_from(draft.salt.len() + draft.record.len()).unwrap_or(u32::MAX);
        // INVARIANT: leaves are shorter than 64 KiB and requests than 4 GiB; both are
        // limited long before they come here.
        let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&leaf);
        self.bytes.extend_from_slice(&private.to_be_bytes());
        self.bytes.extend_from_slice(&draft.salt);
        self.bytes.extend_from_slice(&draft.record);
    }

    pub(crate) fn finish(self, root: &Hash) {
        self.bytes.extend_from_slice(root.as_bytes());
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        if let Some(field) = self.bytes.get_mut(4..8) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        let checksum = crc32fast::hash(self.bytes);
        self.bytes.extend_from_slice(&checksum.to_be_bytes());
    }
}

impl Frame {
    /// Reads the frame at the start of `bytes`.
    pub(crate) fn parse(bytes: &[u8], epoch: u64) -> Result<Self, Misfit> {
        let (frame, checksum) = Self::split(bytes).ok_or(Misfit::NotAFrame)?;
        let mut fields = Fields(frame);
        let head = (|| {
            fields.bytes(8)?;
            Some((fields.u64()?, fields.u64()?, fields.u32()?, fields.u64()?))
        })();
        let (found, first, count, time_ms) = head.ok_or(Misfit::NotAFrame)?;
        if found != epoch {
            return Err(Misfit::Epoch);
        }
        if checksum != crc32fast::hash(frame) {
            return Err(Misfit::Checksum);
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(StoredEntry::parse(&mut fields).ok_or(Misfit::Content)?);
        }
        let root = fields.array().map(Hash::new).ok_or(Misfit::Content)?;
        if !fields.0.is_empty() || entries.is_empty() {
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

    /// Parts the checksum from what it covers, if a whole frame stands here.
    fn split(bytes: &[u8]) -> Option<(&[u8], u32)> {
        let mut fields = Fields(bytes);
        if fields.array::<4>()? != *MAGIC {
            return None;
        }
        let length = usize::try_from(fields.u32()?).ok()?;
        let (frame, mut rest) = (bytes.get(..length)?, Fields(bytes.get(length..)?));
        let is_long_enough = length + 4 >= HEAD_BYTES + TAIL_BYTES;
        Some((frame, rest.u32()?)).filter(|_| is_long_enough)
    }
}

impl StoredEntry {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let length = usize::from(fields.u16()?);
        let leaf = Leaf::parse(fields.bytes(length)?).ok()?;
        let length = usize::try_from(fields.u32()?).ok()?;
        let mut private = Fields(fields.bytes(length)?);
        let draft = match length {
            0 => None,
            _ => Some(Draft {
                salt: private.array()?,
                record: private.0.to_vec(),
            }),
        };
        Some(Self { leaf, draft })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft(seed: u8) -> Draft {
        Draft {
            salt: [seed; 32],
            record: vec![seed; usize::from(seed)],
        }
    }

    fn bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::begin(&mut bytes, 9, 100, 3, 1_763_700_000_123);
        for seed in 0..3 {
            writer.entry(&draft(seed).leaf(), &draft(seed));
        }
        writer.finish(&kepil_ledger::hash::empty());
        bytes
    }

    #[test]
    fn a_frame_round_trips() {
        let mut bytes = bytes();
        let expected = frame_bytes((0..3).map(entry_bytes).sum());
        assert_eq!(bytes.len(), expected);
        bytes.extend_from_slice(&[0xee; 50]);
        let frame = Frame::parse(&bytes, 9).unwrap();
        assert_eq!(
            (frame.first, frame.time_ms, frame.length),
            (100, 1_763_700_000_123, expected)
        );
        let drafts: Vec<_> = frame
            .entries
            .iter()
            .map(|entry| entry.draft.clone())
            .collect();
        assert_eq!(drafts, [0, 1, 2].map(|seed| Some(draft(seed))));
        assert_eq!(Frame::parse(&bytes, 8), Err(Misfit::Epoch));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let good = bytes();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&bad, 9).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert_eq!(Frame::parse(&good[..length], 9), Err(Misfit::NotAFrame));
        }
    }

    #[test]
    fn an_erased_row_keeps_its_leaf() {
        let leaf = draft(1).leaf();
        let mut bytes = Vec::new();
        let mut fields = vec![0, 33];
        fields.extend(leaf.to_bytes());
        fields.extend([0; 4]);
        let writer = FrameWriter::begin(&mut bytes, 9, 0, 1, 0);
        writer.bytes.extend(fields);
        writer.finish(&leaf.hash());
        let frame = Frame::parse(&bytes, 9).unwrap();
        assert_eq!(frame.entries, [StoredEntry { leaf, draft: None }]);
    }

    #[test]
    fn a_good_checksum_over_nonsense_is_content() {
        let mut bytes = Vec::new();
        let writer = FrameWriter::begin(&mut bytes, 9, 0, 7, 0);
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
