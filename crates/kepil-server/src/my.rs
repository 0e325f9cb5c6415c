//! A person's own requests: the list of uses, with the proof that it is complete.
//!
//! Until accounts exist a person shows possession of the own secret: the header
//!
//! ```text
//! Authorization: Kepil-Person subject="<reference>", time="<Unix seconds>", mac="<64 hex digits>"
//! ```
//!
//! carries `HMAC(request key, "GET" LF <path and query> LF <time>)`. The time may be five minutes
//! off. A wrong code and a person nobody knows get the same answer.

use crate::app::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kepil_chronicle::{ChronicleError, Opened};
use kepil_ledger::hash;
use kepil_ledger::period::Period;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const SCHEME: &str = "Kepil-Person ";
const SKEW_SECS: u64 = 300;

/// Who asks, if the code is right.
fn subject(app: &App, headers: &HeaderMap, uri: &str) -> Result<String, Problem> {
    let refused = || {
        Problem::unauthorized(
            "show possession of your secret: Authorization: Kepil-Person subject, time, mac",
        )
    };
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    let fields = value
        .and_then(|v| v.strip_prefix(SCHEME))
        .ok_or_else(refused)?;
    let field = |name: &str| {
        fields.split(',').find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            (key == name).then(|| value.to_owned())
        })
    };
    let (subject, time, mac) = (
        field("subject").ok_or_else(refused)?,
        field("time").ok_or_else(refused)?,
        field("mac").ok_or_else(refused)?,
    );
    let secs: u64 = time.parse().map_err(|_| refused())?;
    if secs.abs_diff(app.wall_secs()) > SKEW_SECS {
        return Err(Problem::unauthorized(
            "the time of the request is more than five minutes off",
        ));
    }
    let subject = format!("person:{subject}");
    let person = app
        .ledger
        .chronicle
        .person(&subject)
        .map_err(|_| refused())?;
    let expected = code(person.request_key(), uri, &time);
    // Compared as codes of codes, so that the time it takes says nothing.
    let blind = hash::leaf(expected.as_bytes());
    if hash::leaf(mac.as_bytes()) == blind {
        Ok(subject)
    } else {
        Err(refused())
    }
}

/// The code of a request.
#[must_use]
pub fn code(request_key: &[u8; 32], uri: &str, time: &str) -> String {
    hash::mac(request_key, format!("GET\n{uri}\n{time}").as_bytes()).to_string()
}

/// `GET /my/v1/uses`: the months and how many entries each has.
pub(crate) async fn months(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let subject = subject(&app, &headers, uri.path())?;
    let chronicle = &app.ledger.chronicle;
    let person = chronicle.person(&subject).map_err(broken)?;
    let mut months = Vec::new();
    for (period, _) in chronicle.book().months() {
        let tag = person.tag(period);
        let uses = chronicle
            .book()
            .entries(period, &tag)
            .map_err(|e| broken(e.into()))?;
        // Who was in no register and in no entry of that month has no place in its map.
        let is_listed = chronicle
            .book()
            .is_enrolled(period, &tag)
            .map_err(|e| broken(e.into()))?;
        let proof = is_listed.then(|| format!("/my/v1/uses/{}", period.number()));
        months.push(json!({
            "period": period.number(), "entries": uses.len(), "proof": proof,
        }));
    }
    let counters = chronicle.notices().counters((app.clock)() / 1000);
    Ok(Json(json!({"months": months, "log_counters": counters})))
}

/// Which rows a proof opens.
#[derive(Debug, Deserialize)]
pub(crate) struct Rows {
    #[serde(default)]
    rows: Option<String>,
}

/// `GET /my/v1/uses/{period}`: the list of a month, as one proof file.
pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    Path(period): Path<u32>,
    Query(rows): Query<Rows>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let whole = uri.path_and_query().map_or(uri.path(), |p| p.as_str());
    let subject = subject(&app, &headers, whole)?;
    let period = Period::new(period)
        .ok_or_else(|| Problem::bad_request("a month is written as a number such as 202611"))?;
    let opened = match rows.rows.as_deref() {
        None | Some("all") => Opened::All,
        Some("none") => Opened::Nothing,
        Some(_) => return Err(Problem::bad_request("`rows` is `all` or `none`")),
    };
    let chronicle = Arc::clone(&app.ledger.chronicle);
    let now = (app.clock)() / 1000;
    let proof = tokio::task::spawn_blocking(move || chronicle.prove(&subject, period, opened, now))
        .await
        .map_err(|_| Problem::internal("the proof could not be made"))?
        .map_err(broken)?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!(
                "attachment; filename=\"kepil-{}.tlog-proof\"",
                period.number()
            ),
        ),
    ];
    Ok((headers, proof.to_string()).into_response())
}

fn broken(error: ChronicleError) -> Problem {
    match error {
        ChronicleError::NoList { .. } => {
            Problem::not_found("there is no book of this month that you are in")
        }
        ChronicleError::NotPublished => Problem::unrecordable(
            "nothing is published yet that the proof could rest on; try again in a moment",
        ),
        error => {
            tracing::error!(error = %error, "a list could not be made");
            Problem::internal("the list could not be made")
        }
    }
}
