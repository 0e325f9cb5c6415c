//! A month's map: from every person's tag to the count and head of the person's chain.
//!
//! A sparse Merkle tree. The first d levels are one flat array with heap indices
//! (root 1, children 2n and 2n+1); below hangs a bucket of the few tags that share
//! these bits. d is the logarithm to base two of the number of persons, rounded down:
//! when persons double, the map is laid out anew. Persons known at the last layout
//! stand in sorted arrays, later ones beside them.

mod proof;
mod undo;

pub use proof::{MapPath, MapPathError, root_from_path};

use std::collections::HashMap;

use crate::chain::Chain;
use crate::entry::Commitment;
use crate::hash::{self, Hash};
use crate::person::Tag;
use undo::Undo;

const LEAF: u8 = 0x20;
const NODE: u8 = 0x21;

/// The hash of a subtree without tags.
pub const ZERO: Hash = Hash::new([0; 32]);

/// Deepest flat part: 2^28 buckets take 17 GB.
pub const MAX_DEPTH: u8 = 28;

/// Most persons that gather beside an empty map before it is laid out.
const MAX_LATE: usize = 1024;

/// Where a person stands: the chain, and a number the owner of the map keeps with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The person's chain.
    pub chain: Chain,
    /// The owner's own number; it is not part of any hash.
    pub note: u64,
}

/// A month's map.
///
/// It remembers how it stood at up to two earlier moments ([`Map::mark`]), so that
/// proofs for a published head can be made while newer entries already come in.
#[derive(Debug, Clone)]
pub struct Map {
    depth: u8,
    tags: Vec<Tag>,
    slots: Vec<Slot>,
    /// Where each bucket begins in `tags`; one more than there are buckets.
    starts: Vec<u32>,
    /// Hashes of the flat part by heap index; bucket b is node 2^depth + b.
    nodes: Vec<Hash>,
    /// Tags enrolled later, sorted within their bucket.
    late: HashMap<u32, Vec<(Tag, Slot)>>,
    late_count: usize,
    /// Buckets whose hash is not up to date.
    dirty: Vec<u32>,
    undo: Undo,
    /// The map before the last layout, while states of it are remembered.
    before: Option<Box<Map>>,
}

/// Hash of a tag's leaf in the map.
#[must_use]
pub fn leaf(tag: &Tag, chain: &Chain) -> Hash {
    let value = chain.value();
    Hash::new(hash::sha256(&[&[LEAF], tag.as_bytes(), value.as_bytes()]))
}

/// Hash of an inner node.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    if *left == ZERO && *right == ZERO {
        return ZERO;
    }
    Hash::new(hash::sha256(&[&[NODE], left.as_bytes(), right.as_bytes()]))
}

/// The depth for a number of persons: the logarithm to base two, rounded down.
#[must_use]
pub fn depth_for(persons: usize) -> u8 {
    let depth = persons.max(1).ilog2();
    u8::try_from(depth).unwrap_or(MAX_DEPTH).min(MAX_DEPTH)
}

/// Which bucket a tag falls into.
fn bucket(tag: &Tag, depth: u8) -> u32 {
    let [a, b, c, d, ..] = *tag.as_bytes();
    u32::from_be_bytes([a, b, c, d])
        .checked_shr(32 - u32::from(depth))
        .unwrap_or(0)
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

impl Map {
    /// A map without persons.
    #[must_use]
    pub fn new() -> Self {
        Self::from_sorted(Vec::new(), Vec::new())
    }

    /// Builds a map over persons; the same tag twice counts once.
    #[must_use]
    pub fn build(mut persons: Vec<(Tag, Slot)>) -> Self {
        persons.sort_unstable_by_key(|(tag, _)| *tag);
        persons.dedup_by_key(|(tag, _)| *tag);
        let (tags, slots): (Vec<_>, Vec<_>) = persons.into_iter().unzip();
        Self::from_sorted(tags, slots)
    }

    /// Builds a map over tags in ascending order, each once, with their slots.
    #[must_use]
    pub fn from_sorted(tags: Vec<Tag>, slots: Vec<Slot>) -> Self {
        let depth = depth_for(tags.len());
        let buckets = 1usize << depth;
        let mut starts = Vec::with_capacity(buckets + 1);
        for (at, tag) in tags.iter().enumerate() {
            let own = bucket(tag, depth) as usize;
            while starts.len() <= own {
                // INVARIANT: fewer than 2^32 persons.
                starts.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        starts.resize(buckets + 1, u32::try_from(tags.len()).unwrap_or(u32::MAX));
        let mut map = Self {
            depth,
            tags,
            slots,
            starts,
            nodes: vec![ZERO; buckets * 2],
            late: HashMap::new(),
            late_count: 0,
            dirty: Vec::new(),
            undo: Undo::default(),
            before: None,
        };
        for number in 0..buckets {
            let hash = map.bucket_hash(u32::try_from(number).unwrap_or(u32::MAX));
            map.put(buckets + number, hash);
        }
        for at in (1..buckets).rev() {
            let hash = node(&map.node_at(2 * at), &map.node_at(2 * at + 1));
            map.put(at, hash);
        }
        map
    }

    /// Depth of the flat part.
    #[must_use]
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// Number of persons.
    #[must_use]
    pub fn persons(&self) -> usize {
        self.tags.len() + self.late_count
    }

    /// Where a person stands now.
    #[must_use]
    pub fn slot(&self, tag: &Tag) -> Option<Slot> {
        let number = bucket(tag, self.depth);
        if let Some(at) = self.place(number, tag) {
            return self.slots.get(at).copied();
        }
        let late = self.late.get(&number)?;
        let at = late.binary_search_by_key(tag, |(tag, _)| *tag).ok()?;
        late.get(at).map(|(_, slot)| *slot)
    }

    /// All persons in ascending order of their tags.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, Slot)> + '_ {
        let buckets = u32::try_from(self.starts.len().saturating_sub(1)).unwrap_or(u32::MAX);
        (0..buckets).flat_map(|number| self.bucket_slots(number))
    }

    /// Some persons in ascending order as they stood at a mark: the first ones behind `after`.
    ///
    /// At least `limit` of them, unless there are no more. `None` when the mark is not
    /// remembered. Entries may come in between two pages: they do not show.
    #[must_use]
    pub fn page_at(
        &self,
        mark: u64,
        after: Option<&Tag>,
        limit: usize,
    ) -> Option<Vec<(Tag, Slot)>> {
        let Some(then) = self.undo.since(mark) else {
            return self.before.as_ref()?.page_at(mark, after, limit);
        };
        let from = after.map_or(0, |tag| bucket(tag, self.depth));
        let buckets = u32::try_from(self.starts.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let mut page = Vec::with_capacity(limit);
        for number in from..buckets {
            let mut persons = self.bucket_slots(number);
            then.restore(&mut persons);
            persons.retain(|(tag, _)| after.is_none_or(|after| tag > after));
            page.append(&mut persons);
            if page.len() >= limit {
                break;
            }
        }
        Some(page)
    }

    /// Enrols a tag at count 0; `false` when it is there already.
    pub fn enrol(&mut self, tag: Tag) -> bool {
        self.make_room();
        let number = bucket(&tag, self.depth);
        if self.place(number, &tag).is_some() {
            return false;
        }
        let late = self.late.entry(number).or_default();
        let Err(at) = late.binary_search_by_key(&tag, |(tag, _)| *tag) else {
            return false;
        };
        let slot = Slot {
            chain: Chain::new(&tag),
            note: u64::MAX,
        };
        late.insert(at, (tag, slot));
        self.late_count += 1;
        self.undo.slot(&tag, None);
        self.dirty.push(number);
        true
    }

    /// Takes an entry into a person's chain, enrolling the person if need be.
    ///
    /// `note` replaces the owner's number; the old one is returned. Hashes are brought
    /// up to date by [`Map::settle`].
    pub fn step(&mut self, tag: &Tag, index: u64, commitment: &Commitment, note: u64) -> u64 {
        self.make_room();
        let number = bucket(tag, self.depth);
        let place = self.place(number, tag);
        if place.is_none() {
            self.enrol(*tag);
        }
        let slot = match place {
            Some(at) => self.slots.get_mut(at),
            None => self.late.get_mut(&number).and_then(|late| {
                let at = late.binary_search_by_key(tag, |(tag, _)| *tag).ok()?;
                late.get_mut(at).map(|(_, slot)| slot)
            }),
        };
        // INVARIANT: the tag was enrolled just above, so there is a slot.
        let Some(slot) = slot else { return u64::MAX };
        self.undo.slot(tag, Some(*slot));
        let before = slot.note;
        *slot = Slot {
            chain: slot.chain.step(index, commitment),
            note,
        };
        self.dirty.push(number);
        before
    }

    /// Lays the map out once persons have more than doubled, so that buckets stay short
    /// however many are enrolled before the next [`Map::settle`].
    fn make_room(&mut self) {
        if self.late_count > self.tags.len().max(MAX_LATE) && self.depth < MAX_DEPTH {
            self.settle();
        }
    }

    /// Brings every hash up to date and gives the root.
    pub fn settle(&mut self) -> Hash {
        if depth_for(self.persons()) > self.depth {
            self.lay_out();
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for number in &dirty {
            let hash = self.bucket_hash(*number);
            let at = (1usize << self.depth) + *number as usize;
            self.replace(at, hash);
        }
        // Buckets ascend, so equal parents stand side by side on every level.
        let mut level: Vec<usize> = dirty
            .iter()
            .map(|number| ((1usize << self.depth) + *number as usize) / 2)
            .collect();
        level.dedup();
        while level.first().is_some_and(|at| *at > 0) {
            for at in &level {
                let hash = node(&self.node_at(2 * at), &self.node_at(2 * at + 1));
                self.replace(*at, hash);
            }
            level.iter_mut().for_each(|at| *at /= 2);
            level.dedup();
        }
        dirty.clear();
        self.dirty = dirty;
        self.root()
    }

    /// Moves later persons into the sorted arrays and deepens the flat part.
    fn lay_out(&mut self) {
        let (tags, slots) = self.iter().unzip();
        let old = std::mem::replace(self, Self::from_sorted(tags, slots));
        self.before = if old.undo.remembers() {
            // Its hashes are those of the last time it was settled: so are its marks.
            Some(Box::new(old))
        } else {
            old.before
        };
    }

    /// The root as of the last [`Map::settle`].
    #[must_use]
    pub fn root(&self) -> Hash {
        self.node_at(1)
    }

    /// The root as it was at a mark; `None` when the mark is not remembered.
    #[must_use]
    pub fn root_at(&self, mark: u64) -> Option<Hash> {
        match self.undo.since(mark) {
            Some(then) => Some(then.node(1).unwrap_or_else(|| self.root())),
            None => self.before.as_ref()?.root_at(mark),
        }
    }

    /// Remembers the present state under a number; call it when the map is settled.
    ///
    /// Numbers ascend. States before the last one given to [`Map::forget_before`] are gone.
    pub fn mark(&mut self, number: u64) {
        self.undo.mark(number);
    }

    /// Drops remembered states older than the one with this number.
    pub fn forget_before(&mut self, number: u64) {
        self.undo.forget_before(number);
        if let Some(before) = &mut self.before {
            before.forget_before(number);
            if !before.undo.remembers() && before.before.is_none() || self.undo.begins_by(number) {
                self.before = None;
            }
        }
    }

    fn node_at(&self, at: usize) -> Hash {
        self.nodes.get(at).copied().unwrap_or(ZERO)
    }

    fn put(&mut self, at: usize, hash: Hash) {
        if let Some(node) = self.nodes.get_mut(at) {
            *node = hash;
        }
    }

    fn replace(&mut self, at: usize, hash: Hash) {
        let before = self.node_at(at);
        if before != hash {
            self.undo.node(at, before);
            self.put(at, hash);
        }
    }

    /// Range of a bucket in the sorted arrays.
    fn range(&self, number: u32) -> std::ops::Range<usize> {
        let number = number as usize;
        let at = |at: usize| self.starts.get(at).map_or(0, |start| *start as usize);
        at(number)..at(number + 1)
    }

    /// Place of a tag in the sorted arrays.
    fn place(&self, number: u32, tag: &Tag) -> Option<usize> {
        let range = self.range(number);
        let within = self.tags.get(range.clone())?.binary_search(tag).ok()?;
        Some(range.start + within)
    }

    /// Persons of a bucket, ascending.
    fn bucket_slots(&self, number: u32) -> Vec<(Tag, Slot)> {
        let range = self.range(number);
        let tags = self.tags.get(range.clone()).unwrap_or_default();
        let slots = self.slots.get(range).unwrap_or_default();
        let mut persons: Vec<_> = tags.iter().copied().zip(slots.iter().copied()).collect();
        if let Some(late) = self.late.get(&number) {
            persons.extend_from_slice(late);
            persons.sort_unstable_by_key(|(tag, _)| *tag);
        }
        persons
    }

    fn bucket_hash(&self, number: u32) -> Hash {
        let range = self.range(number);
        if range.is_empty() && self.late.is_empty() {
            return ZERO;
        }
        // Most buckets hold one person; no list is needed for them.
        if range.len() == 1
            && !self.late.contains_key(&number)
            && let Some((tag, slot)) = self.tags.get(range.start).zip(self.slots.get(range.start))
        {
            return leaf(tag, &slot.chain);
        }
        let leaves: Vec<_> = self
            .bucket_slots(number)
            .iter()
            .map(|(tag, slot)| (*tag, leaf(tag, &slot.chain)))
            .collect();
        subtree(&leaves, usize::from(self.depth))
    }
}

/// Hash of the subtree over sorted tags that share their first `bit` bits.
pub(crate) fn subtree(leaves: &[(Tag, Hash)], bit: usize) -> Hash {
    match leaves {
        [] => ZERO,
        [(_, hash)] => *hash,
        _ => {
            let (left, right) = split(leaves, bit);
            node(&subtree(left, bit + 1), &subtree(right, bit + 1))
        }
    }
}

/// Tags in ascending order with the hashes of their leaves.
type Leaves<'a> = &'a [(Tag, Hash)];

/// Parts sorted tags by a bit: those with 0 come first.
fn split(leaves: Leaves<'_>, bit: usize) -> (Leaves<'_>, Leaves<'_>) {
    let middle = leaves.partition_point(|(tag, _)| tag.bit(bit) == Some(false));
    leaves.split_at_checked(middle).unwrap_or((leaves, &[]))
}
