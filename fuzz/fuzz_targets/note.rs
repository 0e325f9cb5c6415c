//! A signed note.
#![no_main]

use kepil_ledger::note::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(note) = parse(data) else { return };
    assert_eq!(note.to_string().as_bytes(), data);
});
