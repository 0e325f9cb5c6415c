//! What can go wrong with the key store.

use std::io;
use std::path::PathBuf;

use crate::disk::FileError;
use crate::state::StateError;
use crate::writer::{ReadError, WriteError};

/// Why a key store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("opening the key store `{}`", folder.display())]
    Folder {
        /// Folder of the store.
        folder: PathBuf,
        /// What went wrong.
        #[source]
        source: FileError,
    },
    /// The lock file cannot be used.
    #[error("locking the key store with `{}`", path.display())]
    Lock {
        /// Path of the lock file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Another process uses the store.
    #[error("opening the key store `{}`: another process uses it", folder.display())]
    InUse {
        /// Folder of the store.
        folder: PathBuf,
    },
    /// The state cannot be read back.
    #[error("opening the key store `{}`", folder.display())]
    Read {
        /// Folder of the store.
        folder: PathBuf,
        /// What went wrong.
        #[source]
        source: ReadError,
    },
    /// What was read is not a state.
    #[error("opening the key store `{}`", folder.display())]
    State {
        /// Folder of the store.
        folder: PathBuf,
        /// What went wrong.
        #[source]
        source: StateError,
    },
    /// No randomness came for a new store.
    #[error("drawing randomness for a new key store")]
    Random {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The first state could not be written, or what a crash left could not be removed.
    #[error("preparing the key store `{}`", folder.display())]
    Prepare {
        /// Folder of the store.
        folder: PathBuf,
        /// What went wrong.
        #[source]
        source: WriteError,
    },
}

/// Why a person's secret could not be given.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// The person was erased 2^32 times.
    #[error("deriving a person's secret: no generation is left")]
    Exhausted,
}

/// Why rows could not be reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The period was erased, so its rows have no keys.
    #[error("reserving rows of period `{period}`: it was erased")]
    Erased {
        /// The period.
        period: u32,
    },
    /// The period has no numbers left.
    #[error("reserving rows of period `{period}`: all 2^48 numbers were handed out")]
    Exhausted {
        /// The period.
        period: u32,
    },
    /// The new mark could not be written.
    #[error("reserving rows of period `{period}`")]
    Write {
        /// The period.
        period: u32,
        /// What went wrong.
        #[source]
        source: WriteError,
    },
}

/// Why a row's key could not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowKeyError {
    /// The number was never handed out, so it is no row's.
    #[error("deriving the key of row `{row}` of period `{period}`: the row was never handed out")]
    Unknown {
        /// The period.
        period: u32,
        /// The row.
        row: u64,
    },
}

/// Why something could not be erased; unless said otherwise it is not.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The person has not come so far.
    #[error(
        "erasing a person: generation `{generation}` has not begun, the present one is `{present}`"
    )]
    Generation {
        /// Generation asked for.
        generation: u32,
        /// The present one.
        present: u32,
    },
    /// No row of the period was ever handed out.
    #[error("erasing period `{period}`: it has no rows")]
    Period {
        /// The period.
        period: u32,
    },
    /// The number was never handed out, so it is no row's.
    #[error("erasing row `{row}` of period `{period}`: the row was never handed out")]
    Row {
        /// The period.
        period: u32,
        /// The row.
        row: u64,
    },
    /// The state without it could not be written; whether it is erased shows after the
    /// next opening. Erasing again is right in any case.
    #[error("erasing")]
    Write {
        /// What went wrong.
        #[source]
        source: WriteError,
    },
}
