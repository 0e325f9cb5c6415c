//! Keeps the book behind the sequencer, on a thread of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kepil_ledger::entry::MapHead;
use kepil_ledger::period::Period;

use super::{Keeping, OpenError};
use crate::book::{BookError, Booking, Books};
use crate::draft::Booker;
use crate::monthkey::MonthKey;

/// How long entries gather before they are booked: larger batches share more hashes.
const GATHER: Duration = Duration::from_millis(4);

/// Leaves whose booking the sequencer may wait for: some milliseconds' worth.
const FEW_LEAVES: u64 = 1_000;

/// How often [`Keeper::catch_up`] waits for what came in meanwhile.
const CATCH_UP_ROUNDS: usize = 8;

/// What the sequencer, the keeper and readers share.
#[derive(Debug)]
pub(super) struct Keeper {
    booker: Arc<dyn Booker>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Waiting {
    bookings: Vec<Booking>,
    /// Leaves before this index were handed over.
    upto: u64,
    /// Leaves before this index are booked.
    booked: u64,
    /// Somebody waits for everything to be booked.
    is_urgent: bool,
    closed: Option<Period>,
    failed: Option<Arc<str>>,
    is_over: bool,
}

/// The thread.
#[derive(Debug)]
pub(super) struct KeeperThread {
    keeper: Arc<Keeper>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn new(booker: Arc<dyn Booker>, books: Books) -> Arc<Self> {
        let (booked, closed) = (books.booked(), books.closed());
        Arc::new(Self {
            booker,
            waiting: Mutex::new(Waiting {
                upto: booked,
                booked,
                closed,
                ..Waiting::default()
            }),
            changed: Condvar::new(),
            books: Mutex::new(books),
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The book itself.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The month of a booking, if the entry counts.
    pub(super) fn period(&self, booking: &[u8]) -> Option<Period> {
        self.booker.period(booking)
    }

    /// The key of what is kept about a month.
    pub(super) fn month_key(&self, period: Period) -> Option<MonthKey> {
        self.booker.month_key(period)
    }

    /// The month an event of this time is booked in.
    pub(super) fn period_for(&self, time_ms: u64) -> Period {
        let own = Period::of_ms(time_ms);
        self.closed().map_or(own, |closed| own.max(closed.next()))
    }

    /// The newest month that takes no more entries.
    pub(super) fn closed(&self) -> Option<Period> {
        self.waiting().closed
    }

    /// Takes leaves that are durable.
    pub(super) fn hand_over(&self, bookings: impl Iterator<Item = Booking>, upto: u64) {
        let mut waiting = self.waiting();
        waiting.bookings.extend(bookings);
        waiting.upto = upto;
        drop(waiting);
        self.changed.notify_all();
    }

    /// How many leaves wait to be booked.
    pub(super) fn lag(&self) -> u64 {
        let waiting = self.waiting();
        waiting.upto - waiting.booked
    }

    /// Waits until all but the newest leaves are booked, or the book has failed.
    ///
    /// Whoever wants a head calls this first, so that the sequencer, which must wait in
    /// [`Keeper::head`], waits for a few entries and not for a long enrolment.
    pub(super) fn catch_up(&self) {
        let mut waiting = self.waiting();
        // Each round leaves only what came in during it. If the book is slower than the
        // entries are, more rounds do not help: then the sequencer has to wait.
        for _ in 0..CATCH_UP_ROUNDS {
            let goal = waiting.upto;
            while waiting.booked < goal && waiting.failed.is_none() {
                waiting.is_urgent = true;
                self.changed.notify_all();
                waiting = self
                    .changed
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.failed.is_some() || waiting.upto - waiting.booked <= FEW_LEAVES {
                return;
            }
        }
    }

    /// Waits until everything handed over is booked, then makes the head over it.
    pub(super) fn head(&self, covers: u64, time_secs: u64) -> Result<MapHead, Keeping> {
        let mut waiting = self.waiting();
        while waiting.booked < covers {
            if let Some(reason) = &waiting.failed {
                return Err(Keeping {
                    reason: reason.clone(),
                });
            }
            waiting.is_urgent = true;
            self.changed.notify_all();
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(waiting);
        let mut books = self.books();
        let head = books.head(covers, time_secs);
        let closed = books.closed();
        drop(books);
        self.waiting().closed = closed;
        Ok(head)
    }

    fn run(&self) {
        loop {
            let (bookings, upto) = {
                let mut waiting = self.waiting();
                while waiting.upto == waiting.booked && !waiting.is_over {
                    waiting = self
                        .changed
                        .wait(waiting)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                if waiting.upto == waiting.booked {
                    return;
                }
                if !waiting.is_urgent && !waiting.is_over {
                    waiting = self
                        .changed
                        .wait_timeout_while(waiting, GATHER, |waiting| {
                            !waiting.is_urgent && !waiting.is_over
                        })
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
                waiting.is_urgent = false;
                (std::mem::take(&mut waiting.bookings), waiting.upto)
            };
            let kept = self.books().take(&bookings, upto);
            let mut waiting = self.waiting();
            match kept {
                Ok(()) => waiting.booked = upto,
                Err(error) => {
                    waiting.failed = Some(said(&error));
                    drop(waiting);
                    self.changed.notify_all();
                    return;
                }
            }
            drop(waiting);
            self.changed.notify_all();
        }
    }
}

fn said(error: &BookError) -> Arc<str> {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the book has failed"
    );
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}").into(),
        None => error.to_string().into(),
    }
}

impl KeeperThread {
    pub(super) fn start(keeper: Arc<Keeper>) -> Result<Self, OpenError> {
        let work = keeper.clone();
        let thread = thread::Builder::new()
            .name("kepil-log-book".to_owned())
            .spawn(move || {
                let _guard = Ended(work.clone());
                work.run();
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            keeper,
            thread: Some(thread),
        })
    }
}

/// Whatever ends the thread, nobody may wait for it.
struct Ended(Arc<Keeper>);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        if thread::panicking() {
            waiting
                .failed
                .get_or_insert("the keeper of the book panicked".into());
        }
        drop(waiting);
        self.0.changed.notify_all();
    }
}

impl Drop for KeeperThread {
    fn drop(&mut self) {
        self.keeper.waiting().is_over = true;
        self.keeper.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // Its last words stand in `failed`.
            let _ = thread.join();
        }
    }
}
