//! The facts of one request as a flat row of slots, ready for the compiled rules.

use crate::vocab::{Mask, TermIx};
use std::sync::Arc;

/// Number of a slot in the row of facts.
pub type Slot = u16;

/// What stands in one slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// Nothing is known: an optional fact that is not there.
    #[default]
    Absent,
    /// A record is present (its members have slots of their own).
    Present,
    /// Yes or no.
    Bool(bool),
    /// A number, an instant or a duration (both in milliseconds).
    Int(i64),
    /// A term of the slot's type.
    Id(TermIx),
    /// A set of terms of the slot's type.
    Set(Mask),
    /// A set of free strings, sorted and without repeats.
    Strs(Arc<[Box<str>]>),
}

/// Everything a decision may look at, in one row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Who asks (type `Actor`).
    pub principal: TermIx,
    /// By which operation (type `Action`).
    pub action: TermIx,
    pub(crate) values: Vec<Value>,
}

impl Facts {
    /// A row of `len` empty slots.
    #[must_use]
    pub fn empty(len: usize) -> Self {
        Self {
            principal: 0,
            action: 0,
            values: vec![Value::Absent; len],
        }
    }

    /// The value of a slot; absent when there is no such slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> &Value {
        self.values.get(usize::from(slot)).unwrap_or(&Value::Absent)
    }

    /// Sets a slot.
    pub fn set(&mut self, slot: Slot, value: Value) {
        if let Some(v) = self.values.get_mut(usize::from(slot)) {
            *v = value;
        }
    }

    /// A yes-or-no slot; a missing one is `None`.
    #[must_use]
    pub fn bool(&self, slot: Slot) -> Option<bool> {
        match self.get(slot) {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// A number slot.
    #[must_use]
    pub fn int(&self, slot: Slot) -> Option<i64> {
        match self.get(slot) {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// A set slot; a missing one is empty.
    #[must_use]
    pub fn set_of(&self, slot: Slot) -> Mask {
        match self.get(slot) {
            Value::Set(m) => *m,
            _ => 0,
        }
    }

    /// Whether a slot holds anything.
    #[must_use]
    pub fn has(&self, slot: Slot) -> bool {
        !matches!(self.get(slot), Value::Absent)
    }

    /// The values in slot order.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}
