//! A caller of a node: signs assertions, gets tokens, asks; and a source of tiles over HTTP.

use crate::exit::{Failure, environment, input};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kepil_ledger::tile::{SourceError, TileSource};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::Agent;

/// A key pair of a calling system.
pub struct Keys {
    signing: SigningKey,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// New keys from fresh randomness.
    pub fn new() -> Result<Self, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(environment)?;
        Ok(Self {
            signing: SigningKey::from_bytes(&seed),
        })
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.signing.verifying_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x})
    }

    /// A signed client assertion.
    pub fn assertion(&self, system: &str, audience: &str) -> Result<String, Failure> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let mut jti = [0; 16];
        getrandom::fill(&mut jti).map_err(environment)?;
        let claims = json!({"iss": system, "sub": system, "aud": audience, "iat": now, "exp": now + 120, "jti": URL_SAFE_NO_PAD.encode(jti)});
        let der = self.signing.to_pkcs8_der().map_err(input)?;
        encode(
            &Header::new(Algorithm::EdDSA),
            &claims,
            &EncodingKey::from_ed_der(der.as_bytes()),
        )
        .map_err(input)
    }
}

/// A connection to a node.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    base: String,
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

    /// Gets an access token for a system.
    pub fn token(&self, system: &str, keys: &Keys) -> Result<String, Failure> {
        let assertion = keys.assertion(system, &format!("{}/oauth/token", self.base))?;
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
        ];
        let mut answer = self
            .agent
            .post(format!("{}/oauth/token", self.base))
            .send_form(form)
            .map_err(environment)?;
        let body: Value = answer.body_mut().read_json().map_err(environment)?;
        body.get("access_token")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| environment(format!("no token for {system}: {body}")))
    }

    /// Asks for one evaluation.
    pub fn evaluate(&self, token: &str, lang: &str, request: &Value) -> Result<Value, Failure> {
        let mut answer = self
            .agent
            .post(format!("{}/access/v1/evaluation", self.base))
            .header("Authorization", format!("Bearer {token}"))
            .header("Accept-Language", lang)
            .send_json(request)
            .map_err(environment)?;
        answer.body_mut().read_json().map_err(environment)
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
