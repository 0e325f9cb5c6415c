//! Names and identifiers, each its own type.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is no name of its kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("reading {what} `{text}`: write {rule}")]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Reads ", $what, ": ", $rule, ".")]
            ///
            /// # Errors
            /// When the text does not follow that rule.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(NameError { what: $what, text: text.to_owned(), rule: $rule })
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The id of a client in the register.
    ClientId,
    "a client id",
    "1 to 64 of a-z, 0-9, `-`, `_` and `.`",
    |t| plain(t, 64, "-_.")
);
name!(
    /// The id of a sector in the register: clients of one sector know a person by one identifier.
    SectorId,
    "a sector id",
    "1 to 64 of a-z, 0-9, `-`, `_` and `.`",
    |t| plain(t, 64, "-_.")
);
name!(
    /// The name of an attribute. It is at once the scope that asks for it and its member in the
    /// answer of userinfo.
    AttributeName,
    "an attribute name",
    "1 to 32 of a-z, 0-9 and `_`, and no word of the protocol",
    |t| plain(t, 32, "_") && !PROTOCOL.contains(&t)
);
name!(
    /// The norm a release rests on, as people cite it: `DC 45(2)`.
    Norm,
    "a norm",
    "1 to 200 characters without line breaks, not only spaces",
    |t| !t.trim().is_empty() && t.chars().count() <= 200 && !t.chars().any(char::is_control)
);

/// Words with a meaning of their own in tokens and scopes; an attribute cannot take them.
const PROTOCOL: [&str; 20] = [
    "openid",
    "offline_access",
    "profile",
    "email",
    "address",
    "phone",
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "acr",
    "amr",
    "azp",
    "auth_time",
    "scope",
    "client_id",
];

fn plain(text: &str, most: usize, also: &str) -> bool {
    (1..=most).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c))
}

impl AttributeName {
    /// The national number (IIN), the one attribute that needs a law of its own.
    #[must_use]
    pub fn iin() -> Self {
        Self("iin".to_owned())
    }

    /// Whether it is the national number.
    #[must_use]
    pub fn is_iin(&self) -> bool {
        self.0 == "iin"
    }
}

/// A person inside the provider: 16 random bytes, never the IIN, never shown to a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId([u8; 16]);

impl PersonId {
    /// Takes 16 bytes as a person.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonId(..)")
    }
}
