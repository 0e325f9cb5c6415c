//! How sure it is that the one who signed in is the one the account belongs to.

use serde::{Deserialize, Serialize};

/// A level of authentication; the surer one is the larger one (NIST SP 800-63-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One factor.
    One,
    /// A passkey with user verification, or two factors of different kinds.
    Two,
    /// A key that cannot leave its device.
    Three,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Three];

    /// The name in `acr`.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        match self {
            Self::One => "urn:kepil:aal1",
            Self::Two => "urn:kepil:aal2",
            Self::Three => "urn:kepil:aal3",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn of_acr(acr: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.acr() == acr)
    }
}
