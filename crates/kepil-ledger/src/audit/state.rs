//! A replay's state as bytes, to be kept or handed to another auditor.
//!
//! `"kepil-audit/v1\n"`, the fields in the order they are written below, and the SHA-256
//! of all bytes before it. Lists are preceded by their number as `u64`.

use std::collections::{BTreeMap, BTreeSet};

use super::Replay;
use super::erasures::{Erasures, Wide};
use super::finding::{Finding, FindingKind, Findings};
use super::kinds::Kinds;
use super::public::{Counters, LastHead, Public, SealedLeaf};
use super::ranges::Ranges;
use super::records::{Records, Step};
use crate::anchor::Anchor;
use crate::book::Book;
use crate::chain::Chain;
use crate::entry::{Commitment, ErasureDegree};
use crate::fields::Fields;
use crate::hash::{self, HASH_BYTES, Hash};
use crate::map::{Map, Slot};
use crate::period::Period;
use crate::person::Tag;
use crate::tree::Frontier;

const FIRST_LINE: &[u8] = b"kepil-audit/v1\n";

/// Why bytes are not the state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// They do not begin as one.
    #[error("reading the state of an audit: it is none, or of another version")]
    Version,
    /// They were cut or changed.
    #[error("reading the state of an audit: it was cut or changed")]
    Checksum,
    /// The checksum is right and the content impossible.
    #[error("reading the state of an audit: it is not of its form")]
    Malformed,
}

impl Replay {
    /// The state as bytes; the same state gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer(FIRST_LINE.to_vec());
        to.public(&self.public);
        to.findings(&self.findings);
        match &self.records {
            None => to.u8(0),
            Some(records) => {
                to.u8(1);
                to.records(records);
            }
        }
        let checksum = hash::sha256(&[&to.0]);
        to.bytes(&checksum);
        to.0
    }

    /// Reads what [`Replay::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// When the bytes are of another version, damaged, or impossible.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateError> {
        if !bytes.starts_with(FIRST_LINE) {
            return Err(StateError::Version);
        }
        let (content, checksum) = bytes
            .split_last_chunk::<HASH_BYTES>()
            .ok_or(StateError::Checksum)?;
        if hash::sha256(&[content]) != *checksum {
            return Err(StateError::Checksum);
        }
        let mut from = Fields::new(content);
        from.bytes(FIRST_LINE.len()).ok_or(StateError::Version)?;
        read(&mut from)
            .filter(|_| from.is_empty())
            .ok_or(StateError::Malformed)
    }
}

/// Writes fields one after the other.
struct Writer(Vec<u8>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    fn len(&mut self, length: usize) {
        // INVARIANT: no list in memory is longer.
        self.u64(u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn text(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.bytes(bytes);
    }

    fn chain(&mut self, chain: &Chain) {
        self.u32(chain.count);
        self.bytes(chain.head.as_bytes());
    }

    fn indexes(&mut self, indexes: &BTreeSet<u64>) {
        self.len(indexes.len());
        indexes.iter().for_each(|index| self.u64(*index));
    }

    fn periods(&mut self, periods: &BTreeSet<Period>) {
        self.len(periods.len());
        periods.iter().for_each(|period| self.u32(period.number()));
    }

    fn ranges(&mut self, ranges: &Ranges) {
        self.len(ranges.iter().count());
        for (first, last) in ranges.iter() {
            self.u64(first);
            self.u64(last);
        }
    }

    fn public(&mut self, public: &Public) {
        self.u64(public.frontier.size());
        for part in public.frontier.parts() {
            self.bytes(part.as_bytes());
        }
        public.kinds.words().iter().for_each(|word| self.u64(*word));
        numbers(&public.counters)
            .iter()
            .for_each(|number| self.u64(*number));
        self.len(public.sealed.len());
        for (index, leaf) in &public.sealed {
            self.u64(*index);
            self.u32(leaf.embargo.number());
            self.u8(u8::from(leaf.is_overdue));
        }
        let erasures = &public.erasures;
        self.ranges(&erasures.erased);
        self.len(erasures.wide.len());
        for wide in &erasures.wide {
            self.u8(wide.degree as u8);
            self.u64(wide.first);
            self.u64(wide.last);
            self.u32(wide.rows);
        }
        self.indexes(&erasures.absent);
        self.indexes(&erasures.unenrolled);
        self.ranges(&erasures.to_reread);
        self.indexes(&erasures.flagged);
        self.u8(u8::from(public.head.is_some()));
        if let Some(head) = public.head {
            self.u64(head.index);
            self.u64(head.covers);
            self.u64(head.time);
        }
        self.u64(public.published);
    }

    fn findings(&mut self, findings: &Findings) {
        self.u64(findings.not_listed);
        self.u64(findings.lasting);
        self.len(findings.listed.len());
        for finding in &findings.listed {
            self.u8(finding.kind as u8);
            self.u64(finding.entry);
            self.text(finding.meaning.as_bytes());
        }
    }

    fn records(&mut self, records: &Records) {
        let document = records.anchor.as_ref().map(|(_, bytes)| bytes.as_slice());
        // A document is never empty.
        self.text(document.unwrap_or_default());
        self.periods(&records.blind);
        self.u8(u8::from(records.is_blinded));
        self.periods(&records.differing);
        self.u64(records.late);
        self.len(records.steps.len());
        for step in &records.steps {
            self.u64(step.index);
            self.u32(step.period.number());
            self.bytes(step.tag.as_bytes());
            self.bytes(step.commitment.as_hash().as_bytes());
            self.chain(&step.before);
        }
        self.u32(records.book.closed().map_or(0, Period::number));
        self.len(records.book.months().count());
        for (period, map) in records.book.months() {
            self.u32(period.number());
            self.len(map.persons());
            for (tag, slot) in map.iter() {
                self.bytes(tag.as_bytes());
                self.chain(&slot.chain);
            }
        }
    }
}

const fn numbers(counters: &Counters) -> [u64; 12] {
    [
        counters.accesses,
        counters.sealed,
        counters.sealed_now,
        counters.overdue,
        counters.extended,
        counters.opened,
        counters.erased_rows,
        counters.deferred,
        counters.withheld,
        counters.enrolled,
        counters.anchors,
        counters.heads,
    ]
}

fn counters(from: &mut Fields<'_>) -> Option<Counters> {
    Some(Counters {
        accesses: from.u64()?,
        sealed: from.u64()?,
        sealed_now: from.u64()?,
        overdue: from.u64()?,
        extended: from.u64()?,
        opened: from.u64()?,
        erased_rows: from.u64()?,
        deferred: from.u64()?,
        withheld: from.u64()?,
        enrolled: from.u64()?,
        anchors: from.u64()?,
        heads: from.u64()?,
    })
}

fn read(from: &mut Fields<'_>) -> Option<Replay> {
    Some(Replay {
        public: public(from)?,
        findings: findings(from)?,
        records: if flag(from)? {
            Some(records(from)?)
        } else {
            None
        },
    })
}

fn flag(from: &mut Fields<'_>) -> Option<bool> {
    match from.u8()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Reads a list; the number is believed only as far as there are bytes.
fn list<'a, T>(
    from: &mut Fields<'a>,
    mut one: impl FnMut(&mut Fields<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let length = from.u64()?;
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(one(from)?);
    }
    Some(items)
}

fn text<'a>(from: &mut Fields<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(from.u64()?).ok()?;
    from.bytes(length)
}

fn hash_of(from: &mut Fields<'_>) -> Option<Hash> {
    from.array().map(Hash::new)
}

fn period(from: &mut Fields<'_>) -> Option<Period> {
    Period::new(from.u32()?)
}

fn chain(from: &mut Fields<'_>) -> Option<Chain> {
    Some(Chain {
        count: from.u32()?,
        head: hash_of(from)?,
    })
}

fn ranges(from: &mut Fields<'_>) -> Option<Ranges> {
    let mut ranges = Ranges::default();
    let stretches = list(from, |from| {
        let (first, last) = (from.u64()?, from.u64()?);
        (first <= last).then_some((first, last))
    })?;
    for (first, last) in stretches {
        ranges.insert(first, last);
    }
    Some(ranges)
}

fn public(from: &mut Fields<'_>) -> Option<Public> {
    let size = from.u64()?;
    let mut parts = Vec::new();
    for _ in 0..size.count_ones() {
        parts.push(hash_of(from)?);
    }
    let words = from.bytes(usize::try_from(size.div_ceil(32)).ok()?.checked_mul(8)?)?;
    let (words, _) = words.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_be_bytes(*word)).collect();
    let counters = counters(from)?;
    let sealed: BTreeMap<u64, SealedLeaf> = list(from, |from| {
        let index = from.u64()?;
        let leaf = SealedLeaf {
            embargo: period(from)?,
            is_overdue: flag(from)?,
        };
        Some((index, leaf))
    })?
    .into_iter()
    .collect();
    let waiting = sealed
        .iter()
        .filter(|(_, leaf)| !leaf.is_overdue)
        .map(|(index, leaf)| (leaf.embargo, *index))
        .collect();
    let overdue = sealed.values().filter(|leaf| leaf.is_overdue).count();
    // The counters follow from the list; taking them apart must not go below zero.
    let fits = u64::try_from(sealed.len()) == Ok(counters.sealed_now)
        && u64::try_from(overdue) == Ok(counters.overdue);
    if !fits {
        return None;
    }
    let erasures = Erasures {
        erased: ranges(from)?,
        wide: list(from, wide)?,
        absent: list(from, Fields::u64)?.into_iter().collect(),
        unenrolled: list(from, Fields::u64)?.into_iter().collect(),
        to_reread: ranges(from)?,
        flagged: list(from, Fields::u64)?.into_iter().collect(),
    };
    let head = if flag(from)? {
        Some(LastHead {
            index: from.u64()?,
            covers: from.u64()?,
            time: from.u64()?,
        })
    } else {
        None
    };
    Some(Public {
        frontier: Frontier::resume(size, parts)?,
        kinds: Kinds::resume(size, words)?,
        counters,
        sealed,
        waiting,
        erasures,
        head,
        published: from.u64()?,
    })
}

fn wide(from: &mut Fields<'_>) -> Option<Wide> {
    let degree = match from.u8()? {
        2 => ErasureDegree::Person,
        3 => ErasureDegree::Month,
        _ => return None,
    };
    Some(Wide {
        degree,
        first: from.u64()?,
        last: from.u64()?,
        rows: from.u32()?,
    })
}

fn findings(from: &mut Fields<'_>) -> Option<Findings> {
    Some(Findings {
        not_listed: from.u64()?,
        lasting: from.u64()?,
        listed: list(from, |from| {
            Some(Finding {
                kind: FindingKind::from_code(from.u8()?)?,
                entry: from.u64()?,
                meaning: String::from_utf8(text(from)?.to_vec()).ok()?,
            })
        })?,
    })
}

fn records(from: &mut Fields<'_>) -> Option<Records> {
    let anchor = match text(from)? {
        [] => None,
        bytes => {
            let text = std::str::from_utf8(bytes).ok()?;
            Some((Anchor::parse(text).ok()?, bytes.to_vec()))
        }
    };
    let blind = list(from, period)?.into_iter().collect();
    let is_blinded = flag(from)?;
    let differing = list(from, period)?.into_iter().collect();
    let late = from.u64()?;
    let steps = list(from, |from| {
        Some(Step {
            index: from.u64()?,
            period: period(from)?,
            tag: Tag::new(hash_of(from)?),
            commitment: Commitment::from_hash(hash_of(from)?),
            before: chain(from)?,
        })
    })?;
    let closed = match from.u32()? {
        0 => None,
        number => Some(Period::new(number)?),
    };
    let mut open = BTreeMap::new();
    for (period, map) in list(from, month)? {
        if open.insert(period, map).is_some() {
            return None;
        }
    }
    Some(Records {
        book: Book::resume(open, closed),
        anchor,
        blind,
        is_blinded,
        differing,
        steps,
        late,
    })
}

fn month(from: &mut Fields<'_>) -> Option<(Period, Map)> {
    let period = period(from)?;
    let persons = list(from, |from| {
        let tag = Tag::new(hash_of(from)?);
        let slot = Slot {
            chain: chain(from)?,
            note: 0,
        };
        Some((tag, slot))
    })?;
    let ascends = persons.is_sorted_by(|(one, _), (next, _)| one < next);
    let (tags, slots) = persons.into_iter().unzip();
    ascends.then(|| (period, Map::from_sorted(tags, slots)))
}
