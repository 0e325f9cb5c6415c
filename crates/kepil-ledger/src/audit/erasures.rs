//! Erasure notices against the rows that are missing.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::finding::{FindingKind, Findings};
use super::kinds::Kinds;
use super::ranges::Ranges;
use crate::entry::{ErasureDegree, ErasureNotice};

/// A notice that does not say which rows between its first and last are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide {
    pub(super) degree: ErasureDegree,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) rows: u32,
}

/// What is known of erased and of missing rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Erasures {
    /// Named by notices of degree 1.
    pub(super) erased: Ranges,
    /// Notices of degrees 2 and 3, in the order of the log.
    pub(super) wide: Vec<Wide>,
    /// Rows that were asked for and not shown, unless named by a notice of degree 1.
    pub(super) absent: BTreeSet<u64>,
    /// Enrolments whose tags were asked for and not shown.
    pub(super) unenrolled: BTreeSet<u64>,
    /// Rows named by a notice and not looked at since.
    pub(super) to_reread: Ranges,
    /// Rows about which a finding was made on a later look.
    pub(super) flagged: BTreeSet<u64>,
}

impl Erasures {
    /// Takes a notice and checks it against the entries it names.
    pub(super) fn take(
        &mut self,
        index: u64,
        notice: &ErasureNotice,
        kinds: &Kinds,
        findings: &mut Findings,
    ) {
        let ErasureNotice {
            degree,
            first,
            last,
            rows,
            ..
        } = *notice;
        if last >= index {
            let meaning = format!(
                "the erasure notice names entry {last}, which does not stand before it in the log"
            );
            findings.add(FindingKind::Notice, index, meaning);
            return;
        }
        if degree == ErasureDegree::Row {
            self.take_rows(index, notice, kinds, findings);
            return;
        }
        let there = kinds.rows_in(first, last);
        let is_row = |at| kinds.get(at).is_some_and(|kind| kind.has_row());
        if u64::from(rows) > there || !is_row(first) || !is_row(last) {
            let meaning = format!(
                "the erasure notice counts {rows} rows and names {first} and {last} as the first \
                 and the last, but from one to the other there are {there} entries with a row"
            );
            findings.add(FindingKind::Notice, index, meaning);
        }
        self.wide.push(Wide {
            degree,
            first,
            last,
            rows,
        });
    }

    /// A notice of degree 1 names every row of its stretch that was not erased before.
    fn take_rows(
        &mut self,
        index: u64,
        notice: &ErasureNotice,
        kinds: &Kinds,
        findings: &mut Findings,
    ) {
        let ErasureNotice {
            first, last, rows, ..
        } = *notice;
        let before: u64 = self
            .erased
            .within(first, last)
            .map(|(from, to)| kinds.rows_in(from, to))
            .sum();
        let fresh = kinds.rows_in(first, last).saturating_sub(before);
        // Some of them may have gone with a person or a month; which ones is not said.
        let maybe: u64 = self
            .wide
            .iter()
            .filter(|wide| wide.first <= last && wide.last >= first)
            .map(|wide| u64::from(wide.rows))
            .sum();
        let rows = u64::from(rows);
        if rows > fresh || rows.saturating_add(maybe) < fresh {
            let meaning = format!(
                "the erasure notice counts {rows} rows, but from entry {first} to entry {last} \
                 there are {fresh} that had not been erased before"
            );
            findings.add(FindingKind::Notice, index, meaning);
        }
        self.erased.insert(first, last);
        self.to_reread.insert(first, last);
        let explained: Vec<u64> = self.absent.range(first..=last).copied().collect();
        for at in explained {
            self.absent.remove(&at);
        }
    }

    /// Takes note that a row was asked for and not shown.
    pub(super) fn missing(&mut self, index: u64) {
        if !self.erased.contains(index) {
            self.absent.insert(index);
        }
    }

    /// The missing rows that no notice explains, ascending.
    ///
    /// Each notice of degree 2 or 3 explains as many rows of its stretch as it counts. A
    /// row takes the notice whose stretch ends first: if any choice explains all, this does.
    pub(super) fn unexplained(&self) -> Vec<u64> {
        let mut notices = self.wide.clone();
        notices.sort_unstable_by_key(|wide| wide.first);
        let mut notices = notices.into_iter().peekable();
        let mut open: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        let mut unexplained = Vec::new();
        for index in &self.absent {
            while let Some(wide) = notices.next_if(|wide| wide.first <= *index) {
                open.push(Reverse((wide.last, wide.rows)));
            }
            while open.peek().is_some_and(|Reverse((last, _))| last < index) {
                open.pop();
            }
            match open.pop() {
                None => unexplained.push(*index),
                Some(Reverse((last, rows))) if rows > 1 => open.push(Reverse((last, rows - 1))),
                Some(_) => {}
            }
        }
        // The tags of a month go with its rows.
        let months = self
            .wide
            .iter()
            .filter(|wide| wide.degree == ErasureDegree::Month);
        let newest = months.map(|wide| wide.last).max();
        let is_gone = |index: &&u64| newest.is_none_or(|newest| newest < **index);
        unexplained.extend(self.unenrolled.iter().filter(is_gone));
        unexplained.sort_unstable();
        unexplained
    }
}
