//! The statute book: every instrument, provision and rule, and the law as it stood at a time.

use crate::case::CaseBlock;
use crate::catalogue::{Parameter, SlotEffect, SlotText, TestDef};
use crate::instrument::{
    Confidence, Instrument, InstrumentIx, InstrumentKind, Provision, ProvisionIx, Standing,
};
use crate::release::{Release, ReleaseRule};
use crate::rule::{Role, Rule, RuleIx, TestIx};
use crate::schema::Layout;
use crate::value::Facts;
use crate::vocab::{Mask, TermIx, Vocabulary, bit};
use kepil_terms::{Calendar, Instant};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The law of a country, loaded and checked.
#[derive(Debug)]
pub struct StatuteBook {
    /// Vocabulary.
    pub vocab: Vocabulary,
    /// Layout of facts, with the Cedar schema.
    pub layout: Layout,
    /// Instruments.
    pub instruments: Vec<Instrument>,
    /// Provisions.
    pub provisions: Vec<Provision>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// Tests.
    pub tests: Vec<TestDef>,
    /// Empty by-laws.
    pub slots: Vec<SlotText>,
    /// Open questions and policy defaults.
    pub parameters: Vec<Parameter>,
    /// Working days.
    pub calendar: Calendar,
    /// Worked cases, as text.
    pub cases: Vec<CaseBlock>,
    /// Other files of the pack (baselines, disagreements), by name.
    pub extras: HashMap<String, String>,
    /// How firmly an entry must stand before data leave.
    pub releases: Vec<ReleaseRule>,
    /// Hash over every file of the pack.
    pub hash: [u8; 32],
    pub(crate) area_up: Vec<Mask>,
    pub(crate) by_instrument: HashMap<String, InstrumentIx>,
    pub(crate) by_provision: HashMap<String, ProvisionIx>,
    pub(crate) clocks: HashMap<String, ProvisionIx>,
    pub(crate) eras: Vec<Era>,
}

/// The law as it stood during one stretch of time: immutable, indexed, with its own hash.
#[derive(Debug)]
pub struct Era {
    /// First instant.
    pub from: Instant,
    /// Rules of tests, by operation; within one operation in the order of tests.
    tests: Vec<Box<[InForce]>>,
    /// Grounds, by operation and data category.
    grounds: HashMap<(TermIx, TermIx), Box<[InForce]>>,
    /// Tests of which no rule is in force yet.
    pub not_yet: Vec<TestIx>,
    /// Hash of the rules in force.
    pub hash: [u8; 32],
}

/// A rule that is in force, or disputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce {
    /// The rule.
    pub rule: RuleIx,
    /// Sources disagree about whether it is in force already.
    pub disputed: bool,
}

impl Era {
    /// The rules of tests that may speak of this operation.
    #[must_use]
    pub fn tests(&self, action: TermIx) -> &[InForce] {
        self.tests
            .get(usize::from(action))
            .map_or(&[], AsRef::as_ref)
    }

    /// The grounds that may speak of this operation on this category.
    #[must_use]
    pub fn grounds(&self, action: TermIx, category: TermIx) -> &[InForce] {
        self.grounds
            .get(&(action, category))
            .map_or(&[], AsRef::as_ref)
    }
}

impl StatuteBook {
    /// The instrument with this id.
    #[must_use]
    pub fn instrument(&self, id: &str) -> Option<(InstrumentIx, &Instrument)> {
        let ix = *self.by_instrument.get(id)?;
        Some((ix, self.instruments.get(ix as usize)?))
    }

    /// The provision with this id.
    #[must_use]
    pub fn provision(&self, id: &str) -> Option<(ProvisionIx, &Provision)> {
        let ix = *self.by_provision.get(id)?;
        Some((ix, self.provisions.get(ix as usize)?))
    }

    /// How firmly an entry must stand before data of these categories leave under these facts.
    ///
    /// Sources that disagree about a first day count as saying yes.
    #[must_use]
    pub fn release(&self, at: Instant, data: Mask, facts: &Facts) -> Release {
        let asked = self.releases.iter().filter(|rule| {
            let standing = rule.span.at(at);
            matches!(standing, Standing::InForce | Standing::Disputed) && rule.covers(data, facts)
        });
        asked.map(|rule| rule.level).max().unwrap_or_default()
    }

    /// The provision that sets a clock.
    #[must_use]
    pub fn clock(&self, id: &str) -> Option<(ProvisionIx, &Provision)> {
        let ix = *self.clocks.get(id)?;
        Some((ix, self.provisions.get(ix as usize)?))
    }

    /// The instrument of a provision.
    #[must_use]
    pub fn instrument_of(&self, provision: ProvisionIx) -> Option<&Instrument> {
        let p = self.provisions.get(provision as usize)?;
        self.instruments.get(p.instrument as usize)
    }

    /// A parameter by its id.
    #[must_use]
    pub fn parameter(&self, id: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.id == id)
    }

    /// The law in force at the event's time, as known at that time.
    #[must_use]
    pub fn at(&self, t: Instant) -> &Era {
        let after = self.eras.partition_point(|e| e.from <= t);
        let ix = after.saturating_sub(1);
        self.eras.get(ix).unwrap_or_else(|| self.empty_era())
    }

    fn empty_era(&self) -> &Era {
        static EMPTY: std::sync::OnceLock<Era> = std::sync::OnceLock::new();
        EMPTY.get_or_init(|| Era {
            from: Instant::from_ms(i64::MIN),
            tests: Vec::new(),
            grounds: HashMap::new(),
            not_yet: Vec::new(),
            hash: [0; 32],
        })
    }

    /// All the law versions, oldest first.
    #[must_use]
    pub fn eras(&self) -> &[Era] {
        &self.eras
    }

    /// The law in force at `t` as known at `known`: for re-deciding with later knowledge.
    #[must_use]
    pub fn at_as_known(&self, t: Instant, known: Instant) -> Era {
        self.era(t, known)
    }

    pub(crate) fn build_eras(&mut self) {
        let mut points: Vec<Instant> = vec![Instant::from_ms(i64::MIN)];
        for r in &self.rules {
            points.push(r.span.from);
            points.push(r.known_from);
            points.extend(r.span.to);
            points.extend(r.span.alt_from);
        }
        points.sort_unstable();
        points.dedup();
        self.eras = points.into_iter().map(|p| self.era(p, p)).collect();
        self.eras
            .dedup_by(|later, earlier| later.hash == earlier.hash);
    }

    fn era(&self, t: Instant, known: Instant) -> Era {
        let actions = self
            .vocab
            .type_named("Action")
            .map_or(0, |ty| self.vocab.all(ty).count_ones());
        let mut tests: Vec<Vec<(TestIx, InForce)>> = vec![Vec::new(); actions as usize];
        let mut grounds: HashMap<(TermIx, TermIx), Vec<InForce>> = HashMap::new();
        let mut seen = vec![false; self.tests.len()];
        let mut later = vec![false; self.tests.len()];
        let mut hash = Sha256::new();
        for (ix, rule) in self.rules.iter().enumerate() {
            let standing = if rule.known_from > known {
                Standing::NotYet
            } else {
                rule.span.at(t)
            };
            if let Role::Test { test, .. } = rule.role {
                let flags = match standing {
                    Standing::InForce | Standing::Disputed => Some(&mut seen),
                    Standing::NotYet => Some(&mut later),
                    Standing::Ended => None,
                };
                if let Some(f) = flags.and_then(|f| f.get_mut(usize::from(test))) {
                    *f = true;
                }
            }
            if !matches!(standing, Standing::InForce | Standing::Disputed) {
                continue;
            }
            let Ok(rule_ix) = RuleIx::try_from(ix) else {
                continue;
            };
            let entry = InForce {
                rule: rule_ix,
                disputed: standing == Standing::Disputed,
            };
            self.hash_rule(&mut hash, rule, entry, t);
            for action in bits(rule.actions) {
                match rule.role {
                    Role::Test { test, .. } => {
                        if let Some(list) = tests.get_mut(usize::from(action)) {
                            list.push((test, entry));
                        }
                    }
                    Role::Ground(_) => {
                        for category in bits(rule.categories) {
                            grounds.entry((action, category)).or_default().push(entry);
                        }
                    }
                }
            }
        }
        let not_yet = seen
            .iter()
            .zip(&later)
            .enumerate()
            .filter(|(_, (s, l))| !**s && **l)
            .filter_map(|(i, _)| TestIx::try_from(i).ok())
            .collect();
        Era {
            from: t,
            tests: tests
                .into_iter()
                .map(|mut list| {
                    // Within a test the act that prevails comes first, so that it is the one cited.
                    let first = |e: &InForce| {
                        let rule = self.rules.get(e.rule as usize)?;
                        Some(self.precedence(self.instrument_of(rule.provision)?))
                    };
                    list.sort_by_key(|(test, e)| (*test, first(e), e.rule));
                    list.into_iter().map(|(_, e)| e).collect()
                })
                .collect(),
            grounds: grounds
                .into_iter()
                .map(|(k, v)| (k, v.into_boxed_slice()))
                .collect(),
            not_yet,
            hash: hash.finalize().into(),
        }
    }

    /// Everything of a rule that can change an answer goes into the hash of its law version.
    fn hash_rule(&self, hash: &mut Sha256, rule: &Rule, entry: InForce, t: Instant) {
        hash.update(rule.id.as_bytes());
        hash.update([0, u8::from(entry.disputed)]);
        hash.update(rule.cedar.as_bytes());
        let (confidence, needs_text) = self.confidence_at(rule.provision, t);
        hash.update([0, confidence as u8, u8::from(needs_text)]);
        if let Some(i) = self.instrument_of(rule.provision) {
            hash.update([i.rank, u8::from(i.real)]);
        }
    }

    /// How sure a provision's text of that time is, and whether its wording is missing.
    #[must_use]
    pub fn confidence_at(&self, provision: ProvisionIx, t: Instant) -> (Confidence, bool) {
        let (Some(p), Some(i)) = (
            self.provisions.get(provision as usize),
            self.instrument_of(provision),
        ) else {
            return (Confidence::Analysis, true);
        };
        let version = i.versions.iter().rev().find(|v| v.from <= t);
        let mut confidence = p.confidence;
        let mut needs_text = p.needs_text;
        if let Some(v) = version {
            confidence = confidence.max(v.confidence);
            needs_text |= v.needs_text;
        }
        if !i.real {
            confidence = Confidence::Analysis;
        }
        (confidence, needs_text)
    }

    /// Whether an ok may rest on this provision: an official or reported text that is loaded.
    #[must_use]
    pub fn supports_ok(&self, provision: ProvisionIx, t: Instant) -> bool {
        let (confidence, needs_text) = self.confidence_at(provision, t);
        confidence <= Confidence::Secondary
            && !needs_text
            && !self.waits_for(provision, SlotEffect::Permits)
    }

    /// Whether a provision waits for an empty by-law of this effect.
    #[must_use]
    pub fn waits_for(&self, provision: ProvisionIx, effect: SlotEffect) -> bool {
        self.provisions.get(provision as usize).is_some_and(|p| {
            p.slots
                .iter()
                .any(|s| self.slots.iter().any(|d| &d.id == s && d.effect == effect))
        })
    }

    /// The nesting of areas, for evaluation.
    #[must_use]
    pub fn area_up(&self) -> &[Mask] {
        &self.area_up
    }
}

impl StatuteBook {
    /// The place of an act in the order of precedence; the lower number prevails.
    ///
    /// Constitution; ratified treaties, where the parameter P01 puts them over laws (DC 2(2), PDL
    /// 4(2)); constitutional laws; in the digital field the Digital Code over other laws (DC 2(3));
    /// other codes; laws; acts below by their rank; guidance last.
    #[must_use]
    pub fn precedence(&self, instrument: &Instrument) -> u8 {
        let treaties_over_laws = self.parameter("P01").is_none_or(|p| p.value == "over_laws");
        match instrument.kind {
            InstrumentKind::Constitution => 0,
            InstrumentKind::Treaty if treaties_over_laws => 1,
            InstrumentKind::ConstitutionalLaw => 2,
            InstrumentKind::Code if instrument.digital_field => 3,
            InstrumentKind::Code => 4,
            InstrumentKind::Law => 5,
            // A treaty of open rank stands beside the laws and prevails over none of them.
            InstrumentKind::Treaty => 6,
            _ => instrument.rank.saturating_add(3),
        }
    }

    /// Whether a test of this act can refuse what a law grants in so many words: acts below a law
    /// cannot, nor can a treaty whose rank is open; guidance is the platform's own policy and binds it.
    #[must_use]
    pub fn binds_against_a_law(&self, instrument: &Instrument) -> bool {
        self.precedence(instrument) <= 5 || instrument.kind == InstrumentKind::SoftLaw
    }
}

/// The numbers of the bits set in a mask.
pub fn bits(mask: Mask) -> impl Iterator<Item = TermIx> {
    (0..128u16).filter(move |i| mask & bit(*i) != 0)
}

impl StatuteBook {
    /// The members of a class of the vocabulary.
    #[must_use]
    pub fn class_mask(&self, class_type: &str, id: &str) -> Option<Mask> {
        self.vocab.class(class_type, id).map(|(_, m)| m)
    }
}
