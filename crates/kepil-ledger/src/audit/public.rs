//! What can be checked by anybody, from the leaves alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::erasures::Erasures;
use super::finding::{FindingKind, Findings};
use super::kinds::{Kind, Kinds};
use crate::entry::{KeepingBack, KeepingKind, Leaf, MapHead};
use crate::hash::Hash;
use crate::period::Period;
use crate::tree::Frontier;

/// Public numbers of a log, from its leaves alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Accesses.
    pub accesses: u64,
    /// Accesses that were sealed, ever.
    pub sealed: u64,
    /// Sealed accesses that are not open yet.
    pub sealed_now: u64,
    /// Sealed accesses past their embargo, neither opened nor extended.
    pub overdue: u64,
    /// Times an embargo was extended.
    pub extended: u64,
    /// Sealed accesses that were opened.
    pub opened: u64,
    /// Rows that notices say were erased.
    pub erased_rows: u64,
    /// Entries a judge put off.
    pub deferred: u64,
    /// Entries withheld for a third person's secrecy.
    pub withheld: u64,
    /// Tags enrolled.
    pub enrolled: u64,
    /// Policy anchors.
    pub anchors: u64,
    /// Map heads.
    pub heads: u64,
}

/// A sealed access that is not open yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SealedLeaf {
    pub(super) embargo: Period,
    pub(super) is_overdue: bool,
}

/// The last map head met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastHead {
    pub(super) index: u64,
    pub(super) covers: u64,
    /// The greatest time of any head so far.
    pub(super) time: u64,
}

/// The replay of the leaves alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Public {
    pub(super) frontier: Frontier,
    pub(super) kinds: Kinds,
    pub(super) counters: Counters,
    pub(super) sealed: BTreeMap<u64, SealedLeaf>,
    /// Sealed leaves that are not overdue yet, by month.
    pub(super) waiting: BTreeSet<(Period, u64)>,
    pub(super) erasures: Erasures,
    pub(super) head: Option<LastHead>,
    /// The greatest size of which the last leaf was checked.
    pub(super) published: u64,
}

impl Public {
    pub(super) fn append(&mut self, hash: Hash, kind: Kind) {
        self.frontier.append(hash);
        self.kinds.push(kind);
    }

    /// Checks a leaf against those before it; it is appended afterwards.
    pub(super) fn take(&mut self, index: u64, leaf: &Leaf, findings: &mut Findings) -> Kind {
        match leaf {
            Leaf::Access(_) => {
                self.counters.accesses += 1;
                return Kind::Access;
            }
            Leaf::Sealed { embargo, .. } => {
                self.counters.sealed += 1;
                self.counters.sealed_now += 1;
                let sealed = SealedLeaf {
                    embargo: *embargo,
                    is_overdue: false,
                };
                self.sealed.insert(index, sealed);
                self.waiting.insert((*embargo, index));
                return Kind::Sealed;
            }
            Leaf::Unseal { sealed, .. } => {
                self.counters.opened += 1;
                self.unseal(index, *sealed, findings);
                return Kind::Unseal;
            }
            Leaf::EmbargoExtension(extension) => {
                self.counters.extended += 1;
                self.extend(index, extension.sealed, extension.embargo, findings);
            }
            Leaf::KeepingBack(kept) => self.keep_back(index, kept, findings),
            Leaf::Erasure(notice) => {
                let rows = &mut self.counters.erased_rows;
                *rows = rows.saturating_add(u64::from(notice.rows));
                self.erasures.take(index, notice, &self.kinds, findings);
            }
            Leaf::MapHead(head) => self.take_head(index, head, findings),
            Leaf::Enrolment(enrolment) => {
                let enrolled = &mut self.counters.enrolled;
                *enrolled = enrolled.saturating_add(enrolment.count);
            }
            Leaf::PolicyAnchor(_) => self.counters.anchors += 1,
        }
        Kind::Other
    }

    fn unseal(&mut self, index: u64, sealed: u64, findings: &mut Findings) {
        if self.kinds.get(sealed) != Some(Kind::Sealed) {
            let meaning = format!(
                "it opens entry {sealed}, which is not a sealed access that stands before it"
            );
            findings.add(FindingKind::Target, index, meaning);
            return;
        }
        match self.sealed.remove(&sealed) {
            Some(leaf) => {
                self.counters.sealed_now -= 1;
                self.counters.overdue -= u64::from(leaf.is_overdue);
                self.waiting.remove(&(leaf.embargo, sealed));
            }
            None => {
                let meaning = format!("it opens sealed entry {sealed}, which is open already");
                findings.add(FindingKind::OpenedTwice, index, meaning);
            }
        }
    }

    fn extend(&mut self, index: u64, sealed: u64, embargo: Period, findings: &mut Findings) {
        if self.kinds.get(sealed) != Some(Kind::Sealed) {
            let meaning = format!(
                "it extends the embargo of entry {sealed}, which is not a sealed access that \
                 stands before it"
            );
            findings.add(FindingKind::Target, index, meaning);
            return;
        }
        let Some(leaf) = self.sealed.get_mut(&sealed) else {
            let meaning =
                format!("it extends the embargo of sealed entry {sealed}, which is open already");
            findings.add(FindingKind::Target, index, meaning);
            return;
        };
        if embargo <= leaf.embargo {
            let meaning = format!(
                "it sets the embargo of sealed entry {sealed} to {embargo}, which does not come \
                 after {}",
                leaf.embargo
            );
            findings.add(FindingKind::Embargo, index, meaning);
            return;
        }
        self.waiting.remove(&(leaf.embargo, sealed));
        self.waiting.insert((embargo, sealed));
        self.counters.overdue -= u64::from(leaf.is_overdue);
        *leaf = SealedLeaf {
            embargo,
            is_overdue: false,
        };
    }

    fn keep_back(&mut self, index: u64, kept: &KeepingBack, findings: &mut Findings) {
        match kept.kind {
            KeepingKind::Deferred => self.counters.deferred += 1,
            KeepingKind::Withheld => self.counters.withheld += 1,
        }
        let target = self.kinds.get(kept.index);
        if !target.is_some_and(Kind::is_in_a_list) {
            let meaning = format!(
                "it keeps back entry {}, which is not an access in a person's list that stands \
                 before it",
                kept.index
            );
            findings.add(FindingKind::Target, index, meaning);
        }
    }

    fn take_head(&mut self, index: u64, head: &MapHead, findings: &mut Findings) {
        self.counters.heads += 1;
        if head.covers != index {
            let meaning = format!(
                "the map head says that it covers {} entries, but {index} stand before it",
                head.covers
            );
            findings.add(FindingKind::HeadCovers, index, meaning);
        }
        let before = self.head.map_or(0, |head| head.time);
        if head.time < before {
            let meaning = format!(
                "the map head's time, {}, lies {} seconds before that of an earlier one",
                head.time,
                before - head.time
            );
            findings.add(FindingKind::HeadTime, index, meaning);
        }
        self.head = Some(LastHead {
            index,
            covers: head.covers,
            time: head.time.max(before),
        });
        while let Some((embargo, sealed)) = self
            .waiting
            .first()
            .copied()
            .filter(|(embargo, _)| embargo.is_closed_at(head.time))
        {
            self.waiting.remove(&(embargo, sealed));
            if let Some(leaf) = self.sealed.get_mut(&sealed) {
                leaf.is_overdue = true;
                self.counters.overdue += 1;
            }
            let meaning = format!(
                "the access was sealed until the end of {embargo}, and by the map head at entry \
                 {index} it is neither opened nor extended"
            );
            findings.add(FindingKind::Overdue, sealed, meaning);
        }
    }

    /// Checks that the log as it stands ends with a map head over all before it.
    pub(super) fn publish(&mut self, findings: &mut Findings) {
        let size = self.frontier.size();
        if size <= self.published {
            return;
        }
        self.published = size;
        let last = size - 1;
        let ends_well = self
            .head
            .is_some_and(|head| head.index == last && head.covers == last);
        if !ends_well {
            let meaning = format!(
                "the checkpoint of {size} entries does not end with a map head over the {last} \
                 before it, so nobody can tell whether a list is complete"
            );
            findings.add(FindingKind::LastLeaf, last, meaning);
        }
    }
}
