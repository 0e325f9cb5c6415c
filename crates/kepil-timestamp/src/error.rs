//! Why an answer is no time stamp of a text.

use crate::certificate::CertificateError;
use crate::chain::ChainError;

/// Why an answer is no time stamp of a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// It is too long.
    #[error("reading a time stamp: {found} bytes are too many")]
    TooLong {
        /// Number of bytes.
        found: usize,
    },
    /// A part does not read.
    #[error("reading a time stamp: {what} does not read as DER")]
    Encoding {
        /// Which part.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: der::Error,
    },
    /// The authority refuses.
    #[error("reading a time stamp: the authority refuses with status {status}, {said}")]
    Refused {
        /// Status, 2 or more.
        status: u32,
        /// What it says, shortened.
        said: String,
    },
    /// Granted, and nothing there.
    #[error("reading a time stamp: the answer says granted and holds no token")]
    NoToken,
    /// A part is of another kind.
    #[error("reading a time stamp: {what} is not of the kind or version that a time stamp has")]
    Kind {
        /// Which part.
        what: &'static str,
    },
    /// Not exactly one signer.
    #[error("checking a time stamp: it has {found} signers instead of 1")]
    Signers {
        /// Number found.
        found: usize,
    },
    /// The signer's certificate is neither in the token nor trusted.
    #[error("checking a time stamp: the certificate of its signer is not there")]
    NoCertificate,
    /// More certificates than are looked at.
    #[error("checking a time stamp: it carries {found} certificates, which are too many")]
    TooManyCertificates {
        /// Number found.
        found: usize,
    },
    /// An algorithm that is not taken.
    #[error("checking a time stamp: {what} uses the algorithm {oid}, which is not taken here")]
    Algorithm {
        /// Which part.
        what: &'static str,
        /// Which algorithm.
        oid: String,
    },
    /// A signed attribute is missing, stands twice or does not read.
    #[error(
        "checking a time stamp: the signed attribute `{name}` is missing, stands twice or does not read"
    )]
    Attribute {
        /// Which attribute.
        name: &'static str,
    },
    /// What is signed is not what is there.
    #[error("checking a time stamp: what was signed is not what it says")]
    MessageDigest,
    /// The signed attribute names another certificate.
    #[error(
        "checking a time stamp: it was signed for another certificate than the one that verifies it"
    )]
    OtherCertificate,
    /// The signature is bad.
    #[error("checking a time stamp: the signature is bad")]
    Signature,
    /// It is of another text.
    #[error("checking a time stamp: it is of another text")]
    OtherText,
    /// It answers another request.
    #[error("checking a time stamp: it answers another request, by its nonce")]
    OtherRequest,
    /// It says something that must be understood and is not.
    #[error("checking a time stamp: its extension {oid} must be understood and is not")]
    Extension {
        /// Which extension.
        oid: String,
    },
    /// The signer may not stamp.
    #[error("checking a time stamp")]
    Certificate(#[from] CertificateError),
    /// The signer is not trusted.
    #[error("checking a time stamp")]
    Chain(#[from] ChainError),
}
