//! What the threads of an open log share.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kepil_ledger::checkpoint;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::Signer;
use tokio::sync::watch;

use super::recovery::Recovered;
use super::{Head, Health};
use crate::segment::SegmentStart;

/// Segment bytes between two marks: what a look-up reads at most, beside one frame.
const MARK_BYTES: u64 = 64 * 1024;

/// Entries kept in memory for the publisher; beyond, it reads them from the segments.
const MAX_FEED: usize = 1 << 20;

/// Segments spared by a snapshot whose marks are remembered at a time.
const MAX_OLD: usize = 8;

/// A run of frames in a segment, found again by the index of its first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) first: u64,
    pub(super) segment: u64,
    pub(super) epoch: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Marks of neighbouring frames, one for every 64 KiB.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs(Vec<Mark>);

impl Runs {
    /// Takes the place of the next frame.
    pub(super) fn add(&mut self, frame: Mark) {
        match self.0.last_mut() {
            Some(last) if last.segment == frame.segment && last.end - last.start < MARK_BYTES => {
                last.end = frame.end;
            }
            _ => self.0.push(frame),
        }
    }

    /// The run that holds an entry.
    pub(super) fn find(&self, index: u64) -> Option<Mark> {
        let after = self.0.partition_point(|mark| mark.first <= index);
        self.0.get(after.checked_sub(1)?).copied()
    }
}

/// Where frames stand. Of segments that a snapshot spared, only where they begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    segments: Vec<SegmentStart>,
    runs: Runs,
}

/// Where an entry is to be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Run(Mark),
    /// A segment whose frames were not looked at yet.
    Segment(OldSegment),
}

/// A segment that a snapshot spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OldSegment {
    pub(super) number: u64,
    pub(super) start: SegmentStart,
    /// Index after its last entry.
    pub(super) end: u64,
}

impl Marks {
    /// Marks of a log whose first segments were not read.
    pub(super) const fn after(segments: Vec<SegmentStart>) -> Self {
        Self {
            segments,
            runs: Runs(Vec::new()),
        }
    }

    /// Takes the place of the next frame.
    pub(super) fn add(&mut self, frame: Mark) {
        if u64::try_from(self.segments.len()) == Ok(frame.segment) {
            self.segments.push(SegmentStart {
                epoch: frame.epoch,
                first: frame.first,
            });
        }
        self.runs.add(frame);
    }

    /// Where an entry below `size` is to be looked for.
    fn find(&self, index: u64) -> Option<Found> {
        if let Some(mark) = self.runs.find(index) {
            return Some(Found::Run(mark));
        }
        let after = self.segments.partition_point(|start| start.first <= index);
        let at = after.checked_sub(1)?;
        Some(Found::Segment(OldSegment {
            number: u64::try_from(at).ok()?,
            start: *self.segments.get(at)?,
            // INVARIANT: the last segment has runs, so an entry without one has a next segment.
            end: self.segments.get(after)?.first,
        }))
    }

    /// Where each segment begins that has entries before `size`.
    fn starts(&self, size: u64) -> Vec<SegmentStart> {
        let starts = self.segments.iter().copied();
        starts.take_while(|start| start.first < size).collect()
    }
}

/// What waits to be published.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) size: u64,
    pub(super) root: Hash,
    /// Index of the first leaf; those before it are read from the segments.
    pub(super) first: u64,
    pub(super) leaves: Vec<Vec<u8>>,
}

/// A tree that may be published: with a book, one whose last leaf is a map head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) size: u64,
    pub(super) root: Hash,
}

#[derive(Debug)]
pub(super) struct Shared {
    segments: PathBuf,
    signer: Signer,
    state: Mutex<State>,
    grown: Condvar,
    has_book: bool,
    /// Held while rows are overwritten: who meets half a row waits for it and reads again.
    erasing: Mutex<()>,
    /// Size of the published tree.
    published: watch::Sender<u64>,
    /// Marks of segments that a snapshot spared, those used last at the end.
    old: Mutex<VecDeque<(u64, Arc<Runs>)>>,
}

#[derive(Debug)]
struct State {
    size: u64,
    root: Hash,
    marks: Marks,
    feed: Vec<Vec<u8>>,
    /// Index of the first leaf in the feed.
    feed_first: u64,
    /// The newest tree that ends with a map head.
    head: Option<Cut>,
    checkpoint: Option<Arc<str>>,
    failed: Option<Arc<str>>,
    publishing: Option<Arc<str>>,
    /// Index of the first entry of the newest frame.
    newest: u64,
    /// Entries whose rows are known to be damaged.
    damaged: BTreeSet<u64>,
}

impl Shared {
    pub(super) fn new(
        segments: PathBuf,
        signer: Signer,
        recovered: &Recovered,
        has_book: bool,
    ) -> Self {
        let state = State {
            size: recovered.frontier.size(),
            root: recovered.frontier.root(),
            marks: recovered.marks.clone(),
            feed: Vec::new(),
            feed_first: recovered.frontier.size(),
            head: recovered.head,
            checkpoint: recovered.checkpoint.clone(),
            failed: None,
            publishing: None,
            newest: recovered.newest,
            damaged: recovered.damaged.iter().copied().collect(),
        };
        let published = recovered.checkpoint.as_ref();
        let published = published.and_then(|text| checkpoint::parse(text.as_bytes()).ok());
        let published = published.map_or(0, |signed| signed.unverified().size);
        Self {
            segments,
            signer,
            published: watch::Sender::new(published),
            state: Mutex::new(state),
            grown: Condvar::new(),
            has_book,
            erasing: Mutex::new(()),
            old: Mutex::default(),
        }
    }

    /// Every change is one assignment or one push, so a poisoned state is still whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segments(&self) -> &Path {
        &self.segments
    }

    pub(super) const fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn head(&self) -> Head {
        let state = self.state();
        Head {
            size: state.size,
            root: state.root,
            checkpoint: state.checkpoint.clone(),
        }
    }

    pub(super) fn health(&self) -> Health {
        let state = self.state();
        Health {
            failed: state.failed.clone(),
            publishing: state.publishing.clone(),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.state().size
    }

    /// Where to look for an entry, and the size of the log.
    pub(super) fn find(&self, index: u64) -> (Option<Found>, u64) {
        let state = self.state();
        let found = state.marks.find(index).filter(|_| index < state.size);
        (found, state.size)
    }

    /// Where each segment begins that has entries before `size`.
    pub(super) fn segment_starts(&self, size: u64) -> Vec<SegmentStart> {
        self.state().marks.starts(size)
    }

    /// The runs of a segment that a snapshot spared, if they were looked for lately.
    pub(super) fn old_runs(&self, number: u64) -> Option<Arc<Runs>> {
        let mut old = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        let at = old.iter().position(|(of, _)| *of == number)?;
        // The one used last stands last.
        let (_, runs) = old.remove(at)?;
        old.push_back((number, runs.clone()));
        Some(runs)
    }

    /// Remembers the runs of a segment that a snapshot spared.
    pub(super) fn put_old_runs(&self, number: u64, runs: Arc<Runs>) {
        let mut old = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        old.retain(|(of, _)| *of != number);
        old.push_back((number, runs));
        if old.len() > MAX_OLD {
            old.pop_front();
        }
    }

    /// Waits until no row is being overwritten, and keeps it so.
    pub(super) fn no_erasing(&self) -> MutexGuard<'_, ()> {
        self.erasing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Index of the first entry of the newest frame, and the size of the log.
    pub(super) fn newest(&self) -> (u64, u64) {
        let state = self.state();
        (state.newest, state.size)
    }

    /// Entries whose rows are known to be damaged, ascending.
    pub(super) fn damaged(&self) -> Vec<u64> {
        self.state().damaged.iter().copied().collect()
    }

    /// Takes note of whether the row of an entry is damaged.
    pub(super) fn note_row(&self, index: u64, is_damaged: bool) {
        let mut state = self.state();
        if is_damaged {
            state.damaged.insert(index);
        } else {
            state.damaged.remove(&index);
        }
    }

    /// Takes note of a frame that is durable, and of the tree up to its map head if it has one.
    pub(super) fn grow(
        &self,
        cut: Cut,
        head: Option<Cut>,
        mark: Mark,
        leaves: impl Iterator<Item = Vec<u8>>,
    ) {
        let mut state = self.state();
        state.size = cut.size;
        state.root = cut.root;
        state.head = head.or(state.head);
        state.newest = mark.first;
        state.marks.add(mark);
        if state.feed.len() > MAX_FEED {
            state.feed = Vec::new();
            state.feed_first = cut.size;
        } else {
            state.feed.extend(leaves);
        }
        drop(state);
        self.grown.notify_all();
    }

    /// The newest tree that may be published.
    pub(super) fn cut(&self) -> Option<Cut> {
        let state = self.state();
        if self.has_book {
            return state.head;
        }
        let (size, root) = (state.size, state.root);
        Some(Cut { size, root })
    }

    /// Waits until a tree larger than `size` may be published, or some time has passed.
    pub(super) fn wait_for_cut(&self, size: u64, at_most: Duration) -> Option<Cut> {
        let is_small = |state: &mut State| {
            state.failed.is_none() && state.head.is_none_or(|head| head.size <= size)
        };
        let (state, _) = self
            .grown
            .wait_timeout_while(self.state(), at_most, is_small)
            .unwrap_or_else(PoisonError::into_inner);
        state.head
    }

    /// Hands over what waits to be published of a tree.
    pub(super) fn take_feed(&self, cut: Cut) -> Feed {
        let mut state = self.state();
        let first = state.feed_first.min(cut.size);
        let wanted = usize::try_from(cut.size - first).unwrap_or(usize::MAX);
        let rest = match wanted < state.feed.len() {
            true => state.feed.split_off(wanted),
            false => Vec::new(),
        };
        let leaves = std::mem::replace(&mut state.feed, rest);
        state.feed_first = state.feed_first.max(cut.size);
        Feed {
            size: cut.size,
            root: cut.root,
            first,
            leaves,
        }
    }

    pub(super) fn fail(&self, reason: Arc<str>) {
        self.state().failed.get_or_insert(reason);
        self.grown.notify_all();
    }

    pub(super) fn set_checkpoint(&self, size: u64, checkpoint: Arc<str>) {
        self.state().checkpoint = Some(checkpoint);
        self.published.send_replace(size);
    }

    /// The size of the published tree, for whoever waits for it.
    pub(super) fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    pub(super) fn set_publishing(&self, trouble: Option<Arc<str>>) {
        self.state().publishing = trouble;
    }
}
