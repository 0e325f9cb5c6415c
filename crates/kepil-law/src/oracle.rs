//! Cedar's own evaluator over the same rules: the second opinion for tests and benchmarks.

use crate::book::{Era, InForce, StatuteBook};
use crate::rule::{Role, RuleIx};
use crate::schema::SlotType;
use crate::value::{Facts, Slot, Value};
use crate::vocab::{TermIx, bit};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request,
};
use kepil_terms::Instant;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// What Cedar could not do.
#[derive(Debug, thiserror::Error)]
#[error("asking Cedar: {0}")]
pub struct OracleError(String);

fn error(e: impl std::fmt::Display) -> OracleError {
    OracleError(e.to_string())
}

/// Cedar with the entities of a statute book.
#[derive(Debug)]
pub struct Oracle<'a> {
    book: &'a StatuteBook,
    entities: Entities,
    authorizer: Authorizer,
}

/// The rules of one law version as Cedar policy sets.
#[derive(Debug)]
pub struct Sets {
    /// Tests.
    pub tests: PolicySet,
    /// Grounds.
    pub grounds: PolicySet,
}

impl<'a> Oracle<'a> {
    /// Builds the entity store.
    ///
    /// # Errors
    /// When Cedar refuses an entity.
    pub fn new(book: &'a StatuteBook) -> Result<Self, OracleError> {
        let mut list = Vec::new();
        for (t, ty) in (0u16..).zip(book.vocab.types()) {
            if ty.name == "Action" {
                continue;
            }
            for (ix, term) in (0u16..).zip(&ty.terms) {
                let mut parents: Vec<Json> = book
                    .vocab
                    .classes()
                    .filter(|(_, _, member, mask)| *member == t && mask & bit(ix) != 0)
                    .map(|(class, id, _, _)| json!({"type": class, "id": id}))
                    .collect();
                if ty.name == "Area" {
                    parents.extend(
                        (0u16..)
                            .zip(&ty.terms)
                            .filter(|(up, _)| *up != ix && term.up & bit(*up) != 0)
                            .map(|(_, p)| json!({"type": "Area", "id": p.id})),
                    );
                }
                list.push(json!({"uid": {"type": ty.name, "id": term.id}, "attrs": {}, "parents": parents}));
            }
        }
        for (class, id, _, _) in book
            .vocab
            .classes()
            .filter(|(class, ..)| *class != "Action")
        {
            list.push(json!({"uid": {"type": class, "id": id}, "attrs": {}, "parents": []}));
        }
        list.push(json!({"uid": {"type": "Use", "id": "request"}, "attrs": {}, "parents": []}));
        let entities = Entities::from_json_value(Json::Array(list), Some(book.layout.cedar()))
            .map_err(error)?;
        Ok(Self {
            book,
            entities,
            authorizer: Authorizer::new(),
        })
    }

    /// The policy sets of a law version.
    ///
    /// # Errors
    /// When Cedar refuses a policy.
    pub fn sets(&self, at: Instant) -> Result<Sets, OracleError> {
        let mut sets = Sets {
            tests: PolicySet::new(),
            grounds: PolicySet::new(),
        };
        let era: &Era = self.book.at(at);
        for ix in in_force(self.book, era) {
            let Some(rule) = self.book.rules.get(ix as usize) else {
                continue;
            };
            let policy =
                Policy::parse(Some(PolicyId::new(&rule.id)), &rule.cedar).map_err(error)?;
            match rule.role {
                Role::Ground(_) => sets.grounds.add(policy).map_err(error)?,
                Role::Test { .. } => sets.tests.add(policy).map_err(error)?,
            }
        }
        Ok(sets)
    }

    fn uid(&self, ty: &str, ix: TermIx) -> Result<EntityUid, OracleError> {
        let t = self.book.vocab.type_named(ty).ok_or_else(|| error(ty))?;
        let id = self
            .book
            .vocab
            .def(t, ix)
            .map(|d| d.id.clone())
            .ok_or_else(|| error(ty))?;
        EntityUid::from_json(json!({"type": ty, "id": id})).map_err(error)
    }

    /// A Cedar request for these facts: about the request as a whole, or about one category.
    ///
    /// # Errors
    /// When the facts do not fit the schema.
    pub fn request(&self, facts: &Facts, category: Option<TermIx>) -> Result<Request, OracleError> {
        let action = self.uid("Action", facts.action)?;
        let resource = match category {
            Some(c) => self.uid("Category", c)?,
            None => EntityUid::from_json(json!({"type": "Use", "id": "request"})).map_err(error)?,
        };
        let schema = self.book.layout.cedar();
        let context =
            Context::from_json_value(self.context(facts, "Facts", ""), Some((schema, &action)))
                .map_err(error)?;
        Request::new(
            self.uid("Actor", facts.principal)?,
            action,
            resource,
            context,
            Some(schema),
        )
        .map_err(error)
    }

    /// The ids of the policies that are satisfied.
    ///
    /// # Errors
    /// When any policy could not be evaluated: Cedar would skip it, the gate denies.
    pub fn satisfied(
        &self,
        request: &Request,
        set: &PolicySet,
    ) -> Result<BTreeSet<String>, OracleError> {
        let answer = self.authorizer.is_authorized(request, set, &self.entities);
        if let Some(e) = answer.diagnostics().errors().next() {
            return Err(error(e));
        }
        Ok(answer
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .collect())
    }

    /// Whether a set allows a request.
    #[must_use]
    pub fn allows(&self, request: &Request, set: &PolicySet) -> bool {
        self.authorizer
            .is_authorized(request, set, &self.entities)
            .decision()
            == Decision::Allow
    }

    fn context(&self, facts: &Facts, _type: &str, record: &str) -> Json {
        let mut out = Map::new();
        for (slot, def) in (0..).map_while(|i: Slot| Some((i, self.book.layout.def(i)?))) {
            let (parent, name) = def.path.rsplit_once('.').unwrap_or(("", &def.path));
            if parent != record || !facts.has(slot) {
                continue;
            }
            let value = match (&def.ty, facts.get(slot)) {
                (SlotType::Record, _) => self.context(facts, "", &def.path),
                (SlotType::Datetime, Value::Int(ms)) => {
                    json!({"__extn": {"fn": "datetime", "arg": Instant::from_ms(*ms).to_utc_ms()}})
                }
                (SlotType::Duration, Value::Int(ms)) => {
                    json!({"__extn": {"fn": "duration", "arg": format!("{ms}ms")}})
                }
                (_, Value::Int(n)) => json!(n),
                (_, Value::Bool(b)) => json!(b),
                (SlotType::Term(t), Value::Id(ix)) => self.entity(*t, *ix),
                (SlotType::Terms(t), Value::Set(m)) => Json::Array(
                    crate::book::bits(*m)
                        .map(|ix| self.entity(*t, ix))
                        .collect(),
                ),
                (_, Value::Strs(list)) => Json::Array(list.iter().map(|s| json!(s)).collect()),
                _ => Json::Null,
            };
            out.insert(name.to_owned(), value);
        }
        Json::Object(out)
    }

    fn entity(&self, ty: u16, ix: TermIx) -> Json {
        let name = self
            .book
            .vocab
            .types()
            .get(usize::from(ty))
            .map_or("", |t| t.name.as_str());
        let id = self.book.vocab.def(ty, ix).map_or("", |d| d.id.as_str());
        json!({"__entity": {"type": name, "id": id}})
    }
}

fn in_force(book: &StatuteBook, era: &Era) -> BTreeSet<RuleIx> {
    let terms = |ty: &str| {
        let t = book.vocab.type_named(ty).unwrap_or(u16::MAX);
        crate::book::bits(book.vocab.all(t)).collect::<Vec<_>>()
    };
    let categories = terms("Category");
    let mut out = BTreeSet::new();
    for action in terms("Action") {
        let grounds = categories.iter().flat_map(|c| era.grounds(action, *c));
        out.extend(
            era.tests(action)
                .iter()
                .chain(grounds)
                .map(|e: &InForce| e.rule),
        );
    }
    out
}
