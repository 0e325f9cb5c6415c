//! The one thread that gives entries their order and makes them durable.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use kepil_ledger::entry::{Leaf, MapHead};
use kepil_ledger::hash::{self, Hash};
use kepil_ledger::receipt::Batch;
use kepil_ledger::tree::{Frontier, ProofError};

use super::keeper::Keeper;
use super::queue::{Answer, Queue, Request};
use super::state::{Cut, Shared};
use super::writer::SegmentWriter;
use super::{AppendError, Clock, Keeping, OpenError, SegmentError};
use crate::book::Booking;
use crate::draft::Draft;
use crate::segment::frame::{FrameWriter, entry_bytes, frame_bytes};

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error("signing a batch")]
    Seal(#[from] ProofError),
    #[error(transparent)]
    Keeping(#[from] Keeping),
}

/// Turns requests into batches.
#[derive(Debug)]
pub(super) struct Sequencer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    writer: SegmentWriter,
    frontier: Frontier,
    keeper: Option<Arc<Keeper>>,
    frame: Vec<u8>,
}

/// A map head on its way into the log.
struct HeadEntry {
    leaf: Vec<u8>,
    hash: Hash,
    draft: Draft,
}

impl HeadEntry {
    fn new(head: MapHead) -> Self {
        let draft = Draft::of(Leaf::MapHead(head));
        let leaf = draft.leaf.to_bytes();
        Self {
            hash: hash::leaf(&leaf),
            leaf,
            draft,
        }
    }
}

impl Sequencer {
    pub(super) fn start(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        writer: SegmentWriter,
        frontier: Frontier,
        keeper: Option<Arc<Keeper>>,
        clock: Clock,
    ) -> Result<JoinHandle<()>, OpenError> {
        let mut sequencer = Self {
            shared,
            queue,
            writer,
            frontier,
            keeper,
            frame: Vec::new(),
        };
        thread::Builder::new()
            .name("kepil-log-sequence".to_owned())
            .spawn(move || sequencer.run(&clock))
            .map_err(OpenError::Thread)
    }

    fn run(&mut self, clock: &Clock) {
        // Whatever ends this thread, nobody may wait for it.
        let _guard = EndQueue {
            queue: self.queue.clone(),
            shared: self.shared.clone(),
        };
        while let Some(work) = self.queue.take() {
            let mut requests = self.refuse_closed(work.requests);
            let wants_head = work.wants_head && self.keeper.is_some();
            if requests.is_empty() && !wants_head {
                continue;
            }
            match self.write(&mut requests, wants_head, clock()) {
                Ok(batch) => acknowledge(requests, &Arc::new(batch), u64::from(wants_head)),
                Err(error) => return self.fail(requests, &error),
            }
        }
    }

    /// Sends back requests for months that are closed; their callers book them anew.
    fn refuse_closed(&self, requests: Vec<Request>) -> Vec<Request> {
        let Some(keeper) = &self.keeper else {
            return requests;
        };
        let has_booking = |request: &Request| {
            let mut entries = request.entries.iter();
            entries.any(|entry| !entry.draft.booking.is_empty())
        };
        if !requests.iter().any(has_booking) {
            return requests;
        }
        let closed = keeper.closed();
        let is_late = |request: &Request| {
            let mut entries = request.entries.iter();
            entries.find_map(|entry| {
                let period = keeper.period(&entry.draft.booking)?;
                (Some(period) <= closed).then_some(period)
            })
        };
        let mut good = Vec::with_capacity(requests.len());
        for request in requests {
            match is_late(&request) {
                None => good.push(request),
                // An appender that no longer waits needs no answer.
                Some(period) => {
                    _ = request
                        .answer
                        .send(Err(AppendError::ClosedMonth { period }));
                }
            }
        }
        good
    }

    /// Writes one batch; when this returns the batch is durable and signed.
    fn write(
        &mut self,
        requests: &mut [Request],
        wants_head: bool,
        now_ms: u64,
    ) -> Result<Batch, BatchError> {
        let first = self.frontier.size();
        let head = match (&self.keeper, wants_head) {
            (Some(keeper), true) => Some(HeadEntry::new(keeper.head(first, now_ms / 1000)?)),
            _ => None,
        };
        let entries = || requests.iter().flat_map(|request| &request.entries);
        let bytes: usize = requests.iter().map(|request| request.bytes).sum();
        let of_head = |head: &HeadEntry| entry_bytes(head.leaf.len(), &head.draft);
        let length = frame_bytes(bytes + head.as_ref().map_or(0, of_head));
        let epoch = self.writer.make_room(length, &self.frontier, now_ms)?;

        // Extend the tree on a copy: it counts only once it is durable.
        let mut frontier = self.frontier.clone();
        let total = entries().count() + usize::from(head.is_some());
        let mut leaves = Vec::with_capacity(total);
        // INVARIANT: the queue gives at most `MAX_BATCH_ENTRIES` at once.
        let count = u32::try_from(total).unwrap_or(u32::MAX);
        let mut frame = FrameWriter::begin(&mut self.frame, epoch, first, count, now_ms);
        let mut cut = None;
        if let Some(head) = &head {
            frontier.append(head.hash);
            frame.entry(&head.leaf, &head.draft);
            leaves.push(head.hash);
            cut = Some(Cut {
                size: frontier.size(),
                root: frontier.root(),
            });
        }
        let first_request = frontier.size();
        for entry in entries() {
            frontier.append(entry.hash);
            frame.entry(&entry.leaf, &entry.draft);
            leaves.push(entry.hash);
        }
        let root = frontier.root();
        frame.finish(&root);

        let mark = self.writer.write(&self.frame, first)?;
        let size = frontier.size();
        if let Some(keeper) = &self.keeper {
            let entries = requests.iter_mut().flat_map(|request| &mut request.entries);
            let bookings = (first_request..).zip(entries).filter_map(|(index, entry)| {
                let draft = &mut entry.draft;
                Booking::of(index, &draft.leaf, std::mem::take(&mut draft.booking))
            });
            keeper.hand_over(bookings, size);
        }
        let entries = requests.iter_mut().flat_map(|request| &mut request.entries);
        let published = head.into_iter().map(|head| head.leaf);
        let published = published.chain(entries.map(|entry| std::mem::take(&mut entry.leaf)));
        self.shared.grow(Cut { size, root }, cut, mark, published);
        self.frontier = frontier;
        Ok(Batch::seal(self.shared.signer(), first, leaves, now_ms)?)
    }

    /// Answers everybody with the error; nothing is written from now on.
    fn fail(&self, requests: Vec<Request>, error: &BatchError) {
        let reason: Arc<str> = match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}").into(),
            None => error.to_string().into(),
        };
        tracing::error!(
            reason = &*reason,
            "the log has failed and takes no more entries"
        );
        let error = AppendError::Failed {
            reason: reason.clone(),
        };
        self.shared.fail(reason);
        for request in requests {
            // An appender that no longer waits needs no answer.
            let _ = request.answer.send(Err(error.clone()));
        }
        self.queue.fail(&error);
    }
}

fn acknowledge(requests: Vec<Request>, batch: &Arc<Batch>, heads: u64) {
    let mut first = batch.statement().first + heads;
    for Request {
        entries, answer, ..
    } in requests
    {
        let next = first + u64::try_from(entries.len()).unwrap_or(u64::MAX);
        // An appender that no longer waits needs no answer; its entries stand all the same.
        let _ = answer.send(Ok(Answer {
            batch: batch.clone(),
            first,
            entries,
        }));
        first = next;
    }
}

/// Ends the queue when the sequencer ends, be it by a panic.
#[derive(Debug)]
struct EndQueue {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

impl Drop for EndQueue {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason: Arc<str> = "the sequencer panicked".into();
            self.shared.fail(reason.clone());
            self.queue.fail(&AppendError::Failed { reason });
        } else {
            self.queue.fail(&AppendError::Closed);
        }
    }
}
