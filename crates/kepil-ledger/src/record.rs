//! Records: what auditors and the person see of an entry, off the log.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::Signer as _;

use crate::fields::Fields;
use crate::hash::{self, Hash};
use crate::period::Period;
use crate::person::Tag;

/// Bytes of a record.
pub const RECORD_BYTES: usize = 149;

/// Bytes of a record before its signature.
const SIGNED_BYTES: usize = 85;

const VERSION: u8 = 1;

/// What kind of event a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A use was asked for and decided: the intent.
    Access = 1,
    /// What became of an intent.
    Outcome = 2,
    /// A use that a court ordered to be shown later.
    Sealed = 3,
    /// A sealed use came to light.
    Opened = 4,
}

impl RecordKind {
    /// The kind with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Access,
            2 => Self::Outcome,
            3 => Self::Sealed,
            4 => Self::Opened,
            _ => return None,
        })
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DecisionCode {
    /// Permitted; of an outcome: released.
    Permit = 1,
    /// Denied; of an outcome: not released.
    Deny = 2,
    /// Permitted in an emergency; of an outcome: unknown.
    Emergency = 3,
    /// A human decides; of an outcome: what a person did about the use.
    Human = 4,
}

impl DecisionCode {
    /// The decision with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Permit,
            2 => Self::Deny,
            3 => Self::Emergency,
            4 => Self::Human,
            _ => return None,
        })
    }
}

/// Everything a record says, before the gate signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What kind of event.
    pub kind: RecordKind,
    /// The month whose map holds the entry.
    pub period: Period,
    /// The person's pseudonym of that month.
    pub tag: Tag,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Which gate decided.
    pub gate: u32,
    /// What was decided.
    pub decision: DecisionCode,
    /// Class of the purpose, see [`purpose_class`].
    pub purpose: u16,
    /// Commitment to the payload.
    pub payload: Hash,
}

/// A signed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What it says.
    pub facts: Facts,
    /// The gate's Ed25519 signature.
    pub signature: [u8; 64],
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A record has 149 bytes.
    #[error("reading a record: {found} bytes instead of 149")]
    Length {
        /// Length found.
        found: usize,
    },
    /// A field holds what it may not hold.
    #[error("reading a record: its {0} is unknown")]
    Field(&'static str),
    /// The signature is not the gate's.
    #[error("reading a record: the signature is not by gate {gate}")]
    Signature {
        /// Id of the gate.
        gate: u32,
    },
}

/// The class of a purpose: the first two bytes of SHA-256 of its id.
#[must_use]
pub fn purpose_class(id: &str) -> u16 {
    let [high, low, ..] = hash::sha256(&[id.as_bytes()]);
    u16::from_be_bytes([high, low])
}

impl Facts {
    fn signed_bytes(&self) -> [u8; SIGNED_BYTES] {
        let mut bytes = [0; SIGNED_BYTES];
        let parts: [&[u8]; 9] = [
            &[VERSION, self.kind as u8],
            &self.period.number().to_be_bytes(),
            self.tag.as_bytes(),
            &self.time_ms.to_be_bytes(),
            &self.gate.to_be_bytes(),
            &[self.decision as u8],
            &self.purpose.to_be_bytes(),
            self.payload.as_bytes(),
            &[],
        ];
        let from = parts.into_iter().flatten();
        bytes
            .iter_mut()
            .zip(from)
            .for_each(|(to, from)| *to = *from);
        bytes
    }
}

impl Record {
    /// The 149 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let signed = self.facts.signed_bytes();
        let from = signed.iter().chain(&self.signature);
        bytes
            .iter_mut()
            .zip(from)
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads a record; its signature is checked by [`GateKey::verify`].
    ///
    /// # Errors
    ///
    /// When the length or a field is not a record's.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let wrong_length = RecordError::Length { found: bytes.len() };
        if bytes.len() != RECORD_BYTES {
            return Err(wrong_length);
        }
        let mut fields = Fields::new(bytes);
        let read = (|| {
            let (version, kind, period) = (fields.u8()?, fields.u8()?, fields.u32()?);
            let (tag, time_ms, gate) = (fields.array()?, fields.u64()?, fields.u32()?);
            let (decision, purpose) = (fields.u8()?, fields.u16()?);
            let (payload, signature) = (fields.array()?, fields.array()?);
            Some((
                version, kind, period, tag, time_ms, gate, decision, purpose, payload, signature,
            ))
        })();
        let (version, kind, period, tag, time_ms, gate, decision, purpose, payload, signature) =
            read.ok_or(wrong_length)?;
        if version != VERSION {
            return Err(RecordError::Field("version"));
        }
        Ok(Self {
            facts: Facts {
                kind: RecordKind::from_code(kind).ok_or(RecordError::Field("type"))?,
                period: Period::new(period).ok_or(RecordError::Field("month"))?,
                tag: Tag::new(Hash::new(tag)),
                time_ms,
                gate,
                decision: DecisionCode::from_code(decision)
                    .ok_or(RecordError::Field("decision"))?,
                purpose,
                payload: Hash::new(payload),
            },
            signature,
        })
    }
}

/// Something that holds an Ed25519 key and signs with it as RFC 8032 says: a library, a module.
pub trait Ed25519: fmt::Debug + Send + Sync {
    /// The 32 bytes of the public key.
    fn public(&self) -> [u8; 32];

    /// The 64 bytes of the signature of a message: always the same for the same message.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// The key of a seed, in this process, by portable code.
struct Seeded(ed25519_dalek::SigningKey);

impl Ed25519 for Seeded {
    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeded").finish_non_exhaustive()
    }
}

/// A gate's secret key.
#[derive(Clone)]
pub struct GateSigner {
    public: GateKey,
    key: Arc<dyn Ed25519>,
}

/// A gate's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateKey {
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

impl GateSigner {
    /// Makes a signer from the gate's id and a secret seed.
    #[must_use]
    pub fn from_seed(id: u32, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = GateKey {
            id,
            key: key.verifying_key(),
        };
        let key = Arc::new(Seeded(key));
        Self { public, key }
    }

    /// Makes a signer of a key that something else holds, `None` if its public key is not sound.
    #[must_use]
    pub fn new(id: u32, key: Arc<dyn Ed25519>) -> Option<Self> {
        let public = GateKey::new(id, &key.public())?;
        Some(Self { public, key })
    }

    /// Id of the gate.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.public.id
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> GateKey {
        self.public
    }

    /// Signs what a record says; the gate in it is this one.
    #[must_use]
    pub fn sign(&self, facts: Facts) -> Record {
        let facts = Facts {
            gate: self.id(),
            ..facts
        };
        let signature = self.key.sign(&facts.signed_bytes());
        Record { facts, signature }
    }
}

impl fmt::Debug for GateSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateSigner")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl GateKey {
    /// Takes 32 bytes as a gate's key, `None` if they are not a sound Ed25519 key.
    #[must_use]
    pub fn new(id: u32, bytes: &[u8; 32]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
        (!key.is_weak()).then_some(Self { id, key })
    }

    /// Id of the gate.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Checks that this gate signed the record.
    ///
    /// # Errors
    ///
    /// When the record is another gate's or the signature is bad.
    pub fn verify(&self, record: &Record) -> Result<(), RecordError> {
        let signature = ed25519_dalek::Signature::from_bytes(&record.signature);
        let is_own = record.facts.gate == self.id
            && self
                .key
                .verify_strict(&record.facts.signed_bytes(), &signature)
                .is_ok();
        if is_own {
            Ok(())
        } else {
            Err(RecordError::Signature { gate: self.id })
        }
    }
}
