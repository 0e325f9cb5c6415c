//! Map heads against the auditor's own book.

use std::collections::BTreeMap;

use super::finding::{FindingKind, Findings};
use super::records::Records;
use crate::chain::Chain;
use crate::entry::MapHead;
use crate::hash::Hash;
use crate::map::{Map, root_from_path};
use crate::period::Period;
use crate::person::Tag;

impl Records {
    /// Makes the same head from the own book and compares every month.
    ///
    /// A month that differs is a finding once, until it is equal again.
    pub(super) fn take_head(&mut self, index: u64, found: &MapHead, findings: &mut Findings) {
        if self.is_blinded {
            // The entry that could not be booked may be of any month that is listed.
            for row in found.rows() {
                // A month that is closed in the own book stays so.
                let _ = self.book.open_month(row.period);
            }
        }
        let before = self.book.closed();
        let (own, left) = self.book.head(index, found.time);
        self.book.forget_before(index.saturating_add(1));
        let left: BTreeMap<Period, Map> = left.into_iter().collect();
        if self.is_blinded {
            let months = own.rows().iter().map(|row| row.period);
            self.blind
                .extend(months.filter(|period| Some(*period) > before));
        }
        for row in found.rows() {
            let period = row.period;
            if self.blind.contains(&period) {
                continue;
            }
            let own_root = own.root_of(period);
            if own_root == Some(&row.root) {
                self.differing.remove(&period);
            } else if self.differing.insert(period) {
                let map = left.get(&period).or_else(|| self.book.map(period));
                let meaning = match (own_root, map) {
                    (None, _) => format!(
                        "the map head lists {period}, a month that has no entries or is over"
                    ),
                    (Some(_), Some(map)) => self.difference(map, period, &row.root),
                    (Some(_), None) => differs(period),
                };
                findings.add(FindingKind::Map, index, meaning);
            }
        }
        for row in own.rows() {
            let period = row.period;
            let is_listed = found.root_of(period).is_some() || self.blind.contains(&period);
            if !is_listed && self.differing.insert(period) {
                let meaning =
                    format!("the map head leaves out {period}, a month that it must list");
                findings.add(FindingKind::Map, index, meaning);
            }
        }
        // A month that no head lists any more cannot differ.
        let (book, closed) = (&self.book, self.book.closed());
        let is_listed = |period: &Period| Some(*period) > closed || book.map(*period).is_some();
        self.blind.retain(is_listed);
        self.differing.retain(is_listed);
        self.is_blinded = false;
        self.steps.clear();
    }

    /// Says how a month's root differs, naming the entry if one alone was left out.
    fn difference(&self, map: &Map, period: Period, found: &Hash) -> String {
        let mut persons: BTreeMap<Tag, Vec<usize>> = BTreeMap::new();
        let own = self.steps.iter().enumerate();
        for (at, step) in own.filter(|(_, step)| step.period == period) {
            persons.entry(step.tag).or_default().push(at);
        }
        for (tag, steps) in &persons {
            let Some((_, path)) = map.prove(tag) else {
                continue;
            };
            for left_out in steps {
                if root_from_path(tag, &self.chain_without(steps, *left_out, tag), &path) == *found
                    && let Some(step) = self.steps.get(*left_out)
                {
                    return format!(
                        "the map of {period} leaves out entry {}: a person's list is shorter than \
                         the log",
                        step.index
                    );
                }
            }
        }
        differs(period)
    }

    /// A person's chain as it would be if one step had not been taken.
    fn chain_without(&self, steps: &[usize], left_out: usize, tag: &Tag) -> Chain {
        let own = |at: &usize| self.steps.get(*at);
        let first = steps.first().and_then(own);
        let before = first.map_or_else(|| Chain::new(tag), |step| step.before);
        let taken = steps.iter().filter(|at| **at != left_out).filter_map(own);
        taken.fold(before, |chain, step| {
            chain.step(step.index, &step.commitment)
        })
    }
}

fn differs(period: Period) -> String {
    format!("the map of {period} in this head is not the one that the entries before it lead to")
}
