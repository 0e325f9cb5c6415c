//! Powers: by age, dated, for named rights, revocable.

use crate::support::{HOUR, NOW, day};
use kepil_identity::age::{Lane, lane};
use kepil_identity::id::MandateId;
use kepil_identity::mandate::{GiveError, Mandate, MandateKind, NotCovered, Right};
use kepil_identity::official::{OfficialKey, OfficialMandate, Unauthorised};
use proptest::prelude::*;

pub fn power(kind: MandateKind, rights: &[Right]) -> Mandate {
    Mandate {
        id: MandateId::new([3; 16]),
        representative: "p-parent".into(),
        represented: "p-child".into(),
        kind,
        source: "civil-status/birth-17".into(),
        rights: rights.iter().copied().collect(),
        from_ms: NOW,
        until_ms: NOW + 1000 * HOUR,
        proof: "ab".repeat(32),
        revoked_ms: None,
    }
}

#[test]
fn ages_change_on_the_birthday() {
    let born = day("2012-02-29");
    for (today, expected) in [
        ("2026-02-27", Lane::Parent),
        ("2026-02-28", Lane::Together),
        ("2028-02-28", Lane::Together),
        ("2028-02-29", Lane::Youth),
        ("2030-02-27", Lane::Youth),
        ("2030-02-28", Lane::Adult),
        ("2011-01-01", Lane::Parent),
    ] {
        assert_eq!(lane(born, day(today)), expected, "{today}");
    }
    // No path for a child that needs a certificate before 16 (DC 60(4)).
    assert!(!Lane::Parent.may_hold_certificate());
    assert!(!Lane::Together.may_hold_certificate());
    assert!(Lane::Youth.may_hold_certificate());
    assert!(!Lane::Together.acts_alone());
}

#[test]
fn a_parent_acts_until_14_with_the_child_until_16_and_then_no_more() {
    let parent = power(MandateKind::Parent, &[Right::SeeUses, Right::Erase]);
    let now = (day("2026-11-28"), NOW);
    let covers =
        |born: &str, right, confirmed| parent.covers(right, Some(day(born)), confirmed, now);
    assert_eq!(covers("2015-01-01", Right::Erase, false), Ok(()));
    assert_eq!(covers("2012-01-01", Right::SeeUses, false), Ok(()));
    assert_eq!(
        covers("2012-01-01", Right::Erase, false),
        Err(NotCovered::ChildConfirms)
    );
    assert_eq!(covers("2012-01-01", Right::Erase, true), Ok(()));
    assert_eq!(
        covers("2010-01-01", Right::Erase, true),
        Err(NotCovered::OwnAct)
    );
    assert_eq!(
        covers("2000-01-01", Right::SeeUses, true),
        Err(NotCovered::OwnAct)
    );
    assert_eq!(
        parent.covers(Right::Erase, None, true, now),
        Err(NotCovered::OwnAct)
    );
}

#[test]
fn a_power_ends_to_the_second_and_by_revocation() {
    let mut attorney = power(MandateKind::PowerOfAttorney, &[Right::Complain]);
    let today = day("2026-11-28");
    let at =
        |mandate: &Mandate, now_ms| mandate.covers(Right::Complain, None, false, (today, now_ms));
    assert_eq!(at(&attorney, NOW - 1), Err(NotCovered::NotYet));
    assert_eq!(at(&attorney, NOW), Ok(()));
    assert_eq!(at(&attorney, attorney.until_ms - 1), Ok(()));
    assert_eq!(at(&attorney, attorney.until_ms), Err(NotCovered::Ended));
    assert_eq!(
        attorney.covers(Right::Export, None, false, (today, NOW)),
        Err(NotCovered::OtherRight)
    );
    attorney.revoked_ms = Some(NOW + 5000);
    assert_eq!(at(&attorney, NOW + 4999), Ok(()));
    assert_eq!(at(&attorney, NOW + 5000), Err(NotCovered::Revoked));
}

#[test]
fn a_power_that_makes_no_sense_is_not_given() {
    let today = day("2026-11-28");
    let good = power(MandateKind::PowerOfAttorney, &[Right::Complain]);
    assert_eq!(good.check_given(None, today, NOW), Ok(()));
    let given = |change: &dyn Fn(&mut Mandate)| {
        let mut mandate = good.clone();
        change(&mut mandate);
        mandate
            .check_given(Some(day("1990-05-01")), today, NOW)
            .unwrap_err()
    };
    assert_eq!(
        given(&|m| m.represented = m.representative.clone()),
        GiveError::Self_
    );
    assert_eq!(given(&|m| m.rights.clear()), GiveError::NoRights);
    assert_eq!(given(&|m| m.until_ms = m.from_ms), GiveError::Dates);
    assert_eq!(
        given(&|m| (m.from_ms, m.until_ms) = (NOW - 2, NOW - 1)),
        GiveError::Dates
    );
    assert_eq!(
        given(&|m| m.until_ms = NOW + 4 * 366 * 24 * HOUR),
        GiveError::TooLong
    );
    assert_eq!(given(&|m| m.source = " ".into()), GiveError::NoSource);
    assert_eq!(given(&|m| m.proof.clear()), GiveError::NoSource);
    assert_eq!(given(&|m| m.kind = MandateKind::Parent), GiveError::OfAge);
}

#[test]
fn an_official_asks_with_an_own_key_for_a_named_purpose_in_time() {
    let mandate = OfficialMandate {
        id: "m-1".into(),
        official: "o-1".into(),
        body: "tax".into(),
        system: "KZ-TAX-01".into(),
        role: "inspector".into(),
        purposes: ["tax_audit".to_owned()].into(),
        from_ms: NOW,
        until_ms: NOW + HOUR,
    };
    let key = OfficialKey {
        until_ms: NOW + 2 * HOUR,
        is_shared: false,
        is_revoked: false,
    };
    let check =
        |official: &str, key, purpose: &str, now| mandate.check(official, key, purpose, now);
    assert_eq!(check("o-1", key, "tax_audit", NOW), Ok(()));
    let shared = OfficialKey {
        is_shared: true,
        ..key
    };
    assert_eq!(
        check("o-1", shared, "tax_audit", NOW),
        Err(Unauthorised::SharedKey)
    );
    let dead = OfficialKey {
        is_revoked: true,
        ..key
    };
    assert_eq!(
        check("o-1", dead, "tax_audit", NOW),
        Err(Unauthorised::DeadKey)
    );
    let old = OfficialKey {
        until_ms: NOW,
        ..key
    };
    assert_eq!(
        check("o-1", old, "tax_audit", NOW),
        Err(Unauthorised::DeadKey)
    );
    assert_eq!(
        check("o-2", key, "tax_audit", NOW),
        Err(Unauthorised::OtherOfficial)
    );
    assert_eq!(
        check("o-1", key, "lending", NOW),
        Err(Unauthorised::OtherPurpose)
    );
    for at in [NOW - 1, NOW + HOUR] {
        assert_eq!(
            check("o-1", key, "tax_audit", at),
            Err(Unauthorised::NotInForce)
        );
    }
}

proptest! {
    #[test]
    fn a_power_covers_nothing_outside_its_dates_and_rights(
        from in 0..10 * HOUR, length in 1..10 * HOUR, at in 0..30 * HOUR, right in 0usize..9,
    ) {
        let rights = [
            Right::SeeUses, Right::Export, Right::Complain, Right::Correct, Right::Erase,
            Right::Lock, Right::Consent, Right::Contest, Right::Biometrics,
        ];
        let mut mandate = power(MandateKind::Advocate, &[Right::Complain, Right::Contest]);
        (mandate.from_ms, mandate.until_ms) = (NOW + from, NOW + from + length);
        let covered = mandate.covers(rights[right], None, true, (day("2026-11-28"), NOW + at));
        let is_inside = at >= from && at < from + length;
        let is_named = matches!(rights[right], Right::Complain | Right::Contest);
        prop_assert_eq!(covered.is_ok(), is_inside && is_named);
    }
}
