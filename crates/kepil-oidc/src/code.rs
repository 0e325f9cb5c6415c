//! Authorisation codes: 256 bits, kept as a hash with all they are bound to, good once and for a
//! minute.

use crate::assurance::{Acr, Amr};
use crate::id::{AttributeName, ClientId, PersonId};
use crate::sector::Subject;
use crate::store::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// How long a code lives, in seconds.
pub const CODE_SECS: u64 = 60;

/// How long a code is remembered, in seconds: reuse is seen for that long. Longer than any token
/// that it gave.
pub const REMEMBER_SECS: u64 = 3600;

/// A code in the clear: shown once, in the redirect. Wiped when dropped.
pub struct Code(Zeroizing<String>);

impl Code {
    /// A code from 32 random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        let random = Zeroizing::new(random);
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice())))
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> CodeHash {
        CodeHash::of(&self.0)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// The SHA-256 of a code. A lookup by it tells nobody how much of a guess was right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeHash([u8; 32]);

impl CodeHash {
    /// The hash of a code as a client sent it.
    #[must_use]
    pub fn of(code: &str) -> Self {
        Self(Sha256::digest(code.as_bytes()).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash(..)")
    }
}

/// The name of an access token (`jti`): 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// A name from 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    pub(crate) fn of(jti: &str) -> Self {
        Self(jti.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a code, and the tokens it gives, are bound to. `Debug` shows the client only.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// The client it was made for.
    pub client: ClientId,
    /// The address it was sent to.
    pub redirect_uri: String,
    /// The PKCE challenge (S256): the SHA-256 of the verifier.
    pub challenge: [u8; 32],
    /// The client's nonce.
    pub nonce: Option<String>,
    /// The person.
    pub person: PersonId,
    /// The person as the client's sector knows them.
    pub subject: Subject,
    /// When the person authenticated; seconds since 1970.
    pub auth_time_secs: u64,
    /// The level that was reached.
    pub acr: Acr,
    /// The means that were used.
    pub amr: Vec<Amr>,
    /// What the person agreed to release.
    pub attributes: BTreeSet<AttributeName>,
    /// When the code was made; seconds since 1970.
    pub issued_secs: u64,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = &self.client;
        f.debug_struct("Grant")
            .field("client", client)
            .finish_non_exhaustive()
    }
}

/// What became of a code that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Never seen, or no longer remembered.
    Unknown,
    /// Presented for the first time; now spent. Its age is not checked yet.
    First(Box<Grant>),
    /// Presented before. What it gave is now revoked.
    Again(Box<Grant>),
}

/// Keeps codes, spent codes and what they gave.
pub trait CodeStore {
    /// Remembers a new code for [`REMEMBER_SECS`].
    ///
    /// # Errors
    /// When the store does not answer; the code must then not be sent.
    fn put(&self, code: CodeHash, grant: Grant) -> Result<(), StoreError>;

    /// Spends a code, in one step. The first time, `token` is noted as what it gives; each time
    /// after that, what it gave is revoked for good.
    ///
    /// # Errors
    /// When the store does not answer; no token must then be given.
    fn take(&self, code: &CodeHash, token: &TokenId, now_secs: u64) -> Result<Taken, StoreError>;

    /// Revokes what a code gave.
    ///
    /// # Errors
    /// When the store does not answer.
    fn revoke(&self, code: &CodeHash) -> Result<(), StoreError>;

    /// What stands behind a token; `None` if it is unknown or revoked.
    ///
    /// # Errors
    /// When the store does not answer; nothing must then be released.
    fn behind(&self, token: &TokenId, now_secs: u64) -> Result<Option<Grant>, StoreError>;
}

/// The store in memory, for one node. After a restart all codes and access tokens are void.
#[derive(Debug, Default)]
pub struct MemoryCodes(Mutex<Codes>);

#[derive(Debug, Default)]
struct Codes {
    entries: BTreeMap<CodeHash, Entry>,
    tokens: BTreeMap<TokenId, CodeHash>,
    /// In order of issue.
    order: VecDeque<(u64, CodeHash)>,
}

#[derive(Debug)]
struct Entry {
    grant: Grant,
    spent: Option<TokenId>,
    revoked: bool,
}

impl MemoryCodes {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Codes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Codes {
    fn forget(&mut self, now_secs: u64) {
        while let Some((issued, code)) = self.order.front().copied() {
            if issued.saturating_add(REMEMBER_SECS) >= now_secs {
                return;
            }
            self.order.pop_front();
            if let Some(token) = self.entries.remove(&code).and_then(|e| e.spent) {
                self.tokens.remove(&token);
            }
        }
    }
}

impl CodeStore for MemoryCodes {
    fn put(&self, code: CodeHash, grant: Grant) -> Result<(), StoreError> {
        let mut codes = self.lock();
        let issued = grant.issued_secs;
        codes.forget(issued);
        // 256 random bits never come twice; if they do, the caller's randomness is broken.
        if codes.entries.contains_key(&code) {
            return Err(StoreError::new("remember a code", "the code exists"));
        }
        codes.order.push_back((issued, code));
        let entry = Entry {
            grant,
            spent: None,
            revoked: false,
        };
        codes.entries.insert(code, entry);
        Ok(())
    }

    fn take(&self, code: &CodeHash, token: &TokenId, now_secs: u64) -> Result<Taken, StoreError> {
        let mut codes = self.lock();
        codes.forget(now_secs);
        let Some(entry) = codes.entries.get_mut(code) else {
            return Ok(Taken::Unknown);
        };
        let grant = Box::new(entry.grant.clone());
        if entry.spent.is_some() {
            entry.revoked = true;
            return Ok(Taken::Again(grant));
        }
        entry.spent = Some(token.clone());
        codes.tokens.insert(token.clone(), *code);
        Ok(Taken::First(grant))
    }

    fn revoke(&self, code: &CodeHash) -> Result<(), StoreError> {
        if let Some(entry) = self.lock().entries.get_mut(code) {
            entry.revoked = true;
        }
        Ok(())
    }

    fn behind(&self, token: &TokenId, now_secs: u64) -> Result<Option<Grant>, StoreError> {
        let mut codes = self.lock();
        codes.forget(now_secs);
        let entry = codes.tokens.get(token).and_then(|c| codes.entries.get(c));
        Ok(entry.filter(|e| !e.revoked).map(|e| e.grant.clone()))
    }
}
