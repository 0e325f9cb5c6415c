//! Signing in: a passkey, or a secret with a printed or sent code; the first time with an
//! activation code.

use super::moment::at;
use super::passkeys::{CEREMONY_MS, CeremonyError, Entering};
use super::sent_codes::can_send;
use super::visitor::{account_of, begin, no_cookie, ours, random, visitor, with_accounts};
use super::words::words;
use crate::app::App;
use crate::pages::{frame, lang_of};
use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_accounts::TellError;
use kepil_identity::account::{Account, Command, Event, Refusal};
use kepil_identity::factor::{Factor, FactorKind, KnownFactor};
use kepil_identity::holder::Role;
use kepil_identity::level::Level;
use kepil_identity::secret::SecretHash;
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a page of this node may be come back to: a path of its own, nothing else.
pub(super) fn back(then: Option<&str>, lang: Lang) -> String {
    let own = then.filter(|path| {
        path.starts_with(&format!("/{}/", lang.code()))
            && !path.contains("//")
            && !path.contains('\\')
            && path.bytes().all(|b| b.is_ascii_graphic())
    });
    own.map_or_else(|| home(lang), str::to_owned)
}

/// The page that leads everybody to the own desk.
fn home(lang: Lang) -> String {
    format!("/{}/my", lang.code())
}

/// `GET /{lang}/my`: the own desk, by role.
pub(crate) async fn own_desk(
    Path(lang): Path<String>,
    visitor: super::visitor::Visitor,
) -> Result<Redirect, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let desk = match visitor.account.holder.role {
        Role::Citizen | Role::Foreigner => "my/uses",
        Role::Official => "desk",
        Role::Supervisor => "supervision",
        Role::Operator => "my/identity",
    };
    Ok(Redirect::to(&format!("/{}/{desk}", lang.code())))
}

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(crate) struct Then {
    #[serde(default)]
    then: Option<String>,
    /// Somebody who is signed in must sign in again.
    #[serde(default)]
    again: Option<u8>,
}

/// `GET /{lang}/sign-in`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    Query(then): Query<Then>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let is_again = then.again.is_some();
    let then = back(then.then.as_deref(), lang);
    if !is_again && visitor(&app, &headers).await?.is_some() {
        return Ok(Redirect::to(&then).into_response());
    }
    Ok(doors(&app, lang, &then, "", None).into_response())
}

#[cfg(feature = "demo")]
fn invented_doors(app: &App, lang: Lang) -> Markup {
    super::invented::doors(app, lang)
}

#[cfg(not(feature = "demo"))]
fn invented_doors(_: &App, _: Lang) -> Markup {
    html! {}
}

/// All ways in, side by side and of the same weight.
pub(super) fn doors(app: &App, lang: Lang, then: &str, number: &str, said: Option<&str>) -> Markup {
    let w = words(lang);
    let code = lang.code();
    let body = html! {
        h1 { (w.sign_in) }
        @if let Some(said) = said { p.said role="alert" { (said) } }
        (invented_doors(app, lang))
        div.doors {
            section aria-labelledby="by-passkey" {
                h2 id="by-passkey" { (w.by_passkey) }
                p { (w.by_passkey_how) }
                @if app.people.passkeys.is_some() {
                    form action={"/" (code) "/sign-in/passkey"} method="post" hidden data-passkey="get" data-wait=(w.passkey_wait) data-failed=(w.passkey_failed) {
                        input type="hidden" name="then" value=(then);
                        button type="submit" { (w.by_passkey) }
                        p role="status" {}
                    }
                    noscript { p.soft { (w.passkey_script) } }
                } @else { p.soft { (w.passkey_address) } }
            }
            section aria-labelledby="by-secret" {
                h2 id="by-secret" { (w.by_secret) }
                p { (w.by_secret_how) }
                form action={"/" (code) "/sign-in/secret"} method="post" {
                    input type="hidden" name="then" value=(then);
                    label for="number" { (w.number) }
                    input id="number" name="number" value=(number) autocomplete="username" autocapitalize="characters" spellcheck="false" required;
                    label for="secret" { (w.secret) }
                    input id="secret" name="secret" type="password" autocomplete="current-password" required;
                    label for="code" { (w.printed_code) }
                    input id="code" name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" required;
                    button type="submit" { (w.sign_in) }
                    @if can_send(app) {
                        p.soft { (w.send_how) }
                        button.small type="submit" formaction={"/" (code) "/sign-in/send"} formnovalidate { (w.send) }
                    }
                }
            }
            section aria-labelledby="by-centre" {
                h2 id="by-centre" { (w.by_centre) }
                p { (w.by_centre_how) }
                p { a href={"/" (code) "/activate"} { (w.activate) } }
            }
        }
    };
    frame(app, lang, "/sign-in", w.sign_in, &body)
}

/// A secret and a printed code.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    number: String,
    secret: String,
    code: String,
    #[serde(default)]
    then: Option<String>,
}

/// How an attempt with secret and code went.
pub(super) enum Attempt {
    In(Box<Account>, Level),
    No,
    Wait(u64),
}

/// `POST /{lang}/sign-in/secret`
pub(crate) async fn by_secret(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    headers: HeaderMap,
    Form(shown): Form<Shown>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let then = back(shown.then.as_deref(), lang);
    let number = shown.number.clone();
    let tried = with_accounts(&app, move |app| attempt(app, &shown)).await?;
    match tried.map_err(|error| ours(&error))? {
        Attempt::In(account, level) => enter(&app, &account, level, &headers, &then).await,
        Attempt::No => {
            let page = doors(&app, lang, &then, &number, Some(words(lang).no_fit));
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
        Attempt::Wait(until_ms) => Ok(too_early(&app, lang, &then, &number, until_ms)),
    }
}

/// Says from when an attempt counts.
pub(super) fn too_early(
    app: &App,
    lang: Lang,
    then: &str,
    number: &str,
    until_ms: u64,
) -> Response {
    let until = at(lang, until_ms.div_ceil(1000));
    let said = format!("{} {until}", words(lang).wait_until);
    let page = doors(app, lang, then, number, Some(&said));
    let wait = until_ms.saturating_sub((app.wall)()).div_ceil(1000);
    let wait = [(header::RETRY_AFTER, wait.to_string())];
    (StatusCode::TOO_MANY_REQUESTS, wait, page).into_response()
}

pub(super) async fn enter(
    app: &Arc<App>,
    account: &Account,
    level: Level,
    headers: &HeaderMap,
    then: &str,
) -> Result<Response, Response> {
    let cookie = begin(app, account, level, headers).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(then)).into_response())
}

/// Looks at secret and code both, whatever the first says, and at something of the same cost
/// where there is no such account.
fn attempt(app: &App, shown: &Shown) -> Result<Attempt, TellError> {
    let now_ms = (app.wall)();
    let accounts = &app.people.accounts;
    let account = account_of(app, &shown.number)?.filter(|account| !account.is_closed);
    let Some(account) = account else {
        if let Err(early) = app.people.stranger(&shown.number, now_ms) {
            return Ok(Attempt::Wait(early.until_ms));
        }
        // A stranger must not learn from the time it takes which accounts there are.
        let _ = SecretHash::of(&shown.secret, &[0; 16]);
        let _ = SecretHash::of(&shown.code, &[0; 16]);
        return Ok(Attempt::No);
    };
    for kind in [FactorKind::Secret, FactorKind::Recovery] {
        if let Err(early) = account.may_try(kind, now_ms) {
            return Ok(Attempt::Wait(early.until_ms));
        }
    }
    let secret = fitting_secret(&account, &shown.secret);
    let printed = account.factors_of(FactorKind::Recovery).next();
    let used = printed.and_then(|known| match &known.factor {
        Factor::Recovery { codes } => Some((known.id, codes.clone(), codes.find(&shown.code)?)),
        _ => None,
    });
    let (Some(secret), Some((id, mut codes, number))) = (secret, used) else {
        let kind = match secret {
            None => FactorKind::Secret,
            Some(_) => FactorKind::Recovery,
        };
        accounts.tell(account.id, Command::Fail { kind }, now_ms)?;
        return Ok(Attempt::No);
    };
    codes.use_up(number);
    let factors = vec![secret.id, id];
    let used_up = Command::Change {
        id,
        factor: Factor::Recovery { codes },
    };
    // First the code is used up: a crash in between costs a code and lets nobody in twice.
    accounts.tell(account.id, used_up, now_ms)?;
    let (account, events) = accounts.tell(account.id, Command::SignIn { factors }, now_ms)?;
    Ok(level_of(account, &events))
}

/// The secret of an account, if it is what was typed; it takes as long where there is none.
pub(super) fn fitting_secret<'a>(account: &'a Account, typed: &str) -> Option<&'a KnownFactor> {
    let kept = account.factors_of(FactorKind::Secret).next();
    match kept.map(|known| &known.factor) {
        Some(Factor::Secret { hash }) if hash.matches(typed) => kept,
        Some(_) => None,
        None => {
            let _ = SecretHash::of(typed, &[0; 16]);
            None
        }
    }
}

pub(super) fn level_of(account: Account, events: &[Event]) -> Attempt {
    let level = events.iter().find_map(|event| match event {
        Event::SignedIn { level, .. } => Some(*level),
        _ => None,
    });
    match level {
        Some(level) => Attempt::In(Box::new(account), level),
        None => Attempt::No,
    }
}

/// The body of a ceremony's last step.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    ticket: String,
    pub(super) credential: Value,
    #[serde(default)]
    then: Option<String>,
}

impl Answer {
    pub(super) fn ticket(&self) -> &[u8] {
        self.ticket.as_bytes()
    }
}

/// A ceremony that cannot go on: the browser's script says what to do.
pub(super) fn broken(why: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response()
}

/// `POST /{lang}/sign-in/passkey/start`
pub(crate) async fn passkey_start(State(app): State<Arc<App>>) -> Result<Response, Response> {
    let ticket = kepil_gate::record::hex(&random::<32>()?);
    let place = ticket.clone();
    let options = with_accounts(&app, move |app| {
        let passkeys = app.people.passkeys.as_ref()?;
        let (options, entering) = passkeys.begin_entering().ok()?;
        let until = (app.wall)().saturating_add(CEREMONY_MS);
        let kept = app
            .people
            .accounts
            .put_once(("enter", place.as_bytes()), &entering, until);
        kept.map_err(|error| ours(&error)).ok()?;
        Some(options)
    })
    .await?;
    let options = options.ok_or_else(|| broken("passkeys cannot be used here"))?;
    Ok(Json(json!({"ticket": ticket, "options": options})).into_response())
}

/// `POST /{lang}/sign-in/passkey/finish`
pub(crate) async fn passkey_finish(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    headers: HeaderMap,
    Json(answer): Json<Answer>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let then = back(answer.then.as_deref(), lang);
    let entered = with_accounts(&app, move |app| with_passkey(app, answer)).await?;
    let Attempt::In(account, level) = entered.map_err(|error| {
        tracing::info!(error = %kepil_ledger::error::in_one_line(&error), "a passkey was refused");
        broken("the passkey does not fit")
    })?
    else {
        return Err(broken("the passkey does not fit"));
    };
    let cookie = begin(&app, &account, level, &headers).await?;
    Ok(([(header::SET_COOKIE, cookie)], Json(json!({"to": then}))).into_response())
}

/// Why a passkey lets nobody in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the ceremony is over, was used, or never began")]
    NoCeremony,
    #[error("the passkey is nobody's here")]
    Nobody,
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    #[error(transparent)]
    Tell(#[from] TellError),
}

impl From<kepil_accounts::StoreError> for Refused {
    fn from(error: kepil_accounts::StoreError) -> Self {
        Self::Tell(error.into())
    }
}

fn with_passkey(app: &App, answer: Answer) -> Result<Attempt, Refused> {
    let now_ms = (app.wall)();
    let accounts = &app.people.accounts;
    let passkeys = app.people.passkeys.as_ref().ok_or(Refused::NoCeremony)?;
    let entering: Option<Entering> = accounts.take_once(("enter", answer.ticket()), now_ms)?;
    let entering = entering.ok_or(Refused::NoCeremony)?;
    let (handle, credential) = passkeys.who(&answer.credential)?;
    let account = accounts
        .of_credential(&credential)?
        .ok_or(Refused::Nobody)?;
    if account.id != handle {
        return Err(Refused::Nobody);
    }
    let known = account
        .factors_of(FactorKind::Passkey)
        .find_map(|known| match &known.factor {
            Factor::Passkey {
                credential: own,
                stored,
                label,
            } if *own == credential => Some((known.id, stored.clone(), label.clone())),
            _ => None,
        });
    let (id, stored, label) = known.ok_or(Refused::Nobody)?;
    let changed = passkeys.end_entering(entering, answer.credential, &stored)?;
    if let Some(kept) = changed {
        let factor = Factor::Passkey {
            credential: kept.credential,
            stored: kept.stored,
            label,
        };
        accounts.tell(account.id, Command::Change { id, factor }, now_ms)?;
    }
    let factors = vec![id];
    let (account, events) = accounts.tell(account.id, Command::SignIn { factors }, now_ms)?;
    Ok(level_of(account, &events))
}

/// `GET /{lang}/activate`
pub(crate) async fn activation(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
) -> Result<Markup, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    Ok(activation_page(&app, lang, "", None))
}

fn activation_page(app: &App, lang: Lang, number: &str, said: Option<&str>) -> Markup {
    let w = words(lang);
    let body = html! {
        h1 { (w.activate) }
        p { (w.activate_how) }
        @if let Some(said) = said { p.said role="alert" { (said) } }
        form action={"/" (lang.code()) "/activate"} method="post" {
            label for="number" { (w.number) }
            input id="number" name="number" value=(number) autocapitalize="characters" spellcheck="false" required;
            label for="code" { (w.activation_code) }
            input id="code" name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" required;
            button type="submit" { (w.activate) }
        }
    };
    frame(app, lang, "/activate", w.activate, &body)
}

/// An activation code.
#[derive(Debug, Deserialize)]
pub(crate) struct Activation {
    number: String,
    code: String,
}

/// `POST /{lang}/activate`
pub(crate) async fn activate(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Activation>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let number = form.number.clone();
    let found = with_accounts(&app, move |app| {
        let account = account_of(app, &form.number)?.filter(|account| !account.is_closed);
        let Some(account) = account else {
            return Ok(None);
        };
        let now_ms = (app.wall)();
        let place = activation_place(&account, &form.code);
        let accounts = &app.people.accounts;
        // Guesses are slowed down like those of printed codes.
        if account.may_try(FactorKind::Recovery, now_ms).is_err() {
            return Ok(None);
        }
        let waits: Option<bool> = accounts.take_once(("activate", &place), now_ms)?;
        if waits.is_none() {
            let fail = Command::Fail {
                kind: FactorKind::Recovery,
            };
            match accounts.tell(account.id, fail, now_ms) {
                Ok(_) | Err(TellError::Refused(Refusal::TooEarly(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok::<_, TellError>(waits.map(|_| account))
    })
    .await?
    .map_err(|error| ours(&error))?;
    match found {
        Some(account) => {
            let then = format!("/{}/my/identity", lang.code());
            enter(&app, &account, Level::One, &headers, &then).await
        }
        None => {
            let page = activation_page(&app, lang, &number, Some(words(lang).no_fit));
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
    }
}

/// Where an activation code of an account waits.
pub(crate) fn activation_place(account: &Account, code: &str) -> Vec<u8> {
    let clean = code.chars().filter(|c| c.is_ascii_alphanumeric());
    let clean: String = clean.map(|c| c.to_ascii_uppercase()).collect();
    [account.id.as_bytes().as_slice(), clean.as_bytes()].concat()
}

/// `POST /{lang}/sign-out`
pub(crate) async fn out(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if let Some(visitor) = visitor(&app, &headers).await? {
        with_accounts(&app, move |app| {
            app.people
                .accounts
                .end_session(visitor.account.id, visitor.session.id)
        })
        .await?
        .map_err(|error| ours(&error))?;
    }
    let cookie = no_cookie(&app);
    let to = Redirect::to(&format!("/{}", lang.code()));
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

#[cfg(test)]
mod tests {
    use super::back;
    use kepil_terms::Lang;

    #[test]
    fn nobody_is_led_away_from_this_node() {
        assert_eq!(back(Some("/en/my/identity"), Lang::En), "/en/my/identity");
        for away in [
            "https://evil.test/",
            "//evil.test/",
            "/en//evil.test",
            "/en/\\evil.test",
            "/ru/my/uses",
            "/en/a b",
            "/en/a\r\nset-cookie: x",
            "",
        ] {
            assert_eq!(back(Some(away), Lang::En), "/en/my", "{away}");
        }
    }
}
