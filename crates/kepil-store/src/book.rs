//! The book on disk: the months' maps, and for each person the list of own entries.
//!
//! Everything here follows from the log and can be built again from it.

mod closed;
mod state;
mod uses;

pub(crate) use closed::ClosedMonth;
pub(crate) use state::{MonthView, closed_state};

pub use uses::Use;

pub(crate) use uses::{USE_BYTES, name as uses_name};

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::book::Book;
use kepil_ledger::chain::Chain;
use kepil_ledger::entry::{Commitment, Leaf, LeafKind, MapHead};
use kepil_ledger::map::{Map, MapPath};
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use crate::draft::Booker;
use crate::snapshot::SnapshotError;
use uses::Uses;

/// What a person's list is made of: the chain, the path in the map, and the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The person's chain at that head.
    pub chain: Chain,
    /// The path from the person to the root in that head.
    pub path: MapPath,
    /// The entries, in the order of the log.
    pub uses: Vec<Use>,
}

/// Why the book could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A file of the book cannot be used.
    #[error("keeping the book: `{}`", path.display())]
    File {
        /// Path of the file or folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A head in the log is not the one the entries before it lead to.
    #[error(
        "keeping the book: the map head at entry {index} is not the one that the entries before it lead to"
    )]
    Head {
        /// Index of the head.
        index: u64,
    },
    /// A list is not the one that its map stands for.
    #[error(
        "reading the book: a list in `{}` is not the one that the map stands for; make it again \
         with `kepil store rebuild`", path.display()
    )]
    List {
        /// Path of the file.
        path: PathBuf,
    },
    /// A closed month cannot be read from its snapshot; opening the log without makes it again.
    #[error("reading the book of a closed month from its snapshot")]
    Snapshot(#[from] SnapshotError),
    /// The book does not know a head, or the person is not in it.
    #[error("looking up a list: the month {period} has no such person at entry {covers}")]
    NotThere {
        /// The month.
        period: Period,
        /// The head asked for.
        covers: u64,
    },
}

/// The book of a log.
#[derive(Debug)]
pub struct Books {
    folder: PathBuf,
    booker: Arc<dyn Booker>,
    book: Book,
    uses: BTreeMap<Period, Uses>,
    /// Months that no head lists any more, with the last head that did.
    closed: BTreeMap<Period, Arc<ClosedMonth>>,
    /// Leaves before this index are booked.
    booked: u64,
    /// Leaves that count and whose booking could not be read.
    unreadable: u64,
    /// A remembered state that a snapshot is being made of.
    held: Option<u64>,
}

/// A leaf on its way into the book.
#[derive(Debug, Clone)]
pub(crate) struct Booking {
    pub(crate) index: u64,
    /// `None` for an enrolment.
    pub(crate) commitment: Option<Commitment>,
    pub(crate) booking: Vec<u8>,
}

impl Booking {
    /// What a leaf has to do with the book; `None` when it counts in nobody's map.
    pub(crate) fn of(index: u64, leaf: &Leaf, booking: Vec<u8>) -> Option<Self> {
        let commitment = leaf.chained().copied();
        let counts = commitment.is_some() || leaf.kind() == LeafKind::Enrolment;
        counts.then_some(Self {
            index,
            commitment,
            booking,
        })
    }
}

impl Books {
    /// Begins a book in a folder; what stood there is made again from the log.
    ///
    /// # Errors
    ///
    /// When the folder cannot be emptied or made.
    pub fn begin(folder: &Path, booker: Arc<dyn Booker>) -> Result<Self, BookError> {
        let failed = |source| BookError::File {
            path: folder.to_owned(),
            source,
        };
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        std::fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            booker,
            book: Book::new(),
            uses: BTreeMap::new(),
            closed: BTreeMap::new(),
            booked: 0,
            unreadable: 0,
            held: None,
        })
    }

    /// The month an event of this time is booked in.
    #[must_use]
    pub fn period_for(&self, time_ms: u64) -> Period {
        self.book.period_for(time_ms)
    }

    /// Leaves before this index are booked.
    #[must_use]
    pub const fn booked(&self) -> u64 {
        self.booked
    }

    /// Leaves that count and whose booking could not be read.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Months with entries, oldest first, with the number of persons.
    pub fn months(&self) -> impl Iterator<Item = (Period, usize)> + '_ {
        let closed = self
            .closed
            .iter()
            .map(|(period, month)| (*period, month.persons()));
        let open = self
            .book
            .months()
            .map(|(period, map)| (period, map.persons()));
        closed.chain(open)
    }

    /// Takes leaves in order; `upto` is the index after the last leaf of the log seen.
    pub(crate) fn take(&mut self, bookings: &[Booking], upto: u64) -> Result<(), BookError> {
        for Booking {
            index,
            commitment,
            booking,
        } in bookings
        {
            let is_kept = match commitment {
                Some(commitment) => self.take_use(*index, commitment, booking)?,
                None => self.take_enrolment(booking),
            };
            self.unreadable += u64::from(!is_kept);
        }
        self.book.settle();
        for uses in self.uses.values_mut() {
            uses.flush()?;
        }
        self.booked = upto;
        Ok(())
    }

    /// False when the booking cannot be read, or its month is closed.
    fn take_use(
        &mut self,
        index: u64,
        commitment: &Commitment,
        booking: &[u8],
    ) -> Result<bool, BookError> {
        let Some((period, tag)) = self.booker.booked(booking) else {
            return Ok(false);
        };
        let uses = match self.uses.entry(period) {
            Entry::Occupied(uses) => uses.into_mut(),
            Entry::Vacant(place) => {
                let Some(key) = self.booker.month_key(period) else {
                    return Ok(false);
                };
                place.insert(Uses::create(&self.folder, period, key.uses())?)
            }
        };
        let at = uses.len();
        // INVARIANT: the sequencer refuses entries of closed months.
        let Ok(before) = self.book.step(period, &tag, index, commitment, at) else {
            return Ok(false);
        };
        uses.push(Use {
            before,
            index,
            commitment: *commitment,
        })?;
        Ok(true)
    }

    fn take_enrolment(&mut self, booking: &[u8]) -> bool {
        let Some((period, tags)) = self.booker.enrolled(booking) else {
            return false;
        };
        let mut tags = tags.into_iter();
        tags.all(|tag| self.book.enrol(period, tag).is_ok())
    }

    /// The head over everything booked; months it closes are kept apart.
    pub(crate) fn head(&mut self, covers: u64, time_secs: u64) -> MapHead {
        let (head, closed) = self.book.head(covers, time_secs);
        for (period, map) in closed {
            let uses = self.uses.get(&period).map_or(0, Uses::len);
            let month = ClosedMonth::new(covers, uses, map);
            self.closed.insert(period, Arc::new(month));
        }
        head
    }

    /// Makes the head of a replayed log again and compares it with the one found.
    pub(crate) fn check_head(&mut self, index: u64, found: &MapHead) -> Result<(), BookError> {
        if self.head(index, found.time) == *found || self.unreadable > 0 {
            Ok(())
        } else {
            Err(BookError::Head { index })
        }
    }

    /// The newest month that takes no more entries.
    #[must_use]
    pub fn closed(&self) -> Option<Period> {
        self.book.closed()
    }

    /// The newest month that took no more entries behind a head.
    pub(crate) fn closed_at(&self, covers: u64) -> Option<Period> {
        self.book.closed_at(covers)
    }

    /// Drops remembered states before that of a head; a published head needs none older.
    pub(crate) fn forget_before(&mut self, covers: u64) {
        let held = self.held.unwrap_or(covers);
        self.book.forget_before(covers.min(held));
    }

    /// A closed month, which can be asked for its map without the rest of the book.
    pub(crate) fn closed_month(&self, period: Period) -> Option<Arc<ClosedMonth>> {
        self.closed.get(&period).cloned()
    }

    /// A person's entries so far, with those no head covers yet; oldest first.
    ///
    /// # Errors
    ///
    /// When a file fails.
    pub fn entries(&self, period: Period, tag: &Tag) -> Result<Vec<Use>, BookError> {
        let slot = match self.closed.get(&period) {
            Some(month) => month.map()?.slot(tag),
            None => self.book.slot(period, tag),
        };
        match (slot, self.uses.get(&period)) {
            (Some(slot), Some(uses)) => uses.list(tag, &slot),
            _ => Ok(Vec::new()),
        }
    }

    /// Number of a person's entries so far; nothing where the person has no place in the map.
    ///
    /// # Errors
    ///
    /// When the map of a closed month cannot be read.
    pub fn count(&self, period: Period, tag: &Tag) -> Result<Option<u64>, BookError> {
        let slot = match self.closed.get(&period) {
            Some(month) => month.map()?.slot(tag),
            None => self.book.slot(period, tag),
        };
        Ok(slot.map(|slot| u64::from(slot.chain.count)))
    }

    /// True when a person has a place in the map of a month.
    ///
    /// # Errors
    ///
    /// When the map of a closed month cannot be read.
    pub fn is_enrolled(&self, period: Period, tag: &Tag) -> Result<bool, BookError> {
        let slot = match self.closed.get(&period) {
            Some(month) => month.map()?.slot(tag),
            None => self.book.slot(period, tag),
        };
        Ok(slot.is_some())
    }

    /// Empties the map and drops the lists of a month that no head lists any more.
    ///
    /// # Errors
    ///
    /// When the file of the lists cannot be removed.
    pub fn forget(&mut self, period: Period) -> Result<(), BookError> {
        // What a replay makes of a month whose bookings cannot be read any more.
        if let Some(month) = self.closed.get_mut(&period) {
            *month = Arc::new(ClosedMonth::new(month.covers(), 0, Map::new()));
        }
        match self.uses.remove(&period) {
            Some(uses) => uses.remove(),
            None => Ok(()),
        }
    }

    /// The last head that listed a month.
    #[must_use]
    pub fn closing(&self, period: Period) -> Option<u64> {
        self.closed.get(&period).map(|month| month.covers())
    }

    /// A person's chain, path and entries as of a head.
    ///
    /// # Errors
    ///
    /// When the head is not remembered, the person was not enrolled, or a file fails.
    pub fn list(&self, period: Period, tag: &Tag, covers: u64) -> Result<Listed, BookError> {
        // A month that no head lists any more does not change: its map is that of every head
        // since it closed.
        let proved = match self.closed.get(&period) {
            Some(month) => month.map()?.prove(tag),
            None => self
                .book
                .map(period)
                .and_then(|map| map.prove_at(tag, covers)),
        };
        let Some((slot, path)) = proved else {
            return Err(BookError::NotThere { period, covers });
        };
        let uses = match self.uses.get(&period) {
            Some(uses) => uses.list(tag, &slot)?,
            None => Vec::new(),
        };
        Ok(Listed {
            chain: slot.chain,
            path,
            uses,
        })
    }
}
