//! Keys for ES256 (ECDSA on P-256 with SHA-256; RFC 7518, 3.4).
//!
//! The one-time number inside an ECDSA signature is drawn by the cryptographic library: a number
//! handed in from outside would be a way to lose the key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Why a key was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a private key on P-256 in PKCS #8.
    #[error("reading a signing key: it is not a P-256 key in PKCS #8 (DER)")]
    Pkcs8,
    /// Another type, curve, use or algorithm.
    #[error(
        "reading a public key: it must have kty EC, crv P-256, and if given use sig and alg ES256"
    )]
    NotEs256,
    /// The private part was sent along.
    #[error(
        "reading a public key: it holds the private part `d`; make a new key and send `x` and `y` only"
    )]
    Private,
    /// `x` and `y` are no point.
    #[error("reading a public key: x and y are not 32 bytes each that form a point on P-256")]
    Point,
}

/// A public key as it stands in a key set (JWK, RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `EC`.
    pub kty: String,
    /// `P-256`.
    pub crv: String,
    /// First coordinate, base64url.
    pub x: String,
    /// Second coordinate, base64url.
    pub y: String,
    /// The key's name; clients' keys may go without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `ES256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// A private part, which nobody may send; noticed and refused.
    #[serde(default, skip_serializing)]
    d: Option<Private>,
}

/// Something private that was sent and is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Private;

impl<'de> Deserialize<'de> for Private {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(|_| Private)
    }
}

/// A set of public keys (RFC 7517, 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// A public key that signatures can be checked with.
#[derive(Clone)]
pub struct PublicKey {
    jwk: Jwk,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When it is no public key for ES256.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.d.is_some() {
            return Err(KeyError::Private);
        }
        let (alg, usage) = (jwk.alg.as_deref(), jwk.usage.as_deref());
        let fits = jwk.kty == "EC"
            && jwk.crv == "P-256"
            && alg.is_none_or(|a| a == "ES256")
            && usage.is_none_or(|u| u == "sig");
        if !fits {
            return Err(KeyError::NotEs256);
        }
        let coordinate = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok();
            bytes.filter(|b| b.len() == 32).ok_or(KeyError::Point)
        };
        let point = [vec![4], coordinate(&jwk.x)?, coordinate(&jwk.y)?].concat();
        let parsed =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyError::Point)?;
        Ok(Self {
            jwk: jwk.clone(),
            parsed,
        })
    }

    /// The key's name, if it has one. The provider's own keys always have.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.jwk.kid.as_deref()
    }

    /// The key as it stands in a key set.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(signed, signature).is_ok()
    }

    pub(crate) fn same_point(&self, other: &PublicKey) -> bool {
        (&self.jwk.x, &self.jwk.y) == (&other.jwk.x, &other.jwk.y)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.jwk.kid).finish()
    }
}

/// A key the provider signs with. Its name is its thumbprint (RFC 7638), so that two keys never
/// share a name.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
    kid: String,
}

impl SigningKey {
    /// Reads a private key on P-256 in PKCS #8 (DER).
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyError::Pkcs8)?;
        let point = pair.public_key().as_ref();
        let (Some(4), Some(x), Some(y)) = (point.first(), point.get(1..33), point.get(33..65))
        else {
            return Err(KeyError::Pkcs8);
        };
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
        let public = PublicKey::from_jwk(&Jwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x,
            y,
            kid: Some(kid.clone()),
            alg: Some("ES256".to_owned()),
            usage: Some("sig".to_owned()),
            d: None,
        })?;
        Ok(Self { pair, public, kid })
    }

    /// The key's name: 43 characters.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature over `signed`: 64 bytes; `None` if the library failed.
    pub(crate) fn sign(&self, signed: &[u8]) -> Option<Vec<u8>> {
        let signature = self.pair.sign(&SystemRandom::new(), signed).ok()?;
        Some(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.kid).finish()
    }
}
