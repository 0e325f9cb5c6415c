use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use kepil_keys::ReadError;
use kepil_keys::Secret;
use kepil_keys::file::FileVault;
use kepil_keys::store::{EraseError, KeyStore, MARK_STEP, OpenError, ReserveError, RowKeyError};
use tempfile::TempDir;

use crate::vault::random;

pub const NOVEMBER: u32 = 202_611;
pub const DECEMBER: u32 = 202_612;

pub struct Place {
    _temp: TempDir,
    pub folder: PathBuf,
}

pub fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    Place {
        folder: temp.path().join("keys"),
        _temp: temp,
    }
}

pub fn open(place: &Place) -> Result<KeyStore, OpenError> {
    let (vault, root) = (
        place.folder.with_file_name("vault"),
        place.folder.with_file_name("root"),
    );
    let vault = FileVault::open(&vault, &root, random()).unwrap();
    KeyStore::open(&place.folder, Box::new(vault), random())
}

pub fn secret(store: &KeyStore, subject: &str) -> ([u8; 32], u32) {
    let person = store.person(subject).unwrap();
    (*person.secret.as_bytes(), person.generation)
}

pub fn row_key(store: &KeyStore, period: u32, row: u64) -> Option<[u8; 32]> {
    let key = store.row_key(period, row).unwrap();
    key.map(|key| *key.as_bytes())
}

pub fn reserve(store: &KeyStore, period: u32, count: u16) -> Vec<(u64, [u8; 32])> {
    let rows = store.reserve_rows(period, count).unwrap();
    rows.map(|(row, key): (u64, Secret)| (row, *key.as_bytes()))
        .collect()
}

fn state(place: &Place) -> PathBuf {
    place.folder.join("state")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn secrets_stay_the_same_over_a_restart() {
    let place = place();
    let store = open(&place).unwrap();
    let (one, two) = (secret(&store, "iin:1"), secret(&store, "iin:2"));
    assert_ne!(one, two);
    let rows = reserve(&store, NOVEMBER, 5);
    assert_eq!(
        rows.iter().map(|(row, _)| *row).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    drop(store);
    let store = open(&place).unwrap();
    assert_eq!(
        [secret(&store, "iin:1"), secret(&store, "iin:2")],
        [one, two]
    );
    for (row, key) in rows {
        assert_eq!(row_key(&store, NOVEMBER, row), Some(key));
    }
}

#[test]
fn an_erased_person_begins_anew() {
    let place = place();
    let store = open(&place).unwrap();
    let (old, other) = (secret(&store, "iin:1"), secret(&store, "iin:2"));
    assert_eq!(old.1, 0);
    assert!(store.erase_person("iin:1", 0).unwrap());
    let new = secret(&store, "iin:1");
    assert_eq!(new.1, 1);
    assert_ne!(new.0, old.0);
    // Again by mistake: the new secret is not touched.
    assert!(!store.erase_person("iin:1", 0).unwrap());
    let error = store.erase_person("iin:1", 2).unwrap_err();
    assert!(
        matches!(
            error,
            EraseError::Generation {
                generation: 2,
                present: 1
            }
        ),
        "{error:?}"
    );
    drop(store);
    let store = open(&place).unwrap();
    assert_eq!(
        [secret(&store, "iin:1"), secret(&store, "iin:2")],
        [new, other]
    );
    assert!(store.erase_person("iin:1", 1).unwrap());
    assert_eq!(secret(&store, "iin:1").1, 2);
}

#[test]
fn no_row_is_handed_out_twice() {
    let place = place();
    let store = open(&place).unwrap();
    let seen: BTreeSet<(u32, u64)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4_u16)
            .map(|worker| {
                let store = &store;
                scope.spawn(move || {
                    let period = NOVEMBER + u32::from(worker % 2);
                    let rows = (0..200).flat_map(|_| reserve(store, period, worker + 1));
                    rows.map(|(row, _)| (period, row)).collect::<Vec<_>>()
                })
            })
            .collect();
        let rows: Vec<_> = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect();
        let distinct: BTreeSet<_> = rows.iter().copied().collect();
        assert_eq!(distinct.len(), rows.len());
        distinct
    });
    assert_eq!(seen.len(), 200 * (1 + 2 + 3 + 4));
    drop(store);
    let store = open(&place).unwrap();
    assert_eq!(reserve(&store, NOVEMBER, 1)[0].0, MARK_STEP);
}

#[test]
fn reserving_goes_on_beyond_a_mark() {
    let place = place();
    let store = open(&place).unwrap();
    store.skip_rows(NOVEMBER, MARK_STEP - 2).unwrap();
    let rows = reserve(&store, NOVEMBER, 4);
    assert_eq!(rows[3].0, MARK_STEP + 1);
    for (row, key) in rows {
        assert_eq!(row_key(&store, NOVEMBER, row), Some(key));
    }
    // Never backwards.
    store.skip_rows(NOVEMBER, 3).unwrap();
    assert_eq!(reserve(&store, NOVEMBER, 1)[0].0, MARK_STEP + 2);
    assert_eq!(reserve(&store, DECEMBER, 0), []);
    assert_eq!(reserve(&store, DECEMBER, 1)[0].0, 0);
}

#[test]
fn rows_are_handed_out_while_others_are_erased() {
    let place = place();
    let store = open(&place).unwrap();
    let old = reserve(&store, NOVEMBER, 100);
    let rows = thread::scope(|scope| {
        let appender = scope.spawn(|| {
            let rows = (0..3_000).flat_map(|_| reserve(&store, NOVEMBER, 1));
            rows.collect::<Vec<_>>()
        });
        for row in 0..50 {
            assert_eq!(store.erase_rows(NOVEMBER, &[row * 2]).unwrap(), 1);
            assert!(store.erase_person(&format!("iin:{row}"), 0).unwrap());
        }
        appender.join().unwrap()
    });
    assert!(rows.iter().map(|(row, _)| *row).eq(100..3_100));
    for (row, key) in old {
        assert_eq!(
            row_key(&store, NOVEMBER, row),
            (row % 2 == 1).then_some(key)
        );
    }
    drop(store);
    let store = open(&place).unwrap();
    for (row, key) in rows {
        assert_eq!(row_key(&store, NOVEMBER, row), Some(key));
    }
}

#[test]
fn a_full_period_says_so() {
    let place = place();
    let store = open(&place).unwrap();
    store.skip_rows(NOVEMBER, (1 << 48) - 1).unwrap();
    assert_eq!(reserve(&store, NOVEMBER, 1)[0].0, (1 << 48) - 1);
    for error in [
        store.reserve_rows(NOVEMBER, 1).unwrap_err(),
        store.skip_rows(NOVEMBER, (1 << 48) + 1).unwrap_err(),
    ] {
        assert!(matches!(error, ReserveError::Exhausted { .. }), "{error:?}");
    }
    // The neighbour is not touched.
    assert_eq!(reserve(&store, NOVEMBER + 1, 1)[0].0, 0);
}

#[test]
fn erased_rows_have_no_key_and_others_keep_theirs() {
    let place = place();
    let store = open(&place).unwrap();
    let rows = reserve(&store, NOVEMBER, 20);
    let december = reserve(&store, DECEMBER, 20);
    assert_eq!(store.erase_rows(NOVEMBER, &[3, 9, 4, 5, 3]).unwrap(), 4);
    assert_eq!(store.erase_rows(NOVEMBER, &[3, 10]).unwrap(), 1);
    assert_eq!(store.erase_rows(NOVEMBER, &[3]).unwrap(), 0);
    assert_eq!(store.erase_rows(NOVEMBER, &[]).unwrap(), 0);
    let check = |store: &KeyStore| {
        for (row, key) in &rows {
            let expected = (![3, 4, 5, 9, 10].contains(row)).then_some(*key);
            assert_eq!(row_key(store, NOVEMBER, *row), expected);
            let key = december[usize::try_from(*row).unwrap()].1;
            assert_eq!(row_key(store, DECEMBER, *row), Some(key));
        }
    };
    check(&store);
    assert_eq!(reserve(&store, NOVEMBER, 1)[0].0, 20);
    drop(store);
    check(&open(&place).unwrap());
}

#[test]
fn rows_never_handed_out_have_no_key_and_cannot_be_erased() {
    let place = place();
    let store = open(&place).unwrap();
    let unknown = |period, row| RowKeyError::Unknown { period, row };
    assert_eq!(
        store.row_key(NOVEMBER, 0).unwrap_err(),
        unknown(NOVEMBER, 0)
    );
    reserve(&store, NOVEMBER, 2);
    let (period, row) = (NOVEMBER, MARK_STEP);
    assert_eq!(
        store.row_key(period, row).unwrap_err(),
        unknown(period, row)
    );
    let error = store.erase_rows(NOVEMBER, &[0, 2]).unwrap_err();
    assert!(matches!(error, EraseError::Row { row: 2, .. }), "{error:?}");
    assert!(row_key(&store, NOVEMBER, 0).is_some());
    let error = store.erase_period(DECEMBER).unwrap_err();
    assert!(
        matches!(error, EraseError::Period { period: DECEMBER }),
        "{error:?}"
    );
}

#[test]
fn an_erased_period_has_no_keys_and_gets_none() {
    let place = place();
    let store = open(&place).unwrap();
    reserve(&store, NOVEMBER, 3);
    let december = reserve(&store, DECEMBER, 3);
    assert!(store.erase_period(NOVEMBER).unwrap());
    assert!(!store.erase_period(NOVEMBER).unwrap());
    let check = |store: &KeyStore| {
        for (row, key) in &december {
            assert_eq!(row_key(store, NOVEMBER, *row), None);
            assert_eq!(row_key(store, DECEMBER, *row), Some(*key));
        }
        for error in [
            store.reserve_rows(NOVEMBER, 1).unwrap_err(),
            store.skip_rows(NOVEMBER, 1 << 40).unwrap_err(),
        ] {
            assert!(matches!(error, ReserveError::Erased { .. }), "{error:?}");
        }
    };
    check(&store);
    drop(store);
    check(&open(&place).unwrap());
}

#[test]
fn a_backup_opens_until_the_next_erasure_or_rotation() {
    let place = place();
    let store = open(&place).unwrap();
    let person = secret(&store, "iin:1");
    let backup = store.backup_state().unwrap();
    reserve(&store, NOVEMBER, 10);
    drop(store);

    // A mark is no erasure: the backup opens, and knows nothing of the rows.
    let latest = fs::read(state(&place)).unwrap();
    fs::write(state(&place), &backup).unwrap();
    let store = open(&place).unwrap();
    assert_eq!(secret(&store, "iin:1"), person);
    store.skip_rows(NOVEMBER, 10).unwrap();
    assert_eq!(reserve(&store, NOVEMBER, 1)[0].0, 10);

    let outdated = |old: &[u8]| {
        let now = fs::read(state(&place)).unwrap();
        fs::write(state(&place), old).unwrap();
        let error = open(&place).unwrap_err();
        let OpenError::Read { source, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(matches!(source, ReadError::Outdated { .. }), "{source:?}");
        assert!(source.to_string().contains("by design nobody can open it"));
        // Trying did no harm.
        fs::write(state(&place), now).unwrap();
        open(&place).unwrap()
    };
    let before = store.backup_state().unwrap();
    store.rotate().unwrap();
    drop(store);
    let store = outdated(&before);
    let rotated = store.backup_state().unwrap();
    store.erase_person("iin:1", 0).unwrap();
    drop(store);
    for old in [&rotated, &backup, &latest] {
        drop(outdated(old));
    }
    assert_eq!(secret(&open(&place).unwrap(), "iin:1").1, 1);
}

#[test]
fn a_changed_state_is_refused() {
    let place = place();
    drop(open(&place).unwrap());
    let good = fs::read(state(&place)).unwrap();
    for at in (0..good.len()).step_by(7).chain([0, 17, 18]) {
        let mut bent = good.clone();
        bent[at] ^= 1;
        fs::write(state(&place), &bent).unwrap();
        let error = open(&place).unwrap_err();
        let OpenError::Read { source, .. } = &error else {
            panic!("{error:?}");
        };
        let expected = match source {
            ReadError::Outdated { .. } => (1..17).contains(&at),
            ReadError::Damaged { .. } => !(1..17).contains(&at),
            _ => false,
        };
        assert!(expected, "{at}: {source:?}");
    }
    fs::write(state(&place), &good).unwrap();
    open(&place).unwrap();
}

#[test]
fn a_lost_state_or_vault_is_not_replaced_in_silence() {
    let place = place();
    drop(open(&place).unwrap());
    let good = fs::read(state(&place)).unwrap();
    fs::remove_file(state(&place)).unwrap();
    let read = |place: &Place| match open(place).unwrap_err() {
        OpenError::Read { source, .. } => source,
        error => panic!("{error:?}"),
    };
    assert!(matches!(read(&place), ReadError::Missing { .. }));
    // A copy that others may read is refused before it is opened.
    fs::write(state(&place), &good).unwrap();
    fs::set_permissions(state(&place), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(read(&place), ReadError::File { .. }));
    fs::set_permissions(state(&place), fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(
        place.folder.with_file_name("vault"),
        place.folder.with_file_name("away"),
    )
    .unwrap();
    assert!(matches!(read(&place), ReadError::NoKeys { .. }));
}

#[test]
fn a_second_opening_is_refused() {
    let place = place();
    let store = open(&place).unwrap();
    assert!(matches!(open(&place), Err(OpenError::InUse { .. })));
    drop(store);
    open(&place).unwrap();
}

#[test]
fn nothing_is_left_lying_about() {
    let place = place();
    let store = open(&place).unwrap();
    let vault = place.folder.with_file_name("vault");
    reserve(&store, NOVEMBER, 3);
    store.erase_person("iin:1", 0).unwrap();
    store.erase_rows(NOVEMBER, &[1]).unwrap();
    store.rotate().unwrap();
    let expected = ["lock", "state"].map(str::to_owned);
    assert_eq!(names(&place.folder), expected.into());
    assert_eq!(names(&vault).len(), 1);
}

#[test]
fn debug_shows_no_secret() {
    let place = place();
    let store = open(&place).unwrap();
    let rows = store.reserve_rows(NOVEMBER, 3).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(format!("{rows:?}"), "RowRange(3 from 0)");
    let person = store.person("iin:1").unwrap();
    let shown = format!("{store:?} {person:?}");
    let hidden = person
        .secret
        .as_bytes()
        .map(|byte| byte.to_string())
        .join(", ");
    assert!(shown.contains("Secret(..)") && !shown.contains(&hidden));
}
