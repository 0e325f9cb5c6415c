//! Saving a book and going on from a saved one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use kepil_ledger::book::Book;
use kepil_ledger::entry::{MapHead, MapRow};
use kepil_ledger::hash::Hash;
use kepil_ledger::map::Slot;
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use super::closed::ClosedMonth;
use super::uses::{self, Uses};
use super::{BookError, Books};
use crate::draft::Booker;
use crate::snapshot::{self, BookState, MonthFile, MonthState, SnapshotError};

/// What a month was at a head.
#[derive(Debug)]
pub(crate) enum MonthView {
    Open,
    /// It was closed by then; it has not changed since.
    Closed(Arc<ClosedMonth>),
}

impl Books {
    /// Keeps the state at a head remembered until [`Books::release`].
    pub(crate) const fn hold(&mut self, covers: u64) {
        self.held = Some(covers);
    }

    /// Ends what [`Books::hold`] began.
    pub(crate) const fn release(&mut self) {
        self.held = None;
    }

    /// The months there were at a remembered head, oldest first.
    pub(crate) fn months_at(&self, covers: u64) -> Vec<(Period, MonthView)> {
        let mut months = Vec::new();
        for (period, month) in &self.closed {
            if month.covers() <= covers {
                months.push((*period, MonthView::Closed(month.clone())));
            } else if self.page_at(*period, covers, None, 1).is_some() {
                months.push((*period, MonthView::Open));
            }
        }
        for (period, map) in self.book.months() {
            if map.page_at(covers, None, 1).is_some() {
                months.push((period, MonthView::Open));
            }
        }
        months
    }

    /// Some persons of a month as of a remembered head, behind a tag.
    pub(crate) fn page_at(
        &self,
        period: Period,
        covers: u64,
        after: Option<&Tag>,
        limit: usize,
    ) -> Option<Vec<(Tag, Slot)>> {
        match self.closed.get(&period) {
            Some(month) => month.map().ok()?.page_at(covers, after, limit),
            None => self.book.map(period)?.page_at(covers, after, limit),
        }
    }

    /// Root of a month's map as of a remembered head.
    pub(crate) fn root_at(&self, period: Period, covers: u64) -> Option<Hash> {
        match self.closed.get(&period) {
            Some(month) => month.map().ok()?.root_at(covers),
            None => self.book.map(period)?.root_at(covers),
        }
    }

    /// Goes on from the book in a snapshot, which stood at a head.
    pub(crate) fn resume(
        folder: &Path,
        booker: Arc<dyn Booker>,
        from: &Path,
        (state, covers): (&BookState, u64),
    ) -> Result<Self, BookError> {
        remove_others(folder, state)?;
        let (mut open, mut closed) = (BTreeMap::new(), BTreeMap::new());
        let mut uses = BTreeMap::new();
        for month in &state.months {
            let key = booker.month_key(month.period);
            if month.uses > 0 {
                let gone = SnapshotError::Mismatch("the key of a month is gone");
                let key = key.as_ref().ok_or(gone)?.uses();
                let kept = Uses::resume(folder, month.period, month.uses, key)?;
                let missing = SnapshotError::Mismatch("a list of entries is too short");
                uses.insert(month.period, kept.ok_or(missing)?);
            }
            let file = from.join(snapshot::month_name(month.period));
            let file = MonthFile::open(file, month.clone(), key)?;
            match month.closed {
                Some(closing) => {
                    file.check()?;
                    file.check_key()?;
                    let saved = ClosedMonth::saved(closing, month, file);
                    closed.insert(month.period, Arc::new(saved));
                }
                None => {
                    let mut map = file.map()?;
                    map.mark(covers);
                    open.insert(month.period, map);
                }
            }
        }
        let newest = closed.last_key_value().map(|(period, _)| *period);
        Ok(Self {
            folder: folder.to_owned(),
            booker,
            // Not from the head's time alone: it may be older than that of the head that closed.
            book: Book::resume(open, newest.max(state.closed)),
            uses,
            closed,
            booked: covers + 1,
            unreadable: state.unreadable,
            held: None,
        })
    }

    /// Compares a resumed book with the head in the log that it stood at.
    pub(crate) fn check_resumed(&mut self, found: &MapHead) -> Result<(), BookError> {
        self.book.close_at(found.time);
        let row = |(period, root): (Period, Hash)| MapRow { period, root };
        let closed = self.closed.iter();
        let closed = closed
            .filter(|(_, month)| month.covers() == found.covers)
            .map(|(period, month)| (*period, month.root()));
        let open = self.book.months();
        let open = open.map(|(period, map)| (period, map.root()));
        let mut rows: Vec<MapRow> = closed.chain(open).map(row).collect();
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.period));
        let head = MapHead::new(found.covers, found.time, rows);
        if head.as_ref() == Some(found) || self.unreadable > 0 {
            Ok(())
        } else {
            Err(BookError::Head {
                index: found.covers,
            })
        }
    }
}

/// Deletes the lists of months that the snapshot does not know; they are made again.
fn remove_others(folder: &Path, state: &BookState) -> Result<(), BookError> {
    let failed = |source| BookError::File {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let known: Vec<String> = state
        .months
        .iter()
        .filter(|month| month.uses > 0)
        .map(|month| uses::name(month.period))
        .collect();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if !known.iter().any(|known| Some(known.as_str()) == name) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A month of a snapshot as the book has it now; its file is written by the caller.
pub(crate) fn closed_state(period: Period, month: &ClosedMonth) -> MonthState {
    MonthState {
        period,
        closed: Some((month.covers(), month.root())),
        persons: u64::try_from(month.persons()).unwrap_or(u64::MAX),
        uses: month.uses(),
        checksum: 0,
    }
}
