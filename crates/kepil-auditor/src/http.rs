//! An auditor over HTTP: what a witness serves, and what it states.
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | cosignature lines; 503 while the replay lags, 403 with a reason when it objects, or a witness's refusal |
//! | `GET /<origin hash>/checkpoint` | the latest cosigned checkpoint |
//! | `GET /key` | the vkeys of the auditor, one a line |
//! | `GET /statement` | what its cosignatures state |
//! | `GET /report` | the newest report, as JSON |

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kepil_ledger::error::in_one_line;
use kepil_ledger::witness::{
    AddCheckpoint, MAX_REQUEST_BYTES, Refusal, SIZE_MEDIA_TYPE, origin_hash,
};
use kepil_witness::{AddError, Clock, cosignatures};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::auditor::{Auditor, CosignRefusal};
use crate::report::Report;
use crate::source::Log;

const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

/// Seconds after which a log should ask again.
const RETRY_SECS: &str = "2";

struct Shared<S> {
    auditor: Arc<Auditor<S>>,
    clock: Clock,
    report: Arc<Mutex<Option<Report>>>,
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self {
            auditor: Arc::clone(&self.auditor),
            clock: Arc::clone(&self.clock),
            report: Arc::clone(&self.report),
        }
    }
}

/// Serves an auditor, and follows its log every so often, until `shutdown` is ready.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve<S: Log + Send + 'static>(
    listener: TcpListener,
    auditor: Arc<Auditor<S>>,
    clock: Clock,
    every: Duration,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let shared = Shared {
        auditor,
        clock,
        report: Arc::default(),
    };
    let following = tokio::spawn(follow(shared.clone(), every));
    let served = axum::serve(listener, router(shared))
        .with_graceful_shutdown(shutdown)
        .await;
    following.abort();
    served
}

fn router<S: Log + Send + 'static>(shared: Shared<S>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint::<S>))
        .route("/key", get(key::<S>))
        .route("/statement", get(statement::<S>))
        .route("/report", get(report::<S>))
        .route("/{origin_hash}/checkpoint", get(latest::<S>))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(shared)
}

/// Follows the log, round after round.
async fn follow<S: Log + Send + 'static>(shared: Shared<S>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (auditor, now) = (Arc::clone(&shared.auditor), (shared.clock)());
        match spawn_blocking(move || auditor.round(now)).await {
            Ok(Ok(report)) => {
                for finding in &report.findings {
                    tracing::warn!("{finding}");
                }
                let mut newest = shared.report.lock().unwrap_or_else(PoisonError::into_inner);
                *newest = Some(report);
            }
            Ok(Err(error)) => tracing::error!("{}", in_one_line(&error)),
            Err(error) => tracing::error!(%error, "a round of following the log was not finished"),
        }
    }
}

async fn add_checkpoint<S: Log + Send + 'static>(
    State(shared): State<Shared<S>>,
    body: Bytes,
) -> Response {
    let answer = spawn_blocking(move || {
        let request = AddCheckpoint::parse(&body)
            .map_err(Refusal::from)
            .map_err(AddError::from)?;
        shared.auditor.add_checkpoint(&request, (shared.clock)())
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

fn refuse(error: &CosignRefusal) -> Response {
    let text = format!("{}\n", in_one_line(error));
    match error {
        CosignRefusal::Lags { .. } => {
            let retry = [(header::RETRY_AFTER, RETRY_SECS)];
            (StatusCode::SERVICE_UNAVAILABLE, retry, TEXT, text).into_response()
        }
        CosignRefusal::Objects { .. } => {
            tracing::error!("{}", in_one_line(error));
            (StatusCode::FORBIDDEN, TEXT, text).into_response()
        }
        CosignRefusal::Witness(AddError::Refused(Refusal::OtherSize { known })) => {
            let media_type = [(header::CONTENT_TYPE, SIZE_MEDIA_TYPE)];
            (StatusCode::CONFLICT, media_type, format!("{known}\n")).into_response()
        }
        CosignRefusal::Witness(AddError::Refused(refusal)) => {
            let status = StatusCode::from_u16(refusal.status());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, TEXT, text).into_response()
        }
        CosignRefusal::Witness(AddError::Note(_)) => {
            (StatusCode::BAD_REQUEST, TEXT, text).into_response()
        }
        CosignRefusal::Witness(_) | CosignRefusal::Follow(_) | CosignRefusal::Poisoned => {
            // What is wrong inside is for the log of this process, not for the caller.
            tracing::error!("{}", in_one_line(error));
            let text = "the auditor cannot cosign at present\n";
            (StatusCode::INTERNAL_SERVER_ERROR, TEXT, text).into_response()
        }
    }
}

async fn key<S: Log + Send + 'static>(State(shared): State<Shared<S>>) -> impl IntoResponse {
    let [ed25519, ml_dsa] = shared.auditor.keys();
    (TEXT, format!("{ed25519}\n{ml_dsa}\n"))
}

async fn statement<S: Log + Send + 'static>(State(shared): State<Shared<S>>) -> impl IntoResponse {
    (TEXT, shared.auditor.statement())
}

async fn report<S: Log + Send + 'static>(State(shared): State<Shared<S>>) -> Response {
    let newest = shared.report.lock().unwrap_or_else(PoisonError::into_inner);
    let json = newest
        .as_ref()
        .and_then(|report| serde_json::to_string(report).ok());
    drop(newest);
    match json {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => (StatusCode::NOT_FOUND, TEXT, "there is no report yet\n").into_response(),
    }
}

async fn latest<S: Log + Send + 'static>(
    State(shared): State<Shared<S>>,
    Path(hash): Path<String>,
) -> Response {
    // A request being cosigned may hold the answer back for a moment.
    let answer = spawn_blocking(move || {
        let mut origins = shared.auditor.origins();
        let origin = origins.find(|origin| origin_hash(origin).to_string() == hash)?;
        shared.auditor.latest(origin)
    });
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
