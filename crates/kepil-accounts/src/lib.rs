//! Accounts, sessions and powers on disk, in one SQLite file.
//!
//! What happened to an account is kept as its events, in order; the tables beside them answer
//! *which account is this?* and are made again from the events by [`Accounts::rebuild`]. Times are
//! Unix milliseconds.

mod accounts;
mod error;
mod mandates;
mod once;
mod sessions;

pub use accounts::Accounts;
pub use error::{CreateError, StoreError, TellError};
