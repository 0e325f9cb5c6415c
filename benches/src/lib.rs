//! Benchmarks of Kepil, and the other engines it is measured against.
//!
//! Nothing here asserts a time. What is asserted is that every engine gives the same answers
//! before any of them is timed: a speed without that line is void.

pub mod agree;
pub mod clock;
pub mod fault;
pub mod gate;
pub mod grow;
pub mod http;
pub mod ledger;
pub mod mix;
pub mod peers;
pub mod rego;
pub mod report;
pub mod setting;

pub use fault::Fault;
