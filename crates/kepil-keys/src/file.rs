//! The vault of a node without a hardware module: a folder of encrypted key files.
//!
//! ```text
//! <folder>/<label>-<handle>.key    0x01 ‖ nonce 24 ‖ ciphertext 32 ‖ tag 16
//! <root>                           kepil-vault-root/v1 <base64 of 32 bytes>
//! ```
//!
//! Key files are encrypted under the root secret and bound to their names. The root secret
//! is a file of its own, better on another disk, or handed over by the service manager.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kepil_ledger::keytree::Secret;
use zeroize::Zeroizing;

use crate::disk::{self, Disk, FileError, Found, SystemDisk};
use crate::random::Random;
use crate::seal;
use crate::vault::{Handle, Vault, VaultError};

/// First word of the root secret's file.
const ROOT_PREFIX: &str = "kepil-vault-root/v1 ";

/// First word of what a key file is bound to; its name follows.
const KEY_CONTEXT: &str = "kepil-vault-key/v1 ";

/// Version of key files.
const VERSION: u8 = 1;

/// Longest label.
const MAX_LABEL_BYTES: usize = 32;

/// Why a vault of files could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenVaultError {
    /// A file or folder could not be used.
    #[error("opening the vault `{}`", folder.display())]
    File {
        /// Folder of the vault.
        folder: PathBuf,
        /// What went wrong.
        #[source]
        source: FileError,
    },
    /// There are keys, so there must be a root secret; a new one would not open them.
    #[error("opening the vault `{}`: it holds keys, but their root secret `{}` is not there", folder.display(), root.display())]
    NoRoot {
        /// Folder of the vault.
        folder: PathBuf,
        /// Path of the root secret.
        root: PathBuf,
    },
    /// The root secret's file is not of its form.
    #[error("reading the root secret `{}`: it is not one line `kepil-vault-root/v1 <base64>`", root.display())]
    Malformed {
        /// Path of the root secret.
        root: PathBuf,
    },
    /// No randomness came for a new root secret.
    #[error("drawing randomness for a root secret")]
    Random {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// A vault of files; see the [module](self).
pub struct FileVault {
    folder: PathBuf,
    root: Secret,
    random: Random,
    disk: Arc<dyn Disk>,
}

impl FileVault {
    /// Opens a vault; its folder and root secret are made on first use.
    ///
    /// # Errors
    ///
    /// When a file or folder cannot be used or is open to others, or the root secret is
    /// malformed, or missing while there are keys.
    pub fn open(folder: &Path, root: &Path, random: Random) -> Result<Self, OpenVaultError> {
        Self::open_on(Arc::new(SystemDisk), folder, root, random)
    }

    /// [`FileVault::open`] on a disk of the caller's.
    ///
    /// # Errors
    ///
    /// As [`FileVault::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        root: &Path,
        random: Random,
    ) -> Result<Self, OpenVaultError> {
        let failed = |source| OpenVaultError::File {
            folder: folder.to_owned(),
            source,
        };
        disk::folder(&*disk, folder).map_err(failed)?;
        let secret = match disk::look(&*disk, root).map_err(failed)? {
            Some(found) => {
                check_root(root, &found).map_err(failed)?;
                parse_root(&found.bytes).ok_or_else(|| OpenVaultError::Malformed {
                    root: root.to_owned(),
                })?
            }
            None if has_keys(&*disk, folder).map_err(failed)? => {
                return Err(OpenVaultError::NoRoot {
                    folder: folder.to_owned(),
                    root: root.to_owned(),
                });
            }
            None => {
                let drawn = random.bytes();
                let secret = drawn.map_err(|source| OpenVaultError::Random { source })?;
                let secret = Secret::new(*secret);
                disk::replace(&*disk, root, &root_line(&secret)).map_err(failed)?;
                secret
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            root: secret,
            random,
            disk,
        })
    }

    /// Name of a key's file.
    fn name(&self, handle: Handle) -> Result<String, VaultError> {
        let end = format!("-{handle}.key");
        let mut names = self.names()?.into_iter();
        names
            .find(|name| name.ends_with(&end))
            .ok_or(VaultError::Unknown { handle })
    }

    fn names(&self) -> Result<Vec<String>, VaultError> {
        self.disk.names(&self.folder).map_err(device)
    }

    fn key(&self, handle: Handle) -> Result<Secret, VaultError> {
        let name = self.name(handle)?;
        let file = disk::read(&*self.disk, &self.folder.join(&name)).map_err(device)?;
        let file = file.ok_or(VaultError::Unknown { handle })?;
        let opened = match file.split_first() {
            Some((&VERSION, sealed)) => seal::open(self.root.as_bytes(), &context(&name), sealed),
            _ => None,
        };
        let key = opened.and_then(|key| key.as_slice().try_into().ok());
        key.map(Secret::new).ok_or(VaultError::Damaged { handle })
    }

    fn seal(&self, key: &Secret, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = self.random.bytes().map_err(random)?;
        seal::seal(key.as_bytes(), &nonce, context, plain)
            .ok_or(VaultError::TooLong { bytes: plain.len() })
    }
}

impl Vault for FileVault {
    fn generate(&self, label: &str) -> Result<Handle, VaultError> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=MAX_LABEL_BYTES).contains(&label.len()) || !label.bytes().all(plain) {
            return Err(VaultError::Label {
                label: label.to_owned(),
            });
        }
        let handle = Handle::new(*self.random.bytes().map_err(random)?);
        let key = self.random.bytes::<32>().map_err(random)?;
        let name = format!("{label}-{handle}.key");
        let mut file = vec![VERSION];
        file.extend(self.seal(&self.root, &context(&name), key.as_slice())?);
        disk::create(&*self.disk, &self.folder.join(name), &file).map_err(device)?;
        Ok(handle)
    }

    fn find(&self, label: &str) -> Result<Vec<Handle>, VaultError> {
        let handle = |name: &String| {
            let handle = name.strip_prefix(label)?.strip_prefix('-')?;
            parse_handle(handle.strip_suffix(".key")?)
        };
        Ok(self.names()?.iter().filter_map(handle).collect())
    }

    fn wrap(&self, handle: Handle, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.seal(&self.key(handle)?, context, plain)
    }

    fn unwrap(
        &self,
        handle: Handle,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        seal::open(self.key(handle)?.as_bytes(), context, wrapped)
            .ok_or(VaultError::Rejected { handle })
    }

    fn destroy(&self, handle: Handle) -> Result<(), VaultError> {
        let name = self.name(handle)?;
        disk::destroy(&*self.disk, &self.folder.join(name)).map_err(device)
    }
}

impl fmt::Debug for FileVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileVault({})", self.folder.display())
    }
}

/// A root secret may be readable by its group if it belongs to the superuser: so look the
/// credentials of a service manager, and so does `PostgreSQL` judge its private key.
fn check_root(path: &Path, found: &Found) -> Result<(), FileError> {
    let lent = found.owner == 0 && found.mode & 0o037 == 0;
    if lent {
        return Ok(());
    }
    disk::private(path, found.mode)
}

fn root_line(root: &Secret) -> Zeroizing<Vec<u8>> {
    let base64 = Zeroizing::new(STANDARD.encode(root.as_bytes()));
    Zeroizing::new([ROOT_PREFIX, &base64, "\n"].concat().into_bytes())
}

fn parse_root(bytes: &[u8]) -> Option<Secret> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let decoded = STANDARD.decode(line.strip_prefix(ROOT_PREFIX)?).ok()?;
    let decoded = Zeroizing::new(decoded);
    Some(Secret::new(decoded.as_slice().try_into().ok()?))
}

fn has_keys(disk: &dyn Disk, folder: &Path) -> Result<bool, FileError> {
    let names = disk.names(folder).map_err(|source| FileError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    Ok(names.iter().any(|name| name.ends_with(".key")))
}

fn context(name: &str) -> Vec<u8> {
    [KEY_CONTEXT, name].concat().into_bytes()
}

/// The handle in a file's name: 32 hexadecimal digits, lower case.
fn parse_handle(text: &str) -> Option<Handle> {
    let value = u128::from_str_radix(text, 16).ok()?;
    let handle = Handle::new(value.to_be_bytes());
    (handle.to_string() == text).then_some(handle)
}

fn device(source: impl Error + Send + Sync + 'static) -> VaultError {
    VaultError::Device {
        source: Box::new(source),
    }
}

const fn random(source: io::Error) -> VaultError {
    VaultError::Random { source }
}
