//! A reader of a node: files, answers and orders; and a source of tiles over HTTP.

use crate::exit::{Failure, environment, input};
use kepil_ledger::tile::{SourceError, TileSource};
use serde_json::Value;
use std::time::Duration;
use ureq::Agent;

/// A connection to a node.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) agent: Agent,
    pub(crate) base: String,
}

impl Client {
    /// A client of the node at `base`.
    pub fn new(base: &str) -> Self {
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .build()
            .into();
        Self {
            agent,
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Reads a small text.
    pub fn text(&self, path: &str) -> Result<String, Failure> {
        let bytes = self.bytes(path, "")?;
        String::from_utf8(bytes).map_err(|_| environment(format!("{path} is not text")))
    }

    /// Reads a file or an answer, with a header of authorization unless it is empty.
    pub fn bytes(&self, path: &str, authorization: &str) -> Result<Vec<u8>, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let mut answer = request.call().map_err(environment)?;
        let status = answer.status();
        // Lists of many years may be long; a proof file has at most 16 MiB.
        let body = answer
            .body_mut()
            .with_config()
            .limit(17 << 20)
            .read_to_vec();
        let body = body.map_err(environment)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(environment(format!(
            "{path}: {}",
            said(status.as_u16(), &body)
        )))
    }

    /// Posts JSON with a token; gives the answer, or says what was refused.
    pub fn post(&self, path: &str, token: &str, body: &Value) -> Result<Value, Failure> {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"))
            .send_json(body)
            .map_err(environment)?;
        let status = answer.status();
        let body = answer.body_mut().read_to_vec().map_err(environment)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(environment);
        }
        let text = format!("{path}: {}", said(status.as_u16(), &body));
        Err(if status.is_client_error() {
            input(text)
        } else {
            environment(text)
        })
    }
}

/// What a refusal says, in one line.
fn said(status: u16, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = problem
        .get("detail")
        .and_then(Value::as_str)
        .unwrap_or_default();
    format!("the node answered {status}: {detail}")
}

impl TileSource for Client {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let failed = |e: &dyn std::fmt::Display| SourceError {
            path: path.to_owned(),
            source: e.to_string().into(),
        };
        let mut answer = self
            .agent
            .get(format!("{}/log/{path}", self.base))
            .call()
            .map_err(|e| failed(&e))?;
        match answer.status().as_u16() {
            200 => answer
                .body_mut()
                .with_config()
                .limit(64 << 20)
                .read_to_vec()
                .map(Some)
                .map_err(|e| failed(&e)),
            404 => Ok(None),
            other => Err(failed(&format!("status {other}"))),
        }
    }
}
