//! The OpenID provider for relying services: `kepil-oidc` over HTTP, with sessions and pages.
//!
//! A request for authorisation waits under a ticket until the person has signed in and agreed.
//! The answer to a consent is a page that leads on by itself: a redirect to another origin in
//! answer to a form would be stopped by the content policy (`form-action`).

use super::attributes;
use super::clients;
use super::services;
use super::visitor::{Visitor, ours, random, visitor, with_accounts};
use super::words::words;
use crate::app::App;
use crate::config::Config;
use crate::pages::{frame, lang_of};
use crate::serve::ServeError;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Form, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_accounts::Accounts;
use kepil_identity::factor::FactorKind;
use kepil_identity::level::Level;
use kepil_ledger::error::in_one_line;
use kepil_oidc::assurance::{Acr, Amr, SignIn};
use kepil_oidc::authorize::{Answer, Authorization, AuthorizeError, Next, Visit};
use kepil_oidc::client::Register;
use kepil_oidc::code::{MemoryCodes, TokenId};
use kepil_oidc::id::{AttributeName, ClientId, PersonId};
use kepil_oidc::key::SigningKey;
use kepil_oidc::logout::Logout;
use kepil_oidc::provider::{Op, Provider};
use kepil_oidc::replay::ReplayStore;
use kepil_oidc::ring::KeyRing;
use kepil_oidc::sector::PairwiseKey;
use kepil_oidc::store::StoreError;
use kepil_oidc::token::{HEADERS, TokenRequest, exchange};
use kepil_oidc::userinfo::{Opened, UserinfoRequest};
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path as FilePath;
use std::sync::Arc;

/// How long a request waits for the person, milliseconds.
const PENDING_MS: u64 = 600_000;

/// The provider of a node.
#[derive(Debug)]
pub struct OpenId {
    provider: Provider,
    register: Register,
    keys: KeyRing,
    pairwise: PairwiseKey,
    codes: MemoryCodes,
}

/// Assertions that were used, kept with the accounts: a restart forgets none.
struct Used<'a>(&'a Accounts);

impl ReplayStore for Used<'_> {
    fn first_use(
        &self,
        client: &ClientId,
        jti: &str,
        until_secs: u64,
        _: u64,
    ) -> Result<bool, StoreError> {
        let name = format!("{} {jti}", client.as_str());
        // Longer than any clock may be off.
        let until = until_secs.saturating_add(60).saturating_mul(1000);
        let kept = self.0.first_use(("assertion", name.as_bytes()), until);
        kept.map_err(|error| StoreError::new("remember an assertion", error))
    }
}

/// A request that waits.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    parameters: String,
    begun_ms: u64,
}

fn kept(path: &FilePath, make: impl FnOnce() -> Option<Vec<u8>>) -> Result<Vec<u8>, ServeError> {
    let say =
        |what: String| ServeError::Environment(format!("preparing {}: {what}", path.display()));
    if path.exists() {
        return std::fs::read(path).map_err(|e| say(e.to_string()));
    }
    let bytes = make().ok_or_else(|| say("no random bytes".to_owned()))?;
    let mut file = std::fs::OpenOptions::new();
    let mut file = file
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| say(e.to_string()))?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| say(e.to_string()))?;
    Ok(bytes)
}

impl OpenId {
    /// The provider, where the data folder names clients in `clients.json`.
    ///
    /// # Errors
    /// When the clients or the keys are broken.
    pub fn open(config: &Config) -> Result<Option<Self>, ServeError> {
        let Some((_, register)) = clients::read(config)? else {
            return Ok(None);
        };
        let say = |e: &dyn std::error::Error| {
            ServeError::Environment(format!("preparing the OpenID provider: {}", in_one_line(e)))
        };
        let levels = [Acr::Aal1, Acr::Aal2];
        let provider = Provider::new(&config.public_url, levels, Lang::Kk).map_err(|e| say(&e))?;
        let key = kept(&config.data_dir.join("openid.key"), || {
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
            pair.ok().map(|pair| pair.as_ref().to_vec())
        })?;
        let key = SigningKey::from_pkcs8(&key).map_err(|e| say(&e))?;
        let pairwise = kept(&config.data_dir.join("pairwise.key"), || {
            let mut bytes = vec![0; 32];
            getrandom::fill(&mut bytes).ok().map(|()| bytes)
        })?;
        let pairwise: [u8; 32] = pairwise.try_into().map_err(|_| {
            ServeError::Environment("pairwise.key has not 32 bytes; put the right one back".into())
        })?;
        Ok(Some(Self {
            provider,
            register,
            keys: KeyRing::new(key),
            pairwise: PairwiseKey::new(pairwise),
            codes: MemoryCodes::new(),
        }))
    }

    const fn op(&self) -> Op<'_> {
        Op {
            provider: &self.provider,
            register: &self.register,
            keys: &self.keys,
            pairwise: &self.pairwise,
        }
    }
}

#[expect(
    clippy::result_large_err,
    reason = "an answer to the browser, as everywhere in pages"
)]
fn provider(app: &App) -> Result<&OpenId, Response> {
    let absent = || crate::problem::Problem::not_found("this node has no relying services");
    app.people
        .openid
        .as_ref()
        .ok_or_else(|| absent().into_response())
}

fn sign_in(visitor: &Visitor) -> SignIn {
    let last = visitor
        .account
        .factors
        .iter()
        .max_by_key(|known| known.used_ms);
    let kind = last.map(|known| known.factor.kind());
    SignIn {
        person: PersonId::new(*visitor.account.id.as_bytes()),
        auth_time_secs: visitor.session.auth_ms / 1000,
        acr: match visitor.session.level {
            Level::One => Acr::Aal1,
            Level::Two => Acr::Aal2,
            Level::Three => Acr::Aal3,
        },
        amr: match kind {
            Some(FactorKind::Passkey) => vec![Amr::Swk, Amr::User, Amr::Mfa],
            _ => vec![Amr::Pin, Amr::Otp, Amr::Mfa],
        },
    }
}

/// `GET /.well-known/openid-configuration`
pub(super) async fn discovery(State(app): State<Arc<App>>) -> Result<Response, Response> {
    Ok(Json(provider(&app)?.provider.discovery()).into_response())
}

/// `GET /jwks`
pub(super) async fn jwks(State(app): State<Arc<App>>) -> Result<Response, Response> {
    let keys = provider(&app)?.keys.jwks(app.wall_secs());
    Ok(Json(keys).into_response())
}

/// `GET /authorize`
pub(super) async fn authorize_get(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Response> {
    authorize(&app, query.unwrap_or_default(), &headers).await
}

/// `POST /authorize`
pub(super) async fn authorize_post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    authorize(&app, String::from_utf8_lossy(&body).into_owned(), &headers).await
}

async fn authorize(
    app: &Arc<App>,
    parameters: String,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    let openid = provider(app)?;
    match Authorization::read(&openid.op(), parameters.as_bytes(), app.wall_secs()) {
        Err(AuthorizeError::Redirect(refusal)) => Ok(to(&refusal.location())),
        Err(AuthorizeError::Page(error)) => {
            tracing::info!(error = %in_one_line(&error), "a request for authorisation was refused");
            let lang = Lang::Kk;
            let w = words(lang);
            let body = html! { h1 { (w.no_request) } p { (w.no_request_how) } };
            let page = frame(app, lang, "/sign-in", w.no_request, &body);
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
        Ok(_) => {
            let pending = Pending {
                parameters,
                begun_ms: (app.wall)(),
            };
            let ticket = kepil_gate::record::hex(&random::<32>()?);
            advance(app, &ticket, pending, headers, Step::Begun).await
        }
    }
}

/// Sends the browser somewhere else (303).
fn to(location: &str) -> Response {
    Redirect::to(location).into_response()
}

/// A page that leads on by itself, for answers to forms.
fn lead_on(app: &App, lang: Lang, location: &str) -> Response {
    let w = words(lang);
    let body = html! {
        meta http-equiv="refresh" content={"0;url=" (location)};
        h1 { (w.leading_on) }
        p { a href=(location) { (w.lead_on) } }
    };
    frame(app, lang, "/sign-in", w.leading_on, &body).into_response()
}

/// How a browser comes to a step of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// From the service.
    Begun,
    /// From the form of a sign-in, or by hand.
    Resumed,
    /// With an answer to what was asked.
    Answered(bool),
}

/// Does the next step of a request: lets sign in, asks, or answers.
async fn advance(
    app: &Arc<App>,
    ticket: &str,
    pending: Pending,
    headers: &HeaderMap,
    step: Step,
) -> Result<Response, Response> {
    let agreed = match step {
        Step::Answered(yes) => Some(yes),
        Step::Begun | Step::Resumed => None,
    };
    let now = app.wall_secs();
    let visitor = visitor(app, headers).await?;
    let openid = provider(app)?;
    let op = openid.op();
    let read = Authorization::read(&op, pending.parameters.as_bytes(), now);
    let authorization = match read {
        Ok(authorization) => authorization,
        // It could be read a moment ago: a client was taken out, or a refusal by time.
        Err(AuthorizeError::Redirect(refusal)) => return Ok(to(&refusal.location())),
        Err(error) => return Err(ours(&error)),
    };
    let lang = authorization.lang();
    let client = authorization.client().id().as_str().to_owned();
    let account = visitor.as_ref().map(|v| v.account.id);
    let (of, at) = (account, client.clone());
    let remembered = with_accounts(app, move |app| match of {
        Some(account) => services::agreed(app, account, &at),
        None => Ok(None),
    });
    let remembered = remembered.await?.map_err(|error| ours(&error))?;
    let sign_in = visitor.as_ref().map(sign_in);
    let answer = agreed.map(|yes| match (&sign_in, yes) {
        (Some(sign_in), true) => Answer::Agreed {
            person: sign_in.person,
            attributes: authorization
                .attributes()
                .map(|(name, _)| name.clone())
                .collect(),
        },
        _ => Answer::Declined,
    });
    // Who signed in after the request began did so for it.
    let for_this = visitor
        .as_ref()
        .filter(|v| v.session.auth_ms >= pending.begun_ms);
    let visit = Visit {
        sign_in: sign_in.as_ref(),
        remembered: remembered.as_ref(),
        authenticated: for_this.and(sign_in.as_ref()).map(|sign_in| sign_in.person),
        answer: answer.as_ref(),
    };
    // A form may stand at the beginning of this chain of redirects; see the head of this file.
    let is_form = step != Step::Begun;
    match authorization.next(&op, &visit, now) {
        Next::Refuse(refusal) if is_form => Ok(lead_on(app, lang, &refusal.location())),
        Next::Refuse(refusal) => Ok(to(&refusal.location())),
        Next::SignIn(ask) => {
            wait(app, ticket, &pending).await?;
            let again = if ask.again { "&again=1" } else { "" };
            let code = lang.code();
            Ok(to(&format!(
                "/{code}/sign-in?then=/{code}/authorize/{ticket}{again}"
            )))
        }
        Next::Consent => {
            wait(app, ticket, &pending).await?;
            Ok(ask(app, lang, ticket, &authorization).into_response())
        }
        Next::Answer(approval) => {
            let attributes = approval.attributes().clone();
            // Nothing is released before its event stands in the person's list.
            if let Some(visitor) = visitor
                .as_ref()
                .filter(|v| v.account.holder.role.is_person())
            {
                let names: Vec<&str> = attributes.iter().map(AttributeName::as_str).collect();
                let said = format!("{client}: {}", names.join(", "));
                let subject = format!("person:{}", visitor.account.holder.reference);
                let released = crate::desk::identity_released(app, &subject, &said);
                released.await.map_err(|error| ours(&error))?;
            }
            if let (Some(account), Some(true)) = (account, agreed) {
                let at = client.clone();
                let kept = with_accounts(app, move |app| {
                    services::agree(app, account, &at, attributes)
                });
                kept.await?.map_err(|error| ours(&error))?;
            }
            let location = approval.issue(random()?, &openid.codes, now);
            let location = location.map_err(|error| ours(&error))?;
            Ok(match is_form {
                true => lead_on(app, lang, &location),
                false => to(&location),
            })
        }
    }
}

async fn wait(app: &Arc<App>, ticket: &str, pending: &Pending) -> Result<(), Response> {
    let place = ticket.to_owned();
    let until = pending.begun_ms.saturating_add(PENDING_MS);
    let body = Pending {
        parameters: pending.parameters.clone(),
        begun_ms: pending.begun_ms,
    };
    let put = with_accounts(app, move |app| {
        app.people
            .accounts
            .put_once(("openid", place.as_bytes()), &body, until)
    });
    put.await?.map_err(|error| ours(&error))
}

/// The page that asks.
fn ask(app: &App, lang: Lang, ticket: &str, authorization: &Authorization) -> Markup {
    let w = words(lang);
    let entry = authorization.client().entry();
    let attributes: Vec<_> = authorization.attributes().collect();
    let body = html! {
        h1 { (w.consent) }
        p.lead { strong { (entry.controller) } " (" (authorization.client().id().as_str()) ") " (w.consent_wants) }
        dl {
            dt { (w.purpose) } dd { (entry.purpose.get(lang)) }
            dt { (w.basis) } dd { @for (n, norm) in entry.legal_basis.iter().enumerate() { @if n > 0 { ", " } (norm.as_str()) } }
            dt { (w.contact) } dd { (entry.contact) }
        }
        p { (w.consent_gets) }
        ul {
            li { (w.consent_number) }
            @for (name, norm) in &attributes { li { (name.as_str()) " (" (norm.as_str()) ")" } }
        }
        form action={"/" (lang.code()) "/authorize/" (ticket)} method="post" {
            button type="submit" name="answer" value="yes" { (w.agree) } " "
            button.small type="submit" name="answer" value="no" { (w.decline) }
        }
    };
    frame(app, lang, "/sign-in", w.consent, &body)
}

/// What a person answers.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    answer: String,
}

/// `GET /{lang}/authorize/{ticket}`: back from signing in.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Path((lang, ticket)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    go_on(&app, &lang, &ticket, &headers, Step::Resumed).await
}

/// `POST /{lang}/authorize/{ticket}`: the answer to what was asked.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Path((lang, ticket)): Path<(String, String)>,
    headers: HeaderMap,
    Form(said): Form<Said>,
) -> Result<Response, Response> {
    let step = Step::Answered(said.answer == "yes");
    go_on(&app, &lang, &ticket, &headers, step).await
}

async fn go_on(
    app: &Arc<App>,
    lang: &str,
    ticket: &str,
    headers: &HeaderMap,
    step: Step,
) -> Result<Response, Response> {
    let lang = lang_of(lang).map_err(IntoResponse::into_response)?;
    provider(app)?;
    let place = ticket.to_owned();
    let found = with_accounts(app, move |app| {
        let accounts = &app.people.accounts;
        accounts.take_once::<Pending>(("openid", place.as_bytes()), (app.wall)())
    });
    match found.await?.map_err(|error| ours(&error))? {
        Some(pending) => advance(app, ticket, pending, headers, step).await,
        None => {
            let w = words(lang);
            let body = html! { h1 { (w.no_request) } p { (w.request_over) } };
            let page = frame(app, lang, "/sign-in", w.no_request, &body);
            Ok((StatusCode::GONE, page).into_response())
        }
    }
}

/// `POST /token`
pub(super) async fn token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    provider(&app)?;
    let has_authorization_header = headers.contains_key(header::AUTHORIZATION);
    let token = TokenId::new(random()?);
    let given = with_accounts(&app, move |app| {
        let openid = app.people.openid.as_ref()?;
        let request = TokenRequest {
            body: &body,
            has_authorization_header,
        };
        Some(exchange(
            &openid.op(),
            &openid.codes,
            &Used(&app.people.accounts),
            request,
            &token,
            app.wall_secs(),
        ))
    });
    let given = given
        .await?
        .ok_or_else(|| StatusCode::NOT_FOUND.into_response())?;
    let mut response = match given {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => {
            if let Some(event) = &refusal.event {
                tracing::warn!(?event, "a token was refused");
            }
            let status = StatusCode::from_u16(refusal.error.status());
            (
                status.unwrap_or(StatusCode::BAD_REQUEST),
                Json(refusal.body()),
            )
                .into_response()
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Ok(response)
}

/// `GET` and `POST /userinfo`
pub(super) async fn userinfo(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let openid = provider(&app)?;
    let request = UserinfoRequest {
        authorization: headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok()),
        query: query.as_deref().unwrap_or_default(),
    };
    match Opened::read(&openid.op(), &openid.codes, request, app.wall_secs()) {
        Ok(opened) => {
            let values = attributes::released(&app, &opened).await?;
            let answer = opened.answer(values).map_err(|error| ours(&error))?;
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let ask = [(header::WWW_AUTHENTICATE, error.www_authenticate())];
            Ok((status, ask).into_response())
        }
    }
}

/// `GET /logout`
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let openid = provider(&app)?;
    let visitor = visitor(&app, &headers).await?;
    let who = visitor.as_ref().map(sign_in);
    let parameters = query.unwrap_or_default();
    let lang = Logout::lang(&openid.op(), parameters.as_bytes());
    let found = Logout::read(
        &openid.op(),
        parameters.as_bytes(),
        who.as_ref(),
        app.wall_secs(),
    );
    let w = words(lang);
    let place = match found {
        Logout::EndAndReturn(place) => place,
        Logout::End => format!("/{}", lang.code()),
        Logout::Ask(_) => {
            let body = html! {
                h1 { (w.sign_out) }
                form action={"/" (lang.code()) "/sign-out"} method="post" { button type="submit" { (w.sign_out) } }
            };
            return Ok(frame(&app, lang, "/sign-in", w.sign_out, &body).into_response());
        }
    };
    if let Some(visitor) = visitor {
        with_accounts(&app, move |app| {
            let accounts = &app.people.accounts;
            accounts.end_session(visitor.account.id, visitor.session.id)
        })
        .await?
        .map_err(|error| ours(&error))?;
    }
    Ok(to(&place))
}
