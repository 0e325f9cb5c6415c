//! A calling system: signs assertions, gets tokens, asks.

use crate::client::Client;
use crate::exit::{Failure, environment, input};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

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

impl Client {
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
}
