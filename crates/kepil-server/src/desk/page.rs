//! What the pages of the desks share: who may come in, a page with one sentence, the facts of a
//! case.

use super::words::{Words, words};
use crate::app::App;
use crate::pages::frame;
use crate::people::moment::{at, day};
use crate::people::visitor::Visitor;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kepil_cases::{Case, CaseKind, Outcome};
use kepil_identity::holder::Role;
use kepil_identity::level::Level;
use kepil_terms::{Day, Lang};
use maud::{Markup, html};

/// Longest text that a person writes.
pub(super) const MAX_TEXT: usize = 4000;

/// A page with one sentence.
pub(super) fn said(app: &App, lang: Lang, status: StatusCode, title: &str, text: &str) -> Response {
    let body = html! { h1 { (title) } p.said role="alert" { (text) } };
    (status, frame(app, lang, home(lang, title), title, &body)).into_response()
}

/// The address of a desk by its title, for the links to other languages.
fn home(lang: Lang, title: &str) -> &'static str {
    let w = words(lang);
    match title {
        _ if title == w.supervision => "/supervision",
        _ if title == w.desk => "/desk",
        _ => "/my/complaints",
    }
}

/// Lets in who has the role and is surely signed in.
#[expect(
    clippy::result_large_err,
    reason = "an answer to the browser, as everywhere in pages"
)]
pub(super) fn admit(
    app: &App,
    lang: Lang,
    visitor: &Visitor,
    role: Role,
    title: &str,
) -> Result<(), Response> {
    let w = words(lang);
    let account = &visitor.account;
    if account.holder.role != role {
        return Err(said(app, lang, StatusCode::FORBIDDEN, title, w.not_yours));
    }
    let is_sure = visitor.session.check((app.wall)()).is_ok()
        && visitor.session.level >= Level::Two
        && account.is_ready()
        && account.proofing.is_some();
    match is_sure {
        true => Ok(()),
        false => Err(said(app, lang, StatusCode::FORBIDDEN, title, w.surer)),
    }
}

pub(super) const fn kind_word(w: &Words, kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::Complaint => w.complaint,
        CaseKind::Review => w.review,
        CaseKind::Reading => w.reading,
    }
}

/// Proof that a case is where it is decided, as it is kept: an entry of the log.
pub(super) fn proof_of_entry(index: u64) -> String {
    format!("entry {index} of the log")
}

/// The same of a case that the node opened itself.
pub(super) const PROOF_OF_WATCH: &str = "the watch of this node";

fn proof_word(w: &Words, proof: &str) -> String {
    let index = proof.strip_prefix("entry ");
    match index.and_then(|rest| rest.strip_suffix(" of the log")) {
        Some(index) => format!("{} {index}", w.proof_entry),
        None if proof == PROOF_OF_WATCH => w.proof_watch.to_owned(),
        None => proof.to_owned(),
    }
}

pub(super) const fn outcome_word(w: &Words, outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Upheld => w.upheld,
        Outcome::Rejected => w.rejected,
        Outcome::Allowed => w.allowed,
        Outcome::Refused => w.refused,
        Outcome::Violation => w.violation,
        Outcome::Justified => w.justified,
    }
}

pub(super) fn state_word(w: &Words, case: &Case) -> &'static str {
    match (&case.decision, &case.proposal) {
        (Some((_, decision)), _) => outcome_word(w, decision.first.outcome),
        (None, _) if case.is_forgotten() => w.person_erased,
        (None, Some(_)) => w.proposed,
        (None, None) => w.waits,
    }
}

/// Until when a case is to be decided.
pub(super) fn due_cell(lang: Lang, case: &Case, today: Day) -> Markup {
    let w = words(lang);
    let due = case.delivery.as_ref().map(|delivery| delivery.due);
    html! {
        @match due {
            _ if case.is_forgotten() => { "–" }
            None => { (w.not_delivered) }
            Some(None) => { (w.no_due) }
            Some(Some(due)) => {
                (day(lang, due))
                @if case.is_overdue(today) { " · " strong.deny { (w.is_overdue) } }
            }
        }
    }
}

/// The facts of a case that name nobody.
pub(super) fn facts(lang: Lang, case: &Case, system: &str, today: Day) -> Markup {
    let w = words(lang);
    html! {
        dl {
            dt { (w.kind) } dd { (kind_word(w, case.kind)) }
            @if let Some(entry) = case.entry { dt { (w.entry) } dd { (entry) } }
            dt { (w.system) } dd { (system) }
            dt { (w.filed) } dd { (at(lang, case.filed_ms / 1000)) }
            dt { (w.delivered) } dd {
                @match &case.delivery {
                    None => { (w.not_delivered) }
                    Some(delivery) => { (at(lang, delivery.at_ms / 1000)) " · " (w.proof) ": " (proof_word(w, &delivery.proof)) }
                }
            }
            @if case.decision.is_none() { dt { (w.due) } dd { (due_cell(lang, case, today)) } }
            dt { (w.state) } dd { strong { (state_word(w, case)) } }
        }
    }
}

/// A decision with its reasons.
pub(super) fn decision(app: &App, lang: Lang, case: &Case) -> Markup {
    let w = words(lang);
    html! {
        @if let Some((when, decision)) = &case.decision {
            h2 { (w.decided) " " (at(lang, when / 1000)) }
            p { strong { (outcome_word(w, decision.first.outcome)) } ". " (w.by) ": " (decision.first.by)
                @if let Some(second) = &decision.second { " " (w.and) " " (second) } }
            p { (w.reasons) ": " (super::act::unseal(app, &case.subject, &decision.first.reasons).unwrap_or_else(|| w.keys_gone.to_owned())) }
            @if !decision.is_human { p.said { (w.not_human) } }
        }
    }
}
