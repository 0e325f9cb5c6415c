//! Notices on disk, in one SQLite file, until their delivery is proved and after.

use crate::delivery::{Channel, Delivery, Outcome, Proof, State, Turn};
use crate::error::{QueueError, StoreError};
use crate::id::NoticeId;
use crate::notice::{About, Kind, Notice};
use kepil_sqlite::{Database, Schema};
use kepil_terms::Lang;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::MutexGuard;

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
CREATE TABLE notice(
  id BLOB PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  person TEXT NOT NULL,
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  delivered_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_of_person ON notice(person, created_ms);
CREATE INDEX notice_undelivered ON notice(created_ms) WHERE delivered_ms IS NULL;
CREATE TABLE delivery(
  notice BLOB NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  due_ms INTEGER,
  body TEXT NOT NULL,
  PRIMARY KEY(notice, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery(channel, due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX delivery_state ON delivery(channel, state);
CREATE TABLE choice(
  person TEXT NOT NULL,
  channel TEXT NOT NULL,
  address TEXT NOT NULL,
  lang TEXT NOT NULL,
  confirmed_ms INTEGER NOT NULL,
  PRIMARY KEY(person, channel)
) STRICT, WITHOUT ROWID;
CREATE TABLE wish(
  person TEXT NOT NULL,
  channel TEXT NOT NULL,
  address TEXT NOT NULL,
  lang TEXT NOT NULL,
  code TEXT NOT NULL,
  PRIMARY KEY(person, channel)
) STRICT, WITHOUT ROWID;
CREATE TABLE asked(
  person TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX asked_by_person ON asked(person, at_ms);
",
};

/// A notice to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New<'a> {
    /// The caller's own key: the same key is the same notice, however often it is queued.
    pub key: &'a str,
    /// The person, by register reference.
    pub person: &'a str,
    /// What it is about.
    pub about: About,
}

/// A delivery whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Of which notice.
    pub id: NoticeId,
    /// Where to, and in which language; none when the person has taken the address back.
    pub to: Option<(String, Lang)>,
}

/// The notices of a node.
#[derive(Debug)]
pub struct Outbox {
    database: Database,
}

impl Outbox {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, SCHEMA)?;
        Ok(Self { database })
    }

    /// Notices that end with the process, for tests.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn in_memory() -> Result<Self, StoreError> {
        let database = Database::in_memory(SCHEMA)?;
        Ok(Self { database })
    }

    /// Copies the notices of a node, running or not, into a new file.
    ///
    /// # Errors
    /// When they cannot be read, or the new file is there already or cannot be written.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        Ok(kepil_sqlite::copy(from, to)?)
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.database.connection()
    }

    /// Queues a notice: into the own space, and by every way the person has chosen. Gives its id,
    /// and whether it is new; the id of the first time when the key was used before.
    ///
    /// # Errors
    /// When the key belongs to another notice, or it cannot be kept.
    pub fn queue(
        &self,
        id: NoticeId,
        new: &New<'_>,
        now_ms: u64,
    ) -> Result<(NoticeId, bool), QueueError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (kind, path) = (new.about.kind().as_str(), new.about.path());
        let known = tx
            .prepare_cached("SELECT id, person, kind, path FROM notice WHERE key = ?1")?
            .query_row([new.key], |row| {
                let is_same = row.get::<_, String>(1)? == new.person
                    && row.get::<_, String>(2)? == kind
                    && row.get::<_, String>(3)? == path;
                Ok((NoticeId::new(row.get(0)?), is_same))
            })
            .optional()?;
        match known {
            Some((id, true)) => return Ok((id, false)),
            Some((_, false)) => {
                let key = new.key.to_owned();
                return Err(QueueError::OtherNotice { key });
            }
            None => {}
        }
        tx.prepare_cached(
            "INSERT INTO notice(id, key, person, kind, path, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id.as_bytes(), new.key, new.person, kind, path, now_ms])?;
        let chosen: Vec<String> = tx
            .prepare_cached("SELECT channel FROM choice WHERE person = ?1")?
            .query_map([new.person], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut channels = vec![Channel::Space];
        for word in &chosen {
            channels.push(channel_of(word)?);
        }
        for channel in channels {
            write(&tx, id, &Delivery::new(channel, now_ms))?;
        }
        tx.commit()?;
        Ok((id, true))
    }

    /// What is to be sent by a channel, the longest due first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn due(&self, channel: Channel, now_ms: u64, limit: usize) -> Result<Vec<Due>, StoreError> {
        let connection = self.connection();
        let mut found = connection.prepare_cached(
            "SELECT delivery.notice, choice.address, choice.lang
             FROM delivery JOIN notice ON notice.id = delivery.notice
             LEFT JOIN choice ON choice.person = notice.person AND choice.channel = delivery.channel
             WHERE delivery.channel = ?1 AND delivery.due_ms <= ?2
             ORDER BY delivery.due_ms LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = found.query(params![channel.as_str(), now_ms, limit])?;
        let mut due = Vec::new();
        while let Some(row) = rows.next()? {
            let (address, lang): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
            let to = address.zip(lang);
            let to = to.map(|(address, lang)| lang_of(&lang).map(|lang| (address, lang)));
            due.push(Due {
                id: NoticeId::new(row.get(0)?),
                to: to.transpose()?,
            });
        }
        Ok(due)
    }

    /// Begins an attempt. It is on disk before anything is sent; whatever ends the process then,
    /// the delivery is tried again.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing may be sent.
    pub fn begin(&self, id: NoticeId, channel: Channel, now_ms: u64) -> Result<Turn, StoreError> {
        let turn = self.change(id, channel, |delivery| {
            let before = delivery.state.clone();
            let turn = delivery.begin(now_ms);
            (turn, delivery.state != before)
        })?;
        Ok(turn.unwrap_or(Turn::Nothing))
    }

    /// Writes down what came of an attempt, or a receipt; false when the delivery was over before,
    /// or there is none.
    ///
    /// # Errors
    /// When it cannot be kept; then it is tried again.
    pub fn end(
        &self,
        id: NoticeId,
        channel: Channel,
        outcome: &Outcome,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let ended = self.change(id, channel, |delivery| {
            let is_taken = delivery.end(outcome, now_ms);
            (is_taken, is_taken)
        })?;
        Ok(ended.unwrap_or(false))
    }

    /// Shows a notice to its person, who is signed in: from now on it is delivered in the own
    /// space. None when this person has no such notice.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub fn open_notice(
        &self,
        person: &str,
        id: NoticeId,
        session: &[u8],
        now_ms: u64,
    ) -> Result<Option<Notice>, StoreError> {
        if self.of(person, id)?.is_none() {
            return Ok(None);
        }
        let hash = Sha256::digest(session);
        let session = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let proof = Outcome::Proven(Proof::Opened { session });
        self.end(id, Channel::Space, &proof, now_ms)?;
        self.of(person, id)
    }

    /// A notice of this person.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(&self, person: &str, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        let found = self.notice(id)?;
        Ok(found.filter(|notice| notice.person == person))
    }

    /// A notice.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn notice(&self, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        let connection = self.connection();
        let found = connection
            .prepare_cached("SELECT id, person, kind, path, created_ms FROM notice WHERE id = ?1")?
            .query_row([id.as_bytes()], Raw::of)
            .optional()?;
        found.map(|raw| raw.notice(&connection)).transpose()
    }

    /// The notice of a caller's key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_key(&self, key: &str) -> Result<Option<Notice>, StoreError> {
        let connection = self.connection();
        let found = connection
            .prepare_cached("SELECT id, person, kind, path, created_ms FROM notice WHERE key = ?1")?
            .query_row([key], Raw::of)
            .optional()?;
        found.map(|raw| raw.notice(&connection)).transpose()
    }

    /// The notices of a person, newest first: so many, after passing so many over.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_person(
        &self,
        person: &str,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError> {
        let connection = self.connection();
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let found: Vec<Raw> = connection
            .prepare_cached(
                "SELECT id, person, kind, path, created_ms FROM notice WHERE person = ?1
                 ORDER BY created_ms DESC, id LIMIT ?3 OFFSET ?2",
            )?
            .query_map(params![person, number(skip), number(limit)], Raw::of)?
            .collect::<rusqlite::Result<_>>()?;
        let notices = found.into_iter().map(|raw| raw.notice(&connection));
        notices.collect()
    }

    /// Takes out all notices to a person, with their deliveries and the chosen addresses. Gives how
    /// many notices it was.
    ///
    /// # Errors
    /// When they cannot be taken out, or what was is not settled yet.
    pub fn forget(&self, person: &str) -> Result<usize, StoreError> {
        let forgotten = {
            let mut connection = self.connection();
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.prepare_cached(
                "DELETE FROM delivery WHERE notice IN (SELECT id FROM notice WHERE person = ?1)",
            )?
            .execute([person])?;
            for table in ["choice", "wish", "asked"] {
                tx.prepare(&format!("DELETE FROM {table} WHERE person = ?1"))?
                    .execute([person])?;
            }
            let forgotten = tx
                .prepare_cached("DELETE FROM notice WHERE person = ?1")?
                .execute([person])?;
            tx.commit()?;
            forgotten
        };
        self.database.settle()?;
        Ok(forgotten)
    }

    fn change<T>(
        &self,
        id: NoticeId,
        channel: Channel,
        act: impl FnOnce(&mut Delivery) -> (T, bool),
    ) -> Result<Option<T>, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let body: Option<String> = tx
            .prepare_cached("SELECT body FROM delivery WHERE notice = ?1 AND channel = ?2")?
            .query_row(params![id.as_bytes(), channel.as_str()], |row| row.get(0))
            .optional()?;
        let Some(mut delivery) = body.as_deref().map(delivery_of).transpose()? else {
            return Ok(None);
        };
        let (said, is_changed) = act(&mut delivery);
        if is_changed {
            write(&tx, id, &delivery)?;
            tx.commit()?;
        }
        Ok(Some(said))
    }
}

/// A notice as it stands in its table.
struct Raw {
    id: NoticeId,
    person: String,
    kind: String,
    path: String,
    created_ms: u64,
}

impl Raw {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: NoticeId::new(row.get(0)?),
            person: row.get(1)?,
            kind: row.get(2)?,
            path: row.get(3)?,
            created_ms: row.get(4)?,
        })
    }

    fn notice(self, connection: &Connection) -> Result<Notice, StoreError> {
        let strange = |what, word: &str| StoreError::Word {
            what,
            word: word.to_owned(),
        };
        let kind = Kind::from_word(&self.kind).ok_or_else(|| strange("notice", &self.kind))?;
        let about = About::new(kind, &self.path).map_err(|_| strange("path", &self.path))?;
        let mut found = connection.prepare_cached("SELECT body FROM delivery WHERE notice = ?1")?;
        let mut rows = found.query([self.id.as_bytes()])?;
        let mut deliveries = Vec::new();
        while let Some(row) = rows.next()? {
            deliveries.push(delivery_of(&row.get::<_, String>(0)?)?);
        }
        deliveries.sort_by_key(|delivery| delivery.channel);
        Ok(Notice {
            id: self.id,
            person: self.person,
            about,
            created_ms: self.created_ms,
            deliveries,
        })
    }
}

pub(crate) fn channel_of(word: &str) -> Result<Channel, StoreError> {
    Channel::from_word(word).ok_or_else(|| StoreError::Word {
        what: "channel",
        word: word.to_owned(),
    })
}

pub(crate) fn lang_of(code: &str) -> Result<Lang, StoreError> {
    Lang::from_code(code).ok_or_else(|| StoreError::Word {
        what: "language",
        word: code.to_owned(),
    })
}

fn delivery_of(body: &str) -> Result<Delivery, StoreError> {
    serde_json::from_str(body).map_err(|source| StoreError::Row {
        what: "delivery",
        source,
    })
}

/// Keeps a delivery, and what follows from it for the tables beside.
fn write(tx: &Transaction<'_>, id: NoticeId, delivery: &Delivery) -> Result<(), StoreError> {
    let body = serde_json::to_string(delivery).map_err(|source| StoreError::Row {
        what: "delivery",
        source,
    })?;
    let state = match &delivery.state {
        State::Queued => "queued",
        State::Attempted { .. } => "attempted",
        State::Handed { .. } => "handed",
        State::Delivered { .. } => "delivered",
        State::Failed { .. } => "failed",
    };
    tx.prepare_cached(
        "INSERT INTO delivery(notice, channel, state, due_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(notice, channel) DO UPDATE SET state = ?3, due_ms = ?4, body = ?5",
    )?
    .execute(params![
        id.as_bytes(),
        delivery.channel.as_str(),
        state,
        delivery.due_ms(),
        body
    ])?;
    if let State::Delivered { at_ms, .. } = delivery.state {
        tx.prepare_cached(
            "UPDATE notice SET delivered_ms = min(?2, coalesce(delivered_ms, ?2)) WHERE id = ?1",
        )?
        .execute(params![id.as_bytes(), at_ms])?;
    }
    Ok(())
}
