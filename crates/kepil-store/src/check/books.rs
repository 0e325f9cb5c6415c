//! Keeps the book anew and compares the lists of entries and the map heads with it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::book::Book;
use kepil_ledger::entry::Leaf;
use kepil_ledger::map::Map;
use kepil_ledger::period::Period;

use super::names;
use super::report::{FindingKind, Findings};
use crate::book::{Booking, USE_BYTES, Use, uses_name};
use crate::compare::difference;
use crate::draft::Booker;
use crate::monthkey::{MonthKey, UsesKey};
use crate::segment::frame::StoredEntry;
use crate::snapshot::BookState;

/// Folder of the lists within the log.
const FOLDER: &str = "book";

/// The book as the entries make it.
#[derive(Debug)]
pub(super) struct Books {
    folder: PathBuf,
    booker: Arc<dyn Booker>,
    book: Book,
    lists: BTreeMap<Period, List>,
    /// Bookings that can no longer be read: behind one, nothing can be compared.
    unreadable: u64,
    is_head_right: bool,
}

/// The file of a month, read in step with the entries.
#[derive(Debug)]
struct List {
    /// `None` when it cannot be read (any more).
    reader: Option<BufReader<File>>,
    key: UsesKey,
    /// Number of entries that belong into it.
    count: u64,
    /// Number of whole entries in it, where it ends too early.
    short: Option<u64>,
}

impl Books {
    pub(super) fn new(folder: &Path, booker: Arc<dyn Booker>) -> Self {
        Self {
            folder: folder.to_owned(),
            booker,
            book: Book::new(),
            lists: BTreeMap::new(),
            unreadable: 0,
            is_head_right: true,
        }
    }

    /// The months that are open now.
    pub(super) fn months(&self) -> impl Iterator<Item = (Period, &Map)> {
        self.book.months()
    }

    /// The key of what is kept about a month.
    pub(super) fn month_key(&self, period: Period) -> Option<MonthKey> {
        self.booker.month_key(period)
    }

    /// The newest month that takes no more entries.
    pub(super) fn closed(&self) -> Option<Period> {
        self.book.closed()
    }

    pub(super) const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// False when the head taken last is not the one that the entries make.
    pub(super) const fn is_head_right(&self) -> bool {
        self.is_head_right
    }

    /// Takes the next entry; gives the months that it closes, with its index.
    pub(super) fn entry(
        &mut self,
        index: u64,
        entry: &StoredEntry,
        findings: &mut Findings,
    ) -> Vec<(Period, u64, Map)> {
        if let Leaf::MapHead(found) = &entry.leaf {
            let (head, closed) = self.book.head(index, found.time);
            self.book.forget_before(index);
            self.is_head_right = head == *found || self.unreadable > 0;
            let closed = closed.into_iter();
            return closed.map(|(period, map)| (period, index, map)).collect();
        }
        if let Some(booking) = Booking::of(index, &entry.leaf, entry.booking.clone())
            && !self.take(&booking, findings)
        {
            if self.unreadable == 0 {
                let what = "lists and maps from the first entry on whose booking can no longer be \
                            read: its key is gone, or it is not of this booker";
                findings.skipped(Path::new(FOLDER), what);
            }
            self.unreadable += 1;
        }
        Vec::new()
    }

    /// False when the booking cannot be read, or its month is closed.
    fn take(&mut self, booking: &Booking, findings: &mut Findings) -> bool {
        let Some(commitment) = booking.commitment else {
            let Some((period, tags)) = self.booker.enrolled(&booking.booking) else {
                return false;
            };
            let mut tags = tags.into_iter();
            return tags.all(|tag| self.book.enrol(period, tag).is_ok());
        };
        let Some((period, tag)) = self.booker.booked(&booking.booking) else {
            return false;
        };
        let at = self.lists.get(&period).map_or(0, |list| list.count);
        let step = self.book.step(period, &tag, booking.index, &commitment, at);
        let Ok(before) = step else { return false };
        let file = Path::new(FOLDER).join(uses_name(period));
        let list = match self.lists.entry(period) {
            Entry::Occupied(list) => list.into_mut(),
            Entry::Vacant(place) => {
                let Some(key) = self.booker.month_key(period) else {
                    return false;
                };
                place.insert(List::open(&self.folder.join(&file), key.uses()))
            }
        };
        let expected = Use {
            before,
            index: booking.index,
            commitment,
        };
        let is_compared = self.unreadable == 0;
        list.compare(&file, &expected, is_compared, findings);
        true
    }

    /// Compares the ends of the files with what the newest snapshot builds on.
    pub(super) fn end(&mut self, saved: Option<&BookState>, findings: &mut Findings) {
        let known: Vec<PathBuf> = self
            .lists
            .keys()
            .map(|period| Path::new(FOLDER).join(uses_name(*period)))
            .collect();
        for name in names(&self.folder, Path::new(FOLDER), findings) {
            if !known.contains(&name) && self.unreadable == 0 {
                findings.unknown(&name);
            }
        }
        if self.unreadable > 0 {
            return;
        }
        for ((period, list), file) in self.lists.iter_mut().zip(&known) {
            let months = saved.into_iter().flat_map(|book| &book.months);
            let mut months = months.filter(|month| month.period == *period);
            let needed = months.next().map_or(0, |month| month.uses);
            if let Some(short) = list.short {
                let offset = Some(short * USE_BYTES as u64);
                let (kind, meaning) = if needed > short {
                    (
                        FindingKind::List,
                        "the list is shorter than its snapshot says",
                    )
                } else {
                    (
                        FindingKind::Leftover,
                        "the list ends before the entries do; the next opening goes on with it",
                    )
                };
                findings.add(kind, file, offset, None, meaning.to_owned());
            } else if list.has_more() {
                let offset = Some(list.count * USE_BYTES as u64);
                let meaning = "the list goes on where the entries end".to_owned();
                findings.add(FindingKind::List, file, offset, None, meaning);
            }
        }
    }
}

impl List {
    /// A file that is not there is one that ends at once.
    fn open(path: &Path, key: UsesKey) -> Self {
        let reader = File::open(path).ok();
        Self {
            short: reader.is_none().then_some(0),
            reader: reader.map(|file| BufReader::with_capacity(1 << 16, file)),
            key,
            count: 0,
        }
    }

    fn compare(&mut self, file: &Path, expected: &Use, is_compared: bool, findings: &mut Findings) {
        let at = self.count;
        self.count += 1;
        let Some(reader) = &mut self.reader else {
            return;
        };
        let (mut found, expected_bytes) = ([0; USE_BYTES], expected.to_bytes(&self.key));
        match reader.read_exact(&mut found) {
            Ok(()) if !is_compared || found == expected_bytes => {}
            Ok(()) => {
                let within = difference(&expected_bytes, &found);
                let within = u64::try_from(within).unwrap_or(0);
                let offset = Some(at * USE_BYTES as u64 + within);
                let entries = Some((expected.index, expected.index));
                let meaning = "the list has another entry here than the log; it can be made again";
                findings.add(FindingKind::List, file, offset, entries, meaning.to_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.short = Some(at);
                self.reader = None;
            }
            Err(error) => {
                findings.unreadable(file, &error);
                self.reader = None;
            }
        }
    }

    fn has_more(&mut self) -> bool {
        let reader = self.reader.as_mut();
        reader.is_some_and(|reader| reader.read(&mut [0]).is_ok_and(|read| read > 0))
    }
}
