//! Keys that can be destroyed for ever, one by one, and can then be opened from no backup.
//!
//! # The design
//!
//! All secrets of persons and all keys of rows are leaves of two trees
//! ([`kepil_ledger::keytree`]), of which the [`KeyStore`](store::KeyStore) holds a handful of
//! seeds. To destroy a leaf, the seed above it is replaced by its siblings on the way down.
//! So what is kept grows with the number of erasures, not with persons or entries, and an
//! erasure rewrites one small file instead of a table of keys.
//!
//! | tree | leaf |
//! |---|---|
//! | persons, depth 96 | the first 96 bits of `HMAC(enrol key, "kepil-subject/v1" ‖ subject ‖ u32(generation))` |
//! | rows, depth 80 | `u32(period)`, then the row's number in 48 bits; a period is a subtree and goes as a whole |
//!
//! That file, the state, is encrypted under a key in a [`vault`]. Every erasure makes a new
//! vault key, writes the new state under it, and destroys the old key: an earlier copy of the
//! state is from then on a heap of bytes. No list of what was erased has to be applied to
//! backups, since there is nothing in them to apply it to.
//!
//! # Limits
//!
//! - **What a vault of files promises.** [`FileVault`](file::FileVault) overwrites a key file
//!   before removing it. File systems that copy on write, journals and flash disks may keep old
//!   blocks, so overwriting is best effort (Wei and others, *Reliably erasing data from
//!   flash-based solid state drives*, FAST 2011). A key file found in such a block opens with
//!   the root secret. The guarantee is whole only if the root secret is destroyed or replaced
//!   as well, or with a hardware module, whose objects lie in no file.
//! - **Back up the state, not the vault.** A backup of the folder of a vault of files keeps the
//!   keys that an erasure destroys. Take
//!   [`KeyStore::backup_state`](store::KeyStore::backup_state) after every erasure and rotation,
//!   and mirror the vault so that the mirror forgets too.
//! - **Losing the vault loses everything** that the keys open.
//! - **Memory.** Seeds are wiped when dropped; copies on the stack or in pages that were swapped
//!   out are not followed. Run without swap.
//! - **What the state tells.** Who holds the state and its key can see whether, and how often, a
//!   person whom he can name was erased, and which rows of which period were.
//! - **Keys in use.** A secret handed out before an erasure is wiped by whoever holds it.
//!
//! # Sources
//!
//! Goldreich, Goldwasser and Micali, *How to construct random functions*, J. ACM 33(4), 1986.
//! Boneh and Waters, *Constrained pseudorandom functions and their applications*, ASIACRYPT 2013.
//! Kiayias, Papadopoulos, Triandopoulos and Zacharias, *Delegatable pseudorandom functions and
//! applications*, CCS 2013. Di Crescenzo, Ferguson, Impagliazzo and Jakobsson, *How to forget a
//! secret*, STACS 1999: a state whose key is replaced at each erasure. OASIS, *PKCS #11
//! Cryptographic Token Interface*, 2.40 and 3.0.

pub mod disk;
pub mod file;
pub mod random;
pub mod store;
pub mod vault;

mod seal;
mod state;
mod writer;

pub use kepil_ledger::keytree::Secret;
pub use state::StateError;
pub use writer::{ReadError, WriteError};
