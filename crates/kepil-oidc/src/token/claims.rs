//! What stands in tokens. INVARIANT: there is no member for an attribute, so no token can carry
//! one, and the IIN never stands beside a pairwise `sub`.

use crate::assurance::{Acr, Amr};
use crate::code::{Grant, TokenId};
use crate::ring::TOKEN_SECS;
use crate::sector::Subject;
use serde::{Deserialize, Serialize};

/// The type of access tokens (RFC 9068, 2.1). It keeps ID tokens out of userinfo, and access
/// tokens out of hints.
pub(crate) const ACCESS_TYPE: &str = "at+jwt";

/// An ID token (OpenID Core 2).
#[derive(Serialize)]
pub(super) struct IdClaims<'a> {
    iss: &'a str,
    sub: &'a Subject,
    aud: &'a str,
    iat: u64,
    exp: u64,
    auth_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: Acr,
    amr: &'a [Amr],
}

impl<'a> IdClaims<'a> {
    pub fn new(issuer: &'a str, grant: &'a Grant, now_secs: u64) -> Self {
        Self {
            iss: issuer,
            sub: &grant.subject,
            aud: grant.client.as_str(),
            iat: now_secs,
            exp: now_secs.saturating_add(TOKEN_SECS),
            auth_time: grant.auth_time_secs,
            nonce: grant.nonce.as_deref(),
            acr: grant.acr,
            amr: &grant.amr,
        }
    }
}

/// An access token (RFC 9068, 2.2), for userinfo only.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub iss: String,
    pub sub: Subject,
    pub aud: String,
    pub client_id: String,
    pub iat: u64,
    pub exp: u64,
    pub jti: String,
    scope: String,
}

impl AccessClaims {
    pub fn new(issuer: &str, grant: &Grant, token: &TokenId, now_secs: u64) -> Self {
        let attributes = grant.attributes.iter().map(|a| a.as_str());
        let scopes: Vec<&str> = std::iter::once("openid").chain(attributes).collect();
        Self {
            iss: issuer.to_owned(),
            sub: grant.subject.clone(),
            aud: issuer.to_owned(),
            client_id: grant.client.as_str().to_owned(),
            iat: now_secs,
            exp: now_secs.saturating_add(TOKEN_SECS),
            jti: token.as_str().to_owned(),
            scope: scopes.join(" "),
        }
    }

    pub fn scope(&self) -> &str {
        &self.scope
    }
}
