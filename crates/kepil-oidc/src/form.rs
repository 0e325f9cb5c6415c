//! Parameters of a query or of a form, read strictly (`application/x-www-form-urlencoded`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest query or form that is read, in bytes.
pub const MOST_FORM_BYTES: usize = 16 * 1024;

/// Why a query or a form could not be read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormError {
    /// Longer than [`MOST_FORM_BYTES`].
    #[error("reading a form: it is longer than {MOST_FORM_BYTES} bytes")]
    TooLong,
    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("reading a form: it is not percent-encoded UTF-8")]
    Encoding,
}

/// Parameters by name. `Debug` shows names only: values are codes, assertions and hints.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
}

impl Form {
    /// Reads a query (without the `?`) or the body of a form.
    ///
    /// # Errors
    /// When it is too long or badly encoded.
    pub fn read(bytes: &[u8]) -> Result<Self, FormError> {
        if bytes.len() > MOST_FORM_BYTES {
            return Err(FormError::TooLong);
        }
        let mut form = Form::default();
        for pair in bytes.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if form.values.insert(name.clone(), value).is_some() {
                form.repeated.insert(name);
            }
        }
        Ok(form)
    }

    /// The value of a parameter. One that is empty counts as not sent (RFC 6749, 3.1), and one
    /// that was sent twice has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        if self.repeated.contains(name) {
            return None;
        }
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// Whether a parameter was sent more than once.
    #[must_use]
    pub fn repeats(&self, name: &str) -> bool {
        self.repeated.contains(name)
    }

    /// Whether any parameter was sent more than once, known or not (RFC 6749, 3.1).
    #[must_use]
    pub fn repeats_any(&self) -> bool {
        !self.repeated.is_empty()
    }

    /// Whether a parameter was sent at all, be it empty or twice.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn decode(part: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.iter();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (rest.next().and_then(nibble), rest.next().and_then(nibble));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(FormError::Encoding);
                };
                high << 4 | low
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::Encoding)
}

fn nibble(b: &u8) -> Option<u8> {
    char::from(*b)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

/// Percent-encodes every byte that is not unreserved (RFC 3986, 2.3).
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// `uri` with parameters added to its query; what stood there stays (RFC 6749, 3.1.2).
pub(crate) fn with_query<'a>(
    uri: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut out = uri.to_owned();
    let mut separator = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        out.push_str(separator);
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
        separator = "&";
    }
    out
}
