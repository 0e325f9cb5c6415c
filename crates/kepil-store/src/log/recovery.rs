//! Finds out what a folder holds when a log is opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::checkpoint::{self, Checkpoint};
use kepil_ledger::entry::{Leaf, LeafKind};
use kepil_ledger::hash::Hash;
use kepil_ledger::note::{KeyName, VerifyingKey};
use kepil_ledger::tree::Frontier;
use kepil_ledger::verify::CHECKPOINT_PATH;

use super::state::{Cut, Mark, Marks};
use super::{Corruption, OpenError};
use crate::book::{Booking, Books};
use crate::disk::{BLOCK_BYTES, Blocks, Disk};
use crate::segment::frame::{Frame, Misfit, Row};
use crate::segment::scan::Scan;
use crate::segment::{self, Header, HeaderBlock};

/// What the folder holds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) frontier: Frontier,
    pub(super) marks: Marks,
    /// The segment to go on in; `None` for a new log.
    pub(super) active: Option<Active>,
    /// What an interrupted write left behind the last frame.
    pub(super) leftover: Option<Leftover>,
    pub(super) checkpoint: Option<Arc<str>>,
    /// The tree up to the last map head.
    pub(super) head: Option<Cut>,
    pub(super) books: Option<Books>,
    /// Index of the first entry of the last frame; 0 for a new log.
    pub(super) newest: u64,
    /// Entries whose rows are neither whole nor erased, ascending.
    pub(super) damaged: Vec<u64>,
}

/// The segment that was written last.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Blocks that must be zeros before anything is written over them.
#[derive(Debug)]
pub(super) struct Leftover {
    path: PathBuf,
    offset: u64,
    length: usize,
}

/// A signed size and root to hold the recovered entries against.
#[derive(Debug)]
struct Published {
    text: Arc<str>,
    checkpoint: Checkpoint,
}

/// Reads all segments in order.
pub(super) fn recover(
    folder: &Path,
    segments: &Path,
    origin: &KeyName,
    key: &VerifyingKey,
    books: Option<Books>,
) -> Result<Recovered, OpenError> {
    let published = read_checkpoint(&folder.join("log").join(CHECKPOINT_PATH), key)?;
    let mut walk = Walk {
        origin: origin.as_str(),
        frontier: Frontier::new(),
        marks: Marks::default(),
        wanted_size: published
            .as_ref()
            .map(|published| published.checkpoint.size),
        root_at_wanted: None,
        head: None,
        books,
        newest: 0,
        damaged: Vec::new(),
    };
    walk.remember_root();

    let mut active = None;
    let mut leftover = None;
    let numbers = list(segments)?;
    for (at, number) in numbers.iter().enumerate() {
        let path = segment::path(segments, *number);
        if u64::try_from(at).ok() != Some(*number) {
            let expected = u64::try_from(at).unwrap_or(u64::MAX);
            return Err(OpenError::MissingSegment {
                path: segment::path(segments, expected),
            });
        }
        let is_last = is_last_used(segments, numbers.get(at + 1))?;
        let bytes = fs::read(&path).map_err(|source| OpenError::Read {
            path: path.clone(),
            source,
        })?;
        match walk.segment(&path, *number, &bytes, is_last)? {
            Some((found, rest)) => (active, leftover) = (Some(found), rest),
            None if is_last => break,
            None => {
                return Err(OpenError::Corrupt {
                    path,
                    offset: 0,
                    what: Corruption::Header,
                });
            }
        }
    }

    if let Some(Published { checkpoint, .. }) = &published {
        let found = walk.frontier.size();
        if checkpoint.size > found {
            let (number, offset) = active
                .as_ref()
                .map_or((0, 0), |active: &Active| (active.number, active.offset));
            let path = segment::path(segments, number);
            return Err(OpenError::LostEntries {
                signed: checkpoint.size,
                found,
                path,
                offset,
            });
        }
        if walk.root_at_wanted != Some(checkpoint.root) {
            return Err(OpenError::Rewritten {
                size: checkpoint.size,
            });
        }
    }
    Ok(Recovered {
        frontier: walk.frontier,
        marks: walk.marks,
        active,
        leftover,
        checkpoint: published.map(|published| published.text),
        head: walk.head,
        books: walk.books,
        newest: walk.newest,
        damaged: walk.damaged,
    })
}

/// Overwrites what an interrupted write left, so that nothing old follows new frames.
pub(super) fn wipe(disk: &dyn Disk, leftover: Option<&Leftover>) -> Result<(), OpenError> {
    let Some(Leftover {
        path,
        offset,
        length,
    }) = leftover
    else {
        return Ok(());
    };
    tracing::warn!(path = %path.display(), offset, length, "removing an interrupted write");
    let mut blocks = Blocks::new();
    blocks.fill(&vec![0; *length]);
    disk.open_segment(path)
        .and_then(|mut file| file.write_blocks(&blocks, *offset))
        .map_err(|source| OpenError::Wipe {
            path: path.clone(),
            source,
        })
}

/// Reads the published checkpoint, the log's own memory of what it promised.
fn read_checkpoint(path: &Path, key: &VerifyingKey) -> Result<Option<Published>, OpenError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(OpenError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let signed = match checkpoint::parse(&bytes) {
        Ok(signed) => signed,
        Err(error) => {
            // Written without a sync: after a power cut it may be empty. It is made again.
            tracing::warn!(
                path = %path.display(),
                error = &error as &dyn std::error::Error,
                "the published checkpoint is not readable"
            );
            return Ok(None);
        }
    };
    let checkpoint = signed
        .verify(key)
        .map_err(|source| OpenError::Checkpoint {
            path: path.to_owned(),
            source,
        })?
        .clone();
    Ok(Some(Published {
        text: signed.note().to_string().into(),
        checkpoint,
    }))
}

/// Numbers of all segments, ascending.
fn list(folder: &Path) -> Result<Vec<u64>, OpenError> {
    let failed = |source| OpenError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        numbers.extend(segment::number_of(&entry.map_err(failed)?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// True unless the next segment has been taken into use.
fn is_last_used(folder: &Path, next: Option<&u64>) -> Result<bool, OpenError> {
    let Some(next) = next else { return Ok(true) };
    let path = segment::path(folder, *next);
    let mut block = vec![0; BLOCK_BYTES];
    fs::File::open(&path)
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut block))
        .map_err(|source| OpenError::Read { path, source })?;
    Ok(Header::parse(&block) == HeaderBlock::Unused)
}

/// The tree as it grows from frame to frame.
#[derive(Debug)]
struct Walk<'a> {
    origin: &'a str,
    frontier: Frontier,
    marks: Marks,
    wanted_size: Option<u64>,
    root_at_wanted: Option<Hash>,
    head: Option<Cut>,
    books: Option<Books>,
    newest: u64,
    damaged: Vec<u64>,
}

impl Walk<'_> {
    /// Reads one segment; `None` when it has not been taken into use.
    fn segment(
        &mut self,
        path: &Path,
        number: u64,
        bytes: &[u8],
        is_last: bool,
    ) -> Result<Option<(Active, Option<Leftover>)>, OpenError> {
        let corrupt = |offset: usize, what| OpenError::Corrupt {
            path: path.to_owned(),
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
            what,
        };
        let header = match Header::parse(bytes.get(..BLOCK_BYTES).unwrap_or(bytes)) {
            HeaderBlock::Used(header) => header,
            // Zeros in the header and something behind it: the header was lost.
            HeaderBlock::Unused if bytes.iter().all(|byte| *byte == 0) => return Ok(None),
            HeaderBlock::Unused | HeaderBlock::Damaged => {
                return Err(corrupt(0, Corruption::Header));
            }
        };
        self.check_header(&header, number)
            .map_err(|error| match error {
                HeaderFault::OtherLog(found) => OpenError::OtherLog {
                    path: path.to_owned(),
                    found,
                },
                HeaderFault::Corrupt(what) => corrupt(0, what),
            })?;

        let mut scan = Scan::segment(bytes, header.epoch);
        loop {
            let start = scan.offset();
            let frame = match scan.next_frame() {
                Ok(frame) => frame,
                Err(Misfit::Content) => return Err(corrupt(start, Corruption::Content)),
                Err(Misfit::NotAFrame | Misfit::Epoch | Misfit::Checksum) => break,
            };
            // Rows are erased only in frames that others follow: in the very last one they
            // are blocks that never reached the disk.
            if !frame.has_all_rows() && is_last && scan.next_whole().is_none() {
                scan.back_to(start);
                break;
            }
            self.frame(&frame).map_err(|what| corrupt(start, what))?;
            self.book(&frame)?;
            self.note_rows(&frame);
            self.marks.add(Mark {
                first: frame.first,
                segment: number,
                epoch: header.epoch,
                start: u64::try_from(start).unwrap_or(u64::MAX),
                end: u64::try_from(scan.offset()).unwrap_or(u64::MAX),
            });
        }

        // Only the very last write can have been interrupted.
        let leftover = scan.leftover();
        if scan.later_frame().is_some() || (!is_last && leftover > 0) {
            return Err(corrupt(scan.offset(), Corruption::Frame));
        }
        let offset = u64::try_from(scan.offset()).unwrap_or(u64::MAX);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let active = Active {
            number,
            epoch: header.epoch,
            offset,
            length,
        };
        let leftover = (leftover > 0).then(|| Leftover {
            path: path.to_owned(),
            offset,
            length: leftover,
        });
        Ok(Some((active, leftover)))
    }

    fn check_header(&self, header: &Header, number: u64) -> Result<(), HeaderFault> {
        if header.origin != self.origin {
            return Err(HeaderFault::OtherLog(header.origin.clone()));
        }
        let what = if header.number != number {
            Corruption::Number {
                found: header.number,
            }
        } else if header.first != self.frontier.size() {
            let expected = self.frontier.size();
            Corruption::Continuation {
                expected,
                found: header.first,
            }
        } else if header.root != self.frontier.root() {
            Corruption::OtherTree
        } else {
            return Ok(());
        };
        Err(HeaderFault::Corrupt(what))
    }

    /// Extends the tree by a frame whose checksum is good.
    fn frame(&mut self, frame: &Frame) -> Result<(), Corruption> {
        if frame.first != self.frontier.size() {
            let expected = self.frontier.size();
            return Err(Corruption::Index {
                expected,
                found: frame.first,
            });
        }
        for entry in &frame.entries {
            self.frontier.append(entry.leaf.hash());
            self.remember_root();
            if entry.leaf.kind() == LeafKind::MapHead {
                self.head = Some(Cut {
                    size: self.frontier.size(),
                    root: self.frontier.root(),
                });
            }
        }
        let found = self.frontier.root();
        if found != frame.root {
            return Err(Corruption::Root {
                expected: frame.root,
                found,
            });
        }
        Ok(())
    }

    /// Takes a frame into the book, and compares its map heads with those the book makes.
    fn book(&mut self, frame: &Frame) -> Result<(), OpenError> {
        let Some(books) = &mut self.books else {
            return Ok(());
        };
        let mut bookings = Vec::new();
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            if let Leaf::MapHead(head) = &entry.leaf {
                books.take(&bookings, index)?;
                bookings.clear();
                books.check_head(index, head)?;
                books.forget_before(index);
            }
            bookings.extend(Booking::of(index, &entry.leaf, entry.booking.clone()));
        }
        let upto = self.frontier.size();
        books.take(&bookings, upto)?;
        Ok(())
    }

    fn note_rows(&mut self, frame: &Frame) {
        self.newest = frame.first;
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            if entry.row == Row::Damaged {
                tracing::warn!(index, "the row of an entry is damaged");
                self.damaged.push(index);
            }
        }
    }

    fn remember_root(&mut self) {
        if self.wanted_size == Some(self.frontier.size()) {
            self.root_at_wanted = Some(self.frontier.root());
        }
    }
}

#[derive(Debug)]
enum HeaderFault {
    OtherLog(String),
    Corrupt(Corruption),
}
