//! A manifest of handed-out files.
#![no_main]

use kepil_ledger::manifest::{Manifest, ManifestError};
use kepil_ledger::note::{KeyName, Signer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let Ok(name) = KeyName::new("log.example") else { return };
    let signer = Signer::from_seed(name, &[1; 32]);
    // Signed, so that the reading of the text is reached.
    let note = format!("{data}\n{}\n", signer.sign(data));
    match Manifest::verify(note.as_bytes(), signer.verifying_key()) {
        Ok(found) => assert_eq!(found.text(), data),
        Err(ManifestError::Signature(error)) => panic!("{error}"),
        Err(_) => {}
    }
});
