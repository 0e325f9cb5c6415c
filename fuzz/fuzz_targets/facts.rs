//! The coded facts of a record.
#![no_main]

use kepil_gate::record::{decode, encode};
use libfuzzer_sys::fuzz_target;

const SLOTS: usize = 240;

fuzz_target!(|data: &[u8]| {
    // As text from outside, and as bytes that are hexadecimal in any case.
    let digits: String = data.iter().map(|b| format!("{b:02x}")).collect();
    for text in [String::from_utf8_lossy(data).into_owned(), digits] {
        let Some(facts) = decode(&text, SLOTS) else { continue };
        assert_eq!(facts.values().len(), SLOTS);
        assert_eq!(decode(&encode(&facts), SLOTS).as_ref(), Some(&facts));
    }
});
