//! The provider's keys: the one that signs, the next one, and those that have signed.
//!
//! Rotation: the next key is published one longest token life before it first signs, and a key
//! that has signed stays one longest token life after its last use (OpenID Core 10.1.1).

use crate::jws::{Jws, SignError, sign};
use crate::key::{Jwks, PublicKey, SigningKey};
use serde::Serialize;

/// The longest life of an ID token or an access token, in seconds.
pub const TOKEN_SECS: u64 = 300;

/// Why the keys were not rotated.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateError {
    /// There is no next key.
    #[error("rotating the keys: publish a next key first")]
    NoNext,
    /// There is a next key already.
    #[error("publishing a next key: there is one already")]
    NextExists,
    /// The key is in the ring already.
    #[error("publishing a next key: the key `{kid}` is in use or was")]
    Known {
        /// The key.
        kid: String,
    },
    /// The next key is not known long enough.
    #[error(
        "rotating the keys: wait until {from_secs} (seconds since 1970), so that clients know the next key"
    )]
    TooEarly {
        /// When it may first sign.
        from_secs: u64,
    },
}

/// The keys. Times are seconds since 1970.
#[derive(Debug)]
pub struct KeyRing {
    current: SigningKey,
    next: Option<(SigningKey, u64)>,
    retired: Vec<(PublicKey, u64)>,
}

impl KeyRing {
    /// A ring with one key, which signs.
    #[must_use]
    pub fn new(current: SigningKey) -> Self {
        Self {
            current,
            next: None,
            retired: Vec::new(),
        }
    }

    /// Publishes the next key; also to restore a ring after a restart, with the old time.
    ///
    /// # Errors
    /// When there is one already, or the key is not new.
    pub fn publish_next(
        &mut self,
        key: SigningKey,
        published_secs: u64,
    ) -> Result<(), RotateError> {
        if self.next.is_some() {
            return Err(RotateError::NextExists);
        }
        if self.all(0).any(|k| k.same_point(key.public())) {
            return Err(RotateError::Known {
                kid: key.kid().to_owned(),
            });
        }
        self.next = Some((key, published_secs));
        Ok(())
    }

    /// Adds a key that last signed at `last_used_secs`; to restore a ring after a restart.
    pub fn keep(&mut self, key: PublicKey, last_used_secs: u64) {
        self.retired.push((key, last_used_secs));
    }

    /// Lets the next key sign from now on. The old one is kept while its tokens live; older ones
    /// are dropped.
    ///
    /// # Errors
    /// When there is no next key, or it was published less than [`TOKEN_SECS`] ago.
    pub fn rotate(&mut self, now_secs: u64) -> Result<(), RotateError> {
        let Some((_, published)) = &self.next else {
            return Err(RotateError::NoNext);
        };
        let from_secs = published.saturating_add(TOKEN_SECS);
        if now_secs < from_secs {
            return Err(RotateError::TooEarly { from_secs });
        }
        if let Some((next, _)) = self.next.take() {
            let old = std::mem::replace(&mut self.current, next);
            self.retired.retain(|(_, used)| is_kept(*used, now_secs));
            self.retired.push((old.public().clone(), now_secs));
        }
        Ok(())
    }

    /// The key that signs.
    #[must_use]
    pub fn current(&self) -> &SigningKey {
        &self.current
    }

    /// What `/jwks` shows: the current key, the next one, and those whose tokens may still live.
    #[must_use]
    pub fn jwks(&self, now_secs: u64) -> Jwks {
        Jwks {
            keys: self.all(now_secs).map(|k| k.jwk().clone()).collect(),
        }
    }

    fn all(&self, now_secs: u64) -> impl Iterator<Item = &PublicKey> {
        let next = self.next.iter().map(|(k, _)| k.public());
        let retired = self
            .retired
            .iter()
            .filter(move |(_, used)| is_kept(*used, now_secs))
            .map(|(k, _)| k);
        std::iter::once(self.current.public())
            .chain(next)
            .chain(retired)
    }

    /// Whether one of the keys, found by its name, signed this token. A token without a name or
    /// with an unknown one was not signed here.
    pub(crate) fn signed(&self, token: &Jws<'_>, now_secs: u64) -> bool {
        let kid = token.header.kid.as_deref();
        kid.is_some()
            && self
                .all(now_secs)
                .any(|key| key.kid() == kid && token.verifies(key))
    }

    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        sign(&self.current, typ, claims)
    }
}

fn is_kept(last_used_secs: u64, now_secs: u64) -> bool {
    now_secs <= last_used_secs.saturating_add(TOKEN_SECS)
}
