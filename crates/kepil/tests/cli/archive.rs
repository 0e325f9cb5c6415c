//! An archive that a node gave out, checked by whoever got it.

use crate::support::*;
use kepil_ledger::hash::Hash;
use kepil_ledger::manifest::Manifest;
use kepil_ledger::note::{KeyName, Signer};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Write as _;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const SIGNED: [(&str, &str); 2] = [("uses.csv", "entry,time\r\n"), ("uses.json", "{}")];

fn log(seed: u8) -> Signer {
    Signer::from_seed(KeyName::new("log.example").unwrap(), &[seed; 32])
}

fn manifest() -> String {
    let files = SIGNED.map(|(name, text)| {
        let hash: [u8; 32] = Sha256::digest(text).into();
        (name.to_owned(), Hash::new(hash))
    });
    let origin = log(1).verifying_key().name().clone();
    let made = Manifest::new(origin, 1_795_000_000, files.to_vec()).unwrap();
    made.sign(&log(1))
}

/// Writes an archive with the manifest, if there is one, and the files.
fn archive(dir: &tempfile::TempDir, manifest: Option<&str>, files: &[(&str, &str)]) -> String {
    let path = dir.path().join("kepil.zip");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    let manifest = manifest.map(|text| ("manifest.txt", text));
    for (name, text) in files.iter().copied().chain(manifest) {
        archive
            .start_file(
                name,
                SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
            )
            .unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    path.display().to_string()
}

#[test]
fn an_archive_is_what_the_log_signed_or_says_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let key = log(1).verifying_key().to_string();
    let check = |path: &str, key: &str| kepil(&["person", "export", path, "--key", key]);
    let good = archive(&dir, Some(&manifest()), &SIGNED);
    check(&good, &key).ended(0).says("2 files, none changed");
    // The key may lie in a file, as it was fetched from the node.
    let kept = file(&dir, "log.vkey", &format!("{key}\n"));
    check(&good, &kept).ended(0);
    let said = kepil(&["--json", "person", "export", &good, "--key", &key])
        .ended(0)
        .json();
    assert_eq!((&said["sound"], &said["files"]), (&true.into(), &2.into()));
    let foreign = log(2).verifying_key().to_string();
    check(&good, &foreign)
        .ended(1)
        .says("NOT signed by this log");

    let changed = [SIGNED[0], ("uses.json", "{\"more\": 1}")];
    let changed = archive(&dir, Some(&manifest()), &changed);
    check(&changed, &key).ended(1).says("uses.json: changed");
    let less = archive(&dir, Some(&manifest()), &SIGNED[..1]);
    check(&less, &key).ended(1).says("uses.json: missing");
    let more = [SIGNED[0], SIGNED[1], ("extra.txt", "")];
    let more = archive(&dir, Some(&manifest()), &more);
    check(&more, &key)
        .ended(1)
        .says("extra.txt: not signed for");
    let unsigned = archive(&dir, None, &SIGNED);
    check(&unsigned, &key)
        .ended(2)
        .says("nothing in it is signed");
}

#[test]
fn an_archive_that_two_programs_could_read_in_two_ways_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = log(1).verifying_key().to_string();
    let good = archive(&dir, Some(&manifest()), &SIGNED);
    let bytes = std::fs::read(&good).unwrap();
    let check = |bytes: &[u8]| {
        let path = dir.path().join("changed.zip");
        std::fs::write(&path, bytes).unwrap();
        kepil(&[
            "person",
            "export",
            &path.display().to_string(),
            "--key",
            &key,
        ])
    };
    check(&bytes).ended(0);
    let more = |front: &[u8], back: &[u8]| [front, &bytes, back].concat();
    check(&more(b"front", b"")).ended(2);
    check(&more(b"", b"back")).ended(2).says("only a part");
    // The same name twice: a forged file before the signed one, in the files and in the list.
    let forged = archive(
        &dir,
        Some(&manifest()),
        &[("uses.jsom", "{\"evil\":1}"), SIGNED[0], SIGNED[1]],
    );
    let forged = std::fs::read(forged).unwrap();
    let mut twice = forged.clone();
    let name = b"uses.jsom";
    for at in 0..twice.len() - name.len() {
        if &twice[at..at + name.len()] == name {
            twice[at..at + name.len()].copy_from_slice(b"uses.json");
        }
    }
    assert_ne!(twice, forged);
    check(&twice).ended(2).says("packed again");
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        check(&bytes[..cut]).ended(2);
    }
}

#[test]
fn a_folder_is_checked_like_its_archive() {
    let dir = tempfile::tempdir().unwrap();
    let key = log(1).verifying_key().to_string();
    let folder = dir.path().join("unpacked");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in SIGNED {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(folder.join("manifest.txt"), manifest()).unwrap();
    let check = || {
        kepil(&[
            "person",
            "export",
            &folder.display().to_string(),
            "--key",
            &key,
        ])
    };
    check().ended(0).says("none changed");
    std::fs::write(folder.join("uses.csv"), "other").unwrap();
    check().ended(1).says("uses.csv: changed");
}

#[test]
fn what_is_no_archive_or_no_key_ends_with_2_or_3() {
    let dir = tempfile::tempdir().unwrap();
    let key = log(1).verifying_key().to_string();
    let text = file(&dir, "text.zip", "no archive");
    kepil(&["person", "export", &text, "--key", &key])
        .ended(2)
        .says("text.zip");
    kepil(&["person", "export", "nowhere.zip", "--key", &key])
        .ended(3)
        .says("nowhere.zip");
    let good = archive(&dir, Some(&manifest()), &SIGNED);
    kepil(&["person", "export", &good, "--key", "nonsense"])
        .ended(2)
        .says("neither a file");
}
