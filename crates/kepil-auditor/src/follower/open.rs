//! The follower's folder: opening it, and saving what it holds.

use std::io;
use std::path::{Path, PathBuf};

use kepil_ledger::audit::{Replay, StateError};
use kepil_ledger::hash::Hash;
use kepil_ledger::note::VerifyingKey;
use kepil_witness::{Folder, ReplaceError, TakeError};

use super::round::Round;
use super::{Follower, Settings};
use crate::hashes::{Hashes, HashesError};
use crate::seen::Seen;
use crate::source::{KEY_PATH, Log};

const KEY: &str = "key";
const VERIFIED: &str = "verified";
const REPLAY: &str = "replay";

/// Why the auditor's own folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It cannot be made or locked.
    #[error("opening the auditor's folder `{}`", path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: TakeError,
    },
    /// A file of it cannot be read or written.
    #[error("keeping the auditor's file `{file}`")]
    File {
        /// Name of the file.
        file: &'static str,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The saved replay cannot be used.
    #[error("taking up the saved replay")]
    State(#[from] StateError),
    /// Its files do not belong together.
    #[error("opening the auditor's folder: `{file}` is damaged or of another log")]
    Damaged {
        /// Name of the file.
        file: &'static str,
    },
    /// The folder replays records; that cannot go on without them.
    #[error("following with `{}`: it replays records, so give the token", path.display())]
    NeedsRecords {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The entries of the log do not lead to the snapshot that the replay began with.
    #[error("following the log: the snapshot is not of this log, or of another history of it")]
    OtherLog,
    /// A snapshot can only be taken into a new folder.
    #[error("taking a snapshot into `{}`: the folder is in use already", path.display())]
    InUse {
        /// Path of the folder.
        path: PathBuf,
    },
}

impl FollowError {
    pub(super) fn reading(file: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { file, source }
    }

    pub(super) fn replacing(file: &'static str) -> impl FnOnce(ReplaceError) -> Self {
        move |error| {
            let (ReplaceError::Unchanged(source) | ReplaceError::Unknown(source)) = error;
            Self::File { file, source }
        }
    }

    pub(super) fn of_tree(error: HashesError) -> Self {
        match error {
            HashesError::Io(source) => Self::File {
                file: "tree-0",
                source,
            },
            HashesError::Proof(_) => Self::Damaged { file: "tree-0" },
        }
    }
}

impl<S: Log> Follower<S> {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    ///
    /// When another process has it, or its files are damaged or do not fit the settings.
    pub fn open(path: &Path, source: S, settings: Settings) -> Result<Self, FollowError> {
        Self::open_from(path, source, settings, None)
    }

    /// Opens a new folder with the state of another auditor's replay ([`Replay::to_bytes`]).
    ///
    /// That the log's entries lead to it is checked in the first round.
    ///
    /// # Errors
    ///
    /// As [`Follower::open`], and when the folder is not new or the snapshot cannot be used.
    pub fn open_from(
        path: &Path,
        source: S,
        settings: Settings,
        snapshot: Option<&[u8]>,
    ) -> Result<Self, FollowError> {
        let folder = Folder::take(path).map_err(|source| FollowError::Folder {
            path: path.to_owned(),
            source,
        })?;
        let read = |file| {
            let bytes = folder.read(file, usize::MAX);
            bytes.map_err(FollowError::reading(file))
        };
        let verified = match read(VERIFIED)? {
            None => None,
            Some(bytes) => {
                Some(parse_verified(&bytes).ok_or(FollowError::Damaged { file: VERIFIED })?)
            }
        };
        if snapshot.is_some() && verified.is_some() {
            return Err(FollowError::InUse {
                path: path.to_owned(),
            });
        }
        let size = verified.map_or(0, |(size, _)| size);
        let hashes = Hashes::open(&folder, size).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => FollowError::Damaged { file: "tree-0" },
            _ => FollowError::File {
                file: "tree-0",
                source: error,
            },
        })?;
        if let Some((size, root)) = verified
            && hashes.root(size).map_err(FollowError::of_tree)? != root
        {
            return Err(FollowError::Damaged { file: "tree-0" });
        }
        let saved = match (snapshot, read(REPLAY)?) {
            (Some(bytes), _) => Some(Replay::parse(bytes)?),
            (None, Some(bytes)) => Some(Replay::parse(&bytes)?),
            (None, None) => None,
        };
        let replay = match saved {
            Some(replay) if replay.has_records() && !settings.with_records => {
                return Err(FollowError::NeedsRecords {
                    path: path.to_owned(),
                });
            }
            // What the leaves alone came to is no beginning for the records.
            Some(replay) if replay.has_records() == settings.with_records => replay,
            _ if settings.with_records => Replay::new(),
            _ => Replay::of_leaves(),
        };
        // A snapshot may be ahead: it is compared when the own tree has come to it.
        if replay.size() <= size
            && hashes.root(replay.size()).map_err(FollowError::of_tree)? != replay.root()
        {
            return Err(FollowError::Damaged { file: REPLAY });
        }
        let root_at = |at: u64| hashes.root(at).ok().filter(|_| at <= size);
        let seen = Seen::open(&folder, root_at).map_err(FollowError::reading("checkpoints"))?;
        let pinned = match read(KEY)? {
            None => None,
            Some(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let key = VerifyingKey::parse(text.trim());
                Some(key.map_err(|_| FollowError::Damaged { file: KEY })?)
            }
        };
        let mut follower = Self {
            source,
            mirror: None,
            settings,
            folder,
            pinned,
            hashes,
            saved: replay.size(),
            replay,
            seen,
        };
        if snapshot.is_some() {
            follower.save_replay()?;
        }
        Ok(follower)
    }

    /// Takes the key that the log itself names, for the first time and for good.
    pub(super) fn pin_key(&mut self, round: &mut Round) -> Result<(), FollowError> {
        let read = self.source.read(KEY_PATH);
        let key = read.ok().flatten().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            VerifyingKey::parse(text.lines().next()?.trim()).ok()
        });
        let Some(key) = key else {
            round.unchecked("the log's public key is not known: give it");
            return Ok(());
        };
        self.folder
            .replace(KEY, format!("{key}\n").as_bytes(), 0o600)
            .map_err(FollowError::replacing(KEY))?;
        round.notes.push(
            "the key was taken from the log itself, which proves less than a key from somebody \
             trusted"
                .to_owned(),
        );
        self.pinned = Some(key);
        Ok(())
    }

    /// Says durably that the own tree leads to what the log signed.
    pub(super) fn save_verified(&mut self, size: u64, root: &Hash) -> Result<(), FollowError> {
        let synced = self.hashes.sync();
        synced.map_err(FollowError::reading("tree-0"))?;
        let text = format!("{size} {}\n", root.to_base64());
        self.folder
            .replace(VERIFIED, text.as_bytes(), 0o600)
            .map_err(FollowError::replacing(VERIFIED))
    }

    /// Saves the replay as a whole.
    pub(super) fn save_replay(&mut self) -> Result<(), FollowError> {
        self.folder
            .replace(REPLAY, &self.replay.to_bytes(), 0o600)
            .map_err(FollowError::replacing(REPLAY))?;
        self.saved = self.replay.size();
        Ok(())
    }
}

fn parse_verified(bytes: &[u8]) -> Option<(u64, Hash)> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (size, root) = text.split_once(' ')?;
    Some((size.parse().ok()?, Hash::from_base64(root)?))
}
