//! Reading the book of a log that is open.

use std::sync::Arc;

use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use super::keeper::Keeper;
use crate::book::{BookError, Listed, Use};

/// Reads the book; cheap to clone and to share.
#[derive(Debug, Clone)]
pub struct BookReader(Arc<Keeper>);

impl BookReader {
    pub(super) const fn new(keeper: Arc<Keeper>) -> Self {
        Self(keeper)
    }

    /// The month an event of this time is booked in.
    #[must_use]
    pub fn period_for(&self, time_ms: u64) -> Period {
        self.0.period_for(time_ms)
    }

    /// How many durable leaves wait to be booked.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.0.lag()
    }

    /// Months with entries, oldest first, with the number of persons.
    #[must_use]
    pub fn months(&self) -> Vec<(Period, usize)> {
        self.0.books().months().collect()
    }

    /// A person's entries so far, with those no head covers yet; oldest first.
    ///
    /// # Errors
    ///
    /// When a file fails.
    pub fn entries(&self, period: Period, tag: &Tag) -> Result<Vec<Use>, BookError> {
        self.0.books().entries(period, tag)
    }

    /// Number of a person's entries so far; nothing where the person has no place in the map.
    ///
    /// # Errors
    ///
    /// When the map of a closed month cannot be read.
    pub fn count(&self, period: Period, tag: &Tag) -> Result<Option<u64>, BookError> {
        self.0.books().count(period, tag)
    }

    /// True when a person has a place in the map of a month.
    ///
    /// # Errors
    ///
    /// When the map of a closed month cannot be read.
    pub fn is_enrolled(&self, period: Period, tag: &Tag) -> Result<bool, BookError> {
        self.0.books().is_enrolled(period, tag)
    }

    /// Empties the map and drops the lists of a month that no head lists any more.
    ///
    /// # Errors
    ///
    /// When the file of the lists cannot be removed.
    pub fn forget(&self, period: Period) -> Result<(), BookError> {
        self.0.books().forget(period)
    }

    /// The last head that listed a month that heads list no more.
    #[must_use]
    pub fn closing(&self, period: Period) -> Option<u64> {
        self.0.books().closing(period)
    }

    /// A person's chain, path and entries as of a published head.
    ///
    /// # Errors
    ///
    /// When the head is not remembered, the person was not enrolled, or a file fails.
    pub fn list(&self, period: Period, tag: &Tag, covers: u64) -> Result<Listed, BookError> {
        // A closed month may have to be read first: the book must not wait for that.
        let closed = self.0.books().closed_month(period);
        if let Some(month) = closed {
            month.map()?;
        }
        self.0.books().list(period, tag, covers)
    }
}
