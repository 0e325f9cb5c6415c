//! Who is connected to this gate, under which agreements, and what is not connected.

use super::words::words;
use super::{Named, Shared, frame, lang_of};
use crate::problem::Problem;
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
    let names = |actors| -> Vec<String> {
        let ty = book.vocab.type_named("Actor");
        let defs = kepil_law::book::bits(actors)
            .filter_map(|term| book.vocab.def(ty?, term).map(|def| def.id.as_str()));
        defs.map(|id| book.vocab.label("Actor", id, lang)).collect()
    };
    let body = html! {
        h1 { (w.systems) }
        p.lead { (w.systems_how) }
        div.wide { table {
            thead { tr { th { (w.system) } th { (w.acts_as) } th { (w.agreements) } th { (w.requests) } } }
            tbody { @for system in &systems { tr {
                td data-label=(w.system) { (system.name) br; span.soft { (system.id) } }
                td data-label=(w.acts_as) { (names(system.actors).join(", ")) }
                td data-label=(w.agreements) {
                    @let own: Vec<&str> = agreements.iter().filter(|(_, entry)| entry.open_to(&system.id)).map(|(id, _)| *id).collect();
                    @if own.is_empty() { (w.no_agreement) } @else { (own.join(", ")) }
                }
                td data-label=(w.requests) { (requests.get(&system.id).copied().unwrap_or_default()) }
            } } }
        } }
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
