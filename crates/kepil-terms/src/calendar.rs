//! The working-day calendar: official holidays and moved days as dated data.

use crate::instant::Day;
use std::collections::{BTreeMap, BTreeSet};

/// A year for which no calendar is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no working-day calendar is loaded for {year}; add the year to the pack's calendar file")]
pub struct UnknownYear {
    /// The year that is missing.
    pub year: i16,
}

/// The days off of one year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Year {
    /// Holidays and rest days moved onto weekdays.
    pub off: BTreeSet<Day>,
    /// Weekend days that were made working days.
    pub working: BTreeSet<Day>,
}

/// Working days of all the years that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i16, Year>,
}

impl Calendar {
    /// Adds or replaces a year.
    pub fn insert(&mut self, year: i16, days: Year) {
        self.years.insert(year, days);
    }

    /// The years that are known.
    pub fn years(&self) -> impl Iterator<Item = i16> + '_ {
        self.years.keys().copied()
    }

    /// Whether `day` is a working day.
    ///
    /// # Errors
    /// When the year is not loaded: guessing a term would be worse than saying so.
    pub fn is_working(&self, day: Day) -> Result<bool, UnknownYear> {
        let year = self
            .years
            .get(&day.year())
            .ok_or(UnknownYear { year: day.year() })?;
        if year.working.contains(&day) {
            return Ok(true);
        }
        Ok(!day.is_weekend() && !year.off.contains(&day))
    }

    /// The `n`-th working day after `day`; the day itself does not count.
    ///
    /// # Errors
    /// When the count runs into a year that is not loaded.
    pub fn add_working_days(&self, day: Day, n: u32) -> Result<Day, UnknownYear> {
        let mut at = day;
        let mut left = n;
        while left > 0 {
            at = at.next();
            if self.is_working(at)? {
                left -= 1;
            }
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        let mut c = Calendar::default();
        let d = |s: &str| Day::parse(s).unwrap();
        c.insert(
            2026,
            Year {
                off: [d("2026-10-26"), d("2026-12-16")].into(),
                working: [d("2026-10-31")].into(),
            },
        );
        c
    }

    #[test]
    fn weekends_holidays_and_moved_days_count_as_they_should() {
        let c = calendar();
        let d = |s: &str| Day::parse(s).unwrap();
        assert_eq!(
            c.add_working_days(d("2026-09-07"), 3).unwrap(),
            d("2026-09-10")
        );
        assert_eq!(
            c.add_working_days(d("2026-10-09"), 1).unwrap(),
            d("2026-10-12")
        );
        assert_eq!(
            c.add_working_days(d("2026-10-23"), 1).unwrap(),
            d("2026-10-27")
        );
        assert_eq!(
            c.add_working_days(d("2026-10-30"), 1).unwrap(),
            d("2026-10-31")
        );
        assert_eq!(
            c.add_working_days(d("2026-09-01"), 0).unwrap(),
            d("2026-09-01")
        );
    }

    #[test]
    fn an_unknown_year_says_so() {
        assert_eq!(
            calendar().add_working_days(Day::parse("2026-12-30").unwrap(), 5),
            Err(UnknownYear { year: 2027 })
        );
    }
}
