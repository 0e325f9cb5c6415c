//! `kepil person export`: checks an archive that a node gave out against its log's signature.

use crate::exit::{Failure, environment, input};
use crate::ledger::parse_key;
use crate::out;
use kepil_ledger::error::in_one_line;
use kepil_ledger::hash::Hash;
use kepil_ledger::manifest::{MAX_FILES, Manifest};
use kepil_ledger::note::{MAX_NOTE_BYTES, VerifyingKey};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

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
#[derive(Default)]
struct Contents {
    hashes: BTreeMap<String, Hash>,
    manifest: Option<Vec<u8>>,
}

/// What is not as a node made it: other programs could see other files in it than this one.
const PACKED_AGAIN: &str = "it is not as the node made it: packed again, or with more in it than it lists. Check the archive that the node gave, or the folder it unpacks to";

fn contents(path: &Path) -> Result<Contents, Failure> {
    let broken = |e: &dyn std::fmt::Display| environment(format!("{}: {e}", path.display()));
    if path.is_dir() {
        let mut found = Contents::default();
        for entry in std::fs::read_dir(path).map_err(|e| broken(&e))? {
            let entry = entry.map_err(|e| broken(&e))?;
            let file = File::open(entry.path()).map_err(|e| broken(&e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.take(name, file).map_err(|e| broken(&e))?;
        }
        return Ok(found);
    }
    let said = |e: &dyn std::fmt::Display| input(format!("{}: {e}", path.display()));
    let mut file = File::open(path).map_err(|e| broken(&e))?;
    let end = end_of(&mut file).map_err(|e| broken(&e))?;
    let end =
        end.ok_or_else(|| said(&"this is no ZIP archive of a node, or only a part of one"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| said(&e))?;
    if archive.len() > MAX_FILES + 1 {
        return Err(said(&"it holds more files than any export"));
    }
    // Each file begins where the one before ends, the list where the last ends, and the list names
    // as many as there are: so every program sees the same.
    let (mut found, mut at) = (Contents::default(), 0);
    let mut is_tight = end.files == archive.len() && archive.offset() == 0;
    for place in 0..archive.len() {
        let one = archive.by_index(place).map_err(|_| said(&PACKED_AGAIN))?;
        is_tight &= one.header_start() == at && one.compression() == CompressionMethod::Stored;
        at = one.data_start().unwrap_or_default() + one.compressed_size();
        let name = one.name().map_err(|e| said(&e))?.into_owned();
        found.take(name, one).map_err(|e| said(&e))?;
    }
    match is_tight && at == end.list {
        true => Ok(found),
        false => Err(said(&PACKED_AGAIN)),
    }
}

/// What the last record of a ZIP archive says, if it ends the file.
struct End {
    files: usize,
    /// Where the list of files begins.
    list: u64,
}

fn end_of(file: &mut File) -> std::io::Result<Option<End>> {
    const BYTES: usize = 22;
    let length = file.metadata()?.len();
    let Some(start) = length.checked_sub(BYTES as u64) else {
        return Ok(None);
    };
    let mut record = [0; BYTES];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut record)?;
    file.rewind()?;
    let [
        b'P',
        b'K',
        5,
        6,
        _,
        _,
        _,
        _,
        _,
        _,
        f0,
        f1,
        s0,
        s1,
        s2,
        s3,
        l0,
        l1,
        l2,
        l3,
        0,
        0,
    ] = record
    else {
        return Ok(None);
    };
    let list = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
    let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
    let files = usize::from(u16::from_le_bytes([f0, f1]));
    Ok((list + size == start).then_some(End { files, list }))
}

impl Contents {
    /// Takes a file in.
    fn take(&mut self, name: String, mut file: impl Read) -> std::io::Result<()> {
        if name == MANIFEST {
            let mut bytes = Vec::new();
            let limit = u64::try_from(MAX_NOTE_BYTES).unwrap_or(u64::MAX);
            file.take(limit + 1).read_to_end(&mut bytes)?;
            self.manifest = Some(bytes);
            return Ok(());
        }
        let mut hash = Sha256::new();
        let mut piece = [0; 64 * 1024];
        loop {
            let read = file.read(&mut piece)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            hash.update(bytes);
        }
        self.hashes.insert(name, Hash::new(hash.finalize().into()));
        Ok(())
    }
}

/// The log's key, given as it is or as the name of a file with it.
fn key_of(given: &str) -> Result<VerifyingKey, Failure> {
    if let Ok(text) = std::fs::read_to_string(given) {
        return parse_key(&text);
    }
    match given.contains('+') {
        true => parse_key(given),
        false => Err(input(format!(
            "--key: `{given}` is neither a file that can be read nor a key such as name+id+letters"
        ))),
    }
}

/// Checks the archive and says what was found.
pub fn check(file: &Path, key: &str, json: bool) -> Result<(), Failure> {
    let key = key_of(key)?;
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
