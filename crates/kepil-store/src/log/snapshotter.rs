//! Makes snapshots beside the running log, on a thread of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use kepil_ledger::map::Map;
use kepil_ledger::period::Period;
use kepil_ledger::tile::TileBuilder;

use super::keeper::Keeper;
use super::state::Shared;
use crate::book::{ClosedMonth, MonthView, closed_state};
use crate::disk::Disk;
use crate::snapshot::{self, BookState, Draft, MonthState, Snapshot};

/// Persons taken from the book at a time: it is locked for a few milliseconds.
const PAGE: usize = 10_000;

/// Makes a snapshot when enough entries have come since the last.
#[derive(Debug)]
pub(super) struct Snapshotter {
    work: Arc<Work>,
    every: u64,
    /// Size of the newest snapshot.
    last: u64,
    running: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Work {
    shared: Arc<Shared>,
    keeper: Option<Arc<Keeper>>,
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// The log is closing: a snapshot that is being made is given up.
    is_over: AtomicBool,
}

impl Snapshotter {
    pub(super) fn new(
        shared: Arc<Shared>,
        keeper: Option<Arc<Keeper>>,
        disk: Arc<dyn Disk>,
        folder: &Path,
        every: u64,
    ) -> Self {
        let last = snapshot::list(&folder.join("snapshot")).first().copied();
        let work = Work {
            shared,
            keeper,
            disk,
            folder: folder.to_owned(),
            is_over: AtomicBool::new(false),
        };
        Self {
            work: Arc::new(work),
            every,
            last: last.unwrap_or(0),
            running: None,
        }
    }

    /// Begins a snapshot of what has just been published, if it is time for one.
    pub(super) fn published(&mut self, builder: &TileBuilder) {
        let size = builder.size();
        let is_due = self.every > 0 && size >= self.last.saturating_add(self.every);
        if !is_due
            || self
                .running
                .as_ref()
                .is_some_and(|running| !running.is_finished())
        {
            return;
        }
        self.join();
        // From here on the book remembers the state at this size.
        let held = Held::new(self.work.keeper.clone(), size);
        let (work, builder) = (self.work.clone(), builder.clone());
        let made = thread::Builder::new()
            .name("kepil-log-snapshot".to_owned())
            .spawn(move || {
                work.make_or_warn(&builder);
                drop(held);
            });
        match made {
            Ok(running) => {
                self.running = Some(running);
                // Also if it fails: the next attempt is as far away as after a good one.
                self.last = size;
            }
            Err(error) => tracing::warn!(%error, "no thread for a snapshot"),
        }
    }

    /// Makes the last snapshot, of a log that takes no more entries.
    pub(super) fn finish(mut self, builder: &TileBuilder) {
        self.stop();
        let newest = snapshot::list(&self.work.folder.join("snapshot"));
        if builder.size() > 0 && newest.first() != Some(&builder.size()) {
            self.work.is_over.store(false, Ordering::Relaxed);
            self.work.make_or_warn(builder);
        }
    }

    fn stop(&mut self) {
        self.work.is_over.store(true, Ordering::Relaxed);
        self.join();
    }

    fn join(&mut self) {
        if let Some(running) = self.running.take() {
            // A panic there costs a snapshot and nothing else.
            let _ = running.join();
        }
    }
}

impl Drop for Snapshotter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Keeps the book's memory of a head while a snapshot of it is made.
#[derive(Debug)]
struct Held(Option<Arc<Keeper>>);

impl Held {
    fn new(keeper: Option<Arc<Keeper>>, size: u64) -> Self {
        if let Some(keeper) = &keeper {
            keeper.books().hold(size.saturating_sub(1));
        }
        Self(keeper)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(keeper) = &self.0 {
            keeper.books().release();
        }
    }
}

impl Work {
    fn make_or_warn(&self, builder: &TileBuilder) {
        let size = builder.size();
        match self.make(builder) {
            Ok(()) => tracing::debug!(size, "made a snapshot"),
            // The log needs none; opening takes longer without.
            Err(error) => tracing::warn!(size, %error, "making a snapshot"),
        }
    }

    fn make(&self, builder: &TileBuilder) -> io::Result<()> {
        let size = builder.size();
        let folder = self.folder.join("snapshot");
        let draft = Draft::begin(&folder, size)?;
        let book = match &self.keeper {
            Some(keeper) => Some(self.book(&draft, keeper, size.saturating_sub(1))?),
            None => None,
        };
        let mut damaged = self.shared.damaged();
        damaged.retain(|index| *index < size);
        let origin = self.shared.signer().verifying_key().name();
        draft.head(&Snapshot {
            origin: origin.to_string(),
            root: builder.root(),
            builder: builder.clone(),
            segments: self.shared.segment_starts(size),
            damaged,
            book,
        })?;
        // What the snapshot spares from being made again must be as durable as itself.
        for name in ["log", "book"] {
            let folder = self.folder.join(name);
            if folder.is_dir() {
                self.disk.sync_below(&folder)?;
            }
        }
        draft.finish()
    }

    fn book(&self, draft: &Draft<'_>, keeper: &Keeper, covers: u64) -> io::Result<BookState> {
        let (months, closed, unreadable) = {
            let books = keeper.books();
            let closed = books.closed_at(covers);
            (books.months_at(covers), closed, books.unreadable())
        };
        let mut states = Vec::with_capacity(months.len());
        for (period, view) in months {
            states.push(match view {
                MonthView::Closed(month) => save_closed(draft, keeper, period, &month)?,
                MonthView::Open => self.open(draft, keeper, period, covers)?,
            });
        }
        Ok(BookState {
            unreadable,
            closed,
            months: states,
        })
    }

    /// Writes a month as it was at a head, while the book goes on.
    fn open(
        &self,
        draft: &Draft<'_>,
        keeper: &Keeper,
        period: Period,
        covers: u64,
    ) -> io::Result<MonthState> {
        let forgotten = || io::Error::other("the book has forgotten the head");
        let root = keeper.books().root_at(period, covers);
        let root = root.ok_or_else(forgotten)?;
        let mut writer = draft.month(period, &root, keeper.month_key(period).as_ref())?;
        let mut last = None;
        loop {
            if self.is_over.load(Ordering::Relaxed) {
                return Err(io::Error::other("the log is being closed"));
            }
            let page = keeper
                .books()
                .page_at(period, covers, last.as_ref(), PAGE)
                .ok_or_else(forgotten)?;
            let Some((tag, _)) = page.last() else { break };
            last = Some(*tag);
            for (tag, slot) in &page {
                writer.push(tag, slot)?;
            }
        }
        writer.save(None)
    }
}

fn save_closed(
    draft: &Draft<'_>,
    keeper: &Keeper,
    period: Period,
    month: &ClosedMonth,
) -> io::Result<MonthState> {
    let state = closed_state(period, month);
    let key = keeper.month_key(period);
    if let Some(state) = draft.take_over(&state, key.clone()) {
        return Ok(state);
    }
    let map: &Map = month.map().map_err(io::Error::other)?;
    let mut writer = draft.month(period, &month.root(), key.as_ref())?;
    for (tag, slot) in map.iter() {
        writer.push(&tag, &slot)?;
    }
    writer.save(state.closed)
}
