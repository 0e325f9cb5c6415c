//! What is appended to a log.

use std::fmt;

use kepil_ledger::entry::{Leaf, Opening};
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use crate::monthkey::MonthKey;

/// An entry to be appended: what stands in public, and two parts that stay in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// The public leaf.
    pub leaf: Leaf,
    /// Says in whose map the entry counts, in the words of a [`Booker`]; outlives the row.
    pub booking: Vec<u8>,
    /// Everything else about the entry; can be erased on its own.
    pub row: Vec<u8>,
}

/// Reads bookings.
pub trait Booker: fmt::Debug + Send + Sync {
    /// Month and person of a booking; `None` when it can no longer be read.
    fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)>;

    /// Month and persons that an enrolment enrols; `None` when it can no longer be read.
    fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)>;

    /// The month alone, which can always be read; `None` for what is no booking.
    fn period(&self, booking: &[u8]) -> Option<Period>;

    /// The key under which the book's files say what is personal about a month; `None` when
    /// the month was erased. It must last as long as bookings of the month can be read, and
    /// no longer.
    fn month_key(&self, period: Period) -> Option<MonthKey>;
}

impl Draft {
    /// An entry that is nothing but its leaf.
    #[must_use]
    pub const fn of(leaf: Leaf) -> Self {
        Self {
            leaf,
            booking: Vec::new(),
            row: Vec::new(),
        }
    }
}

impl From<Opening> for Draft {
    /// An access leaf whose row is what opens it, in clear.
    fn from(opening: Opening) -> Self {
        Self {
            leaf: opening.leaf(),
            booking: Vec::new(),
            row: [opening.salt.as_slice(), &opening.record].concat(),
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("leaf", &self.leaf)
            .field("row", &format_args!("({} bytes)", self.row.len()))
            .finish_non_exhaustive()
    }
}
