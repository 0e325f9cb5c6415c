//! The layouts of leaves.

use super::{ACCESS_LEAF_BYTES, Commitment, Leaf, LeafError, LeafKind};
use crate::fields::Fields;
use crate::hash::{HASH_BYTES, Hash};
use crate::period::Period;
use crate::person::Tag;
use crate::tree::Frontier;

impl Enrolment {
    /// The enrolment of tags in ascending order.
    #[must_use]
    pub fn of(period: Period, tags: &[Tag]) -> Self {
        let mut tree = Frontier::new();
        tags.iter()
            .for_each(|tag| tree.append(crate::hash::leaf(tag.as_bytes())));
        Self {
            period,
            count: tree.size(),
            root: tree.root(),
        }
    }
}

/// One month in a map head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapRow {
    /// The month.
    pub period: Period,
    /// Root of its map.
    pub root: Hash,
}

/// Roots of the months' maps over all leaves before this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapHead {
    /// Number of leaves covered, which is the index of this leaf.
    pub covers: u64,
    /// Unix seconds.
    pub time: u64,
    /// Months, newest first. INVARIANT: descending, at least one.
    rows: Vec<MapRow>,
}

/// Tags that were enrolled in a month's map at count 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolment {
    /// The month.
    pub period: Period,
    /// Number of tags.
    pub count: u64,
    /// Tree hash over the tags, ascending, each a leaf.
    pub root: Hash,
}

/// How far an erasure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ErasureDegree {
    /// Single rows.
    Row = 1,
    /// A person's key: a whole history.
    Person = 2,
    /// All rows and the map of a month.
    Month = 3,
}

/// Rows were erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureNotice {
    /// How far it goes.
    pub degree: ErasureDegree,
    /// Index of the first row.
    pub first: u64,
    /// Index of the last row.
    pub last: u64,
    /// Number of rows.
    pub rows: u32,
    /// Commitment to the legal basis.
    pub basis: Commitment,
}

/// Why the content of an entry is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum KeepingKind {
    /// A judge put the notice off.
    Deferred = 1,
    /// A third person's secrecy forbids showing it.
    Withheld = 2,
}

/// The content of an entry is kept back from its person; the entry itself stays in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepingBack {
    /// Why.
    pub kind: KeepingKind,
    /// Index of the access.
    pub index: u64,
    /// Until when, Unix seconds; 0 where no day is set.
    pub until: u64,
    /// Commitment to the ground.
    pub ground: Commitment,
}

/// A sealed use stays sealed for longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbargoExtension {
    /// Index of the sealed leaf.
    pub sealed: u64,
    /// The new month at whose end it opens.
    pub embargo: Period,
    /// Commitment to the order.
    pub order: Commitment,
}

impl MapHead {
    /// Makes a head; `None` unless the months descend and there is at least one.
    #[must_use]
    pub fn new(covers: u64, time: u64, rows: Vec<MapRow>) -> Option<Self> {
        let descends = rows
            .windows(2)
            .all(|pair| matches!(pair, [newer, older] if newer.period > older.period));
        (descends && !rows.is_empty() && rows.len() <= MAX_ROWS).then_some(Self {
            covers,
            time,
            rows,
        })
    }

    /// A head with one month that has no persons.
    #[must_use]
    pub fn of(covers: u64, time: u64, period: Period) -> Self {
        let root = Hash::new([0; HASH_BYTES]);
        Self {
            covers,
            time,
            rows: vec![MapRow { period, root }],
        }
    }

    /// The months it lists, newest first.
    #[must_use]
    pub fn rows(&self) -> &[MapRow] {
        &self.rows
    }

    /// Root of a month's map, `None` when the month is not listed.
    #[must_use]
    pub fn root_of(&self, period: Period) -> Option<&Hash> {
        let row = self.rows.iter().find(|row| row.period == period)?;
        Some(&row.root)
    }
}

/// Most months one head lists, so that a leaf stays short.
const MAX_ROWS: usize = 1200;

impl Leaf {
    /// Reads a leaf; unknown types and wrong lengths are refused, never skipped.
    ///
    /// # Errors
    ///
    /// When the type is unknown or reserved, or length or content are not the type's.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let (&code, rest) = bytes.split_first().ok_or(LeafError::Empty)?;
        let kind = LeafKind::from_code(code).ok_or(LeafError::UnknownKind { code })?;
        if kind == LeafKind::ShardLink {
            return Err(LeafError::Reserved { kind });
        }
        let mut fields = Fields::new(rest);
        let leaf = Self::fields(kind, &mut fields);
        match leaf {
            Some(_) if !fields.is_empty() => Err(LeafError::Length {
                kind,
                found: bytes.len(),
            }),
            Some(Ok(leaf)) => Ok(leaf),
            Some(Err(field)) => Err(LeafError::Field { kind, field }),
            None => Err(LeafError::Length {
                kind,
                found: bytes.len(),
            }),
        }
    }

    /// `None` when a field is missing; an inner error when one is impossible.
    fn fields(kind: LeafKind, fields: &mut Fields<'_>) -> Option<Result<Self, &'static str>> {
        Some(match kind {
            LeafKind::Access => Ok(Self::Access(commitment(fields)?)),
            LeafKind::MapHead => map_head(fields)?.map(Self::MapHead),
            LeafKind::Enrolment => {
                let (number, count, root) = (fields.u32()?, fields.u64()?, hash(fields)?);
                period(number).map(|period| {
                    Self::Enrolment(Enrolment {
                        period,
                        count,
                        root,
                    })
                })
            }
            LeafKind::Sealed => {
                let (commitment, number) = (commitment(fields)?, fields.u32()?);
                period(number).map(|embargo| Self::Sealed {
                    commitment,
                    embargo,
                })
            }
            LeafKind::Unseal => Ok(Self::Unseal {
                sealed: fields.u64()?,
                commitment: commitment(fields)?,
            }),
            LeafKind::Erasure => {
                let (degree, first, last) = (fields.u8()?, fields.u64()?, fields.u64()?);
                let (rows, basis) = (fields.u32()?, commitment(fields)?);
                let degree = match degree {
                    1 => ErasureDegree::Row,
                    2 => ErasureDegree::Person,
                    3 => ErasureDegree::Month,
                    _ => return Some(Err("degree")),
                };
                // A notice that names more rows than lie in its range says nothing.
                let fits = last >= first && (last - first).saturating_add(1) >= u64::from(rows);
                if fits && rows > 0 {
                    Ok(Self::Erasure(ErasureNotice {
                        degree,
                        first,
                        last,
                        rows,
                        basis,
                    }))
                } else {
                    Err("number of rows")
                }
            }
            LeafKind::PolicyAnchor => Ok(Self::PolicyAnchor(hash(fields)?)),
            LeafKind::KeepingBack => {
                let (kind, index, until) = (fields.u8()?, fields.u64()?, fields.u64()?);
                let ground = commitment(fields)?;
                let kind = match kind {
                    1 => KeepingKind::Deferred,
                    2 => KeepingKind::Withheld,
                    _ => return Some(Err("kind")),
                };
                Ok(Self::KeepingBack(KeepingBack {
                    kind,
                    index,
                    until,
                    ground,
                }))
            }
            LeafKind::EmbargoExtension => {
                let (sealed, number) = (fields.u64()?, fields.u32()?);
                let order = commitment(fields)?;
                period(number).map(|embargo| {
                    Self::EmbargoExtension(EmbargoExtension {
                        sealed,
                        embargo,
                        order,
                    })
                })
            }
            LeafKind::ShardLink => return None,
        })
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> LeafKind {
        match self {
            Self::Access(_) => LeafKind::Access,
            Self::MapHead(_) => LeafKind::MapHead,
            Self::Enrolment(_) => LeafKind::Enrolment,
            Self::Sealed { .. } => LeafKind::Sealed,
            Self::Unseal { .. } => LeafKind::Unseal,
            Self::Erasure(_) => LeafKind::Erasure,
            Self::PolicyAnchor(_) => LeafKind::PolicyAnchor,
            Self::KeepingBack(_) => LeafKind::KeepingBack,
            Self::EmbargoExtension(_) => LeafKind::EmbargoExtension,
        }
    }

    /// The bytes that stand in the log.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ACCESS_LEAF_BYTES + HASH_BYTES);
        bytes.push(self.kind() as u8);
        let mut put = |part: &[u8]| bytes.extend_from_slice(part);
        match self {
            Self::Access(commitment) => put(commitment.as_hash().as_bytes()),
            Self::MapHead(head) => {
                let (first, rest) = head
                    .rows
                    .split_first()
                    .map_or((None, &[][..]), |(f, r)| (Some(f), r));
                if let Some(first) = first {
                    put(&first.period.number().to_be_bytes());
                    put(&head.covers.to_be_bytes());
                    put(&head.time.to_be_bytes());
                    put(first.root.as_bytes());
                }
                for row in rest {
                    put(&row.period.number().to_be_bytes());
                    put(row.root.as_bytes());
                }
            }
            Self::Enrolment(enrolment) => {
                put(&enrolment.period.number().to_be_bytes());
                put(&enrolment.count.to_be_bytes());
                put(enrolment.root.as_bytes());
            }
            Self::Sealed {
                commitment,
                embargo,
            } => {
                put(commitment.as_hash().as_bytes());
                put(&embargo.number().to_be_bytes());
            }
            Self::Unseal { sealed, commitment } => {
                put(&sealed.to_be_bytes());
                put(commitment.as_hash().as_bytes());
            }
            Self::Erasure(notice) => {
                put(&[notice.degree as u8]);
                put(&notice.first.to_be_bytes());
                put(&notice.last.to_be_bytes());
                put(&notice.rows.to_be_bytes());
                put(notice.basis.as_hash().as_bytes());
            }
            Self::PolicyAnchor(hash) => put(hash.as_bytes()),
            Self::KeepingBack(kept) => {
                put(&[kept.kind as u8]);
                put(&kept.index.to_be_bytes());
                put(&kept.until.to_be_bytes());
                put(kept.ground.as_hash().as_bytes());
            }
            Self::EmbargoExtension(extension) => {
                put(&extension.sealed.to_be_bytes());
                put(&extension.embargo.number().to_be_bytes());
                put(extension.order.as_hash().as_bytes());
            }
        }
        bytes
    }
}

fn hash(fields: &mut Fields<'_>) -> Option<Hash> {
    fields.array().map(Hash::new)
}

fn commitment(fields: &mut Fields<'_>) -> Option<Commitment> {
    hash(fields).map(Commitment::from_hash)
}

fn period(number: u32) -> Result<Period, &'static str> {
    Period::new(number).ok_or("month")
}

fn map_head(fields: &mut Fields<'_>) -> Option<Result<MapHead, &'static str>> {
    let (number, covers, time) = (fields.u32()?, fields.u64()?, fields.u64()?);
    let mut listed = vec![(number, hash(fields)?)];
    while !fields.is_empty() {
        listed.push((fields.u32()?, hash(fields)?));
    }
    let rows = listed
        .into_iter()
        .map(|(number, root)| period(number).map(|period| MapRow { period, root }))
        .collect::<Result<Vec<_>, _>>();
    Some(rows.and_then(|rows| MapHead::new(covers, time, rows).ok_or("order of months")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves() -> Vec<(usize, Leaf)> {
        let (hash, period) = (Hash::new([7; 32]), Period::new(202_611).unwrap());
        let commitment = Commitment::from_hash(hash);
        let older = Period::new(202_610).unwrap();
        let rows = |periods: &[Period]| {
            let rows = periods.iter().map(|period| MapRow {
                period: *period,
                root: hash,
            });
            MapHead::new(9, 10, rows.collect()).unwrap()
        };
        vec![
            (33, Leaf::Access(commitment)),
            (53, Leaf::MapHead(rows(&[period]))),
            (89, Leaf::MapHead(rows(&[period, older]))),
            (
                45,
                Leaf::Enrolment(Enrolment {
                    period,
                    count: 3,
                    root: hash,
                }),
            ),
            (
                37,
                Leaf::Sealed {
                    commitment,
                    embargo: period,
                },
            ),
            (
                41,
                Leaf::Unseal {
                    sealed: 4,
                    commitment,
                },
            ),
            (
                54,
                Leaf::Erasure(ErasureNotice {
                    degree: ErasureDegree::Row,
                    first: 3,
                    last: 5,
                    rows: 3,
                    basis: commitment,
                }),
            ),
            (33, Leaf::PolicyAnchor(hash)),
            (
                50,
                Leaf::KeepingBack(KeepingBack {
                    kind: KeepingKind::Withheld,
                    index: 4,
                    until: 0,
                    ground: commitment,
                }),
            ),
            (
                45,
                Leaf::EmbargoExtension(EmbargoExtension {
                    sealed: 4,
                    embargo: period,
                    order: commitment,
                }),
            ),
        ]
    }

    #[test]
    fn every_kind_has_its_length_and_round_trips() {
        for (length, leaf) in leaves() {
            let bytes = leaf.to_bytes();
            assert_eq!(bytes.len(), length, "{leaf:?}");
            assert_eq!(Leaf::parse(&bytes).as_ref(), Ok(&leaf));
            assert!(Leaf::parse(&bytes[..length - 1]).is_err());
            let longer = [bytes.as_slice(), &[0]].concat();
            assert!(Leaf::parse(&longer).is_err(), "{leaf:?}");
        }
        assert_eq!(Leaf::parse(&[]), Err(LeafError::Empty));
        assert_eq!(
            Leaf::parse(&[0x0B; 33]),
            Err(LeafError::UnknownKind { code: 0x0B })
        );
        let reserved = Err(LeafError::Reserved {
            kind: LeafKind::ShardLink,
        });
        assert_eq!(Leaf::parse(&[0x08; 33]), reserved);
    }

    #[test]
    fn impossible_fields_are_refused() {
        let root = Hash::new([1; 32]);
        let period = |number| Period::new(number).unwrap();
        let row = |number| MapRow {
            period: period(number),
            root,
        };
        assert_eq!(MapHead::new(0, 0, vec![]), None);
        assert_eq!(MapHead::new(0, 0, vec![row(202_610), row(202_611)]), None);
        assert_eq!(MapHead::new(0, 0, vec![row(202_610), row(202_610)]), None);
        let mut sealed = Leaf::Sealed {
            commitment: Commitment::from_hash(root),
            embargo: period(202_611),
        }
        .to_bytes();
        sealed[36] += 12;
        assert!(matches!(
            Leaf::parse(&sealed),
            Err(LeafError::Field { field: "month", .. })
        ));
        let notice = |first, last, rows| {
            Leaf::Erasure(ErasureNotice {
                degree: ErasureDegree::Row,
                first,
                last,
                rows,
                basis: Commitment::from_hash(root),
            })
            .to_bytes()
        };
        assert!(Leaf::parse(&notice(0, u64::MAX, 2)).is_ok());
        for (first, last, rows) in [(5, 4, 1), (5, 6, 3), (5, 6, 0)] {
            assert!(Leaf::parse(&notice(first, last, rows)).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_again(bytes in prop::collection::vec(any::<u8>(), 0..120), code in 0u8..12) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = code;
            }
            if let Ok(leaf) = Leaf::parse(&bytes) {
                prop_assert_eq!(leaf.to_bytes(), bytes);
            }
        }
    }
}
