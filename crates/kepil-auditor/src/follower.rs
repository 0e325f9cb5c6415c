//! Follows a log: reads what is new, rebuilds it, replays it, and remembers.
//!
//! ```text
//! DIR/lock          held while a process has the folder open
//! DIR/key           the log's public key, as taken at the first start
//! DIR/checkpoints   every signed checkpoint seen; it only grows
//! DIR/tree-0..7     the hashes of all entries and of all full tiles
//! DIR/verified      size and root up to which the tree leads to what the log signed
//! DIR/replay        the state of the replay
//! DIR/sweep         the bundle at which looking again at old rows goes on
//! DIR/evidence/     checkpoints of the log that contradict each other
//! ```

mod compare;
mod open;
mod read;
mod replay;
mod round;

pub use open::FollowError;

use std::fmt;
use std::time::Duration;

use kepil_ledger::anchor::policy_hash;
use kepil_ledger::audit::Replay;
use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::error::in_one_line;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::policy::Policy;
use kepil_ledger::verify::CHECKPOINT_PATH;
use kepil_witness::Folder;

use crate::evidence;
use crate::hashes::Hashes;
use crate::report::{Finding, LogFault, Report, Size};
use crate::seen::{ASKED, LOG, Seen};
use crate::source::{Log, Place};
use round::Round;

/// How far a log's clock may run ahead, in seconds.
const SKEW_SECS: u64 = 60;

/// What the auditor trusts and asks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The log's public key, got from somebody trusted; a policy may name it instead.
    pub key: Option<VerifyingKey>,
    /// Whose word is believed, and the hash of its file.
    pub policy: Option<(Policy, Hash)>,
    /// Submission prefixes of witnesses to compare with, beside those of the policy.
    pub witnesses: Vec<String>,
    /// Replay the records, not the leaves alone.
    pub with_records: bool,
    /// Greatest age of the newest map head, or of what meets the policy's quorum, in seconds.
    pub max_age: u64,
    /// Bundles of old rows that are looked at again in each round.
    pub sweep: u64,
    /// Time one call to a witness may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key: None,
            policy: None,
            witnesses: Vec::new(),
            with_records: false,
            max_age: 3600,
            sweep: 16,
            timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Takes the bytes of a policy file.
    ///
    /// # Errors
    ///
    /// When they are not a policy.
    pub fn with_policy(self, file: &[u8]) -> Result<Self, kepil_ledger::policy::PolicyError> {
        Ok(Self {
            policy: Some((Policy::parse(file)?, policy_hash(file))),
            ..self
        })
    }
}

/// An auditor's follower of one log.
pub struct Follower<S> {
    source: S,
    mirror: Option<Place>,
    settings: Settings,
    folder: Folder,
    /// The log's key as taken at the first start.
    pinned: Option<VerifyingKey>,
    hashes: Hashes,
    replay: Replay,
    seen: Seen,
    /// Entries replayed when the replay was saved last.
    saved: u64,
}

impl<S: fmt::Debug> fmt::Debug for Follower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("source", &self.source)
            .field("rebuilt", &self.hashes.size())
            .field("replayed", &self.replay.size())
            .finish_non_exhaustive()
    }
}

impl<S: Log> Follower<S> {
    /// Compares with a second address of the same log in every round.
    pub fn set_mirror(&mut self, mirror: Place) {
        self.mirror = Some(mirror);
    }

    /// The replay as it stands.
    #[must_use]
    pub const fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Number of entries that were rebuilt into a signed root.
    #[must_use]
    pub const fn rebuilt(&self) -> u64 {
        self.hashes.size()
    }

    /// Reads what is new, checks everything, and says what came of it.
    ///
    /// `now` is the present in Unix seconds. What is wrong with the log is in the report;
    /// what is out of reach as well.
    ///
    /// # Errors
    ///
    /// When the auditor's own folder fails.
    pub fn run(&mut self, now: u64) -> Result<Report, FollowError> {
        let mut round = Round::default();
        let newest = self.newest(now, &mut round)?;
        if let Some(signed) = &newest {
            self.advance(signed, LOG, now, &mut round)?;
            self.look_again(&mut round)?;
            let newer = self.explain(signed, now, &mut round)?;
            self.compare(newer.as_ref().unwrap_or(signed), now, &mut round)?;
            self.check_age(newer.as_ref().unwrap_or(signed), now, &mut round);
        }
        self.report(newest.as_ref(), round, now)
    }

    /// Follows to a checkpoint that somebody else brought, such as the log itself.
    ///
    /// # Errors
    ///
    /// When the auditor's own folder fails.
    pub(crate) fn follow(
        &mut self,
        signed: &SignedCheckpoint,
        now: u64,
    ) -> Result<Vec<Finding>, FollowError> {
        let mut round = Round::default();
        self.advance(signed, ASKED, now, &mut round)?;
        Ok(round.findings)
    }

    /// True when the auditor's statement holds for the first `size` entries with this root.
    pub(crate) fn holds_at(&self, size: u64, root: &Hash) -> bool {
        size <= self.replay.size()
            && self.hashes.root(size).is_ok_and(|own| own == *root)
            && self.replay.holds()
    }

    /// What the auditor has against the log, in words.
    pub(crate) fn objections(&self) -> Result<Vec<Finding>, FollowError> {
        let mut found = evidence::all(&self.folder).map_err(FollowError::reading("evidence"))?;
        found.extend(self.replay.findings().iter().map(Finding::from));
        found.extend(self.replay.unexplained().iter().map(Finding::from));
        Ok(found)
    }

    /// The log's keys that are believed at a time.
    pub(crate) fn keys(&self, now: u64) -> Vec<VerifyingKey> {
        let mut keys: Vec<VerifyingKey> = self.settings.key.iter().cloned().collect();
        if let Some((policy, _)) = &self.settings.policy {
            keys.extend(policy.logs().iter().map(|log| log.key.clone()));
        }
        if keys.is_empty() {
            keys.extend(self.pinned.clone());
        }
        // The log itself may name the keys it changes over to, in an anchor.
        let next = self.replay.anchor().map(|anchor| &anchor.next_log_keys);
        for (from, key) in next.into_iter().flatten() {
            if *from <= now && keys.iter().any(|known| known.name() == key.name()) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// The log's newest checkpoint, if there is one to believe.
    fn newest(
        &mut self,
        now: u64,
        round: &mut Round,
    ) -> Result<Option<SignedCheckpoint>, FollowError> {
        if self.keys(now).is_empty() {
            self.pin_key(round)?;
        }
        let bytes = match self.source.read(CHECKPOINT_PATH) {
            Ok(Some(bytes)) => bytes,
            Ok(None) if self.seen.shown() > 0 => {
                let meaning = "the log had a checkpoint and shows none any more".to_owned();
                round.find(LogFault::Shrunk, Some(0), meaning, CHECKPOINT_PATH);
                return Ok(None);
            }
            Ok(None) => {
                round.unchecked("there is no checkpoint: nothing has been published here");
                return Ok(None);
            }
            Err(error) => {
                round.unchecked(in_one_line(&error));
                return Ok(None);
            }
        };
        let signed = match checkpoint::parse(&bytes) {
            Ok(signed) => signed,
            Err(error) => {
                let meaning = format!("what is shown is no checkpoint: {}", in_one_line(&error));
                round.find(LogFault::Checkpoint, None, meaning, CHECKPOINT_PATH);
                return Ok(None);
            }
        };
        let origin = &signed.unverified().origin;
        let before = self.seen.latest().map(|one| one.signed.unverified());
        if let Some(before) = before.filter(|before| before.origin != *origin) {
            let meaning = format!("this was the log `{}` and is now `{origin}`", before.origin);
            round.find(LogFault::Signature, None, meaning, CHECKPOINT_PATH);
            return Ok(None);
        }
        if let Err(error) = signed.verify_any(&self.keys(now)) {
            let meaning = format!(
                "the checkpoint is not the log's word: {}",
                in_one_line(&error)
            );
            round.find(LogFault::Signature, None, meaning, CHECKPOINT_PATH);
            return Ok(None);
        }
        Ok(Some(signed))
    }

    /// A row may be gone a moment before its notice is published: looks once more.
    fn explain(
        &mut self,
        before: &SignedCheckpoint,
        now: u64,
        round: &mut Round,
    ) -> Result<Option<SignedCheckpoint>, FollowError> {
        if self.replay.unexplained().is_empty() {
            return Ok(None);
        }
        let mut again = Round::default();
        let newer = self.newest(now, &mut again)?;
        let newer = newer.filter(|newer| newer.unverified().size > before.unverified().size);
        if let Some(newer) = &newer {
            self.advance(newer, LOG, now, round)?;
        }
        Ok(newer)
    }

    /// Whether what is shown is of today, and cosigned as the policy demands.
    fn check_age(&self, signed: &SignedCheckpoint, now: u64, round: &mut Round) {
        let size = signed.unverified().size;
        let last = size.checked_sub(1);
        let head = self
            .replay
            .head_time()
            .filter(|_| self.replay.size() == size);
        if let Some(time) = head.filter(|time| *time > now.saturating_add(SKEW_SECS)) {
            let ahead = time - now;
            let meaning = format!("the newest map head's time lies {ahead} seconds ahead");
            round.find(LogFault::Ahead, last, meaning, CHECKPOINT_PATH);
        }
        let mut until = head;
        if let Some((policy, hash)) = &self.settings.policy {
            if let Some(anchor) = self.replay.anchor()
                && anchor.policy != Some(*hash)
            {
                let meaning = "the policy used here is not the one that the newest anchor names";
                round.find(LogFault::Policy, None, meaning.to_owned(), CHECKPOINT_PATH);
            }
            match policy.cosignatures(signed) {
                Err(error) => {
                    round.find(
                        LogFault::Cosignature,
                        last,
                        in_one_line(&error),
                        CHECKPOINT_PATH,
                    );
                }
                Ok(lines) if !policy.check(&lines) => {
                    let meaning = "the checkpoint has fewer cosigners than the policy demands";
                    round.find(LogFault::Quorum, last, meaning.to_owned(), CHECKPOINT_PATH);
                }
                Ok(lines) => {
                    round.cosigned_until = policy.cosigned_until(&lines);
                    until = round.cosigned_until.or(until);
                }
            }
        }
        let max_age = self.settings.max_age;
        if let Some(age) = until.map(|until| now.saturating_sub(until))
            && age > max_age
        {
            let meaning = format!(
                "the newest checkpoint is {age} seconds old, and {max_age} are the most: what was \
                 logged since is not shown"
            );
            round.find(LogFault::Stale, last, meaning, CHECKPOINT_PATH);
        }
    }

    fn report(
        &self,
        newest: Option<&SignedCheckpoint>,
        round: Round,
        now: u64,
    ) -> Result<Report, FollowError> {
        let lasting = evidence::all(&self.folder).map_err(FollowError::reading("evidence"))?;
        let is_new = |finding: &Finding| finding.evidence.is_none();
        let mut findings: Vec<Finding> = round.findings.into_iter().filter(is_new).collect();
        findings.splice(0..0, lasting);
        findings.extend(self.replay.findings().iter().map(Finding::from));
        let unexplained = self.replay.unexplained();
        let listed = kepil_ledger::audit::MAX_LISTED;
        findings.extend(unexplained.iter().take(listed).map(Finding::from));
        let left_out = unexplained.len().saturating_sub(listed);
        let exit = match (findings.is_empty(), round.unchecked.is_empty()) {
            (false, _) => 1,
            (true, false) => 3,
            (true, true) => 0,
        };
        let checkpoint = newest.map(SignedCheckpoint::unverified);
        let origin = checkpoint.map(|checkpoint| checkpoint.origin.to_string());
        let known = self.keys(now).first().map(|key| key.name().to_string());
        Ok(Report {
            origin: origin.or(known),
            checkpoint: checkpoint.map(|checkpoint| Size {
                size: checkpoint.size,
                root: checkpoint.root,
            }),
            rebuilt: self.hashes.size(),
            replayed: self.replay.size(),
            with_records: self.replay.has_records(),
            head_time: self.replay.head_time(),
            cosigned_until: round.cosigned_until,
            counters: *self.replay.counters(),
            late: self.replay.late(),
            blind_months: self
                .replay
                .blind_months()
                .iter()
                .map(|month| month.number())
                .collect(),
            findings,
            findings_not_listed: self
                .replay
                .findings_not_listed()
                .saturating_add(u64::try_from(left_out).unwrap_or(u64::MAX)),
            unchecked: round.unchecked,
            notes: round.notes,
            exit,
        })
    }
}
