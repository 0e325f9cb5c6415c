//! Receipts as files.

use serde::{Deserialize, Serialize};

use super::{MAX_NUMBER, Receipt, Statement};
use crate::encoding::{array_from_base64, from_base64, to_base64};
use crate::hash::Hash;
use crate::note::{KeyName, Signature};

/// Version of the form.
const VERSION: u64 = 1;

/// Longest receipt that is read, in bytes.
const MAX_RECEIPT_BYTES: usize = 16 * 1024 * 1024;

/// Why bytes are not a receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptParseError {
    /// The file is too long.
    #[error("reading a receipt: {found} bytes are too many")]
    TooLong {
        /// Number of bytes found.
        found: usize,
    },
    /// The file is not JSON, or has other members than a receipt.
    #[error("reading a receipt")]
    Json(#[from] serde_json::Error),
    /// The receipt is of another version.
    #[error("reading a receipt: version {found} is not known")]
    Version {
        /// Version found.
        found: u64,
    },
    /// A member has not the form it must have.
    #[error("reading a receipt: `{member}` is malformed")]
    Member {
        /// Name of the member.
        member: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    kepil_receipt: u64,
    origin: String,
    index: u64,
    leaf: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    batch: WireBatch,
    time: u64,
    signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBatch {
    first: u64,
    count: u64,
    root: String,
    path: Vec<String>,
}

fn member<T>(member: &'static str, value: Option<T>) -> Result<T, ReceiptParseError> {
    value.ok_or(ReceiptParseError::Member { member })
}

fn number(name: &'static str, value: u64) -> Result<u64, ReceiptParseError> {
    member(name, Some(value).filter(|value| *value <= MAX_NUMBER))
}

impl Receipt {
    /// Reads a receipt strictly; it proves nothing before [`Receipt::verify`].
    ///
    /// # Errors
    ///
    /// When it is not JSON, has other members, or a member has not its form.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReceiptParseError> {
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(ReceiptParseError::TooLong { found: bytes.len() });
        }
        let wire: Wire = serde_json::from_slice(bytes)?;
        if wire.kepil_receipt != VERSION {
            return Err(ReceiptParseError::Version {
                found: wire.kepil_receipt,
            });
        }
        let salt = wire
            .salt
            .map(|salt| member("salt", array_from_base64(&salt)))
            .transpose()?;
        let record = wire
            .record
            .map(|text| member("record", from_base64(&text)))
            .transpose()?;
        if record.is_some() && salt.is_none() {
            return Err(ReceiptParseError::Member { member: "salt" });
        }
        let statement = Statement {
            origin: member("origin", KeyName::new(&wire.origin).ok())?,
            first: number("batch.first", wire.batch.first)?,
            count: number("batch.count", wire.batch.count)?,
            root: member("batch.root", Hash::from_base64(&wire.batch.root))?,
            time_ms: number("time", wire.time)?,
        };
        let path = wire
            .batch
            .path
            .iter()
            .map(|hash| member("batch.path", Hash::from_base64(hash)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            statement,
            index: number("index", wire.index)?,
            leaf: member("leaf", from_base64(&wire.leaf))?,
            salt,
            record,
            path,
            signature: member("signature", Signature::parse(&wire.signature))?,
        })
    }

    /// Writes the receipt as one indented JSON object with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let wire = Wire {
            kepil_receipt: VERSION,
            origin: self.statement.origin.to_string(),
            index: self.index,
            leaf: to_base64(&self.leaf),
            salt: self.salt.as_ref().map(|salt| to_base64(salt)),
            record: self.record.as_deref().map(to_base64),
            batch: WireBatch {
                first: self.statement.first,
                count: self.statement.count,
                root: self.statement.root.to_base64(),
                path: self.path.iter().map(Hash::to_base64).collect(),
            },
            time: self.statement.time_ms,
            signature: self.signature.to_string(),
        };
        // Strings and numbers always serialise; there is no map with odd keys in it.
        let mut json = serde_json::to_string_pretty(&wire).unwrap_or_default();
        json.push('\n');
        json
    }
}
