//! What the desks do to the ledger and the cases: texts under the keys of whom they are about,
//! events in that person's list, cases for flags.

use super::Waiting;
use crate::app::App;
use crate::people::visitor::random;
use axum::response::Response;
use kepil_cases::{CaseId, CaseKind, Event as CaseEvent, Flag, SealedText, Term};
use kepil_chronicle::{ChronicleError, Event};
use kepil_gate::record::hex;
use kepil_ledger::error::in_one_line;
use kepil_ledger::payload::{Payload, PayloadKind, open, seal as seal_bytes};
use kepil_ledger::record::{DecisionCode, RecordKind};
use kepil_notices::{About, Kind, New};
use kepil_store::log::Ticket;
use kepil_terms::{Day, Instant};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Persons told of uses in one round of the work behind the node.
const TOLD_AT_ONCE: usize = 1000;

/// Under whose keys the texts of cases lie that are about nobody in particular.
pub(super) const NOBODY: &str = "desk";

/// Seals a text under the keys of a subject: it ends with them.
pub(super) fn seal(app: &App, subject: &str, text: &str) -> Result<SealedText, ChronicleError> {
    let keys = app.ledger.chronicle.person(subject)?;
    let nonce: [u8; 24] = random().map_err(|_: Response| ChronicleError::NotPublished)?;
    let sealed = seal_bytes(keys.payload_key(), &nonce, text.as_bytes().to_vec());
    Ok(SealedText {
        nonce: hex(&nonce),
        text: hex(&sealed),
    })
}

/// Opens a text; nothing if its keys are gone.
pub(super) fn unseal(app: &App, subject: &str, sealed: &SealedText) -> Option<String> {
    let keys = app.ledger.chronicle.person(subject).ok()?;
    let nonce: [u8; 24] = unhex(&sealed.nonce)?.try_into().ok()?;
    let plain = open(keys.payload_key(), &nonce, &unhex(&sealed.text)?).ok()?;
    String::from_utf8(plain).ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

/// How long a human has to look again, as the pack reads the law (parameter I4).
pub(super) fn review_term(app: &App) -> Term {
    let law = app.law.load();
    let read = law.gate.book().parameter("I4");
    let term = read.and_then(|parameter| Term::parse(&parameter.value).ok());
    term.unwrap_or(Term::REVIEW)
}

/// Today in Kazakhstan, by the clock of events.
pub(super) fn today(app: &App) -> Day {
    app.now().kz_day()
}

/// What a person did about a use, as an event in the list of whom it is about.
#[derive(Default)]
pub(super) struct Done<'a> {
    pub(super) subject: &'a str,
    /// The use, if it is about one.
    pub(super) entry: Option<u64>,
    pub(super) system: &'a str,
    pub(super) purpose: &'a str,
    /// Who did it.
    pub(super) by: &'a str,
    pub(super) outcome: &'a str,
    /// The reasons, or other words.
    pub(super) words: &'a str,
    /// SHA-256 of what it refers to.
    pub(super) digest: Vec<u8>,
}

/// Records what a person did; the entry's ticket.
pub(super) async fn record(app: &App, done: Done<'_>) -> Result<Ticket, ChronicleError> {
    let now = (app.clock)();
    let event = Event {
        subject: done.subject.to_owned(),
        kind: RecordKind::Outcome,
        decision: DecisionCode::Human,
        time_ms: now,
        payload: Payload {
            kind: PayloadKind::Outcome,
            at_ms: now,
            system: done.system.to_owned(),
            purpose: done.purpose.to_owned(),
            official: done.by.to_owned(),
            intent: done.entry,
            outcome: done.outcome.to_owned(),
            order: done.words.to_owned(),
            digest: done.digest,
            ..Payload::default()
        },
        embargo: None,
    };
    let tickets = app.record(std::slice::from_ref(&event)).await?;
    // Whoever did it looks at the list next.
    app.ledger.chronicle.hurry();
    tickets
        .into_iter()
        .next()
        .ok_or(ChronicleError::NotPublished)
}

/// Records that a representative looks at a person's list, before it is shown.
pub(crate) async fn seen_by_representative(
    app: &App,
    subject: &str,
    by: &str,
    mandate: &str,
) -> Result<(), ChronicleError> {
    let done = Done {
        subject,
        purpose: "rights_exercise",
        by,
        outcome: super::SEEN,
        words: &format!("power {mandate}"),
        ..Done::default()
    };
    record(app, done).await.map(|_| ())
}

/// Records that a service learns who a person is, before it does.
pub(crate) async fn identity_released(
    app: &App,
    subject: &str,
    said: &str,
) -> Result<(), ChronicleError> {
    let done = Done {
        subject,
        purpose: "authentication",
        outcome: super::RELEASED,
        words: said,
        ..Done::default()
    };
    record(app, done).await.map(|_| ())
}

/// Records that an official helps a person, before the session begins.
pub(super) async fn assisted(app: &App, subject: &str, by: &str) -> Result<(), ChronicleError> {
    let done = Done {
        subject,
        purpose: "rights_exercise",
        by,
        outcome: super::ASSISTED,
        ..Done::default()
    };
    record(app, done).await.map(|_| ())
}

/// Tells a person that something happened; the case stands whether or not that can be kept.
pub(super) async fn notify(app: &Arc<App>, subject: &str, kind: Kind, key: String, path: String) {
    let Some(person) = subject.strip_prefix("person:").map(str::to_owned) else {
        return;
    };
    let telling = Arc::clone(app);
    let told = tokio::task::spawn_blocking(move || {
        let about = About::new(kind, &path).map_err(|e| in_one_line(&e))?;
        let new = New {
            key: &key,
            person: &person,
            about,
        };
        let queued = telling.people.notices.queue(&new, (telling.wall)());
        queued.map(|_| ()).map_err(|e| in_one_line(&e))
    });
    match told.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(error, "a notice was not queued"),
        Err(error) => tracing::error!(%error, "a notice was not queued"),
    }
}

/// Tells who asked to be told that the own data were used: once a day, however often.
async fn uses(app: &Arc<App>) {
    let persons = app.desk.take_touched(TOLD_AT_ONCE);
    if persons.is_empty() {
        return;
    }
    let (telling, day) = (Arc::clone(app), today(app));
    let told = tokio::task::spawn_blocking(move || {
        let notices = &telling.people.notices;
        for person in &persons {
            let choices = notices
                .outbox
                .choices(person)
                .map_err(|e| in_one_line(&e))?;
            if choices.is_empty() {
                continue;
            }
            let about = About::new(Kind::UseRecorded, "/my/uses").map_err(|e| in_one_line(&e))?;
            let key = format!("use {person} {day}");
            let new = New {
                key: &key,
                person,
                about,
            };
            let queued = notices.queue(&new, (telling.wall)());
            queued.map_err(|e| in_one_line(&e))?;
        }
        Ok::<_, String>(())
    });
    match told.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(error, "uses were not told"),
        Err(error) => tracing::error!(%error, "uses were not told"),
    }
}

/// Tells whoever is concerned that a deferral has ended: the entry is shown now.
async fn deferrals(app: &Arc<App>) {
    let now = (app.clock)() / 1000;
    let since = app.desk.deferrals_until.swap(now, Ordering::Relaxed);
    let ended: Vec<u64> = {
        let notices = app.ledger.chronicle.notices();
        let ended = notices
            .kept_until()
            .filter(|(_, until)| *until > since && *until <= now);
        ended.map(|(index, _)| index).collect()
    };
    for index in ended {
        if let Ok(row) = app.ledger.chronicle.row(index) {
            let month = row.row.record.facts.period.number();
            let path = format!("/my/uses/{month}/{index}");
            let key = format!("deferral {index}");
            notify(app, &row.subject, Kind::DeferralEnded, key, path).await;
        }
    }
}

/// The case of a verdict that waits, made when a supervisor first takes it up.
pub(super) fn review_of(
    app: &App,
    index: u64,
    waiting: &Waiting,
) -> Result<CaseId, kepil_cases::StoreError> {
    let two = &app.config.desk.second_person;
    let id = CaseId::new(fresh()?);
    let event = CaseEvent::Filed {
        id,
        kind: CaseKind::Review,
        entry: Some(index),
        subject: waiting.subject.clone(),
        system: waiting.system.clone(),
        against: waiting.official.clone(),
        text: None,
        needs_second: waiting.categories.iter().any(|data| two.contains(data)),
        by: String::new(),
        awaits: false,
    };
    let (case, is_new) = app
        .desk
        .cases
        .file(&format!("review {index}"), event, waiting.at_ms)?;
    if is_new {
        deliver(
            app,
            case.id,
            review_term(app),
            waiting.at_ms,
            super::page::proof_of_entry(index),
        );
    }
    Ok(case.id)
}

/// Says that a case is where it is decided; its clock runs from that moment.
pub(super) fn deliver(app: &App, id: CaseId, term: Term, at_ms: u64, proof: String) {
    let law = app.law.load();
    let begun = Instant::from_ms(i64::try_from(at_ms).unwrap_or(i64::MAX)).kz_day();
    let due = term.ends(begun, &law.gate.book().calendar).ok();
    let command = kepil_cases::Command::Deliver { proof, due };
    if let Err(error) = app.desk.cases.tell(id, command, at_ms) {
        tracing::error!(error = %in_one_line(&error), "a case was not delivered");
    }
}

pub(super) fn fresh<const N: usize>() -> Result<[u8; N], kepil_cases::StoreError> {
    random().map_err(|_: Response| kepil_cases::StoreError::NoFiling)
}

/// Makes cases of the flags that were raised.
pub(crate) async fn flags(app: &Arc<App>) {
    // Now, and again every five minutes: what could not be recorded in time is not forgotten.
    let round = app.desk.rounds.fetch_add(1, Ordering::Relaxed);
    if round.is_multiple_of(600)
        && let Err(error) = mend(app).await
    {
        tracing::error!(error, "finishing what a stop left half done");
    }
    deferrals(app).await;
    uses(app).await;
    let raised = super::locked(&app.desk.watch).take_raised();
    if raised.is_empty() {
        return;
    }
    let filing = Arc::clone(app);
    let filed =
        tokio::task::spawn_blocking(move || raised.iter().try_for_each(|flag| file(&filing, flag)));
    match filed.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(error = %error, "keeping a flag"),
        Err(error) => tracing::error!(error = %error, "keeping a flag"),
    }
}

/// Finishes what a stop left half done: complaints without delivery, decisions that the ledger
/// does not have yet.
async fn mend(app: &Arc<App>) -> Result<(), String> {
    let reading = Arc::clone(app);
    let cases = tokio::task::spawn_blocking(move || reading.desk.cases.of_people());
    let cases = cases.await.map_err(|e| e.to_string())?;
    let cases = cases.map_err(|e| in_one_line(&e))?;
    for case in cases.into_iter().filter(|case| !case.is_forgotten()) {
        let is_complaint = case.kind == CaseKind::Complaint;
        let done = match (&case.decision, &case.delivery) {
            (Some(_), _) => super::record::publish(app, &case).await,
            (None, None) if is_complaint && !case.awaits => {
                super::complaint::deliver(app, &case).await
            }
            _ => Ok(()),
        };
        done.map_err(|e| in_one_line(&e))?;
    }
    Ok(())
}

fn file(app: &App, flag: &Flag) -> Result<(), String> {
    let said = |error: &dyn std::error::Error| in_one_line(error);
    let entries: Vec<String> = flag.entries.iter().map(u64::to_string).collect();
    let text = format!(
        "{} {} {} {}",
        flag.rule.as_str(),
        flag.day,
        flag.count,
        entries.join(",")
    );
    let event = CaseEvent::Filed {
        id: CaseId::new(fresh().map_err(|e| said(&e))?),
        kind: CaseKind::Reading,
        entry: flag.entries.first().copied(),
        subject: NOBODY.to_owned(),
        system: flag.system.clone(),
        against: flag.official.clone(),
        text: Some(seal(app, NOBODY, &text).map_err(|e| said(&e))?),
        needs_second: false,
        by: String::new(),
        awaits: false,
    };
    let now = (app.clock)();
    let (case, is_new) = app
        .desk
        .cases
        .file(&flag.key(), event, now)
        .map_err(|e| said(&e))?;
    if is_new {
        deliver(
            app,
            case.id,
            Term::COMPLAINT,
            now,
            super::page::PROOF_OF_WATCH.to_owned(),
        );
    }
    Ok(())
}
