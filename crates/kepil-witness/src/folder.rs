//! The folder of a witness or auditor: one process at a time, and files that change as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Name of the lock file.
const LOCK: &str = "lock";

/// What is added to the name of a file that is not yet in place.
const UNFINISHED: &str = "new";

/// A folder that is locked as long as this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: File,
}

/// Why a folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Another process, or another value in this one, has it.
    #[error("taking a folder: another process has it open")]
    InUse,
    /// It cannot be made or locked.
    #[error("taking a folder")]
    Io(#[source] io::Error),
}

/// Why a file could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Nothing changed: the file is as it was.
    #[error("replacing a file: it is as it was")]
    Unchanged(#[source] io::Error),
    /// The file may be the old or the new one after a loss of power.
    #[error("replacing a file: it may be the old or the new one")]
    Unknown(#[source] io::Error),
}

impl Folder {
    /// Makes the folder where it is missing, and locks it.
    ///
    /// # Errors
    ///
    /// When another process has it, or it cannot be made or locked.
    pub fn take(path: &Path) -> Result<Self, TakeError> {
        let lock = || {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path.join(LOCK))
        };
        let lock = lock().map_err(TakeError::Io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TakeError::InUse),
            Err(TryLockError::Error(source)) => return Err(TakeError::Io(source)),
        }
        let folder = Self {
            path: path.to_owned(),
            lock,
        };
        // What is read from here on stays: an earlier process may have died before its sync.
        folder.sync().map_err(TakeError::Io)?;
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_folder(parent).map_err(TakeError::Io)?;
        }
        Ok(folder)
    }

    /// Where a file of this name is.
    #[must_use]
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// True when nothing but the lock and unfinished files is there.
    pub(crate) fn is_new(&self) -> io::Result<bool> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_lock = path.file_name().is_some_and(|name| name == LOCK);
            if !is_lock && path.extension().is_none_or(|end| end != UNFINISHED) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads a file of at most so many bytes; a longer one is cut after one byte more.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be read.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path_of(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces a file as a whole; the new bytes are durable when it returns.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or it is not known whether it was.
    pub fn replace(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), ReplaceError> {
        let unfinished = self.path_of(&format!("{name}.{UNFINISHED}"));
        let write = || {
            // One that was left behind may have another mode.
            match fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(ReplaceError::Unchanged)?;
        fs::rename(&unfinished, self.path_of(name))
            .and_then(|()| self.sync())
            .map_err(ReplaceError::Unknown)
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A process started meanwhile may hold a copy of the handle: closing it is not enough.
        let _ = self.lock.unlock();
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
