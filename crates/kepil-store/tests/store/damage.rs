//! Damage to segments is found and named, never passed over.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kepil_store::log::{Corruption, Log, OpenError, Options, ReadError};

use crate::log::{
    assert_holds, copy, draft, fill, forget_snapshots, open, options, segments, ticking, verify,
};

/// A closed log over several segments.
fn closed(folder: &Path, size: u64, step: u64) {
    let log = open(folder);
    fill(&log, size, step);
    log.close().unwrap();
    forget_snapshots(folder);
}

fn flip(path: &Path, offset: usize, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_is_named_or_harmless() {
    let original = tempfile::tempdir().unwrap();
    closed(original.path(), 120, 5);
    let names = segments(original.path());
    assert!(names.len() >= 3, "two segments and a prepared one");
    let folder = tempfile::tempdir().unwrap();
    copy(original.path(), folder.path());
    let (mut found, mut rows, mut harmless) = (0, 0, 0);
    for name in &names {
        let path = folder
            .path()
            .join("segments")
            .join(name.file_name().unwrap());
        let good = fs::read(&path).unwrap();
        for offset in (0..good.len()).step_by(61) {
            let mut bad = good.clone();
            bad[offset] ^= 1 << (offset % 8);
            fs::write(&path, &bad).unwrap();
            forget_snapshots(folder.path());
            match Log::open(folder.path(), options()) {
                // Padding and prepared blocks: whatever stands there, the entries are whole.
                Ok(log) if log.damaged_rows().is_empty() => {
                    assert_eq!(good[offset], 0, "offset {offset}");
                    assert_holds(&log, 120);
                    harmless += 1;
                }
                // A row: its entry is named, and all others are whole.
                Ok(log) => {
                    let [index] = *log.damaged_rows() else {
                        panic!()
                    };
                    let named = log.record(index).unwrap_err();
                    assert!(matches!(
                        &named,
                        ReadError::DamagedRow { index: found, path: at, offset: row }
                            if *found == index && *at == path && *row <= offset as u64
                    ));
                    assert!(named.to_string().contains(&format!("entry {index}")));
                    for entry in log.records(0) {
                        match entry {
                            Ok(entry) => assert_eq!(entry.draft(), Some(draft(entry.index))),
                            Err(error) => assert_eq!(error.to_string(), named.to_string()),
                        }
                    }
                    assert_eq!(log.records(0).count(), 120);
                    log.publish().unwrap();
                    assert!(verify(&log, folder.path()).is_sound());
                    rows += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(path.to_str().unwrap()), "{offset}: {text}");
                    found += 1;
                }
            }
            fs::write(&path, &good).unwrap();
        }
    }
    println!("{found} found, {rows} in rows, {harmless} harmless");
    assert!(found > 150 && rows > 60);
}

#[test]
fn a_damaged_frame_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path(), 40, 4);
    let path = segments(folder.path())[0].clone();
    // Header block, then one frame a block: the third frame holds entries 8 to 11.
    flip(&path, 3 * 4_096 + 50, 3);
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(matches!(
        &error,
        OpenError::Corrupt { path: found, offset: 12_288, what: Corruption::Frame } if *found == path
    ));
    assert_eq!(
        error.to_string(),
        format!(
            "opening the log: `{}` is damaged at byte 12288: \
             a frame is damaged and whole frames follow it",
            path.display()
        )
    );
}

/// Changes a frame and makes its checksum good again, as somebody with the disk could.
fn forge(path: &Path, start: usize, change: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes[start..start + 4_096]);
    checksum_again(&mut bytes[start..start + 4_096]);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_forged_frame_with_a_good_checksum_stops_the_opening() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path(), 40, 4);
    let path = segments(folder.path())[0].clone();
    let good = fs::read(&path).unwrap();
    let place = 3 * 4_096;

    // A leaf: its commitment begins 36 + 2 + 1 bytes into the frame.
    forge(&path, place, |frame| frame[50] ^= 1);
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Corrupt {
                offset: 12_288,
                what: Corruption::Root { .. },
                ..
            }
        ),
        "{error}"
    );
    fs::write(&path, &good).unwrap();

    // The first index.
    forge(&path, place, |frame| frame[23] ^= 1);
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Corrupt {
                what: Corruption::Index {
                    expected: 8,
                    found: 9
                },
                ..
            }
        ),
        "{error}"
    );
    fs::write(&path, &good).unwrap();

    // The type of a leaf.
    forge(&path, place, |frame| frame[38] = 0x55);
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Corrupt {
                what: Corruption::Content,
                ..
            }
        ),
        "{error}"
    );
    fs::write(&path, &good).unwrap();
    assert_holds(&open(folder.path()), 40);
}

#[test]
fn a_history_rewritten_in_all_frames_is_held_against_the_checkpoint() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    closed(folder.path(), 40, 4);
    let log = open(other.path());
    for number in (100..140).step_by(4) {
        log.appender()
            .append_blocking((number..number + 4).map(draft).collect())
            .unwrap();
    }
    log.close().unwrap();
    // A whole log of the same key and size, under the first one's checkpoint.
    fs::copy(&segments(other.path())[0], &segments(folder.path())[0]).unwrap();
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(
        matches!(error, OpenError::Rewritten { size: 40 }),
        "{error}"
    );
}

#[test]
fn a_missing_segment_is_named() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path(), 600, 5);
    let names = segments(folder.path());
    assert!(names.len() > 4);
    let (first, last_used) = (&names[0], &names[names.len() - 2]);
    for name in [first, &names[2]] {
        let bytes = fs::read(name).unwrap();
        fs::remove_file(name).unwrap();
        let error = Log::open(folder.path(), options()).unwrap_err();
        assert!(
            matches!(&error, OpenError::MissingSegment { path } if path == name),
            "{error}"
        );
        fs::write(name, bytes).unwrap();
    }
    // The last one in use: what was published tells that it is gone.
    let bytes = fs::read(last_used).unwrap();
    fs::remove_file(last_used).unwrap();
    fs::remove_file(&names[names.len() - 1]).unwrap();
    let error = Log::open(folder.path(), options()).unwrap_err();
    assert!(
        matches!(error, OpenError::LostEntries { signed: 600, .. }),
        "{error}"
    );
    fs::write(last_used, bytes).unwrap();
    assert_holds(&open(folder.path()), 600);
}

#[test]
fn a_wiped_header_does_not_hide_a_segment() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path(), 600, 5);
    for name in &segments(folder.path())[..3] {
        let good = fs::read(name).unwrap();
        let mut bad = good.clone();
        bad[..4_096].fill(0);
        fs::write(name, bad).unwrap();
        let error = Log::open(folder.path(), options()).unwrap_err();
        assert!(
            matches!(
                &error,
                OpenError::Corrupt { path, offset: 0, what: Corruption::Header } if path == name
            ),
            "{error}"
        );
        fs::write(name, vec![0; good.len()]).unwrap();
        let error = Log::open(folder.path(), options()).unwrap_err();
        assert!(
            matches!(&error, OpenError::Corrupt { path, .. } if path == name),
            "{error}"
        );
        fs::write(name, good).unwrap();
    }
}

#[test]
fn older_frames_behind_the_tail_of_a_used_again_segment_are_refused() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Two lives of the same log with frames of the same places and indices.
    closed(old.path(), 40, 4);
    let options = Options {
        clock: ticking(1_800_000_000_000),
        ..options()
    };
    let log = Log::open(new.path(), options.clone()).unwrap();
    fill(&log, 8, 4);
    log.close().unwrap();

    // The new life's first blocks over the old segment: old frames 2, 3, ... fit behind.
    let (old_path, new_path) = (
        segments(old.path())[0].clone(),
        segments(new.path())[0].clone(),
    );
    let old_bytes = fs::read(&old_path).unwrap();
    let mut bytes = fs::read(&new_path).unwrap();
    bytes[3 * 4_096..].copy_from_slice(&old_bytes[3 * 4_096..]);
    assert_eq!(&bytes[3 * 4_096..3 * 4_096 + 4], b"KFRM");
    fs::write(&new_path, bytes).unwrap();

    let log = Log::open(new.path(), options.clone()).unwrap();
    assert_holds(&log, 8);
    // They are wiped, not only skipped.
    assert!(
        fs::read(&new_path).unwrap()[3 * 4_096..]
            .iter()
            .all(|byte| *byte == 0)
    );
    fill(&log, 12, 4);
    log.close().unwrap();
    assert_holds(&Log::open(new.path(), options).unwrap(), 12);
}

/// Gives a frame of four entries the checksum it should have: over everything but the rows.
fn checksum_again(frame: &mut [u8]) {
    let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap()) as usize;
    let length = number(4);
    let mut covered = frame[..36].to_vec();
    let mut at = 36;
    for _ in 0..4 {
        let before_row = 2 + 33 + 4 + 4 + 4;
        covered.extend_from_slice(&frame[at..at + before_row]);
        at += before_row + number(at + before_row - 8);
    }
    covered.extend_from_slice(&frame[at..length]);
    let checksum = crc32fast::hash(&covered);
    frame[length..length + 4].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn a_record_cannot_imitate_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    fill(&log, 4, 4);
    // A record that carries, on a block boundary, the bytes of a real frame with all of
    // its fields right but the epoch, which its sender cannot know.
    let path = segments(folder.path())[0].clone();
    let mut frame = fs::read(&path).unwrap()[4_096..8_192].to_vec();
    frame[8..16].fill(0);
    checksum_again(&mut frame);
    let mut hostile = draft(4);
    hostile.row = [vec![1; 4_096 - 36 - 2 - 33 - 4 - 8], frame].concat();
    log.appender().append_blocking(vec![hostile]).unwrap();
    let copied = tempfile::tempdir().unwrap();
    copy(folder.path(), copied.path());

    // The hostile frame's first block is lost: its second must not count as a frame.
    let path = segments(copied.path())[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[3 * 4_096..3 * 4_096 + 4], b"KFRM");
    bytes[2 * 4_096..3 * 4_096].fill(0);
    fs::write(&path, bytes).unwrap();
    let log = open(copied.path());
    assert_holds(&log, 4);
}

#[test]
fn an_empty_checkpoint_after_a_power_cut_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path(), 40, 4);
    for bytes in [Vec::new(), vec![0; 200]] {
        fs::write(folder.path().join("log/checkpoint"), bytes).unwrap();
        let log = open(folder.path());
        assert_holds(&log, 40);
        assert_eq!(log.publish().unwrap().size, 40);
    }
}

#[test]
fn damage_while_open_is_an_error_of_reading() {
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = calls.clone();
    let clock = Arc::new(move || counted.fetch_add(1, Ordering::Relaxed));
    let log = Log::open(folder.path(), Options { clock, ..options() }).unwrap();
    fill(&log, 40, 4);
    // In the row of entry 8: the others of its frame are readable.
    flip(&segments(folder.path())[0], 3 * 4_096 + 100, 0);
    let error = log.record(8).unwrap_err().to_string();
    assert!(error.contains("reading entry 8: its row"), "{error}");
    assert!(error.ends_with("is damaged at byte 12371"), "{error}");
    assert_eq!(log.record(9).unwrap().draft(), Some(draft(9)));
    assert_eq!(log.records(0).filter(Result::is_ok).count(), 39);
    // Outside of rows: the frame is damaged.
    flip(&segments(folder.path())[0], 3 * 4_096 + 50, 0);
    let error = log.record(9).unwrap_err().to_string();
    assert!(error.contains("damaged at byte 12288"), "{error}");
    assert!(log.records(0).any(|entry| entry.is_err()));
    assert!(calls.load(Ordering::Relaxed) > 10);
}
