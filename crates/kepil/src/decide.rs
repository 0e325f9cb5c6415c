//! `kepil decide FILE`.

use crate::exit::{Failure, environment, input};
use crate::law::PackArg;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::{Case, Situation};
use kepil_gate::{Gate, Outcome};
use kepil_terms::{Lang, Verdict};
use std::path::PathBuf;

/// What to decide.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pack: PackArg,
    /// A situation (YAML: at, actor, operation, data, purpose, cites, base, facts), or Markdown with case blocks.
    file: PathBuf,
    /// Language of the reasons: kk, ru or en.
    #[arg(long, default_value = "en", value_parser = lang)]
    lang: Lang,
    /// Show the tests that passed too.
    #[arg(long)]
    all: bool,
}

/// Reads a language code.
pub fn lang(code: &str) -> Result<Lang, String> {
    Lang::from_code(code).ok_or_else(|| "use kk, ru or en".to_owned())
}

pub fn run(args: &Args, json: bool) -> Result<(), Failure> {
    let gate = args.pack.gate()?;
    let baselines = Baselines::load(&gate).map_err(input)?;
    let name = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|e| environment(format!("reading {name}: {e}")))?;
    let situations = read(&name, &text)?;
    let mut worst = Verdict::Ok;
    for (id, s) in &situations {
        let scene = s
            .scene(&gate, &baselines, None)
            .map_err(|e| input(format!("{name}: {id}: {e}")))?;
        let d = gate.decide(scene);
        worst = worst.max(d.verdict);
        if json {
            let why = gate.explain(&d, args.lang, args.all);
            crate::out!(
                "{}",
                serde_json::json!({
                    "id": id, "verdict": d.verdict, "strict": d.strict, "at": d.at.to_rfc3339(), "law": kepil_gate::record::hex(&d.law),
                    "explanation": why, "obligations": d.obligations, "missing": d.missing,
                })
            );
        } else {
            people(&gate, id, &d, args);
        }
    }
    if worst == Verdict::Ok {
        Ok(())
    } else {
        Err(Failure::Finding)
    }
}

fn read(name: &str, text: &str) -> Result<Vec<(String, Situation)>, Failure> {
    if name.ends_with(".md") {
        let blocks = kepil_law::case::blocks(name, text).map_err(input)?;
        if blocks.is_empty() {
            // Nothing decided must not look like everything allowed.
            return Err(input(format!(
                "{name}: it holds no case blocks (```case … ```)"
            )));
        }
        return blocks
            .iter()
            .map(|b| {
                Case::parse(&b.text)
                    .map(|c| (c.id, c.situation))
                    .map_err(|e| input(format!("{name}:{}: {e}", b.line)))
            })
            .collect();
    }
    let situation: Situation =
        serde_saphyr::from_str(text).map_err(|e| input(format!("{name}: {e}")))?;
    Ok(vec![("the request".into(), situation)])
}

fn people(gate: &Gate, id: &str, d: &kepil_gate::Decision, args: &Args) {
    let why = gate.explain(d, args.lang, args.all);
    crate::out!("{id}: {} (strict {}). {}", d.verdict, d.strict, why.summary);
    for g in &why.grounds {
        crate::out!("  ground  {} ({}): {}", g.source, g.category, g.text);
    }
    for r in &why.reasons {
        let mark = if r.outcome == Outcome::Pass.as_str() {
            "passes"
        } else {
            r.outcome
        };
        crate::out!(
            "  {mark:<7} {} {}: {} [{}]",
            r.test,
            r.name,
            r.text,
            r.source
        );
    }
    for o in &d.obligations {
        crate::out!("  must    {}", serde_json::to_string(o).unwrap_or_default());
    }
    if !why.not_yet_in_force.is_empty() {
        crate::out!(
            "  not in force yet, so not credited: {}",
            why.not_yet_in_force.join(" ")
        );
    }
}
