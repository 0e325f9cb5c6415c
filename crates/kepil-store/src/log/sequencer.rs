//! The one thread that gives entries their order and makes them durable.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use kepil_ledger::receipt::Batch;
use kepil_ledger::tree::{Frontier, ProofError};

use super::queue::{Answer, Queue, Request};
use super::state::Shared;
use super::writer::SegmentWriter;
use super::{AppendError, Clock, OpenError, SegmentError};
use crate::segment::frame::{FrameWriter, frame_bytes};

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error("signing a batch")]
    Seal(#[from] ProofError),
}

/// Turns requests into batches.
#[derive(Debug)]
pub(super) struct Sequencer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    writer: SegmentWriter,
    frontier: Frontier,
    frame: Vec<u8>,
}

impl Sequencer {
    pub(super) fn start(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        writer: SegmentWriter,
        frontier: Frontier,
        clock: Clock,
    ) -> Result<JoinHandle<()>, OpenError> {
        let mut sequencer = Self {
            shared,
            queue,
            writer,
            frontier,
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
        while let Some(requests) = self.queue.take() {
            match self.write(&requests, clock()) {
                Ok(batch) => acknowledge(requests, &Arc::new(batch)),
                Err(error) => return self.fail(requests, &error),
            }
        }
    }

    /// Writes one batch; when this returns the batch is durable and signed.
    fn write(&mut self, requests: &[Request], now_ms: u64) -> Result<Batch, BatchError> {
        let entries = || requests.iter().flat_map(|request| &request.entries);
        let first = self.frontier.size();
        let length = frame_bytes(requests.iter().map(|request| request.bytes).sum());
        let epoch = self.writer.make_room(length, &self.frontier, now_ms)?;

        // Extend the tree on a copy: it counts only once it is durable.
        let mut frontier = self.frontier.clone();
        let mut leaves = Vec::with_capacity(entries().count());
        // INVARIANT: the queue gives at most `MAX_BATCH_ENTRIES` at once.
        let count = u32::try_from(entries().count()).unwrap_or(u32::MAX);
        let mut frame = FrameWriter::begin(&mut self.frame, epoch, first, count, now_ms);
        for entry in entries() {
            frontier.append(entry.hash);
            frame.entry(&entry.leaf, &entry.draft);
            leaves.push(entry.hash);
        }
        let root = frontier.root();
        frame.finish(&root);

        let mark = self.writer.write(&self.frame, first)?;
        self.shared.grow(
            frontier.size(),
            root,
            mark,
            entries().map(|entry| entry.leaf),
        );
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

fn acknowledge(requests: Vec<Request>, batch: &Arc<Batch>) {
    let mut first = batch.statement().first;
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
