//! The token endpoint (RFC 6749 4.1.3 and 5, RFC 7636 4.6, OpenID Core 3.1.3).

mod claims;

pub(crate) use claims::{ACCESS_TYPE, AccessClaims};

use crate::assertion::{ASSERTION_TYPE, AssertionError, authenticate};
use crate::client::Client;
use crate::code::{CODE_SECS, CodeHash, CodeStore, Grant, Taken, TokenId};
use crate::event::SecurityEvent;
use crate::form::{Form, FormError};
use crate::jws::SignError;
use crate::provider::Op;
use crate::replay::ReplayStore;
use crate::ring::TOKEN_SECS;
use crate::store::StoreError;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use claims::IdClaims;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;

/// Headers of every answer of the token endpoint, good or bad (RFC 6749, 5.1).
pub const HEADERS: [(&str, &str); 2] = [("cache-control", "no-store"), ("pragma", "no-cache")];

/// A request to the token endpoint, as the server received it.
#[derive(Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The body of the POST.
    pub body: &'a [u8],
    /// Whether it came with an `Authorization` header: a client secret, which is never taken.
    pub has_authorization_header: bool,
}

impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRequest(..)")
    }
}

/// What the client receives, as JSON with [`HEADERS`].
#[derive(Serialize)]
pub struct TokenAnswer {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    id_token: String,
    scope: String,
}

impl TokenAnswer {
    /// The access token, for userinfo only.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// The ID token.
    #[must_use]
    pub fn id_token(&self) -> &str {
        &self.id_token
    }

    /// What was granted: `openid` and the names of attributes.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAnswer(..)")
    }
}

/// Why no token was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The form cannot be read.
    #[error("the form cannot be read")]
    Form(#[source] FormError),
    /// A parameter stands there twice.
    #[error("a parameter was sent twice")]
    Repeated,
    /// A parameter is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Another grant than a code.
    #[error("grant_type must be authorization_code")]
    Grant,
    /// A client secret, or no authentication.
    #[error("authenticate with private_key_jwt")]
    NoAssertion,
    /// The assertion is wrong.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// The code was never given, or long ago.
    #[error("the code is not valid")]
    Code,
    /// The code came twice.
    #[error("the code is not valid")]
    CodeReused,
    /// The code was made for another client.
    #[error("the code is not valid")]
    CodeOfAnother,
    /// The code is older than [`CODE_SECS`].
    #[error("the code is not valid")]
    CodeExpired,
    /// The redirect address is missing or another one.
    #[error("redirect_uri must be the one the code was sent to")]
    Redirect,
    /// The verifier is missing, malformed or does not fit the challenge.
    #[error("code_verifier does not fit the challenge")]
    Verifier,
    /// A store does not answer.
    #[error("the provider cannot answer now")]
    Store(#[source] StoreError),
    /// A token could not be signed.
    #[error("the provider cannot answer now")]
    Sign(#[source] SignError),
}

impl TokenError {
    /// The error code of RFC 6749, 5.2. `server_error` stands for what is our fault.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TokenError::Form(_) | TokenError::Repeated | TokenError::Missing(_) => {
                "invalid_request"
            }
            TokenError::Grant => "unsupported_grant_type",
            TokenError::Store(_)
            | TokenError::Sign(_)
            | TokenError::Assertion(AssertionError::Store(_)) => "server_error",
            TokenError::NoAssertion | TokenError::Assertion(_) => "invalid_client",
            TokenError::Code
            | TokenError::CodeReused
            | TokenError::CodeOfAnother
            | TokenError::CodeExpired
            | TokenError::Redirect
            | TokenError::Verifier => "invalid_grant",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.code() {
            "invalid_client" => 401,
            "server_error" => 503,
            _ => 400,
        }
    }
}

/// A refusal, and what the operator must hear of it.
#[derive(Debug, thiserror::Error)]
#[error("giving tokens for a code")]
pub struct TokenRefusal {
    /// What is wrong.
    #[source]
    pub error: TokenError,
    /// The security event, if it is one.
    pub event: Option<SecurityEvent>,
}

/// The body of a refusal: JSON (RFC 6749, 5.2). The status is [`TokenError::status`].
#[derive(Debug, Serialize)]
pub struct TokenRefusalBody {
    error: &'static str,
    error_description: String,
}

impl TokenRefusal {
    /// What the client receives, with [`HEADERS`].
    #[must_use]
    pub fn body(&self) -> TokenRefusalBody {
        TokenRefusalBody {
            error: self.error.code(),
            error_description: self.error.to_string(),
        }
    }
}

impl From<TokenError> for TokenRefusal {
    fn from(error: TokenError) -> Self {
        let event = match &error {
            TokenError::Assertion(AssertionError::Replayed { client }) => {
                let client = client.id().clone();
                Some(SecurityEvent::AssertionReplayed { client })
            }
            _ => None,
        };
        Self { error, event }
    }
}

/// Gives tokens for a code. `token` names the access token; make it from new random bytes.
///
/// # Errors
/// With the refusal to send.
pub fn exchange(
    op: &Op<'_>,
    codes: &impl CodeStore,
    replay: &impl ReplayStore,
    request: TokenRequest<'_>,
    token: &TokenId,
    now_secs: u64,
) -> Result<TokenAnswer, TokenRefusal> {
    let form = Form::read(request.body).map_err(TokenError::Form)?;
    if form.repeats_any() {
        return Err(TokenError::Repeated.into());
    }
    match form.get("grant_type") {
        Some("authorization_code") => {}
        Some(_) => return Err(TokenError::Grant.into()),
        None => return Err(TokenError::Missing("grant_type").into()),
    }

    // Who asks?
    let assertion = assertion(&form, request.has_authorization_header)?;
    let client = authenticate(op, replay, assertion, form.get("client_id"), now_secs)
        .map_err(TokenError::from)?;

    // For which code? Presented by a client that is who it says, the code is spent, come what may.
    let code = form.get("code").ok_or(TokenError::Missing("code"))?;
    let code = CodeHash::of(code);
    let taken = codes
        .take(&code, token, now_secs)
        .map_err(TokenError::Store)?;
    let grant = first_use(codes, &code, taken, &client)?;
    if let Err(refusal) = fits(&form, &grant, now_secs) {
        codes.revoke(&code).map_err(TokenError::Store)?;
        return Err(refusal);
    }
    sign(op, &grant, token, now_secs).map_err(|e| TokenError::Sign(e).into())
}

fn assertion(form: &Form, header: bool) -> Result<&str, TokenError> {
    let typ = form.get("client_assertion_type");
    if header || form.get("client_secret").is_some() || typ != Some(ASSERTION_TYPE) {
        return Err(TokenError::NoAssertion);
    }
    form.get("client_assertion").ok_or(TokenError::NoAssertion)
}

fn first_use(
    codes: &impl CodeStore,
    code: &CodeHash,
    taken: Taken,
    client: &Client,
) -> Result<Box<Grant>, TokenRefusal> {
    let refuse = |error, event| Err(TokenRefusal { error, event });
    let id = || client.id().clone();
    match taken {
        Taken::Unknown => refuse(TokenError::Code, None),
        Taken::First(grant) if grant.client == *client.id() => Ok(grant),
        // It was stolen, or sent to the wrong one. Nobody gets anything for it.
        Taken::First(grant) => {
            codes.revoke(code).map_err(TokenError::Store)?;
            let event = SecurityEvent::CodeOfAnother {
                client: id(),
                owner: grant.client,
            };
            refuse(TokenError::CodeOfAnother, Some(event))
        }
        Taken::Again(grant) => {
            let event = SecurityEvent::CodeReused {
                client: id(),
                owner: grant.client,
            };
            refuse(TokenError::CodeReused, Some(event))
        }
    }
}

/// Age, address and verifier.
fn fits(form: &Form, grant: &Grant, now_secs: u64) -> Result<(), TokenRefusal> {
    if now_secs > grant.issued_secs.saturating_add(CODE_SECS) {
        return Err(TokenError::CodeExpired.into());
    }
    if form.get("redirect_uri") != Some(grant.redirect_uri.as_str()) {
        return Err(TokenError::Redirect.into());
    }
    let verifier = form.get("code_verifier").filter(|v| is_verifier(v));
    let hash = verifier.map(|v| Sha256::digest(v.as_bytes()));
    match hash {
        None => Err(TokenError::Verifier.into()),
        Some(hash) if verify_slices_are_equal(&hash, &grant.challenge).is_ok() => Ok(()),
        Some(_) => Err(TokenRefusal {
            error: TokenError::Verifier,
            event: Some(SecurityEvent::WrongVerifier {
                client: grant.client.clone(),
            }),
        }),
    }
}

/// 43 to 128 unreserved characters (RFC 7636, 4.1).
fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

fn sign(
    op: &Op<'_>,
    grant: &Grant,
    token: &TokenId,
    now_secs: u64,
) -> Result<TokenAnswer, SignError> {
    let issuer = op.provider.issuer();
    let access = AccessClaims::new(issuer, grant, token, now_secs);
    Ok(TokenAnswer {
        access_token: op.keys.sign(ACCESS_TYPE, &access)?,
        token_type: "Bearer",
        expires_in: TOKEN_SECS,
        id_token: op
            .keys
            .sign("JWT", &IdClaims::new(issuer, grant, now_secs))?,
        scope: access.scope().to_owned(),
    })
}
