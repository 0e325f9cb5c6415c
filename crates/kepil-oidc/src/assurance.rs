//! How sure the provider is who signs in (`acr`), and by which means (`amr`).

use crate::id::PersonId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A level of assurance, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Acr {
    /// A one-time code.
    #[serde(rename = "urn:kepil:aal1")]
    Aal1,
    /// A passkey with user verification, or an electronic signature and a second factor.
    #[serde(rename = "urn:kepil:aal2")]
    Aal2,
    /// An attested key bound to a device, or a signature key on a card.
    #[serde(rename = "urn:kepil:aal3")]
    Aal3,
}

impl Acr {
    /// All levels, lowest first.
    pub const ALL: [Acr; 3] = [Acr::Aal1, Acr::Aal2, Acr::Aal3];

    /// The level as it stands in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Acr::Aal1 => "urn:kepil:aal1",
            Acr::Aal2 => "urn:kepil:aal2",
            Acr::Aal3 => "urn:kepil:aal3",
        }
    }

    /// The level with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Acr> {
        Acr::ALL.into_iter().find(|l| l.as_str() == name)
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A means of authentication (RFC 8176).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Amr {
    /// A one-time code.
    Otp,
    /// A secret that the person knows.
    Pin,
    /// A key in software.
    Swk,
    /// A key in hardware.
    Hwk,
    /// A smart card.
    Sc,
    /// The person was present, as a test by the authenticator.
    User,
    /// More than one factor.
    Mfa,
}

/// Who is signed in at this browser, and since when. The server makes it from its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The person.
    pub person: PersonId,
    /// When the person last authenticated; seconds since 1970.
    pub auth_time_secs: u64,
    /// The level that was reached then.
    pub acr: Acr,
    /// The means that were used then.
    pub amr: Vec<Amr>,
}
