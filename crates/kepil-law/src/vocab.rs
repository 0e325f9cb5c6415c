//! The closed vocabulary of a pack: terms, their classes, their names in three languages.

use crate::error::Faults;
use kepil_terms::Text;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Number of an entity type inside a vocabulary.
pub type TypeIx = u16;
/// Number of a term inside its type.
pub type TermIx = u16;
/// A set of terms of one type, one bit a term.
pub type Mask = u128;

/// A type holds at most this many terms, so that a set of them is one machine word pair.
pub const MAX_TERMS: usize = 128;

/// One term, such as the actor `police_department`.
#[derive(Debug, Clone)]
pub struct TermDef {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub label: Text,
    /// Bits of its ancestors of the same type, itself included (only areas nest).
    pub up: Mask,
}

/// An entity type with its terms.
#[derive(Debug, Clone)]
pub struct TypeDef {
    /// Name in the Cedar schema.
    pub name: String,
    /// Terms in order.
    pub terms: Vec<TermDef>,
    index: HashMap<String, TermIx>,
}

/// The whole vocabulary.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    types: Vec<TypeDef>,
    by_name: HashMap<String, TypeIx>,
    classes: BTreeMap<(String, String), (TypeIx, Mask)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerm {
    id: String,
    #[serde(rename = "in")]
    classes: Vec<String>,
    en: String,
    #[serde(default)]
    ru: String,
    #[serde(default)]
    kk: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVocabulary {
    actors: Vec<RawTerm>,
    categories: Vec<RawTerm>,
    purposes: Vec<RawTerm>,
    operations: Vec<RawTerm>,
    aims: Vec<RawTerm>,
    areas: Vec<RawTerm>,
    rights: Vec<RawTerm>,
    measure_kinds: Vec<RawTerm>,
    powers: Vec<RawTerm>,
    refusal_reasons: Vec<RawTerm>,
}

/// The bit of term `ix`.
#[must_use]
pub fn bit(ix: TermIx) -> Mask {
    1u128.checked_shl(u32::from(ix)).unwrap_or(0)
}

impl Vocabulary {
    /// Reads `vocabulary.yaml`.
    pub(crate) fn load(file: &str, text: &str, faults: &mut Faults) -> Self {
        let mut v = Self::default();
        let raw: RawVocabulary = match serde_saphyr::from_str(text) {
            Ok(raw) => raw,
            Err(e) => {
                faults.add(
                    file,
                    0,
                    format!("the vocabulary cannot be read: {}", one_line(&e)),
                    "mend the YAML",
                );
                return v;
            }
        };
        for (name, class, list) in [
            ("Actor", "ActorClass", raw.actors),
            ("Category", "CategoryClass", raw.categories),
            ("Purpose", "PurposeClass", raw.purposes),
            ("Action", "Action", raw.operations),
            ("Aim", "AimClass", raw.aims),
            ("Area", "Area", raw.areas),
            ("Right", "RightClass", raw.rights),
            ("MeasureKind", "", raw.measure_kinds),
            ("Power", "", raw.powers),
            ("RefusalReason", "", raw.refusal_reasons),
        ] {
            v.add_type(file, name, class, list, faults);
        }
        v
    }

    fn add_type(
        &mut self,
        file: &str,
        name: &str,
        class: &str,
        list: Vec<RawTerm>,
        faults: &mut Faults,
    ) {
        let type_ix = self.push_type(name);
        for raw in list {
            let label = Text {
                en: raw.en,
                ru: raw.ru,
                kk: raw.kk,
            };
            for lang in label.missing() {
                faults.add(
                    file,
                    0,
                    format!("the {name} `{}` has no name in `{}`", raw.id, lang.code()),
                    "add it: people read these names in every reason",
                );
            }
            let Some(ix) = self.push_term(type_ix, &raw.id, label) else {
                faults.add(
                    file,
                    0,
                    format!(
                        "the {name} `{}` is there twice, or {name} has more than {MAX_TERMS} terms",
                        raw.id
                    ),
                    "remove one",
                );
                continue;
            };
            for c in raw.classes {
                if name == "Area" {
                    let above = self
                        .term(type_ix, &c)
                        .and_then(|p| self.def(type_ix, p))
                        .map(|d| d.up);
                    match (above, self.def_mut(type_ix, ix)) {
                        (Some(up), Some(def)) => def.up |= up,
                        _ => faults.add(
                            file,
                            0,
                            format!(
                                "the area `{}` lies in `{c}`, which is not listed before it",
                                raw.id
                            ),
                            "list the wider area first",
                        ),
                    }
                } else {
                    let entry = self
                        .classes
                        .entry((class.to_owned(), c))
                        .or_insert((type_ix, 0));
                    entry.1 |= bit(ix);
                }
            }
        }
    }

    /// Adds an empty type, or finds it.
    pub(crate) fn push_type(&mut self, name: &str) -> TypeIx {
        if let Some(ix) = self.by_name.get(name) {
            return *ix;
        }
        let ix = TypeIx::try_from(self.types.len()).unwrap_or(TypeIx::MAX);
        self.types.push(TypeDef {
            name: name.to_owned(),
            terms: Vec::new(),
            index: HashMap::new(),
        });
        self.by_name.insert(name.to_owned(), ix);
        ix
    }

    /// Adds a term; `None` when it exists already or the type is full.
    pub(crate) fn push_term(&mut self, type_ix: TypeIx, id: &str, label: Text) -> Option<TermIx> {
        let def = self.types.get_mut(usize::from(type_ix))?;
        if def.terms.len() >= MAX_TERMS || def.index.contains_key(id) {
            return None;
        }
        let ix = TermIx::try_from(def.terms.len()).ok()?;
        def.index.insert(id.to_owned(), ix);
        def.terms.push(TermDef {
            id: id.to_owned(),
            label,
            up: bit(ix),
        });
        Some(ix)
    }

    /// The number of the type with this name.
    #[must_use]
    pub fn type_named(&self, name: &str) -> Option<TypeIx> {
        self.by_name.get(name).copied()
    }

    /// The types, in order.
    #[must_use]
    pub fn types(&self) -> &[TypeDef] {
        &self.types
    }

    /// The number of a term.
    #[must_use]
    pub fn term(&self, type_ix: TypeIx, id: &str) -> Option<TermIx> {
        self.types.get(usize::from(type_ix))?.index.get(id).copied()
    }

    /// The number of a term by the names of type and term.
    #[must_use]
    pub fn find(&self, type_name: &str, id: &str) -> Option<TermIx> {
        self.term(self.type_named(type_name)?, id)
    }

    /// A term's definition.
    #[must_use]
    pub fn def(&self, type_ix: TypeIx, term: TermIx) -> Option<&TermDef> {
        self.types
            .get(usize::from(type_ix))?
            .terms
            .get(usize::from(term))
    }

    fn def_mut(&mut self, type_ix: TypeIx, term: TermIx) -> Option<&mut TermDef> {
        self.types
            .get_mut(usize::from(type_ix))?
            .terms
            .get_mut(usize::from(term))
    }

    /// The members of a class, with their type.
    #[must_use]
    pub fn class(&self, class_type: &str, id: &str) -> Option<(TypeIx, Mask)> {
        self.classes
            .get(&(class_type.to_owned(), id.to_owned()))
            .copied()
    }

    /// All classes: class type, class id, member type, members.
    pub fn classes(&self) -> impl Iterator<Item = (&str, &str, TypeIx, Mask)> {
        self.classes
            .iter()
            .map(|((t, id), (ix, mask))| (t.as_str(), id.as_str(), *ix, *mask))
    }

    /// The mask of all terms of a type.
    #[must_use]
    pub fn all(&self, type_ix: TypeIx) -> Mask {
        self.types.get(usize::from(type_ix)).map_or(0, |t| {
            (0..t.terms.len()).fold(0, |m, i| {
                m | bit(TermIx::try_from(i).unwrap_or(TermIx::MAX))
            })
        })
    }

    /// The ids of the terms of a type, in their order.
    pub fn names<'a>(&'a self, type_name: &str) -> impl Iterator<Item = &'a str> + 'a {
        let type_ix = self.type_named(type_name);
        let def = type_ix.and_then(|ix| self.types().get(usize::from(ix)));
        def.into_iter()
            .flat_map(|def| def.terms.iter().map(|term| term.id.as_str()))
    }

    /// The name for people of a term, falling back on its id.
    #[must_use]
    pub fn label(&self, type_name: &str, id: &str, lang: kepil_terms::Lang) -> String {
        let found = self
            .type_named(type_name)
            .and_then(|t| self.term(t, id).and_then(|i| self.def(t, i)))
            .map(|d| d.label.get(lang))
            .filter(|l| !l.is_empty());
        found.map_or_else(|| id.replace('_', " "), str::to_owned)
    }
}

/// An error's text on one line.
pub(crate) fn one_line(e: &impl std::fmt::Display) -> String {
    let text = e.to_string();
    let mut out = String::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('|') && !l.starts_with("-->"))
    {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(line);
        if out.len() > 240 {
            break;
        }
    }
    out
}
