//! The certificates that a reader trusts.

use der::Document;

use crate::certificate::{Certificate, CertificateError};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Certificates that are trusted: of authorities that issue, or of those that stamp.
#[derive(Debug, Clone)]
pub struct Trust {
    certificates: Vec<Certificate>,
}

/// Why a file does not say whom to trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The file is not text.
    #[error("reading trusted certificates: the file is not text in PEM form")]
    NotText,
    /// There is no certificate.
    #[error("reading trusted certificates: there is no `{BEGIN}` in the file")]
    None,
    /// A certificate does not read.
    #[error("reading trusted certificates: certificate {number} of the file does not read")]
    Pem {
        /// Its place, from 1.
        number: usize,
        /// What is wrong.
        #[source]
        source: der::Error,
    },
    /// A certificate does not read.
    #[error("reading trusted certificates: certificate {number} of the file does not read")]
    Certificate {
        /// Its place, from 1.
        number: usize,
        /// What is wrong.
        #[source]
        source: CertificateError,
    },
}

impl Trust {
    /// Reads a file of PEM certificates; text between them is passed over.
    ///
    /// # Errors
    ///
    /// When there is none, or one does not read.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, TrustError> {
        let text = std::str::from_utf8(bytes).map_err(|_| TrustError::NotText)?;
        let mut certificates = Vec::new();
        for (at, block) in text.split(BEGIN).skip(1).enumerate() {
            let number = at + 1;
            let body = block.split(END).next().unwrap_or_default();
            let (_, document) = Document::from_pem(&format!("{BEGIN}{body}{END}\n"))
                .map_err(|source| TrustError::Pem { number, source })?;
            let certificate = Certificate::parse(document.as_bytes())
                .map_err(|source| TrustError::Certificate { number, source })?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(TrustError::None);
        }
        Ok(Self { certificates })
    }

    /// Whose certificates they are, in the order of the file.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.certificates.iter().map(Certificate::name).collect()
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}
