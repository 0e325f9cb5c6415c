//! Turns a rule written in Cedar into a small tree over the slots of facts.
//!
//! Cedar stays the language of the law: every rule is parsed, type-checked and warned about by
//! Cedar itself. What runs per request is this tree, because Cedar's own evaluator rebuilds its
//! expressions and looks everything up by name on every call. `tests/differential.rs` holds the
//! two against each other, and what this module does not know it refuses to load.

use crate::schema::{Layout, SlotType};
use crate::value::Slot;
use crate::vocab::{Mask, TermIx, TypeIx, Vocabulary, bit};
use serde_json::Value as Json;

/// A yes-or-no expression.
#[derive(Debug, Clone)]
pub enum Node {
    /// A constant.
    Const(bool),
    /// A yes-or-no fact.
    Fact(Slot),
    /// Whether a fact is there.
    Has(Slot),
    /// Not.
    Not(Box<Node>),
    /// All of these, from left to right, stopping at the first that fails.
    And(Vec<Node>),
    /// One of these, from left to right, stopping at the first that holds.
    Or(Vec<Node>),
    /// If, then, else.
    If(Box<[Node; 3]>),
    /// A comparison of numbers, instants or durations.
    Cmp(Cmp, Num, Num),
    /// Two terms are the same.
    Same(Id, Id),
    /// A term is one of these.
    OneOf(Id, Mask),
    /// A term lies in another term of its type, or is it (areas).
    Within(Id, Id),
    /// A set contains a term.
    Contains(Set, Id),
    /// The first set contains all of the second.
    ContainsAll(Set, Set),
    /// The two sets have something in common.
    ContainsAny(Set, Set),
    /// A set is empty.
    IsEmpty(Set),
    /// The two sets are the same.
    SameSet(Set, Set),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// Less than.
    Lt,
    /// At most.
    Le,
}

/// A number, an instant or a duration.
#[derive(Debug, Clone)]
pub enum Num {
    /// A constant.
    Const(i64),
    /// A fact.
    Fact(Slot),
    /// A sum; an overflow is an error.
    Add(Box<(Num, Num)>),
    /// A difference; an overflow is an error.
    Sub(Box<(Num, Num)>),
}

/// A term.
#[derive(Debug, Clone, Copy)]
pub enum Id {
    /// Who asks.
    Principal,
    /// The operation.
    Action,
    /// The data category at hand.
    Resource,
    /// A constant.
    Const(TermIx),
    /// A fact.
    Fact(Slot),
}

/// A set of terms.
#[derive(Debug, Clone, Copy)]
pub enum Set {
    /// A constant.
    Const(Mask),
    /// A fact.
    Fact(Slot),
}

/// What an expression turned out to be.
enum Expr {
    Bool(Node),
    Num(Num),
    Id(Id, TypeIx),
    Set(Set, Option<TypeIx>),
    Class(Vec<(TypeIx, Mask)>),
    Record(String),
}

/// Why an expression was not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported(pub String);

type Compiled<T> = Result<T, Unsupported>;

fn no<T>(what: impl Into<String>) -> Compiled<T> {
    Err(Unsupported(what.into()))
}

/// Compiles expressions against one layout.
pub(crate) struct Compiler<'a> {
    pub layout: &'a Layout,
    pub vocab: &'a Vocabulary,
}

impl Compiler<'_> {
    /// Compiles the body of a `when` or an `unless`.
    pub fn condition(&self, json: &Json) -> Compiled<Node> {
        match self.expr(json)? {
            Expr::Bool(n) => Ok(n),
            _ => no("a condition that is not yes or no"),
        }
    }

    fn type_ix(&self, name: &str) -> Compiled<TypeIx> {
        self.vocab
            .type_named(name)
            .ok_or_else(|| Unsupported(format!("the entity type `{name}`")))
    }

    /// The members an entity literal stands for: a term, or all terms of a class.
    pub fn entity(&self, json: &Json) -> Compiled<(TypeIx, Mask, Option<TermIx>)> {
        let e = json.get("__entity").unwrap_or(json);
        let ty = e.get("type").and_then(Json::as_str).unwrap_or_default();
        let id = e.get("id").and_then(Json::as_str).unwrap_or_default();
        if let Some(t) = self.vocab.type_named(ty)
            && let Some(term) = self.vocab.term(t, id)
        {
            return Ok((t, bit(term), Some(term)));
        }
        if let Some((t, mask)) = self.vocab.class(ty, id) {
            return Ok((t, mask, None));
        }
        no(format!("the id `{ty}::\"{id}\"`, which nothing defines"))
    }

    fn expr(&self, json: &Json) -> Compiled<Expr> {
        let Json::Object(map) = json else {
            return no("an expression that is not an object");
        };
        let Some((op, arg)) = map.iter().next() else {
            return no("an empty expression");
        };
        let pair = || -> Compiled<(&Json, &Json)> {
            match (arg.get("left"), arg.get("right")) {
                (Some(l), Some(r)) => Ok((l, r)),
                _ => no(format!("`{op}` without two sides")),
            }
        };
        match op.as_str() {
            "Value" => self.literal(arg),
            "Var" => match arg.as_str() {
                Some("principal") => Ok(Expr::Id(Id::Principal, self.type_ix("Actor")?)),
                Some("action") => Ok(Expr::Id(Id::Action, self.type_ix("Action")?)),
                Some("resource") => Ok(Expr::Id(Id::Resource, self.type_ix("Category")?)),
                Some("context") => Ok(Expr::Record(String::new())),
                other => no(format!("the variable `{}`", other.unwrap_or_default())),
            },
            "." => self.member(arg),
            "has" => {
                let path = self.path(arg)?;
                let slot = self
                    .layout
                    .slot(&path)
                    .ok_or_else(|| Unsupported(format!("the fact `{path}`")))?;
                Ok(Expr::Bool(Node::Has(slot)))
            }
            "!" => {
                let inner = arg
                    .get("arg")
                    .ok_or_else(|| Unsupported("`!` without an operand".into()))?;
                Ok(Expr::Bool(Node::Not(Box::new(self.condition(inner)?))))
            }
            "&&" | "||" => {
                let (l, r) = pair()?;
                let (l, r) = (self.condition(l)?, self.condition(r)?);
                Ok(Expr::Bool(join(op == "&&", l, r)))
            }
            "if-then-else" => {
                let part = |k: &str| {
                    arg.get(k)
                        .ok_or_else(|| Unsupported(format!("`if` without `{k}`")))
                        .and_then(|j| self.condition(j))
                };
                Ok(Expr::Bool(Node::If(Box::new([
                    part("if")?,
                    part("then")?,
                    part("else")?,
                ]))))
            }
            "==" | "!=" => {
                let (l, r) = pair()?;
                let same = self.equal(self.expr(l)?, self.expr(r)?)?;
                Ok(Expr::Bool(if op == "==" {
                    same
                } else {
                    Node::Not(Box::new(same))
                }))
            }
            "<" | "<=" | ">" | ">=" => {
                let (l, r) = pair()?;
                let (l, r) = (self.number(l)?, self.number(r)?);
                Ok(Expr::Bool(match op.as_str() {
                    "<" => Node::Cmp(Cmp::Lt, l, r),
                    "<=" => Node::Cmp(Cmp::Le, l, r),
                    ">" => Node::Cmp(Cmp::Lt, r, l),
                    _ => Node::Cmp(Cmp::Le, r, l),
                }))
            }
            "+" | "-" => {
                let (l, r) = pair()?;
                let both = Box::new((self.number(l)?, self.number(r)?));
                Ok(Expr::Num(if op == "+" {
                    Num::Add(both)
                } else {
                    Num::Sub(both)
                }))
            }
            "neg" => {
                let inner = arg
                    .get("arg")
                    .ok_or_else(|| Unsupported("`-` without an operand".into()))?;
                Ok(Expr::Num(Num::Sub(Box::new((
                    Num::Const(0),
                    self.number(inner)?,
                )))))
            }
            "offset" | "durationSince" => {
                let (l, r) = two(op, arg)?;
                let both = Box::new((self.number(l)?, self.number(r)?));
                Ok(Expr::Num(if op == "offset" {
                    Num::Add(both)
                } else {
                    Num::Sub(both)
                }))
            }
            "datetime" | "duration" => self.time_literal(op, arg),
            "in" => {
                let (l, r) = pair()?;
                self.within(l, r)
            }
            "Set" => self.set_literal(arg),
            "contains" => {
                let (l, r) = pair()?;
                match (self.expr(l)?, self.expr(r)?) {
                    (Expr::Set(s, st), Expr::Id(i, it)) if st.is_none_or(|st| st == it) => {
                        Ok(Expr::Bool(Node::Contains(s, i)))
                    }
                    _ => no("`contains` on anything but a set of terms and a term"),
                }
            }
            "containsAll" | "containsAny" => {
                let (l, r) = pair()?;
                match (self.expr(l)?, self.expr(r)?) {
                    (Expr::Set(a, _), Expr::Set(b, _)) => Ok(Expr::Bool(if op == "containsAll" {
                        Node::ContainsAll(a, b)
                    } else {
                        Node::ContainsAny(a, b)
                    })),
                    _ => no(format!("`{op}` on anything but two sets of terms")),
                }
            }
            "isEmpty" => {
                let inner = arg
                    .get("arg")
                    .ok_or_else(|| Unsupported("`isEmpty` without a set".into()))?;
                match self.expr(inner)? {
                    Expr::Set(s, _) => Ok(Expr::Bool(Node::IsEmpty(s))),
                    _ => no("`isEmpty` on anything but a set of terms"),
                }
            }
            other => no(format!("`{other}`")),
        }
    }

    fn literal(&self, arg: &Json) -> Compiled<Expr> {
        match arg {
            Json::Bool(b) => Ok(Expr::Bool(Node::Const(*b))),
            Json::Number(n) => n
                .as_i64()
                .map(|n| Expr::Num(Num::Const(n)))
                .ok_or_else(|| Unsupported("a number that is not whole".into())),
            Json::Object(o) if o.contains_key("__entity") => {
                let (t, mask, term) = self.entity(arg)?;
                Ok(match term {
                    Some(term) => Expr::Id(Id::Const(term), t),
                    None => Expr::Class(vec![(t, mask)]),
                })
            }
            Json::Array(_) => self.set_literal(arg),
            _ => no("a literal of this kind"),
        }
    }

    fn set_literal(&self, arg: &Json) -> Compiled<Expr> {
        let Json::Array(items) = arg else {
            return no("a set that is not a list");
        };
        let mut ty = None;
        let mut mask = 0;
        let mut classes = Vec::new();
        for item in items {
            let inner = item.get("Value").unwrap_or(item);
            let (t, m, term) = self.entity(inner)?;
            match term {
                Some(_) => {
                    if ty.is_some_and(|x| x != t) {
                        return no("a set of terms of several types");
                    }
                    ty = Some(t);
                    mask |= m;
                }
                None => classes.push((t, m)),
            }
        }
        if classes.is_empty() {
            return Ok(Expr::Set(Set::Const(mask), ty));
        }
        if let Some(t) = ty {
            classes.push((t, mask));
        }
        Ok(Expr::Class(classes))
    }

    fn path(&self, arg: &Json) -> Compiled<String> {
        let (Some(left), Some(attr)) = (arg.get("left"), arg.get("attr").and_then(Json::as_str))
        else {
            return no("a member without a record");
        };
        match self.expr(left)? {
            Expr::Record(p) if p.is_empty() => Ok(attr.to_owned()),
            Expr::Record(p) => Ok(format!("{p}.{attr}")),
            _ => no(format!(
                "the member `{attr}` of something that is not a record"
            )),
        }
    }

    fn member(&self, arg: &Json) -> Compiled<Expr> {
        let path = self.path(arg)?;
        let slot = self
            .layout
            .slot(&path)
            .ok_or_else(|| Unsupported(format!("the fact `{path}`")))?;
        Ok(match self.layout.def(slot).map(|d| &d.ty) {
            Some(SlotType::Record) => Expr::Record(path),
            Some(SlotType::Bool) => Expr::Bool(Node::Fact(slot)),
            Some(SlotType::Long(_) | SlotType::Datetime | SlotType::Duration) => {
                Expr::Num(Num::Fact(slot))
            }
            Some(SlotType::Term(t)) => Expr::Id(Id::Fact(slot), *t),
            Some(SlotType::Terms(t)) => Expr::Set(Set::Fact(slot), Some(*t)),
            Some(SlotType::Strings) | None => {
                return no(format!("the fact `{path}` inside a rule"));
            }
        })
    }

    fn number(&self, json: &Json) -> Compiled<Num> {
        match self.expr(json)? {
            Expr::Num(n) => Ok(n),
            _ => no("a comparison of anything but numbers, times and durations"),
        }
    }

    fn equal(&self, l: Expr, r: Expr) -> Compiled<Node> {
        match (l, r) {
            (Expr::Bool(a), Expr::Bool(b)) => {
                Ok(Node::If(Box::new([a, b.clone(), Node::Not(Box::new(b))])))
            }
            (Expr::Num(a), Expr::Num(b)) => Ok(Node::Cmp(Cmp::Eq, a, b)),
            (Expr::Id(a, ta), Expr::Id(b, tb)) if ta == tb => Ok(Node::Same(a, b)),
            (Expr::Set(a, _), Expr::Set(b, _)) => Ok(Node::SameSet(a, b)),
            _ => no("`==` between things of different kinds"),
        }
    }

    fn within(&self, l: &Json, r: &Json) -> Compiled<Expr> {
        let (id, ty) = match self.expr(l)? {
            Expr::Id(id, ty) => (id, ty),
            _ => return no("`in` on anything but a term"),
        };
        let node = match self.expr(r)? {
            Expr::Class(classes) => {
                let mask = classes
                    .iter()
                    .filter(|(t, _)| *t == ty)
                    .fold(0, |m, (_, c)| m | c);
                Node::OneOf(id, mask)
            }
            Expr::Set(Set::Const(mask), t) if t.is_none_or(|t| t == ty) => Node::OneOf(id, mask),
            Expr::Set(s @ Set::Fact(_), Some(t)) if t == ty => Node::Contains(s, id),
            Expr::Id(other, t) if t == ty && self.vocab.type_named("Area") == Some(ty) => {
                Node::Within(id, other)
            }
            Expr::Id(other, t) if t == ty => Node::Same(id, other),
            _ => return no("`in` with a right side of another type"),
        };
        Ok(Expr::Bool(node))
    }

    fn time_literal(&self, op: &str, arg: &Json) -> Compiled<Expr> {
        let text = match arg {
            Json::Array(a) => a
                .first()
                .and_then(|v| v.get("Value"))
                .and_then(Json::as_str),
            _ => None,
        };
        let Some(text) = text else {
            return no(format!("a computed `{op}`"));
        };
        let ms = if op == "duration" {
            duration_ms(text)
        } else {
            datetime_ms(text)
        };
        ms.map(|ms| Expr::Num(Num::Const(ms)))
            .ok_or_else(|| Unsupported(format!("the {op} `{text}`")))
    }
}

fn two<'j>(op: &str, arg: &'j Json) -> Compiled<(&'j Json, &'j Json)> {
    match arg.as_array().map(Vec::as_slice) {
        Some([l, r]) => Ok((l, r)),
        _ => no(format!("`{op}` without two operands")),
    }
}

fn join(and: bool, l: Node, r: Node) -> Node {
    let mut parts = Vec::new();
    for n in [l, r] {
        match (and, n) {
            (true, Node::And(mut inner)) | (false, Node::Or(mut inner)) => parts.append(&mut inner),
            (_, other) => parts.push(other),
        }
    }
    if and {
        Node::And(parts)
    } else {
        Node::Or(parts)
    }
}

/// Cedar's duration literal: an optional minus, then days, hours, minutes, seconds, milliseconds.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(r) => (-1, r),
        None => (1, text),
    };
    let mut total: i64 = 0;
    for (unit, ms) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ] {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        if let Some(r) = after.strip_prefix(unit)
            && !(unit == "m" && after.starts_with("ms"))
        {
            total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(ms)?)?;
            rest = r;
            if rest.is_empty() {
                return total.checked_mul(sign);
            }
        }
    }
    None
}

fn datetime_ms(text: &str) -> Option<i64> {
    if text.len() == 10 {
        return kepil_terms::Instant::parse(&format!("{text}T00:00:00Z"))
            .ok()
            .map(kepil_terms::Instant::ms);
    }
    // Cedar writes `+0500`; RFC 3339 wants `+05:00`.
    let fixed = match text.split_at_checked(text.len().saturating_sub(5)) {
        Some((head, tail)) if tail.starts_with(['+', '-']) => {
            let (h, m) = tail.split_at_checked(3)?;
            format!("{head}{h}:{m}")
        }
        _ => text.to_owned(),
    };
    kepil_terms::Instant::parse(&fixed)
        .ok()
        .map(kepil_terms::Instant::ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_literals_read_as_cedar_reads_them() {
        assert_eq!(duration_ms("30d"), Some(2_592_000_000));
        assert_eq!(duration_ms("1d2h3m4s5ms"), Some(93_784_005));
        assert_eq!(duration_ms("-5ms"), Some(-5));
        assert_eq!(duration_ms("2ms"), Some(2));
        assert_eq!(duration_ms(""), None);
        assert_eq!(duration_ms("5"), None);
        assert_eq!(duration_ms("2h1d"), None);
    }

    #[test]
    fn datetime_literals_read_as_cedar_reads_them() {
        assert_eq!(datetime_ms("2026-07-12"), Some(1_783_814_400_000));
        assert_eq!(
            datetime_ms("2026-07-12T00:00:00+0500"),
            Some(1_783_796_400_000)
        );
        assert_eq!(datetime_ms("2026-07-12T00:00:00Z"), Some(1_783_814_400_000));
    }
}
