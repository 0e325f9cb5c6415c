//! The stage: invented systems, officials and people, made from worked cases of the pack.

use super::caller::Keys;
use crate::exit::{Failure, environment, input};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::{Case, Situation};
use kepil_gate::patch::documents;
use kepil_law::pack::{Options, load};
use kepil_server::register::RegisterFile;
use kepil_server::staging::enter;
use kepil_terms::{Instant, Verdict};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// The scenes of the story, in order: a case of the pack, whether its twin is meant, and the words
/// that lead into it.
const STORY: &[(&str, bool, &str)] = &[
    (
        "S01",
        false,
        "Spring 2020, Almaty. A sanitary decree orders the police to follow quarantined people by their phones.",
    ),
    ("S02", false, "The same, for every phone of a district."),
    (
        "S06",
        false,
        "Quarantine locations are wanted for a protest case.",
    ),
    (
        "S11a",
        false,
        "The health ministry plans with weekly, depersonalised mobility figures.",
    ),
    (
        "S11b",
        false,
        "The ministry asks for rows about persons instead.",
    ),
    (
        "S01",
        true,
        "The same aim, lawfully: had a law named the measure, with its limits, reviews and remedy.",
    ),
    (
        "S14b",
        false,
        "A fine by machine, April 2020: denied for want of a law; the ban on automated decisions came later and is not credited.",
    ),
    (
        "S03",
        false,
        "11 May 2020 has passed: the emergency is over, and everything that rested on it stops by itself.",
    ),
    (
        "S07",
        false,
        "Summer 2020: a written \"consent\" with measures for whoever refuses.",
    ),
    (
        "C02",
        false,
        "11 July 2026: sources disagree whether the Digital Code is in force already. Both results are shown; a person decides.",
    ),
    (
        "C03",
        false,
        "12 July 2026: the Digital Code is in force. The police ask as they always did, without an event for the citizen.",
    ),
    (
        "C04",
        false,
        "The same request, with an event in the citizen's own space.",
    ),
    (
        "C76",
        false,
        "Autumn 2026: home quarantine by phone location again, under the Health Code alone.",
    ),
    (
        "S12",
        false,
        "The lawful counterpart: an assumed law, a list of persons, fourteen days, weekly reviews, a yes or a no.",
    ),
    (
        "S12-Q2",
        false,
        "Under the same measure: the track of the last day instead of a yes or no.",
    ),
    ("S12-Q8", false, "Under the same measure: the police ask."),
    ("S13", false, "An officer looks up a neighbour at night."),
    (
        "C79",
        false,
        "A benefit is refused by machine, with nobody to review it.",
    ),
    (
        "C79",
        true,
        "The same, with a specialist who can review it.",
    ),
    (
        "C35",
        false,
        "A bank checks a face within its own lane: the law orders it, one to one, a yes or a no.",
    ),
    (
        "S15",
        false,
        "A bank keeps the face and wants it for marketing.",
    ),
    (
        "C98",
        false,
        "An emergency team opens the record of an unconscious patient.",
    ),
    ("C50", false, "A citizen reads who used her data."),
    (
        "C83",
        false,
        "A system that helps to decide drifts against a protected group.",
    ),
];

/// One request to be played.
#[derive(Debug)]
pub struct Scene {
    /// The case, with a stroke for the twin.
    pub id: String,
    /// Words that lead into it.
    pub words: &'static str,
    /// The story's time, milliseconds.
    pub at_ms: u64,
    /// The asking system.
    pub system: String,
    /// The AuthZEN request.
    pub request: Value,
    /// What must come out.
    pub expected: Vec<Verdict>,
    /// The tests that decide.
    pub decisive: Vec<String>,
    /// Actor, operation, data and purpose, by their ids.
    pub asked: (String, String, Vec<String>, String),
}

/// Everything the player needs.
#[derive(Debug)]
pub struct Stage {
    /// The scenes.
    pub scenes: Vec<Scene>,
    /// The systems' keys.
    pub keys: Vec<(String, Keys)>,
    /// The gate, for names and sentences.
    pub gate: Gate,
    /// Where the last receipt goes.
    pub receipt: std::path::PathBuf,
}

impl Stage {
    /// The persons the scenes are about, each once.
    pub fn persons(&self) -> Vec<String> {
        let person = |s: &Scene| {
            let resource = s.request.get("resource")?;
            let is_person = resource.get("type")?.as_str()? == "person";
            is_person.then_some(resource.get("id")?.as_str()?.to_owned())
        };
        let mut persons: Vec<String> = self.scenes.iter().filter_map(person).collect();
        persons.sort();
        persons.dedup();
        persons
    }
}

/// Lets the agreement of a system cover what the system asks for, where the worked case leaves it
/// open: an agreement over everything would be none.
pub fn narrow(file: &mut RegisterFile, gate: &Gate, system: &str, situation: &Situation) {
    let vocab = &gate.book().vocab;
    let id = format!("agreement-{system}");
    let records = file.records.iter_mut().filter(|record| record.id == id);
    for record in records {
        let Some(agreement) = record.facts.get_mut("agreement") else {
            continue;
        };
        for (member, of, own) in [
            ("data", "Category", situation.data.clone()),
            ("recipients", "Actor", vec![situation.actor.clone()]),
        ] {
            let all = vocab.names(of).count();
            let covered = agreement.get_mut(member);
            if let Some(covered) = covered.filter(|c| c.as_array().is_some_and(|c| c.len() == all))
            {
                *covered = json!(own);
            }
        }
    }
}

/// Builds the stage and writes the registers.
pub fn build(dir: &Path) -> Result<Stage, Failure> {
    let book = load(
        &kepil_packs::kz(),
        Options {
            assumed: true,
            draft: false,
        },
    )
    .map_err(input)?;
    let gate = Gate::new(Arc::new(book)).map_err(input)?;
    let baselines = Baselines::load(&gate).map_err(input)?;
    let (mut file, mut scenes, mut keys) = (RegisterFile::default(), Vec::new(), Vec::new());
    for (n, (id, twin, words)) in STORY.iter().enumerate() {
        let block = gate
            .book()
            .cases
            .iter()
            .find(|c| c.id == *id)
            .ok_or_else(|| input(format!("the case {id} is not in the pack")))?;
        let case = Case::parse(&block.text).map_err(input)?;
        let (situation, over, expected) = match (&case.twin, twin) {
            (Some(t), true) => (
                case.twin_situation()
                    .ok_or_else(|| input(format!("{id} has no twin")))?,
                Some(&t.facts),
                t.verdict.into_iter().collect(),
            ),
            _ => (
                case.situation.clone(),
                None,
                std::iter::once(case.verdict)
                    .chain(case.also_accepted.iter().copied())
                    .collect(),
            ),
        };
        let put = situation
            .scene(&gate, &baselines, over)
            .map_err(|e| input(format!("{id}: {e}")))?;
        let docs = documents(gate.book(), &put.facts);
        let system = format!("{}-{}", situation.actor.replace('_', "-"), n + 1);
        let one = Keys::new()?;
        let person = format!("person-{:02}", n + 1);
        let request = enter(&mut file, &docs, &situation, &system, &person, one.jwk());
        narrow(&mut file, &gate, &system, &situation);
        keys.push((system.clone(), one));
        scenes.push(Scene {
            id: format!("{id}{}", if *twin { "'" } else { "" }),
            words,
            at_ms: u64::try_from(Instant::parse(&situation.at).map_err(input)?.ms()).unwrap_or(0),
            system,
            request,
            expected,
            decisive: case.decisive.clone(),
            asked: (
                situation.actor,
                situation.operation,
                situation.data,
                situation.purpose,
            ),
        });
    }
    super::offices::enter_all(&mut file, &gate)?;
    let text = serde_json::to_vec_pretty(&file).map_err(input)?;
    std::fs::write(dir.join("register.json"), text)
        .map_err(|e| environment(format!("writing the registers: {e}")))?;
    // Time goes forward only: a log whose heads went back in time would be a finding.
    scenes.sort_by_key(|scene: &Scene| scene.at_ms);
    Ok(Stage {
        scenes,
        keys,
        gate,
        receipt: dir.join("receipt.json"),
    })
}
