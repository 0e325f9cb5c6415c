//! Sessions, under the hashes of their secrets.

use kepil_identity::id::{AccountId, SessionId};
use kepil_identity::level::Level;
use kepil_identity::session::Session;
use rusqlite::{OptionalExtension as _, TransactionBehavior, params};

use crate::accounts::Accounts;
use crate::error::StoreError;

/// How often a session's last use is written down, milliseconds.
const SEEN_EVERY_MS: u64 = 60_000;

impl Accounts {
    /// Keeps a session under the hash of its secret.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn begin_session(&self, hash: &[u8; 32], session: &Session) -> Result<(), StoreError> {
        let body = write(session)?;
        self.connection()
            .prepare_cached("INSERT INTO session(hash, id, account, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                hash,
                session.id.as_bytes(),
                session.account.as_bytes(),
                body
            ])?;
        Ok(())
    }

    /// The session of this hash, if it lasts still; one that is over is taken out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn session(&self, hash: &[u8; 32], now_ms: u64) -> Result<Option<Session>, StoreError> {
        let connection = self.connection();
        let body: Option<String> = connection
            .prepare_cached("SELECT body FROM session WHERE hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        let Some(mut session) = body.as_deref().map(read).transpose()? else {
            return Ok(None);
        };
        if session.check(now_ms).is_err() {
            connection
                .prepare_cached("DELETE FROM session WHERE hash = ?1")?
                .execute([hash])?;
            return Ok(None);
        }
        if now_ms.saturating_sub(session.seen_ms) >= SEEN_EVERY_MS {
            session.seen_ms = now_ms;
            connection
                .prepare_cached("UPDATE session SET body = ?2 WHERE hash = ?1")?
                .execute(params![hash, write(&session)?])?;
        }
        Ok(Some(session))
    }

    /// Takes out the sessions that are over and that nobody came back to; gives how many.
    ///
    /// # Errors
    /// When they cannot be read or taken out.
    pub fn sweep_sessions(&self, now_ms: u64) -> Result<usize, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut over: Vec<[u8; 32]> = Vec::new();
        {
            let mut all = tx.prepare_cached("SELECT hash, body FROM session")?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let session: Session = read(&row.get::<_, String>(1)?)?;
                if session.check(now_ms).is_err() {
                    over.push(row.get(0)?);
                }
            }
        }
        for hash in &over {
            tx.prepare_cached("DELETE FROM session WHERE hash = ?1")?
                .execute([hash])?;
        }
        tx.commit()?;
        Ok(over.len())
    }

    /// The sessions of an account that last still, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sessions_of(&self, account: AccountId, now_ms: u64) -> Result<Vec<Session>, StoreError> {
        let connection = self.connection();
        let mut found = connection.prepare_cached("SELECT body FROM session WHERE account = ?1")?;
        let mut rows = found.query([account.as_bytes()])?;
        let mut sessions = Vec::new();
        while let Some(row) = rows.next()? {
            let session = read(&row.get::<_, String>(0)?)?;
            if session.check(now_ms).is_ok() {
                sessions.push(session);
            }
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.begun_ms));
        Ok(sessions)
    }

    /// Ends a session of an account; false when there is none of that id.
    ///
    /// # Errors
    /// When it cannot be taken out.
    pub fn end_session(&self, account: AccountId, id: SessionId) -> Result<bool, StoreError> {
        let ended = self
            .connection()
            .prepare_cached("DELETE FROM session WHERE account = ?1 AND id = ?2")?
            .execute(params![account.as_bytes(), id.as_bytes()])?;
        Ok(ended > 0)
    }

    /// Ends all sessions of an account but one; gives how many.
    ///
    /// # Errors
    /// When they cannot be taken out.
    pub fn end_sessions(
        &self,
        account: AccountId,
        but: Option<SessionId>,
    ) -> Result<usize, StoreError> {
        let but = but.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let ended = self
            .connection()
            .prepare_cached("DELETE FROM session WHERE account = ?1 AND id <> ?2")?
            .execute(params![account.as_bytes(), but])?;
        Ok(ended)
    }

    /// Raises a session to a level: it goes on under a new secret, and the old one is worthless.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn raise_session(
        &self,
        old: &[u8; 32],
        new: &[u8; 32],
        level: Level,
        now_ms: u64,
    ) -> Result<Option<Session>, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let body: Option<String> = tx
            .prepare_cached("SELECT body FROM session WHERE hash = ?1")?
            .query_row([old], |row| row.get(0))
            .optional()?;
        let Some(mut session) = body.as_deref().map(read).transpose()? else {
            return Ok(None);
        };
        if session.check(now_ms).is_err() {
            return Ok(None);
        }
        session.level = level.max(session.level);
        session.auth_ms = now_ms;
        session.seen_ms = now_ms;
        tx.prepare_cached("UPDATE session SET hash = ?2, body = ?3 WHERE hash = ?1")?
            .execute(params![old, new, write(&session)?])?;
        tx.commit()?;
        Ok(Some(session))
    }
}

fn write(session: &Session) -> Result<String, StoreError> {
    serde_json::to_string(session).map_err(|source| StoreError::Row {
        what: "session",
        source,
    })
}

fn read(body: &str) -> Result<Session, StoreError> {
    serde_json::from_str(body).map_err(|source| StoreError::Row {
        what: "session",
        source,
    })
}
