//! Idempotency: the same key and body get the same answer, and leave no second entry.

use crate::app::{App, Law, Repeat};
use crate::authzen::{Evaluation, Semantic};
use crate::evaluate::{self, Caller};
use crate::problem::Problem;
use crate::register::System;
use axum::http::HeaderMap;
use kepil_gate::record::{Record, hex};
use kepil_terms::Verdict;
use sha2::{Digest, Sha256};
use std::sync::{Arc, PoisonError};

/// Answers once per idempotency key: a repetition gets the first answer, another body is refused.
pub(crate) async fn once<F, Fut>(
    app: &App,
    system: &System,
    headers: &HeaderMap,
    bytes: &[u8],
    earlier_answer: impl FnOnce(&[u64]) -> Result<String, Problem>,
    work: F,
) -> Result<String, Problem>
where
    F: FnOnce(String) -> Fut,
    Fut: Future<Output = Result<String, Problem>>,
{
    let Some(key) = headers.get("idempotency-key") else {
        return work(String::new()).await;
    };
    let key = key
        .to_str()
        .ok()
        .filter(|k| !k.is_empty() && k.len() <= 256);
    let key = key.ok_or_else(|| {
        Problem::bad_request("Idempotency-Key must have 1 to 256 visible characters")
    })?;
    let key = hash(&[system.id.as_bytes(), &[0], key.as_bytes()]);
    let body = hash(&[bytes]);
    let now = app.wall_secs();
    let earlier = {
        let mut repeats = app.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut repeats, now, app);
        match repeats.get(&key) {
            Some((at, earlier)) if at.saturating_add(app.config.limits.repeat_secs) > now => {
                Some(earlier.clone())
            }
            _ => {
                repeats.insert(key.clone(), (now, Repeat::Running));
                None
            }
        }
    };
    let reused = || {
        Problem::unprocessable(
            "this Idempotency-Key came with another body before; use a new key for a new request",
        )
    };
    match earlier {
        Some(Repeat::Running) => Err(Problem::conflict(
            "the first request with this Idempotency-Key is still being answered; try again in a moment",
        )),
        Some(Repeat::Done(b, answer)) => {
            if b == body {
                Ok(answer.to_string())
            } else {
                Err(reused())
            }
        }
        Some(Repeat::Recorded(b, indexes)) => {
            if b == body {
                earlier_answer(&indexes)
            } else {
                Err(reused())
            }
        }
        None => {
            let answer = work(format!("{key} {body}")).await;
            let mut repeats = app.repeats.lock().unwrap_or_else(PoisonError::into_inner);
            match &answer {
                Ok(a) => repeats.insert(key, (now, Repeat::Done(body, Arc::from(a.as_str())))),
                // Nothing was recorded: the key is free again.
                Err(_) => repeats.remove(&key),
            };
            answer
        }
    }
}

fn forget(repeats: &mut std::collections::HashMap<String, (u64, Repeat)>, now: u64, app: &App) {
    if repeats.len() < app.config.limits.repeats {
        return;
    }
    let ttl = app.config.limits.repeat_secs;
    repeats.retain(|_, (at, _)| at.saturating_add(ttl) > now);
    if repeats.len() >= app.config.limits.repeats {
        let mut times: Vec<u64> = repeats.values().map(|(at, _)| *at).collect();
        times.sort_unstable();
        let cut = times.get(times.len() / 2).copied().unwrap_or(0);
        repeats.retain(|_, (at, r)| *at > cut || matches!(r, Repeat::Running));
    }
}

fn hash(parts: &[&[u8]]) -> String {
    let mut h = Sha256::new();
    for p in parts {
        h.update(p);
    }
    kepil_gate::record::hex(&h.finalize())
}

/// The answer of an entry that stands in the log from before a restart, and whether it permits.
fn recorded(
    app: &App,
    law: &Law,
    index: u64,
    caller: &Caller<'_>,
) -> Result<(String, bool), Problem> {
    let broken = || Problem::internal("the recorded answer could not be read again");
    let chronicle = &app.ledger.chronicle;
    let receipt = chronicle.reader().receipt(index).map_err(|_| broken())?;
    let payload = match chronicle.row(index).and_then(|row| chronicle.payload(&row)) {
        Ok(payload) => payload,
        Err(kepil_chronicle::ChronicleError::Erased) => return Err(answered_before(index)),
        Err(_) => return Err(broken()),
    };
    let record: Record = kepil_chronicle::record_of(&payload).ok_or_else(broken)?;
    // An answer is said again only under the law it was given under.
    if record.pack != hex(&law.gate.book().hash) {
        return Err(answered_before(index));
    }
    let scene = law.gate.scene_of(&record).map_err(|_| broken())?;
    let decision = law.gate.decide(scene.clone());
    let answer = crate::answer::answer(app, law, &scene, &decision, caller.lang, index, &receipt)?;
    Ok((answer, evaluate::answered(app, &decision) == Verdict::Ok))
}

fn answered_before(index: u64) -> Problem {
    Problem::conflict(format!(
        "this request was answered as entry {index} under another law or other registers; use a new Idempotency-Key to ask under those of now"
    ))
}

/// The answer to a single request from before a restart.
pub(crate) fn recorded_one(
    app: &App,
    caller: &Caller<'_>,
    indexes: &[u64],
) -> Result<String, Problem> {
    match indexes {
        [index] => recorded(app, &app.law.load(), *index, caller).map(|(answer, _)| answer),
        _ => Err(answered_before(indexes.first().copied().unwrap_or(0))),
    }
}

/// The answer to a batch from before a restart: every item in its place, those that could not be
/// understood too.
pub(crate) fn recorded_many(
    app: &App,
    caller: &Caller<'_>,
    items: &[Result<Evaluation<'_>, String>],
    semantic: Semantic,
    indexes: &[u64],
) -> Result<String, Problem> {
    let law = app.law.load();
    let other = || answered_before(indexes.first().copied().unwrap_or(0));
    let (mut left, mut answers) = (indexes.iter(), Vec::with_capacity(items.len()));
    for item in items {
        let understood = item
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|e| evaluate::scene(&law, caller, e, app.now()).map(|_| ()));
        let (answer, permitted) = match understood {
            Err(e) => (crate::answer::failed(&e), false),
            Ok(()) => recorded(app, &law, *left.next().ok_or_else(other)?, caller)?,
        };
        answers.push(answer);
        if semantic.ends(permitted) {
            break;
        }
    }
    if left.next().is_some() {
        return Err(other());
    }
    Ok(list(&answers))
}

/// The answer to a batch.
pub(crate) fn list(answers: &[String]) -> String {
    format!("{{\"evaluations\":[{}]}}", answers.join(","))
}
