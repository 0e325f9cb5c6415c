//! Rules: grounds (permits) and tests (forbids), compiled.

use crate::compile::{Compiler, Node};
use crate::error::Faults;
use crate::instrument::{Place, ProvisionIx, Span};
use crate::markdown::Block;
use crate::vocab::{Mask, one_line};
use cedar_policy::{Effect, Policy, PolicyId};
use serde_json::Value as Json;

/// Number of a rule in the statute book.
pub type RuleIx = u32;
/// Number of a test in the catalogue (T01, …).
pub type TestIx = u16;

/// What a failed test means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnFail {
    /// A person decides, but only with the confidence floor switched on: the rule passes on a
    /// reading of ours (`analysis`) alone.
    StrictHuman,
    /// A person decides.
    Human,
    /// Denied.
    Deny,
}

/// What a ground must be cited by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CitedBy {
    /// By its provision, its act, or an act below it.
    Law,
    /// By the person's consent.
    Consent,
    /// By a contract with the person.
    Contract,
    /// By the person's own right.
    OwnRight,
    /// By publicly available sources.
    PublicSource,
}

/// What a rule is for.
#[derive(Debug, Clone)]
pub enum Role {
    /// A ground: permits the operation on a category.
    Ground(CitedBy),
    /// A part of a test.
    Test {
        /// Which test.
        test: TestIx,
        /// What a failure means.
        on_fail: OnFail,
        /// The key of a sentence of its own in the catalogue of tests.
        say: Option<String>,
    },
}

/// One compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, as in `KZ-DC-2026#77.4/1`.
    pub id: String,
    /// The provision it stands under.
    pub provision: ProvisionIx,
    /// What it is for.
    pub role: Role,
    /// Actors it speaks of.
    pub actors: Mask,
    /// Operations it speaks of.
    pub actions: Mask,
    /// Data categories it speaks of (grounds only).
    pub categories: Mask,
    /// When it applies (`when`).
    pub applies: Node,
    /// What must hold (`unless`); for a ground, what must not.
    pub holds: Node,
    /// When it is in force.
    pub span: Span,
    /// From when it counts as known.
    pub known_from: kepil_terms::Instant,
    /// Its Cedar text.
    pub cedar: String,
    /// The file it stands in.
    pub file: String,
    /// The line it starts on.
    pub line: usize,
}

/// A rule as read, before compilation: Cedar's policy with its place.
#[derive(Debug)]
pub(crate) struct Draft {
    pub id: String,
    pub provision: ProvisionIx,
    pub policy: Policy,
    pub text: String,
    pub file: String,
    pub line: usize,
}

/// Cuts a `cedar` block into statements with their line offsets.
pub(crate) fn statements(text: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let (mut current, mut line, mut start) = (String::new(), 0usize, 0usize);
    let mut chars = text.chars().peekable();
    let (mut in_string, mut escaped, mut in_comment) = (false, false, false);
    while let Some(c) = chars.next() {
        if current.trim().is_empty() && !c.is_whitespace() {
            start = line;
        }
        current.push(c);
        if c == '\n' {
            line += 1;
            in_comment = false;
        } else if in_comment {
        } else if in_string {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '"' {
                in_string = false;
            }
        } else if c == '"' {
            in_string = true;
        } else if c == '/' && chars.peek() == Some(&'/') {
            in_comment = true;
        } else if c == ';' {
            out.push((start, current.trim().to_owned()));
            current.clear();
        }
    }
    let rest = current.trim();
    if !rest
        .lines()
        .all(|l| l.trim().is_empty() || l.trim().starts_with("//"))
    {
        out.push((start, rest.to_owned()));
    }
    out
}

/// Reads the rules of a block.
pub(crate) fn drafts(
    file: &str,
    provision: (ProvisionIx, &str),
    block: &Block,
    counter: &mut usize,
    faults: &mut Faults,
) -> Vec<Draft> {
    let mut out = Vec::new();
    for (offset, text) in statements(&block.text) {
        *counter += 1;
        let id = format!("{}/{counter}", provision.1);
        let line = block.line + offset;
        match Policy::parse(Some(PolicyId::new(&id)), &text) {
            Ok(policy) => out.push(Draft {
                id,
                provision: provision.0,
                policy,
                text,
                file: file.to_owned(),
                line,
            }),
            Err(e) => faults.add(
                file,
                line,
                format!("the rule `{id}` cannot be read: {}", one_line(&e)),
                "mend the Cedar text",
            ),
        }
    }
    out
}

/// What a rule needs to know of its surroundings to be compiled.
pub(crate) struct Surroundings<'a> {
    pub compiler: &'a Compiler<'a>,
    pub tests: &'a dyn Fn(&str) -> Option<TestIx>,
    pub span: Span,
    pub known_from: kepil_terms::Instant,
    /// Constitutions and treaties give no grounds: they only forbid.
    pub forbids_only: bool,
}

/// Compiles a draft; `None` after a fault.
pub(crate) fn compile(draft: &Draft, with: &Surroundings<'_>, faults: &mut Faults) -> Option<Rule> {
    let at = Place {
        file: &draft.file,
        line: draft.line,
    };
    let mut fault = |what: String, remedy: &str| {
        faults.add(
            at.file,
            at.line,
            format!("the rule `{}` {what}", draft.id),
            remedy,
        )
    };
    let note = |k: &str| draft.policy.annotation(k).map(str::to_owned);
    for (key, _) in draft.policy.annotations() {
        if !["test", "on_fail", "say", "cites", "since", "until", "note"].contains(&key) {
            fault(
                format!("has the annotation `@{key}`, which means nothing"),
                "use @test, @on_fail, @say, @cites, @since, @until or @note",
            );
            return None;
        }
    }
    let permit = draft.policy.effect() == Effect::Permit;
    if permit && with.forbids_only {
        fault(
            "is a permit in a constitution or a treaty".into(),
            "write a forbid: such a text limits, it gives no body a power over data",
        );
        return None;
    }
    let role = if permit {
        if note("test").is_some() {
            fault(
                "is a permit with @test".into(),
                "a test is a forbid that fires when the test fails",
            );
            return None;
        }
        Role::Ground(match note("cites").as_deref() {
            None | Some("law") => CitedBy::Law,
            Some("consent") => CitedBy::Consent,
            Some("contract") => CitedBy::Contract,
            Some("own_right") => CitedBy::OwnRight,
            Some("public_source") => CitedBy::PublicSource,
            Some(other) => {
                fault(
                    format!("is cited by `{other}`, which means nothing"),
                    "use law, consent, contract, own_right or public_source",
                );
                return None;
            }
        })
    } else {
        let Some(name) = note("test") else {
            fault(
                "is a forbid without @test".into(),
                "say which test it belongs to, as in @test(\"T14\")",
            );
            return None;
        };
        let Some(test) = (with.tests)(&name) else {
            fault(
                format!("belongs to the test `{name}`, which tests.yaml does not define"),
                "define it or mend the name",
            );
            return None;
        };
        let on_fail = match note("on_fail").as_deref() {
            None | Some("deny") => OnFail::Deny,
            Some("human") => OnFail::Human,
            Some("strict") => OnFail::StrictHuman,
            Some(other) => {
                fault(
                    format!("fails to `{other}`, which means nothing"),
                    "use deny, human or strict",
                );
                return None;
            }
        };
        Role::Test {
            test,
            on_fail,
            say: note("say"),
        }
    };
    let json = match draft.policy.to_json() {
        Ok(j) => j,
        Err(e) => {
            fault(format!("cannot be compiled: {e}"), "simplify it");
            return None;
        }
    };
    let compiled = scopes(&json, with.compiler, permit)
        .and_then(|s| Ok((s, conditions(&json, with.compiler)?)));
    let ((actors, actions, categories), (applies, holds)) = match compiled {
        Ok(parts) => parts,
        Err(e) => {
            fault(
                format!("uses {}", e.0),
                "use only what docs/pack-format.md lists, and ids that the vocabulary defines",
            );
            return None;
        }
    };
    let mut span = with.span;
    if let Some(since) = note("since") {
        span.from = at.time(&since, faults)?;
        span.alt_from = None;
    }
    if let Some(until) = note("until") {
        span.to = Some(at.time(&until, faults)?);
    }
    Some(Rule {
        id: draft.id.clone(),
        provision: draft.provision,
        role,
        actors,
        actions,
        categories,
        applies,
        holds,
        span,
        known_from: with.known_from,
        cedar: draft.text.clone(),
        file: draft.file.clone(),
        line: draft.line,
    })
}

type Refused = crate::compile::Unsupported;

fn refused<T>(what: impl Into<String>) -> Result<T, Refused> {
    Err(crate::compile::Unsupported(what.into()))
}

fn scopes(json: &Json, c: &Compiler<'_>, permit: bool) -> Result<(Mask, Mask, Mask), Refused> {
    let actors = scope(json.get("principal"), "Actor", c)?;
    let actions = scope(json.get("action"), "Action", c)?;
    let resource = json.get("resource");
    let is_use = resource
        .and_then(|r| r.get("entity_type"))
        .and_then(Json::as_str)
        == Some("Use");
    if !permit {
        if !is_use {
            return refused(
                "a test that is not about the request as a whole (write `resource is Use`)",
            );
        }
        return Ok((actors, actions, 0));
    }
    if is_use {
        return refused("a permit for the request as a whole (permits are about data categories)");
    }
    Ok((actors, actions, scope(resource, "Category", c)?))
}

fn scope(json: Option<&Json>, type_name: &str, c: &Compiler<'_>) -> Result<Mask, Refused> {
    let Some(json) = json else {
        return refused("a rule without a scope");
    };
    let Some(ty) = c.vocab.type_named(type_name) else {
        return refused(format!("the type `{type_name}`"));
    };
    let one = |e: &Json| -> Result<Mask, Refused> {
        let (t, mask, _) = c.entity(e)?;
        if t == ty {
            Ok(mask)
        } else {
            refused(format!("a scope that is not about `{type_name}`"))
        }
    };
    match json.get("op").and_then(Json::as_str) {
        Some("All") => Ok(c.vocab.all(ty)),
        Some("==") => json
            .get("entity")
            .map_or_else(|| refused("`==` without an id"), one),
        Some("in") => match (json.get("entity"), json.get("entities")) {
            (Some(e), _) => one(e),
            (None, Some(Json::Array(list))) => list.iter().try_fold(0, |m, e| Ok(m | one(e)?)),
            _ => refused("`in` without ids"),
        },
        Some("is")
            if json.get("entity_type").and_then(Json::as_str) == Some(type_name)
                && json.get("in").is_none() =>
        {
            Ok(c.vocab.all(ty))
        }
        _ => refused(format!("a scope of this form for `{type_name}`")),
    }
}

fn conditions(json: &Json, c: &Compiler<'_>) -> Result<(Node, Node), Refused> {
    let (mut when, mut unless) = (Vec::new(), Vec::new());
    for cond in json
        .get("conditions")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let Some(body) = cond.get("body") else {
            return refused("a condition without a body");
        };
        let node = c.condition(body)?;
        match cond.get("kind").and_then(Json::as_str) {
            Some("when") => when.push(node),
            Some("unless") => unless.push(node),
            _ => return refused("a condition that is neither `when` nor `unless`"),
        }
    }
    Ok((Node::And(when), Node::Or(unless)))
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn statements_are_cut_at_their_ends_only() {
        let text = "// a; comment\n@note(\"x;y\")\npermit(principal, action, resource);\n\nforbid(principal, action, resource)\nwhen { true };\n// end\n";
        let s = statements(text);
        assert_eq!(s.len(), 2);
        assert_eq!(s[0].0, 0);
        assert_eq!(s[1].0, 4);
        assert!(s[1].1.starts_with("forbid"));
    }
}
