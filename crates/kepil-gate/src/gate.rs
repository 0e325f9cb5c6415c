//! The gate itself: the law with everything looked up once, ready to decide.

use crate::cite::Citation;
use crate::patch::Patcher;
use kepil_law::rule::RuleIx;
use kepil_law::vocab::{Mask, TermIx};
use kepil_law::{Facts, Slot, StatuteBook, Value};
use kepil_terms::Instant;
use std::sync::Arc;

/// Everything that is known about one request, before the gate works anything out.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The event's time, from the gate's clock.
    pub at: Instant,
    /// Who asks (a term of `Actor`).
    pub actor: TermIx,
    /// By which operation (a term of `Action`).
    pub operation: TermIx,
    /// What is cited as the basis.
    pub citations: Vec<Citation>,
    /// The facts stated by the request and by the registers.
    pub facts: Facts,
    /// The id of the clock that runs, if one does.
    pub clock: Option<String>,
}

/// A gate that could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The schema lacks a fact the gate works with.
    #[error("the pack's schema lacks the fact `{0}`, which the gate works with")]
    Fact(&'static str),
    /// The vocabulary lacks something.
    #[error("the pack's vocabulary lacks {0}, which the gate works with")]
    Vocabulary(&'static str),
    /// A parameter is missing or unreadable.
    #[error("the parameter `{0}` is missing or cannot be read")]
    Parameter(&'static str),
}

macro_rules! slots {
    ($($name:ident => $path:literal),* $(,)?) => {
        /// The slots the gate reads or fills itself.
        #[derive(Debug, Clone, Copy)]
        #[expect(missing_docs, reason = "each is named after the fact it holds")]
        pub struct Slots { $(pub $name: Slot),* }

        impl Slots {
            fn new(book: &StatuteBook) -> Result<Self, GateError> {
                Ok(Self { $($name: book.layout.slot($path).ok_or(GateError::Fact($path))?),* })
            }
        }
    };
}

slots! {
    now => "now", hour => "hour",
    kind => "request.kind", data => "request.data", personal => "request.personal", fields => "request.fields",
    purpose => "request.purpose", precision => "request.precision",
    cited => "basis.cited", in_force => "basis.in_force", rank => "basis.rank", consent_cited => "basis.consent",
    contract_cited => "basis.contract", own_right => "basis.own_right", public_source => "basis.public_source",
    emergency => "basis.emergency", sanitary => "basis.sanitary", unloaded => "basis.unloaded",
    closed_list => "basis.closed_list", delegation => "basis.delegation_unbroken", by_law_cited => "basis.by_law_cited",
    found => "ground.found", named => "ground.named_by_law", explicit => "ground.explicit_law", lawful => "ground.law_or_consent",
    data_covered => "limit.data_covered", fields_covered => "limit.fields_covered",
    precision_covered => "limit.precision_covered", recipient => "limit.recipient_named",
    clock_start => "person.clock_start", term => "person.term", clock_end => "person.clock_end",
    trial_start => "system.trial_start", trial_end => "system.trial_end",
    ag_data => "agreement.data", ag_fields => "agreement.fields", ag_listed => "agreement.fields_listed",
    ag_precision => "agreement.precision", ag_recipients => "agreement.recipients",
    consent => "consent", withdrawn_at => "consent.withdrawn_at", withdrawal => "consent.withdrawal_effective",
    measure => "measure", m_data => "measure.data", m_fields => "measure.fields", m_listed => "measure.fields_listed",
    m_precision => "measure.precision", m_recipients => "measure.recipients", m_end => "measure.end",
    act => "act", act_rank => "act.rank", act_competent => "act.issuer_competent", act_mandate => "act.mandate_shown",
    act_published => "act.published", act_text => "act.text_loaded", act_start => "act.start", act_end => "act.end",
    act_parent_end => "act.parent_end", act_powers => "act.powers", act_parent_powers => "act.parent_powers",
    act_law_powers => "act.law_powers", act_claims => "act.claims_data", act_complaint => "act.complaint_pending",
    act_exception => "act.written_exception", act_suspended => "act.suspended",
    until => "notice.until", deferral => "notice.deferral", final_decision => "notice.final_decision", latest => "notice.latest",
    clock => "clock", clock_from => "clock.from", clock_due => "clock.due", clock_text => "clock.text_loaded",
    p_evidence => "param.evidence_max_age", p_review => "param.review_interval", p_seconds => "param.human_review_min_seconds",
    p_group => "param.min_group_size", p_disparity => "param.disparity_threshold", p_foreigner => "param.foreigner_equal",
}

/// What the gate needs to know of a rule when it has passed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RuleNote {
    /// It waits for a by-law that is what permits.
    pub waits_for_permit: bool,
    /// It waits for a by-law that sets form.
    pub waits_for_form: bool,
    /// Its act can refuse what a law grants in so many words.
    pub binds: bool,
}

/// The law, ready to decide.
#[derive(Debug)]
pub struct Gate {
    pub(crate) book: Arc<StatuteBook>,
    pub(crate) slots: Slots,
    pub(crate) notes: Vec<RuleNote>,
    pub(crate) personal: Mask,
    pub(crate) persons: Mask,
    pub(crate) no_data: TermIx,
    pub(crate) kinds: Kinds,
    template: Facts,
    pack: String,
}

/// The four kinds of request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinds {
    pub access: TermIx,
    pub measure: TermIx,
    pub duty: TermIx,
}

impl Gate {
    /// Looks everything up once.
    ///
    /// # Errors
    /// When the pack lacks something the gate works with.
    pub fn new(book: Arc<StatuteBook>) -> Result<Self, GateError> {
        let slots = Slots::new(&book)?;
        let class = |t: &str, id: &str| book.class_mask(t, id);
        let kind = |id: &str| book.vocab.find("Kind", id);
        let gate = Self {
            personal: class("CategoryClass", "personal")
                .ok_or(GateError::Vocabulary("the class `personal` of categories"))?,
            persons: class("ActorClass", "person")
                .ok_or(GateError::Vocabulary("the class `person` of actors"))?,
            no_data: book
                .vocab
                .find("Category", "none")
                .ok_or(GateError::Vocabulary("the category `none`"))?,
            kinds: Kinds {
                access: kind("access").ok_or(GateError::Vocabulary("the kind `access`"))?,
                measure: kind("measure").ok_or(GateError::Vocabulary("the kind `measure`"))?,
                duty: kind("duty").ok_or(GateError::Vocabulary("the kind `duty`"))?,
            },
            notes: notes(&book),
            template: template(&book, &slots)?,
            slots,
            pack: crate::record::hex(&book.hash),
            book,
        };
        Ok(gate)
    }

    /// The statute book.
    #[must_use]
    pub fn book(&self) -> &StatuteBook {
        &self.book
    }

    /// The hash of the pack, in hexadecimal.
    #[must_use]
    pub fn pack(&self) -> &str {
        &self.pack
    }

    /// The statute book, shared.
    #[must_use]
    pub fn shared_book(&self) -> Arc<StatuteBook> {
        Arc::clone(&self.book)
    }

    /// A row of facts with the parameters filled in and nothing else.
    #[must_use]
    pub fn blank(&self) -> Facts {
        self.template.clone()
    }

    /// Puts documents into rows, refusing facts the gate works out.
    #[must_use]
    pub fn patcher(&self) -> Patcher<'_> {
        Patcher {
            book: &self.book,
            derived_too: false,
        }
    }

    /// The slots the gate works with.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        &self.slots
    }
}

fn notes(book: &StatuteBook) -> Vec<RuleNote> {
    use kepil_law::catalogue::SlotEffect;
    book.rules
        .iter()
        .map(|r| RuleNote {
            waits_for_permit: book.waits_for(r.provision, SlotEffect::Permits),
            waits_for_form: book.waits_for(r.provision, SlotEffect::Form),
            binds: book
                .instrument_of(r.provision)
                .is_some_and(|i| book.binds_against_a_law(i)),
        })
        .collect()
}

fn template(book: &StatuteBook, slots: &Slots) -> Result<Facts, GateError> {
    let mut facts = Facts::empty(book.layout.slots().len());
    for (i, def) in book.layout.slots().iter().enumerate() {
        if def.ty == kepil_law::schema::SlotType::Record
            && !def.optional
            && let Ok(slot) = Slot::try_from(i)
        {
            facts.set(slot, Value::Present);
        }
    }
    let value = |id: &'static str| {
        book.parameter(id)
            .map(|p| p.value.as_str())
            .ok_or(GateError::Parameter(id))
    };
    let ms = |id: &'static str| -> Result<Value, GateError> {
        kepil_terms::Term::parse(value(id)?)
            .ok()
            .and_then(kepil_terms::Term::fixed_ms)
            .map(Value::Int)
            .ok_or(GateError::Parameter(id))
    };
    let number = |id: &'static str| -> Result<Value, GateError> {
        value(id)?
            .parse()
            .ok()
            .map(Value::Int)
            .ok_or(GateError::Parameter(id))
    };
    facts.set(slots.p_evidence, ms("evidence_max_age")?);
    facts.set(slots.p_review, ms("review_interval")?);
    facts.set(slots.p_seconds, number("human_review_min_seconds")?);
    facts.set(slots.p_group, number("min_group_size")?);
    facts.set(slots.p_disparity, number("disparity_threshold_permille")?);
    facts.set(slots.p_foreigner, Value::Bool(value("I8")? == "true"));
    Ok(facts)
}

/// A rule by its number.
pub(crate) fn rule(book: &StatuteBook, ix: RuleIx) -> Option<&kepil_law::rule::Rule> {
    book.rules.get(ix as usize)
}
