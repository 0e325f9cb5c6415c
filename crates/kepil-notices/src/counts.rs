//! How many notices stand where; nothing about anybody.

use crate::delivery::Channel;
use crate::error::StoreError;
use crate::outbox::{Outbox, channel_of};

/// The words of the states a delivery can be in.
pub const STATES: [&str; 5] = ["queued", "attempted", "handed", "delivered", "failed"];

/// Counts of deliveries, and the oldest notice without proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries by channel and the word of their state; what there is none of is left out.
    pub deliveries: Vec<(Channel, String, u64)>,
    /// When the oldest notice was made that no channel has delivered.
    pub oldest_undelivered_ms: Option<u64>,
}

impl Outbox {
    /// Counts.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let connection = self.connection();
        let mut found = connection.prepare_cached(
            "SELECT channel, state, count(*) FROM delivery GROUP BY channel, state",
        )?;
        let mut rows = found.query([])?;
        let mut deliveries = Vec::new();
        while let Some(row) = rows.next()? {
            let channel = channel_of(&row.get::<_, String>(0)?)?;
            deliveries.push((channel, row.get(1)?, row.get(2)?));
        }
        let oldest_undelivered_ms = connection
            .prepare_cached("SELECT min(created_ms) FROM notice WHERE delivered_ms IS NULL")?
            .query_row([], |row| row.get(0))?;
        Ok(Counts {
            deliveries,
            oldest_undelivered_ms,
        })
    }
}
