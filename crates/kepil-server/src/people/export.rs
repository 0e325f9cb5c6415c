//! Everything about a person's uses, to take along: JSON with the proofs, or a table.
//!
//! What is signed in it are the proofs: each holds the log's checkpoint with its signatures, and
//! whoever has the person's secret checks the list against it.

use super::uses::{attachment, list, make, refusal, subject};
use super::visitor::{Visitor, with_accounts};
use crate::app::App;
use crate::pages::lang_of;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use kepil_ledger::completeness::OpenedEntry;
use kepil_terms::Instant;
use serde_json::{Value, json};
use std::sync::Arc;

/// The columns of the table.
const COLUMNS: [&str; 11] = [
    "entry",
    "time",
    "kind",
    "system",
    "official",
    "operation",
    "data",
    "fields",
    "purpose",
    "verdict",
    "outcome",
];

/// `GET /{lang}/my/export/{form}`: `uses.json` or `uses.csv`.
pub(super) async fn file(
    State(app): State<Arc<App>>,
    Path((lang, form)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let is_json = match form.as_str() {
        "uses.json" => true,
        "uses.csv" => false,
        _ => {
            let absent = crate::problem::Problem::not_found("no such page");
            return Err(absent.into_response());
        }
    };
    let made = with_accounts(&app, move |app| {
        let of = subject(app, &visitor)?;
        let mut months = Vec::new();
        let mut table = vec![COLUMNS.join(",")];
        let first = list(app, &visitor, None)?;
        for (period, _) in first.months {
            let found = list(app, &visitor, Some(period))?.verified;
            table.extend(found.opened.iter().map(row));
            if is_json {
                months.push(json!({
                    "month": period.number(),
                    "list": found,
                    "uses": found.opened.iter().map(use_of).collect::<Vec<_>>(),
                    "proof": make(app, &of, period)?,
                }));
            }
        }
        Ok::<_, super::uses::NoList>(match is_json {
            true => json!({"person": of, "months": months}).to_string(),
            false => table.join("\r\n") + "\r\n",
        })
    });
    Ok(match made.await? {
        Ok(body) if is_json => attachment("application/json", "kepil-uses.json", body),
        Ok(body) => attachment("text/csv; charset=utf-8", "kepil-uses.csv", body),
        Err(why) => refusal(&app, lang, &why),
    })
}

fn time(ms: u64) -> String {
    Instant::from_ms(i64::try_from(ms).unwrap_or(i64::MAX)).to_rfc3339()
}

fn use_of(entry: &OpenedEntry) -> Value {
    let p = &entry.payload;
    json!({
        "entry": entry.index, "time": time(p.at_ms), "kind": format!("{:?}", p.kind).to_lowercase(),
        "system": p.system, "official": p.official, "mandate": p.mandate, "actor": p.actor,
        "operation": p.operation, "data": p.categories, "fields": p.fields, "purpose": p.purpose,
        "cited": p.cites, "grounds": p.grounds, "tests": p.tests, "verdict": p.verdict,
        "outcome": p.outcome, "of_entry": p.intent, "was_sealed_at": p.sealed, "order": p.order,
    })
}

fn row(entry: &OpenedEntry) -> String {
    let p = &entry.payload;
    let cells = [
        entry.index.to_string(),
        time(p.at_ms),
        format!("{:?}", p.kind).to_lowercase(),
        p.system.clone(),
        p.official.clone(),
        p.operation.clone(),
        p.categories.join(" "),
        p.fields.join(" "),
        p.purpose.clone(),
        p.verdict.clone(),
        p.outcome.clone(),
    ];
    cells.map(|text| cell(&text)).join(",")
}

/// A cell as RFC 4180 writes it; what a spreadsheet would run as a formula is kept from running.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = match is_formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_run_nothing() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
