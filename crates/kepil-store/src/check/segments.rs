//! Walks all segments and hands every entry to the other checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kepil_ledger::entry::Leaf;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::period::Period;
use kepil_ledger::tree::Frontier;

use super::books::Books;
use super::names;
use super::public::Public;
use super::report::{FindingKind, Findings, Report};
use super::saved::Saved;
use crate::disk::BLOCK_BYTES;
use crate::segment::frame::{Frame, Row, StoredEntry};
use crate::segment::scan::Scan;
use crate::segment::{self, Header, HeaderBlock, SegmentStart};

/// The entries as they come, and everything that is compared with them.
#[derive(Debug)]
pub(super) struct Walk {
    folder: PathBuf,
    origin: Option<String>,
    /// Index of the next entry.
    next: u64,
    /// `None` behind entries that are lost and were not published either.
    tree: Option<Frontier>,
    public: Public,
    /// `None` also behind lost entries.
    books: Option<Books>,
    saved: Saved,
    starts: Vec<SegmentStart>,
    erased: u64,
    damaged: Vec<u64>,
    last_frame: Option<LastFrame>,
    /// Months that heads closed, with the first head that did.
    closed: BTreeMap<Period, u64>,
    /// Damage behind the last frame; the next one will say which entries it touches.
    pending: Vec<Pending>,
}

/// Damage of which it is not known yet how far it goes.
#[derive(Debug)]
struct Pending {
    kind: FindingKind,
    file: PathBuf,
    offset: Option<u64>,
    meaning: &'static str,
}

/// The frame met last, for what can be said only when no other follows.
#[derive(Debug)]
struct LastFrame {
    file: PathBuf,
    offset: u64,
    end: u64,
    entries: (u64, u64),
    has_all_rows: bool,
}

/// A segment being read.
struct Segment<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    number: u64,
    is_last: bool,
}

fn position(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

fn padding(findings: &mut Findings, file: &Path, bytes: &[u8], from: usize, to: usize) {
    let rest = bytes.get(from..to.min(bytes.len())).unwrap_or_default();
    if let Some(at) = rest.iter().position(|byte| *byte != 0) {
        let meaning = "bytes that belong to nothing are not zeros; no entry is touched".to_owned();
        let offset = Some(position(from + at));
        findings.add(FindingKind::Padding, file, offset, None, meaning);
    }
}

impl Walk {
    pub(super) fn new(
        folder: &Path,
        key: Option<&VerifyingKey>,
        public: Public,
        books: Option<Books>,
        saved: Saved,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            origin: key.map(|key| key.name().to_string()),
            next: 0,
            tree: Some(Frontier::new()),
            public,
            books,
            saved,
            starts: Vec::new(),
            erased: 0,
            damaged: Vec::new(),
            last_frame: None,
            closed: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// Months that heads closed, with the first head that did.
    pub(super) const fn closed(&self) -> &BTreeMap<Period, u64> {
        &self.closed
    }

    pub(super) fn run(&mut self, findings: &mut Findings, progress: &mut dyn FnMut(u64, u64)) {
        let mut numbers = Vec::new();
        for name in names(&self.folder, Path::new("segments"), findings) {
            match segment::number_of(&name) {
                Some(number) => numbers.push(number),
                None if name.extension().is_some_and(|kind| kind == "new") => {
                    let meaning = "a segment whose making was interrupted".to_owned();
                    findings.add(FindingKind::Leftover, &name, None, None, meaning);
                }
                None => findings.unknown(&name),
            }
        }
        numbers.sort_unstable();
        let file = |number| segment::path(Path::new("segments"), number);
        let length = |number| {
            let path = self.folder.join(file(number));
            path.metadata().map_or(0, |found| found.len())
        };
        let total = numbers.iter().map(|number| length(*number)).sum();
        let mut done = 0;
        let mut expected = 0;
        for (at, number) in numbers.iter().enumerate() {
            for missing in expected..*number {
                self.pending.push(Pending {
                    kind: FindingKind::Missing,
                    file: file(missing),
                    offset: None,
                    meaning: "the segment does not exist: its entries are lost",
                });
            }
            expected = number + 1;
            progress(done, total);
            let name = file(*number);
            let bytes = match fs::read(self.folder.join(&name)) {
                Ok(bytes) => bytes,
                Err(error) => {
                    findings.unreadable(&name, &error);
                    continue;
                }
            };
            done += position(bytes.len());
            let segment = Segment {
                file: &name,
                bytes: &bytes,
                number: *number,
                is_last: numbers.get(at + 1).is_none_or(|next| self.is_unused(*next)),
            };
            self.segment(&segment, findings);
        }
        progress(total, total);
        self.end(findings);
    }

    /// True unless the header block of a segment has anything in it.
    fn is_unused(&self, number: u64) -> bool {
        let path = segment::path(&self.folder.join("segments"), number);
        let mut block = vec![0; BLOCK_BYTES];
        let read = fs::File::open(path)
            .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut block));
        read.is_ok() && block.iter().all(|byte| *byte == 0)
    }

    fn segment(&mut self, segment: &Segment<'_>, findings: &mut Findings) {
        let Segment { file, bytes, .. } = *segment;
        let block = bytes.get(..BLOCK_BYTES).unwrap_or(bytes);
        let epoch = match Header::parse(block) {
            HeaderBlock::Unused if bytes.iter().all(|byte| *byte == 0) => return,
            HeaderBlock::Used(header) => {
                self.header(&header, segment, findings);
                padding(findings, file, bytes, header.to_bytes().len(), BLOCK_BYTES);
                header.epoch
            }
            HeaderBlock::Unused | HeaderBlock::Damaged => {
                // The first frame says the epoch too, so the entries can be read all the same.
                let epoch = bytes.get(BLOCK_BYTES..).and_then(Frame::epoch_of);
                let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
                let Some(epoch) = epoch else {
                    self.pending.push(Pending {
                        kind: FindingKind::Header,
                        file: file.to_owned(),
                        offset: Some(position(first)),
                        meaning: "the segment's header is damaged and no frame follows it",
                    });
                    return;
                };
                let meaning = "the segment's header is damaged; its entries are readable";
                findings.add(FindingKind::Header, file, Some(0), None, meaning.to_owned());
                epoch
            }
        };
        let number = usize::try_from(segment.number).unwrap_or(usize::MAX);
        if self.starts.len() == number {
            let first = self.next;
            self.starts.push(SegmentStart { epoch, first });
        }
        self.frames(segment, epoch, findings);
    }

    fn header(&mut self, header: &Header, segment: &Segment<'_>, findings: &mut Findings) {
        let mut bad = |offset, meaning: String| {
            let offset = Some(offset);
            findings.add(FindingKind::Header, segment.file, offset, None, meaning);
        };
        let origin = self.origin.get_or_insert_with(|| header.origin.clone());
        if *origin != header.origin {
            bad(
                70,
                format!("the segment belongs to the log `{}`", header.origin),
            );
        }
        if header.number != segment.number {
            bad(20, format!("the header says segment {}", header.number));
        }
        if header.first < self.next {
            bad(
                28,
                format!("the segment begins at entry {} again", header.first),
            );
        } else if header.first > self.next {
            if self.pending.is_empty() {
                self.pending.push(Pending {
                    kind: FindingKind::Frame,
                    file: segment.file.to_owned(),
                    offset: Some(28),
                    meaning: "entries between the segment before and this one are lost",
                });
            }
            self.lose_until(header.first, findings);
            return;
        }
        if let Some(tree) = &self.tree
            && header.first == tree.size()
            && header.root != tree.root()
        {
            bad(
                36,
                "the segment continues another tree than the one before it".to_owned(),
            );
        }
    }

    fn frames(&mut self, segment: &Segment<'_>, epoch: u64, findings: &mut Findings) {
        let Segment { file, bytes, .. } = *segment;
        let mut scan = Scan::segment(bytes, epoch);
        loop {
            let start = scan.offset();
            if let Ok(frame) = scan.next_frame() {
                padding(findings, file, bytes, start + frame.length, scan.offset());
                self.frame(file, start, &frame, findings);
                continue;
            }
            let Some(later) = scan.later_frame() else {
                break;
            };
            scan.back_to(later);
            let next = scan.next_frame().map_or(self.next, |frame| frame.first);
            scan.back_to(later);
            self.pending.push(Pending {
                kind: FindingKind::Frame,
                file: file.to_owned(),
                offset: Some(position(start)),
                meaning: "a frame is damaged and whole frames follow it",
            });
            self.lose_until(next, findings);
        }
        let rest = bytes.get(scan.offset()..).unwrap_or_default();
        let Some(at) = rest.iter().position(|byte| *byte != 0) else {
            return;
        };
        let offset = Some(position(scan.offset() + at));
        if segment.is_last {
            let meaning = "bytes that belong to no entry: what an interrupted write left, which \
                           the next opening removes, or damage to an unused place"
                .to_owned();
            findings.add(FindingKind::Leftover, file, offset, None, meaning);
        } else {
            self.pending.push(Pending {
                kind: FindingKind::Frame,
                file: file.to_owned(),
                offset,
                meaning: "the last frame of a full segment is damaged",
            });
        }
    }

    fn frame(&mut self, file: &Path, start: usize, frame: &Frame, findings: &mut Findings) {
        let last = frame.end().saturating_sub(1);
        if frame.first > self.next {
            if self.pending.is_empty() {
                self.pending.push(Pending {
                    kind: FindingKind::Frame,
                    file: file.to_owned(),
                    offset: Some(position(start)),
                    meaning: "entries before this frame are lost",
                });
            }
            self.lose_until(frame.first, findings);
        } else if frame.first < self.next {
            let offset = Some(position(start));
            let entries = Some((frame.first, last));
            let meaning = "the frame has entries that were there before it".to_owned();
            findings.add(FindingKind::Frame, file, offset, entries, meaning);
            return self.lose();
        } else {
            self.told(None, findings);
        }
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            self.row(file, start, (index, entry), findings);
            self.entry(file, start, (index, entry), findings);
        }
        self.next = frame.end();
        if let Some(tree) = &self.tree
            && tree.root() != frame.root
        {
            let meaning = "the entries do not lead to the root that was written with them: they \
                           were changed, or those before them";
            let offset = Some(position(start));
            let entries = Some((frame.first, last));
            findings.add(FindingKind::Root, file, offset, entries, meaning.to_owned());
            self.lose();
        }
        self.last_frame = Some(LastFrame {
            file: file.to_owned(),
            offset: position(start),
            end: position(start + frame.length.next_multiple_of(BLOCK_BYTES)),
            entries: (frame.first, last),
            has_all_rows: frame.has_all_rows(),
        });
    }

    fn row(
        &mut self,
        file: &Path,
        start: usize,
        (index, entry): (u64, &StoredEntry),
        findings: &mut Findings,
    ) {
        match entry.row {
            Row::Whole(_) => {}
            Row::Erased => self.erased += 1,
            Row::Damaged => {
                self.damaged.push(index);
                let offset = Some(position(start + entry.place.offset));
                let entries = Some((index, index));
                let meaning = format!(
                    "the row of entry {index} ({} bytes) is neither what was written nor erased; \
                     leaf and booking are whole",
                    entry.place.length
                );
                findings.add(FindingKind::Row, file, offset, entries, meaning);
            }
        }
    }

    fn entry(
        &mut self,
        file: &Path,
        start: usize,
        (index, entry): (u64, &StoredEntry),
        findings: &mut Findings,
    ) {
        if let Leaf::MapHead(head) = &entry.leaf {
            let rows = head.rows().iter().map(|row| row.period);
            for period in rows.filter(|period| period.is_closed_at(head.time)) {
                self.closed.entry(period).or_insert(index);
            }
        }
        if let Some(books) = &mut self.books {
            let is_head = matches!(entry.leaf, Leaf::MapHead(_));
            let closed = books.entry(index, entry, findings);
            for (period, covers, map) in closed {
                let key = books.month_key(period);
                let month = (&map, key.as_ref());
                self.saved.closed(period, covers, month, findings);
            }
            if is_head && !books.is_head_right() {
                let offset = Some(position(start));
                let meaning = "the map head is not the one that the entries before it lead to";
                let entries = Some((index, index));
                findings.add(
                    FindingKind::MapHead,
                    file,
                    offset,
                    entries,
                    meaning.to_owned(),
                );
            }
        }
        self.leaf(&entry.leaf.to_bytes(), entry.leaf.hash(), findings);
    }

    fn leaf(&mut self, bytes: &[u8], hash: Hash, findings: &mut Findings) {
        let Some(tree) = &mut self.tree else { return };
        tree.append(hash);
        self.public.push(bytes, findings);
        let builder = self.public.builder();
        self.saved.at(builder, self.books.as_ref(), findings);
    }

    /// Names damage now that it is known which entries it touches.
    fn told(&mut self, entries: Option<(u64, u64)>, findings: &mut Findings) {
        for pending in std::mem::take(&mut self.pending) {
            let Pending {
                kind,
                file,
                offset,
                meaning,
            } = pending;
            findings.add(kind, &file, offset, entries, meaning.to_owned());
        }
    }

    /// Goes on behind lost entries, with the published ones in their place if there are any.
    fn lose_until(&mut self, next: u64, findings: &mut Findings) {
        if next <= self.next {
            return self.told(None, findings);
        }
        self.told(Some((self.next, next - 1)), findings);
        self.books = None;
        let lost = self.next..next;
        self.next = next;
        let mut unheard = Findings::new(&self.folder);
        for index in lost {
            match self.public.leaf(index) {
                Some(bytes) => {
                    let hash = kepil_ledger::hash::leaf(&bytes);
                    self.leaf(&bytes, hash, &mut unheard);
                }
                None => return self.lose(),
            }
        }
    }

    /// Nothing can be said any more that needs all entries before.
    fn lose(&mut self) {
        self.books = None;
        self.tree = None;
    }

    fn end(&mut self, findings: &mut Findings) {
        let entries = self.public.published().checked_sub(1);
        let entries = entries.filter(|last| *last >= self.next);
        self.told(entries.map(|last| (self.next, last)), findings);
        if let Some(last) = &self.last_frame
            && !last.has_all_rows
        {
            let meaning = "rows of the very last frame are damaged or zeros: the next opening \
                           takes the frame for an interrupted write and drops its entries";
            let (file, offset) = (last.file.clone(), Some(last.offset));
            let entries = Some(last.entries);
            findings.add(
                FindingKind::Frame,
                &file,
                offset,
                entries,
                meaning.to_owned(),
            );
        }
        let published = self.public.published();
        if published > self.next {
            let (file, offset) = match &self.last_frame {
                Some(last) => (last.file.clone(), Some(last.end)),
                None => (segment::path(Path::new("segments"), 0), None),
            };
            let entries = Some((self.next, published - 1));
            let meaning = format!(
                "{published} entries were published, the segments hold only {}",
                self.next
            );
            findings.add(FindingKind::LostEntries, &file, offset, entries, meaning);
        }
        let is_whole = self.tree.is_some();
        self.public.end(is_whole, !self.saved.is_empty(), findings);
        if let Some(books) = &mut self.books {
            books.end(self.saved.newest(), findings);
        } else if self.folder.join("book").is_dir() && self.tree.is_none() {
            findings.skipped(Path::new("book"), "the book, because entries are missing");
        }
        let origin = self.origin.clone().unwrap_or_default();
        let whole = self.tree.as_ref().map(Frontier::size);
        self.saved.end(&origin, &self.starts, whole, findings);
    }

    pub(super) fn report(self, findings: Findings) -> Report {
        let (findings, findings_not_listed) = findings.into_parts();
        Report {
            origin: self.origin,
            entries: self.next,
            segments: position(self.starts.len()),
            erased_rows: self.erased,
            damaged_rows: self.damaged,
            published_files: self.public.files(),
            findings,
            findings_not_listed,
        }
    }
}
