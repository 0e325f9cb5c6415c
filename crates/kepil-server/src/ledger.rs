//! The ledger of a node: its keys, its chronicle, who vouches for it, and what runs behind it.

use crate::app::{App, Clock};
use crate::config::Config;
use crate::endorse::{Quorum, own_policy};
use crate::gatekey;
use crate::problem::Problem;
use crate::rotation;
use crate::serve::ServeError;
use crate::timestamp::Stamper;
use kepil_chronicle::{Chronicle, Event, Settings};
use kepil_keys::file::FileVault;
use kepil_keys::random::Random;
use kepil_keys::store::KeyStore;
use kepil_law::Release;
use kepil_ledger::anchor::{Anchor, policy_hash};
use kepil_ledger::note::{KeyName, Signer, VerifyingKey};
use kepil_ledger::payload::{Payload, PayloadKind};
use kepil_ledger::policy::Policy;
use kepil_ledger::record::{DecisionCode, RecordKind};
use kepil_store::keys::KeyFile;
use kepil_store::log::Options;
use kepil_witness::{Witness, WitnessClient};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Id of the gate inside a node.
const GATE: u32 = 1;

/// How long a witness may take to answer.
const WITNESS_PATIENCE: Duration = Duration::from_secs(5);

/// How long an answer waits for its checkpoint before it is refused.
const RELEASE_PATIENCE: Duration = Duration::from_secs(30);

/// How long a waiting answer waits for the next checkpoint before it asks for one again.
const GLANCE: Duration = Duration::from_millis(100);

/// How often the work behind the node is done.
const ROUND: Duration = Duration::from_millis(500);

/// The ledger of a node.
#[derive(Debug)]
pub struct Ledger {
    /// The log with its keys.
    pub chronicle: Arc<Chronicle>,
    /// Who vouches for checkpoints.
    pub quorum: Arc<Quorum>,
    /// Who says when checkpoints existed, if anybody does.
    pub stamper: Option<Arc<Stamper>>,
    /// The policy as a file.
    pub policy: String,
    /// Permitted uses without an outcome, and when they were permitted.
    pub intents: Mutex<BTreeMap<u64, Intent>>,
}

/// A permitted use whose outcome is not known yet.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Whom it is about.
    pub subject: String,
    /// Which system may report the outcome.
    pub system: String,
    /// Purpose, for the record of the outcome.
    pub purpose: String,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The use stands in a sealed entry, and so does its outcome.
    pub is_sealed: bool,
}

/// The name of the log, from the public address.
fn origin(config: &Config) -> Result<KeyName, ServeError> {
    let host = config
        .public_url
        .split_once("://")
        .map_or(config.public_url.as_str(), |(_, h)| h);
    KeyName::new(format!("{host}/log").as_str()).map_err(|e| ServeError::Ledger(e.to_string()))
}

/// Opens a key file, or makes it.
pub(crate) fn key_file(path: &Path) -> Result<KeyFile, ServeError> {
    if path.exists() {
        return KeyFile::load(path).map_err(|e| ServeError::Ledger(e.to_string()));
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|e| ServeError::Environment(e.to_string()))?;
    KeyFile::create(path, random).map_err(|e| ServeError::Ledger(e.to_string()))
}

fn random() -> Random {
    Random::new(|bytes| getrandom::fill(bytes).map_err(|e| std::io::Error::other(e.to_string())))
}

fn failed(e: impl std::error::Error) -> ServeError {
    let mut said = e.to_string();
    let mut cause = e.source();
    while let Some(inner) = cause {
        said.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    ServeError::Ledger(said)
}

/// Where the keys of persons and rows lie.
fn keys_folder(config: &Config) -> PathBuf {
    let own = config.ledger.keys_dir.clone();
    own.unwrap_or_else(|| config.data_dir.join("keys"))
}

/// Opens the key store of a configuration.
///
/// # Errors
/// When it cannot be opened; an old copy cannot be, by design.
pub fn open_keys(config: &Config) -> Result<KeyStore, ServeError> {
    let folder = keys_folder(config);
    let root = config
        .ledger
        .root_key
        .clone()
        .unwrap_or_else(|| config.data_dir.join("root.key"));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|e| ServeError::Environment(format!("preparing {}: {e}", folder.display())))?;
    let vault = FileVault::open(&folder.join("vault"), &root, random()).map_err(failed)?;
    KeyStore::open(&folder.join("store"), Box::new(vault), random()).map_err(failed)
}

/// Opens the chronicle alone, for commands that read a node's data while it does not run.
///
/// # Errors
/// When log or keys are broken, or the node runs.
pub fn open_chronicle(config: &Config, clock: &Clock) -> Result<Chronicle, ServeError> {
    let data = config.data_dir.display();
    if !folder(config).join("segments").exists() {
        return Err(ServeError::Ledger(format!(
            "{data} is not the data folder of a node"
        )));
    }
    for (path, what) in [
        (keys_folder(config), "keys"),
        (config.data_dir.join("log.key"), "the log's key"),
        (config.data_dir.join("gate.key"), "the gate's key"),
    ] {
        if !path.exists() {
            return Err(ServeError::Ledger(format!(
                "{} is not there, and without {what} no row of this log can be read; put it back, or look at what is \
                 public with `kepil store rebuild {data} --without-keys --replace` and `kepil ledger verify {data}`",
                path.display()
            )));
        }
    }
    let keys = Arc::new(open_keys(config)?);
    let log_key = key_file(&config.data_dir.join("log.key"))?;
    let gate_key = key_file(&config.data_dir.join("gate.key"))?;
    // The log's own word about its name: a copy may be read under another address.
    let named = std::fs::read_to_string(folder(config).join("log").join("key")).ok();
    let named = named.and_then(|text| VerifyingKey::parse(text.trim()).ok());
    let name = match named {
        Some(key) => key.name().clone(),
        None => origin(config)?,
    };
    let mut log = Options::new(name, *log_key.seed(), Arc::clone(clock));
    log.is_reader = true;
    Chronicle::open(Settings {
        folder: folder(config),
        log,
        keys,
        gate: gatekey::signer(GATE, gate_key.seed()),
        random: random(),
    })
    .map_err(failed)
}

impl Ledger {
    /// Opens log, keys and witness; says in the log which law, gate and policy are in use.
    ///
    /// # Errors
    /// When any of them is broken.
    pub fn open(
        config: &Config,
        pack: &str,
        clock: &Clock,
        wall: &Clock,
    ) -> Result<Self, ServeError> {
        let origin = origin(config)?;
        let public = folder(config).join("log");
        let stamper = Stamper::new(&config.ledger, &public).map_err(ServeError::Ledger)?;

        let has_log = config.data_dir.join("ledger").join("segments").exists();
        let folder = config.data_dir.join("witness");
        if has_log && !folder.exists() {
            return Err(ServeError::Ledger(format!(
                "there is a log, and {} with the memory of the witness inside the node is gone: this looks like a \
                 restored copy. Going on from a copy would fork the log. Read it with `kepil replay`, which needs \
                 the keys, or, after `kepil store rebuild {} --without-keys --replace`, with `kepil ledger`, and \
                 begin a new log under another public_url",
                folder.display(),
                config.data_dir.display()
            )));
        }
        // Nothing is written before it is known that this node may go on.
        let keys = Arc::new(open_keys(config)?);
        let log_key = key_file(&config.data_dir.join("log.key"))?;
        let gate_key = key_file(&config.data_dir.join("gate.key"))?;
        let signer = Signer::from_seed(origin.clone(), log_key.seed());
        let own = signer.verifying_key().clone();

        let witness_name = KeyName::new(&format!("{origin}-witness")).map_err(failed)?;
        let next = rotation::waiting(config, &origin)?;
        let next = next.as_ref().map(Signer::verifying_key);
        let logs: Vec<&VerifyingKey> = std::iter::once(&own).chain(next).collect();
        let keys_of_log = logs.iter().copied().cloned().collect();
        let witness = Witness::open(&folder, &witness_name, keys_of_log).map_err(failed)?;
        let witness = Arc::new(witness);
        let policy = match &config.ledger.policy {
            Some(path) => std::fs::read_to_string(path).map_err(|e| {
                ServeError::Ledger(format!("reading the policy {}: {e}", path.display()))
            })?,
            None => own_policy(&logs, &witness),
        };
        let parsed = Policy::parse(policy.as_bytes()).map_err(failed)?;
        let cosigners = parsed.witnesses().iter().map(|w| w.key.clone());
        let cosigners: Vec<_> = cosigners.collect();
        let clients = config.ledger.witnesses.iter();
        let clients =
            clients.map(|address| WitnessClient::new(address, cosigners.clone(), WITNESS_PATIENCE));
        let seconds = {
            let wall = Arc::clone(wall);
            Arc::new(move || wall() / 1000)
        };
        let seen = witness
            .latest(&origin)
            .map_or(0, |seen| seen.unverified().size);
        let quorum = Arc::new(Quorum::new(
            parsed,
            Some(witness),
            clients.collect(),
            seconds,
        ));

        // A log publishes as soon as it is open: the key that signs beside its own must be known
        // before. Its own word about it is looked at again below.
        let said = std::fs::read_to_string(public.join("anchor")).unwrap_or_default();
        if let Ok(anchor) = Anchor::parse(&said)
            && let Some(next) = rotation::announced(config, own.name(), &anchor)?
        {
            quorum.set_next_key(next);
        }

        let mut log = Options::new(origin, *log_key.seed(), Arc::clone(clock));
        log.checkpoint_interval = Duration::from_millis(config.ledger.checkpoint_ms);
        log.endorser = Some(quorum.clone());
        let gate = gatekey::signer(GATE, gate_key.seed());
        let public = gate.public();
        let chronicle = Chronicle::open(Settings {
            folder: config.data_dir.join("ledger"),
            log,
            keys,
            gate,
            random: random(),
        })
        .map_err(failed)?;
        let size = chronicle.reader().size();
        if size < seen {
            return Err(ServeError::Ledger(format!(
                "the witness inside the node has cosigned {seen} entries and the log holds only {size}: it is an old \
                 copy, and {} entries are missing. Going on from it would fork the log; put the right files back",
                seen - size
            )));
        }
        let since = chronicle.notices().anchor().and_then(|anchor| {
            let own = anchor.gates.iter().find(|(_, key)| *key == public);
            own.map(|(from, _)| *from)
        });
        let mut anchor = Anchor {
            law: pack.to_owned(),
            gates: chronicle
                .notices()
                .anchor()
                .map(|a| a.gates.clone())
                .unwrap_or_default(),
            policy: Some(policy_hash(policy.as_bytes())),
            next_log_keys: chronicle
                .notices()
                .anchor()
                .map(|a| a.next_log_keys.clone())
                .unwrap_or_default(),
        };
        if since.is_none() {
            // From the beginning of time: the clock of events may be a story's.
            let from = if anchor.gates.is_empty() { 0 } else { clock() };
            anchor.gates.push((from, public));
        }
        chronicle.anchor(&anchor).map_err(failed)?;
        if let Some(next) = rotation::announced(config, own.name(), &anchor)? {
            quorum.set_next_key(next);
        }
        Ok(Self {
            chronicle: Arc::new(chronicle),
            quorum,
            stamper,
            policy,
            intents: Mutex::default(),
        })
    }

    /// Size of the newest tree the log has signed, published or not.
    #[must_use]
    pub fn signed(&self) -> u64 {
        *self.quorum.signed().borrow()
    }

    /// Size of the published tree.
    #[must_use]
    pub fn published(&self) -> u64 {
        *self.chronicle.published().borrow()
    }

    /// Waits until an entry may be relied on as far as asked for.
    ///
    /// # Errors
    /// When that takes too long: the entry stands, and nothing is released.
    pub async fn wait(&self, index: u64, release: Release) -> Result<(), Problem> {
        let mut size = match release {
            Release::Durable => return Ok(()),
            Release::Included => self.quorum.signed(),
            Release::Witnessed => self.chronicle.published(),
        };
        let deadline = tokio::time::Instant::now() + RELEASE_PATIENCE;
        while *size.borrow_and_update() <= index {
            self.chronicle.hurry();
            if tokio::time::Instant::now() > deadline {
                return Err(Problem::unrecordable(
                    "the decision is recorded, but the witnesses this use needs do not answer; nothing was released; try again later",
                ));
            }
            // Whatever it says, asked for again after a while: a log that closes says nothing.
            let _ = tokio::time::timeout(GLANCE, size.changed()).await;
        }
        Ok(())
    }

    /// Takes note of a permitted use.
    pub fn intend(&self, index: u64, intent: Intent) {
        self.intents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(index, intent);
    }

    /// Takes note of an outcome.
    pub fn conclude(&self, intent: u64) {
        self.intents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&intent);
    }
}

/// The event of an outcome; that of a sealed use is sealed as long as the use is.
#[must_use]
pub fn outcome_event(
    chronicle: &Chronicle,
    index: u64,
    intent: &Intent,
    outcome: Outcome,
    digest: Vec<u8>,
    now_ms: u64,
) -> Event {
    let embargo = intent
        .is_sealed
        .then(|| chronicle.notices().embargo(index))
        .flatten();
    Event {
        subject: intent.subject.clone(),
        kind: match embargo {
            Some(_) => RecordKind::Sealed,
            None => RecordKind::Outcome,
        },
        decision: match outcome {
            Outcome::Released => DecisionCode::Permit,
            Outcome::NotReleased => DecisionCode::Deny,
            Outcome::Unknown => DecisionCode::Emergency,
        },
        time_ms: now_ms,
        payload: Payload {
            kind: PayloadKind::Outcome,
            at_ms: now_ms,
            system: intent.system.clone(),
            purpose: intent.purpose.clone(),
            intent: Some(index),
            outcome: outcome.as_str().to_owned(),
            digest,
            ..Payload::default()
        },
        embargo,
    }
}

/// What became of a permitted use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The data went out.
    Released,
    /// Nothing went out.
    NotReleased,
    /// Nobody said.
    Unknown,
}

impl Outcome {
    /// The word of the format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::NotReleased => "not_released",
            Self::Unknown => "unknown",
        }
    }
}

/// What runs behind a node until it stops: outcomes nobody reported, sealed entries that are due.
pub async fn work(app: Arc<App>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let now_ms = (app.clock)();
        let enrolling = Arc::clone(&app);
        match tokio::task::spawn_blocking(move || enrolling.enrol()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(persons)) => tracing::info!(persons, "a month's map has new persons"),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "enrolling the persons of the registers")
            }
            Err(error) => tracing::error!(error = %error, "enrolling the persons of the registers"),
        }
        if let Err(error) = unknown_outcomes(&app, now_ms).await {
            tracing::error!(error = %error, "recording unknown outcomes");
        }
        crate::desk::flags(&app).await;
        crate::people::sweep(&app).await;
        match app.ledger.chronicle.open_due(now_ms).await {
            Ok(opened) if opened.is_empty() => {}
            Ok(opened) => tracing::info!(count = opened.len(), "sealed entries were opened"),
            Err(error) => tracing::error!(error = %error, "opening sealed entries"),
        }
    }
}

/// Records `outcome unknown` for permitted uses that nobody reported on in time.
///
/// # Errors
/// When they cannot be recorded; they are tried again.
pub async fn unknown_outcomes(
    app: &App,
    now_ms: u64,
) -> Result<(), kepil_chronicle::ChronicleError> {
    let limit = app.config.ledger.intent_secs * 1000;
    let late: Vec<(u64, Intent)> = {
        let intents = app
            .ledger
            .intents
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_late = |intent: &Intent| intent.at_ms.saturating_add(limit) < now_ms;
        intents
            .iter()
            .filter(|(_, intent)| is_late(intent))
            .take(1000)
            .map(|(index, intent)| (*index, intent.clone()))
            .collect()
    };
    if late.is_empty() {
        return Ok(());
    }
    let events: Vec<Event> = late
        .iter()
        .map(|(index, intent)| {
            let chronicle = &app.ledger.chronicle;
            outcome_event(
                chronicle,
                *index,
                intent,
                Outcome::Unknown,
                Vec::new(),
                now_ms,
            )
        })
        .collect();
    app.record(&events).await.map(|_| ())
}

/// Folder with everything of a node's log, for commands.
#[must_use]
pub fn folder(config: &Config) -> PathBuf {
    config.data_dir.join("ledger")
}
