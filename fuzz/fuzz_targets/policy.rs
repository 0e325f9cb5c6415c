//! A trust policy.
#![no_main]

use kepil_ledger::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(policy) = Policy::parse(data) else { return };
    let written = policy.to_string();
    assert_eq!(Policy::parse(written.as_bytes()), Ok(policy));
});
