//! Failed attempts: a wait that grows, is forgotten, and never becomes a lock.

use crate::support::{HOUR, NOW};
use kepil_identity::attempts::{Attempts, FORGOTTEN_AFTER_MS, FREE, LONGEST_MS, TooEarly};
use proptest::prelude::*;

fn after(failures: u32) -> Attempts {
    let mut attempts = Attempts::default();
    (0..failures).for_each(|_| attempts.failed(NOW));
    attempts
}

#[test]
fn the_first_mistakes_cost_nothing_and_then_the_wait_doubles() {
    for n in 0..FREE {
        assert_eq!(after(n).may_try(NOW), Ok(()), "{n}");
    }
    let mut wait = 1000;
    for n in FREE..FREE + 10 {
        let until_ms = NOW + wait.min(LONGEST_MS);
        assert_eq!(after(n).may_try(NOW), Err(TooEarly { until_ms }), "{n}");
        assert_eq!(
            after(n).may_try(until_ms - 1),
            Err(TooEarly { until_ms }),
            "{n}"
        );
        assert_eq!(after(n).may_try(until_ms), Ok(()), "{n}");
        wait *= 2;
    }
    let until_ms = NOW + LONGEST_MS;
    assert_eq!(after(1_000_000).may_try(NOW), Err(TooEarly { until_ms }));
}

#[test]
fn a_success_and_a_quiet_day_begin_anew() {
    let mut attempts = after(9);
    attempts.succeeded();
    assert_eq!((attempts.may_try(NOW), attempts.failures()), (Ok(()), 0));
    let mut attempts = after(9);
    attempts.failed(NOW + FORGOTTEN_AFTER_MS);
    assert_eq!(attempts.failures(), 1);
}

#[test]
fn a_clock_that_steps_back_shuts_nobody_out() {
    assert_eq!(after(9).may_try(NOW - HOUR), Ok(()));
}

proptest! {
    #[test]
    fn nobody_waits_longer_than_the_longest_wait(steps in prop::collection::vec(0..HOUR, 0..200)) {
        let (mut attempts, mut now) = (Attempts::default(), NOW);
        for step in steps {
            now += step;
            match attempts.may_try(now) {
                Ok(()) => attempts.failed(now),
                Err(TooEarly { until_ms }) => {
                    prop_assert!(until_ms > now && until_ms <= now + LONGEST_MS);
                    prop_assert_eq!(attempts.may_try(until_ms), Ok(()));
                }
            }
        }
    }
}
