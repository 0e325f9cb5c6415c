//! A witness of logs (C2SP `tlog-witness`): it cosigns a log's growth and never a fork.
//!
//! [`Witness`] keeps the latest checkpoint it cosigned of each log in a folder. It can be
//! asked in the same process, over HTTP ([`router`]), and, as any witness that speaks the
//! protocol, through [`WitnessClient`].
//!
//! ```text
//! DIR/lock                         held while a process has the witness open
//! DIR/keys                         two secret seeds; mode 0600; made at the first start
//! DIR/<origin hash>.checkpoint     the latest cosigned checkpoint of a log
//! ```
//!
//! A cosignature says that the checkpoint continues every other one this key has
//! cosigned. So the folder must never be set back: a witness whose folder is lost, or
//! restored from a copy, is to be given up, and a new one made under another name.

mod client;
mod folder;
mod http;
mod keys;
mod witness;

pub use client::{ClientError, WitnessClient};
pub use folder::{Folder, ReplaceError, TakeError};
pub use http::{Clock, cosignatures, router, serve, system_clock};
pub use keys::KeysError;
pub use witness::{AddError, OpenError, StateError, Witness};
