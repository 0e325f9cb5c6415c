//! Casbin over the scopes of the rules: who, by which operation, on what.
//!
//! Casbin has no conditions over facts here, so this is a part of the work only: no dates, no
//! `when`, no `unless`. It does not say which rows fit either, so [`Scopes::ask`] lets it look at
//! every row, as every test is looked at, and takes the yes or no.

use crate::Fault;
use crate::fault::{during, fault};
use crate::mix::{Asked, in_force};
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use kepil_law::book::bits;
use kepil_law::rule::{Role, Rule};
use kepil_law::vocab::{Mask, TermIx, bit};
use kepil_law::{Era, StatuteBook};
use std::collections::BTreeSet;

const MODEL: &str = r#"
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act, eft

[role_definition]
g = _, _
g2 = _, _
g3 = _, _

[policy_effect]
e = !some(where (p.eft == deny))

[matchers]
m = (p.act == "*" || g3(r.act, p.act)) && (p.obj == "*" || g2(r.obj, p.obj)) && (p.sub == "*" || g(r.sub, p.sub))
"#;

/// Casbin with one enforcer for the tests and one for the grounds of each law version.
pub struct Scopes {
    looking: Vec<[Enforcer; 2]>,
    refusing: Vec<[Enforcer; 2]>,
    scenes: Vec<(usize, Vec<Row>)>,
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scopes")
            .field("scenes", &self.scenes.len())
            .finish_non_exhaustive()
    }
}

/// One question: whether it is about the tests, who, on what, by which operation.
type Row = (bool, String, String, String);

impl Scopes {
    /// Builds the enforcers and the requests.
    ///
    /// # Errors
    /// When casbin refuses the model or a row.
    pub fn new(book: &StatuteBook, asked: &Asked) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(fault)?;
        let (mut looking, mut refusing) = (Vec::new(), Vec::new());
        for at in &asked.eras {
            let era = book.at(*at);
            for (effect, into) in [("allow", &mut looking), ("deny", &mut refusing)] {
                let tests = runtime.block_on(enforcer(book, era, true, effect))?;
                let grounds = runtime.block_on(enforcer(book, era, false, effect))?;
                into.push([tests, grounds]);
            }
        }
        let scenes = asked.questions.iter().map(|q| {
            let row = |about: &Option<TermIx>| {
                let on = about.map_or_else(|| "request".to_owned(), |c| term('c', c));
                (
                    about.is_none(),
                    term('a', q.facts.principal),
                    on,
                    term('o', q.facts.action),
                )
            };
            (q.era, q.about.iter().map(row).collect())
        });
        Ok(Self {
            looking,
            refusing,
            scenes: scenes.collect(),
        })
    }

    /// Asks all questions of one scene; every row is looked at.
    ///
    /// # Errors
    /// When casbin fails.
    pub fn ask(&self, scene: usize) -> Result<usize, Fault> {
        Ok(ask(&self.looking, &self.scenes, scene)?.len())
    }

    /// For each question of one scene whether some rule's scope fits.
    ///
    /// # Errors
    /// When casbin fails.
    pub fn some_scope_fits(&self, scene: usize) -> Result<Vec<bool>, Fault> {
        Ok(ask(&self.refusing, &self.scenes, scene)?
            .into_iter()
            .map(|none_fits| !none_fits)
            .collect())
    }
}

fn ask(
    eras: &[[Enforcer; 2]],
    scenes: &[(usize, Vec<Row>)],
    scene: usize,
) -> Result<Vec<bool>, Fault> {
    let (era, rows) = scenes.get(scene).ok_or_else(|| fault("no such scene"))?;
    let [tests, grounds] = eras.get(*era).ok_or_else(|| fault("no such law version"))?;
    rows.iter()
        .map(|(about_tests, sub, obj, act)| {
            let enforcer = if *about_tests { tests } else { grounds };
            enforcer
                .enforce((sub.as_str(), obj.as_str(), act.as_str()))
                .map_err(fault)
        })
        .collect()
}

/// The same, worked out from the compiled scopes.
#[must_use]
pub fn some_scope_fits(
    book: &StatuteBook,
    era: &Era,
    about: Option<TermIx>,
    actor: TermIx,
    operation: TermIx,
) -> bool {
    rules(book, era, about.is_none()).iter().any(|r| {
        r.actors & bit(actor) != 0
            && r.actions & bit(operation) != 0
            && about.is_none_or(|c| r.categories & bit(c) != 0)
    })
}

fn rules<'a>(book: &'a StatuteBook, era: &Era, tests: bool) -> Vec<&'a Rule> {
    in_force(book, era)
        .iter()
        .filter_map(|ix| book.rules.get(*ix as usize))
        .filter(|r| matches!(r.role, Role::Test { .. }) == tests)
        .collect()
}

fn term(kind: char, ix: TermIx) -> String {
    format!("{kind}{ix}")
}

/// The rows of a law version, with a group for each set of terms that a scope names.
async fn enforcer(
    book: &StatuteBook,
    era: &Era,
    tests: bool,
    effect: &str,
) -> Result<Enforcer, Fault> {
    let model = DefaultModel::from_str(MODEL)
        .await
        .map_err(during("casbin's model"))?;
    let mut out = Enforcer::new(model, MemoryAdapter::default())
        .await
        .map_err(during("casbin"))?;
    let mut groups: [BTreeSet<(String, String)>; 3] = Default::default();
    let mut rows: BTreeSet<Vec<String>> = BTreeSet::new();
    for rule in rules(book, era, tests) {
        let scopes = [
            ('a', "Actor", rule.actors),
            ('c', "Category", rule.categories),
            ('o', "Action", rule.actions),
        ];
        let mut row = Vec::new();
        for ((kind, ty, mask), members) in scopes.into_iter().zip(&mut groups) {
            row.push(group(
                book,
                kind,
                ty,
                if tests && kind == 'c' {
                    None
                } else {
                    Some(mask)
                },
                members,
            ));
        }
        row.push(effect.to_owned());
        rows.insert(row);
    }
    out.add_policies(rows.into_iter().collect())
        .await
        .map_err(during("casbin's rows"))?;
    for (name, members) in ["g", "g2", "g3"].into_iter().zip(groups) {
        let pairs: Vec<Vec<String>> = members
            .into_iter()
            .map(|(member, group)| vec![member, group])
            .collect();
        if !pairs.is_empty() {
            out.add_named_grouping_policies(name, pairs)
                .await
                .map_err(during("casbin's groups"))?;
        }
    }
    Ok(out)
}

fn group(
    book: &StatuteBook,
    kind: char,
    ty: &str,
    mask: Option<Mask>,
    members: &mut BTreeSet<(String, String)>,
) -> String {
    let everything = book.vocab.type_named(ty).map(|t| book.vocab.all(t));
    let Some(mask) = mask.filter(|m| Some(*m) != everything) else {
        return "*".into();
    };
    if mask.count_ones() == 1 {
        return bits(mask)
            .next()
            .map_or_else(String::new, |ix| term(kind, ix));
    }
    let name = format!("{kind}:{mask:x}");
    members.extend(bits(mask).map(|ix| (term(kind, ix), name.clone())));
    name
}
