//! The authorisation endpoint (OpenID Core 3.1.2, RFC 6749 4.1.1, RFC 7636 4.3).
//!
//! [`Authorization::read`] reads a request. [`Authorization::next`] says what the page must do,
//! from what the server knows of the visitor; the server asks again after each step. Only its
//! answer [`Next::Answer`] can issue a code.
//!
//! Between the steps the server keeps the query as it came, in a row of its own for each request,
//! so that two tabs never mix.

mod next;
mod refusal;

pub use next::{Answer, Approval, GRACE_SECS, Next, REQUEST_SECS, SignInAsk, Visit};
pub use refusal::{AuthorizeError, ErrorCode, PageError, Refusal};

use crate::assurance::Acr;
use crate::client::Client;
use crate::form::Form;
use crate::hint;
use crate::id::{AttributeName, Norm};
use crate::provider::{Op, Provider};
use crate::sector::Subject;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kepil_terms::Lang;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The longest `nonce` that is taken, in bytes; it travels in the ID token.
const MOST_NONCE_BYTES: usize = 512;

/// Where an answer goes. INVARIANT: the address is registered for the client.
#[derive(Clone)]
pub(crate) struct ReturnTo {
    issuer: String,
    redirect_uri: String,
    state: Option<String>,
}

impl ReturnTo {
    /// The address with `first`, then `state` and `iss` (RFC 9207).
    fn with<'a>(&'a self, first: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let state = self.state.as_deref().map(|s| ("state", s));
        let iss = [("iss", self.issuer.as_str())];
        crate::form::with_query(
            &self.redirect_uri,
            first.into_iter().chain(state).chain(iss),
        )
    }
}

/// A valid request. It gives nothing yet.
#[derive(Clone)]
pub struct Authorization {
    client: Arc<Client>,
    back: ReturnTo,
    nonce: Option<String>,
    challenge: [u8; 32],
    attributes: BTreeSet<AttributeName>,
    prompt: Prompt,
    /// The stricter of the request's `max_age` and the client's `max_auth_age_secs`.
    max_age_secs: Option<u64>,
    wanted: Option<Acr>,
    hint: Option<Subject>,
    lang: Lang,
}

#[derive(Debug, Clone, Copy, Default)]
struct Prompt {
    none: bool,
    login: bool,
    consent: bool,
}

impl Authorization {
    /// Reads the query of a GET or the form of a POST; both mean the same.
    ///
    /// # Errors
    /// [`AuthorizeError::Page`] while the address to send people back to is not trusted, and
    /// [`AuthorizeError::Redirect`] from then on.
    pub fn read(op: &Op<'_>, parameters: &[u8], now_secs: u64) -> Result<Self, AuthorizeError> {
        let form = Form::read(parameters).map_err(PageError::Form)?;
        // To whom may people be sent back? Until that is known nobody is sent anywhere.
        let (client, back) = trusted(op, &form)?;
        Self::parse(op, &form, client, &back, now_secs)
            .map_err(|(code, what)| AuthorizeError::Redirect(Refusal::new(code, what, back)))
    }

    fn parse(
        op: &Op<'_>,
        form: &Form,
        client: Arc<Client>,
        back: &ReturnTo,
        now_secs: u64,
    ) -> Result<Self, Wrong> {
        if form.repeats_any() {
            return Err(invalid("a parameter was sent twice"));
        }
        flow_is_ours(form)?;
        let attributes = attributes(form, &client)?;
        let challenge = challenge(form)?;
        let nonce = form.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|n| n.len() > MOST_NONCE_BYTES) {
            return Err(invalid("nonce is too long"));
        }
        let prompt = prompt(form.get("prompt").unwrap_or_default())?;
        let max_age = match form.get("max_age").map(seconds) {
            Some(None) => return Err(invalid("max_age must be a number of seconds")),
            Some(given) => given,
            None => None,
        };
        let limit = client.entry().max_auth_age_secs;
        let wanted = wanted(
            op.provider,
            &client,
            form.get("acr_values").unwrap_or_default(),
        )?;
        let hint = match form.get("id_token_hint") {
            None => None,
            Some(token) => Some(
                hint::read(op, token, now_secs)
                    .ok()
                    .filter(|h| h.client.id() == client.id())
                    .ok_or_else(|| invalid("id_token_hint is no ID token for this client"))?
                    .subject,
            ),
        };
        Ok(Self {
            back: back.clone(),
            nonce,
            challenge,
            attributes,
            prompt,
            max_age_secs: max_age.into_iter().chain(limit).min(),
            wanted,
            hint,
            lang: op.provider.lang(form.get("ui_locales").unwrap_or_default()),
            client,
        })
    }

    /// Who asks.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the client asks for, each with the norm that allows it.
    pub fn attributes(&self) -> impl Iterator<Item = (&AttributeName, &Norm)> {
        let with_norm = |name| Some((name, self.client.norm_for(name)?));
        self.attributes.iter().filter_map(with_norm)
    }

    /// The language of the pages.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// The address people will be sent back to; for `form-action` of the page that does it.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.back.redirect_uri
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("client", self.client.id())
            .finish_non_exhaustive()
    }
}

/// What is wrong, in the protocol's words and in ours.
type Wrong = (ErrorCode, &'static str);

fn invalid(what: &'static str) -> Wrong {
    (ErrorCode::InvalidRequest, what)
}

fn trusted(op: &Op<'_>, form: &Form) -> Result<(Arc<Client>, ReturnTo), PageError> {
    let client = form.get("client_id").and_then(|id| op.register.find(id));
    let client = client.ok_or(PageError::UnknownClient)?;
    let uri = form.get("redirect_uri").ok_or(PageError::Redirect)?;
    if !client.may_redirect_to(uri) {
        return Err(PageError::Redirect);
    }
    let back = ReturnTo {
        issuer: op.provider.issuer().to_owned(),
        redirect_uri: uri.to_owned(),
        state: form.get("state").map(str::to_owned),
    };
    Ok((client.clone(), back))
}

/// Only `response_type=code` in the query, and nothing that would have to be fetched or opened.
fn flow_is_ours(form: &Form) -> Result<(), Wrong> {
    let refused = [
        ("request", ErrorCode::RequestNotSupported),
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ];
    if let Some((_, code)) = refused
        .into_iter()
        .find(|(name, _)| form.get(name).is_some())
    {
        return Err((code, "send plain parameters"));
    }
    if form.get("response_mode").is_some_and(|m| m != "query") {
        return Err(invalid("response_mode must be query"));
    }
    match form.get("response_type") {
        Some("code") => Ok(()),
        None => Err(invalid("response_type is missing")),
        Some(_) => Err((
            ErrorCode::UnsupportedResponseType,
            "response_type must be code",
        )),
    }
}

/// Scopes that the register does not name for this client are ignored (OpenID Core 3.1.2.1); the
/// IIN is refused aloud.
fn attributes(form: &Form, client: &Client) -> Result<BTreeSet<AttributeName>, Wrong> {
    let scopes: BTreeSet<&str> = form.get("scope").unwrap_or_default().split(' ').collect();
    let refuse = |what| Err((ErrorCode::InvalidScope, what));
    if !scopes.contains("openid") {
        return refuse("scope must contain openid");
    }
    if scopes.contains("iin") && client.entry().iin_release.is_none() {
        return refuse("no law lets this client receive the IIN");
    }
    let names = scopes
        .into_iter()
        .filter_map(|s| AttributeName::parse(s).ok());
    Ok(names.filter(|n| client.norm_for(n).is_some()).collect())
}

fn challenge(form: &Form) -> Result<[u8; 32], Wrong> {
    if form.get("code_challenge_method") != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    form.get("code_challenge")
        .and_then(|c| URL_SAFE_NO_PAD.decode(c).ok())
        .and_then(|c| c.try_into().ok())
        .ok_or_else(|| invalid("code_challenge must be 43 characters of base64url"))
}

fn prompt(text: &str) -> Result<Prompt, Wrong> {
    let mut prompt = Prompt::default();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        match word {
            "none" => prompt.none = true,
            // The sign-in page lets people choose an account.
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(invalid("prompt has an unknown value")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err(invalid("prompt=none stands alone"));
    }
    Ok(prompt)
}

fn seconds(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The level to try for: the first one in `acr_values` that the provider can reach, and never
/// less than the client's lowest.
fn wanted(provider: &Provider, client: &Client, acr_values: &str) -> Result<Option<Acr>, Wrong> {
    let lowest = client.entry().min_acr;
    if lowest.is_some_and(|min| provider.levels().iter().all(|l| *l < min)) {
        let what = "the level that the client's entry demands cannot be reached here";
        return Err((ErrorCode::UnmetAuthenticationRequirements, what));
    }
    let asked = acr_values
        .split(' ')
        .filter_map(Acr::from_name)
        .find(|l| provider.levels().contains(l));
    Ok(asked.max(lowest))
}
