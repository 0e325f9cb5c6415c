//! The persons of a month.
//!
//! | size | field |
//! |---:|---|
//! | 8 | magic `KEPILMAP` |
//! | 4 | version = 2 |
//! | 4 | period |
//! | 32 | root of the map; map heads say it in public |
//! | 16 | what shows that a key is the right one, zeros without persons |
//! | … | encrypted under the month's key ([`crate::monthkey`]): for each person, in ascending order of the tags: |
//! | 32 | tag |
//! | 4 | number of entries; if it is not 0: |
//! | 32 | head of the chain |
//! | 8 | place of the last entry in the `.uses` file |
//! | 4 | CRC-32 (IEEE) of all before it, as it lies on the disk |

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::PathBuf;

use crc32fast::Hasher;
use kepil_ledger::chain::Chain;
use kepil_ledger::fields::Fields;
use kepil_ledger::hash::{HASH_BYTES, Hash};
use kepil_ledger::map::{Map, Slot, ZERO};
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use super::{MonthState, SnapshotError};
use crate::monthkey::{MapCipher, MapKey, MonthKey, PROOF_BYTES};

const MAGIC: &[u8; 8] = b"KEPILMAP";
const VERSION: u32 = 2;
const BUFFER_BYTES: usize = 1 << 20;

const HEADER_BYTES: usize = 8 + 4 + 4 + HASH_BYTES + PROOF_BYTES;
const CHECKSUM_BYTES: u64 = 4;

/// Least bytes of a person: one without entries.
const SHORT: u64 = 32 + 4;

/// The key of a map; one without persons has none, so that an erased month can be saved too.
fn map_key(root: &Hash, key: Option<&MonthKey>) -> Option<MapKey> {
    key.filter(|_| *root != ZERO).map(|key| key.map(root))
}

/// The bytes before the first person.
fn header(period: Period, root: &Hash, key: Option<&MapKey>) -> Vec<u8> {
    let (version, period) = (VERSION.to_be_bytes(), period.number().to_be_bytes());
    let proof = key.map_or([0; PROOF_BYTES], MapKey::proof);
    [MAGIC.as_slice(), &version, &period, root.as_bytes(), &proof].concat()
}

/// Writes a month person by person.
#[derive(Debug)]
pub(crate) struct MonthWriter<W> {
    sink: W,
    cipher: Option<MapCipher>,
    /// Persons that are not encrypted yet.
    waiting: Vec<u8>,
    checksum: Hasher,
    period: Period,
    persons: u64,
    uses: u64,
}

impl<W: Write> MonthWriter<W> {
    /// Begins the file of a map with this root.
    pub(crate) fn begin(
        sink: W,
        period: Period,
        root: &Hash,
        key: Option<&MonthKey>,
    ) -> io::Result<Self> {
        let key = map_key(root, key);
        let mut writer = Self {
            sink,
            cipher: key.as_ref().map(MapKey::cipher),
            waiting: Vec::with_capacity(BUFFER_BYTES),
            checksum: Hasher::new(),
            period,
            persons: 0,
            uses: 0,
        };
        writer.write(&header(period, root, key.as_ref()))?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.sink.write_all(bytes)
    }

    /// Takes the next person.
    pub(crate) fn push(&mut self, tag: &Tag, slot: &Slot) -> io::Result<()> {
        self.persons += 1;
        self.uses += u64::from(slot.chain.count);
        self.waiting.extend_from_slice(tag.as_bytes());
        self.waiting
            .extend_from_slice(&slot.chain.count.to_be_bytes());
        if slot.chain.count > 0 {
            self.waiting.extend_from_slice(slot.chain.head.as_bytes());
            self.waiting.extend_from_slice(&slot.note.to_be_bytes());
        }
        if self.waiting.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let gone = || io::Error::other("the key of the month is gone");
        let cipher = self.cipher.as_mut().ok_or_else(gone)?;
        cipher.apply(&mut self.waiting).map_err(io::Error::other)?;
        let bytes = std::mem::take(&mut self.waiting);
        self.write(&bytes)?;
        self.waiting = bytes;
        self.waiting.clear();
        Ok(())
    }

    /// Writes the end; gives what was written to, and what a head says of the month.
    pub(crate) fn finish(mut self, closed: Option<(u64, Hash)>) -> io::Result<(W, MonthState)> {
        self.flush()?;
        let checksum = self.checksum.finalize();
        self.sink.write_all(&checksum.to_be_bytes())?;
        let state = MonthState {
            period: self.period,
            closed,
            persons: self.persons,
            uses: self.uses,
            checksum,
        };
        Ok((self.sink, state))
    }
}

impl MonthWriter<File> {
    /// Finishes the file and makes it durable.
    pub(crate) fn save(self, closed: Option<(u64, Hash)>) -> io::Result<MonthState> {
        let (file, state) = self.finish(closed)?;
        file.sync_all()?;
        Ok(state)
    }
}

/// A month's file, open; it can be read even when its snapshot is deleted.
#[derive(Debug)]
pub(crate) struct MonthFile {
    path: PathBuf,
    file: File,
    state: MonthState,
    key: Option<MonthKey>,
}

impl MonthFile {
    pub(crate) fn open(
        path: PathBuf,
        state: MonthState,
        key: Option<MonthKey>,
    ) -> Result<Self, SnapshotError> {
        match File::open(&path) {
            Ok(file) => Ok(Self {
                path,
                file,
                state,
                key,
            }),
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

    /// Says whether the persons can be read with the key.
    pub(crate) fn check_key(&self) -> Result<(), SnapshotError> {
        self.header(&mut self.reader()?).map(|_| ())
    }

    /// Reads the header; gives it, the root it says, and the key of the map.
    fn header(
        &self,
        reader: &mut BufReader<&File>,
    ) -> Result<([u8; HEADER_BYTES], Hash, Option<MapKey>), SnapshotError> {
        let mut bytes = [0; HEADER_BYTES];
        self.exactly(reader, &mut bytes, 0)?;
        let mut fields = Fields::new(&bytes);
        let root = fields
            .bytes(HEADER_BYTES - HASH_BYTES - PROOF_BYTES)
            .and_then(|_| fields.array())
            .map(Hash::new)
            .ok_or_else(|| self.damaged(0))?;
        let key = map_key(&root, self.key.as_ref());
        let expected = header(self.state.period, &root, key.as_ref());
        let proved = HEADER_BYTES - PROOF_BYTES;
        if bytes.get(..proved) != expected.get(..proved) {
            return Err(self.damaged(0));
        }
        if bytes.as_slice() != expected {
            return Err(SnapshotError::Key {
                path: self.path.clone(),
            });
        }
        Ok((bytes, root, key))
    }

    /// Reads the map; its hashes are computed anew.
    pub(crate) fn map(&self) -> Result<Map, SnapshotError> {
        let mut reader = self.reader()?;
        let (header, root, key) = self.header(&mut reader)?;
        let length = self.file.metadata().map(|file| file.len());
        let length = length.map_err(|source| self.unreadable(source))?;
        let offset = u64::try_from(HEADER_BYTES).unwrap_or(length);
        let body = length.checked_sub(offset + CHECKSUM_BYTES);
        let body = body.ok_or_else(|| self.damaged(length))?;
        // A number that was damaged must not ask for all memory there is.
        let persons = usize::try_from(self.state.persons).map_err(|_| self.damaged(0))?;
        if self.state.persons > body / SHORT {
            return Err(self.damaged(length));
        }
        let mut body = Body {
            file: self,
            reader,
            cipher: key.as_ref().map(MapKey::cipher),
            checksum: Hasher::new(),
            read: offset,
            left: body,
            clear: Vec::new(),
            at: 0,
        };
        body.checksum.update(&header);
        let mut tags: Vec<Tag> = Vec::with_capacity(persons);
        let mut slots = Vec::with_capacity(persons);
        let mut uses = 0;
        for _ in 0..persons {
            let tag = Tag::new(Hash::new(body.array()?));
            let count = u32::from_be_bytes(body.array()?);
            let slot = if count == 0 {
                Slot {
                    chain: Chain::new(&tag),
                    note: u64::MAX,
                }
            } else {
                let head = Hash::new(body.array()?);
                Slot {
                    chain: Chain { count, head },
                    note: u64::from_be_bytes(body.array()?),
                }
            };
            if tags.last().is_some_and(|last| *last >= tag) {
                return Err(self.damaged(body.read));
            }
            uses += u64::from(count);
            tags.push(tag);
            slots.push(slot);
        }
        if !body.is_over()? || uses != self.state.uses {
            return Err(self.damaged(body.read));
        }
        let map = Map::from_sorted(tags, slots);
        if map.root() != root {
            return Err(self.damaged(length));
        }
        Ok(map)
    }

    fn reader(&self) -> Result<BufReader<&File>, SnapshotError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))
            .map_err(|source| self.unreadable(source))?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, file))
    }

    fn exactly(
        &self,
        reader: &mut BufReader<&File>,
        bytes: &mut [u8],
        offset: u64,
    ) -> Result<(), SnapshotError> {
        match reader.read_exact(bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.damaged(offset)),
            Err(source) => Err(self.unreadable(source)),
        }
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

/// The persons of a file, decrypted piece by piece.
struct Body<'a> {
    file: &'a MonthFile,
    reader: BufReader<&'a File>,
    cipher: Option<MapCipher>,
    /// Over all that was read, as it lies on the disk.
    checksum: Hasher,
    /// Bytes of the file that were read.
    read: u64,
    /// Bytes of persons that were not read yet.
    left: u64,
    clear: Vec<u8>,
    /// Where the next person begins in `clear`.
    at: usize,
}

impl Body<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        if self.clear.len() - self.at < N {
            self.fill()?;
        }
        let bytes = self.clear.get(self.at..).unwrap_or_default();
        match bytes.first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.file.damaged(self.read)),
        }
    }

    fn fill(&mut self) -> Result<(), SnapshotError> {
        self.clear.drain(..self.at);
        self.at = 0;
        let kept = self.clear.len();
        let more = usize::try_from(self.left).unwrap_or(usize::MAX);
        let more = more.min(BUFFER_BYTES);
        self.clear.resize(kept + more, 0);
        let new = self.clear.get_mut(kept..).unwrap_or_default();
        self.file.exactly(&mut self.reader, new, self.read)?;
        self.checksum.update(new);
        // Persons without a key: the header would have said so.
        let decrypted = self.cipher.as_mut().map(|cipher| cipher.apply(new));
        if !matches!(decrypted, Some(Ok(()))) {
            return Err(self.file.damaged(self.read));
        }
        let more = u64::try_from(more).unwrap_or(self.left);
        self.left -= more;
        self.read += more;
        Ok(())
    }

    /// True when nothing is left and the checksum is that of what was read, and the one expected.
    fn is_over(&mut self) -> Result<bool, SnapshotError> {
        let mut found = [0; 4];
        let is_read = self.left == 0 && self.at == self.clear.len();
        if is_read {
            self.file.exactly(&mut self.reader, &mut found, self.read)?;
        }
        let checksum = self.checksum.clone().finalize();
        let is_whole = [checksum, u32::from_be_bytes(found)] == [self.file.state.checksum; 2];
        Ok(is_read && is_whole)
    }
}
