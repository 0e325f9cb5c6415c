//! Why something could not be kept or found.

use crate::address::AddressError;

/// The file failed, or holds what it must not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("keeping notices")]
    Sqlite(#[from] rusqlite::Error),
    /// A row cannot be read.
    #[error("reading a kept {what}")]
    Row {
        /// Of what.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A row holds a word this program does not know.
    #[error("reading a kept {what}: this program does not know `{word}`")]
    Word {
        /// Of what.
        what: &'static str,
        /// The word.
        word: String,
    },
    /// The file cannot be opened.
    #[error("opening the notices")]
    Open(#[from] kepil_sqlite::OpenError),
}

/// Why a notice was not queued.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Another notice has the key.
    #[error(
        "queueing a notice: the key `{key}` belongs to a notice to somebody else or about something else"
    )]
    OtherNotice {
        /// The key.
        key: String,
    },
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no code is sent.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// What was typed is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The person asked too often.
    #[error("asking for a code: too many were asked for within the hour")]
    TooOften {
        /// From when on it works again.
        until_ms: u64,
    },
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for AskError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
