//! `kepil law test`: the worked cases and their twins.

use super::PackArg;
use crate::exit::{Failure, environment, input};
use comfy_table::{Table, presets};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::{self, CaseResult};
use kepil_law::case::CaseBlock;
use std::path::{Path, PathBuf};

/// What to show.
#[derive(Debug)]
pub struct Show {
    pub only: Option<String>,
    pub all: bool,
    pub tests: bool,
    pub json: bool,
}

pub fn run(pack: &PackArg, files: &[PathBuf], show: &Show) -> Result<(), Failure> {
    let gate = pack.gate()?;
    let baselines = Baselines::load(&gate).map_err(input)?;
    let from_files;
    let blocks: &[CaseBlock] = if files.is_empty() {
        &gate.book().cases
    } else {
        from_files = read(files)?;
        &from_files
    };
    let results: Vec<CaseResult> = blocks
        .iter()
        .filter(|b| {
            show.only
                .as_ref()
                .is_none_or(|o| b.id.starts_with(o.as_str()))
        })
        .flat_map(|b| case::run(&gate, &baselines, b))
        .collect();
    if results.is_empty() {
        // A run of nothing must not look like a run that passed.
        return Err(input(
            "there is no case to run; a case is a block ```case … ```",
        ));
    }
    let (passed, failed) = results.iter().fold((0, 0), |(p, f), r| {
        if r.differences.is_empty() {
            (p + 1, f)
        } else {
            (p, f + 1)
        }
    });
    if show.json {
        let list: Vec<_> = results.iter().map(|r| json(&gate, r)).collect();
        crate::out!(
            "{}",
            serde_json::json!({"results": list, "passed": passed, "failed": failed})
        );
    } else {
        for r in results
            .iter()
            .filter(|r| show.all || !r.differences.is_empty())
        {
            people(&gate, r, show.tests);
        }
        coverage(&gate, &results);
        disagreements(&gate);
        crate::out!("{passed} passed, {failed} failed");
    }
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::Finding)
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<CaseBlock>, Failure> {
    let mut out = Vec::new();
    for f in files {
        let text = std::fs::read_to_string(f)
            .map_err(|e| environment(format!("reading {}: {e}", f.display())))?;
        out.extend(kepil_law::case::blocks(&name(f), &text).map_err(input)?);
    }
    Ok(out)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn people(gate: &Gate, r: &CaseResult, tests: bool) {
    let mark = if r.differences.is_empty() {
        "ok  "
    } else {
        "FAIL"
    };
    let twin = if r.twin { "'" } else { "" };
    let verdict = r.decision.as_ref().map_or_else(
        || {
            r.no_twin
                .as_ref()
                .map_or_else(String::new, |w| format!("no lawful twin: {w}"))
        },
        |d| format!("{} (strict {})", d.verdict, d.strict),
    );
    crate::out!("{mark} {}{twin} {}: {verdict}", r.id, r.title);
    for d in &r.differences {
        crate::out!("       {}:{}: {d}", r.place.0, r.place.1);
    }
    if tests && let Some(d) = &r.decision {
        let line: Vec<String> = gate
            .book()
            .tests
            .iter()
            .zip(&d.tests)
            .filter(|(_, o)| o.outcome != kepil_gate::Outcome::NotApplicable)
            .map(|(t, o)| format!("{}={}", t.id, o.outcome.as_str()))
            .collect();
        crate::out!("       {}", line.join(" "));
    }
}

fn coverage(gate: &Gate, results: &[CaseResult]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "test",
        "name",
        "passes in",
        "human in",
        "denies in",
        "not yet in force in",
    ]);
    for (i, t) in gate.book().tests.iter().enumerate() {
        let count = |want: &[kepil_gate::Outcome]| {
            results
                .iter()
                .filter_map(|r| r.decision.as_ref())
                .filter(|d| d.tests.get(i).is_some_and(|o| want.contains(&o.outcome)))
                .count()
                .to_string()
        };
        use kepil_gate::Outcome as O;
        table.add_row([
            t.id.clone(),
            t.name.en.clone(),
            count(&[O::Pass, O::PassByReading]),
            count(&[O::Human, O::Disputed]),
            count(&[O::Deny, O::Error]),
            count(&[O::LawNotYetInForce]),
        ]);
    }
    crate::out!("{table}");
}

fn json(gate: &Gate, r: &CaseResult) -> serde_json::Value {
    let tests: serde_json::Map<String, serde_json::Value> = r
        .decision
        .iter()
        .flat_map(|d| gate.book().tests.iter().zip(&d.tests))
        .map(|(t, o)| (t.id.clone(), o.outcome.as_str().into()))
        .collect();
    serde_json::json!({
        "id": r.id, "twin": r.twin, "title": r.title, "file": r.place.0, "line": r.place.1,
        "verdict": r.decision.as_ref().map(|d| d.verdict), "strict": r.decision.as_ref().map(|d| d.strict),
        "no_lawful_twin": r.no_twin, "differences": r.differences, "tests": tests,
    })
}

#[derive(Debug, serde::Deserialize)]
struct Disagreements {
    disagreements: Vec<Remark>,
    readings: Vec<Remark>,
}

#[derive(Debug, serde::Deserialize)]
struct Remark {
    case: String,
    note: String,
}

/// Cases we believe wrong in law, and how we read those whose wording leaves room.
fn disagreements(gate: &Gate) {
    let text = gate
        .book()
        .extras
        .get("disagreements.yaml")
        .map_or("", String::as_str);
    let Ok(d) = serde_saphyr::from_str::<Disagreements>(text) else {
        return;
    };
    if d.disagreements.is_empty() {
        crate::out!("Cases we believe wrong in law: none.");
    }
    for r in &d.disagreements {
        crate::out!("We believe {} wrong: {}", r.case, r.note);
    }
    crate::out!("Readings an advocate should look at first:");
    for r in &d.readings {
        crate::out!("  {:<7} {}", r.case, r.note);
    }
}
