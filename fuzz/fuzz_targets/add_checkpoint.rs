//! A request to a witness.
#![no_main]

use kepil_ledger::witness::{AddCheckpoint, TreeHead, decide};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = AddCheckpoint::parse(data) else { return };
    assert_eq!(request.to_string().as_bytes(), data);
    // Nobody is trusted, so nothing is cosigned.
    assert!(decide(&request, [], TreeHead::empty()).is_err());
});
