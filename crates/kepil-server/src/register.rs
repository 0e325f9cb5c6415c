//! The registers a decision looks things up in: systems, agreements, officials, persons, consents,
//! measures, cases, orders, algorithms. Held in memory; the gate never asks a database.

use kepil_gate::Gate;
use kepil_gate::patch::PatchError;
use kepil_identity::id::MandateId;
use kepil_identity::mandate::{Mandate, MandateKind, Right};
use kepil_identity::official::OfficialMandate;
use kepil_law::vocab::{Mask, bit};
use kepil_law::{Facts, Slot, Value};
use kepil_ledger::period::Period;
use kepil_terms::Day;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a kind of record may say: the fact groups it fills.
const KINDS: &[(&str, &[&str])] = &[
    ("agreement", &["agreement"]),
    ("official", &["official"]),
    ("person", &["person", "dataset"]),
    ("dataset", &["dataset"]),
    ("consent", &["consent"]),
    ("measure", &["measure"]),
    ("act", &["act"]),
    ("case", &["case"]),
    ("order", &["notice", "special"]),
    ("algorithm", &["decision", "ai", "biometric", "service"]),
];
/// What a system's own entry may say.
const OF_SYSTEMS: &[&str] = &["system", "notice", "request", "person"];
/// What a caller may state itself; it is recorded as the caller's statement, and whatever a
/// register says stands over it.
pub const CLAIMS: &[&str] = &[
    "request", "review", "refusal", "product", "document", "payment", "clock",
];

/// The registers as they stand in `register.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterFile {
    /// Systems.
    pub systems: Vec<SystemEntry>,
    /// All other records.
    pub records: Vec<RecordEntry>,
    /// What officials may ask for, by whom they work for.
    #[serde(default)]
    pub mandates: Vec<OfficialMandate>,
    /// Powers that registers prove: parents, guardians, advocates.
    #[serde(default)]
    pub powers: Vec<PowerEntry>,
    /// Registers whose uses do not pass this gate, and why: said to the public.
    #[serde(default)]
    pub not_connected: Vec<NotConnected>,
}

/// A power that a register proves; it ends when it is taken out of this file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerEntry {
    /// Its id: 32 hexadecimal digits.
    pub id: MandateId,
    /// What kind.
    pub kind: MandateKind,
    /// Who acts.
    pub representative: String,
    /// For whom.
    pub represented: String,
    /// For what.
    pub rights: BTreeSet<Right>,
    /// The first day, such as 2026-07-12.
    pub from: String,
    /// The last day.
    pub until: String,
    /// The register and the record that prove it.
    pub source: String,
}

/// A register whose uses do not pass this gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotConnected {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub holder: String,
    /// Why it is not connected, and what is planned.
    pub why: String,
}

/// A registered system: a caller of the gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemEntry {
    /// Its id, which is also its client id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The actors of the vocabulary it may act as.
    pub actors: Vec<String>,
    /// Its public keys (JWK: `ES256` or `EdDSA`).
    pub keys: Vec<Json>,
    /// What the register knows of it.
    pub facts: Json,
}

/// A record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordEntry {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The systems that may refer to it; none = all.
    #[serde(default)]
    pub systems: Vec<String>,
    /// The persons it covers.
    #[serde(default)]
    pub persons: Vec<String>,
    /// What it says.
    pub facts: Json,
    /// Of a person: the birthday (such as 2015-03-01), for the powers of parents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<String>,
    /// Of a person: what services may learn where a law says so (`iin`, `name`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Of an order: the month (such as 202712) until whose end uses on it stay sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_until: Option<u32>,
}

/// A list of facts, ready to be laid over a row.
#[derive(Debug, Clone, Default)]
pub struct Layer(Vec<(Slot, Value)>);

impl Layer {
    /// What it says of a fact.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| *known == slot);
        found.map(|(_, value)| value)
    }

    /// Lays the facts over a row.
    pub fn lay(&self, facts: &mut Facts) {
        for (slot, value) in &self.0 {
            facts.set(*slot, value.clone());
        }
    }
}

/// A system, ready.
#[derive(Debug, Clone)]
pub struct System {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The actors it may act as.
    pub actors: Mask,
    /// Its public keys.
    pub keys: Vec<Json>,
    /// What is known of it.
    pub layer: Layer,
}

/// A record, ready.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The systems that may refer to it.
    pub systems: Vec<String>,
    /// The persons it covers.
    pub persons: Vec<String>,
    /// What it says.
    pub layer: Layer,
    /// Of a person: the birthday.
    pub born: Option<Day>,
    /// Of a person: what services may learn where a law says so.
    pub attributes: BTreeMap<String, String>,
    /// Of an order: the month until whose end uses on it stay sealed.
    pub sealed_until: Option<Period>,
}

impl Entry {
    /// Whether a system may refer to it.
    #[must_use]
    pub fn open_to(&self, system: &str) -> bool {
        self.systems.is_empty() || self.systems.iter().any(|s| s == system)
    }
}

/// The registers in memory.
#[derive(Debug, Default)]
pub struct Register {
    systems: HashMap<String, std::sync::Arc<System>>,
    records: HashMap<String, HashMap<String, Entry>>,
    mandates: Vec<OfficialMandate>,
    powers: Vec<Mandate>,
    not_connected: Vec<NotConnected>,
    unknown: Facts,
}

/// A register that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// A record is wrong.
    #[error("the {kind} `{id}` of the register: {what}")]
    Entry {
        /// Its kind.
        kind: String,
        /// Its id.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// The row of unfavourable assumptions is wrong.
    #[error("the pack's unknown.yaml: {0}")]
    Unknown(String),
}

impl Register {
    /// Checks the registers against the law's schema and makes them ready.
    ///
    /// # Errors
    /// At the first entry that does not fit.
    pub fn load(file: &RegisterFile, gate: &Gate) -> Result<Self, RegisterError> {
        let mut out = Self {
            unknown: unknown(gate)?,
            not_connected: file.not_connected.clone(),
            ..Self::default()
        };
        for s in &file.systems {
            let wrong = |what: String| RegisterError::Entry {
                kind: "system".into(),
                id: s.id.clone(),
                what,
            };
            let mut actors = 0;
            for a in &s.actors {
                let ix = gate.book().vocab.find("Actor", a);
                actors |=
                    bit(ix.ok_or_else(|| {
                        wrong(format!("`{a}` is not an actor of the vocabulary"))
                    })?);
            }
            let layer = layer(gate, &s.facts, OF_SYSTEMS).map_err(wrong)?;
            let system = System {
                id: s.id.clone(),
                name: s.name.clone(),
                actors,
                keys: s.keys.clone(),
                layer,
            };
            if out
                .systems
                .insert(s.id.clone(), std::sync::Arc::new(system))
                .is_some()
            {
                return Err(wrong("it stands there twice".into()));
            }
        }
        for (place, mandate) in file.mandates.iter().enumerate() {
            let wrong = |what: &str| RegisterError::Entry {
                kind: "mandate".into(),
                id: format!("mandates[{place}]"),
                what: what.to_owned(),
            };
            if !out.systems.contains_key(&mandate.system) {
                return Err(wrong("its system is not registered"));
            }
            let is_purpose = |name: &String| gate.book().vocab.find("Purpose", name).is_some();
            if !mandate.purposes.iter().all(is_purpose) {
                return Err(wrong(
                    "it names a purpose that the vocabulary does not have",
                ));
            }
            if mandate.until_ms <= mandate.from_ms {
                return Err(wrong("it ends before it begins"));
            }
            out.mandates.push(mandate.clone());
        }
        for (place, power) in file.powers.iter().enumerate() {
            let wrong = |what: &str| RegisterError::Entry {
                kind: "power".into(),
                id: format!("powers[{place}]"),
                what: what.to_owned(),
            };
            let day = |text: &str| {
                Day::parse(text).map_err(|_| wrong("its days are written as in 2026-07-12"))
            };
            let ms = |day: Day| u64::try_from(day.start().ms()).unwrap_or(0);
            let (from, until) = (day(&power.from)?, day(&power.until)?.next());
            if until <= from || power.rights.is_empty() || power.source.trim().is_empty() {
                return Err(wrong(
                    "it needs rights, a source, and a last day after its first",
                ));
            }
            out.powers.push(Mandate {
                id: power.id,
                representative: power.representative.clone(),
                represented: power.represented.clone(),
                kind: power.kind,
                source: power.source.clone(),
                rights: power.rights.clone(),
                from_ms: ms(from),
                until_ms: ms(until),
                proof: "register".to_owned(),
                revoked_ms: None,
            });
        }
        for (place, r) in file.records.iter().enumerate() {
            // By its place: an id may be a person's, and this goes into the node's logs.
            let wrong = |what: String| RegisterError::Entry {
                kind: format!("record ({})", r.kind.chars().take(20).collect::<String>()),
                id: format!("records[{place}]"),
                what,
            };
            let groups = KINDS.iter().find(|(k, _)| *k == r.kind).map(|(_, g)| *g);
            let groups = groups.ok_or_else(|| wrong("records of this kind do not exist".into()))?;
            let layer = layer(gate, &r.facts, groups).map_err(wrong)?;
            let sealed_until =
                match r.sealed_until {
                    Some(_) if r.kind != "order" => {
                        return Err(wrong("only an order may say `sealed_until`".into()));
                    }
                    Some(month) => Some(Period::new(month).ok_or_else(|| {
                        wrong("`sealed_until` is not a month such as 202712".into())
                    })?),
                    None => None,
                };
            let born = match r.born.as_deref() {
                Some(_) if r.kind != "person" => {
                    return Err(wrong("only a person may say `born`".into()));
                }
                Some(text) => Some(
                    Day::parse(text)
                        .map_err(|_| wrong("`born` is not a day such as 2015-03-01".into()))?,
                ),
                None => None,
            };
            if r.kind != "person" && !r.attributes.is_empty() {
                return Err(wrong("only a person may say `attributes`".into()));
            }
            let entry = Entry {
                attributes: r.attributes.clone(),
                born,
                sealed_until,
                systems: r.systems.clone(),
                persons: r.persons.clone(),
                layer,
            };
            if out
                .records
                .entry(r.kind.clone())
                .or_default()
                .insert(r.id.clone(), entry)
                .is_some()
            {
                return Err(wrong("it stands there twice".into()));
            }
        }
        Ok(out)
    }

    /// A system by its id.
    #[must_use]
    pub fn system(&self, id: &str) -> Option<&std::sync::Arc<System>> {
        self.systems.get(id)
    }

    /// A record by kind and id.
    #[must_use]
    pub fn record(&self, kind: &str, id: &str) -> Option<&Entry> {
        self.records.get(kind)?.get(id)
    }

    /// The row of unfavourable assumptions.
    #[must_use]
    pub fn unknown(&self) -> Facts {
        self.unknown.clone()
    }

    /// Everybody the registers speak of, each once, in order.
    #[must_use]
    pub fn persons(&self) -> Vec<String> {
        let own = self.records.get("person").into_iter().flatten();
        let own = own.map(|(id, _)| id.as_str());
        let covered = self.records.values().flat_map(HashMap::values);
        let covered = covered.flat_map(|entry| entry.persons.iter().map(String::as_str));
        let all: BTreeSet<&str> = own.chain(covered).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// The mandates of an official, in the order of the file.
    pub fn mandates_of<'a>(
        &'a self,
        official: &'a str,
    ) -> impl Iterator<Item = &'a OfficialMandate> {
        self.mandates
            .iter()
            .filter(move |mandate| mandate.official == official)
    }

    /// A power by its id.
    #[must_use]
    pub fn power(&self, id: MandateId) -> Option<&Mandate> {
        self.powers.iter().find(|power| power.id == id)
    }

    /// The powers that somebody has, and those that others have for that person.
    #[must_use]
    pub fn powers_of(&self, person: &str) -> (Vec<Mandate>, Vec<Mandate>) {
        let of = |is: &dyn Fn(&Mandate) -> bool| {
            let found = self.powers.iter().filter(|power| is(power));
            found.cloned().collect()
        };
        (
            of(&|power| power.representative == person),
            of(&|power| power.represented == person),
        )
    }

    /// Registers whose uses do not pass this gate.
    #[must_use]
    pub fn not_connected(&self) -> &[NotConnected] {
        &self.not_connected
    }

    /// The records of a kind, in order of their ids.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> Vec<(&str, &Entry)> {
        let records = self.records.get(kind).into_iter().flatten();
        let mut records: Vec<_> = records.map(|(id, entry)| (id.as_str(), entry)).collect();
        records.sort_unstable_by_key(|(id, _)| *id);
        records
    }

    /// Whether the register of officials says that a person is close to an official.
    #[must_use]
    pub fn is_close(&self, official: &str, person: &str) -> bool {
        let entry = self.record("official", official);
        entry.is_some_and(|entry| entry.persons.iter().any(|close| close == person))
    }

    /// All systems.
    pub fn systems(&self) -> impl Iterator<Item = &System> {
        self.systems.values().map(AsRef::as_ref)
    }
}

fn unknown(gate: &Gate) -> Result<Facts, RegisterError> {
    let text = gate
        .book()
        .extras
        .get("unknown.yaml")
        .ok_or_else(|| RegisterError::Unknown("it is missing".into()))?;
    let doc: Json =
        serde_saphyr::from_str(text).map_err(|e| RegisterError::Unknown(e.to_string()))?;
    let mut facts = gate.blank();
    gate.patcher()
        .apply(&mut facts, &doc)
        .map_err(|e| RegisterError::Unknown(e.to_string()))?;
    gate.patcher()
        .complete(&facts)
        .map_err(|e| RegisterError::Unknown(e.to_string()))?;
    Ok(facts)
}

/// Makes a layer of a document that may only speak of `groups`.
///
/// # Errors
/// When it speaks of something else, or a fact does not fit the schema.
pub fn layer(gate: &Gate, doc: &Json, groups: &[&str]) -> Result<Layer, String> {
    if doc.is_null() {
        return Ok(Layer::default());
    }
    let map = doc.as_object().ok_or("its facts must be an object")?;
    if let Some(group) = map.keys().find(|k| !groups.contains(&k.as_str())) {
        return Err(format!(
            "it may not speak of `{group}`, only of {}",
            groups.join(", ")
        ));
    }
    let mut facts = Facts::empty(gate.book().layout.slots().len());
    gate.patcher().apply(&mut facts, doc).map_err(|e| match e {
        // Without what stands there: it may be personal.
        PatchError::Type { path, expected, .. } => format!("the fact `{path}` must be {expected}"),
        PatchError::Term { path, kind, .. } => {
            format!("the fact `{path}` names no {kind} of the vocabulary")
        }
        e => e.to_string(),
    })?;
    let list = (0u16..)
        .zip(facts.values())
        .filter(|(_, v)| !matches!(v, Value::Absent))
        .map(|(s, v)| (s, v.clone()))
        .collect();
    Ok(Layer(list))
}
