//! The number of a case: eight random bytes, given in by the caller.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A text that is not the number of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reading the number of a case: it is not 16 hexadecimal digits")]
pub struct IdError;

/// The number of a case; it says nothing about anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId([u8; 8]);

impl CaseId {
    /// A number of random bytes.
    #[must_use]
    pub const fn new(random: [u8; 8]) -> Self {
        Self(random)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Reads a number.
    ///
    /// # Errors
    /// When it is not 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(is_hex) {
            return Err(IdError);
        }
        let number = u64::from_str_radix(text, 16).map_err(|_| IdError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for CaseId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CaseId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
