//! The ledger's formats, proofs and checks, without any input or output.
//!
//! An append-only log in the form anybody's tools can follow: an RFC 6962 tree
//! published as C2SP `tlog-tiles` under a signed `tlog-checkpoint`. What stands in
//! public is a type byte and a hiding commitment ([`entry`]); the record behind it
//! stays off the log. Every answer carries a signed [`receipt`]. Everything can be
//! checked again by [`verify`], which reads files only through a trait.
//!
//! Others say what they saw of the log: a [`witness`] adds its [`cosignature`] to a
//! checkpoint, a [`policy`] says how many of them it takes, and a [`proof`] puts entry
//! and cosigned checkpoint into one file.
//!
//! An auditor says more: it replays every entry with the record behind it ([`audit`]).
//!
//! Time, keys and salts come in as values: this crate knows no clock, no
//! randomness and no file system, so that every result can be replayed.

pub mod anchor;
pub mod audit;
pub mod book;
pub mod chain;
pub mod checkpoint;
pub mod completeness;
pub mod cosignature;
pub mod entry;
pub mod error;
pub mod fields;
pub mod hash;
pub mod keytree;
pub mod manifest;
pub mod map;
pub mod note;
pub mod payload;
pub mod period;
pub mod person;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod record;
pub mod row;
pub mod stamp;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod witness;

mod cbor;
mod encoding;
