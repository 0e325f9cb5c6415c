//! Officials: an own key each, and a mandate that is looked at on every request (DC 49(2)-(3),
//! 51(3), 61(2)).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What lets an official ask: a body's own decision, dated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficialMandate {
    /// Its id in the register.
    pub id: String,
    /// Whose it is; the register's reference of the official.
    pub official: String,
    /// The body.
    pub body: String,
    /// The system of the body through which the official asks.
    pub system: String,
    /// The role in the body.
    pub role: String,
    /// Purposes of the vocabulary.
    pub purposes: BTreeSet<String>,
    /// From when, Unix milliseconds.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// A key that an official signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficialKey {
    /// Until when it is good, Unix milliseconds.
    pub until_ms: u64,
    /// More than one person can use it.
    pub is_shared: bool,
    /// Taken back.
    pub is_revoked: bool,
}

/// Why an official may not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorised {
    /// A key that several people can use.
    #[error("asking for a body: the key is shared; every official has an own one")]
    SharedKey,
    /// An old or revoked key.
    #[error("asking for a body: the key has expired or was taken back")]
    DeadKey,
    /// Somebody else's mandate.
    #[error("asking for a body: the mandate is another official's")]
    OtherOfficial,
    /// Not yet, or no longer.
    #[error("asking for a body: the mandate is not in force now")]
    NotInForce,
    /// Another purpose.
    #[error("asking for a body: the mandate does not name this purpose")]
    OtherPurpose,
}

impl OfficialMandate {
    /// Whether an official may ask for a purpose now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        official: &str,
        key: OfficialKey,
        purpose: &str,
        now_ms: u64,
    ) -> Result<(), Unauthorised> {
        if key.is_shared {
            return Err(Unauthorised::SharedKey);
        }
        if key.is_revoked || now_ms >= key.until_ms {
            return Err(Unauthorised::DeadKey);
        }
        if self.official != official {
            return Err(Unauthorised::OtherOfficial);
        }
        if now_ms < self.from_ms || now_ms >= self.until_ms {
            return Err(Unauthorised::NotInForce);
        }
        if !self.purposes.contains(purpose) {
            return Err(Unauthorised::OtherPurpose);
        }
        Ok(())
    }
}
