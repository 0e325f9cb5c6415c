//! What the provider says of itself (OpenID Connect Discovery 1.0, RFC 8414): only what is true.

use crate::assurance::Acr;
use crate::provider::{Endpoint, Provider};
use kepil_terms::Lang;
use serde::Serialize;

/// The body of `/.well-known/openid-configuration`.
#[derive(Debug, Clone, Serialize)]
pub struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: String,
    scopes_supported: [&'static str; 1],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    acr_values_supported: Vec<Acr>,
    ui_locales_supported: [Lang; 3],
    claims_supported: [&'static str; 9],
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
}

impl Provider {
    /// What the provider says of itself. Scopes for attributes are not listed: which of them a
    /// client may ask for stands in its register entry.
    #[must_use]
    pub fn discovery(&self) -> Discovery {
        Discovery {
            issuer: self.issuer().to_owned(),
            authorization_endpoint: self.uri(Endpoint::Authorize),
            token_endpoint: self.uri(Endpoint::Token),
            userinfo_endpoint: self.uri(Endpoint::Userinfo),
            jwks_uri: self.uri(Endpoint::Jwks),
            end_session_endpoint: self.uri(Endpoint::Logout),
            scopes_supported: ["openid"],
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: ["authorization_code"],
            subject_types_supported: ["pairwise"],
            id_token_signing_alg_values_supported: ["ES256"],
            token_endpoint_auth_methods_supported: ["private_key_jwt"],
            token_endpoint_auth_signing_alg_values_supported: ["ES256"],
            code_challenge_methods_supported: ["S256"],
            prompt_values_supported: ["none", "login", "consent", "select_account"],
            acr_values_supported: self.levels().iter().copied().collect(),
            ui_locales_supported: Lang::ALL,
            claims_supported: [
                "iss",
                "sub",
                "aud",
                "iat",
                "exp",
                "auth_time",
                "nonce",
                "acr",
                "amr",
            ],
            authorization_response_iss_parameter_supported: true,
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}
