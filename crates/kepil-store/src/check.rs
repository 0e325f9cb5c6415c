//! Reads every file of a log and names what is damaged.
//!
//! Opening a log reads what it needs; this reads everything: each frame and each row of
//! the segments, every published file against the entries, the lists and the snapshots
//! against a book that is kept anew. Nothing is changed and nothing is locked, so a log
//! should be closed or be a copy. Copy `log/` before `segments/`: published entries that
//! the segments lack are lost entries.
//!
//! The check goes on behind damage as far as anything can be said there. Where a frame is
//! lost, the published leaves take its place if the next frame's root agrees; the book
//! cannot be kept behind a lost frame.

mod books;
mod public;
mod report;
mod saved;
mod segments;
mod stamps;

pub use report::{Finding, FindingKind, Report, Severity};

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::checkpoint;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::period::Period;
use kepil_ledger::verify::CHECKPOINT_PATH;

use crate::draft::Booker;
use crate::log::{rebuild, unfinished};
use books::Books;
use public::Public;
use report::Findings;
use saved::Saved;
use segments::Walk;

/// Reads all files in a log's folder, changes none, and says what is wrong with them.
///
/// Without the log's key the checkpoint's signature is not checked, without a booker
/// neither lists nor maps are. `progress` is told how many bytes of the segments have
/// been read, and of how many.
pub fn check(
    folder: &Path,
    key: Option<&VerifyingKey>,
    booker: Option<Arc<dyn Booker>>,
    progress: &mut dyn FnMut(u64, u64),
) -> Report {
    let mut findings = Findings::new(folder);
    if key.is_none() {
        findings.skipped(
            Path::new("log/checkpoint"),
            "its signature, for want of a key",
        );
    }
    let public = Public::new(folder, key, &mut findings);
    let has_booker = booker.is_some();
    let books = booker.map(|booker| Books::new(folder, booker));
    let saved = Saved::new(folder, &mut findings);
    let mut walk = Walk::new(folder, key, public, books, saved);
    walk.run(&mut findings, progress);
    closings(folder, key, walk.closed(), &mut findings);
    others(folder, has_booker, &mut findings);
    walk.report(findings)
}

/// Folder of the checkpoints that prove closed months.
const CLOSED: &str = "closed";

/// Looks at the checkpoints that prove closed months; no other copy of them can be made.
fn closings(
    folder: &Path,
    key: Option<&VerifyingKey>,
    closed: &BTreeMap<Period, u64>,
    findings: &mut Findings,
) {
    let published = fs::read(folder.join("log").join(CHECKPOINT_PATH)).ok();
    let published = published.and_then(|bytes| checkpoint::parse(&bytes).ok());
    let size = published.map_or(0, |signed| signed.unverified().size);
    for period in closed
        .iter()
        .filter(|(_, head)| **head < size)
        .map(|(period, _)| period)
    {
        let name = Path::new(CLOSED).join(format!("{}.checkpoint", period.number()));
        if !folder.join(&name).exists() {
            let meaning = format!(
                "the checkpoint that proves {period} for good is not there: put a copy back"
            );
            findings.add(FindingKind::Missing, &name, None, None, meaning);
        }
    }
    for name in names(folder, Path::new(CLOSED), findings) {
        let stem = name.file_stem().and_then(|stem| stem.to_str());
        let month = stem
            .and_then(|stem| stem.parse().ok())
            .and_then(Period::new);
        if month.is_none() || name.extension().is_none_or(|end| end != "checkpoint") {
            findings.unknown(&name);
            continue;
        }
        let signed = match fs::read(folder.join(&name)) {
            Ok(bytes) => checkpoint::parse(&bytes),
            Err(error) => {
                findings.unreadable(&name, &error);
                continue;
            }
        };
        let is_good = signed.is_ok_and(|signed| key.is_none_or(|key| signed.verify(key).is_ok()));
        if !is_good {
            let meaning = "the checkpoint that proves this month is not the log's word any more: \
                           put a copy back"
                .to_owned();
            findings.add(FindingKind::Checkpoint, &name, Some(0), None, meaning);
        }
    }
}

/// Looks at what is neither segment, published, book nor snapshot.
fn others(folder: &Path, has_booker: bool, findings: &mut Findings) {
    let note = Path::new(unfinished::NAME);
    match unfinished::read(&folder.join(note)) {
        Ok(Some(rows)) if rows.is_empty() => {}
        Ok(Some(rows)) => {
            let range = rows.iter().min().copied().zip(rows.iter().max().copied());
            let meaning = format!(
                "the erasure of {} rows was interrupted, or damaged rows are waiting for it: \
                 erase them again",
                rows.len()
            );
            findings.add(FindingKind::Leftover, note, None, range, meaning);
        }
        Ok(None) => findings.add(
            FindingKind::Erasing,
            note,
            Some(0),
            None,
            "the note of rows that were being erased does not match its checksum".to_owned(),
        ),
        Err(error) => findings.unreadable(note, &error),
    }
    let known = [
        "lock",
        "log",
        "segments",
        "book",
        "snapshot",
        CLOSED,
        unfinished::NAME,
    ];
    for name in names(folder, Path::new(""), findings) {
        if name == Path::new(rebuild::NAME) {
            let meaning = "read models whose making was interrupted".to_owned();
            findings.add(FindingKind::Leftover, &name, None, None, meaning);
            continue;
        }
        if !known.iter().any(|known| Path::new(known) == name) {
            findings.unknown(&name);
        }
    }
    if !has_booker && folder.join("book").is_dir() {
        findings.skipped(
            Path::new("book"),
            "the lists of entries, for want of a booker",
        );
    }
}

/// Paths of what is in a folder of the log, relative to the log, in order.
fn names(folder: &Path, below: &Path, findings: &mut Findings) -> Vec<PathBuf> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder.join(below))?;
        let names = entries.map(|entry| Ok(below.join(entry?.file_name())));
        names.collect()
    };
    match read() {
        Ok(mut names) => {
            names.sort();
            names
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            findings.unreadable(below, &error);
            Vec::new()
        }
    }
}
