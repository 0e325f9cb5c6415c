//! The log's secret key on disk.
//!
//! One file, one line of text, readable by its owner alone:
//!
//! ```text
//! kepil-ed25519-seed/v1 <base64 of 32 bytes>
//! ```

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kepil_ledger::note::{KeyName, Signer};

/// First word of a key file.
const PREFIX: &str = "kepil-ed25519-seed/v1 ";

/// Longest key file that is read.
const MAX_FILE_BYTES: u64 = 256;

/// An Ed25519 seed read from or written to a file.
#[derive(Clone)]
pub struct KeyFile {
    seed: [u8; 32],
}

/// Why a key file could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A key is never overwritten.
    #[error("creating the key file `{}`", path.display())]
    Create {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("reading the key file `{}`", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error("reading the key file `{}`: its mode is {mode:04o}, others may open it; set it to 0600", path.display())]
    Open {
        /// Path of the file.
        path: PathBuf,
        /// Permission bits found.
        mode: u32,
    },
    /// The file is not a key file.
    #[error("reading the key file `{}`: it is not one line `kepil-ed25519-seed/v1 <base64>`", path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
    },
}

impl KeyFile {
    /// Writes a new key file with mode 0600 from 32 random bytes; durable when it returns.
    ///
    /// # Errors
    ///
    /// When the file exists already or cannot be written.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Self, KeyFileError> {
        let write = || {
            let line = format!("{PREFIX}{}\n", STANDARD.encode(random));
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| KeyFileError::Create {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { seed: random })
    }

    /// Reads a key file; one that others may open is refused.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is open to others, or is malformed.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source| KeyFileError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let seed = parse(&bytes).ok_or_else(|| KeyFileError::Malformed {
            path: path.to_owned(),
        })?;
        Ok(Self { seed })
    }

    /// The secret seed, for [`crate::log::Options`].
    #[must_use]
    pub const fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The signer of a log with this key.
    #[must_use]
    pub fn signer(&self, origin: KeyName) -> Signer {
        Signer::from_seed(origin, &self.seed)
    }
}

fn parse(bytes: &[u8]) -> Option<[u8; 32]> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    STANDARD
        .decode(line.strip_prefix(PREFIX)?)
        .ok()?
        .try_into()
        .ok()
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile(secret)")
    }
}
