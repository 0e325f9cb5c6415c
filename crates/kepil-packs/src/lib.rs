//! The law packs that travel inside the binary, so that one file is all a pilot needs.

include!(concat!(env!("OUT_DIR"), "/files.rs"));

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files
        .iter()
        .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()))
        .collect()
}

/// The pack of Kazakhstan's law.
#[must_use]
pub fn kz() -> Vec<(String, String)> {
    owned(KZ)
}

/// The pack for the AuthZEN conformance tests; no gate in service may load it.
#[must_use]
pub fn conformance() -> Vec<(String, String)> {
    owned(CONFORMANCE)
}
