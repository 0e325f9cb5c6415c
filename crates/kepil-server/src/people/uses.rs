//! Who used my data: the list of a month, with the proof that it is complete.
//!
//! What the page shows is what the proof shows: the node makes the proof, checks it as the person
//! would, and shows what came out. The person can take the same file along.

use super::moment::at;
use super::timeline::{Part, Reading, became, lines, outcome_word, system_name, use_line};
use super::visitor::{Knock, Visitor, ours, with_accounts};
use super::words::{Words, words};
use crate::app::{App, Law};
use crate::pages::{frame, lang_of, outcome, sources};
use crate::trust::Seen;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kepil_chronicle::{ChronicleError, Opened};
use kepil_gate::Decision;
use kepil_gate::reason::Reason;
use kepil_identity::mandate::Right;
use kepil_identity::standing::{NoStanding, Subject, check as standing};
use kepil_ledger::completeness::{Expectation, OpenedEntry, Verified, check_with};
use kepil_ledger::payload::Payload;
use kepil_ledger::period::Period;
use kepil_terms::{Instant, Lang};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

/// Greatest age of cosignatures that the page accepts, seconds: a quiet node signs every ten
/// minutes.
const MAX_AGE: u64 = 3600;

/// Why there is no list to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoList {
    #[error(transparent)]
    Standing(#[from] NoStanding),
    #[error("the log has not published anything yet")]
    NotYet,
    #[error("there is no list of that month")]
    NoMonth,
    #[error("there is no list of this person")]
    Empty,
    #[error("the list does not check out: {0}")]
    Unsound(&'static str),
    #[error(transparent)]
    Chronicle(ChronicleError),
}

/// Which month, and which rows of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    month: Option<String>,
    #[serde(default)]
    system: Option<String>,
    /// Older than this entry.
    #[serde(default)]
    pub(super) before: Option<u64>,
}

impl Wanted {
    /// The month that was asked for, if one was.
    pub(super) fn period(&self) -> Result<Option<Period>, NoList> {
        let month = self.month.as_deref().filter(|month| !month.is_empty());
        month
            .map(|month| period_of(month).ok_or(NoList::NoMonth))
            .transpose()
    }
}

/// The choice of a month, in a form.
pub(super) fn months(w: &Words, list: &List) -> Markup {
    html! {
        div { label for="month" { (w.month) }
            select id="month" name="month" { @for (period, uses) in list.months.iter().rev() {
                option value=(period.number()) selected[*period == list.period] { (month_name(*period, w)) " (" (uses) ")" }
            } } }
    }
}

/// A month's list, checked.
pub(crate) struct List {
    pub(crate) period: Period,
    pub(super) months: Vec<(Period, u64)>,
    pub(crate) verified: Verified,
}

/// A day of the calendar of Kazakhstan, for ages and powers.
fn today(app: &App) -> (kepil_terms::Day, u64) {
    let now_ms = (app.wall)();
    let now = Instant::from_ms(i64::try_from(now_ms).unwrap_or(i64::MAX));
    (now.kz_day(), now_ms)
}

/// The subject of a visitor who may see the own uses.
pub(crate) fn subject(app: &App, visitor: &Visitor) -> Result<String, NoStanding> {
    let reference = visitor.account.holder.reference.as_str();
    let own = Subject {
        reference,
        born: None,
    };
    standing(
        &visitor.account,
        &visitor.session,
        Right::SeeUses,
        own,
        None,
        today(app),
    )?;
    Ok(format!("person:{reference}"))
}

/// Makes the proof of a month and checks it as the person would.
pub(super) fn list(app: &App, visitor: &Visitor, wanted: Option<Period>) -> Result<List, NoList> {
    list_of(app, &subject(app, visitor)?, wanted)
}

/// The same for whoever has a standing to see it; that is checked before.
pub(crate) fn list_of(app: &App, subject: &str, wanted: Option<Period>) -> Result<List, NoList> {
    let chronicle = &app.ledger.chronicle;
    let person = chronicle.person(subject).map_err(NoList::Chronicle)?;
    let mut months = Vec::new();
    for (period, _) in chronicle.book().months() {
        let tag = person.tag(period);
        if let Some(uses) = chronicle.book().count(period, &tag).unwrap_or(None) {
            months.push((period, uses));
        }
    }
    let newest = months.iter().rev().find(|(_, uses)| *uses > 0);
    let newest = newest.or(months.last()).map(|(period, _)| *period);
    let period = wanted.or(newest).ok_or(NoList::Empty)?;
    let file = make(app, subject, period)?;
    let policy = app.trust.policy(&chronicle.public());
    let policy = policy.ok_or(NoList::Unsound("policy"))?;
    let anchor = chronicle.notices().anchor().cloned().unwrap_or_default();
    let expected = Expectation {
        person: &person,
        period,
        policy: &policy,
        anchor: &anchor,
        now: app.wall_secs(),
        max_age: MAX_AGE,
        memory: None,
    };
    let seen = Seen {
        trust: &app.trust,
        policy: &policy,
        expected: &expected,
    };
    let verified = check_with(file.as_bytes(), &expected, &seen)
        .map_err(|fault| NoList::Unsound(fault.code.as_str()))?;
    Ok(List {
        period,
        months,
        verified,
    })
}

pub(super) fn make(app: &App, subject: &str, period: Period) -> Result<String, NoList> {
    let now = (app.clock)() / 1000;
    let made = app
        .ledger
        .chronicle
        .prove(subject, period, Opened::All, now);
    match made {
        Ok(proof) => Ok(proof.to_string()),
        Err(ChronicleError::NoList { .. }) => Err(NoList::NoMonth),
        Err(ChronicleError::NotPublished) => Err(NoList::NotYet),
        Err(error) => Err(NoList::Chronicle(error)),
    }
}

/// The page that says why there is no list, and what to do.
pub(crate) fn refusal(app: &App, lang: Lang, why: &NoList) -> Response {
    let w = words(lang);
    let (status, said) = match why {
        NoList::Standing(NoStanding::Level | NoStanding::Over(_)) => {
            (StatusCode::FORBIDDEN, w.surer)
        }
        NoList::Standing(NoStanding::OneFactor) => (StatusCode::FORBIDDEN, w.two_ways),
        NoList::Standing(NoStanding::NotProofed) => (StatusCode::FORBIDDEN, w.not_proofed),
        NoList::Standing(_) => (StatusCode::FORBIDDEN, w.not_yours),
        NoList::NotYet => (StatusCode::SERVICE_UNAVAILABLE, w.not_yet_published),
        NoList::NoMonth => (StatusCode::NOT_FOUND, w.no_month),
        NoList::Empty => (StatusCode::NOT_FOUND, w.no_list),
        NoList::Unsound(_) | NoList::Chronicle(_) => {
            let error: &dyn std::error::Error = why;
            tracing::error!(error = %kepil_ledger::error::in_one_line(error), "a list cannot be shown");
            (StatusCode::INTERNAL_SERVER_ERROR, w.list_broken)
        }
    };
    let body = html! {
        h1 { (w.uses) }
        p.said role="alert" { (said) }
        @if matches!(why, NoList::Empty) {
            p { a href={"/" (lang.code()) "/my/export/kepil.zip"} { (w.export_all) } }
        }
        p { a href={"/" (lang.code()) "/my/identity"} { (w.identity) } }
    };
    (status, frame(app, lang, "/my/uses", w.uses, &body)).into_response()
}

pub(crate) fn period_of(text: &str) -> Option<Period> {
    Period::new(text.parse().ok()?)
}

/// `GET /{lang}/my/uses`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    Query(wanted): Query<Wanted>,
    knock: Knock,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let period = wanted.period().map_err(|why| refusal(&app, lang, &why));
    let (visitor, found) = match period {
        Ok(period) => {
            let work = move |app: &App, visitor: &Visitor| list(app, visitor, period);
            knock.enter(&app, work).await?
        }
        // Who is not signed in learns nothing of months.
        Err(why) => return knock.enter(&app, |_, _| ()).await.and(Err(why)),
    };
    let is_assisted = visitor.session.assisted_by.is_some();
    let list = match found {
        Ok(list) => list,
        Err(why) => return Ok(refusal(&app, lang, &why)),
    };
    let law = app.law.load_full();
    let part = Part {
        system: wanted.system.as_deref().unwrap_or_default(),
        before: wanted.before,
    };
    let body = html! {
        @if is_assisted { p.said { (words(lang).assisted_now) } }
        (timeline(&law, lang, &list, part, &app))
    };
    Ok(frame(&app, lang, "/my/uses", words(lang).uses, &body).into_response())
}

/// The month an entry stands in.
pub(super) fn month_of(app: &App, index: u64) -> Option<Period> {
    let row = app.ledger.chronicle.row(index).ok()?;
    Some(row.row.record.facts.period)
}

fn timeline(law: &Law, lang: Lang, list: &List, part: Part<'_>, app: &App) -> Markup {
    let w = words(lang);
    let code = lang.code();
    let found = &list.verified;
    let number = list.period.number();
    let mut systems: Vec<&str> = found
        .opened
        .iter()
        .map(|e| e.payload.system.as_str())
        .collect();
    systems.sort_unstable();
    systems.dedup();
    systems.retain(|system| !system.is_empty());
    let counters = app
        .ledger
        .chronicle
        .notices()
        .counters((app.clock)() / 1000);
    html! {
        h1 { (w.uses) }
        p.lead { @if found.count == 0 { (w.nothing) } @else { (w.everything) } }
        form.filter action={"/" (code) "/my/uses"} method="get" {
            (months(w, list))
            div { label for="system" { (w.system) }
                select id="system" name="system" {
                    option value="" { (w.all) }
                    @for name in &systems { option value=(name) selected[*name == part.system] { (system_name(law, name)) } }
                } }
            button type="submit" { (w.show) }
        }
        (lines(law, lang, (list.period, found), part, Reading::Own, (&format!("/{code}/my/uses"), &|index| month_of(app, index))))
        section.proof aria-labelledby="proof" {
            h2 id="proof" { (w.complete) }
            @if found.closed { p { (w.c_closed) } }
            p { (w.complete_says) " " strong { (at(lang, found.complete_until)) } "." }
            dl {
                dt { (w.in_list) } dd { (found.count) }
                dt { (w.shown) } dd { (found.shown) }
                dt { (w.deferred) } dd { (found.deferred) }
                dt { (w.withheld) } dd { (found.withheld) }
                dt { (w.erased) } dd { (found.erased) }
                dt { (w.sealed) } dd { (counters.sealed) " (" (w.overdue) ": " (counters.overdue) ")" }
                dt { (w.cosigned) } dd { (at(lang, found.cosigned_until)) }
            }
            p.soft { (w.server_word) }
            p { a href={"/" (code) "/my/uses/" (number) "/check"} { (w.check_here) } }
            p { a href={"/" (code) "/my/uses/" (number) "/proof"} { (w.take_proof) } }
            p { a href={"/" (code) "/my/complaints"} { (w.complaints) } " · " a href={"/" (code) "/my/powers"} { (w.act_for_me) } " · " a href={"/" (code) "/my/services"} { (w.services) } }
            p { (w.export) ": " a href={"/" (code) "/my/export/uses.json"} { "JSON" } ", " a href={"/" (code) "/my/export/uses.csv"} { "CSV" } ". " a href={"/" (code) "/my/export/kepil.zip"} { (w.export_all) } }
        }
    }
}

fn month_name(period: Period, w: &Words) -> String {
    let number = period.number();
    let (year, month) = (number / 100, number % 100);
    let names: Vec<&str> = w.months.split(' ').collect();
    let name = usize::try_from(month)
        .ok()
        .and_then(|month| names.get(month.checked_sub(1)?));
    format!("{} {year}", name.copied().unwrap_or_default())
}

/// `GET /{lang}/my/uses/{period}/proof`
pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    Path((lang, period)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let Some(period) = period_of(&period) else {
        return Ok(refusal(&app, lang, &NoList::NoMonth));
    };
    let made = with_accounts(&app, move |app| {
        let subject = subject(app, &visitor)?;
        make(app, &subject, period)
    });
    match made.await? {
        Ok(file) => Ok(attachment(
            "text/plain; charset=utf-8",
            &format!("kepil-{}.tlog-proof", period.number()),
            file,
        )),
        Err(why) => Ok(refusal(&app, lang, &why)),
    }
}

pub(super) fn attachment(kind: &'static str, name: &str, body: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, body).into_response()
}

/// An entry of the visitor's own list.
pub(crate) async fn own_entry(
    app: &Arc<App>,
    visitor: Visitor,
    period: Option<Period>,
    index: u64,
) -> Result<Result<(List, OpenedEntry), NoList>, Response> {
    with_accounts(app, move |app| entry_of(app, &visitor, period, index)).await
}

fn entry_of(
    app: &App,
    visitor: &Visitor,
    period: Option<Period>,
    index: u64,
) -> Result<(List, OpenedEntry), NoList> {
    let list = list(app, visitor, Some(period.ok_or(NoList::NoMonth)?))?;
    let mut opened = list.verified.opened.iter();
    let entry = opened.find(|entry| entry.index == index).cloned();
    Ok((list, entry.ok_or(NoList::NoMonth)?))
}

/// `GET /{lang}/my/uses/{period}/{index}`
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path((lang, period, index)): Path<(String, String, u64)>,
    knock: Knock,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let period = period_of(&period);
    let work = move |app: &App, visitor: &Visitor| {
        let (list, entry) = entry_of(app, visitor, period, index)?;
        let subject = format!("person:{}", visitor.account.holder.reference);
        Ok::<_, NoList>((list, entry, crate::desk::complaint_of(app, index, &subject)))
    };
    let (_, found) = knock.enter(&app, work).await?;
    let (list, entry, complaint) = match found {
        Ok(found) => found,
        Err(why) => return Ok(refusal(&app, lang, &why)),
    };
    let law = app.law.load_full();
    let w = words(lang);
    let number = list.period.number();
    let became = became(index, &list.verified.opened);
    let title = format!("{} {index}", w.one_use);
    let code = lang.code();
    let body = html! {
        p { a href={"/" (code) "/my/uses?month=" (number)} { (w.back) } }
        h1 { (title) }
        div.timeline.one { (use_line(&law, lang, None, index, &entry.payload, &became)) }
        dl {
            @if !entry.payload.fields.is_empty() { dt { (w.fields) } dd { (entry.payload.fields.join(", ")) } }
            @if !entry.payload.official.is_empty() { dt { (w.official) } dd { (entry.payload.official) } }
            @if !entry.payload.mandate.is_empty() { dt { (w.mandate) } dd { (entry.payload.mandate) } }
            @if !entry.payload.cites.is_empty() { dt { (w.cited) } dd { (entry.payload.cites.join(", ")) } }
            @if !entry.payload.order.is_empty() { dt { (w.order) } dd { (entry.payload.order) } }
        }
        @match &complaint {
            Some(id) => p { (w.complained_of) ": " a href={"/" (code) "/my/complaints/" (id)} { (id) } },
            None => p { a href={"/" (code) "/my/uses/" (number) "/" (index) "/complain"} { (w.complain) } },
        }
        (why(&law, lang, &entry.payload))
        @for then in became.iter().filter(|then| !then.order.is_empty()) {
            p { strong { (outcome_word(w, &then.outcome)) } ": " (then.order) " (" @if !then.official.is_empty() { (then.official) ", " } (at(lang, then.at_ms / 1000)) ")" }
        }
        p { a href={"/" (code) "/my/uses/" (number) "/" (index) "/receipt"} { (w.receipt) } }
    };
    let path = format!("/my/uses/{number}/{index}");
    Ok(frame(&app, lang, &path, &title, &body).into_response())
}

/// Why it was decided so, by the law of its time.
pub(crate) fn why(law: &Law, lang: Lang, payload: &Payload) -> Markup {
    let w = words(lang);
    let record = kepil_chronicle::record_of(payload);
    let scene = record.and_then(|record| law.gate.scene_of(&record).ok());
    let decided = scene.map(|scene| law.gate.decide(scene));
    html! { @if let Some(decided) = &decided { (reasons(law, lang, decided, w.why)) } }
}

/// The reasons of a decision.
pub(crate) fn reasons(law: &Law, lang: Lang, decided: &Decision, title: &str) -> Markup {
    let why = law.gate.explain(decided, lang, true);
    html! {
        h2 { (title) }
        p { (why.summary) }
        ul { @for ground in &why.grounds { li { strong { (sources(lang, ground.source)) } ": " (ground.text) } } }
        @let (holds, other): (Vec<_>, Vec<_>) = why.reasons.iter().filter(|reason| !reason.test.is_empty()).partition(|reason| reason.outcome == "pass");
        @let item = |reason: &Reason<'_>| html! { li { strong { (reason.name) } ": " (outcome(reason.outcome, lang)) ". " (reason.text) " (" (sources(lang, reason.source)) ")" } };
        @if !other.is_empty() { ul { @for reason in other { (item(reason)) } } }
        @if !holds.is_empty() { details { summary { (outcome("pass", lang)) " (" (holds.len()) ")" } ul { @for reason in holds { (item(reason)) } } } }
    }
}

/// `GET /{lang}/my/uses/{period}/{index}/receipt`
pub(crate) async fn receipt(
    State(app): State<Arc<App>>,
    Path((lang, period, index)): Path<(String, String, u64)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    match own_entry(&app, visitor, period_of(&period), index).await? {
        Ok(_) => {
            let receipt = app.ledger.chronicle.reader().receipt(index);
            let receipt = receipt.map_err(|error| ours(&error))?;
            Ok(attachment(
                "application/json",
                &format!("kepil-receipt-{index}.json"),
                receipt.to_json(),
            ))
        }
        Err(why) => Ok(refusal(&app, lang, &why)),
    }
}
