//! Time stamps by RFC 3161: somebody outside says when a text existed.
//!
//! [`Request`] makes what a time stamping authority is asked; [`verify`] checks what it
//! answers against the text and the certificates that a reader trusts, and gives a
//! [`Stamp`]. What is stamped is the SHA-256 of the bytes that are given; for a checkpoint
//! these are its three lines, each with its newline, without the signatures.
//!
//! Nothing here reads files, the clock or the network. Structures are read as strict DER.
//! Revocation lists are not asked for: who pins a certificate answers for it.

mod attributes;
mod certificate;
mod chain;
mod error;
mod message;
mod oid;
mod request;
mod signature;
mod signed;
mod stamp;
mod time;
mod trust;

pub use certificate::CertificateError;
pub use chain::ChainError;
pub use error::StampError;
pub use request::{Request, RequestError};
pub use stamp::{Stamp, verify};
pub use trust::{Trust, TrustError};

/// Longest response that is read, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Media type of a request over HTTP.
pub const QUERY_MEDIA_TYPE: &str = "application/timestamp-query";

/// Media type of a response over HTTP.
pub const REPLY_MEDIA_TYPE: &str = "application/timestamp-reply";
