//! Who is connected to this gate, under which agreements, and what is not connected.

use super::words::{precisions, words};
use super::{Named, Shared, frame, grouped, lang_of};
use crate::problem::Problem;
use crate::register::Entry;
use kepil_gate::Gate;
use kepil_law::Value;
use kepil_law::book::bits;
use kepil_law::vocab::{Mask, Vocabulary};
use kepil_terms::Lang;
use maud::{Markup, html};
use std::sync::PoisonError;

/// `GET /{lang}/systems`
pub(crate) async fn page(state: Shared, lang: Named<String>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&lang.0)?);
    let w = words(lang);
    let law = app.law.load();
    let book = law.gate.book();
    let mut systems: Vec<_> = law.register.systems().collect();
    systems.sort_by(|a, b| a.id.cmp(&b.id));
    let agreements = law.register.of_kind("agreement");
    let requests = app
        .growth
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .systems
        .clone();
    let names = |actors| names(&book.vocab, "Actor", actors, lang);
    let body = html! {
        h1 { (w.systems) }
        p.lead { (w.systems_how) }
        div.wide { table {
            thead { tr { th { (w.system) } th { (w.acts_as) } th { (w.agreements) } th { (w.requests) } } }
            tbody { @for system in &systems { tr {
                td data-label=(w.system) { (system.name) br; span.soft { (system.id) } }
                td data-label=(w.acts_as) { (names(system.actors)) }
                td data-label=(w.agreements) {
                    @let own: Vec<&str> = agreements.iter().filter(|(_, entry)| entry.open_to(&system.id)).map(|(id, _)| *id).collect();
                    @if own.is_empty() { (w.no_agreement) } @else { (own.join(", ")) }
                }
                td data-label=(w.requests) { (grouped(lang, requests.get(&system.id).copied().unwrap_or_default())) }
            } } }
        } }
        @if !agreements.is_empty() {
            h2 { (w.agreements) }
            div.wide { table {
                thead { tr { th { (w.agreement) } th { (w.covers) } th { (w.up_to) } th { (w.recipients) } th { (w.for_system) } } }
                tbody { @for (id, entry) in &agreements { (agreement(&law.gate, lang, id, entry)) } }
            } }
        }
        h2 { (w.not_connected) }
        @if law.register.not_connected().is_empty() { p { (w.not_connected_none) } } @else {
            p { (w.not_connected_how) }
            div.wide { table {
                thead { tr { th { (w.system) } th { (w.holder) } th { (w.why_not) } } }
                tbody { @for one in law.register.not_connected() { tr {
                    td data-label=(w.system) { (one.name) }
                    td data-label=(w.holder) { (one.holder) }
                    td data-label=(w.why_not) { (one.why) }
                } } }
            } }
        }
    };
    Ok(frame(app, lang, "/systems", w.systems, &body))
}

/// The names of the terms of a set.
fn names(vocab: &Vocabulary, of: &str, members: Mask, lang: Lang) -> String {
    let ty = vocab.type_named(of);
    let ids = bits(members).filter_map(|term| vocab.def(ty?, term).map(|def| def.id.as_str()));
    let names: Vec<String> = ids.map(|id| vocab.label(of, id, lang)).collect();
    names.join(", ")
}

/// What an agreement covers, as the register says it.
fn agreement(gate: &Gate, lang: Lang, id: &str, entry: &Entry) -> Markup {
    let w = words(lang);
    let book = gate.book();
    let says = |path: &str| entry.layer.get(book.layout.slot(path)?);
    let everything = |of: &str| book.vocab.type_named(of).map(|ty| book.vocab.all(ty));
    let set = |path: &str, of: &str, all: &str| match says(path) {
        Some(Value::Set(members)) if Some(*members) == everything(of) => all.to_owned(),
        Some(Value::Set(members)) if *members != 0 => names(&book.vocab, of, *members, lang),
        _ => "–".to_owned(),
    };
    let is_active = matches!(says("agreement.active"), Some(Value::Bool(true)));
    let fields = match (says("agreement.fields_listed"), says("agreement.fields")) {
        (Some(Value::Bool(true)), Some(Value::Strs(fields))) => Some(fields.join(", ")),
        _ => None,
    };
    let precision = match says("agreement.precision") {
        Some(Value::Int(at)) => usize::try_from(*at).ok(),
        _ => None,
    };
    let precision = precision.and_then(|at| Some(precisions(lang).get(at)?.1));
    html! { tr {
        td data-label=(w.agreement) { (id) @if !is_active { " · " strong.deny { (w.not_active) } } }
        td data-label=(w.covers) { (set("agreement.data", "Category", w.all_data)) br; span.soft { @match &fields { Some(fields) => { (w.only_fields) ": " (fields) } None => { (w.all_fields) } } } }
        td data-label=(w.up_to) { (precision.unwrap_or("–")) }
        td data-label=(w.recipients) { (set("agreement.recipients", "Actor", w.all_actors)) }
        td data-label=(w.for_system) { @if entry.systems.is_empty() { (w.every_system) } @else { (entry.systems.join(", ")) } }
    } }
}
