//! The part of CBOR that payloads use, in its one deterministic form (RFC 8949, 4.2.1).
//!
//! Unsigned numbers, byte strings, texts, arrays and maps with ascending unsigned keys.
//! The reader refuses everything else, and every spelling but the shortest.

const UINT: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins a map of that many entries; keys must then be written ascending.
    pub(crate) fn map(entries: usize) -> Self {
        let mut writer = Self(Vec::with_capacity(512));
        writer.head(MAP, u64::try_from(entries).unwrap_or(u64::MAX));
        writer
    }

    pub(crate) fn uint(&mut self, value: u64) {
        self.head(UINT, value);
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.head(TEXT, u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn texts(&mut self, values: &[String]) {
        self.head(ARRAY, u64::try_from(values.len()).unwrap_or(u64::MAX));
        for value in values {
            self.text(value);
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        let [.., a, b, c, d] = value.to_be_bytes();
        match value {
            0..=23 => self.0.push(major | d),
            24..=0xff => self.0.extend_from_slice(&[major | 24, d]),
            0x100..=0xffff => self.0.extend_from_slice(&[major | 25, c, d]),
            0x1_0000..=0xffff_ffff => self.0.extend_from_slice(&[major | 26, a, b, c, d]),
            _ => {
                self.0.push(major | 27);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
        }
    }
}

/// A value of a payload's map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Uint(u64),
    Bytes(Vec<u8>),
    Text(String),
    Texts(Vec<String>),
}

/// Reads one map of unsigned keys; `None` unless it is the whole input in its one spelling.
pub(crate) fn read_map(bytes: &[u8]) -> Option<Vec<(u64, Value)>> {
    let mut rest = bytes;
    let (MAP, count) = head(&mut rest)? else {
        return None;
    };
    let mut entries: Vec<(u64, Value)> = Vec::new();
    for _ in 0..count {
        let (UINT, key) = head(&mut rest)? else {
            return None;
        };
        if entries.last().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        entries.push((key, value(&mut rest)?));
    }
    rest.is_empty().then_some(entries)
}

fn value(rest: &mut &[u8]) -> Option<Value> {
    Some(match head(rest)? {
        (UINT, value) => Value::Uint(value),
        (BYTES, length) => Value::Bytes(take(rest, length)?.to_vec()),
        (TEXT, length) => Value::Text(text(take(rest, length)?)?),
        (ARRAY, count) => {
            let mut texts = Vec::new();
            for _ in 0..count {
                let (TEXT, length) = head(rest)? else {
                    return None;
                };
                texts.push(text(take(rest, length)?)?);
            }
            Value::Texts(texts)
        }
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(bytes)
}

/// Reads major type and number, the number in its shortest form only.
fn head(rest: &mut &[u8]) -> Option<(u8, u64)> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    let (major, short) = (first >> 5, first & 31);
    let (length, least) = match short {
        0..=23 => return Some((major, u64::from(short))),
        24 => (1, 24),
        25 => (2, 0x100),
        26 => (4, 0x1_0000),
        27 => (8, 0x1_0000_0000),
        _ => return None,
    };
    let value = take(rest, length)?
        .iter()
        .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    (value >= least).then_some((major, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_have_the_spelling_of_rfc_8949() {
        // Appendix A of RFC 8949.
        for (value, hex) in [
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (100, "1864"),
            (1000, "1903e8"),
            (1_000_000, "1a000f4240"),
            (1_000_000_000_000, "1b000000e8d4a51000"),
            (u64::MAX, "1bffffffffffffffff"),
        ] {
            let mut writer = Writer::default();
            writer.uint(value);
            let bytes = writer.finish();
            let found: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, hex);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        assert_eq!(read_map(&[0xa1, 1, 2]), Some(vec![(1, Value::Uint(2))]));
        for bytes in [
            &[0xa1, 1, 0x18, 2][..], // a long spelling of 2
            &[0xa1, 1, 2, 0],        // more behind
            &[0xa1, 1],              // less
            &[0xa2, 2, 0, 1, 0],     // descending keys
            &[0xa2, 1, 0, 1, 0],     // a key twice
            &[0xbf, 1, 2, 0xff],     // indefinite length
            &[0xa1, 1, 0x20],        // a negative number
            &[0xa1, 1, 0xf5],        // true
            &[0xa1, 1, 0x61, 0xff],  // not UTF-8
            &[0xa1, 1, 0x81, 0x01],  // an array of numbers
            &[0xa1, 0x61, 0x61, 2],  // a key of text
            &[0x81, 1],              // no map
            &[],
        ] {
            assert_eq!(read_map(bytes), None, "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_have_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = vec![0xa1, 0x05];
            framed.extend(&bytes);
            for bytes in [bytes, framed] {
                let Some(entries) = read_map(&bytes) else { continue };
                let mut writer = Writer::map(entries.len());
                for (key, value) in &entries {
                    writer.uint(*key);
                    match value {
                        Value::Uint(value) => writer.uint(*value),
                        Value::Bytes(value) => writer.bytes(value),
                        Value::Text(value) => writer.text(value),
                        Value::Texts(value) => writer.texts(value),
                    }
                }
                prop_assert_eq!(writer.finish(), bytes);
            }
        }
    }
}
