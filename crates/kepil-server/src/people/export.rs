//! Everything about a person, to take along: uses as JSON with the proofs, or as a table; or all
//! there is in one archive with the log's signature.
//!
//! The proofs are signed by themselves: each holds the log's checkpoint with its signatures, and
//! whoever has the person's secret checks the list against it.

mod parcel;

use super::uses::{NoList, attachment, list, make, refusal, subject};
use super::visitor::{Visitor, ours, with_accounts};
use crate::app::App;
use crate::pages::lang_of;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use kepil_ledger::completeness::OpenedEntry;
use kepil_terms::Instant;
use serde_json::{Value, json};
use std::sync::Arc;

/// The columns of the table.
const COLUMNS: [&str; 14] = [
    "entry",
    "time",
    "kind",
    "system",
    "official",
    "operation",
    "data",
    "fields",
    "purpose",
    "cited",
    "grounds",
    "verdict",
    "outcome",
    "of_entry",
];

/// What can be taken along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Table,
    /// Everything, signed.
    All,
}

/// `GET /{lang}/my/export/{form}`: `uses.json`, `uses.csv`, or `kepil.zip` with all there is.
pub(super) async fn file(
    State(app): State<Arc<App>>,
    Path((lang, form)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let form = match form.as_str() {
        "uses.json" => Form::Json,
        "uses.csv" => Form::Table,
        "kepil.zip" => Form::All,
        _ => {
            let absent = crate::problem::Problem::not_found("no such page");
            return Err(absent.into_response());
        }
    };
    let made = with_accounts(&app, move |app| {
        let uses = Uses::of(app, &visitor, form != Form::Table)?;
        Ok::<_, NoList>(match form {
            Form::Json => Ok(uses.json().into_bytes()),
            Form::Table => Ok(uses.table().into_bytes()),
            Form::All => parcel::make(app, &visitor, lang, &uses),
        })
    });
    let body = match made.await? {
        Ok(made) => made.map_err(|error| ours(&*error))?,
        Err(why) => return Ok(refusal(&app, lang, &why)),
    };
    let (kind, name) = match form {
        Form::Json => ("application/json", "kepil-uses.json"),
        Form::Table => ("text/csv; charset=utf-8", "kepil-uses.csv"),
        Form::All => ("application/zip", "kepil.zip"),
    };
    Ok(attachment(kind, name, body))
}

/// All uses of a person's data.
struct Uses {
    person: String,
    months: Vec<Value>,
    rows: Vec<String>,
}

impl Uses {
    fn of(app: &App, visitor: &Visitor, has_proofs: bool) -> Result<Self, NoList> {
        let mut uses = Self {
            person: subject(app, visitor)?,
            months: Vec::new(),
            rows: vec![COLUMNS.join(",")],
        };
        // Nobody asked, or all of it was erased: there is no list, and the rest goes along.
        let months = match list(app, visitor, None) {
            Err(NoList::Empty) => Vec::new(),
            found => found?.months,
        };
        for (period, _) in months {
            let found = list(app, visitor, Some(period))?.verified;
            uses.rows.extend(found.opened.iter().map(row));
            if has_proofs {
                uses.months.push(json!({
                    "month": period.number(),
                    "list": found,
                    "uses": found.opened.iter().map(use_of).collect::<Vec<_>>(),
                    "proof": make(app, &uses.person, period)?,
                }));
            }
        }
        Ok(uses)
    }

    fn json(&self) -> String {
        json!({"person": self.person, "months": self.months}).to_string()
    }

    fn table(&self) -> String {
        self.rows.join("\r\n") + "\r\n"
    }
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
        p.cites.join(" "),
        p.grounds.join(" "),
        p.verdict.clone(),
        p.outcome.clone(),
        p.intent.map_or_else(String::new, |of| of.to_string()),
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
