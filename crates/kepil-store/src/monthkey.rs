//! Encrypts what the files of a month say about persons.
//!
//! The book is kept in files beside the log: who is in a month's map, and which entries are
//! one person's. Both are under a key of the month, which the [`crate::draft::Booker`]
//! gives. Where that key was destroyed, every copy of these files is unreadable.
//!
//! | file | key | nonce | encrypted |
//! |---|---|---|---|
//! | month of a snapshot | `HMAC(month, "map/v1" ‖ root of the map)` | zeros | all persons, with `ChaCha20` |
//! | `.uses` | `HMAC(month, "uses/v1")` | u64 index ‖ first 16 bytes of the commitment | the place of the entry before, with `XChaCha20` |
//!
//! Neither key stream meets two contents. The root of a map stands for all that the file
//! says: for tags, counts and chains directly, and for the places in the `.uses` file
//! because those follow from the indexes, which the chains stand for. So the same key means
//! the same bytes, whatever was lost, put back or made again in between. A use's nonce names
//! one entry of one person; nothing depends on where in the file it stands, so writing
//! other uses at a place after a crash does no harm. Nothing random is needed, and files
//! made again are equal to those that stood there.
//!
//! A stream cipher keeps nothing from being changed. Checksums find damage, and what was read is
//! held against the roots and chains of the map heads before anybody relies on it.

use std::fmt;

use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherError};
use chacha20::{ChaCha20, XChaCha20};
use kepil_ledger::entry::Commitment;
use kepil_ledger::hash::{self, Hash};

/// Length of what shows that a key is the right one.
pub(crate) const PROOF_BYTES: usize = 16;

/// Key of what is kept about a month beside the log.
#[derive(Clone)]
pub struct MonthKey([u8; 32]);

impl MonthKey {
    /// Takes 32 secret bytes as a key; they should be used for nothing else.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the file of the month's map with this root.
    pub(crate) fn map(&self, root: &Hash) -> MapKey {
        let message = [b"map/v1".as_slice(), root.as_bytes()].concat();
        MapKey(*hash::mac(&self.0, &message).as_bytes())
    }

    /// For the lists of entries.
    pub(crate) fn uses(&self) -> UsesKey {
        UsesKey(*hash::mac(&self.0, b"uses/v1").as_bytes())
    }
}

impl fmt::Debug for MonthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MonthKey(secret)")
    }
}

/// Key of one state of a month's map.
pub(crate) struct MapKey([u8; 32]);

impl MapKey {
    /// Stands at the beginning of the file and says nothing but whether a key is the right one.
    pub(crate) fn proof(&self) -> [u8; PROOF_BYTES] {
        let mut proof = [0; PROOF_BYTES];
        let mac = hash::mac(&self.0, b"proof/v1");
        proof
            .iter_mut()
            .zip(mac.as_bytes())
            .for_each(|(to, from)| *to = *from);
        proof
    }

    /// Encrypts or decrypts the persons, from the first on.
    pub(crate) fn cipher(&self) -> MapCipher {
        MapCipher(ChaCha20::new((&self.0).into(), (&[0_u8; 12]).into()))
    }
}

/// Goes through the persons of a month.
pub(crate) struct MapCipher(ChaCha20);

impl MapCipher {
    /// The next bytes; fails behind 256 GiB.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) -> Result<(), StreamCipherError> {
        self.0.try_apply_keystream(bytes)
    }
}

impl fmt::Debug for MapCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapCipher(secret)")
    }
}

/// Key of a month's lists.
#[derive(Clone)]
pub(crate) struct UsesKey([u8; 32]);

impl UsesKey {
    /// What the place before an entry is masked with.
    pub(crate) fn mask(&self, index: u64, commitment: &Commitment) -> u64 {
        let mut nonce = [0; 24];
        let parts = index
            .to_be_bytes()
            .into_iter()
            .chain(*commitment.as_hash().as_bytes());
        nonce
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = from);
        let mut mask = [0; 8];
        XChaCha20::new((&self.0).into(), (&nonce).into()).apply_keystream(&mut mask);
        u64::from_be_bytes(mask)
    }
}

impl fmt::Debug for UsesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UsesKey(secret)")
    }
}
