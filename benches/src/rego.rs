//! Writes the rules of a law version in Rego, from the compiled trees and not from the Cedar text,
//! so that Rego is a second reading of what runs.
//!
//! The input is one flat object: facts by their paths, numbers and instants as whole numbers,
//! terms by their numbers, sets as sorted lists; a fact that is not there has no key.

use crate::mix::in_force;
use kepil_law::book::bits;
use kepil_law::compile::{Cmp, Id, Node, Num, Set};
use kepil_law::rule::{Role, Rule};
use kepil_law::schema::SlotType;
use kepil_law::value::{Facts, Slot, Value};
use kepil_law::vocab::{Mask, TermIx};
use kepil_law::{Era, StatuteBook};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::fmt::Write as _;

/// The rule to ask for in a module of tests.
pub const TESTS: &str = "data.kepil.tests.fired";
/// The rule to ask for in a module of grounds.
pub const GROUNDS: &str = "data.kepil.grounds.fired";

const ACTOR: &str = "@actor";
const OPERATION: &str = "@operation";
const CATEGORY: &str = "@category";

/// The rules of one law version as two Rego modules.
#[derive(Debug, Clone)]
pub struct Modules {
    /// Tests, asked once for a request.
    pub tests: String,
    /// Grounds, asked once for a data category.
    pub grounds: String,
    /// Rules written.
    pub rules: usize,
}

/// Writes every rule in force in `era`: scope, `when` and `unless`.
#[must_use]
pub fn render(book: &StatuteBook, era: &Era) -> Modules {
    let mut tests = Writer::new(book, "kepil.tests");
    let mut grounds = Writer::new(book, "kepil.grounds");
    let rules = in_force(book, era);
    for rule in rules.iter().filter_map(|ix| book.rules.get(*ix as usize)) {
        match rule.role {
            Role::Test { .. } => tests.rule(rule),
            Role::Ground(_) => grounds.rule(rule),
        }
    }
    Modules {
        tests: tests.finish(),
        grounds: grounds.finish(),
        rules: rules.len(),
    }
}

/// The input document of one question.
#[must_use]
pub fn input(book: &StatuteBook, facts: &Facts, category: Option<TermIx>) -> Json {
    let mut out = Map::new();
    out.insert(ACTOR.into(), json!(facts.principal));
    out.insert(OPERATION.into(), json!(facts.action));
    if let Some(c) = category {
        out.insert(CATEGORY.into(), json!(c));
    }
    for (def, value) in book.layout.slots().iter().zip(facts.values()) {
        let json = match value {
            Value::Absent => continue,
            Value::Present => json!(true),
            Value::Bool(b) => json!(b),
            Value::Int(i) => json!(i),
            Value::Id(t) => json!(t),
            Value::Set(m) => json!(bits(*m).collect::<Vec<_>>()),
            Value::Strs(list) => json!(list.iter().map(|s| s.to_string()).collect::<Vec<_>>()),
        };
        out.insert(def.path.clone(), json);
    }
    Json::Object(out)
}

struct Writer<'a> {
    book: &'a StatuteBook,
    package: &'static str,
    body: String,
    helpers: String,
    named: HashMap<Vec<Vec<String>>, String>,
    uses_areas: bool,
}

impl<'a> Writer<'a> {
    fn new(book: &'a StatuteBook, package: &'static str) -> Self {
        Self {
            book,
            package,
            body: String::new(),
            helpers: String::new(),
            named: HashMap::new(),
            uses_areas: false,
        }
    }

    fn finish(self) -> String {
        let mut out = format!("package {}\n\nimport rego.v1\n\n", self.package);
        if self.uses_areas {
            let rows: Vec<String> = self
                .book
                .area_up()
                .iter()
                .enumerate()
                .map(|(i, up)| format!("{i}: {}", list(*up)))
                .collect();
            let _ = write!(out, "up := {{{}}}\n\n", rows.join(", "));
        }
        out + self.helpers.as_str() + self.body.as_str()
    }

    fn rule(&mut self, rule: &Rule) {
        let mut lines = Vec::new();
        self.scope(OPERATION, "Action", rule.actions, &mut lines);
        if matches!(rule.role, Role::Ground(_)) {
            self.scope(CATEGORY, "Category", rule.categories, &mut lines);
        }
        self.scope(ACTOR, "Actor", rule.actors, &mut lines);
        lines.extend(self.all(&rule.applies));
        lines.extend(self.negation(&rule.holds));
        let body = if lines.is_empty() {
            "true".to_owned()
        } else {
            lines.join("\n\t")
        };
        let _ = write!(
            self.body,
            "fired contains {} if {{\n\t{body}\n}}\n\n",
            json!(rule.id)
        );
    }

    /// One line of a rule's scope; none where the scope is everything.
    fn scope(&self, key: &str, ty: &str, mask: Mask, lines: &mut Vec<String>) {
        let everything = self
            .book
            .vocab
            .type_named(ty)
            .map(|t| self.book.vocab.all(t));
        if everything != Some(mask) {
            lines.push(one_of(&format!("input[{}]", json!(key)), mask));
        }
    }

    fn path(&self, slot: Slot) -> &str {
        self.book.layout.def(slot).map_or("", |d| d.path.as_str())
    }

    fn fact(&self, slot: Slot) -> String {
        format!("input[{}]", json!(self.path(slot)))
    }

    /// The literals that must all hold for `node` to hold.
    fn all(&mut self, node: &Node) -> Vec<String> {
        match node {
            Node::Const(true) => Vec::new(),
            Node::Const(false) => vec!["false".into()],
            Node::And(parts) => parts.iter().flat_map(|n| self.all(n)).collect(),
            Node::Or(parts) => match parts.as_slice() {
                [one] => self.all(one),
                _ => {
                    let bodies = parts.iter().map(|n| self.all(n)).collect();
                    vec![self.helper(bodies)]
                }
            },
            Node::Not(n) => self.negation(n),
            Node::If(parts) => {
                let [cond, then, otherwise] = parts.as_ref();
                let mut yes = self.all(cond);
                yes.extend(self.all(then));
                let mut no = self.negation(cond);
                no.extend(self.all(otherwise));
                vec![self.helper(vec![yes, no])]
            }
            other => vec![self.literal(other)],
        }
    }

    /// The literals that hold when `node` does not.
    fn negation(&mut self, node: &Node) -> Vec<String> {
        match node {
            Node::Const(b) => self.all(&Node::Const(!b)),
            Node::Not(n) => self.all(n),
            // Not any of them: each of them not.
            Node::Or(parts) => parts.iter().flat_map(|n| self.negation(n)).collect(),
            _ => {
                let lines = self.all(node);
                match lines.as_slice() {
                    [] => vec!["false".into()],
                    [one] if !one.starts_with("not ") => vec![format!("not {one}")],
                    _ => vec![format!("not {}", self.helper(vec![lines]))],
                }
            }
        }
    }

    fn literal(&mut self, node: &Node) -> String {
        match node {
            Node::Fact(s) => self.fact(*s),
            Node::Has(s) => {
                let record = self
                    .book
                    .layout
                    .def(*s)
                    .is_some_and(|d| d.ty == SlotType::Record);
                if record {
                    self.fact(*s)
                } else {
                    format!("{} != null", self.fact(*s))
                }
            }
            Node::Cmp(op, l, r) => {
                let op = match op {
                    Cmp::Eq => "==",
                    Cmp::Lt => "<",
                    Cmp::Le => "<=",
                };
                format!("{} {op} {}", self.num(l), self.num(r))
            }
            Node::Same(l, r) => format!("{} == {}", self.id(*l), self.id(*r)),
            Node::OneOf(id, mask) => one_of(&self.id(*id), *mask),
            Node::Within(l, r) => {
                self.uses_areas = true;
                format!("{} in up[{}]", self.id(*r), self.id(*l))
            }
            Node::Contains(set, id) => match set {
                Set::Const(mask) => one_of(&self.id(*id), *mask),
                Set::Fact(_) => format!("{} in {}", self.id(*id), self.set(*set)),
            },
            Node::ContainsAll(a, b) => {
                let body = vec![format!(
                    "every x in {} {{ x in {} }}",
                    self.set(*b),
                    self.set(*a)
                )];
                self.helper(vec![body])
            }
            Node::ContainsAny(a, b) => {
                let body = vec![
                    format!("some x in {}", self.set(*a)),
                    format!("x in {}", self.set(*b)),
                ];
                self.helper(vec![body])
            }
            Node::IsEmpty(s) => format!("count({}) == 0", self.set(*s)),
            Node::SameSet(a, b) => format!("{} == {}", self.set(*a), self.set(*b)),
            Node::Const(b) => b.to_string(),
            Node::Not(_) | Node::And(_) | Node::Or(_) | Node::If(_) => {
                let lines = self.all(node);
                self.helper(vec![lines])
            }
        }
    }

    fn num(&self, n: &Num) -> String {
        match n {
            Num::Const(c) => c.to_string(),
            Num::Fact(s) => self.fact(*s),
            Num::Add(p) => format!("({} + {})", self.num(&p.0), self.num(&p.1)),
            Num::Sub(p) => format!("({} - {})", self.num(&p.0), self.num(&p.1)),
        }
    }

    fn id(&self, id: Id) -> String {
        match id {
            Id::Principal => format!("input[{}]", json!(ACTOR)),
            Id::Action => format!("input[{}]", json!(OPERATION)),
            Id::Resource => format!("input[{}]", json!(CATEGORY)),
            Id::Const(c) => c.to_string(),
            Id::Fact(s) => self.fact(s),
        }
    }

    fn set(&self, set: Set) -> String {
        match set {
            Set::Const(m) => list(m),
            Set::Fact(s) => self.fact(s),
        }
    }

    /// A rule of its own that holds when one of the bodies does; equal ones are written once.
    fn helper(&mut self, bodies: Vec<Vec<String>>) -> String {
        let next = format!("h{}", self.named.len());
        if let Some(name) = self.named.get(&bodies) {
            return name.clone();
        }
        for body in &bodies {
            let body = if body.is_empty() {
                "true".to_owned()
            } else {
                body.join("\n\t")
            };
            let _ = write!(self.helpers, "{next} if {{\n\t{body}\n}}\n\n");
        }
        self.named.insert(bodies, next.clone());
        next
    }
}

fn one_of(what: &str, mask: Mask) -> String {
    if mask.count_ones() == 1 {
        return format!("{what} == {}", mask.trailing_zeros());
    }
    // A list: regorus searches a short list faster than it builds a set.
    format!("{what} in {}", list(mask))
}

fn numbers(mask: Mask) -> String {
    bits(mask)
        .map(|b| b.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A sorted list, as facts hold their sets.
fn list(mask: Mask) -> String {
    format!("[{}]", numbers(mask))
}
