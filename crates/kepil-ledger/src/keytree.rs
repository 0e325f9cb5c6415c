//! A binary tree of keys of which single ones can be destroyed for ever.
//!
//! Every leaf has a key, and a handful of secrets in inner nodes derives them all:
//!
//! | what | rule |
//! |---|---|
//! | left child | `SHA-256(0x30 ‖ seed)` |
//! | right child | `SHA-256(0x31 ‖ seed)` |
//! | key of a leaf | `SHA-256(0x32 ‖ seed of the leaf)` |
//!
//! At first the root's seed is all that is held. To destroy a leaf, the seed above it
//! is replaced by the seeds of the siblings along the way down to it (the co-path).
//! Every other key still comes out; that one never again, since no hash runs upwards.
//! The state so grows with what was destroyed, never with what exists.
//!
//! This is the tree of Goldreich, Goldwasser and Micali (*How to construct random
//! functions*, J. ACM 33(4), 1986), punctured as in Boneh and Waters (*Constrained
//! pseudorandom functions*, 2013) and Kiayias, Papadopoulos, Triandopoulos and Zacharias
//! (*Delegatable pseudorandom functions*, 2013).
//!
//! State: `version u8 = 1 ‖ depth u8`, then for every node held, in the order of the
//! leaves, `height u8 ‖ first leaf u128 ‖ seed 32`. A set of destroyed leaves has one
//! form only.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::hash;

/// Greatest depth of a tree: leaves are numbered by a `u128`.
pub const MAX_DEPTH: u8 = 128;

/// Version of the serialised state.
const VERSION: u8 = 1;

/// Bytes before the first node.
const HEADER_BYTES: usize = 2;

/// Bytes of one node: height, first leaf, seed.
const NODE_BYTES: usize = 1 + 16 + 32;

const LEFT: u8 = 0x30;
const RIGHT: u8 = 0x31;
const KEY: u8 = 0x32;

/// 32 secret bytes: shown by no `Debug`, wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Takes 32 bytes as a secret.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The seed or key that follows under a prefix.
    fn next(&self, prefix: u8) -> Self {
        Self::new(hash::sha256(&[&[prefix], self.as_bytes()]))
    }

    /// The seed of the child on the way to a leaf; `height` is the child's.
    fn child(&self, leaf: u128, height: u8) -> Self {
        let right = leaf.checked_shr(height.into()).unwrap_or(0) & 1 == 1;
        self.next(if right { RIGHT } else { LEFT })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why there is no tree of this depth, or bytes are not the state of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTreeError {
    /// A tree has 1 to 128 levels.
    #[error("making a key tree: depth {depth} is not 1 to {MAX_DEPTH}")]
    Depth {
        /// Depth asked for.
        depth: u8,
    },
    /// The state is of a version this build does not know.
    #[error("reading a key tree: version {version} is unknown")]
    Version {
        /// Version found.
        version: u8,
    },
    /// The state is not a header and whole nodes.
    #[error("reading a key tree: {bytes} bytes are not a header and whole nodes")]
    Length {
        /// Bytes found.
        bytes: usize,
    },
    /// A node lies outside the tree, in another node, out of order, or beside a sibling
    /// that would have been one node with it.
    #[error("reading a key tree: node {position} does not fit in its place")]
    Node {
        /// Position of the node in the state, from 0.
        position: usize,
    },
}

/// A seed that is held, `height` levels above the leaves.
#[derive(Clone)]
struct Node {
    height: u8,
    // Boxed, so that moving the node about leaves no copy of the seed behind.
    seed: Box<Secret>,
}

impl Node {
    fn new(height: u8, seed: Secret) -> Self {
        Self {
            height,
            seed: Box::new(seed),
        }
    }
}

/// A tree of keys; see the [module](self).
// INVARIANT: the nodes do not overlap, and no destroyed leaf lies below one.
#[derive(Clone)]
pub struct KeyTree {
    depth: u8,
    /// By the first leaf below the node.
    nodes: BTreeMap<u128, Node>,
}

impl KeyTree {
    /// A tree of 2^depth leaves, none of them destroyed, under a random root.
    ///
    /// # Errors
    ///
    /// When the depth is not 1 to [`MAX_DEPTH`].
    pub fn new(depth: u8, root: Secret) -> Result<Self, KeyTreeError> {
        check(depth)?;
        let nodes = BTreeMap::from([(0, Node::new(depth, root))]);
        Ok(Self { depth, nodes })
    }

    /// Number of levels below the root.
    #[must_use]
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// Number of seeds held: one at first, at most `depth` more for each leaf destroyed.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The key of a leaf, at the cost of one hash a level; `None` if it was destroyed or
    /// lies outside the tree.
    #[must_use]
    pub fn key(&self, leaf: u128) -> Option<Secret> {
        let (_, node) = self.above(leaf)?;
        let seed = (0..node.height)
            .rev()
            .fold((*node.seed).clone(), |seed, height| {
                seed.child(leaf, height)
            });
        Some(seed.next(KEY))
    }

    /// The same key as [`KeyTree::key`], cheaper if the leaf lies near the one asked for
    /// before: about three hashes each for leaves in a row.
    #[must_use]
    pub fn key_at(&self, cursor: &mut Cursor, leaf: u128) -> Option<Secret> {
        let (first, node) = self.above(leaf)?;
        cursor.seek(first, node, leaf).map(|seed| seed.next(KEY))
    }

    /// Whether the leaf lies in the tree and its key was destroyed.
    #[must_use]
    pub fn is_destroyed(&self, leaf: u128) -> bool {
        leaf <= below(self.depth) && self.above(leaf).is_none()
    }

    /// Destroys the key of a leaf; `false` if there was none.
    pub fn destroy(&mut self, leaf: u128) -> bool {
        self.destroy_range(leaf, leaf) > 0
    }

    /// Destroys the keys of all leaves from the first to the last, whole subtrees at once.
    ///
    /// Returns how many keys there were (2^128 counts as one less).
    pub fn destroy_range(&mut self, first: u128, last: u128) -> u128 {
        if last < first {
            return 0;
        }
        let touched: Vec<u128> = self
            .nodes
            .range(..=last)
            .rev()
            .take_while(|(at, node)| **at | below(node.height) >= first)
            .map(|(at, _)| *at)
            .collect();
        touched.into_iter().fold(0, |gone: u128, at| {
            let node = self.nodes.remove(&at);
            gone.saturating_add(node.map_or(0, |node| self.cut(at, node, first, last)))
        })
    }

    /// Puts back what of a node lies outside the range; the rest is wiped and counted.
    fn cut(&mut self, at: u128, node: Node, first: u128, last: u128) -> u128 {
        let end = at | below(node.height);
        if end < first || last < at {
            self.nodes.insert(at, node);
            return 0;
        }
        // A leaf lies inside the range or outside, so it has no part to put back.
        let height = node.height.saturating_sub(1);
        if (first <= at && end <= last) || node.height == 0 {
            return below(node.height).saturating_add(1);
        }
        let middle = at | (1 << height);
        let [left, right] = [LEFT, RIGHT].map(|side| Node::new(height, node.seed.next(side)));
        drop(node);
        let gone = self.cut(at, left, first, last);
        gone.saturating_add(self.cut(middle, right, first, last))
    }

    /// The node held above a leaf, with the first leaf below it.
    fn above(&self, leaf: u128) -> Option<(u128, &Node)> {
        let (at, node) = self.nodes.range(..=leaf).next_back()?;
        (leaf <= *at | below(node.height)).then_some((*at, node))
    }

    /// The state, secrets and all.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Of the right size at once: growing would leave copies behind.
        let size = HEADER_BYTES.saturating_add(self.nodes.len().saturating_mul(NODE_BYTES));
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        bytes.extend_from_slice(&[VERSION, self.depth]);
        for (at, node) in &self.nodes {
            bytes.push(node.height);
            bytes.extend_from_slice(&at.to_be_bytes());
            bytes.extend_from_slice(node.seed.as_bytes());
        }
        bytes
    }

    /// Reads the state written by [`KeyTree::to_bytes`], and nothing else.
    ///
    /// # Errors
    ///
    /// When the bytes are not of that form to the last one.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyTreeError> {
        let length = KeyTreeError::Length { bytes: bytes.len() };
        let (&[version, depth], rest) = bytes.split_first_chunk().ok_or(length)?;
        if version != VERSION {
            return Err(KeyTreeError::Version { version });
        }
        check(depth)?;
        let (nodes, []) = rest.as_chunks::<NODE_BYTES>() else {
            return Err(length);
        };
        let mut tree = Self {
            depth,
            nodes: BTreeMap::new(),
        };
        for (position, bytes) in nodes.iter().enumerate() {
            let (at, node) = read(bytes).ok_or(length)?;
            if !tree.has_place(at, node.height) {
                return Err(KeyTreeError::Node { position });
            }
            tree.nodes.insert(at, node);
        }
        Ok(tree)
    }

    /// Whether a node of this height may be the next one at this leaf.
    fn has_place(&self, at: u128, height: u8) -> bool {
        let fits = height <= self.depth
            && at & below(height) == 0
            && at | below(height) <= below(self.depth);
        fits && self.nodes.last_key_value().is_none_or(|(before, node)| {
            let sibling =
                node.height == height && Some(before ^ at) == 1_u128.checked_shl(height.into());
            before | below(node.height) < at && !sibling
        })
    }
}

impl fmt::Debug for KeyTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTree")
            .field("depth", &self.depth)
            .field("nodes", &self.nodes.len())
            .finish()
    }
}

/// Remembers the way down to a leaf, for [`KeyTree::key_at`].
///
/// It never brings back a destroyed key, since the tree is asked first. Yet it holds
/// seeds on that way: drop it when keys are destroyed.
pub struct Cursor {
    leaf: u128,
    first: u128,
    /// The seed of the node in the tree first, that of the leaf last; never grown.
    way: Zeroizing<Vec<[u8; 32]>>,
}

impl Cursor {
    /// A cursor that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            leaf: 0,
            first: 0,
            way: Zeroizing::new(Vec::with_capacity(usize::from(MAX_DEPTH).saturating_add(1))),
        }
    }

    /// Goes down from a node to a leaf below it, from where the two ways part.
    fn seek(&mut self, first: u128, node: &Node, leaf: u128) -> Option<Secret> {
        let whole = usize::from(node.height).saturating_add(1);
        let known = (self.first, self.way.len()) == (first, whole)
            && self.way.first() == Some(node.seed.as_bytes());
        if !known {
            self.way.clear();
            self.way.push(*node.seed.as_bytes());
        }
        // The two ways share the nodes of this height and above.
        let parted = u128::BITS.saturating_sub((self.leaf ^ leaf).leading_zeros());
        let shared = whole.saturating_sub(usize::try_from(parted).ok()?);
        self.way.truncate(shared.max(1));
        (self.leaf, self.first) = (leaf, first);
        let mut seed = Secret::new(*self.way.last()?);
        let done = u8::try_from(self.way.len()).ok()?.saturating_sub(1);
        for height in (0..node.height.saturating_sub(done)).rev() {
            seed = seed.child(leaf, height);
            self.way.push(*seed.as_bytes());
        }
        Some(seed)
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}

/// The last leaf below a node of this height whose first leaf is 0.
fn below(height: u8) -> u128 {
    let above = MAX_DEPTH.saturating_sub(height);
    u128::MAX.checked_shr(above.into()).unwrap_or(0)
}

const fn check(depth: u8) -> Result<(), KeyTreeError> {
    match depth {
        1..=MAX_DEPTH => Ok(()),
        _ => Err(KeyTreeError::Depth { depth }),
    }
}

fn read(bytes: &[u8; NODE_BYTES]) -> Option<(u128, Node)> {
    let (&height, rest) = bytes.split_first()?;
    let (at, seed) = rest.split_first_chunk()?;
    let seed = Secret::new(seed.try_into().ok()?);
    Some((u128::from_be_bytes(*at), Node::new(height, seed)))
}
