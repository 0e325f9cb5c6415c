//! Assertions that were used (RFC 7523, 3: a `jti` works once).

use crate::id::ClientId;
use crate::store::StoreError;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Remembers the `jti` of used assertions.
pub trait ReplayStore {
    /// Remembers `jti` of `client` until `until_secs`, in one step. `false` = it is remembered
    /// already. Times are seconds since 1970.
    ///
    /// # Errors
    /// When the store does not answer; the assertion is then refused.
    fn first_use(
        &self,
        client: &ClientId,
        jti: &str,
        until_secs: u64,
        now_secs: u64,
    ) -> Result<bool, StoreError>;
}

/// The store in memory, for one node.
#[derive(Debug, Default)]
pub struct MemoryReplay {
    used: Mutex<BTreeMap<(ClientId, String), u64>>,
}

impl MemoryReplay {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl ReplayStore for MemoryReplay {
    fn first_use(
        &self,
        client: &ClientId,
        jti: &str,
        until_secs: u64,
        now_secs: u64,
    ) -> Result<bool, StoreError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until >= now_secs);
        let key = (client.clone(), jti.to_owned());
        // An entry is never overwritten: a later one with the same jti must not shorten its time.
        if used.contains_key(&key) {
            return Ok(false);
        }
        used.insert(key, until_secs);
        Ok(true)
    }
}
