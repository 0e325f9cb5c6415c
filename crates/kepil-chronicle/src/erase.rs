//! Erasure in three degrees: a row, a person's key, a month. Each is an entry with a count.
//!
//! The notice is durable first. Then the keys are destroyed: nobody, from no copy, can read
//! the rows any more. Then the bytes are overwritten. What a crash interrupts is finished
//! when the chronicle is opened again, because the notice stands.

use std::collections::{BTreeMap, BTreeSet};

use kepil_ledger::entry::{Commitment, ErasureDegree, ErasureNotice, Leaf};
use kepil_ledger::period::Period;

use crate::booking::RowPlace;
use crate::chronicle::Chronicle;
use crate::error::ChronicleError;
use crate::notice::NoticeRow;

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Index of the notice in the log.
    pub notice: u64,
    /// Number of rows.
    pub rows: u32,
}

impl Chronicle {
    /// Erases rows: payload, record and salts; leaves and counts stay.
    ///
    /// Rows that are erased already are passed over.
    ///
    /// # Errors
    ///
    /// When an index has no row, or the notice, the keys or the files cannot be written. If
    /// it says that the notice was recorded, opening the chronicle again finishes the work.
    pub fn erase_rows(
        &self,
        indexes: &[u64],
        basis: &str,
    ) -> Result<Option<Erased>, ChronicleError> {
        let mut wanted = BTreeSet::new();
        for index in indexes {
            let entry = self.reader.record(*index)?;
            if entry.leaf.commitment().is_none() {
                return Err(ChronicleError::NotThat {
                    index: *index,
                    why: "has no row: only accesses and their outcomes can be erased",
                });
            }
            if entry.row.is_some() && !self.notices().erased.contains_key(index) {
                wanted.insert(*index);
            }
        }
        self.erase(ErasureDegree::Row, wanted, basis)
    }

    /// Erases a person's key and all rows about the person: the whole history.
    ///
    /// # Errors
    ///
    /// As [`Chronicle::erase_rows`].
    pub fn erase_person(
        &self,
        subject: &str,
        basis: &str,
    ) -> Result<Option<Erased>, ChronicleError> {
        let generation = self.keys.person(subject)?.generation;
        let person = self.person(subject)?;
        let mut wanted = BTreeSet::new();
        for (period, _) in self.book.months() {
            let uses = self.book.entries(period, &person.tag(period))?;
            wanted.extend(uses.iter().map(|entry| entry.index));
        }
        let erased = self.erase(ErasureDegree::Person, wanted, basis)?;
        self.keys.erase_person(subject, generation)?;
        self.forget_person(subject);
        Ok(erased)
    }

    /// Erases a closed month: its map, its bookings and all of its rows.
    ///
    /// # Errors
    ///
    /// When the month is still open, or as [`Chronicle::erase_rows`].
    pub fn erase_month(
        &self,
        period: Period,
        basis: &str,
    ) -> Result<Option<Erased>, ChronicleError> {
        if self.book.closing(period).is_none() {
            return Err(ChronicleError::OpenMonth { period });
        }
        let mut wanted = BTreeSet::new();
        for entry in self.reader.records(0) {
            let entry = entry?;
            let place = RowPlace::parse(&entry.booking);
            if place.is_some_and(|place| place.period == period)
                && entry.leaf.commitment().is_some()
                && entry.row.is_some()
            {
                wanted.insert(entry.index);
            }
        }
        let erased = self.erase(ErasureDegree::Month, wanted, basis)?;
        self.keys.erase_period(period.number())?;
        self.booker.forget(period);
        self.book.forget(period)?;
        Ok(erased)
    }

    fn erase(
        &self,
        degree: ErasureDegree,
        wanted: BTreeSet<u64>,
        basis: &str,
    ) -> Result<Option<Erased>, ChronicleError> {
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
            return Ok(None);
        };
        let rows = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        let salt = self.random()?;
        let leaf = Leaf::Erasure(ErasureNotice {
            degree,
            first: *first,
            last: *last,
            rows,
            basis: Commitment::of(&salt, basis.as_bytes()),
        });
        let row = NoticeRow {
            salt,
            basis: basis.to_owned(),
            rows: wanted.iter().copied().collect(),
        };
        let notice = self.record_notice(&leaf, row)?;
        self.destroy(&wanted)?;
        Ok(Some(Erased { notice, rows }))
    }

    /// Destroys the keys of rows, then their bytes.
    fn destroy(&self, indexes: &BTreeSet<u64>) -> Result<(), ChronicleError> {
        let mut rows: BTreeMap<Period, Vec<u64>> = BTreeMap::new();
        for index in indexes {
            if let Some(place) = RowPlace::parse(&self.reader.record(*index)?.booking) {
                rows.entry(place.period).or_default().push(place.row);
            }
        }
        for (period, rows) in rows {
            match self.keys.erase_rows(period.number(), &rows) {
                Ok(_) => {}
                // The whole month is gone, and these rows with it.
                Err(_) if self.notices().months.contains(&period) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let indexes: Vec<u64> = indexes.iter().copied().collect();
        self.with_log(|log| log.erase(&indexes)).transpose()?;
        Ok(())
    }

    /// Finishes what the notices in the log say was erased.
    pub(crate) fn finish_erasures(&self) -> Result<(), ChronicleError> {
        let named: BTreeSet<u64> = self
            .notices()
            .rows
            .values()
            .flat_map(|row| row.rows.iter().copied())
            .collect();
        let mut left = BTreeSet::new();
        for index in named {
            if self.reader.record(index)?.row.is_some() {
                left.insert(index);
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            rows = left.len(),
            "finishing an erasure that was interrupted"
        );
        self.destroy(&left)
    }
}
