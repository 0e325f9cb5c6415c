//! Attributes for relying services: each release is a use like any other. The gate decides, the
//! entry stands in the person's list, and only then does the value leave.

use super::visitor::{ours, with_accounts};
use crate::app::App;
use crate::authzen;
use crate::evaluate::{self, Caller};
use crate::ledger::{Intent, Outcome};
use crate::outcome::conclude;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kepil_identity::id::AccountId;
use kepil_oidc::client::AtGate;
use kepil_oidc::id::{AttributeName, Norm};
use kepil_oidc::userinfo::Opened;
use kepil_terms::Lang;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Values = BTreeMap<AttributeName, Value>;

/// The data category of an attribute.
fn category(name: &AttributeName) -> &'static str {
    match name.as_str() {
        "iin" => "iin",
        "address" => "address",
        "email" | "phone_number" => "contact",
        _ => "identity",
    }
}

/// What of an opened userinfo the registers know and the gate lets out; the ledger has it then.
///
/// What the gate does not permit is left out: that a law stands in the client's entry is the
/// client's word, and the gate reads the law itself.
pub(super) async fn released(app: &Arc<App>, opened: &Opened) -> Result<Values, Response> {
    let entry = opened.client().entry();
    let Some(at) = &entry.gate else {
        return Ok(Values::new());
    };
    let account = AccountId::new(*opened.person().as_bytes());
    let found = with_accounts(app, move |app| app.people.accounts.find(account));
    let found = found.await?.map_err(|error| ours(&error))?;
    let Some(holder) = found.map(|found| found.holder) else {
        return Ok(Values::new());
    };
    let law = app.law.load_full();
    let known = law.register.record("person", &holder.reference);
    let known = known.filter(|_| holder.role.is_person());
    let values: Vec<(&AttributeName, &Norm, &String)> = opened
        .attributes()
        .iter()
        .filter_map(|(name, norm)| Some((name, norm, known?.attributes.get(name.as_str())?)))
        .collect();
    if values.is_empty() {
        return Ok(Values::new());
    }
    let Some(system) = law.register.system(&at.system) else {
        tracing::warn!(client = %entry.client_id.as_str(), "a client's system is in no register; nothing is released");
        return Ok(Values::new());
    };
    let names: Vec<&str> = values.iter().map(|(name, ..)| name.as_str()).collect();
    let norms: BTreeSet<&str> = values.iter().map(|(_, norm, _)| norm.as_str()).collect();
    let data: BTreeSet<&str> = values.iter().map(|(name, ..)| category(name)).collect();
    let body = request(at, &holder.reference, (&names, &norms, &data));
    let caller = Caller {
        system,
        request: format!("openid {}", entry.client_id.as_str()),
        lang: Lang::Kk,
        repeat: String::new(),
        // What this node knows itself: one person asks for this by signing in, who is the one this
        // record is about, and the entry goes into that person's list at once.
        known: json!({
            "person": {
                "listed": true, "identity_confirmed": true, "match_unique": true,
                "identifiers_consistent": true,
            },
            "notice": {"event": "accepted", "at_once": true},
        }),
    };
    let broken = |why: String| {
        tracing::warn!(client = %entry.client_id.as_str(), why, "attributes were not released");
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    };
    let evaluation = authzen::evaluation(&body).map_err(|problem| broken(problem.detail))?;
    let answer = evaluate::one(app, &caller, &evaluation).await;
    let answer = answer.map_err(|problem| broken(problem.detail))?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    let index = answer
        .pointer("/context/entry/index")
        .and_then(Value::as_u64);
    let (Some(index), Some(true)) = (index, answer.get("decision").and_then(Value::as_bool)) else {
        tracing::info!(client = %entry.client_id.as_str(), index, "the gate releases no attributes");
        app.ledger.chronicle.hurry();
        return Ok(Values::new());
    };
    let intent = Intent {
        subject: format!("person:{}", holder.reference),
        system: at.system.clone(),
        purpose: at.purpose.clone(),
        at_ms: (app.clock)(),
        is_sealed: false,
    };
    let concluded = conclude(app, index, &intent, Outcome::Released).await;
    concluded.map_err(|error| ours(&error))?;
    // Whoever was asked looks at the list next.
    app.ledger.chronicle.hurry();
    let values = values.into_iter();
    Ok(values
        .map(|(name, _, value)| (name.clone(), Value::from(value.as_str())))
        .collect())
}

/// The question to the gate.
fn request(
    at: &AtGate,
    person: &str,
    (names, norms, data): (&[&str], &BTreeSet<&str>, &BTreeSet<&str>),
) -> Value {
    let mut context = json!({
        "purpose": at.purpose, "basis": norms,
        "claims": {"request": {
            "precision": "attribute", "path": "gateway", "from_person": false,
            "identifier_choice": true,
        }},
    });
    if let (Some(agreement), Some(context)) = (&at.agreement, context.as_object_mut()) {
        context.insert("agreement".to_owned(), json!(agreement));
    }
    json!({
        "subject": {"type": "system", "id": at.system},
        "action": {"name": "transfer"},
        "resource": {"type": "person", "id": person, "properties": {"data": data, "fields": names}},
        "context": context,
    })
}
