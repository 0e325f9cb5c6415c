//! `kepil person export`: checks an archive that a node gave out against its log's signature.

use crate::exit::{Failure, environment, input};
use crate::ledger::parse_key;
use crate::out;
use kepil_ledger::error::in_one_line;
use kepil_ledger::hash::Hash;
use kepil_ledger::manifest::{MAX_FILES, Manifest};
use kepil_ledger::note::MAX_NOTE_BYTES;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;
use zip::ZipArchive;

/// Name of the signed list.
const MANIFEST: &str = "manifest.txt";

/// What is wrong with one file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Changed,
    Missing,
    NotSigned,
}

impl Wrong {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::NotSigned => "not signed for",
        }
    }
}

/// An archive: the hashes of its files, and the bytes of the signed list.
struct Contents {
    hashes: BTreeMap<String, Hash>,
    manifest: Option<Vec<u8>>,
}

fn contents(file: &Path) -> Result<Contents, Failure> {
    let said = |e: &dyn std::fmt::Display| input(format!("{}: {e}", file.display()));
    let opened =
        File::open(file).map_err(|e| environment(format!("opening {}: {e}", file.display())))?;
    let mut archive = ZipArchive::new(BufReader::new(opened)).map_err(|e| said(&e))?;
    if archive.len() > MAX_FILES + 1 {
        return Err(said(&"it holds more files than any export"));
    }
    let (mut hashes, mut manifest) = (BTreeMap::new(), None);
    for place in 0..archive.len() {
        let mut one = archive.by_index(place).map_err(|e| said(&e))?;
        let name = one.name().map_err(|e| said(&e))?.into_owned();
        if name == MANIFEST {
            let mut bytes = Vec::new();
            let limit = u64::try_from(MAX_NOTE_BYTES).unwrap_or(u64::MAX);
            one.take(limit + 1)
                .read_to_end(&mut bytes)
                .map_err(|e| said(&e))?;
            manifest = Some(bytes);
            continue;
        }
        let mut hash = Sha256::new();
        let mut piece = [0; 64 * 1024];
        loop {
            let read = one.read(&mut piece).map_err(|e| said(&e))?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            hash.update(bytes);
        }
        // The same name twice: whoever unpacks sees one of them, and this check the other.
        if hashes
            .insert(name, Hash::new(hash.finalize().into()))
            .is_some()
        {
            return Err(said(&"a file stands in it twice"));
        }
    }
    Ok(Contents { hashes, manifest })
}

/// Checks the archive and says what was found.
pub fn check(file: &Path, key: &str, json: bool) -> Result<(), Failure> {
    let key = match std::fs::read_to_string(key) {
        Ok(text) => parse_key(&text)?,
        Err(_) => parse_key(key)?,
    };
    let Contents { hashes, manifest } = contents(file)?;
    let manifest = manifest.ok_or_else(|| {
        input(format!(
            "{}: it has no `{MANIFEST}`: nothing in it is signed",
            file.display()
        ))
    })?;
    let found = match Manifest::verify(&manifest, &key) {
        Ok(found) => found,
        Err(error) => {
            match json {
                true => out!(
                    "{}",
                    json!({"sound": false, "manifest": in_one_line(&error)})
                ),
                false => out!("NOT signed by this log: {}", in_one_line(&error)),
            }
            return Err(Failure::Finding);
        }
    };
    let mut wrong: Vec<(&str, Wrong)> = Vec::new();
    for (name, hash) in found.files() {
        match hashes.get(name) {
            Some(there) if there == hash => {}
            Some(_) => wrong.push((name, Wrong::Changed)),
            None => wrong.push((name, Wrong::Missing)),
        }
    }
    let is_listed = |name: &str| found.files().iter().any(|(listed, _)| listed == name);
    let more = hashes.keys().filter(|name| !is_listed(name));
    wrong.extend(more.map(|name| (name.as_str(), Wrong::NotSigned)));
    if json {
        let wrong: BTreeMap<&str, &str> = wrong
            .iter()
            .map(|(name, wrong)| (*name, wrong.as_str()))
            .collect();
        out!(
            "{}",
            json!({
                "sound": wrong.is_empty(), "log": key.name().as_str(), "time": found.time(),
                "files": found.files().len(), "wrong": wrong,
            })
        );
    } else {
        for (name, wrong) in &wrong {
            out!("{name}: {}", wrong.as_str());
        }
        let when = jiff::Timestamp::from_second(i64::try_from(found.time()).unwrap_or(0));
        let when = when.map(|at| at.to_string()).unwrap_or_default();
        let files = found.files().len();
        match wrong.is_empty() {
            true => out!(
                "Signed by {} at {when}: {files} files, none changed.",
                key.name()
            ),
            false => out!(
                "Signed by {} at {when}, and not what it was then.",
                key.name()
            ),
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::Finding),
    }
}
