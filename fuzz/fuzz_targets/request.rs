//! A request body: strict JSON, then AuthZEN.
#![no_main]

use kepil_server::{authzen, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(value) = json::parse(body) else { return };
    let text = value.to_string();
    assert_eq!(json::parse(text.as_bytes()).as_ref(), Ok(&value));
    let single = authzen::evaluation(&value);
    match authzen::batch(&value, 50) {
        Ok(authzen::Batch::Single(one)) => assert_eq!(single.ok().as_ref(), Some(&*one)),
        Ok(authzen::Batch::Many(items, _)) => assert!(!items.is_empty() && items.len() <= 50),
        Err(problem) => assert!(problem.status == 400 || problem.status == 413),
    }
});
