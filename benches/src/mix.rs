//! The request mix: every situation of every worked case and of every twin.

use crate::fault::{Fault, during, fault};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_gate::gate::Scene;
use kepil_law::book::bits;
use kepil_law::eval::Scope;
use kepil_law::pack::{File, Options, load};
use kepil_law::vocab::{TermIx, bit};
use kepil_law::{Era, Facts, StatuteBook};
use kepil_terms::Instant;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A gate over a pack, with the scenes of the pack's own cases.
#[derive(Debug)]
pub struct Mix {
    /// The gate.
    pub gate: Gate,
    /// Names (case ids; a twin has a stroke) and scenes.
    pub scenes: Vec<(String, Scene)>,
    /// How long reading, checking and compiling the pack took.
    pub load: Duration,
}

impl Mix {
    /// Loads a pack and makes its scenes.
    ///
    /// # Errors
    /// When the pack or a case cannot be read.
    pub fn load(files: &[File], draft: bool) -> Result<Self, Fault> {
        let start = std::time::Instant::now();
        let book = load(
            files,
            Options {
                assumed: true,
                draft,
            },
        )
        .map_err(during("loading the pack"))?;
        let gate = Gate::new(Arc::new(book)).map_err(fault)?;
        let load = start.elapsed();
        let baselines = Baselines::load(&gate).map_err(fault)?;
        let mut scenes = Vec::new();
        for block in &gate.book().cases {
            let case = Case::parse(&block.text).map_err(during(&block.id))?;
            let scene = case
                .situation
                .scene(&gate, &baselines, None)
                .map_err(during(&block.id))?;
            scenes.push((case.id.clone(), scene));
            if let (Some(s), Some(t)) = (case.twin_situation(), &case.twin) {
                let scene = s
                    .scene(&gate, &baselines, Some(&t.facts))
                    .map_err(during(&block.id))?;
                scenes.push((format!("{}'", case.id), scene));
            }
        }
        if scenes.is_empty() {
            return Err(fault("the pack holds no cases to make requests from"));
        }
        Ok(Self { gate, scenes, load })
    }

    /// The statute book.
    #[must_use]
    pub fn book(&self) -> &StatuteBook {
        self.gate.book()
    }
}

/// What the other engines are asked about one scene.
#[derive(Debug)]
pub struct Question {
    /// The scene's name.
    pub name: String,
    /// The law version, as a number in [`Asked::eras`].
    pub era: usize,
    /// The facts, with everything the gate works out.
    pub facts: Facts,
    /// The request as a whole (`None`: all tests), then each data category (all grounds).
    pub about: Vec<Option<TermIx>>,
}

/// The mix, made ready for engines that know rules but no register, term or citation: all facts
/// are worked out already.
#[derive(Debug)]
pub struct Asked {
    /// One for each scene.
    pub questions: Vec<Question>,
    /// A time in each law version that the scenes touch.
    pub eras: Vec<Instant>,
}

impl Asked {
    /// Decides every scene once and keeps the facts.
    ///
    /// # Errors
    /// When the vocabulary lacks the category `none`.
    pub fn of(mix: &Mix) -> Result<Self, Fault> {
        let book = mix.book();
        let none = book
            .vocab
            .find("Category", "none")
            .ok_or_else(|| fault("no category `none`"))?;
        let mut eras: Vec<Instant> = Vec::new();
        let mut questions = Vec::new();
        for (name, scene) in &mix.scenes {
            let era = book.at(scene.at);
            let number = eras
                .iter()
                .position(|t| book.at(*t).from == era.from)
                .unwrap_or_else(|| {
                    eras.push(scene.at);
                    eras.len() - 1
                });
            let (_, facts) = mix.gate.decide_seeing(scene.clone(), era);
            let asked = match facts.set_of(mix.gate.slots().data) {
                0 => bit(none),
                mask => mask,
            };
            let about = std::iter::once(None).chain(bits(asked).map(Some)).collect();
            questions.push(Question {
                name: name.clone(),
                era: number,
                facts,
                about,
            });
        }
        Ok(Self { questions, eras })
    }

    /// How many single questions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.questions.iter().map(|q| q.about.len()).sum()
    }
}

/// The ids of the rules that fire, by our own evaluator.
///
/// # Errors
/// When a rule cannot be evaluated: on whole facts every rule can.
pub fn fired(
    book: &StatuteBook,
    era: &Era,
    facts: &Facts,
    category: Option<TermIx>,
) -> Result<BTreeSet<String>, Fault> {
    let list = category.map_or_else(|| era.tests(facts.action), |c| era.grounds(facts.action, c));
    let scope = Scope {
        facts,
        resource: category,
        area_up: book.area_up(),
    };
    let mut out = BTreeSet::new();
    for rule in list.iter().filter_map(|e| book.rules.get(e.rule as usize)) {
        if rule.actors & bit(facts.principal) == 0 {
            continue;
        }
        let fires = scope
            .holds(&rule.applies)
            .and_then(|a| Ok(a && !scope.holds(&rule.holds)?));
        if fires.map_err(|_| fault(format!("the rule `{}` cannot be evaluated", rule.id)))? {
            out.insert(rule.id.clone());
        }
    }
    Ok(out)
}

/// The numbers of all rules in force, or disputed, in a law version.
#[must_use]
pub fn in_force(book: &StatuteBook, era: &Era) -> BTreeSet<u32> {
    let terms = |ty: &str| book.vocab.type_named(ty).map_or(0, |t| book.vocab.all(t));
    let mut out = BTreeSet::new();
    for action in bits(terms("Action")) {
        out.extend(era.tests(action).iter().map(|e| e.rule));
        for category in bits(terms("Category")) {
            out.extend(era.grounds(action, category).iter().map(|e| e.rule));
        }
    }
    out
}
