//! Two signed checkpoints that contradict each other, kept for good.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use kepil_ledger::checkpoint::SignedCheckpoint;
use kepil_ledger::hash;
use kepil_witness::{Folder, ReplaceError};
use serde::{Deserialize, Serialize};

use crate::report::{Finding, LogFault};

/// Folder of the files, within the auditor's.
const FOLDER: &str = "evidence";

/// A file of evidence.
#[derive(Debug, Serialize, Deserialize)]
struct Evidence {
    kind: LogFault,
    entry: Option<u64>,
    meaning: String,
    found_at: u64,
    /// As the log signed it.
    first: String,
    /// As the log signed it.
    second: String,
}

/// Keeps two checkpoints with what they mean; gives the finding.
pub(crate) fn keep(
    folder: &Folder,
    finding: Finding,
    kind: LogFault,
    (first, second): (&SignedCheckpoint, &SignedCheckpoint),
    now: u64,
) -> io::Result<Finding> {
    let evidence = Evidence {
        kind,
        entry: finding.entry,
        meaning: finding.meaning.clone(),
        found_at: now,
        first: first.to_string(),
        second: second.to_string(),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder.path_of(FOLDER))?;
    // A checkpoint that contradicts the others is one piece of evidence, however often it is met.
    let what = format!("{kind:?}\n{}", second.note().text());
    let name = format!("{FOLDER}/{}.json", hash::leaf(what.as_bytes()));
    let path = folder.path_of(&name);
    if !path.exists() {
        let bytes = serde_json::to_vec_pretty(&evidence)?;
        folder.replace(&name, &bytes, 0o600).map_err(|error| {
            let (ReplaceError::Unchanged(source) | ReplaceError::Unknown(source)) = error;
            source
        })?;
        fs::File::open(folder.path_of(FOLDER))?.sync_all()?;
    }
    Ok(Finding {
        evidence: Some(path),
        ..finding
    })
}

/// What was found at any time.
pub(crate) fn all(folder: &Folder) -> io::Result<Vec<Finding>> {
    let files = match fs::read_dir(folder.path_of(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut paths = files
        .map(|file| file.map(|file| file.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let evidence: Evidence = serde_json::from_slice(&fs::read(&path)?)?;
        found.push((
            evidence.found_at,
            Finding {
                evidence: Some(path),
                ..Finding::new(evidence.kind, evidence.entry, evidence.meaning)
            },
        ));
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, finding)| finding).collect())
}
