//! The witness itself.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kepil_ledger::checkpoint::{self, CheckpointError, SignedCheckpoint, TrustError};
use kepil_ledger::cosignature::{CosignError, CosignatureError, Cosigner, CosignerKey};
use kepil_ledger::note::{KeyName, MAX_NOTE_BYTES, NoteError, Signature, VerifyingKey};
use kepil_ledger::witness::{AddCheckpoint, Refusal, TreeHead, decide, origin_hash};

use crate::folder::{Folder, ReplaceError, TakeError};
use crate::keys::{self, KeysError};

/// Cosigns the checkpoints of the logs it was told about.
///
/// Requests may come from many threads. Those for one log wait for each other: that
/// makes checking, keeping and answering one step, as the specification demands.
#[derive(Debug)]
pub struct Witness {
    cosigners: [Cosigner; 2],
    folder: Folder,
    /// By origin hash.
    logs: BTreeMap<String, Log>,
}

#[derive(Debug)]
struct Log {
    keys: Vec<VerifyingKey>,
    latest: Mutex<Latest>,
}

/// What the witness cosigned last of a log.
#[derive(Debug)]
enum Latest {
    /// As it stands durably in its file; `None` where there is none yet.
    Known(Option<SignedCheckpoint>),
    /// A write failed half way: only reading the file again can tell.
    Unknown,
}

/// Why a witness could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or locked.
    #[error("opening the witness in `{}`", path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Another process, or another value in this one, has it open.
    #[error("opening the witness in `{}`: another process has it open", path.display())]
    InUse {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The keys cannot be had.
    #[error("opening the witness in `{}`", path.display())]
    Keys {
        /// Path of the folder.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: KeysError,
    },
    /// The file of a log is not what this witness wrote.
    #[error("opening the witness: what it knows of a log, `{}`, cannot be used", path.display())]
    State {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: StateError,
    },
}

/// Why the file of a log is not what the witness wrote.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read.
    #[error("reading the file")]
    Read(#[from] io::Error),
    /// It is not a checkpoint, as when the file was cut.
    #[error("the file is damaged")]
    Malformed(#[from] CheckpointError),
    /// It is of another log.
    #[error("it is a checkpoint of `{found}`")]
    OtherLog {
        /// Origin found.
        found: KeyName,
    },
    /// One of the witness's own cosignatures is missing: cut, or by other keys or another name.
    #[error("it is not cosigned by this witness, `{name}`")]
    NotCosigned {
        /// Name of the witness.
        name: KeyName,
    },
    /// One of the witness's own cosignatures is bad.
    #[error("it was changed")]
    Changed(#[from] CosignatureError),
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The witness refuses.
    #[error("the witness does not cosign")]
    Refused(#[from] Refusal),
    /// No signature could be made.
    #[error("the witness cannot cosign")]
    Cosign(#[from] CosignError),
    /// The checkpoint has too many or too long signature lines to be kept.
    #[error("the witness cannot keep the checkpoint")]
    Note(#[from] NoteError),
    /// The checkpoint could not be made durable; nothing was cosigned.
    #[error("the witness cannot keep the checkpoint: writing `{}`", path.display())]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// An earlier write failed half way: the witness must be opened again.
    #[error("the witness does not know any more what it kept of this log: open it again")]
    Unknown,
}

impl Witness {
    /// Opens a witness in a folder; makes folder and keys at the first start.
    ///
    /// Several keys may be of one log, as while its key changes over. What is known of
    /// logs that are not named stays as it is.
    ///
    /// # Errors
    ///
    /// When another process has it open, keys or files are missing or damaged, or were
    /// made under another name.
    pub fn open(
        path: &Path,
        name: &KeyName,
        log_keys: Vec<VerifyingKey>,
    ) -> Result<Self, OpenError> {
        let to_path = || path.to_owned();
        let folder = Folder::take(path).map_err(|error| match error {
            TakeError::InUse => OpenError::InUse { path: to_path() },
            TakeError::Io(source) => OpenError::Folder {
                path: to_path(),
                source,
            },
        })?;
        let cosigners = keys::load_or_make(&folder, name).map_err(|source| OpenError::Keys {
            path: to_path(),
            source,
        })?;
        let mut witness = Self {
            cosigners,
            folder,
            logs: BTreeMap::new(),
        };
        for key in log_keys {
            let hash = origin_hash(key.name()).to_string();
            if let Some(log) = witness.logs.get_mut(&hash) {
                log.keys.push(key);
                continue;
            }
            let latest = witness
                .read(&hash, key.name())
                .map_err(|source| OpenError::State {
                    path: witness.folder.path_of(&file_of(&hash)),
                    source,
                })?;
            let log = Log {
                keys: vec![key],
                latest: Mutex::new(Latest::Known(latest)),
            };
            witness.logs.insert(hash, log);
        }
        Ok(witness)
    }

    /// The public keys: Ed25519, then ML-DSA-44. Both sign every checkpoint.
    #[must_use]
    pub fn keys(&self) -> [&CosignerKey; 2] {
        self.cosigners.each_ref().map(Cosigner::key)
    }

    /// Cosigns a checkpoint that continues the log, as of a time in Unix seconds.
    ///
    /// The checkpoint and its cosignatures are durable before they are given.
    ///
    /// # Errors
    ///
    /// When the witness refuses, cannot sign, or cannot keep the checkpoint; then no
    /// cosignature has left.
    pub fn add_checkpoint(
        &self,
        request: &AddCheckpoint,
        time: u64,
    ) -> Result<Vec<Signature>, AddError> {
        let checkpoint = request.checkpoint.unverified();
        let hash = origin_hash(&checkpoint.origin).to_string();
        let log = self.logs.get(&hash).ok_or_else(|| {
            Refusal::UnknownLog(TrustError::UnknownLog {
                found: checkpoint.origin.clone(),
            })
        })?;

        // INVARIANT: held until the answer is durable, so nobody else decides in between.
        let mut latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match &*latest {
            Latest::Known(Some(signed)) => TreeHead::of(signed),
            Latest::Known(None) => TreeHead::empty(),
            Latest::Unknown => return Err(AddError::Unknown),
        };
        decide(request, &log.keys, known)?;

        let mut signed = request.checkpoint.clone();
        signed.retain(|line| log.keys.iter().any(|key| line.is_by(key)));
        let mut cosignatures = Vec::new();
        for cosigner in &self.cosigners {
            let line = cosigner.sign(checkpoint, time)?;
            signed.append(line.clone())?;
            cosignatures.push(line);
        }

        // Until the file says so, the new checkpoint is neither known nor unknown.
        let previous = mem::replace(&mut *latest, Latest::Unknown);
        let name = file_of(&hash);
        let replaced = self
            .folder
            .replace(&name, signed.to_string().as_bytes(), 0o644);
        let path = || self.folder.path_of(&name);
        match replaced {
            Ok(()) => {
                *latest = Latest::Known(Some(signed));
                Ok(cosignatures)
            }
            Err(ReplaceError::Unchanged(source)) => {
                *latest = previous;
                Err(AddError::Write {
                    path: path(),
                    source,
                })
            }
            Err(ReplaceError::Unknown(source)) => Err(AddError::Write {
                path: path(),
                source,
            }),
        }
    }

    /// The latest checkpoint cosigned of a log, with the signatures of log and witness.
    ///
    /// `None` where none has been cosigned yet, or the log is not witnessed here.
    #[must_use]
    pub fn latest(&self, origin: &KeyName) -> Option<SignedCheckpoint> {
        self.latest_by_hash(&origin_hash(origin).to_string())
    }

    pub(crate) fn latest_by_hash(&self, hash: &str) -> Option<SignedCheckpoint> {
        let latest = self.logs.get(hash)?.latest.lock();
        match &*latest.unwrap_or_else(PoisonError::into_inner) {
            Latest::Known(signed) => signed.clone(),
            Latest::Unknown => None,
        }
    }

    /// Reads what the witness wrote; its own cosignatures tell whether it did.
    fn read(&self, hash: &str, origin: &KeyName) -> Result<Option<SignedCheckpoint>, StateError> {
        let Some(bytes) = self.folder.read(&file_of(hash), MAX_NOTE_BYTES)? else {
            return Ok(None);
        };
        let signed = checkpoint::parse(&bytes)?;
        let found = &signed.unverified().origin;
        if found != origin {
            return Err(StateError::OtherLog {
                found: found.clone(),
            });
        }
        for key in self.keys() {
            if signed.cosignatures([key])?.is_empty() {
                return Err(StateError::NotCosigned {
                    name: key.name().clone(),
                });
            }
        }
        Ok(Some(signed))
    }
}

fn file_of(hash: &str) -> String {
    format!("{hash}.checkpoint")
}
