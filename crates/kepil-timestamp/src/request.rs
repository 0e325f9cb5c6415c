//! What an authority is asked.

use der::Encode as _;
use der::asn1::{Any, OctetString};
use x509_cert::AlgorithmIdentifier;

use crate::message::{MessageImprint, TimeStampReq};
use crate::oid;
use crate::signature::Digest;

/// A request for a stamp over the SHA-256 of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    hash: Vec<u8>,
    nonce: u64,
}

/// Why a request could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("writing a request for a time stamp")]
pub struct RequestError(#[from] der::Error);

impl Request {
    /// A request over these bytes; `nonce` is a random number by which the answer is known.
    #[must_use]
    pub fn new(text: &[u8], nonce: u64) -> Self {
        Self {
            hash: Digest::Sha256.of(text),
            nonce,
        }
    }

    /// The bytes to send; the authority is asked to put its certificate into the answer.
    ///
    /// # Errors
    ///
    /// None that is known: the parts are short.
    pub fn to_der(&self) -> Result<Vec<u8>, RequestError> {
        let request = TimeStampReq {
            version: 1,
            message_imprint: MessageImprint {
                hash_algorithm: AlgorithmIdentifier {
                    oid: oid::SHA_256,
                    parameters: Some(Any::null()),
                },
                hashed_message: OctetString::new(self.hash.as_slice())?,
            },
            nonce: self.nonce,
            cert_req: true,
        };
        Ok(request.to_der()?)
    }
}
