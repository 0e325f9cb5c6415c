//! Walks the frames of one segment that has been read into memory.

use super::frame::{Frame, Misfit};
use crate::disk::BLOCK_BYTES;

/// A position in a segment, moving from frame to frame.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    epoch: u64,
    offset: usize,
}

impl<'a> Scan<'a> {
    /// Starts behind the header block of a whole segment.
    pub(crate) const fn segment(bytes: &'a [u8], epoch: u64) -> Self {
        Self {
            bytes,
            epoch,
            offset: BLOCK_BYTES,
        }
    }

    /// Starts at the first byte of a run of frames.
    pub(crate) const fn run(bytes: &'a [u8], epoch: u64) -> Self {
        Self {
            bytes,
            epoch,
            offset: 0,
        }
    }

    /// Where the next frame begins, or should.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Goes back to where a frame begins that turned out to be none.
    pub(crate) const fn back_to(&mut self, offset: usize) {
        self.offset = offset;
    }

    /// Reads the next frame and moves behind it; on a misfit the position stays.
    pub(crate) fn next_frame(&mut self) -> Result<Frame, Misfit> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let frame = Frame::parse(rest, self.epoch)?;
        self.offset += frame.length.next_multiple_of(BLOCK_BYTES);
        Ok(frame)
    }

    /// Offset of a whole frame of this segment anywhere behind the position.
    ///
    /// If there is one, what stands at the position is not a torn tail: later writes
    /// begin only after earlier ones were durable.
    pub(crate) fn later_frame(&self) -> Option<usize> {
        self.frame_from(self.offset + BLOCK_BYTES)
    }

    /// Offset of the first whole frame of this segment at the position or behind it.
    pub(crate) fn next_whole(&self) -> Option<usize> {
        self.frame_from(self.offset)
    }

    fn frame_from(&self, start: usize) -> Option<usize> {
        (start..self.bytes.len())
            .step_by(BLOCK_BYTES)
            .find(|offset| {
                self.bytes
                    .get(*offset..)
                    .is_some_and(|rest| Frame::parse(rest, self.epoch).is_ok())
            })
    }

    /// The blocks from the position to the last one that is not all zeros.
    pub(crate) fn leftover(&self) -> usize {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| {
            (last + 1).next_multiple_of(BLOCK_BYTES).min(rest.len())
        })
    }
}
