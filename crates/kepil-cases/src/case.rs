//! A case, its events, and what may be done with it.

use kepil_terms::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::id::CaseId;

/// Shortest reasons of a decision, characters: a decision without reasons is none (DC 9(4)).
pub const MIN_REASONS: usize = 20;

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// Somebody does not recognise a use of the own data.
    Complaint,
    /// The law leaves a verdict to a human.
    Review,
    /// A rule flagged how somebody reads.
    Reading,
}

impl CaseKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Complaint, Self::Review, Self::Reading];

    /// The word in files and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complaint => "complaint",
            Self::Review => "review",
            Self::Reading => "reading",
        }
    }

    /// What a decision may say: first what agrees with whoever asks.
    #[must_use]
    pub const fn outcomes(self) -> [Outcome; 2] {
        match self {
            Self::Complaint => [Outcome::Upheld, Outcome::Rejected],
            Self::Review => [Outcome::Allowed, Outcome::Refused],
            Self::Reading => [Outcome::Violation, Outcome::Justified],
        }
    }
}

/// What a decision says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The complaint is right.
    Upheld,
    /// The complaint is not right.
    Rejected,
    /// The use may go on.
    Allowed,
    /// The use may not go on.
    Refused,
    /// The reading broke the law.
    Violation,
    /// The reading was in order.
    Justified,
}

impl Outcome {
    /// The word in files and forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Violation => "violation",
            Self::Justified => "justified",
        }
    }
}

/// A text under the keys of whom the case is about, both parts hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedText {
    /// The nonce.
    pub nonce: String,
    /// The sealed bytes.
    pub text: String,
}

/// What happened in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// It was filed, by a person or by a rule.
    Filed {
        /// Its number.
        id: CaseId,
        /// What it is about.
        kind: CaseKind,
        /// The entry in the log.
        entry: Option<u64>,
        /// Whom it is about, as the ledger names its subjects.
        subject: String,
        /// The system that asked.
        system: String,
        /// The official whose act it is about, if one is known.
        against: String,
        /// What was said.
        text: Option<SealedText>,
        /// It takes a second person to decide.
        needs_second: bool,
        /// Who filed it for whom it is about, if somebody did.
        #[serde(default)]
        by: String,
        /// It waits until whom it is about agrees: a child of 14 or 15 acts along.
        #[serde(default)]
        awaits: bool,
    },
    /// Whom it is about agreed.
    Agreed,
    /// It was delivered to whoever decides: from now on the clock runs.
    Delivered {
        /// What proves it.
        proof: String,
        /// The last day to decide; nothing where the calendar does not reach.
        due: Option<String>,
    },
    /// Somebody opened the whole record.
    Opened {
        /// Who.
        by: String,
    },
    /// The first of two people would decide so.
    Proposed(Proposal),
    /// The second of two people disagrees; it begins anew.
    Returned {
        /// Who.
        by: String,
        /// Why.
        reasons: SealedText,
    },
    /// It was decided.
    Decided(Decision),
}

/// Stands where a person stood whose data were erased.
pub const FORGOTTEN: &str = "erased";

impl Event {
    /// Takes a person out: whom the case is about with what was said, or who filed it for another.
    /// False when neither is this person.
    pub(crate) fn forget(&mut self, person: &str) -> bool {
        let Self::Filed {
            subject, text, by, ..
        } = self
        else {
            return false;
        };
        let bare = person.strip_prefix("person:").unwrap_or(person);
        if !by.is_empty() && by == bare {
            FORGOTTEN.clone_into(by);
            return true;
        }
        if subject == person {
            FORGOTTEN.clone_into(subject);
            *text = None;
            return true;
        }
        false
    }
}

/// What one person would decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Who.
    pub by: String,
    /// What.
    pub outcome: Outcome,
    /// Why.
    pub reasons: SealedText,
    /// Seconds between opening the record and this.
    pub seconds: u64,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What one person, or the first of two, decided.
    #[serde(flatten)]
    pub first: Proposal,
    /// The second person.
    pub second: Option<String>,
    /// Everybody had the record open long enough for it to be a human's work (test E07).
    pub is_human: bool,
}

/// When and how a case reached whoever decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// What proves it.
    pub proof: String,
    /// The last day to decide.
    pub due: Option<Day>,
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    pub event: Event,
}

/// What somebody wants to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Agree to what somebody filed for oneself.
    Agree,
    /// Say that it reached whoever decides.
    Deliver {
        /// What proves it.
        proof: String,
        /// The last day to decide.
        due: Option<Day>,
    },
    /// Open the whole record.
    Open {
        /// Who.
        by: String,
    },
    /// Decide, or propose where it takes two.
    Decide {
        /// Who.
        by: String,
        /// What.
        outcome: Outcome,
        /// Number of characters of the reasons, which are sealed already.
        length: usize,
        /// The reasons.
        reasons: SealedText,
        /// Shortest time that counts as a human's work, seconds.
        least_seconds: u64,
    },
    /// Agree with what the first person proposed.
    Confirm {
        /// Who.
        by: String,
        /// Shortest time that counts as a human's work, seconds.
        least_seconds: u64,
    },
    /// Disagree with it.
    Return {
        /// Who.
        by: String,
        /// Number of characters of the reasons.
        length: usize,
        /// The reasons.
        reasons: SealedText,
    },
}

/// Why it was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Whom it was about was erased.
    #[error("handling a case: whom it was about was erased, and it ended with that")]
    Forgotten,
    /// Whom it is about has not agreed yet.
    #[error("delivering a case: whom it is about has not agreed yet")]
    NotAgreed,
    /// It was delivered before.
    #[error("delivering a case: it was delivered before")]
    Delivered,
    /// It has not reached anybody who decides.
    #[error("deciding a case: it has not been delivered yet")]
    NotDelivered,
    /// It is decided.
    #[error("deciding a case: it is decided already")]
    Decided,
    /// The record was not opened.
    #[error("deciding a case: open the whole record first")]
    NotOpened,
    /// It is about the own act.
    #[error("deciding a case: nobody decides about the own act")]
    OwnAct,
    /// Reasons are missing or too short.
    #[error("deciding a case: give reasons of at least {MIN_REASONS} characters")]
    Reasons,
    /// A decision on something else.
    #[error("deciding a case: cases of this kind are not decided so")]
    Outcome,
    /// The first person has spoken.
    #[error("deciding a case: a decision is proposed; a second person confirms or returns it")]
    Proposed,
    /// Nobody has proposed anything.
    #[error("confirming a decision: nobody has proposed one")]
    NotProposed,
    /// The same person twice.
    #[error("confirming a decision: it takes another person than the one who proposed it")]
    SamePerson,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub id: CaseId,
    /// What it is about.
    pub kind: CaseKind,
    /// The entry in the log.
    pub entry: Option<u64>,
    /// Whom it is about.
    pub subject: String,
    /// The system that asked.
    pub system: String,
    /// The official whose act it is about.
    pub against: String,
    /// What was said.
    pub text: Option<SealedText>,
    /// It takes two to decide.
    pub needs_second: bool,
    /// Who filed it for whom it is about.
    pub by: String,
    /// It waits until whom it is about agrees.
    pub awaits: bool,
    /// When it was filed, Unix milliseconds.
    pub filed_ms: u64,
    /// When it reached whoever decides.
    pub delivery: Option<Delivery>,
    /// Who opened the record, and when first.
    pub opened: BTreeMap<String, u64>,
    /// What the first of two people proposed.
    pub proposal: Option<Proposal>,
    /// The decision, and when it was made.
    pub decision: Option<(u64, Decision)>,
}

impl Case {
    /// The case that events tell of; nothing if they do not begin with its filing.
    #[must_use]
    pub fn of(events: &[Dated]) -> Option<Self> {
        let (first, rest) = events.split_first()?;
        let Event::Filed {
            id,
            kind,
            entry,
            subject,
            system,
            against,
            text,
            needs_second,
            by,
            awaits,
        } = first.event.clone()
        else {
            return None;
        };
        let mut case = Self {
            id,
            kind,
            entry,
            subject,
            system,
            against,
            text,
            needs_second,
            by,
            awaits,
            filed_ms: first.at_ms,
            delivery: None,
            opened: BTreeMap::new(),
            proposal: None,
            decision: None,
        };
        rest.iter().for_each(|dated| case.apply(dated));
        Some(case)
    }

    /// Takes in an event.
    pub fn apply(&mut self, dated: &Dated) {
        let at_ms = dated.at_ms;
        match dated.event.clone() {
            Event::Filed { .. } => {}
            Event::Agreed => self.awaits = false,
            Event::Delivered { proof, due } => {
                self.delivery = Some(Delivery {
                    at_ms,
                    proof,
                    due: due.and_then(|day| Day::parse(&day).ok()),
                });
            }
            Event::Opened { by } => {
                self.opened.entry(by).or_insert(at_ms);
            }
            Event::Proposed(proposal) => self.proposal = Some(proposal),
            Event::Returned { .. } => self.proposal = None,
            Event::Decided(decision) => self.decision = Some((at_ms, decision)),
        }
    }

    /// What comes of a command; nothing is changed yet.
    ///
    /// # Errors
    /// Why it is not done.
    pub fn handle(&self, command: Command, now_ms: u64) -> Result<Vec<Event>, Refusal> {
        if self.is_forgotten() {
            return Err(Refusal::Forgotten);
        }
        match command {
            Command::Agree if self.awaits => Ok(vec![Event::Agreed]),
            Command::Agree => Ok(Vec::new()),
            Command::Deliver { .. } if self.awaits => Err(Refusal::NotAgreed),
            Command::Deliver { proof, due } => match self.delivery {
                Some(_) => Err(Refusal::Delivered),
                None => Ok(vec![Event::Delivered {
                    proof,
                    due: due.map(|day| day.to_string()),
                }]),
            },
            Command::Open { by } => match self.opened.contains_key(&by) {
                true => Ok(Vec::new()),
                false => Ok(vec![Event::Opened { by }]),
            },
            Command::Decide {
                by,
                outcome,
                length,
                reasons,
                least_seconds,
            } => {
                let seconds = self.seconds_of(&by, now_ms)?;
                if !self.kind.outcomes().contains(&outcome) {
                    return Err(Refusal::Outcome);
                }
                if length < MIN_REASONS {
                    return Err(Refusal::Reasons);
                }
                if self.proposal.is_some() {
                    return Err(Refusal::Proposed);
                }
                let first = Proposal {
                    by,
                    outcome,
                    reasons,
                    seconds,
                };
                Ok(vec![match self.needs_second {
                    true => Event::Proposed(first),
                    false => Event::Decided(Decision {
                        is_human: seconds >= least_seconds,
                        first,
                        second: None,
                    }),
                }])
            }
            Command::Confirm { by, least_seconds } => {
                let seconds = self.seconds_of(&by, now_ms)?;
                let first = self.proposed_to(&by)?.clone();
                Ok(vec![Event::Decided(Decision {
                    is_human: first.seconds.min(seconds) >= least_seconds,
                    first,
                    second: Some(by),
                })])
            }
            Command::Return {
                by,
                length,
                reasons,
            } => {
                self.seconds_of(&by, now_ms)?;
                self.proposed_to(&by)?;
                match length < MIN_REASONS {
                    true => Err(Refusal::Reasons),
                    false => Ok(vec![Event::Returned { by, reasons }]),
                }
            }
        }
    }

    /// Whether the day to decide has passed without a decision.
    #[must_use]
    pub fn is_overdue(&self, today: Day) -> bool {
        let due = self.delivery.as_ref().and_then(|delivery| delivery.due);
        let is_open = self.decision.is_none() && !self.is_forgotten();
        is_open && due.is_some_and(|due| due < today)
    }

    /// Whom it was about was erased: it ended with that, decided or not.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.subject == FORGOTTEN
    }

    /// For how long somebody who may decide has had the record open.
    fn seconds_of(&self, by: &str, now_ms: u64) -> Result<u64, Refusal> {
        if self.decision.is_some() {
            return Err(Refusal::Decided);
        }
        if self.delivery.is_none() {
            return Err(Refusal::NotDelivered);
        }
        if !self.against.is_empty() && self.against == by {
            return Err(Refusal::OwnAct);
        }
        let opened = self.opened.get(by).ok_or(Refusal::NotOpened)?;
        Ok(now_ms.saturating_sub(*opened) / 1000)
    }

    fn proposed_to(&self, by: &str) -> Result<&Proposal, Refusal> {
        let proposal = self.proposal.as_ref().ok_or(Refusal::NotProposed)?;
        match proposal.by == by {
            true => Err(Refusal::SamePerson),
            false => Ok(proposal),
        }
    }
}
