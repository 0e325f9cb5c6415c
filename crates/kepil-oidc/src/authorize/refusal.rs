//! How a request is refused: on a page of our own, or at the client's address.

use super::ReturnTo;
use crate::form::FormError;
use std::fmt;

/// Why a request for authorisation was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// Show a page of our own with status 400, and send nobody anywhere.
    #[error("refusing a request on a page")]
    Page(#[from] PageError),
    /// Send the person back to the client with an error.
    #[error("refusing a request at the client's address")]
    Redirect(#[from] Refusal),
}

/// Why nobody can be sent back (RFC 6749, 4.1.2.1).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageError {
    /// The parameters cannot be read.
    #[error("reading a request for authorisation")]
    Form(#[source] FormError),
    /// `client_id` is missing, was sent twice or is unknown.
    #[error("looking up the client of a request: `client_id` is missing, repeated or unknown")]
    UnknownClient,
    /// `redirect_uri` is missing, was sent twice or is not registered byte for byte.
    #[error(
        "looking up the address of a request: `redirect_uri` is missing, repeated or not registered"
    )]
    Redirect,
}

/// The errors of the authorisation endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// RFC 6749, 4.1.2.1.
    InvalidRequest,
    /// RFC 6749, 4.1.2.1.
    InvalidScope,
    /// RFC 6749, 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749, 4.1.2.1: the person declined.
    AccessDenied,
    /// OpenID Core 3.1.2.6.
    LoginRequired,
    /// OpenID Core 3.1.2.6.
    ConsentRequired,
    /// OpenID Core 3.1.2.6.
    RequestNotSupported,
    /// OpenID Core 3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Core 3.1.2.6.
    RegistrationNotSupported,
    /// OpenID Connect Core Error Code `unmet_authentication_requirements` 1.0.
    UnmetAuthenticationRequirements,
}

impl ErrorCode {
    /// The code as it stands in the address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidRequest => "invalid_request",
            ErrorCode::InvalidScope => "invalid_scope",
            ErrorCode::UnsupportedResponseType => "unsupported_response_type",
            ErrorCode::AccessDenied => "access_denied",
            ErrorCode::LoginRequired => "login_required",
            ErrorCode::ConsentRequired => "consent_required",
            ErrorCode::RequestNotSupported => "request_not_supported",
            ErrorCode::RequestUriNotSupported => "request_uri_not_supported",
            ErrorCode::RegistrationNotSupported => "registration_not_supported",
            ErrorCode::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }
}

/// A refusal that goes to the client's registered address.
#[derive(Clone, thiserror::Error)]
#[error("refusing a request for authorisation: {} ({what})", code.as_str())]
pub struct Refusal {
    code: ErrorCode,
    what: &'static str,
    back: Box<ReturnTo>,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, what: &'static str, back: ReturnTo) -> Self {
        let back = Box::new(back);
        Self { code, what, back }
    }

    /// The error.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Where to send the person (303): the address with `error`, `error_description`, `state` and
    /// `iss`.
    #[must_use]
    pub fn location(&self) -> String {
        let error = ("error", self.code.as_str());
        self.back.with([error, ("error_description", self.what)])
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, what) = (&self.code, &self.what);
        f.debug_tuple("Refusal").field(code).field(what).finish()
    }
}
