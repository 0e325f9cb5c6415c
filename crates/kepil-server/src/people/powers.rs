//! Powers to act for somebody: given by the person, for named rights and days, ended at any time;
//! and the represented person's list, which the representative's look itself enters.

use super::moment::at;
use super::number::account_number;
use super::power_words::{Words, words};
use super::timeline::{self, Part, Reading};
use super::uses::{self, NoList, Wanted};
use super::visitor::{Visitor, account_of, ours, random, with_accounts};
use crate::app::App;
use crate::pages::{frame, lang_of};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kepil_identity::id::MandateId;
use kepil_identity::mandate::{GiveError, Mandate, MandateKind, NotCovered, Right};
use kepil_identity::standing::{NoStanding, Subject, check as standing};
use kepil_terms::{Day, Instant, Lang};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rights that the pages let a representative exercise.
const RIGHTS: [Right; 2] = [Right::SeeUses, Right::Complain];

fn right_name(right: Right) -> &'static str {
    match right {
        Right::Complain => "complain",
        _ => "see_uses",
    }
}

fn right_word(w: &Words, right: Right) -> &'static str {
    match right {
        Right::Complain => w.right_complain,
        _ => w.right_see,
    }
}

fn kind_word(w: &Words, kind: MandateKind) -> &'static str {
    match kind {
        MandateKind::Parent => w.kind_parent,
        MandateKind::Guardian => w.kind_guardian,
        MandateKind::PowerOfAttorney => w.kind_given,
        MandateKind::Advocate => w.kind_advocate,
        MandateKind::Assisted => w.kind_assisted,
    }
}

/// What a form held, by field.
type Typed = BTreeMap<String, String>;

fn field<'a>(typed: &'a Typed, name: &str) -> &'a str {
    typed.get(name).map_or("", |text| text.trim())
}

fn now_of(app: &App) -> (Day, u64) {
    let now_ms = (app.wall)();
    let now = Instant::from_ms(i64::try_from(now_ms).unwrap_or(i64::MAX));
    (now.kz_day(), now_ms)
}

/// `GET /{lang}/my/powers`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    show(&app, lang, visitor, (&Typed::new(), None)).await
}

async fn show(
    app: &Arc<App>,
    lang: Lang,
    visitor: Visitor,
    (typed, wrong): (&Typed, Option<&str>),
) -> Result<Response, Response> {
    if let Err(why) = uses::subject(app, &visitor) {
        return Ok(uses::refusal(app, lang, &why.into()));
    }
    let w = words(lang);
    let number = account_number(visitor.account.id);
    let own = visitor.account.holder.reference;
    let of_registers = app.law.load().register.powers_of(&own);
    let found = with_accounts(app, move |app| app.people.accounts.mandates_of(&own));
    let (mut mine, mut given) = found.await?.map_err(|error| ours(&error))?;
    mine.extend(of_registers.0);
    given.extend(of_registers.1);
    let now_ms = (app.wall)();
    let list = |title: &str, id: &str, powers: &[Mandate], is_mine: bool| -> Markup {
        html! {
            h2 id=(id) { (title) }
            @if powers.is_empty() { p { (w.nobody) } }
            @for power in powers {
                @let other = if is_mine { &power.represented } else { &power.representative };
                @let is_over = power.revoked_ms.is_some() || now_ms >= power.until_ms;
                div.card {
                    p { strong { (other) } " · " (kind_word(w, power.kind)) @if is_over { " · " strong.deny { (w.ended) } } }
                    p { @for (n, right) in power.rights.iter().enumerate() { @if n > 0 { ", " } (right_word(w, *right)) } }
                    p.soft { (at(lang, power.from_ms / 1000)) " – " (at(lang, power.revoked_ms.unwrap_or(power.until_ms.saturating_sub(1000)) / 1000)) }
                    @if is_mine && !is_over && power.rights.contains(&Right::SeeUses) {
                        p { a href={"/" (lang.code()) "/my/powers/" (power.id)} { (w.see_list) " " (other) } }
                    }
                    // What a register proves ends in that register.
                    @if !is_mine && !is_over && power.kind == MandateKind::PowerOfAttorney {
                        form action={"/" (lang.code()) "/my/powers/end"} method="post" {
                            button.small type="submit" name="id" value=(power.id) { (w.end) span.away { " " (other) } }
                        }
                    }
                }
            }
        }
    };
    let body = html! {
        h1 { (w.powers) }
        @if let Some(wrong) = wrong { p.said role="alert" { (wrong) } }
        p { (w.own_number) " " code { (number) } }
        (list(w.for_me, "for-me", &given, false))
        (list(w.i_act, "i-act", &mine, true))
        h2 { (w.give) }
        p { (w.give_how) }
        form action={"/" (lang.code()) "/my/powers"} method="post" {
            label for="number" { (w.number) }
            input id="number" name="number" required maxlength="40" autocomplete="off" value=(field(typed, "number"));
            fieldset {
                legend { (w.rights) }
                @for right in RIGHTS {
                    label.choice { input type="checkbox" name=(right_name(right)) value="1" checked[typed.contains_key(right_name(right))]; " " (right_word(w, right)) }
                }
            }
            label for="until" { (w.until) }
            p.soft id="until-how" { (w.until_how) }
            input id="until" name="until" type="date" required aria-describedby="until-how" value=(field(typed, "until"));
            button type="submit" { (w.give_button) }
        }
    };
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    Ok((status, frame(app, lang, "/my/powers", w.powers, &body)).into_response())
}

/// The power a form gives; a sentence when it cannot be given.
fn given(
    app: &App,
    w: &'static Words,
    visitor: &Visitor,
    typed: &Typed,
    id: [u8; 16],
) -> Result<Result<Mandate, &'static str>, kepil_accounts::StoreError> {
    let (today, now_ms) = now_of(app);
    let holder = account_of(app, field(typed, "number"))?;
    let holder = holder.filter(|account| account.holder.role.is_person() && !account.is_closed);
    let Some(holder) = holder else {
        return Ok(Err(w.no_number));
    };
    let Ok(last) = Day::parse(field(typed, "until")) else {
        return Ok(Err(w.bad_day));
    };
    let until_ms = u64::try_from(last.next().start().ms()).unwrap_or(0);
    let rights = RIGHTS
        .into_iter()
        .filter(|right| typed.contains_key(right_name(*right)));
    let represented = visitor.account.holder.reference.clone();
    let proof = Sha256::digest(format!("{represented} {typed:?} {now_ms}"));
    let mandate = Mandate {
        id: MandateId::new(id),
        representative: holder.holder.reference,
        represented,
        kind: MandateKind::PowerOfAttorney,
        source: format!("own space, session {}", visitor.session.id),
        rights: rights.collect(),
        from_ms: now_ms,
        until_ms,
        proof: kepil_gate::record::hex(&proof),
        revoked_ms: None,
    };
    let (_, given) = app.people.accounts.mandates_of(&mandate.represented)?;
    let is_there = given.iter().any(|known| {
        known.representative == mandate.representative
            && known.kind == mandate.kind
            && known.revoked_ms.is_none()
            && now_ms < known.until_ms
    });
    Ok(match mandate.check_given(None, today, now_ms) {
        // Two of a kind would let one live on when the other is ended.
        Ok(()) if is_there => Err(w.power_there),
        Ok(()) => Ok(mandate),
        Err(GiveError::Self_) => Err(w.not_oneself),
        Err(GiveError::NoRights) => Err(w.no_rights),
        Err(GiveError::TooLong) => Err(w.too_long),
        Err(_) => Err(w.bad_day),
    })
}

/// `POST /{lang}/my/powers`
pub(crate) async fn give(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if let Err(why) = uses::subject(&app, &visitor) {
        return Ok(uses::refusal(&app, lang, &why.into()));
    }
    let w = words(lang);
    let (id, giver, form) = (random()?, visitor.clone(), typed.clone());
    let done = with_accounts(&app, move |app| match given(app, w, &giver, &form, id)? {
        Ok(mandate) => app.people.accounts.give(&mandate).map(Ok),
        Err(why) => Ok(Err(why)),
    });
    match done.await?.map_err(|error| ours(&error))? {
        Ok(()) => Ok(Redirect::to(&format!("/{}/my/powers", lang.code())).into_response()),
        Err(why) => show(&app, lang, visitor, (&typed, Some(why))).await,
    }
}

/// Which power is to end.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    #[serde(default)]
    id: String,
}

/// `POST /{lang}/my/powers/end`
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(ended): Form<Ended>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if let Err(why) = uses::subject(&app, &visitor) {
        return Ok(uses::refusal(&app, lang, &why.into()));
    }
    let own = visitor.account.holder.reference.clone();
    let done = with_accounts(&app, move |app| {
        let Ok(id) = MandateId::parse(&ended.id) else {
            return Ok(false);
        };
        app.people.accounts.revoke(id, &own, (app.wall)())
    });
    match done.await?.map_err(|error| ours(&error))? {
        true => Ok(Redirect::to(&format!("/{}/my/powers", lang.code())).into_response()),
        false => {
            let wrong = Some(words(lang).none_to_end);
            show(&app, lang, visitor, (&Typed::new(), wrong)).await
        }
    }
}

/// A power that covers what is asked for.
#[derive(Debug)]
pub(crate) struct Acting {
    /// The power.
    pub(crate) mandate: Mandate,
    /// The represented child must agree to this very act.
    pub(crate) awaits_child: bool,
}

/// Looks a power up anew: whose it is, whether it lasts, and whether it covers a right.
pub(crate) async fn acting(
    app: &Arc<App>,
    lang: Lang,
    visitor: &Visitor,
    id: &str,
    right: Right,
) -> Result<Acting, Response> {
    let (looking, id) = (visitor.clone(), id.to_owned());
    let found = with_accounts(app, move |app| {
        let id = MandateId::parse(&id).map_err(|_| NoList::NoMonth)?;
        let law = app.law.load();
        let given = app.people.accounts.mandate(id).map_err(|error| {
            tracing::error!(%error, "a power cannot be read");
            NoList::NoMonth
        })?;
        let mandate = given.or_else(|| law.register.power(id).cloned());
        let own = looking.account.holder.reference.as_str();
        // Somebody else's power is as good as none, and says so in the same words.
        let mandate = mandate.filter(|mandate| mandate.representative == own);
        let mandate = mandate.ok_or(NoList::NoMonth)?;
        let person = law.register.record("person", &mandate.represented);
        let subject = Subject {
            reference: &mandate.represented,
            born: person.and_then(|entry| entry.born),
        };
        let (account, session) = (&looking.account, &looking.session);
        let power = Some((&mandate, false));
        let awaits_child = match standing(account, session, right, subject, power, now_of(app)) {
            Ok(_) => false,
            Err(NoStanding::Power(NotCovered::ChildConfirms)) => true,
            Err(why) => return Err(why.into()),
        };
        Ok::<_, NoList>(Acting {
            mandate,
            awaits_child,
        })
    });
    match found.await? {
        Ok(acting) => Ok(acting),
        Err(NoList::Standing(NoStanding::Power(why))) => {
            let w = words(lang);
            let said = match why {
                NotCovered::OwnAct => w.own_act,
                _ => w.over,
            };
            let body = html! { h1 { (w.powers) } p.said role="alert" { (said) } };
            let page = frame(app, lang, "/my/powers", w.powers, &body);
            Err((StatusCode::FORBIDDEN, page).into_response())
        }
        Err(why) => Err(uses::refusal(app, lang, &why)),
    }
}

/// `GET /{lang}/my/powers/{id}`: the list of the person somebody acts for.
///
/// The power is looked at anew, and the look goes into that person's list before it is shown.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path((lang, id)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    visitor: Visitor,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    if let Err(why) = uses::subject(&app, &visitor) {
        return Ok(uses::refusal(&app, lang, &why.into()));
    }
    let period = wanted.period();
    let period = period.map_err(|why| uses::refusal(&app, lang, &why))?;
    let mandate = acting(&app, lang, &visitor, &id, Right::SeeUses)
        .await?
        .mandate;
    let subject = format!("person:{}", mandate.represented);
    let by = visitor.account.holder.reference.as_str();
    let power = mandate.id.to_string();
    let seen = crate::desk::seen_by_representative(&app, &subject, by, &power);
    seen.await.map_err(|error| ours(&error))?;
    let person = subject.clone();
    let list = with_accounts(&app, move |app| uses::list_of(app, &person, period)).await?;
    let list = match list {
        Ok(list) => list,
        Err(why) => return Ok(uses::refusal(&app, lang, &why)),
    };
    let w = words(lang);
    let law = app.law.load_full();
    let part = Part {
        system: "",
        before: wanted.before,
    };
    let may_complain = mandate.rights.contains(&Right::Complain);
    let reading = Reading::Other {
        complains: may_complain.then_some(power.as_str()),
    };
    let body = html! {
        p { a href={"/" (lang.code()) "/my/powers"} { (w.powers) } }
        h1 { (w.list_of) " " (mandate.represented) }
        p { (w.look_stays) }
        form.filter action={"/" (lang.code()) "/my/powers/" (mandate.id)} method="get" {
            (uses::months(super::words::words(lang), &list))
            button type="submit" { (super::words::words(lang).show) }
        }
        (timeline::lines(&law, lang, (list.period, &list.verified), part, reading, (&format!("/{}/my/powers/{}", lang.code(), mandate.id), &|_| None)))
    };
    let path = format!("/my/powers/{}", mandate.id);
    Ok(frame(&app, lang, &path, w.list_of, &body).into_response())
}
