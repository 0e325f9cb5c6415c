//! *I do not recognise this*: a complaint with proof of delivery, its clock, and its decision.

use super::act::{Done, fresh, notify, record, seal, today, unseal};
use super::page::{MAX_TEXT, decision, due_cell, facts, said, state_word};
use super::words::words;
use crate::app::App;
use crate::pages::{frame, lang_of};
use crate::people::moment::at;
use crate::people::timeline::{system_name, use_line};
use crate::people::uses::{own_entry, period_of, refusal, subject};
use crate::people::visitor::{Visitor, ours, with_accounts};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kepil_cases::{Case, CaseId, CaseKind, Event, FORGOTTEN, SealedText, StoreError, Term};
use kepil_ledger::completeness::OpenedEntry;
use kepil_ledger::payload::Payload;
use kepil_ledger::period::Period;
use kepil_notices::Kind;
use kepil_terms::Lang;
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

const MIN_TEXT: usize = 10;

/// What was typed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    pub(super) text: String,
}

fn own_path(period: Period, index: u64) -> String {
    format!("/my/uses/{}/{index}/complain", period.number())
}

/// Whether a text has the length of a complaint.
fn is_text(text: &str) -> bool {
    (MIN_TEXT..=MAX_TEXT).contains(&text.chars().count())
}

/// The name of the one complaint of a person about a use.
fn named(index: u64, subject: &str) -> String {
    format!("complaint {index} {subject}")
}

/// The complaint of a person about a use, if there is one.
pub(crate) fn complaint_of(app: &App, index: u64, subject: &str) -> Option<CaseId> {
    let found = app.desk.cases.named(&named(index, subject));
    found.ok().flatten().map(|case| case.id)
}

pub(super) fn form_page(
    app: &App,
    lang: Lang,
    (path, index): (&str, u64),
    payload: &Payload,
    (typed, wrong): (&str, Option<&str>),
) -> Response {
    let w = words(lang);
    let law = app.law.load_full();
    let body = html! {
        h1 { (w.complain) }
        div.timeline.one { (use_line(&law, lang, None, index, payload, &[])) }
        p { (w.complain_how) }
        @if let Some(wrong) = wrong { p.said role="alert" id="wrong" { (wrong) } }
        form action={"/" (lang.code()) (path)} method="post" {
            label for="text" { (w.complain_what) }
            p.soft id="how" { (w.complain_length) }
            textarea id="text" name="text" rows="6" required minlength=(MIN_TEXT) maxlength=(MAX_TEXT) aria-describedby="how" { (typed) }
            button type="submit" { (w.send) }
        }
    };
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    (status, frame(app, lang, path, w.complain, &body)).into_response()
}

/// `GET /{lang}/my/uses/{period}/{index}/complain`
pub(super) async fn form(
    State(app): State<Arc<App>>,
    Path((lang, period, index)): Path<(String, String, u64)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let of = visitor.clone();
    let known = with_accounts(&app, move |app| {
        let subject = format!("person:{}", of.account.holder.reference);
        app.desk.cases.named(&named(index, &subject))
    });
    let known = known.await?.map_err(|error| ours(&error))?;
    match own_entry(&app, visitor, period_of(&period), index).await? {
        Ok(_) if known.is_some() => {
            // One use, one complaint: it is there already.
            let id = known.map(|case| case.id.to_string()).unwrap_or_default();
            let to = format!("/{}/my/complaints/{id}", lang.code());
            Ok(Redirect::to(&to).into_response())
        }
        Ok((list, entry)) => {
            let path = own_path(list.period, index);
            Ok(form_page(
                &app,
                lang,
                (&path, index),
                &entry.payload,
                ("", None),
            ))
        }
        Err(why) => Ok(refusal(&app, lang, &why)),
    }
}

/// `POST /{lang}/my/uses/{period}/{index}/complain`
pub(super) async fn file(
    State(app): State<Arc<App>>,
    Path((lang, period, index)): Path<(String, String, u64)>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let found = own_entry(&app, visitor.clone(), period_of(&period), index).await?;
    let (list, entry) = match found {
        Ok(found) => found,
        Err(why) => return Ok(refusal(&app, lang, &why)),
    };
    let of = Complainant {
        subject: subject(&app, &visitor).map_err(|why| refusal(&app, lang, &why.into()))?,
        by: String::new(),
        awaits: false,
    };
    let path = own_path(list.period, index);
    let case = taken(&app, lang, &path, entry, &typed, of).await?;
    let to = format!("/{}/my/complaints/{}", lang.code(), case.id);
    Ok(Redirect::to(&to).into_response())
}

/// Whose complaint it is.
pub(super) struct Complainant {
    pub(super) subject: String,
    /// Who files it for the person.
    pub(super) by: String,
    /// The person must agree first.
    pub(super) awaits: bool,
}

/// Takes a form about an entry in; the form again when its text will not do.
pub(super) async fn taken(
    app: &Arc<App>,
    lang: Lang,
    path: &str,
    entry: OpenedEntry,
    typed: &Typed,
    of: Complainant,
) -> Result<Case, Response> {
    let text = typed.text.trim().to_owned();
    if !is_text(&text) {
        let wrong = (typed.text.as_str(), Some(words(lang).complain_length));
        let place = (path, entry.index);
        return Err(form_page(app, lang, place, &entry.payload, wrong));
    }
    let (case, is_new) = keep(app, lang, entry, text.clone(), of).await?;
    // The same text twice is one click too many, and no other complaint.
    let before = case.text.as_ref();
    let before = before.and_then(|before| unseal(app, &case.subject, before));
    match is_new || before.is_some_and(|before| before == text) {
        true => Ok(case),
        // One use, one complaint: what was typed now goes nowhere, and the page says so.
        false => {
            let w = words(lang);
            let text = format!("{} {}. {}", w.complained_before, case.id, w.not_recorded);
            Err(said(app, lang, StatusCode::CONFLICT, w.complain, &text))
        }
    }
}

/// Files a complaint, and delivers it unless somebody must agree first.
async fn keep(
    app: &Arc<App>,
    lang: Lang,
    entry: OpenedEntry,
    text: String,
    of: Complainant,
) -> Result<(Case, bool), Response> {
    let w = words(lang);
    let filed = with_accounts(app, move |app| {
        let said = |e: &dyn std::error::Error| kepil_ledger::error::in_one_line(e);
        let name = named(entry.index, &of.subject);
        let event = Event::Filed {
            id: CaseId::new(fresh().map_err(|e| said(&e))?),
            kind: CaseKind::Complaint,
            entry: Some(entry.index),
            system: entry.payload.system,
            against: entry.payload.official,
            text: Some(seal(app, &of.subject, &text).map_err(|e| said(&e))?),
            needs_second: false,
            subject: of.subject,
            by: of.by,
            awaits: of.awaits,
        };
        let filed = app.desk.cases.file(&name, event, (app.clock)());
        filed.map_err(|e| said(&e))
    });
    let (case, is_new) = filed.await?.map_err(|error| {
        tracing::error!(error, "a complaint was not kept");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        said(app, lang, status, w.complain, w.failed)
    })?;
    if is_new && case.delivery.is_none() && !case.awaits {
        deliver(app, &case).await.map_err(|error| {
            tracing::error!(%error, "a complaint was not delivered");
            said(
                app,
                lang,
                StatusCode::SERVICE_UNAVAILABLE,
                w.complain,
                w.failed,
            )
        })?;
    }
    Ok((case, is_new))
}

/// `POST /{lang}/my/complaints/{id}/agree`: a child acts along.
pub(super) async fn agree(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let case = own_case(&app, lang, visitor, &id).await?;
    let agreed = with_accounts(&app, move |app| {
        let command = kepil_cases::Command::Agree;
        app.desk.cases.tell(case.id, command, (app.clock)())
    });
    let case = agreed.await?.map_err(|error| ours(&error))?;
    if case.delivery.is_none() {
        deliver(&app, &case).await.map_err(|error| ours(&error))?;
    }
    let to = format!("/{}/my/complaints/{}", lang.code(), case.id);
    Ok(Redirect::to(&to).into_response())
}

/// Writes a complaint into the ledger: that entry proves its delivery, and its clock runs.
pub(super) async fn deliver(
    app: &Arc<App>,
    case: &Case,
) -> Result<(), kepil_chronicle::ChronicleError> {
    let Some(entry) = case.entry else {
        return Ok(());
    };
    let sealed = case.text.as_ref().map(|text| text.text.as_str());
    let digest = Sha256::digest(format!("{} {}", case.id, sealed.unwrap_or_default()));
    let ticket = record(
        app,
        Done {
            subject: &case.subject,
            entry: Some(entry),
            system: &case.system,
            outcome: super::COMPLAINED,
            words: &format!("case {}", case.id),
            digest: digest.to_vec(),
            ..Done::default()
        },
    )
    .await?;
    let (delivering, id) = (Arc::clone(app), case.id);
    let proof = super::page::proof_of_entry(ticket.index());
    let now = (app.clock)();
    let told = tokio::task::spawn_blocking(move || {
        super::act::deliver(&delivering, id, Term::COMPLAINT, now, proof);
    });
    told.await
        .map_err(|_| kepil_chronicle::ChronicleError::NotPublished)?;
    let path = format!("/my/complaints/{}", case.id);
    let key = format!("filed {}", case.id);
    notify(app, &case.subject, Kind::ComplaintFiled, key, path).await;
    Ok(())
}

/// `GET /{lang}/my/complaints`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    let cases = match own_cases(&app, visitor).await? {
        Ok(cases) => cases,
        Err(why) => return Ok(refusal(&app, lang, &why.into())),
    };
    let now = today(&app);
    let law = app.law.load_full();
    let body = html! {
        h1 { (w.complaints) }
        @if cases.is_empty() { p { (w.none) } } @else {
            div.wide { table {
                thead { tr { th { (w.case_number) } th { (w.system) } th { (w.filed) } th { (w.due) } th { (w.state) } } }
                tbody { @for case in &cases { tr {
                    td data-label=(w.case_number) { a href={"/" (lang.code()) "/my/complaints/" (case.id)} { (case.id) } }
                    td data-label=(w.system) { (system_name(&law, &case.system)) }
                    td data-label=(w.filed) { (at(lang, case.filed_ms / 1000)) }
                    td data-label=(w.due) { (due_cell(lang, case, now)) }
                    td data-label=(w.state) { (state_word(w, case)) }
                } } }
            } }
        }
    };
    Ok(frame(&app, lang, "/my/complaints", w.complaints, &body).into_response())
}

/// The cases about a visitor that the visitor filed or that a human decides.
async fn own_cases(
    app: &Arc<App>,
    visitor: Visitor,
) -> Result<Result<Vec<Case>, kepil_identity::standing::NoStanding>, Response> {
    let found = with_accounts(app, move |app| {
        let subject = match subject(app, &visitor) {
            Ok(subject) => subject,
            Err(why) => return Ok(Err(why)),
        };
        app.desk.cases.about(&subject).map(Ok)
    })
    .await?;
    found.map_err(|error| ours(&error))
}

/// The cases about a person as they are taken along, with their texts as long as the keys live.
pub(crate) fn export(app: &App, subject: &str) -> Result<Value, StoreError> {
    let time = |ms: u64| {
        let at = kepil_terms::Instant::from_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        at.to_rfc3339()
    };
    let text = |sealed: &SealedText| unseal(app, subject, sealed);
    let cases = app.desk.cases.about(subject)?;
    let cases = cases.iter().map(|case| {
        json!({
            "case": case.id.to_string(), "kind": case.kind.as_str(), "entry": case.entry,
            "system": case.system, "filed": time(case.filed_ms), "filed_by": case.by,
            "waits_for_agreement": case.awaits,
            "text": case.text.as_ref().and_then(text),
            "delivered": case.delivery.as_ref().map(|delivery| json!({
                "time": time(delivery.at_ms), "proof": delivery.proof,
                "due": delivery.due.map(|due| due.to_string()),
            })),
            "decided": case.decision.as_ref().map(|(at_ms, decision)| json!({
                "time": time(*at_ms), "outcome": decision.first.outcome.as_str(),
                "by": decision.first.by, "second": decision.second,
                "reasons": text(&decision.first.reasons), "is_human": decision.is_human,
            })),
        })
    });
    Ok(cases.collect())
}

/// One of them.
async fn own_case(
    app: &Arc<App>,
    lang: Lang,
    visitor: Visitor,
    id: &str,
) -> Result<Case, Response> {
    let w = words(lang);
    let cases = own_cases(app, visitor).await?;
    let cases = cases.map_err(|why| refusal(app, lang, &why.into()))?;
    let wanted = CaseId::parse(id).ok();
    let case = cases.into_iter().find(|case| Some(case.id) == wanted);
    case.ok_or_else(|| said(app, lang, StatusCode::NOT_FOUND, w.complaints, w.no_case))
}

/// `GET /{lang}/my/complaints/{id}`
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    let case = own_case(&app, lang, visitor, &id).await?;
    let law = app.law.load_full();
    let title = format!("{} {}", w.case_number, case.id);
    let text = case
        .text
        .as_ref()
        .map(|text| unseal(&app, &case.subject, text));
    let told = told(&app, &case).await?;
    let row = case
        .entry
        .and_then(|index| app.ledger.chronicle.row(index).ok());
    let month = row.map(|row| row.row.record.facts.period.number());
    let body = html! {
        p { a href={"/" (lang.code()) "/my/complaints"} { (w.complaints) } }
        h1 { (title) }
        (facts(lang, &case, &system_name(&law, &case.system), today(&app)))
        @if !case.by.is_empty() { p { (w.filed_by) " " (if case.by == FORGOTTEN { w.somebody_erased } else { case.by.as_str() }) } }
        @if case.awaits {
            p.said { (w.awaits) }
            form action={"/" (lang.code()) "/my/complaints/" (case.id) "/agree"} method="post" {
                button type="submit" { (w.agree) }
            }
        }
        @if case.is_overdue(today(&app)) { p.said { (w.overdue) } }
        (decision(&app, lang, &case))
        @if case.decision.is_some() {
            @match told {
                Some((at_ms, proof)) => { p { (w.told) " " (at(lang, at_ms / 1000)) " (" (proof) "). " (w.go_on_until) " "
                    (until(&app, lang, at_ms).unwrap_or_else(|| w.no_due.to_owned())) "." } }
                None => { p { (w.not_told) } }
            }
        }
        @if let Some(text) = text { h2 { (w.what_you_wrote) } p { (text.as_deref().unwrap_or(w.keys_gone)) } }
        @if let Some(entry) = case.entry {
            @match month {
                Some(month) => { p { a href={"/" (lang.code()) "/my/uses/" (month) "/" (entry)} { (w.see_use) } ": " (w.entry) " " (entry) } }
                None => { p { (w.entry) " " (entry) } }
            }
        }
        p.soft { (w.print_how) }
    };
    let path = format!("/my/complaints/{}", case.id);
    Ok(frame(&app, lang, &path, &title, &body).into_response())
}

/// When and how the notice of a decision was delivered.
async fn told(app: &Arc<App>, case: &Case) -> Result<Option<(u64, String)>, Response> {
    let key = format!("decided {}", case.id);
    let found = with_accounts(app, move |app| {
        let notice = app.people.notices.outbox.of_key(&key)?;
        let delivered = notice.as_ref().and_then(kepil_notices::delivered);
        Ok::<_, kepil_notices::StoreError>(
            delivered.map(|it| (it.at_ms, it.channel.as_str().to_owned())),
        )
    });
    found.await?.map_err(|error| ours(&error))
}

/// The last day to go on from a decision that was delivered then.
fn until(app: &App, lang: Lang, at_ms: u64) -> Option<String> {
    let day = kepil_terms::Instant::from_ms(i64::try_from(at_ms).ok()?).kz_day();
    let law = app.law.load();
    let ends = Term::TO_COMPLAIN.ends(day, &law.gate.book().calendar);
    ends.ok().map(|day| crate::people::moment::day(lang, day))
}
