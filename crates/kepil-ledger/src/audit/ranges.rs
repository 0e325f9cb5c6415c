//! Sets of indexes that lie in few stretches.

use std::collections::BTreeMap;

/// Indexes, kept as stretches from a first to a last one.
///
/// INVARIANT: no two stretches touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        // Every stretch that touches the new one goes into it; the last of them begins first.
        while let Some((from, to)) = self
            .0
            .range(..=last.saturating_add(1))
            .next_back()
            .map(|(from, to)| (*from, *to))
            .filter(|(_, to)| to.saturating_add(1) >= first)
        {
            self.0.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.0.insert(first, last);
    }

    pub(super) fn remove(&mut self, index: u64) {
        let Some((from, to)) = self.around(index) else {
            return;
        };
        self.0.remove(&from);
        if from < index {
            self.0.insert(from, index - 1);
        }
        if index < to {
            self.0.insert(index + 1, to);
        }
    }

    pub(super) fn contains(&self, index: u64) -> bool {
        self.around(index).is_some()
    }

    fn around(&self, index: u64) -> Option<(u64, u64)> {
        let (from, to) = self.0.range(..=index).next_back()?;
        (*to >= index).then_some((*from, *to))
    }

    /// The stretches, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(from, to)| (*from, *to))
    }

    /// The parts of the stretches that lie between two indexes, ascending.
    pub(super) fn within(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let begin = self.around(first).map_or(first, |(from, _)| from);
        self.0
            .range(begin..=last.max(begin))
            .map(move |(from, to)| ((*from).max(first), (*to).min(last)))
            .filter(|(from, to)| from <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn they_hold_what_a_plain_set_holds(
            changes in prop::collection::vec((any::<bool>(), 0u64..40, 0u64..6), 0..40),
            (first, length) in (0u64..40, 0u64..40),
        ) {
            let (mut ranges, mut plain) = (Ranges::default(), BTreeSet::new());
            for (adds, at, length) in changes {
                if adds {
                    ranges.insert(at, at + length);
                    plain.extend(at..=at + length);
                } else {
                    ranges.remove(at);
                    plain.remove(&at);
                }
            }
            let flat: Vec<u64> = ranges.iter().flat_map(|(from, to)| from..=to).collect();
            prop_assert_eq!(flat, plain.iter().copied().collect::<Vec<_>>());
            let stretches: Vec<_> = ranges.iter().collect();
            prop_assert!(stretches.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            let within: Vec<u64> = ranges.within(first, first + length).flat_map(|(from, to)| from..=to).collect();
            let expected: Vec<u64> = plain.range(first..=first + length).copied().collect();
            prop_assert_eq!(within, expected);
        }
    }
}
