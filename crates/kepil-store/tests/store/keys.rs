use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kepil_ledger::note::KeyName;
use kepil_store::keys::{KeyFile, KeyFileError};

#[test]
fn a_key_file_is_the_owners_alone_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    let created = KeyFile::create(&path, [42; 32]).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let loaded = KeyFile::load(&path).unwrap();
    let name = KeyName::new("log.example").unwrap();
    assert_eq!(
        created.signer(name.clone()).verifying_key(),
        loaded.signer(name).verifying_key()
    );
    assert!(matches!(
        KeyFile::create(&path, [1; 32]),
        Err(KeyFileError::Create { .. })
    ));
    assert!(!format!("{loaded:?}").contains("42"));
}

#[test]
fn a_key_file_that_others_may_open_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    KeyFile::create(&path, [42; 32]).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = KeyFile::load(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Open { mode: found, .. } if found == mode));
        assert!(error.to_string().contains("0600"), "{error}");
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        KeyFile::load(&path).unwrap();
    }
}

#[test]
fn a_file_that_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    assert!(matches!(
        KeyFile::load(&path),
        Err(KeyFileError::Read { .. })
    ));
    KeyFile::create(&path, [42; 32]).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        String::new(),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace("v1", "v2"),
        good.replace("Kio=", "Kip="),
        good.repeat(20),
        "kepil-ed25519-seed/v1 AAAA\n".to_owned(),
    ] {
        fs::write(&path, &bad).unwrap();
        assert!(
            matches!(KeyFile::load(&path), Err(KeyFileError::Malformed { .. })),
            "{bad:?}"
        );
    }
}
