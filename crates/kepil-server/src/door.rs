//! The door: who is asking. Client credentials with `private_key_jwt` (RFC 7523) against a
//! short-lived opaque token, so that a request costs one hash and no signature check.

use crate::problem::Problem;
use crate::register::{Register, System};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The assertion type of RFC 7523.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SKEW_SECS: u64 = 30;

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    #[serde(default)]
    iat: Option<u64>,
    jti: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn has(&self, one_of: &[String]) -> bool {
        match self {
            Audience::One(a) => one_of.contains(a),
            Audience::Many(list) => list.iter().any(|a| one_of.contains(a)),
        }
    }
}

/// The form a client sends to the token endpoint.
#[derive(Debug, Deserialize)]
pub struct TokenForm {
    /// Must be `client_credentials`.
    #[serde(default)]
    pub grant_type: String,
    /// Must be [`ASSERTION_TYPE`].
    #[serde(default)]
    pub client_assertion_type: String,
    /// The signed assertion.
    #[serde(default)]
    pub client_assertion: String,
}

/// The answer of the token endpoint.
#[derive(Debug, Serialize)]
pub struct TokenAnswer {
    /// The token.
    pub access_token: String,
    /// Bearer.
    pub token_type: &'static str,
    /// Lifetime in seconds.
    pub expires_in: u64,
}

/// Why no token was issued, in the words of RFC 6749.
#[derive(Debug, Serialize)]
pub struct TokenRefusal {
    /// `invalid_request`, `invalid_client` or `unsupported_grant_type`.
    pub error: &'static str,
    /// What is wrong.
    pub error_description: String,
}

#[derive(Debug, Clone)]
struct Grant {
    system: String,
    until: u64,
}

/// Tokens that are out, and assertions that were used.
#[derive(Debug, Default)]
pub struct Door {
    grants: RwLock<HashMap<[u8; 32], Grant>>,
    used: Mutex<HashMap<String, u64>>,
    audiences: Vec<String>,
    ttl_secs: u64,
    assertion_secs: u64,
}

impl Door {
    /// A door for a node at `public_url`.
    #[must_use]
    pub fn new(public_url: &str, ttl_secs: u64, assertion_secs: u64) -> Self {
        let audiences = vec![public_url.to_owned(), format!("{public_url}/oauth/token")];
        Self {
            audiences,
            ttl_secs,
            assertion_secs,
            ..Self::default()
        }
    }

    /// Issues a token for a good assertion. `now` is wall time in seconds; `random` fills bytes.
    ///
    /// # Errors
    /// With the refusal to send.
    pub fn issue(
        &self,
        form: &TokenForm,
        register: &Register,
        now: u64,
        random: [u8; 32],
    ) -> Result<TokenAnswer, TokenRefusal> {
        let refuse = |error, d: &str| {
            Err(TokenRefusal {
                error,
                error_description: d.to_owned(),
            })
        };
        if form.grant_type != "client_credentials" {
            return refuse(
                "unsupported_grant_type",
                "send grant_type=client_credentials",
            );
        }
        if form.client_assertion_type != ASSERTION_TYPE {
            return refuse(
                "invalid_request",
                "send client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer and a client_assertion",
            );
        }
        let (system, claims) = self.check(&form.client_assertion, register, now)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, exp| *exp + SKEW_SECS >= now);
        let seen = format!("{} {}", claims.iss, claims.jti);
        // An entry is never overwritten: a later assertion with the jti must not shorten its time.
        if used.contains_key(&seen) {
            return refuse(
                "invalid_client",
                "the assertion was used before; sign a new one with a new jti",
            );
        }
        used.insert(seen, claims.exp);
        drop(used);
        let token = URL_SAFE_NO_PAD.encode(random);
        let mut grants = self.grants.write().unwrap_or_else(PoisonError::into_inner);
        grants.retain(|_, g| g.until > now);
        grants.insert(
            digest(&token),
            Grant {
                system: system.id.clone(),
                until: now + self.ttl_secs,
            },
        );
        Ok(TokenAnswer {
            access_token: token,
            token_type: "Bearer",
            expires_in: self.ttl_secs,
        })
    }

    fn check(
        &self,
        assertion: &str,
        register: &Register,
        now: u64,
    ) -> Result<(Arc<System>, Claims), TokenRefusal> {
        let refuse = |d: &str| TokenRefusal {
            error: "invalid_client",
            error_description: d.to_owned(),
        };
        // One answer for an unknown system, an unknown key and a bad signature: nobody learns which.
        let unknown = || {
            refuse("the assertion does not come from a registered system with its registered key")
        };
        let (claims_text, header) =
            split(assertion).ok_or_else(|| refuse("the assertion is not a signed JWT"))?;
        let claims: Claims = serde_json::from_slice(&claims_text)
            .map_err(|_| refuse("the assertion must hold iss, sub, aud, exp and jti"))?;
        let system = register.system(&claims.iss).cloned().ok_or_else(unknown)?;
        let verified = system
            .keys
            .iter()
            .any(|key| verifies(assertion, &header, key));
        if !verified || claims.iss != claims.sub {
            return Err(unknown());
        }
        if !claims.aud.has(&self.audiences) {
            return Err(refuse(
                "the assertion is for another audience; use this node's public address",
            ));
        }
        if claims.exp.saturating_add(SKEW_SECS) < now {
            return Err(refuse("the assertion has expired; sign a new one"));
        }
        if claims.exp > now + self.assertion_secs + SKEW_SECS
            || claims.iat.is_some_and(|iat| iat > now + SKEW_SECS)
        {
            return Err(refuse(
                "the assertion lives too long or begins in the future; check the clock",
            ));
        }
        if claims.jti.is_empty() || claims.jti.len() > 128 {
            return Err(refuse("the assertion's jti must have 1 to 128 characters"));
        }
        Ok((system, claims))
    }

    /// The system behind a request's token.
    ///
    /// # Errors
    /// 401 when there is no valid token.
    pub fn who(
        &self,
        headers: &HeaderMap,
        register: &Register,
        now: u64,
    ) -> Result<Arc<System>, Problem> {
        let refuse = || {
            Problem::unauthorized(
                "send `Authorization: Bearer …` with a token from /oauth/token; tokens live some minutes",
            )
        };
        let value = headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .ok_or_else(refuse)?;
        let (scheme, token) = value.split_once(' ').ok_or_else(refuse)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refuse());
        }
        let grants = self.grants.read().unwrap_or_else(PoisonError::into_inner);
        let grant = grants
            .get(&digest(token))
            .filter(|g| g.until > now)
            .ok_or_else(refuse)?;
        // As the register knows it now: a system that was taken out has no token any more.
        register.system(&grant.system).cloned().ok_or_else(refuse)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn split(jwt: &str) -> Option<(Vec<u8>, jsonwebtoken::Header)> {
    let header = jsonwebtoken::decode_header(jwt).ok()?;
    let mut parts = jwt.split('.');
    let claims = URL_SAFE_NO_PAD.decode(parts.nth(1)?).ok()?;
    Some((claims, header))
}

fn verifies(jwt: &str, header: &jsonwebtoken::Header, key: &serde_json::Value) -> bool {
    let algorithm = match header.alg {
        a @ (Algorithm::ES256 | Algorithm::EdDSA) => a,
        _ => return false,
    };
    let Ok(jwk) = serde_json::from_value::<Jwk>(key.clone()) else {
        return false;
    };
    let Ok(key) = DecodingKey::from_jwk(&jwk) else {
        return false;
    };
    // Times and audience are checked by us, with the clock that was passed in.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<serde_json::Value>(jwt, &key, &validation).is_ok()
}
