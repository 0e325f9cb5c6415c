//! A complaint that a representative files for somebody; a child of 14 or 15 must agree to it.

use super::complaint::{Complainant, Typed, form_page, taken};
use super::page::said;
use super::words::words;
use crate::app::App;
use crate::pages::lang_of;
use crate::people::powers::{Acting, acting};
use crate::people::uses::{NoList, list_of, refusal, subject};
use crate::people::visitor::{Visitor, ours, with_accounts};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kepil_identity::mandate::Right;
use kepil_ledger::completeness::OpenedEntry;
use kepil_terms::Lang;
use std::sync::Arc;

/// The power, and the entry of the represented person's list it is about.
async fn found(
    app: &Arc<App>,
    lang: Lang,
    visitor: &Visitor,
    (id, index): (&str, u64),
) -> Result<(Acting, OpenedEntry), Response> {
    subject(app, visitor).map_err(|why| refusal(app, lang, &why.into()))?;
    let acting = acting(app, lang, visitor, id, Right::Complain).await?;
    let of = format!("person:{}", acting.mandate.represented);
    let entry = with_accounts(app, move |app| {
        let row = app.ledger.chronicle.row(index).ok();
        let period = row.filter(|row| row.subject == of);
        let period = period.map(|row| row.row.record.facts.period);
        let list = list_of(app, &of, Some(period.ok_or(NoList::NoMonth)?))?;
        let mut opened = list.verified.opened.into_iter();
        opened
            .find(|entry| entry.index == index)
            .ok_or(NoList::NoMonth)
    });
    let entry = entry.await?.map_err(|why| refusal(app, lang, &why))?;
    Ok((acting, entry))
}

/// `GET /{lang}/my/powers/{id}/{index}/complain`
pub(super) async fn form(
    State(app): State<Arc<App>>,
    Path((lang, id, index)): Path<(String, String, u64)>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let (acting, entry) = found(&app, lang, &visitor, (&id, index)).await?;
    // The form shows the use: a look like any other.
    let subject = format!("person:{}", acting.mandate.represented);
    let by = visitor.account.holder.reference.as_str();
    let seen = super::seen_by_representative(&app, &subject, by, &id).await;
    seen.map_err(|error| ours(&error))?;
    let path = format!("/my/powers/{id}/{index}/complain");
    let place = (path.as_str(), index);
    Ok(form_page(&app, lang, place, &entry.payload, ("", None)))
}

/// `POST /{lang}/my/powers/{id}/{index}/complain`
pub(super) async fn file(
    State(app): State<Arc<App>>,
    Path((lang, id, index)): Path<(String, String, u64)>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    let (acting, entry) = found(&app, lang, &visitor, (&id, index)).await?;
    let of = Complainant {
        subject: format!("person:{}", acting.mandate.represented),
        by: visitor.account.holder.reference.clone(),
        awaits: acting.awaits_child,
    };
    let path = format!("/my/powers/{id}/{index}/complain");
    let case = taken(&app, lang, &path, entry, &typed, of).await?;
    let how = match case.awaits {
        true => w.awaits_child,
        false => w.filed_for,
    };
    let text = format!("{how} {} {}.", w.case_number, case.id);
    Ok(said(&app, lang, StatusCode::OK, w.complain, &text))
}
