//! The head of a snapshot: everything but the months' persons.
//!
//! | size | field |
//! |---:|---|
//! | 8 | magic `KEPILSNP` |
//! | 4 | version = 2 |
//! | 2, … | length of the origin, origin |
//! | 8 | size of the log |
//! | 32 | root at this size |
//! | 4, … | length of the open bundle, the bundle |
//! | 1 | number of tile levels; for each u16 number of hashes, hashes of its open tile |
//! | 8 | number of segments; for each u64 epoch, u64 first index |
//! | 8 | number of damaged rows; for each u64 index |
//! | 1 | 1 if the log has a book, else 0 and the checksum follows |
//! | 8 | number of bookings that could not be read |
//! | 4 | the newest month that is closed, 0 for none; it may still be among the open ones below |
//! | 4 | number of months; for each: |
//! | 4 | period |
//! | 1 | 1 listed by heads, 2 no more |
//! | 8 | index of the last head that listed it, 0 for 1 |
//! | 32 | root of its map, zeros for 1 |
//! | 8 | number of persons |
//! | 8 | number of entries, which are those of its `.uses` file |
//! | 4 | checksum at the end of its `.map` file |
//! | 4 | CRC-32 (IEEE) of all before it |
//!
//! The frontier of the tree follows from the open tiles. A log with a book is cut right
//! behind a map head, so the last head is the one before its size.

use std::fs;
use std::path::Path;

use kepil_ledger::fields::Fields;
use kepil_ledger::hash::{HASH_BYTES, Hash};
use kepil_ledger::period::Period;
use kepil_ledger::tile::TileBuilder;

use super::{HEAD, SnapshotError};
use crate::segment::SegmentStart;

const MAGIC: &[u8; 8] = b"KEPILSNP";
const VERSION: u32 = 2;

/// Where a log stood.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) origin: String,
    pub(crate) root: Hash,
    /// Its size is that of the snapshot.
    pub(crate) builder: TileBuilder,
    /// Where each segment begins, up to the one in which the last entry lies.
    pub(crate) segments: Vec<SegmentStart>,
    /// Entries whose rows were known to be damaged.
    pub(crate) damaged: Vec<u64>,
    /// `None` for a log without a book.
    pub(crate) book: Option<BookState>,
}

/// Where the book stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookState {
    pub(crate) unreadable: u64,
    /// The newest month that takes no more entries; heads may still list it.
    pub(crate) closed: Option<Period>,
    pub(crate) months: Vec<MonthState>,
}

/// Where a month stood; its persons are in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MonthState {
    pub(crate) period: Period,
    /// The head that closed it and the root of its map.
    pub(crate) closed: Option<(u64, Hash)>,
    pub(crate) persons: u64,
    pub(crate) uses: u64,
    pub(crate) checksum: u32,
}

impl Snapshot {
    pub(crate) fn size(&self) -> u64 {
        self.builder.size()
    }

    /// The same closed month in this snapshot, with its checksum.
    pub(super) fn same(&self, month: &MonthState) -> Option<MonthState> {
        let mut months = self.book.iter().flat_map(|book| &book.months);
        let same = months.find(|found| {
            let checksum = found.checksum;
            let month = month.clone();
            found.closed.is_some() && **found == MonthState { checksum, ..month }
        });
        same.cloned()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        // INVARIANT: origins are shorter than 1 KiB, bundles than 16 MiB, and a tile has
        // fewer than 256 hashes on at most 8 levels.
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes();
        bytes.extend_from_slice(&short(self.origin.len()));
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.extend_from_slice(&self.size().to_be_bytes());
        bytes.extend_from_slice(self.root.as_bytes());
        let bundle = self.builder.bundle();
        let length = u32::try_from(bundle.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(bundle);
        let open = self.builder.open();
        bytes.push(u8::try_from(open.len()).unwrap_or(u8::MAX));
        for hashes in open {
            bytes.extend_from_slice(&short(hashes.len()));
            hashes
                .iter()
                .for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        }
        bytes.extend_from_slice(&count(self.segments.len()));
        for SegmentStart { epoch, first } in &self.segments {
            bytes.extend_from_slice(&epoch.to_be_bytes());
            bytes.extend_from_slice(&first.to_be_bytes());
        }
        bytes.extend_from_slice(&count(self.damaged.len()));
        for index in &self.damaged {
            bytes.extend_from_slice(&index.to_be_bytes());
        }
        bytes.push(u8::from(self.book.is_some()));
        if let Some(book) = &self.book {
            book.write(&mut bytes);
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Reads the head of the snapshot in a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, SnapshotError> {
        let path = folder.join(HEAD);
        let bytes = fs::read(&path).map_err(|source| SnapshotError::Read {
            path: path.clone(),
            source,
        })?;
        Self::parse(&bytes).ok_or(SnapshotError::Damaged { path, offset: 0 })
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (covered, checksum) = bytes.split_last_chunk::<4>()?;
        if u32::from_be_bytes(*checksum) != crc32fast::hash(covered) {
            return None;
        }
        let mut fields = Fields::new(covered);
        if fields.array::<8>()? != *MAGIC || fields.u32()? != VERSION {
            return None;
        }
        let length = usize::from(fields.u16()?);
        let origin = String::from_utf8(fields.bytes(length)?.to_vec()).ok()?;
        let (size, root) = (fields.u64()?, Hash::new(fields.array()?));
        let length = usize::try_from(fields.u32()?).ok()?;
        let bundle = fields.bytes(length)?.to_vec();
        let mut open = Vec::new();
        for _ in 0..fields.u8()? {
            let length = usize::from(fields.u16()?) * HASH_BYTES;
            let (hashes, _) = fields.bytes(length)?.as_chunks::<HASH_BYTES>();
            open.push(hashes.iter().copied().map(Hash::new).collect());
        }
        let builder = TileBuilder::resume(size, bundle, open)?;
        let mut segments = Vec::new();
        for _ in 0..fields.u64()? {
            let (epoch, first) = (fields.u64()?, fields.u64()?);
            segments.push(SegmentStart { epoch, first });
        }
        let mut damaged = Vec::new();
        for _ in 0..fields.u64()? {
            damaged.push(fields.u64()?);
        }
        let book = match fields.u8()? {
            0 => None,
            1 => Some(BookState::read(&mut fields)?),
            _ => return None,
        };
        let snapshot = Self {
            origin,
            root,
            builder,
            segments,
            damaged,
            book,
        };
        let is_whole = fields.is_empty() && snapshot.builder.root() == root;
        is_whole.then_some(snapshot)
    }
}

impl BookState {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.unreadable.to_be_bytes());
        let closed = self.closed.map_or(0, Period::number);
        bytes.extend_from_slice(&closed.to_be_bytes());
        let count = u32::try_from(self.months.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&count.to_be_bytes());
        for month in &self.months {
            bytes.extend_from_slice(&month.period.number().to_be_bytes());
            let (code, covers, root) = match month.closed {
                None => (1, 0, Hash::new([0; HASH_BYTES])),
                Some((covers, root)) => (2, covers, root),
            };
            bytes.push(code);
            bytes.extend_from_slice(&covers.to_be_bytes());
            bytes.extend_from_slice(root.as_bytes());
            bytes.extend_from_slice(&month.persons.to_be_bytes());
            bytes.extend_from_slice(&month.uses.to_be_bytes());
            bytes.extend_from_slice(&month.checksum.to_be_bytes());
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let unreadable = fields.u64()?;
        let closed = match fields.u32()? {
            0 => None,
            number => Some(Period::new(number)?),
        };
        let mut months = Vec::new();
        for _ in 0..fields.u32()? {
            let period = Period::new(fields.u32()?)?;
            let (code, covers, root) = (fields.u8()?, fields.u64()?, Hash::new(fields.array()?));
            months.push(MonthState {
                period,
                closed: match code {
                    1 => None,
                    2 => Some((covers, root)),
                    _ => return None,
                },
                persons: fields.u64()?,
                uses: fields.u64()?,
                checksum: fields.u32()?,
            });
        }
        Some(Self {
            unreadable,
            closed,
            months,
        })
    }
}
