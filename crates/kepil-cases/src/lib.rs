//! Cases: what a person decides about the use of data. A complaint of somebody who does not
//! recognise a use, a verdict that the law leaves to a human, a pattern of reading that a rule
//! flagged.
//!
//! A case is state and events without I/O; [`Cases`] keeps the events in SQLite. Texts are sealed
//! by the caller under the keys of whom the case is about, so that they end with those keys.

mod case;
mod id;
mod store;
mod term;
mod watch;

pub use case::{
    Case, CaseKind, Command, Dated, Decision, Delivery, Event, FORGOTTEN, Outcome, Proposal,
    Refusal, SealedText,
};
pub use id::{CaseId, IdError};
pub use store::{Cases, StoreError, TellError};
pub use term::{Term, TermError};
pub use watch::{Flag, Limits, Look, Rule, Watch};
