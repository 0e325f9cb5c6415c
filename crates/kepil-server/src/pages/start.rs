//! The start page, a decision's page, the ledger's page.

use super::words::{outcome, verdict, words};
use super::{Named, Shared, address, frame, grouped, lang_of, sources};
use crate::app::{Recent, Shown};
use crate::people::moment;
use crate::problem::Problem;
use kepil_gate::Gate;
use kepil_gate::record::{Record, categories};
use kepil_law::Value;
use kepil_terms::{Lang, Verdict};
use maud::{Markup, html};
use std::sync::{Arc, PoisonError};

fn verdict_of(text: &str) -> Verdict {
    match text {
        "ok" => Verdict::Ok,
        "human" => Verdict::Human,
        _ => Verdict::Deny,
    }
}

fn when(lang: Lang, ms: i64) -> String {
    moment::at(lang, u64::try_from(ms).unwrap_or_default() / 1000)
}

/// `GET /{lang}`
pub(crate) async fn page(state: Shared, lang: Named<String>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&lang.0)?);
    let w = words(lang);
    let show = app.config.danger_assumed_law;
    let (counts, recent) = {
        let latest = app.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let list: Vec<Arc<Recent>> = match show {
            true => latest.list.iter().cloned().collect(),
            false => Vec::new(),
        };
        ([latest.ok, latest.human, latest.deny], list)
    };
    let law = app.law.load();
    let vocab = &law.gate.book().vocab;
    let label = |ty: &str, id: &str| vocab.label(ty, id, lang);
    let verdicts = [Verdict::Ok, Verdict::Human, Verdict::Deny];
    let body = html! {
        h1 { (w.headline) }
        p.lead { (w.lead) }
        ul.counts {
            @for (count, word) in counts.into_iter().zip(verdicts) {
                li.(word.as_str()) { strong { (grouped(lang, count)) } " " (verdict(word, lang)) }
            }
            li { strong { (grouped(lang, app.ledger.chronicle.reader().size())) } " " (w.entries) }
        }
        h2 { (w.today) }
        @if !show { p { (w.counts_only) } }
        @else if recent.is_empty() { p { (w.none_yet) } }
        @else {
            div.wide {
                table {
                    thead { tr { th { (w.when) } th { (w.who) } th { (w.what) } th { (w.verdict) } th { (w.source) } } }
                    tbody {
                        @for r in &recent {
                            @let v = verdict_of(&r.record.verdict);
                            @let shown = r.shown.get_or_init(|| shown(&law.gate, &r.record));
                            tr {
                                td data-label=(w.when) { (when(lang, r.record.at)) }
                                td data-label=(w.who) { (label("Actor", &r.record.actor)) }
                                td data-label=(w.what) { (label("Action", &r.record.operation)) ": " (data(&law.gate, shown, lang)) br; span.soft { (w.purpose) " " (label("Purpose", &shown.purpose)) } }
                                td data-label=(w.verdict) { a.(r.record.verdict) href={"/" (lang.code()) "/decisions/" (r.index)} { (verdict(v, lang)) } }
                                td data-label=(w.source) { (provision(&shown.source, lang)) }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(frame(app, lang, "", w.headline, &body))
}

/// Works out what a page shows of a decision, by the law as this node has it.
fn shown(gate: &Gate, record: &Record) -> Shown {
    let Ok(scene) = gate.scene_of(record) else {
        return Shown::default();
    };
    let purpose = match scene.facts.get(gate.slots().purpose) {
        Value::Id(purpose) => {
            let vocab = &gate.book().vocab;
            let ty = vocab.type_named("Purpose");
            ty.and_then(|ty| vocab.def(ty, *purpose))
                .map(|def| def.id.clone())
        }
        _ => None,
    };
    Shown {
        categories: categories(gate, &scene.facts),
        purpose: purpose.unwrap_or_default(),
        source: gate.deciding_source(&gate.decide(scene)),
    }
}

/// The data that were asked for, in words.
fn data(gate: &Gate, shown: &Shown, lang: Lang) -> String {
    let vocab = &gate.book().vocab;
    let names = shown.categories.iter();
    let names: Vec<String> = names.map(|c| vocab.label("Category", c, lang)).collect();
    match names.is_empty() {
        true => "–".to_owned(),
        false => names.join(", "),
    }
}

/// A link to a provision in the statute book.
fn provision(source: &str, lang: Lang) -> Markup {
    html! { a href=(address(lang, source)) { (source) } }
}

/// `GET /{lang}/decisions/{index}`
pub(crate) async fn decision(state: Shared, path: Named<(String, u64)>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&path.0.0)?);
    let index = path.0.1;
    let gone = || Problem::not_found("no such decision");
    if !app.config.danger_assumed_law {
        return Err(gone());
    }
    let w = words(lang);
    let chronicle = &app.ledger.chronicle;
    let payload = chronicle.row(index).and_then(|row| chronicle.payload(&row));
    let payload = payload.map_err(|_| gone())?;
    let record: Record = kepil_chronicle::record_of(&payload).ok_or_else(gone)?;
    let law = app.law.load();
    let gate = &law.gate;
    let scene = gate.scene_of(&record).map_err(|_| gone())?;
    let d = gate.decide(scene);
    let why = gate.explain(&d, lang, true);
    let label = |ty: &str, id: &str| gate.book().vocab.label(ty, id, lang);
    let shown = shown(gate, &record);
    let v = verdict_of(&record.verdict);
    let title = format!("{} {index}", w.entry);
    let body = html! {
        h1 { (title) }
        p.verdict.(record.verdict) { strong { (verdict(v, lang)) } ". " (why.summary) " (" (w.strict) ": " (verdict(d.strict, lang)) ")" }
        dl {
            dt { (w.when) } dd { (when(lang, record.at)) }
            dt { (w.who) } dd { (label("Actor", &record.actor)) " (" (record.who.system) ")" }
            dt { (w.what) } dd { (label("Action", &record.operation)) ": " (data(gate, &shown, lang)) }
            dt { (w.aim) } dd { (label("Purpose", &shown.purpose)) }
            dt { (w.cited) } dd { (record.cites.join(", ")) }
            dt { (w.law_version) } dd { code { (record.law) } }
        }
        @if !why.grounds.is_empty() {
            h2 { (w.grounds) }
            ul { @for g in &why.grounds { li { strong { (sources(lang, g.source)) } " (" (g.category) "): " (g.text) } } }
        }
        h2 { (w.tests) }
        div.wide { table {
            thead { tr { th { (w.test) } th { (w.outcome) } th { (w.meaning) } th { (w.text_source) } } }
            tbody { @for r in &why.reasons { tr {
                td data-label=(w.test) { @if !r.test.is_empty() { (r.test) " " } (r.name) }
                td.(r.outcome) data-label=(w.outcome) { (outcome(r.outcome, lang)) }
                td data-label=(w.meaning) { (r.text) }
                td data-label=(w.text_source) { (sources(lang, r.source)) }
            } } }
        } }
        @if !why.not_yet_in_force.is_empty() { p.soft { (w.not_yet) ": " (why.not_yet_in_force.join(", ")) } }
    };
    Ok(frame(
        app,
        lang,
        &format!("/decisions/{index}"),
        &title,
        &body,
    ))
}

/// `GET /{lang}/ledger`
pub(crate) async fn ledger(state: Shared, lang: Named<String>) -> Result<Markup, Problem> {
    let (app, lang) = (&state.0, lang_of(&lang.0)?);
    let w = words(lang);
    let (checkpoint, key) = {
        let key = app.ledger.chronicle.log_key();
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        let file = app
            .config
            .data_dir
            .join("ledger")
            .join("log")
            .join("checkpoint");
        (std::fs::read_to_string(file).unwrap_or_default(), key)
    };
    let url = &app.config.public_url;
    let policy = kepil_ledger::policy::Policy::parse(app.ledger.policy.as_bytes());
    let witnesses: Vec<String> = policy.map_or_else(
        |_| Vec::new(),
        |policy| {
            let known = policy.witnesses().iter();
            known.map(|w| w.key.name().to_string()).collect()
        },
    );
    let months: Vec<(String, u64)> = {
        let growth = app.growth.lock().unwrap_or_else(PoisonError::into_inner);
        let named = growth.months.iter();
        named
            .map(|(month, count)| (format!("{:02}.{}", month % 100, month / 100), *count))
            .collect()
    };
    let body = html! {
        h1 { (w.ledger) }
        h2 { (w.head) }
        dl { dt { (w.entries) } dd { (grouped(lang, app.ledger.chronicle.reader().size())) } dt { (w.key) } dd { code { (key) } } }
        details { summary { (w.checkpoint) } pre { (checkpoint) } }
        h2 { (w.witnesses) }
        ul { @for name in &witnesses { li { (name) } } }
        h2 { (w.growth) }
        (super::chart::bars(lang, w.growth, (w.month, w.entries), &months))
        h2 { (w.receipt) }
        (super::receipt::form(lang, ""))
        h2 { (w.check) }
        p { (w.check_text) }
        pre { "kepil ledger verify " (url) " --key '" (key) "'\nkepil ledger receipt FILE --key '" (key) "'" }
    };
    Ok(frame(app, lang, "/ledger", w.ledger, &body))
}
