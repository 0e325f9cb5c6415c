//! The gate: a request and the facts about it in, a reasoned decision out.
//!
//! Pure and total: no clock, no I/O, no randomness; every input gives a decision, and whatever
//! is missing or goes wrong is a denial.

pub mod baseline;
pub mod case;
pub mod cite;
pub mod decide;
pub mod decision;
pub mod derive;
pub mod gate;
pub mod ground;
pub mod patch;
pub mod reason;
pub mod record;

pub use cite::Citation;
pub use decision::{Decision, Outcome, TestResult};
pub use gate::{Gate, Scene};
