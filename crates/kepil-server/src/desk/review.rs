//! What the asking system learns of a verdict that a human decides.

use crate::app::App;
use crate::problem::Problem;
use crate::register::System;
use kepil_cases::Outcome;
use serde_json::{Value, json};

/// The state of a verdict that was left to a human, for the system that asked.
///
/// # Errors
/// When no verdict of this system waits or waited there.
pub(crate) fn state(app: &App, system: &System, index: u64) -> Result<Value, Problem> {
    let nothing = || {
        Problem::not_found(
            "no verdict of yours with this entry was left to a human; look at the entry's index",
        )
    };
    let case = app.desk.cases.named(&format!("review {index}"));
    let case = case.map_err(|error| {
        tracing::error!(error = %kepil_ledger::error::in_one_line(&error), "a case cannot be read");
        Problem::internal("the case cannot be read")
    })?;
    if let Some(waiting) = app.desk.waits(index).filter(|one| one.system == system.id) {
        let due = case.and_then(|case| case.delivery?.due.map(|day| day.to_string()));
        return Ok(
            json!({"entry": index, "state": "waiting", "since_ms": waiting.at_ms, "due": due}),
        );
    }
    let case = case
        .filter(|case| case.system == system.id)
        .ok_or_else(nothing)?;
    let (at_ms, decision) = case.decision.ok_or_else(nothing)?;
    let state = match decision.first.outcome {
        Outcome::Allowed => "allowed",
        _ => "refused",
    };
    Ok(json!({
        "entry": index, "state": state, "decided_ms": at_ms,
        "people": 1 + u8::from(decision.second.is_some()), "human": decision.is_human,
    }))
}
