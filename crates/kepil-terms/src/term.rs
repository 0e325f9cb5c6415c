//! Lengths of time as the law writes them: calendar time or working days.

use crate::calendar::{Calendar, UnknownYear};
use crate::instant::{Day, Instant};

/// A length of time that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a term; write an ISO 8601 duration such as P14D, P3M, P1Y, PT2H, or working days such as P3WD"
)]
pub struct TermError(String);

/// A length of time in the law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// Calendar months (a year is twelve of them).
    Months(i64),
    /// Calendar days.
    Days(i64),
    /// Working days by the official calendar.
    WorkingDays(u32),
    /// Milliseconds.
    Millis(i64),
}

impl Term {
    /// Reads `P1Y`, `P3M`, `P14D`, `PT2H`, `PT30M` or `P3WD`.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        let bad = || TermError(text.chars().take(40).collect());
        let body = text.trim().strip_prefix('P').ok_or_else(bad)?;
        let number = |s: &str| s.parse::<i64>().ok().filter(|n| (0..=100_000).contains(n));
        if let Some(n) = body.strip_suffix("WD") {
            let n = number(n).ok_or_else(bad)?;
            return u32::try_from(n).map(Term::WorkingDays).map_err(|_| bad());
        }
        if let Some(time) = body.strip_prefix('T') {
            let (n, ms) = match (
                time.strip_suffix('H'),
                time.strip_suffix('M'),
                time.strip_suffix('S'),
            ) {
                (Some(n), _, _) => (n, 3_600_000),
                (_, Some(n), _) => (n, 60_000),
                (_, _, Some(n)) => (n, 1000),
                _ => return Err(bad()),
            };
            return Ok(Term::Millis(number(n).ok_or_else(bad)? * ms));
        }
        match (
            body.strip_suffix('Y'),
            body.strip_suffix('M'),
            body.strip_suffix('D'),
        ) {
            (Some(n), _, _) => Ok(Term::Months(number(n).ok_or_else(bad)? * 12)),
            (_, Some(n), _) => Ok(Term::Months(number(n).ok_or_else(bad)?)),
            (_, _, Some(n)) => Ok(Term::Days(number(n).ok_or_else(bad)?)),
            _ => Err(bad()),
        }
    }

    /// Milliseconds, where the term is a fixed length (days count 24 hours).
    #[must_use]
    pub fn fixed_ms(self) -> Option<i64> {
        match self {
            Term::Days(d) => Some(d * 86_400_000),
            Term::Millis(ms) => Some(ms),
            Term::Months(_) | Term::WorkingDays(_) => None,
        }
    }

    /// The first instant at which a term that began at `from` is over, counted to the hour:
    /// `P1Y` from 20 July 00:00 is over on 20 July 00:00 a year later (DC 86(1)).
    ///
    /// # Errors
    /// When working days fall into a year the calendar does not know.
    pub fn over_exact(self, from: Instant, calendar: &Calendar) -> Result<Instant, UnknownYear> {
        match self {
            Term::Millis(ms) => Ok(from.plus_ms(ms)),
            Term::Days(d) => Ok(from.plus_ms(d * 86_400_000)),
            Term::Months(m) => {
                let day = from.kz_day();
                let into_day = from.ms() - day.start().ms();
                Ok(day.plus_months(m).start().plus_ms(into_day))
            }
            Term::WorkingDays(_) => self.over_by_days(from, calendar),
        }
    }

    /// The first instant at which a term that began on the day of `from` is over, counted by
    /// whole days from the day after, as procedural law counts.
    ///
    /// # Errors
    /// When working days fall into a year the calendar does not know.
    pub fn over_by_days(self, from: Instant, calendar: &Calendar) -> Result<Instant, UnknownYear> {
        let day = from.kz_day();
        let last: Day = match self {
            Term::Millis(ms) => return Ok(from.plus_ms(ms)),
            // «At once» leaves no day to count.
            Term::Days(0) => return Ok(from),
            Term::Days(d) => day.plus_days(d),
            Term::Months(m) => day.plus_months(m),
            Term::WorkingDays(n) => calendar.add_working_days(day, n)?,
        };
        Ok(last.next().start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_and_nothing_else() {
        assert_eq!(Term::parse("P3WD"), Ok(Term::WorkingDays(3)));
        assert_eq!(Term::parse("P1Y"), Ok(Term::Months(12)));
        assert_eq!(Term::parse("PT2H"), Ok(Term::Millis(7_200_000)));
        for bad in ["", "P", "3D", "P-3D", "PT", "P3W", "P99999999999D", "PD"] {
            assert!(Term::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_year_of_trial_ends_on_the_same_hour() {
        let from = Instant::parse("2026-07-20T00:00:00+05:00").unwrap();
        let over = Term::Months(12)
            .over_exact(from, &Calendar::default())
            .unwrap();
        assert_eq!(over, Instant::parse("2027-07-20T00:00:00+05:00").unwrap());
    }
}
