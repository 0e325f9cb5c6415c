//! Notices to people, and the proof that they were delivered.
//!
//! A notice stands in the person's own space from the start; by e-mail or telephone goes only that
//! it is there. Legal time runs from the first proven delivery ([`delivered`]), never from the
//! moment something was sent. Times are Unix milliseconds; time and random bytes come from the
//! caller.

mod address;
mod choices;
mod code;
mod counts;
mod delivery;
mod error;
mod id;
mod mail;
mod message;
mod notice;
mod outbox;
mod round;
mod sender;
mod smtp;
mod spool;
mod wait;

pub use address::{Address, AddressError};
pub use choices::{Choice, Wish};
pub use code::{CODE_MS, Code, CodeError, TRIES};
pub use counts::{Counts, STATES};
pub use delivery::{Channel, Delivery, Outcome, Proof, State, Turn};
pub use error::{AskError, QueueError, StoreError};
pub use id::{IdError, NoticeId};
pub use message::Message;
pub use notice::{About, Delivered, Kind, Notice, PathError, delivered};
pub use outbox::{Due, New, Outbox};
pub use round::send_due;
pub use sender::{Accepted, Receipt, Refused, Sender};
pub use smtp::{Smtp, SmtpError, SmtpSettings, TlsMode};
pub use spool::{Spool, SpoolError};
pub use wait::{GIVE_UP_MS, wait_ms};
