//! Looks for grounds: permits of cited acts that fit, one data category at a time.

use crate::cite::{Basis, LOWEST_LAW_RANK};
use crate::gate::{Gate, rule};
use kepil_law::Era;
use kepil_law::book::bits;
use kepil_law::eval::Scope;
use kepil_law::rule::{CitedBy, Role, RuleIx};
use kepil_law::vocab::{Mask, TermIx, bit};
use kepil_law::{Facts, Value};
use kepil_terms::Instant;

/// A ground that fits a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroundUse {
    /// The category.
    pub category: TermIx,
    /// The permit.
    pub rule: RuleIx,
    /// Whether an ok may rest on it with the confidence floor on.
    pub firm: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Grounds that fit.
    pub uses: Vec<GroundUse>,
    /// Categories without any.
    pub without: Mask,
    /// Rules that could not be evaluated.
    pub errors: Vec<RuleIx>,
}

impl Gate {
    /// Looks for grounds and fills the facts about them.
    pub(crate) fn grounds(
        &self,
        facts: &mut Facts,
        basis: &Basis,
        era: &Era,
        at: Instant,
    ) -> Found {
        let s = self.slots;
        let asked = match facts.set_of(s.data) {
            0 => bit(self.no_data),
            m => m,
        };
        let mut found = Found::default();
        let (mut named_all, mut explicit_all, mut lawful_all) = (true, true, true);
        for category in bits(asked) {
            let (mut full, mut named, mut explicit, mut lawful) = (false, false, false, false);
            for entry in era.grounds(facts.action, category) {
                let Some(r) = rule(&self.book, entry.rule) else {
                    continue;
                };
                let Role::Ground(by) = r.role else { continue };
                if entry.disputed || !basis.cites(r.provision, by, &self.book) {
                    continue;
                }
                let is_law = self
                    .book
                    .instrument_of(r.provision)
                    .is_some_and(|i| i.rank <= LOWEST_LAW_RANK);
                named |= is_law && by == CitedBy::Law;
                if r.actors & bit(facts.principal) == 0 {
                    continue;
                }
                let scope = Scope {
                    facts,
                    resource: Some(category),
                    area_up: self.book.area_up(),
                };
                match scope
                    .holds(&r.applies)
                    .and_then(|a| Ok(a && !scope.holds(&r.holds)?))
                {
                    Ok(true) => {
                        full = true;
                        lawful |= is_law;
                        explicit |= is_law && by == CitedBy::Law;
                        let firm = self.book.supports_ok(r.provision, at);
                        found.uses.push(GroundUse {
                            category,
                            rule: entry.rule,
                            firm,
                        });
                    }
                    Ok(false) => {}
                    Err(_) => found.errors.push(entry.rule),
                }
            }
            if !full {
                found.without |= bit(category);
            }
            named_all &= named;
            explicit_all &= explicit;
            lawful_all &= lawful;
        }
        facts.set(s.found, Value::Bool(found.without == 0));
        facts.set(s.named, Value::Bool(named_all));
        facts.set(s.explicit, Value::Bool(explicit_all));
        facts.set(s.lawful, Value::Bool(lawful_all));
        found
    }
}
