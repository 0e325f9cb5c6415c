//! The real disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Blocks, Disk, SegmentFile};

/// Extension of a segment that is still being filled with zeros.
const UNFINISHED: &str = "new";

/// Zeros written at once while a segment is prepared.
pub const ZEROS_AT_ONCE: usize = 256 * 1024;

/// Writes segments with `O_DIRECT | O_DSYNC`, or `O_DSYNC` alone where direct is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectDisk;

impl Disk for DirectDisk {
    fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
        // The name appears only once the zeros are durable: no half-made segment exists.
        let unfinished = path.with_extension(UNFINISHED);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = write_zeros(&unfinished, bytes, rest).and_then(|()| {
            fs::rename(&unfinished, path)?;
            sync_folder_of(path)
        });
        if written.is_err() {
            // Best effort: a full disk should get its space back.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(DirectFile::open(path)?))
    }

    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8], stays: bool) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(scratch)?;
        file.write_all(bytes)?;
        fs::rename(scratch, path)?;
        // Left to the system, the files of half a minute go out in one burst, and the log's own
        // writes stand in line behind it. Nothing waits for it here.
        if stays {
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
        Ok(())
    }
}

fn write_zeros(path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
    let mut zeros = Blocks::new();
    let mut file = open_with(path, libc::O_DIRECT, true)
        .or_else(|error| fall_back(error, || open_with(path, 0, true)))?;
    let mut at = 0;
    while at < bytes {
        let length = usize::try_from(bytes - at)
            .unwrap_or(ZEROS_AT_ONCE)
            .min(ZEROS_AT_ONCE);
        zeros.fill(&vec![0; length]);
        file.write_all_at(zeros.as_bytes(), at).or_else(|error| {
            fall_back(error, || {
                file = open_with(path, 0, true)?;
                file.write_all_at(zeros.as_bytes(), at)
            })
        })?;
        at += zeros.len();
        rest();
    }
    file.sync_all()
}

/// Writes a file beside the old one, syncs it and puts it in the old one's place.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(UNFINISHED);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_folder_of(path)
}

/// Syncs the file system that a folder is on: there may be a million files below it.
pub(super) fn sync_below(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Makes a new name in a folder durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn open_with(path: &Path, flags: i32, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(create)
        .truncate(false)
        .custom_flags(flags)
        // Segments hold salts and records: they are nobody's but the owner's.
        .mode(0o600)
        .open(path)
}

/// Tries the way without `O_DIRECT` when the file system refused it, and only then.
fn fall_back<T>(error: io::Error, plain: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::EOPNOTSUPP) => plain(),
        _ => Err(error),
    }
}

#[derive(Debug)]
struct DirectFile {
    path: PathBuf,
    file: File,
    is_direct: bool,
}

impl DirectFile {
    fn open(path: &Path) -> io::Result<Self> {
        let mut is_direct = true;
        let file = open_with(path, libc::O_DIRECT | libc::O_DSYNC, false).or_else(|error| {
            fall_back(error, || {
                is_direct = false;
                open_with(path, libc::O_DSYNC, false)
            })
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            is_direct,
        })
    }
}

impl SegmentFile for DirectFile {
    fn write_blocks(&mut self, blocks: &Blocks, offset: u64) -> io::Result<()> {
        let Err(error) = self.file.write_all_at(blocks.as_bytes(), offset) else {
            return Ok(());
        };
        // Some file systems open a file for direct writing and refuse the first write.
        if !self.is_direct {
            return Err(error);
        }
        fall_back(error, || {
            tracing::warn!(path = %self.path.display(), "direct writing refused, going on without");
            self.file = open_with(&self.path, libc::O_DSYNC, false)?;
            self.is_direct = false;
            self.file.write_all_at(blocks.as_bytes(), offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn zeros_are_written_with_a_rest_after_each_piece() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.segment");
        let (rests, bytes) = (Cell::new(0), 3 * ZEROS_AT_ONCE as u64 + 4096);
        let rest = || rests.set(rests.get() + 1);
        DirectDisk.create_zeroed(&path, bytes, &rest).unwrap();
        assert_eq!(rests.get(), 4);
        let found = fs::read(&path).unwrap();
        assert_eq!(found.len() as u64, bytes);
        assert!(found.iter().all(|byte| *byte == 0));
    }
}
