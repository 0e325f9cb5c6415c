//! What the operator must hear of: signs that a code or an assertion was stolen.

use crate::id::ClientId;

/// A security event. It holds nothing of the person; log it and count it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityEvent {
    /// A code came a second time. What it gave is revoked (RFC 6749, 4.1.2).
    CodeReused {
        /// Who sent it this time.
        client: ClientId,
        /// For whom it was made.
        owner: ClientId,
    },
    /// A code came from a client it was not made for. It is spent, and what it gave is revoked.
    CodeOfAnother {
        /// Who sent it.
        client: ClientId,
        /// For whom it was made.
        owner: ClientId,
    },
    /// A code came with a wrong verifier: whoever sent it did not begin the sign-in.
    WrongVerifier {
        /// Who sent it.
        client: ClientId,
    },
    /// An assertion came a second time.
    AssertionReplayed {
        /// Who signed it.
        client: ClientId,
    },
}
