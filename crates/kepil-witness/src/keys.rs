//! The secret keys of a witness on disk.
//!
//! ```text
//! kepil-witness-keys/v1
//! ed25519 <base64 of 32 bytes>
//! ml-dsa-44 <base64 of 32 bytes>
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kepil_ledger::cosignature::Cosigner;
use kepil_ledger::note::{KeyError, KeyName};

use crate::folder::{Folder, ReplaceError};

/// Name of the file.
const FILE: &str = "keys";

/// Longest key file that is read.
const MAX_FILE_BYTES: usize = 256;

/// Why a witness has no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder knows checkpoints but no keys: they were lost.
    #[error("the folder is in use but has no keys: give this witness up and make a new one")]
    Lost,
    /// The system gave no randomness.
    #[error("making keys: the system gives no randomness ({0})")]
    Random(getrandom::Error),
    /// The file cannot be written.
    #[error("writing the file of keys")]
    Write(#[source] io::Error),
    /// The file cannot be read.
    #[error("reading the file of keys")]
    Read(#[source] io::Error),
    /// Others than the owner may read or write the file.
    #[error("reading the file of keys: its mode is {mode:04o}, others may open it; set it to 0600")]
    Open {
        /// Permission bits found.
        mode: u32,
    },
    /// The file is not a file of keys.
    #[error("reading the file of keys: it is damaged or not one")]
    Malformed,
    /// The witness's name does not fit a key.
    #[error("naming the keys")]
    Name(#[from] KeyError),
}

/// Reads the keys, or makes them in a new folder: Ed25519 first, then ML-DSA-44.
pub(crate) fn load_or_make(folder: &Folder, name: &KeyName) -> Result<[Cosigner; 2], KeysError> {
    let file = folder.read(FILE, MAX_FILE_BYTES).map_err(KeysError::Read)?;
    let seeds = match file {
        Some(bytes) => {
            let metadata = fs::metadata(folder.path_of(FILE)).map_err(KeysError::Read)?;
            let mode = metadata.mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeysError::Open { mode });
            }
            parse(&bytes).ok_or(KeysError::Malformed)?
        }
        None if folder.is_new().map_err(KeysError::Read)? => make(folder)?,
        None => return Err(KeysError::Lost),
    };
    let [ed25519, ml_dsa] = &seeds;
    Ok([
        Cosigner::from_ed25519_seed(name.clone(), ed25519),
        Cosigner::from_ml_dsa_44_seed(name.clone(), ml_dsa)?,
    ])
}

fn make(folder: &Folder) -> Result<[[u8; 32]; 2], KeysError> {
    let mut seeds = [[0; 32]; 2];
    for seed in &mut seeds {
        getrandom::fill(seed).map_err(KeysError::Random)?;
    }
    match folder.replace(FILE, write(&seeds).as_bytes(), 0o600) {
        Ok(()) => Ok(seeds),
        Err(ReplaceError::Unchanged(source) | ReplaceError::Unknown(source)) => {
            Err(KeysError::Write(source))
        }
    }
}

fn write([ed25519, ml_dsa]: &[[u8; 32]; 2]) -> String {
    format!(
        "kepil-witness-keys/v1\ned25519 {}\nml-dsa-44 {}\n",
        STANDARD.encode(ed25519),
        STANDARD.encode(ml_dsa)
    )
}

fn parse(bytes: &[u8]) -> Option<[[u8; 32]; 2]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (ed25519, ml_dsa) = text
        .strip_prefix("kepil-witness-keys/v1\ned25519 ")?
        .strip_suffix('\n')?
        .split_once("\nml-dsa-44 ")?;
    let seed = |text: &str| STANDARD.decode(text).ok()?.try_into().ok();
    Some([seed(ed25519)?, seed(ml_dsa)?])
}
