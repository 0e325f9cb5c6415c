//! A code that shows whose an address is: sent to it, typed back once.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How long a code that confirms an address is good, milliseconds: 15 minutes.
pub const CODE_MS: u64 = 15 * 60_000;

/// How often a code may be tried.
pub const TRIES: u32 = 5;

/// Why a typed code does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It is another one.
    #[error("trying a code: it is wrong, {left} tries are left")]
    Wrong {
        /// How often it may be tried still.
        left: u32,
    },
    /// It was tried too often; a new one is needed.
    #[error("trying a code: it was tried too often; ask for a new one")]
    Spent,
    /// Its time has passed, or there never was one.
    #[error("trying a code: there is none, or its time has passed; ask for a new one")]
    None,
}

/// What is kept of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    salt: [u8; 16],
    hash: [u8; 32],
    until_ms: u64,
    tried: u32,
}

impl Code {
    /// Draws a code of six digits that is good for so long: its text, and what is kept of it.
    #[must_use]
    pub fn draw(random: [u8; 24], good_ms: u64, now_ms: u64) -> (String, Self) {
        let (number, salt) = split(random);
        let text = format!("{:06}", number % 1_000_000);
        let code = Self {
            salt,
            hash: hash(&salt, &text),
            until_ms: now_ms.saturating_add(good_ms),
            tried: 0,
        };
        (text, code)
    }

    /// Whether it can be tried still.
    #[must_use]
    pub const fn is_open(&self, now_ms: u64) -> bool {
        now_ms < self.until_ms && self.tried < TRIES
    }

    /// Tries what was typed; each try counts.
    ///
    /// # Errors
    /// When it is another code, was tried too often, or its time has passed.
    pub fn attempt(&mut self, typed: &str, now_ms: u64) -> Result<(), CodeError> {
        if now_ms >= self.until_ms {
            return Err(CodeError::None);
        }
        if self.tried >= TRIES {
            return Err(CodeError::Spent);
        }
        self.tried = self.tried.saturating_add(1);
        let is_space = |c: &char| c.is_whitespace() || *c == '-';
        let typed: String = typed.chars().filter(|c| !is_space(c)).take(7).collect();
        if hash(&self.salt, &typed) == self.hash {
            return Ok(());
        }
        match TRIES.saturating_sub(self.tried) {
            0 => Err(CodeError::Spent),
            left => Err(CodeError::Wrong { left }),
        }
    }
}

fn split(random: [u8; 24]) -> (u64, [u8; 16]) {
    let number = random.first_chunk().copied().unwrap_or_default();
    let salt = random.last_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(number), salt)
}

fn hash(salt: &[u8; 16], text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"kepil/notice-code/v1\0");
    hash.update(salt);
    hash.update(text.as_bytes());
    hash.finalize().into()
}
