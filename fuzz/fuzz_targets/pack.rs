//! A law pack with one file changed: a piece cut out, another put in.
#![no_main]

use kepil_law::pack::{File, Options, load};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static PACK: LazyLock<Vec<File>> = LazyLock::new(kepil_packs::kz);

/// Files without which nothing loads.
fn needed(name: &str) -> bool {
    !name.ends_with(".md")
}

fuzz_target!(|data: &[u8]| {
    let Some(([which, at_high, at_low, cut], insert)) = data.split_first_chunk::<4>() else { return };
    let which = usize::from(*which) % PACK.len();
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low]));
    // One law file at a time keeps a run short; its neighbours change nothing in how it is read.
    let mut files: Vec<File> = PACK
        .iter()
        .enumerate()
        .filter(|(i, (name, _))| *i == which || needed(name))
        .map(|(_, f)| f.clone())
        .collect();
    let name = PACK[which].0.clone();
    for (_, text) in files.iter_mut().filter(|(n, _)| *n == name) {
        let chars: Vec<char> = text.chars().collect();
        let at = at % (chars.len() + 1);
        let end = (at + usize::from(*cut)).min(chars.len());
        *text = chars[..at].iter().chain(&String::from_utf8_lossy(insert).chars().collect::<Vec<_>>()).chain(&chars[end..]).collect();
    }
    if let Err(e) = load(&files, Options { assumed: true, draft: true }) {
        assert!(!e.faults.is_empty());
        assert!(e.faults.iter().all(|f| !f.file.is_empty() && !f.remedy.is_empty()));
    }
});
