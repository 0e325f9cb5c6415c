//! The chronicle: a log whose entries are sealed for the persons they are about.
//!
//! It joins the log and its book ([`kepil_store`]), the keys ([`kepil_keys`]) and the
//! formats ([`kepil_ledger`]). Whoever has the log's files alone sees types, order and
//! times of batches; to read a row takes its key, and to read a payload the person's.
//!
//! - [`Chronicle`] records events, opens rows, and makes proofs of completeness.
//! - [`erasure`](Chronicle::erase_rows) in three degrees is itself an entry with a count.
//! - [`Notices`] is what the log says of its own entries: erased, kept back, sealed.

mod booking;
mod chronicle;
mod erase;
mod error;
mod event;
mod keep;
mod notice;
mod prove;
mod sealed;

pub use booking::KeyBooker;
pub use chronicle::{Chronicle, OpenRow, Settings};
pub use erase::Erased;
pub use error::ChronicleError;
pub use event::{Event, payload_of, record_of};
pub use notice::{Counters, Notices, SealedState};
pub use prove::Opened;
