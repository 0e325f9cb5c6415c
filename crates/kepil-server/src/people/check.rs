//! Checking the proof of a month in the browser, with the person's own secret, which stays there.

use super::visitor::Visitor;
use super::words::words;
use crate::app::App;
use crate::asset::Asset;
use crate::pages::{frame, lang_of};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kepil_ledger::period::Period;
use maud::{Markup, html};
use std::sync::Arc;

/// `GET /assets/check.js`: the verifier and what lets a page use it, from `web/verify`.
pub(super) async fn script(asked: HeaderMap) -> Response {
    static CHECK: Asset = Asset::new(
        "text/javascript; charset=utf-8",
        include_str!("../../../../web/verify/dist/check.js"),
    );
    CHECK.serve(&asked)
}

/// `GET /{lang}/my/uses/{period}/check`
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path((lang, period)): Path<(String, String)>,
    _: Visitor,
) -> Result<Markup, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let period = period.parse().ok().and_then(Period::new);
    let absent = || crate::problem::Problem::not_found("no such page").into_response();
    let number = period.ok_or_else(absent)?.number();
    let (w, code) = (words(lang), lang.code());
    let proof = format!("/{code}/my/uses/{number}/proof");
    let texts = [
        ("checking", w.c_checking),
        ("complete", w.c_complete),
        ("closed", w.c_closed),
        ("overdue", w.c_overdue),
        ("compared", w.c_compared),
        ("remembered", w.c_remembered),
        ("forgotten", w.c_forgotten),
        ("secret", w.c_secret),
        ("offline", w.c_offline),
        ("unsupported", w.c_unsupported),
        ("map", w.c_map),
        ("shrunk", w.c_shrunk),
        ("stale", w.c_stale),
    ];
    let others = [
        "malformed",
        "other_log",
        "log_signature",
        "cosignature",
        "quorum",
        "not_last",
        "head",
        "inclusion",
        "order",
        "row",
        "gate",
        "notice",
    ];
    let body = html! {
        p { a href={"/" (code) "/my/uses?month=" (number)} { (w.back) } }
        h1 { (w.check_here) }
        p { (w.check_here_how) }
        section data-kepil-proof data-proof=(proof) data-policy="/log/policy" data-anchor="/log/anchor" data-period=(number) {
            form method="dialog" hidden {
                label for="own-secret" { (w.proof_secret) }
                input id="own-secret" type="password" name="secret" autocomplete="off" spellcheck="false" required;
                button type="submit" { (w.check_here) }
            }
            p { output.said data-kepil-result aria-live="polite" { (w.c_no_script) } }
            @for (name, text) in texts { template data-kepil-text=(name) { (text) } }
            @for name in others { template data-kepil-text=(name) { (w.c_fault) " (" (name) ")" } }
        }
        p { a href={"/" (code) "/my/identity"} { (w.proof_secret_where) } }
        p { a href=(proof) { (w.take_proof) } }
        script src="/assets/check.js" type="module" {}
    };
    let path = format!("/my/uses/{number}/check");
    Ok(frame(&app, lang, &path, w.check_here, &body))
}
