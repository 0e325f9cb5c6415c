//! Invented people for a demonstration: they come in with one click.
//!
//! No configuration file can turn this on; only the demonstration calls [`invent`], and a build
//! without the feature `demo` does not have it.

use super::visitor::{begin, with_accounts};
use super::{People, account_number};
use crate::app::App;
use crate::pages::lang_of;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_accounts::{CreateError, TellError};
use kepil_identity::account::Command;
use kepil_identity::factor::Factor;
use kepil_identity::holder::Holder;
use kepil_identity::id::{AccountId, FactorId};
use kepil_identity::level::Level;
use kepil_identity::recovery::{COUNT, RecoveryCodes};
use kepil_identity::secret::{SecretError, SecretHash};
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::{Arc, PoisonError};
use words::words;

/// Why nobody was invented.
#[derive(Debug, thiserror::Error)]
pub enum InventError {
    /// No random bytes.
    #[error("inventing people: no random bytes")]
    Random,
    /// An account was not opened.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It did not take what was asked.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// A secret could not be kept.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

fn random<const N: usize>() -> Result<[u8; N], InventError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| InventError::Random)?;
    Ok(bytes)
}

/// Opens accounts for invented people, each with two ways in that nobody knows.
///
/// # Errors
/// When an account cannot be opened.
pub fn invent(people: &People, holders: &[Holder], now_ms: u64) -> Result<(), InventError> {
    for holder in holders {
        let id = AccountId::new(random()?);
        people.accounts.create(id, holder.clone(), now_ms)?;
        let secret = kepil_gate::record::hex(&random::<16>()?);
        let hash = SecretHash::of(&secret, &random()?)?;
        let (mut codes, mut salts) = ([[0; 17]; COUNT], [[0; 16]; COUNT]);
        for (code, salt) in codes.iter_mut().zip(&mut salts) {
            (*code, *salt) = (random()?, random()?);
        }
        let (_, codes) = RecoveryCodes::draw(&codes, &salts)?;
        for factor in [Factor::Secret { hash }, Factor::Recovery { codes }] {
            let id_of = FactorId::new(random()?);
            people
                .accounts
                .tell(id, Command::Add { id: id_of, factor }, now_ms)?;
        }
        let method = "invented for a demonstration".to_owned();
        people
            .accounts
            .tell(id, Command::Proof { method }, now_ms)?;
        let mut invented = people
            .invented
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        invented.push((holder.reference.clone(), id));
    }
    Ok(())
}

/// The section of the sign-in page; nothing where nobody is invented.
pub(super) fn doors(app: &App, lang: Lang) -> Markup {
    let invented = app
        .people
        .invented
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let w = words(lang);
    html! {
        @if !invented.is_empty() {
            section.invented aria-labelledby="by-click" {
                h2 id="by-click" { (w.by_click) }
                p { (w.by_click_how) }
                form action={"/" (lang.code()) "/sign-in/invented"} method="post" {
                    @for (reference, id) in invented.iter() {
                        button.small type="submit" name="number" value=(account_number(*id)) { (reference) } " "
                    }
                }
            }
        }
    }
}

/// Who is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Meant {
    number: String,
}

/// `POST /{lang}/sign-in/invented`
pub(super) async fn enter(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    headers: HeaderMap,
    Form(meant): Form<Meant>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let id = {
        let invented = app
            .people
            .invented
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = invented
            .iter()
            .find(|(_, id)| account_number(*id) == meant.number);
        found.map(|(_, id)| *id)
    };
    let nobody = || crate::problem::Problem::not_found("no such page").into_response();
    let id = id.ok_or_else(nobody)?;
    let found = with_accounts(&app, move |app| app.people.accounts.find(id)).await?;
    let account = found.ok().flatten().ok_or_else(nobody)?;
    let cookie = begin(&app, &account, Level::Two, &headers).await?;
    let to = Redirect::to(&format!("/{}/my", lang.code()));
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

mod words {
    words! {
        by_click: "Demonstration: come in as", "Демонстрация: войти как", "Көрсетілім: кім болып кіру";
        by_click_how: "These people are invented. This section exists in a demonstration only.", "Эти люди вымышлены. Этот раздел есть только в демонстрации.", "Бұл адамдар ойдан шығарылған. Бұл бөлім тек көрсетілімде бар.";
    }
}
