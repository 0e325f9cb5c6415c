//! Comparing with what others are shown of the log.

use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::error::in_one_line;
use kepil_ledger::tile::{TileHashes, TileSource};
use kepil_ledger::tree::{consistency_path, root, verify_consistency};
use kepil_ledger::verify::CHECKPOINT_PATH;
use kepil_witness::WitnessClient;

use super::round::Round;
use super::{FollowError, Follower};
use crate::evidence;
use crate::report::{Finding, LogFault};
use crate::seen::{ASKED, LOG, SeenCheckpoint};
use crate::source::{Log, Place};

/// The mirror, as the origin of a checkpoint.
const MIRROR: &str = "mirror";

impl<S: Log> Follower<S> {
    /// Asks every witness and the mirror.
    pub(super) fn compare(
        &mut self,
        signed: &SignedCheckpoint,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let origin = &signed.unverified().origin;
        let mut witnesses = self.settings.witnesses.clone();
        if let Some((policy, _)) = &self.settings.policy {
            let urls = policy.witnesses().iter();
            witnesses.extend(urls.filter_map(|witness| witness.url.clone()));
        }
        witnesses.sort();
        witnesses.dedup();
        for prefix in witnesses {
            let client = WitnessClient::new(&prefix, Vec::new(), self.settings.timeout);
            match client.latest(origin) {
                Ok(Some(other)) => self.compare_one(&other, &prefix, now, round)?,
                Ok(None) => round
                    .notes
                    .push(format!("the witness at {prefix} has not seen this log yet")),
                Err(error) => round.unchecked(in_one_line(&error)),
            }
        }
        let Some(mirror) = self.mirror.take() else {
            return Ok(());
        };
        let done = self.compare_mirror(&mirror, now, round);
        self.mirror = Some(mirror);
        done
    }

    fn compare_mirror(
        &mut self,
        mirror: &Place,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let bytes = match mirror.read(CHECKPOINT_PATH) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                round.unchecked("the mirror shows no checkpoint");
                return Ok(());
            }
            Err(error) => {
                round.unchecked(format!("the mirror: {}", in_one_line(&error)));
                return Ok(());
            }
        };
        let other = match checkpoint::parse(&bytes) {
            Ok(other) => other,
            Err(error) => {
                round.unchecked(format!("the mirror: {}", in_one_line(&error)));
                return Ok(());
            }
        };
        let (own, checkpoint) = (self.hashes.size(), other.unverified());
        let (size, other_root) = (checkpoint.size, checkpoint.root);
        if size <= own {
            let own_root = self.hashes.root(size).map_err(FollowError::of_tree)?;
            let entry = if own_root == other_root {
                None
            } else {
                self.first_difference(mirror, size, size)?
            };
            return self.compare_at(&other, MIRROR, entry, now, round);
        }
        // The mirror is ahead: does its tree begin with the own one?
        let tiles = TileHashes::new(mirror, size);
        let own_root = self.hashes.root(own).map_err(FollowError::of_tree)?;
        let grows = consistency_path(&tiles, own, size).is_ok_and(|path| {
            verify_consistency((own, &own_root), (size, &other_root), &path).is_ok()
        });
        if grows {
            return self.compare_at(&other, MIRROR, None, now, round);
        }
        if root(&tiles, size).ok() != Some(other_root) || other.verify_any(&self.keys(now)).is_err()
        {
            round.unchecked("the mirror: its tiles do not lead to its own checkpoint");
            return Ok(());
        }
        let entry = self.first_difference(mirror, size, own)?;
        let one = self.remember(&other, MIRROR, now)?;
        self.split_view(&one, entry, now, round)
    }

    fn compare_one(
        &mut self,
        other: &SignedCheckpoint,
        from: &str,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        self.compare_at(other, from, None, now, round)
    }

    /// Compares a checkpoint with the own tree, or keeps it until the own tree has reached it.
    fn compare_at(
        &mut self,
        other: &SignedCheckpoint,
        from: &str,
        entry: Option<u64>,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        if let Err(error) = other.verify_any(&self.keys(now)) {
            // Whoever shows it, only the log's signature makes it the log's word.
            let why = in_one_line(&error);
            round.unchecked(format!("what {from} shows is not signed by the log: {why}"));
            return Ok(());
        }
        let one = self.remember(other, from, now)?;
        let checkpoint = other.unverified();
        let own = self.hashes.size();
        if checkpoint.size > own {
            round.notes.push(format!(
                "{from} knows {} entries of the log, the log shows {own}; they are compared when \
                 the log shows them",
                checkpoint.size
            ));
            self.seen.keep(one);
            return Ok(());
        }
        let root = self.hashes.root(checkpoint.size);
        if root.map_err(FollowError::of_tree)? == checkpoint.root {
            return Ok(());
        }
        self.split_view(&one, entry, now, round)
    }

    fn remember(
        &mut self,
        other: &SignedCheckpoint,
        from: &str,
        now: u64,
    ) -> Result<SeenCheckpoint, FollowError> {
        let keys = self.keys(now);
        self.seen
            .record(other, from, now, &keys)
            .map_err(FollowError::reading("checkpoints"))
    }

    /// A checkpoint that is not larger than the own tree and is not of it.
    pub(super) fn contradiction(
        &mut self,
        one: &SeenCheckpoint,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let size = one.signed.unverified().size;
        if ![LOG, ASKED].contains(&one.from.as_str()) {
            return self.split_view(one, None, now, round);
        }
        let entry = self.first_difference(&self.source, size, size)?;
        let meaning = match entry {
            Some(_) => format!(
                "the log signed a tree with this entry in it, and now signs {size} entries with \
                 another in its place: history was rewritten"
            ),
            None => format!(
                "the log signed two different trees of {size} entries: history was rewritten, in \
                 one of them or before"
            ),
        };
        let entry = entry.or(size.checked_sub(1));
        let finding = Finding::new(LogFault::Rewritten, entry, meaning);
        self.keep_evidence(finding, LogFault::Rewritten, one, now, round)
    }

    fn split_view(
        &mut self,
        one: &SeenCheckpoint,
        entry: Option<u64>,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let size = one.signed.unverified().size;
        let from = &one.from;
        let meaning = match entry {
            Some(_) => {
                format!("the log shows another entry here to {from}: it signed two histories")
            }
            None => format!(
                "the log shows other entries to {from}, somewhere among the first {size}: it \
                 signed two histories"
            ),
        };
        let entry = entry.or(size.checked_sub(1));
        let finding = Finding::new(LogFault::SplitView, entry, meaning);
        self.keep_evidence(finding, LogFault::SplitView, one, now, round)
    }

    /// Keeps both signed checkpoints beside the finding.
    pub(super) fn keep_evidence(
        &mut self,
        finding: Finding,
        kind: LogFault,
        second: &SeenCheckpoint,
        now: u64,
        round: &mut Round,
    ) -> Result<(), FollowError> {
        let first = self.seen.latest().map_or(&second.signed, |one| &one.signed);
        let kept = evidence::keep(&self.folder, finding, kind, (first, &second.signed), now);
        round.add(kept.map_err(FollowError::reading("evidence"))?);
        Ok(())
    }
}
