//! The lines of a list of uses: when, who, what for, on which article, and what became of it; a
//! page at a time.

use super::moment::at;
use super::words::{Words, words};
use crate::app::Law;
use crate::pages::address;
use kepil_ledger::completeness::{Noted, NotedEntry, OpenedEntry, Verified};
use kepil_ledger::entry::KeepingKind;
use kepil_ledger::payload::{Payload, PayloadKind};
use kepil_ledger::period::Period;
use kepil_oidc::form::encode;
use kepil_terms::{Instant, Lang, Verdict};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Lines of a page: a page of them stays small on a weak phone.
const LINES: usize = 12;

/// Who reads a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading<'a> {
    /// The person, who can go on to each use.
    Own,
    /// Somebody with a power; its id where it is good for complaints too.
    Other {
        /// The power.
        complains: Option<&'a str>,
    },
}

/// Which lines of a list are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// Of this system alone; empty: of all.
    pub(super) system: &'a str,
    /// Older than this entry.
    pub(super) before: Option<u64>,
}

/// What became of an entry, in the order of the list.
pub(super) fn became(index: u64, all: &[OpenedEntry]) -> Vec<&Payload> {
    let of = |other: &&OpenedEntry| {
        other.payload.kind == PayloadKind::Outcome && other.payload.intent == Some(index)
    };
    all.iter().filter(of).map(|other| &other.payload).collect()
}

/// A page of lines, newest first, and the way to older ones; `month_of` knows the month of an entry
/// that stands in another one.
pub(super) fn lines(
    law: &Law,
    lang: Lang,
    (period, found): (Period, &Verified),
    part: Part<'_>,
    reading: Reading<'_>,
    (address, month_of): (&str, &dyn Fn(u64) -> Option<Period>),
) -> Markup {
    let w = words(lang);
    let known: BTreeSet<u64> = found.opened.iter().map(|entry| entry.index).collect();
    // An outcome stands with the use it is about; that may lie in another month.
    let is_told_above = |p: &Payload| {
        p.kind == PayloadKind::Outcome && p.intent.is_some_and(|of| known.contains(&of))
    };
    let opened = found.opened.iter().filter(|entry| {
        let p = &entry.payload;
        !is_told_above(p) && (part.system.is_empty() || p.system == part.system)
    });
    let noted = found.noted.iter().filter(|_| part.system.is_empty());
    let mut all: Vec<Line<'_>> = opened
        .map(Line::Opened)
        .chain(noted.map(Line::Noted))
        .filter(|line| part.before.is_none_or(|before| line.index() < before))
        .collect();
    all.sort_by_key(|line| std::cmp::Reverse(line.index()));
    let (shown, older) = all.split_at(all.len().min(LINES));
    let one = |line: &Line<'_>| match line {
        Line::Noted(entry) => noted_line(lang, entry),
        Line::Opened(entry) if entry.payload.kind == PayloadKind::Outcome => {
            let about = entry.payload.intent;
            let month = about.filter(|_| matches!(reading, Reading::Own));
            outcome_line(lang, entry, month.and_then(month_of))
        }
        Line::Opened(entry) => {
            let number = matches!(reading, Reading::Own).then_some(period.number());
            let became = became(entry.index, &found.opened);
            html! {
                (use_line(law, lang, number, entry.index, &entry.payload, &became))
                @if let (Reading::Other { complains: Some(power) }, PayloadKind::Decision) = (reading, entry.payload.kind) {
                    p { a href={"/" (lang.code()) "/my/powers/" (power) "/" (entry.index) "/complain"} { (w.complain_for) " " (entry.index) } }
                }
            }
        }
    };
    let page = |before: Option<u64>| {
        let mut query = vec![format!("month={}", period.number())];
        if !part.system.is_empty() {
            query.push(format!("system={}", encode(part.system)));
        }
        query.extend(before.map(|before| format!("before={before}")));
        format!("{address}?{}", query.join("&"))
    };
    html! {
        @if shown.is_empty() { p { (w.none_match) } }
        ol.timeline { @for line in shown { li { (one(line)) } } }
        @if part.before.is_some() || !older.is_empty() {
            p {
                @if part.before.is_some() { a href=(page(None)) { (w.newest) } " " }
                @if let (Some(last), false) = (shown.last(), older.is_empty()) {
                    a href=(page(Some(last.index()))) rel="next" { (w.older) " (" (older.len()) ")" }
                }
            }
        }
    }
}

/// A line of a list.
#[derive(Debug, Clone, Copy)]
enum Line<'a> {
    Opened(&'a OpenedEntry),
    Noted(&'a NotedEntry),
}

impl Line<'_> {
    const fn index(&self) -> u64 {
        match self {
            Self::Opened(entry) => entry.index,
            Self::Noted(entry) => entry.index,
        }
    }
}

/// What a line says: when, who, what for, and on which article.
pub(crate) fn use_line(
    law: &Law,
    lang: Lang,
    number: Option<u32>,
    index: u64,
    p: &Payload,
    became: &[&Payload],
) -> Markup {
    let w = words(lang);
    let book = law.gate.book();
    let label = |ty: &str, id: &str| book.vocab.label(ty, id, lang);
    let data: Vec<String> = p.categories.iter().map(|c| label("Category", c)).collect();
    html! {
        p.time { time datetime=(Instant::from_ms(i64::try_from(p.at_ms).unwrap_or(0)).to_rfc3339()) { (at(lang, p.at_ms / 1000)) } }
        p { strong { (label("Actor", &p.actor)) } " (" (system_name(law, &p.system)) ") · " (label("Action", &p.operation)) ": " @if data.is_empty() { "–" } @else { (data.join(", ")) } }
        p { (w.purpose) ": " (label("Purpose", &p.purpose)) }
        p { span.(p.verdict) { (crate::pages::verdict(verdict_of(&p.verdict), lang)) }
            @if !p.grounds.is_empty() { " · " (w.basis) ": " @for (n, rule) in p.grounds.iter().enumerate() { @if n > 0 { ", " } (article(lang, rule)) } }
            @for then in became { " · " (outcome_word(w, &then.outcome)) }
            @if let Some(at) = p.sealed { " · " (w.was_sealed) " (" (at) ")" }
        }
        @if let Some(number) = number { (details(lang, number, index)) }
    }
}

/// The way to one use.
fn details(lang: Lang, month: u32, index: u64) -> Markup {
    html! { p { a href={"/" (lang.code()) "/my/uses/" (month) "/" (index)} { (words(lang).more) " " (index) } } }
}

/// What became of a use in another month.
fn outcome_line(lang: Lang, entry: &OpenedEntry, month: Option<Period>) -> Markup {
    let w = words(lang);
    let p = &entry.payload;
    html! {
        p.time { time datetime=(Instant::from_ms(i64::try_from(p.at_ms).unwrap_or(0)).to_rfc3339()) { (at(lang, p.at_ms / 1000)) } }
        p { @if let Some(about) = p.intent { (w.about_entry) " " (about) ": " } strong { (outcome_word(w, &p.outcome)) } " (" (w.entry) " " (entry.index) ")" }
        @if !(p.order.is_empty() && p.official.is_empty()) { p { (p.order) @if !p.official.is_empty() { " (" (p.official) ")" } } }
        @if let (Some(month), Some(about)) = (month, p.intent) { (details(lang, month.number(), about)) }
    }
}

/// What can be said of an entry that is not shown.
fn noted_line(lang: Lang, entry: &NotedEntry) -> Markup {
    let w = words(lang);
    let (said, until, ground) = match &entry.why {
        Noted::Erased => (w.erased, 0, ""),
        Noted::KeptBack {
            kind,
            until,
            ground,
        } => {
            let said = match kind {
                KeepingKind::Deferred => w.deferred,
                KeepingKind::Withheld => w.withheld,
            };
            (said, *until, ground.as_str())
        }
    };
    html! {
        p { (w.entry) " " (entry.index) ": " strong { (said) } " (" (w.notice_at) " " (entry.notice) ")" }
        @if !ground.is_empty() { p { (w.order) ": " (ground) } }
        @if until != 0 { p { (w.shown_from) " " (at(lang, until)) } }
    }
}

pub(super) fn article(lang: Lang, rule: &str) -> Markup {
    let provision = rule
        .rsplit_once('/')
        .map_or(rule, |(provision, _)| provision);
    html! { a href=(address(lang, provision)) { (provision) } }
}

pub(super) fn outcome_word(w: &Words, outcome: &str) -> &'static str {
    match outcome {
        "released" => w.released,
        "not_released" => w.not_released,
        crate::desk::ALLOWED => w.allowed,
        crate::desk::REFUSED => w.refused,
        crate::desk::COMPLAINED => w.complained,
        crate::desk::UPHELD => w.upheld,
        crate::desk::REJECTED => w.rejected,
        crate::desk::RELEASED => w.identity_released,
        crate::desk::ASSISTED => w.assisted,
        crate::desk::SEEN => w.seen_by_representative,
        _ => w.unknown,
    }
}

fn verdict_of(text: &str) -> Verdict {
    match text {
        "ok" => Verdict::Ok,
        "human" => Verdict::Human,
        _ => Verdict::Deny,
    }
}

pub(crate) fn system_name(law: &Law, id: &str) -> String {
    let system = law.register.system(id);
    system.map_or_else(|| id.to_owned(), |system| system.name.clone())
}
