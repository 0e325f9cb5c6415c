//! Reading new entries and rebuilding the tree.

use std::collections::BTreeMap;

use kepil_ledger::checkpoint::SignedCheckpoint;
use kepil_ledger::hash::{self, Hash};
use kepil_ledger::tile::{
    FetchError, TILE_WIDTH, TileHashes, TilePath, TileSource, fetch_bundle, fetch_hashes,
    parse_bundle,
};
use kepil_ledger::tree::{consistency_path, root, verify_consistency};
use kepil_ledger::verify::CHECKPOINT_PATH;

use super::round::Round;
use super::{FollowError, Follower};
use crate::report::{Finding, LogFault};
use crate::seen::{LOG, SeenCheckpoint};
use crate::source::Log;

const WIDTH: u64 = TILE_WIDTH as u64;

/// Bytes of bundles that are kept between reading and replaying.
const MAX_KEPT: usize = 32 << 20;

/// Bundles that were read and will be needed again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) bundles: BTreeMap<u64, Vec<Vec<u8>>>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, number: u64, entries: Vec<Vec<u8>>) {
        self.bytes += entries.iter().map(Vec::len).sum::<usize>();
        if self.bytes <= MAX_KEPT {
            self.bundles.insert(number, entries);
        }
    }
}

/// A hash in a tile that is not the one the entries lead to.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) path: TilePath,
    level: u8,
    /// The first entry below it.
    pub(super) entry: u64,
}

impl<S: Log> Follower<S> {
    /// Follows the log to a checkpoint of its own: rebuilds it, then replays it.
    pub(super) fn advance(
        &mut self,
        signed: &SignedCheckpoint,
        from: &'static str,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let keys = self.keys(now);
        let one = self
            .seen
            .record(signed, from, now, &keys)
            .map_err(FollowError::reading("checkpoints"))?;
        let checkpoint = signed.unverified();
        let (size, own) = (checkpoint.size, self.hashes.size());
        let mut kept = Kept::default();
        if size > own {
            match self.rebuild(&one, now, round) {
                Ok(Some(read)) => kept = read,
                // Nothing stays that the log has not signed.
                other => {
                    let cut = self.hashes.cut(own);
                    other?;
                    return cut.map_err(FollowError::reading("tree-0"));
                }
            }
            self.save_verified(size, &checkpoint.root)?;
            self.seen.confirm(one);
        } else if self.hashes.root(size).map_err(FollowError::of_tree)? != checkpoint.root {
            self.contradiction(&one, now, round)?;
        } else {
            let shown = self.seen.shown();
            if from == LOG && size < shown {
                let meaning = format!(
                    "the log has shown {shown} entries and now shows only {size}: entries from \
                     this one on are held back"
                );
                round.find(LogFault::Shrunk, Some(size), meaning, CHECKPOINT_PATH);
            }
            self.seen.confirm(one);
        }
        for one in self.seen.reached(self.hashes.size()) {
            self.settle(one, now, round)?;
        }
        self.replay_on(kept, round)
    }

    /// Compares a remembered checkpoint that the own tree has reached.
    fn settle(
        &mut self,
        one: SeenCheckpoint,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let checkpoint = one.signed.unverified();
        let own = self.hashes.root(checkpoint.size);
        if own.map_err(FollowError::of_tree)? == checkpoint.root {
            self.seen.confirm(one);
            return Ok(());
        }
        self.contradiction(&one, now, round)
    }

    /// Reads all entries up to a checkpoint into the own tree; `None` when they do not lead to it.
    fn rebuild(
        &mut self,
        one: &SeenCheckpoint,
        now: u64,
        round: &mut Round,
    ) -> Result<Option<Kept>, FollowError> {
        let checkpoint = one.signed.unverified();
        let (own, size) = (self.hashes.size(), checkpoint.size);
        let mut kept = Kept::default();
        for number in own / WIDTH..size.div_ceil(WIDTH) {
            let Some(entries) = self.bundle(number, size, own, round) else {
                return Ok(None);
            };
            for (index, entry) in (number * WIDTH..).zip(&entries) {
                if index >= own {
                    let appended = self.hashes.append(hash::leaf(entry));
                    appended.map_err(FollowError::reading("tree-0"))?;
                }
            }
            kept.push(number, entries);
        }
        let differences = self.compare_tiles(own, size, round)?;
        let rebuilt = self.hashes.root(size).map_err(FollowError::of_tree)?;
        if rebuilt != checkpoint.root {
            self.diagnose(own, one, &differences, now, round)?;
            return Ok(None);
        }
        for difference in differences {
            let meaning = "the entries lead to the signed root, and this tile holds other hashes: \
                           proofs made from it are wrong";
            let (kind, entry) = (LogFault::TileMismatch, Some(difference.entry));
            round.find(kind, entry, meaning.to_owned(), difference.path);
        }
        // A snapshot is another auditor's word: the log's entries must lead to it.
        let replayed = self.replay.size();
        if (own..=size).contains(&replayed)
            && self.hashes.root(replayed).map_err(FollowError::of_tree)? != self.replay.root()
        {
            return Err(FollowError::OtherLog);
        }
        Ok(Some(kept))
    }

    /// The entries of a bundle; what is wrong with it is a finding.
    pub(super) fn bundle(
        &self,
        number: u64,
        size: u64,
        from: u64,
        round: &mut Round,
    ) -> Option<Vec<Vec<u8>>> {
        let path = TilePath::entries_in(number, size)?;
        match fetch_bundle(&self.source, path) {
            Ok(entries) => Some(entries),
            Err(error) => {
                let is_form = matches!(
                    error,
                    FetchError::Width { .. } | FetchError::Malformed { .. }
                );
                if !(is_form && self.locate_in_bundle(path, size, round)) {
                    round.fetch(&error, from.max(number * WIDTH));
                }
                None
            }
        }
    }

    /// Names the first entry of a bundle of the wrong length that is not the one in the tree.
    fn locate_in_bundle(&self, path: TilePath, size: u64, round: &mut Round) -> bool {
        let tile = TilePath::hashes_in(0, path.index(), size);
        let hashes = tile.and_then(|tile| fetch_hashes(&self.source, tile).ok());
        let (Some(hashes), Ok(Some(bytes))) = (hashes, self.source.read(&path.to_string())) else {
            return false;
        };
        let Ok(entries) = parse_bundle(&bytes) else {
            return false;
        };
        let found = entries.len();
        let same = entries
            .iter()
            .zip(&hashes)
            .take_while(|(entry, hash)| hash::leaf(entry) == **hash)
            .count();
        let entry = path.index() * WIDTH + u64::try_from(same).unwrap_or(0);
        let meaning = format!(
            "the bundle holds {found} entries where the log signed {}; from this one on they are \
             not those that were hashed into the tree",
            path.width()
        );
        round.find(LogFault::EntryMismatch, Some(entry), meaning, path);
        true
    }

    /// Compares every tile that new entries changed with the own tree.
    fn compare_tiles(
        &self,
        own: u64,
        size: u64,
        round: &mut Round,
    ) -> Result<Vec<Difference>, FollowError> {
        let mut differences = Vec::new();
        for level in 0..8_u8 {
            let shift = 8 * u32::from(level);
            let (old, new) = (own >> shift, size >> shift);
            if new == old {
                break;
            }
            for number in old / WIDTH..new.div_ceil(WIDTH) {
                differences.extend(self.compare_tile(level, number, size, round)?);
            }
        }
        Ok(differences)
    }

    /// The first hash of a tile that is not that of the own tree.
    pub(super) fn compare_tile(
        &self,
        level: u8,
        number: u64,
        size: u64,
        round: &mut Round,
    ) -> Result<Option<Difference>, FollowError> {
        let Some(path) = TilePath::hashes_in(level, number, size) else {
            return Ok(None);
        };
        let (first, shift) = (number * WIDTH, 8 * u32::from(level));
        let found = match fetch_hashes(&self.source, path) {
            Ok(found) => found,
            Err(error) => {
                round.fetch(&error, first << shift);
                return Ok(None);
            }
        };
        let own = self
            .hashes
            .read(level, first, u64::from(path.width()))
            .map_err(FollowError::reading("tree-0"))?;
        let at = found.iter().zip(&own).position(|(one, own)| one != own);
        if at.is_some() {
            self.trust_own(level, number)?;
        }
        Ok(at.map(|at| Difference {
            path,
            level,
            entry: (first + u64::try_from(at).unwrap_or(0)) << shift,
        }))
    }

    /// Says why new entries do not lead to the signed root.
    fn diagnose(
        &mut self,
        own: u64,
        one: &SeenCheckpoint,
        differences: &[Difference],
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let checkpoint = one.signed.unverified();
        let size = checkpoint.size;
        let own_root = self.hashes.root(own).map_err(FollowError::of_tree)?;
        let tiles = TileHashes::new(&self.source, size);
        let grows = own == 0
            || consistency_path(&tiles, own, size).is_ok_and(|path| {
                verify_consistency((own, &own_root), (size, &checkpoint.root), &path).is_ok()
            });
        let is_tree_signed = root(&tiles, size).is_ok_and(|found| found == checkpoint.root);
        if !grows {
            let changed = self.first_difference(&self.source, size, own)?;
            if let Some(entry) = changed.filter(|_| is_tree_signed) {
                let meaning = format!(
                    "the log signed {own} entries with this one among them, and now signs {size} \
                     entries with another in its place: history was rewritten"
                );
                let finding = Finding::new(LogFault::Rewritten, Some(entry), meaning);
                return self.keep_evidence(finding, LogFault::Rewritten, one, now, round);
            }
        }
        let mut named = false;
        for difference in differences {
            let (kind, meaning) = if difference.level == 0 && is_tree_signed {
                (
                    LogFault::EntryMismatch,
                    "the entry shown is not the one that was hashed into the signed tree: it was \
                     changed, moved or left out",
                )
            } else {
                (
                    LogFault::TileMismatch,
                    "the tile does not hold the hashes of the entries below it, and the entries \
                     do not lead to the signed root",
                )
            };
            let (entry, place) = (Some(difference.entry), difference.path);
            round.find(kind, entry, meaning.to_owned(), place);
            named = true;
        }
        if !named {
            let meaning = format!(
                "the {size} entries shown do not lead to the root that the log signed: something \
                 among them was changed"
            );
            round.find(LogFault::RootMismatch, Some(own), meaning, CHECKPOINT_PATH);
        }
        Ok(())
    }

    /// The first of the entries before `end` that another source of `size` entries shows
    /// differently in its tiles.
    pub(super) fn first_difference(
        &self,
        other: &impl TileSource,
        size: u64,
        end: u64,
    ) -> Result<Option<u64>, FollowError> {
        for number in 0..end.div_ceil(WIDTH) {
            let Some(path) = TilePath::hashes_in(0, number, size) else {
                break;
            };
            let Ok(found) = fetch_hashes(other, path) else {
                continue;
            };
            let first = number * WIDTH;
            let own = self
                .hashes
                .read(0, first, u64::from(path.width()).min(end - first))
                .map_err(FollowError::reading("tree-0"))?;
            let at = found.iter().zip(&own).position(|(one, own)| one != own);
            if let Some(at) = at {
                self.trust_own(0, number)?;
                return Ok(Some(first + u64::try_from(at).unwrap_or(0)));
            }
        }
        Ok(None)
    }

    /// True when entries of a bundle are those of the own tree.
    pub(super) fn is_own(&self, first: u64, entries: &[Vec<u8>]) -> Result<bool, FollowError> {
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let own = self.hashes.read(0, first, count);
        let own = own.map_err(FollowError::reading("tree-0"))?;
        let found: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        if found != own {
            self.trust_own(0, first / WIDTH)?;
        }
        Ok(found == own)
    }

    /// Before anything is held against the log: the own memory must not be at fault.
    fn trust_own(&self, level: u8, number: u64) -> Result<(), FollowError> {
        let sound = self.hashes.is_sound(level, number);
        if sound.map_err(FollowError::reading("tree-0"))? {
            Ok(())
        } else {
            Err(FollowError::Damaged { file: "tree-0" })
        }
    }
}
