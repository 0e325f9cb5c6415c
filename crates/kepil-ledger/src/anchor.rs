//! The anchor document: which law, which gates, which policy. Its hash stands in the log.

use std::fmt;

use crate::encoding::{array_from_base64, decimal, to_base64};
use crate::hash::{self, Hash};
use crate::note::VerifyingKey;
use crate::record::GateKey;

const FIRST_LINE: &str = "kepil-anchor/v1";

/// Longest anchor document that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The content of an anchor document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Anchor {
    /// Hash of the law pack, in hexadecimal.
    pub law: String,
    /// Gate keys with their first moments in Unix milliseconds.
    pub gates: Vec<(u64, GateKey)>,
    /// SHA-256 of the policy file.
    pub policy: Option<Hash>,
    /// Keys the log will sign with, with their first moments in Unix seconds.
    pub next_log_keys: Vec<(u64, VerifyingKey)>,
}

/// Why a text is not an anchor document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading an anchor document: line {line} is not of its form")]
pub struct AnchorError {
    /// Number of the line, from 1.
    pub line: usize,
}

impl Anchor {
    /// Reads an anchor document strictly.
    ///
    /// # Errors
    ///
    /// With the number of the first line that is not of its form.
    pub fn parse(text: &str) -> Result<Self, AnchorError> {
        let lines = text
            .strip_suffix('\n')
            .filter(|_| text.len() <= MAX_BYTES)
            .ok_or(AnchorError { line: 1 })?;
        let mut anchor = Self::default();
        // Lines stand in one order: a smaller rank never follows a larger one.
        let mut last = 0;
        for (number, line) in (1..).zip(lines.split('\n')) {
            let rank = anchor.line(line).ok_or(AnchorError { line: number })?;
            let may_repeat = rank == 2 || rank == 4;
            let follows = rank > last || (rank == last && may_repeat);
            let is_first = number == 1;
            if (is_first && line != FIRST_LINE) || (!is_first && !follows) {
                return Err(AnchorError { line: number });
            }
            last = rank;
        }
        if anchor.law.is_empty() || anchor.policy.is_none() {
            return Err(AnchorError { line: 2 });
        }
        Ok(anchor)
    }

    /// Takes one line; gives its rank in the order of lines.
    fn line(&mut self, line: &str) -> Option<u8> {
        let words: Vec<&str> = line.split(' ').collect();
        Some(match *words.as_slice() {
            [FIRST_LINE] => 0,
            ["law", law] if is_hex(law) => {
                law.clone_into(&mut self.law);
                1
            }
            ["gate", id, from, key] => {
                let id = u32::try_from(decimal(id)?).ok()?;
                let key = GateKey::new(id, &array_from_base64(key)?)?;
                self.gates.push((decimal(from)?, key));
                2
            }
            ["policy", hash] if is_hex(hash) && hash.len() == 64 => {
                self.policy = Some(from_hex(hash)?);
                3
            }
            ["next-log-key", vkey, from] => {
                let key = VerifyingKey::parse(vkey).ok()?;
                self.next_log_keys.push((decimal(from)?, key));
                4
            }
            _ => return None,
        })
    }

    /// The key a gate had at a moment in Unix milliseconds.
    #[must_use]
    pub fn gate(&self, id: u32, time_ms: u64) -> Option<&GateKey> {
        self.gates
            .iter()
            .filter(|(from, key)| key.id() == id && *from <= time_ms)
            .max_by_key(|(from, _)| *from)
            .map(|(_, key)| key)
    }

    /// The hash that stands in the log.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::new(hash::sha256(&[self.to_string().as_bytes()]))
    }
}

/// SHA-256 of a policy file, for [`Anchor::policy`].
#[must_use]
pub fn policy_hash(file: &[u8]) -> Hash {
    Hash::new(hash::sha256(&[file]))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn from_hex(text: &str) -> Option<Hash> {
    let mut bytes = [0; 32];
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Hash::new(bytes))
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if !self.law.is_empty() {
            writeln!(f, "law {}", self.law)?;
        }
        for (from, key) in &self.gates {
            writeln!(f, "gate {} {from} {}", key.id(), to_base64(&key.to_bytes()))?;
        }
        if let Some(policy) = &self.policy {
            writeln!(f, "policy {policy}")?;
        }
        self.next_log_keys
            .iter()
            .try_for_each(|(from, key)| writeln!(f, "next-log-key {key} {from}"))
    }
}
