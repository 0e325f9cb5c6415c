//! Events: what is recorded, and how a decision becomes a payload and back.

use kepil_gate::record::{Parties, Record, hex};
use kepil_ledger::payload::{Payload, PayloadKind};
use kepil_ledger::period::Period;
use kepil_ledger::record::{DecisionCode, RecordKind, purpose_class};

/// One event about one person.
#[derive(Debug, Clone)]
pub struct Event {
    /// Whom it is about, by the register's reference.
    pub subject: String,
    /// What kind of event.
    pub kind: RecordKind,
    /// What was decided.
    pub decision: DecisionCode,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// What the person, and nobody else, may read.
    pub payload: Payload,
    /// For a use that a court ordered to be shown later: the month at whose end it opens.
    pub embargo: Option<Period>,
}

impl Event {
    /// The event of a decision.
    #[must_use]
    pub fn decision(record: &Record) -> Self {
        let payload = payload_of(record);
        Self {
            subject: subject_of(&record.who),
            kind: RecordKind::Access,
            decision: match record.verdict.as_str() {
                "ok" => DecisionCode::Permit,
                "human" => DecisionCode::Human,
                _ => DecisionCode::Deny,
            },
            time_ms: payload.at_ms,
            payload,
            embargo: None,
        }
    }

    /// Class of the purpose.
    #[must_use]
    pub fn purpose_class(&self) -> u16 {
        purpose_class(&self.payload.purpose)
    }
}

/// Whom a decision is about: the person, or the asking system where no person is named.
fn subject_of(who: &Parties) -> String {
    if who.person.is_empty() {
        format!("system:{}", who.system)
    } else {
        format!("person:{}", who.person)
    }
}

/// The payload of a decision's record.
#[must_use]
pub fn payload_of(record: &Record) -> Payload {
    let Record {
        v: _,
        at,
        who,
        actor,
        operation,
        cites,
        clock,
        facts,
        pack,
        law,
        verdict,
        strict,
        tests,
        grounds,
        missing,
        purpose,
        data,
        fields,
    } = record.clone();
    Payload {
        kind: PayloadKind::Decision,
        at_ms: u64::try_from(at).unwrap_or(0),
        system: who.system,
        official: who.official,
        mandate: who.mandate,
        person: who.person,
        request: who.request,
        repeat: who.repeat,
        actor,
        operation,
        purpose,
        categories: data,
        fields,
        cites,
        clock: clock.unwrap_or_default(),
        facts: unhex(&facts),
        pack: unhex(&pack),
        law: unhex(&law),
        verdict,
        strict,
        tests,
        grounds,
        missing,
        ..Payload::default()
    }
}

/// The decision's record in a payload; `None` when the payload is of something else.
#[must_use]
pub fn record_of(payload: &Payload) -> Option<Record> {
    if payload.kind == PayloadKind::Outcome {
        return None;
    }
    let p = payload.clone();
    Some(Record {
        v: 1,
        at: i64::try_from(p.at_ms).ok()?,
        who: Parties {
            system: p.system,
            official: p.official,
            mandate: p.mandate,
            person: p.person,
            request: p.request,
            repeat: p.repeat,
        },
        actor: p.actor,
        operation: p.operation,
        purpose: p.purpose,
        data: p.categories,
        fields: p.fields,
        cites: p.cites,
        clock: Some(p.clock).filter(|clock| !clock.is_empty()),
        facts: hex(&p.facts),
        pack: hex(&p.pack),
        law: hex(&p.law),
        verdict: p.verdict,
        strict: p.strict,
        tests: p.tests,
        grounds: p.grounds,
        missing: p.missing,
    })
}

/// Reads hexadecimal; anything else gives nothing.
fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .unwrap_or_default()
}
