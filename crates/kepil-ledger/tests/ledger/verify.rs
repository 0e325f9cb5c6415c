use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::hash;
use kepil_ledger::note::{KeyName, Signer};
use kepil_ledger::receipt::Batch;
use kepil_ledger::verify::{self, FindingKind, Report, Standing};

use crate::log::{MemoryLog, batch, draft, leaf, publish, signer};

fn rebuild(log: &MemoryLog, older: Option<&Checkpoint>) -> Report {
    verify::rebuild(log, signer().verifying_key(), older)
}

fn kinds(report: &Report) -> Vec<FindingKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn a_sound_log_of_any_size_passes() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 1_000, 66_000] {
        let (log, checkpoints) = publish(&[size / 2, size]);
        let report = rebuild(&log, checkpoints.first());
        assert!(report.is_sound(), "size {size}: {report:?}");
        assert_eq!(report.entries_checked, size);
        let report = verify::growth(&log, signer().verifying_key(), &checkpoints[0]);
        assert!(report.is_sound(), "size {size}: {report:?}");
    }
}

#[test]
fn every_file_is_read_once() {
    let (log, _) = publish(&[66_000]);
    assert!(rebuild(&log, None).is_sound());
    let mut reads = log.reads.borrow().clone();
    reads.sort_unstable();
    let before = reads.len();
    reads.dedup();
    assert_eq!(reads.len(), before);
    assert_eq!(before, log.files.len());
}

#[test]
fn a_flipped_bit_in_any_file_is_found_and_named() {
    let (log, _) = publish(&[66_000]);
    let mut paths: Vec<&String> = log.files.keys().collect();
    paths.retain(|path| !path.contains("0/1") && !path.contains("entries/1"));
    for (at, path) in paths.into_iter().enumerate() {
        let mut files = log.files.clone();
        let bytes = files.get_mut(path).unwrap();
        let place = (at * 7_919) % bytes.len();
        bytes[place] ^= 1 << (at % 8);
        let report = rebuild(
            &MemoryLog {
                files,
                ..MemoryLog::default()
            },
            None,
        );
        assert!(!report.is_sound(), "{path}");
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.place.contains(path.as_str())),
            "{path}: {:?}",
            report.findings
        );
    }
}

#[test]
fn a_changed_entry_is_named_with_its_index() {
    let (mut log, _) = publish(&[600]);
    // Entry 300 is the 45th of bundle 1: 35 bytes each, the commitment from byte 3.
    log.files.get_mut("tile/entries/001").unwrap()[44 * 35 + 10] ^= 1;
    let report = rebuild(&log, None);
    assert_eq!(
        kinds(&report),
        [FindingKind::EntryMismatch, FindingKind::RootMismatch]
    );
    assert_eq!(
        report.findings[0].place,
        "entry 300, tile/entries/001 against tile/0/001"
    );
}

#[test]
fn a_missing_file_is_named_and_the_rest_still_checked() {
    let (mut log, _) = publish(&[600]);
    log.files.remove("tile/entries/001").unwrap();
    let report = rebuild(&log, None);
    assert_eq!(kinds(&report), [FindingKind::Missing]);
    assert_eq!(report.findings[0].place, "tile/entries/001");
    assert_eq!(report.entries_checked, 600);

    log.files.remove("tile/0/001").unwrap();
    let report = rebuild(&log, None);
    assert_eq!(kinds(&report), [FindingKind::Missing, FindingKind::Missing]);
}

#[test]
fn a_log_without_a_believable_checkpoint_is_not_sound() {
    assert_eq!(
        kinds(&rebuild(&MemoryLog::default(), None)),
        [FindingKind::Missing]
    );
    let (mut log, _) = publish(&[5]);
    let stranger = Signer::from_seed(KeyName::new("stranger").unwrap(), &[9; 32]);
    let report = verify::rebuild(&log, stranger.verifying_key(), None);
    assert_eq!(kinds(&report), [FindingKind::Signature]);
    assert_eq!(report.signed, None);
    log.files.insert("checkpoint".to_owned(), b"hello".to_vec());
    assert_eq!(kinds(&rebuild(&log, None)), [FindingKind::Malformed]);
}

#[test]
fn a_signed_root_that_the_entries_do_not_have_is_found() {
    let (mut log, checkpoints) = publish(&[600]);
    let lie = Checkpoint {
        root: hash::leaf(b"lie"),
        ..checkpoints[0].clone()
    };
    log.files
        .insert("checkpoint".to_owned(), lie.sign(&signer()).into_bytes());
    assert_eq!(kinds(&rebuild(&log, None)), [FindingKind::RootMismatch]);
}

#[test]
fn a_rewritten_or_shrunk_log_is_found() {
    let (log, checkpoints) = publish(&[300, 600]);
    let key = signer().verifying_key().clone();
    let other = Checkpoint {
        root: hash::leaf(b"other history"),
        ..checkpoints[0].clone()
    };
    assert_eq!(
        kinds(&rebuild(&log, Some(&other))),
        [FindingKind::Rewritten]
    );
    assert_eq!(
        kinds(&verify::growth(&log, &key, &other)),
        [FindingKind::Rewritten]
    );
    let larger = Checkpoint {
        size: 601,
        ..checkpoints[1].clone()
    };
    assert_eq!(
        kinds(&rebuild(&log, Some(&larger))),
        [FindingKind::Rewritten]
    );
    assert_eq!(
        kinds(&verify::growth(&log, &key, &larger)),
        [FindingKind::Rewritten]
    );
    let same = Checkpoint {
        root: hash::leaf(b"split view"),
        ..checkpoints[1].clone()
    };
    assert_eq!(kinds(&rebuild(&log, Some(&same))), [FindingKind::Rewritten]);
    assert_eq!(
        kinds(&verify::growth(&log, &key, &same)),
        [FindingKind::Rewritten]
    );
}

#[test]
fn a_receipt_is_looked_up_in_the_log() {
    let (log, _) = publish(&[600]);
    let key = signer().verifying_key().clone();
    let good = batch(297, 5)
        .receipt(300, &leaf(300), Some(&draft(300)))
        .unwrap();
    let report = verify::receipt(&log, &key, &good);
    assert_eq!(report.standing, Standing::Included);
    assert!(report.record_matches && report.findings.is_empty());

    let early = batch(700, 5).receipt(702, &leaf(702), None).unwrap();
    assert_eq!(
        verify::receipt(&log, &key, &early).standing,
        Standing::NotYetPublished
    );

    // The log signed a receipt for another leaf at index 300: it is convicted.
    let leaves = vec![leaf(9_999).hash()];
    let broken = Batch::seal(&signer(), 300, leaves, 1).unwrap();
    let broken = broken.receipt(300, &leaf(9_999), None).unwrap();
    let report = verify::receipt(&log, &key, &broken);
    assert_eq!(report.standing, Standing::Contradicted);
    assert_eq!(report.findings[0].kind, FindingKind::Contradicted);

    let stranger = Signer::from_seed(key.name().clone(), &[9; 32]);
    let report = verify::receipt(&log, stranger.verifying_key(), &good);
    assert_eq!(report.standing, Standing::Broken);
}

#[test]
fn a_receipt_against_damaged_tiles_accuses_nobody() {
    let (mut log, _) = publish(&[600]);
    log.files.get_mut("tile/0/001").unwrap()[5] ^= 1;
    let key = signer().verifying_key().clone();
    let good = batch(297, 5).receipt(300, &leaf(300), None).unwrap();
    let report = verify::receipt(&log, &key, &good);
    assert_eq!(report.standing, Standing::Unknown);
    assert_eq!(report.findings[0].kind, FindingKind::TileMismatch);
}

#[test]
fn a_report_is_json() {
    let (mut log, _) = publish(&[3]);
    log.files.remove("tile/0/000.p/3").unwrap();
    let json = serde_json::to_value(rebuild(&log, None)).unwrap();
    assert_eq!(json["findings"][0]["kind"], "missing");
    assert_eq!(json["signed"]["size"], 3);
}

#[test]
fn a_thousand_faults_are_counted_and_a_hundred_listed() {
    let (mut log, _) = publish(&[600]);
    for path in ["tile/entries/000", "tile/entries/001"] {
        for (at, byte) in log.files.get_mut(path).unwrap().iter_mut().enumerate() {
            if at % 35 == 20 {
                *byte ^= 1;
            }
        }
    }
    let report = rebuild(&log, None);
    assert_eq!(report.findings.len(), 100);
    assert_eq!(report.findings_not_listed, 512 - 100 + 1);
}
