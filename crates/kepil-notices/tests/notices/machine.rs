//! The state machine of a delivery, whatever comes in whatever order.

use crate::support::NOW;
use kepil_notices::{
    About, Channel, Delivery, GIVE_UP_MS, Kind, Notice, NoticeId, Outcome, Proof, State, Turn,
    delivered, wait_ms,
};
use proptest::prelude::*;

fn proof(n: u8) -> Proof {
    Proof::Accepted {
        reply: format!("250 {n}"),
        message_id: "<1@gate.test>".into(),
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        1 => any::<u8>().prop_map(|n| Outcome::Proven(proof(n))),
        1 => Just(Outcome::Handed),
        4 => Just(Outcome::Temporary("450 busy".into())),
        1 => Just(Outcome::Permanent("550 nobody".into())),
    ]
}

fn channel() -> impl Strategy<Value = Channel> {
    prop_oneof![
        Just(Channel::Space),
        Just(Channel::Email),
        Just(Channel::Sms)
    ]
}

/// Time that passes, and what happens then: an attempt begins, an outcome comes, or both.
fn steps() -> impl Strategy<Value = Vec<(u64, bool, Option<Outcome>)>> {
    let step = (
        0..GIVE_UP_MS / 4,
        any::<bool>(),
        proptest::option::of(outcome()),
    );
    proptest::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn what_is_delivered_or_failed_stays_so_and_nothing_else_is_forgotten(
        channel in channel(),
        steps in steps(),
    ) {
        let mut delivery = Delivery::new(channel, NOW);
        let mut now = NOW;
        for (passed, begins, outcome) in steps {
            now += passed;
            let before = delivery.clone();
            if begins {
                let was_due = before.due_ms().is_some_and(|due| due <= now);
                let turn = delivery.begin(now);
                if turn == Turn::Send {
                    prop_assert!(was_due);
                    let is_counted = matches!(delivery.state, State::Attempted { next_ms, .. } if next_ms > now);
                    prop_assert!(is_counted);
                }
                if !was_due {
                    prop_assert_eq!(&delivery, &before);
                }
            }
            let before = delivery.clone();
            if let Some(outcome) = outcome {
                prop_assert_eq!(delivery.end(&outcome, now), !before.is_over());
                let is_proven = matches!(outcome, Outcome::Proven(_));
                if !before.is_over() {
                    let is_delivered = matches!(delivery.state, State::Delivered { at_ms, .. } if at_ms == now);
                    prop_assert_eq!(is_delivered, is_proven);
                }
            }
            if before.is_over() {
                prop_assert_eq!(&delivery, &before);
            }
            // Whatever is not over comes up again by itself, but for the own space.
            prop_assert_eq!(
                delivery.due_ms().is_some(),
                !delivery.is_over() && channel != Channel::Space
            );
        }
    }

    #[test]
    fn a_delivery_that_never_succeeds_ends_within_its_time(late in 0..3_600_000_u64) {
        let mut delivery = Delivery::new(Channel::Email, NOW);
        let mut attempts = 0_u32;
        let mut now = NOW;
        while let Some(due_ms) = delivery.due_ms() {
            now = now.max(due_ms) + late;
            prop_assert_eq!(delivery.begin(now), Turn::Send);
            attempts += 1;
            delivery.end(&Outcome::Temporary("450 busy".into()), now);
            prop_assert!(attempts < 20);
        }
        prop_assert!(attempts >= 10, "{}", attempts);
        prop_assert!(now <= NOW + GIVE_UP_MS + late);
        let has_failed = matches!(delivery.state, State::Failed { .. });
        prop_assert!(has_failed);
    }

    #[test]
    fn waits_never_shrink(n in 0..1000_u32) {
        prop_assert!(wait_ms(n) <= wait_ms(n + 1));
        prop_assert!(wait_ms(n) <= wait_ms(u32::MAX));
    }

    #[test]
    fn the_first_proof_of_any_channel_counts_and_nothing_without_one(
        times in proptest::collection::vec((channel(), proptest::option::of(0..1000_u64)), 0..6),
    ) {
        let deliveries = times.iter().map(|(channel, at)| {
            let mut delivery = Delivery::new(*channel, NOW);
            if let Some(at) = at {
                delivery.end(&Outcome::Proven(proof(0)), NOW + at);
            }
            delivery
        });
        let notice = Notice {
            id: NoticeId::new([1; 16]),
            person: "person-1".into(),
            about: About::new(Kind::UseRecorded, "/my/uses").unwrap(),
            created_ms: NOW,
            deliveries: deliveries.collect(),
        };
        let first = times.iter().filter_map(|(_, at)| *at).min();
        let found = delivered(&notice);
        prop_assert_eq!(found.as_ref().map(|found| found.at_ms), first.map(|at| NOW + at));
        if let Some(found) = found {
            let is_one = notice.deliveries.iter().any(|d| {
                let at = match &d.state {
                    State::Delivered { at_ms, .. } => Some(*at_ms),
                    _ => None,
                };
                d.channel == found.channel && at == Some(found.at_ms)
            });
            prop_assert!(is_one);
        }
    }
}

#[test]
fn an_attempt_is_refused_for_good_at_once_and_a_receipt_is_not_waited_for_for_ever() {
    let mut refused = Delivery::new(Channel::Email, NOW);
    assert_eq!(refused.begin(NOW), Turn::Send);
    assert!(refused.end(&Outcome::Permanent("550 nobody".into()), NOW));
    assert_eq!(refused.due_ms(), None);
    let mut handed = Delivery::new(Channel::Sms, NOW);
    assert_eq!(handed.begin(NOW), Turn::Send);
    assert!(handed.end(&Outcome::Handed, NOW));
    assert_eq!(handed.begin(NOW + GIVE_UP_MS - 1), Turn::Nothing);
    assert!(!handed.is_over());
    assert_eq!(handed.begin(NOW + GIVE_UP_MS), Turn::Nothing);
    assert!(matches!(handed.state, State::Failed { .. }));
}

#[test]
fn paths_lead_into_the_own_space_alone() {
    for path in ["/my/uses", "/my/complaints/7?x=1#y"] {
        assert!(About::new(Kind::UseRecorded, path).is_ok(), "{path}");
    }
    let long = format!("/my/{}", "a".repeat(200));
    for path in [
        "",
        "/",
        "my/uses",
        "/en/my/uses",
        "//evil.test/my/",
        "/my//evil.test",
        "/my/../log",
        "/my/\\evil.test",
        "/my/a b",
        "/my/ә",
        &long,
    ] {
        assert!(About::new(Kind::UseRecorded, path).is_err(), "{path}");
    }
}
