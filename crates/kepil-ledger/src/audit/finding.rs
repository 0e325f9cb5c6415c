//! What a replay finds, as data.

use std::fmt;

use serde::Serialize;

/// Findings that are listed; more are only counted.
pub const MAX_LISTED: usize = 1000;

/// One thing that is not as the auditor's statement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of fault.
    pub kind: FindingKind,
    /// Index of the entry it is about.
    pub entry: u64,
    /// What it means, in one plain sentence.
    pub meaning: String,
}

/// Kinds of faults in what the log's entries say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FindingKind {
    /// The leaf is of no known type or form.
    Leaf = 1,
    /// What is shown for the leaf does not open it.
    Opening = 2,
    /// Nothing opens the leaf, and no notice says that it was erased.
    Absent = 3,
    /// The record is not of its form, or not of the leaf's type.
    Record = 4,
    /// The gate is not in the newest anchor at the record's time.
    UnlistedGate = 5,
    /// The signature is not the gate's.
    GateSignature = 6,
    /// The record names another month than that of its time.
    Month = 7,
    /// The record or the enrolment comes into a closed month.
    ClosedMonth = 8,
    /// The tags are not those enrolled.
    Enrolment = 9,
    /// The anchor document is missing, another, or not of its form.
    Anchor = 10,
    /// The map head does not cover all entries before it.
    HeadCovers = 11,
    /// The map head's time lies before that of an earlier one.
    HeadTime = 12,
    /// The map head is not the one the entries lead to.
    Map = 13,
    /// A sealed entry is past its embargo, neither opened nor extended.
    Overdue = 14,
    /// The entry points at one that is not there or not of the right type.
    Target = 15,
    /// A sealed entry is opened a second time.
    OpenedTwice = 16,
    /// An extension does not extend.
    Embargo = 17,
    /// The erasure notice does not fit the entries it names.
    Notice = 18,
    /// A row said to be erased can still be opened.
    StillThere = 19,
    /// The last entry of a checkpoint is not a map head over all before it.
    LastLeaf = 20,
}

impl FindingKind {
    /// True when nothing that comes later makes the auditor's statement true again.
    ///
    /// An overdue entry is opened in the end; a missing notice may still come.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        !matches!(self, Self::Overdue | Self::Absent)
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Leaf,
            2 => Self::Opening,
            3 => Self::Absent,
            4 => Self::Record,
            5 => Self::UnlistedGate,
            6 => Self::GateSignature,
            7 => Self::Month,
            8 => Self::ClosedMonth,
            9 => Self::Enrolment,
            10 => Self::Anchor,
            11 => Self::HeadCovers,
            12 => Self::HeadTime,
            13 => Self::Map,
            14 => Self::Overdue,
            15 => Self::Target,
            16 => Self::OpenedTwice,
            17 => Self::Embargo,
            18 => Self::Notice,
            19 => Self::StillThere,
            20 => Self::LastLeaf,
            _ => return None,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.entry, self.meaning)
    }
}

/// Collects findings up to a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) listed: Vec<Finding>,
    pub(super) not_listed: u64,
    /// How many of all are lasting, listed or not.
    pub(super) lasting: u64,
}

impl Findings {
    pub(super) fn add(&mut self, kind: FindingKind, entry: u64, meaning: String) {
        self.lasting += u64::from(kind.is_lasting());
        if self.listed.len() >= MAX_LISTED {
            self.not_listed += 1;
        } else {
            self.listed.push(Finding {
                kind,
                entry,
                meaning,
            });
        }
    }
}
