//! What the key store remembers: two trees of keys and how far rows were handed out.
//!
//! | field | bytes |
//! |---|---:|
//! | version = 1 | u8 |
//! | enrol key | 32 |
//! | number of periods, then for each in order: period, mark | u32, u32 + u64 each |
//! | length of the tree of persons, then the tree | u64, … |
//! | the tree of rows | the rest |

use std::collections::BTreeMap;
use std::sync::Arc;

use kepil_ledger::hash;
use kepil_ledger::keytree::{KeyTree, KeyTreeError, Secret};
use zeroize::Zeroizing;

/// Depth of the tree of persons: 20 million persons never meet in one leaf.
const PERSON_DEPTH: u8 = 96;

/// Bits of a row's number.
const ROW_BITS: u8 = 48;

/// Depth of the tree of rows: a period's 32 bits, then the row's.
const ROW_DEPTH: u8 = 32 + ROW_BITS;

/// Number of rows that a period has room for.
pub const MAX_ROWS: u64 = 1 << ROW_BITS;

/// First word of what a person's leaf is derived from.
const SUBJECT: &[u8] = b"kepil-subject/v1";

/// Version of the form.
const VERSION: u8 = 1;

/// Bytes of a period and its mark.
const MARK_BYTES: usize = 4 + 8;

/// Why the bytes are not a state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The state is of a version this build does not know.
    #[error("reading the state of the keys: version {version} is unknown")]
    Version {
        /// Version found.
        version: u8,
    },
    /// Fields are missing, out of order, or of the wrong length.
    #[error("reading the state of the keys: its fields are not of their form")]
    Malformed,
    /// A tree is not of its form, or not of its depth.
    #[error("reading the state of the keys: a tree is not of its form")]
    Tree {
        /// What went wrong.
        #[source]
        source: KeyTreeError,
    },
}

/// The state; copies share the trees until one of them changes.
#[derive(Debug, Clone)]
pub struct State {
    pub enrol: Secret,
    pub persons: Arc<KeyTree>,
    pub rows: Arc<KeyTree>,
    /// By period: no row at or above was ever handed out.
    pub marks: BTreeMap<u32, u64>,
}

impl State {
    /// A new state in which nothing was destroyed, from three random secrets.
    pub fn new(enrol: Secret, persons: Secret, rows: Secret) -> Result<Self, StateError> {
        let tree = |depth, root| KeyTree::new(depth, root).map_err(tree_error);
        Ok(Self {
            enrol,
            persons: Arc::new(tree(PERSON_DEPTH, persons)?),
            rows: Arc::new(tree(ROW_DEPTH, rows)?),
            marks: BTreeMap::new(),
        })
    }

    /// Where a person's secret of this generation stands in the tree.
    pub fn person_leaf(&self, subject: &str, generation: u32) -> u128 {
        let message = [SUBJECT, subject.as_bytes(), &generation.to_be_bytes()].concat();
        let hash = hash::mac(self.enrol.as_bytes(), &message);
        let (high, _) = hash.as_bytes().split_at(usize::from(PERSON_DEPTH / 8));
        high.iter()
            .fold(0, |leaf, byte| leaf << 8 | u128::from(*byte))
    }

    /// How far rows of a period were handed out, at most.
    pub fn mark(&self, period: u32) -> u64 {
        self.marks.get(&period).copied().unwrap_or(0)
    }

    /// The bytes, secrets and all.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (persons, rows) = (self.persons.to_bytes(), self.rows.to_bytes());
        let marks = self.marks.len().saturating_mul(MARK_BYTES);
        // Of the right size at once: growing would leave copies behind.
        let sizes = [1 + 32 + 4 + 8, marks, persons.len(), rows.len()];
        let size = sizes.into_iter().fold(0, usize::saturating_add);
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.enrol.as_bytes());
        bytes.extend_from_slice(
            &u32::try_from(self.marks.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        for (period, mark) in &self.marks {
            bytes.extend_from_slice(&period.to_be_bytes());
            bytes.extend_from_slice(&mark.to_be_bytes());
        }
        bytes.extend_from_slice(
            &u64::try_from(persons.len())
                .unwrap_or(u64::MAX)
                .to_be_bytes(),
        );
        bytes.extend_from_slice(&persons);
        bytes.extend_from_slice(&rows);
        bytes
    }

    /// Reads the bytes written by [`State::to_bytes`], and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateError> {
        let (&version, rest) = bytes.split_first().ok_or(StateError::Malformed)?;
        if version != VERSION {
            return Err(StateError::Version { version });
        }
        let (enrol, marks, persons, rows) = fields(rest).ok_or(StateError::Malformed)?;
        Ok(Self {
            enrol,
            persons: Arc::new(tree(persons, PERSON_DEPTH)?),
            rows: Arc::new(tree(rows, ROW_DEPTH)?),
            marks,
        })
    }
}

/// Where a row's key stands in the tree: below the subtree of its period.
pub fn row_leaf(period: u32, row: u64) -> u128 {
    u128::from(period) << ROW_BITS | u128::from(row)
}

type Fields<'a> = (Secret, BTreeMap<u32, u64>, &'a [u8], &'a [u8]);

fn fields(bytes: &[u8]) -> Option<Fields<'_>> {
    let (enrol, rest) = bytes.split_first_chunk::<32>()?;
    let (count, rest) = rest.split_first_chunk()?;
    let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
    let (rows, rest) = rest.split_at_checked(count.checked_mul(MARK_BYTES)?)?;
    let mut marks = BTreeMap::new();
    for row in rows.as_chunks::<MARK_BYTES>().0 {
        let (period, mark) = row.split_first_chunk()?;
        let period = u32::from_be_bytes(*period);
        let mark = u64::from_be_bytes(mark.try_into().ok()?);
        let ascends = marks
            .last_key_value()
            .is_none_or(|(last, _)| *last < period);
        if !ascends || mark > MAX_ROWS {
            return None;
        }
        marks.insert(period, mark);
    }
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (persons, rows) = rest.split_at_checked(length)?;
    Some((Secret::new(*enrol), marks, persons, rows))
}

fn tree(bytes: &[u8], depth: u8) -> Result<KeyTree, StateError> {
    let tree = KeyTree::parse(bytes).map_err(tree_error)?;
    if tree.depth() != depth {
        return Err(StateError::Malformed);
    }
    Ok(tree)
}

const fn tree_error(source: KeyTreeError) -> StateError {
    StateError::Tree { source }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state(marks: &[(u32, u64)]) -> State {
        let [enrol, persons, rows] = [1, 2, 3].map(|byte| Secret::new([byte; 32]));
        let mut state = State::new(enrol, persons, rows).unwrap();
        state.marks = marks.iter().copied().collect();
        state
    }

    #[test]
    fn a_state_round_trips_and_every_part_of_it_is_refused() {
        let mut state = state(&[(202_611, 1 << 20), (202_612, MAX_ROWS)]);
        Arc::make_mut(&mut state.rows).destroy(row_leaf(202_611, 7));
        let bytes = state.to_bytes();
        assert_eq!(State::parse(&bytes).unwrap().to_bytes(), bytes);
        for end in 0..bytes.len() {
            // Whole nodes can be cut off the last tree; the seal around the state tells.
            let cut = State::parse(&bytes[..end]);
            assert!(cut.is_err() || (bytes.len() - end).is_multiple_of(49));
        }
    }

    #[test]
    fn marks_out_of_order_or_too_high_are_refused() {
        let bytes = state(&[(202_611, 1), (202_612, 2)]).to_bytes();
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.to_vec();
            bytes[at] = byte;
            State::parse(&bytes).is_ok()
        };
        let second = 1 + 32 + 4 + MARK_BYTES;
        assert!(with(second + 3, bytes[second + 3]));
        assert!(!with(second + 3, bytes[second + 3] - 1));
        assert!(!with(second + 4, 1));
        assert!(!with(0, 2));
    }

    #[test]
    fn the_leaf_of_a_person_is_of_the_written_form() {
        let state = state(&[]);
        let mac = hash::mac(&[1; 32], b"kepil-subject/v1iin:1\0\0\0\x05");
        let expected = mac.as_bytes()[..12]
            .iter()
            .fold(0, |leaf, byte| leaf << 8 | u128::from(*byte));
        assert_eq!(state.person_leaf("iin:1", 5), expected);
        assert_ne!(state.person_leaf("iin:1", 4), expected);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = State::parse(&bytes);
            let _ = State::parse(&[&[VERSION][..], &bytes].concat());
        }
    }
}
