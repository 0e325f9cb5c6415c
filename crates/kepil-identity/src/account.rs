//! An account: its holder, the ways into it, and how sign-ins went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attempts::{Attempts, TooEarly};
use crate::factor::{Factor, FactorKind, KnownFactor, level};
use crate::holder::Holder;
use crate::id::{AccountId, FactorId};
use crate::level::Level;

/// Most ways into one account.
pub const MOST_FACTORS: usize = 20;

/// Longest label of a device, in characters.
pub const LONGEST_LABEL: usize = 60;

/// An account as its events left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whom it belongs to.
    pub holder: Holder,
    /// Since when, Unix milliseconds.
    pub opened_ms: u64,
    /// The ways into it, oldest first.
    pub factors: Vec<KnownFactor>,
    /// When and how somebody saw that the holder is the one.
    pub proofing: Option<Proofing>,
    /// Closed accounts open nothing.
    pub is_closed: bool,
    attempts: BTreeMap<FactorKind, Attempts>,
}

/// Proof of identity: a claim of its own, never folded into the level of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proofing {
    /// How: a document seen at a service centre, an electronic signature, …
    pub method: String,
    /// When, Unix milliseconds.
    pub at_ms: u64,
}

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// It was opened.
    Opened {
        /// Its id.
        id: AccountId,
        /// Whom it belongs to.
        holder: Holder,
    },
    /// Somebody saw who the holder is.
    Proofed {
        /// How.
        method: String,
    },
    /// A way in was added.
    FactorAdded {
        /// Its id.
        id: FactorId,
        /// The way.
        factor: Factor,
    },
    /// A way in has changed, as a passkey's counter does.
    FactorChanged {
        /// Its id.
        id: FactorId,
        /// The way as it is now.
        factor: Factor,
    },
    /// A way in was taken away.
    FactorRemoved {
        /// Its id.
        id: FactorId,
    },
    /// A factor did not fit.
    Failed {
        /// Its kind.
        kind: FactorKind,
    },
    /// Somebody came in.
    SignedIn {
        /// With these.
        factors: Vec<FactorId>,
        /// As surely as this.
        level: Level,
    },
    /// It was closed.
    Closed,
}

/// An event with its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What is asked of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Note that somebody saw who the holder is.
    Proof {
        /// How.
        method: String,
    },
    /// Add a way in; a secret or a set of codes takes the place of the one before.
    Add {
        /// Its id.
        id: FactorId,
        /// The way.
        factor: Factor,
    },
    /// Note a change of a way in.
    Change {
        /// Its id.
        id: FactorId,
        /// The way as it is now.
        factor: Factor,
    },
    /// Take a way in away.
    Remove {
        /// Its id.
        id: FactorId,
    },
    /// Note that a factor did not fit.
    Fail {
        /// Its kind.
        kind: FactorKind,
    },
    /// Let somebody in who showed these.
    SignIn {
        /// The factors.
        factors: Vec<FactorId>,
    },
    /// Take all ways in away: they may be in other hands. The account stays, and opens for nobody
    /// until somebody has seen the holder again.
    Shut,
    /// Close the account.
    Close,
}

/// Why an account does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is closed.
    #[error("using an account: it is closed")]
    Closed,
    /// There is no such factor.
    #[error("using an account: it has no such way in")]
    NoFactor,
    /// The factors do not open it.
    #[error("signing in: what was shown opens nothing by itself")]
    NotEnough,
    /// Too many failures.
    #[error(transparent)]
    TooEarly(#[from] TooEarly),
    /// It would be left with fewer than two independent ways.
    #[error("removing a way in: two independent ways must be left; add another one first")]
    LastWays,
    /// There are too many.
    #[error("adding a way in: there are {MOST_FACTORS} already; remove one first")]
    TooMany,
    /// The same credential stands there.
    #[error("adding a way in: it is there already")]
    Known,
    /// The label is empty or too long.
    #[error("adding a way in: name it with 1 to {LONGEST_LABEL} characters")]
    Label,
}

impl Account {
    /// The account that these events lead to; `None` when they do not begin with its opening.
    #[must_use]
    pub fn of(events: &[Dated]) -> Option<Self> {
        let (first, rest) = events.split_first()?;
        let Event::Opened { id, holder } = &first.event else {
            return None;
        };
        let mut account = Self {
            id: *id,
            holder: holder.clone(),
            opened_ms: first.at_ms,
            factors: Vec::new(),
            proofing: None,
            is_closed: false,
            attempts: BTreeMap::new(),
        };
        rest.iter().for_each(|event| account.apply(event));
        Some(account)
    }

    /// Makes events of a command; the account itself does not change.
    ///
    /// # Errors
    /// When the account does not allow it.
    pub fn handle(&self, command: Command, now_ms: u64) -> Result<Vec<Event>, Refusal> {
        if self.is_closed {
            return Err(Refusal::Closed);
        }
        match command {
            Command::Proof { method } => Ok(vec![Event::Proofed { method }]),
            Command::Add { id, factor } => self.add(id, factor),
            Command::Change { id, factor } => {
                let known = self.factor(id).ok_or(Refusal::NoFactor)?;
                if known.factor.kind() != factor.kind() {
                    return Err(Refusal::NoFactor);
                }
                Ok(vec![Event::FactorChanged { id, factor }])
            }
            Command::Remove { id } => self.remove(id),
            Command::Fail { kind } => {
                self.may_try(kind, now_ms)?;
                Ok(vec![Event::Failed { kind }])
            }
            Command::SignIn { factors } => self.sign_in(factors, now_ms),
            Command::Shut => {
                let all = self.factors.iter();
                Ok(all
                    .map(|known| Event::FactorRemoved { id: known.id })
                    .collect())
            }
            Command::Close => Ok(vec![Event::Closed]),
        }
    }

    /// Takes an event.
    pub fn apply(&mut self, dated: &Dated) {
        let at_ms = dated.at_ms;
        match &dated.event {
            Event::Opened { .. } => {}
            Event::Proofed { method } => {
                self.proofing = Some(Proofing {
                    method: method.clone(),
                    at_ms,
                });
            }
            Event::FactorAdded { id, factor } => self.factors.push(KnownFactor {
                id: *id,
                factor: factor.clone(),
                added_ms: at_ms,
                used_ms: None,
            }),
            Event::FactorChanged { id, factor } => {
                if let Some(known) = self.factors.iter_mut().find(|known| known.id == *id) {
                    known.factor = factor.clone();
                }
            }
            Event::FactorRemoved { id } => self.factors.retain(|known| known.id != *id),
            Event::Failed { kind } => self.attempts.entry(*kind).or_default().failed(at_ms),
            Event::SignedIn { factors, .. } => {
                for known in &mut self.factors {
                    if factors.contains(&known.id) {
                        known.used_ms = Some(at_ms);
                        self.attempts.remove(&known.factor.kind());
                    }
                }
            }
            Event::Closed => self.is_closed = true,
        }
    }

    /// A way in by its id.
    #[must_use]
    pub fn factor(&self, id: FactorId) -> Option<&KnownFactor> {
        self.factors.iter().find(|known| known.id == id)
    }

    /// The ways in of a kind.
    pub fn factors_of(&self, kind: FactorKind) -> impl Iterator<Item = &KnownFactor> {
        self.factors
            .iter()
            .filter(move |known| known.factor.kind() == kind)
    }

    /// Whether an attempt with this kind of factor counts now.
    ///
    /// # Errors
    /// With the moment from which one counts.
    pub fn may_try(&self, kind: FactorKind, now_ms: u64) -> Result<(), TooEarly> {
        match self.attempts.get(&kind) {
            Some(attempts) => attempts.may_try(now_ms),
            None => Ok(()),
        }
    }

    /// True when the account has two independent ways in, as rights with legal effect need.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        independent(&self.factors) >= 2
    }

    fn add(&self, id: FactorId, factor: Factor) -> Result<Vec<Event>, Refusal> {
        let mut events = Vec::new();
        match &factor {
            Factor::Passkey {
                credential, label, ..
            } => {
                let length = label.trim().chars().count();
                if length == 0 || length > LONGEST_LABEL {
                    return Err(Refusal::Label);
                }
                let is_known = self.factors.iter().any(|known| {
                    matches!(&known.factor, Factor::Passkey { credential: own, .. } if own == credential)
                });
                if is_known {
                    return Err(Refusal::Known);
                }
            }
            Factor::Secret { .. } | Factor::Recovery { .. } => {
                let old = self.factors_of(factor.kind());
                events.extend(old.map(|known| Event::FactorRemoved { id: known.id }));
            }
            Factor::Code { channel, .. } => {
                let old = self.factors.iter().filter(|known| {
                    matches!(&known.factor, Factor::Code { channel: own, .. } if own == channel)
                });
                events.extend(old.map(|known| Event::FactorRemoved { id: known.id }));
            }
        }
        if self.factors.len() - events.len().min(self.factors.len()) >= MOST_FACTORS {
            return Err(Refusal::TooMany);
        }
        events.push(Event::FactorAdded { id, factor });
        Ok(events)
    }

    fn remove(&self, id: FactorId) -> Result<Vec<Event>, Refusal> {
        self.factor(id).ok_or(Refusal::NoFactor)?;
        let left: Vec<KnownFactor> = self
            .factors
            .iter()
            .filter(|known| known.id != id)
            .cloned()
            .collect();
        // Who had two independent ways keeps two: losing one device must not lose the account.
        if self.is_ready() && independent(&left) < 2 {
            return Err(Refusal::LastWays);
        }
        if left.is_empty() {
            return Err(Refusal::LastWays);
        }
        Ok(vec![Event::FactorRemoved { id }])
    }

    fn sign_in(&self, factors: Vec<FactorId>, now_ms: u64) -> Result<Vec<Event>, Refusal> {
        let mut kinds = Vec::with_capacity(factors.len());
        for id in &factors {
            let kind = self.factor(*id).ok_or(Refusal::NoFactor)?.factor.kind();
            self.may_try(kind, now_ms)?;
            kinds.push(kind);
        }
        let level = level(&kinds).ok_or(Refusal::NotEnough)?;
        Ok(vec![Event::SignedIn { factors, level }])
    }
}

/// How many ways are independent of each other: each passkey is a device of its own; secret,
/// channels and printed codes count once for each kind.
fn independent(factors: &[KnownFactor]) -> usize {
    let count = |kind| {
        let of_kind = factors.iter().filter(|known| known.factor.kind() == kind);
        of_kind.count()
    };
    count(FactorKind::Passkey)
        + [FactorKind::Secret, FactorKind::Code, FactorKind::Recovery]
            .into_iter()
            .filter(|kind| count(*kind) > 0)
            .count()
}
