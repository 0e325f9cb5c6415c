//! Asking a witness over HTTP, as a log does.

use std::time::Duration;

use kepil_ledger::checkpoint::{self, CheckpointError, SignedCheckpoint};
use kepil_ledger::cosignature::{CosignatureError, CosignerKey};
use kepil_ledger::note::{self, KeyName, MAX_NOTE_BYTES, NoteError, Signature};
use kepil_ledger::witness::{AddCheckpoint, SIZE_MEDIA_TYPE, origin_hash};
use ureq::Agent;
use ureq::http::{Response, header};

/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = MAX_NOTE_BYTES as u64;

/// Most characters of a refusal that are passed on.
const MAX_REASON_CHARS: usize = 300;

/// A witness elsewhere, known by its address and its keys. Calls wait for the answer.
#[derive(Debug, Clone)]
pub struct WitnessClient {
    agent: Agent,
    prefix: String,
    keys: Vec<CosignerKey>,
}

/// Why a witness gave no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The witness knows another size than the request's old size: prove from this one.
    #[error("asking the witness at `{prefix}`: it knows a tree of {known} entries")]
    OtherSize {
        /// Where it is.
        prefix: String,
        /// Size of the latest checkpoint it cosigned.
        known: u64,
    },
    /// The witness refuses.
    #[error("asking the witness at `{prefix}`: it answers {status}, {reason}")]
    Refused {
        /// Where it is.
        prefix: String,
        /// HTTP status.
        status: u16,
        /// What it says, shortened.
        reason: String,
    },
    /// The witness cannot be reached, or its answer did not arrive.
    #[error("asking the witness at `{prefix}`")]
    Transport {
        /// Where it is.
        prefix: String,
        /// What went wrong.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The answer is not signature lines.
    #[error("asking the witness at `{prefix}`: its answer does not read")]
    Note {
        /// Where it is.
        prefix: String,
        /// What is wrong.
        #[source]
        source: NoteError,
    },
    /// The answer is not a checkpoint.
    #[error("asking the witness at `{prefix}`: its answer does not read")]
    Checkpoint {
        /// Where it is.
        prefix: String,
        /// What is wrong.
        #[source]
        source: CheckpointError,
    },
    /// A cosignature under a known key is bad.
    #[error("asking the witness at `{prefix}`")]
    Cosignature {
        /// Where it is.
        prefix: String,
        /// What is wrong.
        #[source]
        source: CosignatureError,
    },
    /// No line is by a known key.
    #[error("asking the witness at `{prefix}`: no line of its answer is by a known key")]
    NotCosigned {
        /// Where it is.
        prefix: String,
    },
}

impl WitnessClient {
    /// A witness at a submission prefix such as `https://witness.example/w1`, with the
    /// keys whose lines count, and the time one call may take.
    #[must_use]
    pub fn new(prefix: &str, keys: Vec<CosignerKey>, timeout: Duration) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        Self {
            agent,
            prefix: prefix.trim_end_matches('/').to_owned(),
            keys,
        }
    }

    /// Where the witness is.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Asks for cosignatures; gives the lines of known keys, all of them checked.
    ///
    /// # Errors
    ///
    /// When the witness refuses, is out of reach, or answers with no good line.
    pub fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<Vec<Signature>, ClientError> {
        let url = format!("{}/add-checkpoint", self.prefix);
        let answer = self.agent.post(url).send(request.to_string());
        let text = self.text_of(answer)?;
        let lines = note::parse_signatures(&text).map_err(|source| ClientError::Note {
            prefix: self.prefix.clone(),
            source,
        })?;
        let mut good = Vec::new();
        for line in lines {
            let is_by = |key: &&CosignerKey| key.name() == line.name() && key.id() == line.id();
            let Some(key) = self.keys.iter().find(is_by) else {
                continue;
            };
            key.verify(request.checkpoint.unverified(), &line)
                .map_err(|source| ClientError::Cosignature {
                    prefix: self.prefix.clone(),
                    source,
                })?;
            good.push(line);
        }
        if good.is_empty() {
            return Err(ClientError::NotCosigned {
                prefix: self.prefix.clone(),
            });
        }
        Ok(good)
    }

    /// Reads the latest checkpoint the witness cosigned of a log; `None` where there is none.
    ///
    /// Taken from the same prefix. Its signatures are not checked here.
    ///
    /// # Errors
    ///
    /// When the witness is out of reach, or its answer is not a checkpoint.
    pub fn latest(&self, origin: &KeyName) -> Result<Option<SignedCheckpoint>, ClientError> {
        let url = format!("{}/{}/checkpoint", self.prefix, origin_hash(origin));
        let text = match self.text_of(self.agent.get(url).call()) {
            Err(ClientError::Refused { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        match checkpoint::parse(text.as_bytes()) {
            Ok(signed) => Ok(Some(signed)),
            Err(source) => Err(ClientError::Checkpoint {
                prefix: self.prefix.clone(),
                source,
            }),
        }
    }

    /// The body of a good answer; any other one is an error.
    fn text_of(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, ClientError> {
        let failed = |source| ClientError::Transport {
            prefix: self.prefix.clone(),
            source: Box::new(source),
        };
        let mut answer = answer.map_err(failed)?;
        let status = answer.status().as_u16();
        let names_size = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|media_type| media_type.as_bytes() == SIZE_MEDIA_TYPE.as_bytes());
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let text = body.read_to_string().map_err(failed)?;
        if status == 200 {
            return Ok(text);
        }
        let prefix = self.prefix.clone();
        let known = text.strip_suffix('\n').and_then(|size| size.parse().ok());
        Err(match known.filter(|_| status == 409 && names_size) {
            Some(known) => ClientError::OtherSize { prefix, known },
            None => ClientError::Refused {
                prefix,
                status,
                reason: text
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c })
                    .take(MAX_REASON_CHARS)
                    .collect::<String>()
                    .trim()
                    .to_owned(),
            },
        })
    }
}
