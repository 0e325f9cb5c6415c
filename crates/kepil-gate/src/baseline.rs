//! Named baselines: what a case leaves unsaid, said once.

use crate::gate::Gate;
use crate::patch::{PatchError, Patcher};
use kepil_law::Facts;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The file of baselines of a pack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baselines {
    records: BTreeMap<String, Json>,
    baselines: BTreeMap<String, Json>,
}

/// A baseline that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// The file is missing or unreadable.
    #[error("the pack's baselines.yaml cannot be read: {0}")]
    File(String),
    /// No such baseline.
    #[error("there is no baseline `{0}`; baselines.yaml names them")]
    Unknown(String),
    /// A fact in it is wrong.
    #[error("in the baseline `{name}`: {source}")]
    Fact {
        /// The baseline.
        name: String,
        /// What is wrong.
        source: PatchError,
    },
}

impl Baselines {
    /// Reads the baselines of the gate's pack.
    ///
    /// # Errors
    /// When the file is missing or unreadable.
    pub fn load(gate: &Gate) -> Result<Self, BaselineError> {
        let text = gate
            .book()
            .extras
            .get("baselines.yaml")
            .ok_or_else(|| BaselineError::File("it is missing".into()))?;
        serde_saphyr::from_str(text).map_err(|e| BaselineError::File(e.to_string()))
    }

    /// A row with `ordinary` and the named baselines laid over each other.
    ///
    /// # Errors
    /// When one does not exist or does not fit the schema.
    pub fn row(&self, gate: &Gate, names: &[String]) -> Result<Facts, BaselineError> {
        let mut facts = gate.blank();
        for name in std::iter::once("ordinary").chain(names.iter().map(String::as_str)) {
            let layer = self
                .baselines
                .get(name)
                .ok_or_else(|| BaselineError::Unknown(name.to_owned()))?;
            self.lay(gate, &mut facts, layer)
                .map_err(|source| BaselineError::Fact {
                    name: name.to_owned(),
                    source,
                })?;
        }
        Ok(facts)
    }

    /// Lays a document over a row; a record that is not there yet starts from its default.
    ///
    /// # Errors
    /// When a fact does not fit the schema.
    pub fn lay(&self, gate: &Gate, facts: &mut Facts, layer: &Json) -> Result<(), PatchError> {
        let patcher: Patcher<'_> = gate.patcher();
        let Json::Object(map) = layer else {
            return patcher.apply(facts, layer);
        };
        for (record, members) in map {
            let absent = gate
                .book()
                .layout
                .slot(record)
                .is_some_and(|s| !facts.has(s));
            if absent
                && members.is_object()
                && let Some(default) = self.records.get(record)
            {
                patcher.apply(facts, &one(record, default))?;
            }
            patcher.apply(facts, &one(record, members))?;
        }
        Ok(())
    }

    /// The names of the baselines.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.baselines.keys().map(String::as_str)
    }
}

fn one(record: &str, value: &Json) -> Json {
    let mut map = Map::new();
    map.insert(record.to_owned(), value.clone());
    Json::Object(map)
}
