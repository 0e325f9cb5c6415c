//! Who people are, how they come in, and for whom they may act.
//!
//! Pure: no storage, no HTTP, no clock, no randomness. An account is a state that follows from
//! its events: [`account::Account::handle`] makes events of a command or refuses it, and
//! [`account::Account::apply`] takes them. Times are Unix milliseconds unless a name says
//! otherwise.

pub mod account;
pub mod age;
pub mod attempts;
pub mod factor;
pub mod holder;
pub mod id;
pub mod level;
pub mod mandate;
pub mod official;
pub mod recovery;
pub mod secret;
pub mod session;
pub mod standing;
