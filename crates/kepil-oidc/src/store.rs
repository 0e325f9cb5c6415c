//! What every store of this crate has in common.

use std::error::Error;

/// A store did not answer. Nothing was given out.
#[derive(Debug, thiserror::Error)]
#[error("asking the store to {doing}")]
pub struct StoreError {
    doing: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// A failure while the store was `doing` something: "remember a code".
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            doing,
            source: source.into(),
        }
    }
}
