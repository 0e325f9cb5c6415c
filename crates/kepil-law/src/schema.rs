//! The typed schema of facts: one slot per fact, laid out from the pack's Cedar schema.

use crate::error::Faults;
use crate::value::Slot;
use crate::vocab::{TypeIx, Vocabulary, one_line};
use cedar_policy::{Schema, SchemaFragment};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a slot can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotType {
    /// A record: the slot says whether it is present.
    Record,
    /// Yes or no.
    Bool,
    /// A whole number, perhaps with names for its values (`yes_no` = 0).
    Long(Vec<String>),
    /// An instant.
    Datetime,
    /// A length of time.
    Duration,
    /// A term of this type.
    Term(TypeIx),
    /// A set of terms of this type.
    Terms(TypeIx),
    /// A set of free strings.
    Strings,
}

/// One fact.
#[derive(Debug, Clone)]
pub struct SlotDef {
    /// Path, as in `measure.end`.
    pub path: String,
    /// What it holds.
    pub ty: SlotType,
    /// Whether it may be missing while its record is present.
    pub optional: bool,
    /// Whether the gate works it out itself.
    pub derived: bool,
    /// What it means.
    pub doc: String,
}

/// The layout of all facts, and the Cedar schema it was made from.
#[derive(Debug, Clone)]
pub struct Layout {
    slots: Vec<SlotDef>,
    by_path: BTreeMap<String, Slot>,
    /// Slots that must be stated while their record is there, with the slot of the record.
    required: Vec<(Slot, Option<Slot>)>,
    schema: Schema,
}

impl Layout {
    /// Reads the Cedar schema, adds the actions of the vocabulary and lays out the slots.
    pub(crate) fn load(
        file: &str,
        text: &str,
        vocab: &mut Vocabulary,
        faults: &mut Faults,
    ) -> Option<Self> {
        let full = format!("{text}\n{}", actions(vocab));
        let fragment = match SchemaFragment::from_cedarschema_str(&full) {
            Ok((fragment, warnings)) => {
                for w in warnings {
                    faults.add(
                        file,
                        0,
                        format!("the schema has a warning: {}", one_line(&w)),
                        "mend it",
                    );
                }
                fragment
            }
            Err(e) => {
                faults.add(
                    file,
                    0,
                    format!("the schema cannot be read: {}", one_line(&e)),
                    "mend it",
                );
                return None;
            }
        };
        let json = match fragment.clone().to_json_value() {
            Ok(j) => j,
            Err(e) => {
                faults.add(
                    file,
                    0,
                    format!("the schema cannot be laid out: {e}"),
                    "mend it",
                );
                return None;
            }
        };
        let schema = match Schema::from_schema_fragments([fragment]) {
            Ok(s) => s,
            Err(e) => {
                faults.add(
                    file,
                    0,
                    format!("the schema does not hold together: {}", one_line(&e)),
                    "mend it",
                );
                return None;
            }
        };
        let root = json.get("")?;
        enums(root, vocab);
        let mut build = Build {
            file,
            types: root.get("commonTypes")?,
            vocab,
            faults,
            slots: Vec::new(),
        };
        build.record("", "Facts", false);
        let slots = build.slots;
        let by_path = slots
            .iter()
            .enumerate()
            .filter_map(|(i, s)| Slot::try_from(i).ok().map(|i| (s.path.clone(), i)))
            .collect();
        let by_path: BTreeMap<String, Slot> = by_path;
        let required = (0..)
            .zip(&slots)
            .filter(|(_, d)| !d.optional && !d.derived)
            .map(|(i, d)| {
                let record = d
                    .path
                    .rsplit_once('.')
                    .and_then(|(r, _)| by_path.get(r).copied());
                (i, record)
            })
            .collect();
        Some(Self {
            slots,
            by_path,
            required,
            schema,
        })
    }

    /// The slot of a path.
    #[must_use]
    pub fn slot(&self, path: &str) -> Option<Slot> {
        self.by_path.get(path).copied()
    }

    /// The definition of a slot.
    #[must_use]
    pub fn def(&self, slot: Slot) -> Option<&SlotDef> {
        self.slots.get(usize::from(slot))
    }

    /// All slots, in order.
    #[must_use]
    pub fn slots(&self) -> &[SlotDef] {
        &self.slots
    }

    /// The members of a record, with their slots.
    pub fn members<'a>(&'a self, record: &'a str) -> impl Iterator<Item = (Slot, &'a SlotDef)> {
        self.slots.iter().enumerate().filter_map(move |(i, s)| {
            let (parent, _) = s.path.rsplit_once('.')?;
            (parent == record).then_some((Slot::try_from(i).ok()?, s))
        })
    }

    /// The first fact that must be stated and is not, while its record is there.
    #[must_use]
    pub fn missing(&self, facts: &crate::value::Facts) -> Option<&SlotDef> {
        let (slot, _) = self
            .required
            .iter()
            .find(|(slot, record)| !facts.has(*slot) && record.is_none_or(|r| facts.has(r)))?;
        self.def(*slot)
    }

    /// The Cedar schema.
    #[must_use]
    pub fn cedar(&self) -> &Schema {
        &self.schema
    }
}

/// The action declarations of the vocabulary, as Cedar schema text.
fn actions(vocab: &Vocabulary) -> String {
    let mut out = String::new();
    let mut groups: BTreeMap<&str, u128> = BTreeMap::new();
    for (class_type, id, _, mask) in vocab.classes() {
        if class_type == "Action" {
            groups.insert(id, mask);
        }
    }
    for group in groups.keys() {
        out.push_str(&format!("action \"{group}\";\n"));
    }
    let Some(t) = vocab.types().iter().find(|t| t.name == "Action") else {
        return out;
    };
    for (i, term) in t.terms.iter().enumerate() {
        let bit = crate::vocab::bit(u16::try_from(i).unwrap_or(u16::MAX));
        let within: Vec<String> = groups
            .iter()
            .filter(|(_, mask)| **mask & bit != 0)
            .map(|(g, _)| format!("\"{g}\""))
            .collect();
        let within = if within.is_empty() {
            String::new()
        } else {
            format!(" in [{}]", within.join(", "))
        };
        out.push_str(&format!(
            "action \"{}\"{within} appliesTo {{ principal: [Actor], resource: [Use, Category], context: Facts }};\n",
            term.id
        ));
    }
    out
}

fn enums(root: &Json, vocab: &mut Vocabulary) {
    let Some(Json::Object(types)) = root.get("entityTypes") else {
        return;
    };
    for (name, def) in types {
        let Some(Json::Array(ids)) = def.get("enum") else {
            continue;
        };
        let ix = vocab.push_type(name);
        for id in ids.iter().filter_map(Json::as_str) {
            let label = kepil_terms::Text {
                en: id.replace('_', " "),
                ..Default::default()
            };
            vocab.push_term(ix, id, label);
        }
    }
}

struct Build<'a> {
    file: &'a str,
    types: &'a Json,
    vocab: &'a Vocabulary,
    faults: &'a mut Faults,
    slots: Vec<SlotDef>,
}

impl Build<'_> {
    fn record(&mut self, path: &str, type_name: &str, derived: bool) {
        let Some(Json::Object(members)) =
            self.types.get(type_name).and_then(|t| t.get("attributes"))
        else {
            self.faults.add(
                self.file,
                0,
                format!("the record type `{type_name}` is not defined"),
                "define it",
            );
            return;
        };
        for (name, def) in members {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            self.member(&path, def, derived);
        }
    }

    fn member(&mut self, path: &str, def: &Json, inherited: bool) {
        let note = |k: &str| {
            def.get("annotations")
                .and_then(|a| a.get(k))
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let optional = def.get("required").and_then(Json::as_bool) == Some(false);
        let derived = inherited || note("derived") == "true";
        let kind = def.get("type").and_then(Json::as_str).unwrap_or_default();
        let name = def.get("name").and_then(Json::as_str).unwrap_or_default();
        let element = def
            .get("element")
            .and_then(|e| e.get("name"))
            .and_then(Json::as_str)
            .unwrap_or_default();
        let names: Vec<String> = note("names")
            .split(',')
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect();
        let ty = match (kind, name, element) {
            ("Set", _, "String") => Some(SlotType::Strings),
            ("Set", _, e) => self.vocab.type_named(e).map(SlotType::Terms),
            (_, "Bool", _) => Some(SlotType::Bool),
            (_, "Long", _) => Some(SlotType::Long(names)),
            (_, "datetime", _) => Some(SlotType::Datetime),
            (_, "duration", _) => Some(SlotType::Duration),
            (_, n, _) if self.types.get(n).is_some() => Some(SlotType::Record),
            (_, n, _) => self.vocab.type_named(n).map(SlotType::Term),
        };
        let Some(ty) = ty else {
            self.faults.add(
                self.file,
                0,
                format!("the fact `{path}` has a type the gate does not hold"),
                "use Bool, Long, datetime, duration, a vocabulary type, or a set of these or of String",
            );
            return;
        };
        let record = ty == SlotType::Record;
        self.slots.push(SlotDef {
            path: path.to_owned(),
            ty,
            optional,
            derived,
            doc: note("doc"),
        });
        if record {
            self.record(path, name, derived);
        }
    }
}
