//! A message as an e-mail (RFC 5322): everything in base64, so that no mail server need change it.

use crate::message::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use lettre::Address;

/// Bytes that one encoded word of a header holds: 60 characters of base64.
const WORD: usize = 45;

/// Who sends.
#[derive(Debug)]
pub(crate) struct From {
    /// The name beside the address.
    name: String,
    /// The address.
    pub(crate) address: Address,
}

impl From {
    /// Reads `kepil@example.kz` or `Kepil <kepil@example.kz>`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => (name.trim(), rest.trim().strip_suffix('>')?),
            None => ("", text.trim()),
        };
        Some(Self {
            name: name.to_owned(),
            address: address.parse().ok()?,
        })
    }
}

/// The e-mail.
pub(crate) fn mail(from: &From, to: &str, message_id: &str, message: &Message) -> String {
    let from = match from.name.as_str() {
        "" => from.address.to_string(),
        name => format!("{} <{}>", words(name), from.address),
    };
    let headers = [
        ("From", from),
        ("To", to.to_owned()),
        ("Subject", words(&message.subject)),
        ("Date", date(message.at_ms)),
        ("Message-ID", message_id.to_owned()),
        // Nobody's out-of-office answer is wanted.
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Language", message.lang.code().to_owned()),
        ("Content-Transfer-Encoding", "base64".to_owned()),
    ];
    let mut mail: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let text = STANDARD.encode(message.text.replace('\n', "\r\n"));
    for line in text.as_bytes().chunks(76) {
        mail.push_str("\r\n");
        mail.push_str(&String::from_utf8_lossy(line));
    }
    mail.push_str("\r\n");
    mail
}

/// A text for a header, in encoded words (RFC 2047) that hold whole characters.
fn words(text: &str) -> String {
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match parts.last_mut() {
            Some(part) if part.len() + c.len_utf8() <= WORD => part.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    let encoded = parts
        .iter()
        .map(|part| format!("=?utf-8?B?{}?=", STANDARD.encode(part)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

fn date(ms: u64) -> String {
    let at = i64::try_from(ms).ok().map(Timestamp::from_millisecond);
    let at = at.and_then(Result::ok).unwrap_or_default();
    let printed = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    // The same moment, as mail writes it.
    printed.unwrap_or_default().replace("GMT", "+0000")
}
