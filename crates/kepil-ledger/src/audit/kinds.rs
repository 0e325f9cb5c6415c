//! What type every leaf was, two bits each.

/// What matters of a leaf's type to the leaves that point at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has no row.
    Other = 0,
    /// An access: a row in a person's list.
    Access = 1,
    /// A sealed access: a row in nobody's list.
    Sealed = 2,
    /// An unseal: a row in a person's list.
    Unseal = 3,
}

impl Kind {
    pub(super) const fn is_in_a_list(self) -> bool {
        matches!(self, Self::Access | Self::Unseal)
    }

    pub(super) const fn has_row(self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// Leaves in one word.
const PER_WORD: u64 = 32;

/// The low bit of every pair.
const LOW: u64 = 0x5555_5555_5555_5555;

/// The kinds of all leaves so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    len: u64,
    words: Vec<u64>,
}

impl Kinds {
    pub(super) fn push(&mut self, kind: Kind) {
        let place = self.len % PER_WORD;
        if place == 0 {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word |= (kind as u64) << (2 * place);
        }
        self.len += 1;
    }

    /// `None` beyond the last leaf.
    pub(super) fn get(&self, index: u64) -> Option<Kind> {
        if index >= self.len {
            return None;
        }
        let word = self.word(index / PER_WORD);
        Some(match word >> (2 * (index % PER_WORD)) & 3 {
            1 => Kind::Access,
            2 => Kind::Sealed,
            3 => Kind::Unseal,
            _ => Kind::Other,
        })
    }

    /// Number of leaves with a row from the first to the last index.
    pub(super) fn rows_in(&self, first: u64, last: u64) -> u64 {
        let Some(end) = last.checked_add(1).map(|end| end.min(self.len)) else {
            return self.rows_before(self.len) - self.rows_before(first);
        };
        self.rows_from(first, end)
    }

    fn rows_before(&self, end: u64) -> u64 {
        self.rows_from(0, end.min(self.len))
    }

    fn rows_from(&self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let mut rows = 0;
        for at in start / PER_WORD..=(end - 1) / PER_WORD {
            let word = self.word(at);
            let mut pairs = (word | word >> 1) & LOW;
            let first = at * PER_WORD;
            if start > first {
                pairs &= u64::MAX << (2 * (start - first));
            }
            if end - first < PER_WORD {
                pairs &= !(u64::MAX << (2 * (end - first)));
            }
            rows += u64::from(pairs.count_ones());
        }
        rows
    }

    fn word(&self, at: u64) -> u64 {
        usize::try_from(at)
            .ok()
            .and_then(|at| self.words.get(at).copied())
            .unwrap_or(0)
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Goes on from saved words; `None` unless there are as many as the leaves need.
    pub(super) fn resume(len: u64, words: Vec<u64>) -> Option<Self> {
        let fits = u64::try_from(words.len()) == Ok(len.div_ceil(PER_WORD));
        fits.then_some(Self { len, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_as_one_by_one() {
        let all = [
            Kind::Access,
            Kind::Other,
            Kind::Sealed,
            Kind::Unseal,
            Kind::Other,
        ];
        let mut kinds = Kinds::default();
        for at in 0..150_usize {
            kinds.push(all[at * at % 5]);
        }
        for first in 0..150 {
            for last in first..160 {
                let slow = (first..=last)
                    .filter_map(|at| kinds.get(at))
                    .filter(|kind| kind.has_row())
                    .count();
                assert_eq!(kinds.rows_in(first, last), slow as u64, "{first} {last}");
            }
        }
        assert_eq!(kinds.rows_in(3, u64::MAX), kinds.rows_in(3, 149));
        assert_eq!(kinds.rows_in(400, 500), 0);
        assert_eq!(kinds.get(150), None);
    }
}
