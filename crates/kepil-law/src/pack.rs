//! Loads a pack: every file read, every rule compiled, every fault named with its place.

use crate::book::StatuteBook;
use crate::case::{self, CaseBlock};
use crate::catalogue;
use crate::compile::Compiler;
use crate::error::{Faults, PackError};
use crate::eval::area_table;
use crate::instrument::{self, InstrumentKind, Place, RawInstrument, RawProvision, Span};
use crate::markdown::{self, Section};
use crate::release::RawRelease;
use crate::rule::{self, Role, Surroundings};
use crate::schema::Layout;
use crate::vocab::{Vocabulary, one_line};
use cedar_policy::{PolicySet, ValidationMode, Validator};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// What to load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Also the assumed acts (`assumed/`), which tests and the demo need and no real gate may have.
    pub assumed: bool,
    /// A pack in the making: rules without a worked case are let through.
    pub draft: bool,
}

/// A file of a pack: its path inside the pack, and its text.
pub type File = (String, String);

/// Loads a pack from its files.
///
/// # Errors
/// With every fault found, each with file, line and remedy.
pub fn load(files: &[File], options: Options) -> Result<StatuteBook, PackError> {
    let mut faults = Faults::default();
    let mut loader = Loader::default();
    let mut files: Vec<&File> = files
        .iter()
        .filter(|(p, _)| options.assumed || !p.starts_with("assumed/"))
        .collect();
    files.sort();
    let get = |name: &str| {
        files
            .iter()
            .find(|(p, _)| p == name)
            .map_or("", |(_, t)| t.as_str())
    };

    for required in [
        "vocabulary.yaml",
        "schema.cedarschema",
        "tests.yaml",
        "slots.yaml",
        "parameters.yaml",
        "calendar.yaml",
    ] {
        if get(required).is_empty() {
            faults.add(
                required,
                0,
                "the file is missing or empty",
                "add it: see docs/pack-format.md",
            );
        }
    }
    if !faults.0.is_empty() {
        return faults.finish().and_then(|()| unreachable_ok());
    }
    let mut vocab = Vocabulary::load("vocabulary.yaml", get("vocabulary.yaml"), &mut faults);
    let layout = Layout::load(
        "schema.cedarschema",
        get("schema.cedarschema"),
        &mut vocab,
        &mut faults,
    );
    let Some(layout) = layout else {
        return faults.finish().and_then(|()| unreachable_ok());
    };
    let tests = catalogue::tests("tests.yaml", get("tests.yaml"), &mut faults);
    let slots: Vec<catalogue::SlotText> = Place {
        file: "slots.yaml",
        line: 0,
    }
    .yaml("list of slots", get("slots.yaml"), &mut faults)
    .unwrap_or_default();
    let parameters: Vec<catalogue::Parameter> = Place {
        file: "parameters.yaml",
        line: 0,
    }
    .yaml("list of parameters", get("parameters.yaml"), &mut faults)
    .unwrap_or_default();
    let calendar = catalogue::calendar("calendar.yaml", get("calendar.yaml"), &mut faults);

    for (path, text) in files.iter().filter(|(p, _)| p.ends_with(".md")) {
        loader.file(path, text, &vocab, &mut faults);
    }
    loader.resolve_parents(&mut faults);
    loader.resolve_provisions(&slots, &parameters, &mut faults);
    loader.check_slots(&slots, &mut faults);
    let releases = loader.releases.iter().filter_map(|(ix, raw)| {
        let provision = loader.provisions.get(*ix as usize)?;
        let act = loader.instruments.get(provision.instrument as usize)?;
        Some(raw.resolve(*ix, (act, provision), (&layout, &vocab), &mut faults))
    });
    let releases = releases.collect();
    let rules = loader.compile(&layout, &vocab, &tests, &mut faults);
    loader.typecheck(&layout, &mut faults);
    loader.check_cases(&rules, &tests, options, &mut faults);
    faults.finish()?;

    let mut hash = Sha256::new();
    for (path, text) in &files {
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(Sha256::digest(text.as_bytes()));
    }
    let extras = files
        .iter()
        .filter(|(p, _)| p.ends_with(".yaml"))
        .map(|(p, t)| (p.clone(), t.clone()))
        .collect();
    let clocks = loader
        .provisions
        .iter()
        .enumerate()
        .filter_map(|(i, p)| Some((p.clock.as_ref()?.id.clone(), u32::try_from(i).ok()?)))
        .collect();
    let mut book = StatuteBook {
        area_up: area_table(&vocab),
        vocab,
        layout,
        instruments: loader.instruments,
        provisions: loader.provisions,
        rules,
        releases,
        tests,
        slots,
        parameters,
        calendar,
        cases: loader.cases,
        extras,
        hash: hash.finalize().into(),
        by_instrument: loader.by_instrument,
        by_provision: loader.by_provision,
        clocks,
        eras: Vec::new(),
    };
    book.build_eras();
    Ok(book)
}

/// Only reached when a list of faults that is not empty finishes without an error, which it cannot.
fn unreachable_ok() -> Result<StatuteBook, PackError> {
    Err(PackError::default())
}

#[derive(Default)]
struct Loader {
    instruments: Vec<instrument::Instrument>,
    provisions: Vec<instrument::Provision>,
    parents: Vec<Vec<String>>,
    by_instrument: HashMap<String, u32>,
    by_provision: HashMap<String, u32>,
    drafts: Vec<rule::Draft>,
    releases: Vec<(u32, RawRelease)>,
    cases: Vec<CaseBlock>,
}

impl Loader {
    fn file(&mut self, path: &str, text: &str, vocab: &Vocabulary, faults: &mut Faults) {
        let doc = markdown::cut(path, text, faults);
        for b in &doc.stray {
            if b.kind == "cedar" {
                faults.add(
                    path,
                    b.line,
                    "a rule stands under no article",
                    "put it under the heading of the provision it comes from",
                );
            } else if b.kind == "case" {
                self.cases.extend(case::block(path, b, faults));
            }
        }
        let Some(front) = &doc.front else {
            // A file without front matter holds worked cases only.
            for s in &doc.sections {
                self.blocks_of_cases(path, s, faults);
            }
            return;
        };
        let at = Place {
            file: path,
            line: 2,
        };
        let Some(raw) = at.yaml::<RawInstrument>("front matter", front, faults) else {
            return;
        };
        let Some(made) = instrument::instrument(&raw, path, vocab, faults) else {
            return;
        };
        let Ok(ix) = u32::try_from(self.instruments.len()) else {
            return;
        };
        if self.by_instrument.insert(raw.id.clone(), ix).is_some() {
            faults.add(
                path,
                2,
                format!("the instrument `{}` is there twice", raw.id),
                "keep one file",
            );
            return;
        }
        self.parents.push(raw.parents.clone());
        for section in &doc.sections {
            self.section(path, (ix, &made), section, vocab, faults);
        }
        self.instruments.push(made);
    }

    fn section(
        &mut self,
        path: &str,
        of: (u32, &instrument::Instrument),
        section: &Section,
        vocab: &Vocabulary,
        faults: &mut Faults,
    ) {
        let mut raw = RawProvision::default();
        for b in &section.blocks {
            match b.kind.as_str() {
                "provision" => {
                    let at = Place {
                        file: path,
                        line: b.line,
                    };
                    raw = at
                        .yaml("provision block", &b.text, faults)
                        .unwrap_or_default();
                }
                "cedar" | "case" => {}
                other => faults.add(
                    path,
                    b.line,
                    format!("a block of kind `{other}` means nothing here"),
                    "use provision, cedar or case",
                ),
            }
        }
        let release = raw.release.take();
        let provision = instrument::provision(raw, of, section, vocab, faults);
        let Ok(ix) = u32::try_from(self.provisions.len()) else {
            return;
        };
        self.releases.extend(release.map(|release| (ix, release)));
        let id = provision.id.clone();
        if self.by_provision.insert(id.clone(), ix).is_some() {
            faults.add(
                path,
                section.line,
                format!("the provision `{id}` is there twice"),
                "give each heading its own number",
            );
        }
        self.provisions.push(provision);
        let mut counter = 0;
        for b in section.blocks.iter().filter(|b| b.kind == "cedar") {
            self.drafts
                .extend(rule::drafts(path, (ix, &id), b, &mut counter, faults));
        }
        self.blocks_of_cases(path, section, faults);
    }

    fn blocks_of_cases(&mut self, path: &str, section: &Section, faults: &mut Faults) {
        for b in section.blocks.iter().filter(|b| b.kind == "case") {
            if let Some(c) = case::block(path, b, faults) {
                if self.cases.iter().any(|o| o.id == c.id) {
                    faults.add(
                        path,
                        b.line,
                        format!("the case `{}` is there twice", c.id),
                        "give it an id of its own",
                    );
                }
                self.cases.push(c);
            }
        }
    }

    fn resolve_parents(&mut self, faults: &mut Faults) {
        for (ix, names) in self.parents.iter().enumerate() {
            let Some(child) = self.instruments.get(ix) else {
                continue;
            };
            let mut found = Vec::new();
            for name in names {
                let act = name.split('#').next().unwrap_or(name);
                match self.by_instrument.get(act) {
                    Some(p) => found.push(*p),
                    None => faults.add(
                        &child.file,
                        2,
                        format!("`{}` rests on `{name}`, which is not in the pack", child.id),
                        "add that act, or mend the name",
                    ),
                }
            }
            let parents: Vec<&instrument::Instrument> = found
                .iter()
                .filter_map(|p| self.instruments.get(*p as usize))
                .collect();
            // Several parents stand for each other over time; a law may be older than a new Constitution.
            let begins_early =
                !parents.is_empty() && parents.iter().all(|p| child.span.from < p.span.from);
            let ends_late = !parents.is_empty()
                && child.span.to.is_some_and(|to| {
                    parents
                        .iter()
                        .all(|p| p.span.to.is_some_and(|end| to > end))
                });
            if child.rank > 4 && child.rank < 10 && (begins_early || ends_late) {
                faults.add(
                    &child.file,
                    2,
                    format!("`{}` is dated outside the acts on which it rests", child.id),
                    "an act below a law cannot begin before its parents, or name an end after theirs",
                );
            }
            if let Some(child) = self.instruments.get_mut(ix) {
                child.parents = found;
            }
        }
    }

    fn resolve_provisions(
        &mut self,
        slots: &[catalogue::SlotText],
        parameters: &[catalogue::Parameter],
        faults: &mut Faults,
    ) {
        let ids: BTreeMap<String, u32> = self
            .by_provision
            .iter()
            .map(|(k, v)| (k.clone(), *v))
            .collect();
        for p in &mut self.provisions {
            let file = self
                .instruments
                .get(p.instrument as usize)
                .map(|i| i.file.clone())
                .unwrap_or_default();
            let mut prefix = p.id.as_str();
            while let Some((head, _)) = prefix.rsplit_once('.') {
                if !head.contains('#') {
                    break;
                }
                p.within.extend(ids.get(head));
                prefix = head;
            }
            for s in &p.slots {
                if !slots.iter().any(|d| &d.id == s) {
                    faults.add(
                        &file,
                        p.line,
                        format!(
                            "`{}` waits for the slot `{s}`, which slots.yaml does not define",
                            p.id
                        ),
                        "define it or mend the name",
                    );
                }
            }
            for q in &p.parameters {
                if !parameters.iter().any(|d| &d.id == q) {
                    faults.add(&file, p.line, format!("`{}` depends on the parameter `{q}`, which parameters.yaml does not define", p.id), "define it or mend the name");
                }
            }
        }
    }

    fn check_slots(&self, slots: &[catalogue::SlotText], faults: &mut Faults) {
        for s in slots {
            if !self.by_provision.contains_key(&s.provision) {
                faults.add(
                    "slots.yaml",
                    0,
                    format!(
                        "the slot `{}` belongs to `{}`, which is not in the pack",
                        s.id, s.provision
                    ),
                    "mend the provision",
                );
            }
            for lang in s.text.missing() {
                faults.add(
                    "slots.yaml",
                    0,
                    format!("the slot `{}` has no text in `{}`", s.id, lang.code()),
                    "add it",
                );
            }
        }
    }

    fn compile(
        &self,
        layout: &Layout,
        vocab: &Vocabulary,
        tests: &[catalogue::TestDef],
        faults: &mut Faults,
    ) -> Vec<rule::Rule> {
        let compiler = Compiler { layout, vocab };
        let find = |name: &str| {
            tests
                .iter()
                .position(|t| t.id == name)
                .and_then(|i| u16::try_from(i).ok())
        };
        let mut out = Vec::new();
        for d in &self.drafts {
            let Some(p) = self.provisions.get(d.provision as usize) else {
                continue;
            };
            let Some(i) = self.instruments.get(p.instrument as usize) else {
                continue;
            };
            let with = Surroundings {
                compiler: &compiler,
                tests: &find,
                span: Span { ..p.span },
                known_from: i.known_from,
                forbids_only: matches!(
                    i.kind,
                    InstrumentKind::Constitution | InstrumentKind::Treaty
                ),
            };
            let Some(made) = rule::compile(d, &with, faults) else {
                continue;
            };
            if let Role::Test {
                test,
                say: Some(key),
                ..
            } = &made.role
                && !tests
                    .get(usize::from(*test))
                    .is_some_and(|t| t.says.contains_key(key))
            {
                faults.add(
                    &d.file,
                    d.line,
                    format!(
                        "the rule `{}` says `{key}`, which tests.yaml does not hold",
                        d.id
                    ),
                    "add the sentence under `says`",
                );
            }
            out.push(made);
        }
        out
    }

    /// Lets Cedar check types: one strict validation of everything, warnings refused.
    fn typecheck(&self, layout: &Layout, faults: &mut Faults) {
        let mut set = PolicySet::new();
        for d in &self.drafts {
            if let Err(e) = set.add(d.policy.clone()) {
                faults.add(
                    &d.file,
                    d.line,
                    format!("the rule `{}` cannot be added: {e}", d.id),
                    "mend it",
                );
            }
        }
        let result = Validator::new(layout.cedar().clone()).validate(&set, ValidationMode::Strict);
        let place = |id: &str| {
            self.drafts
                .iter()
                .find(|d| d.id == id)
                .map_or(("", 0), |d| (d.file.as_str(), d.line))
        };
        let mut told: Vec<String> = Vec::new();
        for e in result.validation_errors() {
            // The same error comes once for each operation the rule may be asked for.
            let id = e.policy_id().to_string();
            if told.contains(&id) {
                continue;
            }
            told.push(id);
            let (file, line) = place(e.policy_id().as_ref());
            faults.add(
                file,
                line,
                format!("a type error: {}", one_line(e)),
                "mend the rule",
            );
        }
        for w in result.validation_warnings() {
            let (file, line) = place(w.policy_id().as_ref());
            faults.add(
                file,
                line,
                format!("a warning of the type checker: {}", one_line(w)),
                "mend the rule: a warned rule may never fire",
            );
        }
    }

    /// Every rule needs a worked case: of its provision, or of its test.
    fn check_cases(
        &mut self,
        rules: &[rule::Rule],
        tests: &[catalogue::TestDef],
        options: Options,
        faults: &mut Faults,
    ) {
        for c in &self.cases {
            for p in &c.provisions {
                if options.assumed && !self.by_provision.contains_key(p) {
                    faults.add(
                        &c.file,
                        c.line,
                        format!("the case `{}` names `{p}`, which is not in the pack", c.id),
                        "mend the article",
                    );
                }
            }
            for t in &c.tests {
                if !tests.iter().any(|d| &d.id == t) {
                    faults.add(
                        &c.file,
                        c.line,
                        format!(
                            "the case `{}` names the test `{t}`, which tests.yaml does not define",
                            c.id
                        ),
                        "mend the test",
                    );
                }
            }
        }
        for r in rules {
            let Some(p) = self.provisions.get(r.provision as usize) else {
                continue;
            };
            let test = match r.role {
                Role::Test { test, .. } => tests.get(usize::from(test)).map(|t| t.id.as_str()),
                Role::Ground(_) => None,
            };
            let near = |id: &str| {
                id == p.id
                    || id.starts_with(&format!("{}.", p.id))
                    || p.id.starts_with(&format!("{id}."))
            };
            let covered = self.cases.iter().any(|c| {
                c.provisions.iter().any(|x| near(x))
                    || test.is_some_and(|t| c.tests.iter().any(|x| x == t))
            });
            if !covered && !options.draft {
                faults.add(
                    &r.file,
                    r.line,
                    format!("the rule `{}` has no worked case", r.id),
                    "add a case that names its provision (article or exercises) or its test",
                );
            }
        }
        if !options.assumed {
            // Cases about assumed acts cannot be played where no assumed act may be.
            let known = &self.by_provision;
            self.cases.retain(|c| {
                c.provisions.iter().all(|p| known.contains_key(p)) && !c.text.contains("KZ-HYP-")
            });
        }
    }
}
