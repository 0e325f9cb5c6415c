//! Terms of law: so many working days after a day, or so many months.

use kepil_terms::Day;
use kepil_terms::calendar::{Calendar, UnknownYear};
use std::fmt;

/// A term, as parameters of a pack write it: `P20WD`, `P3M`, `P14D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// Working days.
    WorkingDays(u32),
    /// Calendar days.
    Days(u32),
    /// Months.
    Months(u32),
}

/// A text that is no term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading a term: `{0}` is none; write for example P20WD, P14D or P3M")]
pub struct TermError(String);

impl Term {
    /// Three months to complain (APPC 92).
    pub const TO_COMPLAIN: Self = Self::Months(3);
    /// Twenty working days to decide a complaint (APPC 99).
    pub const COMPLAINT: Self = Self::WorkingDays(20);
    /// Three working days for a human to look again (PDL 19-1, parameter I4).
    pub const REVIEW: Self = Self::WorkingDays(3);

    /// Reads a term.
    ///
    /// # Errors
    /// When it is none, or longer than ten years.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        let wrong = || TermError(text.chars().take(20).collect());
        let rest = text.strip_prefix('P').ok_or_else(wrong)?;
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.strip_suffix(unit).unwrap_or_default();
        let count: u32 = digits.parse().map_err(|_| wrong())?;
        let (term, days) = match unit {
            "WD" => (Self::WorkingDays(count), count),
            "D" => (Self::Days(count), count),
            "M" => (Self::Months(count), count.saturating_mul(30)),
            _ => return Err(wrong()),
        };
        if days > 3660 { Err(wrong()) } else { Ok(term) }
    }

    /// The last day of a term that began on a day; that day itself does not count.
    ///
    /// # Errors
    /// When the calendar of a year is missing: a guessed term would be worse than none.
    pub fn ends(self, begun: Day, calendar: &Calendar) -> Result<Day, UnknownYear> {
        match self {
            Self::WorkingDays(count) => calendar.add_working_days(begun, count),
            Self::Days(count) => Ok(begun.plus_days(i64::from(count))),
            Self::Months(count) => Ok(begun.plus_months(i64::from(count))),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkingDays(count) => write!(f, "P{count}WD"),
            Self::Days(count) => write!(f, "P{count}D"),
            Self::Months(count) => write!(f, "P{count}M"),
        }
    }
}
