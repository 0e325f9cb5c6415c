//! Client authentication with `private_key_jwt` (RFC 7523, 3; OpenID Core 9).

use crate::client::Client;
use crate::jws::{Jws, JwsError};
use crate::provider::{Endpoint, Op, SKEW_SECS};
use crate::replay::ReplayStore;
use crate::store::StoreError;
use serde::Deserialize;
use std::sync::Arc;

/// The assertion type of RFC 7523, 2.2.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead an assertion may expire, in seconds.
pub const ASSERTION_SECS: u64 = 300;

/// Why an assertion does not authenticate a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// No signed JWT, or without `iss`, `sub`, `aud` or `exp`.
    #[error("the assertion must be a signed JWT with iss, sub, aud, exp and jti")]
    Shape,
    /// Another type of token.
    #[error("the assertion is a token of another type")]
    Type,
    /// Signed otherwise than with ES256, or not at all.
    #[error("the assertion must be signed with ES256")]
    Algorithm,
    /// `iss` is not `sub`, or the form names another client.
    #[error(
        "iss and sub of the assertion must both be the client's id, and so must client_id if it is sent"
    )]
    Issuer,
    /// No such client. Worded as [`AssertionError::Signature`], so that nobody learns which.
    #[error("the assertion does not come from a registered client with its registered key")]
    UnknownClient,
    /// Not signed with a key of the client.
    #[error("the assertion does not come from a registered client with its registered key")]
    Signature,
    /// For somebody else.
    #[error("the assertion is for another audience; use the issuer")]
    Audience,
    /// Over.
    #[error("the assertion has expired; sign a new one")]
    Expired,
    /// Expires too late.
    #[error("the assertion lives too long; let it expire within {ASSERTION_SECS} seconds")]
    FarExpiry,
    /// Begins in the future.
    #[error("the assertion begins in the future; check the clock")]
    NotYet,
    /// No `jti`, or a long one.
    #[error("the assertion must have a jti of 1 to 128 characters")]
    NoJti,
    /// Used before.
    #[error("the assertion was used before; sign a new one with a new jti")]
    Replayed {
        /// The client that signed it.
        client: Arc<Client>,
    },
    /// The store of used assertions does not answer.
    #[error("looking whether the assertion was used before")]
    Store(#[source] StoreError),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    iat: Option<u64>,
    nbf: Option<u64>,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Finds the client that signed an assertion and checks everything about it. `client_id` is the
/// parameter of the form, if it was sent. A good assertion is used up.
///
/// # Errors
/// With the first thing that is wrong.
pub fn authenticate(
    op: &Op<'_>,
    replay: &impl ReplayStore,
    assertion: &str,
    client_id: Option<&str>,
    now_secs: u64,
) -> Result<Arc<Client>, AssertionError> {
    let jws = Jws::read(assertion).map_err(|e| match e {
        JwsError::Shape => AssertionError::Shape,
        JwsError::Algorithm => AssertionError::Algorithm,
    })?;
    let header = &jws.header;
    if !(header.typ.is_none() || header.is("jwt") || header.is("client-authentication+jwt")) {
        return Err(AssertionError::Type);
    }
    let claims: Claims = jws.claims().ok_or(AssertionError::Shape)?;

    // Who signed it?
    if claims.iss != claims.sub || client_id.is_some_and(|id| id != claims.sub) {
        return Err(AssertionError::Issuer);
    }
    let client = op.register.find(&claims.sub);
    let client = client.ok_or(AssertionError::UnknownClient)?;
    let kid = header.kid.as_deref();
    let mut keys = client.keys().iter().filter(|k| {
        // A key without a name is tried for any name; a named one only for its own.
        kid.is_none() || k.kid().is_none() || k.kid() == kid
    });
    if !keys.any(|key| jws.verifies(key)) {
        return Err(AssertionError::Signature);
    }

    // Is it for us, and for now?
    in_time(&claims, now_secs)?;
    if !is_for_us(op, &claims.aud) {
        return Err(AssertionError::Audience);
    }

    // Is it new? Asked last, so that only good assertions are remembered.
    let jti = claims
        .jti
        .as_deref()
        .filter(|j| (1..=128).contains(&j.len()));
    let jti = jti.ok_or(AssertionError::NoJti)?;
    let until = claims.exp.saturating_add(SKEW_SECS);
    let first = replay
        .first_use(client.id(), jti, until, now_secs)
        .map_err(AssertionError::Store)?;
    if !first {
        let client = client.clone();
        return Err(AssertionError::Replayed { client });
    }
    Ok(client.clone())
}

fn in_time(claims: &Claims, now_secs: u64) -> Result<(), AssertionError> {
    let late = now_secs.saturating_add(SKEW_SECS);
    if claims.exp.saturating_add(SKEW_SECS) <= now_secs {
        return Err(AssertionError::Expired);
    }
    if claims.exp > late.saturating_add(ASSERTION_SECS) {
        return Err(AssertionError::FarExpiry);
    }
    if claims.iat.is_some_and(|t| t > late) || claims.nbf.is_some_and(|t| t > late) {
        return Err(AssertionError::NotYet);
    }
    Ok(())
}

/// Every audience must be ours: an assertion that is good elsewhere too could be passed on.
fn is_for_us(op: &Op<'_>, audience: &Audience) -> bool {
    let token = op.provider.uri(Endpoint::Token);
    let ours = |aud: &String| aud == op.provider.issuer() || *aud == token;
    match audience {
        Audience::One(aud) => ours(aud),
        Audience::Many(all) => !all.is_empty() && all.iter().all(ours),
    }
}
