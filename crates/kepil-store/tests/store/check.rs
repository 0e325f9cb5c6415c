//! A check finds and names damage in every kind of file, and changes none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::note::Signer;
use kepil_store::check::{Finding, FindingKind, Report, Severity, check};

use crate::book::{Plain, entry, open_with_book, own_period};
use crate::log::{Random, copy, draft, fill, open, options, random_seed, segments};
use crate::snapshot::{closed_log, files, snapshots};

pub fn run(folder: &Path) -> Report {
    let key = Signer::from_seed(options().origin, &options().seed);
    let mut last = 0;
    let report = check(
        folder,
        Some(key.verifying_key()),
        Some(Arc::new(Plain)),
        &mut |done, of| {
            assert!(last <= done && done <= of);
            last = done;
        },
    );
    assert!(last > 0);
    report
}

/// What kind of file a path is.
fn kind(name: &Path) -> &'static str {
    let text = name.to_str().unwrap();
    for (start, kind) in [
        ("segments/", "segment"),
        ("log/checkpoint", "checkpoint"),
        ("log/tile/entries", "bundle"),
        ("log/tile", "tile"),
        ("book/", "list"),
        ("erasing", "note"),
    ] {
        if text.starts_with(start) {
            return kind;
        }
    }
    match text.ends_with("head") {
        true => "head of a snapshot",
        false => "month of a snapshot",
    }
}

#[test]
fn a_sound_log_is_sound_and_the_check_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let size = closed_log(folder.path()).size;
    let before = files(folder.path());
    let report = run(folder.path());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(report.entries, size);
    assert_eq!(report.origin.as_deref(), Some("log.example/test"));
    assert_eq!(report.segments, segments(folder.path()).len() as u64 - 1);
    assert!(report.published_files > 5);
    assert!(files(folder.path()) == before);

    // Erased rows are counted and not damage; lists and snapshots fit after more work too.
    let log = open_with_book(folder.path());
    assert_eq!(log.erase(&[5, 6, 200]).unwrap(), 3);
    let period = log.book().unwrap().months().last().unwrap().0;
    log.appender()
        .append_blocking((0..9).map(|number| entry(number, 5_000, period)).collect())
        .unwrap();
    let running = run(folder.path());
    assert!(running.is_sound(), "{:?}", running.findings);
    log.close().unwrap();
    let report = run(folder.path());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.erased_rows, report.damaged_rows.len()), (3, 0));

    // Without key and booker less is checked, and it says so.
    let report = check(folder.path(), None, None, &mut |_, _| {});
    assert!(report.is_sound());
    let skipped: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(skipped, [FindingKind::Skipped; 2]);
    assert_eq!(report.entries, size + 9 + 1);
}

#[test]
fn an_empty_folder_and_a_new_log_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let report = check(folder.path(), None, None, &mut |_, _| {});
    assert_eq!((report.entries, report.is_sound()), (0, true));
    open(folder.path()).close().unwrap();
    let report = check(folder.path(), None, None, &mut |_, _| {});
    assert!(report.is_sound(), "{:?}", report.findings);
}

/// Says whether a finding is about a flipped byte.
fn names(finding: &Finding, name: &Path, offset: u64) -> bool {
    finding.file == name && finding.offset.is_none_or(|at| at <= offset)
}

#[test]
fn a_flipped_byte_in_every_kind_of_file_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let note = {
        let mut note = b"KEPILERA\0\0\0\x01".to_vec();
        note.extend([1, 3_u64].map(u64::to_be_bytes).concat());
        let checksum = crc32fast::hash(&note);
        note.extend(checksum.to_be_bytes());
        note
    };
    fs::write(folder.path().join("erasing"), note).unwrap();
    let log = open_with_book(folder.path());
    log.erase(&[40]).unwrap();
    log.close().unwrap();
    let note = folder.path().join("erasing");
    assert!(!note.exists(), "nothing is damaged");
    fs::write(&note, {
        let mut note = b"KEPILERA\0\0\0\x01".to_vec();
        note.extend([1, 3_u64].map(u64::to_be_bytes).concat());
        let checksum = crc32fast::hash(&note);
        note.extend(checksum.to_be_bytes());
        note
    })
    .unwrap();
    assert!(run(folder.path()).is_sound());

    let mut random = Random(random_seed() | 1);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let all = files(folder.path());
    for (name, good) in &all {
        if good.is_empty() {
            continue;
        }
        let path = folder.path().join(name);
        let samples = match kind(name) {
            "segment" => 24,
            "list" | "checkpoint" | "note" => 12,
            _ => 6,
        };
        for sample in 0..samples {
            let place = match sample {
                0 => 0,
                1 => good.len() - 1,
                _ => usize::try_from(random.below(good.len() as u64)).unwrap(),
            };
            let offset = place as u64;
            let mut bad = good.clone();
            bad[place] ^= 1 << random.below(8);
            fs::write(&path, &bad).unwrap();
            let report = run(folder.path());
            let named = report.findings.iter().find(|finding| {
                names(finding, name, offset) && finding.kind != FindingKind::Unknown
            });
            let Some(named) = named else {
                panic!("{} byte {offset}: {:#?}", name.display(), report.findings);
            };
            // Zeros that belong to nothing may be what an interrupted write left.
            let is_damage = named.kind.severity() == Severity::Damage;
            assert!(is_damage || good[place] == 0, "{named}");
            let text = named.to_string();
            assert!(text.starts_with(name.to_str().unwrap()), "{text}");
            // Damage in one file is not blamed on others, but for the head in the list.
            let blamed: BTreeSet<&Path> = report.damage().map(|finding| &*finding.file).collect();
            assert!(
                blamed.iter().all(|file| *file == name),
                "{blamed:?}, not {name:?}"
            );
            *seen.entry(kind(name)).or_default() += 1;
        }
        fs::write(&path, good).unwrap();
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 8, "every kind of file: {seen:?}");
    assert!(run(folder.path()).is_sound());
}

#[test]
fn damage_is_named_with_its_offset_and_its_entries() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 1_000, 4);
    log.close().unwrap();
    let cases = [
        // The third frame holds entries 8 to 11; its first row begins after 83 bytes.
        (
            "segments/000000000000.segment",
            3 * 4_096 + 50,
            FindingKind::Frame,
            12_288,
            (8, 11),
        ),
        (
            "segments/000000000000.segment",
            3 * 4_096 + 100,
            FindingKind::Row,
            12_371,
            (8, 8),
        ),
        (
            "log/tile/0/001",
            32 * 7 + 5,
            FindingKind::Published,
            32 * 7 + 5,
            (263, 263),
        ),
        (
            "log/tile/entries/001",
            35 * 9 + 1,
            FindingKind::Published,
            35 * 9 + 1,
            (265, 265),
        ),
        (
            "log/tile/1/000.p/3",
            32 + 2,
            FindingKind::Published,
            34,
            (256, 511),
        ),
        (
            "log/tile/0/003.p/232",
            32 * 231,
            FindingKind::Published,
            32 * 231,
            (999, 999),
        ),
    ];
    for (name, place, kind, offset, entries) in cases {
        let path = folder.path().join(name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&path, bad).unwrap();
        let report = run(folder.path());
        let damage: Vec<_> = report.damage().collect();
        let [found] = damage[..] else {
            panic!("{damage:#?}")
        };
        assert_eq!((found.kind, &*found.file), (kind, Path::new(name)));
        assert_eq!((found.offset, found.entries), (Some(offset), Some(entries)));
        println!("{found}");
        fs::write(&path, good).unwrap();
    }
    // Several places at once are all named.
    let path = segments(folder.path())[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    for frame in [2, 3, 7] {
        bytes[frame * 4_096 + 45] ^= 8;
    }
    fs::write(&path, &bytes).unwrap();
    let report = run(folder.path());
    let entries: Vec<_> = report
        .damage()
        .filter_map(|finding| finding.entries)
        .collect();
    assert_eq!(entries, [(4, 11), (24, 27)]);
    // The lost entries were published, so all that follows is still held against the root.
    assert_eq!(report.entries, 1_000);
    assert!(report.published_files > 5);
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let all = files(folder.path());
    let last = segments(folder.path()).pop().unwrap();
    for (name, good) in &all {
        let path = folder.path().join(name);
        // The prepared segment may be there or not, and so may the lock.
        if path == last || name == Path::new("lock") {
            continue;
        }
        // Of partial tiles only the widest is needed.
        let width = |name: &Path| name.file_name()?.to_str()?.parse::<u64>().ok();
        let is_wider =
            |other: &PathBuf| other.parent() == name.parent() && width(other) > width(name);
        if width(name).is_some() && all.keys().any(is_wider) {
            continue;
        }
        fs::remove_file(&path).unwrap();
        let report = run(folder.path());
        let mut damage = report.damage();
        assert!(
            damage.any(|finding| finding.file == *name
                || kind(name) == "segment" && finding.kind == FindingKind::LostEntries),
            "{name:?}: {:#?}",
            report.findings
        );
        fs::write(&path, good).unwrap();
    }
    assert!(run(folder.path()).is_sound());
}

#[test]
fn what_does_not_belong_there_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path());
    let strange = [
        "notes.txt",
        "segments/7.segment",
        "segments/000000000099.new",
        "log/index.html",
        "log/tile/0/x",
        "log/.writing",
        "book/199901.uses",
        "snapshot/x",
    ];
    for name in strange {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    // A node puts these beside the log: nothing is said about them.
    for name in ["log/key", "log/policy", "log/anchor"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let inner = snapshots(folder.path())[0].join("y");
    fs::write(&inner, "x").unwrap();
    let report = run(folder.path());
    assert!(report.is_sound(), "{:#?}", report.findings);
    let noted: BTreeSet<PathBuf> = report
        .findings
        .iter()
        .map(|note| note.file.clone())
        .collect();
    let mut expected: BTreeSet<PathBuf> = strange.iter().map(PathBuf::from).collect();
    expected.insert(inner.strip_prefix(folder.path()).unwrap().to_owned());
    assert_eq!(noted, expected);
}

#[test]
fn a_log_copied_while_open_or_after_a_crash_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_with_book(folder.path());
    for round in 0..60 {
        let drafts = (0..7).map(|number| entry(number, round * 7 + number, own_period()));
        log.appender().append_blocking(drafts.collect()).unwrap();
        if round % 20 == 10 {
            log.publish().unwrap();
        }
        if round % 9 == 0 {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let report = run(copied.path());
            assert!(report.is_sound(), "{:#?}", report.findings);
            // A torn write behind the last frame.
            let path = segments(copied.path())
                .into_iter()
                .rev()
                .find(|path| fs::read(path).unwrap().iter().any(|byte| *byte != 0));
            let path = path.unwrap();
            let mut bytes = fs::read(&path).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            let end = end.next_multiple_of(4_096);
            if end + 10 < bytes.len() {
                bytes[end..end + 4].copy_from_slice(b"KFRM");
                fs::write(&path, bytes).unwrap();
                let report = run(copied.path());
                assert!(report.is_sound(), "{:#?}", report.findings);
                let name = path.strip_prefix(copied.path()).unwrap();
                let note = report.findings.iter().find(|note| note.file == name);
                let note = note.unwrap();
                assert_eq!(
                    (note.kind, note.offset),
                    (FindingKind::Leftover, Some(end as u64))
                );
            }
        }
    }
}

#[test]
fn entries_that_were_published_and_are_gone_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 80, 8);
    log.close().unwrap();
    let path = segments(folder.path())[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    // The last frame, or a row in it: the next opening would drop all of its entries.
    bytes[10 * 4_096 + 3] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let report = run(folder.path());
    let lost = report
        .damage()
        .find(|finding| finding.kind == FindingKind::LostEntries);
    let lost = lost.unwrap();
    assert_eq!(
        (lost.offset, lost.entries),
        (Some(10 * 4_096), Some((72, 79)))
    );
    bytes[10 * 4_096 + 3] ^= 1;
    let row = draft(75).row;
    let at = bytes
        .windows(row.len())
        .position(|part| part == row)
        .unwrap();
    bytes[at..at + row.len()].fill(0);
    fs::write(&path, &bytes).unwrap();
    let report = run(folder.path());
    let damage: Vec<_> = report.damage().collect();
    let [frame] = damage[..] else {
        panic!("{damage:#?}")
    };
    assert_eq!(
        (frame.kind, frame.entries),
        (FindingKind::Frame, Some((72, 79)))
    );
}
