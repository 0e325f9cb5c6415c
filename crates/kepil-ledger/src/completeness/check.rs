//! The check, in the order of the steps in the format's page.

use serde::Serialize;

use super::{Completeness, Later, Noted, NotedEntry, NoticeProof, OpenedEntry, RowProof, ShownRow};
use crate::anchor::Anchor;
use crate::chain::Chain;
use crate::checkpoint::{Checkpoint, SignedCheckpoint, TrustError};
use crate::entry::{Commitment, ErasureDegree, KeepingKind, Leaf};
use crate::hash;
use crate::map::root_from_path;
use crate::payload::{self, Payload, PayloadError};
use crate::period::Period;
use crate::person::{PersonKeys, Tag};
use crate::policy::Policy;
use crate::proof::TlogProof;
use crate::record::{Facts, Record};
use crate::tree::verify_inclusion;

/// How far a cosigner's clock may run ahead, in seconds.
const SKEW_SECS: u64 = 60;

/// What the checker knows and demands.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The person's keys.
    pub person: &'a PersonKeys,
    /// The month asked for.
    pub period: Period,
    /// Whose word is believed.
    pub policy: &'a Policy,
    /// The gates' keys.
    pub anchor: &'a Anchor,
    /// The present, Unix seconds.
    pub now: u64,
    /// Greatest age of the cosignatures, seconds.
    pub max_age: u64,
    /// What was seen the last time.
    pub memory: Option<&'a Memory>,
}

/// What a checker remembers of an earlier proof of the same month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Size of the log then.
    pub size: u64,
    /// The list then.
    pub entries: Vec<(u64, Commitment)>,
}

/// What a good proof proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The list is complete up to this moment, Unix seconds.
    pub complete_until: u64,
    /// The month takes no more entries.
    pub closed: bool,
    /// The quorum has seen the log up to this moment, Unix seconds.
    pub cosigned_until: u64,
    /// Number of entries.
    pub count: usize,
    /// Entries opened.
    pub shown: usize,
    /// Entries erased under a notice.
    pub erased: usize,
    /// Entries a judge put off.
    pub deferred: usize,
    /// Entries withheld for a third person's secrecy.
    pub withheld: usize,
    /// Entries listed and not opened in this file.
    pub not_opened: usize,
    /// Entries kept back beyond their day.
    pub overdue: usize,
    /// What was opened.
    #[serde(skip)]
    pub opened: Vec<OpenedEntry>,
    /// What is erased or kept back.
    #[serde(skip)]
    pub noted: Vec<NotedEntry>,
    /// What to remember.
    #[serde(skip)]
    pub memory: Memory,
}

/// Why a proof proves nothing: the first step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The file is not of its form.
    Malformed,
    /// The checkpoint is another log's.
    OtherLog,
    /// The log's signature is missing or bad.
    LogSignature,
    /// A known cosigner's line is bad, or of an impossible time.
    Cosignature,
    /// Too few cosigners.
    Quorum,
    /// The cosignatures are too old.
    Stale,
    /// The head is not the last leaf.
    NotLast,
    /// The leaf is no map head for this month and place.
    Head,
    /// The head is not in the log.
    Inclusion,
    /// Entries are out of order or beyond the head.
    Order,
    /// The list is not the one in the map: something was left out, added or changed.
    Map,
    /// A row is not the entry's, or not readable.
    Row,
    /// A row is not signed by a known gate.
    Gate,
    /// A notice does not excuse its entry.
    Notice,
    /// The log or the list became shorter than it was.
    Shrunk,
}

impl FaultCode {
    /// The code as the format writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherLog => "other_log",
            Self::LogSignature => "log_signature",
            Self::Cosignature => "cosignature",
            Self::Quorum => "quorum",
            Self::Stale => "stale",
            Self::NotLast => "not_last",
            Self::Head => "head",
            Self::Inclusion => "inclusion",
            Self::Order => "order",
            Self::Map => "map",
            Self::Row => "row",
            Self::Gate => "gate",
            Self::Notice => "notice",
            Self::Shrunk => "shrunk",
        }
    }

    /// What it means, in a sentence for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Malformed => "the file is not a completeness proof",
            Self::OtherLog => "the proof is of another log than the one you trust",
            Self::LogSignature => "the log did not sign this checkpoint",
            Self::Cosignature => {
                "a witness's or auditor's signature is bad or of an impossible time"
            }
            Self::Quorum => {
                "too few witnesses and auditors vouch for this checkpoint: others may be shown another log"
            }
            Self::Stale => {
                "the witnesses last saw this log too long ago: newer entries may be hidden"
            }
            Self::NotLast => {
                "the proof does not end with the map's head: entries after it would be hidden"
            }
            Self::Head => "the map's head is not one for this month and place",
            Self::Inclusion => "the map's head is not in the log",
            Self::Order => "the entries are out of order or lie beyond the map's head",
            Self::Map => {
                "the list is not the one in the map: an entry was left out, added or changed"
            }
            Self::Row => "an entry is not what the log committed to, or cannot be opened",
            Self::Gate => "an entry is not signed by a gate that was known at its time",
            Self::Notice => {
                "an entry is said to be erased or kept back, and no notice in the log says so"
            }
            Self::Shrunk => "the log or the list is shorter than what you saw before",
        }
    }
}

/// A fault, and the entry it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("checking a completeness proof: {}{}", code.meaning(), at(*entry))]
pub struct Fault {
    /// Which step failed.
    pub code: FaultCode,
    /// Index of the entry, where one is meant.
    pub entry: Option<u64>,
}

fn at(entry: Option<u64>) -> String {
    entry.map_or_else(String::new, |index| format!(" (entry {index})"))
}

impl From<FaultCode> for Fault {
    fn from(code: FaultCode) -> Self {
        Self { code, entry: None }
    }
}

/// Checks a proof file; the first fault ends the check.
///
/// # Errors
///
/// With the code of the step that failed.
pub fn check(file: &[u8], expected: &Expectation<'_>) -> Result<Verified, Fault> {
    check_with(file, expected, &Everything(expected))
}

/// What a check may leave out because it was done before: whoever checks many proofs of one log
/// need not verify the same signatures each time.
pub trait Before {
    /// Steps 2 to 5: what [`vouched`] gives for this checkpoint and the policy.
    ///
    /// # Errors
    ///
    /// With the code of the step that failed.
    fn checkpoint(&self, signed: &SignedCheckpoint) -> Result<Option<u64>, Fault>;

    /// Whether step 13 held for the row of this commitment, which binds the signature too.
    fn knows_row(&self, commitment: &Commitment) -> bool;

    /// Step 13 holds for the row of this commitment.
    fn saw_row(&self, commitment: &Commitment);
}

/// Leaves nothing out.
struct Everything<'a>(&'a Expectation<'a>);

impl Before for Everything<'_> {
    fn checkpoint(&self, signed: &SignedCheckpoint) -> Result<Option<u64>, Fault> {
        vouched(signed, self.0)
    }

    fn knows_row(&self, _: &Commitment) -> bool {
        false
    }

    fn saw_row(&self, _: &Commitment) {}
}

/// The same check, with what was verified before.
///
/// # Errors
///
/// With the code of the step that failed.
pub fn check_with(
    file: &[u8],
    expected: &Expectation<'_>,
    before: &dyn Before,
) -> Result<Verified, Fault> {
    let proof = TlogProof::parse(file).map_err(|_| FaultCode::Malformed)?;
    let extra = proof.extra.as_deref().ok_or(FaultCode::Malformed)?;
    let content = Completeness::parse(extra).ok_or(FaultCode::Malformed)?;
    if content.period != expected.period {
        return Err(FaultCode::Head.into());
    }
    let cosigned_until = before.checkpoint(&proof.checkpoint)?;
    let checkpoint = proof.checkpoint.unverified();
    let Ok(Leaf::MapHead(head)) = Leaf::parse(&content.head) else {
        return Err(FaultCode::Head.into());
    };
    // Under `quorum none` nobody but the log says a time.
    let cosigned_until = cosigned_until.unwrap_or(head.time);
    // The log names the head's time; whoever vouches for it must have lived through it, too.
    let lived = head.time.min(cosigned_until.saturating_add(SKEW_SECS));
    let is_closed = expected.period.is_closed_at(lived);
    if !is_closed && cosigned_until.saturating_add(expected.max_age) < expected.now {
        return Err(FaultCode::Stale.into());
    }
    if proof.index.checked_add(1) != Some(checkpoint.size) {
        return Err(FaultCode::NotLast.into());
    }
    let root = head
        .root_of(expected.period)
        .filter(|_| head.covers == proof.index)
        .ok_or(FaultCode::Head)?;
    let head_leaf = hash::leaf(&content.head);
    proof
        .verify_inclusion(&head_leaf)
        .map_err(|_| FaultCode::Inclusion)?;
    let later = content
        .later
        .as_ref()
        .map(|later| later.holds(&head_leaf, proof.index, checkpoint, before))
        .transpose()?;

    let tag = expected.person.tag(expected.period);
    let mut chain = Chain::new(&tag);
    let mut last = None;
    for (index, commitment) in &content.entries {
        if *index >= head.covers || last.is_some_and(|last| last >= *index) {
            return Err(Fault {
                code: FaultCode::Order,
                entry: Some(*index),
            });
        }
        last = Some(*index);
        chain = chain.step(*index, commitment);
    }
    if root_from_path(&tag, &chain, &content.path) != *root {
        return Err(FaultCode::Map.into());
    }

    let mut verified = Verified {
        complete_until: head.time,
        closed: is_closed,
        cosigned_until,
        count: content.entries.len(),
        shown: 0,
        erased: 0,
        deferred: 0,
        withheld: 0,
        not_opened: content.entries.len() - content.rows.len(),
        overdue: 0,
        opened: Vec::new(),
        noted: Vec::new(),
        memory: Memory {
            size: checkpoint.size,
            entries: content.entries.clone(),
        },
    };
    let notices_in = [Some(checkpoint), later];
    rows(
        &content,
        notices_in,
        &tag,
        (expected, before),
        &mut verified,
    )?;
    if let Some(memory) = expected.memory {
        let begins_alike = content.entries.starts_with(&memory.entries);
        if checkpoint.size < memory.size || !begins_alike {
            return Err(FaultCode::Shrunk.into());
        }
    }
    Ok(verified)
}

/// Steps 2 to 5: the checkpoint is the log's word, and this is until when the quorum vouches.
///
/// # Errors
///
/// With the code of the step that failed.
pub fn vouched(
    signed: &SignedCheckpoint,
    expected: &Expectation<'_>,
) -> Result<Option<u64>, Fault> {
    let policy = expected.policy;
    policy.verify_log(signed).map_err(|error| match error {
        TrustError::OtherLog { .. } | TrustError::UnknownLog { .. } => FaultCode::OtherLog,
        TrustError::Signature(_) => FaultCode::LogSignature,
    })?;
    let cosignatures = policy
        .cosignatures(signed)
        .map_err(|_| FaultCode::Cosignature)?;
    let latest = expected.now.saturating_add(SKEW_SECS);
    if cosignatures.iter().any(|line| line.time > latest) {
        return Err(FaultCode::Cosignature.into());
    }
    if !policy.check(&cosignatures) {
        return Err(FaultCode::Quorum.into());
    }
    Ok(policy.cosigned_until(&cosignatures))
}

impl Later {
    /// Steps 9a to 9c: the checkpoint is signed and larger, and holds the same head.
    fn holds<'a>(
        &'a self,
        head: &hash::Hash,
        index: u64,
        first: &Checkpoint,
        before: &dyn Before,
    ) -> Result<&'a Checkpoint, Fault> {
        before.checkpoint(&self.checkpoint)?;
        let checkpoint = self.checkpoint.unverified();
        let Checkpoint { size, root, .. } = checkpoint;
        let holds = verify_inclusion(head, index, *size, &self.path, root).is_ok();
        match holds && *size > first.size {
            true => Ok(checkpoint),
            false => Err(FaultCode::Inclusion.into()),
        }
    }
}

/// Steps 12 and 13.
fn rows(
    content: &Completeness,
    notices_in: [Option<&Checkpoint>; 2],
    tag: &Tag,
    (expected, before): (&Expectation<'_>, &dyn Before),
    verified: &mut Verified,
) -> Result<(), Fault> {
    for (position, row) in &content.rows {
        let place = usize::try_from(*position).ok();
        let listed = place.and_then(|at| content.entries.get(at));
        let (index, commitment) = *listed.ok_or(FaultCode::Malformed)?;
        let fault = |code| Fault {
            code,
            entry: Some(index),
        };
        match row {
            RowProof::Shown(shown) => {
                let payload = shown
                    .open(&commitment, tag, expected, before)
                    .map_err(fault)?;
                verified.shown += 1;
                verified.opened.push(OpenedEntry {
                    index,
                    shown: shown.clone(),
                    payload,
                });
            }
            RowProof::Erased(notice) => {
                let excuses = matches!(&notice.leaf, Leaf::Erasure(erasure)
                    if erasure.degree == ErasureDegree::Row
                        && (erasure.first..=erasure.last).contains(&index));
                if !excuses || !notice.is_in(notices_in) {
                    return Err(fault(FaultCode::Notice));
                }
                verified.erased += 1;
                verified.noted.push(NotedEntry {
                    index,
                    notice: notice.index,
                    why: Noted::Erased,
                });
            }
            RowProof::KeptBack {
                notice,
                salt,
                ground,
            } => {
                let kept = match &notice.leaf {
                    Leaf::KeepingBack(kept) if kept.index == index => kept,
                    _ => return Err(fault(FaultCode::Notice)),
                };
                let opens = Commitment::of(salt, ground.as_bytes()) == kept.ground;
                if !opens || !notice.is_in(notices_in) {
                    return Err(fault(FaultCode::Notice));
                }
                match kept.kind {
                    KeepingKind::Deferred => verified.deferred += 1,
                    KeepingKind::Withheld => verified.withheld += 1,
                }
                verified.noted.push(NotedEntry {
                    index,
                    notice: notice.index,
                    why: Noted::KeptBack {
                        kind: kept.kind,
                        until: kept.until,
                        ground: ground.clone(),
                    },
                });
                verified.overdue += usize::from(kept.until != 0 && kept.until < expected.now);
            }
        }
    }
    Ok(())
}

impl ShownRow {
    fn open(
        &self,
        commitment: &Commitment,
        tag: &Tag,
        expected: &Expectation<'_>,
        before: &dyn Before,
    ) -> Result<Payload, FaultCode> {
        let plain = payload::open(expected.person.payload_key(), &self.nonce, &self.ciphertext)
            .map_err(|_: PayloadError| FaultCode::Row)?;
        let record = Record {
            facts: Facts {
                kind: self.kind,
                period: expected.period,
                tag: *tag,
                time_ms: self.time_ms,
                gate: self.gate,
                decision: self.decision,
                purpose: self.purpose,
                payload: payload::commit(&self.blind, &plain),
            },
            signature: self.signature,
        };
        if Commitment::of(&self.salt, &record.to_bytes()) != *commitment {
            return Err(FaultCode::Row);
        }
        let payload = Payload::from_plaintext(&plain).map_err(|_| FaultCode::Row)?;
        let gate = expected
            .anchor
            .gate(self.gate, self.time_ms)
            .ok_or(FaultCode::Gate)?;
        if !before.knows_row(commitment) {
            gate.verify(&record).map_err(|_| FaultCode::Gate)?;
            before.saw_row(commitment);
        }
        Ok(payload)
    }
}

impl NoticeProof {
    /// Whether it stands in the first of these trees that is large enough.
    fn is_in(&self, checkpoints: [Option<&Checkpoint>; 2]) -> bool {
        let mut checkpoints = checkpoints.into_iter().flatten();
        let leaf = self.leaf.hash();
        checkpoints
            .find(|checkpoint| self.index < checkpoint.size)
            .is_some_and(|Checkpoint { size, root, .. }| {
                verify_inclusion(&leaf, self.index, *size, &self.path, root).is_ok()
            })
    }
}
