//! Keys of signed notes.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;

use super::Signature;
use super::vkey::{self, SignatureType, Vkey};
use crate::hash::sha256;

/// Name of a key, best a web address without scheme such as `access.example.kz/2026h2`.
///
/// INVARIANT: not empty, no white space, no plus sign, no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// First four bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`.
///
/// Short on purpose: it finds the key, it does not prove it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

/// A public key with its name, as written in a vkey line.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: KeyName,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

/// A secret key with its name.
#[derive(Clone)]
pub struct Signer {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty or has white space, a plus sign or a control character.
    #[error("reading a key name: `{name}` is empty or has a space or plus sign")]
    Name {
        /// The name.
        name: String,
    },
    /// The text is not `name+id+key`.
    #[error("reading a verifier key: it is not name+id+key")]
    Malformed,
    /// The key is of a signature type that does not serve here.
    #[error(
        "reading the verifier key of `{name}`: signature type {code:#04x} does not serve here, {expected} does"
    )]
    UnsupportedType {
        /// Name of the key.
        name: KeyName,
        /// The type byte.
        code: u8,
        /// The type bytes that would do.
        expected: &'static str,
    },
    /// The id does not belong to the name and the key.
    #[error("reading the verifier key of `{name}`: the id does not match")]
    IdMismatch {
        /// Name of the key.
        name: KeyName,
    },
    /// The 32 bytes are not a point of the curve, or one of its weak points.
    #[error("reading the verifier key of `{name}`: it is not a sound Ed25519 key")]
    UnsoundKey {
        /// Name of the key.
        name: KeyName,
    },
    /// An ML-DSA-44 cosignature has room for a name of 255 bytes.
    #[error("reading a cosigner's key: the name `{name}` has more than 255 bytes")]
    LongName {
        /// Name of the key.
        name: KeyName,
    },
}

impl KeyName {
    /// Takes a text as a key name.
    ///
    /// # Errors
    ///
    /// When it is empty or has white space, a plus sign or a control character.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        let is_refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(is_refused) {
            return Err(KeyError::Name {
                name: name.to_owned(),
            });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyId {
    /// Takes four bytes as a key id.
    #[must_use]
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    pub(crate) fn of(name: &KeyName, kind: SignatureType, public: &[u8]) -> Self {
        let [a, b, c, d, ..] = sha256(&[name.0.as_bytes(), b"\n", &[kind.code()], public]);
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl VerifyingKey {
    fn new(name: KeyName, key: ed25519_dalek::VerifyingKey) -> Self {
        Self {
            id: KeyId::of(&name, SignatureType::Ed25519, key.as_bytes()),
            name,
            key,
        }
    }

    /// Reads a vkey of type 0x01: `name+<key id, 8 hex digits>+base64(type ‖ public key)`.
    ///
    /// # Errors
    ///
    /// When it is malformed, of another type, or its id does not match.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let vkey = Vkey::parse(vkey)?;
        if vkey.code != SignatureType::Ed25519.code() {
            return Err(vkey.unsupported("0x01"));
        }
        let parsed = Self::new(vkey.name.clone(), vkey.ed25519()?);
        vkey.expect_id(parsed.id)?;
        Ok(parsed)
    }

    /// Name of the key; for a log's own key also the origin of its checkpoints.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The public key itself, to tell the same key under two names.
    pub(crate) fn public_bytes(&self) -> &[u8] {
        self.key.as_bytes()
    }

    /// True when the bytes are this key's signature over the text (RFC 8032, strict).
    pub(super) fn accepts(&self, text: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text, &signature).is_ok())
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        Self::parse(vkey)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = SignatureType::Ed25519;
        vkey::write(f, &self.name, self.id, kind, self.key.as_bytes())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Signer {
    /// Makes a signer from a name and a 32-byte secret seed (RFC 8032).
    #[must_use]
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::new(name, key.verifying_key());
        Self { key, public }
    }

    /// The public key.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs a text; deterministic, so the same text gives the same line.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let bytes = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        Signature::new(self.public.name.clone(), self.public.id, bytes)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}
