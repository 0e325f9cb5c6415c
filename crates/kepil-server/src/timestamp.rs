//! Time stamps: an authority outside says when a published checkpoint existed (RFC 3161).
//!
//! Nothing waits for it. An authority that fails is asked again; what it answers is kept
//! only if it verifies.

use crate::app::App;
use crate::config::LedgerConfig;
use crate::endorse::Away;
use kepil_ledger::checkpoint;
use kepil_ledger::error::in_one_line;
use kepil_store::stamps::Stamps;
use kepil_timestamp::{
    MAX_RESPONSE_BYTES, QUERY_MEDIA_TYPE, Request, Stamp, StampError, Trust, verify,
};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ureq::Agent;

/// How long the authority may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often is looked whether a stamp is due.
const ROUND: Duration = Duration::from_millis(500);

/// How long after a failure the authority is asked again, in seconds; sooner if stamps are due sooner.
const RETRY_SECS: u64 = 60;

/// Gets stamps and keeps them.
pub struct Stamper {
    agent: Agent,
    url: String,
    trust: Trust,
    every_secs: u64,
    stamps: Stamps,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Newest>,
    /// Wall time before which nobody is asked, Unix seconds.
    not_before: u64,
    away: Option<Away>,
}

/// The last stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Newest {
    /// Number of entries.
    pub size: u64,
    /// When they existed, by the authority: Unix milliseconds.
    pub unix_ms: u64,
}

/// Why there is no stamp.
#[derive(Debug, thiserror::Error)]
pub enum StampingError {
    /// The checkpoint does not read.
    #[error("stamping a checkpoint")]
    Checkpoint(#[from] checkpoint::CheckpointError),
    /// The request could not be made.
    #[error("stamping a checkpoint")]
    Request(#[from] kepil_timestamp::RequestError),
    /// The authority cannot be reached, or its answer did not arrive.
    #[error("asking the authority at `{url}`")]
    Transport {
        /// Where it is.
        url: String,
        /// What went wrong.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The authority answers otherwise.
    #[error("asking the authority at `{url}`: it answers {status}")]
    Status {
        /// Where it is.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The answer is no stamp of the checkpoint.
    #[error("the answer of the authority at `{url}` is not kept")]
    Answer {
        /// Where it is.
        url: String,
        /// Why.
        #[source]
        source: Box<StampError>,
    },
    /// The stamp could not be written.
    #[error("keeping the time stamp of {size} entries")]
    Keep {
        /// Number of entries.
        size: u64,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
}

impl fmt::Debug for Stamper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamper")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Stamper {
    /// The stamper of a configuration, if it names an authority; `public` is the published folder.
    ///
    /// # Errors
    /// When its certificates cannot be read; an old stamp that does not verify any more is no error.
    pub fn new(config: &LedgerConfig, public: &Path) -> Result<Option<Arc<Self>>, String> {
        let Some((url, path)) = config
            .timestamp_url
            .as_ref()
            .zip(config.timestamp_certificates.as_ref())
        else {
            return Ok(None);
        };
        let bytes = std::fs::read(path).map_err(|e| {
            format!(
                "reading `ledger.timestamp_certificates` {}: {e}",
                path.display()
            )
        })?;
        let trust = Trust::from_pem(&bytes)
            .map_err(|e| format!("{}: {}", path.display(), in_one_line(&e)))?;
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let stamps = Stamps::new(public);
        let mut state = State::default();
        match stamps.latest() {
            Ok(None) => {}
            Ok(Some(kept)) => match stamp_of(&kept.checkpoint, &kept.response, &trust) {
                Ok(stamp) => {
                    let (size, unix_ms) = (kept.size, stamp.unix_ms);
                    state.newest = Some(Newest { size, unix_ms });
                    state.not_before = (unix_ms / 1000).saturating_add(config.timestamp_secs);
                }
                Err(why) => {
                    tracing::warn!(size = kept.size, %why, "the last time stamp does not verify")
                }
            },
            Err(error) => tracing::warn!(%error, "reading the last time stamp"),
        }
        Ok(Some(Arc::new(Self {
            agent,
            url: url.clone(),
            trust,
            every_secs: config.timestamp_secs,
            stamps,
            state: Mutex::new(state),
        })))
    }

    /// The last stamp.
    #[must_use]
    pub fn newest(&self) -> Option<Newest> {
        self.state().newest
    }

    /// The authority, while it does not answer well.
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        self.state().away.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when a tree of this size is to be stamped now.
    #[must_use]
    pub fn is_due(&self, size: u64, now: u64) -> bool {
        let state = self.state();
        now >= state.not_before && state.newest.is_none_or(|newest| newest.size < size)
    }

    /// Has a checkpoint stamped, keeps the stamp, and takes note of how it went.
    pub fn stamp(&self, signed: &str, nonce: u64, now: u64) {
        let stamped = self.ask(signed, nonce);
        let mut state = self.state();
        match stamped {
            Ok(newest) => {
                tracing::info!(
                    size = newest.size,
                    unix_ms = newest.unix_ms,
                    "a checkpoint was time-stamped"
                );
                state.newest = Some(newest);
                state.not_before = now.saturating_add(self.every_secs);
                state.away = None;
            }
            Err(error) => {
                let why = in_one_line(&error);
                state.not_before = now.saturating_add(self.every_secs.min(RETRY_SECS));
                if state.away.is_none() {
                    tracing::warn!(%why, "no time stamps until the authority answers well again");
                }
                let since = state.away.as_ref().map_or(now, |away| away.since);
                state.away = Some(Away {
                    address: self.url.clone(),
                    since,
                    why,
                });
            }
        }
    }

    fn ask(&self, signed: &str, nonce: u64) -> Result<Newest, StampingError> {
        let read = checkpoint::parse(signed.as_bytes())?;
        let (text, size) = (read.note().text().as_bytes(), read.unverified().size);
        let response = self.post(&Request::new(text, nonce).to_der()?)?;
        let stamp = verify(&response, text, Some(nonce), &self.trust).map_err(|source| {
            StampingError::Answer {
                url: self.url.clone(),
                source: Box::new(source),
            }
        })?;
        self.stamps
            .keep(size, signed.as_bytes(), &response)
            .map_err(|source| StampingError::Keep { size, source })?;
        let unix_ms = stamp.unix_ms;
        Ok(Newest { size, unix_ms })
    }

    fn post(&self, query: &[u8]) -> Result<Vec<u8>, StampingError> {
        let failed = |source| StampingError::Transport {
            url: self.url.clone(),
            source: Box::new(source),
        };
        let mut answer = self
            .agent
            .post(&self.url)
            .header("content-type", QUERY_MEDIA_TYPE)
            .send(query)
            .map_err(failed)?;
        let status = answer.status().as_u16();
        if status != 200 {
            let url = self.url.clone();
            return Err(StampingError::Status { url, status });
        }
        let most = u64::try_from(MAX_RESPONSE_BYTES).unwrap_or(u64::MAX);
        let body = answer.body_mut().with_config().limit(most);
        body.read_to_vec().map_err(failed)
    }
}

fn stamp_of(signed: &[u8], response: &[u8], trust: &Trust) -> Result<Stamp, String> {
    let signed = checkpoint::parse(signed).map_err(|e| in_one_line(&e))?;
    verify(response, signed.note().text().as_bytes(), None, trust).map_err(|e| in_one_line(&e))
}

/// Has the published checkpoint stamped whenever it is due, until the node stops.
pub async fn work(app: Arc<App>) {
    let Some(stamper) = app.ledger.stamper.clone() else {
        return;
    };
    loop {
        tokio::time::sleep(ROUND).await;
        let (size, now) = (app.ledger.published(), app.wall_secs());
        if size == 0 || !stamper.is_due(size, now) {
            continue;
        }
        let head = app.ledger.chronicle.head();
        let Some(signed) = head.and_then(|head| head.checkpoint) else {
            continue;
        };
        let mut nonce = [0; 8];
        if let Err(error) = getrandom::fill(&mut nonce) {
            tracing::error!(%error, "no randomness for a time stamp's nonce");
            continue;
        }
        // A thread of its own: a stop of the node does not wait for the authority.
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        let own = Arc::clone(&stamper);
        let thread = std::thread::Builder::new().name("kepil-timestamp".to_owned());
        let spawned = thread.spawn(move || {
            own.stamp(&signed, u64::from_be_bytes(nonce), now);
            drop(done);
        });
        match spawned {
            // It ends by dropping the sender.
            Ok(_) => _ = is_done.await,
            Err(error) => tracing::error!(%error, "starting the thread for a time stamp"),
        }
    }
}
