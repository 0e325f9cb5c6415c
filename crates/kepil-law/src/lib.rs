//! The law as data: instruments, provisions, rules, and the statute book they make.
//!
//! Pure: files come in as text, times as values. Cedar is the language of rules; see
//! [`compile`] for how they run.

pub mod book;
pub mod case;
pub mod catalogue;
pub mod compile;
pub mod error;
pub mod eval;
pub mod instrument;
pub(crate) mod markdown;
pub mod oracle;
pub mod pack;
pub mod release;
pub mod rule;
pub mod schema;
pub mod value;
pub mod vocab;

pub use book::{Era, StatuteBook};
pub use error::{Fault, PackError};
pub use release::Release;
pub use value::{Facts, Slot, Value};
