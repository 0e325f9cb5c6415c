//! My notices: what was told to a person, what proves that it arrived, and where else to tell it.

use super::moment::at;
use super::notice_words::{Words, words};
use super::uses::subject;
use super::visitor::{Visitor, ours, random, with_accounts};
use super::words::words as common;
use crate::app::App;
use crate::pages::{frame, lang_of};
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_identity::standing::NoStanding;
use kepil_notices::{
    Address, AddressError, AskError, CODE_MS, Channel, Choice, Code, CodeError, Delivery, Kind,
    Message, Notice, NoticeId, Proof, Refused, State as Stage, StoreError, Wish, delivered,
};
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

/// Notices on one page.
const PAGE: usize = 50;

/// Longest typed text that is shown again, characters.
const TYPED: usize = 300;

/// Why a page of notices is not shown or a form not followed.
#[derive(Debug, thiserror::Error)]
enum NoNotices {
    #[error(transparent)]
    Standing(#[from] NoStanding),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the page has to say at the top, and what was typed.
#[derive(Debug, Default)]
struct Note {
    status: StatusCode,
    said: Option<String>,
    wait_secs: Option<u64>,
    typed: Option<(Channel, String)>,
}

impl Note {
    fn new(status: StatusCode, said: impl Into<String>) -> Self {
        Self {
            status,
            said: Some(said.into()),
            ..Self::default()
        }
    }
}

/// What the page shows.
struct Shown {
    notices: Vec<Notice>,
    has_more: bool,
    choices: Vec<Choice>,
    wishes: Vec<Wish>,
    /// Addresses to which codes go that open the account.
    opening: Vec<String>,
}

fn when(lang: Lang, ms: u64) -> String {
    at(lang, ms / 1000)
}

/// The register reference of a visitor who may see the own notices.
fn person(app: &App, visitor: &Visitor) -> Result<String, NoStanding> {
    subject(app, visitor)?;
    Ok(visitor.account.holder.reference.clone())
}

/// The page that says why there are no notices to see, and what to do.
fn refusal(app: &App, lang: Lang, why: &NoNotices) -> Response {
    let (w, c) = (words(lang), common(lang));
    let said = match why {
        NoNotices::Standing(NoStanding::Level | NoStanding::Over(_)) => c.surer,
        NoNotices::Standing(NoStanding::OneFactor) => c.two_ways,
        NoNotices::Standing(NoStanding::NotProofed) => c.not_proofed,
        NoNotices::Standing(_) => c.not_yours,
        NoNotices::Store(error) => return ours(error),
    };
    let body = html! {
        h1 { (w.notices) }
        p.said role="alert" { (said) }
        p { a href={"/" (lang.code()) "/my/identity"} { (c.identity) } }
    };
    let page = frame(app, lang, "/my/notices", w.notices, &body);
    (StatusCode::FORBIDDEN, page).into_response()
}

/// Which part of the list.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    from: Option<String>,
}

/// `GET /{lang}/my/notices`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    Query(part): Query<Part>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let from = part.from.and_then(|from| from.parse().ok()).unwrap_or(0);
    show(&app, lang, visitor, from, Note::default()).await
}

async fn show(
    app: &Arc<App>,
    lang: Lang,
    visitor: Visitor,
    from: usize,
    note: Note,
) -> Result<Response, Response> {
    let found = with_accounts(app, move |app| {
        let person = person(app, &visitor)?;
        let outbox = &app.people.notices.outbox;
        let mut notices = outbox.of_person(&person, from, PAGE.saturating_add(1))?;
        let has_more = notices.len() > PAGE;
        notices.truncate(PAGE);
        Ok::<_, NoNotices>(Shown {
            notices,
            has_more,
            choices: outbox.choices(&person)?,
            wishes: outbox.wishes(&person, (app.wall)())?,
            opening: super::sent_codes::addresses(&visitor.account),
        })
    });
    let shown = match found.await? {
        Ok(shown) => shown,
        Err(why) => return Ok(refusal(app, lang, &why)),
    };
    let w = words(lang);
    let body = html! {
        h1 { (w.notices) }
        @if let Some(said) = &note.said { p.said role="alert" { (said) } }
        p { (w.what) }
        @if shown.notices.is_empty() { p { (w.none) } } @else {
            ol.timeline { @for notice in &shown.notices { li { (line(lang, w, notice)) } } }
        }
        @if from > 0 || shown.has_more { p {
            @if from > 0 { a href={"?from=" (from.saturating_sub(PAGE))} { (w.newer) } " " }
            @if shown.has_more { a href={"?from=" (from.saturating_add(PAGE))} { (w.older) } }
        } }
        h2 id="ways" { (w.ways) }
        p { (w.ways_how) }
        div.doors {
            @for channel in [Channel::Email, Channel::Sms] { (way(app, lang, w, channel, &shown, &note)) }
        }
    };
    let page = frame(app, lang, "/my/notices", w.notices, &body);
    let mut response = (note.status, page).into_response();
    if let Some(secs) = note.wait_secs {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, secs.into());
    }
    Ok(response)
}

fn kind(w: &Words, kind: Kind) -> &'static str {
    match kind {
        Kind::ComplaintFiled => w.k_complaint_filed,
        Kind::ComplaintDecided => w.k_complaint_decided,
        Kind::ReviewDecided => w.k_review_decided,
        Kind::UseRecorded => w.k_use_recorded,
        Kind::DeferralEnded => w.k_deferral_ended,
    }
}

fn name(w: &Words, channel: Channel) -> &'static str {
    match channel {
        Channel::Space => w.space,
        Channel::Email => w.email,
        Channel::Sms => w.sms,
    }
}

/// A notice in the list.
fn line(lang: Lang, w: &Words, notice: &Notice) -> Markup {
    html! {
        p.time { (when(lang, notice.created_ms)) }
        p { a href={"/" (lang.code()) "/my/notices/" (notice.id)} { (kind(w, notice.about.kind())) } }
        (way_it_went(lang, w, notice))
    }
}

/// How far each delivery is, and the proofs.
fn way_it_went(lang: Lang, w: &Words, notice: &Notice) -> Markup {
    html! {
        p { @match delivered(notice) {
            Some(found) => { (w.counts) " " strong { (when(lang, found.at_ms)) } " (" (name(w, found.channel)) ")" }
            None => (w.no_proof),
        } }
        ul { @for delivery in &notice.deliveries { li { (name(w, delivery.channel)) ": " (state(lang, w, delivery)) } } }
    }
}

fn state(lang: Lang, w: &Words, delivery: &Delivery) -> Markup {
    match &delivery.state {
        Stage::Queued if delivery.channel == Channel::Space => html! { (w.s_waits) },
        Stage::Queued => html! { (w.s_queued) },
        Stage::Attempted { next_ms, said, .. } => html! {
            (w.s_attempted) " " (when(lang, *next_ms))
            @if let Some(said) = said { "; " (w.answered) ": " q { (said) } }
        },
        Stage::Handed { at_ms } => html! { (w.s_handed) ", " (when(lang, *at_ms)) },
        Stage::Delivered { at_ms, proof } => html! {
            (w.s_delivered) ", " (when(lang, *at_ms)) "; "
            @match proof {
                Proof::Opened { session } => { (w.p_opened) " " code { (session) } }
                Proof::Accepted { reply, message_id } => { (w.p_accepted) " " q { (reply) } ", " code { (message_id) } }
                Proof::Receipt { receipt } => { (w.p_receipt) " " q { (receipt) } }
            }
        },
        Stage::Failed { at_ms, said } => html! {
            (w.s_failed) ", " (when(lang, *at_ms)) "; " (w.answered) ": " q { (said) }
        },
    }
}

/// One way outside: what is chosen, what waits for its code, and the form to choose.
fn way(app: &App, lang: Lang, w: &Words, channel: Channel, shown: &Shown, note: &Note) -> Markup {
    let (code, word) = (lang.code(), channel.as_str());
    let chosen = shown.choices.iter().find(|c| c.channel == channel);
    let wish = shown.wishes.iter().find(|wish| wish.channel == channel);
    let has_way = app.people.notices.way(channel).is_some();
    let typed = note.typed.as_ref().filter(|(of, _)| *of == channel);
    let typed = typed.map(|(_, text)| text.as_str());
    let (label, kind, fill) = match channel {
        Channel::Sms => (w.your_phone, "tel", "tel"),
        _ => (w.your_email, "email", "email"),
    };
    html! { section aria-labelledby={"way-" (word)} {
        h3 id={"way-" (word)} { (name(w, channel)) }
        @if !has_way { p { (w.no_way) } }
        @if let Some(chosen) = chosen {
            p { (w.chosen) ": " strong { (chosen.address) } ", " (chosen.lang.code()) ", " (w.since) " " (when(lang, chosen.confirmed_ms)) }
        }
        @for address in shown.opening.iter().filter(|address| address.contains('@') == (channel == Channel::Email)) {
            p.soft { (w.opens_too) " " a href={"/" (code) "/my/identity"} { (address) } }
        }
        @if let (Some(wish), true) = (wish, has_way) {
            form action={"/" (code) "/my/notices/confirm"} method="post" {
                p { (w.code_sent) " " strong { (wish.address) } ". " (w.code_how) }
                input type="hidden" name="channel" value=(word);
                label for={"code-" (word)} { (w.code) }
                input id={"code-" (word)} name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" required;
                button type="submit" { (w.confirm) span.away { ": " (name(w, channel)) } }
            }
        }
        @if chosen.is_some() || wish.is_some() {
            form action={"/" (code) "/my/notices/remove"} method="post" {
                input type="hidden" name="channel" value=(word);
                button.small type="submit" { (w.remove) span.away { ": " (name(w, channel)) } }
            }
        }
        @if has_way {
            form action={"/" (code) "/my/notices/choose"} method="post" {
                input type="hidden" name="channel" value=(word);
                label for={"address-" (word)} { (label) }
                input id={"address-" (word)} name="address" type=(kind) autocomplete=(fill) maxlength="254" value=[typed] required;
                label for={"lang-" (word)} { (w.language) }
                select id={"lang-" (word)} name="lang" {
                    @for other in Lang::ALL { option value=(other.code()) selected[other == lang] lang=(other.code()) { (language(other)) } }
                }
                button type="submit" { (w.send_code) span.away { ": " (name(w, channel)) } }
            }
        }
    } }
}

/// A language in its own words.
fn language(lang: Lang) -> &'static str {
    match lang {
        Lang::Kk => "қазақша",
        Lang::Ru => "русский",
        Lang::En => "English",
    }
}

/// Opening a page ahead of a person is not reading it.
fn is_ahead(method: &Method, headers: &HeaderMap) -> bool {
    let purpose = headers.get("sec-purpose").and_then(|v| v.to_str().ok());
    *method != Method::GET || purpose.is_some_and(|purpose| purpose.contains("prefetch"))
}

/// `GET /{lang}/my/notices/{id}`: shows a notice, which is thereby delivered.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if is_ahead(&method, &headers) {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let found = with_accounts(&app, move |app| {
        let person = person(app, &visitor)?;
        let Ok(id) = NoticeId::parse(&id) else {
            return Ok(None);
        };
        let outbox = &app.people.notices.outbox;
        // What somebody else shows the person on a screen is not opened by the person.
        if visitor.session.assisted_by.is_some() {
            return Ok(outbox.of(&person, id)?);
        }
        let session = visitor.session.id;
        Ok::<_, NoNotices>(outbox.open_notice(&person, id, session.as_bytes(), (app.wall)())?)
    });
    let w = words(lang);
    let notice = match found.await? {
        Ok(Some(notice)) => notice,
        Ok(None) => {
            let body = html! {
                h1 { (w.notices) }
                p.said role="alert" { (w.no_notice) }
                p { a href={"/" (lang.code()) "/my/notices"} { (w.back) } }
            };
            let page = frame(&app, lang, "/my/notices", w.notices, &body);
            return Ok((StatusCode::NOT_FOUND, page).into_response());
        }
        Err(why) => return Ok(refusal(&app, lang, &why)),
    };
    let code = lang.code();
    let body = html! {
        h1 { (w.notice) }
        p.lead { (kind(w, notice.about.kind())) "." }
        p { (w.made) " " (when(lang, notice.created_ms)) }
        (way_it_went(lang, w, &notice))
        p { a href={"/" (code) (notice.about.path())} { (w.go) } }
        p { a href={"/" (code) "/my/notices"} { (w.back) } }
    };
    let path = format!("/my/notices/{}", notice.id);
    Ok(frame(&app, lang, &path, w.notice, &body).into_response())
}

/// An address that is to be told notices.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    lang: String,
}

/// Why no code went out.
#[derive(Debug, thiserror::Error)]
enum NotAsked {
    #[error(transparent)]
    Standing(#[from] NoStanding),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Refused(#[from] Refused),
}

fn back(lang: Lang) -> Response {
    Redirect::to(&format!("/{}/my/notices#ways", lang.code())).into_response()
}

/// `POST /{lang}/my/notices/choose`: a code goes to the address.
pub(crate) async fn choose(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<Chosen>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    let channel = Channel::from_word(&form.channel);
    let way = channel.and_then(|channel| Some((channel, app.people.notices.way(channel)?)));
    let Some((channel, sender)) = way else {
        let note = Note::new(StatusCode::UNPROCESSABLE_ENTITY, w.e_channel);
        return show(&app, lang, visitor, 0, note).await;
    };
    let typed: String = form.address.chars().take(TYPED).collect();
    let (with, wanted) = (visitor.clone(), Lang::from_code(&form.lang).unwrap_or(lang));
    let (drawn, id) = (random()?, NoticeId::new(random()?));
    let asked = with_accounts(&app, move |app| {
        let person = person(app, &with)?;
        let outbox = &app.people.notices.outbox;
        let now_ms = (app.wall)();
        let address = Address::parse(channel, &form.address).map_err(AskError::from)?;
        let (text, code) = Code::draw(drawn, CODE_MS, now_ms);
        outbox.ask(&person, &address, wanted, &code, now_ms)?;
        let message = Message::code(id, wanted, &app.config.public_url, &text, now_ms);
        if let Err(refused) = sender.send(address.as_str(), &message) {
            outbox.withdraw(&person, channel).map_err(AskError::from)?;
            return Err(NotAsked::Refused(refused));
        }
        Ok::<_, NotAsked>(())
    });
    let unfit = StatusCode::UNPROCESSABLE_ENTITY;
    let mut note = match asked.await? {
        Ok(()) => return Ok(back(lang)),
        Err(NotAsked::Standing(why)) => return Ok(refusal(&app, lang, &why.into())),
        Err(NotAsked::Ask(AskError::Store(error))) => return Err(ours(&error)),
        Err(NotAsked::Ask(AskError::Address(AddressError::Phone))) => Note::new(unfit, w.e_phone),
        Err(NotAsked::Ask(AskError::Address(_))) => Note::new(unfit, w.e_email),
        Err(NotAsked::Ask(AskError::TooOften { until_ms })) => {
            let said = format!("{} {}", w.e_often, when(lang, until_ms));
            let wait = until_ms.saturating_sub((app.wall)()).div_ceil(1000);
            Note {
                wait_secs: Some(wait),
                ..Note::new(StatusCode::TOO_MANY_REQUESTS, said)
            }
        }
        Err(NotAsked::Refused(Refused::Permanent(_))) => Note::new(unfit, w.e_refused),
        Err(NotAsked::Refused(Refused::Temporary(_))) => {
            Note::new(StatusCode::SERVICE_UNAVAILABLE, w.e_not_now)
        }
    };
    note.typed = Some((channel, typed));
    show(&app, lang, visitor, 0, note).await
}

/// A code that was typed.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    code: String,
}

/// `POST /{lang}/my/notices/confirm`
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    let Some(channel) = Channel::from_word(&form.channel) else {
        let note = Note::new(StatusCode::UNPROCESSABLE_ENTITY, w.e_channel);
        return show(&app, lang, visitor, 0, note).await;
    };
    let with = visitor.clone();
    let confirmed = with_accounts(&app, move |app| {
        let person = person(app, &with)?;
        let outbox = &app.people.notices.outbox;
        Ok::<_, NoNotices>(outbox.confirm(&person, channel, &form.code, (app.wall)())?)
    });
    let said = match confirmed.await? {
        Err(why) => return Ok(refusal(&app, lang, &why)),
        Ok(Ok(())) => return Ok(back(lang)),
        Ok(Err(CodeError::Wrong { left })) => format!("{} {left}", w.e_wrong),
        Ok(Err(CodeError::Spent)) => w.e_spent.to_owned(),
        Ok(Err(CodeError::None)) => w.e_no_code.to_owned(),
    };
    let note = Note::new(StatusCode::UNPROCESSABLE_ENTITY, said);
    show(&app, lang, visitor, 0, note).await
}

/// A channel that is to be told no more.
#[derive(Debug, Deserialize)]
pub(crate) struct Removed {
    #[serde(default)]
    channel: String,
}

/// `POST /{lang}/my/notices/remove`
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<Removed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let removed = with_accounts(&app, move |app| {
        let person = person(app, &visitor)?;
        if let Some(channel) = Channel::from_word(&form.channel) {
            app.people.notices.outbox.remove(&person, channel)?;
        }
        Ok::<_, NoNotices>(())
    });
    match removed.await? {
        Ok(()) => Ok(back(lang)),
        Err(why) => Ok(refusal(&app, lang, &why)),
    }
}
