//! `kepil-bench gate`: the gate by itself, one thread, in process, and others beside it.

use crate::Fault;
use crate::agree::{same_rules, same_scopes};
use crate::clock::{Timed, median, number, time};
use crate::fault::fault;
use crate::grow;
use crate::mix::{Asked, Mix, in_force};
use crate::peers::Peer;
use crate::peers::casbin::Scopes;
use crate::peers::cedar::Cedar;
use crate::peers::regorus::both;
use crate::report::{Figure, Report, figure};
use crate::setting::{Setting, load_average};
use kepil_gate::record::Parties;
use std::time::{Duration, Instant};

/// Sizes of the two books whose times are compared.
const SMALL: usize = 200;
const LARGE: usize = 10_000;

/// How much is timed.
#[derive(Debug, Clone, Copy)]
struct Effort {
    decisions: usize,
    records: usize,
    scans: usize,
    slow_scans: usize,
    blocks: usize,
}

const FULL: Effort = Effort {
    decisions: 200_000,
    records: 100_000,
    scans: 20_000,
    slow_scans: 4_000,
    blocks: 9,
};
const QUICK: Effort = Effort {
    decisions: 20_000,
    records: 10_000,
    scans: 2_000,
    slow_scans: 600,
    blocks: 3,
};

/// Runs the whole benchmark; progress goes to standard error.
///
/// # Errors
/// When anything cannot be loaded, or when two engines do not agree.
pub fn run(quick: bool) -> Result<Report, Fault> {
    let effort = if quick { QUICK } else { FULL };
    let load_before = load_average();
    say("loading the pack");
    let files = kepil_packs::kz();
    let mix = Mix::load(&files, false)?;
    let asked = Asked::of(&mix)?;

    let mut cedar = Cedar::new(mix.book(), &asked)?;
    say("rendering and compiling every law version in Rego");
    let (mut interpreter, mut bytecode) = both(mix.book(), &asked)?;
    let casbin = Scopes::new(mix.book(), &asked)?;
    say("comparing the answers of all engines");
    let compared = agree(
        &mix,
        &asked,
        &mut [
            ("Cedar", &mut cedar),
            ("the interpreter", &mut interpreter),
            ("the bytecode machine", &mut bytecode),
        ],
    )?;
    same_scopes(mix.book(), &asked, &casbin)?;
    say(&format!(
        "{compared} questions, the same rules in every engine"
    ));

    let of = mix.scenes.len();
    let rounds = |calls: usize| calls.div_ceil(of);
    say("timing decisions");
    let ours = decisions(&mix, rounds(effort.decisions))?;
    say("timing decisions with their records");
    let (recorded, bytes) = records(&mix, rounds(effort.records))?;
    say("timing the Cedar scan");
    let scan = time(rounds(effort.scans), of, |i| cedar.ask(i))?;
    say("timing regorus, bytecode");
    let rvm = time(rounds(effort.scans), of, |i| bytecode.ask(i))?;
    say("timing regorus, interpreter");
    let interpreted = time(rounds(effort.slow_scans), of, |i| interpreter.ask(i))?;
    say("timing casbin");
    let scopes = time(rounds(effort.slow_scans), of, |i| casbin.ask(i))?;
    let growth = growth(&files, &mix, effort)?;

    let mut setting = Setting::look();
    setting.lines.push(("load average before", load_before));
    setting.lines.push(("load average after", load_average()));
    let ratio = |theirs: &Timed| ours.speed() / theirs.speed();
    let ratios = vec![
        figure(
            "ratio_vs_cedar_scan",
            "decisions here : plain Cedar scan of the same rules",
            ratio(&scan),
        ),
        figure(
            "ratio_vs_regorus_interpreter",
            "decisions here : the same rules in Rego, regorus interpreter",
            ratio(&interpreted),
        ),
        figure(
            "ratio_vs_regorus_rvm",
            "decisions here : the same rules in Rego, regorus bytecode",
            ratio(&rvm),
        ),
        figure(
            "ratio_vs_casbin",
            "decisions here : casbin over the scopes alone",
            ratio(&scopes),
        ),
        figure(
            "growth_10000_over_200",
            "time of a decision with 10,000 rules : with 200",
            growth.ratio,
        ),
    ];
    let mut figures = of_a_loop("", "decisions", &ours);
    figures.push(figure(
        "decide_and_record_per_s",
        "decisions with their records as JSON, a second",
        recorded.per_s,
    ));
    figures.push(figure(
        "decide_and_record_p50_us",
        "  median, µs",
        recorded.p50_us,
    ));
    figures.push(figure(
        "decide_and_record_p99_us",
        "  p99, µs",
        recorded.p99_us,
    ));
    figures.push(figure("record_bytes", "  bytes of a record, mean", bytes));
    figures.extend(of_a_loop("cedar_scan_", "Cedar scans", &scan));
    figures.extend(of_a_loop("regorus_rvm_", "regorus, bytecode", &rvm));
    figures.extend(of_a_loop(
        "regorus_interpreter_",
        "regorus, interpreter",
        &interpreted,
    ));
    figures.extend(of_a_loop("casbin_", "casbin, scopes only", &scopes));
    figures.extend(growth.figures);
    figures.extend(counts(&mix, &asked, compared, ours.calls));
    Ok(Report {
        title: "The gate, one thread, in process".into(),
        ratios,
        figures,
        notes: notes(),
        setting,
    })
}

fn say(what: &str) {
    eprintln!("kepil-bench: {what}");
}

fn agree(mix: &Mix, asked: &Asked, peers: &mut [(&str, &mut dyn Peer)]) -> Result<usize, Fault> {
    let mut compared = 0;
    for (name, peer) in peers {
        compared = same_rules(mix.book(), asked, name, *peer)?;
    }
    Ok(compared)
}

/// Request object to decision with all tests; the copy of the prepared scene is counted in.
fn decisions(mix: &Mix, rounds: usize) -> Result<Timed, Fault> {
    time(rounds, mix.scenes.len(), |i| {
        let (_, scene) = mix.scenes.get(i).ok_or_else(|| fault("no such scene"))?;
        Ok(mix.gate.decide(scene.clone()))
    })
}

/// The same, with the record as bytes; also the mean length of a record.
fn records(mix: &Mix, rounds: usize) -> Result<(Timed, f64), Fault> {
    let mut bytes = 0;
    let mut calls = 0;
    let timed = time(rounds, mix.scenes.len(), |i| {
        let (_, scene) = mix.scenes.get(i).ok_or_else(|| fault("no such scene"))?;
        let decision = mix.gate.decide(scene.clone());
        let record = mix.gate.record(scene, &decision, Parties::default());
        let out = serde_json::to_vec(&record).map_err(fault)?;
        bytes += out.len();
        calls += 1;
        Ok(out)
    })?;
    Ok((timed, number(bytes / calls.max(1))))
}

struct Growth {
    ratio: f64,
    figures: Vec<Figure>,
}

/// Small and large book by turns, so that a noisy minute falls on both; medians of the blocks.
fn growth(files: &[kepil_law::pack::File], mix: &Mix, effort: Effort) -> Result<Growth, Fault> {
    let mut books = Vec::new();
    for size in [SMALL, LARGE] {
        say(&format!("loading a book of {size} rules"));
        books.push((
            size,
            Mix::load(&grow::pack(files, mix.book(), size), true)?,
            Vec::new(),
        ));
    }
    say("timing both books by turns");
    let rounds = (effort.decisions / effort.blocks).div_ceil(mix.scenes.len());
    for _ in 0..effort.blocks {
        for (_, book, blocks) in &mut books {
            blocks.push(decisions(book, rounds)?);
        }
    }
    let mut figures = vec![figure(
        "load_ms_pack",
        format!("loading the pack ({} rules), ms", mix.book().rules.len()),
        ms(mix.load),
    )];
    let mut us = Vec::new();
    for (size, book, blocks) in books {
        let each = median(blocks.iter().map(|b| 1e6 / b.per_s).collect());
        us.push(each);
        figures.push(figure(
            format!("us_per_decision_{size}_rules"),
            format!("a decision with {size} rules, µs (median of blocks)"),
            each,
        ));
        figures.push(figure(
            format!("p99_us_{size}_rules"),
            "  p99, µs",
            median(blocks.iter().map(|b| b.p99_us).collect()),
        ));
        figures.push(figure(
            format!("load_ms_{size}_rules"),
            "  loading the book, ms",
            ms(book.load),
        ));
    }
    let ratio = match us.as_slice() {
        [small, large] => large / small,
        _ => f64::NAN,
    };
    Ok(Growth { ratio, figures })
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn of_a_loop(key: &str, what: &str, t: &Timed) -> Vec<Figure> {
    let per = if key.is_empty() { "decisions_" } else { key };
    let mut out = vec![figure(
        format!("{per}per_s"),
        format!("{what} a second"),
        t.per_s,
    )];
    if let Some(cpu) = t.per_cpu_s {
        out.push(figure(
            format!("{per}per_cpu_s"),
            "  a second of processor time",
            cpu,
        ));
    }
    out.push(figure(format!("{key}p50_us"), "  median, µs", t.p50_us));
    out.push(figure(format!("{key}p99_us"), "  p99, µs", t.p99_us));
    out
}

fn counts(mix: &Mix, asked: &Asked, compared: usize, decisions: usize) -> Vec<Figure> {
    let book = mix.book();
    let in_force: Vec<f64> = asked
        .questions
        .iter()
        .filter_map(|q| asked.eras.get(q.era))
        .map(|t| number(in_force(book, book.at(*t)).len()))
        .collect();
    let scenes = number(mix.scenes.len());
    vec![
        figure("decisions_timed", "decisions timed", number(decisions)),
        figure("scenes", "scenes in the mix", scenes),
        figure(
            "questions_per_scene",
            "questions to other engines for a scene, mean",
            number(asked.count()) / scenes,
        ),
        figure(
            "questions_compared",
            "questions on which every engine named the same rules",
            number(compared),
        ),
        figure("rules", "rules in the pack", number(book.rules.len())),
        figure(
            "rules_in_force",
            "  in force at a scene's time, mean",
            in_force.iter().sum::<f64>() / scenes,
        ),
        figure("tests", "tests, of which all run", number(book.tests.len())),
        figure(
            "law_versions",
            "law versions the scenes touch",
            number(asked.eras.len()),
        ),
    ]
}

fn notes() -> Vec<String> {
    [
        "A decision here is the whole of it: a copy of the request, citations, terms, grounds for each category, all tests, verdict, obligations.",
        "Ratios are of calls a second of processor time, so that other work on the machine falls out; growth is of wall time, both books by turns.",
        "The other engines only say which rules fire. Their requests, contexts and inputs are made beforehand, outside the timing, with every fact worked out by our gate.",
        "A scene is one question about all tests and one about all grounds for each data category, to Cedar and to regorus alike.",
        "Rego is written one rule for one rule, scopes first. An author who groups rules by operation and category by hand gets several times more out of regorus.",
        "Casbin sees scopes only (who, operation, category): no conditions, no dates. It looks at every row, as every test is looked at.",
        "No engine was timed before all named the same rules on every question (casbin: the same scopes).",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// How long a whole run took, for the last line on standard error.
pub fn finished(since: Instant) {
    say(&format!("done in {:.1} s", since.elapsed().as_secs_f64()));
}
