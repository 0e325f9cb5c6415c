//! The replay an auditor does: every entry with the record behind it, in order.
//!
//! A witness says that a log only grew. An auditor says more:
//!
//! > Every access below this size opens to a well-formed record, signed by a gate that a
//! > policy anchor lists. The map head equals my own replay. Every sealed access past its
//! > embargo was opened or extended. Erasure notices match the missing rows, one to one.
//!
//! [`Replay`] takes the leaves in order with what opens them ([`Opening`]) and lists what
//! contradicts the statement. It never stops at a fault. Its state can be saved and taken
//! up again, by this auditor or by another one: once rows are erased nobody can begin from
//! nothing, for the maps of their months cannot be made again. A replay that meets such
//! rows says of which months it is blind ([`Replay::blind_months`]) until no head lists them.
//!
//! **What a replay cannot see.** A record that names a wrong person's tag is well formed and
//! stands in a map, only in the wrong list. The person who is missing the entry sees it: by
//! the gate's own word, or as a list shorter than what others hold.

mod erasures;
mod finding;
mod heads;
mod kinds;
mod opening;
mod public;
mod ranges;
mod records;
mod state;

pub use finding::{Finding, FindingKind, MAX_LISTED};
pub use opening::{Opening, parse_openings, push_opening};
pub use public::Counters;
pub use state::StateError;

use crate::anchor::Anchor;
use crate::entry::{Leaf, MapHead};
use crate::hash::{self, Hash};
use crate::period::Period;
use crate::tree::Frontier;
use finding::Findings;
use kinds::Kind;
use public::Public;
use records::Records;

/// The published statement of an auditor that cosigns, without its log and key.
pub const STATEMENT: &str = "\
By a cosignature this key states, for the checkpoint it signs:

1. What every witness states: the checkpoint continues every other one of this log that this
   key has cosigned.
2. Every access leaf below this size opens to a well-formed record with a valid signature of a
   gate that a policy anchor in the log lists for the record's time.
3. The last leaf is a map head over all leaves before it, and it equals the head of this
   auditor's own replay: nobody's list leaves out an entry.
4. Every sealed access past its embargo was opened, or its embargo was extended.
5. Erasure notices of single rows match the missing rows, one to one.

It does not state that a record names the right person, that a stated purpose was true, or
that nobody used data without an entry.
";

/// A replay of a log.
///
/// The same leaves and openings give the same state, however they are batched and wherever
/// the state is saved and taken up again.
#[derive(Debug, Clone)]
pub struct Replay {
    public: Public,
    /// `None` where only the leaves are replayed.
    records: Option<Records>,
    findings: Findings,
}

impl Default for Replay {
    fn default() -> Self {
        Self::new()
    }
}

impl Replay {
    /// An auditor's replay from the first leaf.
    #[must_use]
    pub fn new() -> Self {
        Self {
            public: Public::default(),
            records: Some(Records::default()),
            findings: Findings::default(),
        }
    }

    /// A replay of the leaves alone, as anybody can do it.
    ///
    /// It checks what the leaves say of each other and counts; it sees no record and no map.
    #[must_use]
    pub fn of_leaves() -> Self {
        Self {
            records: None,
            ..Self::new()
        }
    }

    /// True when records are replayed, not leaves alone.
    #[must_use]
    pub const fn has_records(&self) -> bool {
        self.records.is_some()
    }

    /// Number of leaves taken, which is the index of the next one.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.public.frontier.size()
    }

    /// Root of the tree over the leaves taken.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.public.frontier.root()
    }

    /// The right edge of the tree over the leaves taken.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.public.frontier
    }

    /// Takes the next leaf, with what opens it.
    ///
    /// That the leaf is the log's is for the caller to check, against a signed root.
    pub fn take(&mut self, leaf: &[u8], opening: &Opening<'_>) {
        let index = self.size();
        let hash = hash::leaf(leaf);
        let kind = match Leaf::parse(leaf) {
            Ok(leaf) => {
                let kind = self.public.take(index, &leaf, &mut self.findings);
                if let Some(records) = &mut self.records {
                    let (public, findings) = (&mut self.public, &mut self.findings);
                    records.take(index, &leaf, opening, public, findings);
                }
                kind
            }
            Err(error) => {
                let meaning = format!("it cannot be understood: {error}");
                self.findings.add(FindingKind::Leaf, index, meaning);
                Kind::Other
            }
        };
        self.public.append(hash, kind);
    }

    /// Says that the log has published a checkpoint of the present size.
    ///
    /// Its last leaf must be a map head over all leaves before it.
    pub fn publish(&mut self) {
        self.public.publish(&mut self.findings);
    }

    /// Looks again at an earlier leaf's row, as it is shown now.
    ///
    /// A row named by an erasure notice must be gone, any other must be there. The leaf must
    /// be the log's.
    pub fn reread(&mut self, index: u64, leaf: &[u8], opening: &Opening<'_>) {
        let erasures = &mut self.public.erasures;
        let has_row = (self.public.kinds.get(index)).is_some_and(Kind::has_row);
        erasures.to_reread.remove(index);
        if !has_row || self.records.is_none() {
            return;
        }
        let leaf = Leaf::parse(leaf).ok();
        let opens = leaf.is_some_and(|leaf| records::opened(&leaf, opening).is_some());
        let is_erased = erasures.erased.contains(index);
        let (kind, meaning) = match (is_erased, opens) {
            (true, true) => (
                FindingKind::StillThere,
                "an erasure notice names it, and its row can still be opened",
            ),
            (true, false) => return,
            (false, true) => {
                erasures.absent.remove(&index);
                return;
            }
            (false, false) if *opening == Opening::Nothing => {
                erasures.missing(index);
                return;
            }
            (false, false) => (
                FindingKind::Opening,
                "the salt and record shown for it do not open its commitment",
            ),
        };
        if erasures.flagged.insert(index) {
            self.findings.add(kind, index, meaning.to_owned());
        }
    }

    /// Rows that notices name and that were not looked at since: stretches from a first to a
    /// last index, for [`Replay::reread`].
    pub fn to_reread(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.public.erasures.to_reread.iter()
    }

    /// What was found so far, in the order it was met; at most [`MAX_LISTED`].
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings.listed
    }

    /// Number of findings beyond those listed.
    #[must_use]
    pub const fn findings_not_listed(&self) -> u64 {
        self.findings.not_listed
    }

    /// Rows that are missing and that no notice explains so far.
    ///
    /// They are findings unless a notice still comes.
    #[must_use]
    pub fn unexplained(&self) -> Vec<Finding> {
        let unexplained = self.public.erasures.unexplained().into_iter();
        let finding = |entry| Finding {
            kind: FindingKind::Absent,
            entry,
            meaning: "nothing opens it, and no notice says that it was erased: it was erased in \
                      silence, or is held back from the auditor"
                .to_owned(),
        };
        unexplained.map(finding).collect()
    }

    /// Months whose maps cannot be compared, because rows of them could not be read.
    #[must_use]
    pub fn blind_months(&self) -> Vec<Period> {
        let records = self.records.iter();
        records
            .flat_map(|records| records.blind.iter().copied())
            .collect()
    }

    /// True when the auditor's statement holds for the present size, as far as it is an
    /// auditor's replay.
    #[must_use]
    pub fn holds(&self) -> bool {
        let sees = self
            .records
            .as_ref()
            .is_some_and(|records| records.blind.is_empty() && !records.is_blinded);
        sees && self.findings.lasting == 0
            && self.public.counters.overdue == 0
            && self.public.erasures.unexplained().is_empty()
    }

    /// The public numbers.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.public.counters
    }

    /// Records more than a day older than the map head before them.
    ///
    /// The format allows them; many are a reason to ask.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.records.as_ref().map_or(0, |records| records.late)
    }

    /// The time of the newest map head, Unix seconds.
    #[must_use]
    pub fn head_time(&self) -> Option<u64> {
        self.public.head.map(|head| head.time)
    }

    /// The newest anchor.
    #[must_use]
    pub fn anchor(&self) -> Option<&Anchor> {
        let (anchor, _) = self.records.as_ref()?.anchor.as_ref()?;
        Some(anchor)
    }

    /// The head that the own book would give now, for tests and for operators.
    ///
    /// `None` where only the leaves are replayed.
    #[must_use]
    pub fn own_head(&self, time_secs: u64) -> Option<MapHead> {
        let mut book = self.records.as_ref()?.book.clone();
        Some(book.head(self.size(), time_secs).0)
    }
}
