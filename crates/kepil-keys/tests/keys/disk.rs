//! A disk in memory that stops after a number of steps and then crashes.

use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kepil_keys::disk::{Disk, Found, Held};
use zeroize::Zeroizing;

/// What a crash leaves of all that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Names and bytes.
    Keeps,
    /// Neither.
    Loses,
    /// Names, not bytes.
    LosesBytes,
    /// Bytes, not names.
    LosesNames,
}

pub const CRASHES: [Crash; 4] = [
    Crash::Keeps,
    Crash::Loses,
    Crash::LosesBytes,
    Crash::LosesNames,
];

#[derive(Debug, Clone, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
}

type Names = BTreeMap<String, usize>;

#[derive(Debug, Clone, Default)]
struct Folder {
    now: Names,
    synced: Names,
}

#[derive(Debug, Default)]
struct Inner {
    files: Vec<File>,
    folders: BTreeMap<PathBuf, Folder>,
    /// Steps until it stops; `None` never stops.
    left: Option<u32>,
    /// Whether it goes on after the step that failed.
    once: bool,
    steps: u32,
}

#[derive(Debug, Default)]
pub struct CrashDisk(Mutex<Inner>);

#[derive(Debug)]
struct NoLock;

impl Held for NoLock {}

fn stopped() -> io::Error {
    io::Error::other("the disk stopped")
}

fn split(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    (path.parent().unwrap().to_owned(), name)
}

impl Inner {
    /// Counts a step; an error if the disk stops here.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match self.left {
            Some(0) => {
                self.left = if self.once { None } else { Some(0) };
                Err(stopped())
            }
            Some(left) => {
                self.left = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        self.folders
            .get_mut(path)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, path: &Path) -> io::Result<usize> {
        let (folder, name) = split(path);
        let found = self.folder(&folder)?.now.get(&name).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl CrashDisk {
    /// Stops for good after so many more steps.
    pub fn stop_after(&self, steps: u32) {
        let mut inner = self.0.lock().unwrap();
        (inner.left, inner.once) = (Some(steps), false);
    }

    /// Fails one step after so many more.
    pub fn fail_after(&self, steps: u32) {
        let mut inner = self.0.lock().unwrap();
        (inner.left, inner.once) = (Some(steps), true);
    }

    /// Loses power and comes up again.
    pub fn crash(&self, crash: Crash) {
        let mut inner = self.0.lock().unwrap();
        inner.left = None;
        for file in &mut inner.files {
            if matches!(crash, Crash::Loses | Crash::LosesBytes) {
                file.now.clone_from(&file.synced);
            }
            file.synced.clone_from(&file.now);
        }
        for folder in inner.folders.values_mut() {
            if matches!(crash, Crash::Loses | Crash::LosesNames) {
                folder.now.clone_from(&folder.synced);
            }
            folder.synced.clone_from(&folder.now);
        }
    }

    pub fn steps(&self) -> u32 {
        self.0.lock().unwrap().steps
    }

    /// Puts a file there, as somebody who restores a backup.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut inner = self.0.lock().unwrap();
        let (folder, name) = split(path);
        let at = inner.files.len();
        let (now, synced) = (bytes.to_vec(), bytes.to_vec());
        inner.files.push(File { now, synced });
        let folder = inner.folders.get_mut(&folder).unwrap();
        folder.now.insert(name.clone(), at);
        folder.synced.insert(name, at);
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        let inner = self.0.lock().unwrap();
        let paths = |(path, folder): (&PathBuf, &Folder)| {
            let names: Vec<PathBuf> = folder.now.keys().map(|name| path.join(name)).collect();
            names
        };
        inner.folders.iter().flat_map(paths).collect()
    }

    /// All bytes that any block of the disk still holds, of removed files too.
    pub fn blocks(&self) -> Vec<Vec<u8>> {
        let inner = self.0.lock().unwrap();
        let both = |file: &File| [file.now.clone(), file.synced.clone()];
        inner.files.iter().flat_map(both).collect()
    }
}

impl Disk for CrashDisk {
    fn folder(&self, folder: &Path) -> io::Result<u32> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        inner.folders.entry(folder.to_owned()).or_default();
        Ok(0o700)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        Ok(inner.folder(folder)?.now.keys().cloned().collect())
    }

    fn read(&self, path: &Path) -> io::Result<Found> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        let at = inner.file(path)?;
        Ok(Found {
            bytes: Zeroizing::new(inner.files[at].now.clone()),
            mode: 0o600,
            owner: 1000,
        })
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        let (folder, name) = split(path);
        if inner.folder(&folder)?.now.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let at = inner.files.len();
        inner.files.push(File::default());
        inner.folder(&folder)?.now.insert(name, at);
        // The name, the first half, the rest, the sync.
        inner.step()?;
        inner.files[at].now = bytes[..bytes.len() / 2].to_vec();
        inner.step()?;
        inner.files[at].now = bytes.to_vec();
        inner.step()?;
        inner.files[at].synced = bytes.to_vec();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        let at = inner.file(from)?;
        let ((folder, from), (_, to)) = (split(from), split(to));
        let names = &mut inner.folder(&folder)?.now;
        names.remove(&from);
        names.insert(to, at);
        Ok(())
    }

    fn wipe(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        let at = inner.file(path)?;
        inner.files[at].now.fill(0);
        inner.step()?;
        inner.files[at].synced = inner.files[at].now.clone();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        inner.file(path)?;
        let (folder, name) = split(path);
        inner.folder(&folder)?.now.remove(&name);
        Ok(())
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.step()?;
        let folder = inner.folder(folder)?;
        folder.synced = folder.now.clone();
        Ok(())
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn Held>, TryLockError> {
        let mut inner = self.0.lock().unwrap();
        inner.step().map_err(TryLockError::Error)?;
        Ok(Box::new(NoLock))
    }
}
