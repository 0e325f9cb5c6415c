//! Failed attempts to sign in: a delay that grows, and never a lock that a stranger can close for
//! good.
//!
//! The first [`FREE`] failures cost nothing. Each further one doubles the wait, from one second up
//! to [`LONGEST_MS`]. A success, or [`FORGOTTEN_AFTER_MS`] without a failure, begins anew.

use serde::{Deserialize, Serialize};

/// Failures that cost nothing: people mistype.
pub const FREE: u32 = 3;

/// Longest wait: a quarter of an hour.
pub const LONGEST_MS: u64 = 15 * 60 * 1000;

/// After this long without a failure everything is forgotten: a day.
pub const FORGOTTEN_AFTER_MS: u64 = 24 * 3600 * 1000;

/// What is remembered of failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    failures: u32,
    last_ms: u64,
}

/// It is too early to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "signing in: too many failed attempts; the next one counts from {until_ms} (Unix milliseconds)"
)]
pub struct TooEarly {
    /// Unix milliseconds.
    pub until_ms: u64,
}

impl Attempts {
    /// Whether an attempt counts now; a refused one is not looked at and costs nothing.
    ///
    /// # Errors
    /// With the moment from which one counts again.
    pub fn may_try(&self, now_ms: u64) -> Result<(), TooEarly> {
        let until_ms = self.last_ms.saturating_add(self.wait_ms());
        // A clock that stepped back must not shut anybody out for longer than the wait.
        let is_over = now_ms >= until_ms || now_ms < self.last_ms;
        if self.is_forgotten(now_ms) || is_over {
            Ok(())
        } else {
            Err(TooEarly { until_ms })
        }
    }

    /// Takes note of a failure.
    pub fn failed(&mut self, now_ms: u64) {
        let before = if self.is_forgotten(now_ms) {
            0
        } else {
            self.failures
        };
        self.failures = before.saturating_add(1);
        self.last_ms = now_ms;
    }

    /// Takes note of a success.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Failures since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    fn wait_ms(self) -> u64 {
        match self.failures.checked_sub(FREE) {
            None => 0,
            Some(over) => 1000u64
                .checked_shl(over)
                .filter(|wait| *wait <= LONGEST_MS && over < 20)
                .unwrap_or(LONGEST_MS),
        }
    }

    const fn is_forgotten(&self, now_ms: u64) -> bool {
        now_ms >= self.last_ms.saturating_add(FORGOTTEN_AFTER_MS)
    }
}
