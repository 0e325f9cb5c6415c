//! The OpenAPI 3.1 document; `tests/api` holds it against the routes and the real answers.

use serde_json::Value;

/// The document.
#[must_use]
pub fn document() -> Value {
    serde_json::from_str(include_str!("openapi.json")).unwrap_or(Value::Null)
}
