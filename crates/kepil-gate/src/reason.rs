//! Says a decision in plain sentences, in three languages.

use crate::decision::{Decision, Outcome};
use crate::gate::{Gate, rule};
use kepil_law::instrument::Confidence;
use kepil_law::rule::{Role, RuleIx};
use kepil_terms::{Lang, Verdict};
use serde::Serialize;

/// One reason: a test, how it came out, what that means, where it stands in the law.
#[derive(Debug, Clone, Serialize)]
pub struct Reason {
    /// The test, as in `T02`; empty for reasons that are not tests.
    pub test: String,
    /// Its name.
    pub name: String,
    /// Its outcome.
    pub outcome: &'static str,
    /// What it means, in a sentence.
    pub text: String,
    /// The provision it rests on.
    pub source: String,
    /// The title of the act.
    pub act: String,
    /// How sure the text is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
}

/// A ground, said for people.
#[derive(Debug, Clone, Serialize)]
pub struct GroundText {
    /// The data category.
    pub category: String,
    /// The provision.
    pub source: String,
    /// What it says.
    pub text: String,
    /// Whether an ok may rest on it alone with the confidence floor on.
    pub firm: bool,
}

/// A decision in words.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The verdict in a sentence.
    pub summary: String,
    /// Why, the decisive ones first.
    pub reasons: Vec<Reason>,
    /// The grounds found.
    pub grounds: Vec<GroundText>,
    /// Tests whose source is not in force yet at the event's time.
    pub not_yet_in_force: Vec<String>,
    /// Empty by-laws for which a visible default stands.
    pub defaults: Vec<String>,
}

struct Phrases {
    ok: &'static str,
    human: &'static str,
    deny: &'static str,
    no_ground: &'static str,
    missing: &'static str,
    reading: &'static str,
    disputed: &'static str,
    error: &'static str,
}

fn phrases(lang: Lang) -> Phrases {
    match lang {
        Lang::En => Phrases {
            ok: "Lawful as asked.",
            human: "The machine may not decide this: a person with the mandate does.",
            deny: "Not lawful as asked.",
            no_ground: "No legal ground was found for: ",
            missing: "A fact is missing: ",
            reading: "It passes only on our reading of the law.",
            disputed: "Sources disagree whether this text was already in force.",
            error: "The test could not be evaluated; what cannot be tested is not released.",
        },
        Lang::Ru => Phrases {
            ok: "Запрос законен в том виде, как подан.",
            human: "Машина не вправе решать это: решает уполномоченный человек.",
            deny: "Запрос в этом виде незаконен.",
            no_ground: "Не найдено правового основания для: ",
            missing: "Не хватает факта: ",
            reading: "Проходит только по нашему толкованию закона.",
            disputed: "Источники расходятся в том, действовала ли уже эта норма.",
            error: "Проверку не удалось провести; то, что нельзя проверить, не выдаётся.",
        },
        Lang::Kk => Phrases {
            ok: "Сұрау салу осы түрінде заңды.",
            human: "Мұны машина шеше алмайды: уәкілетті адам шешеді.",
            deny: "Сұрау салу осы түрінде заңсыз.",
            no_ground: "Құқықтық негіз табылмады: ",
            missing: "Мына факт жетіспейді: ",
            reading: "Тек біздің заңды түсіндіруіміз бойынша өтеді.",
            disputed: "Бұл норманың күшіне енген-енбегені туралы дереккөздер келіспейді.",
            error: "Тексеруді жүргізу мүмкін болмады; тексерілмейтін нәрсе берілмейді.",
        },
    }
}

/// The verdict in a sentence.
#[must_use]
pub fn summary(verdict: Verdict, lang: Lang) -> &'static str {
    let p = phrases(lang);
    match verdict {
        Verdict::Ok => p.ok,
        Verdict::Human => p.human,
        Verdict::Deny => p.deny,
    }
}

impl Gate {
    /// Says a decision in `lang`: failed tests first, then those that ask for a person. With
    /// `all`, also the tests that passed.
    #[must_use]
    pub fn explain(&self, d: &Decision, lang: Lang, all: bool) -> Explanation {
        let p = phrases(lang);
        let mut reasons = Vec::new();
        if d.no_ground != 0 {
            let names = self.category_names(d.no_ground, lang).join(", ");
            reasons.push(plain("deny", format!("{}{names}", p.no_ground)));
        }
        for m in &d.missing {
            reasons.push(plain("deny", format!("{}{m}", p.missing)));
        }
        let mut tests: Vec<(usize, Outcome)> =
            d.tests.iter().map(|t| t.outcome).enumerate().collect();
        tests.retain(|(_, o)| {
            o.failed() || *o == Outcome::PassByReading || (all && *o == Outcome::Pass)
        });
        tests.sort_by_key(|(i, o)| (std::cmp::Reverse(o.verdict()), *o == Outcome::Pass, *i));
        for (i, outcome) in tests {
            let Some((test, result)) = self.book.tests.get(i).zip(d.tests.get(i)) else {
                continue;
            };
            let said = result.rule.and_then(|r| self.said(r, lang));
            let text = match outcome {
                Outcome::Pass => String::new(),
                Outcome::PassByReading => said.unwrap_or_else(|| p.reading.to_owned()),
                Outcome::Error => p.error.to_owned(),
                Outcome::Disputed => format!(
                    "{} {}",
                    said.unwrap_or_else(|| test.fails.get(lang).to_owned()),
                    p.disputed
                ),
                _ => said.unwrap_or_else(|| test.fails.get(lang).to_owned()),
            };
            let mut reason = plain(outcome.as_str(), text);
            reason.test.clone_from(&test.id);
            test.name.get(lang).clone_into(&mut reason.name);
            self.cite(&mut reason, result.rule, lang);
            reasons.push(reason);
        }
        Explanation {
            summary: summary(d.verdict, lang).to_owned(),
            reasons,
            grounds: self.ground_texts(d, lang),
            not_yet_in_force: self
                .book
                .tests
                .iter()
                .zip(&d.tests)
                .filter(|(_, r)| r.outcome == Outcome::LawNotYetInForce)
                .map(|(t, _)| t.id.clone())
                .collect(),
            defaults: d
                .defaults
                .iter()
                .filter_map(|p| self.book.provisions.get(*p as usize))
                .flat_map(|p| p.slots.iter().cloned())
                .collect(),
        }
    }

    fn category_names(&self, mask: kepil_law::vocab::Mask, lang: Lang) -> Vec<String> {
        let Some(ty) = self.book.vocab.type_named("Category") else {
            return Vec::new();
        };
        kepil_law::book::bits(mask)
            .filter_map(|c| self.book.vocab.def(ty, c))
            .map(|d| self.book.vocab.label("Category", &d.id, lang))
            .collect()
    }

    fn said(&self, ix: RuleIx, lang: Lang) -> Option<String> {
        let r = rule(&self.book, ix)?;
        let Role::Test {
            test,
            say: Some(key),
            ..
        } = &r.role
        else {
            return None;
        };
        let text = self.book.tests.get(usize::from(*test))?.says.get(key)?;
        Some(text.get(lang).to_owned())
    }

    fn cite(&self, reason: &mut Reason, ix: Option<RuleIx>, lang: Lang) {
        let Some(r) = ix.and_then(|ix| rule(&self.book, ix)) else {
            return;
        };
        if let Some(p) = self.book.provisions.get(r.provision as usize) {
            reason.source.clone_from(&p.id);
            reason.confidence = Some(p.confidence);
        }
        if let Some(i) = self.book.instrument_of(r.provision) {
            i.title.get(lang).clone_into(&mut reason.act);
        }
    }

    fn ground_texts(&self, d: &Decision, lang: Lang) -> Vec<GroundText> {
        d.grounds
            .iter()
            .filter_map(|g| {
                let r = rule(&self.book, g.rule)?;
                let p = self.book.provisions.get(r.provision as usize)?;
                Some(GroundText {
                    category: self
                        .category_names(kepil_law::vocab::bit(g.category), lang)
                        .join(", "),
                    source: p.id.clone(),
                    text: p.text.get(lang).to_owned(),
                    firm: g.firm,
                })
            })
            .collect()
    }

    /// The provision that decided: the source of the first failed test, or of the first ground.
    #[must_use]
    pub fn deciding_source(&self, d: &Decision) -> String {
        let worst = d
            .tests
            .iter()
            .filter(|t| t.outcome.failed())
            .max_by_key(|t| t.outcome.verdict())
            .map(|t| t.outcome.verdict());
        let failed = d
            .tests
            .iter()
            .find(|t| t.outcome.failed() && Some(t.outcome.verdict()) == worst)
            .and_then(|t| t.rule);
        failed
            .or_else(|| d.grounds.first().map(|g| g.rule))
            .and_then(|ix| rule(&self.book, ix))
            .and_then(|r| self.book.provisions.get(r.provision as usize))
            .map(|p| p.id.clone())
            .unwrap_or_default()
    }
}

fn plain(outcome: &'static str, text: String) -> Reason {
    Reason {
        test: String::new(),
        name: String::new(),
        outcome,
        text,
        source: String::new(),
        act: String::new(),
        confidence: None,
    }
}
