//! What is kept, and what a second try does not do twice.

use crate::support::{NOW, PERSON, choose, id, new, open};
use kepil_notices::{
    About, Channel, Kind, New, Outbox, Outcome, Proof, QueueError, State, StoreError, delivered,
};
use kepil_sqlite::OpenError;

#[test]
fn a_notice_is_queued_once_by_its_key_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    assert_eq!(outbox.queue(id(1), &new("a"), NOW).unwrap(), (id(1), true));
    assert_eq!(
        outbox.queue(id(2), &new("a"), NOW + 1).unwrap(),
        (id(1), false)
    );
    let other = New {
        person: "person-2",
        ..new("a")
    };
    let refused = outbox.queue(id(3), &other, NOW).unwrap_err();
    assert!(matches!(refused, QueueError::OtherNotice { .. }));
    outbox.queue(id(4), &new("b"), NOW + 5).unwrap();
    drop(outbox);
    let outbox = open(folder.path());
    let found = outbox.of_person(PERSON, 0, 10).unwrap();
    let ids: Vec<_> = found.iter().map(|notice| notice.id).collect();
    assert_eq!(ids, [id(4), id(1)]);
    assert_eq!(outbox.of_person(PERSON, 1, 1).unwrap(), found[1..]);
    assert_eq!(found[1].about.path(), "/my/complaints/7");
    assert_eq!(found[1].deliveries.len(), 1);
    assert_eq!(outbox.of_key("b").unwrap().unwrap().id, id(4));
    assert!(outbox.of_person("person-2", 0, 10).unwrap().is_empty());
    assert!(outbox.of("person-2", id(1)).unwrap().is_none());
}

#[test]
fn opening_is_a_proof_the_first_time_and_nobody_elses() {
    let outbox = Outbox::in_memory().unwrap();
    outbox.queue(id(1), &new("a"), NOW).unwrap();
    let strange = outbox.open_notice("person-2", id(1), b"s", NOW + 1);
    assert!(strange.unwrap().is_none());
    assert_eq!(delivered(&outbox.notice(id(1)).unwrap().unwrap()), None);
    assert_eq!(outbox.counts().unwrap().oldest_undelivered_ms, Some(NOW));
    let first = outbox.open_notice(PERSON, id(1), b"session", NOW + 2);
    let first = first.unwrap().unwrap();
    let again = outbox.open_notice(PERSON, id(1), b"another", NOW + 9);
    assert_eq!(again.unwrap().unwrap(), first);
    let found = delivered(&first).unwrap();
    assert_eq!((found.at_ms, found.channel), (NOW + 2, Channel::Space));
    let Proof::Opened { session } = found.proof else {
        panic!("{found:?}");
    };
    assert_eq!(session.len(), 64);
    let counts = outbox.counts().unwrap();
    assert_eq!(counts.oldest_undelivered_ms, None);
    let delivered = (Channel::Space, "delivered".to_owned(), 1);
    assert_eq!(counts.deliveries, [delivered]);
}

#[test]
fn what_is_due_comes_once_a_turn_and_without_an_address_that_was_taken_back() {
    let outbox = Outbox::in_memory().unwrap();
    choose(&outbox, Channel::Email, "aigul@example.kz");
    for n in 1..=3 {
        let key = n.to_string();
        outbox.queue(id(n), &new(&key), NOW + u64::from(n)).unwrap();
    }
    assert!(outbox.due(Channel::Email, NOW, 10).unwrap().is_empty());
    let due = outbox.due(Channel::Email, NOW + 10, 2).unwrap();
    let ids: Vec<_> = due.iter().map(|due| due.id).collect();
    assert_eq!(ids, [id(1), id(2)]);
    assert_eq!(due[0].to.as_ref().unwrap().0, "aigul@example.kz");
    outbox.begin(id(1), Channel::Email, NOW + 10).unwrap();
    let due = outbox.due(Channel::Email, NOW + 10, 10).unwrap();
    assert_eq!(due.len(), 2, "what was begun waits");
    assert!(outbox.remove(PERSON, Channel::Email).unwrap());
    assert!(!outbox.remove(PERSON, Channel::Email).unwrap());
    let due = outbox.due(Channel::Email, NOW + 10, 10).unwrap();
    assert!(due.iter().all(|due| due.to.is_none()));
    assert!(outbox.due(Channel::Sms, NOW + 10, 10).unwrap().is_empty());
    // A notice of later has no e-mail to go by.
    outbox.queue(id(9), &new("9"), NOW).unwrap();
    assert_eq!(outbox.notice(id(9)).unwrap().unwrap().deliveries.len(), 1);
}

#[test]
fn a_copy_holds_what_stood_at_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    outbox.queue(id(1), &new("a"), NOW).unwrap();
    let to = folder.path().join("copy.db");
    Outbox::copy(&folder.path().join("notices.db"), &to).unwrap();
    assert!(Outbox::copy(&folder.path().join("notices.db"), &to).is_err());
    outbox.queue(id(2), &new("b"), NOW).unwrap();
    let copy = Outbox::open(&to).unwrap();
    assert_eq!(copy.of_person(PERSON, 0, 10).unwrap().len(), 1);
}

#[test]
fn a_file_of_a_later_version_and_strange_words_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notices.db");
    open(folder.path()).queue(id(1), &new("a"), NOW).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE notice SET kind = 'invented'", [])
        .unwrap();
    let found = open(folder.path()).notice(id(1));
    let said = found.unwrap_err().to_string();
    assert!(said.contains("`invented`"), "{said}");
    raw.pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(
        Outbox::open(&path),
        Err(StoreError::Open(OpenError::Version { found: 9, .. }))
    ));
}

#[test]
fn every_kind_and_state_comes_back_as_it_was_written() {
    let outbox = Outbox::in_memory().unwrap();
    choose(&outbox, Channel::Email, "aigul@example.kz");
    for (n, kind) in (1_u8..).zip(Kind::ALL) {
        let key = n.to_string();
        let new = New {
            about: About::new(kind, "/my/uses").unwrap(),
            ..new(&key)
        };
        outbox.queue(id(n), &new, NOW).unwrap();
        assert_eq!(outbox.notice(id(n)).unwrap().unwrap().about, new.about);
    }
    let said = || "«said»\u{7}".to_owned();
    let receipt = Proof::Receipt { receipt: said() };
    for (n, outcome) in (1_u8..).zip([
        Outcome::Temporary(said()),
        Outcome::Permanent(said()),
        Outcome::Handed,
        Outcome::Proven(receipt),
    ]) {
        outbox.begin(id(n), Channel::Email, NOW).unwrap();
        assert!(outbox.end(id(n), Channel::Email, &outcome, NOW).unwrap());
        let notice = outbox.notice(id(n)).unwrap().unwrap();
        let state = &notice.deliveries[1].state;
        match outcome {
            Outcome::Temporary(_) => assert!(matches!(state, State::Attempted { count: 1, .. })),
            Outcome::Permanent(_) => assert!(matches!(state, State::Failed { .. })),
            Outcome::Handed => assert!(matches!(state, State::Handed { .. })),
            Outcome::Proven(_) => assert!(matches!(state, State::Delivered { .. })),
        }
    }
    assert!(
        !outbox
            .end(id(99), Channel::Email, &Outcome::Handed, NOW)
            .unwrap()
    );
}

#[test]
fn who_is_forgotten_has_no_notice_and_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    choose(&outbox, Channel::Email, "aigul@example.kz");
    outbox.queue(id(1), &new("a"), NOW).unwrap();
    let other = New {
        person: "somebody-else",
        ..new("b")
    };
    outbox.queue(id(2), &other, NOW).unwrap();
    assert_eq!(outbox.forget(PERSON).unwrap(), 1);
    assert_eq!(outbox.forget(PERSON).unwrap(), 0);
    assert_eq!(outbox.of_person(PERSON, 0, 9).unwrap(), []);
    assert!(outbox.choices(PERSON).unwrap().is_empty());
    assert!(outbox.due(Channel::Email, NOW + 9, 9).unwrap().is_empty());
    assert_eq!(outbox.of_person("somebody-else", 0, 9).unwrap().len(), 1);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let is_there = |word: &str| {
            bytes
                .windows(word.len())
                .any(|found| found == word.as_bytes())
        };
        assert!(!is_there(PERSON) && !is_there("aigul@example.kz"));
    }
}
