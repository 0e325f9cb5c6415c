//! Codes sent to a confirmed address: the way in for whoever has no passkey and no sheet at hand.
//!
//! The first form takes number and secret and always leads to the second. Whether anything was
//! sent is seen at the address alone, so that the form says nothing about accounts and secrets.

use super::identity::{change, may_change, shown};
use super::sign_in::{Attempt, back, doors, enter, fitting_secret, level_of, too_early};
use super::visitor::{Visitor, account_of, ours, random, with_accounts};
use super::words::words;
use crate::app::App;
use crate::pages::{frame, lang_of};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use kepil_accounts::TellError;
use kepil_identity::account::{Account, Command};
use kepil_identity::factor::{Channel, Factor, FactorKind};
use kepil_identity::id::{AccountId, FactorId};
use kepil_identity::secret::SecretHash;
use kepil_notices::{Channel as Way, Choice, Code, CodeError, Message, NoticeId, Sender};
use kepil_terms::Lang;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a code is good, milliseconds.
const GOOD_MS: u64 = 10 * 60_000;

/// How many codes go out for one account within [`HOUR_MS`].
const SENDS: u8 = 5;

const HOUR_MS: u64 = 60 * 60_000;

/// A number and a secret that fit, and the address the code went to.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fits {
    account: AccountId,
    secret: FactorId,
    channel: FactorId,
}

/// A code that waits to be typed; where nothing fits it waits all the same, and opens nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    fits: Option<Fits>,
    code: Code,
    until_ms: u64,
}

/// A message that is to go out.
struct Outgoing {
    sender: Arc<dyn Sender>,
    address: String,
    lang: Lang,
}

const fn way_of(channel: Channel) -> Way {
    match channel {
        Channel::Email => Way::Email,
        Channel::Sms => Way::Sms,
    }
}

const fn channel_of(way: Way) -> Option<Channel> {
    match way {
        Way::Email => Some(Channel::Email),
        Way::Sms => Some(Channel::Sms),
        Way::Space => None,
    }
}

/// Whether this node can send codes at all.
pub(super) fn can_send(app: &App) -> bool {
    [Way::Email, Way::Sms]
        .iter()
        .any(|way| app.people.notices.way(*way).is_some())
}

/// The addresses to which codes go that open an account.
pub(super) fn addresses(account: &Account) -> Vec<String> {
    let codes = account.factors_of(FactorKind::Code);
    let of = codes.filter_map(|known| match &known.factor {
        Factor::Code { address, .. } => Some(address.clone()),
        _ => None,
    });
    of.collect()
}

/// The confirmed addresses that are no way in yet.
pub(super) fn new_ways<'a>(account: &Account, choices: &'a [Choice]) -> Vec<&'a Choice> {
    let is_way = |choice: &Choice| {
        account.factors_of(FactorKind::Code).any(|known| {
            matches!(&known.factor, Factor::Code { address, .. } if *address == choice.address)
        })
    };
    choices.iter().filter(|choice| !is_way(choice)).collect()
}

/// A number and a secret.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    number: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    then: Option<String>,
}

/// `POST /{lang}/sign-in/send`: a code goes out where number and secret fit.
pub(crate) async fn send(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let then = back(asked.then.as_deref(), lang);
    let number = asked.number.clone();
    let (drawn, id) = (random::<24>()?, NoticeId::new(random()?));
    let ticket = kepil_gate::record::hex(&random::<32>()?);
    let place = ticket.clone();
    let begun = with_accounts(&app, move |app| {
        let now_ms = (app.wall)();
        let fitting = match fitting(app, &asked, lang, now_ms)? {
            Ok(fitting) => fitting,
            Err(until_ms) => return Ok(Err(until_ms)),
        };
        let (fits, outgoing) = fitting.unzip();
        let (text, code) = Code::draw(drawn, GOOD_MS, now_ms);
        let until_ms = now_ms.saturating_add(GOOD_MS);
        let pending = Pending {
            fits,
            code,
            until_ms,
        };
        keep(app, &place, &pending)?;
        Ok::<_, TellError>(Ok(outgoing.map(|out| (out, text))))
    });
    match begun.await?.map_err(|error| ours(&error))? {
        Err(until_ms) => Ok(too_early(&app, lang, &then, &number, until_ms)),
        Ok(outgoing) => {
            if let Some((out, text)) = outgoing {
                let (node, now_ms) = (app.config.public_url.clone(), (app.wall)());
                // Nobody waits for it: how long sending takes would say that something is sent.
                tokio::task::spawn_blocking(move || {
                    let message = Message::entry(id, out.lang, &node, &text, now_ms);
                    // What goes wrong stands in the node's log already.
                    let _ = out.sender.send(&out.address, &message);
                });
            }
            Ok(code_page(&app, lang, &then, &ticket, None).into_response())
        }
    }
}

/// What fits number and secret, with the message that is to go out; or the moment from which an
/// attempt counts.
fn fitting(
    app: &App,
    asked: &Asked,
    lang: Lang,
    now_ms: u64,
) -> Result<Result<Option<(Fits, Outgoing)>, u64>, TellError> {
    let accounts = &app.people.accounts;
    let account = account_of(app, &asked.number)?.filter(|account| !account.is_closed);
    let Some(account) = account else {
        if let Err(early) = app.people.stranger(&asked.number, now_ms) {
            return Ok(Err(early.until_ms));
        }
        // A stranger must not learn from the time it takes which accounts there are.
        let _ = SecretHash::of(&asked.secret, &[0; 16]);
        return Ok(Ok(None));
    };
    if let Err(early) = account.may_try(FactorKind::Secret, now_ms) {
        return Ok(Err(early.until_ms));
    }
    let Some(secret) = fitting_secret(&account, &asked.secret) else {
        let kind = FactorKind::Secret;
        accounts.tell(account.id, Command::Fail { kind }, now_ms)?;
        return Ok(Ok(None));
    };
    let sent_to = account.factors_of(FactorKind::Code).filter_map(|known| {
        let Factor::Code { channel, address } = &known.factor else {
            return None;
        };
        let sender = app.people.notices.way(way_of(*channel))?;
        Some((known, address, sender))
    });
    // The one set last.
    let Some((channel, address, sender)) = sent_to.max_by_key(|(known, ..)| known.added_ms) else {
        return Ok(Ok(None));
    };
    if !may_send(app, account.id, now_ms)? {
        return Ok(Ok(None));
    }
    let fits = Fits {
        account: account.id,
        secret: secret.id,
        channel: channel.id,
    };
    let outgoing = Outgoing {
        sender,
        address: address.clone(),
        lang,
    };
    Ok(Ok(Some((fits, outgoing))))
}

/// Whether one more code may go out for an account within the hour.
fn may_send(app: &App, account: AccountId, now_ms: u64) -> Result<bool, TellError> {
    let accounts = &app.people.accounts;
    let until_ms = now_ms.saturating_add(HOUR_MS);
    for turn in 0..SENDS {
        let place = [account.as_bytes().as_slice(), &[turn]].concat();
        if accounts.first_use(("code sent", &place), until_ms)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn keep(app: &App, ticket: &str, pending: &Pending) -> Result<(), TellError> {
    let name = ("sign-in code", ticket.as_bytes());
    let accounts = &app.people.accounts;
    Ok(accounts.put_once(name, pending, pending.until_ms)?)
}

fn code_page(app: &App, lang: Lang, then: &str, ticket: &str, said: Option<&str>) -> Markup {
    let (w, code) = (words(lang), lang.code());
    let body = html! {
        h1 { (w.sent_title) }
        @if let Some(said) = said { p.said role="alert" { (said) } }
        p { (w.sent_how) }
        form action={"/" (code) "/sign-in/code"} method="post" {
            input type="hidden" name="then" value=(then);
            input type="hidden" name="ticket" value=(ticket);
            label for="code" { (w.sent_code) }
            input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" required;
            button type="submit" { (w.sign_in) }
        }
        p { (w.sent_none) " " a href={"/" (code) "/sign-in"} { (w.sent_again) } }
    };
    frame(app, lang, "/sign-in", w.sent_title, &body)
}

/// A code that was typed.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    then: Option<String>,
}

/// What a typed code comes to.
enum Tried {
    In(Attempt),
    Wrong(u32),
    Spent,
    Over,
}

/// `POST /{lang}/sign-in/code`
pub(crate) async fn by_code(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    let then = back(typed.then.as_deref(), lang);
    let ticket = typed.ticket.clone();
    let tried = with_accounts(&app, move |app| attempt(app, &typed));
    let said = match tried.await?.map_err(|error| ours(&error))? {
        Tried::In(Attempt::In(account, level)) => {
            return enter(&app, &account, level, &headers, &then).await;
        }
        Tried::Wrong(left) => {
            let said = format!("{} {left}", w.sent_wrong);
            let page = code_page(&app, lang, &then, &ticket, Some(&said));
            return Ok((StatusCode::UNAUTHORIZED, page).into_response());
        }
        Tried::Spent | Tried::In(_) => w.sent_spent,
        Tried::Over => w.sent_over,
    };
    let page = doors(&app, lang, &then, "", Some(said));
    Ok((StatusCode::UNAUTHORIZED, page).into_response())
}

fn attempt(app: &App, typed: &Typed) -> Result<Tried, TellError> {
    let (accounts, now_ms) = (&app.people.accounts, (app.wall)());
    let name = ("sign-in code", typed.ticket.as_bytes());
    let Some(mut pending) = accounts.take_once::<Pending>(name, now_ms)? else {
        return Ok(Tried::Over);
    };
    match (
        pending.code.attempt(&typed.code, now_ms),
        pending.fits.clone(),
    ) {
        (Ok(()), Some(fits)) => {
            let factors = vec![fits.secret, fits.channel];
            match accounts.tell(fits.account, Command::SignIn { factors }, now_ms) {
                Ok((account, events)) => Ok(Tried::In(level_of(account, &events))),
                // A way in that was taken away meanwhile opens nothing.
                Err(TellError::Refused(_)) => Ok(Tried::Spent),
                Err(error) => Err(error),
            }
        }
        (Err(CodeError::Wrong { left }), _) => {
            keep(app, &typed.ticket, &pending)?;
            Ok(Tried::Wrong(left))
        }
        (Ok(()) | Err(CodeError::Spent), fits) => {
            if let Some(fits) = fits {
                let kind = FactorKind::Code;
                match accounts.tell(fits.account, Command::Fail { kind }, now_ms) {
                    Ok(_) | Err(TellError::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(Tried::Spent)
        }
        (Err(CodeError::None), _) => Ok(Tried::Over),
    }
}

/// A channel whose confirmed address is to be a way in.
#[derive(Debug, Deserialize)]
pub(crate) struct Channels {
    #[serde(default)]
    channel: String,
}

/// `POST /{lang}/my/identity/channel`: codes may go to an address that the person confirmed.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Path(lang): Path<String>,
    visitor: Visitor,
    Form(form): Form<Channels>,
) -> Result<Response, Response> {
    let lang = lang_of(&lang).map_err(IntoResponse::into_response)?;
    let w = words(lang);
    if !may_change(&visitor) {
        return shown(&app, lang, visitor, Err(w.surer)).await;
    }
    let id = FactorId::new(random()?);
    let reference = visitor.account.holder.reference.clone();
    let way = Way::from_word(&form.channel);
    let is_person = visitor.account.holder.role.is_person();
    let confirmed = with_accounts(&app, move |app| {
        let choices = app.people.notices.outbox.choices(&reference)?;
        let found = choices
            .into_iter()
            .find(|choice| is_person && Some(choice.channel) == way);
        Ok::<_, kepil_notices::StoreError>(found)
    });
    let confirmed = confirmed.await?.map_err(|error| ours(&error))?;
    let factor = confirmed.and_then(|choice| {
        Some(Factor::Code {
            channel: channel_of(choice.channel)?,
            address: choice.address,
        })
    });
    let done = match factor {
        Some(factor) => change(&app, lang, visitor.clone(), Command::Add { id, factor }).await?,
        None => Err(w.not_confirmed),
    };
    shown(&app, lang, visitor, done).await
}
