//! Compares the published files with what the entries make.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kepil_ledger::checkpoint::{self, Checkpoint};
use kepil_ledger::error::in_one_line;
use kepil_ledger::hash::{HASH_BYTES, Hash};
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::stamp::STAMPS_PATH;
use kepil_ledger::tile::{TILE_WIDTH, TileBuilder, TileKind, TilePath, fetch_bundle, parse_bundle};
use kepil_ledger::verify::{self, CHECKPOINT_PATH};

use super::names;
use super::report::{FindingKind, Findings};
use super::stamps::Stamped;
use crate::compare::{difference, narrowed};
use crate::log::rebuild::BESIDE;
use crate::source::DirSource;

/// Folder of the published log within the log.
const FOLDER: &str = "log";

/// Tiles and bundles with their paths.
type Tiles = Vec<(TilePath, Vec<u8>)>;

/// What was published, and what should have been.
#[derive(Debug)]
pub(super) struct Public {
    folder: PathBuf,
    source: DirSource,
    key: Option<VerifyingKey>,
    checkpoint: Option<Checkpoint>,
    has_checkpoint: bool,
    builder: TileBuilder,
    /// Root and partial tiles at the size of the checkpoint.
    at_checkpoint: Option<(Hash, Tiles)>,
    /// The bundle read last in place of lost entries.
    bundle: Option<(u64, Vec<Vec<u8>>)>,
    stamped: Stamped,
    files: u64,
}

impl Public {
    pub(super) fn new(folder: &Path, key: Option<&VerifyingKey>, findings: &mut Findings) -> Self {
        let mut public = Self {
            folder: folder.to_owned(),
            source: DirSource::new(&folder.join(FOLDER)),
            key: key.cloned(),
            checkpoint: None,
            has_checkpoint: true,
            builder: TileBuilder::new(),
            at_checkpoint: None,
            bundle: None,
            stamped: Stamped::new(folder),
            files: 0,
        };
        public.read_checkpoint(findings);
        public.remember();
        public
    }

    fn read_checkpoint(&mut self, findings: &mut Findings) {
        let file = Path::new(FOLDER).join(CHECKPOINT_PATH);
        let bytes = match fs::read(self.folder.join(&file)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.has_checkpoint = false;
                return;
            }
            Err(error) => return findings.unreadable(&file, &error),
        };
        // The signature covers all of it, so nothing says where.
        let mut bad = |error: &dyn std::error::Error| {
            let offset = Some(0);
            let meaning = format!(
                "the checkpoint is not the log's word: {}",
                in_one_line(error)
            );
            findings.add(FindingKind::Checkpoint, &file, offset, None, meaning);
        };
        let signed = match checkpoint::parse(&bytes) {
            Ok(signed) => signed,
            Err(error) => return bad(&error),
        };
        if let Some(key) = &self.key
            && let Err(error) = signed.verify(key)
        {
            return bad(&error);
        }
        self.checkpoint = Some(signed.unverified().clone());
    }

    /// Number of entries in the checkpoint.
    pub(super) fn published(&self) -> u64 {
        let checkpoint = self.checkpoint.as_ref();
        checkpoint.map_or(0, |checkpoint| checkpoint.size)
    }

    pub(super) const fn builder(&self) -> &TileBuilder {
        &self.builder
    }

    /// Number of files that were compared.
    pub(super) const fn files(&self) -> u64 {
        self.files
    }

    /// Takes the next leaf.
    pub(super) fn push(&mut self, leaf: &[u8], findings: &mut Findings) {
        // INVARIANT: leaves are much shorter than an entry of a bundle may be.
        if self.builder.push(leaf).is_err() {
            return;
        }
        for (path, bytes) in self.builder.filled() {
            let is_needed = is_in(path, self.published());
            self.files += 1;
            compare(&self.folder, *path, bytes, is_needed, findings);
        }
        self.builder.forget_filled();
        self.remember();
    }

    fn remember(&mut self) {
        self.stamped
            .remember(self.builder.size(), || self.builder.root());
        if self.checkpoint.is_some() && self.builder.size() == self.published() {
            self.at_checkpoint = Some((self.builder.root(), self.builder.partial()));
        }
    }

    /// A published leaf, unchecked.
    pub(super) fn leaf(&mut self, index: u64) -> Option<Vec<u8>> {
        let (number, place) = (index / u64::from(TILE_WIDTH), index % u64::from(TILE_WIDTH));
        if self.bundle.as_ref().is_none_or(|(of, _)| *of != number) {
            let path = TilePath::entries_in(number, self.published())?;
            self.bundle = Some((number, fetch_bundle(&self.source, path).ok()?));
        }
        let (_, entries) = self.bundle.as_ref()?;
        entries.get(usize::try_from(place).ok()?).cloned()
    }

    /// Compares what remains; without a whole tree, the published files with each other.
    pub(super) fn end(&mut self, is_whole: bool, has_snapshot: bool, findings: &mut Findings) {
        let file = Path::new(FOLDER).join(CHECKPOINT_PATH);
        if !self.has_checkpoint && self.builder.size() > 0 {
            // Before there is a snapshot, a crash may leave none.
            let (kind, meaning) = if has_snapshot {
                (FindingKind::Missing, "the checkpoint is missing")
            } else {
                (
                    FindingKind::Leftover,
                    "nothing was published yet; the next opening does it",
                )
            };
            findings.add(kind, &file, None, None, meaning.to_owned());
        }
        let size = is_whole.then(|| self.builder.size());
        self.stamped.check(self.key.as_ref(), size, findings);
        if !is_whole {
            return self.verify(findings);
        }
        if let Some((checkpoint, (root, partial))) =
            self.checkpoint.as_ref().zip(self.at_checkpoint.as_ref())
        {
            if checkpoint.root != *root {
                let entries = checkpoint.size.checked_sub(1).map(|last| (0, last));
                let meaning = "the entries are not those that were published: the segments or \
                               the checkpoint were changed";
                findings.add(
                    FindingKind::Checkpoint,
                    &file,
                    None,
                    entries,
                    meaning.to_owned(),
                );
            }
            for (path, bytes) in partial {
                self.files += 1;
                // It may have been deleted once the full one was there.
                let full = self.folder.join(FOLDER).join(path.to_full().to_string());
                compare(&self.folder, *path, bytes, !full.exists(), findings);
            }
        }
        let mut folders = vec![PathBuf::from(FOLDER)];
        while let Some(below) = folders.pop() {
            for name in names(&self.folder, &below, findings) {
                if name == Path::new(FOLDER).join(STAMPS_PATH) {
                    continue;
                }
                if self.folder.join(&name).is_dir() {
                    folders.push(name);
                } else {
                    self.other(&name, findings);
                }
            }
        }
    }

    /// Looks at a file that may not have been compared yet.
    fn other(&mut self, name: &Path, findings: &mut Findings) {
        let text = name.strip_prefix(FOLDER).ok().and_then(Path::to_str);
        let path = match text {
            Some(CHECKPOINT_PATH) => return,
            Some(text) if BESIDE.contains(&text) => return,
            Some(".writing") => {
                let meaning = "a file whose publishing was interrupted".to_owned();
                return findings.add(FindingKind::Leftover, name, None, None, meaning);
            }
            text => text.and_then(|text| TilePath::parse(text).ok()),
        };
        let Some(path) = path else {
            return findings.unknown(name);
        };
        let is_compared = self.at_checkpoint.iter().flat_map(|(_, partial)| partial);
        if is_in(&path, self.builder.size()) && !path.is_partial()
            || is_compared
                .into_iter()
                .any(|(compared, _)| *compared == path)
        {
            return;
        }
        self.files += 1;
        if !is_in(&path, self.builder.size()) {
            let meaning = "it is of entries that the log does not have".to_owned();
            return findings.add(FindingKind::Published, name, None, None, meaning);
        }
        match self.prefix(&path) {
            Some(bytes) => compare(&self.folder, path, &bytes, false, findings),
            None => findings.skipped(name, "an older partial tile whose full one is gone"),
        }
    }

    /// What an older partial tile must hold: the beginning of the later one.
    fn prefix(&self, path: &TilePath) -> Option<Vec<u8>> {
        let at_checkpoint = self.at_checkpoint.iter().flat_map(|(_, partial)| partial);
        let now = self.builder.partial();
        let mut later = at_checkpoint.chain(&now).filter(|(later, _)| {
            later.to_full() == path.to_full() && later.width() >= path.width()
        });
        let bytes = match later.next() {
            Some((_, bytes)) => bytes.clone(),
            // It was compared with the entries when it filled up.
            None => {
                let full = path.to_full().to_string();
                fs::read(self.folder.join(FOLDER).join(full)).ok()?
            }
        };
        narrowed(path, &bytes)
    }

    /// Without the entries only the published log itself can be rebuilt.
    fn verify(&mut self, findings: &mut Findings) {
        let Some(key) = &self.key else {
            let what = "the tiles against entries, because entries are missing";
            return findings.skipped(Path::new(FOLDER), what);
        };
        let report = verify::rebuild(&self.source, key, None);
        self.files += report.tiles_checked;
        for finding in report.findings {
            let kind = FindingKind::Published;
            let file = Path::new(FOLDER).join(&finding.place);
            findings.add(kind, &file, None, None, finding.meaning);
        }
    }
}

/// True when a log of this size has the tile, at this width or wider.
fn is_in(path: &TilePath, size: u64) -> bool {
    let there = match path.kind() {
        TileKind::Entries => TilePath::entries_in(path.index(), size),
        TileKind::Hashes { level } => TilePath::hashes_in(level, path.index(), size),
    };
    there.is_some_and(|there| there.width() >= path.width())
}

/// Compares a published file with what the entries make.
fn compare(
    folder: &Path,
    path: TilePath,
    expected: &[u8],
    is_needed: bool,
    findings: &mut Findings,
) {
    let file = Path::new(FOLDER).join(path.to_string());
    let found = match fs::read(folder.join(&file)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if is_needed {
                let entries = Some(touched(path, 0, expected, true));
                let meaning = "a published file is missing; it can be made again".to_owned();
                findings.add(FindingKind::Missing, &file, None, entries, meaning);
            }
            return;
        }
        Err(error) => return findings.unreadable(&file, &error),
    };
    if found == expected {
        return;
    }
    let at = difference(expected, &found);
    let entries = Some(touched(path, at, expected, false));
    let meaning = "the published file is not what the entries make; it can be made again";
    let offset = u64::try_from(at).ok();
    findings.add(
        FindingKind::Published,
        &file,
        offset,
        entries,
        meaning.to_owned(),
    );
}

/// First and last entry below the hash, or of the entry, at a place in a tile.
fn touched(path: TilePath, at: usize, expected: &[u8], is_all: bool) -> (u64, u64) {
    let first = path.index().saturating_mul(u64::from(TILE_WIDTH));
    let (place, level) = match path.kind() {
        TileKind::Hashes { level } => (at / HASH_BYTES, level),
        TileKind::Entries => {
            let entries = parse_bundle(expected).unwrap_or_default();
            let mut end = 0;
            let ends = entries.iter().map(|entry| {
                end += 2 + entry.len();
                end
            });
            (ends.take_while(|end| *end <= at).count(), 0)
        }
    };
    let width = usize::from(path.width());
    let place = u64::try_from(place.min(width - 1)).unwrap_or(0);
    let places = if is_all {
        (first, first + u64::from(path.width()) - 1)
    } else {
        (first + place, first + place)
    };
    let below = 1_u64.checked_shl(8 * u32::from(level)).unwrap_or(u64::MAX);
    let start = places.0.saturating_mul(below);
    let end = (places.1 + 1).saturating_mul(below);
    (start, end.saturating_sub(1))
}
