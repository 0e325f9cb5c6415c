//! What a check found, in words that can be handed on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Findings that are listed; more are only counted.
const MAX_LISTED: usize = 1_000;

/// Result of reading a whole log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the log, if anything says it.
    pub origin: Option<String>,
    /// Number of entries found, lost ones between them included.
    pub entries: u64,
    /// Number of segments in use.
    pub segments: u64,
    /// Number of rows that were erased.
    pub erased_rows: u64,
    /// Entries whose rows are neither whole nor erased, ascending.
    pub damaged_rows: Vec<u64>,
    /// Number of published files compared with the entries.
    pub published_files: u64,
    /// What is not as it must be, and what was noticed beside it, in the order it was met.
    pub findings: Vec<Finding>,
    /// Number of findings beyond those listed.
    pub findings_not_listed: u64,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The file, relative to the log's folder.
    pub file: PathBuf,
    /// Where in the file it begins, if that can be said.
    pub offset: Option<u64>,
    /// First and last of the entries it touches.
    pub entries: Option<(u64, u64)>,
    /// What it means, in plain words.
    pub meaning: String,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A file does not exist.
    Missing,
    /// A file could not be read.
    Unreadable,
    /// A segment's header is damaged or not the one that belongs there.
    Header,
    /// A frame is damaged: its entries are lost here.
    Frame,
    /// A row is neither what was written nor erased.
    Row,
    /// Entries do not lead to the root that was written with them.
    Root,
    /// Bytes that belong to nothing are not zeros.
    Padding,
    /// Entries were published that the segments do not have.
    LostEntries,
    /// The checkpoint is not the log's word, or not about these entries.
    Checkpoint,
    /// A published file is not what the entries make.
    Published,
    /// A map head is not the one that the entries before it lead to.
    MapHead,
    /// A list of entries is not the one that the entries make.
    List,
    /// A snapshot is damaged, or not of this log.
    Snapshot,
    /// The note of rows that were being erased is damaged.
    Erasing,
    /// What an interrupted write left; the next opening puts it right.
    Leftover,
    /// A file that is none of the log's.
    Unknown,
    /// Something could not be checked.
    Skipped,
}

/// Whether a finding is damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is not as it must be.
    Damage,
    /// Good to know.
    Note,
}

impl FindingKind {
    /// Whether this is damage.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Leftover | Self::Unknown | Self::Skipped => Severity::Note,
            _ => Severity::Damage,
        }
    }
}

impl Report {
    /// True when nothing is damaged; there may be notes.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage().next().is_none()
    }

    /// The findings that are damage.
    pub fn damage(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.kind.severity() == Severity::Damage)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        match self.entries {
            Some((first, last)) if first == last => write!(f, ", entry {first}")?,
            Some((first, last)) => write!(f, ", entries {first} to {last}")?,
            None => {}
        }
        write!(f, ": {}", self.meaning)
    }
}

/// Collects findings up to a limit.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) folder: PathBuf,
    listed: Vec<Finding>,
    not_listed: u64,
    damage: u64,
}

impl Findings {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            listed: Vec::new(),
            not_listed: 0,
            damage: 0,
        }
    }

    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        file: &Path,
        offset: Option<u64>,
        entries: Option<(u64, u64)>,
        meaning: String,
    ) {
        let is_damage = kind.severity() == Severity::Damage;
        self.damage += u64::from(is_damage);
        let finding = Finding {
            kind,
            file: file.to_owned(),
            offset,
            entries,
            meaning,
        };
        if self.listed.len() < MAX_LISTED {
            self.listed.push(finding);
            return;
        }
        self.not_listed += 1;
        // Notes give way: a report with damage must not look sound.
        if is_damage && self.damage == 1 {
            self.listed.push(finding);
        }
    }

    pub(super) fn unreadable(&mut self, file: &Path, error: &io::Error) {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            FindingKind::Missing
        } else {
            FindingKind::Unreadable
        };
        self.add(
            kind,
            file,
            None,
            None,
            format!("it cannot be read: {error}"),
        );
    }

    pub(super) fn unknown(&mut self, file: &Path) {
        let meaning = "this file is none of the log's".to_owned();
        self.add(FindingKind::Unknown, file, None, None, meaning);
    }

    pub(super) fn skipped(&mut self, file: &Path, what: &str) {
        let meaning = format!("not checked: {what}");
        self.add(FindingKind::Skipped, file, None, None, meaning);
    }

    pub(super) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.listed, self.not_listed)
    }
}
