//! Attempts with numbers that are nobody's: they get slow like any others, so that nobody learns
//! from the wait which accounts there are.

use kepil_identity::attempts::{Attempts, TooEarly};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers that are remembered at most.
const MOST: usize = 10_000;

/// What is remembered of numbers that are nobody's; gone with the process.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<[u8; 8], Attempts>>);

impl Strangers {
    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 8], Attempts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an attempt with a number that is nobody's.
    ///
    /// # Errors
    /// With the moment from which one counts, as for an account.
    pub(crate) fn attempt(&self, number: [u8; 8], now_ms: u64) -> Result<(), TooEarly> {
        let mut known = self.known();
        if known.len() >= MOST && !known.contains_key(&number) {
            known.retain(|_, attempts| attempts.may_try(now_ms).is_err());
            if known.len() >= MOST {
                known.clear();
            }
        }
        let attempts = known.entry(number).or_default();
        attempts.may_try(now_ms)?;
        attempts.failed(now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Strangers};
    use kepil_identity::attempts::FREE;

    #[test]
    fn nobody_s_number_gets_slow_too_and_memory_has_an_end() {
        let strangers = Strangers::default();
        for _ in 0..FREE {
            assert!(strangers.attempt([1; 8], 1000).is_ok());
        }
        assert_eq!(strangers.attempt([1; 8], 1000).unwrap_err().until_ms, 2000);
        assert!(strangers.attempt([1; 8], 2000).is_ok());
        for number in 0..=MOST as u64 {
            assert!(strangers.attempt(number.to_be_bytes(), 5000).is_ok());
        }
        assert!(strangers.known().len() <= MOST);
    }
}
