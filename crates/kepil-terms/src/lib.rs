//! The words everything else is built from: time, working days, languages, verdicts.
//!
//! Nothing here reads a clock: every instant is a value that somebody passes in.

pub mod calendar;
pub mod instant;
pub mod lang;
pub mod term;
pub mod verdict;

pub use calendar::{Calendar, UnknownYear};
pub use instant::{Day, Instant, InstantError};
pub use lang::{Lang, Text};
pub use term::{Term, TermError};
pub use verdict::Verdict;
