//! Works out the facts that follow from what is stated and from the statute book.

use crate::cite::{Basis, Citation, LOWEST_LAW_RANK};
use crate::gate::{Gate, Scene};
use kepil_law::instrument::{Instrument, Standing};
use kepil_law::vocab::{Mask, bit};
use kepil_law::{Facts, Value};
use kepil_terms::{Instant, Term, UnknownYear};

/// Terms that derived facts rest on; the pack must define these clocks.
const TRIAL: &str = "DC.trial_max";
const WITHDRAWAL: &str = "PDL.withdraw_effect";
const LATEST_NOTICE: &str = "CPC.notice_max";

/// What could not be worked out, in words.
pub(crate) type Missing = Vec<String>;

impl Gate {
    /// Fills every derived fact except those about grounds.
    pub(crate) fn derive(&self, scene: &mut Scene, basis: &Basis, missing: &mut Missing) {
        let (s, at) = (self.slots, scene.at);
        let f = &mut scene.facts;
        f.principal = scene.actor;
        f.action = scene.operation;
        f.set(s.now, Value::Int(at.ms()));
        f.set(s.hour, Value::Int(at.kz_hour()));
        f.set(
            s.personal,
            Value::Bool(f.set_of(s.data) & self.personal != 0),
        );
        self.derive_basis(f, basis, at);
        self.derive_terms(f, at, missing);
        if let Some(id) = &scene.clock {
            self.derive_clock(f, id, at, missing);
        }
        if !f.has(s.act) {
            self.derive_act(f, basis, at);
        }
        self.derive_limits(f, basis);
    }

    fn derive_basis(&self, f: &mut Facts, basis: &Basis, at: Instant) {
        let (s, book) = (self.slots, &self.book);
        let acts = || {
            basis
                .citations
                .iter()
                .filter_map(|c| c.instrument(book))
                .chain(basis.chain.iter().copied())
        };
        let any_act = |test: &dyn Fn(&Instrument) -> bool| {
            acts().any(|i| book.instruments.get(i as usize).is_some_and(test))
        };
        let cited_acts = || {
            basis
                .citations
                .iter()
                .filter_map(|c| c.instrument(book))
                .filter_map(|i| book.instruments.get(i as usize))
        };
        // An own right is a basis of its own: the person need not cite an article.
        let count = basis.citations.len().max(usize::from(basis.own_right));
        f.set(
            s.cited,
            Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
        );
        let in_force = basis
            .citations
            .iter()
            .all(|c| matches!(c.standing(book, at), Standing::InForce | Standing::Disputed));
        f.set(s.in_force, Value::Bool(in_force));
        f.set(
            s.rank,
            Value::Int(i64::from(cited_acts().map(|i| i.rank).min().unwrap_or(99))),
        );
        f.set(
            s.consent_cited,
            Value::Bool(basis.citations.contains(&Citation::Consent)),
        );
        f.set(
            s.contract_cited,
            Value::Bool(basis.citations.contains(&Citation::Contract)),
        );
        f.set(
            s.public_source,
            Value::Bool(basis.citations.contains(&Citation::PublicSource)),
        );
        f.set(s.own_right, Value::Bool(basis.own_right));
        f.set(s.emergency, Value::Bool(any_act(&|i| i.emergency)));
        f.set(s.sanitary, Value::Bool(any_act(&|i| i.sanitary)));
        f.set(
            s.by_law_cited,
            Value::Bool(cited_acts().any(|i| i.rank > LOWEST_LAW_RANK)),
        );
        let unloaded = basis.citations.iter().any(|c| match c {
            Citation::Provision(p) => book.confidence_at(*p, at).1,
            Citation::Instrument(i) => book
                .instruments
                .get(*i as usize)
                .is_some_and(|i| i.needs_text),
            _ => false,
        });
        f.set(s.unloaded, Value::Bool(unloaded));
        let closed = basis.citations.iter().any(|c| match c {
            Citation::Provision(p) => book.provisions.get(*p as usize).is_some_and(|p| {
                p.closed_list
                    || p.within.iter().any(|w| {
                        book.provisions
                            .get(*w as usize)
                            .is_some_and(|w| w.closed_list)
                    })
            }),
            _ => false,
        });
        f.set(s.closed_list, Value::Bool(closed));
        let unbroken = cited_acts()
            .filter(|i| i.rank > LOWEST_LAW_RANK)
            .all(|i| i.powers & !self.handed_down(i) == 0);
        f.set(s.delegation, Value::Bool(unbroken));
    }

    /// The powers an act's parents hand down.
    fn handed_down(&self, act: &Instrument) -> Mask {
        act.parents
            .iter()
            .filter_map(|p| self.book.instruments.get(*p as usize))
            .fold(0, |m, p| m | p.delegates)
    }

    fn derive_terms(&self, f: &mut Facts, at: Instant, missing: &mut Missing) {
        let s = self.slots;
        if let (Some(start), Some(term)) = (f.int(s.clock_start), f.int(s.term)) {
            f.set(s.clock_end, Value::Int(start.saturating_add(term)));
        }
        let mut set =
            |slot,
             from: Option<i64>,
             clock: &str,
             f: &mut Facts,
             over: &dyn Fn(Term, Instant) -> Result<Instant, UnknownYear>| {
                let Some(from) = from else { return };
                match self.book.clock(clock).and_then(|(_, p)| p.clock.as_ref()) {
                    None => missing.push(format!("the clock `{clock}` is not in the pack")),
                    Some(rule) => match over(rule.term, Instant::from_ms(from)) {
                        Ok(t) => f.set(slot, Value::Int(t.ms())),
                        Err(e) => missing.push(e.to_string()),
                    },
                }
            };
        let calendar = &self.book.calendar;
        let trial = f.int(s.trial_start);
        set(s.trial_end, trial, TRIAL, f, &|t, from| {
            t.over_exact(from, calendar)
        });
        let decision = f.int(s.final_decision);
        set(s.latest, decision, LATEST_NOTICE, f, &|t, from| {
            t.over_by_days(from, calendar)
        });
        if f.has(s.consent) {
            let withdrawn = f.int(s.withdrawn_at);
            f.set(s.withdrawal, Value::Bool(false));
            let mut end = Facts::empty(1);
            set(0, withdrawn, WITHDRAWAL, &mut end, &|t, from| {
                t.over_by_days(from, calendar)
            });
            if end.int(0).is_some_and(|end| at.ms() >= end) {
                f.set(s.withdrawal, Value::Bool(true));
            }
        }
    }

    fn derive_clock(&self, f: &mut Facts, id: &str, at: Instant, missing: &mut Missing) {
        let s = self.slots;
        let Some((ix, provision)) = self.book.clock(id) else {
            missing.push(format!("the clock `{id}` is not in the pack"));
            return;
        };
        f.set(
            s.clock_text,
            Value::Bool(!self.book.confidence_at(ix, at).1),
        );
        let (Some(rule), Some(from)) = (provision.clock.as_ref(), f.int(s.clock_from)) else {
            missing.push(format!("the start of the clock `{id}`"));
            return;
        };
        match rule
            .term
            .over_by_days(Instant::from_ms(from), &self.book.calendar)
        {
            Ok(due) => f.set(s.clock_due, Value::Int(due.ms())),
            Err(e) => missing.push(e.to_string()),
        }
    }

    /// A by-law that is cited brings its own record: what the book knows of it.
    fn derive_act(&self, f: &mut Facts, basis: &Basis, at: Instant) {
        let (s, book) = (self.slots, &self.book);
        let lowest = basis
            .citations
            .iter()
            .filter_map(|c| c.instrument(book))
            .filter_map(|i| book.instruments.get(i as usize))
            .filter(|i| i.rank > LOWEST_LAW_RANK)
            .max_by_key(|i| i.rank);
        let Some(act) = lowest else { return };
        let parents: Vec<&Instrument> = act
            .parents
            .iter()
            .filter_map(|p| book.instruments.get(*p as usize))
            .collect();
        // A law's end is not a by-law's end: another law may carry on. A decree's is.
        let parent_end = parents
            .iter()
            .filter(|p| p.rank > LOWEST_LAW_RANK)
            .filter_map(|p| p.span.to)
            .min();
        let law_powers = basis
            .chain
            .iter()
            .filter_map(|i| book.instruments.get(*i as usize))
            .filter(|i| i.rank <= LOWEST_LAW_RANK && i.span.at(at) == Standing::InForce)
            .fold(0, |m, i| m | i.delegates);
        f.set(s.act, Value::Present);
        for (slot, value) in [
            (s.act_rank, Value::Int(i64::from(act.rank))),
            (s.act_competent, Value::Bool(act.issuer_competent)),
            (s.act_mandate, Value::Bool(act.mandate_shown)),
            (s.act_published, Value::Bool(act.published)),
            (s.act_text, Value::Bool(!act.needs_text)),
            (s.act_start, Value::Int(act.span.from.ms())),
            (
                s.act_end,
                act.span.to.map_or(Value::Absent, |t| Value::Int(t.ms())),
            ),
            (
                s.act_parent_end,
                parent_end.map_or(Value::Absent, |t| Value::Int(t.ms())),
            ),
            (s.act_powers, Value::Set(act.powers)),
            (s.act_parent_powers, Value::Set(self.handed_down(act))),
            (s.act_law_powers, Value::Set(law_powers)),
            (s.act_claims, Value::Bool(act.claims_data)),
            (s.act_complaint, Value::Bool(false)),
            (s.act_exception, Value::Bool(false)),
            (s.act_suspended, Value::Bool(false)),
        ] {
            f.set(slot, value);
        }
    }

    fn derive_limits(&self, f: &mut Facts, basis: &Basis) {
        let s = self.slots;
        let under_measure = f.has(s.measure);
        let (data, fields, listed, precision, recipients) = if under_measure {
            (
                s.m_data,
                s.m_fields,
                s.m_listed,
                s.m_precision,
                s.m_recipients,
            )
        } else {
            (
                s.ag_data,
                s.ag_fields,
                s.ag_listed,
                s.ag_precision,
                s.ag_recipients,
            )
        };
        let asked = f.set_of(s.data) & !bit(self.no_data);
        let mut data_ok = basis.own_right || asked & !f.set_of(data) == 0;
        let mut fields_ok = basis.own_right
            || f.bool(listed) != Some(true)
            || within(f.get(s.fields), f.get(fields));
        let wanted = f.int(s.precision).unwrap_or(i64::MAX);
        let mut precision_ok =
            basis.own_right || f.int(precision).is_some_and(|most| wanted <= most);
        for c in &basis.citations {
            let Citation::Provision(p) = c else { continue };
            let Some(limits) = self
                .book
                .provisions
                .get(*p as usize)
                .and_then(|p| p.limits.as_ref())
            else {
                continue;
            };
            data_ok &= limits.data.is_none_or(|most| asked & !most == 0);
            precision_ok &= limits.precision.is_none_or(|most| wanted <= most);
            fields_ok &= limits
                .fields
                .as_ref()
                .is_none_or(|list| in_list(f.get(s.fields), list));
        }
        let named = basis.own_right || f.set_of(recipients) & bit(f.principal) != 0;
        f.set(s.data_covered, Value::Bool(data_ok));
        f.set(s.fields_covered, Value::Bool(fields_ok));
        f.set(s.precision_covered, Value::Bool(precision_ok));
        f.set(s.recipient, Value::Bool(named));
    }
}

impl Gate {
    /// A ground releases no more than its own provision allows, however it was cited: for each
    /// category at least one ground found must cover what is asked.
    pub(crate) fn limit_by_grounds(&self, f: &mut Facts, found: &crate::ground::Found) {
        let s = self.slots;
        let wanted = f.int(s.precision).unwrap_or(i64::MAX);
        let mut worst = [true; 3];
        for category in kepil_law::book::bits(f.set_of(s.data)) {
            let mut best: Option<[bool; 3]> = None;
            for used in found.uses.iter().filter(|u| u.category == category) {
                let provision = self
                    .book
                    .rules
                    .get(used.rule as usize)
                    .and_then(|r| self.book.provisions.get(r.provision as usize));
                let covers = provision
                    .and_then(|p| p.limits.as_ref())
                    .map_or([true; 3], |l| {
                        let fields = l
                            .fields
                            .as_ref()
                            .is_none_or(|list| in_list(f.get(s.fields), list));
                        [
                            l.data.is_none_or(|m| m & bit(category) != 0),
                            fields,
                            l.precision.is_none_or(|p| wanted <= p),
                        ]
                    });
                if best.is_none_or(|b| {
                    covers.iter().filter(|c| **c).count() > b.iter().filter(|c| **c).count()
                }) {
                    best = Some(covers);
                }
            }
            for (w, b) in worst.iter_mut().zip(best.unwrap_or([true; 3])) {
                *w &= b;
            }
        }
        for (slot, ok) in [s.data_covered, s.fields_covered, s.precision_covered]
            .into_iter()
            .zip(worst)
        {
            if !ok {
                f.set(slot, Value::Bool(false));
            }
        }
    }
}

/// Whether the fields asked for are among those listed. Naming no field asks for the whole
/// category, which is more than any list allows.
fn within(asked: &Value, allowed: &Value) -> bool {
    match (asked, allowed) {
        (Value::Strs(a), Value::Strs(b)) => {
            !a.is_empty() && a.iter().all(|x| b.binary_search(x).is_ok())
        }
        _ => false,
    }
}

/// The same for the list of a provision.
fn in_list(asked: &Value, list: &[String]) -> bool {
    match asked {
        Value::Strs(a) => {
            !a.is_empty() && a.iter().all(|x| list.iter().any(|l| l.as_str() == &**x))
        }
        _ => false,
    }
}
