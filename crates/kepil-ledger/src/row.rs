//! Rows: the private side of an entry, and how one is made.

use std::fmt;

use crate::entry::{Commitment, Opening};
use crate::fields::Fields;
use crate::payload::{self, Payload, PayloadError};
use crate::period::Period;
use crate::person::PersonKeys;
use crate::record::{DecisionCode, Facts, GateSigner, RECORD_BYTES, Record, RecordKind};

/// The secrets of one entry: 88 fresh random bytes.
#[derive(Clone, Copy)]
pub struct RowSecrets {
    /// Opens the leaf's commitment to the record.
    pub salt: [u8; 32],
    /// Opens the record's commitment to the payload.
    pub blind: [u8; 32],
    /// Nonce of the sealed payload.
    pub nonce: [u8; 24],
}

/// Bytes of [`RowSecrets`].
pub const SECRET_BYTES: usize = 88;

impl RowSecrets {
    /// Takes fresh random bytes apart.
    #[must_use]
    pub fn from_random(random: &[u8; SECRET_BYTES]) -> Self {
        let mut secrets = Self {
            salt: [0; 32],
            blind: [0; 32],
            nonce: [0; 24],
        };
        let to = secrets
            .salt
            .iter_mut()
            .chain(&mut secrets.blind)
            .chain(&mut secrets.nonce);
        to.zip(random).for_each(|(to, from)| *to = *from);
        secrets
    }
}

impl fmt::Debug for RowSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowSecrets(secret)")
    }
}

/// What an entry says to auditors, beside the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// What kind of event.
    pub kind: RecordKind,
    /// The month whose map holds it.
    pub period: Period,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// What was decided.
    pub decision: DecisionCode,
    /// Class of the purpose.
    pub purpose: u16,
}

/// The private side of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Opens the leaf.
    pub salt: [u8; 32],
    /// What auditors see.
    pub record: Record,
    /// Opens the payload commitment.
    pub blind: [u8; 32],
    /// Nonce of the sealed payload.
    pub nonce: [u8; 24],
    /// The sealed payload.
    pub ciphertext: Vec<u8>,
}

impl Row {
    /// Makes the row of an event: seals the payload for the person, commits, and signs as the gate.
    #[must_use]
    pub fn seal(
        gate: &GateSigner,
        person: &PersonKeys,
        outline: Outline,
        payload: Payload,
        secrets: &RowSecrets,
    ) -> Self {
        let plain = payload.to_plaintext();
        let record = gate.sign(Facts {
            kind: outline.kind,
            period: outline.period,
            tag: person.tag(outline.period),
            time_ms: outline.time_ms,
            gate: gate.id(),
            decision: outline.decision,
            purpose: outline.purpose,
            payload: payload::commit(&secrets.blind, &plain),
        });
        Self {
            salt: secrets.salt,
            record,
            blind: secrets.blind,
            nonce: secrets.nonce,
            ciphertext: payload::seal(person.payload_key(), &secrets.nonce, plain),
        }
    }

    /// The commitment that stands in the leaf.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::of(&self.salt, &self.record.to_bytes())
    }

    /// What opens the leaf, for auditors.
    #[must_use]
    pub fn opening(&self) -> Opening {
        Opening {
            salt: self.salt,
            record: self.record.to_bytes().to_vec(),
        }
    }

    /// Opens the payload with the person's keys.
    ///
    /// # Errors
    ///
    /// When it is another person's, was changed, or is not what the record commits to.
    pub fn open(&self, person: &PersonKeys) -> Result<Payload, PayloadError> {
        let plain = payload::open(person.payload_key(), &self.nonce, &self.ciphertext)?;
        if payload::commit(&self.blind, &plain) != self.record.facts.payload {
            return Err(PayloadError::Commitment);
        }
        Payload::from_plaintext(&plain)
    }

    /// The row as it is stored: record ‖ salt ‖ blind ‖ nonce ‖ ciphertext.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            &self.record.to_bytes(),
            &self.salt,
            &self.blind,
            &self.nonce,
            &self.ciphertext,
        ];
        parts.concat()
    }

    /// Reads a stored row, `None` if it is not one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        Some(Self {
            record: Record::parse(fields.bytes(RECORD_BYTES)?).ok()?,
            salt: fields.array()?,
            blind: fields.array()?,
            nonce: fields.array()?,
            ciphertext: fields.rest().to_vec(),
        })
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
