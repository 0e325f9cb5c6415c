//! Sessions: what a browser holds is a random secret, what is kept is its hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::holder::Role;
use crate::id::{AccountId, SessionId};
use crate::level::Level;

/// Who acts in a session, and how surely.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What the person sees and ends it by.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// The role of the account.
    pub role: Role,
    /// Level of the last authentication.
    pub level: Level,
    /// Moment of the last authentication, Unix milliseconds.
    pub auth_ms: u64,
    /// When it began.
    pub begun_ms: u64,
    /// When it was seen last.
    pub seen_ms: u64,
    /// What the person recognises: the browser's own short name, no fingerprint.
    pub device: String,
    /// An official who helps at a service centre.
    pub assisted_by: Option<AccountId>,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Without a request, milliseconds.
    pub idle_ms: u64,
    /// In all.
    pub absolute_ms: u64,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// Nobody used it for too long.
    #[error("using a session: nobody used it for a while")]
    Idle,
    /// It is as old as a session may get.
    #[error("using a session: it has lasted as long as one may")]
    Old,
}

const MINUTE: u64 = 60_000;

impl Limits {
    /// The limits for a role: consoles end sooner than a citizen's own space.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Citizen | Role::Foreigner => Self {
                idle_ms: 60 * MINUTE,
                absolute_ms: 12 * 60 * MINUTE,
            },
            Role::Official | Role::Supervisor | Role::Operator => Self {
                idle_ms: 15 * MINUTE,
                absolute_ms: 8 * 60 * MINUTE,
            },
        }
    }

    /// The limits of a session at a counter, where somebody else sits next.
    #[must_use]
    pub const fn assisted() -> Self {
        Self {
            idle_ms: 5 * MINUTE,
            absolute_ms: 30 * MINUTE,
        }
    }
}

impl Session {
    /// Whether it lasts still.
    ///
    /// # Errors
    /// Why it does not.
    pub const fn check(&self, now_ms: u64) -> Result<(), Over> {
        let limits = match self.assisted_by {
            Some(_) => Limits::assisted(),
            None => Limits::of(self.role),
        };
        if now_ms >= self.begun_ms.saturating_add(limits.absolute_ms) {
            return Err(Over::Old);
        }
        if now_ms >= self.seen_ms.saturating_add(limits.idle_ms) {
            return Err(Over::Idle);
        }
        Ok(())
    }
}

/// The hash under which a session is kept; its secret lies in the cookie alone.
#[must_use]
pub fn hash(secret: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"kepil/session/v1\0");
    hash.update(secret);
    hash.finalize().into()
}

/// The token that a session's forms carry, for browsers that do not say where a form comes from.
#[must_use]
pub fn form_token(secret: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"kepil/form/v1\0");
    hash.update(secret);
    hash.finalize().into()
}
