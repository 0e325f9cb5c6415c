//! What people see: the start page, the statute book, the ledger's head.

mod chart;
mod law;
mod numbers;
mod receipt;
mod start;
mod systems;
mod words;

use crate::app::App;
use crate::asset::Asset;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use kepil_terms::Lang;
pub(crate) use law::{address, beginning, sources};
use maud::{DOCTYPE, Markup, html};
pub(crate) use numbers::grouped;
use std::sync::Arc;
use words::words;
pub(crate) use words::{outcome, precisions, verdict};

/// The pages.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(language))
        .route("/assets/style.css", get(style))
        .route("/assets/icon.svg", get(icon))
        .route("/{lang}", get(start::page))
        .route("/{lang}/law", get(law::list))
        .route("/{lang}/law/{act}", get(law::act))
        .route("/{lang}/law/{act}/{article}", get(law::one))
        .route("/{lang}/decisions/{index}", get(start::decision))
        .route("/{lang}/systems", get(systems::page))
        .route("/{lang}/ledger", get(start::ledger).post(receipt::check))
}

async fn language(headers: HeaderMap) -> Redirect {
    let wanted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let lang = wanted
        .split(',')
        .filter_map(|p| p.split(['-', ';']).next())
        .find_map(|c| Lang::from_code(c.trim()))
        .unwrap_or(Lang::Kk);
    Redirect::to(&format!("/{}", lang.code()))
}

async fn style(asked: HeaderMap) -> Response {
    static STYLE: Asset = Asset::new("text/css; charset=utf-8", include_str!("pages/style.css"));
    STYLE.serve(&asked)
}

async fn icon(asked: HeaderMap) -> Response {
    static ICON: Asset = Asset::new("image/svg+xml", include_str!("pages/icon.svg"));
    ICON.serve(&asked)
}

/// The frame of every page: `path` is the address after the language.
pub(crate) fn frame(app: &App, lang: Lang, path: &str, title: &str, body: &Markup) -> Markup {
    let w = words(lang);
    html! {
        (DOCTYPE)
        html lang=(lang.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Kepil" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/style.css";
            }
            body {
                a.skip href="#main" { (w.skip) }
                header {
                    a.brand href={"/" (lang.code())} { "Kepil" }
                    nav aria-label=(w.sections) {
                        a href={"/" (lang.code()) "/law"} { (w.law) }
                        a href={"/" (lang.code()) "/ledger"} { (w.ledger) }
                        a href={"/" (lang.code()) "/systems"} { (w.systems) }
                        @if path.starts_with("/desk") { a href={"/" (lang.code()) "/desk"} { (w.desk) } }
                        @else if path.starts_with("/supervision") { a href={"/" (lang.code()) "/supervision"} { (w.supervision) } }
                        @else { a href={"/" (lang.code()) "/my"} { (w.my_space) } }
                        a href={"/" (lang.code()) "/my/identity"} { (w.my_identity) }
                    }
                    nav.langs aria-label=(w.language) {
                        @for l in Lang::ALL {
                            @if l == lang { span aria-current="true" { (l.code()) } } @else { a href={"/" (l.code()) (path)} lang=(l.code()) hreflang=(l.code()) { (l.code()) } }
                        }
                    }
                }
                @if path.starts_with("/my/") && path != "/my/identity" {
                    nav.own aria-label=(w.own_sections) {
                        a href={"/" (lang.code()) "/my/uses"} { (w.my_uses) }
                        a href={"/" (lang.code()) "/my/notices"} { (w.my_notices) }
                        a href={"/" (lang.code()) "/my/complaints"} { (w.my_complaints) }
                        a href={"/" (lang.code()) "/my/powers"} { (w.my_powers) }
                        a href={"/" (lang.code()) "/my/services"} { (w.my_services) }
                    }
                }
                main id="main" {
                    @if app.config.danger_assumed_law { p.demo { (w.demo) } }
                    (body)
                }
                @if script_for(path) { script src="/assets/passkey.js" type="module" {} }
                footer {
                    p { strong { (w.help) } ": "
                        @if !app.config.help.phone.is_empty() { a href={"tel:" (app.config.help.phone.replace(' ', ""))} { (app.config.help.phone) } " · " }
                        @if !app.config.help.place.is_empty() { (app.config.help.place) " · " }
                        (w.help_paper)
                    }
                    p { (w.footer) }
                }
            }
        }
    }
}

/// A page for what went wrong before any page was reached.
pub(crate) fn error_page(app: &App, path: &str, status: StatusCode) -> Response {
    let lang = path.split('/').nth(1).and_then(Lang::from_code);
    let lang = lang.unwrap_or(Lang::Kk);
    let w = words(lang);
    let (title, how) = match status.as_u16() {
        404 | 405 => (w.e_404, w.e_404_how),
        413 => (w.e_413, w.e_413_how),
        400..500 => (w.e_400, w.e_400_how),
        _ => (w.e_500, w.e_500_how),
    };
    let body = html! {
        h1 { (title) }
        p { (how) }
        p { a href={"/" (lang.code())} { "Kepil" } }
    };
    (status, frame(app, lang, "", title, &body)).into_response()
}

/// Pages that offer passkeys.
fn script_for(path: &str) -> bool {
    path == "/sign-in" || path == "/my/identity"
}

/// The language of an address, or a page that says it does not exist.
pub(crate) fn lang_of(code: &str) -> Result<Lang, crate::problem::Problem> {
    Lang::from_code(code).ok_or_else(|| crate::problem::Problem::not_found("no such page"))
}

pub(crate) type Shared = State<Arc<App>>;
pub(crate) type Named<T> = Path<T>;
