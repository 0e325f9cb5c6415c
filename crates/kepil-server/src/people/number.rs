//! Account numbers: what a person types to say which account is meant. Random, so that nobody can
//! go through them, and no number of the state.

use kepil_identity::id::AccountId;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a number: 65 bits for the first eight bytes of the id.
const LENGTH: usize = 13;

/// The number of an account, such as `K7QPX-2MHTD-9WZ`.
#[must_use]
pub fn account_number(id: AccountId) -> String {
    let mut value = prefix_of(id);
    let mut letters = [b'0'; LENGTH];
    for letter in letters.iter_mut().rev() {
        let place = usize::try_from(value & 31).unwrap_or(0);
        *letter = *ALPHABET.get(place).unwrap_or(&b'0');
        value >>= 5;
    }
    let text = String::from_utf8_lossy(&letters).into_owned();
    let groups: Vec<String> = text
        .as_bytes()
        .chunks(5)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    groups.join("-")
}

/// The first eight bytes of the id that a typed number means.
pub fn prefix(typed: &str) -> Option<[u8; 8]> {
    let mut value: u128 = 0;
    let mut count = 0;
    for character in typed.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
        let upper = match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let byte = u8::try_from(upper).ok()?;
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        value = (value << 5) | u128::try_from(digit).ok()?;
        count += 1;
        if count > LENGTH {
            return None;
        }
    }
    let value = u64::try_from(value).ok().filter(|_| count == LENGTH)?;
    Some(value.to_be_bytes())
}

fn prefix_of(id: AccountId) -> u64 {
    let first = id.as_bytes().first_chunk::<8>();
    first.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::{account_number, prefix};
    use kepil_identity::id::AccountId;

    #[test]
    fn a_number_leads_back_to_its_account_however_it_is_typed() {
        for bytes in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            let number = account_number(AccountId::new(bytes));
            assert_eq!(number.len(), 15, "{number}");
            assert_eq!(prefix(&number).unwrap(), bytes[..8]);
            let typed = format!(" {} ", number.to_lowercase().replace('-', " "));
            assert_eq!(prefix(&typed).unwrap(), bytes[..8]);
        }
        for wrong in [
            "",
            "K7QPX",
            "K7QPX-2MHTD-9WZZ",
            "ZZZZZ-ZZZZZ-ZZZ",
            "Қ7QPX-2MHTD-9WZ",
        ] {
            assert_eq!(prefix(wrong), None, "{wrong}");
        }
    }
}
