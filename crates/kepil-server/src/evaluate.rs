//! From an AuthZEN evaluation to a decision that stands in the log, and to its answer.

use crate::answer::{answer, failed};
use crate::app::{App, Law};
use crate::authzen::{Evaluation, Semantic};
use crate::metrics::VerdictLabel;
use crate::problem::Problem;
use crate::register::{CLAIMS, Register, System};
use kepil_chronicle::{ChronicleError, Event};
use kepil_gate::decision::Obligation;
use kepil_gate::record::{Parties, Record};
use kepil_gate::{Citation, Decision, Gate, Scene};
use kepil_law::vocab::bit;
use kepil_law::{Release, Value};
use kepil_ledger::period::Period;
use kepil_ledger::record::{DecisionCode, RecordKind};
use kepil_store::log::AppendError;
use kepil_terms::{Instant, Lang, Verdict};
use serde_json::{Map, Value as Json};
use std::time::Instant as Timer;

/// What a request brings beside its evaluations.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    /// The asking system.
    pub system: &'a System,
    /// The request's id.
    pub request: String,
    /// The language of reasons.
    pub lang: Lang,
    /// Key and body hash of the idempotency key, or nothing.
    pub repeat: String,
    /// What this node itself knows of the request, laid over everything else.
    pub known: Json,
}

/// One evaluation, decided but not yet recorded.
#[derive(Debug)]
pub struct Decided {
    scene: Scene,
    decision: Decision,
    record: Record,
    order: Option<Order>,
}

/// The judge's order a request refers to, if the register holds it for this person.
#[derive(Debug, Clone)]
struct Order {
    id: String,
    sealed_until: Option<Period>,
}

impl Decided {
    /// What was decided.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// The event a decision would become, for whoever looks before sending.
#[must_use]
pub fn preview(app: &App, decided: &Decided) -> Event {
    event(app, decided)
}

/// The other records a context may refer to: its key, and their kind in the register.
const REFERENCES: &[&str] = &[
    "agreement",
    "consent",
    "measure",
    "act",
    "case",
    "order",
    "algorithm",
];

/// Longer texts and lists are refused: in a batch every record repeats them.
const MAX_TEXT: usize = 512;
const MAX_ITEM: usize = 256;
const MAX_ITEMS: usize = 128;

fn word<'a>(map: &'a Map<String, Json>, key: &str) -> Result<Option<&'a str>, String> {
    match map.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(s)) if s.len() > MAX_TEXT => {
            Err(format!("`{key}` is longer than {MAX_TEXT} bytes"))
        }
        Some(Json::String(s)) => Ok(Some(s)),
        Some(_) => Err(format!("`{key}` must be a string")),
    }
}

fn words(map: &Map<String, Json>, key: &str) -> Result<Vec<String>, String> {
    match map.get(key) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(list)) if list.len() <= MAX_ITEMS => list
            .iter()
            .map(|v| match v.as_str() {
                Some(s) if s.len() > MAX_ITEM => Err(format!(
                    "`{key}` holds an item longer than {MAX_ITEM} bytes"
                )),
                Some(s) => Ok(s.to_owned()),
                None => Err(format!("`{key}` must be a list of strings")),
            })
            .collect(),
        Some(Json::Array(_)) => Err(format!("`{key}` holds more than {MAX_ITEMS} items")),
        Some(_) => Err(format!("`{key}` must be a list of strings")),
    }
}

/// Builds the scene of an evaluation from the request and the registers.
///
/// # Errors
/// With a sentence about what in the request cannot be understood. What the registers do not hold
/// is no error: the unfavourable is assumed, and the decision says so.
pub fn scene(
    law: &Law,
    caller: &Caller<'_>,
    e: &Evaluation<'_>,
    now: Instant,
) -> Result<(Scene, Parties), String> {
    scene_and_order(law, caller, e, now).map(|(scene, who, _)| (scene, who))
}

fn scene_and_order(
    law: &Law,
    caller: &Caller<'_>,
    e: &Evaluation<'_>,
    now: Instant,
) -> Result<(Scene, Parties, Option<Order>), String> {
    let (gate, register) = (&law.gate, &law.register);
    let book = gate.book();
    let slots = gate.slots();
    let mut facts = register.unknown();
    // What the caller states comes first: registers are laid over it.
    if let Some(claims) = e.context.get("claims") {
        claim(gate, claims, &mut facts).map_err(|m| format!("`context.claims`: {m}"))?;
    }
    caller.system.layer.lay(&mut facts);

    let operation = book.vocab.find("Action", e.action).ok_or_else(|| {
        format!(
            "`action.name`: `{}` is not an operation the gate knows",
            clip(e.action)
        )
    })?;
    let actor_name = word(e.subject, "actor")?;
    let actor = actor(gate, caller.system, actor_name)?;
    let category_type = book.vocab.type_named("Category").unwrap_or_default();
    let mut data = 0;
    for c in words(e.resource, "data")? {
        data |= bit(book.vocab.term(category_type, &c).ok_or_else(|| {
            format!(
                "`resource.properties.data`: `{}` is not a data category the gate knows",
                clip(&c)
            )
        })?);
    }
    let purpose = word(e.context, "purpose")?
        .ok_or("`context.purpose` is missing: say what the data are for")?;
    let purpose = book.vocab.find("Purpose", purpose).ok_or_else(|| {
        format!(
            "`context.purpose`: `{}` is not a purpose the gate knows",
            clip(purpose)
        )
    })?;
    if let Some(time) = word(e.context, "time")? {
        // A claim: read so that a broken one is refused, never used as the event's time.
        Instant::parse(time).map_err(|e| format!("`context.time`: {e}"))?;
    }

    let mut who = Parties {
        system: caller.system.id.clone(),
        request: caller.request.clone(),
        repeat: caller.repeat.clone(),
        ..Parties::default()
    };
    let (mut listed, mut order) = (false, None);
    if let Some(official) = word(e.subject, "official")? {
        lay(register, caller, "official", official, &mut facts);
        who.official = official.to_owned();
        who.mandate = word(e.subject, "mandate")?.unwrap_or_default().to_owned();
    }
    let person = if e.resource_type == "person" {
        e.resource_id
    } else {
        ""
    };
    who.person = person.to_owned();
    if !person.is_empty() {
        lay(register, caller, "person", person, &mut facts);
        let own = e.subject_type == "person" && e.subject_id == person;
        set(gate, &mut facts, "person.own_data", own);
    }
    if let Some(dataset) = word(e.resource, "dataset")? {
        lay(register, caller, "dataset", dataset, &mut facts);
    }
    for kind in REFERENCES {
        if let Some(id) = word(e.context, kind)?
            && let Some(entry) = register
                .record(kind, id)
                .filter(|r| r.open_to(&caller.system.id))
        {
            // A record about other persons says nothing about this one.
            let covers = entry.persons.is_empty() || entry.persons.iter().any(|p| p == person);
            if covers {
                entry.layer.lay(&mut facts);
                listed |= !entry.persons.is_empty();
                if *kind == "order" {
                    order = Some(Order {
                        id: id.to_owned(),
                        sealed_until: entry.sealed_until,
                    });
                }
            }
        }
    }
    set(gate, &mut facts, "person.listed", listed);
    facts.set(slots.data, Value::Set(data));
    facts.set(slots.purpose, Value::Id(purpose));
    if e.resource.contains_key("fields") {
        let mut fields: Vec<Box<str>> = words(e.resource, "fields")?
            .into_iter()
            .map(Into::into)
            .collect();
        fields.sort_unstable();
        fields.dedup();
        facts.set(slots.fields, Value::Strs(fields.into()));
    }
    set(gate, &mut facts, "log_ready", true);
    if !caller.known.is_null() {
        gate.patcher()
            .apply(&mut facts, &caller.known)
            .map_err(|e| e.to_string())?;
    }
    let citations: Vec<Citation> = words(e.context, "basis")?
        .iter()
        .map(|c| Citation::parse(c, book))
        .collect();
    let clock = word(e.context, "clock")?.map(str::to_owned);
    gate.patcher()
        .complete(&facts)
        .map_err(|m| format!("`context.claims`: {m}"))?;
    Ok((
        Scene {
            at: now,
            actor,
            operation,
            citations,
            facts,
            clock,
        },
        who,
        order,
    ))
}

/// Lays what the caller states over the row.
fn claim(gate: &Gate, claims: &Json, facts: &mut kepil_law::Facts) -> Result<(), String> {
    let map = claims.as_object().ok_or("they must be an object")?;
    if let Some(group) = map.keys().find(|k| !CLAIMS.contains(&k.as_str())) {
        return Err(format!(
            "a caller may not state `{}`, only {}",
            clip(group),
            CLAIMS.join(", ")
        ));
    }
    gate.patcher()
        .apply(facts, claims)
        .map_err(|e| e.to_string())?;
    match facts.get(gate.slots().fields) {
        Value::Strs(list) if list.len() > MAX_ITEMS || list.iter().any(|f| f.len() > MAX_ITEM) => {
            Err(format!(
                "`request.fields` holds more than {MAX_ITEMS} items, or one longer than {MAX_ITEM} bytes"
            ))
        }
        _ => Ok(()),
    }
}

fn actor(gate: &Gate, system: &System, named: Option<&str>) -> Result<u16, String> {
    let book = gate.book();
    match named {
        Some(name) => book
            .vocab
            .find("Actor", name)
            .filter(|a| system.actors & bit(*a) != 0)
            .ok_or_else(|| {
                format!(
                    "`subject.properties.actor`: this system is not registered to act as `{}`",
                    clip(name)
                )
            }),
        None => kepil_law::book::bits(system.actors)
            .next()
            .filter(|_| system.actors.count_ones() == 1)
            .ok_or_else(|| {
                "this system may act as several actors; name one in `subject.properties.actor`"
                    .to_owned()
            }),
    }
}

fn lay(
    register: &Register,
    caller: &Caller<'_>,
    kind: &str,
    id: &str,
    facts: &mut kepil_law::Facts,
) {
    if let Some(entry) = register
        .record(kind, id)
        .filter(|r| r.open_to(&caller.system.id))
    {
        entry.layer.lay(facts);
    }
}

fn set(gate: &Gate, facts: &mut kepil_law::Facts, path: &str, value: bool) {
    if let Some(slot) = gate.book().layout.slot(path) {
        facts.set(slot, Value::Bool(value));
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Decides one evaluation.
///
/// # Errors
/// When the request cannot be understood.
pub fn decide(
    app: &App,
    law: &Law,
    caller: &Caller<'_>,
    e: &Evaluation<'_>,
    now: Instant,
) -> Result<Decided, String> {
    let (scene, who, order) = scene_and_order(law, caller, e, now)?;
    let start = Timer::now();
    let decision = law.gate.decide(scene.clone());
    app.metrics
        .decide_seconds
        .observe(start.elapsed().as_secs_f64());
    let record = law.gate.record(&scene, &decision, who);
    Ok(Decided {
        scene,
        decision,
        record,
        order,
    })
}

/// The verdict a caller gets.
#[must_use]
pub fn answered(app: &App, d: &Decision) -> Verdict {
    if app.config.law.confidence_floor {
        d.verdict.max(d.strict)
    } else {
        d.verdict
    }
}

/// Decides a batch, makes every decision durable, and gives the answers in order, as JSON.
///
/// # Errors
/// When nothing could be recorded: then nothing is answered.
pub async fn run(
    app: &App,
    caller: &Caller<'_>,
    items: &[Result<Evaluation<'_>, String>],
    semantic: Semantic,
) -> Result<Vec<String>, Problem> {
    let law = app.law.load_full();
    let now = app.now();
    let mut decided = Vec::with_capacity(items.len());
    for item in items {
        let one = item
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|e| decide(app, &law, caller, e, now));
        let permitted = one
            .as_ref()
            .is_ok_and(|d| answered(app, &d.decision) == Verdict::Ok);
        decided.push(one);
        if semantic.ends(permitted) {
            break;
        }
    }
    record(app, &law, caller, decided).await
}

/// Decides one evaluation and records it; what cannot be understood is said before anything is
/// recorded.
///
/// # Errors
/// When the request cannot be understood, or nothing could be recorded.
pub async fn one(app: &App, caller: &Caller<'_>, e: &Evaluation<'_>) -> Result<String, Problem> {
    let law = app.law.load_full();
    let decided = decide(app, &law, caller, e, app.now()).map_err(Problem::bad_request)?;
    let mut answers = record(app, &law, caller, vec![Ok(decided)]).await?;
    answers
        .pop()
        .ok_or_else(|| Problem::internal("an evaluation has no answer"))
}

/// The event of a decision: sealed where the order it rests on says so.
fn event(app: &App, decided: &Decided) -> Event {
    let mut event = Event::decision(&decided.record);
    // What the caller is told, with the confidence floor where it is on.
    event.decision = match answered(app, &decided.decision) {
        Verdict::Ok => DecisionCode::Permit,
        Verdict::Human => DecisionCode::Human,
        Verdict::Deny => DecisionCode::Deny,
    };
    let Some(order) = &decided.order else {
        return event;
    };
    event.payload.order = format!("order {}", order.id);
    if let Some(embargo) = order.sealed_until {
        event.kind = RecordKind::Sealed;
        event.embargo = Some(embargo);
    } else {
        let deferral = decided.decision.obligations.iter().find_map(|o| match o {
            Obligation::NotifyDeferred { until } => Instant::parse(until).ok(),
            _ => None,
        });
        event.payload.deferred_until =
            deferral.and_then(|until| u64::try_from(until.ms() / 1000).ok());
    }
    event
}

/// What the answers wait for: the strictest that a provision asks for, or the operator.
fn release(app: &App, decided: &[Result<Decided, String>]) -> Release {
    let permitted = decided
        .iter()
        .flatten()
        .filter(|d| answered(app, &d.decision) == Verdict::Ok);
    let asked = permitted.map(|d| d.decision.release);
    asked
        .max()
        .unwrap_or_default()
        .max(app.config.ledger.release)
}

/// Makes decisions durable, then gives their answers.
async fn record(
    app: &App,
    law: &Law,
    caller: &Caller<'_>,
    decided: Vec<Result<Decided, String>>,
) -> Result<Vec<String>, Problem> {
    let events: Vec<Event> = decided.iter().flatten().map(|d| event(app, d)).collect();
    let start = Timer::now();
    let tickets = if events.is_empty() {
        Vec::new()
    } else {
        app.ledger.chronicle.record(&events).await.map_err(|e| {
            if let ChronicleError::Append(AppendError::TooLarge { limit, .. }) = e {
                return Problem::too_large(format!(
                    "the entries of one request may take {limit} bytes; send fewer evaluations at once"
                ));
            }
            app.metrics.unrecorded.inc();
            tracing::error!(error = %e, "recording failed; nothing is released");
            Problem::unrecordable("the ledger takes no entries at the moment; nothing was released, nothing is lost; try again later")
        })?
    };
    app.metrics
        .record_seconds
        .observe(start.elapsed().as_secs_f64());
    for (ticket, event) in tickets.iter().zip(&events) {
        let payload = &event.payload;
        if event.kind == RecordKind::Access {
            app.defer(ticket.index(), payload).map_err(|e| {
                tracing::error!(error = %e, "recording a deferral failed; nothing is released");
                Problem::unrecordable(
                    "the deferral could not be recorded; nothing was released; try again later",
                )
            })?;
        }
        app.take_payload(
            ticket.index(),
            &event.subject,
            event.decision,
            ticket.leaf(),
            payload,
        );
    }
    let release = release(app, &decided);
    if let Some(last) = tickets.last() {
        app.ledger.wait(last.index(), release).await?;
    }
    let mut tickets = tickets.into_iter();
    let mut out = Vec::with_capacity(decided.len());
    for d in decided {
        out.push(match d {
            Err(e) => failed(&e),
            Ok(d) => {
                let ticket = tickets
                    .next()
                    .ok_or_else(|| Problem::internal("an entry has no receipt"))?;
                let receipt = ticket
                    .receipt(None)
                    .map_err(|_| Problem::internal("a receipt could not be made"))?;
                let verdict = answered(app, &d.decision).as_str();
                app.metrics
                    .decisions
                    .get_or_create(&VerdictLabel { verdict })
                    .inc();
                app.metrics.entries.inc();
                let index = ticket.index();
                let answer = answer(
                    app,
                    law,
                    &d.scene,
                    &d.decision,
                    caller.lang,
                    index,
                    &receipt,
                )?;
                app.view(index, d.record);
                answer
            }
        });
    }
    Ok(out)
}
