//! The answer to an evaluation, in JSON.

use crate::app::{App, Law};
use crate::evaluate::answered;
use crate::problem::Problem;
use kepil_gate::decision::{Obligation, Outcome, TestResult};
use kepil_gate::reason::{GroundText, Reason};
use kepil_gate::record::hex;
use kepil_gate::{Decision, Scene};
use kepil_law::catalogue::TestDef;
use kepil_ledger::receipt::Receipt;
use kepil_terms::{Lang, Verdict};
use serde::{Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;

/// The context of an answer, written straight into JSON.
#[derive(Serialize)]
struct Context<'a> {
    verdict: Verdict,
    substance: Verdict,
    strict: Verdict,
    summary: &'static str,
    at: String,
    reasons: Vec<Reason<'a>>,
    tests: Tests<'a>,
    grounds: Vec<GroundText<'a>>,
    not_yet_in_force: Vec<&'a str>,
    defaults: Vec<&'a str>,
    missing: &'a [String],
    obligations: Vec<Duty<'a>>,
    law: String,
    pack: &'a str,
    entry: Entry<'a>,
}

#[derive(Serialize)]
struct Answer<'a> {
    decision: bool,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Duty<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: &'a Obligation,
}

#[derive(Serialize)]
struct Entry<'a> {
    index: u64,
    receipt: &'a RawValue,
}

/// Every test that had something to look at, with its outcome.
struct Tests<'a>(&'a [TestDef], &'a [TestResult]);

impl Serialize for Tests<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let looked = |r: &TestResult| {
            !matches!(
                r.outcome,
                Outcome::NotApplicable | Outcome::LawNotYetInForce
            )
        };
        to.collect_map(
            self.0
                .iter()
                .zip(self.1)
                .filter(|(_, r)| looked(r))
                .map(|(t, r)| (&t.id, r.outcome.as_str())),
        )
    }
}

/// The answer to an item of a batch that cannot be understood.
#[must_use]
pub fn failed(message: &str) -> String {
    json!({"decision": false, "context": {"error": {"status": 400, "message": message}}})
        .to_string()
}

/// The answer to one evaluation, as JSON.
///
/// # Errors
/// When it cannot be written, which is a fault of ours.
pub fn answer(
    app: &App,
    law: &Law,
    scene: &Scene,
    d: &Decision,
    lang: Lang,
    index: u64,
    receipt: &Receipt,
) -> Result<String, Problem> {
    let broken = |_| Problem::internal("an answer could not be written");
    let verdict = answered(app, d);
    let gate = &law.gate;
    let why = gate.explain(d, lang, false);
    let receipt = RawValue::from_string(receipt.to_json()).map_err(broken)?;
    let answer = Answer {
        decision: verdict == Verdict::Ok,
        context: Context {
            verdict,
            substance: d.verdict,
            strict: d.strict,
            summary: kepil_gate::reason::summary(verdict, lang),
            at: scene.at.to_rfc3339(),
            reasons: why.reasons,
            tests: Tests(&gate.book().tests, &d.tests),
            grounds: why.grounds,
            not_yet_in_force: why.not_yet_in_force,
            defaults: why.defaults,
            missing: &d.missing,
            obligations: (1..)
                .zip(&d.obligations)
                .map(|(n, o)| Duty {
                    id: format!("o{n}"),
                    kind: "custom",
                    properties: o,
                })
                .collect(),
            law: hex(&d.law),
            pack: gate.pack(),
            entry: Entry {
                index,
                receipt: &receipt,
            },
        },
    };
    serde_json::to_string(&answer).map_err(broken)
}
