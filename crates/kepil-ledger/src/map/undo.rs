//! How a map stood at earlier moments.

use std::collections::{HashMap, VecDeque};

use super::Slot;
use crate::hash::Hash;
use crate::person::Tag;

/// Old values, one layer for the time after each mark; the newest layer last.
#[derive(Debug, Clone, Default)]
pub(super) struct Undo {
    layers: VecDeque<Layer>,
}

/// What changed after a mark, as it was before.
#[derive(Debug, Clone, Default)]
struct Layer {
    number: u64,
    nodes: HashMap<usize, Hash>,
    /// `None`: the tag was not there.
    slots: HashMap<Tag, Option<Slot>>,
}

impl Undo {
    pub(super) fn mark(&mut self, number: u64) {
        self.layers.push_back(Layer {
            number,
            ..Layer::default()
        });
    }

    pub(super) fn forget_before(&mut self, number: u64) {
        while self
            .layers
            .front()
            .is_some_and(|layer| layer.number < number)
        {
            self.layers.pop_front();
        }
    }

    /// True when any earlier state is remembered.
    pub(super) fn remembers(&self) -> bool {
        !self.layers.is_empty()
    }

    /// True when the oldest remembered state is this one or an older one.
    pub(super) fn begins_by(&self, number: u64) -> bool {
        self.layers
            .front()
            .is_some_and(|layer| layer.number <= number)
    }

    /// Takes note of a node before it changes.
    pub(super) fn node(&mut self, at: usize, before: Hash) {
        if let Some(layer) = self.layers.back_mut() {
            layer.nodes.entry(at).or_insert(before);
        }
    }

    /// Takes note of a slot before it changes.
    pub(super) fn slot(&mut self, tag: &Tag, before: Option<Slot>) {
        if let Some(layer) = self.layers.back_mut() {
            layer.slots.entry(*tag).or_insert(before);
        }
    }

    /// The layers after a mark, oldest first; `None` when the mark is not remembered.
    pub(super) fn since(&self, number: u64) -> Option<Since<'_>> {
        let from = self
            .layers
            .iter()
            .position(|layer| layer.number == number)?;
        Some(Since { undo: self, from })
    }
}

/// A view of the values as they were at a mark, where they changed since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since<'a> {
    undo: &'a Undo,
    from: usize,
}

impl Since<'_> {
    pub(super) fn node(&self, at: usize) -> Option<Hash> {
        let mut layers = self.undo.layers.iter().skip(self.from);
        layers.find_map(|layer| layer.nodes.get(&at).copied())
    }

    /// Puts persons back to how they stood then; those enrolled since go.
    pub(super) fn restore(&self, persons: &mut Vec<(Tag, Slot)>) {
        persons.retain_mut(|(tag, slot)| match self.slot(tag) {
            None => true,
            Some(None) => false,
            Some(Some(before)) => {
                *slot = before;
                true
            }
        });
    }

    #[expect(clippy::option_option, reason = "changed or not, and there or not")]
    fn slot(&self, tag: &Tag) -> Option<Option<Slot>> {
        let mut layers = self.undo.layers.iter().skip(self.from);
        layers.find_map(|layer| layer.slots.get(tag).copied())
    }
}
