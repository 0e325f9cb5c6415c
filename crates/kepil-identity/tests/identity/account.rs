//! Accounts: which ways in there are, how many must be left, how a sign-in counts.

use crate::support::{Kept, NOW, codes, factor_id, mail, passkey, secret};
use kepil_identity::account::{Account, Command, Dated, Event, Refusal};
use kepil_identity::attempts::TooEarly;
use kepil_identity::factor::{Factor, FactorKind, level};
use kepil_identity::holder::Role;
use kepil_identity::level::Level;

fn sign_in(kept: &mut Kept, factors: &[u8], at_ms: u64) -> Result<Level, Refusal> {
    let factors = factors.iter().map(|n| factor_id(*n)).collect();
    let events = kept.tell(Command::SignIn { factors }, at_ms)?;
    match events.as_slice() {
        [Event::SignedIn { level, .. }] => Ok(*level),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_passkey_opens_alone_and_the_rest_in_pairs() {
    let mut kept = Kept::open(Role::Citizen, "p-1");
    kept.add(1, passkey(1));
    kept.add(2, secret("a long enough secret"));
    kept.add(3, mail());
    kept.add(4, codes());
    assert_eq!(sign_in(&mut kept, &[1], NOW), Ok(Level::Two));
    assert_eq!(sign_in(&mut kept, &[2, 3], NOW), Ok(Level::Two));
    assert_eq!(sign_in(&mut kept, &[2, 4], NOW), Ok(Level::Two));
    assert_eq!(sign_in(&mut kept, &[3, 4], NOW), Ok(Level::Two));
    assert_eq!(sign_in(&mut kept, &[3], NOW), Ok(Level::One));
    assert_eq!(sign_in(&mut kept, &[2], NOW), Err(Refusal::NotEnough));
    assert_eq!(sign_in(&mut kept, &[4], NOW), Err(Refusal::NotEnough));
    assert_eq!(sign_in(&mut kept, &[], NOW), Err(Refusal::NotEnough));
    assert_eq!(sign_in(&mut kept, &[9], NOW), Err(Refusal::NoFactor));
    assert_eq!(level(&[FactorKind::Secret, FactorKind::Secret]), None);
}

#[test]
fn two_independent_ways_make_an_account_ready() {
    let mut kept = Kept::open(Role::Citizen, "p-1");
    assert!(!kept.account.is_ready());
    kept.add(1, secret("a long enough secret"));
    assert!(!kept.account.is_ready());
    // A new secret takes the place of the old one: still one way.
    kept.add(2, secret("another long secret"));
    assert_eq!(kept.account.factors.len(), 1);
    assert!(!kept.account.is_ready());
    kept.add(3, mail());
    assert!(kept.account.is_ready());
    let mut devices = Kept::open(Role::Citizen, "p-2");
    devices.add(1, passkey(1));
    devices.add(2, passkey(2));
    assert!(devices.account.is_ready(), "two devices");
}

#[test]
fn who_has_two_ways_keeps_two() {
    let mut kept = Kept::ready("p-1");
    let remove = |n| Command::Remove { id: factor_id(n) };
    assert_eq!(kept.tell(remove(1), NOW), Err(Refusal::LastWays));
    assert_eq!(kept.tell(remove(2), NOW), Err(Refusal::LastWays));
    assert_eq!(kept.tell(remove(9), NOW), Err(Refusal::NoFactor));
    kept.add(3, passkey(3));
    kept.tell(remove(1), NOW).unwrap();
    assert!(kept.account.factor(factor_id(1)).is_none());
    let mut single = Kept::open(Role::Citizen, "p-2");
    single.add(1, passkey(1));
    assert_eq!(single.tell(remove(1), NOW), Err(Refusal::LastWays));
}

#[test]
fn a_shut_account_has_no_way_in_and_can_get_new_ones() {
    let mut kept = Kept::ready("p-1");
    let events = kept.tell(Command::Shut, NOW).unwrap();
    assert_eq!(events.len(), 2);
    assert!(kept.account.factors.is_empty() && !kept.account.is_closed);
    assert_eq!(
        sign_in(&mut kept, &[1, 2], NOW),
        Err(Refusal::NoFactor),
        "what opened it opens nothing"
    );
    assert!(kept.tell(Command::Shut, NOW).unwrap().is_empty());
    kept.add(3, passkey(3));
    assert_eq!(sign_in(&mut kept, &[3], NOW), Ok(Level::Two));
}

#[test]
fn the_same_device_is_not_added_twice_and_every_device_has_a_name() {
    let mut kept = Kept::open(Role::Citizen, "p-1");
    kept.add(1, passkey(1));
    let again = Command::Add {
        id: factor_id(2),
        factor: passkey(1),
    };
    assert_eq!(kept.tell(again, NOW), Err(Refusal::Known));
    for label in ["", "   ", &"x".repeat(61)] {
        let factor = Factor::Passkey {
            credential: "new".into(),
            stored: "{}".into(),
            label: label.into(),
        };
        let id = factor_id(3);
        assert_eq!(
            kept.tell(Command::Add { id, factor }, NOW),
            Err(Refusal::Label)
        );
    }
    for n in 2..=20 {
        kept.add(n, passkey(n));
    }
    let one_more = Command::Add {
        id: factor_id(99),
        factor: passkey(99),
    };
    assert_eq!(kept.tell(one_more, NOW), Err(Refusal::TooMany));
}

#[test]
fn failures_slow_one_kind_down_and_leave_the_others_open() {
    let mut kept = Kept::open(Role::Citizen, "p-1");
    kept.add(1, passkey(1));
    kept.add(2, secret("a long enough secret"));
    kept.add(3, mail());
    let fail = || Command::Fail {
        kind: FactorKind::Secret,
    };
    for _ in 0..3 {
        kept.tell(fail(), NOW).unwrap();
    }
    let until_ms = NOW + 1000;
    let early = Refusal::TooEarly(TooEarly { until_ms });
    // A stranger who guesses secrets cannot keep the person from the passkey.
    assert_eq!(kept.tell(fail(), NOW), Err(early.clone()));
    assert_eq!(sign_in(&mut kept, &[2, 3], NOW), Err(early));
    assert_eq!(sign_in(&mut kept, &[1], NOW), Ok(Level::Two));
    assert_eq!(sign_in(&mut kept, &[2, 3], until_ms), Ok(Level::Two));
    // A success with it begins anew.
    kept.tell(fail(), until_ms).unwrap();
    assert_eq!(sign_in(&mut kept, &[2, 3], until_ms), Ok(Level::Two));
}

#[test]
fn a_closed_account_does_nothing_any_more() {
    let mut kept = Kept::ready("p-1");
    kept.tell(Command::Close, NOW).unwrap();
    assert_eq!(sign_in(&mut kept, &[1], NOW), Err(Refusal::Closed));
    let add = Command::Add {
        id: factor_id(5),
        factor: passkey(5),
    };
    assert_eq!(kept.tell(add, NOW), Err(Refusal::Closed));
}

#[test]
fn a_changed_factor_stays_of_its_kind() {
    let mut kept = Kept::ready("p-1");
    let changed = Factor::Passkey {
        credential: "credential-1".into(),
        stored: "{\"counter\":2}".into(),
        label: "phone 1".into(),
    };
    let id = factor_id(1);
    let change = |factor| Command::Change { id, factor };
    kept.tell(change(changed.clone()), NOW).unwrap();
    assert_eq!(kept.account.factor(id).unwrap().factor, changed);
    assert_eq!(kept.tell(change(mail()), NOW), Err(Refusal::NoFactor));
}

#[test]
fn events_that_do_not_begin_with_an_opening_are_no_account() {
    assert_eq!(Account::of(&[]), None);
    let closed = Dated {
        at_ms: NOW,
        event: Event::Closed,
    };
    assert_eq!(Account::of(&[closed]), None);
}
