//! The time in a token: a `GeneralizedTime` that may have a fraction of a second.

use der::asn1::{Any, AnyRef, GeneralizedTime};
use der::{
    Decode as _, DecodeValue, Encode as _, EncodeValue, Error, FixedTag, Header, Length, Reader,
    Tag, Writer,
};

/// Characters before the fraction: `YYYYMMDDhhmmss`.
const WHOLE_CHARS: usize = 14;

/// Longest text that is read; nobody needs more than nanoseconds.
const MAX_CHARS: usize = 32;

/// Time with a fraction, as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GenTime {
    text: Any,
    unix_ms: u64,
}

impl GenTime {
    /// Unix time in milliseconds; what is finer is cut off.
    pub(crate) const fn unix_ms(&self) -> u64 {
        self.unix_ms
    }

    fn parse(text: &[u8]) -> Option<u64> {
        let text = text
            .strip_suffix(b"Z")
            .filter(|text| text.len() < MAX_CHARS)?;
        let (whole, fraction) = text.split_at_checked(WHOLE_CHARS)?;
        let whole = AnyRef::new(Tag::GeneralizedTime, &[whole, b"Z"].concat())
            .and_then(|any| any.to_der())
            .and_then(|der| GeneralizedTime::from_der(&der))
            .ok()?;
        let ms = match fraction {
            [] => 0,
            [b'.', digits @ ..] => milliseconds(digits)?,
            _ => return None,
        };
        let secs = whole.to_unix_duration().as_secs();
        secs.checked_mul(1000)?.checked_add(ms)
    }
}

/// The first three places of a fraction, which DER ends with another digit than 0.
fn milliseconds(digits: &[u8]) -> Option<u64> {
    let is_good =
        digits.iter().all(u8::is_ascii_digit) && digits.last().is_some_and(|last| *last != b'0');
    let places = digits.iter().copied().chain(std::iter::repeat(b'0'));
    is_good.then(|| {
        places
            .take(3)
            .fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0'))
    })
}

impl FixedTag for GenTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for GenTime {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self, Error> {
        let text = Any::decode_value(reader, header)?;
        let unix_ms =
            Self::parse(text.value()).ok_or_else(|| Error::from(Self::TAG.value_error()))?;
        Ok(Self { text, unix_ms })
    }
}

impl EncodeValue for GenTime {
    fn value_len(&self) -> Result<Length, Error> {
        self.text.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<(), Error> {
        self.text.encode_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::GenTime;

    #[test]
    fn fractions_are_read_as_der_writes_them() {
        for (text, ms) in [
            ("20260102030405Z", Some(1_767_323_045_000)),
            ("20260102030405.5Z", Some(1_767_323_045_500)),
            ("20260102030405.0625Z", Some(1_767_323_045_062)),
            ("20260102030405.50Z", None),
            ("20260102030405.Z", None),
            ("20260102030405,5Z", None),
            ("20260102030405", None),
            ("202601020304Z", None),
            ("20261302030405Z", None),
            ("20260102030405.00000000000000000000000000000001Z", None),
            ("19691231235959Z", None),
            ("", None),
        ] {
            assert_eq!(GenTime::parse(text.as_bytes()), ms, "{text}");
        }
    }
}
