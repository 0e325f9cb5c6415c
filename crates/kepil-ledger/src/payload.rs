//! Payloads: what only the person, and a court on order, may read.

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};

use crate::cbor::{self, Value, Writer};
use crate::fields::Fields;
use crate::hash::{self, Hash};

/// Plaintexts are padded to a multiple of this.
const PADDING: usize = 64;

/// Longest payload that is read, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

const VERSION: u64 = 1;

/// What a payload is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadKind {
    /// A decision.
    #[default]
    Decision,
    /// What became of an intent.
    Outcome,
    /// A decision that had been sealed.
    Opened,
}

/// A payload's content; empty texts, lists and `None` are left out of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    missing_docs,
    reason = "each is a row of the table in docs/src/ledger-format.md"
)]
pub struct Payload {
    pub kind: PayloadKind,
    pub at_ms: u64,
    pub system: String,
    pub official: String,
    pub person: String,
    pub request: String,
    pub actor: String,
    pub operation: String,
    pub purpose: String,
    pub categories: Vec<String>,
    pub fields: Vec<String>,
    pub cites: Vec<String>,
    pub clock: String,
    pub facts: Vec<u8>,
    pub pack: Vec<u8>,
    pub law: Vec<u8>,
    pub verdict: String,
    pub strict: String,
    pub tests: Vec<String>,
    pub grounds: Vec<String>,
    pub missing: Vec<String>,
    pub repeat: String,
    pub mandate: String,
    pub intent: Option<u64>,
    pub outcome: String,
    pub digest: Vec<u8>,
    pub sealed: Option<u64>,
    pub order: String,
    pub deferred_until: Option<u64>,
}

/// Why a payload could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It was not sealed under this key, or was changed.
    #[error("opening a payload: it was not sealed under this key, or was changed")]
    Sealed,
    /// It is not what the record commits to.
    #[error("opening a payload: it is not the one the record commits to")]
    Commitment,
    /// The padding or the length is wrong.
    #[error("opening a payload: its length or padding is wrong")]
    Padding,
    /// The content is not a payload.
    #[error("opening a payload: its content is not of the format")]
    Content,
}

/// A member of a payload, for writing and reading by its number.
enum Member<'a> {
    Text(&'a mut String),
    Texts(&'a mut Vec<String>),
    Bytes(&'a mut Vec<u8>),
    Number(&'a mut Option<u64>),
}

impl Payload {
    /// Members 3 to 29 in the order of their keys.
    fn members(&mut self) -> [(u64, Member<'_>); 27] {
        use Member::{Bytes, Number, Text, Texts};
        [
            (3, Text(&mut self.system)),
            (4, Text(&mut self.official)),
            (5, Text(&mut self.person)),
            (6, Text(&mut self.request)),
            (7, Text(&mut self.actor)),
            (8, Text(&mut self.operation)),
            (9, Text(&mut self.purpose)),
            (10, Texts(&mut self.categories)),
            (11, Texts(&mut self.fields)),
            (12, Texts(&mut self.cites)),
            (13, Text(&mut self.clock)),
            (14, Bytes(&mut self.facts)),
            (15, Bytes(&mut self.pack)),
            (16, Bytes(&mut self.law)),
            (17, Text(&mut self.verdict)),
            (18, Text(&mut self.strict)),
            (19, Texts(&mut self.tests)),
            (20, Texts(&mut self.grounds)),
            (21, Texts(&mut self.missing)),
            (22, Text(&mut self.repeat)),
            (23, Text(&mut self.mandate)),
            (24, Number(&mut self.intent)),
            (25, Text(&mut self.outcome)),
            (26, Bytes(&mut self.digest)),
            (27, Number(&mut self.sealed)),
            (28, Text(&mut self.order)),
            (29, Number(&mut self.deferred_until)),
        ]
    }

    /// The deterministic CBOR of the payload.
    #[must_use]
    pub fn to_cbor(mut self) -> Vec<u8> {
        let (kind, at_ms) = (self.kind, self.at_ms);
        let members = self.members();
        let is_there = |member: &Member<'_>| match member {
            Member::Text(text) => !text.is_empty(),
            Member::Texts(texts) => !texts.is_empty(),
            Member::Bytes(bytes) => !bytes.is_empty(),
            Member::Number(number) => number.is_some(),
        };
        let count = members
            .iter()
            .filter(|(_, member)| is_there(member))
            .count();
        let mut writer = Writer::map(3 + count);
        let kind = match kind {
            PayloadKind::Decision => 1,
            PayloadKind::Outcome => 2,
            PayloadKind::Opened => 3,
        };
        for (key, value) in [(0, VERSION), (1, kind), (2, at_ms)] {
            writer.uint(key);
            writer.uint(value);
        }
        for (key, member) in members.into_iter().filter(|(_, member)| is_there(member)) {
            writer.uint(key);
            match member {
                Member::Text(text) => writer.text(text),
                Member::Texts(texts) => writer.texts(texts),
                Member::Bytes(bytes) => writer.bytes(bytes),
                Member::Number(number) => writer.uint(number.unwrap_or_default()),
            }
        }
        writer.finish()
    }

    /// Reads the deterministic CBOR of a payload, and nothing else.
    #[must_use]
    pub fn from_cbor(bytes: &[u8]) -> Option<Self> {
        let mut entries = cbor::read_map(bytes)?.into_iter().peekable();
        let mut number = |wanted| match entries.next()? {
            (key, Value::Uint(value)) if key == wanted => Some(value),
            _ => None,
        };
        let mut payload = Self::default();
        if number(0)? != VERSION {
            return None;
        }
        payload.kind = match number(1)? {
            1 => PayloadKind::Decision,
            2 => PayloadKind::Outcome,
            3 => PayloadKind::Opened,
            _ => return None,
        };
        payload.at_ms = number(2)?;
        for (key, member) in payload.members() {
            let Some((_, value)) = entries.next_if(|(found, _)| *found == key) else {
                continue;
            };
            match (member, value) {
                (Member::Text(to), Value::Text(text)) if !text.is_empty() => *to = text,
                (Member::Texts(to), Value::Texts(texts)) if !texts.is_empty() => *to = texts,
                (Member::Bytes(to), Value::Bytes(bytes)) if !bytes.is_empty() => *to = bytes,
                (Member::Number(to), Value::Uint(value)) => *to = Some(value),
                _ => return None,
            }
        }
        entries.next().is_none().then_some(payload)
    }

    /// The plaintext that is committed to and sealed: length, CBOR, zeros.
    #[must_use]
    pub fn to_plaintext(self) -> Vec<u8> {
        let cbor = self.to_cbor();
        // INVARIANT: requests are limited far below 4 GiB long before they come here.
        let length = u32::try_from(cbor.len()).unwrap_or(u32::MAX);
        let mut plain = length.to_be_bytes().to_vec();
        plain.extend_from_slice(&cbor);
        plain.resize(plain.len().next_multiple_of(PADDING), 0);
        plain
    }

    /// Reads a plaintext strictly.
    ///
    /// # Errors
    ///
    /// When length, padding or content are not of the format.
    pub fn from_plaintext(plain: &[u8]) -> Result<Self, PayloadError> {
        let mut fields = Fields::new(plain);
        let length = fields.u32().ok_or(PayloadError::Padding)?;
        let length = usize::try_from(length).map_err(|_| PayloadError::Padding)?;
        let cbor = fields.bytes(length).ok_or(PayloadError::Padding)?;
        let is_padded = (length + 4).next_multiple_of(PADDING) == plain.len()
            && fields.rest().iter().all(|byte| *byte == 0);
        if !is_padded {
            return Err(PayloadError::Padding);
        }
        Self::from_cbor(cbor).ok_or(PayloadError::Content)
    }
}

/// Commits to a plaintext: `HMAC(blind, plaintext)`.
#[must_use]
pub fn commit(blind: &[u8; 32], plaintext: &[u8]) -> Hash {
    hash::mac(blind, plaintext)
}

/// Seals bytes under a key with XChaCha20-Poly1305, without additional data.
#[must_use]
pub fn seal(key: &[u8; 32], nonce: &[u8; 24], mut plain: Vec<u8>) -> Vec<u8> {
    // Fails only beyond 256 GiB; an empty result opens nowhere.
    if XChaCha20Poly1305::new(key.into())
        .encrypt_in_place(nonce.into(), b"", &mut plain)
        .is_err()
    {
        plain.clear();
    }
    plain
}

/// Opens what [`seal`] sealed.
///
/// # Errors
///
/// When key or nonce are others, or a bit was changed.
pub fn open(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let mut bytes = sealed.to_vec();
    XChaCha20Poly1305::new(key.into())
        .decrypt_in_place(nonce.into(), b"", &mut bytes)
        .map_err(|_| PayloadError::Sealed)?;
    Ok(bytes)
}
