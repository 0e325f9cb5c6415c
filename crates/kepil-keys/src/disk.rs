//! What the keys need from a disk, so that tests can make it fail at every step.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A file that was read.
pub struct Found {
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its permission bits.
    pub mode: u32,
    /// Number of the user it belongs to.
    pub owner: u32,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, mode, owner } = self;
        write!(f, "Found({} bytes, {mode:04o}, {owner})", bytes.len())
    }
}

/// A lock that holds until it is dropped.
pub trait Held: fmt::Debug + Send + Sync {}

/// The operations on a disk; each is one step that a crash may follow.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a folder for its owner alone, unless it stands already; its permission bits.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn folder(&self, folder: &Path) -> io::Result<u32>;

    /// Names of the files in a folder; such as are not UTF-8 are not of Kepil.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Reads a file, and who may open it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Found>;

    /// Writes a new file for its owner alone; its bytes are durable then, its name is not.
    ///
    /// # Errors
    ///
    /// When it stands already or cannot be written.
    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file another name in the same folder, in the place of the one that had it.
    ///
    /// # Errors
    ///
    /// When it cannot be renamed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Overwrites a file with zeros, durably.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn wipe(&self, path: &Path) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// When it cannot be synced.
    fn sync(&self, folder: &Path) -> io::Result<()>;

    /// Keeps a lock file for this process alone.
    ///
    /// # Errors
    ///
    /// When another process has it, or it cannot be made.
    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, TryLockError>;
}

/// The disks of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn folder(&self, folder: &Path) -> io::Result<u32> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => self.sync(parent(folder))?,
        }
        Ok(fs::metadata(folder)?.mode() & 0o777)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Found> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        // Of the right size at once: growing would leave copies behind.
        let size = usize::try_from(metadata.len()).map_err(io::Error::other)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
        file.read_to_end(&mut bytes)?;
        Ok(Found {
            bytes,
            mode: metadata.mode() & 0o777,
            owner: metadata.uid(),
        })
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn wipe(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        io::copy(&mut io::repeat(0).take(file.metadata()?.len()), &mut file)?;
        file.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, TryLockError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Box::new(LockFile(file)))
    }
}

#[derive(Debug)]
struct LockFile(File);

impl Held for LockFile {}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is just being started by another
        // thread holds a copy of it for a moment. If this fails, closing does it later.
        let _ = self.0.unlock();
    }
}

/// Why a file of keys could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder cannot be made or read.
    #[error("opening the folder `{}`", path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("reading the file `{}`", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("writing the file `{}`", path.display())]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The file cannot be destroyed.
    #[error("destroying the file `{}`", path.display())]
    Destroy {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may use it.
    #[error("opening `{}`: its mode is {mode:04o}, others may open it; take their rights away", path.display())]
    Shared {
        /// Path of the file or folder.
        path: PathBuf,
        /// Permission bits found.
        mode: u32,
    },
}

/// A folder for its owner alone, made if it is not there.
pub fn folder(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    let mode = disk.folder(path).map_err(|source| FileError::Folder {
        path: path.to_owned(),
        source,
    })?;
    private(path, mode)
}

/// Reads a file that only its owner may open; `None` if there is none.
pub fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    let Some(found) = look(disk, path)? else {
        return Ok(None);
    };
    private(path, found.mode)?;
    Ok(Some(found.bytes))
}

/// Reads a file whoever may open it; `None` if there is none.
pub fn look(disk: &dyn Disk, path: &Path) -> Result<Option<Found>, FileError> {
    match disk.read(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a new file, durable when it returns.
pub fn create(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    disk.create(path, bytes)
        .and_then(|()| disk.sync(parent(path)))
        .map_err(|source| FileError::Write {
            path: path.to_owned(),
            source,
        })
}

/// Puts a file in the place of the one before, whole and durable when it returns.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let scratch = scratch(path);
    destroy(disk, &scratch)?;
    disk.create(&scratch, bytes)
        .and_then(|()| disk.rename(&scratch, path))
        .and_then(|()| disk.sync(parent(path)))
        .map_err(|source| FileError::Write {
            path: path.to_owned(),
            source,
        })
}

/// Overwrites and removes a file, durably; nothing to do if there is none.
pub fn destroy(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    let destroyed = match disk.wipe(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        wiped => wiped
            .and_then(|()| disk.remove(path))
            .and_then(|()| disk.sync(parent(path))),
    };
    destroyed.map_err(|source| FileError::Destroy {
        path: path.to_owned(),
        source,
    })
}

/// The path under which a file is written before it gets its name.
pub fn scratch(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

/// An error if others than the owner have rights.
pub fn private(path: &Path, mode: u32) -> Result<(), FileError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(FileError::Shared {
        path: path.to_owned(),
        mode,
    })
}

fn parent(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
