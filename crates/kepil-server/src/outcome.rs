//! `POST /access/v1/outcome`: what became of a permitted use.

use crate::app::App;
use crate::ledger::{Intent, Outcome, outcome_event};
use crate::problem::Problem;
use crate::register::System;
use kepil_chronicle::ChronicleError;
use kepil_store::log::Ticket;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::PoisonError;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    /// Index of the entry that permitted the use.
    entry: u64,
    /// What became of it.
    outcome: Outcome,
    /// SHA-256 of what was released, in hexadecimal.
    #[serde(default)]
    digest: Option<String>,
}

/// Records the outcome of a use of this system.
///
/// # Errors
/// When the body is not of its form, the entry waits for no outcome of this system, or the ledger
/// takes no entries.
pub(crate) async fn report(app: &App, system: &System, body: Value) -> Result<Value, Problem> {
    let report: Report = serde_json::from_value(body)
        .map_err(|e| Problem::bad_request(format!("the outcome cannot be read: {e}")))?;
    if report.outcome == Outcome::Unknown {
        return Err(Problem::bad_request(
            "`outcome` is `released` or `not_released`",
        ));
    }
    let digest = match &report.digest {
        None => Vec::new(),
        Some(text) => unhex(text).ok_or_else(|| {
            Problem::bad_request("`digest` is a SHA-256 in 64 hexadecimal digits")
        })?,
    };
    let intent = {
        let intents = app
            .ledger
            .intents
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Of another system, long concluded, never there: all the same answer.
        intents
            .get(&report.entry)
            .filter(|intent| intent.system == system.id)
            .cloned()
            .ok_or_else(|| Problem::not_found("this entry waits for no outcome of yours: it was reported before, ran out of time, or is not yours"))?
    };
    let now = (app.clock)();
    let chronicle = &app.ledger.chronicle;
    let event = outcome_event(
        chronicle,
        report.entry,
        &intent,
        report.outcome,
        digest,
        now,
    );
    let tickets = app
        .record(std::slice::from_ref(&event))
        .await
        .map_err(|e| {
            tracing::error!(error = %e, "recording an outcome failed");
            Problem::unrecordable("the ledger takes no entries at the moment; try again later")
        })?;
    Ok(json!({"entry": tickets.first().map(Ticket::index)}))
}

/// Records that what a permitted use asked for went out, or did not.
///
/// # Errors
/// When the ledger takes no entries; then nothing may go out.
pub(crate) async fn conclude(
    app: &App,
    index: u64,
    intent: &Intent,
    outcome: Outcome,
) -> Result<(), ChronicleError> {
    let now = (app.clock)();
    let chronicle = &app.ledger.chronicle;
    let event = outcome_event(chronicle, index, intent, outcome, Vec::new(), now);
    app.record(std::slice::from_ref(&event)).await.map(|_| ())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes = pairs
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes
        .collect::<Option<Vec<u8>>>()
        .filter(|bytes| bytes.len() == 32)
}
