//! Worked cases as they stand in the pack: text with a place; the gate gives them meaning.

use crate::error::Faults;
use crate::instrument::Place;
use serde::Deserialize;

/// A `case` block.
#[derive(Debug, Clone)]
pub struct CaseBlock {
    /// Its id.
    pub id: String,
    /// The provisions it names, and those its grounds rest on.
    pub provisions: Vec<String>,
    /// The tests it decides by.
    pub tests: Vec<String>,
    /// The YAML.
    pub text: String,
    /// The file.
    pub file: String,
    /// The line of its first line.
    pub line: usize,
}

#[derive(Debug, Deserialize)]
struct Head {
    id: String,
    #[serde(default)]
    article: Vec<String>,
    #[serde(default)]
    exercises: Vec<String>,
    #[serde(default)]
    decisive: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    further: Vec<String>,
}

/// Reads the head of a case block.
pub(crate) fn block(
    file: &str,
    b: &crate::markdown::Block,
    faults: &mut Faults,
) -> Option<CaseBlock> {
    let at = Place { file, line: b.line };
    let head: Head = at.yaml("case", &b.text, faults)?;
    Some(CaseBlock {
        id: head.id,
        provisions: head.article.into_iter().chain(head.exercises).collect(),
        tests: head
            .decisive
            .into_iter()
            .chain(head.also)
            .chain(head.further)
            .collect(),
        text: b.text.clone(),
        file: file.to_owned(),
        line: b.line,
    })
}

/// Reads the case blocks of any literate file.
///
/// # Errors
/// With every fault found.
pub fn blocks(file: &str, text: &str) -> Result<Vec<CaseBlock>, crate::error::PackError> {
    let mut faults = Faults::default();
    let doc = crate::markdown::cut(file, text, &mut faults);
    let mut out = Vec::new();
    for b in doc
        .stray
        .iter()
        .chain(doc.sections.iter().flat_map(|s| &s.blocks))
        .filter(|b| b.kind == "case")
    {
        out.extend(block(file, b, &mut faults));
    }
    faults.finish()?;
    Ok(out)
}
