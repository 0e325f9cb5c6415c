//! The statute book: acts, and each act with its provisions, rules and cases.

use super::words::words;
use super::{Named, Shared, frame, grouped, lang_of};
use crate::app::{App, Law, Reliance};
use crate::people::moment::day;
use crate::problem::Problem;
use kepil_law::StatuteBook;
use kepil_law::instrument::{Instrument, InstrumentIx, Provision, Span};
use kepil_terms::{Instant, Lang};
use maud::{Markup, html};
use std::sync::PoisonError;

/// Acts of so many provisions at most stand on one page.
const WHOLE: usize = 6;

/// Longest beginning of a text, in characters.
const BEGINNING: usize = 60;

fn span(s: &Span, lang: Lang) -> String {
    let w = words(lang);
    let bound = |word: &str, at: Instant| match lang {
        Lang::Kk => format!("{} {word}", day(lang, at.kz_day())),
        Lang::En | Lang::Ru => format!("{word} {}", day(lang, at.kz_day())),
    };
    let end = s.to.map_or_else(|| w.open.to_owned(), |to| bound(w.to, to));
    format!("{}, {end}", bound(w.from, s.from))
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

/// `GET /{lang}/law/{act}`: what stands in an act, or all of it where that is little.
pub(crate) async fn act(state: Shared, path: Named<(String, String)>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&path.0.0)?);
    let w = words(lang);
    let law = app.law.load();
    let book = law.gate.book();
    let found = book.instrument(&path.0.1);
    let (ix, i) = found.ok_or_else(|| Problem::not_found("no such act"))?;
    let all: Vec<Placed> = provisions(book, ix).collect();
    let body = html! {
        h1 { (i.title.get(lang)) }
        (about(i, lang))
        @if all.len() <= WHOLE {
            @for (at, p) in all { (provision(app, &law, (at, p), lang)) }
        } @else {
            p { (w.contents_how) }
            ul.contents { @for article in all.chunk_by(|(_, one), (_, next)| article(one) == article(next)) {
                (line(app, i, article, lang))
            } }
        }
    };
    let here = format!("/law/{}", i.id);
    Ok(frame(app, lang, &here, i.title.get(lang), &body))
}

/// `GET /{lang}/law/{act}/{article}`
pub(crate) async fn one(
    state: Shared,
    path: Named<(String, String, String)>,
) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&path.0.0)?);
    let law = app.law.load();
    let book = law.gate.book();
    let (_, act, wanted) = &path.0;
    let absent = || Problem::not_found("no such article");
    let (ix, i) = book.instrument(act).ok_or_else(absent)?;
    let all: Vec<Placed> = provisions(book, ix).collect();
    let here: Vec<Placed> = all
        .iter()
        .copied()
        .filter(|(_, p)| article(p) == wanted)
        .collect();
    let mut articles: Vec<&str> = all.iter().map(|(_, p)| article(p)).collect();
    articles.dedup();
    let place = articles.iter().position(|known| known == wanted);
    let place = place.ok_or_else(absent)?;
    let before = place.checked_sub(1).and_then(|at| articles.get(at));
    let after = articles.get(place + 1);
    let link = |to: &str| format!("/{}/law/{}/{to}", lang.code(), i.id);
    let body = html! {
        p { a href={"/" (lang.code()) "/law/" (i.id)} { (i.title.get(lang)) } }
        h1 { (i.id) ", " (wanted) }
        (about(i, lang))
        @for placed in here { (provision(app, &law, placed, lang)) }
        p {
            @if let Some(to) = before { a href=(link(to)) rel="prev" { "← " (to) } " " }
            @if let Some(to) = after { a href=(link(to)) rel="next" { (to) " →" } }
        }
    };
    let here = format!("/law/{}/{wanted}", i.id);
    let title = format!("{}, {wanted}", i.id);
    Ok(frame(app, lang, &here, &title, &body))
}

/// Where a provision stands in the statute book.
pub(crate) fn address(lang: Lang, id: &str) -> String {
    let (act, number) = id.split_once('#').unwrap_or((id, ""));
    let article = number.split('.').next().unwrap_or_default();
    match article {
        "" => format!("/{}/law/{act}", lang.code()),
        _ => format!("/{}/law/{act}/{article}#p{number}", lang.code()),
    }
}

/// Provisions that are named with commas between them, each a link.
pub(crate) fn sources(lang: Lang, named: &str) -> Markup {
    html! { @for (at, one) in named.split(", ").enumerate() {
        @if at > 0 { ", " }
        @match one.split_once('#') {
            Some((_, number)) if !number.contains(' ') => a href=(address(lang, one)) { (one) },
            _ => (one),
        }
    } }
}

/// A provision with its place in the book.
type Placed<'a> = (usize, &'a Provision);

fn provisions(book: &StatuteBook, of: InstrumentIx) -> impl Iterator<Item = Placed<'_>> {
    let all = book.provisions.iter().enumerate();
    all.filter(move |(_, p)| p.instrument == of)
}

/// The number of a provision within its act, as in `77.4`.
fn number(p: &Provision) -> &str {
    p.id.split_once('#').map_or("", |(_, number)| number)
}

/// The article a provision stands in, as in `77`.
fn article(p: &Provision) -> &str {
    number(p).split('.').next().unwrap_or_default()
}

fn about(i: &Instrument, lang: Lang) -> Markup {
    let w = words(lang);
    let sure = format!("{:?}", i.confidence).to_lowercase();
    html! { p.soft { (w.own_words) " " (w.confidence) ": " span lang="en" { (sure) } "." } p.soft { (i.id) " · " (i.number) " · " (span(&i.span, lang)) @if !i.real { " · " (w.assumed) } @if i.unreviewed.contains(&lang) { " · " (w.unreviewed) } @if i.needs_text { " · " (w.needs_text) } } }
}

/// How often provisions were relied on and refused by.
fn reliance<'a>(app: &App, of: impl Iterator<Item = &'a Provision>) -> Reliance {
    let known = app.reliance.lock().unwrap_or_else(PoisonError::into_inner);
    of.filter_map(|p| known.get(&p.id))
        .fold(Reliance::default(), |sum, one| Reliance {
            relied: sum.relied + one.relied,
            refused: sum.refused + one.refused,
        })
}

/// An article in the contents of an act.
fn line(app: &App, i: &Instrument, provisions: &[Placed], lang: Lang) -> Markup {
    let Some((_, first)) = provisions.first() else {
        return html! {};
    };
    let counts = reliance(app, provisions.iter().map(|(_, p)| *p));
    html! { li {
        a href={"/" (lang.code()) "/law/" (i.id) "/" (article(first))} { (article(first)) } " "
        @match lang { Lang::En => { (first.name) } _ => { (beginning(first.text.get(lang))) } }
        @if counts.relied + counts.refused > 0 { " · " span.soft { (reliance_words(lang, counts)) } }
    } }
}

fn reliance_words(lang: Lang, counts: Reliance) -> String {
    let w = words(lang);
    let (relied, refused) = (grouped(lang, counts.relied), grouped(lang, counts.refused));
    format!("{}: {relied} · {}: {refused}", w.relied, w.refused)
}

/// The first words of a text.
pub(crate) fn beginning(text: &str) -> String {
    let mut short = String::new();
    for word in text.split_whitespace() {
        if short.chars().count() + word.chars().count() > BEGINNING {
            return short + "…";
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

fn provision(app: &App, law: &Law, (at, p): Placed, lang: Lang) -> Markup {
    let w = words(lang);
    let book = law.gate.book();
    let rules = book.rules.iter().filter(|r| r.provision as usize == at);
    let rules: Vec<_> = rules.collect();
    let cases = book.cases.iter().filter(|c| c.provisions.contains(&p.id));
    let cases: Vec<&str> = cases.map(|c| c.id.as_str()).collect();
    let counts = reliance(app, std::iter::once(p));
    let others = Lang::ALL.into_iter().filter(|other| *other != lang);
    html! {
        section id={"p" (number(p))} {
            h2 { (number(p)) @if lang == Lang::En { " " (p.name) } }
            p { (p.text.get(lang)) }
            details { summary { (w.other_languages) } @for other in others { p lang=(other.code()) { (p.text.get(other)) } } }
            @if p.needs_text { p.soft { (w.needs_text) } }
            @if counts.relied + counts.refused > 0 { p.soft { (reliance_words(lang, counts)) } }
            @if !cases.is_empty() { details { summary { (w.cases) " (" (cases.len()) ")" } ul { @for id in &cases { li {
                (id) @if let Some(worked) = law.cases().get(*id) {
                    ": " span.(worked.verdict.as_str()) { (super::verdict(worked.verdict, lang)) }
                    @if !worked.is_as_said { " · " strong.deny { (w.not_as_said) } }
                    " · " span lang="en" { (worked.title) }
                }
            } } } } }
            @if !rules.is_empty() { details { summary { (w.rule) } @for r in rules { pre { (r.cedar) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{address, beginning};
    use kepil_terms::Lang;

    #[test]
    fn a_provision_has_an_address() {
        for (id, address_of) in [
            ("KZ-DC-2026#77.4", "/ru/law/KZ-DC-2026/77#p77.4"),
            ("KZ-PDL-2013#9.9-1", "/ru/law/KZ-PDL-2013/9#p9.9-1"),
            ("KZ-DC-2026", "/ru/law/KZ-DC-2026"),
        ] {
            assert_eq!(address(Lang::Ru, id), address_of);
        }
    }

    #[test]
    fn a_beginning_ends_with_a_word() {
        let text = "слово ".repeat(40);
        let short = beginning(&text);
        assert!(short.ends_with("слово…"), "{short}");
        assert!(short.chars().count() <= super::BEGINNING + 1);
        assert_eq!(beginning("two words"), "two words");
    }
}
