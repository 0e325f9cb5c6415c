//! Clients' assertions, alone and in the form of the token endpoint.
#![no_main]

#[path = "oidc/stage.rs"]
mod stage;

use kepil_oidc::assertion::{ASSERTION_TYPE, authenticate};
use kepil_oidc::code::{MemoryCodes, TokenId};
use kepil_oidc::form::encode;
use kepil_oidc::replay::MemoryReplay;
use kepil_oidc::token::{TokenRequest, exchange};
use libfuzzer_sys::fuzz_target;
use stage::{NOW, STAGE};

fuzz_target!(|data: &[u8]| {
    let (op, replay, codes) = (STAGE.op(), MemoryReplay::new(), MemoryCodes::new());
    let token = TokenId::new([1; 16]);
    let text = String::from_utf8_lossy(data);
    assert!(authenticate(&op, &replay, &text, None, NOW).is_err());
    let form = format!(
        "grant_type=authorization_code&code=x&client_assertion_type={}&client_assertion={}",
        encode(ASSERTION_TYPE),
        encode(&text),
    );
    for body in [data, form.as_bytes()] {
        let request = TokenRequest { body, has_authorization_header: false };
        assert!(exchange(&op, &codes, &replay, request, &token, NOW).is_err());
    }
});
