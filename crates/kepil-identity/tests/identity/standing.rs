//! The two checks before a right is exercised (E05, E15; C52 to C56).

use crate::mandates::power;
use crate::support::{Kept, NOW, day, passkey};
use kepil_identity::account::Command;
use kepil_identity::holder::Role;
use kepil_identity::level::Level;
use kepil_identity::mandate::{MandateKind, NotCovered, Right};
use kepil_identity::session::Over;
use kepil_identity::standing::{NoStanding, Standing, Subject, check};

fn of(reference: &str) -> Subject<'_> {
    Subject {
        reference,
        born: Some(day("2015-03-01")),
    }
}

#[test]
fn the_own_data_after_both_checks() {
    let kept = Kept::ready("p-1");
    let today = (day("2026-11-28"), NOW);
    let session = kept.session(Level::Two);
    let own = check(
        &kept.account,
        &session,
        Right::Export,
        of("p-1"),
        None,
        today,
    );
    assert_eq!(own, Ok(Standing::Own));
    // Somebody of the same name is somebody else.
    let other = check(
        &kept.account,
        &session,
        Right::Export,
        of("p-2"),
        None,
        today,
    );
    assert_eq!(other, Err(NoStanding::NotYours));
}

#[test]
fn the_first_check_stops_before_the_second() {
    let mut kept = Kept::ready("p-1");
    let today = (day("2026-11-28"), NOW);
    let ask = |kept: &Kept, level| {
        check(
            &kept.account,
            &kept.session(level),
            Right::Export,
            of("p-2"),
            None,
            today,
        )
        .unwrap_err()
    };
    assert_eq!(ask(&kept, Level::One), NoStanding::Level);
    let late = (day("2026-11-29"), NOW + 24 * 3_600_000);
    let over = check(
        &kept.account,
        &kept.session(Level::Two),
        Right::Export,
        of("p-1"),
        None,
        late,
    );
    assert_eq!(over, Err(NoStanding::Over(Over::Old)));
    let mut strange = kept.session(Level::Two);
    strange.account = kepil_identity::id::AccountId::new([8; 16]);
    let other = check(
        &kept.account,
        &strange,
        Right::Export,
        of("p-1"),
        None,
        today,
    );
    assert_eq!(other, Err(NoStanding::OtherAccount));
    kept.tell(Command::Close, NOW).unwrap();
    assert_eq!(ask(&kept, Level::Two), NoStanding::Closed);
}

#[test]
fn one_way_in_or_no_proof_of_identity_is_not_enough() {
    let today = (day("2026-11-28"), NOW);
    let mut kept = Kept::open(Role::Citizen, "p-1");
    kept.add(1, passkey(1));
    let ask = |kept: &Kept| {
        check(
            &kept.account,
            &kept.session(Level::Two),
            Right::Export,
            of("p-1"),
            None,
            today,
        )
    };
    assert_eq!(ask(&kept), Err(NoStanding::OneFactor));
    kept.add(2, passkey(2));
    assert_eq!(ask(&kept), Err(NoStanding::NotProofed));
    let method = "electronic signature".into();
    kept.tell(Command::Proof { method }, NOW).unwrap();
    assert_eq!(ask(&kept), Ok(Standing::Own));
}

#[test]
fn a_foreigner_has_the_same_standing_and_an_official_none_as_such() {
    let today = (day("2026-11-28"), NOW);
    for (role, expected) in [
        (Role::Foreigner, Ok(Standing::Own)),
        (Role::Official, Err(NoStanding::NotYours)),
        (Role::Supervisor, Err(NoStanding::NotYours)),
        (Role::Operator, Err(NoStanding::NotYours)),
    ] {
        let mut kept = Kept::open(role, "p-1");
        kept.add(1, passkey(1));
        kept.add(2, passkey(2));
        let method = "document".into();
        kept.tell(Command::Proof { method }, NOW).unwrap();
        let session = kept.session(Level::Two);
        let found = check(
            &kept.account,
            &session,
            Right::SeeUses,
            of("p-1"),
            None,
            today,
        );
        assert_eq!(found, expected, "{role:?}");
    }
}

#[test]
fn a_representative_acts_within_the_power_and_not_beyond() {
    let parent = Kept::ready("p-parent");
    let session = parent.session(Level::Two);
    let today = (day("2026-11-28"), NOW);
    let mandate = power(MandateKind::Parent, &[Right::SeeUses]);
    let ask = |right, subject, power| {
        check(
            &parent.account,
            &session,
            right,
            subject,
            Some((power, false)),
            today,
        )
    };
    let found = ask(Right::SeeUses, of("p-child"), &mandate);
    assert_eq!(found, Ok(Standing::For(Box::new(mandate.clone()))));
    let other = ask(Right::Erase, of("p-child"), &mandate);
    assert_eq!(other, Err(NoStanding::Power(NotCovered::OtherRight)));
    // A power for one child says nothing about another.
    assert_eq!(
        ask(Right::SeeUses, of("p-2"), &mandate),
        Err(NoStanding::NotYours)
    );
    // Nor is somebody else's power one's own.
    let mut stolen = mandate.clone();
    stolen.representative = "p-9".into();
    assert_eq!(
        ask(Right::SeeUses, of("p-child"), &stolen),
        Err(NoStanding::NotYours)
    );
    let mut ended = mandate.clone();
    ended.until_ms = NOW;
    assert_eq!(
        ask(Right::SeeUses, of("p-child"), &ended),
        Err(NoStanding::Power(NotCovered::Ended))
    );
}
