//! Walks the segments frame by frame when a log is opened.

use std::path::Path;

use kepil_ledger::entry::{Leaf, LeafKind};
use kepil_ledger::hash::Hash;
use kepil_ledger::tree::Frontier;

use super::recovery::{Active, Leftover};
use super::state::{Cut, Mark, Marks};
use super::{Corruption, OpenError};
use crate::book::{BookError, Booking, Books};
use crate::disk::BLOCK_BYTES;
use crate::segment::frame::{Frame, Misfit, Row};
use crate::segment::scan::Scan;
use crate::segment::{Header, HeaderBlock};

/// The tree as it grows from frame to frame.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) origin: &'a str,
    pub(super) frontier: Frontier,
    /// Index of the next entry to be read; behind the tree while a segment is read that a
    /// snapshot ends in.
    pub(super) next: u64,
    pub(super) marks: Marks,
    pub(super) wanted_size: Option<u64>,
    pub(super) root_at_wanted: Option<Hash>,
    pub(super) head: Option<Cut>,
    pub(super) books: Option<Books>,
    pub(super) newest: u64,
    pub(super) damaged: Vec<u64>,
}

impl Walk<'_> {
    /// Reads one segment; `None` when it has not been taken into use.
    pub(super) fn segment(
        &mut self,
        path: &Path,
        number: u64,
        bytes: &[u8],
        is_last: bool,
    ) -> Result<Option<(Active, Option<Leftover>)>, OpenError> {
        let corrupt = |offset: usize, what| OpenError::Corrupt {
            path: path.to_owned(),
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
            what,
        };
        let header = match Header::parse(bytes.get(..BLOCK_BYTES).unwrap_or(bytes)) {
            HeaderBlock::Used(header) => header,
            // Zeros in the header and something behind it: the header was lost.
            HeaderBlock::Unused if bytes.iter().all(|byte| *byte == 0) => return Ok(None),
            HeaderBlock::Unused | HeaderBlock::Damaged => {
                return Err(corrupt(0, Corruption::Header));
            }
        };
        self.check_header(&header, number)
            .map_err(|error| match error {
                HeaderFault::OtherLog(found) => OpenError::OtherLog {
                    path: path.to_owned(),
                    found,
                },
                HeaderFault::Corrupt(what) => corrupt(0, what),
            })?;

        let mut scan = Scan::segment(bytes, header.epoch);
        loop {
            let start = scan.offset();
            let frame = match scan.next_frame() {
                Ok(frame) => frame,
                Err(Misfit::Content) => return Err(corrupt(start, Corruption::Content)),
                Err(Misfit::NotAFrame | Misfit::Epoch | Misfit::Checksum) => break,
            };
            // Rows are erased only in frames that others follow: in the very last one they
            // are blocks that never reached the disk.
            if !frame.has_all_rows() && is_last && scan.next_whole().is_none() {
                scan.back_to(start);
                break;
            }
            let resumed = self.frontier.size();
            self.frame(&frame).map_err(|what| corrupt(start, what))?;
            self.book(&frame, resumed)?;
            self.note_rows(&frame);
            self.marks.add(Mark {
                first: frame.first,
                segment: number,
                epoch: header.epoch,
                start: u64::try_from(start).unwrap_or(u64::MAX),
                end: u64::try_from(scan.offset()).unwrap_or(u64::MAX),
            });
        }

        // Only the very last write can have been interrupted.
        let leftover = scan.leftover();
        if scan.later_frame().is_some() || (!is_last && leftover > 0) {
            return Err(corrupt(scan.offset(), Corruption::Frame));
        }
        let offset = u64::try_from(scan.offset()).unwrap_or(u64::MAX);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let active = Active {
            number,
            epoch: header.epoch,
            offset,
            length,
        };
        let leftover = (leftover > 0).then(|| Leftover {
            path: path.to_owned(),
            offset,
            length: leftover,
        });
        Ok(Some((active, leftover)))
    }

    fn check_header(&self, header: &Header, number: u64) -> Result<(), HeaderFault> {
        if header.origin != self.origin {
            return Err(HeaderFault::OtherLog(header.origin.clone()));
        }
        let what = if header.number != number {
            Corruption::Number {
                found: header.number,
            }
        } else if header.first != self.next {
            Corruption::Continuation {
                expected: self.next,
                found: header.first,
            }
        } else if self.next == self.frontier.size() && header.root != self.frontier.root() {
            Corruption::OtherTree
        } else {
            return Ok(());
        };
        Err(HeaderFault::Corrupt(what))
    }

    /// Extends the tree by a frame whose checksum is good.
    ///
    /// Entries that a snapshot has in its tree already are passed over; the frame's root
    /// says whether it had the same ones.
    fn frame(&mut self, frame: &Frame) -> Result<(), Corruption> {
        if frame.first != self.next {
            return Err(Corruption::Index {
                expected: self.next,
                found: frame.first,
            });
        }
        self.next = frame.end();
        if self.next < self.frontier.size() {
            return Ok(());
        }
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            if index < self.frontier.size() {
                continue;
            }
            self.frontier.append(entry.leaf.hash());
            self.remember_root();
            if entry.leaf.kind() == LeafKind::MapHead {
                self.head = Some(Cut {
                    size: self.frontier.size(),
                    root: self.frontier.root(),
                });
            }
        }
        let found = self.frontier.root();
        if found != frame.root {
            return Err(Corruption::Root {
                expected: frame.root,
                found,
            });
        }
        Ok(())
    }

    /// Takes a frame into the book, and compares its map heads with those the book makes.
    ///
    /// What lies before `resumed` is in the book already.
    fn book(&mut self, frame: &Frame, resumed: u64) -> Result<(), OpenError> {
        let Some(books) = &mut self.books else {
            return Ok(());
        };
        let mut bookings = Vec::new();
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            if index < resumed {
                if index + 1 == resumed {
                    check_resumed(books, index, &entry.leaf)?;
                }
                continue;
            }
            if let Leaf::MapHead(head) = &entry.leaf {
                books.take(&bookings, index)?;
                bookings.clear();
                books.check_head(index, head)?;
                books.forget_before(index);
            }
            bookings.extend(Booking::of(index, &entry.leaf, entry.booking.clone()));
        }
        if frame.end() > resumed {
            books.take(&bookings, frame.end())?;
        }
        Ok(())
    }

    fn note_rows(&mut self, frame: &Frame) {
        self.newest = frame.first;
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            if entry.row == Row::Damaged {
                tracing::warn!(index, "the row of an entry is damaged");
                self.damaged.push(index);
            }
        }
    }

    pub(super) fn remember_root(&mut self) {
        if self.wanted_size == Some(self.frontier.size()) {
            self.root_at_wanted = Some(self.frontier.root());
        }
    }
}

/// The last leaf in a snapshot has to be the map head that its book stood at.
fn check_resumed(books: &mut Books, index: u64, leaf: &Leaf) -> Result<(), OpenError> {
    match leaf {
        Leaf::MapHead(head) if head.covers == index => Ok(books.check_resumed(head)?),
        _ => Err(BookError::Head { index }.into()),
    }
}

#[derive(Debug)]
enum HeaderFault {
    OtherLog(String),
    Corrupt(Corruption),
}
