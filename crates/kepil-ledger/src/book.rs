//! The book: the maps of all open months, and the heads over them.

use std::collections::BTreeMap;

use crate::entry::{Commitment, MapHead, MapRow};
use crate::map::{Map, Slot};
use crate::period::Period;
use crate::person::Tag;

/// The maps of the open months, and of closed ones that heads still list.
///
/// A pure function of the log and its records: whoever replays them gets the same heads.
#[derive(Debug, Clone, Default)]
pub struct Book {
    open: BTreeMap<Period, Map>,
    /// Heads that closed months, and the newest month closed with each; both ascend.
    ///
    /// Times of heads may step back: what a head has closed stays closed.
    closings: Vec<(u64, Period)>,
}

/// Why an entry has no place in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("booking an entry: the month {0} is closed")]
pub struct ClosedMonth(pub Period);

impl Book {
    /// A book with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A book that goes on from saved maps, with the newest month that was closed then.
    #[must_use]
    pub fn resume(open: BTreeMap<Period, Map>, closed: Option<Period>) -> Self {
        let closings = closed.into_iter().map(|period| (0, period)).collect();
        Self { open, closings }
    }

    /// The newest closed month.
    #[must_use]
    pub fn closed(&self) -> Option<Period> {
        self.closings.last().map(|(_, period)| *period)
    }

    /// The newest month that was closed behind a head.
    #[must_use]
    pub fn closed_at(&self, covers: u64) -> Option<Period> {
        let mut closings = self.closings.iter().rev();
        let (_, period) = closings.find(|(head, _)| *head <= covers)?;
        Some(*period)
    }

    /// The month an event of this time is booked in: its own, or the first after the closed ones.
    #[must_use]
    pub fn period_for(&self, time_ms: u64) -> Period {
        let own = Period::of_ms(time_ms);
        self.closed().map_or(own, |closed| own.max(closed.next()))
    }

    /// The map of a month that heads list.
    #[must_use]
    pub fn map(&self, period: Period) -> Option<&Map> {
        self.open.get(&period)
    }

    /// The months that heads list, oldest first.
    pub fn months(&self) -> impl Iterator<Item = (Period, &Map)> {
        self.open.iter().map(|(period, map)| (*period, map))
    }

    /// Enrols a tag at count 0; `false` when it is there already.
    ///
    /// # Errors
    ///
    /// When the month is closed.
    pub fn enrol(&mut self, period: Period, tag: Tag) -> Result<bool, ClosedMonth> {
        Ok(self.month(period)?.enrol(tag))
    }

    /// Opens a month of which it is known that it has entries, but not which.
    ///
    /// # Errors
    ///
    /// When the month is closed.
    pub fn open_month(&mut self, period: Period) -> Result<(), ClosedMonth> {
        self.month(period).map(|_| ())
    }

    /// Takes an entry; gives the number that stood with the person before.
    ///
    /// # Errors
    ///
    /// When the month is closed.
    pub fn step(
        &mut self,
        period: Period,
        tag: &Tag,
        index: u64,
        commitment: &Commitment,
        note: u64,
    ) -> Result<u64, ClosedMonth> {
        Ok(self.month(period)?.step(tag, index, commitment, note))
    }

    /// Where a person stands in an open month.
    #[must_use]
    pub fn slot(&self, period: Period, tag: &Tag) -> Option<Slot> {
        self.open.get(&period)?.slot(tag)
    }

    /// Brings all hashes up to date.
    pub fn settle(&mut self) {
        self.open.values_mut().for_each(|map| {
            map.settle();
        });
    }

    /// The head over everything booked so far; the state is remembered under `covers`.
    ///
    /// It lists the month of its own time, every open month, and closed months for another
    /// week. Months that it is the last to list are handed out.
    pub fn head(&mut self, covers: u64, time_secs: u64) -> (MapHead, Vec<(Period, Map)>) {
        let own = Period::of_secs(time_secs);
        let own = self.closed().map_or(own, |closed| own.max(closed.next()));
        self.open.entry(own).or_default();
        let mut rows = Vec::with_capacity(self.open.len());
        for (period, map) in self.open.iter_mut().rev() {
            let root = map.settle();
            map.mark(covers);
            rows.push(MapRow {
                period: *period,
                root,
            });
        }
        self.close(covers, time_secs);
        let months: Vec<Period> = self.open.keys().copied().collect();
        let left = months.iter().filter(|period| period.is_left_at(time_secs));
        let left = left
            .filter_map(|period| self.open.remove_entry(period))
            .collect::<Vec<_>>();
        let head = MapHead::new(covers, time_secs, rows);
        (
            head.unwrap_or_else(|| MapHead::of(covers, time_secs, own)),
            left,
        )
    }

    /// Closes the months that a head of this time closed: for a book that goes on from saved maps.
    pub fn close_at(&mut self, time_secs: u64) {
        self.close(0, time_secs);
    }

    fn close(&mut self, covers: u64, time_secs: u64) {
        // Months before the newest that ended are over too, whether they had entries or not.
        let ended = self
            .open
            .keys()
            .rfind(|period| period.is_closed_at(time_secs))
            .copied();
        if let Some(period) = ended.filter(|period| Some(*period) > self.closed()) {
            self.closings.push((covers, period));
        }
    }

    /// Drops remembered states older than that of this head.
    pub fn forget_before(&mut self, covers: u64) {
        self.open
            .values_mut()
            .for_each(|map| map.forget_before(covers));
    }

    fn check(&self, period: Period) -> Result<(), ClosedMonth> {
        if self.closed().is_some_and(|closed| period <= closed) {
            return Err(ClosedMonth(period));
        }
        Ok(())
    }

    fn month(&mut self, period: Period) -> Result<&mut Map, ClosedMonth> {
        self.check(period)?;
        Ok(self.open.entry(period).or_default())
    }
}
