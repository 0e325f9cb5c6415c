//! Instruments (acts) and their provisions.

mod raw;

use crate::error::Faults;
use crate::vocab::{Mask, Vocabulary, bit, one_line};
use kepil_terms::instant::day_or_instant;
use kepil_terms::{Instant, Lang, Term, Text};
use raw::RawLimits;
pub(crate) use raw::{RawInstrument, RawProvision};
use serde::{Deserialize, Serialize};

/// Number of an instrument in the statute book.
pub type InstrumentIx = u32;
/// Number of a provision in the statute book.
pub type ProvisionIx = u32;

/// How sure a text is; the better one is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The official text, or a verbatim reproduction.
    Primary,
    /// News, an NGO, a law firm, a practitioner's note.
    Secondary,
    /// General legal knowledge, not verified.
    Memory,
    /// A reading or a computation of our own.
    Analysis,
}

/// What kind of act an instrument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum InstrumentKind {
    Constitution,
    Treaty,
    ConstitutionalLaw,
    Code,
    Law,
    Decree,
    Resolution,
    Order,
    SanitaryDecision,
    CitySanitaryDecision,
    SoftLaw,
}

/// A time in force: from (inclusive) to (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First instant in force.
    pub from: Instant,
    /// First instant not in force any more.
    pub to: Option<Instant>,
    /// Where sources disagree: the other first instant.
    pub alt_from: Option<Instant>,
}

/// Whether something is in force at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not yet.
    NotYet,
    /// By one source yes, by the other no.
    Disputed,
    /// Yes.
    InForce,
    /// No longer.
    Ended,
}

impl Span {
    /// The standing at `t`.
    #[must_use]
    pub fn at(&self, t: Instant) -> Standing {
        if self.to.is_some_and(|to| t >= to) {
            return Standing::Ended;
        }
        if t >= self.from && self.alt_from.is_none_or(|alt| t >= alt) {
            return Standing::InForce;
        }
        if t >= self.from || self.alt_from.is_some_and(|alt| t >= alt) {
            return Standing::Disputed;
        }
        Standing::NotYet
    }
}

/// A text of an act over a stretch of time, with its own confidence.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its id, as in `PDL.v2026-01`.
    pub id: String,
    /// When it begins.
    pub from: Instant,
    /// How sure it is.
    pub confidence: Confidence,
    /// Whether the official wording is missing.
    pub needs_text: bool,
}

/// One act.
#[derive(Debug, Clone)]
pub struct Instrument {
    /// Stable id, as in `KZ-DC-2026`.
    pub id: String,
    /// Kind.
    pub kind: InstrumentKind,
    /// Rank; the lower number prevails.
    pub rank: u8,
    /// Official number.
    pub number: String,
    /// Key in the official registry.
    pub registry: String,
    /// Acts it rests on.
    pub parents: Vec<InstrumentIx>,
    /// When it is in force.
    pub span: Span,
    /// The parameter that names a dispute about the dates.
    pub disputed_by: Option<String>,
    /// From when its text counts as known.
    pub known_from: Instant,
    /// How sure its text is.
    pub confidence: Confidence,
    /// The official wording is not loaded.
    pub needs_text: bool,
    /// False for acts assumed in tests and the demo.
    pub real: bool,
    /// Belongs to a state of emergency.
    pub emergency: bool,
    /// Belongs to sanitary law.
    pub sanitary: bool,
    /// Prevails over other laws in the digital field (DC 2(3)).
    pub digital_field: bool,
    /// Title.
    pub title: Text,
    /// Languages whose texts nobody has reviewed.
    pub unreviewed: Vec<Lang>,
    /// Texts over time.
    pub versions: Vec<Version>,
    /// Powers it hands down.
    pub delegates: Mask,
    /// Powers it claims.
    pub powers: Mask,
    /// The issuer is one the parent empowers.
    pub issuer_competent: bool,
    /// The signatory's mandate is shown.
    pub mandate_shown: bool,
    /// Its publication is established.
    pub published: bool,
    /// It claims data of persons.
    pub claims_data: bool,
    /// The file it stands in.
    pub file: String,
}

/// One provision of an act.
#[derive(Debug, Clone)]
pub struct Provision {
    /// The act.
    pub instrument: InstrumentIx,
    /// Full id, as in `KZ-DC-2026#77.4`.
    pub id: String,
    /// Short English name.
    pub name: String,
    /// Plain text.
    pub text: Text,
    /// Right, duty and so on.
    pub modality: String,
    /// When it is in force.
    pub span: Span,
    /// How sure it is.
    pub confidence: Confidence,
    /// The official wording is not loaded.
    pub needs_text: bool,
    /// By-laws it waits for.
    pub slots: Vec<String>,
    /// Open questions it depends on.
    pub parameters: Vec<String>,
    /// Rights it grants.
    pub rights: Vec<String>,
    /// The term it sets.
    pub clock: Option<ClockRule>,
    /// The most a ground under it can release.
    pub limits: Option<Limits>,
    /// It is a closed list: whoever cites an item of it must fit that item.
    pub closed_list: bool,
    /// Wider provisions that contain it (`9` contains `9.1`).
    pub within: Vec<ProvisionIx>,
    /// The line of its heading.
    pub line: usize,
}

/// A term set by a provision.
#[derive(Debug, Clone)]
pub struct ClockRule {
    /// Its id, as in `PDL.automated_objection`.
    pub id: String,
    /// Its length.
    pub term: Term,
    /// What it runs from.
    pub from: String,
}

/// The most a ground can release.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Fields, if the text lists them.
    pub fields: Option<Vec<String>>,
    /// Categories, if the text lists them.
    pub data: Option<Mask>,
    /// Precision, 0 (yes or no) to 3 (history).
    pub precision: Option<i64>,
}

/// Where in a file something stands, for faults.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub file: &'a str,
    pub line: usize,
}

impl Place<'_> {
    pub fn yaml<T: serde::de::DeserializeOwned>(
        self,
        what: &str,
        text: &str,
        faults: &mut Faults,
    ) -> Option<T> {
        match serde_saphyr::from_str(text) {
            Ok(v) => Some(v),
            Err(e) => {
                faults.add(
                    self.file,
                    self.line,
                    format!("the {what} cannot be read: {}", one_line(&e)),
                    "see docs/pack-format.md for its keys",
                );
                None
            }
        }
    }

    pub fn time(self, text: &str, faults: &mut Faults) -> Option<Instant> {
        match day_or_instant(text) {
            Ok(t) => Some(t),
            Err(e) => {
                faults.add(self.file, self.line, e.to_string(), "mend the date");
                None
            }
        }
    }

    fn optional_time(self, text: Option<&String>, faults: &mut Faults) -> Option<Instant> {
        text.and_then(|t| self.time(t, faults))
    }

    fn powers(self, names: &[String], vocab: &Vocabulary, faults: &mut Faults) -> Mask {
        let mut mask = 0;
        for n in names {
            match vocab.find("Power", n) {
                Some(ix) => mask |= bit(ix),
                None => faults.add(
                    self.file,
                    self.line,
                    format!("the power `{n}` is not in the vocabulary"),
                    "add it to vocabulary.yaml or mend the name",
                ),
            }
        }
        mask
    }
}

/// Makes an instrument from its front matter; parents are resolved later.
pub(crate) fn instrument(
    raw: &RawInstrument,
    file: &str,
    vocab: &Vocabulary,
    faults: &mut Faults,
) -> Option<Instrument> {
    let at = Place { file, line: 1 };
    let from = at.time(&raw.valid_from, faults)?;
    let span = Span {
        from,
        to: at.optional_time(raw.valid_to.as_ref(), faults),
        alt_from: at.optional_time(raw.valid_from_alt.as_ref(), faults),
    };
    if span.to.is_some_and(|to| to <= from) {
        faults.add(
            file,
            1,
            format!("`{}` ends before it begins", raw.id),
            "mend valid_from or valid_to",
        );
    }
    for lang in raw.title.missing() {
        faults.add(
            file,
            1,
            format!("the title of `{}` is missing in `{}`", raw.id, lang.code()),
            "add it",
        );
    }
    let known_from = at
        .optional_time(raw.known_from.as_ref(), faults)
        .unwrap_or(from);
    let mut versions = Vec::new();
    for v in &raw.versions {
        versions.push(Version {
            id: v.id.clone(),
            from: at.time(&v.valid_from, faults)?,
            confidence: v.confidence,
            needs_text: v.needs_text,
        });
    }
    versions.sort_by_key(|v| v.from);
    Some(Instrument {
        id: raw.id.clone(),
        kind: raw.kind,
        rank: raw.rank,
        number: raw.number.clone().unwrap_or_default(),
        registry: raw.registry.clone().unwrap_or_default(),
        parents: Vec::new(),
        span,
        disputed_by: raw.disputed_by.clone(),
        known_from,
        confidence: raw.confidence,
        needs_text: raw.needs_text,
        real: raw.real,
        emergency: raw.emergency,
        sanitary: raw.sanitary,
        digital_field: raw.digital_field,
        title: raw.title.clone(),
        unreviewed: raw.unreviewed.clone(),
        versions,
        delegates: at.powers(&raw.delegates, vocab, faults),
        powers: at.powers(&raw.powers, vocab, faults),
        issuer_competent: raw.issuer_competent,
        mandate_shown: raw.mandate_shown,
        published: raw.published,
        claims_data: raw.claims_data,
        file: file.to_owned(),
    })
}

/// Makes a provision from its heading and block.
pub(crate) fn provision(
    raw: RawProvision,
    of: (InstrumentIx, &Instrument),
    section: &crate::markdown::Section,
    vocab: &Vocabulary,
    faults: &mut Faults,
) -> Provision {
    let (instrument_ix, instrument) = of;
    let at = Place {
        file: &instrument.file,
        line: section.line,
    };
    let id = format!("{}#{}", instrument.id, section.number);
    let own_from = at.optional_time(raw.valid_from.as_ref(), faults);
    let span = Span {
        from: own_from.unwrap_or(instrument.span.from),
        to: at
            .optional_time(raw.valid_to.as_ref(), faults)
            .or(instrument.span.to),
        alt_from: at
            .optional_time(raw.valid_from_alt.as_ref(), faults)
            .or(if own_from.is_some() {
                None
            } else {
                instrument.span.alt_from
            }),
    };
    let outside = span.from < instrument.span.from
        || instrument
            .span
            .to
            .is_some_and(|end| span.to.is_none_or(|to| to > end))
        || span.to.is_some_and(|to| to <= span.from);
    if outside {
        faults.add(
            at.file,
            at.line,
            format!(
                "the dates of `{id}` lie outside those of `{}`",
                instrument.id
            ),
            "keep a provision inside its act's time in force",
        );
    }
    for lang in section.text.missing() {
        faults.add(
            at.file,
            at.line,
            format!("`{id}` has no text in `{}`", lang.code()),
            "add a list item `- **en** …`: a rule that a person cannot read is not loaded",
        );
    }
    let clock = raw.clock.and_then(|c| match Term::parse(&c.term) {
        Ok(term) => Some(ClockRule {
            id: c.id,
            term,
            from: c.from,
        }),
        Err(e) => {
            faults.add(at.file, at.line, e.to_string(), "mend the clock");
            None
        }
    });
    if let Some(level) = &raw.basis_level
        && ![
            "law",
            "code",
            "code_or_law",
            "law_or_agreement",
            "law_or_consent",
            "legislation",
            "agreement",
            "consent",
            "mixed",
        ]
        .contains(&level.as_str())
    {
        faults.add(at.file, at.line, format!("`{level}` is not a basis level"), "use law, code, code_or_law, law_or_agreement, law_or_consent, legislation, agreement, consent or mixed");
    }
    let limits = raw.limits.map(|l| limits(&l, at, vocab, faults));
    Provision {
        instrument: instrument_ix,
        id,
        name: section.name.clone(),
        text: section.text.clone(),
        modality: raw.modality,
        span,
        confidence: raw.confidence.unwrap_or(instrument.confidence),
        needs_text: raw.needs_text.unwrap_or(instrument.needs_text),
        slots: raw.slots,
        parameters: raw.parameters,
        rights: raw.rights,
        clock,
        limits,
        closed_list: raw.closed_list,
        within: Vec::new(),
        line: section.line,
    }
}

fn limits(raw: &RawLimits, at: Place<'_>, vocab: &Vocabulary, faults: &mut Faults) -> Limits {
    let precision = raw.precision.as_deref().and_then(|p| {
        let found = ["yes_no", "attribute", "record", "history"]
            .iter()
            .position(|n| *n == p);
        let found = found.and_then(|i| i64::try_from(i).ok());
        if found.is_none() {
            faults.add(
                at.file,
                at.line,
                format!("`{p}` is not a precision"),
                "use yes_no, attribute, record or history",
            );
        }
        found
    });
    let data = raw.data.as_ref().map(|names| {
        let mut mask = 0;
        for n in names {
            match vocab.find("Category", n) {
                Some(ix) => mask |= bit(ix),
                None => faults.add(
                    at.file,
                    at.line,
                    format!("the data category `{n}` is not in the vocabulary"),
                    "mend the name",
                ),
            }
        }
        mask
    });
    Limits {
        fields: raw.fields.clone(),
        data,
        precision,
    }
}
