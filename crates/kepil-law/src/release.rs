//! How firmly an entry must stand before data leave, as the law's provisions ask for it.

use crate::error::Faults;
use crate::instrument::{Instrument, Place, Provision, ProvisionIx, Span};
use crate::schema::{Layout, SlotType};
use crate::value::{Facts, Slot};
use crate::vocab::{Mask, Vocabulary, bit};
use serde::{Deserialize, Serialize};

/// How firmly an entry stands; the stricter one is the larger one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// The entry is on disk.
    #[default]
    Durable,
    /// The entry is covered by a checkpoint the log has signed.
    Included,
    /// The entry is covered by a published checkpoint, with the quorum of the policy.
    Witnessed,
}

/// As a `provision` block writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRelease {
    level: Release,
    #[serde(default)]
    data: Vec<String>,
    #[serde(default)]
    when: Option<String>,
}

/// A level that a provision asks for.
#[derive(Debug, Clone)]
pub struct ReleaseRule {
    /// The provision.
    pub provision: ProvisionIx,
    /// When it is in force.
    pub span: Span,
    /// What it asks for.
    pub level: Release,
    /// Only for requests that touch any of these categories; 0 = for all.
    pub data: Mask,
    /// Only where this fact holds.
    pub when: Option<Slot>,
}

impl ReleaseRule {
    /// True when it speaks of a request that touches these categories under these facts.
    #[must_use]
    pub fn covers(&self, data: Mask, facts: &Facts) -> bool {
        let touches = self.data == 0 || self.data & data != 0;
        touches && self.when.is_none_or(|fact| facts.bool(fact) == Some(true))
    }
}

impl RawRelease {
    /// Looks names and facts up.
    pub(crate) fn resolve(
        &self,
        provision: ProvisionIx,
        (act, text): (&Instrument, &Provision),
        (layout, vocab): (&Layout, &Vocabulary),
        faults: &mut Faults,
    ) -> ReleaseRule {
        let at = Place {
            file: &act.file,
            line: text.line,
        };
        let mut data = 0;
        for name in &self.data {
            let class = vocab.class("CategoryClass", name).map(|(_, mask)| mask);
            match class.or_else(|| vocab.find("Category", name).map(bit)) {
                Some(mask) => data |= mask,
                None => faults.add(
                    at.file,
                    at.line,
                    format!(
                        "`release.data`: `{name}` is neither a data category nor a class of them"
                    ),
                    "mend the name, or add it to vocabulary.yaml",
                ),
            }
        }
        let when = self.when.as_deref().and_then(|path| {
            let slot = layout.slot(path);
            let found = slot.filter(|slot| {
                let def = layout.slots().get(usize::from(*slot));
                def.is_some_and(|def| def.ty == SlotType::Bool)
            });
            if found.is_none() {
                faults.add(
                    at.file,
                    at.line,
                    format!("`release.when`: `{path}` is not a yes-or-no fact of the schema"),
                    "name one such as notice.judge",
                );
            }
            found
        });
        ReleaseRule {
            provision,
            span: text.span,
            level: self.level,
            data,
            when,
        }
    }
}
