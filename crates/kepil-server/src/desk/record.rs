//! A case on the supervisor's desk: its summary names nobody, its record is opened with an event,
//! its decision needs reasons.

use super::act::{Done, notify, record as tell_ledger, seal, today, unseal};
use super::page::{MAX_TEXT, admit, decision, facts, kind_word, outcome_word, said};
use super::words::{Words, words};
use crate::app::{App, Law};
use crate::authzen;
use crate::evaluate::{self, Caller};
use crate::ledger::{Intent, Outcome as UseOutcome};
use crate::outcome::conclude;
use crate::pages::{frame, lang_of};
use crate::people::timeline::{system_name, use_line};
use crate::people::uses::why;
use crate::people::visitor::{Visitor, ours, with_accounts};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kepil_cases::{Case, CaseId, CaseKind, Command, Outcome, Refusal, TellError};
use kepil_chronicle::ChronicleError;
use kepil_identity::holder::Role;
use kepil_ledger::error::in_one_line;
use kepil_ledger::payload::Payload;
use kepil_notices::Kind;
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The provision under which the authority looks.
const BASIS: &str = "KZ-PDL-2013#27-1";

async fn case_of(app: &Arc<App>, lang: Lang, id: &str) -> Result<Case, Response> {
    let w = words(lang);
    let wanted = CaseId::parse(id).ok();
    let found = with_accounts(app, move |app| match wanted {
        Some(id) => app.desk.cases.find(id),
        None => Ok(None),
    });
    let found = found.await?.map_err(|error| ours(&error))?;
    found.ok_or_else(|| said(app, lang, StatusCode::NOT_FOUND, w.supervision, w.no_case))
}

/// `GET /{lang}/supervision/{id}`
pub(super) async fn summary(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Supervisor, w.supervision)?;
    let case = case_of(&app, lang, &id).await?;
    let law = app.law.load_full();
    let title = format!("{} {}", w.case_number, case.id);
    let path = format!("/supervision/{}", case.id);
    let how = match case.kind {
        CaseKind::Reading => w.open_desk,
        _ => w.open_how,
    };
    let body = html! {
        p { a href={"/" (lang.code()) "/supervision"} { (w.supervision) } }
        h1 { (title) }
        (facts(lang, &case, &system_name(&law, &case.system), today(&app)))
        @if case.is_forgotten() { p.said { (w.forgotten) } (decision(&app, lang, &case)) } @else {
            form action={"/" (lang.code()) (path) "/record"} method="post" {
                p id="how" { (how) }
                button type="submit" aria-describedby="how" { (w.open_record) }
            }
        }
    };
    Ok(frame(&app, lang, &path, &title, &body).into_response())
}

/// What a decision form held.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    act: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    reasons: String,
}

/// `POST /{lang}/supervision/{id}/record`
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Supervisor, w.supervision)?;
    let case = case_of(&app, lang, &id).await?;
    if case.is_forgotten() {
        return Ok(said(
            &app,
            lang,
            StatusCode::GONE,
            w.supervision,
            w.forgotten,
        ));
    }
    show(&app, lang, &visitor, case).await
}

/// Shows the whole record; the look is recorded first.
async fn show(
    app: &Arc<App>,
    lang: Lang,
    visitor: &Visitor,
    case: Case,
) -> Result<Response, Response> {
    let w = words(lang);
    let law = app.law.load_full();
    let by = visitor.account.holder.reference.clone();
    if case.kind != CaseKind::Reading {
        look(app, &law, lang, &by, &case).await?;
    }
    let (id, opening) = (case.id, by.clone());
    let opened = with_accounts(app, move |app| {
        let command = Command::Open { by: opening };
        app.desk.cases.tell(id, command, (app.clock)())
    });
    let case = opened.await?.map_err(|error| ours(&error))?;
    let title = format!(
        "{} {} · {}",
        w.case_number,
        case.id,
        kind_word(w, case.kind)
    );
    let path = format!("/supervision/{}", case.id);
    let body = html! {
        p { a href={"/" (lang.code()) "/supervision"} { (w.supervision) } }
        h1 { (title) }
        (facts(lang, &case, &system_name(&law, &case.system), today(app)))
        @match case.kind {
            CaseKind::Reading => { (flag(app, w, &case)) }
            _ => { (whole(app, &law, lang, &case)) }
        }
        (decision(app, lang, &case))
        @if case.decision.is_none() { (form(app, w, lang, &case, &by, &Typed::default())) }
    };
    Ok(frame(app, lang, &path, &title, &body).into_response())
}

/// The decision form alone, with what was typed and why it was not taken: no look at the record,
/// so no event.
fn again(
    app: &App,
    lang: Lang,
    visitor: &Visitor,
    case: &Case,
    typed: &Typed,
    wrong: &str,
) -> Response {
    let w = words(lang);
    let title = format!("{} {}", w.case_number, case.id);
    let law = app.law.load_full();
    let path = format!("/supervision/{}", case.id);
    let by = visitor.account.holder.reference.as_str();
    let body = html! {
        p { a href={"/" (lang.code()) (path)} { (title) } }
        h1 { (w.decide) }
        p.said role="alert" { (wrong) }
        (facts(lang, case, &system_name(&law, &case.system), today(app)))
        @if case.decision.is_none() && !case.is_forgotten() && case.opened.contains_key(by) { (form(app, w, lang, case, by, typed)) }
    };
    let page = frame(app, lang, &path, &title, &body);
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// The record of a use, with who it is about and what that person said.
fn whole(app: &App, law: &Law, lang: Lang, case: &Case) -> Markup {
    let w = words(lang);
    let chronicle = &app.ledger.chronicle;
    let payload = case.entry.and_then(|index| {
        let row = chronicle.row(index).ok()?;
        chronicle.payload(&row).ok()
    });
    let text = case
        .text
        .as_ref()
        .map(|text| unseal(app, &case.subject, text));
    html! {
        dl {
            dt { (w.person) } dd { (case.subject.strip_prefix("person:").unwrap_or(&case.subject)) }
            @if !case.against.is_empty() { dt { (w.official) } dd { (case.against) } }
        }
        @if let Some(text) = &text { h2 { (w.complaint) } blockquote { (text.as_deref().unwrap_or(w.keys_gone)) } }
        @match (&payload, case.entry) {
            (Some(payload), Some(index)) => {
                div.timeline.one { (use_line(law, lang, None, index, payload, &[])) }
                dl { (details(w, payload)) }
                (why(law, lang, payload))
            }
            _ => { p.said { (w.gone) } }
        }
    }
}

fn details(w: &Words, payload: &Payload) -> Markup {
    html! {
        @if !payload.fields.is_empty() { dt { (w.fields) } dd { (payload.fields.join(", ")) } }
        @if !payload.cites.is_empty() { dt { (w.cited) } dd { (payload.cites.join(", ")) } }
        @if !payload.order.is_empty() { dt { (w.order) } dd { (payload.order) } }
    }
}

/// What a rule saw; no person's data are in it.
fn seen(app: &App, case: &Case) -> String {
    let text = case.text.as_ref();
    let text = text.and_then(|text| unseal(app, &case.subject, text));
    text.unwrap_or_default()
}

fn rule_word(w: &Words, rule: &str) -> &'static str {
    match rule {
        "many_persons" => w.many_persons,
        "night_work" => w.night_work,
        _ => w.close,
    }
}

/// The rule that flagged a reading.
pub(super) fn rule(app: &App, w: &Words, case: &Case) -> &'static str {
    let seen = seen(app, case);
    rule_word(w, seen.split(' ').next().unwrap_or_default())
}

fn flag(app: &App, w: &Words, case: &Case) -> Markup {
    let text = seen(app, case);
    let parts: Vec<&str> = text.split(' ').collect();
    html! {
        dl {
            dt { (w.official) } dd { (case.against) }
            @if let [rule, day, count, entries] = parts.as_slice() {
                dt { (w.rule) } dd { (rule_word(w, rule)) }
                dt { (w.day) } dd { (day) }
                dt { (w.count) } dd { (count) }
                dt { (w.entries) } dd { (entries.replace(',', ", ")) }
            }
        }
    }
}

fn form(app: &App, w: &Words, lang: Lang, case: &Case, by: &str, typed: &Typed) -> Markup {
    let action = format!("/{}/supervision/{}/decide", lang.code(), case.id);
    let is_second = case
        .proposal
        .as_ref()
        .is_some_and(|proposal| proposal.by != by);
    let reasons = html! {
        label for="reasons" { (w.reasons) }
        p.soft id="reasons-how" { @if case.kind == CaseKind::Reading { (w.reasons_how_reading) } @else { (w.reasons_how) } }
        textarea id="reasons" name="reasons" rows="6" maxlength=(MAX_TEXT) aria-describedby="reasons-how" { (typed.reasons) }
    };
    html! {
        @if case.needs_second { p { (w.takes_two) } }
        @if let Some(proposal) = &case.proposal {
            p { (w.proposed_by) " " (proposal.by) ": " strong { (outcome_word(w, proposal.outcome)) } }
            blockquote { (unseal(app, &case.subject, &proposal.reasons).unwrap_or_else(|| w.keys_gone.to_owned())) }
        }
        form action=(action) method="post" {
            @if case.proposal.is_none() {
                fieldset {
                    legend { (w.decide) }
                    @for outcome in case.kind.outcomes() {
                        label.choice { input type="radio" name="outcome" value=(outcome.as_str()) required checked[typed.outcome == outcome.as_str()]; " " (outcome_word(w, outcome)) }
                    }
                }
                (reasons)
                button type="submit" name="act" value="decide" { @if case.needs_second { (w.propose_button) } @else { (w.decide_button) } }
            } @else if is_second {
                (reasons)
                button type="submit" name="act" value="confirm" { (w.confirm) } " "
                button.small type="submit" name="act" value="return" { (w.give_back) }
            }
        }
    }
}

/// Records that a supervisor looks; the law in the gate decides whether that may be.
async fn look(
    app: &Arc<App>,
    law: &Law,
    lang: Lang,
    by: &str,
    case: &Case,
) -> Result<(), Response> {
    let w = words(lang);
    let refuse = |status, text: &str| said(app, lang, status, w.supervision, text);
    let id = app.config.desk.supervisor_system.as_deref();
    let system = id.and_then(|id| law.register.system(id)).cloned();
    let Some(system) = system else {
        return Err(refuse(StatusCode::FORBIDDEN, w.no_system));
    };
    let person = case.subject.strip_prefix("person:").unwrap_or_default();
    let body = json!({
        "subject": {"type": "official", "id": by, "properties": {"official": by}},
        "action": {"name": "view"},
        "resource": {"type": "person", "id": person, "properties": {"data": ["digital_event"]}},
        "context": {
            "purpose": "proof_of_legal_fact", "basis": [BASIS], "agreement": agreement(law, &system.id),
            "claims": {"request": {
                "precision": "record", "path": "gateway", "from_person": false, "identifier_choice": true,
            }},
        },
    });
    let caller = Caller {
        system: &system,
        request: format!("case {}", case.id),
        lang,
        repeat: String::new(),
        // What this node knows itself: a case about this person is open, and the event of the look
        // goes into the person's list with it.
        known: json!({
            "case": {"open": true, "court_order": false}, "notice": {"event": "accepted", "at_once": true},
            "person": {
                "listed": true, "identity_confirmed": true, "match_unique": true,
                "identifiers_consistent": true,
            },
            "dataset": {
                "purposes": "all", "declared_before": true, "locked": false, "public_by_leak": false,
                "retention_over": false,
            },
        }),
    };
    let broken = |error: crate::problem::Problem| {
        tracing::error!(error = ?error, "a look was not recorded");
        refuse(StatusCode::SERVICE_UNAVAILABLE, w.failed)
    };
    let evaluation = authzen::evaluation(&body).map_err(broken)?;
    let answer = evaluate::one(app, &caller, &evaluation)
        .await
        .map_err(broken)?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    if answer.get("decision") != Some(&Value::Bool(true)) {
        let reasons = answer.pointer("/context/reasons").and_then(Value::as_array);
        let texts = reasons.into_iter().flatten();
        let texts: Vec<&str> = texts.filter_map(|r| r.get("text")?.as_str()).collect();
        let text = format!("{} {}", w.law_refuses, texts.join(" "));
        return Err(refuse(StatusCode::FORBIDDEN, &text));
    }
    let index = answer
        .pointer("/context/entry/index")
        .and_then(Value::as_u64);
    let looked = shown(app, index.unwrap_or_default(), &case.subject, &system.id);
    looked.await.map_err(|error| {
        tracing::error!(error = %in_one_line(&error), "a look was not recorded");
        refuse(StatusCode::SERVICE_UNAVAILABLE, w.failed)
    })
}

/// The agreement that covers a system, if the register holds one.
fn agreement(law: &Law, system: &str) -> Option<String> {
    let agreements = law.register.of_kind("agreement");
    let own =
        |entry: &&(&str, &crate::register::Entry)| entry.1.systems.iter().any(|s| s == system);
    agreements.iter().find(own).map(|(id, _)| (*id).to_owned())
}

/// The outcome of a look: it was shown.
async fn shown(app: &App, index: u64, subject: &str, system: &str) -> Result<(), ChronicleError> {
    let intent = Intent {
        subject: subject.to_owned(),
        system: system.to_owned(),
        purpose: "proof_of_legal_fact".to_owned(),
        at_ms: (app.clock)(),
        is_sealed: false,
    };
    conclude(app, index, &intent, UseOutcome::Released).await
}

const fn refusal_word(w: &Words, refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Delivered | Refusal::NotDelivered | Refusal::NotAgreed => w.r_not_delivered,
        Refusal::Decided => w.r_decided,
        Refusal::Forgotten => w.forgotten,
        Refusal::NotOpened => w.r_not_opened,
        Refusal::OwnAct => w.r_own,
        Refusal::Reasons => w.r_reasons,
        Refusal::Outcome => w.r_outcome,
        Refusal::Proposed | Refusal::NotProposed => w.r_proposed,
        Refusal::SamePerson => w.r_same,
    }
}

/// Shortest time that counts as a human's work, as the pack says.
fn least_seconds(law: &Law) -> u64 {
    let parameter = law.gate.book().parameter("human_review_min_seconds");
    let seconds = parameter.and_then(|found| found.value.parse().ok());
    seconds.unwrap_or(60)
}

/// `POST /{lang}/supervision/{id}/decide`
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Supervisor, w.supervision)?;
    let case = case_of(&app, lang, &id).await?;
    let by = visitor.account.holder.reference.clone();
    let reasons = typed.reasons.trim().to_owned();
    let length = reasons.chars().count();
    let outcome = case
        .kind
        .outcomes()
        .into_iter()
        .find(|outcome| outcome.as_str() == typed.outcome);
    let wrong = match (typed.act.as_str(), outcome) {
        _ if case.is_forgotten() => Some(w.forgotten),
        ("decide", None) => Some(w.r_outcome),
        ("decide" | "return", _) if length > MAX_TEXT => Some(w.r_reasons),
        ("decide" | "return" | "confirm", _) => None,
        _ => Some(w.r_outcome),
    };
    if let Some(wrong) = wrong {
        return Ok(again(&app, lang, &visitor, &case, &typed, wrong));
    }
    let (act, about, subject) = (typed.act.clone(), case.id, case.subject.clone());
    let told = with_accounts(&app, move |app| {
        let least_seconds = least_seconds(&app.law.load());
        let sealed = seal(app, &subject, &reasons).map_err(|e| in_one_line(&e))?;
        let command = match (act.as_str(), outcome) {
            ("decide", Some(outcome)) => Command::Decide {
                by,
                outcome,
                length,
                reasons: sealed,
                least_seconds,
            },
            ("return", _) => Command::Return {
                by,
                length,
                reasons: sealed,
            },
            _ => Command::Confirm { by, least_seconds },
        };
        match app.desk.cases.tell(about, command, (app.clock)()) {
            Ok(case) => Ok(Ok(case)),
            Err(TellError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(in_one_line(&error)),
        }
    });
    let told = told.await?.map_err(|error: String| {
        tracing::error!(error, "a decision was not kept");
        said(
            &app,
            lang,
            StatusCode::INTERNAL_SERVER_ERROR,
            w.supervision,
            w.failed,
        )
    })?;
    let decided = match told {
        Ok(decided) => decided,
        Err(refusal) => {
            let wrong = refusal_word(w, refusal);
            return Ok(again(&app, lang, &visitor, &case, &typed, wrong));
        }
    };
    publish(&app, &decided).await.map_err(|error| {
        tracing::error!(error = %in_one_line(&error), "a decision is not in the ledger yet");
        said(
            &app,
            lang,
            StatusCode::SERVICE_UNAVAILABLE,
            w.supervision,
            w.failed,
        )
    })?;
    let to = format!("/{}/supervision/{}", lang.code(), decided.id);
    Ok(Redirect::to(&to).into_response())
}

/// Writes a decision about a person's use into that person's list, unless it stands there.
pub(super) async fn publish(app: &Arc<App>, case: &Case) -> Result<(), ChronicleError> {
    let (Some((_, decision)), Some(entry)) = (&case.decision, case.entry) else {
        return Ok(());
    };
    // Whose data were erased has no list any more.
    if case.is_forgotten() {
        return Ok(());
    }
    let outcome = match decision.first.outcome {
        Outcome::Upheld => super::UPHELD,
        Outcome::Rejected => super::REJECTED,
        Outcome::Allowed => super::ALLOWED,
        Outcome::Refused => super::REFUSED,
        Outcome::Violation | Outcome::Justified => return Ok(()),
    };
    if app.desk.is_told(entry, outcome) {
        return Ok(());
    }
    let reasons = unseal(app, &case.subject, &decision.first.reasons).unwrap_or_default();
    let purpose = app.desk.waits(entry).map(|waiting| waiting.purpose);
    let second = decision.second.as_ref();
    let by = match second {
        Some(second) => format!("{}, {second}", decision.first.by),
        None => decision.first.by.clone(),
    };
    let done = Done {
        subject: &case.subject,
        entry: Some(entry),
        system: &case.system,
        purpose: &purpose.unwrap_or_default(),
        by: &by,
        outcome,
        words: &reasons,
        digest: Vec::new(),
    };
    tell_ledger(app, done).await?;
    let kind = match case.kind {
        CaseKind::Complaint => Kind::ComplaintDecided,
        _ => Kind::ReviewDecided,
    };
    let path = format!("/my/complaints/{}", case.id);
    notify(
        app,
        &case.subject,
        kind,
        format!("decided {}", case.id),
        path,
    )
    .await;
    Ok(())
}
