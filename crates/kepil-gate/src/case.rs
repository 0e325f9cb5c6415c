//! Worked cases: read, put before the gate, compared with what the law says must come out.

use crate::baseline::{BaselineError, Baselines};
use crate::cite::Citation;
use crate::decision::{Decision, Outcome};
use crate::gate::{Gate, Scene};
use crate::patch::PatchError;
use kepil_law::Value;
use kepil_law::case::CaseBlock;
use kepil_terms::{Instant, InstantError, Verdict};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A case as written; see docs/cases.md.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// S01, C01, …
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The wording it was carried over from, verbatim.
    #[serde(default)]
    pub original: String,
    /// The law profile of the original (for readers).
    #[serde(default)]
    pub law: String,
    /// The situation.
    #[serde(flatten)]
    pub situation: Situation,
    /// The verdict in substance.
    pub verdict: Verdict,
    /// The verdict with the confidence floor on; the same if absent.
    #[serde(default)]
    pub strict: Option<Verdict>,
    /// Other verdicts that pass.
    #[serde(default)]
    pub also_accepted: Vec<Verdict>,
    /// Tests that decide.
    #[serde(default)]
    pub decisive: Vec<String>,
    /// Further failing tests that the original names.
    #[serde(default)]
    pub also: Vec<String>,
    /// Further failing tests that the original does not name; with the two lists above they are
    /// all tests that fail.
    #[serde(default)]
    pub further: Vec<String>,
    /// Tests not in force yet.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Empty by-laws for which a visible default stood in.
    #[serde(default)]
    pub slot_default: Vec<String>,
    /// The last day of the clock, where the case names one.
    #[serde(default)]
    pub due: Option<String>,
    /// An obligation that must come with the answer.
    #[serde(default)]
    pub obligation: Option<String>,
    /// Articles.
    #[serde(default)]
    pub article: Vec<String>,
    /// Further provisions whose rules the case exercises.
    #[serde(default)]
    pub exercises: Vec<String>,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// What the platform does then.
    #[serde(default)]
    pub outcome: String,
    /// The smallest lawful change that flips it.
    #[serde(default)]
    pub twin: Option<Twin>,
}

/// Who asks what, when, on what basis, and what is known.
#[derive(Debug, Clone, Deserialize)]
pub struct Situation {
    /// The event's time.
    pub at: String,
    /// Who asks.
    pub actor: String,
    /// By which operation.
    pub operation: String,
    /// Data categories.
    #[serde(default)]
    pub data: Vec<String>,
    /// What for.
    pub purpose: String,
    /// What is cited.
    #[serde(default)]
    pub cites: Vec<String>,
    /// Baselines laid over `ordinary`.
    #[serde(default)]
    pub base: Vec<String>,
    /// The clock that runs.
    #[serde(default)]
    pub clock: Option<String>,
    /// Facts laid over the baselines.
    #[serde(default)]
    pub facts: Json,
}

/// A twin: what changes, and what comes out then; or why there is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// Why no lawful twin exists.
    #[serde(default)]
    pub none: Option<String>,
    /// The change in words.
    #[serde(default)]
    pub says: String,
    /// Another time.
    #[serde(default)]
    pub at: Option<String>,
    /// Another actor.
    #[serde(default)]
    pub actor: Option<String>,
    /// Another operation.
    #[serde(default)]
    pub operation: Option<String>,
    /// Other data.
    #[serde(default)]
    pub data: Option<Vec<String>>,
    /// Another purpose.
    #[serde(default)]
    pub purpose: Option<String>,
    /// Another basis.
    #[serde(default)]
    pub cites: Option<Vec<String>>,
    /// Further baselines.
    #[serde(default)]
    pub base: Vec<String>,
    /// Another clock.
    #[serde(default)]
    pub clock: Option<String>,
    /// Other facts.
    #[serde(default)]
    pub facts: Json,
    /// The verdict.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// The strict verdict, if it matters.
    #[serde(default)]
    pub strict: Option<Verdict>,
    /// The tests that decide it (those of the case itself, if absent).
    #[serde(default)]
    pub decisive: Vec<String>,
}

/// A case that could not be read or put before the gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// Not readable.
    #[error("the case cannot be read: {0}")]
    Read(String),
    /// A baseline is wrong.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// A fact is wrong.
    #[error(transparent)]
    Fact(#[from] PatchError),
    /// A time is wrong.
    #[error(transparent)]
    Time(#[from] InstantError),
    /// A term is wrong.
    #[error("`{term}` is not {kind} of the vocabulary")]
    Term {
        /// The term.
        term: String,
        /// What it should be.
        kind: &'static str,
    },
}

const KEYS: [&str; 28] = [
    "id",
    "title",
    "original",
    "law",
    "at",
    "actor",
    "operation",
    "data",
    "purpose",
    "cites",
    "base",
    "clock",
    "facts",
    "verdict",
    "strict",
    "also_accepted",
    "decisive",
    "also",
    "further",
    "flags",
    "slot_default",
    "due",
    "obligation",
    "article",
    "exercises",
    "why",
    "outcome",
    "twin",
];

impl Case {
    /// Reads a case block.
    ///
    /// # Errors
    /// When it does not fit the schema.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let read = |e: &dyn std::fmt::Display| CaseError::Read(e.to_string());
        let map: BTreeMap<String, Json> = serde_saphyr::from_str(text).map_err(|e| read(&e))?;
        if let Some(key) = map.keys().find(|k| !KEYS.contains(&k.as_str())) {
            return Err(CaseError::Read(format!(
                "the key `{key}` means nothing; use one of {}",
                KEYS.join(", ")
            )));
        }
        serde_json::from_value(Json::Object(map.into_iter().collect())).map_err(|e| read(&e))
    }

    /// The situation of the twin.
    #[must_use]
    pub fn twin_situation(&self) -> Option<Situation> {
        let t = self.twin.as_ref().filter(|t| t.none.is_none())?;
        let mut s = self.situation.clone();
        let fields = [
            (&mut s.at, &t.at),
            (&mut s.actor, &t.actor),
            (&mut s.operation, &t.operation),
            (&mut s.purpose, &t.purpose),
        ];
        for (into, from) in fields {
            if let Some(v) = from {
                into.clone_from(v);
            }
        }
        if let Some(d) = &t.data {
            s.data.clone_from(d);
        }
        if let Some(c) = &t.cites {
            s.cites.clone_from(c);
        }
        if t.clock.is_some() {
            s.clock.clone_from(&t.clock);
        }
        s.base.extend(t.base.iter().cloned());
        Some(s)
    }
}

impl Situation {
    /// Puts the situation before the gate.
    ///
    /// # Errors
    /// When a term or a fact does not exist.
    pub fn scene(
        &self,
        gate: &Gate,
        baselines: &Baselines,
        over: Option<&Json>,
    ) -> Result<Scene, CaseError> {
        let book = gate.book();
        let term = |ty: &str, id: &str, kind: &'static str| {
            book.vocab.find(ty, id).ok_or_else(|| CaseError::Term {
                term: id.to_owned(),
                kind,
            })
        };
        let mut facts = baselines.row(gate, &self.base)?;
        let request = serde_json::json!({"request": {"data": self.data, "purpose": self.purpose}});
        gate.patcher().apply(&mut facts, &request)?;
        for layer in std::iter::once(&self.facts).chain(over) {
            if !layer.is_null() {
                baselines.lay(gate, &mut facts, layer)?;
            }
        }
        gate.patcher().complete(&facts)?;
        Ok(Scene {
            at: Instant::parse(&self.at)?,
            actor: term("Actor", &self.actor, "an actor")?,
            operation: term("Action", &self.operation, "an operation")?,
            citations: self
                .cites
                .iter()
                .map(|c| Citation::parse(c, book))
                .collect(),
            facts,
            clock: self.clock.clone(),
        })
    }
}

/// How a case, or its twin, came out.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether this is the twin.
    pub twin: bool,
    /// What was decided; absent when the case could not be put before the gate.
    pub decision: Option<Decision>,
    /// Differences from what was expected, in words; none = passed.
    pub differences: Vec<String>,
    /// Why there is no lawful twin, if there is none.
    pub no_twin: Option<String>,
    /// File and line.
    pub place: (String, usize),
}

/// Runs a case block: the case, then its twin.
#[must_use]
pub fn run(gate: &Gate, baselines: &Baselines, block: &CaseBlock) -> Vec<CaseResult> {
    let place = (block.file.clone(), block.line);
    let failed = |id: &str, twin: bool, e: String| CaseResult {
        id: id.to_owned(),
        title: String::new(),
        twin,
        decision: None,
        differences: vec![e],
        no_twin: None,
        place: place.clone(),
    };
    let case = match Case::parse(&block.text) {
        Ok(c) => c,
        Err(e) => return vec![failed(&block.id, false, e.to_string())],
    };
    let mut out = Vec::new();
    let before = match case.situation.scene(gate, baselines, None) {
        Err(e) => {
            out.push(failed(&case.id, false, e.to_string()));
            None
        }
        Ok(scene) => {
            let (decision, facts) = see(gate, scene);
            let differences = compare(gate, &case, &decision, &facts);
            let verdict = decision.verdict;
            out.push(CaseResult {
                id: case.id.clone(),
                title: case.title.clone(),
                twin: false,
                decision: Some(decision),
                differences,
                no_twin: None,
                place: place.clone(),
            });
            Some(verdict)
        }
    };
    let Some(twin) = &case.twin else {
        out.push(failed(
            &case.id,
            true,
            "the case has no twin, nor a reason why none exists".into(),
        ));
        return out;
    };
    match (case.twin_situation(), before) {
        (None, _) => out.push(CaseResult {
            id: case.id.clone(),
            title: twin.says.clone(),
            twin: true,
            decision: None,
            differences: Vec::new(),
            no_twin: twin.none.clone(),
            place,
        }),
        (Some(s), before) => match s.scene(gate, baselines, Some(&twin.facts)) {
            Err(e) => out.push(failed(&case.id, true, e.to_string())),
            Ok(scene) => {
                let (decision, _) = see(gate, scene);
                let differences = compare_twin(gate, &case, twin, &decision, before);
                out.push(CaseResult {
                    id: case.id.clone(),
                    title: twin.says.clone(),
                    twin: true,
                    decision: Some(decision),
                    differences,
                    no_twin: None,
                    place,
                });
            }
        },
    }
    out
}

fn see(gate: &Gate, scene: Scene) -> (Decision, kepil_law::Facts) {
    let era = gate.book().at(scene.at);
    gate.decide_seeing(scene, era)
}

fn outcomes(gate: &Gate, d: &Decision) -> BTreeMap<String, Outcome> {
    gate.book()
        .tests
        .iter()
        .zip(&d.tests)
        .map(|(t, r)| (t.id.clone(), r.outcome))
        .collect()
}

/// The differences between what must come out and what came out.
fn compare(gate: &Gate, case: &Case, d: &Decision, facts: &kepil_law::Facts) -> Vec<String> {
    let mut out = Vec::new();
    if d.verdict != case.verdict && !case.also_accepted.contains(&d.verdict) {
        out.push(format!("verdict {} instead of {}", d.verdict, case.verdict));
    }
    let strict = case.strict.unwrap_or(case.verdict);
    if d.strict != strict && !(case.strict.is_none() && case.also_accepted.contains(&d.strict)) {
        out.push(format!("strict verdict {} instead of {strict}", d.strict));
    }
    let came = outcomes(gate, d);
    decide_by(&case.decisive, case.verdict, &came, &mut out);
    let listed: Vec<&String> = case
        .decisive
        .iter()
        .chain(&case.also)
        .chain(&case.further)
        .collect();
    for t in case.also.iter().chain(&case.further) {
        if !came.get(t).is_some_and(|o| o.failed()) {
            out.push(format!("{t} should fail too but is {}", name(came.get(t))));
        }
    }
    for (t, o) in came.iter().filter(|(_, o)| o.failed()) {
        if !listed.contains(&t) {
            out.push(format!("{t} fails too ({}) and is not listed", o.as_str()));
        }
    }
    for t in &case.flags {
        if came.get(t) != Some(&Outcome::LawNotYetInForce) {
            out.push(format!(
                "{t} should be flagged as not yet in force but is {}",
                name(came.get(t))
            ));
        }
    }
    for s in &case.slot_default {
        let shown = d.defaults.iter().any(|p| {
            gate.book()
                .provisions
                .get(*p as usize)
                .is_some_and(|p| p.slots.contains(s))
        });
        if !shown {
            out.push(format!("the default for {s} should be shown"));
        }
    }
    if d.no_ground != 0 && case.verdict == Verdict::Ok {
        out.push("no ground was found".into());
    }
    for m in &d.missing {
        out.push(format!("missing: {m}"));
    }
    if let Some(kind) = &case.obligation {
        let has = serde_json::to_value(&d.obligations).ok().is_some_and(|v| {
            v.as_array().is_some_and(|a| {
                a.iter()
                    .any(|o| o.get("kind").and_then(Json::as_str) == Some(kind))
            })
        });
        if !has {
            out.push(format!("the obligation `{kind}` is missing"));
        }
    }
    if let Some(due) = &case.due {
        // The term is over at the start of the day after its last day.
        let last = match facts.get(gate.slots().clock_due) {
            Value::Int(ms) => Instant::from_ms(ms - 1).kz_day().to_string(),
            _ => "unknown".into(),
        };
        if &last != due {
            out.push(format!("the clock's last day is {last} instead of {due}"));
        }
    }
    out
}

fn name(o: Option<&Outcome>) -> &'static str {
    o.map_or("unknown", |o| o.as_str())
}

/// The decisive tests must have decided: failed for a denial, passed for an ok.
fn decide_by(
    decisive: &[String],
    verdict: Verdict,
    came: &BTreeMap<String, Outcome>,
    out: &mut Vec<String>,
) {
    let mut some_human = decisive.is_empty();
    for t in decisive {
        let o = came.get(t).copied();
        let right = match (verdict, o) {
            (Verdict::Deny, Some(o)) => o.verdict() == Verdict::Deny,
            (Verdict::Ok, Some(o)) => matches!(o, Outcome::Pass | Outcome::PassByReading),
            (Verdict::Human, Some(o)) => {
                some_human |= o.verdict() == Verdict::Human;
                matches!(o, Outcome::Pass | Outcome::PassByReading) || o.verdict() == Verdict::Human
            }
            (_, None) => false,
        };
        if !right {
            out.push(format!(
                "{t} should decide ({verdict}) but is {}",
                name(came.get(t))
            ));
        }
    }
    if verdict == Verdict::Human && !some_human {
        out.push("none of the decisive tests asks for a human".into());
    }
}

fn compare_twin(
    gate: &Gate,
    case: &Case,
    twin: &Twin,
    d: &Decision,
    before: Option<Verdict>,
) -> Vec<String> {
    let mut out = Vec::new();
    let Some(expected) = twin.verdict else {
        return vec!["the twin names no verdict".into()];
    };
    if d.verdict != expected {
        out.push(format!("verdict {} instead of {expected}", d.verdict));
    }
    if Some(d.verdict) == before {
        out.push(format!(
            "the twin does not flip the verdict ({})",
            d.verdict
        ));
    }
    if let Some(strict) = twin.strict
        && d.strict != strict
    {
        out.push(format!("strict verdict {} instead of {strict}", d.strict));
    }
    let came = outcomes(gate, d);
    if d.verdict != expected {
        for (t, o) in came.iter().filter(|(_, o)| o.failed()) {
            out.push(format!("{t} is {}", o.as_str()));
        }
    }
    if d.no_ground != 0 && expected == Verdict::Ok {
        out.push("no ground was found".into());
    }
    let decisive = if twin.decisive.is_empty() {
        &case.decisive
    } else {
        &twin.decisive
    };
    if expected == Verdict::Deny {
        // An ok flips by one of the tests that carried it.
        if !decisive
            .iter()
            .any(|t| came.get(t).is_some_and(|o| o.verdict() == Verdict::Deny))
        {
            out.push(format!("none of {} denies the twin", decisive.join(", ")));
        }
    } else {
        for t in decisive {
            if came.get(t).is_some_and(|o| o.verdict() == Verdict::Deny) {
                out.push(format!("{t} still denies the twin"));
            }
        }
    }
    out
}
