//! Reads facts from documents (requests, records, cases) into the row of slots, by the schema.

use kepil_law::schema::SlotType;
use kepil_law::vocab::bit;
use kepil_law::{Facts, Slot, StatuteBook, Value};
use kepil_terms::Term;
use kepil_terms::instant::day_or_instant;
use serde_json::Value as Json;

/// A fact that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// No such fact.
    #[error("there is no fact `{path}`; the facts are listed in the pack's schema.cedarschema")]
    Unknown {
        /// Its path.
        path: String,
    },
    /// The gate works it out itself.
    #[error("the fact `{path}` is worked out by the gate and cannot be stated")]
    Derived {
        /// Its path.
        path: String,
    },
    /// Another type.
    #[error("the fact `{path}` must be {expected}, not `{found}`")]
    Type {
        /// Its path.
        path: String,
        /// What it must be.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A term that the vocabulary does not hold.
    #[error("`{term}` in `{path}` is not a {kind} of the vocabulary")]
    Term {
        /// Its path.
        path: String,
        /// The term.
        term: String,
        /// The type.
        kind: String,
    },
    /// A record that must be there is missing something.
    #[error("the record `{record}` lacks `{member}`")]
    Incomplete {
        /// The record.
        record: String,
        /// What it lacks.
        member: String,
    },
}

/// Puts facts into rows.
#[derive(Debug, Clone, Copy)]
pub struct Patcher<'a> {
    /// The statute book whose schema and vocabulary apply.
    pub book: &'a StatuteBook,
    /// Whether facts the gate works out may be stated too (never from outside).
    pub derived_too: bool,
}

impl Patcher<'_> {
    /// Applies a document of records, such as `{person: {age: 15}, measure: null}`.
    ///
    /// # Errors
    /// At the first fact that cannot be read.
    pub fn apply(&self, facts: &mut Facts, document: &Json) -> Result<(), PatchError> {
        self.members(facts, "", document)
    }

    fn members(&self, facts: &mut Facts, prefix: &str, document: &Json) -> Result<(), PatchError> {
        let Json::Object(map) = document else {
            return Err(self.wrong(prefix, "a record", document));
        };
        for (name, value) in map {
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            self.fact(facts, &path, value)?;
        }
        Ok(())
    }

    fn fact(&self, facts: &mut Facts, path: &str, json: &Json) -> Result<(), PatchError> {
        let unknown = || PatchError::Unknown { path: short(path) };
        let slot = self.book.layout.slot(path).ok_or_else(unknown)?;
        let def = self.book.layout.def(slot).ok_or_else(unknown)?;
        if def.derived && !self.derived_too {
            return Err(PatchError::Derived { path: short(path) });
        }
        if json.is_null() {
            if !def.optional {
                return Err(self.wrong(path, "present", json));
            }
            self.clear(facts, slot, path);
            return Ok(());
        }
        if def.ty == SlotType::Record {
            facts.set(slot, Value::Present);
            return self.members(facts, path, json);
        }
        facts.set(slot, self.value(path, &def.ty, json)?);
        Ok(())
    }

    fn clear(&self, facts: &mut Facts, slot: Slot, path: &str) {
        facts.set(slot, Value::Absent);
        let inside = format!("{path}.");
        for (i, def) in self.book.layout.slots().iter().enumerate() {
            if def.path.starts_with(&inside)
                && let Ok(i) = Slot::try_from(i)
            {
                facts.set(i, Value::Absent);
            }
        }
    }

    fn wrong(&self, path: &str, expected: &str, found: &Json) -> PatchError {
        PatchError::Type {
            path: short(path),
            expected: expected.to_owned(),
            found: short(&found.to_string()),
        }
    }

    fn value(&self, path: &str, ty: &SlotType, json: &Json) -> Result<Value, PatchError> {
        let wrong = |expected: &str| self.wrong(path, expected, json);
        Ok(match ty {
            SlotType::Record => return Err(wrong("a record")),
            SlotType::Bool => Value::Bool(json.as_bool().ok_or_else(|| wrong("true or false"))?),
            SlotType::Long(names) => match json {
                Json::String(s) => {
                    let at = names
                        .iter()
                        .position(|n| n == s)
                        .and_then(|i| i64::try_from(i).ok());
                    Value::Int(at.ok_or_else(|| {
                        wrong(&format!("a whole number or one of {}", names.join(", ")))
                    })?)
                }
                _ => {
                    let n = json
                        .as_i64()
                        .filter(|n| (-1_000_000_000_000..=1_000_000_000_000).contains(n));
                    Value::Int(n.ok_or_else(|| wrong("a whole number"))?)
                }
            },
            SlotType::Datetime => {
                let text = json.as_str().ok_or_else(|| wrong("a time or a day"))?;
                Value::Int(
                    day_or_instant(text)
                        .map_err(|_| wrong("a time with its offset, or a day"))?
                        .ms(),
                )
            }
            SlotType::Duration => {
                let text = json
                    .as_str()
                    .ok_or_else(|| wrong("a duration such as P14D"))?;
                let ms = Term::parse(text).ok().and_then(Term::fixed_ms);
                Value::Int(ms.ok_or_else(|| wrong("a duration of days or hours such as P14D"))?)
            }
            SlotType::Term(t) => Value::Id(self.term(path, *t, json)?),
            SlotType::Terms(t) => {
                if json.as_str() == Some("all") {
                    return Ok(Value::Set(self.book.vocab.all(*t)));
                }
                let list = json.as_array().ok_or_else(|| wrong("a list"))?;
                let mut mask = 0;
                for item in list {
                    mask |= bit(self.term(path, *t, item)?);
                }
                Value::Set(mask)
            }
            SlotType::Strings => {
                let list = json.as_array().ok_or_else(|| wrong("a list of names"))?;
                let mut names: Vec<Box<str>> = Vec::with_capacity(list.len());
                for item in list {
                    names.push(
                        item.as_str()
                            .ok_or_else(|| wrong("a list of names"))?
                            .into(),
                    );
                }
                names.sort_unstable();
                names.dedup();
                Value::Strs(names.into())
            }
        })
    }

    fn term(&self, path: &str, ty: u16, json: &Json) -> Result<u16, PatchError> {
        let kind = self
            .book
            .vocab
            .types()
            .get(usize::from(ty))
            .map_or("", |t| t.name.as_str());
        let text = json
            .as_str()
            .ok_or_else(|| self.wrong(path, &format!("a {kind}"), json))?;
        self.book
            .vocab
            .term(ty, text)
            .ok_or_else(|| PatchError::Term {
                path: short(path),
                term: short(text),
                kind: kind.to_owned(),
            })
    }

    /// Checks that every record that is present has everything that is not optional.
    ///
    /// # Errors
    /// Naming the first thing that is missing.
    pub fn complete(&self, facts: &Facts) -> Result<(), PatchError> {
        match self.book.layout.missing(facts) {
            None => Ok(()),
            Some(def) => {
                let (record, member) = def.path.rsplit_once('.').unwrap_or(("", &def.path));
                Err(PatchError::Incomplete {
                    record: record.to_owned(),
                    member: member.to_owned(),
                })
            }
        }
    }
}

/// The inverse of [`Patcher::apply`]: the stated facts of a row as documents, by record.
#[must_use]
pub fn documents(book: &StatuteBook, facts: &Facts) -> serde_json::Map<String, Json> {
    let mut out = serde_json::Map::new();
    for (slot, def) in (0u16..).zip(book.layout.slots()) {
        if def.derived || !facts.has(slot) {
            continue;
        }
        let value = match (&def.ty, facts.get(slot)) {
            (SlotType::Record, _) => {
                out.entry(def.path.clone())
                    .or_insert_with(|| Json::Object(serde_json::Map::new()));
                continue;
            }
            (SlotType::Datetime, Value::Int(ms)) => {
                kepil_terms::Instant::from_ms(*ms).to_rfc3339().into()
            }
            (SlotType::Duration, Value::Int(ms)) if ms % 86_400_000 == 0 => {
                format!("P{}D", ms / 86_400_000).into()
            }
            (SlotType::Duration, Value::Int(ms)) => format!("PT{}S", ms / 1000).into(),
            (SlotType::Long(names), Value::Int(n)) => {
                let name = usize::try_from(*n).ok().and_then(|i| names.get(i));
                name.map_or_else(|| Json::from(*n), |s| Json::from(s.as_str()))
            }
            (_, Value::Bool(b)) => Json::Bool(*b),
            (SlotType::Term(t), Value::Id(ix)) => term_id(book, *t, *ix),
            (SlotType::Terms(t), Value::Set(m)) => Json::Array(
                kepil_law::book::bits(*m)
                    .map(|ix| term_id(book, *t, ix))
                    .collect(),
            ),
            (_, Value::Strs(list)) => Json::Array(list.iter().map(|s| Json::from(&**s)).collect()),
            _ => continue,
        };
        match def.path.split_once('.') {
            None => {
                out.insert(def.path.clone(), value);
            }
            Some((record, member)) => {
                let entry = out
                    .entry(record.to_owned())
                    .or_insert_with(|| Json::Object(serde_json::Map::new()));
                if let Json::Object(map) = entry {
                    map.insert(member.to_owned(), value);
                }
            }
        }
    }
    out
}

fn term_id(book: &StatuteBook, ty: u16, ix: u16) -> Json {
    book.vocab
        .def(ty, ix)
        .map_or(Json::Null, |d| Json::from(d.id.as_str()))
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
