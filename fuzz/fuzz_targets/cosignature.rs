//! Signature lines and keys of cosigners.
#![no_main]

use kepil_ledger::checkpoint::parse;
use kepil_ledger::cosignature::CosignerKey;
use kepil_ledger::note::parse_signatures;
use libfuzzer_sys::fuzz_target;

const W0: &str = "w0.example+6ddf5b09+BEOnLnFEAXYt9mtowm373yaCquyfJHTspGE+QkoPuv08";

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = CosignerKey::parse(&text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(lines) = parse_signatures(&text) {
        let written: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(written, text);
    }
    let (Ok(signed), Ok(w0)) = (parse(data), CosignerKey::parse(W0)) else { return };
    for cosignature in signed.cosignatures([&w0]).unwrap_or_default() {
        assert_ne!(cosignature.time, 0);
    }
});
