//! An offline proof.
#![no_main]

use kepil_ledger::hash::leaf;
use kepil_ledger::proof::TlogProof;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(proof) = TlogProof::parse(data) else { return };
    assert_eq!(proof.to_string().as_bytes(), data);
    let _ = proof.verify_inclusion(&leaf(b""));
});
