//! A small operator: a log with what opens its leaves, honest unless told otherwise.

use kepil_ledger::anchor::{Anchor, policy_hash};
use kepil_ledger::audit::{Opening, Replay};
use kepil_ledger::book::Book;
use kepil_ledger::entry::{
    Commitment, EmbargoExtension, Enrolment, ErasureDegree, ErasureNotice, KeepingBack,
    KeepingKind, Leaf,
};
use kepil_ledger::hash;
use kepil_ledger::payload::Payload;
use kepil_ledger::period::Period;
use kepil_ledger::person::{PersonKeys, Tag};
use kepil_ledger::record::{DecisionCode, GateSigner, RecordKind};
use kepil_ledger::row::{Outline, Row, RowSecrets};
use kepil_ledger::tree::Frontier;

/// Noon of 29 November 2026.
pub const START: u64 = 1_795_953_600;

/// One leaf with what opens it; nothing after its row was erased.
#[derive(Debug, Clone)]
pub struct Entry {
    pub leaf: Vec<u8>,
    pub opening: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct World {
    pub entries: Vec<Entry>,
    pub rows: Vec<(u64, Row)>,
    pub book: Book,
    pub now: u64,
    pub gate: GateSigner,
}

pub fn person(number: u8) -> PersonKeys {
    PersonKeys::new([number; 32])
}

/// An index as a place in a list.
pub fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

pub fn month(number: u32) -> Period {
    Period::new(number).unwrap()
}

impl World {
    /// A log with nothing in it.
    pub fn empty() -> Self {
        Self {
            entries: Vec::new(),
            rows: Vec::new(),
            book: Book::new(),
            now: START,
            gate: GateSigner::from_seed(7, &[0x05; 32]),
        }
    }

    /// A log that begins with an anchor and five persons enrolled.
    pub fn new() -> Self {
        let mut world = Self::empty();
        world.anchor(&world.gates(&[(0, &world.gate.clone())]));
        world.enrol(&[1, 2, 3, 4, 5]);
        world
    }

    pub fn gates(&self, gates: &[(u64, &GateSigner)]) -> Anchor {
        Anchor {
            law: "5a".repeat(32),
            gates: gates
                .iter()
                .map(|(from, gate)| (*from, gate.public()))
                .collect(),
            policy: Some(policy_hash(b"policy")),
            next_log_keys: Vec::new(),
        }
    }

    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub fn push(&mut self, leaf: &Leaf, opening: Vec<u8>) -> u64 {
        self.entries.push(Entry {
            leaf: leaf.to_bytes(),
            opening,
        });
        self.len() - 1
    }

    pub fn anchor(&mut self, anchor: &Anchor) -> u64 {
        let document = anchor.to_string().into_bytes();
        self.push(&Leaf::PolicyAnchor(anchor.hash()), document)
    }

    pub fn enrol(&mut self, numbers: &[u8]) -> u64 {
        let period = self.book.period_for(self.now * 1000);
        let mut tags: Vec<Tag> = numbers.iter().map(|n| person(*n).tag(period)).collect();
        tags.sort_unstable();
        let mut tree = Frontier::new();
        for tag in &tags {
            tree.append(hash::leaf(tag.as_bytes()));
            self.book.enrol(period, *tag).unwrap();
        }
        let leaf = Leaf::Enrolment(Enrolment {
            period,
            count: tree.size(),
            root: tree.root(),
        });
        let tags: Vec<[u8; 32]> = tags.iter().map(|tag| *tag.as_bytes()).collect();
        self.push(&leaf, tags.concat())
    }

    /// A row about a person, now.
    pub fn row(&self, kind: RecordKind, number: u8) -> Row {
        let time_ms = self.now * 1000;
        self.row_at(kind, number, time_ms, self.book.period_for(time_ms))
    }

    pub fn row_at(&self, kind: RecordKind, number: u8, time_ms: u64, period: Period) -> Row {
        let payload = Payload {
            at_ms: time_ms,
            system: "KZ-TAX-01".to_owned(),
            ..Payload::default()
        };
        let outline = Outline {
            kind,
            period,
            time_ms,
            decision: DecisionCode::Permit,
            purpose: 3,
        };
        // One salt for one entry.
        let seed = *hash::leaf(&self.len().to_be_bytes()).as_bytes();
        let secrets = RowSecrets {
            salt: seed,
            blind: seed,
            nonce: [7; 24],
        };
        Row::seal(&self.gate, &person(number), outline, payload, &secrets)
    }

    /// Logs a row without a place in the map.
    pub fn push_row(&mut self, leaf: &Leaf, row: Row) -> u64 {
        let opening = [row.salt.as_slice(), &row.record.to_bytes()].concat();
        self.rows.push((self.len(), row));
        self.push(leaf, opening)
    }

    /// Logs a row and books it.
    pub fn book_row(&mut self, leaf: &Leaf, row: Row) -> u64 {
        let facts = row.record.facts;
        let index = self.push_row(leaf, row);
        let commitment = leaf.chained().unwrap();
        let _ = self
            .book
            .step(facts.period, &facts.tag, index, commitment, 0);
        index
    }

    pub fn access(&mut self, number: u8) -> u64 {
        let row = self.row(RecordKind::Access, number);
        self.book_row(&Leaf::Access(row.commitment()), row)
    }

    pub fn sealed(&mut self, number: u8, embargo: Period) -> u64 {
        let row = self.row(RecordKind::Sealed, number);
        let leaf = Leaf::Sealed {
            commitment: row.commitment(),
            embargo,
        };
        self.push_row(&leaf, row)
    }

    pub fn unseal(&mut self, sealed: u64, number: u8) -> u64 {
        let row = self.row(RecordKind::Opened, number);
        let leaf = Leaf::Unseal {
            sealed,
            commitment: row.commitment(),
        };
        self.book_row(&leaf, row)
    }

    pub fn extend(&mut self, sealed: u64, embargo: Period) -> u64 {
        let leaf = Leaf::EmbargoExtension(EmbargoExtension {
            sealed,
            embargo,
            order: Commitment::of(&[1; 32], b"order"),
        });
        self.push(&leaf, Vec::new())
    }

    pub fn keep_back(&mut self, kind: KeepingKind, index: u64) -> u64 {
        let leaf = Leaf::KeepingBack(KeepingBack {
            kind,
            index,
            until: 0,
            ground: Commitment::of(&[1; 32], b"ground"),
        });
        self.push(&leaf, Vec::new())
    }

    /// Logs a notice; the rows themselves are taken away by [`World::forget`].
    pub fn notice(&mut self, degree: ErasureDegree, first: u64, last: u64, rows: u32) -> u64 {
        let leaf = Leaf::Erasure(ErasureNotice {
            degree,
            first,
            last,
            rows,
            basis: Commitment::of(&[1; 32], b"basis"),
        });
        self.push(&leaf, Vec::new())
    }

    pub fn forget(&mut self, index: u64) {
        self.entries[place(index)].opening.clear();
    }

    pub fn head(&mut self) -> u64 {
        let (head, _) = self.book.head(self.len(), self.now);
        self.push(&Leaf::MapHead(head), Vec::new())
    }

    /// Replays everything; each map head ends a checkpoint.
    pub fn replay(&self) -> Replay {
        let mut replay = Replay::new();
        self.go_on(&mut replay);
        replay
    }

    /// Takes what the replay has not seen yet.
    pub fn go_on(&self, replay: &mut Replay) {
        for entry in self.entries.iter().skip(place(replay.size())) {
            replay.take(&entry.leaf, &Opening::read(&entry.leaf, &entry.opening));
            if entry.leaf[0] == 2 {
                replay.publish();
            }
        }
    }

    pub fn reread(&self, replay: &mut Replay, index: u64) {
        let entry = &self.entries[place(index)];
        let opening = Opening::read(&entry.leaf, &entry.opening);
        replay.reread(index, &entry.leaf, &opening);
    }
}
