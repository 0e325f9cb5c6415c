//! Checking a receipt that somebody pastes or uploads: valid or not, in the log or not, without an
//! account.

use super::words::words;
use super::{Named, Shared, frame, lang_of};
use crate::app::App;
use crate::people::moment;
use crate::problem::Problem;
use axum::extract::{Form, FromRequest as _, Multipart, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::receipt::Receipt;
use kepil_ledger::verify::{Standing, receipt_over_keys};
use kepil_store::source::DirSource;
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::Deserialize;

/// What was pasted.
#[derive(Debug, Deserialize)]
struct Pasted {
    receipt: String,
}

/// The text of a receipt from a form: of the file, if one was chosen, or as it was pasted.
async fn text_of(request: Request) -> Result<String, Response> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        let pasted = Form::<Pasted>::from_request(request, &()).await;
        let Form(pasted) = pasted.map_err(IntoResponse::into_response)?;
        return Ok(pasted.receipt);
    }
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(IntoResponse::into_response)?;
    let (mut pasted, mut file) = (String::new(), String::new());
    while let Some(part) = parts
        .next_field()
        .await
        .map_err(IntoResponse::into_response)?
    {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(IntoResponse::into_response)?;
        // What is no text is no receipt, and is said to be none.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            "file" => file = text,
            "receipt" => pasted = text,
            _ => {}
        }
    }
    Ok(if file.is_empty() { pasted } else { file })
}

/// What came of it.
enum Found {
    /// It is not of the form of a receipt.
    Unreadable,
    /// No key of this log signed it, or it does not hold together.
    Bad,
    /// It holds.
    Good {
        index: u64,
        time_ms: u64,
        standing: Standing,
    },
}

/// `POST /{lang}/ledger`
pub(super) async fn check(
    state: Shared,
    lang: Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (app, lang) = (state.0, lang_of(&lang.0)?);
    let typed = match text_of(request).await {
        Ok(typed) => typed,
        Err(refused) => return Ok(refused),
    };
    let with = std::sync::Arc::clone(&app);
    let text = typed.clone();
    let found = tokio::task::spawn_blocking(move || look(&with, &text))
        .await
        .map_err(|_| Problem::internal("the receipt could not be checked"))?;
    let status = match found {
        Found::Good { .. } => StatusCode::OK,
        Found::Bad | Found::Unreadable => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let w = words(lang);
    let body = html! {
        h1 { (w.receipt) }
        (said(&found, lang))
        (form(lang, &typed))
        p { a href={"/" (lang.code()) "/ledger"} { (w.ledger) } }
    };
    Ok((status, frame(&app, lang, "/ledger", w.receipt, &body)).into_response())
}

/// The form, with what was typed.
pub(super) fn form(lang: Lang, typed: &str) -> Markup {
    let w = words(lang);
    html! {
        form action={"/" (lang.code()) "/ledger"} method="post" enctype="multipart/form-data" {
            label for="receipt" { (w.receipt_paste) }
            textarea id="receipt" name="receipt" rows="6" spellcheck="false" { (typed) }
            label for="receipt-file" { (w.receipt_file) }
            input id="receipt-file" name="file" type="file" accept=".json,application/json,text/plain";
            button type="submit" { (w.receipt_check) }
        }
    }
}

fn said(found: &Found, lang: Lang) -> Markup {
    let w = words(lang);
    match found {
        Found::Unreadable => html! { p.said role="alert" { (w.receipt_unreadable) } },
        Found::Bad => html! { p.said role="alert" { (w.receipt_bad) } },
        Found::Good {
            index,
            time_ms,
            standing,
        } => {
            let at = moment::at(lang, time_ms / 1000);
            let stands = match standing {
                Standing::Included => w.receipt_included,
                Standing::NotYetPublished => w.receipt_not_yet,
                Standing::Contradicted => w.receipt_contradicted,
                Standing::Broken | Standing::Unknown => w.receipt_unknown,
            };
            html! { div.said role="status" {
                p { strong { (w.receipt_good) } }
                dl { dt { (w.entry) } dd { (index) } dt { (w.when) } dd { (at) } }
                p { (stands) }
            } }
        }
    }
}

fn look(app: &App, text: &str) -> Found {
    // An answer of the gate that holds a receipt does as well.
    let inner = serde_json::from_str::<serde_json::Value>(text).ok();
    let inner = inner.and_then(|v| v.pointer("/context/entry/receipt").map(ToString::to_string));
    let text = inner.as_deref().unwrap_or(text).trim();
    let Ok(receipt) = Receipt::from_json(text.as_bytes()) else {
        return Found::Unreadable;
    };
    let chronicle = &app.ledger.chronicle;
    let Some(today) = chronicle.log_key() else {
        return Found::Bad;
    };
    // The log's own word about the keys it had.
    let anchor = chronicle.notices().anchor().cloned().unwrap_or_default();
    let keys: Vec<VerifyingKey> = std::iter::once(today.clone())
        .chain(anchor.next_log_keys.into_iter().map(|(_, key)| key))
        .collect();
    let then = keys
        .iter()
        .find_map(|key| Some((key, receipt.verify(key).ok()?)));
    let Some((then, verified)) = then else {
        return Found::Bad;
    };
    let public = DirSource::new(&chronicle.public());
    let report = receipt_over_keys(&public, (then, &today), &receipt);
    Found::Good {
        index: verified.index,
        time_ms: verified.time_ms,
        standing: report.standing,
    }
}
