//! An auditor that cosigns: a checkpoint is cosigned once its entries were replayed and held.

use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};

use kepil_ledger::audit::STATEMENT;
use kepil_ledger::checkpoint::{SignedCheckpoint, TrustError};
use kepil_ledger::cosignature::CosignerKey;
use kepil_ledger::note::{KeyName, Signature, VerifyingKey};
use kepil_ledger::witness::{AddCheckpoint, Refusal};
use kepil_witness::{AddError, OpenError, Witness};

use crate::follower::{FollowError, Follower, Settings};
use crate::report::{Finding, Kind, LogFault, Report};
use crate::source::{Log, Place};

/// Folder of the auditor's keys and of what it cosigned, within its own.
const COSIGNER: &str = "cosigner";

/// Entries that are replayed while the log waits for its answer.
const MAX_AT_ONCE: u64 = 1 << 14;

/// Objections that a refusal names.
const MAX_NAMED: usize = 3;

/// An auditor of one log, with keys of its own.
#[derive(Debug)]
pub struct Auditor<S> {
    follower: Mutex<Follower<S>>,
    witness: Witness,
    log_keys: Vec<VerifyingKey>,
}

/// Why an auditor could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuditorError {
    /// The folder of what it follows.
    #[error("opening the auditor")]
    Follow(#[from] FollowError),
    /// The folder of its keys.
    #[error("opening the auditor's keys")]
    Keys(#[from] OpenError),
    /// It needs a key of the log that is not the log's own word.
    #[error("opening the auditor: give it the log's public key")]
    NoLogKey,
}

/// Why an auditor did not cosign.
#[derive(Debug, thiserror::Error)]
pub enum CosignRefusal {
    /// The replay has not come so far.
    #[error("the auditor has replayed {replayed} entries, not yet {size}: ask again")]
    Lags {
        /// Entries replayed.
        replayed: u64,
        /// Size asked for.
        size: u64,
    },
    /// The replay contradicts the statement.
    #[error("the auditor does not cosign: {reason}")]
    Objects {
        /// The first objections, in words.
        reason: String,
    },
    /// The rules of every witness refuse it, or it could not be kept.
    #[error(transparent)]
    Witness(#[from] AddError),
    /// The auditor's own folder fails.
    #[error("the auditor cannot follow the log")]
    Follow(#[from] FollowError),
    /// A thread ended badly while it followed the log.
    #[error("the auditor does not know any more how far it followed: start it again")]
    Poisoned,
}

impl<S: Log> Auditor<S> {
    /// Opens an auditor in a folder; makes folder and keys at the first start.
    ///
    /// Its keys are its own: they must serve no witness, for they state more.
    ///
    /// # Errors
    ///
    /// When another process has the folder, or its files are damaged or of another name.
    pub fn open(
        path: &Path,
        name: &KeyName,
        source: S,
        settings: Settings,
    ) -> Result<Self, AuditorError> {
        let settings = Settings {
            with_records: true,
            ..settings
        };
        let mut log_keys: Vec<VerifyingKey> = settings.key.iter().cloned().collect();
        if let Some((policy, _)) = &settings.policy {
            log_keys.extend(policy.logs().iter().map(|log| log.key.clone()));
        }
        if log_keys.is_empty() {
            return Err(AuditorError::NoLogKey);
        }
        let follower = Follower::open(path, source, settings)?;
        Ok(Self {
            follower: Mutex::new(follower),
            witness: Witness::open(&path.join(COSIGNER), name, log_keys.clone())?,
            log_keys,
        })
    }

    /// The public keys: Ed25519, then ML-DSA-44. Both sign every checkpoint.
    #[must_use]
    pub fn keys(&self) -> [&CosignerKey; 2] {
        self.witness.keys()
    }

    /// The latest checkpoint cosigned of a log.
    #[must_use]
    pub fn latest(&self, origin: &KeyName) -> Option<SignedCheckpoint> {
        self.witness.latest(origin)
    }

    /// The names of the logs it audits, which are the origins of their checkpoints.
    pub fn origins(&self) -> impl Iterator<Item = &KeyName> {
        self.log_keys.iter().map(VerifyingKey::name)
    }

    /// What the auditor states by a cosignature, with its log and keys.
    #[must_use]
    pub fn statement(&self) -> String {
        let mut text = "kepil-auditor-statement/v1\n".to_owned();
        let mut origins: Vec<&str> = self.origins().map(KeyName::as_str).collect();
        origins.dedup();
        for origin in origins {
            text.push_str(&format!("log {origin}\n"));
        }
        for key in self.keys() {
            text.push_str(&format!("key {key}\n"));
        }
        format!("{text}\n{STATEMENT}")
    }

    /// Compares with a second address of the same log in every round.
    pub fn set_mirror(&self, mirror: Place) {
        let follower = self.follower.lock();
        follower
            .unwrap_or_else(PoisonError::into_inner)
            .set_mirror(mirror);
    }

    /// Follows the log by one round; `now` is the present in Unix seconds.
    ///
    /// # Errors
    ///
    /// When the auditor's own folder fails.
    pub fn round(&self, now: u64) -> Result<Report, CosignRefusal> {
        let mut follower = self.follower.lock().map_err(|_| CosignRefusal::Poisoned)?;
        Ok(follower.run(now)?)
    }

    /// Cosigns a checkpoint whose entries were replayed and held, as of a time in Unix seconds.
    ///
    /// A small rest is replayed at once; the log need not have published the checkpoint yet,
    /// but its tiles and records must be readable.
    ///
    /// # Errors
    ///
    /// When the replay lags or objects, a witness would refuse, or a folder fails.
    pub fn add_checkpoint(
        &self,
        request: &AddCheckpoint,
        now: u64,
    ) -> Result<Vec<Signature>, CosignRefusal> {
        let signed = &request.checkpoint;
        signed
            .verify_any(&self.log_keys)
            .map_err(|error| match error {
                TrustError::Signature(error) => Refusal::Untrusted(error),
                error => Refusal::UnknownLog(error),
            })
            .map_err(AddError::Refused)?;
        let checkpoint = signed.unverified();
        let size = checkpoint.size;
        {
            let mut follower = match self.follower.try_lock() {
                Ok(follower) => follower,
                Err(TryLockError::Poisoned(_)) => return Err(CosignRefusal::Poisoned),
                // It is reading: the log asks again.
                Err(TryLockError::WouldBlock) => {
                    return Err(CosignRefusal::Lags { replayed: 0, size });
                }
            };
            let replayed = follower.replay().size();
            let rest = size.saturating_sub(replayed);
            let found = if (1..=MAX_AT_ONCE).contains(&rest) {
                follower.follow(signed, now)?
            } else {
                Vec::new()
            };
            let mut objections = follower.objections()?;
            // What is not there yet may come.
            let is_missing = |finding: &Finding| finding.kind == Kind::Log(LogFault::Missing);
            objections.extend(found.into_iter().filter(|finding| !is_missing(finding)));
            let replayed = follower.replay().size();
            if !follower.holds_at(size, &checkpoint.root) {
                if size > replayed && objections.is_empty() {
                    return Err(CosignRefusal::Lags { replayed, size });
                }
                return Err(objects(&objections, &follower));
            }
            if objections.iter().any(|finding| finding.evidence.is_some()) {
                return Err(objects(&objections, &follower));
            }
        }
        Ok(self.witness.add_checkpoint(request, now)?)
    }
}

fn objects<S: Log>(objections: &[Finding], follower: &Follower<S>) -> CosignRefusal {
    let mut named: Vec<String> = objections
        .iter()
        .take(MAX_NAMED)
        // Where the evidence lies is the auditor's own business.
        .map(|finding| {
            Finding {
                evidence: None,
                ..finding.clone()
            }
            .to_string()
        })
        .collect();
    if objections.len() > MAX_NAMED {
        named.push(format!("and {} more", objections.len() - MAX_NAMED));
    }
    let blind = follower.replay().blind_months();
    if named.is_empty() && !blind.is_empty() {
        let months: Vec<String> = blind.iter().map(ToString::to_string).collect();
        named.push(format!(
            "rows of {} were erased before it could read them, so it cannot replay the map until \
             no head lists that month",
            months.join(", ")
        ));
    }
    if named.is_empty() {
        named.push("the tree is not the one that it has replayed".to_owned());
    }
    CosignRefusal::Objects {
        reason: named.join("; "),
    }
}
