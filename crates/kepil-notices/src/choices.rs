//! Where a person wants to be told: chosen, confirmed by a code, taken back.

use crate::address::Address;
use crate::code::{Code, CodeError};
use crate::delivery::Channel;
use crate::error::{AskError, StoreError};
use crate::outbox::{Outbox, channel_of, lang_of};
use kepil_terms::Lang;
use rusqlite::{OptionalExtension as _, TransactionBehavior, params};

/// How many codes a person may ask for within [`HOUR_MS`].
const ASKS: u64 = 5;

const HOUR_MS: u64 = 3_600_000;

/// A confirmed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: String,
    /// In which language messages go there.
    pub lang: Lang,
    /// When it was confirmed.
    pub confirmed_ms: u64,
}

/// An address that waits for its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: String,
    /// In which language messages shall go there.
    pub lang: Lang,
}

impl Outbox {
    /// Keeps an address until its code is typed; an earlier wish for the channel is gone. The text
    /// of the code is the caller's to send.
    ///
    /// # Errors
    /// When too many codes were asked for within the hour, or it cannot be kept.
    pub fn ask(
        &self,
        person: &str,
        address: &Address,
        lang: Lang,
        code: &Code,
        now_ms: u64,
    ) -> Result<(), AskError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let since = now_ms.saturating_sub(HOUR_MS);
        tx.prepare_cached("DELETE FROM asked WHERE person = ?1 AND at_ms <= ?2")?
            .execute(params![person, since])?;
        let (count, oldest): (u64, Option<u64>) = tx
            .prepare_cached("SELECT count(*), min(at_ms) FROM asked WHERE person = ?1")?
            .query_row([person], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if count >= ASKS {
            let until_ms = oldest.unwrap_or(now_ms).saturating_add(HOUR_MS);
            return Err(AskError::TooOften { until_ms });
        }
        tx.prepare_cached("INSERT INTO asked(person, at_ms) VALUES (?1, ?2)")?
            .execute(params![person, now_ms])?;
        tx.prepare_cached(
            "INSERT INTO wish(person, channel, address, lang, code) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT(person, channel) DO UPDATE SET address = ?3, lang = ?4, code = ?5",
        )?
        .execute(params![
            person,
            address.channel().as_str(),
            address.as_str(),
            lang.code(),
            write(code)?
        ])?;
        tx.commit()?;
        Ok(())
    }

    /// Tries a typed code; the address counts from then on, and an earlier one of the channel is
    /// gone.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub fn confirm(
        &self,
        person: &str,
        channel: Channel,
        typed: &str,
        now_ms: u64,
    ) -> Result<Result<(), CodeError>, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let place = params![person, channel.as_str()];
        let found: Option<(String, String, String)> = tx
            .prepare_cached(
                "SELECT address, lang, code FROM wish WHERE person = ?1 AND channel = ?2",
            )?
            .query_row(place, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((address, lang, code)) = found else {
            return Ok(Err(CodeError::None));
        };
        let mut code = read(&code)?;
        let said = code.attempt(typed, now_ms);
        if said.is_ok() {
            tx.prepare_cached("DELETE FROM wish WHERE person = ?1 AND channel = ?2")?
                .execute(place)?;
            tx.prepare_cached(
                "INSERT INTO choice(person, channel, address, lang, confirmed_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT(person, channel)
                 DO UPDATE SET address = ?3, lang = ?4, confirmed_ms = ?5",
            )?
            .execute(params![person, channel.as_str(), address, lang, now_ms])?;
        } else {
            tx.prepare_cached("UPDATE wish SET code = ?3 WHERE person = ?1 AND channel = ?2")?
                .execute(params![person, channel.as_str(), write(&code)?])?;
        }
        tx.commit()?;
        Ok(said)
    }

    /// The confirmed addresses of a person.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn choices(&self, person: &str) -> Result<Vec<Choice>, StoreError> {
        let connection = self.connection();
        let mut found = connection.prepare_cached(
            "SELECT channel, address, lang, confirmed_ms FROM choice WHERE person = ?1",
        )?;
        let mut rows = found.query([person])?;
        let mut choices = Vec::new();
        while let Some(row) = rows.next()? {
            choices.push(Choice {
                channel: channel_of(&row.get::<_, String>(0)?)?,
                address: row.get(1)?,
                lang: lang_of(&row.get::<_, String>(2)?)?,
                confirmed_ms: row.get(3)?,
            });
        }
        choices.sort_by_key(|choice| choice.channel);
        Ok(choices)
    }

    /// The addresses of a person that wait for a code which can still be tried.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn wishes(&self, person: &str, now_ms: u64) -> Result<Vec<Wish>, StoreError> {
        let connection = self.connection();
        let mut found = connection
            .prepare_cached("SELECT channel, address, lang, code FROM wish WHERE person = ?1")?;
        let mut rows = found.query([person])?;
        let mut wishes = Vec::new();
        while let Some(row) = rows.next()? {
            if read(&row.get::<_, String>(3)?)?.is_open(now_ms) {
                wishes.push(Wish {
                    channel: channel_of(&row.get::<_, String>(0)?)?,
                    address: row.get(1)?,
                    lang: lang_of(&row.get::<_, String>(2)?)?,
                });
            }
        }
        wishes.sort_by_key(|wish| wish.channel);
        Ok(wishes)
    }

    /// Takes an address back, confirmed or not; false when there was none.
    ///
    /// # Errors
    /// When it cannot be taken out.
    pub fn remove(&self, person: &str, channel: Channel) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let place = params![person, channel.as_str()];
        let mut gone = 0;
        for query in [
            "DELETE FROM choice WHERE person = ?1 AND channel = ?2",
            "DELETE FROM wish WHERE person = ?1 AND channel = ?2",
        ] {
            gone += tx.prepare_cached(query)?.execute(place)?;
        }
        tx.commit()?;
        Ok(gone > 0)
    }

    /// Takes back an address that waits for its code; a confirmed one stays.
    ///
    /// # Errors
    /// When it cannot be taken out.
    pub fn withdraw(&self, person: &str, channel: Channel) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("DELETE FROM wish WHERE person = ?1 AND channel = ?2")?
            .execute(params![person, channel.as_str()])?;
        Ok(())
    }

    /// Takes out what nobody confirmed in time; gives how much.
    ///
    /// # Errors
    /// When it cannot be taken out.
    pub fn sweep(&self, now_ms: u64) -> Result<usize, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut over = Vec::new();
        {
            let mut all = tx.prepare_cached("SELECT person, channel, code FROM wish")?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let place: (String, String) = (row.get(0)?, row.get(1)?);
                if !read(&row.get::<_, String>(2)?)?.is_open(now_ms) {
                    over.push(place);
                }
            }
        }
        for (person, channel) in &over {
            tx.prepare_cached("DELETE FROM wish WHERE person = ?1 AND channel = ?2")?
                .execute(params![person, channel])?;
        }
        tx.prepare_cached("DELETE FROM asked WHERE at_ms <= ?1")?
            .execute([now_ms.saturating_sub(HOUR_MS)])?;
        tx.commit()?;
        Ok(over.len())
    }
}

fn write(code: &Code) -> Result<String, StoreError> {
    serde_json::to_string(code).map_err(|source| StoreError::Row {
        what: "code",
        source,
    })
}

fn read(body: &str) -> Result<Code, StoreError> {
    serde_json::from_str(body).map_err(|source| StoreError::Row {
        what: "code",
        source,
    })
}
