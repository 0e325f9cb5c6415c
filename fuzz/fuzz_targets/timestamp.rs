//! A response of a time stamping authority, and a file of certificates.
#![no_main]

use kepil_timestamp::{Trust, verify};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Nobody has the key of this certificate any more.
static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    Trust::from_pem(include_bytes!("timestamp.pem")).expect("a certificate")
});

fuzz_target!(|data: &[u8]| {
    let _ = Trust::from_pem(data);
    // Whatever stamps this text was never made.
    assert!(verify(data, b"never stamped", None, &TRUST).is_err());
});
