//! My identity: the ways in, the sessions, what happened to the account, who acts for whom.

use super::moment::at;
use super::notice_words::words as notice_words;
use super::number::account_number;
use super::passkeys::{Adding, CEREMONY_MS, CeremonyError};
use super::sent_codes::new_ways;
use super::sign_in::{Answer, broken};
use super::uses::{NoList, refusal, subject};
use super::visitor::{Visitor, no_cookie, ours, random, with_accounts};
use super::words::{Words, words};
use crate::app::App;
use crate::pages::{frame, lang_of};
use axum::Json;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_accounts::TellError;
use kepil_identity::account::{Account, Command, Dated, Event, Refusal};
use kepil_identity::factor::{Factor, FactorKind};
use kepil_identity::id::{FactorId, SessionId};
use kepil_identity::level::Level;
use kepil_identity::mandate::{Mandate, MandateKind};
use kepil_identity::recovery::{COUNT, RecoveryCodes};
use kepil_identity::secret::{SecretError, SecretHash};
use kepil_identity::session::Session;
use kepil_notices::Choice;
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What the page shows besides the account itself.
struct Shown {
    history: Vec<Dated>,
    sessions: Vec<Session>,
    powers: (Vec<Mandate>, Vec<Mandate>),
    choices: Vec<Choice>,
}

/// Something the page has to say at the top.
enum Note<'a> {
    None,
    Said(&'a str),
    Codes(&'a [String]),
    Secret(&'a str),
}

fn when(lang: Lang, ms: u64) -> String {
    at(lang, ms / 1000)
}

/// `GET /{lang}/my/identity`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    show(&app, lang, visitor, Note::None).await
}

async fn show(
    app: &Arc<App>,
    lang: Lang,
    visitor: Visitor,
    note: Note<'_>,
) -> Result<Markup, Response> {
    let id = visitor.account.id;
    let reference = visitor.account.holder.reference.clone();
    let is_person = visitor.account.holder.role.is_person();
    let found = with_accounts(app, move |app| {
        let accounts = &app.people.accounts;
        let choices = match is_person {
            true => app.people.notices.outbox.choices(&reference)?,
            false => Vec::new(),
        };
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((
            accounts.find(id)?,
            Shown {
                history: accounts.history(id)?,
                sessions: accounts.sessions_of(id, (app.wall)())?,
                powers: accounts.mandates_of(&reference)?,
                choices,
            },
        ))
    });
    let (account, shown) = found.await?.map_err(|error| ours(&*error))?;
    let account = account.unwrap_or_else(|| visitor.account.clone());
    let w = words(lang);
    let body = html! {
        h1 { (w.identity) }
        @match note {
            Note::None => {}
            Note::Said(said) => p.said role="alert" { (said) },
            Note::Secret(secret) => section.codes aria-labelledby="own-secret" {
                h2 id="own-secret" { (w.proof_secret) }
                p { (w.proof_secret_how) }
                p { code { (secret) } }
            },
            Note::Codes(codes) => section.codes aria-labelledby="new-codes" {
                h2 id="new-codes" { (w.new_codes) }
                p { (w.new_codes_how) }
                ol { @for code in codes { li { code { (code) } } } }
            },
        }
        p { (w.number) ": " strong { (account_number(account.id)) } }
        @if account.holder.role.is_person() {
            p { a href={"/" (lang.code()) "/my/notices"} { (notice_words(lang).notices) } }
        }
        @if !account.is_ready() { p.said { (w.two_ways) } }
        (ways(app, lang, w, &account, &shown.choices))
        (sessions(lang, w, &shown.sessions, &visitor))
        (powers(lang, w, &shown.powers))
        (history(lang, w, &account, &shown.history))
    };
    Ok(frame(app, lang, "/my/identity", w.identity, &body))
}

fn ways(app: &App, lang: Lang, w: &Words, account: &Account, choices: &[Choice]) -> Markup {
    let code = lang.code();
    let name = |factor: &Factor| match factor {
        Factor::Passkey { label, .. } => format!("{}: {label}", w.passkey),
        Factor::Secret { .. } => w.secret.to_owned(),
        Factor::Code { address, .. } => format!("{}: {address}", w.sent_codes),
        Factor::Recovery { codes } => format!("{}: {}", w.printed_codes, codes.left()),
    };
    html! {
        h2 id="ways" { (w.ways) }
        @if account.factors.is_empty() { p { (w.no_ways) } } @else {
            div.wide role="region" aria-labelledby="ways" tabindex="0" { table {
                thead { tr { th { (w.way) } th { (w.since) } th { (w.used) } th { (w.act) } } }
                tbody { @for known in &account.factors { tr {
                    td data-label=(w.way) { (name(&known.factor)) }
                    td data-label=(w.since) { (when(lang, known.added_ms)) }
                    td data-label=(w.used) { @match known.used_ms { Some(ms) => (when(lang, ms)), None => "–" } }
                    td data-label=(w.act) {
                        form action={"/" (code) "/my/identity/remove"} method="post" {
                            input type="hidden" name="factor" value=(known.id);
                            button.small type="submit" { (w.remove) span.away { ": " (name(&known.factor)) } }
                        }
                    }
                } } }
            } }
        }
        div.doors {
            @if app.people.passkeys.is_some() {
                form action={"/" (code) "/my/identity/passkey"} method="post" hidden data-passkey="add" data-wait=(w.passkey_wait) data-failed=(w.passkey_failed) {
                    h3 { (w.add_passkey) }
                    label for="label" { (w.device_name) }
                    input id="label" name="label" maxlength="60" required;
                    button type="submit" { (w.add_passkey) }
                    p role="status" {}
                }
                noscript { p.soft { (w.passkey_script) } }
            }
            form action={"/" (code) "/my/identity/secret"} method="post" {
                h3 { (w.set_secret) }
                p.soft { (w.set_secret_how) }
                label for="new-secret" { (w.secret) }
                input id="new-secret" name="secret" type="password" autocomplete="new-password" minlength="10" maxlength="200" required;
                button type="submit" { (w.set_secret) }
            }
            form action={"/" (code) "/my/identity/codes"} method="post" {
                h3 { (w.print_codes) }
                p.soft { (w.print_codes_how) }
                button type="submit" { (w.print_codes) }
            }
            @for choice in new_ways(account, choices) {
                form action={"/" (code) "/my/identity/channel"} method="post" {
                    h3 { (w.sent_codes) ": " (choice.address) }
                    p.soft { (w.add_channel_how) }
                    button type="submit" name="channel" value=(choice.channel.as_str()) { (w.add_channel) span.away { ": " (choice.address) } }
                }
            }
            @if account.holder.role.is_person() {
                form action={"/" (code) "/my/identity/proof-secret"} method="post" {
                    h3 { (w.proof_secret) }
                    p.soft { (w.proof_secret_what) }
                    button type="submit" { (w.proof_secret_show) }
                }
            }
        }
    }
}

/// What the person recognises the device of a session by.
fn device<'a>(w: &Words, session: &'a Session) -> &'a str {
    match session.device.is_empty() {
        true => w.unknown_device,
        false => &session.device,
    }
}

fn sessions(lang: Lang, w: &Words, sessions: &[Session], visitor: &Visitor) -> Markup {
    let code = lang.code();
    html! {
        h2 id="sessions" { (w.sessions) }
        div.wide role="region" aria-labelledby="sessions" tabindex="0" { table {
            thead { tr { th { (w.device) } th { (w.since) } th { (w.used) } th { (w.act) } } }
            tbody { @for session in sessions { tr {
                td data-label=(w.device) {
                    (device(w, session))
                    @if session.id == visitor.session.id { " (" (w.this_one) ")" }
                }
                td data-label=(w.since) { (when(lang, session.begun_ms)) }
                td data-label=(w.used) { (when(lang, session.seen_ms)) }
                td data-label=(w.act) {
                    form action={"/" (code) "/my/identity/sessions"} method="post" {
                        input type="hidden" name="session" value=(session.id);
                        button.small type="submit" { (w.end) span.away { ": " (device(w, session)) ", " (when(lang, session.begun_ms)) } }
                    }
                }
            } } }
        } }
        form action={"/" (code) "/my/identity/sessions"} method="post" {
            input type="hidden" name="session" value="others";
            button type="submit" { (w.end_others) }
        }
        form action={"/" (code) "/sign-out"} method="post" { button type="submit" { (w.sign_out) } }
    }
}

fn powers(lang: Lang, w: &Words, (has, given): &(Vec<Mandate>, Vec<Mandate>)) -> Markup {
    let rows = |list: &[Mandate], other: fn(&Mandate) -> &str| {
        html! { ul { @for power in list { li {
            (other(power)) ": " (when(lang, power.from_ms)) " – " (when(lang, power.until_ms)) @if power.kind != MandateKind::PowerOfAttorney { " (" (power.source) ")" }
            @if let Some(ms) = power.revoked_ms { " · " (w.ended) " " (when(lang, ms)) }
        } } } }
    };
    html! {
        h2 { (w.powers) }
        h3 { (w.act_for) }
        @if has.is_empty() { p { (w.nobody) } } @else { (rows(has, |power| &power.represented)) }
        h3 { (w.act_for_me) }
        @if given.is_empty() { p { (w.nobody) } } @else { (rows(given, |power| &power.representative)) }
    }
}

fn history(lang: Lang, w: &Words, account: &Account, history: &[Dated]) -> Markup {
    let kind = |kind: FactorKind| match kind {
        FactorKind::Passkey => w.passkey,
        FactorKind::Secret => w.secret,
        FactorKind::Code => w.sent_codes,
        FactorKind::Recovery => w.printed_codes,
    };
    let said = |event: &Event| match event {
        Event::Opened { .. } => w.h_opened.to_owned(),
        Event::Proofed { method } => format!("{}: {method}", w.h_proofed),
        Event::FactorAdded { factor, .. } => format!("{}: {}", w.h_added, kind(factor.kind())),
        Event::FactorChanged { .. } => String::new(),
        Event::FactorRemoved { .. } => w.h_removed.to_owned(),
        Event::Failed { kind: of } => format!("{}: {}", w.h_failed, kind(*of)),
        Event::SignedIn { factors, .. } => {
            let used = factors.iter().filter_map(|id| account.factor(*id));
            let used: Vec<&str> = used.map(|known| kind(known.factor.kind())).collect();
            format!("{}: {}", w.h_signed_in, used.join(" + "))
        }
        Event::Closed => w.h_closed.to_owned(),
    };
    let lines = history
        .iter()
        .rev()
        .map(|dated| (dated.at_ms, said(&dated.event)));
    let lines = lines.filter(|(_, said)| !said.is_empty()).take(50);
    html! {
        h2 { (w.history) }
        ul { @for (at, said) in lines { li { (when(lang, at)) " · " (said) } } }
    }
}

/// Changing the ways in takes a sure sign-in, or an account that has no two ways yet.
pub(super) fn may_change(visitor: &Visitor) -> bool {
    visitor.session.level >= Level::Two || !visitor.account.is_ready()
}

/// Asks the account, and shows the page with what came of it.
pub(super) async fn change(
    app: &Arc<App>,
    lang: Lang,
    visitor: Visitor,
    command: Command,
) -> Result<Result<(), &'static str>, Response> {
    let w = words(lang);
    if !may_change(&visitor) {
        return Ok(Err(w.surer));
    }
    let id = visitor.account.id;
    let told = with_accounts(app, move |app| {
        app.people.accounts.tell(id, command, (app.wall)())
    });
    match told.await? {
        Ok(_) => Ok(Ok(())),
        Err(TellError::Refused(refusal)) => Ok(Err(match refusal {
            Refusal::LastWays => w.last_ways,
            Refusal::TooMany => w.too_many,
            Refusal::Known => w.known,
            Refusal::Label => w.label,
            _ => w.not_done,
        })),
        Err(TellError::CredentialTaken) => Ok(Err(w.known)),
        Err(error) => Err(ours(&error)),
    }
}

pub(super) async fn shown(
    app: &Arc<App>,
    lang: Lang,
    visitor: Visitor,
    done: Result<(), &'static str>,
) -> Result<Response, Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/{}/my/identity", lang.code())).into_response()),
        Err(said) => {
            let page = show(app, lang, visitor, Note::Said(said)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// A new secret.
#[derive(Debug, Deserialize)]
pub(crate) struct NewSecret {
    secret: String,
}

/// `POST /{lang}/my/identity/secret`
pub(crate) async fn secret(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<NewSecret>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let (id, salt) = (FactorId::new(random()?), random::<16>()?);
    let hash = with_accounts(&app, move |_| SecretHash::choose(&form.secret, &salt)).await?;
    let w = words(lang);
    let done = match hash {
        Err(SecretError::Short) => Err(w.secret_short),
        Err(SecretError::Long) => Err(w.secret_long),
        Err(SecretError::Repeated) => Err(w.secret_weak),
        Err(error @ SecretError::Hash) => return Err(ours(&error)),
        Ok(hash) => {
            let factor = Factor::Secret { hash };
            change(&app, lang, visitor.clone(), Command::Add { id, factor }).await?
        }
    };
    shown(&app, lang, visitor, done).await
}

/// `POST /{lang}/my/identity/codes`: the codes are shown once, on the answer.
pub(crate) async fn codes(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if !may_change(&visitor) {
        return shown(&app, lang, visitor, Err(words(lang).surer)).await;
    }
    let id = FactorId::new(random()?);
    let mut drawn = [[0; 17]; COUNT];
    let mut salts = [[0; 16]; COUNT];
    for (code, salt) in drawn.iter_mut().zip(&mut salts) {
        *code = random()?;
        *salt = random()?;
    }
    let made = with_accounts(&app, move |_| RecoveryCodes::draw(&drawn, &salts)).await?;
    let (texts, codes) = made.map_err(|error| ours(&error))?;
    let factor = Factor::Recovery { codes };
    match change(&app, lang, visitor.clone(), Command::Add { id, factor }).await? {
        Ok(()) => Ok(show(&app, lang, visitor, Note::Codes(&texts))
            .await?
            .into_response()),
        refused => shown(&app, lang, visitor, refused).await,
    }
}

/// `POST /{lang}/my/identity/proof-secret`: the secret with which proofs are checked, shown on the
/// answer to whoever may see the own list.
pub(crate) async fn proof_secret(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let with = visitor.clone();
    let found = with_accounts(&app, move |app| {
        let subject = subject(app, &with)?;
        let person = app.ledger.chronicle.keys().person(&subject);
        let person = person.map_err(|error| NoList::Chronicle(error.into()))?;
        Ok::<_, NoList>(kepil_gate::record::hex(person.secret.as_bytes()))
    });
    match found.await? {
        Ok(secret) => Ok(show(&app, lang, visitor, Note::Secret(&secret))
            .await?
            .into_response()),
        Err(why) => Ok(refusal(&app, lang, &why)),
    }
}

/// A way in that is to go.
#[derive(Debug, Deserialize)]
pub(crate) struct Removed {
    factor: String,
}

/// `POST /{lang}/my/identity/remove`
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<Removed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let done = match FactorId::parse(&form.factor) {
        Ok(id) => {
            let done = change(&app, lang, visitor.clone(), Command::Remove { id }).await?;
            if done.is_ok() {
                // Whoever came in with what is gone now is out.
                let (account, own) = (visitor.account.id, visitor.session.id);
                with_accounts(&app, move |app| {
                    app.people.accounts.end_sessions(account, Some(own))
                })
                .await?
                .map_err(|error| ours(&error))?;
            }
            done
        }
        Err(_) => Err(words(lang).not_done),
    };
    shown(&app, lang, visitor, done).await
}

/// A session that is to end, or `others`.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    session: String,
}

/// `POST /{lang}/my/identity/sessions`
pub(crate) async fn end_session(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<Ended>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let (account, own) = (visitor.account.id, visitor.session.id);
    let ended = with_accounts(&app, move |app| {
        let accounts = &app.people.accounts;
        if form.session == "others" {
            return accounts.end_sessions(account, Some(own)).map(|_| false);
        }
        match SessionId::parse(&form.session) {
            Ok(id) => accounts.end_session(account, id).map(|_| id == own),
            Err(_) => Ok(false),
        }
    });
    let is_own = ended.await?.map_err(|error| ours(&error))?;
    if is_own {
        let cookie = no_cookie(&app);
        let to = Redirect::to(&format!("/{}", lang.code()));
        return Ok(([(header::SET_COOKIE, cookie)], to).into_response());
    }
    Ok(Redirect::to(&format!("/{}/my/identity", lang.code())).into_response())
}

/// What a browser calls the device.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    label: String,
}

/// `POST /{lang}/my/identity/passkey/start`
pub(crate) async fn passkey_start(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Json(named): Json<Named>,
) -> Result<Response, Response> {
    if !may_change(&visitor) {
        return Err(broken("sign in more surely first"));
    }
    let ticket = kepil_gate::record::hex(&random::<32>()?);
    let place = [visitor.session.id.as_bytes().as_slice(), ticket.as_bytes()].concat();
    let account = visitor.account;
    let options = with_accounts(&app, move |app| {
        let passkeys = app.people.passkeys.as_ref()?;
        let known: Vec<String> = account
            .factors
            .iter()
            .filter_map(|known| match &known.factor {
                Factor::Passkey { stored, .. } => Some(stored.clone()),
                _ => None,
            })
            .collect();
        // Nobody else's screen should show more than the number.
        let name = account_number(account.id);
        let begun = passkeys.begin_adding(account.id, &name, &named.label, &known);
        let (options, adding) = begun.map_err(|error| ours(&error)).ok()?;
        let until = (app.wall)().saturating_add(CEREMONY_MS);
        let kept = app
            .people
            .accounts
            .put_once(("add", &place), &adding, until);
        kept.map_err(|error| ours(&error)).ok()?;
        Some(options)
    })
    .await?;
    let options = options.ok_or_else(|| broken("passkeys cannot be used here"))?;
    Ok(Json(json!({"ticket": ticket, "options": options})).into_response())
}

/// Why a passkey is not added.
#[derive(Debug, thiserror::Error)]
enum NotAdded {
    #[error("the ceremony is over, was used, or never began")]
    NoCeremony,
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    #[error(transparent)]
    Tell(#[from] TellError),
}

/// `POST /{lang}/my/identity/passkey/finish`
pub(crate) async fn passkey_finish(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Json(answer): Json<Answer>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if !may_change(&visitor) {
        return Err(broken("sign in more surely first"));
    }
    let (id, factor_id) = (visitor.account.id, FactorId::new(random()?));
    let place = [visitor.session.id.as_bytes().as_slice(), answer.ticket()].concat();
    let added = with_accounts(&app, move |app| {
        let now_ms = (app.wall)();
        let accounts = &app.people.accounts;
        let passkeys = app.people.passkeys.as_ref().ok_or(NotAdded::NoCeremony)?;
        let adding: Option<Adding> = accounts
            .take_once(("add", &place), now_ms)
            .map_err(TellError::from)?;
        let adding = adding.ok_or(NotAdded::NoCeremony)?;
        let kept = passkeys.end_adding(&adding, answer.credential)?;
        let factor = Factor::Passkey {
            credential: kept.credential,
            stored: kept.stored,
            label: adding.label,
        };
        let id_of = factor_id;
        accounts.tell(id, Command::Add { id: id_of, factor }, now_ms)?;
        Ok::<_, NotAdded>(())
    });
    match added.await? {
        Ok(()) => {
            let to = format!("/{}/my/identity", lang.code());
            Ok(Json(json!({"to": to})).into_response())
        }
        Err(NotAdded::Tell(TellError::Store(error))) => Err(ours(&error)),
        Err(error) => {
            tracing::warn!(error = %kepil_ledger::error::in_one_line(&error), "a passkey was not added");
            Err(broken("the passkey was not added"))
        }
    }
}
