//! A receipt.
#![no_main]

use kepil_ledger::receipt::Receipt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(receipt) = Receipt::from_json(data) else { return };
    let written = receipt.to_json();
    let again = Receipt::from_json(written.as_bytes());
    assert_eq!(again.map(|r| r.to_json()).ok(), Some(written));
});
