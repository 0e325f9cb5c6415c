//! The log's change of key: announced in the log, signed with both keys for a while, then with the
//! new one alone.
//!
//! ```text
//! DIR/log.key        signs checkpoints and receipts
//! DIR/log.key.next   once announced: signs checkpoints too, from the day that was announced
//! ```

use crate::config::Config;
use crate::endorse::own_policy;
use crate::ledger::{Ledger, key_file};
use crate::serve::ServeError;
use kepil_chronicle::ChronicleError;
use kepil_ledger::anchor::{Anchor, policy_hash};
use kepil_ledger::checkpoint;
use kepil_ledger::error::in_one_line;
use kepil_ledger::note::{KeyName, Signer, VerifyingKey};
use std::path::{Path, PathBuf};

/// The key that will sign alone one day.
#[derive(Debug)]
pub struct NextKey {
    /// From this moment on it signs beside the present one; Unix seconds.
    pub from: u64,
    /// The key.
    pub signer: Signer,
}

/// Why a change of key does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Another one is under way.
    #[error(
        "the log is changing over to another key already; `kepil operator retire-log-key` ends that"
    )]
    UnderWay,
    /// There is none to end.
    #[error("no new key of the log is announced; `kepil operator new-log-key` announces one")]
    NotAnnounced,
    /// Nobody could have learned of it.
    #[error("the new key signs from a moment in the past; announce one to come")]
    Past,
    /// The overlap has not begun.
    #[error(
        "the new key signs from {from} on (Unix seconds); until then nobody can know its signatures"
    )]
    TooEarly {
        /// Unix seconds.
        from: u64,
    },
    /// The operator's policy would not believe it.
    #[error(
        "the policy this node was started with does not name the new key, so nothing could be published under it alone: add the line `log {key}` to {file}, and start the node anew"
    )]
    NotInPolicy {
        /// The key.
        key: String,
        /// The policy.
        file: String,
    },
    /// No checkpoint shows the new key yet.
    #[error(
        "the last published checkpoint does not carry the new key's signature yet; a quiet log publishes one every ten minutes"
    )]
    NotShown,
    /// The announcement could not be recorded.
    #[error(transparent)]
    Chronicle(#[from] ChronicleError),
    /// A file failed.
    #[error("{0}")]
    File(String),
}

/// Where the next key lies.
fn next_path(config: &Config) -> PathBuf {
    config.data_dir.join("log.key.next")
}

/// The key that lies ready to be the next one, announced or not.
///
/// # Errors
/// When the file is broken.
pub fn waiting(config: &Config, origin: &KeyName) -> Result<Option<Signer>, ServeError> {
    let path = next_path(config);
    if !path.exists() {
        return Ok(None);
    }
    let key = key_file(&path)?;
    Ok(Some(Signer::from_seed(origin.clone(), key.seed())))
}

/// The next key, if a file holds it and the log announces it.
///
/// # Errors
/// When the file is broken.
pub fn announced(
    config: &Config,
    origin: &KeyName,
    anchor: &Anchor,
) -> Result<Option<NextKey>, ServeError> {
    let Some(signer) = waiting(config, origin)? else {
        return Ok(None);
    };
    let mut named = anchor.next_log_keys.iter();
    let named = named.find(|(_, key)| key == signer.verifying_key());
    Ok(named.map(|(from, _)| NextKey {
        from: *from,
        signer,
    }))
}

/// The policy with a further key, for a node that has none of its own.
fn policy_with(ledger: &Ledger, config: &Config, next: &VerifyingKey) -> Option<String> {
    if config.ledger.policy.is_some() {
        return None;
    }
    let witness = ledger.quorum.own_witness()?;
    let own = ledger.chronicle.log_key()?;
    Some(own_policy(&[&own, next], witness))
}

/// Announces a new key of the log in the log itself; gives it.
///
/// # Errors
/// When another one is announced already, the moment is past, or something cannot be written.
pub fn announce(
    ledger: &Ledger,
    config: &Config,
    from: u64,
    now: u64,
) -> Result<VerifyingKey, RotationError> {
    let file = |e: ServeError| RotationError::File(e.to_string());
    if ledger.quorum.next_key().is_some() {
        return Err(RotationError::UnderWay);
    }
    if from < now {
        return Err(RotationError::Past);
    }
    let Some(origin) = ledger.chronicle.log_key().map(|key| key.name().clone()) else {
        return Err(RotationError::File("the log is closed".into()));
    };
    // A key that lies there without an announcement is what a crash left: it is announced now.
    let key = key_file(&next_path(config)).map_err(file)?;
    let signer = Signer::from_seed(origin, key.seed());
    let key = signer.verifying_key().clone();
    let mut anchor = ledger
        .chronicle
        .notices()
        .anchor()
        .cloned()
        .unwrap_or_default();
    // The list keeps the keys there were, for whoever reads what was signed then.
    if anchor.next_log_keys.is_empty() {
        let own = ledger.chronicle.log_key();
        anchor.next_log_keys.extend(own.map(|own| (0, own)));
    }
    anchor.next_log_keys.push((from, key.clone()));
    let policy = policy_with(ledger, config, &key);
    if let Some(policy) = &policy {
        anchor.policy = Some(policy_hash(policy.as_bytes()));
    }
    ledger.chronicle.anchor(&anchor)?;
    ledger.quorum.set_next_key(NextKey { from, signer });
    let write = |name: &str, text: &str| replace(&ledger.chronicle.public().join(name), text);
    write("anchor", &anchor.to_string())?;
    if let Some(policy) = &policy {
        write("policy", policy)?;
    }
    Ok(key)
}

/// Ends the overlap: from the next start on the new key signs alone.
///
/// # Errors
/// When nothing is announced, the overlap has not begun, or no checkpoint shows the new key.
pub fn retire(ledger: &Ledger, config: &Config, now: u64) -> Result<VerifyingKey, RotationError> {
    let next = ledger
        .quorum
        .next_key()
        .ok_or(RotationError::NotAnnounced)?;
    if now < next.from {
        return Err(RotationError::TooEarly { from: next.from });
    }
    let key = next.signer.verifying_key();
    if let Some(file) = &config.ledger.policy
        && !ledger.quorum.believes(key)
    {
        return Err(RotationError::NotInPolicy {
            key: key.to_string(),
            file: file.display().to_string(),
        });
    }
    let shown = ledger.chronicle.head().and_then(|head| head.checkpoint);
    let shown = shown.and_then(|text| checkpoint::parse(text.as_bytes()).ok());
    if shown.is_none_or(|signed| signed.verify(key).is_err()) {
        return Err(RotationError::NotShown);
    }
    let path = next_path(config);
    if !path.exists() {
        // Retired already; the node only has not been started anew.
        return Ok(key.clone());
    }
    let own = config.data_dir.join("log.key");
    std::fs::rename(&path, &own)
        .and_then(|()| std::fs::File::open(&config.data_dir)?.sync_all())
        .map_err(|e| RotationError::File(format!("putting {} in place: {e}", own.display())))?;
    Ok(key.clone())
}

/// Puts a text in a file's place at once.
fn replace(path: &Path, text: &str) -> Result<(), RotationError> {
    let failed =
        |e: std::io::Error| RotationError::File(format!("writing {}: {e}", path.display()));
    let beside = path.with_extension("writing");
    std::fs::write(&beside, text).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

impl From<RotationError> for crate::problem::Problem {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::Chronicle(_) | RotationError::File(_) => {
                tracing::error!(error = %in_one_line(&error), "changing the log's key");
                Self::internal("this could not be done; see the log of the node")
            }
            error => Self::bad_request(error.to_string()),
        }
    }
}
