//! From the signer's certificate to one that is trusted.

use crate::certificate::{Certificate, CertificateError};
use crate::trust::Trust;

/// Most issuers between the signer and a trusted certificate, that one included.
const MAX_ISSUERS: u8 = 5;

/// Most signatures that are checked on the search.
const MAX_CHECKS: u32 = 32;

/// Why a signer is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A certificate on the way is not good for it.
    #[error("following the certificates of the authority")]
    Certificate(#[from] CertificateError),
    /// No trusted certificate stands at the end.
    #[error("following the certificates of the authority: none that is trusted leads to `{name}`")]
    NotTrusted {
        /// Whose certificate has no issuer that is known.
        name: String,
    },
}

struct Search<'a> {
    trusted: &'a [Certificate],
    found: &'a [Certificate],
    secs: u64,
    checks: u32,
}

/// Checks that a certificate is trusted, or leads through those found to one that is.
pub(crate) fn check(
    signer: &Certificate,
    found: &[Certificate],
    trust: &Trust,
    secs: u64,
) -> Result<(), ChainError> {
    let mut search = Search {
        trusted: trust.certificates(),
        found,
        secs,
        checks: MAX_CHECKS,
    };
    signer.check_at(secs)?;
    search.follow(signer, 0)
}

impl Search<'_> {
    /// `below` counts the issuers between this certificate and the signer, itself included.
    fn follow(&mut self, certificate: &Certificate, below: u8) -> Result<(), ChainError> {
        let (trusted, found) = (self.trusted, self.found);
        if trusted
            .iter()
            .any(|one| one.as_bytes() == certificate.as_bytes())
        {
            return Ok(());
        }
        let mut error = ChainError::NotTrusted {
            name: certificate.name(),
        };
        if below >= MAX_ISSUERS {
            return Err(error);
        }
        for issuer in trusted.iter().chain(found) {
            if issuer.fields().subject() != certificate.fields().issuer() {
                continue;
            }
            let Some(checks) = self.checks.checked_sub(1) else {
                break;
            };
            self.checks = checks;
            if !certificate.is_signed_by(issuer) {
                continue;
            }
            let good = issuer
                .check_at(self.secs)
                .and_then(|()| issuer.check_issues(below));
            match good
                .map_err(ChainError::from)
                .and_then(|()| self.follow(issuer, below + 1))
            {
                Ok(()) => return Ok(()),
                Err(why) => error = why,
            }
        }
        Err(error)
    }
}
