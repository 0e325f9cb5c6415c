//! A vault: where keys are used and never come out.
//!
//! The trait is cut to what PKCS #11 (OASIS, versions 2.40 and 3.0) offers, so that a
//! hardware module can take the place of [`FileVault`](crate::file::FileVault):
//!
//! | here | there |
//! |---|---|
//! | [`Handle`] | `CKA_ID` of the object. The object handles of a module live no longer than a session, so they cannot be written down |
//! | [`Vault::generate`] | `C_GenerateKey` with `CKM_AES_KEY_GEN` or `CKM_CHACHA20_KEY_GEN`; template: `CKA_TOKEN` true, `CKA_LABEL` the label, `CKA_ID` the handle, `CKA_SENSITIVE` true, `CKA_EXTRACTABLE` false, `CKA_ENCRYPT` and `CKA_DECRYPT` true |
//! | [`Vault::find`] | `C_FindObjectsInit`, `C_FindObjects`, `C_FindObjectsFinal` by `CKA_CLASS` = `CKO_SECRET_KEY` and `CKA_LABEL`; then `C_GetAttributeValue` of `CKA_ID` |
//! | [`Vault::wrap`] | 3.0: `C_MessageEncryptInit` and `C_EncryptMessage`; 2.40: `C_EncryptInit` and `C_Encrypt`; both with `CKM_AES_GCM`, or from 3.0 `CKM_CHACHA20_POLY1305`. The context is the associated data, the nonce is made by the module and stands before the ciphertext |
//! | [`Vault::unwrap`] | `C_MessageDecryptInit` and `C_DecryptMessage`, or `C_DecryptInit` and `C_Decrypt` |
//! | [`Vault::destroy`] | `C_DestroyObject` |
//!
//! Callers wrap no more than a few dozen bytes: modules take little at once (AWS `CloudHSM`:
//! at most 16 KB in one GCM operation).

use std::error::Error;
use std::fmt;
use std::io;

use zeroize::Zeroizing;

/// Names a key in a vault: 16 bytes that are not secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle([u8; 16]);

impl Handle {
    /// Takes 16 bytes as a handle.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a vault did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Labels are short and plain.
    #[error("making a key with the label `{label}`: it is not 1 to 32 of a-z, 0-9 and -")]
    Label {
        /// Label asked for.
        label: String,
    },
    /// The key was never there, or was destroyed.
    #[error("using the key `{handle}`: the vault has no such key")]
    Unknown {
        /// Handle asked for.
        handle: Handle,
    },
    /// The key itself lies damaged in the vault.
    #[error("using the key `{handle}`: it was damaged, or wrapped under another root secret")]
    Damaged {
        /// Handle asked for.
        handle: Handle,
    },
    /// The wrapped bytes do not open.
    #[error(
        "unwrapping with the key `{handle}`: the bytes are damaged, or of another key or context"
    )]
    Rejected {
        /// Handle asked for.
        handle: Handle,
    },
    /// More than the cipher takes at once.
    #[error("wrapping {bytes} bytes: they are too many")]
    TooLong {
        /// Bytes to wrap.
        bytes: usize,
    },
    /// No randomness came.
    #[error("drawing randomness for the vault")]
    Random {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// What the vault is made of failed.
    #[error("using the vault's device")]
    Device {
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Keys that wrap others and never leave.
pub trait Vault: fmt::Debug + Send + Sync {
    /// Makes a key; it is durable when this returns.
    ///
    /// # Errors
    ///
    /// When the label is not 1 to 32 of a-z, 0-9 and -, or the key could not be made.
    fn generate(&self, label: &str) -> Result<Handle, VaultError>;

    /// All keys with this label, in any order.
    ///
    /// # Errors
    ///
    /// When the vault could not be searched.
    fn find(&self, label: &str) -> Result<Vec<Handle>, VaultError>;

    /// Encrypts bytes, bound to a context.
    ///
    /// # Errors
    ///
    /// When there is no such key or it could not be used.
    fn wrap(&self, handle: Handle, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Decrypts what [`Vault::wrap`] made with the same key and context.
    ///
    /// # Errors
    ///
    /// When there is no such key, it could not be used, or the bytes are not of it.
    fn unwrap(
        &self,
        handle: Handle,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError>;

    /// Destroys a key for ever; durable when this returns.
    ///
    /// # Errors
    ///
    /// When there is no such key or it could not be destroyed.
    fn destroy(&self, handle: Handle) -> Result<(), VaultError>;
}
