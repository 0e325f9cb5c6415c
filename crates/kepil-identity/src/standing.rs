//! The two checks before a right is exercised (R13; DC 37(5), 45(6)): who asks, and whether the
//! data are that person's.

use kepil_terms::Day;

use crate::account::Account;
use crate::level::Level;
use crate::mandate::{Mandate, NotCovered, Right};
use crate::session::{Over, Session};

/// Whose data somebody wants to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The register's reference of the person the data are about. A name is not looked at: a match
    /// of names is no match.
    pub reference: &'a str,
    /// The person's birthday, if the register knows it.
    pub born: Option<Day>,
}

/// Why somebody has no standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoStanding {
    /// The session is over.
    #[error(transparent)]
    Over(#[from] Over),
    /// The session is somebody else's.
    #[error("exercising a right: the session is another account's")]
    OtherAccount,
    /// The account is closed.
    #[error("exercising a right: the account is closed")]
    Closed,
    /// Signed in, but not surely enough.
    #[error("exercising a right: sign in with a passkey, or with two factors")]
    Level,
    /// One way in is not enough.
    #[error("exercising a right: add a second, independent way in first")]
    OneFactor,
    /// Nobody ever saw that the account is this person's.
    #[error("exercising a right: nobody has checked yet that the account is yours")]
    NotProofed,
    /// The data are not this person's.
    #[error("exercising a right: the data are not shown to be yours")]
    NotYours,
    /// The power does not cover it.
    #[error(transparent)]
    Power(#[from] NotCovered),
}

/// How somebody stands to the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They are the own data.
    Own,
    /// They are those of somebody represented; both names go into the record.
    For(Box<Mandate>),
}

/// Checks who asks, then whether the data are that person's or a represented person's.
///
/// # Errors
/// The first check that fails; the second is not made when the first fails.
pub fn check(
    account: &Account,
    session: &Session,
    right: Right,
    subject: Subject<'_>,
    power: Option<(&Mandate, bool)>,
    (today, now_ms): (Day, u64),
) -> Result<Standing, NoStanding> {
    session.check(now_ms)?;
    if session.account != account.id {
        return Err(NoStanding::OtherAccount);
    }
    if account.is_closed {
        return Err(NoStanding::Closed);
    }
    if session.level < Level::Two {
        return Err(NoStanding::Level);
    }
    if !account.is_ready() {
        return Err(NoStanding::OneFactor);
    }
    if account.proofing.is_none() {
        return Err(NoStanding::NotProofed);
    }
    // The second check.
    if !account.holder.role.is_person() {
        return Err(NoStanding::NotYours);
    }
    let own = account.holder.reference.as_str();
    if own == subject.reference {
        return Ok(Standing::Own);
    }
    let Some((mandate, child_confirmed)) = power else {
        return Err(NoStanding::NotYours);
    };
    if mandate.representative != own || mandate.represented != subject.reference {
        return Err(NoStanding::NotYours);
    }
    mandate.covers(right, subject.born, child_confirmed, (today, now_ms))?;
    Ok(Standing::For(Box::new(mandate.clone())))
}
