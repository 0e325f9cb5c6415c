//! What the log says of its own entries: erased, kept back, sealed, opened.

use std::collections::{BTreeMap, BTreeSet};

use kepil_ledger::anchor::Anchor;
use kepil_ledger::entry::{ErasureDegree, KeepingKind, Leaf, LeafKind};
use kepil_ledger::period::Period;
use serde::{Deserialize, Serialize};

/// The private side of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoticeRow {
    /// Opens the commitment to the basis.
    pub(crate) salt: [u8; 32],
    /// The legal basis, the ground or the order, in words; of an anchor, the document.
    pub(crate) basis: String,
    /// The rows an erasure names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rows: Vec<u64>,
}

/// A sealed entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SealedState {
    /// The month at whose end it opens.
    pub embargo: u32,
    /// How often it was extended.
    pub extended: u32,
    /// Index of the leaf that opened it.
    pub opened: Option<u64>,
}

/// Public counts, which anybody can make from the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Entries in persons' maps.
    pub entries: u64,
    /// Sealed entries that are not open yet.
    pub sealed: u64,
    /// Of these, extended at least once.
    pub extended: u64,
    /// Of these, past their month.
    pub overdue: u64,
    /// Sealed entries that were opened.
    pub opened: u64,
    /// Notices of erasure.
    pub erasures: u64,
    /// Rows they name.
    pub erased_rows: u64,
    /// Entries put off by a judge's order.
    pub deferred: u64,
    /// Entries withheld for a third person's secrecy.
    pub withheld: u64,
}

/// An entry that is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) notice: u64,
    pub(crate) kind: KeepingKind,
    pub(crate) until: u64,
}

/// The view of notices, made from the log leaf by leaf.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    counters: Counters,
    /// Erased entries with the notice that names them.
    pub(crate) erased: BTreeMap<u64, u64>,
    pub(crate) kept: BTreeMap<u64, Kept>,
    pub(crate) sealed: BTreeMap<u64, SealedState>,
    /// The private sides that could be read.
    pub(crate) rows: BTreeMap<u64, NoticeRow>,
    /// The newest anchor document.
    pub(crate) anchor: Option<Anchor>,
    /// Degrees 2 and 3 name no rows; these months and ranges are what is gone.
    pub(crate) months: BTreeSet<Period>,
}

impl Notices {
    /// Entries kept back until a day, with that day in Unix seconds.
    pub fn kept_until(&self) -> impl Iterator<Item = (u64, u64)> {
        let kept = self.kept.iter().filter(|(_, kept)| kept.until != 0);
        kept.map(|(index, kept)| (*index, kept.until))
    }

    /// Takes a leaf of the log with its private side, if it is a notice that has one.
    pub(crate) fn take(&mut self, index: u64, leaf: &Leaf, row: Option<NoticeRow>) {
        match leaf {
            Leaf::Access(_) => self.counters.entries += 1,
            Leaf::Sealed { embargo, .. } => {
                let state = SealedState {
                    embargo: embargo.number(),
                    extended: 0,
                    opened: None,
                };
                self.sealed.insert(index, state);
            }
            Leaf::Unseal { sealed, .. } => {
                self.counters.entries += 1;
                if let Some(state) = self.sealed.get_mut(sealed) {
                    state.opened = Some(index);
                }
            }
            Leaf::EmbargoExtension(extension) => {
                if let Some(state) = self.sealed.get_mut(&extension.sealed) {
                    state.embargo = extension.embargo.number();
                    state.extended += 1;
                }
            }
            Leaf::Erasure(notice) => {
                self.counters.erasures += 1;
                self.counters.erased_rows += u64::from(notice.rows);
                if notice.degree == ErasureDegree::Row {
                    let named = row.iter().flat_map(|row| &row.rows);
                    self.erased.extend(named.map(|entry| (*entry, index)));
                }
            }
            Leaf::KeepingBack(kept) => {
                let state = Kept {
                    notice: index,
                    kind: kept.kind,
                    until: kept.until,
                };
                self.kept.insert(kept.index, state);
            }
            Leaf::PolicyAnchor(_) => {
                let document = row.as_ref().map(|row| row.basis.as_str());
                if let Some(anchor) = document.and_then(|text| Anchor::parse(text).ok()) {
                    self.anchor = Some(anchor);
                }
            }
            _ => {}
        }
        if let Some(row) = row {
            self.rows.insert(index, row);
        }
    }

    /// True for leaves whose private side is a notice's.
    pub(crate) const fn has_row(kind: LeafKind) -> bool {
        matches!(
            kind,
            LeafKind::Erasure
                | LeafKind::KeepingBack
                | LeafKind::EmbargoExtension
                | LeafKind::PolicyAnchor
        )
    }

    /// Public counts at a moment in Unix seconds.
    #[must_use]
    pub fn counters(&self, now_secs: u64) -> Counters {
        let closed = || self.sealed.values().filter(|state| state.opened.is_none());
        let count = |states: usize| u64::try_from(states).unwrap_or(u64::MAX);
        let kept = |kind| count(self.kept.values().filter(|kept| kept.kind == kind).count());
        Counters {
            sealed: count(closed().count()),
            extended: count(closed().filter(|state| state.extended > 0).count()),
            overdue: count(closed().filter(|state| state.is_due(now_secs)).count()),
            opened: count(
                self.sealed
                    .values()
                    .filter(|state| state.opened.is_some())
                    .count(),
            ),
            deferred: kept(KeepingKind::Deferred),
            withheld: kept(KeepingKind::Withheld),
            ..self.counters
        }
    }

    /// Sealed entries whose month has ended.
    #[must_use]
    pub fn due(&self, now_secs: u64) -> Vec<u64> {
        let closed = self
            .sealed
            .iter()
            .filter(|(_, state)| state.opened.is_none());
        closed
            .filter(|(_, state)| state.is_due(now_secs))
            .map(|(index, _)| *index)
            .collect()
    }

    /// The state of a sealed entry.
    #[must_use]
    pub fn sealed(&self, index: u64) -> Option<SealedState> {
        self.sealed.get(&index).copied()
    }

    /// The month at whose end an entry opens that is still sealed.
    #[must_use]
    pub fn embargo(&self, index: u64) -> Option<Period> {
        let state = self.sealed.get(&index)?;
        let month = Period::new(state.embargo)?;
        state.opened.is_none().then_some(month)
    }

    /// Entries that are still sealed.
    pub(crate) fn still_sealed(&self) -> Vec<u64> {
        let closed = self.sealed.iter();
        let closed = closed.filter(|(_, state)| state.opened.is_none());
        closed.map(|(index, _)| *index).collect()
    }

    /// True when an entry is kept back, or was.
    #[must_use]
    pub fn is_kept(&self, index: u64) -> bool {
        self.kept.contains_key(&index)
    }

    /// The newest anchor document.
    #[must_use]
    pub const fn anchor(&self) -> Option<&Anchor> {
        self.anchor.as_ref()
    }
}

impl SealedState {
    fn is_due(&self, now_secs: u64) -> bool {
        Period::new(self.embargo).is_some_and(|month| now_secs >= month.end_secs())
    }
}
