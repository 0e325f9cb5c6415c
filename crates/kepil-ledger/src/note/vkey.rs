//! The text form of public keys: `name+<key id>+base64(signature type ‖ public key)`.

use std::fmt;

use super::{KeyError, KeyId, KeyName};
use crate::encoding::{from_base64, to_base64};

/// What a key signs and how: the byte before the public key in a vkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SignatureType {
    /// Ed25519 over the note's text (C2SP `signed-note`).
    Ed25519 = 0x01,
    /// Ed25519 over a time and the note's text (`cosignature/v1` of C2SP `tlog-cosignature`).
    Ed25519Cosignature = 0x04,
    /// ML-DSA-44 over names, a time, size and root (`subtree/v1` of C2SP `tlog-cosignature`).
    MlDsa44Cosignature = 0x06,
}

impl SignatureType {
    /// The byte.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// A vkey taken apart, its key not yet looked at.
pub(crate) struct Vkey<'a> {
    pub(crate) name: KeyName,
    id: &'a str,
    pub(crate) code: u8,
    pub(crate) public: Vec<u8>,
}

impl<'a> Vkey<'a> {
    pub(crate) fn parse(vkey: &'a str) -> Result<Self, KeyError> {
        let (name, rest) = vkey.split_once('+').ok_or(KeyError::Malformed)?;
        let (id, encoded) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let name = KeyName::new(name)?;
        let typed = from_base64(encoded).ok_or(KeyError::Malformed)?;
        let (&code, public) = typed.split_first().ok_or(KeyError::Malformed)?;
        Ok(Self {
            name,
            id,
            code,
            public: public.to_vec(),
        })
    }

    /// The public key as a sound Ed25519 key.
    pub(crate) fn ed25519(&self) -> Result<ed25519_dalek::VerifyingKey, KeyError> {
        let bytes = <&[u8; 32]>::try_from(self.public.as_slice());
        ed25519_dalek::VerifyingKey::from_bytes(bytes.map_err(|_| KeyError::Malformed)?)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or_else(|| KeyError::UnsoundKey {
                name: self.name.clone(),
            })
    }

    /// Checks that the id written is the id computed.
    pub(crate) fn expect_id(&self, id: KeyId) -> Result<(), KeyError> {
        if self.id == id.to_string() {
            Ok(())
        } else {
            Err(KeyError::IdMismatch {
                name: self.name.clone(),
            })
        }
    }

    pub(crate) fn unsupported(&self, expected: &'static str) -> KeyError {
        KeyError::UnsupportedType {
            name: self.name.clone(),
            code: self.code,
            expected,
        }
    }
}

/// Writes a vkey.
pub(crate) fn write(
    f: &mut fmt::Formatter<'_>,
    name: &KeyName,
    id: KeyId,
    kind: SignatureType,
    public: &[u8],
) -> fmt::Result {
    let typed = [[kind.code()].as_slice(), public].concat();
    write!(f, "{name}+{id}+{}", to_base64(&typed))
}
