//! What people decide about uses: complaints, verdicts the law leaves to a human, flagged reading;
//! and the desk where officials ask.

mod act;
mod ask;
mod assist;
mod behalf;
mod choice;
mod complaint;
mod page;
mod queue;
mod record;
mod review;
mod words;

pub(crate) use act::{flags, identity_released, seen_by_representative};
pub(crate) use complaint::{complaint_of, export as complaints};
pub(crate) use review::state as review_state;

use crate::app::{App, Law};
use crate::config::Config;
use crate::people::opened;
use crate::people::visitor::from_here;
use crate::serve::ServeError;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use kepil_cases::{Cases, Limits, Look, Watch};
use kepil_ledger::entry::Leaf;
use kepil_ledger::payload::{Payload, PayloadKind};
use kepil_ledger::record::DecisionCode;
use kepil_terms::Instant;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Outcome of a use that a person allowed.
pub(crate) const ALLOWED: &str = "allowed_by_person";
/// Outcome of a use that a person refused.
pub(crate) const REFUSED: &str = "refused_by_person";
/// Somebody complained about the use.
pub(crate) const COMPLAINED: &str = "complaint_filed";
/// The complaint was upheld.
pub(crate) const UPHELD: &str = "complaint_upheld";
/// The complaint was rejected.
pub(crate) const REJECTED: &str = "complaint_rejected";

/// Somebody with a power looked at the list.
pub(crate) const SEEN: &str = "seen_by_representative";

/// A service learned who the person is.
pub(crate) const RELEASED: &str = "identity_released";

/// Somebody was helped at a service centre.
pub(crate) const ASSISTED: &str = "assisted_session";

/// Requests of an official that the desk remembers.
const MAX_OWN: usize = 200;

/// Persons that wait to be told at most: whoever comes on top is told of a later use.
const MAX_TOUCHED: usize = 1_000_000;

/// A verdict that waits for a human, as far as the queue shows it.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// Whom it is about.
    pub(crate) subject: String,
    /// The system that asked.
    pub(crate) system: String,
    /// The official behind it.
    pub(crate) official: String,
    /// What for.
    pub(crate) purpose: String,
    /// The data categories.
    pub(crate) categories: Vec<String>,
    /// Unix milliseconds.
    pub(crate) at_ms: u64,
}

/// A request of an official.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) index: u64,
    pub(crate) at_ms: u64,
    pub(crate) purpose: String,
    pub(crate) verdict: String,
    pub(crate) outcome: String,
}

/// What a node holds for the desks.
#[derive(Debug)]
pub struct Desk {
    pub(crate) cases: Cases,
    watch: Mutex<Watch>,
    waiting: Mutex<BTreeMap<u64, Waiting>>,
    own: Mutex<HashMap<(String, String), VecDeque<Own>>>,
    /// What people did about uses, as the ledger has it.
    told: Mutex<BTreeSet<(u64, String)>>,
    /// Whose deferral ended up to this second has been told.
    pub(crate) deferrals_until: AtomicU64,
    /// Persons whose data were used since they were last told; nothing while the log is read.
    touched: Mutex<Option<BTreeSet<String>>>,
    /// Rounds of the work behind the node.
    pub(crate) rounds: AtomicU64,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Opens what is kept of cases.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(config: &Config) -> Result<Self, ServeError> {
        let cases = opened(config, "cases.db", Cases::open)?;
        let limits = Limits {
            persons: config.desk.flag_persons,
            night: config.desk.flag_night,
        };
        Ok(Self {
            cases,
            watch: Mutex::new(Watch::new(limits)),
            waiting: Mutex::default(),
            own: Mutex::default(),
            told: Mutex::default(),
            deferrals_until: AtomicU64::new(0),
            touched: Mutex::new(None),
            rounds: AtomicU64::new(0),
        })
    }

    /// Takes an entry of the log into what the desks show.
    pub(crate) fn take_in(
        &self,
        law: &Law,
        index: u64,
        subject: &str,
        decision: DecisionCode,
        leaf: &Leaf,
        payload: &Payload,
    ) {
        if payload.kind == PayloadKind::Outcome {
            self.concluded(payload);
            return;
        }
        // What a court keeps sealed is on nobody's desk.
        if payload.kind != PayloadKind::Decision || !matches!(leaf, Leaf::Access(_)) {
            return;
        }
        if decision == DecisionCode::Human {
            let waiting = Waiting {
                subject: subject.to_owned(),
                system: payload.system.clone(),
                official: payload.official.clone(),
                purpose: payload.purpose.clone(),
                categories: payload.categories.clone(),
                at_ms: payload.at_ms,
            };
            locked(&self.waiting).insert(index, waiting);
        }
        let person = subject.strip_prefix("person:").unwrap_or_default();
        // What a judge put off is told when its day comes, and not before.
        if payload.deferred_until.is_none()
            && !person.is_empty()
            && let Some(touched) = locked(&self.touched).as_mut()
            && touched.len() < MAX_TOUCHED
        {
            touched.insert(person.to_owned());
        }
        if payload.official.is_empty() {
            return;
        }
        {
            let key = (payload.system.clone(), payload.official.clone());
            let mut own = locked(&self.own);
            let list = own.entry(key).or_default();
            list.push_front(Own {
                index,
                at_ms: payload.at_ms,
                purpose: payload.purpose.clone(),
                verdict: payload.verdict.clone(),
                outcome: String::new(),
            });
            list.truncate(MAX_OWN);
        }
        let at = Instant::from_ms(i64::try_from(payload.at_ms).unwrap_or(i64::MAX));
        locked(&self.watch).see(Look {
            index,
            at,
            system: &payload.system,
            official: &payload.official,
            person,
            is_close: law.register.is_close(&payload.official, person),
        });
    }

    fn concluded(&self, payload: &Payload) {
        let Some(intent) = payload.intent else {
            return;
        };
        if matches!(
            payload.outcome.as_str(),
            ALLOWED | REFUSED | COMPLAINED | UPHELD | REJECTED
        ) {
            locked(&self.told).insert((intent, payload.outcome.clone()));
        }
        if matches!(payload.outcome.as_str(), ALLOWED | REFUSED) {
            locked(&self.waiting).remove(&intent);
        }
        let mut own = locked(&self.own);
        let lists = own
            .iter_mut()
            .filter(|((system, _), _)| *system == payload.system);
        for (_, list) in lists {
            if let Some(found) = list.iter_mut().find(|own| own.index == intent) {
                found.outcome.clone_from(&payload.outcome);
            }
        }
    }

    /// Whether the ledger says already what a person did about a use.
    pub(crate) fn is_told(&self, entry: u64, outcome: &str) -> bool {
        locked(&self.told).contains(&(entry, outcome.to_owned()))
    }

    /// From now on uses are new: the log has been read.
    pub(crate) fn begin(&self) {
        *locked(&self.touched) = Some(BTreeSet::new());
    }

    /// Some of the persons whose data were used since they were last told.
    pub(crate) fn take_touched(&self, most: usize) -> Vec<String> {
        let mut touched = locked(&self.touched);
        let Some(touched) = touched.as_mut() else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(person) = touched.pop_first()
        {
            taken.push(person);
        }
        taken
    }

    /// Takes a person out of the cases and of what waits.
    pub(crate) fn forget(&self, person: &str) -> Result<usize, kepil_cases::StoreError> {
        let subject = format!("person:{person}");
        locked(&self.waiting).retain(|_, waiting| waiting.subject != subject);
        if let Some(touched) = locked(&self.touched).as_mut() {
            touched.remove(person);
        }
        self.cases.forget(&subject)
    }

    /// A verdict that waits for a human.
    pub(crate) fn waits(&self, index: u64) -> Option<Waiting> {
        locked(&self.waiting).get(&index).cloned()
    }

    /// The verdicts that wait, the oldest first.
    pub(crate) fn waiting(&self, most: usize) -> (usize, Vec<(u64, Waiting)>) {
        let waiting = locked(&self.waiting);
        let first = waiting.iter().take(most);
        (
            waiting.len(),
            first.map(|(index, one)| (*index, one.clone())).collect(),
        )
    }

    /// The requests of an official through a system, newest first.
    pub(crate) fn own(&self, system: &str, official: &str) -> Vec<Own> {
        let own = locked(&self.own);
        let list = own.get(&(system.to_owned(), official.to_owned()));
        list.into_iter().flatten().cloned().collect()
    }
}

/// The pages of the desks.
pub(crate) fn router(app: Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route(
            "/{lang}/my/uses/{period}/{index}/complain",
            get(complaint::form).post(complaint::file),
        )
        .route("/{lang}/my/complaints", get(complaint::list))
        .route("/{lang}/my/complaints/{id}", get(complaint::one))
        .route("/{lang}/my/complaints/{id}/agree", post(complaint::agree))
        .route(
            "/{lang}/my/powers/{id}/{index}/complain",
            get(behalf::form).post(behalf::file),
        )
        .route("/{lang}/supervision", get(queue::page))
        .route("/{lang}/supervision/reviews/{index}", post(queue::take))
        .route("/{lang}/supervision/{id}", get(record::summary))
        .route("/{lang}/supervision/{id}/record", post(record::open))
        .route("/{lang}/supervision/{id}/decide", post(record::decide))
        .route("/{lang}/desk", get(ask::page))
        .route("/{lang}/desk/assist", get(assist::page).post(assist::begin))
        .route("/{lang}/desk/check", post(ask::check))
        .route("/{lang}/desk/send", post(ask::send))
        .layer(from_fn_with_state(app, from_here))
}
