//! A signed tree head.
#![no_main]

use kepil_ledger::checkpoint::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(signed) = parse(data) else { return };
    assert_eq!(signed.note().to_string().as_bytes(), data);
});
