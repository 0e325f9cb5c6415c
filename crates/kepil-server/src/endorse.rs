//! Who vouches for a checkpoint: the witness inside the node, and those at the policy's addresses.

use crate::rotation::NextKey;
use kepil_ledger::checkpoint::{self, Checkpoint, SignedCheckpoint};
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::policy::Policy;
use kepil_ledger::tile::{FetchError, TileHashes};
use kepil_ledger::tree::consistency_path;
use kepil_ledger::witness::AddCheckpoint;
use kepil_store::log::Endorser;
use kepil_store::source::DirSource;
use kepil_witness::{ClientError, Witness, WitnessClient};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// Wall time in Unix seconds.
pub type Seconds = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Asks everybody the policy names, and lets a checkpoint go when the quorum is met.
pub struct Quorum {
    policy: Policy,
    local: Option<Arc<Witness>>,
    remote: Vec<Remote>,
    now: Seconds,
    signed: watch::Sender<u64>,
    /// Who did not sign the last checkpoint, and since when.
    away: Mutex<Vec<Away>>,
    /// The key the log changes over to, which signs beside the present one.
    next: RwLock<Option<Arc<NextKey>>>,
}

/// A cosigner that is away.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Away {
    /// Its address.
    pub address: String,
    /// Unix seconds.
    pub since: u64,
    /// Why.
    pub why: String,
}

struct Remote {
    client: WitnessClient,
    /// Size it signed last, as far as known.
    known: Mutex<u64>,
}

impl fmt::Debug for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quorum")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Quorum {
    /// Asks these.
    #[must_use]
    pub fn new(
        policy: Policy,
        local: Option<Arc<Witness>>,
        clients: Vec<WitnessClient>,
        now: Seconds,
    ) -> Self {
        let remote = clients.into_iter().map(|client| Remote {
            client,
            known: Mutex::new(0),
        });
        Self {
            policy,
            local,
            remote: remote.collect(),
            now,
            signed: watch::Sender::new(0),
            away: Mutex::default(),
            next: RwLock::default(),
        }
    }

    /// Size of the newest tree the log has signed, published or not.
    #[must_use]
    pub fn signed(&self) -> watch::Receiver<u64> {
        self.signed.subscribe()
    }

    /// The key the log changes over to.
    #[must_use]
    pub fn next_key(&self) -> Option<Arc<NextKey>> {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        next.clone()
    }

    /// From its moment on this key signs every checkpoint too.
    pub fn set_next_key(&self, key: NextKey) {
        let mut next = self.next.write().unwrap_or_else(PoisonError::into_inner);
        *next = Some(Arc::new(key));
    }

    /// True when the policy names a key of the log.
    #[must_use]
    pub fn believes(&self, key: &VerifyingKey) -> bool {
        self.policy.logs().iter().any(|log| log.key == *key)
    }

    /// The witness inside the node.
    #[must_use]
    pub fn own_witness(&self) -> Option<&Witness> {
        self.local.as_deref()
    }

    /// Who did not sign the last checkpoint.
    #[must_use]
    pub fn away(&self) -> Vec<Away> {
        self.away
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn ask_local(
        &self,
        witness: &Witness,
        signed: &mut SignedCheckpoint,
        public: &DirSource,
        now: u64,
    ) -> Result<(), String> {
        let latest = witness.latest(&signed.unverified().origin);
        let known = latest.map_or(0, |latest| latest.unverified().size);
        let request = request(signed, known, public)?;
        let lines = witness
            .add_checkpoint(&request, now)
            .map_err(|e| e.to_string())?;
        append(signed, lines)
    }
}

impl Remote {
    fn ask(&self, signed: &mut SignedCheckpoint, public: &DirSource) -> Result<(), String> {
        let size = signed.unverified().size;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Its own word about what it knows is asked for once.
        for _ in 0..2 {
            match self
                .client
                .add_checkpoint(&request(signed, *known, public)?)
            {
                Ok(lines) => {
                    *known = size;
                    return append(signed, lines);
                }
                Err(ClientError::OtherSize { known: theirs, .. }) if theirs <= size => {
                    *known = theirs
                }
                Err(error) => return Err(said(&error)),
            }
        }
        Err("it does not agree about what it has signed".to_owned())
    }
}

fn said(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// The request to a witness that knows the log up to `old`.
fn request(
    signed: &SignedCheckpoint,
    old: u64,
    public: &DirSource,
) -> Result<AddCheckpoint, String> {
    let size = signed.unverified().size;
    let proof = consistency_path(&TileHashes::new(public, size), old, size);
    Ok(AddCheckpoint {
        old,
        proof: proof.map_err(|e: FetchError| e.to_string())?,
        checkpoint: signed.clone(),
    })
}

fn append(
    signed: &mut SignedCheckpoint,
    lines: Vec<kepil_ledger::note::Signature>,
) -> Result<(), String> {
    for line in lines {
        signed.append(line).map_err(|e| e.to_string())?;
    }
    Ok(())
}

impl Endorser for Quorum {
    fn endorse(&self, checkpoint: &str, public: &DirSource) -> Result<String, String> {
        let now = (self.now)();
        let mut plain = checkpoint::parse(checkpoint.as_bytes()).map_err(|e| e.to_string())?;
        if let Some(next) = self.next_key().filter(|next| next.from <= now) {
            let line = next.signer.sign(plain.note().text());
            append(&mut plain, vec![line])?;
        }
        let size = plain.unverified().size;
        self.signed.send_if_modified(|signed| {
            let is_newer = *signed < size;
            *signed = size.max(*signed);
            is_newer
        });
        let mut whole = plain.clone();
        let mut away = Vec::new();
        let before = self.away();
        let mut note = |address: &str, why: String| {
            let since = before
                .iter()
                .find(|a| a.address == address)
                .map_or(now, |a| a.since);
            away.push(Away {
                address: address.to_owned(),
                since,
                why,
            });
        };
        if let Some(witness) = &self.local
            && let Err(why) = self.ask_local(witness, &mut whole, public, now)
        {
            note("in this node", why);
        }
        // All at once: a slow one must not hold up the others.
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked: Vec<_> = self
                .remote
                .iter()
                .map(|remote| {
                    let mut own = plain.clone();
                    scope.spawn(move || remote.ask(&mut own, public).map(|()| own))
                })
                .collect();
            asked
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err("asking it failed".to_owned()))
                })
                .collect()
        });
        let lines = plain.note().signatures().len();
        for (remote, answer) in self.remote.iter().zip(answers) {
            match answer {
                Ok(own) => append(
                    &mut whole,
                    own.note()
                        .signatures()
                        .iter()
                        .skip(lines)
                        .cloned()
                        .collect(),
                )?,
                Err(why) => note(remote.client.prefix(), why),
            }
        }
        for a in away.iter().filter(|a| a.since == now) {
            tracing::warn!(witness = %a.address, why = %a.why, "a cosigner is away; entries are recorded all the same");
        }
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
        self.policy.verify_log(&whole).map_err(|e| said(&e))?;
        let good = self.policy.cosignatures(&whole).map_err(|e| said(&e))?;
        if self.policy.check(&good) {
            Ok(whole.to_string())
        } else {
            let missing: Vec<String> = self.away().into_iter().map(|a| a.address).collect();
            Err(format!(
                "the quorum of the policy is not met; away: {}",
                if missing.is_empty() {
                    "nobody, so the policy names others than are asked".to_owned()
                } else {
                    missing.join(", ")
                }
            ))
        }
    }
}

/// The policy of a node that has none: its own signature and that of the witness inside it.
#[must_use]
pub fn own_policy(logs: &[&VerifyingKey], witness: &Witness) -> String {
    let [key, _] = witness.keys();
    let logs: String = logs.iter().map(|log| format!("log {log}\n")).collect();
    format!(
        "# The log's own signature, and that of a witness inside the same node.\n\
         {logs}witness local {key}\nquorum local\n"
    )
}

/// The size a checkpoint's text speaks of.
#[must_use]
pub fn size_of(checkpoint: &str) -> u64 {
    checkpoint::parse(checkpoint.as_bytes()).map_or(0, |signed| {
        let Checkpoint { size, .. } = signed.unverified();
        *size
    })
}
