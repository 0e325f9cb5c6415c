//! Cases in SQLite: their events, and what they are found by.

use kepil_sqlite::{Database, Schema};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use std::path::Path;
use std::sync::MutexGuard;

use crate::case::{Case, CaseKind, Command, Dated, Event, FORGOTTEN, Refusal};
use crate::id::CaseId;

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
CREATE TABLE event(
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_case ON event(id, seq);
CREATE TABLE one(
  id BLOB PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  entry INTEGER,
  is_open INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_of_subject ON one(subject);
CREATE INDEX one_open ON one(is_open, kind);
",
};

/// The file failed, or holds what it must not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("keeping cases")]
    Sqlite(#[from] rusqlite::Error),
    /// A row cannot be read.
    #[error("reading a kept case")]
    Row(#[from] serde_json::Error),
    /// The events of a case do not begin with its filing.
    #[error("reading a case: its events do not begin with its filing")]
    NoFiling,
    /// The file cannot be opened.
    #[error("opening the cases")]
    Open(#[from] kepil_sqlite::OpenError),
}

/// Why a case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// There is none.
    #[error("handling a case: there is no such case")]
    NoCase,
    /// It refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for TellError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The cases of a node.
#[derive(Debug)]
pub struct Cases {
    database: Database,
}

impl Cases {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, SCHEMA)?;
        Ok(Self { database })
    }

    /// Copies the cases of a node, running or not, into a new file.
    ///
    /// # Errors
    /// When they cannot be read, or the new file is there already or cannot be written.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        Ok(kepil_sqlite::copy(from, to)?)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.database.connection()
    }

    /// Files a case under a name that no other case has; a second filing under it gives the first
    /// case, and false.
    ///
    /// # Errors
    /// When it cannot be kept, or the event is no filing.
    pub fn file(&self, name: &str, event: Event, now_ms: u64) -> Result<(Case, bool), StoreError> {
        let Event::Filed {
            id,
            kind,
            entry,
            ref subject,
            ..
        } = event
        else {
            return Err(StoreError::NoFiling);
        };
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let added = tx
            .prepare_cached(
                "INSERT INTO one(id, name, kind, subject, entry, is_open) VALUES (?1, ?2, ?3, ?4, ?5, 1)",
            )?
            .execute(params![id.as_bytes(), name, kind.as_str(), subject, entry]);
        match added {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                let first = tx
                    .prepare_cached("SELECT id FROM one WHERE name = ?1")?
                    .query_row([name], id_of)?;
                let case = load(&tx, first)?.ok_or(StoreError::NoFiling)?;
                return Ok((case, false));
            }
            added => added?,
        };
        let dated = Dated {
            at_ms: now_ms,
            event,
        };
        keep(&tx, id, &dated)?;
        tx.commit()?;
        let case = Case::of(&[dated]).ok_or(StoreError::NoFiling)?;
        Ok((case, true))
    }

    /// Asks a case to do something, and keeps what came of it; all of it or nothing.
    ///
    /// # Errors
    /// When there is no such case, it refuses, or it cannot be kept.
    pub fn tell(&self, id: CaseId, command: Command, now_ms: u64) -> Result<Case, TellError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut case = load(&tx, id)?.ok_or(TellError::NoCase)?;
        for event in case.handle(command, now_ms)? {
            let dated = Dated {
                at_ms: now_ms,
                event,
            };
            keep(&tx, id, &dated)?;
            case.apply(&dated);
        }
        if case.decision.is_some() {
            tx.prepare_cached("UPDATE one SET is_open = 0 WHERE id = ?1")?
                .execute([id.as_bytes()])?;
        }
        tx.commit()?;
        Ok(case)
    }

    /// A case by its number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn find(&self, id: CaseId) -> Result<Option<Case>, StoreError> {
        load(&self.connection(), id)
    }

    /// A case by its name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn named(&self, name: &str) -> Result<Option<Case>, StoreError> {
        let connection = self.connection();
        let found = connection
            .prepare_cached("SELECT id FROM one WHERE name = ?1")?
            .query_row([name], id_of)
            .optional()?;
        found.map_or(Ok(None), |id| load(&connection, id))
    }

    /// What happened in a case, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn history(&self, id: CaseId) -> Result<Vec<Dated>, StoreError> {
        events(&self.connection(), id)
    }

    /// The cases of a kind that wait for a decision, those due first on top.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn waiting(&self, kind: CaseKind) -> Result<Vec<Case>, StoreError> {
        let connection = self.connection();
        let mut cases = all(
            &connection,
            "SELECT id FROM one WHERE is_open = 1 AND kind = ?1",
            kind.as_str(),
        )?;
        cases.sort_by_key(|case| {
            let due = case.delivery.as_ref().and_then(|delivery| delivery.due);
            (due.is_none(), due, case.filed_ms, case.id)
        });
        Ok(cases)
    }

    /// Takes a person out of all cases: whom they are about, who filed them, and the texts, which
    /// nobody can read any more. Cases about the person end with that; what was decided stays.
    /// Gives how many cases it was.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing was taken out, or what was is not settled yet.
    pub fn forget(&self, subject: &str) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        {
            let mut connection = self.connection();
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut rows = Vec::new();
            {
                let mut found = tx.prepare("SELECT seq, id, body FROM event")?;
                let mut found = found.query([])?;
                while let Some(row) = found.next()? {
                    let body: String = row.get(2)?;
                    rows.push((row.get::<_, i64>(0)?, id_of_column(row, 1)?, body));
                }
            }
            for (seq, id, body) in rows {
                let mut event: Event = serde_json::from_str(&body)?;
                if event.forget(subject) {
                    forgotten += 1;
                    tx.prepare_cached("UPDATE event SET body = ?2 WHERE seq = ?1")?
                        .execute(params![seq, serde_json::to_string(&event)?])?;
                    tx.prepare_cached(
                        "UPDATE one SET subject = ?2, name = ?3, is_open = 0 WHERE id = ?1 AND subject = ?4",
                    )?
                    .execute(params![
                        id.as_bytes(),
                        FORGOTTEN,
                        format!("{FORGOTTEN} {id}"),
                        subject
                    ])?;
                }
            }
            tx.commit()?;
        }
        self.database.settle()?;
        Ok(forgotten)
    }

    /// The cases that ended last, the newest on top, and how many have ended in all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn ended(&self, most: usize) -> Result<(usize, Vec<Case>), StoreError> {
        let connection = self.connection();
        let count: usize = connection
            .prepare_cached("SELECT count(*) FROM one WHERE is_open = 0")?
            .query_row([], |row| row.get(0))?;
        // Nothing happens in a case after its end.
        let mut cases = all(
            &connection,
            "SELECT id FROM one WHERE is_open = 0
             ORDER BY (SELECT max(seq) FROM event WHERE event.id = one.id) DESC LIMIT ?1",
            i64::try_from(most).unwrap_or(i64::MAX),
        )?;
        cases.truncate(most);
        Ok((count, cases))
    }

    /// All cases about uses of persons' data, decided or not.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_people(&self) -> Result<Vec<Case>, StoreError> {
        let connection = self.connection();
        let other = CaseKind::Reading.as_str();
        all(&connection, "SELECT id FROM one WHERE kind != ?1", other)
    }

    /// The cases about somebody, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn about(&self, subject: &str) -> Result<Vec<Case>, StoreError> {
        let connection = self.connection();
        let mut cases = all(
            &connection,
            "SELECT id FROM one WHERE subject = ?1",
            subject,
        )?;
        cases.sort_by_key(|case| (std::cmp::Reverse(case.filed_ms), case.id));
        Ok(cases)
    }
}

fn id_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<CaseId> {
    id_of_column(row, 0)
}

fn id_of_column(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<CaseId> {
    row.get(column).map(CaseId::new)
}

fn all(
    connection: &Connection,
    query: &str,
    of: impl rusqlite::ToSql,
) -> Result<Vec<Case>, StoreError> {
    let mut found = connection.prepare_cached(query)?;
    let ids: Vec<CaseId> = found
        .query_map([of], id_of)?
        .collect::<Result<_, rusqlite::Error>>()?;
    let mut cases = Vec::with_capacity(ids.len());
    for id in ids {
        cases.push(load(connection, id)?.ok_or(StoreError::NoFiling)?);
    }
    Ok(cases)
}

fn load(connection: &Connection, id: CaseId) -> Result<Option<Case>, StoreError> {
    let events = events(connection, id)?;
    if events.is_empty() {
        return Ok(None);
    }
    Case::of(&events).map(Some).ok_or(StoreError::NoFiling)
}

fn events(connection: &Connection, id: CaseId) -> Result<Vec<Dated>, StoreError> {
    let mut found =
        connection.prepare_cached("SELECT at_ms, body FROM event WHERE id = ?1 ORDER BY seq")?;
    let mut rows = found.query([id.as_bytes()])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(Dated {
            at_ms: row.get(0)?,
            event: serde_json::from_str(&row.get::<_, String>(1)?)?,
        });
    }
    Ok(events)
}

fn keep(tx: &Transaction<'_>, id: CaseId, dated: &Dated) -> Result<(), StoreError> {
    let body = serde_json::to_string(&dated.event)?;
    tx.prepare_cached("INSERT INTO event(id, at_ms, body) VALUES (?1, ?2, ?3)")?
        .execute(params![id.as_bytes(), dated.at_ms, body])?;
    Ok(())
}
