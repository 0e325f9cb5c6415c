//! The two commands, for a program to wire up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kepil_ledger::note::{KeyError, KeyName, VerifyingKey};
use kepil_ledger::policy::PolicyError;
use kepil_witness::Clock;
use tokio::net::TcpListener;

use crate::auditor::{Auditor, AuditorError};
use crate::follower::{FollowError, Follower, Settings};
use crate::http::serve;
use crate::report::Report;
use crate::source::Place;

/// Longest file of settings that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What `ledger audit` is told.
#[derive(Debug, Clone)]
pub struct AuditArgs {
    /// Address of the node, or folder.
    pub place: String,
    /// The auditor's own folder.
    pub state: PathBuf,
    /// The log's public key (vkey).
    pub key: Option<String>,
    /// File of the policy.
    pub policy: Option<PathBuf>,
    /// Witnesses to compare with.
    pub witnesses: Vec<String>,
    /// A second address or folder of the same log.
    pub mirror: Option<String>,
    /// File with the token for records.
    pub token_file: Option<PathBuf>,
    /// A folder holds its records beside the log: replay them without a token.
    pub with_records: bool,
    /// Another auditor's saved replay, for a new folder.
    pub snapshot: Option<PathBuf>,
    /// Greatest age of the newest checkpoint, in seconds.
    pub max_age: u64,
    /// Time one call may take, in seconds.
    pub timeout_secs: u64,
}

/// What `auditor serve` is told.
#[derive(Debug, Clone)]
pub struct ServeArgs {
    /// The auditor's own folder.
    pub dir: PathBuf,
    /// The auditor's name, best a web address without scheme.
    pub name: String,
    /// Address of the node, or folder.
    pub place: String,
    /// The log's public key (vkey).
    pub key: Option<String>,
    /// File of the policy.
    pub policy: Option<PathBuf>,
    /// Witnesses to compare with.
    pub witnesses: Vec<String>,
    /// A second address or folder of the same log.
    pub mirror: Option<String>,
    /// File with the token for records.
    pub token_file: Option<PathBuf>,
    /// Seconds between two rounds of following.
    pub every_secs: u64,
    /// Greatest age of the newest checkpoint, in seconds.
    pub max_age: u64,
    /// Time one call may take, in seconds.
    pub timeout_secs: u64,
}

/// Why a command came to no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log's key, or the auditor's name.
    #[error("reading what was given")]
    Key(#[from] KeyError),
    /// The policy.
    #[error("reading the policy `{}`", path.display())]
    Policy {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: PolicyError,
    },
    /// A file that was named cannot be read.
    #[error("reading `{}`", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The auditor's own folder.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The auditor's folder or keys.
    #[error(transparent)]
    Auditor(#[from] AuditorError),
    /// The server.
    #[error("serving the auditor")]
    Serve(#[source] io::Error),
}

impl RunError {
    /// True when what was given cannot be used, false when the environment failed.
    #[must_use]
    pub const fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Key(_) | Self::Policy { .. } | Self::Auditor(AuditorError::NoLogKey)
        )
    }
}

/// Audits a log once; `now` is the present in Unix seconds.
///
/// # Errors
///
/// When what was given cannot be used, or the auditor's own folder fails.
pub fn run_audit(args: &AuditArgs, now: u64) -> Result<Report, RunError> {
    let timeout = Duration::from_secs(args.timeout_secs);
    let token = token(args.token_file.as_deref())?;
    let settings = settings(args.key.as_deref(), args.policy.as_deref())?;
    let settings = Settings {
        witnesses: args.witnesses.clone(),
        with_records: token.is_some() || args.with_records,
        max_age: args.max_age,
        timeout,
        ..settings
    };
    let snapshot = match &args.snapshot {
        None => None,
        Some(path) => Some(fs::read(path).map_err(|source| RunError::File {
            path: path.clone(),
            source,
        })?),
    };
    let source = Place::new(&args.place, token, timeout);
    let mut follower = Follower::open_from(&args.state, source, settings, snapshot.as_deref())?;
    if let Some(mirror) = &args.mirror {
        follower.set_mirror(Place::new(mirror, None, timeout));
    }
    Ok(follower.run(now)?)
}

/// Opens an auditor that cosigns, for [`serve`].
///
/// # Errors
///
/// When what was given cannot be used, or the auditor's own folder fails.
pub fn open_auditor(args: &ServeArgs) -> Result<Auditor<Place>, RunError> {
    let timeout = Duration::from_secs(args.timeout_secs);
    let token = token(args.token_file.as_deref())?;
    let settings = settings(args.key.as_deref(), args.policy.as_deref())?;
    let settings = Settings {
        witnesses: args.witnesses.clone(),
        max_age: args.max_age,
        timeout,
        ..settings
    };
    let source = Place::new(&args.place, token, timeout);
    let auditor = Auditor::open(&args.dir, &KeyName::new(&args.name)?, source, settings)?;
    if let Some(mirror) = &args.mirror {
        auditor.set_mirror(Place::new(mirror, None, timeout));
    }
    Ok(auditor)
}

/// Serves an auditor that cosigns, until `shutdown` is ready.
///
/// # Errors
///
/// When what was given cannot be used, the auditor's own folder fails, or the listener does.
pub async fn run_serve(
    args: &ServeArgs,
    listener: TcpListener,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let auditor = Arc::new(open_auditor(args)?);
    let every = Duration::from_secs(args.every_secs.max(1));
    serve(listener, auditor, clock, every, shutdown)
        .await
        .map_err(RunError::Serve)
}

fn settings(key: Option<&str>, policy: Option<&Path>) -> Result<Settings, RunError> {
    let settings = Settings {
        key: key.map(VerifyingKey::parse).transpose()?,
        ..Settings::default()
    };
    let Some(path) = policy else {
        return Ok(settings);
    };
    let bytes = small_file(path)?;
    settings
        .with_policy(&bytes)
        .map_err(|source| RunError::Policy {
            path: path.to_owned(),
            source,
        })
}

fn token(path: Option<&Path>) -> Result<Option<String>, RunError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let bytes = small_file(path)?;
    let text = String::from_utf8(bytes).map_err(|_| RunError::File {
        path: path.to_owned(),
        source: io::ErrorKind::InvalidData.into(),
    })?;
    Ok(Some(text.trim().to_owned()))
}

fn small_file(path: &Path) -> Result<Vec<u8>, RunError> {
    let read = || {
        if fs::metadata(path)?.len() > MAX_FILE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        fs::read(path)
    };
    read().map_err(|source| RunError::File {
        path: path.to_owned(),
        source,
    })
}
