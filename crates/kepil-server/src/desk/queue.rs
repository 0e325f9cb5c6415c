//! The supervisor's queue: what waits for a person. It names nobody.

use super::act::today;
use super::page::{admit, due_cell, kind_word, said, state_word};
use super::record::rule;
use super::words::words;
use crate::app::App;
use crate::ledger::Intent;
use crate::pages::{frame, lang_of};
use crate::people::moment::{at, day};
use crate::people::timeline::system_name;
use crate::people::visitor::{Visitor, ours, with_accounts};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kepil_cases::{Case, CaseKind};
use kepil_identity::holder::Role;
use kepil_terms::{Day, Instant, Lang};
use maud::{Markup, html};
use std::sync::{Arc, PoisonError};

/// Rows of a table at most; how many there are in all is said.
const MOST: usize = 100;

/// Decided cases that are listed.
const LAST_DECIDED: usize = 20;

/// Deferrals that end within this many seconds are shown.
const SOON_SECS: u64 = 30 * 86_400;

/// `GET /{lang}/supervision`
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Supervisor, w.supervision)?;
    let found = with_accounts(&app, |app| {
        let of = |kind| app.desk.cases.waiting(kind);
        Ok::<_, kepil_cases::StoreError>((
            of(CaseKind::Complaint)?,
            of(CaseKind::Review)?,
            of(CaseKind::Reading)?,
            app.desk.cases.ended(LAST_DECIDED)?,
        ))
    });
    let (complaints, taken, readings, (in_all_decided, decided)) =
        found.await?.map_err(|error| ours(&error))?;
    let law = app.law.load_full();
    let code = lang.code();
    let now = today(&app);
    let table = |id: &str, title: &str, cases: &[Case]| -> Markup {
        html! {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) " (" (cases.len()) ")" }
                @if cases.is_empty() { p { (w.none) } } @else { div.wide { table {
                    thead { tr { th { (w.case_number) } @if id == "readings" { th { (w.rule) } } th { (w.system) } th { (w.filed) } th { (w.due) } th { (w.state) } } }
                    tbody { @for case in cases.iter().take(MOST) { tr {
                        td data-label=(w.case_number) { a href={"/" (code) "/supervision/" (case.id)} { (case.id) } }
                        @if id == "readings" { td data-label=(w.rule) { (rule(&app, w, case)) } }
                        td data-label=(w.system) { (system_name(&law, &case.system)) }
                        td data-label=(w.filed) { (at(lang, case.filed_ms / 1000)) }
                        td data-label=(w.due) { (due_cell(lang, case, now)) }
                        td data-label=(w.state) { (state_word(w, case)) }
                    } } }
                } } }
            }
        }
    };
    let (in_all, waiting) = app.desk.waiting(MOST);
    let is_taken = |index: u64| taken.iter().find(|case| case.entry == Some(index));
    let label = |id: &str| law.gate.book().vocab.label("Purpose", id, lang);
    let (open, intents) = intents(&app);
    let secs = (app.clock)() / 1000;
    let deferrals: Vec<(u64, u64)> = {
        let notices = app.ledger.chronicle.notices();
        let is_soon = |until: u64| until > secs && until <= secs.saturating_add(SOON_SECS);
        let ending = notices.kept_until();
        let mut list: Vec<_> = ending.filter(|(_, until)| is_soon(*until)).collect();
        list.sort_by_key(|(index, until)| (*until, *index));
        list
    };
    let body = html! {
        h1 { (w.supervision) }
        p { (w.supervision_how) }
        (table("complaints", w.complaints_in, &complaints))
        section aria-labelledby="reviews" {
            h2 id="reviews" { (w.reviews) " (" (in_all) ")" }
            @if waiting.is_empty() { p { (w.none) } } @else { div.wide { table {
                thead { tr { th { (w.entry) } th { (w.system) } th { (w.purpose) } th { (w.since) } th { (w.due) } th { (w.state) } } }
                tbody { @for (index, one) in &waiting { tr {
                    td data-label=(w.entry) { (index) }
                    td data-label=(w.system) { (system_name(&law, &one.system)) }
                    td data-label=(w.purpose) { (label(&one.purpose)) }
                    td data-label=(w.since) { (at(lang, one.at_ms / 1000)) }
                    @match is_taken(*index) {
                        Some(case) => {
                            td data-label=(w.due) { (due_cell(lang, case, now)) }
                            td data-label=(w.state) { a href={"/" (code) "/supervision/" (case.id)} { (state_word(w, case)) } }
                        }
                        None => {
                            td data-label=(w.due) { (review_due(&app, lang, one.at_ms, now)) }
                            td data-label=(w.state) {
                                form action={"/" (code) "/supervision/reviews/" (index)} method="post" {
                                    button.small type="submit" { (w.take) " " span.away { (index) } }
                                }
                            }
                        }
                    }
                } } }
            } } }
        }
        (table("readings", w.flagged, &readings))
        section aria-labelledby="decided" {
            h2 id="decided" { (w.decided_last) " (" (in_all_decided) ")" }
            @if decided.is_empty() { p { (w.none) } } @else { div.wide { table {
                thead { tr { th { (w.case_number) } th { (w.kind) } th { (w.system) } th { (w.decided) } th { (w.state) } } }
                tbody { @for case in &decided { tr {
                    td data-label=(w.case_number) { a href={"/" (code) "/supervision/" (case.id)} { (case.id) } }
                    td data-label=(w.kind) { (kind_word(w, case.kind)) }
                    td data-label=(w.system) { (system_name(&law, &case.system)) }
                    td data-label=(w.decided) { @if let Some((ms, _)) = &case.decision { (at(lang, ms / 1000)) } }
                    td data-label=(w.state) { (state_word(w, case)) }
                } } }
            } } }
        }
        section aria-labelledby="intents" {
            h2 id="intents" { (w.intents) " (" (open) ")" }
            p.soft { (w.intents_how) }
            @if intents.is_empty() { p { (w.none) } } @else { div.wide { table {
                thead { tr { th { (w.entry) } th { (w.system) } th { (w.purpose) } th { (w.since) } } }
                tbody { @for (index, intent) in &intents { tr {
                    td data-label=(w.entry) { (index) }
                    td data-label=(w.system) { (system_name(&law, &intent.system)) }
                    td data-label=(w.purpose) { (label(&intent.purpose)) }
                    td data-label=(w.since) { (at(lang, intent.at_ms / 1000)) }
                } } }
            } } }
        }
        section aria-labelledby="deferrals" {
            h2 id="deferrals" { (w.deferrals) " (" (deferrals.len()) ")" }
            @if deferrals.is_empty() { p { (w.none) } } @else { div.wide { table {
                thead { tr { th { (w.entry) } th { (w.until) } } }
                tbody { @for (index, until) in deferrals.iter().take(MOST) { tr {
                    td data-label=(w.entry) { (index) }
                    td data-label=(w.until) { (at(lang, *until)) }
                } } }
            } } }
        }
    };
    Ok(frame(&app, lang, "/supervision", w.supervision, &body).into_response())
}

/// Until when a verdict is to be looked at that nobody has taken up.
fn review_due(app: &App, lang: Lang, at_ms: u64, today: Day) -> Markup {
    let w = words(lang);
    let begun = Instant::from_ms(i64::try_from(at_ms).unwrap_or(i64::MAX)).kz_day();
    let law = app.law.load();
    let due = super::act::review_term(app).ends(begun, &law.gate.book().calendar);
    html! {
        @match due {
            Ok(due) => {
                (day(lang, due))
                @if due < today { " · " strong.deny { (w.is_overdue) } }
            }
            Err(_) => { (w.no_due) }
        }
    }
}

/// The oldest open intents that no court seals, and how many there are.
fn intents(app: &App) -> (usize, Vec<(u64, Intent)>) {
    let intents = app
        .ledger
        .intents
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let open = intents.iter().filter(|(_, intent)| !intent.is_sealed);
    let first = open.clone().take(MOST);
    (
        open.clone().count(),
        first.map(|(index, one)| (*index, one.clone())).collect(),
    )
}

/// `POST /{lang}/supervision/reviews/{index}`
pub(super) async fn take(
    State(app): State<Arc<App>>,
    Path((lang, index)): Path<(String, u64)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Supervisor, w.supervision)?;
    let Some(waiting) = app.desk.waits(index) else {
        return Ok(said(
            &app,
            lang,
            StatusCode::NOT_FOUND,
            w.supervision,
            w.no_case,
        ));
    };
    let made = with_accounts(&app, move |app| super::act::review_of(app, index, &waiting)).await?;
    let id = made.map_err(|error| ours(&error))?;
    Ok(Redirect::to(&format!("/{}/supervision/{id}", lang.code())).into_response())
}
