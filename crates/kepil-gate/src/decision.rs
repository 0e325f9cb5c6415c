//! The decision: verdict, every test's outcome, grounds, obligations, the law it rests on.

use crate::ground::GroundUse;
use kepil_law::Release;
use kepil_law::instrument::ProvisionIx;
use kepil_law::rule::{RuleIx, TestIx};
use kepil_law::vocab::Mask;
use kepil_terms::{Instant, Verdict};
use serde::Serialize;

/// How one test came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has nothing to look at in this request.
    NotApplicable,
    /// Its source was not in force yet: flagged, never credited.
    LawNotYetInForce,
    /// It passed.
    Pass,
    /// It passed, but only on a reading of ours: with the confidence floor on, a person decides.
    PassByReading,
    /// It failed: a person decides.
    Human,
    /// It failed under a text of which sources disagree whether it is in force: a person decides.
    Disputed,
    /// It failed: denied.
    Deny,
    /// It could not be evaluated: denied.
    Error,
}

impl Outcome {
    /// What the outcome means for the verdict.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Outcome::NotApplicable
            | Outcome::LawNotYetInForce
            | Outcome::Pass
            | Outcome::PassByReading => Verdict::Ok,
            Outcome::Human | Outcome::Disputed => Verdict::Human,
            Outcome::Deny | Outcome::Error => Verdict::Deny,
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::NotApplicable => "n/a",
            Outcome::LawNotYetInForce => "law_not_yet_in_force",
            Outcome::Pass => "pass",
            Outcome::PassByReading => "pass_by_reading",
            Outcome::Human => "human",
            Outcome::Disputed => "disputed",
            Outcome::Deny => "deny",
            Outcome::Error => "error",
        }
    }

    /// Whether the test failed.
    #[must_use]
    pub fn failed(self) -> bool {
        self.verdict() != Verdict::Ok
    }

    fn weight(self) -> u8 {
        match self {
            Outcome::NotApplicable => 0,
            Outcome::LawNotYetInForce => 1,
            Outcome::Pass => 2,
            Outcome::PassByReading => 3,
            Outcome::Disputed => 4,
            Outcome::Human => 5,
            Outcome::Deny => 6,
            Outcome::Error => 7,
        }
    }
}

/// One test's outcome and the rule that settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestResult {
    /// The outcome.
    pub outcome: Outcome,
    /// The rule with the worst outcome.
    pub rule: Option<RuleIx>,
}

impl TestResult {
    /// Nothing looked at yet.
    pub const NONE: TestResult = TestResult {
        outcome: Outcome::NotApplicable,
        rule: None,
    };

    pub(crate) fn worsen(&mut self, outcome: Outcome, rule: RuleIx) {
        if outcome.weight() > self.outcome.weight() {
            *self = TestResult {
                outcome,
                rule: Some(rule),
            };
        }
    }
}

/// What must be done with a release, or because of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Obligation {
    /// The entry stands in the log, this firmly, before anything is released.
    Log {
        /// As the provisions ask for it.
        level: Release,
    },
    /// The person sees the event at once.
    NotifyAtOnce,
    /// The person sees the event at this time at the latest.
    NotifyDeferred {
        /// RFC 3339.
        until: String,
    },
    /// Release nothing but this.
    Limit {
        /// Categories.
        data: Vec<String>,
        /// Fields; none = all of the categories.
        fields: Vec<String>,
        /// Precision.
        precision: String,
    },
    /// Delete or lock when the purpose ends, or by this time.
    Erase {
        /// RFC 3339, or nothing when only the purpose bounds it.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Lock instead of erasing: legislation keeps the data (DC 41(3)).
    Lock,
    /// A person with the mandate decides.
    Review,
    /// Show the person which visible defaults stand in for by-laws that are not issued.
    ShowDefaults,
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The verdict in substance.
    pub verdict: Verdict,
    /// The verdict with the confidence floor on.
    pub strict: Verdict,
    /// The event's time.
    pub at: Instant,
    /// Hash of the law version that decided.
    pub law: [u8; 32],
    /// Outcomes, one for each test of the catalogue, in its order.
    pub tests: Vec<TestResult>,
    /// Grounds found.
    pub grounds: Vec<GroundUse>,
    /// Categories for which no ground was found, where one is needed.
    pub no_ground: Mask,
    /// Grounds that could not be evaluated.
    pub errors: Vec<RuleIx>,
    /// Facts that are missing, in words.
    pub missing: Vec<String>,
    /// Provisions that passed on a visible default in place of an empty by-law.
    pub defaults: Vec<ProvisionIx>,
    /// How firmly the entry must stand before anything is released.
    pub release: Release,
    /// What must be done.
    pub obligations: Vec<Obligation>,
}

impl Decision {
    /// The outcome of a test.
    #[must_use]
    pub fn outcome(&self, test: TestIx) -> Outcome {
        self.tests
            .get(usize::from(test))
            .map_or(Outcome::NotApplicable, |t| t.outcome)
    }

    /// The tests that failed, in the order of the catalogue.
    pub fn failed(&self) -> impl Iterator<Item = (TestIx, TestResult)> + '_ {
        self.tests
            .iter()
            .enumerate()
            .filter(|(_, t)| t.outcome.failed())
            .filter_map(|(i, t)| Some((TestIx::try_from(i).ok()?, *t)))
    }
}
