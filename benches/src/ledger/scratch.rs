//! A folder of one's own on the disk to be measured.

use crate::fault::{Fault, during};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// File systems that are memory, by their numbers in `statfs(2)`: tmpfs and ramfs.
const MEMORY: [i128; 2] = [0x0102_1994, 0x8584_58f6];

/// The folder; it is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    given: AtomicUsize,
}

impl Scratch {
    /// Makes the folder inside `dir`, or else beside the working directory's files.
    ///
    /// # Errors
    /// When it cannot be made, or lies in memory: nothing is durable there.
    pub fn make(dir: Option<&Path>) -> Result<Self, Fault> {
        let parent = match dir {
            Some(dir) => dir.to_owned(),
            None => default_parent()?,
        };
        std::fs::create_dir_all(&parent).map_err(during("making a folder"))?;
        if is_memory(&parent)? {
            return Err(Fault(format!(
                "{} lies in memory, where nothing is durable: give another folder with --dir",
                parent.display()
            )));
        }
        let folder = tempfile::Builder::new()
            .prefix("kepil-bench-ledger-")
            .tempdir_in(&parent)
            .map_err(during("making a folder"))?;
        // PostgreSQL runs as a user of its own and must be able to pass through.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711))
            .map_err(during("opening a folder to others"))?;
        Ok(Self {
            folder,
            given: AtomicUsize::new(0),
        })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A place inside for one measurement, another each time; nothing stands there yet.
    #[must_use]
    pub fn fresh(&self) -> PathBuf {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(number.to_string())
    }
}

/// The system's folder for such things if it is on the working directory's disk, else that.
fn default_parent() -> Result<PathBuf, Fault> {
    let looking = during("looking for a folder");
    let here = std::env::current_dir().map_err(&looking)?;
    let usual = std::env::temp_dir();
    let device = |path: &Path| path.metadata().map(|found| found.dev());
    let is_same = device(&usual).ok() == Some(device(&here).map_err(&looking)?);
    Ok(if is_same { usual } else { here })
}

fn is_memory(path: &Path) -> Result<bool, Fault> {
    let found = rustix::fs::statfs(path).map_err(during("looking at the file system"))?;
    Ok(MEMORY.contains(&i128::from(found.f_type)))
}

/// Name of the file system and its device, as the kernel lists them.
#[must_use]
pub fn file_system(path: &Path) -> String {
    let unknown = || "unknown".to_owned();
    let (Ok(path), Ok(mounts)) = (
        path.canonicalize(),
        std::fs::read_to_string("/proc/self/mounts"),
    ) else {
        return unknown();
    };
    let of_line = |line: &str| {
        let mut words = line.split(' ');
        let (device, on, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(on)
            .then(|| (on.len(), format!("{kind} on {device}")))
    };
    let found = mounts.lines().filter_map(of_line);
    found
        .max_by_key(|(length, _)| *length)
        .map_or_else(unknown, |(_, said)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_when_it_is_no_longer_needed() {
        let parent = tempfile::tempdir_in(".").unwrap();
        let scratch = Scratch::make(Some(parent.path())).unwrap();
        let path = scratch.path().to_owned();
        assert_ne!(scratch.fresh(), scratch.fresh());
        std::fs::write(scratch.fresh(), b"x").unwrap();
        assert!(path.starts_with(parent.path()));
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn memory_is_no_disk() {
        let Ok(true) = is_memory(Path::new("/dev/shm")) else {
            return;
        };
        let fault = Scratch::make(Some(Path::new("/dev/shm"))).unwrap_err();
        assert!(fault.to_string().contains("--dir"), "{fault}");
    }
}
