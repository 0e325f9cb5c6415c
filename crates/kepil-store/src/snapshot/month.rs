//! The persons of a month.
//!
//! | size | field |
//! |---:|---|
//! | 8 | magic `KEPILMAP` |
//! | 4 | version = 1 |
//! | 4 | period |
//! | … | for each person, in ascending order of the tags: |
//! | 32 | tag |
//! | 4 | number of entries; if it is not 0: |
//! | 32 | head of the chain |
//! | 8 | place of the last entry in the `.uses` file |
//! | 4 | CRC-32 (IEEE) of all before it |

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crc32fast::Hasher;
use kepil_ledger::chain::Chain;
use kepil_ledger::hash::Hash;
use kepil_ledger::map::{Map, Slot};
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use super::{MonthState, SnapshotError};

const MAGIC: &[u8; 8] = b"KEPILMAP";
const VERSION: u32 = 1;
const BUFFER_BYTES: usize = 1 << 20;

/// Bytes of a person with and without entries.
const LONG: usize = 32 + 4 + 32 + 8;
const SHORT: usize = 32 + 4;

/// The bytes of one person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    bytes: [u8; LONG],
    length: usize,
}

impl Record {
    pub(crate) fn new(tag: &Tag, slot: &Slot) -> Self {
        let mut bytes = [0; LONG];
        let count = slot.chain.count.to_be_bytes();
        let note = slot.note.to_be_bytes();
        let parts = [
            tag.as_bytes().as_slice(),
            &count,
            slot.chain.head.as_bytes(),
            &note,
        ];
        bytes
            .iter_mut()
            .zip(parts.into_iter().flatten())
            .for_each(|(to, from)| *to = *from);
        let length = if slot.chain.count == 0 { SHORT } else { LONG };
        Self { bytes, length }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The bytes before the first person.
pub(crate) fn preamble(period: Period) -> Vec<u8> {
    let (version, period) = (VERSION.to_be_bytes(), period.number().to_be_bytes());
    [MAGIC.as_slice(), &version, &period].concat()
}

/// Writes a month person by person.
#[derive(Debug)]
pub(crate) struct MonthWriter {
    file: BufWriter<File>,
    checksum: Hasher,
    period: Period,
    persons: u64,
    uses: u64,
}

impl MonthWriter {
    pub(super) fn begin(file: File, period: Period) -> io::Result<Self> {
        let mut writer = Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            checksum: Hasher::new(),
            period,
            persons: 0,
            uses: 0,
        };
        writer.write(&preamble(period))?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.file.write_all(bytes)
    }

    /// Takes the next person.
    pub(crate) fn push(&mut self, tag: &Tag, slot: &Slot) -> io::Result<()> {
        self.persons += 1;
        self.uses += u64::from(slot.chain.count);
        self.write(Record::new(tag, slot).as_bytes())
    }

    /// Makes the file durable.
    pub(crate) fn finish(mut self, closed: Option<(u64, Hash)>) -> io::Result<MonthState> {
        let checksum = self.checksum.finalize();
        self.file.write_all(&checksum.to_be_bytes())?;
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        Ok(MonthState {
            period: self.period,
            closed,
            persons: self.persons,
            uses: self.uses,
            checksum,
        })
    }
}

/// A month's file, open; it can be read even when its snapshot is deleted.
#[derive(Debug)]
pub(crate) struct MonthFile {
    path: PathBuf,
    file: File,
    state: MonthState,
}

impl MonthFile {
    pub(crate) fn open(path: PathBuf, state: MonthState) -> Result<Self, SnapshotError> {
        match File::open(&path) {
            Ok(file) => Ok(Self { path, file, state }),
            Err(source) => Err(SnapshotError::Read { path, source }),
        }
    }

    /// Reads the file through and compares its checksum with the one expected.
    pub(crate) fn check(&self) -> Result<(), SnapshotError> {
        let mut reader = self.reader()?;
        let mut checksum = Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = self
            .file
            .metadata()
            .map_err(|source| self.unreadable(source))?
            .len()
            .checked_sub(4)
            .ok_or_else(|| self.damaged(0))?;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX);
            let part = buffer.get_mut(..length.min(BUFFER_BYTES));
            let part = part.unwrap_or_default();
            reader
                .read_exact(part)
                .map_err(|source| self.unreadable(source))?;
            checksum.update(part);
            left -= u64::try_from(part.len()).unwrap_or(left);
        }
        let mut found = [0; 4];
        reader
            .read_exact(&mut found)
            .map_err(|source| self.unreadable(source))?;
        let checksum = checksum.finalize();
        if [checksum, u32::from_be_bytes(found)] != [self.state.checksum; 2] {
            return Err(self.damaged(0));
        }
        Ok(())
    }

    /// Reads the map; its hashes are computed anew.
    pub(crate) fn map(&self) -> Result<Map, SnapshotError> {
        let mut reader = Checked {
            reader: self.reader()?,
            checksum: Hasher::new(),
            offset: 0,
        };
        let expected = preamble(self.state.period);
        let mut start = vec![0; expected.len()];
        self.exactly(&mut reader, &mut start)?;
        if start != expected {
            return Err(self.damaged(0));
        }
        let persons = usize::try_from(self.state.persons).map_err(|_| self.damaged(0))?;
        // A number that was damaged must not ask for all memory there is.
        let length = self.file.metadata().map(|file| file.len());
        let length = length.map_err(|source| self.unreadable(source))?;
        if self.state.persons > length / SHORT as u64 {
            return Err(self.damaged(length));
        }
        let mut tags: Vec<Tag> = Vec::with_capacity(persons);
        let mut slots = Vec::with_capacity(persons);
        let mut uses = 0;
        for _ in 0..persons {
            let (mut tag, mut count) = ([0; 32], [0; 4]);
            self.exactly(&mut reader, &mut tag)?;
            self.exactly(&mut reader, &mut count)?;
            let (tag, count) = (Tag::new(Hash::new(tag)), u32::from_be_bytes(count));
            let slot = if count == 0 {
                Slot {
                    chain: Chain::new(&tag),
                    note: u64::MAX,
                }
            } else {
                let (mut head, mut note) = ([0; 32], [0; 8]);
                self.exactly(&mut reader, &mut head)?;
                self.exactly(&mut reader, &mut note)?;
                let head = Hash::new(head);
                Slot {
                    chain: Chain { count, head },
                    note: u64::from_be_bytes(note),
                }
            };
            if tags.last().is_some_and(|last| *last >= tag) {
                return Err(self.damaged(reader.offset));
            }
            uses += u64::from(count);
            tags.push(tag);
            slots.push(slot);
        }
        let mut found = [0; 4];
        let checksum = reader.checksum.clone().finalize();
        self.exactly(&mut reader, &mut found)?;
        let is_whole = [checksum, u32::from_be_bytes(found)] == [self.state.checksum; 2];
        if !is_whole || uses != self.state.uses || reader.offset != length {
            return Err(self.damaged(reader.offset));
        }
        Ok(Map::from_sorted(tags, slots))
    }

    fn reader(&self) -> Result<BufReader<&File>, SnapshotError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))
            .map_err(|source| self.unreadable(source))?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, file))
    }

    fn exactly(
        &self,
        reader: &mut Checked<BufReader<&File>>,
        bytes: &mut [u8],
    ) -> Result<(), SnapshotError> {
        match reader.reader.read_exact(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.damaged(reader.offset));
            }
            Err(source) => return Err(self.unreadable(source)),
        }
        reader.checksum.update(bytes);
        reader.offset += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    fn unreadable(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Read {
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, offset: u64) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.clone(),
            offset,
        }
    }
}

/// A reader that keeps the checksum of what it read.
struct Checked<R> {
    reader: R,
    checksum: Hasher,
    offset: u64,
}
