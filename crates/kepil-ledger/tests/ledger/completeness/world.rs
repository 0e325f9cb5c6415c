//! A small log made from fixed seeds, and proofs about it.

use kepil_ledger::anchor::{Anchor, policy_hash};
use kepil_ledger::book::Book;
use kepil_ledger::checkpoint::Checkpoint;
use kepil_ledger::completeness::{Completeness, NoticeProof, RowProof, ShownRow};
use kepil_ledger::cosignature::Cosigner;
use kepil_ledger::entry::Leaf;
use kepil_ledger::hash::Hash;
use kepil_ledger::note::{KeyName, Signer};
use kepil_ledger::payload::Payload;
use kepil_ledger::period::Period;
use kepil_ledger::person::PersonKeys;
use kepil_ledger::proof::TlogProof;
use kepil_ledger::record::{DecisionCode, GateSigner, RecordKind, purpose_class};
use kepil_ledger::row::{Outline, Row, RowSecrets};
use kepil_ledger::tree::{MemoryTree, inclusion_path};

pub const NOW: u64 = 1_795_000_000; // 18 November 2026
pub const SECRET_A: [u8; 32] = [0xa1; 32];
pub const SECRET_B: [u8; 32] = [0xa2; 32];

pub fn period() -> Period {
    Period::of_secs(NOW)
}

pub fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

/// The keys of everybody who signs.
pub struct Signers {
    pub log: Signer,
    pub gate: GateSigner,
    pub cosigners: Vec<Cosigner>,
}

impl Signers {
    pub fn new() -> Self {
        let cosigner = |of: &str, seed| Cosigner::from_ed25519_seed(name(of), &[seed; 32]);
        Self {
            log: Signer::from_seed(name("log.example/kepil"), &[0x01; 32]),
            gate: GateSigner::from_seed(7, &[0x05; 32]),
            cosigners: vec![
                cosigner("w0.example", 0x0a),
                cosigner("w1.example", 0x0b),
                cosigner("w2.example", 0x0c),
                cosigner("ombudsman.example", 0x0d),
            ],
        }
    }

    pub fn policy(&self) -> String {
        let [w0, w1, w2, auditor] = [0, 1, 2, 3].map(|at| self.cosigners[at].key().to_string());
        format!(
            "log {}\nwitness w0 {w0}\nwitness w1 {w1}\nwitness w2 {w2}\nwitness auditor {auditor}\n\
             group witnesses 2 w0 w1 w2\ngroup both all witnesses auditor\nquorum both\n",
            self.log.verifying_key()
        )
    }

    pub fn anchor(&self) -> Anchor {
        Anchor {
            law: "5a".repeat(32),
            gates: vec![(1_700_000_000_000, self.gate.public())],
            policy: Some(policy_hash(self.policy().as_bytes())),
            next_log_keys: Vec::new(),
        }
    }

    /// A checkpoint with the log's signature and cosignatures at the times given.
    pub fn sign(&self, checkpoint: &Checkpoint, times: &[(usize, u64)]) -> String {
        let mut text = checkpoint.sign(&self.log);
        for (at, time) in times {
            let line = self.cosigners[*at].sign(checkpoint, *time).unwrap();
            text.push_str(&format!("{line}\n"));
        }
        text
    }
}

/// A log with its private side.
pub struct World {
    pub signers: Signers,
    pub leaves: Vec<Leaf>,
    pub book: Book,
    pub rows: Vec<(u64, Row)>,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            signers: Signers::new(),
            leaves: Vec::new(),
            book: Book::new(),
            rows: Vec::new(),
        };
        for seed in [0xa1, 0xa2, 0xa3, 0xa4, 0xa5] {
            let tag = PersonKeys::new([seed; 32]).tag(period());
            world.book.enrol(period(), tag).unwrap();
        }
        world
    }

    /// Records an access about a person; gives its index.
    pub fn access(&mut self, secret: [u8; 32]) -> u64 {
        let index = self.leaves.len() as u64;
        let person = PersonKeys::new(secret);
        let seed = u8::try_from(index).unwrap();
        let payload = Payload {
            at_ms: (NOW - 500 + index) * 1000,
            system: "KZ-TAX-01".to_owned(),
            official: format!("official-{index}"),
            operation: "view".to_owned(),
            purpose: "tax_audit".to_owned(),
            categories: vec!["address".to_owned(), "income".to_owned()],
            tests: vec!["T01=pass".to_owned()],
            verdict: "ok".to_owned(),
            strict: "ok".to_owned(),
            facts: vec![seed; 40],
            ..Payload::default()
        };
        let outline = Outline {
            kind: RecordKind::Access,
            period: period(),
            time_ms: payload.at_ms,
            decision: DecisionCode::Permit,
            purpose: purpose_class("tax_audit"),
        };
        let secrets = RowSecrets {
            salt: [seed ^ 0x50; 32],
            blind: [seed ^ 0xb0; 32],
            nonce: [seed ^ 0x70; 24],
        };
        let row = Row::seal(&self.signers.gate, &person, outline, payload, &secrets);
        let commitment = row.commitment();
        self.leaves.push(Leaf::Access(commitment));
        self.rows.push((index, row));
        self.book
            .step(period(), &person.tag(period()), index, &commitment, index)
            .unwrap();
        index
    }

    pub fn notice(&mut self, leaf: Leaf) -> u64 {
        self.leaves.push(leaf);
        self.leaves.len() as u64 - 1
    }

    /// Ends the log with a map head; gives what a proof of a person is made of.
    pub fn head(&mut self, time: u64) -> u64 {
        let covers = self.leaves.len() as u64;
        let (head, _) = self.book.head(covers, time);
        self.leaves.push(Leaf::MapHead(head));
        covers
    }

    pub fn tree(&self) -> MemoryTree {
        MemoryTree::new(self.leaves.iter().map(Leaf::hash).collect())
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: name("log.example/kepil"),
            size: self.leaves.len() as u64,
            root: self.tree().root().unwrap(),
        }
    }

    /// The proof of a person, with the rows shown that are asked for.
    pub fn proof(&self, secret: [u8; 32], rows: bool) -> Parts {
        let person = PersonKeys::new(secret);
        let tag = person.tag(period());
        let map = self.book.map(period()).unwrap();
        let (_, path) = map.prove(&tag).unwrap();
        let own: Vec<&(u64, Row)> = self
            .rows
            .iter()
            .filter(|(_, row)| row.record.facts.tag == tag)
            .collect();
        let entries = own.iter().map(|(index, row)| (*index, row.commitment()));
        let shown = own.iter().zip(0..).filter(|_| rows);
        let index = self.leaves.len() as u64 - 1;
        Parts {
            content: Completeness {
                period: period(),
                path,
                head: self.leaves.last().unwrap().to_bytes(),
                entries: entries.collect(),
                rows: shown
                    .map(|((_, row), at)| (at, RowProof::Shown(ShownRow::from(row))))
                    .collect(),
                later: None,
            },
            index,
            path: inclusion_path(&self.tree(), index, index + 1).unwrap(),
            checkpoint: self.signers.sign(
                &self.checkpoint(),
                &[(0, NOW - 4), (1, NOW - 9), (3, NOW - 30)],
            ),
        }
    }

    pub fn notice_proof(&self, index: u64) -> NoticeProof {
        let size = self.leaves.len() as u64;
        NoticeProof {
            index,
            leaf: self.leaves[usize::try_from(index).unwrap()].clone(),
            path: inclusion_path(&self.tree(), index, size).unwrap(),
        }
    }
}

/// A proof file in parts, to be broken one at a time.
#[derive(Clone)]
pub struct Parts {
    pub content: Completeness,
    pub index: u64,
    pub path: Vec<Hash>,
    pub checkpoint: String,
}

impl Parts {
    pub fn file(&self) -> String {
        let checkpoint = kepil_ledger::checkpoint::parse(self.checkpoint.as_bytes()).unwrap();
        TlogProof {
            extra: Some(self.content.to_bytes()),
            index: self.index,
            path: self.path.clone(),
            checkpoint,
        }
        .to_string()
    }

    pub fn broken(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut parts = self.clone();
        change(&mut parts);
        parts.file()
    }
}
