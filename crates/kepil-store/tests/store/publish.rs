use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kepil_ledger::checkpoint;
use kepil_ledger::tile::TileSource as _;
use kepil_ledger::verify::{self, Standing};
use kepil_store::log::{Log, Options};
use kepil_store::source::DirSource;

use crate::log::{drafts, fill, forget_snapshots, open, options, verify};

#[test]
fn a_published_log_verifies_at_every_size() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let mut older = None;
    for size in [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 1_000, 66_000] {
        fill(&log, size, 400);
        let head = log.publish().unwrap();
        assert_eq!(head.size, size);
        let source = DirSource::new(&folder.path().join("log"));
        let report = verify::rebuild(&source, log.verifying_key(), older.as_ref());
        assert!(report.is_sound(), "{size}: {report:?}");
        assert_eq!(report.entries_checked, size);

        let text = head.checkpoint.unwrap();
        assert_eq!(source.read("checkpoint").unwrap().unwrap(), text.as_bytes());
        let signed = checkpoint::parse(text.as_bytes()).unwrap();
        let now = signed.verify(log.verifying_key()).unwrap().clone();
        assert_eq!((now.size, now.root), (head.size, head.root));
        older = Some(now);
    }
    for index in [0, 255, 256, 65_999] {
        let receipt = log.receipt(index).unwrap();
        let source = DirSource::new(&folder.path().join("log"));
        let report = verify::receipt(&source, log.verifying_key(), &receipt);
        assert_eq!(report.standing, Standing::Included, "{report:?}");
    }
    // Partial tiles whose full tile exists are gone, the others are there.
    let names = tree(&folder.path().join("log"));
    assert!(!names.contains(&"tile/0/000.p".to_owned()));
    assert!(names.contains(&"tile/0/257.p".to_owned()));
    assert!(names.contains(&"tile/1/001.p".to_owned()));
}

fn tree(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            names.push(
                path.strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    names
}

#[test]
fn checkpoints_come_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoint_interval: Duration::from_millis(5),
        ..options()
    };
    let log = Log::open(folder.path(), options).unwrap();
    fill(&log, 100, 100);
    let start = Instant::now();
    while verify(&log, folder.path()).signed.map(|signed| signed.size) != Some(100) {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no checkpoint came"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(verify(&log, folder.path()).is_sound());
}

#[test]
fn closing_publishes_all_and_dropping_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 300, 7);
    log.close().unwrap();
    let size = || {
        let bytes = fs::read(folder.path().join("log/checkpoint")).unwrap();
        checkpoint::parse(&bytes).unwrap().unverified().size
    };
    assert_eq!(size(), 300);
    let log = open(folder.path());
    log.appender().append_blocking(drafts(300..310)).unwrap();
    drop(log);
    assert_eq!(size(), 310);
}

#[test]
fn missing_and_damaged_public_files_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 1_000, 100);
    log.close().unwrap();
    let public = folder.path().join("log");
    for name in [
        "tile/0/000",
        "tile/0/002",
        "tile/entries/001",
        "tile/1/000.p/3",
        "checkpoint",
    ] {
        for damage in [None, Some(Vec::new()), Some(vec![0; 8_192])] {
            match damage {
                None => fs::remove_file(public.join(name)).unwrap(),
                Some(bytes) => fs::write(public.join(name), bytes).unwrap(),
            }
            forget_snapshots(folder.path());
            let log = open(folder.path());
            log.publish().unwrap();
            let report = verify(&log, folder.path());
            assert!(report.is_sound(), "{name}: {report:?}");
        }
    }
    // Without a checkpoint everything is made again, snapshot or not.
    fs::remove_dir_all(&public).unwrap();
    let log = open(folder.path());
    log.publish().unwrap();
    assert!(verify(&log, folder.path()).is_sound());
}

#[test]
fn a_flipped_bit_in_a_public_file_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 600, 100);
    log.publish().unwrap();
    for name in [
        "tile/0/001",
        "tile/entries/001",
        "tile/1/000.p/2",
        "tile/entries/002.p/88",
    ] {
        let path = folder.path().join("log").join(name);
        let good = fs::read(&path).unwrap();
        for place in [0, 40, good.len() - 1] {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            fs::write(&path, bad).unwrap();
            let report = verify(&log, folder.path());
            let is_named = report
                .findings
                .iter()
                .any(|finding| finding.place.contains(name));
            assert!(is_named, "{name} {place}: {report:?}");
        }
        fs::write(&path, good).unwrap();
    }
    assert!(verify(&log, folder.path()).is_sound());
}

#[test]
fn only_names_of_the_log_are_read_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let source = DirSource::new(&folder.path().join("log"));
    for path in [
        "../secret",
        "secret",
        "/etc/passwd",
        "tile/0/../../../secret",
        "",
    ] {
        assert!(source.read(path).is_err(), "{path}");
    }
    assert!(source.read("tile/0/000").unwrap().is_none());
}
