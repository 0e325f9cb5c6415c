//! The core of a small OpenID provider, without any input or output.
//!
//! Authorisation code with PKCE (S256), `private_key_jwt`, ES256, exact redirect addresses, `iss`
//! in the answer, userinfo, pairwise subjects, signing out. Nothing else: no implicit or hybrid
//! flow, no client secrets, no refresh tokens, nothing that is fetched from elsewhere.
//!
//! ```text
//! /authorize   Authorization::read ─→ next ─→ SignIn │ Consent │ Refuse │ Answer ─→ issue
//! /token       token::exchange
//! /userinfo    Opened::read ─→ (gate, ledger, registers) ─→ answer
//! /logout      Logout::read
//! /jwks        KeyRing::jwks          discovery   Provider::discovery
//! ```
//!
//! Time, random bytes and keys come in as parameters; codes and used assertions are kept behind
//! [`CodeStore`](code::CodeStore) and [`ReplayStore`](replay::ReplayStore). The server adds HTTP,
//! pages, sessions and registers.
//!
//! # What the types promise
//!
//! - A code comes only from an [`Approval`](authorize::Approval), and that only from
//!   [`Authorization::next`](authorize::Authorization::next).
//! - Nobody is sent to an address that is not registered byte for byte.
//! - Tokens have no member for an attribute; the IIN never stands beside a pairwise `sub` in one.
//! - What userinfo may release is cut to the client's entry and the person's consent, both.
//!
//! # Limits
//!
//! - The pairwise key and the signing keys are in memory. A hardware module needs a trait here.
//! - Bodies can still join people on names or birth dates that they receive.
//! - A sign-in that ends leaves access tokens alive for up to [`TOKEN_SECS`](ring::TOKEN_SECS).
//!
//! # Sources
//!
//! OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 6749, 6750, 7515, 7517,
//! 7521, 7523, 7636, 7638, 8176, 9068, 9207, 9700.

pub mod assertion;
pub mod assurance;
pub mod authorize;
pub mod client;
pub mod code;
pub mod discovery;
pub mod event;
pub mod form;
pub mod id;
pub mod iin;
pub mod key;
pub mod logout;
pub mod provider;
pub mod replay;
pub mod ring;
pub mod sector;
pub mod store;
pub mod token;
pub mod uri;
pub mod userinfo;

mod hint;
mod jws;

pub use hint::HintError;
pub use jws::SignError;
