//! Errors on the wire: RFC 9457 problem details, one sentence for people, nothing they may not know.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// A stable URI of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// The request it belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instance: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident => $status:ident, $slug:literal, $title:literal;)*) => {
        impl Problem {
            $($(#[$doc])* #[must_use]
            pub fn $name(detail: impl Into<String>) -> Self {
                Self {
                    kind: concat!("urn:kepil:problem:", $slug).to_owned(),
                    title: $title,
                    status: StatusCode::$status.as_u16(),
                    detail: detail.into(),
                    instance: String::new(),
                }
            })*
        }
    };
}

problems! {
    /// The request cannot be read.
    bad_request => BAD_REQUEST, "bad-request", "The request cannot be read";
    /// No valid token.
    unauthorized => UNAUTHORIZED, "unauthorized", "A valid access token is needed";
    /// The token does not allow this.
    forbidden => FORBIDDEN, "forbidden", "This system may not do that";
    /// Nothing here.
    not_found => NOT_FOUND, "not-found", "There is nothing here";
    /// The method does not fit.
    method_not_allowed => METHOD_NOT_ALLOWED, "method-not-allowed", "The method does not fit";
    /// The same key with another body, or the first request still runs.
    conflict => CONFLICT, "conflict", "The idempotency key is taken";
    /// The same key with another body.
    unprocessable => UNPROCESSABLE_ENTITY, "key-reused", "The idempotency key was used for another request";
    /// Too large.
    too_large => PAYLOAD_TOO_LARGE, "too-large", "The request is too large";
    /// Too many.
    too_many => TOO_MANY_REQUESTS, "too-many", "Too many requests at once";
    /// Nothing can be recorded, so nothing is released.
    unrecordable => SERVICE_UNAVAILABLE, "not-recorded", "Nothing can be recorded, so nothing is released";
    /// Something of ours broke.
    internal => INTERNAL_SERVER_ERROR, "internal", "Something of ours broke";
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"kepil\""),
            );
        }
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
