//! A witness over HTTP.
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | cosignature lines, or a refusal with the status of the specification |
//! | `GET /<origin hash>/checkpoint` | the latest cosigned checkpoint |
//! | `GET /key` | the vkeys of the witness, one a line |

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kepil_ledger::error::in_one_line;
use kepil_ledger::note::Signature;
use kepil_ledger::witness::{AddCheckpoint, MAX_REQUEST_BYTES, Refusal, SIZE_MEDIA_TYPE};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::witness::{AddError, Witness};

const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

/// Gives the time in Unix seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

#[derive(Clone)]
struct Shared {
    witness: Arc<Witness>,
    clock: Clock,
}

/// The clock of the system.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    })
}

/// The routes of a witness, to be served alone or within others.
pub fn router(witness: Arc<Witness>, clock: Clock) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/key", get(key))
        .route("/{origin_hash}/checkpoint", get(latest))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(Shared { witness, clock })
}

/// Serves a witness until `shutdown` is ready and the requests under way are answered.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    witness: Arc<Witness>,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(witness, clock))
        .with_graceful_shutdown(shutdown)
        .await
}

async fn add_checkpoint(State(shared): State<Shared>, body: Bytes) -> Response {
    let answer = spawn_blocking(move || {
        let request = AddCheckpoint::parse(&body).map_err(Refusal::from)?;
        shared.witness.add_checkpoint(&request, (shared.clock)())
    });
    match answer.await {
        Ok(Ok(lines)) => cosignatures(&lines),
        Ok(Err(error)) => refuse(&error),
        Err(error) => {
            tracing::error!(%error, "an add-checkpoint request was not finished");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The answer with cosignature lines.
#[must_use]
pub fn cosignatures(lines: &[Signature]) -> Response {
    let mut text = String::new();
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    (TEXT, text).into_response()
}

fn refuse(error: &AddError) -> Response {
    let status = match error {
        AddError::Refused(refusal) => refusal.status(),
        AddError::Note(_) => 400,
        AddError::Cosign(_) | AddError::Write { .. } | AddError::Unknown => 500,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match error {
        AddError::Refused(Refusal::OtherSize { known }) => {
            let media_type = [(header::CONTENT_TYPE, SIZE_MEDIA_TYPE)];
            return (status, media_type, format!("{known}\n")).into_response();
        }
        AddError::Refused(Refusal::Fork { .. }) => {
            tracing::error!("a log has two histories: {}", in_one_line(error));
        }
        _ if status.is_server_error() => tracing::error!("{}", in_one_line(error)),
        _ => tracing::debug!("{}", in_one_line(error)),
    }
    // What is wrong inside is for the log of this process, not for the caller.
    let text = if status.is_server_error() {
        "the witness cannot cosign at present".to_owned()
    } else {
        in_one_line(error)
    };
    (status, TEXT, text + "\n").into_response()
}

async fn key(State(shared): State<Shared>) -> impl IntoResponse {
    let [ed25519, ml_dsa] = shared.witness.keys();
    (TEXT, format!("{ed25519}\n{ml_dsa}\n"))
}

async fn latest(State(shared): State<Shared>, Path(hash): Path<String>) -> Response {
    // A request being cosigned may hold the answer back for a moment.
    let answer = spawn_blocking(move || shared.witness.latest_by_hash(&hash));
    match answer.await {
        Ok(Some(signed)) => (
            TEXT,
            [(header::CACHE_CONTROL, "no-cache")],
            signed.to_string(),
        )
            .into_response(),
        Ok(None) => (
            StatusCode::NOT_FOUND,
            TEXT,
            "no checkpoint of this log has been cosigned here\n",
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a request for the latest checkpoint was not finished");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
