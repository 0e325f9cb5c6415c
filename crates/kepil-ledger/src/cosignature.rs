//! Cosignatures (C2SP `tlog-cosignature`): what witnesses and auditors say of a checkpoint.
//!
//! A cosigner says: of this log I have seen no other history, and at this time this was
//! the largest tree I had seen. What it says beyond that belongs to its key.
//!
//! | type | signed bytes | after the key id |
//! |---|---|---|
//! | `0x04` | `cosignature/v1\n` `time <seconds>\n` and the text of the checkpoint | time u64, 64 bytes |
//! | `0x06` | `subtree/v1\n\0`, cosigner, time, origin, 0, size, root | time u64, 2,420 bytes |
//!
//! A time of 0 makes no statement about the largest tree, so it is neither made nor accepted.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use ml_dsa::MlDsa44;
use ml_dsa::signature::{Keypair as _, Verifier as _};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::note::vkey::{self, Vkey};
use crate::note::{KeyError, KeyId, KeyName, Signature, SignatureType};

/// Begins the message of an Ed25519 cosignature.
const ED25519_HEADER: &str = "cosignature/v1\n";

/// Begins the message of an ML-DSA-44 cosignature.
const ML_DSA_LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// Largest time a cosignature may carry, in seconds.
const MAX_TIME: u64 = i64::MAX.cast_unsigned();

/// The public key of a witness or auditor.
#[derive(Clone)]
pub struct CosignerKey {
    name: KeyName,
    id: KeyId,
    key: PublicKey,
}

#[derive(Clone)]
enum PublicKey {
    Ed25519(ed25519_dalek::VerifyingKey),
    MlDsa44(Box<ml_dsa::VerifyingKey<MlDsa44>>),
}

/// The secret key of a witness or auditor.
#[derive(Clone)]
pub struct Cosigner {
    key: SecretKey,
    public: CosignerKey,
}

#[derive(Clone)]
enum SecretKey {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
}

/// A cosignature that was found good: by whom, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Name of the cosigner's key.
    pub name: KeyName,
    /// Id of the cosigner's key.
    pub id: KeyId,
    /// When it was made, in Unix seconds; never 0.
    pub time: u64,
}

/// Why a cosignature could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// The time is 0 or too large.
    #[error("cosigning a checkpoint: {time} is not a time")]
    Time {
        /// The time given, in Unix seconds.
        time: u64,
    },
    /// An ML-DSA-44 cosignature has room for an origin of 255 bytes.
    #[error("cosigning a checkpoint: the origin `{origin}` has more than 255 bytes")]
    LongOrigin {
        /// Origin of the checkpoint.
        origin: KeyName,
    },
    /// ML-DSA found no signature, which FIPS 204 allows for with a negligible chance.
    #[error("cosigning a checkpoint: ML-DSA-44 found no signature")]
    Exhausted,
}

/// Why a cosignature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// The line carries another name or id.
    #[error("checking cosignatures: the line is not by `{name}`")]
    OtherKey {
        /// Name of the cosigner.
        name: KeyName,
    },
    /// A line under the cosigner's name and id does not verify.
    #[error("checking cosignatures: the one by `{name}` is bad")]
    Bad {
        /// Name of the cosigner.
        name: KeyName,
    },
    /// The signature is good but carries the time 0, which says nothing about freshness.
    #[error("checking cosignatures: the one by `{name}` does not say when it was made")]
    NoTime {
        /// Name of the cosigner.
        name: KeyName,
    },
}

impl CosignerKey {
    fn new(name: KeyName, key: PublicKey) -> Self {
        Self {
            id: KeyId::of(&name, key.kind(), &key.to_bytes()),
            name,
            key,
        }
    }

    /// The message of ML-DSA-44 has room for a name of 255 bytes.
    fn ml_dsa_44(name: KeyName, key: ml_dsa::VerifyingKey<MlDsa44>) -> Result<Self, KeyError> {
        if u8::try_from(name.as_str().len()).is_err() {
            return Err(KeyError::LongName { name });
        }
        Ok(Self::new(name, PublicKey::MlDsa44(Box::new(key))))
    }

    /// Reads a vkey of type 0x04 or 0x06.
    ///
    /// # Errors
    ///
    /// When it is malformed, of another type, or its id does not match.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let vkey = Vkey::parse(vkey)?;
        let parsed = if vkey.code == SignatureType::Ed25519Cosignature.code() {
            Self::new(vkey.name.clone(), PublicKey::Ed25519(vkey.ed25519()?))
        } else if vkey.code == SignatureType::MlDsa44Cosignature.code() {
            let bytes = vkey.public.as_slice().try_into();
            let bytes = bytes.map_err(|_| KeyError::Malformed)?;
            Self::ml_dsa_44(vkey.name.clone(), ml_dsa::VerifyingKey::decode(bytes))?
        } else {
            return Err(vkey.unsupported("0x04 or 0x06"));
        };
        vkey.expect_id(parsed.id)?;
        Ok(parsed)
    }

    /// Name of the cosigner.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it signs, and how.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.key.kind()
    }

    /// The public key itself, to tell the same key under two names.
    pub(crate) fn public_bytes(&self) -> Vec<u8> {
        self.key.to_bytes()
    }

    /// Checks a cosignature of a checkpoint and gives its time in Unix seconds.
    ///
    /// # Errors
    ///
    /// When it is not by this key, does not verify, or carries the time 0.
    pub fn verify(
        &self,
        checkpoint: &Checkpoint,
        signature: &Signature,
    ) -> Result<u64, CosignatureError> {
        let name = || self.name.clone();
        if *signature.name() != self.name || signature.id() != self.id {
            return Err(CosignatureError::OtherKey { name: name() });
        }
        let (time, bytes) = signature
            .bytes()
            .split_first_chunk()
            .ok_or_else(|| CosignatureError::Bad { name: name() })?;
        let time = u64::from_be_bytes(*time);
        let is_good = time <= MAX_TIME
            && self
                .message(checkpoint, time)
                .is_some_and(|message| self.key.accepts(&message, bytes));
        match time {
            _ if !is_good => Err(CosignatureError::Bad { name: name() }),
            0 => Err(CosignatureError::NoTime { name: name() }),
            _ => Ok(time),
        }
    }

    /// The signed bytes; `None` where the origin is too long for them.
    fn message(&self, checkpoint: &Checkpoint, time: u64) -> Option<Vec<u8>> {
        match self.key {
            PublicKey::Ed25519(_) => {
                let text = checkpoint.to_text();
                Some(format!("{ED25519_HEADER}time {time}\n{text}").into_bytes())
            }
            PublicKey::MlDsa44(_) => {
                let mut message = ML_DSA_LABEL.to_vec();
                push_short(&mut message, &self.name)?;
                message.extend(time.to_be_bytes());
                push_short(&mut message, &checkpoint.origin)?;
                message.extend(0_u64.to_be_bytes());
                message.extend(checkpoint.size.to_be_bytes());
                message.extend(checkpoint.root.as_bytes());
                Some(message)
            }
        }
    }
}

/// Appends a text of at most 255 bytes after its length.
fn push_short(message: &mut Vec<u8>, text: &KeyName) -> Option<()> {
    message.push(u8::try_from(text.as_str().len()).ok()?);
    message.extend(text.as_str().as_bytes());
    Some(())
}

impl PublicKey {
    const fn kind(&self) -> SignatureType {
        match self {
            Self::Ed25519(_) => SignatureType::Ed25519Cosignature,
            Self::MlDsa44(_) => SignatureType::MlDsa44Cosignature,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.as_bytes().to_vec(),
            Self::MlDsa44(key) => key.encode().to_vec(),
        }
    }

    fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::MlDsa44(key) => ml_dsa::Signature::<MlDsa44>::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

impl PartialEq for CosignerKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.id == other.id
            && self.public_bytes() == other.public_bytes()
    }
}

impl Eq for CosignerKey {}

impl FromStr for CosignerKey {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        Self::parse(vkey)
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        vkey::write(
            f,
            &self.name,
            self.id,
            self.key.kind(),
            &self.public_bytes(),
        )
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CosignerKey({}+{} {:?})",
            self.name,
            self.id,
            self.key.kind()
        )
    }
}

impl Cosigner {
    /// Makes an Ed25519 cosigner (0x04) from a name and a 32-byte secret seed (RFC 8032).
    ///
    /// The message does not hold the name: one seed must not serve two cosigners.
    #[must_use]
    pub fn from_ed25519_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = CosignerKey::new(name, PublicKey::Ed25519(key.verifying_key()));
        let key = SecretKey::Ed25519(Box::new(key));
        Self { key, public }
    }

    /// Makes an ML-DSA-44 cosigner (0x06) from a name and a 32-byte secret seed (FIPS 204).
    ///
    /// # Errors
    ///
    /// When the name has more than 255 bytes.
    pub fn from_ml_dsa_44_seed(name: KeyName, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ml_dsa::SigningKey::<MlDsa44>::from_seed(&(*seed).into());
        let public = CosignerKey::ml_dsa_44(name, key.verifying_key())?;
        let key = SecretKey::MlDsa44(Box::new(key));
        Ok(Self { key, public })
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &CosignerKey {
        &self.public
    }

    /// Cosigns a checkpoint as of a time in Unix seconds; the same input gives the same line.
    ///
    /// # Errors
    ///
    /// When the time is 0 or above 2^63 − 1, or, with ML-DSA-44, the origin is too long.
    pub fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Result<Signature, CosignError> {
        if time == 0 || time > MAX_TIME {
            return Err(CosignError::Time { time });
        }
        let message =
            self.public
                .message(checkpoint, time)
                .ok_or_else(|| CosignError::LongOrigin {
                    origin: checkpoint.origin.clone(),
                })?;
        let mut bytes = time.to_be_bytes().to_vec();
        match &self.key {
            SecretKey::Ed25519(key) => bytes.extend(key.sign(&message).to_bytes()),
            SecretKey::MlDsa44(key) => {
                let signature = key.expanded_key().sign_deterministic(&message, &[]);
                bytes.extend(signature.map_err(|_| CosignError::Exhausted)?.encode());
            }
        }
        Ok(Signature::new(
            self.public.name.clone(),
            self.public.id,
            bytes,
        ))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cosigner")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl SignedCheckpoint {
    /// Collects the cosignatures by known keys, in the order of the lines.
    ///
    /// Lines of unknown keys are passed over: a key is known by its name *and* its id.
    /// A cosigner that signed twice is there twice.
    ///
    /// # Errors
    ///
    /// When a line by a known key does not verify, or carries the time 0.
    pub fn cosignatures<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a CosignerKey> + Clone,
    ) -> Result<Vec<Cosignature>, CosignatureError> {
        let mut found = Vec::new();
        for line in self.note().signatures() {
            let known = |key: &&CosignerKey| key.name == *line.name() && key.id == line.id();
            for key in keys.clone().into_iter().filter(known) {
                found.push(Cosignature {
                    name: key.name.clone(),
                    id: key.id,
                    time: key.verify(self.unverified(), line)?,
                });
            }
        }
        Ok(found)
    }
}
