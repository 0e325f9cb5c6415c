//! Secrets that people know, kept so that a stolen table does not give them away: Argon2id
//! (RFC 9106).

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Shortest secret that a person may choose, in characters.
pub const SHORTEST: usize = 10;

/// Longest secret that is looked at, in bytes.
pub const LONGEST: usize = 200;

/// What is kept of a secret: a PHC string.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(String);

/// Why a secret cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short.
    #[error("taking a secret: it has fewer than {SHORTEST} characters")]
    Short,
    /// Too long.
    #[error("taking a secret: it has more than {LONGEST} bytes")]
    Long,
    /// One character over and over.
    #[error("taking a secret: it repeats one character")]
    Repeated,
    /// Hashing failed, which is a fault of ours.
    #[error("taking a secret: it could not be hashed")]
    Hash,
}

/// How costly a guess is: 19 MiB and two passes, as OWASP names for Argon2id.
fn hasher() -> Option<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl SecretHash {
    /// Keeps a secret that a person chose.
    ///
    /// # Errors
    /// When it is too short, too long or one character over and over.
    pub fn choose(secret: &str, salt: &[u8; 16]) -> Result<Self, SecretError> {
        if secret.chars().count() < SHORTEST {
            return Err(SecretError::Short);
        }
        if secret.len() > LONGEST {
            return Err(SecretError::Long);
        }
        let mut characters = secret.chars();
        let first = characters.next();
        if characters.all(|character| Some(character) == first) {
            return Err(SecretError::Repeated);
        }
        Self::of(secret, salt)
    }

    /// Keeps a secret that was drawn at random.
    ///
    /// # Errors
    /// When it could not be hashed.
    pub fn of(secret: &str, salt: &[u8; 16]) -> Result<Self, SecretError> {
        let hasher = hasher().ok_or(SecretError::Hash)?;
        let params = hasher.params().clone();
        let hash = hasher
            .hash_password_customized(
                secret.as_bytes(),
                salt,
                Some(Algorithm::Argon2id.ident().as_str()),
                Some(Version::V0x13.into()),
                params,
            )
            .map_err(|_| SecretError::Hash)?;
        Ok(Self(hash.to_string()))
    }

    /// True when the secret is the one that was kept.
    #[must_use]
    pub fn matches(&self, secret: &str) -> bool {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        let (Ok(hash), Some(hasher)) = (PasswordHash::new(&self.0), hasher()) else {
            return false;
        };
        secret.len() <= LONGEST && hasher.verify_password(&secret, &hash).is_ok()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}
