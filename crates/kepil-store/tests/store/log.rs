//! Logs for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kepil_ledger::entry::Opening;
use kepil_ledger::note::KeyName;
use kepil_ledger::verify::{self, Report};
use kepil_store::draft::Draft;
use kepil_store::log::{Log, Options};
use kepil_store::source::DirSource;

/// A clock that goes on by one millisecond each time it is read.
pub fn ticking(from: u64) -> kepil_store::log::Clock {
    let now = AtomicU64::new(from);
    Arc::new(move || now.fetch_add(1, Ordering::Relaxed))
}

/// Small segments, so that many are used; checkpoints only when asked for.
pub fn options() -> Options {
    let origin = KeyName::new("log.example/test").unwrap();
    Options {
        segment_bytes: 64 * 1024,
        checkpoint_interval: Duration::from_secs(3_600),
        // The clocks of these tests jump; a head more would disturb their counts.
        quiet_secs: u64::MAX,
        ..Options::new(origin, [7; 32], ticking(1_763_700_000_000))
    }
}

pub fn open(folder: &Path) -> Log {
    Log::open(folder, options()).unwrap()
}

pub fn draft(number: u64) -> Draft {
    let mut salt = [3; 32];
    salt[..8].copy_from_slice(&number.to_be_bytes());
    let record = format!("{{\"record\":{number}}}").repeat(1 + usize::from(salt[7]) % 7);
    Draft::from(opening(salt, record.into_bytes()))
}

pub fn opening(salt: [u8; 32], record: Vec<u8>) -> Opening {
    Opening { salt, record }
}

/// What opens a draft's leaf; its row holds it in clear.
pub fn opened(draft: &Draft) -> Opening {
    let (salt, record) = draft.row.split_first_chunk::<32>().unwrap();
    opening(*salt, record.to_vec())
}

pub fn drafts(numbers: std::ops::Range<u64>) -> Vec<Draft> {
    numbers.map(draft).collect()
}

/// Appends drafts 0..count in requests of `step`.
pub fn fill(log: &Log, count: u64, step: u64) {
    let mut from = log.head().size;
    while from < count {
        let to = (from + step).min(count);
        let tickets = log.appender().append_blocking(drafts(from..to)).unwrap();
        assert_eq!(tickets.first().unwrap().index(), from);
        from = to;
    }
}

/// Everything that is stored, which must be drafts 0..size.
pub fn assert_holds(log: &Log, size: u64) {
    assert_eq!(log.head().size, size);
    let mut next = 0;
    for entry in log.records(0) {
        let entry = entry.unwrap();
        assert_eq!(entry.index, next);
        assert_eq!(entry.draft(), Some(draft(next)));
        assert_eq!(entry.leaf, draft(next).leaf);
        next += 1;
    }
    assert_eq!(next, size);
}

pub fn verify(log: &Log, folder: &Path) -> Report {
    verify::rebuild(
        &DirSource::new(&folder.join("log")),
        log.verifying_key(),
        None,
    )
}

pub fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // The one that is still being made gets its name when it is whole.
        .filter(|path| path.extension().is_some_and(|it| it == "segment"))
        .collect();
    paths.sort();
    paths
}

/// Makes the next opening read everything.
pub fn forget_snapshots(folder: &Path) {
    let folder = folder.join("snapshot");
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
}

/// Copies a folder as a crash would leave it: without closing the log.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let entries = match fs::read_dir(from) {
        // A snapshot in the making has got its name in the meantime.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        entries => entries.unwrap(),
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            match fs::copy(&path, &target) {
                // A segment being prepared has got its name in the meantime.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => _ = copied.unwrap(),
            }
        }
    }
}

/// A seed that differs from run to run, printed so that a failure can be repeated.
pub fn random_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    let seed = RandomState::new().hash_one("kepil");
    println!("seed {seed}");
    seed
}

/// xorshift64*
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }
}
