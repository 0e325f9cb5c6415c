//! `GET /audit/v1/records/{bundle}`: what opens the leaves, for auditors with a token.
//!
//! For each of the first `width` leaves of the bundle: `u32 length ‖ bytes`, length 0 where nothing
//! opens the leaf. Accesses, sealed and opened entries: 32-byte salt ‖ 149-byte record. Enrolments:
//! the tags. Anchors: the document.

use crate::app::App;
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kepil_chronicle::ChronicleError;
use kepil_ledger::tile::TILE_WIDTH;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How many leaves of the bundle.
#[derive(Debug, Deserialize)]
pub(crate) struct Width {
    width: u16,
}

/// Refuses callers without an auditor's token.
fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || Problem::unauthorized("auditors read records with a token of their own");
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    let token = value
        .and_then(|v| v.strip_prefix("Bearer "))
        .ok_or_else(refused)?;
    let hash = kepil_gate::record::hex(&Sha256::digest(token.as_bytes()));
    let known = &app.config.ledger.auditor_tokens;
    if known.iter().any(|k| k.eq_ignore_ascii_case(&hash)) {
        Ok(())
    } else {
        Err(refused())
    }
}

pub(crate) async fn records(
    State(app): State<Arc<App>>,
    Path(bundle): Path<u64>,
    Query(Width { width }): Query<Width>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check(&app, &headers)?;
    if width == 0 || width > TILE_WIDTH {
        return Err(Problem::bad_request("`width` is between 1 and 256"));
    }
    let first = bundle
        .checked_mul(u64::from(TILE_WIDTH))
        .ok_or_else(|| Problem::bad_request("there is no such bundle"))?;
    let end = first + u64::from(width);
    // Up to what is signed: an auditor of the quorum reads it before it is published.
    if end > app.ledger.signed().max(app.ledger.published()) {
        return Err(Problem::not_found("the log has not signed this far"));
    }
    let chronicle = Arc::clone(&app.ledger.chronicle);
    let bytes = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::with_capacity(usize::from(width) * 200);
        for index in first..end {
            let opening = chronicle.opening(index)?;
            let length = u32::try_from(opening.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&opening);
        }
        Ok::<_, ChronicleError>(bytes)
    })
    .await
    .map_err(|_| Problem::internal("the records could not be read"))?
    .map_err(|e| {
        tracing::error!(error = %e, "reading records for an auditor");
        Problem::internal("the records could not be read")
    })?;
    let kind = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((kind, bytes).into_response())
}
