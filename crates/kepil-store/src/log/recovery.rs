//! Finds out what a folder holds when a log is opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::checkpoint::{self, Checkpoint};
use kepil_ledger::note::{KeyName, VerifyingKey};
use kepil_ledger::tile::TileBuilder;
use kepil_ledger::tree::Frontier;
use kepil_ledger::verify::CHECKPOINT_PATH;

use super::state::{Cut, Marks};
use super::walk::Walk;
use super::{Corruption, OpenError};
use crate::book::{BookError, Books};
use crate::disk::{BLOCK_BYTES, Blocks, Disk};
use crate::draft::Booker;
use crate::segment::{self, Header, HeaderBlock, SegmentStart};
use crate::snapshot::{self, Snapshot, SnapshotError};

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
    /// Number of entries in the checkpoint.
    pub(super) published: Option<u64>,
    /// The tree up to the last map head.
    pub(super) head: Option<Cut>,
    pub(super) books: Option<Books>,
    /// Index of the first entry of the last frame; 0 for a new log.
    pub(super) newest: u64,
    /// Entries whose rows are neither whole nor erased, ascending.
    pub(super) damaged: Vec<u64>,
    /// Entries whose rows were damaged when the snapshot was made.
    pub(super) suspects: Vec<u64>,
    /// Where publishing goes on.
    pub(super) builder: TileBuilder,
}

/// Where a log is, and whose it is.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) segments: PathBuf,
    pub(super) origin: &'a KeyName,
    pub(super) key: &'a VerifyingKey,
    pub(super) booker: Option<Arc<dyn Booker>>,
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
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// A signed size and root to hold the recovered entries against.
#[derive(Debug, Clone)]
struct Published {
    text: Arc<str>,
    checkpoint: Checkpoint,
}

/// Finds out what the folder holds, with the newest snapshot that fits, or without.
pub(super) fn recover(place: &Place<'_>) -> Result<Recovered, OpenError> {
    let published = read_checkpoint(&place.folder.join("log").join(CHECKPOINT_PATH), place.key)?;
    let snapshots = place.folder.join("snapshot");
    for size in snapshot::list(&snapshots) {
        let from = snapshot::path(&snapshots, size);
        match resume(place, published.clone(), &from, size) {
            Ok(recovered) => return Ok(recovered),
            // Whatever is wrong: without a snapshot everything is read and compared anew.
            Err(error) => tracing::warn!(
                snapshot = %from.display(),
                error = &error as &dyn std::error::Error,
                "a snapshot cannot be used, reading more of the log"
            ),
        }
    }
    walk_all(place, published, &place.folder.join("book"))
}

/// Reads everything, and makes the book in a folder of its own.
pub(super) fn replay(place: &Place<'_>, book: &Path) -> Result<Recovered, OpenError> {
    let published = read_checkpoint(&place.folder.join("log").join(CHECKPOINT_PATH), place.key)?;
    walk_all(place, published, book)
}

fn walk_all(
    place: &Place<'_>,
    published: Option<Published>,
    book: &Path,
) -> Result<Recovered, OpenError> {
    let books = place.booker.clone();
    let books = books.map(|booker| Books::begin(book, booker)).transpose()?;
    let start = Start {
        builder: TileBuilder::new(),
        segments: Vec::new(),
        head: None,
        books,
        damaged: Vec::new(),
    };
    walk(place, published, start)
}

/// Why a snapshot was not used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Goes on from a snapshot.
fn resume(
    place: &Place<'_>,
    published: Option<Published>,
    from: &Path,
    number: u64,
) -> Result<Recovered, Unusable> {
    let mismatch = |what| Err(Unusable::Snapshot(SnapshotError::Mismatch(what)));
    let snapshot = Snapshot::read(from)?;
    let (size, root) = (snapshot.size(), snapshot.root);
    if snapshot.origin != place.origin.as_str() || size != number {
        return mismatch("it is of another log or size");
    }
    // Published files were synced before the snapshot was. If the checkpoint is older all
    // the same, or lost, they have to be gone through.
    if published
        .as_ref()
        .is_none_or(|published| published.checkpoint.size < size)
    {
        return mismatch("less has been published than it has");
    }
    let books = match (&place.booker, &snapshot.book) {
        (None, None) => None,
        (Some(booker), Some(state)) if size > 0 => Some(Books::resume(
            &place.folder.join("book"),
            booker.clone(),
            from,
            (state, size - 1),
        )?),
        _ => return mismatch("one of the two has a book and the other has not"),
    };
    let start = Start {
        head: books.is_some().then_some(Cut { size, root }),
        builder: snapshot.builder,
        segments: snapshot.segments,
        books,
        damaged: snapshot.damaged,
    };
    Ok(walk(place, published, start)?)
}

/// Where reading begins.
#[derive(Debug)]
struct Start {
    builder: TileBuilder,
    /// Segments that begin before the builder's size.
    segments: Vec<SegmentStart>,
    head: Option<Cut>,
    books: Option<Books>,
    damaged: Vec<u64>,
}

/// Reads segments in order, from the one on in which the start lies.
fn walk(
    place: &Place<'_>,
    published: Option<Published>,
    start: Start,
) -> Result<Recovered, OpenError> {
    let segments = place.segments.as_path();
    let numbers = list(segments)?;
    for (expected, number) in (0..).zip(&numbers) {
        if expected != *number {
            return Err(OpenError::MissingSegment {
                path: segment::path(segments, expected),
            });
        }
    }
    let spared = start.segments.len().saturating_sub(1);
    check_headers(place, &start.segments)?;
    let mut walk = Walk {
        origin: place.origin.as_str(),
        frontier: start.builder.frontier(),
        next: start.segments.last().map_or(0, |segment| segment.first),
        marks: Marks::after(start.segments),
        wanted_size: published
            .as_ref()
            .map(|published| published.checkpoint.size),
        root_at_wanted: None,
        head: start.head,
        books: start.books,
        newest: 0,
        damaged: Vec::new(),
    };
    walk.remember_root();

    let mut active = None;
    let mut leftover = None;
    for (at, number) in numbers.iter().enumerate().skip(spared) {
        let path = segment::path(segments, *number);
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
        let found = walk.next;
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
        builder: start.builder,
        marks: walk.marks,
        active,
        leftover,
        published: published
            .as_ref()
            .map(|published| published.checkpoint.size),
        checkpoint: published.map(|published| published.text),
        head: walk.head,
        books: walk.books,
        newest: walk.newest,
        damaged: walk.damaged,
        suspects: start.damaged,
    })
}

/// Compares the headers of segments that a snapshot spares with what it says of them.
fn check_headers(place: &Place<'_>, starts: &[SegmentStart]) -> Result<(), OpenError> {
    for (number, start) in (0..).zip(starts) {
        let path = segment::path(&place.segments, number);
        let mut block = vec![0; BLOCK_BYTES];
        fs::File::open(&path)
            .and_then(|mut file| io::Read::read_exact(&mut file, &mut block))
            .map_err(|source| OpenError::Read {
                path: path.clone(),
                source,
            })?;
        let is_same = matches!(
            Header::parse(&block),
            HeaderBlock::Used(header) if header.origin == place.origin.as_str()
                && (header.number, header.epoch, header.first) == (number, start.epoch, start.first)
        );
        if !is_same {
            return Err(OpenError::Corrupt {
                path,
                offset: 0,
                what: Corruption::Header,
            });
        }
    }
    Ok(())
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
