//! Keys that can be destroyed for ever, one by one.

pub mod disk;
pub mod file;
pub mod random;
pub mod vault;

mod seal;

pub use kepil_ledger::keytree::Secret;
