//! The way into the log.

use std::sync::Arc;

use kepil_ledger::entry::{Leaf, Opening};
use kepil_ledger::hash;
use kepil_ledger::receipt::{Batch, Receipt};
use kepil_ledger::tree::ProofError;
use tokio::sync::oneshot;

use super::queue::{Answer, Prepared, Queue, Request};
use super::{AppendError, MAX_BATCH_ENTRIES};
use crate::draft::Draft;
use crate::segment::frame::{entry_bytes, frame_bytes};
use crate::wait::block_on;

/// Appends entries; cheap to clone and to share between threads and tasks.
#[derive(Debug, Clone)]
pub struct Appender {
    queue: Arc<Queue>,
    max_frame_bytes: usize,
}

/// An entry that is durable, and the means to make its receipt.
///
/// The batch is signed already; the receipt's path is put together only when asked for.
#[derive(Debug, Clone)]
pub struct Ticket {
    index: u64,
    leaf: Leaf,
    batch: Arc<Batch>,
}

impl Appender {
    pub(super) const fn new(queue: Arc<Queue>, max_frame_bytes: usize) -> Self {
        Self {
            queue,
            max_frame_bytes,
        }
    }

    /// Appends entries in order, all or none, and returns once they are durable.
    ///
    /// Waits while the queue is full. Dropping the future does not take the entries
    /// back: they may still be written.
    ///
    /// # Errors
    ///
    /// When the request is too large, or the log is closed or has failed. An entry of
    /// a request that got an error was never acknowledged; after a failed write it may
    /// nevertheless be found in the log when it is opened again.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Ticket>, AppendError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let (request, answer) = self.prepare(drafts)?;
        self.queue.push(request).await?;
        // The sender is dropped unanswered only if the sequencer is gone.
        let Answer {
            batch,
            first,
            entries,
        } = answer.await.map_err(|_| self.queue.ended())??;
        let tickets = (first..)
            .zip(entries)
            .map(|(index, Prepared { draft, .. })| Ticket {
                index,
                leaf: draft.leaf,
                batch: batch.clone(),
            });
        Ok(tickets.collect())
    }

    /// Like [`Appender::append`], for a thread that may wait.
    ///
    /// # Errors
    ///
    /// As [`Appender::append`].
    pub fn append_blocking(&self, drafts: Vec<Draft>) -> Result<Vec<Ticket>, AppendError> {
        block_on(self.append(drafts))
    }

    /// Computes on the caller's thread whatever does not need the order.
    fn prepare(
        &self,
        drafts: Vec<Draft>,
    ) -> Result<(Request, oneshot::Receiver<Result<Answer, AppendError>>), AppendError> {
        let prepare = |draft: Draft| {
            let leaf = draft.leaf.to_bytes();
            Prepared {
                hash: hash::leaf(&leaf),
                leaf,
                draft,
            }
        };
        let entries: Vec<Prepared> = drafts.into_iter().map(prepare).collect();
        let bytes = entries.iter().fold(0, |sum: usize, entry| {
            sum.saturating_add(entry_bytes(entry.leaf.len(), &entry.draft))
        });
        let limit = self.max_frame_bytes - frame_bytes(0);
        if entries.len() > MAX_BATCH_ENTRIES || bytes > limit {
            return Err(AppendError::TooLarge {
                entries: entries.len(),
                bytes,
                limit,
            });
        }
        let (sender, receiver) = oneshot::channel();
        Ok((
            Request {
                entries,
                bytes,
                answer: sender,
            },
            receiver,
        ))
    }
}

impl Ticket {
    /// Index of the entry in the log.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The public leaf.
    #[must_use]
    pub const fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Time of the batch, Unix milliseconds.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.batch.statement().time_ms
    }

    /// The signed receipt, with what opens the leaf where that is given.
    ///
    /// # Errors
    ///
    /// Never in practice: a ticket belongs to its batch.
    pub fn receipt(&self, opening: Option<&Opening>) -> Result<Receipt, ProofError> {
        self.batch.receipt(self.index, &self.leaf, opening)
    }
}
