//! Runs compiled rules over facts.

use crate::compile::{Cmp, Id, Node, Num, Set};
use crate::value::{Facts, Value};
use crate::vocab::{Mask, TermIx, Vocabulary, bit};

/// A fact that a rule needs and that is not there, or a sum that overflows.
///
/// INVARIANT: an error never lets anything through: the gate turns it into a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvalError;

/// What an expression may look at.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// The data category at hand; none when the request as a whole is tested.
    pub resource: Option<TermIx>,
    /// The areas' nesting: bits of each area's ancestors, itself included.
    pub area_up: &'a [Mask],
}

/// The table of nesting areas.
#[must_use]
pub fn area_table(vocab: &Vocabulary) -> Vec<Mask> {
    vocab
        .types()
        .iter()
        .find(|t| t.name == "Area")
        .map(|t| t.terms.iter().map(|d| d.up).collect())
        .unwrap_or_default()
}

impl Scope<'_> {
    /// Whether the expression holds.
    ///
    /// # Errors
    /// When a fact is missing or a number overflows.
    pub fn holds(&self, node: &Node) -> Result<bool, EvalError> {
        Ok(match node {
            Node::Const(b) => *b,
            Node::Fact(s) => self.facts.bool(*s).ok_or(EvalError)?,
            Node::Has(s) => self.facts.has(*s),
            Node::Not(n) => !self.holds(n)?,
            Node::And(parts) => {
                for n in parts {
                    if !self.holds(n)? {
                        return Ok(false);
                    }
                }
                true
            }
            Node::Or(parts) => {
                for n in parts {
                    if self.holds(n)? {
                        return Ok(true);
                    }
                }
                false
            }
            Node::If(parts) => {
                let [cond, then, otherwise] = parts.as_ref();
                if self.holds(cond)? {
                    self.holds(then)?
                } else {
                    self.holds(otherwise)?
                }
            }
            Node::Cmp(op, l, r) => {
                let (l, r) = (self.num(l)?, self.num(r)?);
                match op {
                    Cmp::Eq => l == r,
                    Cmp::Lt => l < r,
                    Cmp::Le => l <= r,
                }
            }
            Node::Same(l, r) => self.id(*l)? == self.id(*r)?,
            Node::OneOf(id, mask) => bit(self.id(*id)?) & mask != 0,
            Node::Within(l, r) => {
                let up = self
                    .area_up
                    .get(usize::from(self.id(*l)?))
                    .copied()
                    .unwrap_or(0);
                up & bit(self.id(*r)?) != 0
            }
            Node::Contains(s, i) => self.set(*s)? & bit(self.id(*i)?) != 0,
            Node::ContainsAll(a, b) => {
                let b = self.set(*b)?;
                self.set(*a)? & b == b
            }
            Node::ContainsAny(a, b) => self.set(*a)? & self.set(*b)? != 0,
            Node::IsEmpty(s) => self.set(*s)? == 0,
            Node::SameSet(a, b) => self.set(*a)? == self.set(*b)?,
        })
    }

    fn num(&self, n: &Num) -> Result<i64, EvalError> {
        match n {
            Num::Const(c) => Ok(*c),
            Num::Fact(s) => self.facts.int(*s).ok_or(EvalError),
            Num::Add(p) => self
                .num(&p.0)?
                .checked_add(self.num(&p.1)?)
                .ok_or(EvalError),
            Num::Sub(p) => self
                .num(&p.0)?
                .checked_sub(self.num(&p.1)?)
                .ok_or(EvalError),
        }
    }

    fn id(&self, id: Id) -> Result<TermIx, EvalError> {
        match id {
            Id::Principal => Ok(self.facts.principal),
            Id::Action => Ok(self.facts.action),
            Id::Resource => self.resource.ok_or(EvalError),
            Id::Const(c) => Ok(c),
            Id::Fact(s) => match self.facts.get(s) {
                Value::Id(i) => Ok(*i),
                _ => Err(EvalError),
            },
        }
    }

    fn set(&self, set: Set) -> Result<Mask, EvalError> {
        match set {
            Set::Const(m) => Ok(m),
            Set::Fact(s) => match self.facts.get(s) {
                Value::Set(m) => Ok(*m),
                _ => Err(EvalError),
            },
        }
    }
}
