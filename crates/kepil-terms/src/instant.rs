//! Points in time and days, as the law of Kazakhstan counts them.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A time that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstantError {
    /// No offset from UTC is given.
    #[error("the time `{0}` has no offset; write it with one, as in 2026-07-12T10:00:00+05:00")]
    NoOffset(String),
    /// Not a time at all.
    #[error("`{0}` is not a time; write it as in 2026-07-12T10:00:00+05:00 (RFC 3339)")]
    NotATime(String),
    /// Before 1990 or after 2100: surely a slip.
    #[error("the time `{0}` lies outside the years 1990 to 2100")]
    OutOfRange(String),
    /// Not a day.
    #[error("`{0}` is not a day; write it as in 2026-07-12")]
    NotADay(String),
}

/// A point in time: milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(i64);

/// A day of the calendar, as it is written in Kazakhstan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(civil::Date);

/// On 1 March 2024 the whole country moved to UTC+5; Almaty and Astana had UTC+6 before.
const ONE_ZONE_FROM_MS: i64 = 1_709_229_600_000;
const HOUR_MS: i64 = 3_600_000;

impl Instant {
    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time. An offset is obligatory, seconds may be left out.
    ///
    /// # Errors
    /// When the text is not a time, has no offset, or lies outside 1990 to 2100.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        let trimmed = text.trim();
        let ts: Timestamp = match trimmed.parse() {
            Ok(ts) => ts,
            Err(_) if trimmed.parse::<civil::DateTime>().is_ok() => {
                return Err(InstantError::NoOffset(shorten(trimmed)));
            }
            Err(_) => return Err(InstantError::NotATime(shorten(trimmed))),
        };
        let ms = ts.as_millisecond();
        if !(631_152_000_000..4_133_980_800_000).contains(&ms) {
            return Err(InstantError::OutOfRange(shorten(trimmed)));
        }
        Ok(Self(ms))
    }

    /// This instant moved by `ms` milliseconds, kept inside the representable range.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Hours that Kazakhstan (Almaty and Astana) was ahead of UTC then.
    #[must_use]
    pub fn kz_offset_hours(self) -> i8 {
        if self.0 >= ONE_ZONE_FROM_MS { 5 } else { 6 }
    }

    fn local(self) -> civil::DateTime {
        let offset = Offset::constant(self.kz_offset_hours());
        Timestamp::from_millisecond(self.0)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(TimeZone::fixed(offset))
            .datetime()
    }

    /// The day in Kazakhstan.
    #[must_use]
    pub fn kz_day(self) -> Day {
        Day(self.local().date())
    }

    /// The hour of the day in Kazakhstan, 0 to 23.
    #[must_use]
    pub fn kz_hour(self) -> i64 {
        i64::from(self.local().hour())
    }

    /// The text form with Kazakhstan's offset, as in `2026-07-12T10:00:00+05:00`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let l = self.local();
        let ms = self.0.rem_euclid(1000);
        let frac = if ms == 0 {
            String::new()
        } else {
            format!(".{ms:03}")
        };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{frac}+{:02}:00",
            l.year(),
            l.month(),
            l.day(),
            l.hour(),
            l.minute(),
            l.second(),
            self.kz_offset_hours()
        )
    }

    /// The text form in UTC with milliseconds, as Cedar's `datetime` takes it.
    #[must_use]
    pub fn to_utc_ms(self) -> String {
        let z = Timestamp::from_millisecond(self.0)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(TimeZone::UTC)
            .datetime();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            z.year(),
            z.month(),
            z.day(),
            z.hour(),
            z.minute(),
            z.second(),
            self.0.rem_euclid(1000)
        )
    }
}

impl Day {
    /// Reads a day, as in `2026-07-12`.
    ///
    /// # Errors
    /// When the text is not a day.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        text.trim()
            .parse::<civil::Date>()
            .map(Self)
            .map_err(|_| InstantError::NotADay(shorten(text)))
    }

    /// The first instant of the day in Kazakhstan.
    #[must_use]
    pub fn start(self) -> Instant {
        let midnight_utc = TimeZone::UTC
            .to_timestamp(self.0.to_datetime(civil::Time::midnight()))
            .map_or(0, |t| t.as_millisecond());
        // Before 1 March 2024 the day began at 18:00 UTC of the day before, then at 19:00.
        let early = Instant(midnight_utc - 6 * HOUR_MS);
        if early.kz_offset_hours() == 6 {
            early
        } else {
            Instant(midnight_utc - 5 * HOUR_MS)
        }
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus_days(1)
    }

    /// This day plus a number of calendar days.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(SignedDuration::from_hours(24 * days)))
    }

    /// This day plus a number of calendar months; the 31st becomes the last day of a short month.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        let span = jiff::Span::new()
            .try_months(months)
            .unwrap_or_else(|_| jiff::Span::new());
        Self(self.0.saturating_add(span))
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// Saturday or Sunday.
    #[must_use]
    pub fn is_weekend(self) -> bool {
        matches!(
            self.0.weekday(),
            civil::Weekday::Saturday | civil::Weekday::Sunday
        )
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads a day or an instant; a day means its first instant in Kazakhstan.
///
/// # Errors
/// When the text is neither.
pub fn day_or_instant(text: &str) -> Result<Instant, InstantError> {
    if text.trim().len() <= 10 {
        return Day::parse(text).map(Day::start);
    }
    // A time written to the minute (`2020-03-16T08:00+06:00`) is common in acts.
    Instant::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_an_offset() {
        assert!(matches!(
            Instant::parse("2026-07-12T10:00:00"),
            Err(InstantError::NoOffset(_))
        ));
        assert!(matches!(
            Instant::parse("tomorrow"),
            Err(InstantError::NotATime(_))
        ));
        assert!(matches!(
            Instant::parse("9999-01-01T00:00:00Z"),
            Err(InstantError::OutOfRange(_))
        ));
        for odd in [
            "2026-07-12T10:00:00+05:45",
            "2026-07-12T10:00:00-11:30",
            "2026-07-12T10:00+05:00",
        ] {
            assert!(Instant::parse(odd).is_ok(), "{odd}");
        }
    }

    #[test]
    fn the_day_starts_where_the_zone_of_its_time_says() {
        assert_eq!(
            Day::parse("2026-07-12").unwrap().start(),
            Instant::parse("2026-07-12T00:00:00+05:00").unwrap()
        );
        assert_eq!(
            Day::parse("2020-04-05").unwrap().start(),
            Instant::parse("2020-04-05T00:00:00+06:00").unwrap()
        );
        let t = Instant::parse("2026-07-12T00:30:00+05:00").unwrap();
        assert_eq!(t.kz_day().to_string(), "2026-07-12");
        assert_eq!(t.to_rfc3339(), "2026-07-12T00:30:00+05:00");
    }

    #[test]
    fn months_clamp_and_leap_years_hold() {
        assert_eq!(
            Day::parse("2026-01-31").unwrap().plus_months(1).to_string(),
            "2026-02-28"
        );
        assert_eq!(
            Day::parse("2028-02-29")
                .unwrap()
                .plus_months(12)
                .to_string(),
            "2029-02-28"
        );
    }
}
