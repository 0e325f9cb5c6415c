//! Signed notes (C2SP `signed-note`): a text, an empty line, signature lines.
//!
//! Matching a signature to a key is by name *and* key id. Lines of unknown keys are
//! ignored; a bad signature under a known key makes the whole note bad.

mod key;
pub(crate) mod vkey;

pub use key::{KeyError, KeyId, KeyName, Signer, VerifyingKey};
pub use vkey::SignatureType;

use std::fmt;

use crate::encoding::{from_base64, to_base64};

/// Longest note that is read, in bytes; ML-DSA cosignatures take about 3.3 kB each.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;

/// Most signature lines that are read; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// Begins every signature line: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A note: what is signed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line: `— <name> <base64(key id ‖ signature)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

/// Why bytes are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The note is longer than [`MAX_NOTE_BYTES`].
    #[error("reading a note: {found} bytes are too many")]
    TooLong {
        /// Number of bytes found.
        found: usize,
    },
    /// Notes are UTF-8 without control characters other than newline.
    #[error("reading a note: it is not UTF-8 text without control characters")]
    NotText,
    /// No empty line parts the text from the signatures.
    #[error("reading a note: no empty line before the signatures")]
    NoSignatures,
    /// A line after the empty line is not a signature line.
    #[error("reading a note: signature line {line} is malformed")]
    MalformedSignature {
        /// Number of the line, from 1.
        line: usize,
    },
    /// More signature lines than [`MAX_SIGNATURES`].
    #[error("reading a note: too many signatures")]
    TooManySignatures,
}

/// Why a note or a signature does not count as signed by a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature line carries the key's name and id.
    #[error("checking signatures: none is by this key of `{name}`")]
    NotSigned {
        /// Name of the key.
        name: KeyName,
    },
    /// A signature under the key's name and id does not verify.
    #[error("checking signatures: the one by `{name}` is bad")]
    Bad {
        /// Name of the key.
        name: KeyName,
    },
}

/// Reads a signed note strictly.
///
/// # Errors
///
/// When anything differs from the specification: control characters, no final
/// newline, a signature line with other spacing, base64 that is not canonical.
pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
    if bytes.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong { found: bytes.len() });
    }
    let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::NotText);
    }
    // The text keeps its final newline; the last empty line parts it from the signatures.
    let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
    Ok(Note {
        text: format!("{text}\n"),
        signatures: parse_signatures(lines)?,
    })
}

/// Reads signature lines alone, each with its newline, as a witness answers them.
///
/// # Errors
///
/// When there is none, there are too many, or a line is malformed.
pub fn parse_signatures(lines: &str) -> Result<Vec<Signature>, NoteError> {
    let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
    let mut signatures = Vec::new();
    for (at, line) in lines.split('\n').enumerate() {
        if at == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let signature =
            Signature::parse(line).ok_or(NoteError::MalformedSignature { line: at + 1 })?;
        signatures.push(signature);
    }
    Ok(signatures)
}

impl Note {
    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, known and unknown.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature line at the end; one that is there already is not added again.
    ///
    /// # Errors
    ///
    /// When the note has as many lines as are read, or becomes too long to be read.
    pub fn append(&mut self, signature: Signature) -> Result<(), NoteError> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        let found = self.to_string().len();
        if found > MAX_NOTE_BYTES {
            self.signatures.pop();
            return Err(NoteError::TooLong { found });
        }
        Ok(())
    }

    /// Keeps the signature lines that a rule accepts; there may be none left.
    pub fn retain(&mut self, is_kept: impl FnMut(&Signature) -> bool) {
        self.signatures.retain(is_kept);
    }

    /// Checks that the note is signed by a key.
    ///
    /// # Errors
    ///
    /// When no line is by this key, or any line by this key is bad.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), SignatureError> {
        let mut found = false;
        for signature in self.signatures.iter().filter(|line| line.is_by(key)) {
            signature.verify(self.text.as_bytes(), key)?;
            found = true;
        }
        if found {
            Ok(())
        } else {
            Err(SignatureError::NotSigned {
                name: key.name().clone(),
            })
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    pub(crate) const fn new(name: KeyName, id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// What stands after the key id.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads one signature line, without its newline.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let decoded = from_base64(encoded)?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        if bytes.is_empty() {
            return None;
        }
        let name = KeyName::new(name).ok()?;
        Some(Self {
            name,
            id: KeyId::new(*id),
            bytes: bytes.to_vec(),
        })
    }

    /// Name of the key that is said to have signed.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id of the key that is said to have signed.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// True when name and id are those of the key.
    #[must_use]
    pub fn is_by(&self, key: &VerifyingKey) -> bool {
        self.name == *key.name() && self.id == key.id()
    }

    /// Checks this signature over a text.
    ///
    /// # Errors
    ///
    /// When it is not by this key, or does not verify.
    pub fn verify(&self, text: &[u8], key: &VerifyingKey) -> Result<(), SignatureError> {
        if !self.is_by(key) {
            return Err(SignatureError::NotSigned {
                name: key.name().clone(),
            });
        }
        if key.accepts(text, &self.bytes) {
            Ok(())
        } else {
            Err(SignatureError::Bad {
                name: key.name().clone(),
            })
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes().as_slice(), &self.bytes].concat();
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, to_base64(&bytes))
    }
}
