//! Correctness first: every engine names the same rules on every question, or nothing is timed.

use crate::Fault;
use crate::fault::fault;
use crate::mix::{Asked, fired};
use crate::peers::Peer;
use crate::peers::casbin::{Scopes, some_scope_fits};
use kepil_law::StatuteBook;
use std::collections::BTreeSet;

/// Holds an engine against our evaluator, on every question of every scene.
///
/// # Errors
/// With the first differences, by scene, question and rule.
pub fn same_rules(
    book: &StatuteBook,
    asked: &Asked,
    name: &str,
    peer: &mut dyn Peer,
) -> Result<usize, Fault> {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (scene, q) in asked.questions.iter().enumerate() {
        let era = asked
            .eras
            .get(q.era)
            .map(|t| book.at(*t))
            .ok_or_else(|| fault("no such law version"))?;
        let theirs = peer.fired(scene)?;
        for (about, theirs) in q.about.iter().zip(theirs) {
            let ours = fired(book, era, &q.facts, *about)?;
            compared += 1;
            if ours != theirs {
                let list = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
                    a.difference(b).cloned().collect::<Vec<_>>()
                };
                wrong.push(format!(
                    "{} about {}: only ours {:?}, only {name} {:?}",
                    q.name,
                    about.map_or_else(|| "the request".to_owned(), |c| format!("category {c}")),
                    list(&ours, &theirs),
                    list(&theirs, &ours),
                ));
            }
        }
    }
    match wrong.as_slice() {
        [] => Ok(compared),
        [first @ .., _] if first.len() < 5 => Err(fault(wrong.join("\n"))),
        _ => Err(fault(format!(
            "{} questions differ, among them:\n{}",
            wrong.len(),
            wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n")
        ))),
    }
}

/// Holds casbin against the compiled scopes.
///
/// # Errors
/// With the first difference.
pub fn same_scopes(book: &StatuteBook, asked: &Asked, casbin: &Scopes) -> Result<usize, Fault> {
    let mut compared = 0;
    for (scene, q) in asked.questions.iter().enumerate() {
        let era = asked
            .eras
            .get(q.era)
            .map(|t| book.at(*t))
            .ok_or_else(|| fault("no such law version"))?;
        for (about, theirs) in q.about.iter().zip(casbin.some_scope_fits(scene)?) {
            if some_scope_fits(book, era, *about, q.facts.principal, q.facts.action) != theirs {
                return Err(fault(format!(
                    "casbin differs about {} ({about:?}): {theirs}",
                    q.name
                )));
            }
            compared += 1;
        }
    }
    Ok(compared)
}
