//! Why the log could not do what was asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kepil_ledger::checkpoint::TrustError;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::KeyName;
use kepil_ledger::period::Period;
use kepil_ledger::tree::ProofError;

use crate::book::BookError;

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The size of segments is out of bounds.
    #[error(
        "opening the log: segments of {bytes} bytes are not whole blocks between 64 KiB and 1 GiB"
    )]
    SegmentSize {
        /// Size asked for.
        bytes: u64,
    },
    /// The name is reserved or too long.
    #[error("opening the log: no log may be named `{origin}`")]
    Origin {
        /// Name asked for.
        origin: KeyName,
    },
    /// A folder cannot be made.
    #[error("opening the log: making the folder `{}`", path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The lock file cannot be made or locked.
    #[error("opening the log: locking `{}`", path.display())]
    Lock {
        /// Path of the lock.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Another process, or another part of this one, has the log open.
    #[error("opening the log: `{}` is locked, another process has the log open", path.display())]
    InUse {
        /// Path of the lock.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("opening the log: reading `{}`", path.display())]
    Read {
        /// Path of the file or folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// What an interrupted write left cannot be removed.
    #[error("opening the log: removing an interrupted write from `{}`", path.display())]
    Wipe {
        /// Path of the segment.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The segment to go on in cannot be made or opened.
    #[error("opening the log")]
    Segment(#[from] SegmentError),
    /// The folder holds another log.
    #[error("opening the log: `{}` belongs to the log `{found}`", path.display())]
    OtherLog {
        /// Path of the segment.
        path: PathBuf,
        /// Name of the log it belongs to.
        found: String,
    },
    /// A segment is damaged: acknowledged entries may be lost. Restore it from a replica.
    #[error("opening the log: `{}` is damaged at byte {offset}: {what}", path.display())]
    Corrupt {
        /// Path of the segment.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: Corruption,
    },
    /// A segment in the middle does not exist.
    #[error("opening the log: segment `{}` is missing", path.display())]
    MissingSegment {
        /// Path it should have.
        path: PathBuf,
    },
    /// The published checkpoint is not by this log's key.
    #[error("opening the log: the checkpoint `{}` is not by this log's key", path.display())]
    Checkpoint {
        /// Path of the checkpoint.
        path: PathBuf,
        /// Why.
        #[source]
        source: TrustError,
    },
    /// The log published more entries than its segments hold.
    #[error("opening the log: {signed} entries were published, the segments hold only {found} and end at byte {offset} of `{}`: acknowledged entries are lost", path.display())]
    LostEntries {
        /// Size in the published checkpoint.
        signed: u64,
        /// Number of entries found.
        found: u64,
        /// Path of the last segment.
        path: PathBuf,
        /// Where its last whole frame ends.
        offset: u64,
    },
    /// The published root is not the root of the entries.
    #[error(
        "opening the log: the first {size} entries are not those that were published: the segments were changed"
    )]
    Rewritten {
        /// Size in the published checkpoint.
        size: u64,
    },
    /// The book cannot be made from the log.
    #[error("opening the log")]
    Book(#[from] BookError),
    /// A thread cannot be started.
    #[error("opening the log: starting a thread")]
    Thread(#[source] io::Error),
}

/// The book could not be kept, so no map head can be written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("keeping the book of the log: {reason}")]
pub struct Keeping {
    /// Why.
    pub reason: Arc<str>,
}

/// Why a segment could not be used for writing.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// A new segment cannot be made.
    #[error("making the segment `{}`", path.display())]
    Prepare {
        /// Path of the segment.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A segment cannot be opened, written or synced.
    #[error("writing the segment `{}`", path.display())]
    Write {
        /// Path of the segment.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A frame is longer than a segment.
    #[error("writing the segment `{}`: a frame of {length} bytes does not fit", path.display())]
    TooLong {
        /// Path of the segment.
        path: PathBuf,
        /// Length of the frame.
        length: usize,
    },
}

/// What is wrong with a segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corruption {
    /// The header block is damaged.
    #[error("the segment's header does not match its checksum")]
    Header,
    /// The header has another number than the file name.
    #[error("the header says segment {found}")]
    Number {
        /// Number in the header.
        found: u64,
    },
    /// The segment does not begin where the one before ended.
    #[error("the segment begins at entry {found}, the one before ends at {expected}")]
    Continuation {
        /// Size of the log so far.
        expected: u64,
        /// First index in the header.
        found: u64,
    },
    /// The segment begins with another tree than the one before ended with.
    #[error("the segment continues another tree than the one before it")]
    OtherTree,
    /// A frame is damaged and whole frames follow, so it is no interrupted write.
    #[error("a frame is damaged and whole frames follow it")]
    Frame,
    /// A frame has another first index than the log's size.
    #[error("the frame begins at entry {found} instead of {expected}")]
    Index {
        /// Size of the log so far.
        expected: u64,
        /// First index in the frame.
        found: u64,
    },
    /// The checksum is good but the content is not a frame's.
    #[error("the frame's checksum is good but its content is impossible")]
    Content,
    /// The frame's root is not the root of the entries.
    #[error("the entries lead to root {found} and the frame says {expected}")]
    Root {
        /// Root in the frame.
        expected: Hash,
        /// Root of the entries.
        found: Hash,
    },
}

/// Why entries were not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The request does not fit one frame.
    #[error(
        "appending {entries} entries of {bytes} bytes: at most 8192 entries and {limit} bytes fit one request"
    )]
    TooLarge {
        /// Number of entries.
        entries: usize,
        /// Bytes they would take.
        bytes: usize,
        /// Bytes a request may take.
        limit: usize,
    },
    /// The month the entry was booked in has closed; book it in the present one.
    #[error("appending to the log: the book of {period} is closed")]
    ClosedMonth {
        /// The month.
        period: Period,
    },
    /// The log was closed.
    #[error("appending to the log: it is closed")]
    Closed,
    /// The log failed: it takes no entries until it is opened again.
    #[error("appending to the log: it has failed ({reason})")]
    Failed {
        /// Why.
        reason: Arc<str>,
    },
}

/// Why an entry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The index is not durable yet.
    #[error("reading entry {index}: the log has only {size}")]
    Outside {
        /// Index asked for.
        index: u64,
        /// Size of the log.
        size: u64,
    },
    /// The segment cannot be read.
    #[error("reading `{}`", path.display())]
    File {
        /// Path of the segment.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The segment was changed since the log was opened.
    #[error("reading `{}`: it is damaged at byte {offset}", path.display())]
    Damaged {
        /// Path of the segment.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
    },
    /// The row is neither what was written nor erased; leaf and receipt are whole.
    #[error("reading entry {index}: its row in `{}` is damaged at byte {offset}", path.display())]
    DamagedRow {
        /// Index of the entry.
        index: u64,
        /// Path of the segment.
        path: PathBuf,
        /// Where the row begins in the file.
        offset: u64,
    },
    /// A receipt cannot be made from the batch.
    #[error("making the receipt of entry {index}")]
    Receipt {
        /// Index of the entry.
        index: u64,
        /// What went wrong.
        #[source]
        source: ProofError,
    },
}

/// Why rows were not erased. Some of them may be; erasing them again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The index is not durable yet.
    #[error("erasing the row of entry {index}: the log has only {size}")]
    Outside {
        /// Index asked for.
        index: u64,
        /// Size of the log.
        size: u64,
    },
    /// The entry stands in the newest frame, where zeros would look like a torn write.
    #[error(
        "erasing the row of entry {index}: it was written last, append the erasure notice first"
    )]
    Newest {
        /// Index asked for.
        index: u64,
    },
    /// What is about to be erased cannot be noted, so nothing is.
    #[error("erasing rows: noting them in `{}`", path.display())]
    Note {
        /// Path of the note.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The entry cannot be found.
    #[error("erasing rows")]
    Read(#[from] ReadError),
    /// A segment cannot be opened, read, written or synced.
    #[error("erasing rows in `{}`", path.display())]
    Write {
        /// Path of the segment.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// Why the log was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file cannot be written.
    #[error("publishing `{}`", path.display())]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Entries cannot be read back.
    #[error("publishing the log: reading entries back")]
    Read(#[from] ReadError),
    /// The tiles lead to another root than the sequencer's; nothing is signed then.
    #[error("publishing the log: the tiles lead to root {found}, the sequencer has {expected}")]
    Root {
        /// The sequencer's root.
        expected: Hash,
        /// The tiles' root.
        found: Hash,
    },
    /// An entry is too long for a bundle.
    #[error("publishing the log: writing a bundle")]
    Tile(#[from] kepil_ledger::tile::TileError),
    /// The cosigners that must vouch for a checkpoint did not; it is tried again.
    #[error("publishing the log: {reason}")]
    NotEndorsed {
        /// Who is missing.
        reason: String,
    },
    /// No map head came in time: the sequencer has failed or is far behind.
    #[error("publishing the log: no map head was written")]
    NoHead,
    /// The publishing thread has stopped.
    #[error("publishing the log: it is closed")]
    Stopped,
}

/// Why a log did not close cleanly. What was acknowledged is durable all the same.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The log had failed.
    #[error("closing the log: it has failed ({reason})")]
    Failed {
        /// Why.
        reason: Arc<str>,
    },
    /// The last checkpoint was not published; the next opening does it.
    #[error("closing the log")]
    Publish(#[source] PublishError),
}
