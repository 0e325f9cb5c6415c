//! The bounded queue between appenders and the sequencer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use kepil_ledger::hash::Hash;
use kepil_ledger::receipt::Batch;
use tokio::sync::{Semaphore, oneshot};

use super::{AppendError, MAX_BATCH_ENTRIES};
use crate::draft::Draft;
use crate::segment::frame::frame_bytes;

/// Room in the queue: one unit an entry and one a KiB.
const ROOM: u32 = 65_536;

/// One entry with what the appender's own thread has already computed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) draft: Draft,
    /// The leaf as it stands in the log.
    pub(super) leaf: Vec<u8>,
    pub(super) hash: Hash,
}

/// What the sequencer answers: the signed batch, and the index of the request's first entry.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) batch: Arc<Batch>,
    pub(super) first: u64,
    pub(super) entries: Vec<Prepared>,
}

/// Entries that stand or fall together.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) entries: Vec<Prepared>,
    /// Bytes of the entries in a frame.
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<Answer, AppendError>>,
}

impl Request {
    fn room(&self) -> u32 {
        let units = self.entries.len() + self.bytes / 1024;
        u32::try_from(units).unwrap_or(ROOM).min(ROOM)
    }
}

/// What the sequencer does next.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) requests: Vec<Request>,
    /// Begin the batch with a map head.
    pub(super) wants_head: bool,
}

/// Requests that wait, first come first served.
#[derive(Debug)]
pub(super) struct Queue {
    room: Semaphore,
    waiting: Mutex<Waiting>,
    filled: Condvar,
    max_frame_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    is_parked: bool,
    wants_head: bool,
    ended: Option<AppendError>,
    is_over: bool,
    /// The sequencer works on a batch.
    is_busy: bool,
}

impl Queue {
    pub(super) fn new(max_frame_bytes: usize) -> Self {
        Self {
            room: Semaphore::new(ROOM as usize),
            waiting: Mutex::default(),
            filled: Condvar::new(),
            max_frame_bytes,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and queues a request.
    pub(super) async fn push(&self, request: Request) -> Result<(), AppendError> {
        let Ok(permit) = self.room.acquire_many(request.room()).await else {
            return Err(self.ended());
        };
        permit.forget();
        let mut waiting = self.waiting();
        if let Some(ended) = &waiting.ended {
            return Err(ended.clone());
        }
        waiting.requests.push_back(request);
        if waiting.is_parked {
            waiting.is_parked = false;
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Asks the sequencer for a map head; it comes even when the queue is closed.
    pub(super) fn want_head(&self) {
        let mut waiting = self.waiting();
        waiting.wants_head = true;
        waiting.is_parked = false;
        drop(waiting);
        self.filled.notify_all();
    }

    /// Why the queue takes nothing more, or a request got no answer.
    pub(super) fn ended(&self) -> AppendError {
        let gone = || AppendError::Failed {
            reason: "the sequencer stopped".into(),
        };
        self.waiting().ended.clone().unwrap_or_else(gone)
    }

    /// Takes what waits, as much as fits one frame; waits while there is nothing.
    ///
    /// `None` when the queue is over and empty.
    pub(super) fn take(&self) -> Option<Work> {
        let mut waiting = self.waiting();
        waiting.is_busy = false;
        self.filled.notify_all();
        while waiting.requests.is_empty() && !waiting.wants_head {
            if waiting.is_over {
                return None;
            }
            waiting.is_parked = true;
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        waiting.is_parked = false;

        let (mut entries, mut bytes, mut room) = (0, 0, 0);
        let mut batch = Vec::new();
        while let Some(request) = waiting.requests.pop_front() {
            entries += request.entries.len();
            bytes += request.bytes;
            let is_full = entries > MAX_BATCH_ENTRIES || frame_bytes(bytes) > self.max_frame_bytes;
            if is_full && !batch.is_empty() {
                waiting.requests.push_front(request);
                break;
            }
            room += request.room() as usize;
            batch.push(request);
        }
        let wants_head = std::mem::take(&mut waiting.wants_head);
        waiting.is_busy = true;
        drop(waiting);
        self.room.add_permits(room);
        Some(Work {
            requests: batch,
            wants_head,
        })
    }

    /// Takes no more requests; those that wait are still served, and map heads written.
    pub(super) fn close(&self) {
        self.end(AppendError::Closed);
    }

    /// Waits until everything that waits is written, or nothing is written any more.
    pub(super) fn drain(&self) {
        let waits = |waiting: &mut Waiting| {
            !waiting.is_over && (waiting.is_busy || !waiting.requests.is_empty())
        };
        drop(self.filled.wait_while(self.waiting(), waits));
    }

    /// Ends the queue once it is empty.
    pub(super) fn finish(&self) {
        self.close();
        self.waiting().is_over = true;
        self.filled.notify_all();
    }

    /// Takes no more requests and answers those that wait with the error.
    pub(super) fn fail(&self, error: &AppendError) {
        self.end(error.clone());
        let mut waiting = self.waiting();
        waiting.is_over = true;
        let abandoned = std::mem::take(&mut waiting.requests);
        drop(waiting);
        for request in abandoned {
            // An appender that no longer waits needs no answer.
            let _ = request.answer.send(Err(error.clone()));
        }
    }

    fn end(&self, error: AppendError) {
        let mut waiting = self.waiting();
        waiting.ended.get_or_insert(error);
        waiting.is_parked = false;
        drop(waiting);
        self.room.close();
        self.filled.notify_all();
    }
}
