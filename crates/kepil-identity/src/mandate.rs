//! Powers to act for somebody else: dated, for named rights, revocable at any time.

use std::collections::BTreeSet;

use kepil_terms::Day;
use serde::{Deserialize, Serialize};

use crate::age::{Lane, lane};
use crate::id::MandateId;

/// What kind of power it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MandateKind {
    /// A parent's.
    Parent,
    /// A guardian's.
    Guardian,
    /// A power of attorney.
    PowerOfAttorney,
    /// An advocate's warrant.
    Advocate,
    /// Help at a service centre.
    Assisted,
}

/// Rights that somebody can exercise for somebody; each is named by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See who used the data.
    SeeUses,
    /// Take everything along.
    Export,
    /// Complain about a use.
    Complain,
    /// Have data corrected.
    Correct,
    /// Have data erased.
    Erase,
    /// Have data locked.
    Lock,
    /// Give and withdraw consents.
    Consent,
    /// Contest a decision.
    Contest,
    /// Biometrics: lock, unlock, erase.
    Biometrics,
}

/// A power to act for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mandate {
    /// Its id.
    pub id: MandateId,
    /// Who acts; the register's reference.
    pub representative: String,
    /// For whom.
    pub represented: String,
    /// What kind.
    pub kind: MandateKind,
    /// The register and the record that prove it, looked up at each use.
    pub source: String,
    /// For what.
    pub rights: BTreeSet<Right>,
    /// From when, Unix milliseconds.
    pub from_ms: u64,
    /// Until when; there is always an end.
    pub until_ms: u64,
    /// SHA-256 of the document or of the register's answer, hexadecimal.
    pub proof: String,
    /// When the represented person, or a register, ended it.
    pub revoked_ms: Option<u64>,
}

/// Why a power cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GiveError {
    /// Nobody represents oneself.
    #[error("giving a power: nobody represents oneself")]
    Self_,
    /// No right is named.
    #[error("giving a power: name the rights it is for, one by one")]
    NoRights,
    /// It ends before it begins, or lies in the past.
    #[error("giving a power: it must end after it begins, and not in the past")]
    Dates,
    /// It lasts too long.
    #[error("giving a power: it may last three years at most; it can be given again")]
    TooLong,
    /// Nothing proves it.
    #[error("giving a power: name the register and the record that prove it")]
    NoSource,
    /// A parent's power for somebody who is of age.
    #[error("giving a power: a parent's power ends with the eighteenth birthday")]
    OfAge,
}

/// Why a power does not cover an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCovered {
    /// It was revoked.
    #[error("acting for somebody: the power was ended by the person or the register behind it")]
    Revoked,
    /// It has not begun.
    #[error("acting for somebody: the power has not begun yet")]
    NotYet,
    /// It has ended.
    #[error("acting for somebody: the power has ended")]
    Ended,
    /// It is for other rights.
    #[error("acting for somebody: the power does not name this right")]
    OtherRight,
    /// The child acts along.
    #[error("acting for somebody: from 14 to 16 the child confirms it too")]
    ChildConfirms,
    /// The person is old enough to act alone.
    #[error("acting for somebody: the person is old enough to act alone")]
    OwnAct,
}

/// Longest power of attorney: three years, milliseconds.
const LONGEST_MS: u64 = 3 * 366 * 24 * 3600 * 1000;

impl Mandate {
    /// Checks a power that is to be given; `born` is the represented person's birthday, if the
    /// register knows it.
    ///
    /// # Errors
    /// Why it cannot be given.
    pub fn check_given(&self, born: Option<Day>, today: Day, now_ms: u64) -> Result<(), GiveError> {
        if self.representative == self.represented {
            return Err(GiveError::Self_);
        }
        if self.rights.is_empty() {
            return Err(GiveError::NoRights);
        }
        if self.until_ms <= self.from_ms || self.until_ms <= now_ms {
            return Err(GiveError::Dates);
        }
        let may_be_long = matches!(self.kind, MandateKind::Parent | MandateKind::Guardian);
        if !may_be_long && self.until_ms - self.from_ms > LONGEST_MS {
            return Err(GiveError::TooLong);
        }
        if self.source.trim().is_empty() || self.proof.trim().is_empty() {
            return Err(GiveError::NoSource);
        }
        if self.kind == MandateKind::Parent
            && born.is_none_or(|born| lane(born, today) == Lane::Adult)
        {
            return Err(GiveError::OfAge);
        }
        Ok(())
    }

    /// Whether it covers an act now; looked at anew at every request.
    ///
    /// `born` is the represented person's birthday, `child_confirmed` whether a child of 14 or 15
    /// has confirmed this very act.
    ///
    /// # Errors
    /// Why it does not.
    pub fn covers(
        &self,
        right: Right,
        born: Option<Day>,
        child_confirmed: bool,
        (today, now_ms): (Day, u64),
    ) -> Result<(), NotCovered> {
        if self.revoked_ms.is_some_and(|revoked| revoked <= now_ms) {
            return Err(NotCovered::Revoked);
        }
        if now_ms < self.from_ms {
            return Err(NotCovered::NotYet);
        }
        if now_ms >= self.until_ms {
            return Err(NotCovered::Ended);
        }
        if !self.rights.contains(&right) {
            return Err(NotCovered::OtherRight);
        }
        if self.kind == MandateKind::Parent {
            return match born.map(|born| lane(born, today)) {
                Some(Lane::Parent) => Ok(()),
                // To look is no act with legal effect; everything else the child does too.
                Some(Lane::Together) if child_confirmed || right == Right::SeeUses => Ok(()),
                Some(Lane::Together) => Err(NotCovered::ChildConfirms),
                Some(Lane::Youth | Lane::Adult) | None => Err(NotCovered::OwnAct),
            };
        }
        Ok(())
    }
}
