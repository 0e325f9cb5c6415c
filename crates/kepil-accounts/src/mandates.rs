//! Powers to act for somebody.

use kepil_identity::id::MandateId;
use kepil_identity::mandate::Mandate;
use rusqlite::{OptionalExtension as _, TransactionBehavior, params};

use crate::accounts::Accounts;
use crate::error::StoreError;

impl Accounts {
    /// Keeps a power; whether it may be given was checked before.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn give(&self, mandate: &Mandate) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO mandate(id, representative, represented, body) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                mandate.id.as_bytes(),
                mandate.representative,
                mandate.represented,
                write(mandate)?
            ])?;
        Ok(())
    }

    /// A power by its id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn mandate(&self, id: MandateId) -> Result<Option<Mandate>, StoreError> {
        let body: Option<String> = self
            .connection()
            .prepare_cached("SELECT body FROM mandate WHERE id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()?;
        body.as_deref().map(read).transpose()
    }

    /// The powers that somebody has, and those that others have for that person, oldest first;
    /// with the ended ones.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn mandates_of(&self, person: &str) -> Result<(Vec<Mandate>, Vec<Mandate>), StoreError> {
        let connection = self.connection();
        let list = |query: &str| {
            let mut found = connection.prepare_cached(query)?;
            let mut rows = found.query([person])?;
            let mut mandates = Vec::new();
            while let Some(row) = rows.next()? {
                mandates.push(read(&row.get::<_, String>(0)?)?);
            }
            mandates.sort_by_key(|mandate: &Mandate| mandate.from_ms);
            Ok::<_, StoreError>(mandates)
        };
        Ok((
            list("SELECT body FROM mandate WHERE representative = ?1")?,
            list("SELECT body FROM mandate WHERE represented = ?1")?,
        ))
    }

    /// Ends a power that somebody has for this person; false when there is none that lasts.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn revoke(
        &self,
        id: MandateId,
        represented: &str,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let body: Option<String> = tx
            .prepare_cached("SELECT body FROM mandate WHERE id = ?1 AND represented = ?2")?
            .query_row(params![id.as_bytes(), represented], |row| row.get(0))
            .optional()?;
        let Some(mut mandate) = body.as_deref().map(read).transpose()? else {
            return Ok(false);
        };
        if mandate.revoked_ms.is_some() || mandate.until_ms <= now_ms {
            return Ok(false);
        }
        mandate.revoked_ms = Some(now_ms);
        tx.prepare_cached("UPDATE mandate SET body = ?2 WHERE id = ?1")?
            .execute(params![id.as_bytes(), write(&mandate)?])?;
        tx.commit()?;
        Ok(true)
    }
}

fn write(mandate: &Mandate) -> Result<String, StoreError> {
    serde_json::to_string(mandate).map_err(|source| StoreError::Row {
        what: "power",
        source,
    })
}

fn read(body: &str) -> Result<Mandate, StoreError> {
    serde_json::from_str(body).map_err(|source| StoreError::Row {
        what: "power",
        source,
    })
}
