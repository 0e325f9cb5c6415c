//! Months of the book: which map an entry belongs to.

use std::fmt;

/// Seconds of a day.
const DAY_SECS: u64 = 86_400;

/// Last second of the year 9999.
const LAST_SECS: u64 = 253_402_300_799;

/// How long after its end a month still takes entries, in seconds.
pub const GRACE_SECS: u64 = DAY_SECS;

/// How long a closed month is still listed in map heads, in seconds.
///
/// Long enough for a checkpoint with a full quorum to be published meanwhile.
pub const LINGER_SECS: u64 = 7 * DAY_SECS;

/// A calendar month in UTC, written `year·100 + month`, such as 202611.
///
/// INVARIANT: the month is 1 to 12 and the year 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u32);

impl Period {
    /// The last month there is: no log ever comes to it.
    pub const LAST: Self = Self(999_912);

    /// Reads the number of a month, `None` for one that does not exist.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        let (year, month) = (number / 100, number % 100);
        if year >= 1970 && year <= 9999 && month >= 1 && month <= 12 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The month of a moment in Unix seconds; moments after the year 9999 count as its end.
    #[must_use]
    pub fn of_secs(secs: u64) -> Self {
        let (year, month) = civil(secs.min(LAST_SECS) / DAY_SECS);
        u32::try_from(year * 100 + month)
            .ok()
            .and_then(Self::new)
            .unwrap_or(Self::LAST)
    }

    /// The month of a moment in Unix milliseconds.
    #[must_use]
    pub fn of_ms(ms: u64) -> Self {
        Self::of_secs(ms / 1000)
    }

    /// The number, such as 202611.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The month after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 % 100 == 12 {
            Self(self.0 + 89)
        } else {
            Self(self.0 + 1)
        }
    }

    /// First second of the month.
    #[must_use]
    pub fn start_secs(self) -> u64 {
        days_before(u64::from(self.0 / 100), u64::from(self.0 % 100)) * DAY_SECS
    }

    /// First second after the month.
    #[must_use]
    pub fn end_secs(self) -> u64 {
        self.next().start_secs()
    }

    /// True when a head of this time closes the month: nothing more comes into it.
    #[must_use]
    pub fn is_closed_at(self, head_secs: u64) -> bool {
        head_secs >= self.end_secs().saturating_add(GRACE_SECS)
    }

    /// True when a head of this time is the last that lists the month.
    #[must_use]
    pub fn is_left_at(self, head_secs: u64) -> bool {
        head_secs >= self.end_secs().saturating_add(GRACE_SECS + LINGER_SECS)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Days from 1970-01-01 to the first of a month (Gregorian calendar; years from March).
const fn days_before(year: u64, month: u64) -> u64 {
    let (year, from_march) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + (153 * from_march + 2) / 5 - 719_468
}

/// Year and month of a day since 1970-01-01.
fn civil(day: u64) -> (u64, u64) {
    // A year has at most 366 days, so the guess is never too late; few steps remain.
    let mut year = 1970 + day / 366;
    while days_before(year + 1, 1) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_before(year, month + 1) <= day {
        month += 1;
    }
    (year, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        // Moments from GNU date.
        for (secs, number) in [
            (0, 197_001),
            (951_782_400, 200_002),   // 2000-02-29
            (951_868_800, 200_003),   // 2000-03-01
            (1_584_316_800, 202_003), // 2020-03-16
            (1_763_700_000, 202_511), // 2025-11-21
            (1_767_225_599, 202_512),
            (1_767_225_600, 202_601),
            (4_102_444_800, 210_001),
        ] {
            assert_eq!(Period::of_secs(secs).number(), number, "{secs}");
        }
        assert_eq!(Period::of_secs(u64::MAX / 2).number(), 999_912);
        let december = Period::new(202_512).unwrap();
        assert_eq!(december.end_secs(), 1_767_225_600);
        assert_eq!(december.next().number(), 202_601);
        assert!(!december.is_closed_at(1_767_225_600 + GRACE_SECS - 1));
        assert!(december.is_closed_at(1_767_225_600 + GRACE_SECS));
        for wrong in [0, 202_600, 202_613, 196_912, 2_026_110] {
            assert_eq!(Period::new(wrong), None);
        }
    }

    #[test]
    fn every_day_lies_in_its_month() {
        for day in 0..60_000 {
            let period = Period::of_secs(day * DAY_SECS);
            assert!(period.start_secs() <= day * DAY_SECS && day * DAY_SECS < period.end_secs());
        }
    }
}
