//! The official's desk: purpose before data; the verdict, and what the citizen will see, before
//! anything is sent.

use super::choice::{DATA, bases, boxes, releasing};
use super::page::{admit, said};
use super::words::{Words, words};
use crate::app::{App, Law};
use crate::authzen;
use crate::evaluate::{self, Caller};
use crate::pages::{frame, lang_of, precisions, verdict};
use crate::people::moment::at;
use crate::people::timeline::{system_name, use_line};
use crate::people::uses::reasons;
use crate::people::visitor::{Visitor, ours, random, with_accounts};
use crate::register::System;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kepil_gate::decision::Obligation;
use kepil_identity::holder::Role;
use kepil_identity::official::{OfficialKey, OfficialMandate, Unauthorised};
use kepil_law::Value as Fact;
use kepil_terms::{Lang, Verdict};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a checked request may wait to be sent, milliseconds.
const WAITS_MS: u64 = 15 * 60 * 1000;

/// The references that a request may name, by their field.
const REFERENCES: [&str; 4] = ["agreement", "consent", "case", "order"];

/// What a form held, by field.
type Typed = BTreeMap<String, String>;

fn field<'a>(typed: &'a Typed, name: &str) -> &'a str {
    typed.get(name).map_or("", |text| text.trim())
}

/// A form in one line of hexadecimal digits, without its ticket.
fn form_of(typed: &Typed) -> String {
    let fields: Vec<(&String, &String)> =
        typed.iter().filter(|(name, _)| *name != "ticket").collect();
    let digest = Sha256::digest(json!(fields).to_string());
    kepil_gate::record::hex(&digest)
}

/// What of a form can only be a slip: an article or an agreement that nothing here knows.
fn slip(law: &Law, w: &'static Words, typed: &Typed, system: &str) -> Option<String> {
    let book = law.gate.book();
    let unknown = list(typed, "basis")
        .into_iter()
        .find(|id| book.provision(id).is_none() && book.instrument(id).is_none());
    if let Some(id) = unknown {
        return Some(format!("{} {id}", w.a_no_article));
    }
    let id = field(typed, "agreement");
    let known = law.register.record("agreement", id);
    let is_own = known.is_some_and(|entry| entry.open_to(system));
    (!id.is_empty() && !is_own).then(|| format!("{} {id}", w.a_no_agreement))
}

/// The items of a field.
fn list<'a>(typed: &'a Typed, name: &str) -> Vec<&'a str> {
    let items = field(typed, name).split([',', ';', ' ', '\n']);
    let items = items.map(str::trim);
    items.filter(|item| !item.is_empty()).collect()
}

/// The chosen mandate and purpose.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    mandate: Option<String>,
    #[serde(default)]
    sent: Option<u64>,
}

/// The official's key as the register of officials knows it.
pub(super) fn key(law: &Law, mandate: &OfficialMandate) -> OfficialKey {
    let entry = law.register.record("official", &mandate.official);
    let says = |path: &str| {
        let slot = law.gate.book().layout.slot(path)?;
        match entry?.layer.get(slot)? {
            Fact::Bool(value) => Some(*value),
            _ => None,
        }
    };
    OfficialKey {
        // The register says whether the certificate holds; its end is the register's business.
        until_ms: u64::MAX,
        is_shared: says("official.key_shared").unwrap_or(true),
        is_revoked: !says("official.certificate_valid").unwrap_or(false),
    }
}

const fn why_not(w: &Words, why: Unauthorised) -> &'static str {
    match why {
        Unauthorised::SharedKey => w.a_shared,
        Unauthorised::DeadKey => w.a_dead,
        Unauthorised::OtherOfficial | Unauthorised::NotInForce => w.a_not_in_force,
        Unauthorised::OtherPurpose => w.a_other_purpose,
    }
}

/// The mandate a request names, checked now.
fn mandate<'a>(
    app: &App,
    law: &'a Law,
    w: &'static Words,
    official: &'a str,
    typed: &Typed,
) -> Result<(&'a OfficialMandate, Arc<System>), &'static str> {
    let id = field(typed, "mandate");
    let found = law.register.mandates_of(official).find(|m| m.id == id);
    let mandate = found.ok_or(w.a_not_in_force)?;
    let now = (app.clock)();
    mandate
        .check(official, key(law, mandate), field(typed, "purpose"), now)
        .map_err(|why| why_not(w, why))?;
    let system = law.register.system(&mandate.system);
    Ok((mandate, Arc::clone(system.ok_or(w.a_not_in_force)?)))
}

/// `GET /{lang}/desk`
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    Query(wanted): Query<Wanted>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Official, w.desk)?;
    let law = app.law.load_full();
    let official = visitor.account.holder.reference.as_str();
    let label = |id: &str| law.gate.book().vocab.label("Purpose", id, lang);
    let mandates: Vec<&OfficialMandate> = law.register.mandates_of(official).collect();
    let mut typed = Typed::new();
    typed.insert("mandate".to_owned(), wanted.mandate.unwrap_or_default());
    typed.insert("purpose".to_owned(), wanted.purpose.unwrap_or_default());
    let is_chosen = !field(&typed, "purpose").is_empty();
    let chosen = mandate(&app, &law, w, official, &typed);
    let now = (app.clock)();
    let body = html! {
        h1 { (w.desk) }
        @if let Some(sent) = wanted.sent.filter(|sent| mandates.iter().any(|m| app.desk.own(&m.system, official).iter().any(|own| own.index == *sent))) { p.said role="status" { (w.a_sent) " " (sent) "." } }
        @if mandates.is_empty() { p.said role="alert" { (w.a_no_mandate) } }
        @for m in &mandates {
            p { strong { (role(&law, lang, m)) } " · " (m.body) @if system_name(&law, &m.system) != m.body { " · " (system_name(&law, &m.system)) } " · " (at(lang, m.from_ms / 1000)) " – " (at(lang, m.until_ms / 1000))
                @if now < m.from_ms || now >= m.until_ms { " · " strong.deny { (w.a_not_in_force) } } }
        }
        @match (&chosen, is_chosen) {
            (Ok(_), true) => { (ask_form(&app, &law, lang, official, &typed, None)) }
            (Err(why), true) => { p.said role="alert" { (why) } }
            _ => {}
        }
        @if !(mandates.is_empty() || is_chosen && chosen.is_ok()) {
            h2 { (w.a_first) }
            p { (w.a_first_how) }
            form action={"/" (lang.code()) "/desk"} method="get" {
                label for="mandate" { (w.a_mandate) }
                select id="mandate" name="mandate" { @for m in &mandates { option value=(m.id) { (role(&law, lang, m)) " · " (m.body) } } }
                label for="purpose" { (w.purpose) }
                select id="purpose" name="purpose" {
                    @for purpose in mandates.iter().flat_map(|m| &m.purposes).collect::<std::collections::BTreeSet<_>>() {
                        option value=(purpose) { (label(purpose)) }
                    }
                }
                button type="submit" { (w.a_go_on) }
            }
        }
        @if mandates.iter().any(|m| m.purposes.contains("rights_exercise")) {
            p { a href={"/" (lang.code()) "/desk/assist"} { (w.assist) } }
        }
        h2 { (w.a_own) }
        @for m in &mandates { (own(&app, &law, lang, m)) }
    };
    Ok(frame(&app, lang, "/desk", w.desk, &body).into_response())
}

/// The role of a mandate in words, where the vocabulary has them.
fn role(law: &Law, lang: Lang, mandate: &OfficialMandate) -> String {
    let vocab = &law.gate.book().vocab;
    match vocab.find("Actor", &mandate.role) {
        Some(_) => vocab.label("Actor", &mandate.role, lang),
        None => mandate.role.clone(),
    }
}

fn verdict_of(text: &str) -> Verdict {
    match text {
        "ok" => Verdict::Ok,
        "human" => Verdict::Human,
        _ => Verdict::Deny,
    }
}

/// The official's own requests under a mandate.
fn own(app: &App, law: &Law, lang: Lang, mandate: &OfficialMandate) -> Markup {
    let w = words(lang);
    let list = app.desk.own(&mandate.system, &mandate.official);
    let label = |id: &str| law.gate.book().vocab.label("Purpose", id, lang);
    html! {
        @if list.is_empty() { p { (w.none) } } @else { div.wide { table {
            thead { tr { th { (w.entry) } th { (w.filed) } th { (w.purpose) } th { (w.state) } } }
            tbody { @for one in &list { tr {
                td data-label=(w.entry) { (one.index) }
                td data-label=(w.filed) { (at(lang, one.at_ms / 1000)) }
                td data-label=(w.purpose) { (label(&one.purpose)) }
                td data-label=(w.state) { span.(one.verdict) { (verdict(verdict_of(&one.verdict), lang)) }
                    @match one.outcome.as_str() { super::ALLOWED => { " · " (w.allowed) } super::REFUSED => { " · " (w.refused) } _ => {} } }
            } } }
        } } }
    }
}

/// The form of a request, with what was typed.
fn ask_form(
    app: &App,
    law: &Law,
    lang: Lang,
    official: &str,
    typed: &Typed,
    wrong: Option<&str>,
) -> Markup {
    let w = words(lang);
    let vocab = &law.gate.book().vocab;
    let list = |ty: &str| -> Vec<(String, String)> {
        let names = vocab.names(ty);
        names
            .map(|id| (id.to_owned(), vocab.label(ty, id, lang)))
            .collect()
    };
    // What an official asks a register for.
    let is_release = |id: &str| {
        let term = vocab.find("Action", id);
        term.is_some_and(|term| releasing(vocab) & kepil_law::vocab::bit(term) != 0)
    };
    let is_demo = app.config.danger_assumed_law;
    let mandate = law
        .register
        .mandates_of(official)
        .find(|m| m.id == field(typed, "mandate"));
    let system = mandate.map_or("", |m| m.system.as_str());
    html! {
        h2 { (w.a_second) " " (vocab.label("Purpose", field(typed, "purpose"), lang)) }
        @if let Some(wrong) = wrong { p.said role="alert" { (wrong) } }
        form action={"/" (lang.code()) "/desk/check"} method="post" {
            input type="hidden" name="mandate" value=(field(typed, "mandate"));
            input type="hidden" name="purpose" value=(field(typed, "purpose"));
            label for="operation" { (w.a_operation) }
            select id="operation" name="operation" {
                @for (id, name) in list("Action").into_iter().filter(|(id, _)| is_release(id)) { option value=(id) selected[id == field(typed, "operation") || (field(typed, "operation").is_empty() && id == "view")] { (name) } }
            }
            label for="person" { (w.person) }
            p.soft id="person-how" { (w.a_person_how) }
            input id="person" name="person" required maxlength="200" aria-describedby="person-how" value=(field(typed, "person"));
            (boxes(law, lang, system, |id| typed.contains_key(&format!("{DATA}{id}"))))
            label for="precision" { (w.a_precision) }
            select id="precision" name="precision" {
                @for (id, name) in precisions(lang) {
                    option value=(id) selected[id == field(typed, "precision") || (field(typed, "precision").is_empty() && id == "yes_no")] { (name) }
                }
            }
            label for="fields" { (w.fields) }
            p.soft id="fields-how" { (w.a_fields_how) }
            input id="fields" name="fields" maxlength="2000" aria-describedby="fields-how" value=(field(typed, "fields"));
            label for="basis" { (w.cited) }
            p.soft id="basis-how" { (w.a_basis_how) }
            input id="basis" name="basis" list="bases" maxlength="2000" aria-describedby="basis-how" value=(field(typed, "basis"));
            (bases(law, lang, mandate.map_or("", |m| m.role.as_str()), app.now()))
            @for (name, title) in REFERENCES.into_iter().zip([w.a_agreement, w.a_consent, w.a_case, w.a_order]) {
                label for=(name) { (title) }
                input id=(name) name=(name) maxlength="200" value=(field(typed, name));
            }
            @if is_demo { p.soft { (w.a_demo) } }
            button type="submit" { (w.a_check) }
        }
    }
}

/// The evaluation a form asks for.
fn body(typed: &Typed, mandate: &OfficialMandate, system: &System, law: &Law) -> Value {
    let data: Vec<&str> = typed
        .keys()
        .filter_map(|name| name.strip_prefix(DATA))
        .collect();
    let mut subject = Map::new();
    subject.insert("official".into(), json!(mandate.official));
    subject.insert("mandate".into(), json!(mandate.id));
    let role = law.gate.book().vocab.find("Actor", &mandate.role);
    if role.is_some_and(|role| system.actors & kepil_law::vocab::bit(role) != 0) {
        subject.insert("actor".into(), json!(mandate.role));
    }
    let mut resource = Map::new();
    resource.insert("data".into(), json!(data));
    if !field(typed, "fields").is_empty() {
        resource.insert("fields".into(), json!(list(typed, "fields")));
    }
    let mut context = Map::new();
    context.insert("purpose".into(), json!(field(typed, "purpose")));
    context.insert("basis".into(), json!(list(typed, "basis")));
    let precision = Some(field(typed, "precision")).filter(|text| !text.is_empty());
    let claims = json!({"request": {
        "precision": precision.unwrap_or("record"), "path": "gateway", "from_person": false,
        "identifier_choice": true,
    }});
    context.insert("claims".into(), claims);
    for name in REFERENCES {
        if !field(typed, name).is_empty() {
            context.insert(name.into(), json!(field(typed, name)));
        }
    }
    json!({
        "subject": {"type": "official", "id": mandate.official, "properties": subject},
        "action": {"name": field(typed, "operation")},
        "resource": {"type": "person", "id": field(typed, "person"), "properties": resource},
        "context": context,
    })
}

/// `POST /{lang}/desk/check`
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Official, w.desk)?;
    let law = app.law.load_full();
    let official = visitor.account.holder.reference.clone();
    let (mandate, system) = mandate(&app, &law, w, &official, &typed)
        .map_err(|why| said(&app, lang, StatusCode::FORBIDDEN, w.desk, why))?;
    let again = |wrong: &str| {
        let body =
            html! { h1 { (w.desk) } (ask_form(&app, &law, lang, &official, &typed, Some(wrong))) };
        let page = frame(&app, lang, "/desk", w.desk, &body);
        (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    };
    if field(&typed, "person").is_empty() {
        return Ok(again(w.a_no_person));
    }
    if !typed.keys().any(|name| name.starts_with(DATA)) {
        return Ok(again(w.a_no_data));
    }
    if let Some(wrong) = slip(&law, w, &typed, &mandate.system) {
        return Ok(again(&wrong));
    }
    let asked = body(&typed, mandate, &system, &law);
    let caller = caller(&system, &typed, lang);
    let checked = authzen::evaluation(&asked)
        .map_err(|problem| problem.detail)
        .and_then(|e| evaluate::decide(&app, &law, &caller, &e, app.now()));
    let decided = match checked {
        Ok(decided) => decided,
        Err(why) => return Ok(again(&why)),
    };
    let ticket = kepil_gate::record::hex(&random::<16>()?);
    let (place, owner) = (ticket.clone(), (official.clone(), form_of(&typed)));
    let kept = with_accounts(&app, move |app| {
        let until = (app.wall)().saturating_add(WAITS_MS);
        let accounts = &app.people.accounts;
        accounts.put_once(("ask", place.as_bytes()), &owner, until)
    });
    kept.await?.map_err(|error| ours(&error))?;
    let event = evaluate::preview(&app, &decided);
    let answered = evaluate::answered(&app, decided.decision());
    let deferral = decided.decision().obligations.iter().find_map(|o| match o {
        Obligation::NotifyDeferred { until } => Some(until.clone()),
        _ => None,
    });
    let body = html! {
        h1 { (w.a_verdict) }
        p.verdict.(answered.as_str()) { (verdict(answered, lang)) }
        p { (w.a_not_sent) }
        (reasons(&law, lang, decided.decision(), w.a_tests))
        section.proof aria-labelledby="sees" {
            h2 id="sees" { (w.a_sees) }
            @if let Some(until) = &deferral { p { (w.a_deferred) " " (until) } }
            div.timeline.one { (use_line(&law, lang, None, 0, &event.payload, &[])) }
            p { (w.official) ": " (event.payload.official) }
            @if !event.payload.fields.is_empty() { p { (w.fields) ": " (event.payload.fields.join(", ")) } }
        }
        form action={"/" (lang.code()) "/desk/send"} method="post" {
            @for (name, value) in &typed { input type="hidden" name=(name) value=(value); }
            input type="hidden" name="ticket" value=(ticket);
            p { @match answered { Verdict::Ok => { (w.a_send_ok) } Verdict::Human => { (w.a_send_human) } Verdict::Deny => { (w.a_send_deny) } } }
            button type="submit" { (w.a_send) }
        }
        details { summary { (w.a_change) } (ask_form(&app, &law, lang, &official, &typed, None)) }
    };
    Ok(frame(&app, lang, "/desk", w.a_verdict, &body).into_response())
}

/// With what this node knows itself: the entry is in the person's list as soon as it is made,
/// unless a judge's order puts that off.
fn caller<'a>(system: &'a System, typed: &Typed, lang: Lang) -> Caller<'a> {
    let known = match field(typed, "order").is_empty() {
        true => json!({"notice": {"event": "accepted", "at_once": true}}),
        false => Value::Null,
    };
    Caller {
        system,
        request: "desk".to_owned(),
        lang,
        repeat: String::new(),
        known,
    }
}

/// `POST /{lang}/desk/send`
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Official, w.desk)?;
    let law = app.law.load_full();
    let official = visitor.account.holder.reference.clone();
    let (mandate, system) = mandate(&app, &law, w, &official, &typed)
        .map_err(|why| said(&app, lang, StatusCode::FORBIDDEN, w.desk, why))?;
    let place = field(&typed, "ticket").to_owned();
    let taken = with_accounts(&app, move |app| {
        let accounts = &app.people.accounts;
        accounts.take_once::<(String, String)>(("ask", place.as_bytes()), (app.wall)())
    });
    let checked = taken.await?.map_err(|error| ours(&error))?;
    let Some((_, form)) = checked.filter(|(owner, _)| *owner == official) else {
        return Ok(said(&app, lang, StatusCode::CONFLICT, w.desk, w.a_over));
    };
    // What was shown is what is sent.
    if form != form_of(&typed) {
        return Ok(said(
            &app,
            lang,
            StatusCode::CONFLICT,
            w.desk,
            w.a_other_form,
        ));
    }
    let asked = body(&typed, mandate, &system, &law);
    let caller = caller(&system, &typed, lang);
    let refuse = |problem: crate::problem::Problem| {
        said(
            &app,
            lang,
            StatusCode::UNPROCESSABLE_ENTITY,
            w.desk,
            &problem.detail,
        )
    };
    let evaluation = authzen::evaluation(&asked).map_err(refuse)?;
    let answer = evaluate::one(&app, &caller, &evaluation)
        .await
        .map_err(refuse)?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    let index = answer
        .pointer("/context/entry/index")
        .and_then(Value::as_u64);
    let to = format!("/{}/desk?sent={}", lang.code(), index.unwrap_or_default());
    Ok(Redirect::to(&to).into_response())
}
