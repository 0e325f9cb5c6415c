//! Why something could not be kept or found.

use kepil_identity::account::Refusal;

/// The file failed, or holds what it must not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("keeping accounts")]
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
    /// The events of an account do not begin with its opening.
    #[error("reading an account: its events do not begin with its opening")]
    NoOpening,
    /// The file cannot be opened.
    #[error("opening the accounts")]
    Open(#[from] kepil_sqlite::OpenError),
}

/// Why an account was not opened.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The holder has one.
    #[error("opening an account: the holder has one already")]
    Taken,
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// There is none.
    #[error("using an account: there is no such account")]
    NoAccount,
    /// It refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The credential is another account's.
    #[error("adding a way in: the credential belongs to another account")]
    CredentialTaken,
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for CreateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for TellError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
