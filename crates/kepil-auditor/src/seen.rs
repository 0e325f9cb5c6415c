//! Every signed checkpoint the auditor has seen, from whomever.
//!
//! The file `checkpoints` only grows. Each one stands under a line `seen <Unix seconds>
//! <from> <bytes>`, with the log's own signature lines; a part that was being written when
//! the process ended is cut off at the next start.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::hash::Hash;
use kepil_ledger::note::VerifyingKey;
use kepil_witness::Folder;

const FILE: &str = "checkpoints";

/// The log's own public files, as where a checkpoint was seen.
pub(crate) const LOG: &str = "log";

/// A checkpoint brought to be cosigned; it need not be published yet.
pub(crate) const ASKED: &str = "asked";

/// One that was seen.
#[derive(Debug, Clone)]
pub(crate) struct SeenCheckpoint {
    /// Who showed it: `log`, `asked`, or an address.
    pub(crate) from: String,
    pub(crate) signed: SignedCheckpoint,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    file: File,
    /// The greatest one that the auditor's own tree leads to.
    latest: Option<SeenCheckpoint>,
    /// Still to be compared with the auditor's own tree.
    ahead: Vec<SeenCheckpoint>,
    /// The greatest size that the log itself has published.
    shown: u64,
    /// The last one written, so that none is written twice in a row.
    last: Option<(String, u64, Hash)>,
}

impl Seen {
    /// Opens the file; `root_at` gives the own root at a size, as far as the own tree goes.
    pub(crate) fn open(
        folder: &Folder,
        mut root_at: impl FnMut(u64) -> Option<Hash>,
    ) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(folder.path_of(FILE))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut seen = Self {
            file,
            latest: None,
            ahead: Vec::new(),
            shown: 0,
            last: None,
        };
        let mut rest = bytes.as_slice();
        while let Some((one, after)) = parse(rest) {
            rest = after;
            let checkpoint = one.signed.unverified();
            let (size, root) = (checkpoint.size, checkpoint.root);
            seen.last = Some((one.from.clone(), size, root));
            match root_at(size) {
                Some(own) if own == root => seen.confirm(one),
                // One that contradicts the own tree may not have been dealt with yet.
                _ => seen.keep(one),
            }
        }
        if !rest.is_empty() {
            let whole = bytes.len().saturating_sub(rest.len());
            seen.file
                .set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
            seen.file.sync_data()?;
        }
        Ok(seen)
    }

    /// The greatest size that the log itself has published.
    pub(crate) const fn shown(&self) -> u64 {
        self.shown
    }

    /// The greatest one that the own tree leads to.
    pub(crate) const fn latest(&self) -> Option<&SeenCheckpoint> {
        self.latest.as_ref()
    }

    fn size(&self) -> u64 {
        let latest = self.latest.as_ref();
        latest.map_or(0, |latest| latest.signed.unverified().size)
    }

    /// Writes one down before anything is done with it.
    pub(crate) fn record(
        &mut self,
        signed: &SignedCheckpoint,
        from: &str,
        now: u64,
        keys: &[VerifyingKey],
    ) -> io::Result<SeenCheckpoint> {
        let mut signed = signed.clone();
        signed.retain(|line| keys.iter().any(|key| line.is_by(key)));
        let checkpoint = signed.unverified();
        let (size, root) = (checkpoint.size, checkpoint.root);
        let one = SeenCheckpoint {
            from: from.replace(char::is_whitespace, "_"),
            signed,
        };
        let what = Some((one.from.clone(), size, root));
        if self.last != what {
            let note = one.signed.to_string();
            let text = format!("seen {now} {} {}\n{note}\n", one.from, note.len());
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()?;
            self.last = what;
        }
        Ok(one)
    }

    /// Takes one the own tree leads to.
    pub(crate) fn confirm(&mut self, one: SeenCheckpoint) {
        let size = one.signed.unverified().size;
        if one.from == LOG {
            self.shown = self.shown.max(size);
        }
        if size >= self.size() {
            self.latest = Some(one);
        }
    }

    /// Keeps one to be compared later.
    pub(crate) fn keep(&mut self, one: SeenCheckpoint) {
        if !self.ahead.iter().any(|other| other.signed == one.signed) {
            self.ahead.push(one);
        }
    }

    /// Hands out those that the own tree has reached.
    pub(crate) fn reached(&mut self, size: u64) -> Vec<SeenCheckpoint> {
        let is_reached = |one: &SeenCheckpoint| one.signed.unverified().size <= size;
        let (reached, ahead) = self.ahead.drain(..).partition(is_reached);
        self.ahead = ahead;
        reached
    }
}

/// Takes the first one; `None` where it is not whole.
fn parse(bytes: &[u8]) -> Option<(SeenCheckpoint, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    let ["seen", _, from, length] = *words.as_slice() else {
        return None;
    };
    let (_, rest) = rest.split_first()?;
    let (note, rest) = rest.split_at_checked(length.parse().ok()?)?;
    let (end, rest) = rest.split_first()?;
    let signed = checkpoint::parse(note).ok()?;
    let from = from.to_owned();
    (*end == b'\n').then_some((SeenCheckpoint { from, signed }, rest))
}
