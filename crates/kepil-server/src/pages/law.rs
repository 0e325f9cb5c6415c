//! The statute book: acts, and each act with its provisions, rules and cases.

use super::words::words;
use super::{Named, Shared, frame, lang_of};
use crate::app::{Reliance, Worked};
use crate::problem::Problem;
use kepil_law::StatuteBook;
use kepil_law::instrument::{Instrument, Provision, Span};
use kepil_terms::Lang;
use maud::{Markup, html};
use std::collections::HashMap;
use std::sync::PoisonError;

fn span(s: &Span, lang: Lang) -> String {
    let w = words(lang);
    let end =
        s.to.map_or_else(|| w.open.to_owned(), |t| format!("{} {}", w.to, t.kz_day()));
    format!("{} {}, {end}", w.from, s.from.kz_day())
}

/// `GET /{lang}/law`
pub(crate) async fn list(state: Shared, lang: Named<String>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&lang.0)?);
    let w = words(lang);
    let law = app.law.load();
    let book = law.gate.book();
    let mut acts: Vec<&Instrument> = book.instruments.iter().collect();
    acts.sort_by_key(|i| (!i.real, i.rank, i.id.clone()));
    let body = html! {
        h1 { (w.law) }
        div.wide { table {
            thead { tr { th { (w.acts) } th { (w.in_force) } th { (w.confidence) } } }
            tbody { @for i in acts { tr {
                td data-label=(w.acts) { a href={"/" (lang.code()) "/law/" (i.id)} { (i.title.get(lang)) } br; span.soft { (i.id) " · " (i.number) @if !i.real { " · " (w.assumed) } } }
                td data-label=(w.in_force) { (span(&i.span, lang)) }
                td data-label=(w.confidence) { (format!("{:?}", i.confidence).to_lowercase()) @if i.needs_text { br; span.soft { (w.needs_text) } } }
            } } }
        } }
    };
    Ok(frame(app, lang, "/law", w.law, &body))
}

/// `GET /{lang}/law/{act}`
pub(crate) async fn act(state: Shared, path: Named<(String, String)>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&path.0.0)?);
    let w = words(lang);
    let law = app.law.load();
    let book = law.gate.book();
    let (ix, i) = book
        .instrument(&path.0.1)
        .ok_or_else(|| Problem::not_found("no such act"))?;
    let reliance: HashMap<String, Reliance> = app
        .reliance
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let body = html! {
        h1 { (i.title.get(lang)) }
        p.soft { (i.id) " · " (i.number) " · " (span(&i.span, lang)) @if !i.real { " · " (w.assumed) } @if i.unreviewed.contains(&lang) { " · " (w.unreviewed) } }
        @for p in book.provisions.iter().filter(|p| p.instrument == ix) { (provision(book, p, lang, &reliance, law.cases())) }
    };
    Ok(frame(
        app,
        lang,
        &format!("/law/{}", i.id),
        i.title.get(lang),
        &body,
    ))
}

fn provision(
    book: &StatuteBook,
    p: &Provision,
    lang: Lang,
    reliance: &HashMap<String, Reliance>,
    worked: &HashMap<String, Worked>,
) -> Markup {
    let w = words(lang);
    let number = p.id.split('#').nth(1).unwrap_or_default();
    let rules: Vec<_> = book
        .rules
        .iter()
        .filter(|r| {
            book.provisions
                .get(r.provision as usize)
                .is_some_and(|q| q.id == p.id)
        })
        .collect();
    let cases: Vec<&str> = book
        .cases
        .iter()
        .filter(|c| c.provisions.contains(&p.id))
        .map(|c| c.id.as_str())
        .collect();
    html! {
        section id={"p" (number)} {
            h2 { (number) @if lang == Lang::En { " " (p.name) } }
            p { (p.text.get(lang)) }
            @if p.needs_text { p.soft { (w.needs_text) } }
            @if let Some(r) = reliance.get(&p.id) { p.soft { (w.relied) ": " (r.relied) " · " (w.refused) ": " (r.refused) } }
            @if !cases.is_empty() { details { summary { (w.cases) " (" (cases.len()) ")" } ul { @for id in &cases { li {
                (id) @if let Some(worked) = worked.get(*id) {
                    ": " span.(worked.verdict.as_str()) { (super::verdict(worked.verdict, lang)) }
                    @if !worked.is_as_said { " · " strong.deny { (w.not_as_said) } }
                    " · " span lang="en" { (worked.title) }
                }
            } } } } }
            @if !rules.is_empty() { details { summary { (w.rule) } @for r in rules { pre { (r.cedar) } } } }
        }
    }
}
