//! Userinfo (OpenID Core 5.3): the only place where attributes leave.
//!
//! [`Opened::read`] says whose attributes may be released to whom, and on which norm. The server
//! then asks the gate, writes its row in the ledger, fetches the values, and lets
//! [`Opened::answer`] put them together.

use crate::client::Client;
use crate::code::{CodeStore, TokenId};
use crate::form::Form;
use crate::id::{AttributeName, Norm, PersonId};
use crate::iin::contains_iin;
use crate::jws::Jws;
use crate::provider::{Op, SKEW_SECS};
use crate::sector::Subject;
use crate::store::StoreError;
use crate::token::{ACCESS_TYPE, AccessClaims};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why userinfo was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserinfoError {
    /// There is no bearer token in the `Authorization` header.
    #[error("opening userinfo: there is no bearer token in the Authorization header")]
    NoToken,
    /// The token stands in the query, where logs and histories keep it.
    #[error("opening userinfo: the token stands in the query; send it in the Authorization header")]
    InQuery,
    /// Not an access token: an ID token, or something else.
    #[error("opening userinfo: the token is no access token")]
    Type,
    /// Not signed here, or altered.
    #[error("opening userinfo: the token was not signed by this provider")]
    Signature,
    /// For somebody else.
    #[error("opening userinfo: the token is for another audience")]
    Audience,
    /// Over.
    #[error("opening userinfo: the token has expired")]
    Expired,
    /// Revoked, or nobody remembers it.
    #[error("opening userinfo: the token is revoked or unknown")]
    Revoked,
    /// The client is no longer registered.
    #[error("opening userinfo: the client is no longer registered")]
    Client,
    /// The store does not answer.
    #[error("opening userinfo")]
    Store(#[source] StoreError),
}

impl UserinfoError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            UserinfoError::Store(_) => 503,
            _ => 401,
        }
    }

    /// The value of `WWW-Authenticate` for status 401 (RFC 6750, 3). Why a token is invalid stays
    /// with us.
    #[must_use]
    pub fn www_authenticate(&self) -> &'static str {
        match self {
            UserinfoError::NoToken | UserinfoError::InQuery => "Bearer",
            _ => r#"Bearer error="invalid_token""#,
        }
    }
}

/// A request to userinfo, GET or POST, as the server received it.
#[derive(Clone, Copy, Default)]
pub struct UserinfoRequest<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The query, without the `?`.
    pub query: &'a str,
}

impl fmt::Debug for UserinfoRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserinfoRequest(..)")
    }
}

/// What may be released. INVARIANT: made by [`Opened::read`] only.
#[derive(Debug)]
pub struct Opened {
    person: PersonId,
    subject: Subject,
    client: Arc<Client>,
    attributes: BTreeMap<AttributeName, Norm>,
}

/// Why an answer was not put together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// Something that looks like an IIN stands in another attribute.
    #[error("putting userinfo together: the attribute `{name}` holds what looks like an IIN")]
    Iin {
        /// The attribute.
        name: AttributeName,
    },
}

impl Opened {
    /// Checks an access token. An attribute is open if the person agreed to it and the client's
    /// entry, as the register knows it now, names a norm for it; the IIN only with `iin_release`.
    ///
    /// # Errors
    /// With the first thing that is wrong with the token.
    pub fn read(
        op: &Op<'_>,
        codes: &impl CodeStore,
        request: UserinfoRequest<'_>,
        now_secs: u64,
    ) -> Result<Self, UserinfoError> {
        // A query that cannot be read may hide a token as well.
        if Form::read(request.query.as_bytes()).map_or(true, |f| f.has("access_token")) {
            return Err(UserinfoError::InQuery);
        }
        let token = request.authorization.and_then(bearer);
        let claims = checked(op, token.ok_or(UserinfoError::NoToken)?, now_secs)?;
        let grant = codes
            .behind(&TokenId::of(&claims.jti), now_secs)
            .map_err(UserinfoError::Store)?
            .filter(|g| g.client.as_str() == claims.client_id && g.subject == claims.sub)
            .ok_or(UserinfoError::Revoked)?;
        let client = op.register.find(&claims.client_id);
        let client = client.ok_or(UserinfoError::Client)?.clone();
        let with_norm = |name: AttributeName| {
            let norm = client.norm_for(&name)?.clone();
            Some((name, norm))
        };
        Ok(Self {
            person: grant.person,
            subject: grant.subject,
            attributes: grant.attributes.into_iter().filter_map(with_norm).collect(),
            client,
        })
    }

    /// The person, for the server's own registers.
    #[must_use]
    pub fn person(&self) -> PersonId {
        self.person
    }

    /// The client that asks.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What may be released, each with its norm.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<AttributeName, Norm> {
        &self.attributes
    }

    /// The answer: `sub`, and of `values` what may be released. Anything else is left out.
    ///
    /// # Errors
    /// When a released attribute other than the IIN holds what looks like an IIN.
    pub fn answer(
        &self,
        values: BTreeMap<AttributeName, Value>,
    ) -> Result<Map<String, Value>, AnswerError> {
        let mut answer = Map::new();
        answer.insert("sub".to_owned(), Value::from(self.subject.as_str()));
        for (name, value) in values {
            if !self.attributes.contains_key(&name) {
                continue;
            }
            if !name.is_iin() && contains_iin(&value.to_string()) {
                return Err(AnswerError::Iin { name });
            }
            answer.insert(name.into(), value);
        }
        Ok(answer)
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, 2.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn checked(op: &Op<'_>, token: &str, now_secs: u64) -> Result<AccessClaims, UserinfoError> {
    let jws = Jws::read(token).map_err(|_| UserinfoError::Type)?;
    if !jws.header.is(ACCESS_TYPE) {
        return Err(UserinfoError::Type);
    }
    if !op.keys.signed(&jws, now_secs) {
        return Err(UserinfoError::Signature);
    }
    let claims: AccessClaims = jws.claims().ok_or(UserinfoError::Type)?;
    if claims.iss != op.provider.issuer() || claims.aud != op.provider.issuer() {
        return Err(UserinfoError::Audience);
    }
    let from_the_future = claims.iat > now_secs.saturating_add(SKEW_SECS);
    if claims.exp <= now_secs || from_the_future {
        return Err(UserinfoError::Expired);
    }
    Ok(claims)
}
