//! What a decision leaves behind: one line of canonical JSON from which it can be decided again.

use crate::cite::Citation;
use crate::decision::{Decision, Outcome};
use crate::gate::{Gate, Scene};
use kepil_law::book::bits;
use kepil_law::{Facts, Value};
use kepil_terms::Instant;
use serde::{Deserialize, Serialize};

/// Who and what a decision was about, beyond what the law looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    /// The asking system, by its register id.
    pub system: String,
    /// The official, by the service's own pseudonym.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub official: String,
    /// The mandate the official acts under.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mandate: String,
    /// The person, by the register's reference (never a national number).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// The caller's request id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Hash of the caller's idempotency key and body, so that a repetition is known after a restart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub repeat: String,
}

/// The record of a decision.
///
/// INVARIANT: members stand in this order and hold no floats, so equal decisions are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this layout.
    pub v: u8,
    /// The event's time, milliseconds since 1970.
    pub at: i64,
    /// Who and what.
    pub who: Parties,
    /// The actor.
    pub actor: String,
    /// The operation.
    pub operation: String,
    /// The purpose.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// The data categories asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<String>,
    /// The fields asked for; none = all of the categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What was cited.
    pub cites: Vec<String>,
    /// The clock that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// The stated facts, coded (see [`encode`]).
    pub facts: String,
    /// Hash of the pack.
    pub pack: String,
    /// Hash of the law version.
    pub law: String,
    /// The verdict.
    pub verdict: String,
    /// The strict verdict.
    pub strict: String,
    /// Tests that had something to look at, as `T01=pass`; a failed one names the rule that failed,
    /// as in `T02=deny KZ-DC-2026#5.1/1`.
    pub tests: Vec<String>,
    /// Grounds found, by rule id.
    pub grounds: Vec<String>,
    /// What was missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A record that cannot be decided again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The coded facts do not fit the layout.
    #[error("the facts of the record do not fit the pack's schema")]
    Facts,
    /// A term is unknown.
    #[error("the record names `{0}`, which the pack's vocabulary does not hold")]
    Term(String),
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        let _ = write!(out, "{b:02x}");
    }
    out
}

impl Gate {
    /// Makes the record of a decision; `scene` is the scene as it was put before the gate.
    #[must_use]
    pub fn record(&self, scene: &Scene, decision: &Decision, who: Parties) -> Record {
        let book = self.book();
        let id = |ty: &str, ix| {
            let t = book.vocab.type_named(ty);
            t.and_then(|t| book.vocab.def(t, ix))
                .map(|d| d.id.clone())
                .unwrap_or_default()
        };
        Record {
            v: 1,
            at: scene.at.ms(),
            who,
            actor: id("Actor", scene.actor),
            operation: id("Action", scene.operation),
            purpose: match scene.facts.get(self.slots.purpose) {
                Value::Id(ix) => id("Purpose", *ix),
                _ => String::new(),
            },
            data: categories(self, &scene.facts),
            fields: match scene.facts.get(self.slots.fields) {
                Value::Strs(list) => list.iter().map(ToString::to_string).collect(),
                _ => Vec::new(),
            },
            cites: scene.citations.iter().map(|c| c.text(book)).collect(),
            clock: scene.clock.clone(),
            facts: encode(&scene.facts),
            pack: self.pack().to_owned(),
            law: hex(&decision.law),
            verdict: decision.verdict.to_string(),
            strict: decision.strict.to_string(),
            tests: book
                .tests
                .iter()
                .zip(&decision.tests)
                .filter(|(_, r)| {
                    !matches!(
                        r.outcome,
                        Outcome::NotApplicable | Outcome::LawNotYetInForce
                    )
                })
                .map(|(t, r)| {
                    let by = r
                        .rule
                        .filter(|_| r.outcome.failed())
                        .and_then(|ix| crate::gate::rule(book, ix));
                    by.map_or_else(
                        || format!("{}={}", t.id, r.outcome.as_str()),
                        |by| format!("{}={} {}", t.id, r.outcome.as_str(), by.id),
                    )
                })
                .collect(),
            grounds: decision
                .grounds
                .iter()
                .filter_map(|g| crate::gate::rule(book, g.rule))
                .map(|r| r.id.clone())
                .collect(),
            missing: decision.missing.clone(),
        }
    }

    /// The scene of a record, to be decided again.
    ///
    /// # Errors
    /// When the pack no longer fits the record.
    pub fn scene_of(&self, record: &Record) -> Result<Scene, RecordError> {
        let book = self.book();
        let term = |ty: &str, id: &str| {
            book.vocab
                .find(ty, id)
                .ok_or_else(|| RecordError::Term(id.to_owned()))
        };
        let mut facts =
            decode(&record.facts, book.layout.slots().len()).ok_or(RecordError::Facts)?;
        // Parameters belong to the law, not to the request.
        let blank = self.blank();
        for (slot, def) in (0u16..).zip(book.layout.slots()) {
            if def.path.starts_with("param.") {
                facts.set(slot, blank.get(slot).clone());
            }
        }
        Ok(Scene {
            at: Instant::from_ms(record.at),
            actor: term("Actor", &record.actor)?,
            operation: term("Action", &record.operation)?,
            citations: record
                .cites
                .iter()
                .map(|c| Citation::parse(c, book))
                .collect(),
            facts,
            clock: record.clock.clone(),
        })
    }
}

const ALPHABET: &[u8; 16] = b"0123456789abcdef";

/// Codes a row of facts: one tag byte a slot, then its value; runs of empty slots are counted.
/// The bytes are written in hexadecimal.
#[must_use]
pub fn encode(facts: &Facts) -> String {
    let mut bytes = Vec::with_capacity(400);
    let mut empty = 0u64;
    for v in facts.values() {
        if matches!(v, Value::Absent) {
            empty += 1;
            continue;
        }
        if empty > 0 {
            bytes.push(0);
            varint(&mut bytes, u128::from(empty));
            empty = 0;
        }
        match v {
            Value::Absent => {}
            Value::Present => bytes.push(1),
            Value::Bool(false) => bytes.push(2),
            Value::Bool(true) => bytes.push(3),
            Value::Int(i) => {
                bytes.push(4);
                bytes.extend_from_slice(&i.to_be_bytes());
            }
            Value::Id(i) => {
                bytes.push(5);
                varint(&mut bytes, u128::from(*i));
            }
            Value::Set(m) => {
                bytes.push(6);
                varint(&mut bytes, *m);
            }
            Value::Strs(list) => {
                bytes.push(7);
                varint(&mut bytes, list.len() as u128);
                for s in list.iter() {
                    varint(&mut bytes, s.len() as u128);
                    bytes.extend_from_slice(s.as_bytes());
                }
            }
        }
    }
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        for nibble in [b >> 4, b & 15] {
            out.push(char::from(
                ALPHABET.get(usize::from(nibble)).copied().unwrap_or(b'0'),
            ));
        }
    }
    out
}

/// Reads what [`encode`] wrote; `None` if it is anything else.
#[must_use]
pub fn decode(text: &str, slots: usize) -> Option<Facts> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks(2) {
        let [hi, lo] = pair else { return None };
        let digit = |c: &u8| {
            char::from(*c)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        bytes.push(digit(hi)? << 4 | digit(lo)?);
    }
    let mut facts = Facts::empty(slots);
    let (mut rest, mut slot) = (bytes.as_slice(), 0u16);
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        if usize::from(slot) >= slots {
            return None;
        }
        let value = match tag {
            0 => {
                let n = u16::try_from(read_varint(&mut rest)?).ok()?;
                slot = slot.checked_add(n)?;
                continue;
            }
            1 => Value::Present,
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            4 => {
                let (head, tail) = rest.split_first_chunk::<8>()?;
                rest = tail;
                Value::Int(i64::from_be_bytes(*head))
            }
            5 => Value::Id(u16::try_from(read_varint(&mut rest)?).ok()?),
            6 => Value::Set(read_varint(&mut rest)?),
            7 => {
                let n = usize::try_from(read_varint(&mut rest)?)
                    .ok()
                    .filter(|n| *n <= rest.len())?;
                let mut list: Vec<Box<str>> = Vec::with_capacity(n);
                for _ in 0..n {
                    let len = usize::try_from(read_varint(&mut rest)?).ok()?;
                    let (head, tail) = rest.split_at_checked(len)?;
                    rest = tail;
                    list.push(std::str::from_utf8(head).ok()?.into());
                }
                Value::Strs(list.into())
            }
            _ => return None,
        };
        facts.set(slot, value);
        slot = slot.checked_add(1)?;
    }
    Some(facts)
}

fn varint(out: &mut Vec<u8>, mut v: u128) {
    while v >= 0x80 {
        out.push((v & 0x7f) as u8 | 0x80);
        v >>= 7;
    }
    out.push((v & 0x7f) as u8);
}

fn read_varint(rest: &mut &[u8]) -> Option<u128> {
    let (mut v, mut shift) = (0u128, 0u32);
    loop {
        let (b, after) = rest.split_first()?;
        *rest = after;
        v |= u128::from(b & 0x7f).checked_shl(shift)?;
        if b & 0x80 == 0 {
            return Some(v);
        }
        shift = shift.checked_add(7).filter(|s| *s < 128)?;
    }
}

/// The categories of a row, by their ids.
#[must_use]
pub fn categories(gate: &Gate, facts: &Facts) -> Vec<String> {
    let ty = gate.book().vocab.type_named("Category");
    bits(facts.set_of(gate.slots().data))
        .filter_map(|c| gate.book().vocab.def(ty?, c).map(|d| d.id.clone()))
        .collect()
}
