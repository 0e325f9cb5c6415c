//! Keeps the state on the disk, wrapped under a key of the vault that can be destroyed.
//!
//! | field of the file `state` | bytes |
//! |---|---:|
//! | version = 1 | u8 |
//! | handle of the vault's key | 16 |
//! | length of the wrapped data key, then the data key wrapped by the vault | u16, … |
//! | the state, encrypted under the data key and bound to all before | the rest |
//!
//! Every writing has a fresh data key. A *fresh* writing also has a fresh key of the vault:
//!
//! 1. a key is made in the vault, durably;
//! 2. the state is written beside the old one, synced, renamed over it, and the folder synced;
//! 3. all other keys of the vault are destroyed.
//!
//! A crash before the rename leaves the old state and its key, one after it the new ones; the
//! next opening destroys the key that the state does not name. Only after step 3 an erasure
//! is said to be done.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::disk::{self, Disk, FileError};
use crate::random::Random;
use crate::seal;
use crate::state::State;
use crate::vault::{Handle, Vault, VaultError};

/// Label of the keys in the vault.
const LABEL: &str = "kepil-state";

/// First word of what a wrapped data key is bound to; the handle follows.
const CONTEXT: &[u8] = b"kepil-state-key/v1 ";

/// Version of the file.
const VERSION: u8 = 1;

/// Why the state could not be written; the one before is still in force.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No randomness came.
    #[error("drawing randomness for the state of the keys")]
    Random {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The vault made no key or did not wrap.
    #[error("wrapping the state of the keys")]
    Wrap {
        /// What went wrong.
        #[source]
        source: VaultError,
    },
    /// The state is larger than anything that can be encrypted at once.
    #[error("encrypting the state of the keys: {bytes} bytes are too many")]
    TooLong {
        /// Bytes of the state.
        bytes: usize,
    },
    /// The file could not be written.
    #[error("writing the state of the keys")]
    File {
        /// What went wrong.
        #[source]
        source: FileError,
    },
    /// The new state stands, but the key of the old one could not be destroyed.
    #[error(
        "destroying the key of the former state; erase again, since its backups can still be opened"
    )]
    Forget {
        /// What went wrong.
        #[source]
        source: VaultError,
    },
}

/// Why the state could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("reading the state of the keys")]
    File {
        /// What went wrong.
        #[source]
        source: FileError,
    },
    /// The vault failed.
    #[error("unwrapping the state of the keys")]
    Vault {
        /// What went wrong.
        #[source]
        source: VaultError,
    },
    /// The file is not of its form, or not one byte of it may have changed and one has.
    #[error("reading the state of the keys `{}`: it is damaged", path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
    },
    /// The key that the file names was destroyed.
    #[error("reading the state of the keys `{}`: it is a backup older than the last erasure or rotation, which destroyed its key `{handle}`; by design nobody can open it", path.display())]
    Outdated {
        /// Path of the file.
        path: PathBuf,
        /// Handle of its key.
        handle: Handle,
    },
    /// The vault holds no key of any state.
    #[error("reading the state of the keys `{}`: its key `{handle}` is not in the vault, nor any other; this is another vault, or an empty one", path.display())]
    NoKeys {
        /// Path of the file.
        path: PathBuf,
        /// Handle of its key.
        handle: Handle,
    },
    /// The vault holds keys of a state that is not there.
    #[error("reading the state of the keys `{}`: it is not there, yet the vault holds its key; put the newest copy back", path.display())]
    Missing {
        /// Path of the file.
        path: PathBuf,
    },
}

/// Writes states; the only one to do so in its folder.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    /// Stands while the first state is being written.
    fresh: PathBuf,
    vault: Box<dyn Vault>,
    random: Random,
    disk: Arc<dyn Disk>,
    /// The key of the state last written or read.
    handle: Option<Handle>,
}

impl Writer {
    pub fn new(folder: &Path, vault: Box<dyn Vault>, random: Random, disk: Arc<dyn Disk>) -> Self {
        Self {
            path: folder.join("state"),
            fresh: folder.join("fresh"),
            vault,
            random,
            disk,
            handle: None,
        }
    }

    /// The bytes of the state that stands; `None` if there never was one.
    pub fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
        let file = |source| ReadError::File { source };
        let vault = |source| ReadError::Vault { source };
        let path = || self.path.clone();
        let fresh = disk::read(&*self.disk, &self.fresh).map_err(file)?;
        let handles = self.vault.find(LABEL).map_err(vault)?;
        let Some(found) = disk::read(&*self.disk, &self.path).map_err(file)? else {
            if fresh.is_some() || handles.is_empty() {
                return Ok(None);
            }
            return Err(ReadError::Missing { path: path() });
        };
        let damaged = || ReadError::Damaged { path: path() };
        let parts = split(&found).ok_or_else(damaged)?;
        let handle = parts.handle;
        if handles.is_empty() {
            return Err(ReadError::NoKeys {
                path: path(),
                handle,
            });
        }
        if !handles.contains(&handle) {
            return Err(ReadError::Outdated {
                path: path(),
                handle,
            });
        }
        let key = match self.vault.unwrap(handle, &context(handle), parts.wrapped) {
            Err(VaultError::Rejected { .. }) => return Err(damaged()),
            key => key.map_err(vault)?,
        };
        let key = key.as_slice().try_into().map_err(|_| damaged())?;
        let bytes = seal::open(key, parts.head, parts.body).ok_or_else(damaged)?;
        self.handle = Some(handle);
        Ok(Some(bytes))
    }

    /// Writes the first state of a folder.
    pub fn begin(&mut self, state: &State) -> Result<(), WriteError> {
        disk::replace(&*self.disk, &self.fresh, &[]).map_err(file_error)?;
        self.write_fresh(state)
    }

    /// Destroys what a crash left behind, after a state was read or begun.
    pub fn tidy(&self) -> Result<(), WriteError> {
        for path in [
            &self.fresh,
            &disk::scratch(&self.fresh),
            &disk::scratch(&self.path),
        ] {
            disk::destroy(&*self.disk, path).map_err(file_error)?;
        }
        self.forget()
    }

    /// Writes a state from which nothing was erased; earlier copies of the file still open.
    pub fn write(&mut self, state: &State) -> Result<(), WriteError> {
        match self.handle {
            Some(handle) => self.put(handle, state),
            None => self.write_fresh(state),
        }
    }

    /// Writes a state under a fresh key; no earlier copy of the file opens any more.
    pub fn write_fresh(&mut self, state: &State) -> Result<(), WriteError> {
        let made = self.vault.generate(LABEL);
        self.put(made.map_err(wrap_error)?, state)?;
        self.forget()
    }

    /// The file as it stands.
    pub fn file(&self) -> Result<Vec<u8>, FileError> {
        let file = disk::read(&*self.disk, &self.path)?;
        file.map(|bytes| bytes.to_vec())
            .ok_or_else(|| FileError::Read {
                path: self.path.clone(),
                source: io::ErrorKind::NotFound.into(),
            })
    }

    fn put(&mut self, handle: Handle, state: &State) -> Result<(), WriteError> {
        let random = |source| WriteError::Random { source };
        let key = self.random.bytes::<32>().map_err(random)?;
        let nonce = self.random.bytes().map_err(random)?;
        let wrapped = self.vault.wrap(handle, &context(handle), key.as_slice());
        let wrapped = wrapped.map_err(wrap_error)?;
        let bytes = state.to_bytes();
        let sealed = u16::try_from(wrapped.len()).ok().and_then(|length| {
            let head = [
                &[VERSION][..],
                handle.as_bytes(),
                &length.to_be_bytes(),
                &wrapped,
            ]
            .concat();
            let body = seal::seal(&key, &nonce, &head, &bytes)?;
            Some([head, body].concat())
        });
        let sealed = sealed.ok_or(WriteError::TooLong { bytes: bytes.len() })?;
        disk::replace(&*self.disk, &self.path, &sealed).map_err(file_error)?;
        self.handle = Some(handle);
        Ok(())
    }

    /// Destroys every key but that of the state that stands.
    fn forget(&self) -> Result<(), WriteError> {
        let Some(current) = self.handle else {
            return Ok(());
        };
        let forget = |source| WriteError::Forget { source };
        let handles = self.vault.find(LABEL).map_err(forget)?;
        let others = handles.into_iter().filter(|other| *other != current);
        others
            .map(|other| self.vault.destroy(other))
            .try_for_each(|destroyed| destroyed.map_err(forget))
    }
}

/// The parts of the file.
struct Parts<'a> {
    handle: Handle,
    wrapped: &'a [u8],
    /// All that the body is bound to.
    head: &'a [u8],
    body: &'a [u8],
}

fn split(file: &[u8]) -> Option<Parts<'_>> {
    let rest = file.strip_prefix(&[VERSION])?;
    let (handle, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (wrapped, body) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (head, _) = file.split_at_checked(file.len().checked_sub(body.len())?)?;
    let handle = Handle::new(*handle);
    Some(Parts {
        handle,
        wrapped,
        head,
        body,
    })
}

fn context(handle: Handle) -> Vec<u8> {
    [CONTEXT, handle.as_bytes()].concat()
}

const fn file_error(source: FileError) -> WriteError {
    WriteError::File { source }
}

const fn wrap_error(source: VaultError) -> WriteError {
    WriteError::Wrap { source }
}
