//! Things that are good once and for a short while: a ceremony under way, a code that was sent.

use rusqlite::{OptionalExtension as _, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::accounts::Accounts;
use crate::error::StoreError;

impl Accounts {
    /// Keeps a value under a name until a moment; what stood there is gone.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn put_once(
        &self,
        (kind, name): (&str, &[u8]),
        value: &impl Serialize,
        until_ms: u64,
    ) -> Result<(), StoreError> {
        let body = serde_json::to_string(value).map_err(broken)?;
        self.connection()
            .prepare_cached(
                "INSERT INTO once(hash, kind, until_ms, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT(hash) DO UPDATE SET until_ms = ?3, body = ?4",
            )?
            .execute(params![hash(kind, name), kind, until_ms, body])?;
        Ok(())
    }

    /// Remembers a name until a moment; false when it is remembered already, also for a while
    /// after its moment.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn first_use(
        &self,
        (kind, name): (&str, &[u8]),
        until_ms: u64,
    ) -> Result<bool, StoreError> {
        let new = self
            .connection()
            .prepare_cached(
                "INSERT INTO once(hash, kind, until_ms, body) VALUES (?1, ?2, ?3, '')
                 ON CONFLICT(hash) DO NOTHING",
            )?
            .execute(params![hash(kind, name), kind, until_ms])?;
        Ok(new == 1)
    }

    /// Takes a value out, if its time has not passed; a second time there is nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn take_once<T: DeserializeOwned>(
        &self,
        (kind, name): (&str, &[u8]),
        now_ms: u64,
    ) -> Result<Option<T>, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let hash = hash(kind, name);
        let found: Option<(u64, String)> = tx
            .prepare_cached("SELECT until_ms, body FROM once WHERE hash = ?1 AND kind = ?2")?
            .query_row(params![hash, kind], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        tx.prepare_cached("DELETE FROM once WHERE hash = ?1")?
            .execute([hash])?;
        tx.commit()?;
        match found {
            Some((until_ms, body)) if now_ms < until_ms => {
                serde_json::from_str(&body).map(Some).map_err(broken)
            }
            _ => Ok(None),
        }
    }

    /// Takes out what nobody took in time; gives how much.
    ///
    /// # Errors
    /// When it cannot be taken out.
    pub fn sweep(&self, now_ms: u64) -> Result<usize, StoreError> {
        let swept = self
            .connection()
            .prepare_cached("DELETE FROM once WHERE until_ms <= ?1")?
            .execute([now_ms])?;
        Ok(swept)
    }
}

fn hash(kind: &str, name: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"kepil/once/v1\0");
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(name);
    hash.finalize().into()
}

fn broken(source: serde_json::Error) -> StoreError {
    StoreError::Row {
        what: "ceremony",
        source,
    }
}
