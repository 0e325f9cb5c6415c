//! Deciding: grounds first, then every test, then the worst of all.

use crate::cite::{Basis, Citation};
use crate::decision::{Decision, Obligation, Outcome, TestResult};
use crate::gate::{Gate, Scene, rule};
use crate::ground::Found;
use kepil_law::book::bits;
use kepil_law::eval::Scope;
use kepil_law::instrument::Standing;
use kepil_law::rule::{OnFail, Role};
use kepil_law::vocab::bit;
use kepil_law::{Era, Facts, Release, Value};
use kepil_terms::{Instant, Verdict};

const PRECISIONS: [&str; 4] = ["yes_no", "attribute", "record", "history"];

impl Gate {
    /// Decides by the law in force at the event's time, as known at that time.
    #[must_use]
    pub fn decide(&self, scene: Scene) -> Decision {
        let at = scene.at;
        self.decide_by(scene, self.book.at(at))
    }

    /// Decides by a given law version.
    #[must_use]
    pub fn decide_by(&self, scene: Scene, era: &Era) -> Decision {
        self.decide_seeing(scene, era).0
    }

    /// Decides, and gives back the facts with everything that was worked out.
    #[must_use]
    pub fn decide_seeing(&self, mut scene: Scene, era: &Era) -> (Decision, Facts) {
        let at = scene.at;
        let own_right = self.persons & bit(scene.actor) != 0;
        let basis = Basis::new(std::mem::take(&mut scene.citations), own_right, &self.book);
        let mut missing = Vec::new();
        self.derive(&mut scene, &basis, &mut missing);
        let mut facts = scene.facts;
        let found = self.grounds(&mut facts, &basis, era, at);
        self.limit_by_grounds(&mut facts, &found);
        let (tests, passed_waiting, mut defaults) = self.run_tests(&facts, &basis, era, at);
        for used in &found.uses {
            let waits = self
                .notes
                .get(used.rule as usize)
                .is_some_and(|n| n.waits_for_form);
            if let (true, Some(r)) = (waits, rule(&self.book, used.rule))
                && !defaults.contains(&r.provision)
            {
                defaults.push(r.provision);
            }
        }

        let kind = match facts.get(self.slots.kind) {
            Value::Id(k) => *k,
            _ => self.kinds.access,
        };
        let needs_ground = kind == self.kinds.access || kind == self.kinds.measure;
        let no_ground = if needs_ground { found.without } else { 0 };
        let mut verdict = tests
            .iter()
            .map(|t| t.outcome.verdict())
            .max()
            .unwrap_or(Verdict::Deny);
        if no_ground != 0
            || !found.errors.is_empty()
            || (!missing.is_empty() && kind != self.kinds.duty)
        {
            verdict = Verdict::Deny;
        } else if !missing.is_empty() {
            // Nobody may be told that a duty is met or failed by a term that cannot be counted.
            verdict = verdict.max(Verdict::Human);
        }
        let by_reading = tests.iter().any(|t| t.outcome == Outcome::PassByReading);
        let strict = self.strict(
            verdict,
            kind == self.kinds.duty,
            &facts,
            needs_ground.then_some(&found),
            by_reading || passed_waiting,
        );
        let release = self.book.release(at, facts.set_of(self.slots.data), &facts);
        let obligations = self.obligations(verdict, release, &facts, !defaults.is_empty());
        let decision = Decision {
            verdict,
            strict,
            at,
            law: era.hash,
            tests,
            grounds: found.uses,
            no_ground,
            errors: found.errors,
            missing,
            defaults,
            release,
            obligations,
        };
        (decision, facts)
    }

    /// The outcomes of all tests on facts that are complete already, grounds and limits included.
    #[must_use]
    pub fn outcomes(&self, facts: &Facts, era: &Era, at: Instant) -> Vec<TestResult> {
        self.run_tests(facts, &Basis::default(), era, at).0
    }

    /// Runs every test that speaks of the operation; all run, whatever the first says.
    fn run_tests(
        &self,
        facts: &Facts,
        basis: &Basis,
        era: &Era,
        at: Instant,
    ) -> (Vec<TestResult>, bool, Vec<u32>) {
        let mut results = vec![TestResult::NONE; self.book.tests.len()];
        for test in &era.not_yet {
            if let Some(r) = results.get_mut(usize::from(*test)) {
                r.outcome = Outcome::LawNotYetInForce;
            }
        }
        let (mut waiting, mut defaults) = (false, Vec::new());
        let granted = facts.bool(self.slots.explicit) == Some(true);
        let scope = Scope {
            facts,
            resource: None,
            area_up: self.book.area_up(),
        };
        for entry in era.tests(facts.action) {
            let Some(r) = rule(&self.book, entry.rule) else {
                continue;
            };
            let Role::Test { test, on_fail, .. } = r.role else {
                continue;
            };
            let Some(result) = results.get_mut(usize::from(test)) else {
                continue;
            };
            if r.actors & bit(facts.principal) == 0 {
                continue;
            }
            let outcome = match scope.holds(&r.applies) {
                Ok(false) => continue,
                Err(_) => Outcome::Error,
                Ok(true) => match (scope.holds(&r.holds), on_fail) {
                    (Err(_), _) => Outcome::Error,
                    (Ok(true), _) => Outcome::Pass,
                    (Ok(false), OnFail::StrictHuman) => Outcome::PassByReading,
                    (Ok(false), _) if entry.disputed => Outcome::Disputed,
                    (Ok(false), OnFail::Human) => Outcome::Human,
                    // A lower act cannot take away what a law grants: the conflict is a person's.
                    (Ok(false), OnFail::Deny)
                        if granted
                            && !self.notes.get(entry.rule as usize).is_some_and(|n| n.binds) =>
                    {
                        Outcome::Human
                    }
                    (Ok(false), OnFail::Deny) => Outcome::Deny,
                },
            };
            if outcome == Outcome::Pass
                && let Some(note) = self.notes.get(entry.rule as usize)
            {
                waiting |= note.waits_for_permit;
                if note.waits_for_form && !defaults.contains(&r.provision) {
                    defaults.push(r.provision);
                }
            }
            result.worsen(outcome, entry.rule);
        }
        self.dispute_of_basis(basis, at, &mut results);
        (results, waiting, defaults)
    }

    /// A cited act of which sources disagree whether it is in force: a person decides (P02).
    fn dispute_of_basis(&self, basis: &Basis, at: Instant, results: &mut [TestResult]) {
        let disputed = basis
            .citations
            .iter()
            .filter(|c| !matches!(c, Citation::Unknown(_)))
            .any(|c| c.standing(&self.book, at) == Standing::Disputed);
        let first = self
            .book
            .tests
            .iter()
            .position(|t| t.id == "T01")
            .and_then(|i| results.get_mut(i));
        if let (true, Some(t01)) = (disputed, first)
            && t01.outcome == Outcome::Pass
        {
            t01.outcome = Outcome::Disputed;
        }
    }

    /// The confidence floor: an ok never rests on memory, analysis, an assumed act or an empty
    /// by-law alone, and no duty is found met or failed by a text that is not loaded.
    fn strict(
        &self,
        verdict: Verdict,
        duty: bool,
        facts: &Facts,
        found: Option<&Found>,
        soft: bool,
    ) -> Verdict {
        let unloaded_clock =
            duty && facts.has(self.slots.clock) && facts.bool(self.slots.clock_text) != Some(true);
        if unloaded_clock {
            return Verdict::Human;
        }
        if verdict != Verdict::Ok {
            return verdict;
        }
        let firm = found.is_none_or(|f| {
            let asked = match facts.set_of(self.slots.data) {
                0 => bit(self.no_data),
                m => m,
            };
            bits(asked).all(|c| f.uses.iter().any(|u| u.category == c && u.firm))
        });
        if firm && !soft {
            Verdict::Ok
        } else {
            Verdict::Human
        }
    }

    fn obligations(
        &self,
        verdict: Verdict,
        level: Release,
        facts: &Facts,
        defaults: bool,
    ) -> Vec<Obligation> {
        let s = self.slots;
        let mut out = vec![Obligation::Log { level }];
        if verdict == Verdict::Human {
            out.push(Obligation::Review);
        }
        if verdict != Verdict::Ok {
            return out;
        }
        let time = |slot| facts.int(slot).map(|ms| Instant::from_ms(ms).to_rfc3339());
        if facts.bool(s.personal) == Some(true) && facts.bool(s.own_right) != Some(true) {
            match (facts.bool(s.deferral), time(s.until)) {
                (Some(true), Some(until)) => out.push(Obligation::NotifyDeferred { until }),
                _ => out.push(Obligation::NotifyAtOnce),
            }
            out.push(self.limit(facts));
            let by = if facts.has(s.measure) {
                time(s.m_end)
            } else {
                None
            };
            out.push(Obligation::Erase { by });
        }
        if self.locks_instead(facts) {
            out.push(Obligation::Lock);
        }
        if defaults {
            out.push(Obligation::ShowDefaults);
        }
        out
    }

    fn locks_instead(&self, facts: &Facts) -> bool {
        let kept = self
            .book
            .layout
            .slot("dataset.kept_by_law")
            .and_then(|s| facts.bool(s))
            == Some(true);
        kept && self.book.vocab.find("Action", "erase") == Some(facts.action)
    }

    fn limit(&self, facts: &Facts) -> Obligation {
        let s = self.slots;
        let categories = self.book.vocab.type_named("Category");
        let data = bits(facts.set_of(s.data))
            .filter_map(|c| self.book.vocab.def(categories?, c).map(|d| d.id.clone()))
            .collect();
        let fields = match facts.get(s.fields) {
            Value::Strs(list) => list.iter().map(|f| f.to_string()).collect(),
            _ => Vec::new(),
        };
        let precision = facts
            .int(s.precision)
            .and_then(|p| usize::try_from(p).ok())
            .and_then(|p| PRECISIONS.get(p))
            .copied()
            .unwrap_or("record");
        Obligation::Limit {
            data,
            fields,
            precision: precision.to_owned(),
        }
    }
}
