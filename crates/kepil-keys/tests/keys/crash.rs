//! A crash after every single step of the disk: never a half state, never an undone erasure.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_keys::ReadError;
use kepil_keys::disk::Disk;
use kepil_keys::file::FileVault;
use kepil_keys::store::{KeyStore, MARK_STEP, OpenError};
use kepil_keys::vault::Vault;

use crate::disk::{CRASHES, Crash, CrashDisk};
use crate::store::{NOVEMBER, reserve, row_key, secret};
use crate::vault::random;

const FOLDER: &str = "keys";
const OCTOBER: u32 = 202_610;

fn vault(disk: &Arc<CrashDisk>) -> Option<FileVault> {
    let disk: Arc<dyn Disk> = disk.clone();
    let folder = Path::new(FOLDER).join("vault");
    FileVault::open_on(disk, &folder, &Path::new(FOLDER).join("root"), random()).ok()
}

fn try_open(disk: &Arc<CrashDisk>) -> Option<Result<KeyStore, OpenError>> {
    disk.folder(Path::new(FOLDER)).ok()?;
    let vault = Box::new(vault(disk)?);
    let disk: Arc<dyn Disk> = disk.clone();
    Some(KeyStore::open_on(disk, Path::new(FOLDER), vault, random()))
}

fn open(disk: &Arc<CrashDisk>) -> KeyStore {
    try_open(disk).unwrap().unwrap()
}

fn state() -> PathBuf {
    Path::new(FOLDER).join("state")
}

/// What a test knows to be true.
#[derive(Debug, Clone)]
struct Known {
    persons: [([u8; 32], u32); 2],
    rows: Vec<(u64, [u8; 32])>,
    october: Vec<(u64, [u8; 32])>,
    /// Copies of the state, with the number of fresh writings before each.
    copies: Vec<(usize, Vec<u8>)>,
    /// Steps done.
    done: usize,
}

/// A store with two persons and two periods of rows.
fn prepare(disk: &Arc<CrashDisk>) -> (KeyStore, Known) {
    let store = open(disk);
    let known = Known {
        persons: [secret(&store, "iin:1"), secret(&store, "iin:2")],
        rows: reserve(&store, NOVEMBER, 10),
        october: reserve(&store, OCTOBER, 10),
        copies: vec![(0, store.backup_state().unwrap())],
        done: 0,
    };
    (store, known)
}

/// Number of steps of every test; each rewrites the state.
const STEPS: usize = 5;

fn step(store: &KeyStore, known: &mut Known) -> bool {
    match known.done {
        0 => store.erase_person("iin:1", 0).is_ok(),
        1 => store.erase_rows(NOVEMBER, &[2, 3, 7]).is_ok(),
        2 => store.skip_rows(NOVEMBER, MARK_STEP + 5).is_ok(),
        3 => store.erase_period(OCTOBER).is_ok(),
        _ => store.rotate().is_ok(),
    }
}

/// How many of the first steps made a fresh key.
fn fresh(done: usize) -> usize {
    done - usize::from(done > 2)
}

fn copy(store: &KeyStore, known: &mut Known) {
    if let Ok(copy) = store.backup_state() {
        known.copies.push((fresh(known.done), copy));
    }
}

/// Steps until one fails.
fn run(store: &KeyStore, known: &mut Known) {
    while known.done < STEPS && step(store, known) {
        known.done += 1;
        copy(store, known);
    }
}

/// How many steps show in a store; every step shows wholly or not at all.
fn shows(store: &KeyStore, known: &Known) -> usize {
    let (first, generation) = secret(store, "iin:1");
    assert_eq!(first == known.persons[0].0, generation == 0);
    assert_eq!(secret(store, "iin:2"), known.persons[1]);
    let gone = |period, rows: &[(u64, [u8; 32])]| -> Vec<u64> {
        rows.iter()
            .filter(|(row, key)| {
                let found = row_key(store, period, *row);
                assert!(found.is_none() || found == Some(*key));
                found.is_none()
            })
            .map(|(row, _)| *row)
            .collect()
    };
    let november = gone(NOVEMBER, &known.rows);
    let october = gone(OCTOBER, &known.october);
    assert!(november.is_empty() || november == [2, 3, 7]);
    assert!(october.is_empty() || october.len() == 10);
    match (generation, november.len(), october.len()) {
        (0, 0, 0) => 0,
        (1, 0, 0) => 1,
        (1, 3, 0) => 3,
        (1, 3, 10) => STEPS,
        other => panic!("{other:?}"),
    }
}

/// No key of the disk opens a copy of the state from before the last erasure.
fn check_copies(disk: &Arc<CrashDisk>, known: &Known) {
    let vault = vault(disk).unwrap();
    let keys = vault.find("kepil-state").unwrap();
    assert_eq!(keys.len(), 1);
    let now = disk.read(&state()).unwrap().bytes;
    for (count, old) in &known.copies {
        if *count >= fresh(known.done) {
            continue;
        }
        // Not with the keys that are there,
        let handle: [u8; 16] = old[1..17].try_into().unwrap();
        let length = usize::from(u16::from_be_bytes(old[17..19].try_into().unwrap()));
        let wrapped = &old[19..19 + length];
        let context = [&b"kepil-state-key/v1 "[..], &handle].concat();
        assert!(keys.iter().all(|key| *key.as_bytes() != handle));
        assert!(vault.unwrap(keys[0], &context, wrapped).is_err());
        // and not by putting it back.
        disk.put(&state(), old);
        let Err(OpenError::Read { source, .. }) = try_open(disk).unwrap() else {
            panic!("a copy from before an erasure opens");
        };
        assert!(matches!(source, ReadError::Outdated { .. }), "{source:?}");
    }
    disk.put(&state(), &now);
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new_state() {
    let whole = Arc::new(CrashDisk::default());
    let (store, mut known) = prepare(&whole);
    let before = whole.steps();
    run(&store, &mut known);
    assert_eq!(known.done, STEPS);
    let steps = whole.steps() - before;
    assert!(steps > 80, "{steps}");
    drop(store);

    for crash in CRASHES {
        for stop in 0..=steps {
            let disk = Arc::new(CrashDisk::default());
            let (store, mut known) = prepare(&disk);
            disk.stop_after(stop);
            run(&store, &mut known);
            drop(store);
            disk.crash(crash);

            let store = open(&disk);
            let shown = shows(&store, &known);
            // What returned stands; the step that was under way may stand too.
            let (least, most) = match known.done {
                2 => (3, 3),
                4 => (STEPS, STEPS),
                done => (done, if done == 3 { STEPS } else { done + 1 }),
            };
            let most = if least == 1 { 3 } else { most };
            assert!(
                (least..=most).contains(&shown),
                "{crash:?} {stop}: {known:?}"
            );
            // No row of before comes again.
            let next = reserve(&store, NOVEMBER, 1)[0].0;
            assert!(next >= if known.done > 2 { MARK_STEP + 5 } else { 10 });
            drop(store);
            check_copies(&disk, &known);

            // Going on where it stopped comes to the same end.
            let store = open(&disk);
            run(&store, &mut known);
            assert_eq!(known.done, STEPS);
            assert_eq!(shows(&store, &known), STEPS);
            drop(store);
            check_copies(&disk, &known);
        }
    }
}

#[test]
fn a_step_that_fails_once_can_be_done_again_without_a_restart() {
    for fail in 0..120 {
        let disk = Arc::new(CrashDisk::default());
        let (store, mut known) = prepare(&disk);
        disk.fail_after(fail);
        run(&store, &mut known);
        let failed = known.done < STEPS;
        if failed {
            // An erasure that did not return is not half done either.
            shows(&store, &known);
            run(&store, &mut known);
        }
        assert_eq!(known.done, STEPS);
        assert_eq!(shows(&store, &known), STEPS);
        drop(store);
        disk.crash(Crash::Keeps);
        check_copies(&disk, &known);
        assert_eq!(shows(&open(&disk), &known), STEPS);
    }
}

#[test]
fn a_crash_while_a_store_is_made_leaves_none_or_a_whole_one() {
    let whole = Arc::new(CrashDisk::default());
    drop(open(&whole));
    let steps = whole.steps();
    for crash in CRASHES {
        for stop in 0..=steps {
            let disk = Arc::new(CrashDisk::default());
            disk.stop_after(stop);
            let made = matches!(try_open(&disk), Some(Ok(_)));
            disk.crash(crash);
            let store = open(&disk);
            assert!(made || stop < steps, "{stop}");
            let person = secret(&store, "iin:1");
            drop(store);
            assert_eq!(secret(&open(&disk), "iin:1"), person);
            let names: Vec<_> = disk.paths();
            assert_eq!(names.len(), 3, "{crash:?} {stop}: {names:?}");
        }
    }
}

#[test]
fn a_crash_while_what_was_left_is_removed_does_no_harm() {
    for first in (0..60).step_by(4) {
        for second in 0..30 {
            let disk = Arc::new(CrashDisk::default());
            let (store, mut known) = prepare(&disk);
            disk.stop_after(first);
            run(&store, &mut known);
            drop(store);
            disk.crash(Crash::Loses);
            disk.stop_after(second);
            drop(try_open(&disk));
            disk.crash(Crash::Keeps);
            shows(&open(&disk), &known);
            check_copies(&disk, &known);
        }
    }
}

#[test]
fn the_blocks_of_a_destroyed_key_are_overwritten() {
    let disk = Arc::new(CrashDisk::default());
    let (store, _) = prepare(&disk);
    let key = disk
        .paths()
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "key"));
    let key = disk.read(&key.unwrap()).unwrap().bytes;
    store.erase_person("iin:1", 0).unwrap();
    assert!(disk.blocks().iter().all(|block| *block != *key));
}
