//! Where I signed in: the services a person agreed to, what each gets, and taking that back.

use super::moment::at;
use super::uses;
use super::visitor::{Visitor, ours, with_accounts};
use crate::app::App;
use crate::pages::{frame, lang_of};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_accounts::StoreError;
use kepil_identity::id::AccountId;
use kepil_oidc::id::AttributeName;
use maud::html;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use words::words;

/// How long an agreement holds, milliseconds: a year.
pub(super) const AGREED_MS: u64 = 365 * 24 * 3600 * 1000;

/// What a person agreed to for a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Agreed {
    /// What it gets beside the pairwise number.
    pub(super) attributes: BTreeSet<AttributeName>,
    /// Since when, Unix milliseconds.
    pub(super) at_ms: u64,
    /// Until when.
    pub(super) until_ms: u64,
}

/// By the client's id.
pub(super) type Services = BTreeMap<String, Agreed>;

fn read(app: &App, account: AccountId) -> Result<Services, StoreError> {
    let now_ms = (app.wall)();
    let accounts = &app.people.accounts;
    let place = ("services", account.as_bytes().as_slice());
    let found: Option<Services> = accounts.take_once(place, now_ms)?;
    let mut services = found.unwrap_or_default();
    services.retain(|_, agreed| now_ms < agreed.until_ms);
    write(app, account, &services)?;
    Ok(services)
}

fn write(app: &App, account: AccountId, services: &Services) -> Result<(), StoreError> {
    let until = (app.wall)().saturating_add(AGREED_MS);
    let place = ("services", account.as_bytes().as_slice());
    app.people.accounts.put_once(place, services, until)
}

/// Everything the person agreed to.
pub(super) fn all(app: &App, account: AccountId) -> Result<Services, StoreError> {
    read(app, account)
}

/// What the person agreed to for a service earlier.
pub(super) fn agreed(
    app: &App,
    account: AccountId,
    client: &str,
) -> Result<Option<BTreeSet<AttributeName>>, StoreError> {
    let services = read(app, account)?;
    Ok(services.get(client).map(|agreed| agreed.attributes.clone()))
}

/// Keeps that the person agreed.
pub(super) fn agree(
    app: &App,
    account: AccountId,
    client: &str,
    attributes: BTreeSet<AttributeName>,
) -> Result<(), StoreError> {
    let mut services = read(app, account)?;
    let now_ms = (app.wall)();
    let agreed = Agreed {
        attributes,
        at_ms: now_ms,
        until_ms: now_ms.saturating_add(AGREED_MS),
    };
    services.insert(client.to_owned(), agreed);
    write(app, account, &services)
}

/// `GET /{lang}/my/services`
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if let Err(why) = uses::subject(&app, &visitor) {
        return Ok(uses::refusal(&app, lang, &why.into()));
    }
    let w = words(lang);
    let account = visitor.account.id;
    let found = with_accounts(&app, move |app| read(app, account)).await?;
    let services = found.map_err(|error| ours(&error))?;
    let body = html! {
        h1 { (w.services) }
        p { (w.services_how) }
        @if services.is_empty() { p { (w.none) } }
        @for (client, agreed) in &services {
            div.card {
                p { strong { (client) } }
                p { (w.gets) ": " (w.number) @for name in &agreed.attributes { ", " (name.as_str()) } }
                p.soft { (at(lang, agreed.at_ms / 1000)) " – " (at(lang, agreed.until_ms / 1000)) }
                form action={"/" (lang.code()) "/my/services"} method="post" {
                    button.small type="submit" name="client" value=(client) { (w.take_back) span.away { " " (client) } }
                }
            }
        }
    };
    Ok(frame(&app, lang, "/my/services", w.services, &body).into_response())
}

/// Which service is meant.
#[derive(Debug, Deserialize)]
pub(super) struct Meant {
    #[serde(default)]
    client: String,
}

/// `POST /{lang}/my/services`
pub(super) async fn take_back(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(meant): Form<Meant>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if let Err(why) = uses::subject(&app, &visitor) {
        return Ok(uses::refusal(&app, lang, &why.into()));
    }
    let account = visitor.account.id;
    let taken = with_accounts(&app, move |app| {
        let mut services = read(app, account)?;
        services.remove(&meant.client);
        write(app, account, &services)
    });
    taken.await?.map_err(|error| ours(&error))?;
    Ok(Redirect::to(&format!("/{}/my/services", lang.code())).into_response())
}

mod words {
    words! {
        services: "Where I signed in", "Где я входил", "Мен кірген сервистер";
        services_how: "You agreed that these services learn who you are. What each got stands in your list of uses. If you take it back, the service asks you again the next time; what it got before it keeps under its own duties.", "Вы согласились, чтобы эти сервисы узнали, кто вы. Что получил каждый, записано в вашем списке. Если отозвать согласие, сервис в следующий раз спросит снова; полученное раньше он хранит по своим обязанностям.", "Бұл сервистер сіздің кім екеніңізді білуіне келістіңіз. Әрқайсысы не алғаны тізіміңізде жазылған. Келісімді қайтарсаңыз, сервис келесі жолы қайта сұрайды; бұрын алғанын өз міндеттері бойынша сақтайды.";
        none: "None.", "Нет.", "Жоқ.";
        gets: "It gets", "Получает", "Алады";
        number: "a number of its sector", "номер своей отрасли", "өз саласының нөмірі";
        take_back: "Take it back", "Отозвать", "Қайтарып алу";
    }
}
