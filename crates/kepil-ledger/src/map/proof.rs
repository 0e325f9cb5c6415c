//! Paths in a map, from a tag to the root.

use super::undo::Since;
use super::{Map, Slot, ZERO, bucket, leaf, node, split, subtree};
use crate::chain::Chain;
use crate::fields::Fields;
use crate::hash::{HASH_BYTES, Hash};
use crate::person::Tag;

/// The siblings on the way from a tag's leaf to the root, deepest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapPath(Vec<Hash>);

/// Why bytes are not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reading a path of the map: it is not of its form")]
pub struct MapPathError;

impl MapPath {
    /// Takes siblings, deepest first; `None` for more than a tag has bits.
    #[must_use]
    pub fn new(siblings: Vec<Hash>) -> Option<Self> {
        (siblings.len() < 256).then_some(Self(siblings))
    }

    /// The siblings, deepest first.
    #[must_use]
    pub fn siblings(&self) -> &[Hash] {
        &self.0
    }

    /// Number of siblings, bitmap of those that are not zero, and those.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        // INVARIANT: at most 255 siblings.
        bytes.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        for chunk in self.0.chunks(8) {
            let bits = chunk
                .iter()
                .zip(0..)
                .filter(|(sibling, _)| **sibling != ZERO);
            bytes.push(bits.fold(0, |byte: u8, (_, bit)| byte | 1 << bit));
        }
        for sibling in self.0.iter().filter(|sibling| **sibling != ZERO) {
            bytes.extend_from_slice(sibling.as_bytes());
        }
    }

    /// Reads what [`MapPath::write`] wrote.
    ///
    /// # Errors
    ///
    /// When bytes are missing, an unused bit is set, or a sibling is written out as zero.
    pub fn read(fields: &mut Fields<'_>) -> Result<Self, MapPathError> {
        let count = usize::from(fields.u8().ok_or(MapPathError)?);
        let bitmap = fields.bytes(count.div_ceil(8)).ok_or(MapPathError)?;
        let is_set = |at: usize| {
            bitmap
                .get(at / 8)
                .is_some_and(|byte| byte >> (at % 8) & 1 == 1)
        };
        if (count..bitmap.len() * 8).any(is_set) {
            return Err(MapPathError);
        }
        let mut siblings = Vec::with_capacity(count);
        for at in 0..count {
            let sibling = if is_set(at) {
                let sibling = fields.array::<HASH_BYTES>().map(Hash::new);
                sibling
                    .filter(|sibling| *sibling != ZERO)
                    .ok_or(MapPathError)?
            } else {
                ZERO
            };
            siblings.push(sibling);
        }
        Ok(Self(siblings))
    }
}

/// The root a path leads to from a tag with this chain.
#[must_use]
pub fn root_from_path(tag: &Tag, chain: &Chain, path: &MapPath) -> Hash {
    let depth = path.0.len();
    path.0
        .iter()
        .zip((0..depth).rev())
        .fold(leaf(tag, chain), |below, (sibling, bit)| {
            if tag.bit(bit) == Some(true) {
                node(sibling, &below)
            } else {
                node(&below, sibling)
            }
        })
}

impl Map {
    /// A person's slot and path now; `None` when the tag is not enrolled.
    ///
    /// Call it when the map is settled.
    #[must_use]
    pub fn prove(&self, tag: &Tag) -> Option<(Slot, MapPath)> {
        self.prove_in(tag, None)
    }

    /// A person's slot and path as they were at a mark.
    ///
    /// `None` when the mark is not remembered or the tag was not enrolled then.
    #[must_use]
    pub fn prove_at(&self, tag: &Tag, mark: u64) -> Option<(Slot, MapPath)> {
        match (self.undo.since(mark), &self.before) {
            (Some(then), _) => self.prove_in(tag, Some(then)),
            (None, Some(before)) => before.prove_at(tag, mark),
            (None, None) => None,
        }
    }

    fn prove_in(&self, tag: &Tag, then: Option<Since<'_>>) -> Option<(Slot, MapPath)> {
        let number = bucket(tag, self.depth);
        let mut persons = self.bucket_slots(number);
        if let Some(then) = then {
            then.restore(&mut persons);
        }
        let (_, slot) = *persons.iter().find(|(found, _)| found == tag)?;
        let leaves: Vec<_> = persons
            .iter()
            .map(|(tag, slot)| (*tag, leaf(tag, &slot.chain)))
            .collect();

        // Down through the bucket, then up through the flat part.
        let mut within = leaves.as_slice();
        let mut below = Vec::new();
        let mut bit = usize::from(self.depth);
        while within.len() > 1 {
            let (left, right) = split(within, bit);
            let (own, other) = if tag.bit(bit) == Some(true) {
                (right, left)
            } else {
                (left, right)
            };
            below.push(subtree(other, bit + 1));
            within = own;
            bit += 1;
        }
        below.reverse();
        let mut at = (1usize << self.depth) + number as usize;
        while at > 1 {
            let sibling = at ^ 1;
            let hash = then.and_then(|then| then.node(sibling));
            below.push(hash.unwrap_or_else(|| self.node_at(sibling)));
            at /= 2;
        }
        Some((slot, MapPath::new(below)?))
    }
}
