//! A chronicle in a folder, with a clock in the test's hand.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kepil_chronicle::{Chronicle, ChronicleError, Event, Opened, Settings};
use kepil_keys::file::FileVault;
use kepil_keys::random::Random;
use kepil_keys::store::KeyStore;
use kepil_ledger::anchor::{Anchor, policy_hash};
use kepil_ledger::completeness::{Expectation, Fault, Memory, Verified, check};
use kepil_ledger::note::KeyName;
use kepil_ledger::payload::Payload;
use kepil_ledger::period::Period;
use kepil_ledger::person::PersonKeys;
use kepil_ledger::policy::Policy;
use kepil_ledger::record::{DecisionCode, GateSigner, RecordKind};
use kepil_store::log::Options;

pub const NOW: u64 = 1_795_000_000;

pub struct Place {
    pub folder: tempfile::TempDir,
    pub clock: Arc<AtomicU64>,
}

pub fn random() -> Random {
    Random::new(|bytes| getrandom::fill(bytes).map_err(|e| std::io::Error::other(e.to_string())))
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(AtomicU64::new(NOW * 1000)),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn keys(&self) -> Arc<KeyStore> {
        let vault = FileVault::open(
            &self.path().join("vault"),
            &self.path().join("root.key"),
            random(),
        );
        let store = KeyStore::open(
            &self.path().join("keys"),
            Box::new(vault.unwrap()),
            random(),
        );
        Arc::new(store.unwrap())
    }

    pub fn try_open(&self) -> Result<Chronicle, ChronicleError> {
        let clock = self.clock.clone();
        let mut log = Options::new(
            KeyName::new("log.example/kepil").unwrap(),
            [7; 32],
            Arc::new(move || clock.load(Ordering::Relaxed)),
        );
        log.segment_bytes = 256 * 1024;
        log.checkpoint_interval = std::time::Duration::from_secs(3600);
        Chronicle::open(Settings {
            folder: self.path().join("ledger"),
            log,
            keys: self.keys(),
            gate: GateSigner::from_seed(1, &[5; 32]),
            random: random(),
        })
    }

    pub fn open(&self) -> Chronicle {
        let chronicle = self.try_open().unwrap();
        chronicle.anchor(&anchor(&chronicle)).unwrap();
        chronicle
    }

    pub fn reopen(&self, chronicle: Chronicle) -> Chronicle {
        chronicle.close().unwrap();
        drop(chronicle);
        self.open()
    }

    pub fn now_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub fn turn(&self, secs: u64) {
        self.clock.store(secs * 1000, Ordering::Relaxed);
    }

    /// Every file below the folder, whole.
    pub fn dump(&self) -> Vec<u8> {
        fn walk(folder: &Path, bytes: &mut Vec<u8>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, bytes);
                } else {
                    bytes.extend(fs::read(&path).unwrap());
                }
            }
        }
        let mut bytes = Vec::new();
        walk(self.path(), &mut bytes);
        bytes
    }
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    assert!(!needle.is_empty());
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

pub fn policy(chronicle: &Chronicle) -> String {
    format!("log {}\nquorum none\n", chronicle.log_key().unwrap())
}

pub fn anchor(chronicle: &Chronicle) -> Anchor {
    Anchor {
        law: "ab".repeat(32),
        gates: vec![(0, chronicle.gate().public())],
        policy: Some(policy_hash(policy(chronicle).as_bytes())),
        next_log_keys: Vec::new(),
    }
}

pub fn event(person: &str, official: &str, now_ms: u64) -> Event {
    Event {
        subject: format!("person:{person}"),
        kind: RecordKind::Access,
        decision: DecisionCode::Permit,
        time_ms: now_ms,
        payload: Payload {
            at_ms: now_ms,
            system: "KZ-TAX-01".to_owned(),
            official: official.to_owned(),
            person: person.to_owned(),
            purpose: "tax_audit".to_owned(),
            verdict: "ok".to_owned(),
            ..Payload::default()
        },
        embargo: None,
    }
}

pub fn record(chronicle: &Chronicle, events: &[Event]) -> Vec<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let tickets = runtime.block_on(chronicle.record(events)).unwrap();
    tickets.iter().map(|ticket| ticket.index()).collect()
}

/// The secret a person would have been given.
pub fn secret(chronicle: &Chronicle, person: &str) -> PersonKeys {
    let person = chronicle
        .keys()
        .person(&format!("person:{person}"))
        .unwrap();
    PersonKeys::new(*person.secret.as_bytes())
}

/// Makes a person's proof and checks it as the person would, with own secret.
pub fn verify(
    chronicle: &Chronicle,
    person: &str,
    period: Period,
    now: u64,
    memory: Option<&Memory>,
) -> Result<Verified, Fault> {
    let proof = chronicle
        .prove(&format!("person:{person}"), period, Opened::All, now)
        .unwrap()
        .to_string();
    check_file(chronicle, person, period, now, memory, &proof)
}

pub fn check_file(
    chronicle: &Chronicle,
    person: &str,
    period: Period,
    now: u64,
    memory: Option<&Memory>,
    proof: &str,
) -> Result<Verified, Fault> {
    check(
        proof.as_bytes(),
        &Expectation {
            person: &secret(chronicle, person),
            period,
            policy: &Policy::parse(policy(chronicle).as_bytes()).unwrap(),
            anchor: &anchor(chronicle),
            now,
            max_age: 3600,
            memory,
        },
    )
}
