//! The log: entries durable before the answer, published as C2SP `tlog-tiles`.
//!
//! One sequencer thread takes whatever requests wait, writes them as **one frame** with
//! one synced write, signs one statement for the batch and answers all of them. While
//! one batch is being written the next one gathers: the write is the only window, there
//! is no timer. Publishing happens behind, on a thread of its own, without syncs:
//! every published file can be derived again from the segments.
//!
//! ```text
//! DIR/lock                 held while a process has the log open
//! DIR/segments/*.segment   the entries, with their private parts; secret
//! DIR/log/checkpoint       the public log: C2SP tlog-checkpoint ...
//! DIR/log/tile/...         ... and tlog-tiles
//! DIR/book/*.uses          with a book: each person's list of entries; secret
//! DIR/snapshot/*/...       where everything stood, for a quick opening; secret
//! DIR/rebuild              while [`rebuild`] makes the read models again
//! DIR/erasing              while rows are being erased: which ones
//! ```
//!
//! If a write fails the log becomes *failed*: every waiting and later append gets an
//! error with the reason, and nothing more is written. Opening the folder again
//! recovers. As after a crash, entries whose append got an error may then be in the
//! log or not; entries that were acknowledged always are.

mod appender;
mod bookreader;
mod eraser;
mod error;
mod keeper;
mod preparer;
mod publisher;
mod queue;
mod reader;
pub(crate) mod rebuild;
mod recovery;
mod sequencer;
mod snapshotter;
mod state;
pub(crate) mod unfinished;
mod walk;
mod writer;

pub use appender::{Appender, Ticket};
pub use bookreader::BookReader;
pub use error::{
    AppendError, CloseError, Corruption, EraseError, Keeping, OpenError, PublishError, ReadError,
    SegmentError,
};
pub use publisher::closing_path;
pub use reader::{Entry, Reader, Records};
pub use rebuild::{Difference, How, RebuildError, RebuildReport, rebuild};

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use kepil_ledger::hash::{self, Hash};
use kepil_ledger::note::{KeyName, Signer, VerifyingKey};
use kepil_ledger::period::Period;
use kepil_ledger::receipt::{self, Receipt};
use tokio::sync::watch;

use crate::disk::{BLOCK_BYTES, DirectDisk, Disk};
use crate::draft::Booker;
use crate::segment::{HEADER_BYTES, MAX_ORIGIN_BYTES};
use crate::source::DirSource;
use eraser::Eraser;
use keeper::{Keeper, KeeperThread};
use preparer::Preparer;
use publisher::Publisher;
use queue::Queue;
use sequencer::Sequencer;
use snapshotter::Snapshotter;
use state::Shared;
use writer::{Place, SegmentWriter};

/// Default size of a segment.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Default time between checkpoints.
pub const DEFAULT_CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);

/// Default number of entries between snapshots.
pub const DEFAULT_SNAPSHOT_EVERY: u64 = 5_000_000;

/// Default age of the last map head at which a quiet log says that it is quiet.
pub const DEFAULT_QUIET_SECS: u64 = 600;

/// Most entries in one request and in one batch.
pub const MAX_BATCH_ENTRIES: usize = 8192;

/// Most bytes in one frame, if the segment is not smaller.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Room left in a frame for a map head with all its months.
const HEAD_BYTES: usize = 8 * 1024;

const MIN_SEGMENT_BYTES: u64 = 64 * 1024;
const MAX_SEGMENT_BYTES: u64 = 1024 * 1024 * 1024;

/// Gives the time in Unix milliseconds. It may jump: order comes from the index alone.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Collects the signatures that a checkpoint needs before it is published.
pub trait Endorser: fmt::Debug + Send + Sync {
    /// Gives the checkpoint with further signature lines.
    ///
    /// `checkpoint` carries the log's signature; `public` holds the tiles up to its size.
    ///
    /// # Errors
    ///
    /// With a sentence about who is missing; then it is not published and tried again later.
    fn endorse(&self, checkpoint: &str, public: &DirSource) -> Result<String, String>;
}

/// How a log is opened.
#[derive(Clone)]
pub struct Options {
    /// Name of the log; first line of every checkpoint and name of its key.
    pub origin: KeyName,
    /// Secret Ed25519 seed of the log's key.
    pub seed: [u8; 32],
    /// The clock for receipts.
    pub clock: Clock,
    /// Size of new segments: 64 KiB to 1 GiB, whole blocks.
    pub segment_bytes: u64,
    /// Time between checkpoints.
    pub checkpoint_interval: Duration,
    /// The disk; tests pass one that fails.
    pub disk: Arc<dyn Disk>,
    /// A log with a book writes a map head at least this often, in seconds, entries or not.
    pub quiet_secs: u64,
    /// The log is opened to be read: nothing is published, no map head is written.
    pub is_reader: bool,
    /// Vouches for checkpoints before they are published.
    pub endorser: Option<Arc<dyn Endorser>>,
    /// Reads bookings; with one the log keeps a book, and every checkpoint ends with a map head.
    pub booker: Option<Arc<dyn Booker>>,
    /// Entries between two snapshots ([`crate::snapshot`]); 0 makes one only at closing.
    pub snapshot_every: u64,
}

impl Options {
    /// Options with the defaults.
    #[must_use]
    pub fn new(origin: KeyName, seed: [u8; 32], clock: Clock) -> Self {
        Self {
            origin,
            seed,
            clock,
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            checkpoint_interval: DEFAULT_CHECKPOINT_INTERVAL,
            disk: Arc::new(DirectDisk),
            quiet_secs: DEFAULT_QUIET_SECS,
            is_reader: false,
            endorser: None,
            booker: None,
            snapshot_every: DEFAULT_SNAPSHOT_EVERY,
        }
    }

    fn check(&self) -> Result<(), OpenError> {
        let is_sized = (MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes)
            && self.segment_bytes.is_multiple_of(BLOCK_BYTES as u64);
        if !is_sized {
            return Err(OpenError::SegmentSize {
                bytes: self.segment_bytes,
            });
        }
        if receipt::is_reserved_origin(&self.origin)
            || self.origin.as_str().len() > MAX_ORIGIN_BYTES
        {
            return Err(OpenError::Origin {
                origin: self.origin.clone(),
            });
        }
        Ok(())
    }

    /// Longest frame that fits a segment of this size.
    fn max_frame_bytes(&self) -> usize {
        usize::try_from(self.segment_bytes - HEADER_BYTES)
            .unwrap_or(MAX_FRAME_BYTES)
            .min(MAX_FRAME_BYTES)
            - if self.booker.is_some() { HEAD_BYTES } else { 0 }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("origin", &self.origin)
            .field("segment_bytes", &self.segment_bytes)
            .field("checkpoint_interval", &self.checkpoint_interval)
            .field("disk", &self.disk)
            .finish_non_exhaustive()
    }
}

/// How far the log has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of durable entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The last published checkpoint, a signed note; at or behind `size`.
    pub checkpoint: Option<Arc<str>>,
}

/// Whether the log takes entries and publishes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why the log no longer takes entries; only opening it again helps.
    pub failed: Option<Arc<str>>,
    /// Why the last attempt to publish failed; it is repeated at the next interval.
    pub publishing: Option<Arc<str>>,
}

/// An open log. Dropping it closes it; [`Log::close`] also says whether that went well.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    max_frame_bytes: usize,
    sequencer: Option<JoinHandle<()>>,
    publisher: Option<Publisher>,
    keeper: Option<Arc<Keeper>>,
    keeper_thread: Option<KeeperThread>,
    eraser: Eraser,
    /// INVARIANT: released only when the last thread is gone; fields drop after `stop`.
    _lock: Lock,
}

impl Log {
    /// Opens the log in a folder, or begins a new one there.
    ///
    /// Reads every frame behind the newest snapshot again and rebuilds the tree; without a
    /// snapshot that fits the log, every frame there is. What an interrupted write left
    /// behind the last whole frame is removed; everything else that does not fit stops
    /// the opening, because it would hide that acknowledged entries were lost. What a
    /// snapshot spares is not looked at: [`crate::snapshot`] says what that means.
    ///
    /// # Errors
    ///
    /// When another process has the log open, the folder cannot be written, it holds
    /// another log, or it is damaged; the error says where.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        options.check()?;
        let segments = folder.join("segments");
        make_folders(folder)?;
        let lock = Lock::take(&folder.join("lock"))?;

        let signer = Signer::from_seed(options.origin.clone(), &options.seed);
        let mut recovered = recovery::recover(&recovery::Place {
            folder,
            segments: segments.clone(),
            origin: &options.origin,
            key: signer.verifying_key(),
            booker: options.booker.clone(),
        })?;
        recovery::wipe(&*options.disk, recovered.leftover.as_ref())?;

        let preparer = Preparer::start(
            options.disk.clone(),
            segments.clone(),
            options.segment_bytes,
        )?;
        let place = Place {
            disk: options.disk.clone(),
            folder: segments.clone(),
            origin: options.origin.to_string(),
            epoch_secret: *hash::mac(&options.seed, b"kepil-segment-epoch/v1").as_bytes(),
        };
        let writer = SegmentWriter::start(place, preparer, &recovered, (options.clock)())?;

        let max_frame_bytes = options.max_frame_bytes();
        let disk = options.disk.clone();
        let books = recovered.books.take().zip(options.booker.clone());
        let keeper = books.map(|(books, booker)| Keeper::new(booker, books));
        let keeper_thread = keeper.clone().map(KeeperThread::start).transpose()?;
        let shared = Arc::new(Shared::new(segments, signer, &recovered, keeper.is_some()));
        let eraser = Eraser::new(shared.clone(), disk.clone(), folder);
        eraser.look_again(recovered.suspects);
        let queue = Arc::new(Queue::new(max_frame_bytes));
        let snapshotter = Snapshotter::new(
            shared.clone(),
            keeper.clone(),
            disk,
            folder,
            options.snapshot_every,
        );
        let start = || {
            Publisher::start(
                shared.clone(),
                keeper.clone().map(|keeper| (queue.clone(), keeper)),
                &options,
                folder.join("log"),
                (recovered.builder, snapshotter),
            )
        };
        let publisher = match options.is_reader {
            true => None,
            false => Some(start()?),
        };
        let sequencer = Sequencer::start(
            shared.clone(),
            queue.clone(),
            writer,
            recovered.frontier,
            keeper.clone(),
            options.clock,
        );
        let sequencer = match sequencer {
            Ok(sequencer) => sequencer,
            Err(error) => {
                shared.fail("the sequencer did not start".into());
                // The other thread must be gone before the lock is. It has nothing new to say.
                let _ = publisher.map(Publisher::stop);
                return Err(error);
            }
        };
        Ok(Self {
            shared,
            queue,
            max_frame_bytes,
            sequencer: Some(sequencer),
            publisher,
            keeper,
            keeper_thread,
            eraser,
            _lock: lock,
        })
    }

    /// A handle to append with; cheap to clone and to share.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(self.queue.clone(), self.max_frame_bytes)
    }

    /// A handle to read with; cheap to clone and to share.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.shared.clone())
    }

    /// The log's public key.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.shared.signer().verifying_key()
    }

    /// Size and root of what is durable, and the last published checkpoint.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shared.head()
    }

    /// The size of the published tree, for whoever waits for it.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<u64> {
        self.shared.published()
    }

    /// Whether the log takes entries and publishes them.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Reads one entry with its private part.
    ///
    /// # Errors
    ///
    /// When the index is not durable yet, or the segment cannot be read.
    pub fn record(&self, index: u64) -> Result<Entry, ReadError> {
        self.reader().record(index)
    }

    /// Reads all entries from an index up to what is durable now, in order.
    #[must_use]
    pub fn records(&self, from: u64) -> Records {
        self.reader().records(from)
    }

    /// Issues the receipt of an entry again: what its appender got, without the record.
    ///
    /// # Errors
    ///
    /// When the index is not durable yet, or the segment cannot be read.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        self.reader().receipt(index)
    }

    /// Overwrites the rows of entries with zeros, durably; gives how many were wiped now.
    ///
    /// Leaves, bookings and receipts stay. Rows that are gone already are passed over, so
    /// an erasure that was interrupted is finished by asking for it again. Rows of the
    /// newest frame are refused: the erasure notice has to be in the log first.
    ///
    /// What is overwritten is the file's own blocks. A disk may keep older copies of its
    /// own, and so may backups: rows must be unreadable there without a key.
    ///
    /// # Errors
    ///
    /// When an entry is not there or was written last, or a segment cannot be written.
    /// Of the rows asked for some may then be erased.
    pub fn erase(&self, indexes: &[u64]) -> Result<u64, EraseError> {
        self.eraser.erase(indexes)
    }

    /// Entries whose rows are known to be neither whole nor erased, ascending.
    ///
    /// An interrupted erasure leaves them, or damage to the disk. The log opens all the
    /// same: leaf and booking are whole. Erase them, or restore them from a replica.
    #[must_use]
    pub fn damaged_rows(&self) -> Vec<u64> {
        self.shared.damaged()
    }

    /// The month an event of this time is booked in; `None` for a log without a book.
    #[must_use]
    pub fn period_for(&self, time_ms: u64) -> Option<Period> {
        let keeper = self.keeper.as_ref()?;
        Some(keeper.period_for(time_ms))
    }

    /// A handle to the book; `None` for a log without one.
    #[must_use]
    pub fn book(&self) -> Option<BookReader> {
        self.keeper.clone().map(BookReader::new)
    }

    /// Publishes now and waits until the checkpoint stands.
    ///
    /// # Errors
    ///
    /// When a file could not be written; the log itself is not affected.
    pub fn publish(&self) -> Result<Head, PublishError> {
        match &self.publisher {
            Some(publisher) => publisher.publish_now()?,
            None => return Err(PublishError::Stopped),
        }
        Ok(self.head())
    }

    /// Has the next checkpoint come before its time; returns at once.
    pub fn hurry(&self) {
        if let Some(publisher) = &self.publisher {
            publisher.hurry();
        }
    }

    /// Writes what waits, publishes a last checkpoint and releases the folder.
    ///
    /// # Errors
    ///
    /// When the log had failed before, or the last checkpoint could not be published.
    pub fn close(mut self) -> Result<(), CloseError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), CloseError> {
        self.queue.close();
        self.queue.drain();
        // The last checkpoint may need a last map head, so the sequencer ends after it.
        let published = self.publisher.take().map(Publisher::stop);
        self.queue.finish();
        let thread = self.sequencer.take();
        let is_whole = thread.is_none_or(|thread| thread.join().is_ok());
        self.keeper_thread = None;
        if let Some(reason) = self.health().failed {
            return Err(CloseError::Failed { reason });
        }
        if !is_whole {
            return Err(CloseError::Failed {
                reason: "the sequencer stopped".into(),
            });
        }
        if let Some((builder, snapshotter)) = published.transpose().map_err(CloseError::Publish)? {
            snapshotter.finish(&builder);
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.sequencer.is_some()
            && let Err(error) = self.stop()
        {
            tracing::error!(error = &error as &dyn std::error::Error, "closing the log");
        }
    }
}

/// Makes the folders of a log; what is published is everybody's, the rest the owner's alone.
fn make_folders(folder: &Path) -> Result<(), OpenError> {
    for (name, mode) in [("log", 0o755), ("segments", 0o700), ("snapshot", 0o700)] {
        let path = folder.join(name);
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .map_err(|source| OpenError::Folder { path, source })?;
    }
    Ok(())
}

/// Keeps the folder for this log alone.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |source: io::Error| OpenError::Lock {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is just being started by another
        // thread holds a copy of it for a moment. If this fails, closing does it later.
        let _ = self.0.unlock();
    }
}
