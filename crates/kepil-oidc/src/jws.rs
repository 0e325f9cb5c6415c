//! Signed tokens in compact form (JWS, RFC 7515), ES256 only.

use crate::key::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest token that is read, in bytes.
const MOST_BYTES: usize = 8 * 1024;

/// Why a token could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum JwsError {
    #[error("reading a token: it is no signed JWT in compact form")]
    Shape,
    #[error("reading a token: its algorithm is not ES256")]
    Algorithm,
}

/// Why a token could not be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The claims could not be written.
    #[error("writing the claims of a token")]
    Claims(#[source] serde_json::Error),
    /// The cryptographic library failed.
    #[error("signing a token with the key `{kid}`")]
    Key {
        /// The key.
        kid: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// No extension is understood, so none is taken (RFC 7515, 4.1.11).
    #[serde(default, skip_serializing)]
    crit: Option<serde::de::IgnoredAny>,
}

impl Header {
    /// Whether the type is `typ`, with or without `application/` (RFC 7515, 4.1.9).
    pub fn is(&self, typ: &str) -> bool {
        self.typ.as_deref().is_some_and(|t| {
            let t = t.to_ascii_lowercase();
            t.strip_prefix("application/").unwrap_or(&t) == typ
        })
    }
}

/// A token that was taken apart and not yet believed.
pub(crate) struct Jws<'a> {
    pub header: Header,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub fn read(compact: &'a str) -> Result<Self, JwsError> {
        if compact.len() > MOST_BYTES {
            return Err(JwsError::Shape);
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or(JwsError::Shape)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Shape)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Shape);
        let header: Header =
            serde_json::from_slice(&bytes(header)?).map_err(|_| JwsError::Shape)?;
        if header.alg != "ES256" {
            return Err(JwsError::Algorithm);
        }
        if header.crit.is_some() {
            return Err(JwsError::Shape);
        }
        Ok(Self {
            header,
            signed,
            payload: bytes(payload)?,
            signature: bytes(signature)?,
        })
    }

    pub fn verifies(&self, key: &PublicKey) -> bool {
        key.verifies(self.signed.as_bytes(), &self.signature)
    }

    /// What the token says, believed or not. A member that stands twice is an error.
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.payload).ok()
    }
}

pub(crate) fn sign(
    key: &SigningKey,
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, SignError> {
    let header = Header {
        alg: "ES256".to_owned(),
        typ: Some(typ.to_owned()),
        kid: Some(key.kid().to_owned()),
        crit: None,
    };
    let part = |json: Result<Vec<u8>, serde_json::Error>| {
        json.map(|j| URL_SAFE_NO_PAD.encode(j))
            .map_err(SignError::Claims)
    };
    let header = part(serde_json::to_vec(&header))?;
    let signed = format!("{header}.{}", part(serde_json::to_vec(claims))?);
    let signature = key.sign(signed.as_bytes()).ok_or_else(|| SignError::Key {
        kid: key.kid().to_owned(),
    })?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
