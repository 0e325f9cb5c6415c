//! Addresses that may be registered: of the provider and of its clients.

use crate::form::Form;

/// Why an address cannot be registered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// Not `https://`, nor `http://` on the machine itself.
    #[error("it must begin with https:// (http:// only for localhost, 127.0.0.1 and [::1])")]
    Scheme,
    /// No host, or one in capitals, with a wildcard or a bad port.
    #[error("its host must be a name or an address in small letters, without user and wildcard")]
    Host,
    /// A fragment (RFC 6749, 3.1.2).
    #[error("it must have no fragment")]
    Fragment,
    /// A space, a control character, a letter outside ASCII, or a `%` without two digits.
    #[error("it must be plain ASCII and correctly percent-encoded")]
    Characters,
    /// A parameter that the answer will add.
    #[error("its query must not hold code, state, iss, error or error_description")]
    Reserved,
}

/// Checks an absolute address. Comparison later is byte for byte, so nothing is normalised.
pub(crate) fn check(uri: &str) -> Result<(), UriError> {
    if uri.contains('#') {
        return Err(UriError::Fragment);
    }
    let mut bytes = uri.bytes();
    while let Some(b) = bytes.next() {
        let fine = match b {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|d| d.is_some_and(|d| d.is_ascii_hexdigit())),
            b'<' | b'>' | b'"' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`' => false,
            b => b.is_ascii_graphic(),
        };
        if !fine {
            return Err(UriError::Characters);
        }
    }
    let (secure, rest) = match (uri.strip_prefix("https://"), uri.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(UriError::Scheme),
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host(authority).ok_or(UriError::Host)?;
    if !secure && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
        return Err(UriError::Scheme);
    }
    Ok(())
}

/// Checks an address that answers are added to: none of their names may stand there already, or
/// two readers could take two values.
pub(crate) fn check_return(uri: &str) -> Result<(), UriError> {
    check(uri)?;
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let form = Form::read(query.as_bytes()).map_err(|_| UriError::Characters)?;
    let reserved = ["code", "state", "iss", "error", "error_description"];
    if reserved.iter().any(|name| form.has(name)) {
        return Err(UriError::Reserved);
    }
    Ok(())
}

fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let number =
        |p: &str| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|p| p > 0);
    if !port.is_none_or(number) {
        return None;
    }
    let name = |h: &str| {
        !h.is_empty()
            && !h.starts_with('.')
            && h.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    let v6 = |h: &str| {
        h.strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .is_some_and(|h| h.parse::<std::net::Ipv6Addr>().is_ok())
    };
    (name(host) || v6(host)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        for uri in [
            "https://rp.example/cb",
            "https://rp.example",
            "https://rp.example:8443/cb?x=1&y=%20",
            "https://[2001:db8::1]:443/cb",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:8/cb",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn bad() {
        use UriError::{Characters, Fragment, Host, Scheme};
        for (uri, error) in [
            ("", Scheme),
            ("/cb", Scheme),
            ("rp.example/cb", Scheme),
            ("http://rp.example/cb", Scheme),
            ("http://localhost.evil.example/cb", Scheme),
            ("javascript:alert(1)", Scheme),
            ("HTTPS://rp.example/", Scheme),
            ("https:///cb", Host),
            ("https://*.example/cb", Host),
            ("https://RP.example/cb", Host),
            ("https://rp.example:0/cb", Host),
            ("https://rp.example:99999/", Host),
            ("https://rp.example:/", Host),
            ("https://rp.example@evil.example/", Host),
            ("http://localhost@evil.example/", Host),
            ("https://rp.example/cb#", Fragment),
            ("https://rp.example/cb#x", Fragment),
            ("https://rp.example/a b", Characters),
            ("https://rp.example\\@evil.example/", Characters),
            ("https://rp.example/%2", Characters),
            ("https://rp.example/қ", Characters),
            ("https://rp.example/\r\n", Characters),
        ] {
            assert_eq!(check(uri), Err(error), "{uri}");
        }
    }
}
