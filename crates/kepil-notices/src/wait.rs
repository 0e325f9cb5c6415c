//! How long to wait between attempts, and when to give up.

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// After this long without success a delivery fails for good, milliseconds: five days.
pub const GIVE_UP_MS: u64 = 5 * 24 * HOUR;

/// The wait after the attempt of this number, the first being 1, milliseconds: a minute, five
/// minutes, half an hour, two hours, six hours, then twelve hours each.
#[must_use]
pub const fn wait_ms(attempt: u32) -> u64 {
    match attempt {
        0 | 1 => MINUTE,
        2 => 5 * MINUTE,
        3 => 30 * MINUTE,
        4 => 2 * HOUR,
        5 => 6 * HOUR,
        _ => 12 * HOUR,
    }
}
