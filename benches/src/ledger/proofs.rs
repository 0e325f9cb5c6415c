//! A completeness proof: made from a real log's book and published files, checked as a citizen would.

use crate::clock::{median, number};
use crate::fault::{Fault, during, fault};
use crate::ledger::booked::{enrol, use_of};
use crate::ledger::logs::{Bench, booking, now_ms};
use crate::ledger::random::{Random, Spread};
use kepil_ledger::anchor::Anchor;
use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::completeness::{Completeness, Expectation, RowProof, ShownRow, Verified, check};
use kepil_ledger::cosignature::Cosigner;
use kepil_ledger::entry::Leaf;
use kepil_ledger::note::KeyName;
use kepil_ledger::payload::Payload;
use kepil_ledger::period::Period;
use kepil_ledger::person::PersonKeys;
use kepil_ledger::policy::Policy;
use kepil_ledger::proof::TlogProof;
use kepil_ledger::record::{DecisionCode, GateSigner, RecordKind, purpose_class};
use kepil_ledger::row::{Outline, Row, RowSecrets, SECRET_BYTES};
use kepil_ledger::tile::TileHashes;
use kepil_ledger::tree::inclusion_path;
use kepil_store::draft::Draft;
use kepil_store::source::DirSource;
use std::hint::black_box;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Entries of the person.
pub const ENTRIES: u64 = 1_000;

/// Entries of one request while the log is filled, and so about a frame's.
const TOGETHER: u64 = 200;

/// Times that each step is repeated; with all rows fewer, as it takes longer.
const REPEATS: usize = 200;
const REPEATS_WITH_ROWS: usize = 9;

/// Witnesses and auditors whose cosignatures the proof carries, all of them demanded.
const COSIGNERS: [&str; 3] = ["w0.example", "w1.example", "ombudsman.example"];

/// What was found for one kind of proof.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Bytes beyond 40 for each entry: of the decoded extra data, the path and the checkpoint.
    pub beyond: f64,
    /// Bytes of the file.
    pub file: f64,
    /// Bytes of the file after `gzip`, where there is one.
    pub gzip: f64,
    /// Making the file, ms, median.
    pub make_ms: f64,
    /// Checking the file, ms, median.
    pub verify_ms: f64,
}

/// The log and everybody who signs.
#[derive(Debug)]
pub struct World {
    bench: Bench,
    person: PersonKeys,
    period: Period,
    gate: GateSigner,
    policy: Policy,
    /// The published checkpoint with the cosignatures.
    checkpoint: SignedCheckpoint,
    now: u64,
}

impl World {
    /// Fills a log of `leaves` entries about `persons`; every so many is the person's own.
    ///
    /// # Errors
    /// When the log refuses, or cannot publish.
    pub fn make(folder: PathBuf, persons: u64, leaves: u64) -> Result<Self, Fault> {
        let bench = Bench::with_book(folder, None)?;
        let now_ms = now_ms();
        let period = bench
            .log
            .period_for(now_ms)
            .ok_or_else(|| fault("a log without a book"))?;
        let (person, gate) = (
            PersonKeys::new([0xa1; 32]),
            GateSigner::from_seed(7, &[5; 32]),
        );
        enrol(&bench.log, period, persons)?;
        let mut random = Random::new(leaves);
        let every = (leaves / ENTRIES).max(1);
        let mut own = 0;
        let mut number = 0;
        while number < leaves || own < ENTRIES {
            let mut drafts = Vec::new();
            for _ in 0..TOGETHER {
                drafts.push(if number % every == 0 && own < ENTRIES {
                    own += 1;
                    own_use(&person, &gate, period, now_ms, &mut random)
                } else {
                    let other = Spread::Uniform.pick(&mut random, persons);
                    use_of(other, number, period)
                });
                number += 1;
            }
            bench
                .log
                .appender()
                .append_blocking(drafts)
                .map_err(during("filling the log"))?;
        }
        let head = bench.log.publish().map_err(during("publishing"))?;
        let text = head
            .checkpoint
            .ok_or_else(|| fault("a log without a checkpoint"))?;
        let mut checkpoint =
            checkpoint::parse(text.as_bytes()).map_err(during("reading the checkpoint"))?;
        let now = now_ms / 1_000 + 1;
        let mut policy = format!("log {}\n", bench.log.verifying_key());
        for (name, seed) in COSIGNERS.iter().zip(10..) {
            let name = KeyName::new(name).map_err(fault)?;
            let cosigner = Cosigner::from_ed25519_seed(name.clone(), &[seed; 32]);
            let line = cosigner
                .sign(checkpoint.unverified(), now)
                .map_err(during("cosigning"))?;
            checkpoint.append(line).map_err(during("cosigning"))?;
            policy.push_str(&format!("witness {name} {}\n", cosigner.key()));
        }
        policy.push_str(&format!(
            "group all all {}\nquorum all\n",
            COSIGNERS.join(" ")
        ));
        Ok(Self {
            bench,
            person,
            period,
            gate,
            policy: Policy::parse(policy.as_bytes()).map_err(during("reading the policy"))?,
            checkpoint,
            now,
        })
    }

    /// Makes and checks the proof many times.
    ///
    /// # Errors
    /// When it cannot be made, or proves less than it must.
    pub fn measure(&self, with_rows: bool) -> Result<Found, Fault> {
        let repeats = if with_rows {
            REPEATS_WITH_ROWS
        } else {
            REPEATS
        };
        let file = self.proof(with_rows)?;
        let shown = if with_rows { ENTRIES } else { 0 };
        let verified = self.check(&file)?;
        let counts = (verified.count as u64, verified.shown as u64);
        if counts != (ENTRIES, shown) {
            return Err(Fault(format!(
                "a proof of {ENTRIES} entries with {shown} shown counts {counts:?}"
            )));
        }
        let make_ms = repeat(repeats, || self.proof(with_rows))?;
        let verify_ms = repeat(repeats, || self.check(&file))?;
        let proof = TlogProof::parse(file.as_bytes()).map_err(during("reading the proof"))?;
        let bytes = proof.extra.as_ref().map_or(0, Vec::len)
            + proof.path.len() * 32
            + proof.checkpoint.to_string().len();
        let entries = usize::try_from(ENTRIES).unwrap_or(0) * 40;
        Ok(Found {
            beyond: number(bytes.saturating_sub(entries)),
            file: number(file.len()),
            gzip: gzip(&file).map_or(f64::NAN, number),
            make_ms,
            verify_ms,
        })
    }

    /// What a node does when a person asks.
    fn proof(&self, with_rows: bool) -> Result<String, Fault> {
        let size = self.checkpoint.unverified().size;
        let covers = size.saturating_sub(1);
        let reader = self.bench.log.reader();
        let book = self.bench.log.book();
        let listed = book
            .ok_or_else(|| fault("a log without a book"))?
            .list(self.period, &self.person.tag(self.period), covers)
            .map_err(during("listing the entries"))?;
        let head = reader
            .record(covers)
            .map_err(during("reading the map head"))?;
        let source = DirSource::new(&self.bench.public());
        let path = inclusion_path(&TileHashes::new(&source, size), covers, size)
            .map_err(during("making the path"))?;
        let mut rows = Vec::new();
        for (place, entry) in (0..).zip(&listed.uses).filter(|_| with_rows) {
            let stored = reader
                .record(entry.index)
                .map_err(during("reading a row"))?;
            let row = stored
                .row
                .and_then(|row| Row::parse(&row))
                .ok_or_else(|| fault("an entry without a row"))?;
            rows.push((place, RowProof::Shown(ShownRow::from(&row))));
        }
        let content = Completeness {
            period: self.period,
            path: listed.path,
            head: head.leaf.to_bytes(),
            entries: listed
                .uses
                .iter()
                .map(|entry| (entry.index, entry.commitment))
                .collect(),
            rows,
            later: None,
        };
        let proof = TlogProof {
            extra: Some(content.to_bytes()),
            index: covers,
            path,
            checkpoint: self.checkpoint.clone(),
        };
        Ok(proof.to_string())
    }

    fn check(&self, file: &str) -> Result<Verified, Fault> {
        let anchor = Anchor {
            gates: vec![(0, self.gate.public())],
            ..Anchor::default()
        };
        let expected = Expectation {
            person: &self.person,
            period: self.period,
            policy: &self.policy,
            anchor: &anchor,
            now: self.now,
            max_age: 3_600,
            memory: None,
        };
        check(file.as_bytes(), &expected).map_err(|fault| Fault(format!("the proof: {fault:?}")))
    }

    /// Leaves of the log.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.checkpoint.unverified().size
    }

    /// Closes the log, checks it and removes it.
    ///
    /// # Errors
    /// When the log is not sound.
    pub fn finish(self) -> Result<(), Fault> {
        let leaves = self.leaves();
        self.bench.finish(leaves)
    }
}

/// An access to the person's data, as a gate records one.
fn own_use(
    person: &PersonKeys,
    gate: &GateSigner,
    period: Period,
    at_ms: u64,
    random: &mut Random,
) -> Draft {
    let mut secrets = [0; SECRET_BYTES];
    random.fill(&mut secrets);
    let mut facts = vec![0; 32];
    random.fill(&mut facts);
    let payload = Payload {
        at_ms,
        system: "KZ-TAX-01".to_owned(),
        official: format!("official-{}", random.next() % 1_000),
        operation: "view".to_owned(),
        purpose: "tax_audit".to_owned(),
        categories: vec!["address".to_owned(), "income".to_owned()],
        verdict: "ok".to_owned(),
        strict: "ok".to_owned(),
        tests: vec!["T01=pass".to_owned()],
        facts,
        ..Payload::default()
    };
    let outline = Outline {
        kind: RecordKind::Access,
        period,
        time_ms: at_ms,
        decision: DecisionCode::Permit,
        purpose: purpose_class("tax_audit"),
    };
    let secrets = RowSecrets::from_random(&secrets);
    let row = Row::seal(gate, person, outline, payload, &secrets);
    Draft {
        leaf: Leaf::Access(row.commitment()),
        booking: booking(period, std::iter::once(person.tag(period))),
        row: row.to_bytes(),
    }
}

/// Median milliseconds of many times.
fn repeat<T>(times: usize, mut work: impl FnMut() -> Result<T, Fault>) -> Result<f64, Fault> {
    let mut each: Vec<Duration> = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        black_box(work()?);
        each.push(start.elapsed());
    }
    let ms = each.iter().map(|took| took.as_secs_f64() * 1e3);
    Ok(median(ms.collect()))
}

/// Length after `gzip -9`, if the system has it.
fn gzip(text: &str) -> Option<usize> {
    let mut child = Command::new("gzip")
        .arg("-9c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).is_ok());
    let packed = child.wait_with_output().ok()?;
    (writer.join().ok()? && packed.status.success()).then_some(packed.stdout.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_from_a_real_log_holds_with_and_without_rows() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let world = World::make(folder.path().join("log"), 100, 1_500).unwrap();
        assert!(world.leaves() > 1_500);
        let (bare, whole) = (world.proof(false).unwrap(), world.proof(true).unwrap());
        assert!(whole.len() > bare.len());
        let verified = world.check(&whole).unwrap();
        assert_eq!((verified.count, verified.shown), (1_000, 1_000));
        let hidden = bare.replacen("extra AQ", "extra Ag", 1);
        assert!(world.check(&hidden).is_err());
        world.finish().unwrap();
    }
}
