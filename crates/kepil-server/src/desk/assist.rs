//! An assisted session at a service centre: the official has seen a document and agrees, the person
//! agrees by a printed code of the own; the session is short, says who helps, and is an event.

use super::page::{admit, said};
use super::words::words;
use crate::app::App;
use crate::pages::{frame, lang_of};
use crate::people::visitor::{Visitor, account_of, begin_with, ours, with_accounts};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kepil_accounts::TellError;
use kepil_identity::account::{Account, Command};
use kepil_identity::factor::{Factor, FactorKind};
use kepil_identity::holder::Role;
use kepil_identity::level::Level;
use kepil_terms::Lang;
use maud::html;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The purpose that a mandate of a service centre names.
const PURPOSE: &str = "rights_exercise";

type Typed = BTreeMap<String, String>;

fn field<'a>(typed: &'a Typed, name: &str) -> &'a str {
    typed.get(name).map_or("", |text| text.trim())
}

/// Whether an official works at a service centre now.
fn may_assist(app: &App, official: &str) -> bool {
    let law = app.law.load();
    let now = (app.clock)();
    law.register.mandates_of(official).any(|mandate| {
        let key = super::ask::key(&law, mandate);
        mandate.check(official, key, PURPOSE, now).is_ok()
    })
}

fn form(app: &App, lang: Lang, typed: &Typed, wrong: Option<&str>) -> Response {
    let w = words(lang);
    let body = html! {
        h1 { (w.assist) }
        p { (w.assist_how) }
        @if let Some(wrong) = wrong { p.said role="alert" { (wrong) } }
        form action={"/" (lang.code()) "/desk/assist"} method="post" autocomplete="off" {
            label for="number" { (w.assist_number) }
            input id="number" name="number" required maxlength="40" value=(field(typed, "number"));
            label for="code" { (w.assist_code) }
            input id="code" name="code" required maxlength="60";
            fieldset {
                legend { (w.assist_consents) }
                label.choice { input type="checkbox" name="person" value="1" required checked[typed.contains_key("person")]; " " (w.assist_person) }
                label.choice { input type="checkbox" name="official" value="1" required checked[typed.contains_key("official")]; " " (w.assist_official) }
            }
            button type="submit" { (w.assist_begin) }
        }
    };
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    (status, frame(app, lang, "/desk/assist", w.assist, &body)).into_response()
}

/// `GET /{lang}/desk/assist`
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Official, w.desk)?;
    if !may_assist(&app, &visitor.account.holder.reference) {
        let text = w.a_not_in_force;
        return Ok(said(&app, lang, StatusCode::FORBIDDEN, w.desk, text));
    }
    Ok(form(&app, lang, &Typed::new(), None))
}

/// The account whose printed code was typed; the code is used up.
///
/// Whether there is such an account is not told apart from a wrong code.
fn by_code(
    app: &App,
    official: &str,
    number: &str,
    code: &str,
) -> Result<Option<Account>, TellError> {
    let (accounts, now_ms) = (&app.people.accounts, (app.wall)());
    let account = account_of(app, number)?;
    let account = account.filter(|a| !a.is_closed && a.holder.role.is_person());
    let Some(account) = account else {
        return Ok(None);
    };
    if account.may_try(FactorKind::Recovery, now_ms).is_err() {
        return Ok(None);
    }
    let printed = account.factors_of(FactorKind::Recovery).next();
    let found = printed.and_then(|known| match &known.factor {
        Factor::Recovery { codes } => Some((known.id, codes.clone(), codes.find(code)?)),
        _ => None,
    });
    let Some((id, mut codes, at)) = found else {
        let kind = FactorKind::Recovery;
        accounts.tell(account.id, Command::Fail { kind }, now_ms)?;
        return Ok(None);
    };
    codes.use_up(at);
    let factor = Factor::Recovery { codes };
    accounts.tell(account.id, Command::Change { id, factor }, now_ms)?;
    // The other factor is the person: an official has seen the document.
    let method = format!("document seen by {official}");
    let (account, _) = accounts.tell(account.id, Command::Proof { method }, now_ms)?;
    Ok(Some(account))
}

/// `POST /{lang}/desk/assist`
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    admit(&app, lang, &visitor, Role::Official, w.desk)?;
    let official = visitor.account.holder.reference.clone();
    if !may_assist(&app, &official) {
        let text = w.a_not_in_force;
        return Ok(said(&app, lang, StatusCode::FORBIDDEN, w.desk, text));
    }
    if !(typed.contains_key("person") && typed.contains_key("official")) {
        return Ok(form(&app, lang, &typed, Some(w.assist_both)));
    }
    let (number, code) = (
        field(&typed, "number").to_owned(),
        field(&typed, "code").to_owned(),
    );
    let by = official.clone();
    let found = with_accounts(&app, move |app| by_code(app, &by, &number, &code)).await?;
    let Some(account) = found.map_err(|error| ours(&error))? else {
        return Ok(form(&app, lang, &typed, Some(w.assist_no_fit)));
    };
    let subject = format!("person:{}", account.holder.reference);
    let recorded = super::act::assisted(&app, &subject, &official).await;
    recorded.map_err(|error| ours(&error))?;
    // The official has seen a document: with the code that is two.
    let by = Some(visitor.account.id);
    let cookie = begin_with(&app, &account, Level::Two, &headers, by).await?;
    let to = Redirect::to(&format!("/{}/my/uses", lang.code()));
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}
