//! What an audit came to, for people and for programs.

use std::fmt;
use std::path::PathBuf;

use kepil_ledger::audit::{self, Counters};
use kepil_ledger::hash::Hash;
use serde::{Deserialize, Serialize};

/// Result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the log; absent when there is no checkpoint to believe.
    pub origin: Option<String>,
    /// What the log signed last, as far as it was read.
    pub checkpoint: Option<Size>,
    /// Number of entries whose hashes were rebuilt into a signed root.
    pub rebuilt: u64,
    /// Number of entries replayed: with their records, or as leaves alone.
    pub replayed: u64,
    /// True when records were replayed.
    pub with_records: bool,
    /// Time of the newest map head, Unix seconds.
    pub head_time: Option<u64>,
    /// The policy's quorum has seen the log up to this moment, Unix seconds.
    pub cosigned_until: Option<u64>,
    /// The public numbers.
    pub counters: Counters,
    /// Records more than a day older than the map head before them.
    pub late: u64,
    /// Months whose maps could not be compared, because rows were erased before the audit began.
    pub blind_months: Vec<u32>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Number of findings beyond those listed.
    pub findings_not_listed: u64,
    /// What could not be checked, and why.
    pub unchecked: Vec<String>,
    /// What is worth knowing and not wrong.
    pub notes: Vec<String>,
    /// How a command should end: 0 nothing wrong, 1 a finding, 3 something could not be checked.
    pub exit: u8,
}

/// Size and root that a log signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of fault.
    pub kind: Kind,
    /// Index of the first entry concerned, where one can be named.
    pub entry: Option<u64>,
    /// File of the log concerned.
    pub place: Option<String>,
    /// What it means, in one plain sentence.
    pub meaning: String,
    /// File with two signed checkpoints that contradict each other.
    pub evidence: Option<PathBuf>,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Kind {
    /// In how the log is published.
    Log(LogFault),
    /// In what its entries say.
    Entry(audit::FindingKind),
}

/// Faults in how a log is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFault {
    /// There is no checkpoint, or it is not of its form.
    Checkpoint,
    /// The checkpoint is not signed by the log.
    Signature,
    /// A file is missing.
    Missing,
    /// A file is not of its form.
    Malformed,
    /// An entry is not the one that was hashed into the tree.
    EntryMismatch,
    /// A tile does not hold the hashes of what lies below it.
    TileMismatch,
    /// The entries do not lead to the signed root.
    RootMismatch,
    /// The log signed two histories.
    Rewritten,
    /// The log shows fewer entries than before.
    Shrunk,
    /// Others are shown another history.
    SplitView,
    /// The newest checkpoint or map head is too old.
    Stale,
    /// The newest map head's time lies ahead of the present.
    Ahead,
    /// Fewer cosigners than the policy demands.
    Quorum,
    /// A cosignature is bad.
    Cosignature,
    /// The policy is not the one the newest anchor names.
    Policy,
}

impl Report {
    /// True when nothing is wrong and everything was checked.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.exit == 0
    }
}

impl Finding {
    pub(crate) fn new(kind: LogFault, entry: Option<u64>, meaning: String) -> Self {
        Self {
            kind: Kind::Log(kind),
            entry,
            place: None,
            meaning,
            evidence: None,
        }
    }

    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self {
            place: Some(place.to_string()),
            ..self
        }
    }
}

impl From<&audit::Finding> for Finding {
    fn from(finding: &audit::Finding) -> Self {
        Self {
            kind: Kind::Entry(finding.kind),
            entry: Some(finding.entry),
            place: None,
            meaning: finding.meaning.clone(),
            evidence: None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "entry {entry}: ")?;
        }
        f.write_str(&self.meaning)?;
        if let Some(place) = &self.place {
            write!(f, " (in {place})")?;
        }
        if let Some(path) = &self.evidence {
            write!(f, "; the evidence is in {}", path.display())?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.as_deref().unwrap_or("the log");
        match &self.checkpoint {
            Some(Size { size, .. }) => writeln!(f, "{origin} shows {size} entries.")?,
            None => writeln!(f, "{origin} shows no checkpoint that can be believed.")?,
        }
        let what = if self.with_records {
            "with their records"
        } else {
            "without their records"
        };
        writeln!(
            f,
            "{} entries rebuilt into a signed root, {} replayed {what}.",
            self.rebuilt, self.replayed
        )?;
        let c = &self.counters;
        writeln!(
            f,
            "Accesses {}; sealed now {}, overdue {}, extended {}, opened {}; rows erased {}; \
             deferred {}, withheld {}.",
            c.accesses,
            c.sealed_now,
            c.overdue,
            c.extended,
            c.opened,
            c.erased_rows,
            c.deferred,
            c.withheld
        )?;
        for month in &self.blind_months {
            writeln!(
                f,
                "The map of {month} could not be compared: rows were not there when the audit \
                 read them."
            )?;
        }
        for note in &self.notes {
            writeln!(f, "Note: {note}.")?;
        }
        for what in &self.unchecked {
            writeln!(f, "Not checked: {what}.")?;
        }
        for finding in &self.findings {
            writeln!(f, "Finding: {finding}.")?;
        }
        if self.findings_not_listed > 0 {
            writeln!(f, "And {} findings more.", self.findings_not_listed)?;
        }
        f.write_str(match self.exit {
            0 => "Nothing is wrong, as far as this audit sees.",
            1 => "The log does NOT hold.",
            _ => "The audit is not complete.",
        })
    }
}
