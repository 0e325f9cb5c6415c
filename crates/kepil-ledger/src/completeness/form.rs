//! The bytes of a completeness proof.

use super::{Completeness, Later, NoticeProof, RowProof, ShownRow};
use crate::checkpoint;
use crate::entry::{Commitment, Leaf};
use crate::fields::Fields;
use crate::hash::Hash;
use crate::map::MapPath;
use crate::period::Period;
use crate::record::{DecisionCode, RecordKind};

/// The form without a later checkpoint.
const PLAIN: u8 = 1;
/// The form that ends with one.
const WITH_LATER: u8 = 2;

const SHOWN: u8 = 1;
const ERASED: u8 = 2;
const KEPT_BACK: u8 = 3;

/// Bytes of an entry in the list.
const ENTRY_BYTES: usize = 40;

impl Completeness {
    /// The `extra` data of a proof file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2048 + self.entries.len() * ENTRY_BYTES);
        bytes.push(match self.later {
            None => PLAIN,
            Some(_) => WITH_LATER,
        });
        bytes.extend_from_slice(&self.period.number().to_be_bytes());
        self.path.write(&mut bytes);
        put_u16(&mut bytes, self.head.len());
        bytes.extend_from_slice(&self.head);
        put_u32(&mut bytes, self.entries.len());
        for (index, commitment) in &self.entries {
            bytes.extend_from_slice(&index.to_be_bytes());
            bytes.extend_from_slice(commitment.as_hash().as_bytes());
        }
        put_u32(&mut bytes, self.rows.len());
        for (position, row) in &self.rows {
            bytes.extend_from_slice(&position.to_be_bytes());
            match row {
                RowProof::Shown(shown) => {
                    bytes.push(SHOWN);
                    shown.write(&mut bytes);
                }
                RowProof::Erased(notice) => {
                    bytes.push(ERASED);
                    notice.write(&mut bytes);
                }
                RowProof::KeptBack {
                    notice,
                    salt,
                    ground,
                } => {
                    bytes.push(KEPT_BACK);
                    notice.write(&mut bytes);
                    bytes.extend_from_slice(salt);
                    put_u16(&mut bytes, ground.len());
                    bytes.extend_from_slice(ground.as_bytes());
                }
            }
        }
        if let Some(later) = &self.later {
            later.write(&mut bytes);
        }
        bytes
    }

    /// Reads the `extra` data strictly, `None` when it is not of its form.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let version = fields.u8()?;
        let period = Period::new(fields.u32()?)?;
        let path = MapPath::read(&mut fields).ok()?;
        let length = usize::from(fields.u16()?);
        let head = fields.bytes(length)?.to_vec();
        let count = usize::try_from(fields.u32()?).ok()?;
        // The list is looked at before room is made for it.
        let list = fields.bytes(count.checked_mul(ENTRY_BYTES)?)?;
        let entries = list.as_chunks::<ENTRY_BYTES>().0.iter().map(|entry| {
            let mut entry = Fields::new(entry);
            Some((
                entry.u64()?,
                Commitment::from_hash(Hash::new(entry.array()?)),
            ))
        });
        let entries: Vec<_> = entries.collect::<Option<_>>()?;
        let mut rows: Vec<(u32, RowProof)> = Vec::new();
        for _ in 0..fields.u32()? {
            let position = fields.u32()?;
            let is_after = rows.last().is_none_or(|(last, _)| *last < position);
            let is_listed = usize::try_from(position).is_ok_and(|at| at < entries.len());
            if !is_after || !is_listed {
                return None;
            }
            rows.push((position, RowProof::read(&mut fields)?));
        }
        let later = match version {
            PLAIN => None,
            WITH_LATER => Some(Later::read(&mut fields)?),
            _ => return None,
        };
        fields.is_empty().then_some(Self {
            period,
            path,
            head,
            entries,
            rows,
            later,
        })
    }
}

impl Later {
    fn write(&self, bytes: &mut Vec<u8>) {
        let text = self.checkpoint.to_string();
        put_u32(bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
        put_path(bytes, &self.path);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let length = usize::try_from(fields.u32()?).ok()?;
        let checkpoint = checkpoint::parse(fields.bytes(length)?).ok()?;
        let path = path(fields)?;
        Some(Self { checkpoint, path })
    }
}

impl RowProof {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(match fields.u8()? {
            SHOWN => Self::Shown(ShownRow::read(fields)?),
            ERASED => Self::Erased(NoticeProof::read(fields)?),
            KEPT_BACK => {
                let notice = NoticeProof::read(fields)?;
                let salt = fields.array()?;
                let length = usize::from(fields.u16()?);
                let ground = std::str::from_utf8(fields.bytes(length)?).ok()?;
                Self::KeptBack {
                    notice,
                    salt,
                    ground: ground.to_owned(),
                }
            }
            _ => return None,
        })
    }
}

impl ShownRow {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.time_ms.to_be_bytes());
        bytes.extend_from_slice(&self.gate.to_be_bytes());
        bytes.push(self.decision as u8);
        bytes.extend_from_slice(&self.purpose.to_be_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes.extend_from_slice(&self.blind);
        bytes.extend_from_slice(&self.nonce);
        put_u32(bytes, self.ciphertext.len());
        bytes.extend_from_slice(&self.ciphertext);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (kind, salt) = (RecordKind::from_code(fields.u8()?)?, fields.array()?);
        let (time_ms, gate) = (fields.u64()?, fields.u32()?);
        let decision = DecisionCode::from_code(fields.u8()?)?;
        let (purpose, signature) = (fields.u16()?, fields.array()?);
        let (blind, nonce) = (fields.array()?, fields.array()?);
        let length = usize::try_from(fields.u32()?).ok()?;
        Some(Self {
            kind,
            salt,
            time_ms,
            gate,
            decision,
            purpose,
            signature,
            blind,
            nonce,
            ciphertext: fields.bytes(length)?.to_vec(),
        })
    }
}

impl NoticeProof {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.index.to_be_bytes());
        let leaf = self.leaf.to_bytes();
        put_u16(bytes, leaf.len());
        bytes.extend_from_slice(&leaf);
        put_path(bytes, &self.path);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let index = fields.u64()?;
        let length = usize::from(fields.u16()?);
        let leaf = Leaf::parse(fields.bytes(length)?).ok()?;
        let path = path(fields)?;
        Some(Self { index, leaf, path })
    }
}

fn put_path(bytes: &mut Vec<u8>, path: &[Hash]) {
    // INVARIANT: no tree is deeper than 64 levels.
    bytes.push(u8::try_from(path.len()).unwrap_or(u8::MAX));
    for hash in path {
        bytes.extend_from_slice(hash.as_bytes());
    }
}

fn path(fields: &mut Fields<'_>) -> Option<Vec<Hash>> {
    let path = (0..fields.u8()?).map(|_| fields.array().map(Hash::new));
    path.collect()
}

fn put_u16(bytes: &mut Vec<u8>, value: usize) {
    // INVARIANT: heads, notices and grounds are far shorter than 64 KiB.
    bytes.extend_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes());
}

fn put_u32(bytes: &mut Vec<u8>, value: usize) {
    // INVARIANT: a proof file is limited far below 4 GiB.
    bytes.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
}
