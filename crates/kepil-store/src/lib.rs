//! Where the ledger lives: segments, published files, keys.
//!
//! [`log::Log`] makes entries durable before it answers and publishes the log as
//! static C2SP `tlog-tiles` files. [`source::DirSource`] reads such a folder back for
//! `kepil_ledger::verify`. [`keys::KeyFile`] keeps the log's secret seed.

pub mod book;
pub mod check;
pub mod disk;
pub mod draft;
pub mod keys;
pub mod log;
pub mod monthkey;
pub mod snapshot;
pub mod source;
pub mod stamps;

mod compare;
mod durable;
mod segment;
mod wait;
