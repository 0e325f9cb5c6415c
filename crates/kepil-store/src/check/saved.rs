//! Compares snapshots with what the entries lead to at their sizes.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use kepil_ledger::error::in_one_line;
use kepil_ledger::map::Map;
use kepil_ledger::period::Period;
use kepil_ledger::tile::TileBuilder;

use super::books::Books;
use super::names;
use super::report::{FindingKind, Findings};
use crate::compare::difference;
use crate::monthkey::MonthKey;
use crate::segment::SegmentStart;
use crate::snapshot::{self, BookState, HEAD, MonthFile, MonthState, MonthWriter, Snapshot};

/// Folder of the snapshots within the log.
const FOLDER: &str = "snapshot";

/// The snapshots that there are, oldest first.
#[derive(Debug)]
pub(super) struct Saved(Vec<One>);

#[derive(Debug)]
struct One {
    size: u64,
    /// Its folder, relative to the log.
    file: PathBuf,
    /// What its head says; `None` when that cannot be read.
    head: Option<Snapshot>,
    /// Months as the entries make them; their files were compared.
    months: Vec<MonthState>,
    reached: Option<Reached>,
}

/// How the log stood at the size of a snapshot.
#[derive(Debug)]
struct Reached {
    builder: TileBuilder,
    /// Unreadable bookings and the newest closed month; `None` when the book was not kept.
    book: Option<(u64, Option<Period>)>,
}

impl Saved {
    pub(super) fn new(folder: &Path, findings: &mut Findings) -> Self {
        let below = Path::new(FOLDER);
        let mut sizes = snapshot::list(&folder.join(below));
        sizes.reverse();
        let known: Vec<PathBuf> = sizes
            .iter()
            .map(|size| snapshot::path(below, *size))
            .collect();
        for name in names(folder, below, findings) {
            if name.ends_with("new") || name.ends_with("old") {
                let meaning = "a snapshot whose making or deleting was interrupted".to_owned();
                findings.add(FindingKind::Leftover, &name, None, None, meaning);
            } else if !known.contains(&name) {
                findings.unknown(&name);
            }
        }
        let snapshots = sizes.into_iter().zip(known).map(|(size, file)| One {
            size,
            head: Snapshot::read(&folder.join(&file)).ok(),
            file,
            months: Vec::new(),
            reached: None,
        });
        Self(snapshots.collect())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The book of the newest snapshot whose head can be read.
    pub(super) fn newest(&self) -> Option<&BookState> {
        let mut heads = self.0.iter().rev().filter_map(|one| one.head.as_ref());
        heads.next()?.book.as_ref()
    }

    /// A head has closed a month: every later snapshot has it as it is now.
    pub(super) fn closed(
        &mut self,
        period: Period,
        covers: u64,
        (map, key): (&Map, Option<&MonthKey>),
        findings: &mut Findings,
    ) {
        for one in self.0.iter_mut().filter(|one| one.size > covers) {
            one.month(period, Some((covers, map.root())), (map, key), findings);
        }
    }

    /// The log has got to another size.
    pub(super) fn at(
        &mut self,
        builder: &TileBuilder,
        books: Option<&Books>,
        findings: &mut Findings,
    ) {
        for one in self.0.iter_mut().filter(|one| one.size == builder.size()) {
            if let Some(books) = books {
                for (period, map) in books.months() {
                    let key = books.month_key(period);
                    one.month(period, None, (map, key.as_ref()), findings);
                }
            }
            one.reached = Some(Reached {
                builder: builder.clone(),
                book: books.map(|books| (books.unreadable(), books.closed())),
            });
        }
    }

    /// Compares the heads; `whole` is the size of the log if all its entries were there.
    pub(super) fn end(
        &mut self,
        origin: &str,
        starts: &[SegmentStart],
        whole: Option<u64>,
        findings: &mut Findings,
    ) {
        for one in &mut self.0 {
            match one.reached.take() {
                Some(reached) => one.head(&reached, origin, starts, findings),
                None => one.unreached(whole, findings),
            }
            one.files(findings);
        }
    }
}

impl One {
    /// Compares the file of a month with its map.
    fn month(
        &mut self,
        period: Period,
        closed: Option<(u64, kepil_ledger::hash::Hash)>,
        (map, key): (&Map, Option<&MonthKey>),
        findings: &mut Findings,
    ) {
        let file = self.file.join(snapshot::month_name(period));
        let compared = Compared::open(&findings.folder.join(&file));
        let written = || -> io::Result<(Compared, MonthState)> {
            let mut writer = MonthWriter::begin(compared, period, &map.root(), key)?;
            for (tag, slot) in map.iter() {
                writer.push(&tag, &slot)?;
            }
            writer.finish(closed)
        };
        match written() {
            Ok((compared, state)) => {
                compared.end(&file, findings);
                self.months.push(state);
            }
            Err(error) => findings.skipped(&file, &format!("the month: {error}")),
        }
    }

    /// Compares the head with what it should be.
    fn head(
        &mut self,
        reached: &Reached,
        origin: &str,
        starts: &[SegmentStart],
        findings: &mut Findings,
    ) {
        let head = self.head.as_ref();
        let has_book = head.is_none_or(|head| head.book.is_some());
        let book = match reached.book {
            Some((unreadable, closed)) if has_book => {
                // How many bookings were unreadable then, only the snapshot itself can say.
                let stated = head.and_then(|head| head.book.as_ref());
                let stated = stated.filter(|_| unreadable > 0);
                let unreadable = stated.map_or(unreadable, |book| book.unreadable);
                self.months.sort_unstable_by_key(|month| month.period);
                let months = self.months.clone();
                Some(BookState {
                    unreadable,
                    closed,
                    months,
                })
            }
            _ => head.and_then(|head| head.book.clone()),
        };
        let segments = starts.iter().copied();
        let expected = Snapshot {
            origin: origin.to_owned(),
            root: reached.builder.root(),
            builder: reached.builder.clone(),
            segments: segments
                .take_while(|start| start.first < self.size)
                .collect(),
            // Which rows were damaged then, only the snapshot itself can say.
            damaged: head.map_or_else(Vec::new, |head| head.damaged.clone()),
            book,
        };
        let file = self.file.join(HEAD);
        match fs::read(findings.folder.join(&file)) {
            Ok(found) => {
                let expected = expected.to_bytes();
                if found != expected {
                    let offset = u64::try_from(difference(&expected, &found)).ok();
                    wrong(&file, offset, findings);
                }
            }
            Err(error) => findings.unreadable(&file, &error),
        }
    }

    /// The entries up to the snapshot are not all there.
    fn unreached(&self, whole: Option<u64>, findings: &mut Findings) {
        if let Some(size) = whole {
            let meaning = format!(
                "the snapshot is of {} entries, the log has {size}",
                self.size
            );
            findings.add(FindingKind::Snapshot, &self.file, None, None, meaning);
        } else {
            let what = "the snapshot against the entries, because entries are missing";
            findings.skipped(&self.file, what);
        }
        if self.head.is_none() {
            wrong(&self.file.join(HEAD), Some(0), findings);
        }
    }

    /// Checks the months that were not compared by their checksums, and looks for others.
    fn files(&self, findings: &mut Findings) {
        let head = self.head.as_ref().and_then(|head| head.book.as_ref());
        let stated = head.into_iter().flat_map(|book| &book.months);
        let compared = |period| self.months.iter().any(|month| month.period == period);
        let mut known = vec![self.file.join(HEAD)];
        for month in stated {
            let file = self.file.join(snapshot::month_name(month.period));
            if !compared(month.period) {
                let path = findings.folder.join(&file);
                let checked = MonthFile::open(path, month.clone(), None);
                let checked = checked.and_then(|file| file.check());
                if let Err(error) = checked {
                    let meaning = format!("a month of a snapshot: {}", in_one_line(&error));
                    findings.add(FindingKind::Snapshot, &file, Some(0), None, meaning);
                }
            }
            known.push(file);
        }
        known.extend(
            self.months
                .iter()
                .map(|month| self.file.join(snapshot::month_name(month.period))),
        );
        let folder = findings.folder.clone();
        for name in names(&folder, &self.file, findings) {
            if !known.contains(&name) {
                findings.unknown(&name);
            }
        }
    }
}

fn wrong(file: &Path, offset: Option<u64>, findings: &mut Findings) {
    let meaning = "the snapshot is not what the entries lead to; without it, opening reads more";
    findings.add(
        FindingKind::Snapshot,
        file,
        offset,
        None,
        meaning.to_owned(),
    );
}

/// A file that is read in step with what would be written to it.
struct Compared {
    reader: io::Result<BufReader<File>>,
    offset: u64,
    wrong: Option<u64>,
    buffer: Vec<u8>,
}

impl Compared {
    fn open(path: &Path) -> Self {
        Self {
            reader: File::open(path).map(|file| BufReader::with_capacity(1 << 20, file)),
            offset: 0,
            wrong: None,
            buffer: Vec::new(),
        }
    }

    fn next(&mut self, expected: &[u8]) {
        let Ok(reader) = &mut self.reader else { return };
        if self.wrong.is_some() {
            return;
        }
        self.buffer.clear();
        let length = u64::try_from(expected.len()).unwrap_or(u64::MAX);
        if let Err(error) = reader.by_ref().take(length).read_to_end(&mut self.buffer) {
            self.reader = Err(error);
            return;
        }
        if self.buffer != expected {
            let at = difference(expected, &self.buffer);
            self.wrong = Some(self.offset + u64::try_from(at).unwrap_or(0));
        }
        self.offset += length;
    }

    fn end(mut self, file: &Path, findings: &mut Findings) {
        match &mut self.reader {
            Err(error) => findings.unreadable(file, error),
            Ok(reader) => {
                let has_more = reader.read(&mut [0]).is_ok_and(|read| read > 0);
                let offset = self.wrong.or(has_more.then_some(self.offset));
                if offset.is_some() {
                    wrong(file, offset, findings);
                }
            }
        }
    }
}

impl Write for Compared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.next(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
