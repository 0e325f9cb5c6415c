//! What one round of following came to.

use kepil_ledger::error::in_one_line;
use kepil_ledger::tile::FetchError;

use crate::report::{Finding, LogFault};

/// Findings of one round that are listed.
const MAX_LISTED: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) findings: Vec<Finding>,
    pub(super) unchecked: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) cosigned_until: Option<u64>,
}

impl Round {
    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_LISTED && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(super) fn find(
        &mut self,
        kind: LogFault,
        entry: Option<u64>,
        meaning: String,
        place: impl std::fmt::Display,
    ) {
        self.add(Finding::new(kind, entry, meaning).at(place));
    }

    pub(super) fn unchecked(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.unchecked.contains(&what) {
            self.unchecked.push(what);
        }
    }

    /// A tile or bundle that could not be had; `entry` is the first that it holds.
    pub(super) fn fetch(&mut self, error: &FetchError, entry: u64) {
        let kind = match error {
            FetchError::Source(_) | FetchError::Proof(_) => {
                return self.unchecked(in_one_line(error));
            }
            FetchError::Missing { .. } => LogFault::Missing,
            FetchError::Malformed { .. } | FetchError::Width { .. } => LogFault::Malformed,
        };
        let (FetchError::Missing { path }
        | FetchError::Malformed { path, .. }
        | FetchError::Width { path, .. }) = error
        else {
            return;
        };
        let meaning = match kind {
            LogFault::Missing => {
                "a file that the log signed is not there: what it holds cannot be checked"
                    .to_owned()
            }
            _ => format!(
                "a file of the log is not of its form: {}",
                in_one_line(error)
            ),
        };
        self.find(kind, Some(entry), meaning, path);
    }
}
