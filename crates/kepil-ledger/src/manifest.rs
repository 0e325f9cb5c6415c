//! Manifests: the log's word for files that a node hands out, such as a person's export.
//!
//! A manifest is a C2SP `signed-note` by the log's key over this text, each line with its
//! newline:
//!
//! ```text
//! kepil-manifest/v1
//! <origin>
//! <time, Unix seconds, decimal>
//! <SHA-256 of a file, 64 small hexadecimal digits><space><space><name of the file>
//! ```
//!
//! with one line for each file, in the order of their names, no name twice. The file lines
//! are those of `sha256sum`, so that `sha256sum -c` reads them. A name is 1 to 100 of
//! `a-z 0-9 - _ .` and does not begin with a dot. The first line keeps the text apart from
//! checkpoints and receipts, and no log may be called so
//! ([`crate::receipt::is_reserved_origin`]).

use crate::hash::Hash;
use crate::note::{self, KeyName, NoteError, SignatureError, Signer, VerifyingKey};

/// First line of the signed text.
pub(crate) const CONTEXT: &str = "kepil-manifest/v1";

/// Most files of a manifest.
pub const MAX_FILES: usize = 1000;

const MAX_NAME: usize = 100;

/// Which files a node handed out, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    origin: KeyName,
    time: u64,
    files: Vec<(String, Hash)>,
}

/// Why a manifest cannot be made or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not of its form.
    #[error("reading a manifest: line {line} is not of its form")]
    Form {
        /// From 1.
        line: usize,
    },
    /// The names are wrong, not in order, or too many.
    #[error("making a manifest: the names are not 1 to {MAX_FILES} different file names")]
    Names,
    /// It is another log's.
    #[error("checking a manifest: it is of `{found}`, the key of `{expected}`")]
    OtherLog {
        /// Whose it is.
        found: KeyName,
        /// Whose the key is.
        expected: KeyName,
    },
    /// The signature does not fit.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

fn is_name(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.')
}

impl Manifest {
    /// A manifest of files, put into the order of their names.
    ///
    /// # Errors
    ///
    /// When there is no file or there are too many, or a name is wrong or stands there twice.
    pub fn new(
        origin: KeyName,
        time: u64,
        mut files: Vec<(String, Hash)>,
    ) -> Result<Self, ManifestError> {
        files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let is_twice = files.array_windows().any(|[(a, _), (b, _)]| a == b);
        let are_names = files.iter().all(|(name, _)| is_name(name));
        if is_twice || !are_names || !(1..=MAX_FILES).contains(&files.len()) {
            return Err(ManifestError::Names);
        }
        Ok(Self {
            origin,
            time,
            files,
        })
    }

    /// The signed text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{CONTEXT}\n{}\n{}\n", self.origin, self.time);
        for (name, hash) in &self.files {
            text.extend(hash.as_bytes().iter().map(|byte| format!("{byte:02x}")));
            text.push_str("  ");
            text.push_str(name);
            text.push('\n');
        }
        text
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        let text = self.text();
        let signature = signer.sign(&text);
        format!("{text}\n{signature}\n")
    }

    /// Checks a signed note with the log's key.
    ///
    /// # Errors
    ///
    /// When it is not of its form, of another log, or not signed by the key.
    pub fn verify(bytes: &[u8], key: &VerifyingKey) -> Result<Self, ManifestError> {
        let note = note::parse(bytes)?;
        let found = Self::parse(note.text())?;
        if found.origin != *key.name() {
            return Err(ManifestError::OtherLog {
                found: found.origin,
                expected: key.name().clone(),
            });
        }
        note.verify(key)?;
        Ok(found)
    }

    fn parse(text: &str) -> Result<Self, ManifestError> {
        let form = |line| ManifestError::Form { line };
        let mut lines = text.strip_suffix('\n').ok_or(form(1))?.split('\n');
        if lines.next() != Some(CONTEXT) {
            return Err(form(1));
        }
        let origin = lines.next().and_then(|name| KeyName::new(name).ok());
        let origin = origin.ok_or(form(2))?;
        let time = lines.next().and_then(|line| {
            let time: u64 = line.parse().ok()?;
            (time.to_string() == line).then_some(time)
        });
        let time = time.ok_or(form(3))?;
        let mut files = Vec::new();
        for (place, line) in lines.enumerate().take(MAX_FILES + 1) {
            let file = line.split_once("  ").and_then(|(hash, name)| {
                let hash = hash_of(hash)?;
                is_name(name).then(|| (name.to_owned(), hash))
            });
            files.push(file.ok_or(form(place + 4))?);
        }
        let found = Self::new(origin, time, files)?;
        // One way to write it: anything else is not what was signed on purpose.
        if found.text() == text {
            Ok(found)
        } else {
            Err(ManifestError::Names)
        }
    }

    /// When it was made, Unix seconds.
    #[must_use]
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// The files by name, in order, with their hashes.
    #[must_use]
    pub fn files(&self) -> &[(String, Hash)] {
        &self.files
    }
}

fn hash_of(text: &str) -> Option<Hash> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let is_small = |c: &u8| c.is_ascii_digit() || (b'a'..=b'f').contains(c);
        let digits = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| pair.iter().all(is_small))?;
    }
    Some(Hash::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed(KeyName::new("log.example").unwrap(), &[seed; 32])
    }

    fn manifest(files: &[(&str, u8)]) -> Result<Manifest, ManifestError> {
        let files = files
            .iter()
            .map(|(name, byte)| ((*name).to_owned(), Hash::new([*byte; 32])));
        Manifest::new(
            signer(1).verifying_key().name().clone(),
            1_795_000_000,
            files.collect(),
        )
    }

    #[test]
    fn a_manifest_names_files_and_is_believed_from_its_log_alone() {
        let made = manifest(&[("uses.json", 1), ("uses.csv", 2)]).unwrap();
        let note = made.sign(&signer(1));
        assert!(note.starts_with("kepil-manifest/v1\nlog.example\n1795000000\n0202"));
        let key = signer(1).verifying_key().clone();
        assert_eq!(Manifest::verify(note.as_bytes(), &key), Ok(made));
        let other = signer(2).verifying_key().clone();
        assert!(matches!(
            Manifest::verify(note.as_bytes(), &other),
            Err(ManifestError::Signature(_))
        ));
        let elsewhere = Signer::from_seed(KeyName::new("other.example").unwrap(), &[1; 32]);
        assert!(matches!(
            Manifest::verify(note.as_bytes(), elsewhere.verifying_key()),
            Err(ManifestError::OtherLog { .. })
        ));
        for (from, to) in [
            ("0202", "0203"),
            ("uses.csv", "uses.cst"),
            ("1795000000", "1795000001"),
        ] {
            let changed = note.replacen(from, to, 1);
            assert!(Manifest::verify(changed.as_bytes(), &key).is_err(), "{to}");
        }
    }

    #[test]
    fn names_are_file_names_and_stand_there_once() {
        for files in [
            &[][..],
            &[("a", 1), ("a", 2)],
            &[("../a", 1)],
            &[(".a", 1)],
            &[("A", 1)],
            &[("a b", 1)],
            &[("", 1)],
        ] {
            assert_eq!(manifest(files), Err(ManifestError::Names), "{files:?}");
        }
    }

    #[test]
    fn what_the_log_signs_otherwise_is_no_manifest() {
        let key = signer(1).verifying_key().clone();
        for text in [
            "kepil-receipt/v1\nlog.example\n1\n",
            "log.example\n1\nAAAA\n",
            "kepil-manifest/v1\nlog.example\n01\n",
            "kepil-manifest/v1\nlog.example\n1\n",
            "kepil-manifest/v1\nlog.example\n1\nAA  a\n",
        ] {
            let note = format!("{text}\n{}\n", signer(1).sign(text));
            assert!(Manifest::verify(note.as_bytes(), &key).is_err(), "{text}");
        }
        let reserved = KeyName::new(CONTEXT).unwrap();
        assert!(crate::receipt::is_reserved_origin(&reserved));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            names in proptest::collection::btree_set("[a-z0-9][a-z0-9._-]{0,20}", 1..20),
            bytes: [u8; 32], time: u64,
        ) {
            let files = names.into_iter().map(|name| (name, Hash::new(bytes))).collect();
            let made = Manifest::new(signer(1).verifying_key().name().clone(), time, files).unwrap();
            let note = made.sign(&signer(1));
            prop_assert_eq!(Manifest::verify(note.as_bytes(), signer(1).verifying_key()), Ok(made));
        }
    }
}
