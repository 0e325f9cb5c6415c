//! Writes the public files behind the sequencer: bundles and tiles, then the checkpoint.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::entry::Leaf;
use kepil_ledger::period::Period;
use kepil_ledger::tile::{TileBuilder, TilePath, parse_bundle};
use kepil_ledger::verify::CHECKPOINT_PATH;

use super::keeper::Keeper;
use super::queue::Queue;
use super::reader::Reader;
use super::snapshotter::Snapshotter;
use super::state::{Cut, Shared};
use super::{Clock, Endorser, OpenError, Options, PublishError};
use crate::disk::Disk;
use crate::durable;
use crate::source::DirSource;

/// Files that gather before they are written, while many entries are caught up with.
const MAX_FILLED: usize = 64;

/// How long a map head may take; entries before it are being booked meanwhile.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// Shortest time between two checkpoints that somebody waits for.
const HURRY: Duration = Duration::from_millis(20);

/// The publishing thread.
#[derive(Debug)]
pub(super) struct Publisher {
    orders: Sender<Order>,
    /// Somebody waits for the next checkpoint, and the thread has been told.
    is_hurried: Arc<AtomicBool>,
    thread: JoinHandle<Stopped>,
}

/// What the publishing thread leaves behind.
#[derive(Debug)]
struct Stopped {
    result: Result<(), PublishError>,
    builder: TileBuilder,
    snapshotter: Snapshotter,
}

#[derive(Debug)]
enum Order {
    Publish(Sender<Result<(), PublishError>>),
    Hurry,
    Stop,
}

impl Publisher {
    pub(super) fn start(
        shared: Arc<Shared>,
        heads: Option<(Arc<Queue>, Arc<Keeper>)>,
        options: &Options,
        folder: PathBuf,
        (builder, snapshotter): (TileBuilder, Snapshotter),
    ) -> Result<Self, OpenError> {
        let (orders, ordered) = mpsc::channel();
        let mut work = Work {
            shared,
            heads,
            endorser: options.endorser.clone(),
            clock: options.clock.clone(),
            quiet_secs: options.quiet_secs,
            disk: options.disk.clone(),
            folder,
            builder,
            snapshotter,
            outdated: Vec::new(),
            published: None,
            last_leaf: Vec::new(),
            is_hurried: Arc::default(),
            trouble: None,
        };
        let is_hurried = work.is_hurried.clone();
        work.last_leaf = work.last_taken();
        let interval = options.checkpoint_interval;
        let thread = thread::Builder::new()
            .name("kepil-log-publish".to_owned())
            .spawn(move || {
                let result = work.run(&ordered, interval);
                Stopped {
                    result,
                    builder: work.builder,
                    snapshotter: work.snapshotter,
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            orders,
            is_hurried,
            thread,
        })
    }

    pub(super) fn publish_now(&self) -> Result<(), PublishError> {
        let (reply, replied) = mpsc::channel();
        self.orders
            .send(Order::Publish(reply))
            .map_err(|_| PublishError::Stopped)?;
        replied.recv().unwrap_or(Err(PublishError::Stopped))
    }

    /// Has the next checkpoint come before its time, for somebody who waits for it.
    pub(super) fn hurry(&self) {
        if !self.is_hurried.swap(true, Ordering::AcqRel) {
            // If the thread is gone nothing is published any more, and the log says so.
            let _ = self.orders.send(Order::Hurry);
        }
    }

    /// Publishes a last time and ends; gives what a last snapshot is made with.
    pub(super) fn stop(self) -> Result<(TileBuilder, Snapshotter), PublishError> {
        // If the thread is gone, joining says so.
        let _ = self.orders.send(Order::Stop);
        let stopped = self.thread.join().map_err(|_| PublishError::Stopped)?;
        stopped.result?;
        Ok((stopped.builder, stopped.snapshotter))
    }
}

struct Work {
    shared: Arc<Shared>,
    /// Where map heads come from; `None` for a log without a book.
    heads: Option<(Arc<Queue>, Arc<Keeper>)>,
    endorser: Option<Arc<dyn Endorser>>,
    clock: Clock,
    /// Age in seconds at which the last head is followed by another, entries or not.
    quiet_secs: u64,
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Begins where the snapshot stood with which the log was opened, or empty: then every
    /// published file is compared with the entries, and made again where it is missing or
    /// wrong.
    builder: TileBuilder,
    snapshotter: Snapshotter,
    /// Full tiles whose partial forms can go once a checkpoint no longer needs them.
    outdated: Vec<TilePath>,
    published: Option<u64>,
    last_leaf: Vec<u8>,
    is_hurried: Arc<AtomicBool>,
    /// Why the last attempt to publish failed.
    trouble: Option<Arc<str>>,
}

/// Where the checkpoint is kept that proves a month for good; `public` is the published folder.
#[must_use]
pub fn closing_path(public: &Path, period: Period) -> PathBuf {
    let beside = public.parent().unwrap_or(public);
    beside
        .join("closed")
        .join(format!("{}.checkpoint", period.number()))
}

impl Work {
    fn run(&mut self, ordered: &Receiver<Order>, interval: Duration) -> Result<(), PublishError> {
        // What the last time left unpublished goes out at once.
        let mut begun = Instant::now();
        let _ = self.publish();
        loop {
            // From start to start: what publishing takes does not come on top of the interval.
            match ordered.recv_timeout(interval.saturating_sub(begun.elapsed())) {
                // Said in the health of the log, and tried again at the next interval.
                Err(RecvTimeoutError::Timeout) => {
                    begun = Instant::now();
                    let _ = self.publish();
                }
                // What could not be published is tried again in its time, not at once.
                Ok(Order::Hurry) if self.trouble.is_some() => {
                    self.is_hurried.store(false, Ordering::Release);
                }
                // Those who ask meanwhile are served by the same checkpoint.
                Ok(Order::Hurry) => {
                    thread::sleep(HURRY.saturating_sub(begun.elapsed()).min(interval));
                    self.is_hurried.store(false, Ordering::Release);
                    begun = Instant::now();
                    let _ = self.publish();
                }
                // Whoever asked may have gone.
                Ok(Order::Publish(reply)) => _ = reply.send(self.publish()),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return self.publish(),
            }
        }
    }

    fn publish(&mut self) -> Result<(), PublishError> {
        let result = self.catch_up();
        let trouble: Option<Arc<str>> = result.as_ref().err().map(|error| error.to_string().into());
        // Said once, and once more when it is over: it is tried again twice a second.
        match &result {
            Err(error) if trouble != self.trouble => tracing::warn!(
                error = error as &dyn std::error::Error,
                "publishing the log; it is tried again"
            ),
            Ok(()) if self.trouble.is_some() => tracing::info!("the log is published again"),
            _ => {}
        }
        self.trouble.clone_from(&trouble);
        self.shared.set_publishing(trouble);
        result
    }

    /// Brings the public files up to what is durable now.
    fn catch_up(&mut self) -> Result<(), PublishError> {
        // Write what a failed attempt left before taking more into memory.
        self.write_filled()?;
        let Some(cut) = self.next_cut()? else {
            return Ok(());
        };
        if self.published == Some(cut.size) {
            return Ok(());
        }
        let feed = self.shared.take_feed(cut);

        // Entries that are not in the feed (any more) are read from the segments.
        if self.builder.size() < feed.first {
            let reader = Reader::new(self.shared.clone());
            for stored in reader.stored(self.builder.size(), feed.first) {
                self.push(&stored?.entry.leaf.to_bytes())?;
            }
        }
        for leaf in &feed.leaves {
            self.push(leaf)?;
        }
        let found = self.builder.root();
        if found != feed.root {
            return Err(PublishError::Root {
                expected: feed.root,
                found,
            });
        }
        self.write_filled()?;
        for (path, bytes) in self.builder.partial() {
            self.write(&path.to_string(), &bytes, false)?;
        }

        let signer = self.shared.signer();
        let origin = signer.verifying_key().name().clone();
        let checkpoint = Checkpoint {
            origin,
            size: feed.size,
            root: feed.root,
        }
        .sign(signer);
        let checkpoint = match &self.endorser {
            Some(endorser) => endorser
                .endorse(&checkpoint, &DirSource::new(&self.folder))
                .map_err(|reason| PublishError::NotEndorsed { reason })?,
            None => checkpoint,
        };
        self.write(CHECKPOINT_PATH, checkpoint.as_bytes(), false)?;
        self.keep_closing(checkpoint.as_bytes())?;
        self.shared.set_checkpoint(feed.size, checkpoint.into());
        if let Some((_, keeper)) = &self.heads {
            keeper.books().forget_before(feed.size.saturating_sub(1));
        }
        self.published = Some(feed.size);
        self.remove_outdated();
        self.snapshotter.published(&self.builder);
        Ok(())
    }

    /// The tree to publish now: with a book, up to a map head over all that is durable.
    fn next_cut(&self) -> Result<Option<Cut>, PublishError> {
        let cut = self.shared.cut();
        let Some((queue, keeper)) = &self.heads else {
            return Ok(cut);
        };
        let size = self.shared.size();
        let is_covered = size == 0 || cut.is_some_and(|cut| cut.size == size);
        if is_covered && !self.is_quiet_for_long() {
            return Ok(cut);
        }
        keeper.catch_up();
        queue.want_head();
        match self
            .shared
            .wait_for_cut(cut.map_or(0, |cut| cut.size), HEAD_PATIENCE)
        {
            newer @ Some(_) if newer != cut => Ok(newer),
            _ => Err(PublishError::NoHead),
        }
    }

    /// The last leaf a builder that goes on from a snapshot has taken, if its bundle is open.
    fn last_taken(&self) -> Vec<u8> {
        let entries = parse_bundle(self.builder.bundle()).unwrap_or_default();
        entries.last().map(|leaf| leaf.to_vec()).unwrap_or_default()
    }

    /// True when the last map head is old: a quiet log says that it is quiet, so that nobody
    /// takes its silence for hiding.
    fn is_quiet_for_long(&self) -> bool {
        let Ok(Leaf::MapHead(head)) = Leaf::parse(&self.last_leaf) else {
            return false;
        };
        (self.clock)() / 1000 > head.time.saturating_add(self.quiet_secs)
    }

    /// Keeps the first checkpoint that proves a closed month: no later one can be made again.
    fn keep_closing(&self, checkpoint: &[u8]) -> Result<(), PublishError> {
        let Ok(Leaf::MapHead(head)) = Leaf::parse(&self.last_leaf) else {
            return Ok(());
        };
        for row in head.rows() {
            if row.period.is_closed_at(head.time) {
                let path = closing_path(&self.folder, row.period);
                let keep = || match path.exists() {
                    true => Ok(()),
                    false => durable::create(&path, checkpoint),
                };
                keep().map_err(|source| PublishError::Write {
                    path: path.clone(),
                    source,
                })?;
            }
        }
        Ok(())
    }

    fn push(&mut self, leaf: &[u8]) -> Result<(), PublishError> {
        self.builder.push(leaf)?;
        self.last_leaf = leaf.to_vec();
        if self.builder.filled().len() >= MAX_FILLED {
            self.write_filled()?;
        }
        Ok(())
    }

    /// Writes the tiles and bundles that have filled up.
    fn write_filled(&mut self) -> Result<(), PublishError> {
        for (path, bytes) in self.builder.filled() {
            self.write(&path.to_string(), bytes, true)?;
        }
        self.outdated
            .extend(self.builder.filled().iter().map(|(path, _)| *path));
        self.builder.forget_filled();
        Ok(())
    }

    /// Writes a file unless it stands there already; one that `stays` is never written again.
    fn write(&self, name: &str, bytes: &[u8], stays: bool) -> Result<(), PublishError> {
        let path = self.folder.join(name);
        let failed = |source| PublishError::Write {
            path: path.clone(),
            source,
        };
        match fs::read(&path) {
            Ok(found) if found == bytes => return Ok(()),
            Ok(_) if name == CHECKPOINT_PATH => {}
            Ok(_) => {
                tracing::warn!(path = %path.display(), "a published file is wrong, making it again")
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        self.disk
            .publish(&self.folder.join(".writing"), &path, bytes, stays)
            .map_err(failed)
    }

    /// Deletes partial tiles whose full tile is published, as `tlog-tiles` allows.
    fn remove_outdated(&mut self) {
        for path in self.outdated.drain(..) {
            let partial = self.folder.join(format!("{path}.p"));
            if let Err(error) = remove_folder(&partial) {
                tracing::warn!(path = %partial.display(), %error, "deleting old partial tiles");
            }
        }
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
