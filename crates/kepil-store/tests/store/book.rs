//! A log with a book: every checkpoint ends with a map head, and every list is complete.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use kepil_ledger::chain::Chain;
use kepil_ledger::checkpoint;
use kepil_ledger::entry::{Enrolment, Leaf, Opening};
use kepil_ledger::hash::Hash;
use kepil_ledger::map::root_from_path;
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;
use kepil_store::draft::{Booker, Draft};
use kepil_store::log::{AppendError, Log, Options};
use kepil_store::monthkey::MonthKey;

use crate::log::{Random, copy, forget_snapshots, options, verify};

/// Month and tag in clear.
#[derive(Debug)]
pub struct Plain;

impl Booker for Plain {
    fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
        let tag: [u8; 32] = booking.get(4..36)?.try_into().ok()?;
        Some((self.period(booking)?, Tag::new(Hash::new(tag))))
    }

    fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
        let tags = booking.get(4..)?.as_chunks::<32>().0.iter();
        let tags = tags.map(|tag| Tag::new(Hash::new(*tag)));
        Some((self.period(booking)?, tags.collect()))
    }

    fn period(&self, booking: &[u8]) -> Option<Period> {
        let number: [u8; 4] = booking.get(..4)?.try_into().ok()?;
        Period::new(u32::from_be_bytes(number))
    }

    fn month_key(&self, period: Period) -> Option<MonthKey> {
        let mut key = [0x77; 32];
        key[..4].copy_from_slice(&period.number().to_be_bytes());
        Some(MonthKey::new(key))
    }
}

pub const NOW_MS: u64 = 1_763_700_000_000;

pub fn tag(person: u64) -> Tag {
    let mut bytes = [0x55; 32];
    bytes[..8].copy_from_slice(&person.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Tag::new(Hash::new(bytes))
}

/// Which of the 20 persons of these tests has the tag.
pub fn person_of(wanted: &Tag) -> u64 {
    (0..20).find(|person| tag(*person) == *wanted).unwrap()
}

pub fn entry(person: u64, number: u64, period: Period) -> Draft {
    let mut salt = [3; 32];
    salt[..8].copy_from_slice(&number.to_be_bytes());
    let opening = Opening {
        salt,
        record: format!("use {number}").into_bytes(),
    };
    let mut draft = Draft::from(opening);
    draft.booking = period.number().to_be_bytes().to_vec();
    draft.booking.extend_from_slice(tag(person).as_bytes());
    draft
}

pub fn with_book() -> Options {
    Options {
        booker: Some(Arc::new(Plain)),
        ..options()
    }
}

pub fn open_with_book(folder: &Path) -> Log {
    Log::open(folder, with_book()).unwrap()
}

pub fn own_period() -> Period {
    Period::of_ms(NOW_MS)
}

/// Size and last leaf of the published log.
fn published(folder: &Path) -> (u64, Leaf) {
    let bytes = std::fs::read(folder.join("log/checkpoint")).unwrap();
    let size = checkpoint::parse(&bytes).unwrap().unverified().size;
    let source = kepil_store::source::DirSource::new(&folder.join("log"));
    let path = kepil_ledger::tile::TilePath::entries_in((size - 1) / 256, size).unwrap();
    let bundle = kepil_ledger::tile::fetch_bundle(&source, path).unwrap();
    (size, Leaf::parse(bundle.last().unwrap()).unwrap())
}

/// The published head, and that every person's list leads to it and holds what it should.
pub fn assert_complete(log: &Log, folder: &Path, uses: &[(u64, u64)]) {
    let (size, leaf) = published(folder);
    let Leaf::MapHead(head) = leaf else {
        panic!("the last leaf is {leaf:?}");
    };
    assert_eq!(head.covers, size - 1);
    let book = log.book().unwrap();
    for person in 0..20 {
        let expected: Vec<u64> = uses
            .iter()
            .filter(|(of, _)| *of == person)
            .map(|(_, index)| *index)
            .collect();
        let listed = book.list(own_period(), &tag(person), head.covers);
        if expected.is_empty() {
            assert!(listed.is_err(), "person {person} was never enrolled");
            continue;
        }
        let listed = listed.unwrap();
        let found: Vec<u64> = listed.uses.iter().map(|entry| entry.index).collect();
        assert_eq!(found, expected);
        let chain = listed
            .uses
            .iter()
            .fold(Chain::new(&tag(person)), |chain, entry| {
                chain.step(entry.index, &entry.commitment)
            });
        assert_eq!(chain, listed.chain);
        let root = root_from_path(&tag(person), &chain, &listed.path);
        assert_eq!(Some(&root), head.root_of(own_period()));
    }
}

#[test]
fn every_checkpoint_ends_with_a_head_and_every_list_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_with_book(folder.path());
    let mut random = Random(11);
    let mut uses = Vec::new();
    for round in 0..60 {
        let persons: Vec<u64> = (0..1 + random.below(5)).map(|_| random.below(17)).collect();
        let drafts = persons
            .iter()
            .map(|person| entry(*person, round, own_period()));
        let tickets = log.appender().append_blocking(drafts.collect()).unwrap();
        uses.extend(
            persons
                .into_iter()
                .zip(tickets.iter().map(|ticket| ticket.index())),
        );
        if round % 7 == 3 {
            let head = log.publish().unwrap();
            // Entries that come after the head do not disturb the lists as of it.
            let later = log
                .appender()
                .append_blocking(vec![entry(3, 1_000 + round, own_period())]);
            assert_complete(&log, folder.path(), &uses);
            uses.push((3, later.unwrap()[0].index()));
            assert!(head.size > uses.last().unwrap().1 - 1);
            // Nothing new, no new head.
            log.publish().unwrap();
            let size = log.publish().unwrap().size;
            assert_eq!(log.publish().unwrap().size, size);
        }
    }
    log.close().unwrap();
    let log = open_with_book(folder.path());
    assert_complete(&log, folder.path(), &uses);
    assert!(verify(&log, folder.path()).is_sound());
}

#[test]
fn a_copy_taken_under_load_recovers_to_the_same_lists() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoint_interval: std::time::Duration::from_millis(3),
        ..with_book()
    };
    let log = Log::open(folder.path(), options).unwrap();
    let mut uses = Vec::new();
    for number in 0..400 {
        let person = number * 7 % 20;
        let tickets = log
            .appender()
            .append_blocking(vec![entry(person, number, own_period())]);
        uses.push((person, tickets.unwrap()[0].index()));
        if number % 100 == 50 {
            let copied = tempfile::tempdir().unwrap();
            copy(
                &folder.path().join("segments"),
                &copied.path().join("segments"),
            );
            let log = open_with_book(copied.path());
            log.publish().unwrap();
            assert_complete(&log, copied.path(), &uses);
        }
    }
    log.close().unwrap();
    assert_complete(&open_with_book(folder.path()), folder.path(), &uses);
}

#[test]
fn a_changed_head_in_the_segments_stops_the_opening() {
    // A log whose booker reads other tags than the writer's: the heads do not match.
    #[derive(Debug)]
    struct Other;
    impl Booker for Other {
        fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
            Plain.booked(booking).map(|(period, _)| (period, tag(99)))
        }
        fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
            Plain.enrolled(booking)
        }
        fn period(&self, booking: &[u8]) -> Option<Period> {
            Plain.period(booking)
        }
        fn month_key(&self, period: Period) -> Option<MonthKey> {
            Plain.month_key(period)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let log = open_with_book(folder.path());
    log.appender()
        .append_blocking(vec![entry(1, 0, own_period())])
        .unwrap();
    log.publish().unwrap();
    log.close().unwrap();
    forget_snapshots(folder.path());
    let booker: Option<Arc<dyn Booker>> = Some(Arc::new(Other));
    let error = Log::open(
        folder.path(),
        Options {
            booker,
            ..options()
        },
    )
    .unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("map head at entry 1"), "{cause}");
}

#[test]
fn a_month_closes_and_its_last_list_stays() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(NOW_MS));
    let hands = now.clone();
    let options = || Options {
        clock: {
            let hands = hands.clone();
            Arc::new(move || hands.load(Ordering::Relaxed))
        },
        ..with_book()
    };
    let log = Log::open(folder.path(), options()).unwrap();
    let append = |log: &Log, number, period| {
        log.appender()
            .append_blocking(vec![entry(1, number, period)])
    };
    append(&log, 0, own_period()).unwrap();
    log.publish().unwrap();

    // The month after, within its first day: both are open.
    let next = own_period().next();
    now.store((own_period().end_secs() + 10) * 1000, Ordering::Relaxed);
    append(&log, 1, own_period()).unwrap();
    append(&log, 2, next).unwrap();
    log.publish().unwrap();
    assert_eq!(log.book().unwrap().closing(own_period()), None);

    now.store((own_period().end_secs() + 90_000) * 1000, Ordering::Relaxed);
    append(&log, 3, next).unwrap();
    log.publish().unwrap();
    assert_eq!(log.book().unwrap().closing(own_period()), None);
    now.store(
        (own_period().end_secs() + 8 * 86_400) * 1000,
        Ordering::Relaxed,
    );
    append(&log, 3, next).unwrap();
    log.publish().unwrap();
    let closing = log.book().unwrap().closing(own_period()).unwrap();
    let listed = log
        .book()
        .unwrap()
        .list(own_period(), &tag(1), closing)
        .unwrap();
    assert_eq!(listed.chain.count, 2);
    let late = append(&log, 4, own_period()).unwrap_err();
    assert_eq!(
        late,
        AppendError::ClosedMonth {
            period: own_period()
        }
    );
    // The clock steps back: the entry is booked in the month that is still open.
    now.store(NOW_MS, Ordering::Relaxed);
    assert_eq!(log.period_for(NOW_MS), Some(next));
    append(&log, 5, next).unwrap();
    log.publish().unwrap();
    log.close().unwrap();

    let log = Log::open(folder.path(), options()).unwrap();
    let again = log
        .book()
        .unwrap()
        .list(own_period(), &tag(1), closing)
        .unwrap();
    assert_eq!(again, listed);
    assert_eq!(append(&log, 6, own_period()).unwrap_err(), late);
}

#[test]
fn the_enrolled_have_a_list_without_entries() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_with_book(folder.path());
    let enrol = |persons: std::ops::Range<u64>| {
        let mut booking = own_period().number().to_be_bytes().to_vec();
        persons
            .clone()
            .for_each(|person| booking.extend_from_slice(tag(person).as_bytes()));
        Draft {
            booking,
            ..Draft::of(Leaf::Enrolment(Enrolment {
                period: own_period(),
                count: persons.end - persons.start,
                root: Hash::new([1; 32]),
            }))
        }
    };
    log.appender()
        .append_blocking(vec![enrol(0..300), enrol(200..900)])
        .unwrap();
    log.publish().unwrap();
    assert_eq!(log.book().unwrap().months(), [(own_period(), 900)]);
    let (size, leaf) = published(folder.path());
    let Leaf::MapHead(head) = leaf else { panic!() };
    let listed = log
        .book()
        .unwrap()
        .list(own_period(), &tag(7), size - 1)
        .unwrap();
    assert_eq!((listed.chain.count, listed.uses.len()), (0, 0));
    let root = root_from_path(&tag(7), &listed.chain, &listed.path);
    assert_eq!(Some(&root), head.root_of(own_period()));
    // 900 persons: nine levels of the tree are flat.
    assert!(listed.path.siblings().len() >= 9);
}

#[test]
fn entries_are_acknowledged_while_a_long_enrolment_is_booked() {
    /// Takes its time to read an enrolment: until it is told to go on.
    #[derive(Debug)]
    struct Slow(Mutex<Receiver<()>>);
    impl Booker for Slow {
        fn booked(&self, booking: &[u8]) -> Option<(Period, Tag)> {
            Plain.booked(booking)
        }
        fn enrolled(&self, booking: &[u8]) -> Option<(Period, Vec<Tag>)> {
            self.0.lock().unwrap().recv().ok();
            Plain.enrolled(booking)
        }
        fn period(&self, booking: &[u8]) -> Option<Period> {
            Plain.period(booking)
        }
        fn month_key(&self, period: Period) -> Option<MonthKey> {
            Plain.month_key(period)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (go_on, wait) = channel();
    let options = Options {
        booker: Some(Arc::new(Slow(Mutex::new(wait)))),
        ..with_book()
    };
    let log = Log::open(folder.path(), options).unwrap();
    let mut enrolment = Draft::of(Leaf::Enrolment(Enrolment {
        period: own_period(),
        count: 1,
        root: Hash::new([1; 32]),
    }));
    enrolment.booking = own_period().number().to_be_bytes().to_vec();
    enrolment.booking.extend_from_slice(tag(9).as_bytes());
    log.appender().append_blocking(vec![enrolment]).unwrap();

    let uses = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| log.publish().unwrap());
        let append = |number| {
            let draft = entry(1, number, own_period());
            let tickets = log.appender().append_blocking(vec![draft]).unwrap();
            (1, tickets[0].index())
        };
        let uses: Vec<(u64, u64)> = (0..50).map(append).collect();
        go_on.send(()).unwrap();
        publishing.join().unwrap();
        uses
    });
    log.publish().unwrap();
    assert_eq!(log.book().unwrap().months(), [(own_period(), 2)]);
    let covers = published(folder.path()).0 - 1;
    let listed = log.book().unwrap().list(own_period(), &tag(1), covers);
    let found: Vec<u64> = listed.unwrap().uses.iter().map(|it| it.index).collect();
    assert!(
        found
            .into_iter()
            .eq(uses.into_iter().map(|(_, index)| index))
    );
}
