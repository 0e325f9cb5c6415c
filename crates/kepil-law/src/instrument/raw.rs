//! Front matter and provision blocks as they are written.

use super::{Confidence, InstrumentKind};
use crate::release::RawRelease;
use kepil_terms::{Lang, Text};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawInstrument {
    pub id: String,
    pub kind: InstrumentKind,
    pub rank: u8,
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "kept for readers of the file")]
    pub date: Option<String>,
    #[serde(default)]
    pub registry: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "kept for readers of the file")]
    pub issuer: Option<String>,
    #[serde(default)]
    pub parents: Vec<String>,
    pub valid_from: String,
    #[serde(default)]
    pub valid_from_alt: Option<String>,
    #[serde(default)]
    pub disputed_by: Option<String>,
    #[serde(default)]
    pub valid_to: Option<String>,
    #[serde(default)]
    pub known_from: Option<String>,
    pub confidence: Confidence,
    #[serde(default)]
    pub needs_text: bool,
    #[serde(default = "yes")]
    pub real: bool,
    #[serde(default)]
    pub emergency: bool,
    #[serde(default)]
    pub sanitary: bool,
    #[serde(default)]
    pub digital_field: bool,
    pub title: Text,
    #[serde(default)]
    pub unreviewed: Vec<Lang>,
    #[serde(default)]
    pub versions: Vec<RawVersion>,
    #[serde(default)]
    pub delegates: Vec<String>,
    #[serde(default)]
    pub powers: Vec<String>,
    #[serde(default = "yes")]
    pub issuer_competent: bool,
    #[serde(default = "yes")]
    pub mandate_shown: bool,
    #[serde(default = "yes")]
    pub published: bool,
    #[serde(default)]
    pub claims_data: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVersion {
    pub(super) id: String,
    pub(super) valid_from: String,
    #[serde(default)]
    #[expect(dead_code, reason = "a version ends where the next one begins")]
    valid_to: Option<String>,
    pub(super) confidence: Confidence,
    #[serde(default)]
    pub(super) needs_text: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProvision {
    #[serde(default)]
    pub modality: String,
    #[serde(default)]
    pub basis_level: Option<String>,
    #[serde(default)]
    pub valid_from: Option<String>,
    #[serde(default)]
    pub valid_from_alt: Option<String>,
    #[serde(default)]
    pub valid_to: Option<String>,
    #[serde(default)]
    pub confidence: Option<Confidence>,
    #[serde(default)]
    pub needs_text: Option<bool>,
    #[serde(default)]
    pub slots: Vec<String>,
    #[serde(default)]
    pub parameters: Vec<String>,
    #[serde(default)]
    pub rights: Vec<String>,
    #[serde(default)]
    pub clock: Option<RawClock>,
    #[serde(default)]
    pub limits: Option<RawLimits>,
    #[serde(default)]
    pub closed_list: bool,
    #[serde(default)]
    pub release: Option<RawRelease>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawClock {
    pub(super) id: String,
    pub(super) term: String,
    pub(super) from: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLimits {
    #[serde(default)]
    pub(super) fields: Option<Vec<String>>,
    #[serde(default)]
    pub(super) data: Option<Vec<String>>,
    #[serde(default)]
    pub(super) precision: Option<String>,
}
