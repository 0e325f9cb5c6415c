//! `kepil law show` and `kepil law list`.

use super::PackArg;
use crate::client::Client;
use crate::exit::{Failure, environment, input};
use kepil_gate::baseline::Baselines;
use kepil_gate::case;
use kepil_law::StatuteBook;
use kepil_law::instrument::{Provision, Span};
use kepil_law::rule::Role;
use kepil_terms::Lang;

/// Prints a provision, an act or a test: text, rule, cases, who relies on it.
pub fn show(
    pack: &PackArg,
    id: &str,
    lang: Lang,
    node: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let gate = pack.gate()?;
    let book = gate.book();
    if let Some((_, p)) = book.provision(id) {
        let baselines = Baselines::load(&gate).map_err(input)?;
        let near = |x: &String| x == &p.id;
        let mut cases = Vec::new();
        for b in book.cases.iter().filter(|c| c.provisions.iter().any(near)) {
            for r in case::run(&gate, &baselines, b) {
                let verdict = r
                    .decision
                    .as_ref()
                    .map_or_else(|| "no lawful twin".to_owned(), |d| d.verdict.to_string());
                cases.push((
                    format!("{}{}", r.id, if r.twin { "'" } else { "" }),
                    r.title,
                    verdict,
                    r.differences.is_empty(),
                ));
            }
        }
        let reliance = node.map(|n| count(n, p)).transpose()?;
        if json {
            print_json(book, p, &cases, reliance);
        } else {
            print_people(book, p, lang, &cases, reliance);
        }
        return Ok(());
    }
    if let Some((ix, i)) = book.instrument(id) {
        crate::out!("{} {}", i.id, i.title.get(lang));
        for p in book.provisions.iter().filter(|p| p.instrument == ix) {
            crate::out!("  {:<28} {}", p.id, p.name);
        }
        return Ok(());
    }
    Err(input(format!(
        "`{id}` is neither an act nor a provision of the pack; `kepil law list` names the acts, `kepil law show ACT` its provisions"
    )))
}

/// Asks a node how often its decisions relied on a provision, and how often they were refused by it.
fn count(node: &str, p: &Provision) -> Result<(u64, u64), Failure> {
    let (act, number) = p.id.split_once('#').unwrap_or((&p.id, ""));
    let text = Client::new(node).text(&format!("/statute/{act}/{number}"))?;
    let answer: serde_json::Value = serde_json::from_str(&text).map_err(environment)?;
    let number = |k: &str| {
        answer
            .get(k)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    };
    Ok((number("relied"), number("refused")))
}

fn span(s: &Span) -> String {
    let alt = s
        .alt_from
        .map(|a| format!(" (another source: {})", a.kz_day()))
        .unwrap_or_default();
    let end = s.to.map_or_else(
        || "no end".to_owned(),
        |t| format!("until {}", t.to_rfc3339()),
    );
    format!("from {}{alt}, {end}", s.from.to_rfc3339())
}

fn rules<'a>(
    book: &'a StatuteBook,
    p: &'a Provision,
) -> impl Iterator<Item = &'a kepil_law::rule::Rule> {
    book.rules.iter().filter(|r| {
        book.provisions
            .get(r.provision as usize)
            .is_some_and(|q| q.id == p.id)
    })
}

type CaseLine = (String, String, String, bool);

fn print_people(
    book: &StatuteBook,
    p: &Provision,
    lang: Lang,
    cases: &[CaseLine],
    reliance: Option<(u64, u64)>,
) {
    let act = book.instruments.get(p.instrument as usize);
    crate::out!("{} {}", p.id, p.name);
    if let Some(i) = act {
        crate::out!(
            "{}{}",
            i.title.get(lang),
            if i.unreviewed.contains(&lang) {
                " [translation not reviewed]"
            } else {
                ""
            }
        );
    }
    crate::out!(
        "in force {}; text {:?}{}",
        span(&p.span),
        p.confidence,
        if p.needs_text {
            ", official wording not loaded"
        } else {
            ""
        }
    );
    crate::out!("\n{}\n", p.text.get(lang));
    for s in &p.slots {
        crate::out!("waits for {s}");
    }
    for q in &p.parameters {
        if let Some(q) = book.parameter(q) {
            crate::out!("open question {} = {}: {}", q.id, q.value, q.note.get(lang));
        }
    }
    if let Some(c) = &p.clock {
        crate::out!("clock {} {:?} from {}", c.id, c.term, c.from);
    }
    for r in rules(book, p) {
        let what = match &r.role {
            Role::Ground(_) => "ground".to_owned(),
            Role::Test { test, .. } => format!(
                "part of test {}",
                book.tests
                    .get(usize::from(*test))
                    .map_or("", |t| t.id.as_str())
            ),
        };
        crate::out!("\nrule {} ({what})\n{}", r.id, r.cedar);
    }
    crate::out!("\ncases:");
    for (id, title, verdict, passed) in cases {
        crate::out!(
            "  {} {id:<6} {verdict:<6} {title}",
            if *passed { "ok  " } else { "FAIL" }
        );
    }
    match reliance {
        Some((relied, refused)) => {
            crate::out!("\nat this node: relied on {relied} times, refused by it {refused} times")
        }
        None => crate::out!("\nwho relies on it: ask a node with --node ADDRESS"),
    }
}

fn print_json(book: &StatuteBook, p: &Provision, cases: &[CaseLine], reliance: Option<(u64, u64)>) {
    let rules: Vec<_> = rules(book, p)
        .map(|r| serde_json::json!({"id": r.id, "cedar": r.cedar}))
        .collect();
    let cases: Vec<_> = cases
        .iter()
        .map(|(id, t, v, ok)| serde_json::json!({"id": id, "title": t, "verdict": v, "passed": ok}))
        .collect();
    crate::out!(
        "{}",
        serde_json::json!({
            "id": p.id, "name": p.name, "text": p.text, "confidence": p.confidence, "needs_text": p.needs_text,
            "from": p.span.from.to_rfc3339(), "to": p.span.to.map(kepil_terms::Instant::to_rfc3339), "slots": p.slots,
            "parameters": p.parameters, "rules": rules, "cases": cases,
            "relied": reliance.map(|r| r.0), "refused": reliance.map(|r| r.1),
        })
    );
}

/// Lists the acts.
pub fn list(pack: &PackArg, lang: Lang, json: bool) -> Result<(), Failure> {
    let book = pack.book()?;
    let mut acts: Vec<_> = book.instruments.iter().collect();
    acts.sort_by_key(|i| (!i.real, i.rank, i.id.clone()));
    for i in acts {
        if json {
            crate::out!(
                "{}",
                serde_json::json!({"id": i.id, "rank": i.rank, "title": i.title, "from": i.span.from.to_rfc3339(), "to": i.span.to.map(kepil_terms::Instant::to_rfc3339), "real": i.real, "needs_text": i.needs_text})
            );
        } else {
            let mark = if i.real { "" } else { " [assumed]" };
            crate::out!("{:>2} {:<22} {}{mark}", i.rank, i.id, i.title.get(lang));
        }
    }
    Ok(())
}
