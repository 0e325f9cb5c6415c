//! How often one address may send forms: a generic cell rate algorithm (GCRA, ITU-T I.371) per
//! address, in memory.
//!
//! It protects the node's time. What protects accounts is the growing delay of each account, which
//! no number of addresses gets around.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Addresses that are remembered at most; one that is idle is forgotten first.
const MAX_KNOWN: usize = 100_000;

/// A throttle; a request is a cell.
#[derive(Debug)]
pub struct Throttle {
    /// Milliseconds between two requests at the steady rate.
    interval_ms: u64,
    /// How far ahead of the steady rate somebody may be, milliseconds.
    ahead_ms: u64,
    /// When the next request would be due at the steady rate, by address.
    due: Mutex<HashMap<IpAddr, u64>>,
}

impl Throttle {
    /// So many requests a minute, and as many at once.
    #[must_use]
    pub fn per_minute(requests: u64) -> Self {
        let interval_ms = 60_000 / requests.max(1);
        Self {
            interval_ms,
            ahead_ms: interval_ms.saturating_mul(requests.saturating_sub(1)),
            due: Mutex::default(),
        }
    }

    /// Lets a request through, or says how many seconds it is too early.
    ///
    /// # Errors
    /// With the seconds to wait.
    pub fn pass(&self, from: IpAddr, now_ms: u64) -> Result<(), u64> {
        let from = network(from);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.get(&from).copied().unwrap_or(now_ms).max(now_ms);
        if next > now_ms.saturating_add(self.ahead_ms) {
            let early = next - now_ms - self.ahead_ms;
            return Err(early.div_ceil(1000).max(1));
        }
        if due.len() >= MAX_KNOWN && !due.contains_key(&from) {
            due.retain(|_, next| *next > now_ms);
            if due.len() >= MAX_KNOWN {
                // Everybody is busy: nobody is remembered rather than somebody refused.
                due.clear();
            }
        }
        due.insert(from, next.saturating_add(self.interval_ms));
        Ok(())
    }
}

/// Whose address it is: of IPv6 the /64, as one household has one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut bytes = v6.octets();
            bytes.iter_mut().skip(8).for_each(|byte| *byte = 0);
            IpAddr::from(bytes)
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_at_once_then_the_steady_rate() {
        let throttle = Throttle::per_minute(60);
        let one = address("192.0.2.1");
        for _ in 0..60 {
            assert_eq!(throttle.pass(one, 1000), Ok(()));
        }
        assert_eq!(throttle.pass(one, 1000), Err(1));
        assert_eq!(throttle.pass(address("192.0.2.2"), 1000), Ok(()));
        assert_eq!(throttle.pass(one, 2000), Ok(()));
        assert_eq!(throttle.pass(one, 2000), Err(1));
        // A minute of rest gives the whole burst back, and no more.
        let passed = (0..100).filter(|_| throttle.pass(one, 100_000).is_ok());
        assert_eq!(passed.count(), 60);
        // A clock that steps back locks nobody out for good.
        assert_eq!(throttle.pass(one, 0).unwrap_err(), 101);
        assert_eq!(throttle.pass(one, 160_000), Ok(()));
    }

    #[test]
    fn a_network_is_one_and_an_address_in_two_forms_too() {
        let throttle = Throttle::per_minute(1);
        assert!(throttle.pass(address("2001:db8:1:2::1"), 0).is_ok());
        assert!(throttle.pass(address("2001:db8:1:2:ffff::9"), 0).is_err());
        assert!(throttle.pass(address("2001:db8:1:3::1"), 0).is_ok());
        assert!(throttle.pass(address("192.0.2.1"), 0).is_ok());
        assert!(throttle.pass(address("::ffff:192.0.2.1"), 0).is_err());
    }

    #[test]
    fn in_any_time_no_more_pass_than_the_rate_and_one_burst() {
        let throttle = Throttle::per_minute(30);
        let one = address("192.0.2.1");
        let mut passed = 0;
        for step in 0..6000_u64 {
            passed += u64::from(throttle.pass(one, step * 50).is_ok());
        }
        // Five minutes at thirty a minute, and one burst of thirty.
        assert!((150..=181).contains(&passed), "{passed}");
    }
}
