use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kepil_keys::disk::FileError;
use kepil_keys::file::{FileVault, OpenVaultError};
use kepil_keys::random::Random;
use kepil_keys::vault::{Handle, Vault, VaultError};
use kepil_ledger::hash;
use tempfile::TempDir;

/// Bytes that never repeat within a test run, and differ between sources.
pub fn random() -> Random {
    static SOURCES: AtomicU64 = AtomicU64::new(0);
    let source = SOURCES.fetch_add(1, Ordering::SeqCst);
    let count = AtomicU64::new(0);
    Random::new(move |bytes| {
        for part in bytes.chunks_mut(32) {
            let count = count.fetch_add(1, Ordering::SeqCst);
            let hash = hash::leaf(&[source.to_be_bytes(), count.to_be_bytes()].concat());
            part.copy_from_slice(&hash.as_bytes()[..part.len()]);
        }
        Ok(())
    })
}

struct Paths {
    _temp: TempDir,
    folder: PathBuf,
    root: PathBuf,
}

fn paths() -> Paths {
    let temp = tempfile::tempdir().unwrap();
    Paths {
        folder: temp.path().join("vault"),
        root: temp.path().join("vault.root"),
        _temp: temp,
    }
}

fn open(paths: &Paths) -> Result<FileVault, OpenVaultError> {
    FileVault::open(&paths.folder, &paths.root, random())
}

fn key_files(paths: &Paths) -> Vec<PathBuf> {
    let files = fs::read_dir(&paths.folder).unwrap();
    files.map(|entry| entry.unwrap().path()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_was_wrapped_opens_with_the_same_key_and_context_only() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let key = vault.generate("one").unwrap();
    let other = vault.generate("one").unwrap();
    let wrapped = vault.wrap(key, b"context", b"plain").unwrap();
    assert!(!wrapped.windows(5).any(|part| part == b"plain"));
    assert_eq!(
        &vault.unwrap(key, b"context", &wrapped).unwrap()[..],
        b"plain"
    );

    // After a restart too.
    let vault = open(&paths).unwrap();
    assert_eq!(
        &vault.unwrap(key, b"context", &wrapped).unwrap()[..],
        b"plain"
    );

    let rejected = |handle, context: &[u8], wrapped: &[u8]| {
        let error = vault.unwrap(handle, context, wrapped).unwrap_err();
        assert!(matches!(error, VaultError::Rejected { .. }), "{error:?}");
    };
    rejected(other, b"context", &wrapped);
    rejected(key, b"contexts", &wrapped);
    for end in 0..wrapped.len() {
        rejected(key, b"context", &wrapped[..end]);
        let mut bent = wrapped.clone();
        bent[end] ^= 1;
        rejected(key, b"context", &bent);
    }
    assert_ne!(vault.wrap(key, b"context", b"plain").unwrap(), wrapped);
}

#[test]
fn keys_are_found_by_their_whole_label() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let mut state = [
        vault.generate("state").unwrap(),
        vault.generate("state").unwrap(),
    ];
    let longer = vault.generate("state-old").unwrap();
    let mut found = vault.find("state").unwrap();
    state.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, state);
    assert_eq!(vault.find("state-old").unwrap(), [longer]);
    assert_eq!(vault.find("old").unwrap(), []);
    assert_eq!(vault.find("").unwrap(), []);
}

#[test]
fn labels_are_short_and_plain() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let long = "a".repeat(33);
    for label in ["", "A", "a/b", "..", "a b", "ә", &long] {
        let error = vault.generate(label).unwrap_err();
        assert!(matches!(error, VaultError::Label { .. }), "{error:?}");
    }
    assert_eq!(key_files(&paths).len(), 0);
}

#[test]
fn a_destroyed_key_is_gone() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let key = vault.generate("one").unwrap();
    let wrapped = vault.wrap(key, b"", b"plain").unwrap();
    // Another name of the same file, to see what becomes of its bytes.
    let link = paths.root.with_extension("link");
    fs::hard_link(&key_files(&paths)[0], &link).unwrap();
    vault.destroy(key).unwrap();
    assert_eq!(fs::read(link).unwrap(), [0; 73]);
    assert_eq!(key_files(&paths).len(), 0);
    for error in [
        vault.unwrap(key, b"", &wrapped).unwrap_err(),
        vault.wrap(key, b"", b"plain").unwrap_err(),
        vault.destroy(key).unwrap_err(),
        vault.destroy(Handle::new([0; 16])).unwrap_err(),
    ] {
        assert!(matches!(error, VaultError::Unknown { .. }), "{error:?}");
    }
}

#[test]
fn files_and_folders_are_for_their_owner_alone() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let key = vault.generate("one").unwrap();
    let file = key_files(&paths).remove(0);
    assert_eq!(
        [mode(&paths.folder), mode(&paths.root), mode(&file)],
        [0o700, 0o600, 0o600]
    );

    set_mode(&file, 0o640);
    let error = vault.wrap(key, b"", b"").unwrap_err();
    let VaultError::Device { source } = &error else {
        panic!("{error:?}");
    };
    assert!(
        source
            .to_string()
            .ends_with("its mode is 0640, others may open it; take their rights away")
    );

    let refused = |path: &Path, mode: u32| {
        set_mode(path, mode);
        let error = open(&paths).unwrap_err();
        let OpenVaultError::File { source, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(matches!(source, FileError::Shared { mode: found, .. } if *found == mode));
    };
    refused(&paths.root, 0o604);
    refused(&paths.root, 0o660);
    set_mode(&paths.root, 0o400);
    refused(&paths.folder, 0o750);
}

#[test]
fn a_new_root_secret_is_not_made_over_keys() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    fs::remove_file(&paths.root).unwrap();
    open(&paths).unwrap();
    vault.generate("one").unwrap();
    fs::remove_file(&paths.root).unwrap();
    assert!(matches!(open(&paths), Err(OpenVaultError::NoRoot { .. })));
    assert!(!paths.root.exists());
}

#[test]
fn another_root_secret_opens_nothing() {
    let paths = paths();
    let key = open(&paths).unwrap().generate("one").unwrap();
    let other = self::paths();
    open(&other).unwrap();
    fs::copy(&other.root, &paths.root).unwrap();
    let error = open(&paths).unwrap().wrap(key, b"", b"").unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_key_file_under_another_name_does_not_open() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let one = vault.generate("one").unwrap();
    let two = vault.generate("two").unwrap();
    let file = |label: &str, handle: Handle| paths.folder.join(format!("{label}-{handle}.key"));
    fs::copy(file("one", one), file("two", two)).unwrap();
    let error = vault.wrap(two, b"", b"").unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_malformed_root_secret_is_refused() {
    let paths = paths();
    open(&paths).unwrap();
    let good = fs::read_to_string(&paths.root).unwrap();
    for text in [
        "",
        good.trim_end(),
        &good.replacen('k', "", 1),
        &good.replace('\n', "x\n"),
    ] {
        fs::write(&paths.root, text).unwrap();
        let error = open(&paths).unwrap_err();
        assert!(
            matches!(error, OpenVaultError::Malformed { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn without_randomness_nothing_is_made() {
    let paths = paths();
    let dry = || Random::new(|_| Err(io::Error::other("dry")));
    let error = FileVault::open(&paths.folder, &paths.root, dry()).unwrap_err();
    assert!(matches!(error, OpenVaultError::Random { .. }), "{error:?}");
    open(&paths).unwrap();
    let vault = FileVault::open(&paths.folder, &paths.root, dry()).unwrap();
    let error = vault.generate("one").unwrap_err();
    assert!(matches!(error, VaultError::Random { .. }), "{error:?}");
    assert_eq!(key_files(&paths).len(), 0);
}

#[test]
fn debug_shows_no_secret() {
    let paths = paths();
    let vault = open(&paths).unwrap();
    let shown = format!("{vault:?} {:?}", random());
    assert_eq!(
        shown,
        format!("FileVault({}) Random(..)", paths.folder.display())
    );
}
