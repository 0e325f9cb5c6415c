//! What only an auditor can check: the records behind the leaves, and the maps.

use std::collections::BTreeSet;

use super::finding::{FindingKind, Findings};
use super::opening::Opening;
use super::public::Public;
use crate::anchor::Anchor;
use crate::book::Book;
use crate::chain::Chain;
use crate::entry::{Commitment, Enrolment, Leaf};
use crate::hash::{self, Hash};
use crate::period::Period;
use crate::person::Tag;
use crate::record::{Facts, Record, RecordKind};
use crate::tree::Frontier;

/// Steps that are remembered between two heads, to name an entry that a map leaves out.
pub(super) const MAX_STEPS: usize = 1 << 16;

/// Seconds after which an entry that is booked late is counted.
const LATE_SECS: u64 = 86_400;

/// An entry booked since the last head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) index: u64,
    pub(super) period: Period,
    pub(super) tag: Tag,
    pub(super) commitment: Commitment,
    /// The person's chain before; without entries where the person was new.
    pub(super) before: Chain,
}

/// The replay of the records.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) book: Book,
    /// The newest good anchor, as it was read.
    pub(super) anchor: Option<(Anchor, Vec<u8>)>,
    /// Months of which entries could not be booked: their maps cannot be compared.
    pub(super) blind: BTreeSet<Period>,
    /// An entry since the last head could not be booked; its month is not known.
    pub(super) is_blinded: bool,
    /// Months whose map differed at the last head.
    pub(super) differing: BTreeSet<Period>,
    /// Booked since the last head, as far as it is remembered.
    pub(super) steps: Vec<Step>,
    /// Records more than a day older than the head before them.
    pub(super) late: u64,
}

impl Records {
    /// Takes what opens a leaf.
    pub(super) fn take(
        &mut self,
        index: u64,
        leaf: &Leaf,
        opening: &Opening<'_>,
        public: &mut Public,
        findings: &mut Findings,
    ) {
        match leaf {
            Leaf::Access(_) | Leaf::Sealed { .. } | Leaf::Unseal { .. } => {
                let is_booked = self.take_record(index, leaf, opening, public, findings);
                if !is_booked && leaf.chained().is_some() {
                    self.is_blinded = true;
                }
            }
            Leaf::Enrolment(enrolment) => match opening {
                Opening::Nothing => {
                    public.erasures.unenrolled.insert(index);
                    self.is_blinded = true;
                }
                Opening::Tags(tags) => self.enrol(index, enrolment, tags, findings),
                _ => {
                    self.is_blinded = true;
                    let meaning = "what is shown for the enrolment is not a list of tags";
                    findings.add(FindingKind::Enrolment, index, meaning.to_owned());
                }
            },
            Leaf::PolicyAnchor(hash) => self.take_anchor(index, hash, opening, findings),
            Leaf::MapHead(head) => self.take_head(index, head, findings),
            Leaf::Erasure(_) | Leaf::KeepingBack(_) | Leaf::EmbargoExtension(_) => {}
        }
    }

    /// False when no record was shown that can be booked.
    fn take_record(
        &mut self,
        index: u64,
        leaf: &Leaf,
        opening: &Opening<'_>,
        public: &mut Public,
        findings: &mut Findings,
    ) -> bool {
        if *opening == Opening::Nothing {
            public.erasures.missing(index);
            return false;
        }
        let Some(record) = opened(leaf, opening) else {
            let meaning = "the salt and record shown for it do not open its commitment";
            findings.add(FindingKind::Opening, index, meaning.to_owned());
            return false;
        };
        let record = match Record::parse(record) {
            Ok(record) => record,
            Err(error) => {
                let meaning = format!("the record behind it cannot be used: {error}");
                findings.add(FindingKind::Record, index, meaning);
                return false;
            }
        };
        check_kind(index, leaf, &record.facts, findings);
        self.check_gate(index, &record, findings);
        self.check_month(index, &record.facts, findings);
        let head_time = public.head.map_or(0, |head| head.time);
        if record.facts.time_ms / 1000 + LATE_SECS < head_time {
            self.late += 1;
        }
        if let Some(commitment) = leaf.chained() {
            self.step(index, &record.facts, commitment);
        }
        true
    }

    fn check_gate(&self, index: u64, record: &Record, findings: &mut Findings) {
        let Facts { gate, time_ms, .. } = record.facts;
        let Some((anchor, _)) = &self.anchor else {
            let meaning = format!("it is signed as gate {gate}, and no anchor lists any gate yet");
            findings.add(FindingKind::UnlistedGate, index, meaning);
            return;
        };
        let Some(key) = anchor.gate(gate, time_ms) else {
            let meaning = format!(
                "it is signed as gate {gate}, which the newest anchor does not list for the \
                 record's time"
            );
            findings.add(FindingKind::UnlistedGate, index, meaning);
            return;
        };
        if key.verify(record).is_err() {
            let meaning =
                format!("its signature is not by the key that the anchor lists for gate {gate}");
            findings.add(FindingKind::GateSignature, index, meaning);
        }
    }

    fn check_month(&self, index: u64, facts: &Facts, findings: &mut Findings) {
        let expected = self.book.period_for(facts.time_ms);
        let found = facts.period;
        if found == expected {
            return;
        }
        if self.book.closed().is_some_and(|closed| found <= closed) {
            let meaning = format!(
                "the record names {found}, a month that was closed before it: it was dated back"
            );
            findings.add(FindingKind::ClosedMonth, index, meaning);
        } else {
            let meaning = format!("the record names {found}, but its time belongs to {expected}");
            findings.add(FindingKind::Month, index, meaning);
        }
    }

    /// Books an entry; in a closed month it has no place, in anybody's book.
    fn step(&mut self, index: u64, facts: &Facts, commitment: &Commitment) {
        let (period, tag) = (facts.period, facts.tag);
        let before = self.book.slot(period, &tag);
        if self.book.step(period, &tag, index, commitment, 0).is_err() {
            return;
        }
        if self.steps.len() < MAX_STEPS {
            self.steps.push(Step {
                index,
                period,
                tag,
                commitment: *commitment,
                before: before.map_or_else(|| Chain::new(&tag), |slot| slot.chain),
            });
        }
    }

    fn enrol(
        &mut self,
        index: u64,
        enrolment: &Enrolment,
        tags: &[[u8; 32]],
        findings: &mut Findings,
    ) {
        let mut tree = Frontier::new();
        tags.iter().for_each(|tag| tree.append(hash::leaf(tag)));
        let ascends = tags.is_sorted_by(|one, next| one < next);
        if tree.size() != enrolment.count || tree.root() != enrolment.root || !ascends {
            self.is_blinded = true;
            let meaning = format!(
                "the {} tags shown are not the {} that were enrolled",
                tags.len(),
                enrolment.count
            );
            findings.add(FindingKind::Enrolment, index, meaning);
            return;
        }
        for tag in tags {
            let tag = Tag::new(Hash::new(*tag));
            if self.book.enrol(enrolment.period, tag).is_err() {
                let meaning = format!("it enrols into {}, which is closed", enrolment.period);
                findings.add(FindingKind::ClosedMonth, index, meaning);
                return;
            }
        }
    }

    fn take_anchor(
        &mut self,
        index: u64,
        hash: &Hash,
        opening: &Opening<'_>,
        findings: &mut Findings,
    ) {
        let meaning = match opening {
            Opening::Nothing => "the anchor document is not shown".to_owned(),
            Opening::Document(bytes) if hash::sha256(&[bytes]) != *hash.as_bytes() => {
                "the anchor document shown is not the one whose hash stands here".to_owned()
            }
            Opening::Document(bytes) => {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                match Anchor::parse(text) {
                    Ok(anchor) => {
                        self.anchor = Some((anchor, bytes.to_vec()));
                        return;
                    }
                    Err(error) => format!("the anchor document cannot be used: {error}"),
                }
            }
            _ => "what is shown for the anchor is not a document".to_owned(),
        };
        findings.add(FindingKind::Anchor, index, meaning);
    }
}

/// The record that opens a leaf; `None` when it does not.
pub(super) fn opened<'a>(leaf: &Leaf, opening: &Opening<'a>) -> Option<&'a [u8]> {
    let Opening::Record { salt, record } = opening else {
        return None;
    };
    (leaf.commitment() == Some(&Commitment::of(salt, record))).then_some(record)
}

fn check_kind(index: u64, leaf: &Leaf, facts: &Facts, findings: &mut Findings) {
    let (fits, leaf) = match leaf {
        Leaf::Sealed { .. } => (facts.kind == RecordKind::Sealed, "a sealed access"),
        Leaf::Unseal { .. } => (facts.kind == RecordKind::Opened, "an unseal"),
        _ => (
            matches!(facts.kind, RecordKind::Access | RecordKind::Outcome),
            "an access",
        ),
    };
    if !fits {
        let record = match facts.kind {
            RecordKind::Access => "an access",
            RecordKind::Outcome => "an outcome",
            RecordKind::Sealed => "a sealed access",
            RecordKind::Opened => "an opened access",
        };
        let meaning = format!("the leaf is of {leaf}, the record behind it of {record}");
        findings.add(FindingKind::Record, index, meaning);
    }
}
