//! Looks at the time stamps beside the published log; no other copy of them can be made.
//!
//! Whose stamps they are is for `kepil ledger timestamp` to say: it takes the certificates
//! that somebody trusts. Here the stamped checkpoints are held against key and entries.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kepil_ledger::anchor::Anchor;
use kepil_ledger::checkpoint;
use kepil_ledger::error::in_one_line;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::stamp::{STAMPS_PATH, StampPath, parse_latest};

use super::names;
use super::report::{FindingKind, Findings};

/// Folder of the published log within the log.
const FOLDER: &str = "log";

/// The stamped sizes, and the roots that the entries lead to there.
#[derive(Debug)]
pub(super) struct Stamped {
    folder: PathBuf,
    roots: BTreeMap<u64, Option<Hash>>,
    /// Keys that the log says it had.
    keys: Vec<VerifyingKey>,
}

impl Stamped {
    pub(super) fn new(folder: &Path) -> Self {
        let found = fs::read_dir(folder.join(FOLDER).join(STAMPS_PATH));
        let names = found.into_iter().flatten().flatten();
        let paths =
            names.filter_map(|entry| parse(&Path::new(STAMPS_PATH).join(entry.file_name())));
        let roots = paths.filter_map(|path| match path {
            StampPath::Checkpoint(size) => Some((size, None)),
            _ => None,
        });
        let anchor = fs::read_to_string(folder.join(FOLDER).join("anchor")).ok();
        let anchor = anchor.and_then(|text| Anchor::parse(&text).ok());
        let keys = anchor.into_iter().flat_map(|anchor| anchor.next_log_keys);
        Self {
            folder: folder.to_owned(),
            roots: roots.collect(),
            keys: keys.map(|(_, key)| key).collect(),
        }
    }

    /// Takes note of the tree at a size, if a stamp is about it.
    pub(super) fn remember(&mut self, size: u64, root: impl FnOnce() -> Hash) {
        if let Some(slot) = self.roots.get_mut(&size) {
            *slot = Some(root());
        }
    }

    /// Looks at every file; `size` is that of the log where all its entries were read.
    pub(super) fn check(
        &self,
        key: Option<&VerifyingKey>,
        size: Option<u64>,
        findings: &mut Findings,
    ) {
        let below = Path::new(FOLDER).join(STAMPS_PATH);
        for name in names(&self.folder, &below, findings) {
            let path = name.strip_prefix(FOLDER).ok().and_then(parse);
            match path {
                Some(StampPath::Checkpoint(of)) => self.checkpoint(&name, of, key, size, findings),
                Some(StampPath::Response(of)) => self.partner(StampPath::Checkpoint(of), findings),
                Some(StampPath::Latest) => self.latest(&name, findings),
                None if name.extension().is_some_and(|end| end == "new") => {
                    let meaning = "a time stamp whose writing was interrupted".to_owned();
                    findings.add(FindingKind::Leftover, &name, None, None, meaning);
                }
                None => findings.unknown(&name),
            }
        }
    }

    fn checkpoint(
        &self,
        name: &Path,
        of: u64,
        key: Option<&VerifyingKey>,
        size: Option<u64>,
        findings: &mut Findings,
    ) {
        if !self.stands(StampPath::Response(of)) {
            let meaning = "a checkpoint whose time stamp was not kept any more: the node was \
                           stopped in between";
            findings.add(FindingKind::Leftover, name, None, None, meaning.to_owned());
        }
        let bytes = match fs::read(self.folder.join(name)) {
            Ok(bytes) => bytes,
            Err(error) => return findings.unreadable(name, &error),
        };
        let mut bad = |why: String| {
            let meaning = format!("the stamped checkpoint is not the log's word: {why}");
            findings.add(FindingKind::Checkpoint, name, Some(0), None, meaning);
        };
        let signed = match checkpoint::parse(&bytes) {
            Ok(signed) => signed,
            Err(error) => return bad(in_one_line(&error)),
        };
        if let Some(key) = key
            && let Err(error) = signed.verify(key)
            && !self.keys.iter().any(|key| signed.verify(key).is_ok())
        {
            return bad(in_one_line(&error));
        }
        let said = signed.unverified();
        if said.size != of {
            return bad(format!("it is of {} entries", said.size));
        }
        let root = self.roots.get(&of).copied().flatten();
        let entries = of.checked_sub(1).map(|last| (0, last));
        if root.is_some_and(|root| root != said.root) {
            let meaning = "the entries are not those that were stamped: the segments were changed";
            findings.add(
                FindingKind::Checkpoint,
                name,
                None,
                entries,
                meaning.to_owned(),
            );
        } else if let Some(size) = size.filter(|size| *size < of) {
            let meaning = format!("{} stamped entries are not in the segments", of - size);
            let entries = Some((size, of - 1));
            findings.add(FindingKind::LostEntries, name, None, entries, meaning);
        }
    }

    fn latest(&self, name: &Path, findings: &mut Findings) {
        match fs::read(self.folder.join(name)) {
            Err(error) => findings.unreadable(name, &error),
            Ok(bytes) => match parse_latest(&bytes) {
                Some(size) => {
                    self.partner(StampPath::Checkpoint(size), findings);
                    self.partner(StampPath::Response(size), findings);
                }
                None => {
                    let meaning = "the name of the last time stamp is not a size".to_owned();
                    findings.add(FindingKind::Published, name, Some(0), None, meaning);
                }
            },
        }
    }

    fn partner(&self, path: StampPath, findings: &mut Findings) {
        if !self.stands(path) {
            let name = Path::new(FOLDER).join(path.to_string());
            let meaning = "a part of a time stamp is not there: put a copy back".to_owned();
            findings.add(FindingKind::Missing, &name, None, None, meaning);
        }
    }

    fn stands(&self, path: StampPath) -> bool {
        self.folder.join(FOLDER).join(path.to_string()).exists()
    }
}

fn parse(path: &Path) -> Option<StampPath> {
    path.to_str()?.parse().ok()
}
