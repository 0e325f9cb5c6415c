//! Accounts: their events, and which account is whose.

use std::path::Path;
use std::sync::MutexGuard;

use kepil_identity::account::{Account, Command, Dated, Event};
use kepil_identity::factor::Factor;
use kepil_identity::holder::Holder;
use kepil_identity::id::AccountId;
use kepil_sqlite::{Database, Schema};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, params,
};

use crate::error::{CreateError, StoreError, TellError};

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
CREATE TABLE event(
  seq INTEGER PRIMARY KEY,
  account BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_account ON event(account, seq);
CREATE TABLE account(
  id BLOB PRIMARY KEY,
  role TEXT NOT NULL,
  reference TEXT NOT NULL,
  UNIQUE(role, reference)
) STRICT, WITHOUT ROWID;
CREATE TABLE credential(
  credential TEXT PRIMARY KEY,
  account BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE session(
  hash BLOB PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  account BLOB NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_account ON session(account);
CREATE TABLE mandate(
  id BLOB PRIMARY KEY,
  representative TEXT NOT NULL,
  represented TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mandate_of_representative ON mandate(representative);
CREATE INDEX mandate_for_represented ON mandate(represented);
CREATE TABLE once(
  hash BLOB PRIMARY KEY,
  kind TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
",
};

/// The accounts of a node.
#[derive(Debug)]
pub struct Accounts {
    database: Database,
}

impl Accounts {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, SCHEMA)?;
        Ok(Self { database })
    }

    /// Accounts that end with the process, for tests.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn in_memory() -> Result<Self, StoreError> {
        let database = Database::in_memory(SCHEMA)?;
        Ok(Self { database })
    }

    /// Copies the accounts of a node, running or not, into a new file.
    ///
    /// # Errors
    /// When they cannot be read, or the new file is there already or cannot be written.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        Ok(kepil_sqlite::copy(from, to)?)
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.database.connection()
    }

    /// Opens an account.
    ///
    /// # Errors
    /// When the holder has one already, or it cannot be kept.
    pub fn create(
        &self,
        id: AccountId,
        holder: Holder,
        now_ms: u64,
    ) -> Result<Account, CreateError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let opened = Dated {
            at_ms: now_ms,
            event: Event::Opened { id, holder },
        };
        match take(&tx, id, &opened) {
            Err(StoreError::Sqlite(error)) if is_taken(&error) => return Err(CreateError::Taken),
            taken => taken?,
        }
        tx.commit()?;
        Account::of(&[opened]).ok_or(CreateError::Store(StoreError::NoOpening))
    }

    /// An account by its id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        load(&self.connection(), id)
    }

    /// The account of a holder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_holder(&self, holder: &Holder) -> Result<Option<Account>, StoreError> {
        let connection = self.connection();
        let found = connection
            .prepare_cached("SELECT id FROM account WHERE role = ?1 AND reference = ?2")?
            .query_row(params![holder.role.as_str(), holder.reference], id_of)
            .optional()?;
        found.map_or(Ok(None), |id| load(&connection, id))
    }

    /// The account that a passkey belongs to.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_credential(&self, credential: &str) -> Result<Option<Account>, StoreError> {
        let connection = self.connection();
        let found = connection
            .prepare_cached("SELECT account FROM credential WHERE credential = ?1")?
            .query_row([credential], id_of)
            .optional()?;
        found.map_or(Ok(None), |id| load(&connection, id))
    }

    /// The account whose id begins with these bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_prefix(&self, prefix: [u8; 8]) -> Result<Option<Account>, StoreError> {
        let connection = self.connection();
        let (mut from, mut to) = ([0; 16], [0xff; 16]);
        for (at, byte) in prefix.iter().enumerate() {
            from.get_mut(at)
                .into_iter()
                .for_each(|place| *place = *byte);
            to.get_mut(at).into_iter().for_each(|place| *place = *byte);
        }
        let found = connection
            .prepare_cached("SELECT id FROM account WHERE id BETWEEN ?1 AND ?2")?
            .query_row(params![from, to], id_of)
            .optional()?;
        found.map_or(Ok(None), |id| load(&connection, id))
    }

    /// The account's events, oldest first: its history, for the person.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn history(&self, id: AccountId) -> Result<Vec<Dated>, StoreError> {
        events(&self.connection(), id)
    }

    /// Asks an account to do something, and keeps what came of it; all of it or nothing.
    ///
    /// # Errors
    /// When there is no such account, it refuses, or it cannot be kept.
    pub fn tell(
        &self,
        id: AccountId,
        command: Command,
        now_ms: u64,
    ) -> Result<(Account, Vec<Event>), TellError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut account = load(&tx, id)?.ok_or(TellError::NoAccount)?;
        let made = account.handle(command, now_ms)?;
        for event in &made {
            let dated = Dated {
                at_ms: now_ms,
                event: event.clone(),
            };
            match take(&tx, id, &dated) {
                Err(StoreError::Sqlite(error)) if is_taken(&error) => {
                    return Err(TellError::CredentialTaken);
                }
                taken => taken?,
            }
            account.apply(&dated);
        }
        tx.commit()?;
        Ok((account, made))
    }

    /// Makes the tables beside the events again, and gives the number of accounts.
    ///
    /// # Errors
    /// When they cannot be read or written; then the old tables stay.
    pub fn rebuild(&self) -> Result<u64, StoreError> {
        let mut connection = self.connection();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch("DELETE FROM account; DELETE FROM credential;")?;
        let mut accounts = 0;
        let mut all = tx.prepare("SELECT account, at_ms, body FROM event ORDER BY seq")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let id = AccountId::new(row.get(0)?);
            let event = event_of(row.get(1)?, &row.get::<_, String>(2)?)?;
            accounts += u64::from(matches!(event.event, Event::Opened { .. }));
            index(&tx, id, &event.event)?;
        }
        drop(rows);
        drop(all);
        tx.commit()?;
        Ok(accounts)
    }
}

fn id_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<AccountId> {
    row.get(0).map(AccountId::new)
}

fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn load(connection: &Connection, id: AccountId) -> Result<Option<Account>, StoreError> {
    let events = events(connection, id)?;
    if events.is_empty() {
        return Ok(None);
    }
    Account::of(&events).map(Some).ok_or(StoreError::NoOpening)
}

fn events(connection: &Connection, id: AccountId) -> Result<Vec<Dated>, StoreError> {
    let mut found = connection
        .prepare_cached("SELECT at_ms, body FROM event WHERE account = ?1 ORDER BY seq")?;
    let mut rows = found.query([id.as_bytes()])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event_of(row.get(0)?, &row.get::<_, String>(1)?)?);
    }
    Ok(events)
}

fn event_of(at_ms: u64, body: &str) -> Result<Dated, StoreError> {
    let event = serde_json::from_str(body);
    let event = event.map_err(|source| StoreError::Row {
        what: "event",
        source,
    })?;
    Ok(Dated { at_ms, event })
}

/// Keeps an event, and what follows from it for the tables beside.
fn take(tx: &Transaction<'_>, id: AccountId, dated: &Dated) -> Result<(), StoreError> {
    let body = serde_json::to_string(&dated.event).map_err(|source| StoreError::Row {
        what: "event",
        source,
    })?;
    tx.prepare_cached("INSERT INTO event(account, at_ms, body) VALUES (?1, ?2, ?3)")?
        .execute(params![id.as_bytes(), dated.at_ms, body])?;
    index(tx, id, &dated.event)
}

fn index(tx: &Transaction<'_>, id: AccountId, event: &Event) -> Result<(), StoreError> {
    match event {
        Event::Opened { holder, .. } => {
            tx.prepare_cached("INSERT INTO account(id, role, reference) VALUES (?1, ?2, ?3)")?
                .execute(params![
                    id.as_bytes(),
                    holder.role.as_str(),
                    holder.reference
                ])?;
        }
        Event::FactorAdded {
            factor: Factor::Passkey { credential, .. },
            ..
        } => {
            tx.prepare_cached("INSERT INTO credential(credential, account) VALUES (?1, ?2)")?
                .execute(params![credential, id.as_bytes()])?;
        }
        // Looked up again from what is left: an event names its factor by id alone.
        Event::FactorRemoved { .. } | Event::Closed => {
            let left = load(tx, id)?.ok_or(StoreError::NoOpening)?;
            tx.prepare_cached("DELETE FROM credential WHERE account = ?1")?
                .execute([id.as_bytes()])?;
            for known in left.factors.iter().filter(|_| !left.is_closed) {
                if let Factor::Passkey { credential, .. } = &known.factor {
                    tx.prepare_cached(
                        "INSERT INTO credential(credential, account) VALUES (?1, ?2)",
                    )?
                    .execute(params![credential, id.as_bytes()])?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}
