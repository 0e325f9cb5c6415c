//! The key store: secrets of persons and keys of rows, each of which can be destroyed.

mod error;

pub use error::{EraseError, OpenError, PersonError, ReserveError, RowKeyError};

use std::collections::BTreeMap;
use std::fmt;
use std::fs::TryLockError;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use kepil_ledger::keytree::{Cursor, KeyTree, Secret};
use zeroize::Zeroizing;

use crate::disk::{self, Disk, FileError, Held, SystemDisk};
use crate::random::Random;
use crate::state::{MAX_ROWS, State, row_leaf};
use crate::vault::Vault;
use crate::writer::{WriteError, Writer};

/// Marks of rows rise by so much at once, and so many numbers are lost in a crash.
pub const MARK_STEP: u64 = 1 << 20;

/// A person's secret.
#[derive(Debug, Clone)]
pub struct Person {
    /// The secret that all keys of the person are derived from.
    pub secret: Secret,
    /// How often this person was erased before.
    pub generation: u32,
}

/// Rows that were reserved: an iterator over their numbers and keys.
pub struct RowRange {
    next: u64,
    keys: Zeroizing<Vec<[u8; 32]>>,
    given: usize,
}

impl Iterator for RowRange {
    type Item = (u64, Secret);

    fn next(&mut self) -> Option<Self::Item> {
        let key = Secret::new(*self.keys.get(self.given)?);
        let row = self.next;
        (self.next, self.given) = (row.saturating_add(1), self.given.saturating_add(1));
        Some((row, key))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.keys.len().saturating_sub(self.given);
        (left, Some(left))
    }
}

impl ExactSizeIterator for RowRange {}

impl fmt::Debug for RowRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowRange({} from {})", self.len(), self.next)
    }
}

/// Where handing out rows of a period stands.
#[derive(Debug, Default)]
struct Head {
    next: u64,
    cursor: Cursor,
}

/// What a try to take rows leads to.
enum Taken {
    Rows(RowRange),
    /// The mark must rise to this first.
    Wants(u64),
}

/// The key store; see the crate.
///
/// Locks are taken in the order of the fields. The writer is held while the disk works;
/// the others are not, so nobody who asks for a key waits for the disk.
#[derive(Debug)]
pub struct KeyStore {
    writer: Mutex<Writer>,
    heads: Mutex<BTreeMap<u32, Head>>,
    state: RwLock<Arc<State>>,
    _lock: Box<dyn Held>,
}

impl KeyStore {
    /// Opens the store in a folder, or makes it; what a crash left behind is removed.
    ///
    /// One vault (one folder of files, one label in a token) serves one store.
    ///
    /// # Errors
    ///
    /// When another process uses it, the folder is open to others, the state cannot be read
    /// back, above all since it is an old copy whose key was destroyed, or something cannot
    /// be written.
    pub fn open(folder: &Path, vault: Box<dyn Vault>, random: Random) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(SystemDisk), folder, vault, random)
    }

    /// [`KeyStore::open`] on a disk of the caller's.
    ///
    /// # Errors
    ///
    /// As [`KeyStore::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        vault: Box<dyn Vault>,
        random: Random,
    ) -> Result<Self, OpenError> {
        let at = || folder.to_owned();
        disk::folder(&*disk, folder).map_err(|source| OpenError::Folder {
            folder: at(),
            source,
        })?;
        let lock = lock(&*disk, folder)?;
        let mut writer = Writer::new(folder, vault, random.clone(), disk);
        let loaded = writer.load();
        let prepare = |source| OpenError::Prepare {
            folder: at(),
            source,
        };
        let broken = |source| OpenError::State {
            folder: at(),
            source,
        };
        let state = match loaded.map_err(|source| OpenError::Read {
            folder: at(),
            source,
        })? {
            Some(bytes) => State::parse(&bytes).map_err(broken)?,
            None => {
                let secret = || random.bytes().map(|bytes| Secret::new(*bytes));
                let drawn = secret().and_then(|a| Ok((a, secret()?, secret()?)));
                let (enrol, persons, rows) =
                    drawn.map_err(|source| OpenError::Random { source })?;
                let state = State::new(enrol, persons, rows).map_err(broken)?;
                writer.begin(&state).map_err(prepare)?;
                state
            }
        };
        writer.tidy().map_err(prepare)?;
        let heads = state.marks.iter().map(|(period, mark)| {
            let cursor = Cursor::new();
            (
                *period,
                Head {
                    next: *mark,
                    cursor,
                },
            )
        });
        Ok(Self {
            writer: Mutex::new(writer),
            heads: Mutex::new(heads.collect()),
            state: RwLock::new(Arc::new(state)),
            _lock: lock,
        })
    }

    /// A person's secret, made by being asked for.
    ///
    /// After an erasure the person begins anew, in the next generation, with a secret that
    /// has nothing to do with the one before.
    ///
    /// # Errors
    ///
    /// When no generation is left.
    pub fn person(&self, subject: &str) -> Result<Person, PersonError> {
        person(&self.state(), subject).ok_or(PersonError::Exhausted)
    }

    /// Destroys a person's secret of one generation, that of [`Person::generation`].
    ///
    /// When this returns it is gone for ever: from memory, from the disk, and from every
    /// copy of the state. `false` if it was destroyed before, so a second try does no harm.
    ///
    /// # Errors
    ///
    /// When that generation has not begun, or the new state cannot be written.
    pub fn erase_person(&self, subject: &str, generation: u32) -> Result<bool, EraseError> {
        let mut writer = held(&self.writer);
        let state = self.state();
        let present = person(&state, subject).map_or(u32::MAX, |person| person.generation);
        if generation > present {
            return Err(EraseError::Generation {
                generation,
                present,
            });
        }
        let mut persons = KeyTree::clone(&state.persons);
        if !persons.destroy(state.person_leaf(subject, generation)) {
            return Ok(false);
        }
        let persons = Arc::new(persons);
        let state = State {
            persons,
            ..State::clone(&state)
        };
        self.erase(&mut writer, state)?;
        Ok(true)
    }

    /// Hands out row numbers of a period that nobody ever got, with their keys.
    ///
    /// The numbers are in a row. They rise within a period, with gaps after a crash.
    ///
    /// # Errors
    ///
    /// When the period was erased or is full, or a new mark cannot be written.
    pub fn reserve_rows(&self, period: u32, count: u16) -> Result<RowRange, ReserveError> {
        loop {
            match self.take(period, count)? {
                Taken::Rows(rows) => return Ok(rows),
                Taken::Wants(mark) => self.raise(period, mark)?,
            }
        }
    }

    /// Sees to it that no row of a period below a number is handed out from now on.
    ///
    /// To be called after a copy of the state was put back: the copy does not know which
    /// numbers were handed out after it was taken, but the log does.
    ///
    /// # Errors
    ///
    /// As [`KeyStore::reserve_rows`].
    pub fn skip_rows(&self, period: u32, until: u64) -> Result<(), ReserveError> {
        self.raise(period, until)?;
        let mut heads = held(&self.heads);
        let head = heads.entry(period).or_default();
        head.next = head.next.max(until);
        Ok(())
    }

    /// The key of a row that was handed out; `None` if it was erased.
    ///
    /// # Errors
    ///
    /// When the row was never handed out.
    pub fn row_key(&self, period: u32, row: u64) -> Result<Option<Secret>, RowKeyError> {
        let state = self.state();
        if row >= state.mark(period) {
            return Err(RowKeyError::Unknown { period, row });
        }
        Ok(state.rows.key(row_leaf(period, row)))
    }

    /// Destroys the keys of rows; returns how many of them there were.
    ///
    /// When this returns they are gone for ever, as in [`KeyStore::erase_person`]. Rows that
    /// lie side by side cost hardly more than one; many at once cost one writing.
    ///
    /// # Errors
    ///
    /// When one was never handed out (then none is erased), or the new state cannot be written.
    pub fn erase_rows(&self, period: u32, rows: &[u64]) -> Result<u64, EraseError> {
        let mut writer = held(&self.writer);
        let next = held(&self.heads).get(&period).map_or(0, |head| head.next);
        if let Some(&row) = rows.iter().find(|row| **row >= next) {
            return Err(EraseError::Row { period, row });
        }
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let leaves = rows
            .chunk_by(|row, after| after.saturating_sub(*row) <= 1)
            .filter_map(|run| Some((*run.first()?, *run.last()?)));
        self.erase_leaves(&mut writer, period, leaves)
    }

    /// Destroys the keys of all rows of a period, those to come as well; `false` if there
    /// were none left.
    ///
    /// When this returns they are gone for ever, as in [`KeyStore::erase_person`].
    ///
    /// # Errors
    ///
    /// When the period has no rows, or the new state cannot be written.
    pub fn erase_period(&self, period: u32) -> Result<bool, EraseError> {
        let mut writer = held(&self.writer);
        if self.state().mark(period) == 0 {
            return Err(EraseError::Period { period });
        }
        let all = (0, MAX_ROWS.saturating_sub(1));
        Ok(self.erase_leaves(&mut writer, period, [all].into_iter())? > 0)
    }

    /// Puts the state under a fresh key and destroys the old one, as every erasure does.
    ///
    /// Copies of the state from before can then be opened by nobody.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub fn rotate(&self) -> Result<(), WriteError> {
        let mut writer = held(&self.writer);
        let state = self.state();
        writer.write_fresh(&state)
    }

    /// The state as it lies on the disk, wrapped, for backups.
    ///
    /// It opens until the next erasure or rotation, so take it after each; see
    /// [`KeyStore::skip_rows`] for what to do once it was put back.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn backup_state(&self) -> Result<Vec<u8>, FileError> {
        held(&self.writer).file()
    }

    fn state(&self) -> Arc<State> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state)
    }

    fn take(&self, period: u32, count: u16) -> Result<Taken, ReserveError> {
        let mut heads = held(&self.heads);
        let head = heads.entry(period).or_default();
        // Read while the heads are held: so no cursor outlives an erasure.
        let state = self.state();
        let until = head.next.saturating_add(count.into());
        if until > state.mark(period) {
            return Ok(Taken::Wants(until));
        }
        let mut keys = Zeroizing::new(Vec::with_capacity(count.into()));
        for row in head.next..until {
            let key = state.rows.key_at(&mut head.cursor, row_leaf(period, row));
            keys.push(*key.ok_or(ReserveError::Erased { period })?.as_bytes());
        }
        let next = std::mem::replace(&mut head.next, until);
        let given = 0;
        Ok(Taken::Rows(RowRange { next, keys, given }))
    }

    /// Raises the mark of a period at least so far.
    fn raise(&self, period: u32, least: u64) -> Result<(), ReserveError> {
        let mut writer = held(&self.writer);
        let state = self.state();
        if least <= state.mark(period) {
            return Ok(());
        }
        if least > MAX_ROWS {
            return Err(ReserveError::Exhausted { period });
        }
        // Rows above a mark are destroyed only with their whole period.
        if state
            .rows
            .is_destroyed(row_leaf(period, least.saturating_sub(1)))
        {
            return Err(ReserveError::Erased { period });
        }
        let mut state = State::clone(&state);
        let mark = least
            .checked_next_multiple_of(MARK_STEP)
            .unwrap_or(MAX_ROWS);
        state.marks.insert(period, mark);
        let written = writer.write(&state);
        written.map_err(|source| ReserveError::Write { period, source })?;
        self.replace(state);
        Ok(())
    }

    fn erase_leaves(
        &self,
        writer: &mut Writer,
        period: u32,
        runs: impl Iterator<Item = (u64, u64)>,
    ) -> Result<u64, EraseError> {
        let state = self.state();
        let mut rows = KeyTree::clone(&state.rows);
        let erased = runs.fold(0, |erased: u128, (first, last)| {
            let (first, last) = (row_leaf(period, first), row_leaf(period, last));
            erased.saturating_add(rows.destroy_range(first, last))
        });
        if erased > 0 {
            let rows = Arc::new(rows);
            let state = State {
                rows,
                ..State::clone(&state)
            };
            self.erase(writer, state)?;
        }
        Ok(u64::try_from(erased).unwrap_or(u64::MAX))
    }

    fn erase(&self, writer: &mut Writer, state: State) -> Result<(), EraseError> {
        let written = writer.write_fresh(&state);
        written.map_err(|source| EraseError::Write { source })?;
        self.replace(state);
        Ok(())
    }

    /// Puts a written state in force; no cursor keeps anything of the one before.
    fn replace(&self, state: State) {
        let mut heads = held(&self.heads);
        for head in heads.values_mut() {
            head.cursor = Cursor::new();
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}

fn person(state: &State, subject: &str) -> Option<Person> {
    (0..=u32::MAX).find_map(|generation| {
        let secret = state.persons.key(state.person_leaf(subject, generation))?;
        Some(Person { secret, generation })
    })
}

fn lock(disk: &dyn Disk, folder: &Path) -> Result<Box<dyn Held>, OpenError> {
    let path = folder.join("lock");
    disk.lock(&path).map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::InUse {
            folder: folder.to_owned(),
        },
        TryLockError::Error(source) => OpenError::Lock { path, source },
    })
}

/// A panic elsewhere leaves nothing half done: all changes are made in one step.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
