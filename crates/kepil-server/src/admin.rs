//! `/admin/v1/…`: what an operator does on somebody's order, with the token of the data folder.
//!
//! Each of these is itself an entry in the log, with the basis it rests on.

use crate::app::App;
use crate::people::{account_number, activation_place};
use crate::problem::Problem;
use crate::rotation;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use kepil_accounts::TellError;
use kepil_chronicle::{ChronicleError, Erased};
use kepil_identity::account::Command;
use kepil_identity::holder::{Holder, Role};
use kepil_identity::id::AccountId;
use kepil_ledger::entry::KeepingKind;
use kepil_ledger::error::in_one_line;
use kepil_ledger::hash;
use kepil_ledger::period::Period;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

/// File with the operator's token, in the data folder.
pub const TOKEN_FILE: &str = "operator.token";

/// Makes the token at the first start; gives its hash.
///
/// # Errors
/// When the file cannot be made or read.
pub fn token(data: &Path) -> std::io::Result<hash::Hash> {
    let path = data.join(TOKEN_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let mut random = [0; 32];
            getrandom::fill(&mut random).map_err(|e| std::io::Error::other(e.to_string()))?;
            let text = format!("{}\n", kepil_gate::record::hex(&random));
            let mut file = std::fs::OpenOptions::new();
            let mut file = file.write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            text
        }
        Err(e) => return Err(e),
    };
    Ok(hash::leaf(text.trim().as_bytes()))
}

/// What the operator asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "do", rename_all = "snake_case")]
enum Order {
    /// Erase the rows of entries.
    EraseRows { entries: Vec<u64>, basis: String },
    /// Erase a person's key and all rows about the person.
    ErasePerson { person: String, basis: String },
    /// Erase a month.
    EraseMonth { period: u32, basis: String },
    /// Keep the content of an entry back from its person.
    Withhold {
        entry: u64,
        ground: String,
        #[serde(default)]
        until: u64,
    },
    /// Put the notice of an entry off.
    Defer {
        entry: u64,
        ground: String,
        until: u64,
    },
    /// Keep a sealed entry sealed for longer.
    Extend {
        entry: u64,
        until_month: u32,
        order: String,
    },
    /// Give a person the own secret, on paper or in an app.
    PersonKey { person: String },
    /// Encrypt the keys under a fresh key; older copies of them cannot be opened afterwards.
    RotateKeys,
    /// Announce a new key of the log, which signs beside the present one from a moment on.
    NewLogKey { from: u64 },
    /// End that: from the next start on the new key signs alone.
    RetireLogKey,
    /// Open an account for somebody whose identity was checked, or give a new activation code.
    OpenAccount {
        role: Role,
        reference: String,
        method: String,
    },
    /// Take all ways into an account away and end its sessions.
    ShutAccount {
        role: Role,
        reference: String,
        basis: String,
    },
}

pub(crate) async fn act(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Problem> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    let token = value
        .and_then(|v| v.strip_prefix("Bearer "))
        .unwrap_or_default();
    if hash::leaf(token.as_bytes()) != app.operator {
        return Err(Problem::unauthorized(
            "the operator's token stands in the data folder, in the file operator.token",
        ));
    }
    let order: Order = serde_json::from_value(body)
        .map_err(|e| Problem::bad_request(format!("this cannot be done: {e}")))?;
    tokio::task::spawn_blocking(move || done(&app, order))
        .await
        .map_err(|_| Problem::internal("this could not be done"))?
        .map(Json)
}

fn done(app: &App, order: Order) -> Result<Value, Problem> {
    let chronicle = &app.ledger.chronicle;
    let month = |number: u32| {
        Period::new(number)
            .ok_or_else(|| Problem::bad_request("a month is written as a number such as 202611"))
    };
    let erased = |result: Result<Option<Erased>, ChronicleError>| match result {
        Ok(Some(Erased { notice, rows })) => Ok(json!({"notice": notice, "rows": rows})),
        Ok(None) => Ok(json!({"notice": null, "rows": 0})),
        Err(e) => Err(refused(e)),
    };
    let noticed = |result: Result<u64, ChronicleError>| {
        result
            .map(|notice| json!({"notice": notice}))
            .map_err(refused)
    };
    match order {
        Order::EraseRows { entries, basis } => {
            erased(chronicle.erase_rows(&entries, &named(basis)?))
        }
        Order::ErasePerson { person, basis } => erase_person(app, &person, &named(basis)?, erased),
        Order::EraseMonth { period, basis } => {
            erased(chronicle.erase_month(month(period)?, &named(basis)?))
        }
        Order::Withhold { until, .. } | Order::Defer { until, .. }
            if until != 0 && until <= (app.clock)() / 1000 =>
        {
            Err(Problem::bad_request(
                "`until` lies in the past; name a day to come, in Unix seconds",
            ))
        }
        Order::Defer { until: 0, .. } => Err(Problem::bad_request(
            "a deferral names the day on which it ends, in Unix seconds",
        )),
        Order::Withhold {
            entry,
            ground,
            until,
        } => noticed(chronicle.keep_back(entry, KeepingKind::Withheld, until, &named(ground)?)),
        Order::Defer {
            entry,
            ground,
            until,
        } => noticed(chronicle.keep_back(entry, KeepingKind::Deferred, until, &named(ground)?)),
        Order::Extend {
            entry,
            until_month,
            order,
        } => noticed(chronicle.extend(entry, month(until_month)?, &named(order)?)),
        Order::PersonKey { person } => {
            // A typo would give a secret that looks right and opens nothing.
            if !app.law.load().register.persons().contains(&person) {
                return Err(Problem::bad_request(
                    "no register of this node names this person; look at the reference",
                ));
            }
            let person = chronicle
                .keys()
                .person(&format!("person:{person}"))
                .map_err(|e| refused(e.into()))?;
            Ok(json!({"secret": kepil_gate::record::hex(person.secret.as_bytes())}))
        }
        Order::NewLogKey { from } => {
            let now = app.wall_secs();
            let key = rotation::announce(&app.ledger, &app.config, from, now)?;
            Ok(json!({"log_key": key.to_string(), "from": from}))
        }
        Order::RetireLogKey => {
            let key = rotation::retire(&app.ledger, &app.config, app.wall_secs())?;
            Ok(json!({"log_key": key.to_string(), "restart": true}))
        }
        Order::OpenAccount {
            role,
            reference,
            method,
        } => open_account(app, Holder { role, reference }, named(method)?),
        Order::ShutAccount {
            role,
            reference,
            basis,
        } => shut_account(app, &Holder { role, reference }, &named(basis)?),
        Order::RotateKeys => match chronicle.keys().rotate() {
            Ok(()) => Ok(json!({"rotated": true})),
            Err(e) => {
                tracing::error!(error = %e, "rotating the keys");
                Err(Problem::internal(
                    "the keys could not be rotated; see the log of the node",
                ))
            }
        },
    }
}

/// Ends a person's keys, and takes the person out of cases and notices. Asked for again, it
/// finishes what was left.
fn erase_person(
    app: &App,
    person: &str,
    basis: &str,
    said: impl FnOnce(Result<Option<Erased>, ChronicleError>) -> Result<Value, Problem>,
) -> Result<Value, Problem> {
    let chronicle = &app.ledger.chronicle;
    if person.starts_with("person:") {
        return Err(Problem::bad_request(
            "give the reference as the register has it, without `person:` in front; nothing was erased",
        ));
    }
    let mut done = said(chronicle.erase_person(&format!("person:{person}"), basis))?;
    let left = |error: &dyn std::error::Error| {
        tracing::error!(error = %in_one_line(error), "taking a person out of cases and notices");
        Problem::internal(
            "the keys are erased; cases or notices still name the person: give the order again, and see the log of the node",
        )
    };
    let cases = app.desk.forget(person).map_err(|error| left(&error))?;
    let notices = &app.people.notices.outbox;
    let notices = notices.forget(person).map_err(|error| left(&error))?;
    let is_known = app
        .law
        .load()
        .register
        .persons()
        .iter()
        .any(|known| known == person);
    let is_nothing = done.get("rows") == Some(&json!(0)) && cases + notices == 0;
    if is_nothing && done.get("notice") == Some(&Value::Null) && !is_known {
        return Err(Problem::not_found(
            "no register names this person, and log, cases and notices hold nothing of them: look at the reference",
        ));
    }
    if let Some(done) = done.as_object_mut() {
        done.insert("cases".to_owned(), json!(cases));
        done.insert("notices".to_owned(), json!(notices));
    }
    Ok(done)
}

/// Opens an account, or finds it; gives its number and an activation code good for a week.
fn open_account(app: &App, holder: Holder, method: String) -> Result<Value, Problem> {
    const WEEK_MS: u64 = 7 * 24 * 3600 * 1000;
    let failed = |error: &dyn std::error::Error| {
        tracing::error!(error = %in_one_line(error), "opening an account");
        Problem::internal("this could not be done; see the log of the node")
    };
    let (mut id, mut random) = ([0; 16], [0; 16]);
    for bytes in [&mut id, &mut random] {
        getrandom::fill(bytes)
            .map_err(|error| failed(&std::io::Error::other(error.to_string())))?;
    }
    if holder.reference.is_empty() || holder.reference.len() > 256 {
        return Err(Problem::bad_request(
            "name the register's reference of the holder, in at most 256 bytes",
        ));
    }
    let (accounts, now_ms) = (&app.people.accounts, (app.wall)());
    let found = accounts
        .of_holder(&holder)
        .map_err(|error| failed(&error))?;
    let account = match found {
        Some(account) => account,
        None => accounts
            .create(AccountId::new(id), holder, now_ms)
            .map_err(|error| failed(&error))?,
    };
    let proof = Command::Proof { method };
    accounts
        .tell(account.id, proof, now_ms)
        .map_err(|error| match error {
            TellError::Refused(refusal) => Problem::bad_request(refusal.to_string()),
            error => failed(&error),
        })?;
    let code = kepil_gate::record::hex(&random).to_uppercase();
    let place = activation_place(&account, &code);
    let until_ms = now_ms.saturating_add(WEEK_MS);
    accounts
        .put_once(("activate", &place), &true, until_ms)
        .map_err(|error| failed(&error))?;
    Ok(json!({"number": account_number(account.id), "activation": code, "until": until_ms / 1000}))
}

/// Takes all ways in away and ends the sessions; a new activation code opens the account again.
fn shut_account(app: &App, holder: &Holder, basis: &str) -> Result<Value, Problem> {
    let failed = |error: &dyn std::error::Error| {
        tracing::error!(error = %in_one_line(error), "shutting an account");
        Problem::internal("this could not be done; see the log of the node")
    };
    let accounts = &app.people.accounts;
    let found = accounts.of_holder(holder).map_err(|error| failed(&error))?;
    let account = found.ok_or_else(|| {
        Problem::bad_request("there is no account of this role and reference; look at both")
    })?;
    let ways = account.factors.len();
    accounts
        .tell(account.id, Command::Shut, (app.wall)())
        .map_err(|error| match error {
            TellError::Refused(refusal) => Problem::bad_request(refusal.to_string()),
            error => failed(&error),
        })?;
    let sessions = accounts
        .end_sessions(account.id, None)
        .map_err(|error| failed(&error))?;
    tracing::info!(number = %account_number(account.id), basis, ways, sessions, "an account was shut");
    Ok(json!({"shut": account_number(account.id), "ways": ways, "sessions": sessions}))
}

fn named(basis: String) -> Result<String, Problem> {
    if basis.trim().is_empty() || basis.len() > 2000 {
        return Err(Problem::bad_request(
            "name the legal basis, in at most 2000 bytes",
        ));
    }
    Ok(basis)
}

fn refused(error: ChronicleError) -> Problem {
    match error {
        ChronicleError::NotThat { .. }
        | ChronicleError::OpenMonth { .. }
        | ChronicleError::Read(_) => Problem::bad_request(error.to_string()),
        error => {
            let cause = std::error::Error::source(&error)
                .map(|s| format!(": {s}"))
                .unwrap_or_default();
            tracing::error!(error = %error, cause, "an operator's order could not be carried out");
            Problem::internal("this could not be done; see the log of the node")
        }
    }
}
