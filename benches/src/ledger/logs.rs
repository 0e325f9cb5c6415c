//! Logs to measure: opened as a node opens them, checked and removed afterwards.

use crate::fault::{Fault, during, fault};
use crate::ledger::timed::TimedDisk;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::KeyName;
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;
use kepil_ledger::verify;
use kepil_store::draft::Booker;
use kepil_store::log::{Log, Options};
use kepil_store::monthkey::MonthKey;
use kepil_store::source::DirSource;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

/// The log's secret seed.
const SEED: [u8; 32] = [7; 32];

/// Name of the log.
const ORIGIN: &str = "log.example/bench";

/// Threads for the callers' tasks; the log has its own beside them.
const CALLER_THREADS: usize = 2;

/// How long the log may take to get ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A log and its folder.
#[derive(Debug)]
pub struct Bench {
    /// The log.
    pub log: Log,
    /// Where it lives.
    pub folder: PathBuf,
}

/// Reads bookings that hold month and tags in clear.
#[derive(Debug)]
struct Plain;

impl Booker for Plain {
    fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
        let tag: [u8; 32] = booking.get(4..36)?.try_into().ok()?;
        Some((self.period(booking)?, Tag::new(Hash::new(tag))))
    }

    fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
        let tags = booking.get(4..)?.as_chunks::<32>().0.iter();
        let tags = tags.map(|tag| Tag::new(Hash::new(*tag)));
        Some((self.period(booking)?, tags.collect()))
    }

    fn period(&self, booking: &[u8]) -> Option<Period> {
        Period::new(u32::from_be_bytes(*booking.first_chunk()?))
    }

    /// Fixed, so that files are encrypted as those of a node are.
    fn month_key(&self, _: Period) -> Option<MonthKey> {
        Some(MonthKey::new(SEED))
    }
}

/// A booking as [`Plain`] reads it.
#[must_use]
pub fn booking(period: Period, tags: impl Iterator<Item = Tag>) -> Vec<u8> {
    let mut bytes = period.number().to_be_bytes().to_vec();
    tags.for_each(|tag| bytes.extend_from_slice(tag.as_bytes()));
    bytes
}

/// The present in Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(0))
}

fn origin() -> Result<KeyName, Fault> {
    KeyName::new(ORIGIN).map_err(during("naming the log"))
}

fn options() -> Result<Options, Fault> {
    Ok(Options::new(origin()?, SEED, Arc::new(now_ms)))
}

fn options_with_book() -> Result<Options, Fault> {
    let mut options = options()?;
    options.booker = Some(Arc::new(Plain));
    Ok(options)
}

/// Threads for tasks that call the log.
///
/// # Errors
/// When the system gives no threads.
pub fn callers() -> Result<Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CALLER_THREADS)
        .enable_time()
        .build()
        .map_err(during("starting the callers"))
}

impl Bench {
    /// Opens a new log with the defaults of a node.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(folder: PathBuf) -> Result<Self, Fault> {
        Self::with(folder, options()?)
    }

    /// Opens a new log whose writes are timed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn timed(folder: PathBuf) -> Result<(Self, Arc<TimedDisk>), Fault> {
        let mut options = options()?;
        let disk = Arc::new(TimedDisk::default());
        options.disk = disk.clone();
        Ok((Self::with(folder, options)?, disk))
    }

    /// Opens a new log with a book; `checkpoint` is the time between checkpoints.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn with_book(folder: PathBuf, checkpoint: Option<Duration>) -> Result<Self, Fault> {
        let mut options = options_with_book()?;
        options.checkpoint_interval = checkpoint.unwrap_or(options.checkpoint_interval);
        Self::with(folder, options)
    }

    fn with(folder: PathBuf, options: Options) -> Result<Self, Fault> {
        let log = Log::open(&folder, options).map_err(during("opening the log"))?;
        let bench = Self { log, folder };
        bench.settle()?;
        Ok(bench)
    }

    /// Closes a log with a book and opens it again; gives the seconds of both.
    ///
    /// # Errors
    /// When either goes wrong.
    pub fn reopen(self) -> Result<(Self, f64, f64), Fault> {
        let Self { log, folder } = self;
        let start = Instant::now();
        log.close().map_err(during("closing the log"))?;
        let closing = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let log =
            Log::open(&folder, options_with_book()?).map_err(during("opening the log again"))?;
        let opening = start.elapsed().as_secs_f64();
        Ok((Self { log, folder }, closing, opening))
    }

    /// Waits until the segment after the first is written ahead: the start is not measured.
    fn settle(&self) -> Result<(), Fault> {
        let begin = Instant::now();
        let failed = during("looking at the segments");
        while begin.elapsed() < PATIENCE {
            let mut ready = 0;
            for file in std::fs::read_dir(self.folder.join("segments")).map_err(&failed)? {
                let name = file.map_err(&failed)?.file_name();
                ready += usize::from(Path::new(&name).extension() == Some(OsStr::new("segment")));
            }
            if ready >= 2 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(fault("the log did not write its second segment"))
    }

    /// The folder with the published files.
    #[must_use]
    pub fn public(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Closes the log and checks it: so many entries must stand in it, and the whole must
    /// rebuild to its signed root.
    ///
    /// The segments are removed, and what is left is written out, so that the next
    /// measurement finds a quiet disk. The many small published files stay to the end:
    /// a file system that has just removed thousands of files makes new ones slowly.
    ///
    /// # Errors
    /// When an acknowledged entry is missing or the log is not sound: the figures are void.
    pub fn finish(self, entries: u64) -> Result<(), Fault> {
        let key = self.log.verifying_key().clone();
        let public = self.public();
        self.log.close().map_err(during("closing the log"))?;
        let report = verify::rebuild(&DirSource::new(&public), &key, None);
        let found = report.signed.as_ref().map_or(0, |log| log.size);
        if !report.is_sound() || found < entries {
            return Err(Fault(format!(
                "{entries} entries were acknowledged and {found} stand in the log (sound: {}): the figures are void",
                report.is_sound()
            )));
        }
        remove(&self.folder.join("segments"))?;
        quieten(&self.folder)
    }
}

/// Has the whole file system written out.
///
/// # Errors
/// When the folder cannot be opened or the disk fails.
pub fn quieten(folder: &Path) -> Result<(), Fault> {
    let failed = during("writing everything out");
    let folder = File::open(folder).map_err(&failed)?;
    rustix::fs::syncfs(&folder).map_err(during("writing everything out"))
}

/// Removes a folder.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(folder: &Path) -> Result<(), Fault> {
    std::fs::remove_dir_all(folder).map_err(during("removing a folder"))
}
