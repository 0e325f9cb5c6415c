//! Says a decision in plain sentences, in three languages.

use crate::decision::{Decision, Outcome};
use crate::gate::{Gate, rule};
use kepil_law::instrument::Confidence;
use kepil_law::rule::{Role, RuleIx};
use kepil_terms::{Lang, Verdict};
use serde::Serialize;
use std::borrow::Cow;

/// One reason: a test, how it came out, what that means, where it stands in the law.
#[derive(Debug, Clone, Serialize)]
pub struct Reason<'a> {
    /// The test, as in `T02`; empty for reasons that are not tests.
    pub test: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its outcome.
    pub outcome: &'static str,
    /// What it means, in a sentence.
    pub text: Cow<'a, str>,
    /// The provision it rests on.
    pub source: &'a str,
    /// The title of the act.
    pub act: &'a str,
    /// How sure the text is.
    pub confidence: Option<Confidence>,
}

/// A ground, said for people.
#[derive(Debug, Clone, Serialize)]
pub struct GroundText<'a> {
    /// The data category.
    pub category: String,
    /// The provision.
    pub source: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Whether an ok may rest on it alone with the confidence floor on.
    pub firm: bool,
}

/// A decision in words.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation<'a> {
    /// The verdict in a sentence.
    pub summary: &'static str,
    /// Why, the decisive ones first.
    pub reasons: Vec<Reason<'a>>,
    /// The grounds found.
    pub grounds: Vec<GroundText<'a>>,
    /// Tests whose source is not in force yet at the event's time.
    pub not_yet_in_force: Vec<&'a str>,
    /// Empty by-laws for which a visible default stands.
    pub defaults: Vec<&'a str>,
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
    pub fn explain(&self, d: &Decision, lang: Lang, all: bool) -> Explanation<'_> {
        let p = phrases(lang);
        let mut reasons = Vec::new();
        if d.no_ground != 0 {
            let names = self.category_names(d.no_ground, lang).join(", ");
            reasons.push(plain("deny", format!("{}{names}", p.no_ground).into()));
        }
        for m in &d.missing {
            reasons.push(plain("deny", format!("{}{m}", p.missing).into()));
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
            let fails = said.unwrap_or_else(|| test.fails.get(lang));
            let text: Cow<'_, str> = match outcome {
                Outcome::Pass => "".into(),
                Outcome::PassByReading => said.unwrap_or(p.reading).into(),
                Outcome::Error => p.error.into(),
                Outcome::Disputed => format!("{fails} {}", p.disputed).into(),
                _ => fails.into(),
            };
            let mut reason = plain(outcome.as_str(), text);
            reason.test = &test.id;
            reason.name = test.name.get(lang);
            self.cite(&mut reason, result.rule, lang);
            reasons.push(reason);
        }
        Explanation {
            summary: summary(d.verdict, lang),
            reasons,
            grounds: self.ground_texts(d, lang),
            not_yet_in_force: self
                .book
                .tests
                .iter()
                .zip(&d.tests)
                .filter(|(_, r)| r.outcome == Outcome::LawNotYetInForce)
                .map(|(t, _)| t.id.as_str())
                .collect(),
            defaults: d
                .defaults
                .iter()
                .filter_map(|p| self.book.provisions.get(*p as usize))
                .flat_map(|p| p.slots.iter().map(String::as_str))
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

    fn said(&self, ix: RuleIx, lang: Lang) -> Option<&str> {
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
        Some(text.get(lang))
    }

    fn cite<'a>(&'a self, reason: &mut Reason<'a>, ix: Option<RuleIx>, lang: Lang) {
        let Some(r) = ix.and_then(|ix| rule(&self.book, ix)) else {
            return;
        };
        if let Some(p) = self.book.provisions.get(r.provision as usize) {
            reason.source = &p.id;
            reason.confidence = Some(p.confidence);
        }
        if let Some(i) = self.book.instrument_of(r.provision) {
            reason.act = i.title.get(lang);
        }
    }

    fn ground_texts(&self, d: &Decision, lang: Lang) -> Vec<GroundText<'_>> {
        d.grounds
            .iter()
            .filter_map(|g| {
                let r = rule(&self.book, g.rule)?;
                let p = self.book.provisions.get(r.provision as usize)?;
                Some(GroundText {
                    category: self
                        .category_names(kepil_law::vocab::bit(g.category), lang)
                        .join(", "),
                    source: &p.id,
                    text: p.text.get(lang),
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

fn plain<'a>(outcome: &'static str, text: Cow<'a, str>) -> Reason<'a> {
    Reason {
        test: "",
        name: "",
        outcome,
        text,
        source: "",
        act: "",
        confidence: None,
    }
}
