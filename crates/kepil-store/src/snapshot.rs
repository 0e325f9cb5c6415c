//! Snapshots: where a log and its book stood, so that opening need not read every segment.
//!
//! ```text
//! DIR/snapshot/<size>/head             the tree, the open tiles, the segments, the months
//! DIR/snapshot/<size>/<month>.map      tags and chains of a month, encrypted
//! ```
//!
//! A snapshot is made in a folder of another name, synced and renamed: a folder with a
//! number for its name is whole. The two newest are kept. A month that is closed does not
//! change, so its file is the same one (a hard link) in every snapshot.
//!
//! Opening with a snapshot reads the headers of the older segments, all of the segment in
//! which the snapshot's size lies, and what follows. The snapshot is held against the log:
//! its tree has to lead to the root of the frame at its size, and its open months to the
//! roots in the signed map head there. **What a snapshot spares is not read**: a damaged
//! frame in an older segment is found when it is read, or by [`crate::check`], which reads
//! everything. Whoever does not trust the disk runs that check, or deletes the folder
//! `snapshot`: the next opening then reads and compares all there is.
//!
//! Tags are pseudonyms of persons: they are encrypted under the month's key
//! ([`crate::monthkey`]), and the folder is the owner's alone.

mod head;
mod month;

pub(crate) use head::{BookState, MonthState, Snapshot};
pub(crate) use month::{MonthFile, MonthWriter};

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kepil_ledger::hash::Hash;
use kepil_ledger::period::Period;

use crate::monthkey::MonthKey;

/// Snapshots that are kept.
const KEPT: usize = 2;

/// A snapshot that is being made.
const UNFINISHED: &str = "new";

/// A snapshot that is being deleted.
const DOOMED: &str = "old";

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file cannot be read.
    #[error("reading `{}`", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A file's checksum or form is wrong.
    #[error("`{}` is damaged at byte {offset} or before", path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Where it was noticed.
        offset: u64,
    },
    /// The key of the month is another one, or was destroyed.
    #[error("`{}` cannot be read with the month's key, or there is none", path.display())]
    Key {
        /// Path of the file.
        path: PathBuf,
    },
    /// The snapshot does not fit the rest of the folder.
    #[error("it does not match the log: {0}")]
    Mismatch(&'static str),
}

/// Name of the head's file.
pub(crate) const HEAD: &str = "head";

/// Name of a month's file.
pub(crate) fn month_name(period: Period) -> String {
    format!("{}.map", period.number())
}

/// Sizes of the snapshots in a folder, newest first.
pub(crate) fn list(folder: &Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut sizes: Vec<u64> = entries
        .filter_map(|entry| size_of(&entry.ok()?.path()))
        .collect();
    sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
    sizes
}

/// Folder of a snapshot.
pub(crate) fn path(folder: &Path, size: u64) -> PathBuf {
    folder.join(format!("{size:020}"))
}

fn size_of(path: &Path) -> Option<u64> {
    let size = path.file_name()?.to_str()?.parse().ok()?;
    (self::path(path.parent()?, size) == path).then_some(size)
}

/// A snapshot in the making; not finished, it is thrown away.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    folder: &'a Path,
    size: u64,
    path: PathBuf,
    is_finished: bool,
}

impl<'a> Draft<'a> {
    /// Begins the snapshot of a size.
    pub(crate) fn begin(folder: &'a Path, size: u64) -> io::Result<Self> {
        let path = folder.join(UNFINISHED);
        remove(&path)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        Ok(Self {
            folder,
            size,
            path,
            is_finished: false,
        })
    }

    pub(crate) fn month(
        &self,
        period: Period,
        root: &Hash,
        key: Option<&MonthKey>,
    ) -> io::Result<MonthWriter<File>> {
        let path = self.path.join(month_name(period));
        MonthWriter::begin(create(&path)?, period, root, key)
    }

    /// Takes a closed month over from the newest snapshot; `None` when it is not there, or
    /// under another key.
    pub(crate) fn take_over(
        &self,
        month: &MonthState,
        key: Option<MonthKey>,
    ) -> Option<MonthState> {
        let source = path(self.folder, *list(self.folder).first()?);
        let state = Snapshot::read(&source).ok()?.same(month)?;
        let name = month_name(month.period);
        let source = source.join(&name);
        let file = MonthFile::open(source.clone(), state.clone(), key);
        file.and_then(|file| file.check_key()).ok()?;
        fs::hard_link(source, self.path.join(name)).ok()?;
        Some(state)
    }

    /// Writes the head; with it the snapshot is complete, but not yet durable.
    pub(crate) fn head(&self, snapshot: &Snapshot) -> io::Result<()> {
        let mut file = create(&self.path.join(HEAD))?;
        file.write_all(&snapshot.to_bytes())?;
        file.sync_all()
    }

    /// Makes the snapshot the newest one and deletes those before the last but one.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        let target = path(self.folder, self.size);
        doom(self.folder, &target)?;
        fs::rename(&self.path, &target)?;
        self.is_finished = true;
        File::open(self.folder)?.sync_all()?;
        for size in list(self.folder).into_iter().skip(KEPT) {
            doom(self.folder, &path(self.folder, size))?;
        }
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // The next one begins by removing it.
            let _ = remove(&self.path);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Deletes a snapshot, first its name, so that no half of one is ever met.
fn doom(folder: &Path, path: &Path) -> io::Result<()> {
    let doomed = folder.join(DOOMED);
    remove(&doomed)?;
    match fs::rename(path, &doomed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    remove(&doomed)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
