//! The archive with everything a node holds of a person, and the log's signature over its files.

use super::{Uses, time};
use crate::app::App;
use crate::people::number::account_number;
use crate::people::services;
use crate::people::visitor::Visitor;
use crate::people::words::words;
use crate::register::RecordEntry;
use crate::serve::register_file;
use kepil_identity::account::{Account, Dated, Event};
use kepil_identity::factor::Factor;
use kepil_identity::mandate::Mandate;
use kepil_identity::session::Session;
use kepil_ledger::hash::Hash;
use kepil_notices::{Notice, delivered};
use kepil_terms::Lang;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::error::Error;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Name of the signed list of the other files.
const MANIFEST: &str = "manifest.txt";

/// Notices read at once.
const NOTICES: usize = 500;

/// Why no archive was made; its own words say it.
type Broken = Box<dyn Error + Send + Sync>;

/// Makes the archive.
pub(super) fn make(
    app: &App,
    visitor: &Visitor,
    lang: Lang,
    uses: &Uses,
) -> Result<Vec<u8>, Broken> {
    let pretty = |value: &Value| serde_json::to_vec_pretty(value);
    let files = [
        ("account.json", pretty(&account(app, visitor)?)?),
        (
            "complaints.json",
            pretty(&crate::desk::complaints(app, &uses.person)?)?,
        ),
        ("notices.json", pretty(&notices(app, visitor)?)?),
        ("register.json", pretty(&registered(app, visitor)?)?),
        ("read-me.txt", words(lang).export_read_me.into()),
        ("uses.csv", uses.table().into_bytes()),
        ("uses.json", uses.json().into_bytes()),
    ];
    let hashes = files
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), Hash::new(Sha256::digest(bytes).into())));
    let reader = app.ledger.chronicle.reader();
    let manifest = reader.manifest(app.wall_secs(), hashes.collect())?;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in &files {
        archive.start_file(*name, stored)?;
        archive.write_all(bytes)?;
    }
    archive.start_file(MANIFEST, stored)?;
    archive.write_all(manifest.as_bytes())?;
    Ok(archive.finish()?.into_inner())
}

/// The person's own record in the register, as the file has it.
fn registered(app: &App, visitor: &Visitor) -> Result<Value, Broken> {
    let file = register_file(&app.config)?;
    let own = |record: &&RecordEntry| {
        record.kind == "person" && record.id == visitor.account.holder.reference
    };
    Ok(serde_json::to_value(file.records.iter().find(own))?)
}

/// The account: ways in without what is secret in them, sessions, history, powers, services.
fn account(app: &App, visitor: &Visitor) -> Result<Value, Broken> {
    let accounts = &app.people.accounts;
    let id = visitor.account.id;
    let account = accounts
        .find(id)?
        .unwrap_or_else(|| visitor.account.clone());
    let sessions = accounts.sessions_of(id, (app.wall)())?;
    let history = accounts.history(id)?;
    let reference = &visitor.account.holder.reference;
    let (has, given) = accounts.mandates_of(reference)?;
    let (registered, of_registers) = app.law.load().register.powers_of(reference);
    Ok(json!({
        "number": account_number(id),
        "reference": reference,
        "role": account.holder.role,
        "ways_in": ways(&account),
        "sessions": sessions.iter().map(session).collect::<Vec<_>>(),
        "history": history.iter().map(happened).collect::<Vec<_>>(),
        "acts_for": has.iter().chain(&registered).map(power).collect::<Vec<_>>(),
        "is_acted_for_by": given.iter().chain(&of_registers).map(power).collect::<Vec<_>>(),
        "services": services::all(app, id)?.into_iter().map(|(client, agreed)| json!({
            "service": client, "attributes": agreed.attributes,
            "agreed": time(agreed.at_ms), "until": time(agreed.until_ms),
        })).collect::<Vec<_>>(),
    }))
}

fn ways(account: &Account) -> Vec<Value> {
    let way = |factor: &Factor| match factor {
        Factor::Passkey { label, .. } => json!({"kind": "passkey", "name": label}),
        Factor::Secret { .. } => json!({"kind": "secret"}),
        Factor::Code { address, .. } => json!({"kind": "code", "address": address}),
        Factor::Recovery { codes } => json!({"kind": "recovery", "left": codes.left()}),
    };
    let ways = account.factors.iter().map(|known| {
        json!({
            "way": way(&known.factor), "since": time(known.added_ms),
            "used": known.used_ms.map(time),
        })
    });
    ways.collect()
}

fn session(session: &Session) -> Value {
    json!({
        "device": session.device, "begun": time(session.begun_ms), "seen": time(session.seen_ms),
        "assisted": session.assisted_by.is_some(),
    })
}

fn happened(dated: &Dated) -> Value {
    let (what, how) = match &dated.event {
        Event::Opened { .. } => ("opened", Value::Null),
        Event::Proofed { method } => ("identity_proved", json!(method)),
        Event::FactorAdded { factor, .. } => ("way_in_added", json!(factor.kind())),
        Event::FactorChanged { factor, .. } => ("way_in_changed", json!(factor.kind())),
        Event::FactorRemoved { .. } => ("way_in_removed", Value::Null),
        Event::Failed { kind } => ("sign_in_failed", json!(kind)),
        Event::SignedIn { level, .. } => ("signed_in", json!(level)),
        Event::Closed => ("closed", Value::Null),
    };
    json!({"time": time(dated.at_ms), "event": what, "how": how})
}

fn power(mandate: &Mandate) -> Value {
    json!({
        "id": mandate.id, "kind": mandate.kind, "representative": mandate.representative,
        "represented": mandate.represented, "rights": mandate.rights, "source": mandate.source,
        "from": time(mandate.from_ms), "until": time(mandate.until_ms),
        "revoked": mandate.revoked_ms.map(time),
    })
}

/// Notices and their delivery, newest first, and the ways chosen for them.
fn notices(app: &App, visitor: &Visitor) -> Result<Value, Broken> {
    let person = &visitor.account.holder.reference;
    let outbox = &app.people.notices.outbox;
    let mut all = Vec::new();
    loop {
        let some = outbox.of_person(person, all.len(), NOTICES)?;
        let is_last = some.len() < NOTICES;
        all.extend(some.iter().map(notice));
        if is_last {
            break;
        }
    }
    let choices = outbox.choices(person)?;
    let choices = choices
        .iter()
        .map(|choice| json!({"channel": choice.channel.as_str(), "address": choice.address}));
    Ok(json!({"ways": choices.collect::<Vec<_>>(), "notices": all}))
}

fn notice(notice: &Notice) -> Value {
    json!({
        "about": notice.about.kind().as_str(), "page": notice.about.path(),
        "made": time(notice.created_ms),
        "delivered": delivered(notice).map(|it| json!({
            "time": time(it.at_ms), "channel": it.channel.as_str(),
        })),
    })
}
