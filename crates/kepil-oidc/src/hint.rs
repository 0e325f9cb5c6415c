//! ID tokens that come back as hints (`id_token_hint`).

use crate::client::Client;
use crate::jws::Jws;
use crate::provider::Op;
use crate::sector::Subject;
use serde::Deserialize;
use std::sync::Arc;

/// Why a hint is no ID token of this provider.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("reading id_token_hint: it is no ID token that this provider gave to a registered client")]
pub struct HintError;

/// Whom a hint names. It may have expired: it says who is meant, and opens nothing.
pub(crate) struct Hint {
    pub client: Arc<Client>,
    pub subject: Subject,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Subject,
}

pub(crate) fn read(op: &Op<'_>, token: &str, now_secs: u64) -> Result<Hint, HintError> {
    let jws = Jws::read(token).map_err(|_| HintError)?;
    if !jws.header.is("jwt") || !op.keys.signed(&jws, now_secs) {
        return Err(HintError);
    }
    let claims: Claims = jws.claims().ok_or(HintError)?;
    if claims.iss != op.provider.issuer() {
        return Err(HintError);
    }
    Ok(Hint {
        client: op.register.find(&claims.aud).ok_or(HintError)?.clone(),
        subject: claims.sub,
    })
}
