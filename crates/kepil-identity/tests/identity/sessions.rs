//! Sessions end by themselves, and keep no secret.

use crate::support::{HOUR, Kept, NOW};
use kepil_identity::holder::Role;
use kepil_identity::id::AccountId;
use kepil_identity::level::Level;
use kepil_identity::session::{Limits, Over, form_token, hash};

#[test]
fn a_session_ends_when_nobody_uses_it_and_when_it_is_old() {
    let kept = Kept::ready("p-1");
    let mut session = kept.session(Level::Two);
    let limits = Limits::of(Role::Citizen);
    assert_eq!(session.check(NOW + limits.idle_ms - 1), Ok(()));
    assert_eq!(session.check(NOW + limits.idle_ms), Err(Over::Idle));
    session.seen_ms = NOW + limits.absolute_ms - 1;
    assert_eq!(session.check(NOW + limits.absolute_ms - 1), Ok(()));
    assert_eq!(session.check(NOW + limits.absolute_ms), Err(Over::Old));
}

#[test]
fn consoles_and_counters_end_sooner() {
    let idle = |role| Limits::of(role).idle_ms;
    assert!(idle(Role::Official) < idle(Role::Citizen));
    assert!(Limits::assisted().idle_ms < idle(Role::Official));
    let kept = Kept::ready("p-1");
    let mut session = kept.session(Level::Two);
    session.assisted_by = Some(AccountId::new([5; 16]));
    session.seen_ms = NOW + HOUR;
    assert_eq!(session.check(NOW + HOUR), Err(Over::Old));
}

#[test]
fn what_is_kept_of_a_session_does_not_open_it() {
    let secret = [7; 32];
    assert_ne!(hash(&secret), secret);
    assert_ne!(hash(&secret), form_token(&secret));
    assert_ne!(hash(&secret), hash(&[8; 32]));
}

#[test]
fn levels_have_names() {
    for level in Level::ALL {
        assert_eq!(Level::of_acr(level.acr()), Some(level));
    }
    assert_eq!(Level::of_acr("urn:kepil:aal4"), None);
    assert!(Level::One < Level::Two && Level::Two < Level::Three);
}
