//! Whoever takes a message out of the node.

use crate::delivery::{Outcome, Proof};
use crate::id::NoticeId;
use crate::message::Message;
use std::fmt;

/// A message was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// With a proof.
    Proven(Proof),
    /// A receipt is to come.
    Handed,
}

/// A message was not taken, and what was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not now.
    #[error("the message was not taken now: {0}")]
    Temporary(String),
    /// Never.
    #[error("the message is not taken: {0}")]
    Permanent(String),
}

/// What became of a message that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which message.
    pub id: NoticeId,
    /// What became of it.
    pub outcome: Outcome,
}

/// Takes messages out.
pub trait Sender: fmt::Debug + Send + Sync {
    /// Sends a message to an address.
    ///
    /// # Errors
    /// When it is not taken, now or ever.
    fn send(&self, to: &str, message: &Message) -> Result<Accepted, Refused>;

    /// The receipts that came in and were not settled yet.
    fn receipts(&self) -> Vec<Receipt> {
        Vec::new()
    }

    /// A receipt is written down and need not be given again.
    fn settle(&self, _: NoticeId) {}
}

impl From<Result<Accepted, Refused>> for Outcome {
    fn from(sent: Result<Accepted, Refused>) -> Self {
        match sent {
            Ok(Accepted::Proven(proof)) => Self::Proven(proof),
            Ok(Accepted::Handed) => Self::Handed,
            Err(Refused::Temporary(said)) => Self::Temporary(said),
            Err(Refused::Permanent(said)) => Self::Permanent(said),
        }
    }
}
