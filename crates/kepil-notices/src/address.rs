//! An address outside the node that a person may choose.

use crate::delivery::Channel;

/// Longest e-mail address, characters (RFC 5321).
const EMAIL: usize = 254;

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No e-mail address.
    #[error("reading an e-mail address: it must look like name@place.kz")]
    Email,
    /// No telephone number.
    #[error(
        "reading a telephone number: it must have the code of its country, such as +7 701 123 45 67"
    )]
    Phone,
    /// The own space has no address.
    #[error("choosing an address: the own space has none")]
    Space,
}

/// An address outside the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    channel: Channel,
    text: String,
}

impl Address {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// When it is no address of that channel.
    pub fn parse(channel: Channel, typed: &str) -> Result<Self, AddressError> {
        let text = match channel {
            Channel::Space => return Err(AddressError::Space),
            Channel::Email => email(typed.trim()).ok_or(AddressError::Email)?,
            Channel::Sms => phone(typed).ok_or(AddressError::Phone)?,
        };
        Ok(Self { channel, text })
    }

    /// Which channel it belongs to.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The address as it is used.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn email(typed: &str) -> Option<String> {
    // Quoted names are lawful and nobody's; they would only carry markup about.
    let is_plain = |c: char| c.is_alphanumeric() || "@.!#$%*+-/=?^_{|}~".contains(c);
    let is_short = typed.len() <= EMAIL;
    let (_, domain) = typed.rsplit_once('@')?;
    let is_address = typed.parse::<lettre::Address>().is_ok() && domain.contains('.');
    (is_short && is_address && typed.chars().all(is_plain)).then(|| typed.to_owned())
}

fn phone(typed: &str) -> Option<String> {
    let mut digits = String::new();
    for (at, c) in typed.trim().char_indices() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if at == 0 => {}
            ' ' | '\u{a0}' | '-' | '(' | ')' => {}
            _ => return None,
        }
        if digits.len() > 15 {
            return None;
        }
    }
    if typed.trim_start().starts_with('+') {
        return (digits.len() >= 8 && !digits.starts_with('0')).then(|| format!("+{digits}"));
    }
    // As numbers of Kazakhstan are told within it.
    let own = digits.strip_prefix('8').or(digits.strip_prefix('7'))?;
    (own.len() == 10).then(|| format!("+7{own}"))
}

#[cfg(test)]
mod tests {
    use super::Address;
    use crate::delivery::Channel;

    #[test]
    fn addresses_are_read_as_people_type_them() {
        let read = |channel, typed: &str| {
            let address = Address::parse(channel, typed).ok()?;
            Some(address.as_str().to_owned())
        };
        for (typed, read_as) in [
            ("+7 701 123-45-67", Some("+77011234567")),
            ("8 (701) 123 45 67", Some("+77011234567")),
            ("77011234567", Some("+77011234567")),
            ("+49 30 1234567", Some("+49301234567")),
            ("", None),
            ("112", None),
            ("+0123456789", None),
            ("+7701123456789012", None),
            ("7+7011234567", None),
            ("call me", None),
        ] {
            assert_eq!(read(Channel::Sms, typed).as_deref(), read_as, "{typed}");
        }
        for (typed, is_one) in [
            (" aigul@example.kz ", true),
            ("a.b+c@mail.example.kz", true),
            ("", false),
            ("aigul", false),
            ("aigul@", false),
            ("aigul@localhost", false),
            ("a b@example.kz", false),
            ("\"<b>\"@example.kz", false),
            ("a@example.kz\r\nBcc: b@example.kz", false),
            ("a@example.kz,b@example.kz", false),
        ] {
            assert_eq!(read(Channel::Email, typed).is_some(), is_one, "{typed}");
        }
        assert!(read(Channel::Email, &format!("{}@example.kz", "a".repeat(300))).is_none());
        assert!(read(Channel::Space, "anything").is_none());
    }
}
