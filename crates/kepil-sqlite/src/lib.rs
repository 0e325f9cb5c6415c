//! One SQLite file of a node, opened the way all of them are: only the owner may read it, what was
//! answered for is on the disk, and what was removed is overwritten.

use rusqlite::{Connection, TransactionBehavior};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long one who writes waits for another, such as a copy being made.
const PATIENCE: Duration = Duration::from_secs(5);

/// Cache of a connection, KiB; the files are small and the operating system keeps them too.
const CACHE_KIB: i64 = 512;

/// The tables of a file.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The statements that make them.
    pub tables: &'static str,
    /// Their version.
    pub version: i64,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made.
    #[error("making the file")]
    File(#[from] std::io::Error),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file was made by a later version of this program.
    #[error("the file has version {found}, this program knows {known}")]
    Version {
        /// Of the file.
        found: i64,
        /// Of the program.
        known: i64,
    },
}

/// An open file; whoever works with it has it alone.
#[derive(Debug)]
pub struct Database(Mutex<Connection>);

impl Database {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a later version.
    pub fn open(path: &Path, schema: Schema) -> Result<Self, OpenError> {
        let mut file = std::fs::OpenOptions::new();
        let file = file.create(true).truncate(false).write(true).mode(0o600);
        file.open(path)?;
        Self::begin(Connection::open(path)?, schema)
    }

    /// Tables that end with the process, for tests.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn in_memory(schema: Schema) -> Result<Self, OpenError> {
        Self::begin(Connection::open_in_memory()?, schema)
    }

    fn begin(mut connection: Connection, schema: Schema) -> Result<Self, OpenError> {
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found == 0 {
            tx.execute_batch(schema.tables)?;
            tx.pragma_update(None, "user_version", schema.version)?;
        } else if found != schema.version {
            return Err(OpenError::Version {
                found,
                known: schema.version,
            });
        }
        tx.commit()?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Moves what was written into the file and empties the journal: what was removed is then in
    /// neither.
    ///
    /// # Errors
    /// When the file cannot be written, or somebody is reading what the journal holds.
    pub fn settle(&self) -> rusqlite::Result<()> {
        let busy: i64 =
            self.connection()
                .query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        match busy {
            0 => Ok(()),
            _ => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                None,
            )),
        }
    }

    /// The connection, for one who waits for it.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies a file, open somewhere or not, into a new one: as SQLite sees it at one moment, with
/// what still stands in its journal.
///
/// # Errors
/// When it cannot be read, or the new file is there already or cannot be written.
pub fn copy(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(from)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const SCHEMA: Schema = Schema {
        tables: "CREATE TABLE word(word TEXT NOT NULL) STRICT;",
        version: 1,
    };

    #[test]
    fn what_was_kept_is_there_again_and_in_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copied) = (folder.path().join("a.db"), folder.path().join("b.db"));
        {
            let database = Database::open(&path, SCHEMA).unwrap();
            let connection = database.connection();
            connection
                .execute("INSERT INTO word VALUES ('here')", [])
                .unwrap();
            copy(&path, &copied).unwrap();
        }
        for path in [&path, &copied] {
            let database = Database::open(path, SCHEMA).unwrap();
            let word: String = database
                .connection()
                .query_one("SELECT word FROM word", [], |row| row.get(0))
                .unwrap();
            assert_eq!(word, "here");
        }
        assert!(copy(&path, &copied).is_err());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_was_removed_is_in_no_file_once_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = Database::open(&path, SCHEMA).unwrap();
        let word = "a word nobody else would write";
        let run = |sql: &str| database.connection().execute(sql, [word]).unwrap();
        let is_there = || {
            let files = std::fs::read_dir(folder.path()).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                bytes
                    .windows(word.len())
                    .any(|found| found == word.as_bytes())
            })
        };
        run("INSERT INTO word VALUES (?1)");
        assert!(is_there());
        run("DELETE FROM word WHERE word = ?1");
        database.settle().unwrap();
        assert!(!is_there());
    }

    #[test]
    fn a_file_of_a_later_version_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let later = Schema {
            version: 9,
            ..SCHEMA
        };
        Database::open(&path, later).unwrap();
        let error = Database::open(&path, SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::Version { found: 9, known: 1 }));
        std::fs::write(&path, "not a database, and long enough to be read as one").unwrap();
        assert!(matches!(
            Database::open(&path, SCHEMA).unwrap_err(),
            OpenError::Sqlite(_)
        ));
    }
}
