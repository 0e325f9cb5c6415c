//! Replaying what was rebuilt, and looking again at old rows.

use std::collections::BTreeSet;

use kepil_ledger::audit::Opening;
use kepil_ledger::error::in_one_line;
use kepil_ledger::tile::TILE_WIDTH;

use super::read::Kept;
use super::round::Round;
use super::{FollowError, Follower};
use crate::report::LogFault;
use crate::source::Log;

const WIDTH: u64 = TILE_WIDTH as u64;

/// Entries after which the replay is saved while it catches up.
const SAVE_EVERY: u64 = 1 << 17;

/// Bundles that are looked at again in one round because notices name their rows.
const MAX_REREAD: usize = 256;

const SWEEP: &str = "sweep";

/// A bundle as it is shown.
struct Shown {
    entries: Vec<Vec<u8>>,
    /// What opens them, one for each.
    openings: Vec<Vec<u8>>,
}

impl Shown {
    /// Index, entry and opening, from the first index on.
    fn iter(&self, first: u64) -> impl Iterator<Item = (u64, &[u8], Opening<'_>)> {
        let both = self.entries.iter().zip(&self.openings);
        (first..).zip(both).map(|(index, (entry, opening))| {
            (index, entry.as_slice(), Opening::read(entry, opening))
        })
    }
}

impl<S: Log> Follower<S> {
    /// Replays up to the size of the own tree, which the log signed.
    pub(super) fn replay_on(
        &mut self,
        mut kept: Kept,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let size = self.hashes.size();
        while self.replay.size() < size {
            let number = self.replay.size() / WIDTH;
            let Some(shown) = self.shown(number, &mut kept, round)? else {
                return self.save_replay();
            };
            let done = self.replay.size();
            for (index, entry, opening) in shown.iter(number * WIDTH) {
                if index >= done {
                    self.replay.take(entry, &opening);
                }
            }
            if self.replay.size().saturating_sub(self.saved) >= SAVE_EVERY {
                self.save_replay()?;
            }
        }
        if self.replay.size() == size {
            self.replay.publish();
        }
        self.save_replay()
    }

    /// The entries of a bundle, checked against the own tree, with what opens them.
    ///
    /// `None` when they cannot be had.
    fn shown(
        &self,
        number: u64,
        kept: &mut Kept,
        round: &mut Round,
    ) -> Result<Option<Shown>, FollowError> {
        let (first, size) = (number * WIDTH, self.hashes.size());
        let entries = match kept.bundles.remove(&number) {
            Some(entries) => entries,
            None => match self.bundle(number, size, first, round) {
                Some(entries) => entries,
                None => return Ok(None),
            },
        };
        if !self.is_own(first, &entries)? {
            let meaning = "entries of this bundle were shown differently before: the log does not \
                           answer everybody alike";
            let place = format!("bundle {number}");
            round.find(
                LogFault::EntryMismatch,
                Some(first),
                meaning.to_owned(),
                place,
            );
            return Ok(None);
        }
        if !self.settings.with_records {
            let openings = vec![Vec::new(); entries.len()];
            return Ok(Some(Shown { entries, openings }));
        }
        let width = u16::try_from(entries.len()).unwrap_or(TILE_WIDTH);
        match self.source.records(number, width) {
            Ok(openings) if openings.len() == entries.len() => {
                Ok(Some(Shown { entries, openings }))
            }
            Ok(_) => {
                round.unchecked(format!(
                    "the records of bundle {number} are not one for each entry"
                ));
                Ok(None)
            }
            Err(error) => {
                round.unchecked(in_one_line(&error));
                Ok(None)
            }
        }
    }

    /// Looks again at rows that notices name, and at some other bundles in turn.
    pub(super) fn look_again(&mut self, round: &mut Round) -> Result<(), FollowError> {
        let size = self.replay.size();
        if size != self.hashes.size() || size == 0 {
            return Ok(());
        }
        let named = self.replay.to_reread();
        let mut bundles: BTreeSet<u64> = named
            .flat_map(|(first, last)| first / WIDTH..=last / WIDTH)
            .take(MAX_REREAD)
            .collect();
        let read = self.folder.read(SWEEP, 64);
        let cursor = read.map_err(FollowError::reading(SWEEP))?;
        let mut cursor: u64 = cursor
            .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok())
            .unwrap_or(0);
        let all = size.div_ceil(WIDTH);
        for _ in 0..self.settings.sweep.min(all) {
            cursor %= all;
            bundles.insert(cursor);
            cursor += 1;
        }
        for number in bundles {
            self.look_again_at(number, round)?;
        }
        self.save_replay()?;
        let cursor = format!("{cursor}\n");
        let replaced = self.folder.replace(SWEEP, cursor.as_bytes(), 0o600);
        replaced.map_err(FollowError::replacing(SWEEP))
    }

    /// Compares a bundle, its tile and its rows with what they were.
    fn look_again_at(&mut self, number: u64, round: &mut Round) -> Result<(), FollowError> {
        if let Some(difference) = self.compare_tile(0, number, self.hashes.size(), round)? {
            let meaning = "the tile held other hashes before: proofs made from it are wrong";
            let (kind, entry) = (LogFault::TileMismatch, Some(difference.entry));
            round.find(kind, entry, meaning.to_owned(), difference.path);
        }
        if let Some(shown) = self.shown(number, &mut Kept::default(), round)? {
            for (index, entry, opening) in shown.iter(number * WIDTH) {
                self.replay.reread(index, entry, &opening);
            }
        }
        Ok(())
    }
}
