//! The ways into an account.

use serde::{Deserialize, Serialize};

use crate::id::FactorId;
use crate::level::Level;
use crate::recovery::RecoveryCodes;
use crate::secret::SecretHash;

/// A way into an account, with what is kept to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Factor {
    /// A passkey: a key on the person's own device, used with user verification.
    Passkey {
        /// Its id, base64url.
        credential: String,
        /// What the ceremony's library needs to check it, as that library wrote it.
        stored: String,
        /// What the person calls the device.
        label: String,
    },
    /// A secret the person knows, set where somebody saw who the person is.
    Secret {
        /// Its hash.
        hash: SecretHash,
    },
    /// One-time codes over a channel that is the person's.
    Code {
        /// Which channel.
        channel: Channel,
        /// Its address.
        address: String,
    },
    /// Printed codes, each good once.
    Recovery {
        /// Those that are left.
        codes: RecoveryCodes,
    },
}

/// A way to reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Electronic mail.
    Email,
    /// Short messages.
    Sms,
}

/// Kinds of factors; two of one kind can be lost together, two of different kinds seldom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// [`Factor::Passkey`].
    Passkey,
    /// [`Factor::Secret`].
    Secret,
    /// [`Factor::Code`].
    Code,
    /// [`Factor::Recovery`].
    Recovery,
}

/// A way into an account, with its id and its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFactor {
    /// Its id.
    pub id: FactorId,
    /// The way.
    pub factor: Factor,
    /// Since when, Unix milliseconds.
    pub added_ms: u64,
    /// When it was used last.
    pub used_ms: Option<u64>,
}

impl Factor {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FactorKind {
        match self {
            Self::Passkey { .. } => FactorKind::Passkey,
            Self::Secret { .. } => FactorKind::Secret,
            Self::Code { .. } => FactorKind::Code,
            Self::Recovery { .. } => FactorKind::Recovery,
        }
    }
}

/// The level that a sign-in with these kinds reaches; `None` when they open nothing.
///
/// A code alone opens little, a secret alone nothing: it is made to stand beside a code. A
/// recovery code stands beside a secret or a code.
#[must_use]
pub fn level(used: &[FactorKind]) -> Option<Level> {
    let has = |kind| used.contains(&kind);
    if has(FactorKind::Passkey) {
        return Some(Level::Two);
    }
    let kinds = [FactorKind::Secret, FactorKind::Code, FactorKind::Recovery];
    match kinds.into_iter().filter(|kind| has(*kind)).count() {
        0 => None,
        1 if has(FactorKind::Code) => Some(Level::One),
        1 => None,
        _ => Some(Level::Two),
    }
}
