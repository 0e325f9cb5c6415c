//! `kepil ledger …`.

mod timestamp;

use crate::client::Client;
use crate::exit::{Failure, environment, input};
use clap::Subcommand;
use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::error::in_one_line;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::receipt::Receipt;
use kepil_ledger::tile::TileSource;
use kepil_ledger::verify::{self, CHECKPOINT_PATH, FindingKind};
use kepil_store::source::DirSource;
use std::path::{Path, PathBuf};

/// What can be done with a ledger. PLACE is a folder (`…/ledger`) or the address of a node.
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Show the signed head.
    Head {
        /// Folder or address.
        place: String,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Read everything that is published, rebuild the tree and compare every hash.
    Verify {
        /// Folder or address.
        place: String,
        #[command(flatten)]
        key: KeyArg,
        /// A checkpoint seen earlier: the log must have grown from it.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Follow a log as an auditor: what was seen before, every entry, with a token every record,
    /// and what others are shown.
    Audit(crate::audit::Audit),
    /// Since when the log's newest stamped tree exists, by the word of a time stamping authority.
    Timestamp(timestamp::Timestamp),
    /// Check a receipt; with PLACE also that its entry stands in the log.
    Receipt {
        /// The receipt, or an answer of the gate that holds one.
        file: PathBuf,
        #[command(flatten)]
        key: KeyArg,
        /// Folder or address of the log.
        #[arg(long, value_name = "PLACE")]
        log: Option<String>,
    },
}

/// The log's public key.
#[derive(Debug, clap::Args)]
pub struct KeyArg {
    /// The log's public key (vkey), got from somebody you trust; without it the key that the place
    /// itself names is used, which proves less. May be repeated for a log that changed its key.
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
}

impl KeyArg {
    /// The keys that were given.
    fn given(&self) -> Result<Vec<VerifyingKey>, Failure> {
        let keys = self.key.iter().map(|text| parse_key(text));
        keys.collect()
    }
}

pub fn parse_key(text: &str) -> Result<VerifyingKey, Failure> {
    VerifyingKey::parse(text.trim()).map_err(|e| input(format!("the log's key: {e}")))
}

/// The first key that a checkpoint is signed by; the first of all if it is by none.
fn signer_of<'a>(signed: &SignedCheckpoint, keys: &'a [VerifyingKey]) -> Option<&'a VerifyingKey> {
    let by = keys.iter().find(|key| signed.verify(key).is_ok());
    by.or(keys.first())
}

/// What to do about a signature by a key that was not given.
const OTHER_KEY: &str =
    "if the log has changed its key, give the key of that time as well: --key may be repeated";

enum Place {
    Folder(DirSource, PathBuf),
    Node(Client),
}

impl Place {
    fn new(text: &str) -> Self {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Place::Node(Client::new(text));
        }
        let given = Path::new(text);
        // The folder of a node, of its ledger, or of the published files.
        let log = [
            given.join("ledger").join("log"),
            given.join("log"),
            given.to_path_buf(),
        ]
        .into_iter()
        .find(|p| p.join("checkpoint").exists())
        .unwrap_or_else(|| given.to_path_buf());
        Place::Folder(DirSource::new(&log), log)
    }

    fn keys(&self, given: &KeyArg) -> Result<Vec<VerifyingKey>, Failure> {
        let given = given.given()?;
        if !given.is_empty() {
            return Ok(given);
        }
        let text = match self {
            Place::Node(c) => c.text("/log/key")?,
            Place::Folder(_, log) => {
                let path = log.join("key");
                std::fs::read_to_string(&path).map_err(|e| {
                    environment(format!(
                        "reading {}: {e}; give the key with --key",
                        path.display()
                    ))
                })?
            }
        };
        Ok(vec![parse_key(&text)?])
    }

    /// The key of these that today's checkpoint is signed by.
    fn key(&self, given: &KeyArg) -> Result<VerifyingKey, Failure> {
        let keys = self.keys(given)?;
        let text = self.read(CHECKPOINT_PATH).map_err(said)?;
        let signed = text.and_then(|text| checkpoint::parse(&text).ok());
        let key = match &signed {
            Some(signed) => signer_of(signed, &keys),
            None => keys.first(),
        };
        key.cloned().ok_or_else(|| input("no key was given"))
    }
}

impl TileSource for Place {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, kepil_ledger::tile::SourceError> {
        match self {
            Place::Folder(d, _) => d.read(path),
            Place::Node(c) => c.read(path),
        }
    }
}

/// A source that shows how far a long reading has come: a bar on a terminal, plain lines otherwise.
struct Watched<'a> {
    place: &'a Place,
    bar: indicatif::ProgressBar,
    files: std::cell::Cell<u64>,
}

impl<'a> Watched<'a> {
    fn new(place: &'a Place) -> Self {
        let bar = indicatif::ProgressBar::new_spinner();
        bar.set_message("reading the log");
        Self {
            place,
            bar,
            files: std::cell::Cell::new(0),
        }
    }
}

impl TileSource for Watched<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, kepil_ledger::tile::SourceError> {
        let n = self.files.get() + 1;
        self.files.set(n);
        self.bar.set_position(n);
        self.bar.set_message(format!("{n} files read, {path}"));
        if self.bar.is_hidden() && n.is_multiple_of(1000) {
            eprintln!("{n} files read");
        }
        self.place.read(path)
    }
}

pub fn run(command: &Ledger, json: bool) -> Result<(), Failure> {
    match command {
        Ledger::Head { place, key } => head(place, key, json),
        Ledger::Verify { place, key, since } => verify_all(place, key, since.as_deref(), json),
        Ledger::Timestamp(args) => timestamp::run(args, json),
        Ledger::Audit(args) => crate::audit::run(args, json),
        Ledger::Receipt { file, key, log } => receipt(file, key, log.as_deref(), json),
    }
}

fn head(place: &str, key: &KeyArg, json: bool) -> Result<(), Failure> {
    let place = Place::new(place);
    let key = place.key(key)?;
    let text = place
        .read("checkpoint")
        .map_err(said)?
        .ok_or_else(|| environment("there is no checkpoint; nothing was published yet"))?;
    let signed = checkpoint::parse(&text).map_err(input)?;
    let c = signed.verify(&key).map_err(|e| {
        crate::out!("The checkpoint is not signed by this key: {e}");
        Failure::Finding
    })?;
    if json {
        crate::out!(
            "{}",
            serde_json::json!({"origin": c.origin.to_string(), "size": c.size, "checkpoint": String::from_utf8_lossy(&text)})
        );
    } else {
        crate::out!("{}", String::from_utf8_lossy(&text).trim_end());
        crate::out!("\n{} entries, signed by {key}", c.size);
    }
    Ok(())
}

fn verify_all(
    place: &str,
    given: &KeyArg,
    since: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let place = Place::new(place);
    let key = place.key(given)?;
    let older = match since {
        None => None,
        Some(f) => {
            let bytes = std::fs::read(f)
                .map_err(|e| environment(format!("reading {}: {e}", f.display())))?;
            let signed = checkpoint::parse(&bytes).map_err(|e| input(in_one_line(&e)))?;
            let keys = place.keys(given)?;
            let by = signer_of(&signed, &keys).unwrap_or(&key);
            let older = signed.verify(by);
            Some(
                older
                    .map_err(|e| {
                        input(format!("{}: {}; {OTHER_KEY}", f.display(), in_one_line(&e)))
                    })?
                    .clone(),
            )
        }
    };
    let watched = Watched::new(&place);
    let report = verify::rebuild(&watched, &key, older.as_ref());
    watched.bar.finish_and_clear();
    let good = report.findings.is_empty() && report.signed.is_some();
    // A network that fails is no fault of the log.
    let is_out_of_reach = !good
        && report
            .findings
            .iter()
            .all(|f| f.kind == FindingKind::Unreadable);
    if json {
        crate::out!("{}", serde_json::to_string(&report).map_err(input)?);
    } else {
        crate::out!(
            "{}: {} entries and {} tiles read and rebuilt.",
            report.origin,
            report.entries_checked,
            report.tiles_checked
        );
        for f in &report.findings {
            crate::out!("  finding: {f}");
        }
        if good {
            crate::out!(
                "Everything holds: every entry hashes into the signed root{}.",
                if older.is_some() {
                    ", and the log grew from the earlier checkpoint"
                } else {
                    ""
                }
            );
        } else if is_out_of_reach {
            crate::out!("The log could not be read, so nothing is said about it.");
        } else {
            crate::out!("The log does NOT hold.");
        }
    }
    match good {
        true => Ok(()),
        false if is_out_of_reach => Err(environment("the log could not be read")),
        false => Err(Failure::Finding),
    }
}

fn receipt(file: &Path, key: &KeyArg, log: Option<&str>, json: bool) -> Result<(), Failure> {
    let bytes =
        std::fs::read(file).map_err(|e| environment(format!("reading {}: {e}", file.display())))?;
    let inner = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|v| v.pointer("/context/entry/receipt").cloned());
    let bytes = match inner {
        Some(v) => v.to_string().into_bytes(),
        None => bytes,
    };
    let receipt = Receipt::from_json(&bytes)
        .map_err(|e| input(format!("{}: {}", file.display(), in_one_line(&e))))?;
    let place = log.map(Place::new);
    let keys = match &place {
        Some(place) => place.keys(key)?,
        None => key.given()?,
    };
    // The key of the receipt's time, and that of today's checkpoint.
    let then = keys.iter().find(|key| receipt.verify(key).is_ok());
    let Some(then) = then.or(keys.first()) else {
        return Err(input(
            "give the log's key with --key, or the log with --log",
        ));
    };
    let today = place.as_ref().map(|place| place.key(key)).transpose()?;
    let verified = match receipt.verify(then) {
        Ok(v) => v,
        Err(e) => {
            let e = format!("{}; {OTHER_KEY}", in_one_line(&e));
            if json {
                crate::out!("{}", serde_json::json!({"valid": false, "why": e}));
            } else {
                crate::out!("The receipt does NOT hold: {e}");
            }
            return Err(Failure::Finding);
        }
    };
    let record = receipt
        .record()
        .map(|r| String::from_utf8_lossy(r).into_owned());
    let in_log = place
        .as_ref()
        .zip(today.as_ref())
        .map(|(p, today)| verify::receipt_over_keys(p, (then, today), &receipt));
    if json {
        crate::out!(
            "{}",
            serde_json::json!({"valid": true, "index": verified.index, "time_ms": verified.time_ms, "record": record, "in_log": in_log})
        );
    } else {
        crate::out!(
            "The receipt holds: entry {} was taken at {}.",
            verified.index,
            at(verified.time_ms)
        );
        if let Some(r) = &record {
            crate::out!("It opens to this record:\n{r}");
        }
        if let Some(report) = &in_log {
            crate::out!("In the log: {:?}", report.standing);
            for f in &report.findings {
                crate::out!("  finding: {f}");
            }
        }
    }
    if in_log.is_some_and(|r| !r.findings.is_empty()) {
        Err(Failure::Finding)
    } else {
        Ok(())
    }
}

fn at(ms: u64) -> String {
    kepil_terms::Instant::from_ms(i64::try_from(ms).unwrap_or(i64::MAX)).to_rfc3339()
}

fn said(e: impl std::error::Error) -> Failure {
    let cause = e.source().map(|s| format!(": {s}")).unwrap_or_default();
    environment(format!("{e}{cause}"))
}
