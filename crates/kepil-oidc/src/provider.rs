//! The provider itself, and what every request is checked against.

use crate::assurance::Acr;
use crate::client::Register;
use crate::ring::KeyRing;
use crate::sector::PairwiseKey;
use crate::uri::{self, UriError};
use kepil_terms::Lang;
use std::collections::BTreeSet;

/// How far other people's clocks may be off, in seconds.
pub const SKEW_SECS: u64 = 30;

/// Why a provider could not be set up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderError {
    /// The issuer is no good address.
    #[error("setting up the provider: the issuer `{issuer}` cannot be taken")]
    Issuer {
        /// The issuer.
        issuer: String,
        /// What is wrong with it.
        #[source]
        source: UriError,
    },
    /// The issuer has a query or ends in a slash.
    #[error(
        "setting up the provider: the issuer `{issuer}` must have no query and no slash at its end"
    )]
    Shape {
        /// The issuer.
        issuer: String,
    },
    /// There is no way to sign in.
    #[error("setting up the provider: it offers no level of assurance")]
    NoLevel,
}

/// An address of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`
    Discovery,
    /// `/jwks`
    Jwks,
    /// `/authorize`
    Authorize,
    /// `/token`
    Token,
    /// `/userinfo`
    Userinfo,
    /// `/logout`
    Logout,
}

impl Endpoint {
    /// All addresses.
    pub const ALL: [Endpoint; 6] = [
        Endpoint::Discovery,
        Endpoint::Jwks,
        Endpoint::Authorize,
        Endpoint::Token,
        Endpoint::Userinfo,
        Endpoint::Logout,
    ];

    /// The path below the issuer.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Endpoint::Discovery => "/.well-known/openid-configuration",
            Endpoint::Jwks => "/jwks",
            Endpoint::Authorize => "/authorize",
            Endpoint::Token => "/token",
            Endpoint::Userinfo => "/userinfo",
            Endpoint::Logout => "/logout",
        }
    }
}

/// What the provider is called and what it offers.
#[derive(Debug, Clone)]
pub struct Provider {
    issuer: String,
    levels: BTreeSet<Acr>,
    default_lang: Lang,
}

impl Provider {
    /// A provider under the address `issuer`, whose pages can reach `levels` and fall back to
    /// `default_lang`.
    ///
    /// # Errors
    /// When the issuer is not an absolute https address (http only on the machine itself) without
    /// query, fragment and slash at its end, or `levels` is empty.
    pub fn new(
        issuer: &str,
        levels: impl IntoIterator<Item = Acr>,
        default_lang: Lang,
    ) -> Result<Self, ProviderError> {
        uri::check(issuer).map_err(|source| ProviderError::Issuer {
            issuer: issuer.to_owned(),
            source,
        })?;
        let issuer = issuer.to_owned();
        if issuer.contains('?') || issuer.ends_with('/') {
            return Err(ProviderError::Shape { issuer });
        }
        let levels: BTreeSet<Acr> = levels.into_iter().collect();
        if levels.is_empty() {
            return Err(ProviderError::NoLevel);
        }
        Ok(Self {
            issuer,
            levels,
            default_lang,
        })
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The absolute address of an endpoint.
    #[must_use]
    pub fn uri(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer, endpoint.path())
    }

    /// The levels its pages can reach.
    #[must_use]
    pub fn levels(&self) -> &BTreeSet<Acr> {
        &self.levels
    }

    /// The language for a list such as `kk-KZ ru` (OpenID Core 5.2): the first one there is, or
    /// the default.
    #[must_use]
    pub fn lang(&self, ui_locales: &str) -> Lang {
        let code = |tag: &str| tag.split('-').next().map(str::to_ascii_lowercase);
        ui_locales
            .split(' ')
            .filter_map(code)
            .find_map(|c| Lang::from_code(&c))
            .unwrap_or(self.default_lang)
    }
}

/// What every request is checked against: borrowed for one request.
#[derive(Debug, Clone, Copy)]
pub struct Op<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// The clients, as the register knows them now.
    pub register: &'a Register,
    /// The provider's keys.
    pub keys: &'a KeyRing,
    /// The key of the pairwise identifiers.
    pub pairwise: &'a PairwiseKey,
}
