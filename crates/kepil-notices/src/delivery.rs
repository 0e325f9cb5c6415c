//! One way of a notice to its person, from the queue to its proof.

use crate::wait::{GIVE_UP_MS, wait_ms};
use serde::{Deserialize, Serialize};

/// A way to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The person's own space on the node; always there.
    Space,
    /// E-mail.
    Email,
    /// A short message to a telephone.
    Sms,
}

impl Channel {
    /// All, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Space, Self::Email, Self::Sms];

    /// Its word in files and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The channel of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == word)
    }
}

/// What shows that a notice was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Proof {
    /// The person was signed in and opened it.
    Opened {
        /// SHA-256 of the session's id, hexadecimal.
        session: String,
    },
    /// The next mail server took it.
    Accepted {
        /// What that server answered.
        reply: String,
        /// The Message-ID it took.
        message_id: String,
    },
    /// Whoever sends short messages said that it arrived.
    Receipt {
        /// The receipt.
        receipt: String,
    },
}

/// How far a delivery is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Nothing was tried yet.
    Queued,
    /// It was tried, and is tried again.
    Attempted {
        /// How often.
        count: u32,
        /// When it is tried again.
        next_ms: u64,
        /// What came of the last attempt; none when that is not known.
        said: Option<String>,
    },
    /// Somebody took it and owes a receipt.
    Handed {
        /// When.
        at_ms: u64,
    },
    /// It is delivered.
    Delivered {
        /// When.
        at_ms: u64,
        /// What shows it.
        proof: Proof,
    },
    /// It is not tried any more.
    Failed {
        /// Since when.
        at_ms: u64,
        /// Why.
        said: String,
    },
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is proven.
    Proven(Proof),
    /// It was taken; a receipt is to come.
    Handed,
    /// Not now.
    Temporary(String),
    /// Never.
    Permanent(String),
}

/// What is to be done with a delivery whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Send it, and say what came of it.
    Send,
    /// Nothing.
    Nothing,
}

/// One way of a notice to its person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which way.
    pub channel: Channel,
    /// Since when it is under way.
    pub queued_ms: u64,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
}

impl Delivery {
    /// A delivery that has just been queued.
    #[must_use]
    pub const fn new(channel: Channel, queued_ms: u64) -> Self {
        Self {
            channel,
            queued_ms,
            state: State::Queued,
        }
    }

    /// When something is to be done; never for the own space, where the person comes by.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        match (self.channel, &self.state) {
            (Channel::Space, _) | (_, State::Delivered { .. } | State::Failed { .. }) => None,
            (_, State::Queued) => Some(self.queued_ms),
            (_, State::Attempted { next_ms, .. }) => Some(*next_ms),
            (_, State::Handed { at_ms }) => Some(at_ms.saturating_add(GIVE_UP_MS)),
        }
    }

    /// Whether nothing happens to it any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Delivered { .. } | State::Failed { .. })
    }

    /// Begins an attempt, if it is time. It counts from here on: a process that ends before it says
    /// what came of it leaves an attempt that is tried again after the usual wait.
    pub fn begin(&mut self, now_ms: u64) -> Turn {
        if self.due_ms().is_none_or(|due_ms| now_ms < due_ms) {
            return Turn::Nothing;
        }
        let count = match &self.state {
            State::Queued => 1,
            State::Attempted { count, .. } => count.saturating_add(1),
            State::Handed { .. } => {
                self.state = State::Failed {
                    at_ms: now_ms,
                    said: "no receipt came".into(),
                };
                return Turn::Nothing;
            }
            State::Delivered { .. } | State::Failed { .. } => return Turn::Nothing,
        };
        self.state = State::Attempted {
            count,
            next_ms: now_ms.saturating_add(wait_ms(count)),
            said: None,
        };
        Turn::Send
    }

    /// Takes what came of an attempt, or a receipt; false when the delivery was over before.
    pub fn end(&mut self, outcome: &Outcome, now_ms: u64) -> bool {
        if self.is_over() {
            return false;
        }
        self.state = match outcome {
            Outcome::Proven(proof) => State::Delivered {
                at_ms: now_ms,
                proof: proof.clone(),
            },
            Outcome::Handed => State::Handed { at_ms: now_ms },
            Outcome::Permanent(said) => State::Failed {
                at_ms: now_ms,
                said: said.clone(),
            },
            Outcome::Temporary(said) => {
                let count = match &self.state {
                    State::Attempted { count, .. } => *count,
                    _ => 1,
                };
                let next_ms = now_ms.saturating_add(wait_ms(count));
                if next_ms > self.queued_ms.saturating_add(GIVE_UP_MS) {
                    State::Failed {
                        at_ms: now_ms,
                        said: said.clone(),
                    }
                } else {
                    State::Attempted {
                        count,
                        next_ms,
                        said: Some(said.clone()),
                    }
                }
            }
        };
        true
    }
}
