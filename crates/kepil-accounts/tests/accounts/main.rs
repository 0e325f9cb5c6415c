//! What is kept of people, on a real file.

#![cfg(test)]

use std::path::Path;

use kepil_accounts::{Accounts, CreateError, StoreError, TellError};
use kepil_identity::account::{Command, Refusal};
use kepil_identity::factor::Factor;
use kepil_identity::holder::{Holder, Role};
use kepil_identity::id::{AccountId, FactorId, MandateId, SessionId};
use kepil_identity::level::Level;
use kepil_identity::mandate::{Mandate, MandateKind, Right};
use kepil_identity::session::{Limits, Session, hash};
use kepil_sqlite::OpenError;

const NOW: u64 = 1_795_000_000_000;

fn holder(reference: &str) -> Holder {
    Holder {
        role: Role::Citizen,
        reference: reference.into(),
    }
}

fn add(n: u8) -> Command {
    Command::Add {
        id: FactorId::new([n; 16]),
        factor: Factor::Passkey {
            credential: format!("credential-{n}"),
            stored: "{}".into(),
            label: format!("phone {n}"),
        },
    }
}

fn open(folder: &Path) -> Accounts {
    Accounts::open(&folder.join("accounts.db")).unwrap()
}

fn id(n: u8) -> AccountId {
    AccountId::new([n; 16])
}

fn session(n: u8, account: AccountId, begun_ms: u64) -> Session {
    Session {
        id: SessionId::new([n; 16]),
        account,
        role: Role::Citizen,
        level: Level::One,
        auth_ms: begun_ms,
        begun_ms,
        seen_ms: begun_ms,
        device: "Firefox".into(),
        assisted_by: None,
    }
}

#[test]
fn accounts_outlive_the_process_and_are_found_by_holder_and_passkey() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    accounts.create(id(1), holder("p-1"), NOW).unwrap();
    accounts.create(id(2), holder("p-2"), NOW).unwrap();
    let (account, _) = accounts.tell(id(1), add(1), NOW + 1).unwrap();
    drop(accounts);
    let accounts = open(folder.path());
    assert_eq!(accounts.find(id(1)).unwrap(), Some(account.clone()));
    assert_eq!(
        accounts.of_holder(&holder("p-1")).unwrap(),
        Some(account.clone())
    );
    assert_eq!(
        accounts.of_credential("credential-1").unwrap(),
        Some(account)
    );
    assert_eq!(accounts.find(id(9)).unwrap(), None);
    assert_eq!(accounts.of_holder(&holder("p-9")).unwrap(), None);
    assert_eq!(accounts.of_credential("credential-9").unwrap(), None);
    assert_eq!(accounts.history(id(1)).unwrap().len(), 2);
}

#[test]
fn a_holder_has_one_account_and_a_passkey_one_owner() {
    let accounts = Accounts::in_memory().unwrap();
    accounts.create(id(1), holder("p-1"), NOW).unwrap();
    let again = accounts.create(id(2), holder("p-1"), NOW);
    assert!(matches!(again, Err(CreateError::Taken)));
    assert_eq!(accounts.find(id(2)).unwrap(), None, "nothing is left of it");
    accounts.create(id(2), holder("p-2"), NOW).unwrap();
    accounts.tell(id(1), add(1), NOW).unwrap();
    let stolen = accounts.tell(id(2), add(1), NOW);
    assert!(matches!(stolen, Err(TellError::CredentialTaken)));
    assert!(accounts.find(id(2)).unwrap().unwrap().factors.is_empty());
    let nobody = accounts.tell(id(9), add(9), NOW);
    assert!(matches!(nobody, Err(TellError::NoAccount)));
}

#[test]
fn a_refusal_keeps_nothing() {
    let accounts = Accounts::in_memory().unwrap();
    accounts.create(id(1), holder("p-1"), NOW).unwrap();
    accounts.tell(id(1), add(1), NOW).unwrap();
    let remove = Command::Remove {
        id: FactorId::new([1; 16]),
    };
    let refused = accounts.tell(id(1), remove, NOW);
    assert!(matches!(
        refused,
        Err(TellError::Refused(Refusal::LastWays))
    ));
    assert_eq!(accounts.history(id(1)).unwrap().len(), 2);
}

#[test]
fn a_removed_passkey_opens_nothing_and_can_be_added_again() {
    let accounts = Accounts::in_memory().unwrap();
    accounts.create(id(1), holder("p-1"), NOW).unwrap();
    for n in 1..=3 {
        accounts.tell(id(1), add(n), NOW).unwrap();
    }
    let remove = Command::Remove {
        id: FactorId::new([2; 16]),
    };
    accounts.tell(id(1), remove, NOW).unwrap();
    assert_eq!(accounts.of_credential("credential-2").unwrap(), None);
    assert!(accounts.of_credential("credential-3").unwrap().is_some());
    let again = Command::Add {
        id: FactorId::new([8; 16]),
        factor: Factor::Passkey {
            credential: "credential-2".into(),
            stored: "{}".into(),
            label: "phone".into(),
        },
    };
    accounts.tell(id(1), again, NOW).unwrap();
    accounts.tell(id(1), Command::Close, NOW).unwrap();
    assert_eq!(accounts.of_credential("credential-2").unwrap(), None);
    // The tables beside the events follow from them.
    let before = accounts.find(id(1)).unwrap();
    assert_eq!(accounts.rebuild().unwrap(), 1);
    assert_eq!(accounts.find(id(1)).unwrap(), before);
    assert_eq!(accounts.of_credential("credential-1").unwrap(), None);
}

#[test]
fn rebuilding_finds_everybody_again() {
    let accounts = Accounts::in_memory().unwrap();
    for n in 1..=20 {
        accounts
            .create(id(n), holder(&format!("p-{n}")), NOW)
            .unwrap();
        accounts.tell(id(n), add(n), NOW).unwrap();
    }
    assert_eq!(accounts.rebuild().unwrap(), 20);
    for n in 1..=20 {
        let found = accounts.of_credential(&format!("credential-{n}")).unwrap();
        assert_eq!(found.unwrap().id, id(n));
    }
}

#[test]
fn sessions_are_found_by_their_secret_listed_and_ended() {
    let accounts = Accounts::in_memory().unwrap();
    let secrets: Vec<[u8; 32]> = (1..=3).map(|n| [n; 32]).collect();
    for (n, secret) in (1..).zip(&secrets) {
        let begun = session(n, id(1), NOW + u64::from(n));
        accounts.begin_session(&hash(secret), &begun).unwrap();
    }
    let found = accounts
        .session(&hash(&secrets[0]), NOW + 10)
        .unwrap()
        .unwrap();
    assert_eq!(found.id, SessionId::new([1; 16]));
    assert_eq!(
        accounts.session(&secrets[0], NOW).unwrap(),
        None,
        "the secret itself is not kept"
    );
    let listed = accounts.sessions_of(id(1), NOW + 10).unwrap();
    let ids: Vec<SessionId> = listed.iter().map(|session| session.id).collect();
    assert_eq!(ids, [3, 2, 1].map(|n| SessionId::new([n; 16])));
    assert!(accounts.sessions_of(id(2), NOW).unwrap().is_empty());
    // Nobody ends somebody else's.
    assert!(
        !accounts
            .end_session(id(2), SessionId::new([1; 16]))
            .unwrap()
    );
    assert!(
        accounts
            .end_session(id(1), SessionId::new([1; 16]))
            .unwrap()
    );
    assert_eq!(
        accounts.session(&hash(&secrets[0]), NOW + 10).unwrap(),
        None
    );
    let kept = Some(SessionId::new([3; 16]));
    assert_eq!(accounts.end_sessions(id(1), kept).unwrap(), 1);
    assert!(
        accounts
            .session(&hash(&secrets[2]), NOW + 10)
            .unwrap()
            .is_some()
    );
    assert_eq!(accounts.end_sessions(id(1), None).unwrap(), 1);
}

#[test]
fn sessions_that_nobody_came_back_to_are_swept_out() {
    let accounts = Accounts::in_memory().unwrap();
    let idle = Limits::of(Role::Citizen).idle_ms;
    for (n, begun_ms) in [(1, NOW), (2, NOW + idle / 2)] {
        let begun = session(n, id(n), begun_ms);
        accounts.begin_session(&hash(&[n; 32]), &begun).unwrap();
    }
    assert_eq!(accounts.sweep_sessions(NOW + idle - 1).unwrap(), 0);
    assert_eq!(accounts.sweep_sessions(NOW + idle).unwrap(), 1);
    assert_eq!(accounts.sweep_sessions(NOW + idle).unwrap(), 0);
    let left = accounts.session(&hash(&[2; 32]), NOW + idle).unwrap();
    assert_eq!(left.unwrap().id, SessionId::new([2; 16]));
}

#[test]
fn a_session_lives_by_use_and_a_raised_one_has_a_new_secret() {
    let accounts = Accounts::in_memory().unwrap();
    let (old, new) = (hash(&[1; 32]), hash(&[2; 32]));
    accounts
        .begin_session(&old, &session(1, id(1), NOW))
        .unwrap();
    let idle = Limits::of(Role::Citizen).idle_ms;
    // Used once an hour, less a moment: it goes on.
    let later = NOW + idle - 1;
    assert!(accounts.session(&old, later).unwrap().is_some());
    assert!(accounts.session(&old, later + idle - 1).unwrap().is_some());
    let now = later + idle;
    let raised = accounts
        .raise_session(&old, &new, Level::Two, now)
        .unwrap()
        .unwrap();
    assert_eq!((raised.level, raised.auth_ms), (Level::Two, now));
    assert_eq!(accounts.session(&old, now).unwrap(), None);
    assert_eq!(accounts.session(&new, now).unwrap(), Some(raised));
    assert_eq!(accounts.session(&new, now + idle).unwrap(), None);
    assert_eq!(
        accounts.session(&new, now).unwrap(),
        None,
        "it was taken out"
    );
    assert_eq!(
        accounts.raise_session(&new, &old, Level::Two, now).unwrap(),
        None
    );
}

#[test]
fn powers_are_kept_and_ended_by_the_represented_person_alone() {
    let accounts = Accounts::in_memory().unwrap();
    let mandate = Mandate {
        id: MandateId::new([3; 16]),
        representative: "p-1".into(),
        represented: "p-2".into(),
        kind: MandateKind::PowerOfAttorney,
        source: "notary/17".into(),
        rights: [Right::Complain].into(),
        from_ms: NOW,
        until_ms: NOW + 1000,
        proof: "ab".repeat(32),
        revoked_ms: None,
    };
    accounts.give(&mandate).unwrap();
    assert_eq!(accounts.mandate(mandate.id).unwrap(), Some(mandate.clone()));
    let (has, given) = accounts.mandates_of("p-1").unwrap();
    assert_eq!((has, given), (vec![mandate.clone()], Vec::new()));
    let (has, given) = accounts.mandates_of("p-2").unwrap();
    assert_eq!((has, given.len()), (Vec::new(), 1));
    assert!(!accounts.revoke(mandate.id, "p-1", NOW + 5).unwrap());
    assert!(accounts.revoke(mandate.id, "p-2", NOW + 5).unwrap());
    assert!(!accounts.revoke(mandate.id, "p-2", NOW + 6).unwrap());
    let kept = accounts.mandate(mandate.id).unwrap().unwrap();
    assert_eq!(kept.revoked_ms, Some(NOW + 5));
}

#[test]
fn what_is_good_once_is_good_once_in_its_time_and_for_its_purpose() {
    let accounts = Accounts::in_memory().unwrap();
    let place = ("passkey", b"name".as_slice());
    let take = |place, now| accounts.take_once::<String>(place, now).unwrap();
    accounts.put_once(place, &"state", NOW + 300).unwrap();
    assert_eq!(take(("code", b"name"), NOW), None);
    assert_eq!(take(place, NOW + 299), Some("state".to_owned()));
    assert_eq!(take(place, NOW), None);
    accounts.put_once(place, &"first", NOW + 300).unwrap();
    accounts.put_once(place, &"second", NOW + 300).unwrap();
    assert_eq!(take(place, NOW), Some("second".to_owned()));
    accounts.put_once(place, &"late", NOW + 300).unwrap();
    assert_eq!(take(place, NOW + 300), None);
    accounts.put_once(place, &"swept", NOW + 300).unwrap();
    assert_eq!(accounts.sweep(NOW + 299).unwrap(), 0);
    assert_eq!(accounts.sweep(NOW + 300).unwrap(), 1);
}

#[test]
fn a_copy_of_a_running_node_holds_everybody_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    accounts.create(id(1), holder("p-1"), NOW).unwrap();
    let (account, _) = accounts.tell(id(1), add(1), NOW).unwrap();
    let (from, to) = (
        folder.path().join("accounts.db"),
        folder.path().join("copy.db"),
    );
    Accounts::copy(&from, &to).unwrap();
    Accounts::copy(&from, &to).unwrap_err();
    let copied = Accounts::open(&to).unwrap();
    assert_eq!(copied.of_credential("credential-1").unwrap(), Some(account));
    Accounts::copy(&folder.path().join("nothing").join("x"), &to).unwrap_err();
}

#[test]
fn a_file_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    drop(Accounts::open(&path).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let error = Accounts::open(&path).unwrap_err();
    assert!(matches!(
        error,
        StoreError::Open(OpenError::Version { found: 99, .. })
    ));
}

#[test]
fn nothing_that_opens_anything_lies_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    accounts.create(id(1), holder("p-1"), NOW).unwrap();
    let secret = [0xA7; 32];
    accounts
        .begin_session(&hash(&secret), &session(1, id(1), NOW))
        .unwrap();
    drop(accounts);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(32).any(|window| window == secret));
    }
}
