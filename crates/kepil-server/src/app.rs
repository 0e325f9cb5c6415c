//! Everything a running node holds.

use crate::config::Config;
use crate::conformance::Conformance;
use crate::desk::Desk;
use crate::door::Door;
use crate::ledger::{Intent, Ledger};
use crate::metrics::{Metrics, OutcomeLabel};
use crate::people::People;
use crate::register::Register;
use crate::throttle::Throttle;
use crate::trust::Trust;
use arc_swap::ArcSwap;
use kepil_chronicle::{ChronicleError, Event, record_of};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_gate::record::Record;
use kepil_ledger::entry::{KeepingKind, Leaf};
use kepil_ledger::hash::Hash;
use kepil_ledger::payload::{Payload, PayloadKind};
use kepil_ledger::period::Period;
use kepil_ledger::record::DecisionCode;
use kepil_store::log::Ticket;
use kepil_terms::{Instant, Verdict};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where a node's sense of time comes from: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The law and the registers made ready for it; swapped as one.
#[derive(Debug)]
pub struct Law {
    /// The gate.
    pub gate: Gate,
    /// The registers.
    pub register: Register,
    /// The worked cases as this node decides them, played when somebody first asks.
    pub cases: OnceLock<HashMap<String, Worked>>,
}

/// A worked case, played on the law of this node.
#[derive(Debug, Clone)]
pub struct Worked {
    /// What it is about.
    pub title: String,
    /// What came out.
    pub verdict: Verdict,
    /// It is what the case says.
    pub is_as_said: bool,
}

impl Law {
    /// The worked cases by their ids; one that cannot be played is not there.
    pub fn cases(&self) -> &HashMap<String, Worked> {
        self.cases.get_or_init(|| {
            let Ok(baselines) = Baselines::load(&self.gate) else {
                return HashMap::new();
            };
            let blocks = self.gate.book().cases.iter();
            let played = blocks.filter_map(|block| {
                let case = Case::parse(&block.text).ok()?;
                let scene = case.situation.scene(&self.gate, &baselines, None).ok()?;
                let verdict = self.gate.decide(scene).verdict;
                let is_as_said = verdict == case.verdict || case.also_accepted.contains(&verdict);
                let worked = Worked {
                    title: case.title,
                    verdict,
                    is_as_said,
                };
                Some((block.id.clone(), worked))
            });
            played.collect()
        })
    }
}

/// A decision as the start page shows it.
#[derive(Debug)]
pub struct Recent {
    /// Index in the log.
    pub index: u64,
    /// The record.
    pub record: Record,
    /// What has to be worked out for a page; done when somebody first looks.
    pub shown: OnceLock<Shown>,
}

/// What a page shows of a decision beyond its record, in ids of the vocabulary.
#[derive(Debug, Default)]
pub struct Shown {
    /// The data categories.
    pub categories: Vec<String>,
    /// The purpose.
    pub purpose: String,
    /// The provision that decided.
    pub source: String,
}

/// The decisions of a node: how many of each verdict, and the last ones.
#[derive(Debug, Default)]
pub struct Latest {
    /// Allowed.
    pub ok: u64,
    /// Left to a person.
    pub human: u64,
    /// Refused.
    pub deny: u64,
    /// The last ones, newest first.
    pub list: VecDeque<Arc<Recent>>,
}

impl Latest {
    fn take(&mut self, index: u64, record: Record) {
        match record.verdict.as_str() {
            "ok" => self.ok += 1,
            "human" => self.human += 1,
            _ => self.deny += 1,
        }
        self.list.push_front(Arc::new(Recent {
            index,
            record,
            shown: OnceLock::new(),
        }));
        self.list.truncate(RECENT);
    }
}

/// How often a provision was relied on and refused by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reliance {
    /// A ground under it carried an ok.
    pub relied: u64,
    /// A test under it failed.
    pub refused: u64,
}

/// How the log grows.
#[derive(Debug, Clone, Default)]
pub struct Growth {
    /// Entries by month.
    pub months: BTreeMap<u32, u64>,
    /// Requests by asking system; those in sealed entries are not counted.
    pub systems: HashMap<String, u64>,
}

/// An idempotency key.
#[derive(Debug, Clone)]
pub enum Repeat {
    /// The first request with it is still being answered.
    Running,
    /// The request was answered; the hash of its body and the answer.
    Done(String, Arc<str>),
    /// It was answered before a restart; the hash of its body and its entries in the log.
    Recorded(String, Vec<u64>),
}

/// A node.
pub struct App {
    /// Its configuration.
    pub config: Config,
    /// Law and registers.
    pub law: ArcSwap<Law>,
    /// The door.
    pub door: Door,
    /// The event clock.
    pub clock: Clock,
    /// Wall time, for tokens.
    pub wall: Clock,
    /// The ledger.
    pub ledger: Ledger,
    /// Accounts, sessions, passkeys.
    pub people: People,
    /// What people decide about uses.
    pub desk: Desk,
    /// Hash of the operator's token.
    pub operator: Hash,
    /// Metrics.
    pub metrics: Metrics,
    /// The conformance tenant, if it is on.
    pub conformance: Option<Conformance>,
    /// The decisions so far.
    pub latest: Mutex<Latest>,
    /// Reliance by provision.
    pub reliance: Mutex<HashMap<String, Reliance>>,
    /// The month everybody was enrolled in last, and the registers that named them.
    pub enrolled: Mutex<Option<(Period, Arc<Law>)>>,
    /// Uses and outcomes by month of the ledger (such as 202611), with asking systems.
    pub growth: Mutex<Growth>,
    /// Whose signatures were verified already.
    pub trust: Trust,
    /// How often an address may send forms.
    pub throttle: Throttle,
    /// Idempotency keys with the second they were first used.
    pub repeats: Mutex<HashMap<String, (u64, Repeat)>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Decisions that the start page can show.
const RECENT: usize = 30;

impl App {
    /// The event time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_ms(i64::try_from((self.clock)()).unwrap_or(i64::MAX))
    }

    /// Wall time in seconds.
    #[must_use]
    pub fn wall_secs(&self) -> u64 {
        (self.wall)() / 1000
    }

    /// Takes an entry of the log into the views that are rebuilt from it.
    pub fn view(&self, index: u64, record: Record) {
        {
            let mut reliance = self.reliance.lock().unwrap_or_else(PoisonError::into_inner);
            let provision = |rule: &str| rule.rsplit_once('/').map_or(rule, |(p, _)| p).to_owned();
            if record.verdict == "ok" {
                for g in &record.grounds {
                    reliance.entry(provision(g)).or_default().relied += 1;
                }
            }
            for rule in record
                .tests
                .iter()
                .filter_map(|t| t.split_once("=deny "))
                .map(|(_, rule)| rule)
            {
                reliance.entry(provision(rule)).or_default().refused += 1;
            }
        }
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.take(index, record);
    }

    /// Rebuilds the views from the log.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn rebuild(&self) -> Result<u64, String> {
        let mut count = 0;
        let chronicle = &self.ledger.chronicle;
        let mut deferred = Vec::new();
        for entry in chronicle.reader().records(0) {
            let entry = entry.map_err(|e| e.to_string())?;
            if entry.leaf.commitment().is_none() {
                continue;
            }
            let open = match chronicle.open_row(&entry) {
                Ok(open) => open,
                // Erased: it counts, and says nothing.
                Err(ChronicleError::Erased) => continue,
                Err(error) => return Err(error.to_string()),
            };
            // A person whose key was erased, rows and all: the same.
            let Ok(payload) = chronicle.payload(&open) else {
                continue;
            };
            let decision = open.row.record.facts.decision;
            self.take_payload(entry.index, &open.subject, decision, &entry.leaf, &payload);
            if payload.deferred_until.is_some() && matches!(entry.leaf, Leaf::Access(_)) {
                deferred.push((entry.index, payload.clone()));
            }
            let Some(record) = record_of(&payload) else {
                continue;
            };
            if matches!(entry.leaf, Leaf::Unseal { .. }) {
                continue;
            }
            count += 1;
            if let Some((key, body)) = record.who.repeat.split_once(' ') {
                let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
                let at = u64::try_from(record.at / 1000).unwrap_or(0);
                let slot = repeats
                    .entry(key.to_owned())
                    .or_insert_with(|| (at, Repeat::Recorded(body.to_owned(), Vec::new())));
                if let Repeat::Recorded(_, indexes) = &mut slot.1 {
                    indexes.push(entry.index);
                }
            }
            self.view(entry.index, record);
        }
        // A stop between an entry and the notice that defers it.
        for (index, payload) in deferred {
            self.defer(index, &payload).map_err(|e| e.to_string())?;
        }
        self.metrics.entries.set(count);
        Ok(count)
    }

    /// Enrols everybody the registers speak of in the month it is now, so that a list without
    /// entries can be proved too; looks again when the month or the registers change.
    ///
    /// # Errors
    /// When the enrolment cannot be recorded; it is tried again.
    pub fn enrol(&self) -> Result<u64, ChronicleError> {
        let now_ms = (self.clock)();
        let law = self.law.load_full();
        let chronicle = &self.ledger.chronicle;
        let period = chronicle.book().period_for(now_ms);
        let mut enrolled = self.enrolled.lock().unwrap_or_else(PoisonError::into_inner);
        let is_done =
            |(month, with): &(Period, Arc<Law>)| *month == period && Arc::ptr_eq(with, &law);
        if enrolled.as_ref().is_some_and(is_done) {
            return Ok(0);
        }
        let persons = law.register.persons();
        let subjects = persons.iter().map(|person| format!("person:{person}"));
        let new = chronicle.enrol(&subjects.collect::<Vec<_>>(), now_ms)?;
        *enrolled = Some((period, law));
        Ok(new)
    }

    /// Keeps an entry back until the day its judge named, unless that is done already.
    ///
    /// # Errors
    /// When the notice cannot be recorded.
    pub fn defer(&self, index: u64, payload: &Payload) -> Result<(), ChronicleError> {
        let Some(until) = payload.deferred_until else {
            return Ok(());
        };
        if self.ledger.chronicle.notices().is_kept(index) {
            return Ok(());
        }
        let kind = KeepingKind::Deferred;
        self.ledger
            .chronicle
            .keep_back(index, kind, until, &payload.order)?;
        Ok(())
    }

    /// Makes events durable, and takes them into what the node shows.
    ///
    /// # Errors
    /// When the ledger takes no entries.
    pub(crate) async fn record(&self, events: &[Event]) -> Result<Vec<Ticket>, ChronicleError> {
        let tickets = self.ledger.chronicle.record(events).await?;
        for (ticket, event) in tickets.iter().zip(events) {
            self.take_payload(
                ticket.index(),
                &event.subject,
                event.decision,
                ticket.leaf(),
                &event.payload,
            );
        }
        Ok(tickets)
    }

    fn grow(&self, leaf: &Leaf, payload: &Payload) {
        let month = Period::of_ms(payload.at_ms).number();
        let mut growth = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        *growth.months.entry(month).or_default() += 1;
        if payload.kind == PayloadKind::Decision && matches!(leaf, Leaf::Access(_)) {
            if let Some(count) = growth.systems.get_mut(&payload.system) {
                *count += 1;
            } else {
                growth.systems.insert(payload.system.clone(), 1);
            }
        }
    }

    /// Keeps count of permitted uses and their outcomes.
    pub fn take_payload(
        &self,
        index: u64,
        subject: &str,
        decision: DecisionCode,
        leaf: &Leaf,
        payload: &Payload,
    ) {
        self.grow(leaf, payload);
        self.desk
            .take_in(&self.law.load(), index, subject, decision, leaf, payload);
        match payload.kind {
            PayloadKind::Decision
                if decision == DecisionCode::Permit
                    && matches!(leaf, Leaf::Access(_) | Leaf::Sealed { .. }) =>
            {
                let intent = Intent {
                    subject: subject.to_owned(),
                    system: payload.system.clone(),
                    purpose: payload.purpose.clone(),
                    at_ms: payload.at_ms,
                    is_sealed: matches!(leaf, Leaf::Sealed { .. }),
                };
                self.ledger.intend(index, intent);
            }
            PayloadKind::Outcome => {
                let label = OutcomeLabel {
                    system: payload.system.clone(),
                    outcome: payload.outcome.clone(),
                };
                self.metrics.outcomes.get_or_create(&label).inc();
                match (payload.intent, payload.outcome.as_str()) {
                    (Some(intent), "released" | "not_released" | "unknown") => {
                        self.ledger.conclude(intent);
                    }
                    // A person allowed it: now its outcome is waited for.
                    (Some(intent), crate::desk::ALLOWED) => {
                        let waiting = Intent {
                            subject: subject.to_owned(),
                            system: payload.system.clone(),
                            purpose: payload.purpose.clone(),
                            at_ms: payload.at_ms,
                            is_sealed: false,
                        };
                        self.ledger.intend(intent, waiting);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
