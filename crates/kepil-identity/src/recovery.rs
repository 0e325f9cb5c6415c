//! Recovery codes: printed once, each good once.
//!
//! A code reads `3-K7QPX-2MHTD-9WZRA-4C`: its number, then 17 characters of Crockford's alphabet
//! (85 bits). The number says which hash to compare, so that one attempt costs one comparison.

use serde::{Deserialize, Serialize};

use crate::secret::{SecretError, SecretHash};

/// Codes in a set.
pub const COUNT: usize = 10;

/// Characters of a code behind its number.
const LENGTH: usize = 17;

/// No I, L, O, U: what reads alike is read alike.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The hashes of the codes of a set that are not used up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecoveryCodes {
    left: Vec<(u8, SecretHash)>,
}

impl RecoveryCodes {
    /// Makes a set: the texts to be printed, and what is kept of them.
    ///
    /// # Errors
    /// When they could not be hashed.
    pub fn draw(
        random: &[[u8; LENGTH]; COUNT],
        salts: &[[u8; 16]; COUNT],
    ) -> Result<(Vec<String>, Self), SecretError> {
        let mut texts = Vec::with_capacity(COUNT);
        let mut left = Vec::with_capacity(COUNT);
        for ((number, bytes), salt) in (1u8..).zip(random).zip(salts) {
            let code: String = bytes.iter().map(|byte| letter(*byte)).collect();
            left.push((number, SecretHash::of(&code, salt)?));
            texts.push(printed(number, &code));
        }
        Ok((texts, Self { left }))
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// The number of the code, if it is one of those that are left.
    #[must_use]
    pub fn find(&self, typed: &str) -> Option<u8> {
        let (number, code) = read(typed)?;
        let kept = self.left.iter().find(|(own, _)| *own == number);
        kept.filter(|(_, hash)| hash.matches(&code))
            .map(|(number, _)| *number)
    }

    /// Takes a code out.
    pub fn use_up(&mut self, number: u8) {
        self.left.retain(|(own, _)| *own != number);
    }
}

fn letter(byte: u8) -> char {
    // INVARIANT: five bits lie within the alphabet.
    char::from(*ALPHABET.get(usize::from(byte & 31)).unwrap_or(&b'0'))
}

fn printed(number: u8, code: &str) -> String {
    let mut text = number.to_string();
    for (at, character) in code.chars().enumerate() {
        if at % 5 == 0 {
            text.push('-');
        }
        text.push(character);
    }
    text
}

/// Number and code of what a person typed: spaces, strokes and case do not matter, and letters
/// that the alphabet leaves out are read as the digits they look like.
fn read(typed: &str) -> Option<(u8, String)> {
    let (number, code) = typed
        .trim()
        .split_once(|c: char| c == '-' || c.is_whitespace())?;
    let mut clean = String::with_capacity(LENGTH);
    for character in code.chars() {
        match character.to_ascii_uppercase() {
            '-' => {}
            space if space.is_whitespace() => {}
            'O' => clean.push('0'),
            'I' | 'L' => clean.push('1'),
            other if u8::try_from(other).is_ok_and(|byte| ALPHABET.contains(&byte)) => {
                clean.push(other);
            }
            _ => return None,
        }
        if clean.len() > LENGTH {
            return None;
        }
    }
    let number = number.parse().ok()?;
    (clean.len() == LENGTH).then_some((number, clean))
}
