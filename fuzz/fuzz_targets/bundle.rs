//! An entry bundle of the log.
#![no_main]

use kepil_ledger::entry::Leaf;
use kepil_ledger::tile::{parse_bundle, push_entry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(entries) = parse_bundle(data) else { return };
    let mut again = Vec::new();
    for entry in entries {
        assert!(push_entry(&mut again, entry).is_ok());
        if let Ok(leaf) = Leaf::parse(entry) {
            assert_eq!(leaf.to_bytes(), entry);
        }
    }
    assert_eq!(again, data);
});
