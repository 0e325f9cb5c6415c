use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kepil_ledger::cosignature::CosignerKey;
use kepil_ledger::note::{SignatureType, Signer};
use kepil_ledger::witness::{Refusal, origin_hash};
use kepil_witness::{AddError, KeysError, OpenError, StateError, Witness};

use crate::log::{ORIGIN, TIME, checkpoint_by, history, name, open, request, signer, size_of};

fn file(folder: &Path) -> PathBuf {
    folder.join(format!("{}.checkpoint", origin_hash(&name(ORIGIN))))
}

/// The error with all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(chain);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn message(folder: &Path) -> String {
    chain(&open(folder).unwrap_err())
}

#[test]
fn keys_are_made_once_and_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new/witness");
    let keys = open(&folder).unwrap().keys().map(ToString::to_string);
    assert_eq!(open(&folder).unwrap().keys().map(ToString::to_string), keys);
    let types = keys.map(|key| CosignerKey::parse(&key).unwrap().signature_type());
    assert_eq!(
        types,
        [
            SignatureType::Ed25519Cosignature,
            SignatureType::MlDsa44Cosignature
        ]
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.join("keys")), 0o600);
    assert_eq!(mode(&folder), 0o700);

    let secret = fs::read_to_string(folder.join("keys")).unwrap();
    let debug = format!("{:?}", open(&folder).unwrap());
    for line in secret.lines().skip(1) {
        assert!(!debug.contains(line.split_once(' ').unwrap().1));
    }

    fs::set_permissions(folder.join("keys"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(message(&folder).contains("its mode is 0640"));
    fs::set_permissions(folder.join("keys"), fs::Permissions::from_mode(0o600)).unwrap();
    for length in 0..secret.len() {
        fs::write(folder.join("keys"), &secret.as_bytes()[..length]).unwrap();
        assert!(message(&folder).contains("it is damaged"), "{length}");
    }
    fs::write(folder.join("keys"), secret).unwrap();
    open(&folder).unwrap();
}

#[test]
fn lost_keys_are_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let tree = history(0, 0);
    let witness = open(folder.path()).unwrap();
    witness.add_checkpoint(&request(&tree, 0, 3), TIME).unwrap();
    drop(witness);
    fs::remove_file(folder.path().join("keys")).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::Keys {
            source: KeysError::Lost,
            ..
        }
    ));
    assert!(!folder.path().join("keys").exists());
}

#[test]
fn a_witness_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let tree = history(0, 0);
    let mut known = 0;
    for size in [0, 0, 1, 5, 5, 12] {
        let witness = open(folder.path()).unwrap();
        assert_eq!(size_of(&witness), known);
        let asked = request(&tree, known, size);
        let lines = witness.add_checkpoint(&asked, TIME).unwrap();
        let checkpoint = asked.checkpoint.unverified();
        for (key, line) in witness.keys().into_iter().zip(&lines) {
            assert_eq!(key.verify(checkpoint, line), Ok(TIME));
        }
        known = size;
    }
    // The file is what is served: the log's line and both cosignatures.
    let witness = open(folder.path()).unwrap();
    let latest = witness.latest(&name(ORIGIN)).unwrap();
    assert_eq!(
        fs::read_to_string(file(folder.path())).unwrap(),
        latest.to_string()
    );
    latest.verify(signer().verifying_key()).unwrap();
    assert_eq!(latest.cosignatures(witness.keys()).unwrap().len(), 2);
    assert_eq!(latest.note().signatures().len(), 3);
}

#[test]
fn only_known_lines_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let mut asked = request(&history(0, 0), 0, 3);
    let stranger = Signer::from_seed(name("stranger.example"), &[1; 32]);
    let text = asked.checkpoint.unverified().to_text();
    asked.checkpoint.append(stranger.sign(&text)).unwrap();
    witness.add_checkpoint(&asked, TIME).unwrap();
    let latest = witness.latest(&name(ORIGIN)).unwrap();
    assert_eq!(latest.note().signatures().len(), 3);
}

#[test]
fn logs_are_kept_apart_and_may_change_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let old = signer();
    let new = Signer::from_seed(name(ORIGIN), &[8; 32]);
    let other = Signer::from_seed(name("other.example"), &[9; 32]);
    let keys = [&old, &new, &other].map(|signer| signer.verifying_key().clone());
    let witness = Witness::open(folder.path(), &name("witness.example/w1"), keys.to_vec()).unwrap();
    let tree = history(0, 0);
    let mut known = 0;
    for (signer, size) in [(&old, 2), (&new, 4), (&old, 6)] {
        let mut asked = request(&tree, known, size);
        asked.checkpoint = checkpoint_by(signer, &tree, size);
        witness.add_checkpoint(&asked, TIME).unwrap();
        known = size;
    }
    let mut asked = request(&tree, 0, 1);
    asked.checkpoint = checkpoint_by(&other, &history(1, 0), 1);
    witness.add_checkpoint(&asked, TIME).unwrap();
    assert_eq!(size_of(&witness), 6);
    drop(witness);

    // A log that is not named any more is refused and not forgotten.
    let keys = vec![other.verifying_key().clone()];
    let witness = Witness::open(folder.path(), &name("witness.example/w1"), keys).unwrap();
    let refused = witness.add_checkpoint(&request(&tree, 0, 1), TIME);
    assert!(matches!(
        refused,
        Err(AddError::Refused(Refusal::UnknownLog(_)))
    ));
    drop(witness);
    assert_eq!(size_of(&open(folder.path()).unwrap()), 6);
}

#[test]
fn a_torn_or_changed_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let tree = history(0, 0);
    witness.add_checkpoint(&request(&tree, 0, 3), TIME).unwrap();
    drop(witness);
    let path = file(folder.path());
    let good = fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..good.len()).filter(|at| good[*at] == b'\n').collect();
    let cuts = (0..good.len()).step_by(97).chain(ends.iter().copied());
    for length in cuts.chain(ends.iter().map(|at| at + 1).filter(|at| *at < good.len())) {
        fs::write(&path, &good[..length]).unwrap();
        let message = message(folder.path());
        assert!(
            message.contains("cannot be used") && message.contains(path.to_str().unwrap()),
            "{length}: {message}"
        );
    }
    // A larger size, or another root, with the old signatures.
    let text = String::from_utf8(good.clone()).unwrap();
    fs::write(&path, text.replacen("\n3\n", "\n2\n", 1)).unwrap();
    assert!(message(folder.path()).ends_with("is bad"));
    // The state of another log, or of another witness.
    fs::write(&path, text.replacen(ORIGIN, "other.example", 1)).unwrap();
    assert!(message(folder.path()).ends_with("it is a checkpoint of `other.example`"));
    let unsigned = checkpoint_by(&signer(), &tree, 3);
    fs::write(&path, unsigned.to_string()).unwrap();
    assert!(message(folder.path()).ends_with("not cosigned by this witness, `witness.example/w1`"));
    fs::write(&path, good).unwrap();
    open(folder.path()).unwrap();
    let keys = vec![signer().verifying_key().clone()];
    let renamed = Witness::open(folder.path(), &name("witness.example/w2"), keys);
    assert!(matches!(
        renamed,
        Err(OpenError::State {
            source: StateError::NotCosigned { .. },
            ..
        })
    ));
}

#[test]
fn an_unfinished_file_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keys.new"), "half").unwrap();
    let tree = history(0, 0);
    let witness = open(folder.path()).unwrap();
    witness.add_checkpoint(&request(&tree, 0, 3), TIME).unwrap();
    drop(witness);
    fs::write(file(folder.path()).with_extension("checkpoint.new"), "half").unwrap();
    let witness = open(folder.path()).unwrap();
    witness.add_checkpoint(&request(&tree, 3, 5), TIME).unwrap();
}

#[test]
fn nothing_is_signed_that_was_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let tree = history(0, 0);
    let ask = |old, new| witness.add_checkpoint(&request(&tree, old, new), TIME);
    ask(0, 3).unwrap();

    // The new file cannot be written: the witness stays where it was.
    let unfinished = file(folder.path()).with_extension("checkpoint.new");
    fs::create_dir(&unfinished).unwrap();
    assert!(matches!(ask(3, 5), Err(AddError::Write { .. })));
    assert_eq!(size_of(&witness), 3);
    fs::remove_dir(&unfinished).unwrap();
    ask(3, 5).unwrap();

    // It cannot be put in place: the witness signs nothing more until it is opened again.
    let good = fs::read(file(folder.path())).unwrap();
    fs::remove_file(file(folder.path())).unwrap();
    fs::create_dir(file(folder.path())).unwrap();
    assert!(matches!(ask(5, 7), Err(AddError::Write { .. })));
    fs::remove_dir(file(folder.path())).unwrap();
    assert!(matches!(ask(5, 7), Err(AddError::Unknown)));
    assert_eq!(witness.latest(&name(ORIGIN)), None);
    drop(witness);
    fs::write(file(folder.path()), good).unwrap();
    let witness = open(folder.path()).unwrap();
    witness.add_checkpoint(&request(&tree, 5, 7), TIME).unwrap();
}

#[test]
fn a_clock_before_1970_signs_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let asked = request(&history(0, 0), 0, 3);
    assert!(matches!(
        witness.add_checkpoint(&asked, 0),
        Err(AddError::Cosign(_))
    ));
    assert_eq!(size_of(&witness), 0);
    witness.add_checkpoint(&asked, TIME).unwrap();
}
