//! Why the chronicle could not do what was asked.

use kepil_keys::store::{
    EraseError, OpenError as KeysError, PersonError, ReserveError, RowKeyError,
};
use kepil_ledger::period::Period;
use kepil_store::book::BookError;
use kepil_store::log::{AppendError, EraseError as WipeError, OpenError, ReadError};

/// Why the chronicle could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChronicleError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The keys cannot be opened.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// An entry was not recorded.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An entry cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The book cannot be read.
    #[error(transparent)]
    Book(#[from] BookError),
    /// A person's keys cannot be had.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// No row can be sealed.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
    /// A row's key cannot be had.
    #[error(transparent)]
    RowKey(#[from] RowKeyError),
    /// Keys were not erased.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// A row was not wiped from the log's files; its key is destroyed all the same.
    #[error(transparent)]
    Wipe(#[from] WipeError),
    /// Saved states of the book could not be removed; they hold pseudonyms of the erased month.
    #[error("erasing a month: the saved states of its book could not be removed")]
    Snapshot(#[source] std::io::Error),
    /// No fresh random bytes were to be had.
    #[error("sealing an entry: no random bytes are to be had")]
    Random,
    /// The key of this row or month was destroyed.
    #[error("opening an entry: it was erased")]
    Erased,
    /// A row is not of the format.
    #[error("opening entry {index}: its row is not of the format")]
    Malformed {
        /// Index of the entry.
        index: u64,
    },
    /// An entry that was named is not one this can be done to.
    #[error("entry {index} {why}")]
    NotThat {
        /// Index of the entry.
        index: u64,
        /// Why not, as the end of the sentence.
        why: &'static str,
    },
    /// The month still takes entries or is still listed.
    #[error("erasing the month {period}: it can be erased from 8 days after its end")]
    OpenMonth {
        /// The month.
        period: Period,
    },
    /// The person is not enrolled in that month.
    #[error("proving a list: there is no book of {period}, or this person is not in it")]
    NoList {
        /// The month.
        period: Period,
    },
    /// Nothing was published yet that the proof could rest on.
    #[error("proving a list: no checkpoint is published yet; try again in a moment")]
    NotPublished,
}
