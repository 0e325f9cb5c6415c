//! Numbers, persons and entries from a fixed seed: every run asks the same.

use kepil_ledger::entry::Opening;
use kepil_ledger::hash::Hash;
use kepil_ledger::person::Tag;
use kepil_store::draft::Draft;

/// Bytes of a row: what an entry stores beside its public leaf.
pub const ROW_BYTES: usize = 300;

/// A stream of numbers (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Fills bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            chunk
                .iter_mut()
                .zip(number)
                .for_each(|(to, from)| *to = from);
        }
    }

    /// 32 bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        bytes
    }
}

/// Whose entries come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Everybody's alike: the worst case, as nearly every entry is another person's.
    Uniform,
    /// One person in a hundred has a third of all entries, one in five two thirds.
    Skewed,
}

impl Spread {
    /// The next person out of so many.
    pub const fn pick(self, random: &mut Random, persons: u64) -> u64 {
        // A fraction of 2^32, so that the products stay below 2^64 for any population.
        let even = random.next() >> 32;
        let part = match self {
            Self::Uniform => even,
            Self::Skewed => {
                let squared = (even * even) >> 32;
                (squared * squared) >> 32
            }
        };
        (part * persons) >> 32
    }
}

/// The tag of a person: 32 bytes that depend on the number alone.
#[must_use]
pub fn tag(person: u64) -> Tag {
    Tag::new(Hash::new(Random::new(!person).bytes32()))
}

/// An entry with a row of 300 bytes: a salt, and a record that the leaf commits to.
#[must_use]
pub fn draft(number: u64) -> Draft {
    let mut random = Random::new(number);
    let salt = random.bytes32();
    let mut record = vec![0; ROW_BYTES - salt.len()];
    random.fill(&mut record);
    Draft::from(Opening { salt, record })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_300_bytes_and_its_leaf_33() {
        let draft = draft(7);
        assert_eq!(draft.row.len(), ROW_BYTES);
        assert_eq!(draft.leaf.to_bytes().len(), 33);
    }

    #[test]
    fn the_skewed_set_is_as_skewed_as_it_says() {
        let mut random = Random::new(1);
        let share = |spread: Spread, below: u64, random: &mut Random| {
            let picks = (0..20_000).map(|_| spread.pick(random, 1_000));
            picks.filter(|person| *person < below).count()
        };
        assert!((150..250).contains(&share(Spread::Uniform, 10, &mut random)));
        assert!((6_000..6_700).contains(&share(Spread::Skewed, 10, &mut random)));
        assert!((13_000..13_800).contains(&share(Spread::Skewed, 200, &mut random)));
    }
}
