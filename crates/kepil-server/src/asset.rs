//! Files that pages refer to: inside the binary, compressed once, the same for everybody.
//!
//! Pages themselves are never compressed: they mix secrets with what others may have put in.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::OnceLock;

/// A file.
#[derive(Debug)]
pub(crate) struct Asset {
    kind: &'static str,
    plain: &'static str,
    packed: OnceLock<Option<Vec<u8>>>,
}

impl Asset {
    /// A file of a media type.
    pub(crate) const fn new(kind: &'static str, plain: &'static str) -> Self {
        Self {
            kind,
            plain,
            packed: OnceLock::new(),
        }
    }

    /// The file, packed for who can unpack it.
    pub(crate) fn serve(&'static self, asked: &HeaderMap) -> Response {
        let headers: [(HeaderName, HeaderValue); 3] = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("max-age=3600"),
            ),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        let packed = self.packed.get_or_init(|| pack(self.plain));
        match packed {
            Some(packed) if takes_gzip(asked) => {
                let packing = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
                (headers, packing, packed.as_slice()).into_response()
            }
            _ => (headers, self.plain).into_response(),
        }
    }
}

fn pack(plain: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain.as_bytes()).ok()?;
    encoder.finish().ok()
}

/// Whether gzip is named and not refused (RFC 9110, 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let named = asked.get_all(header::ACCEPT_ENCODING).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let mut parts = named.flat_map(|value| value.split(','));
    parts.any(|part| {
        let (coding, weight) = part.split_once(';').unwrap_or((part, ""));
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|q| {
            let q: f32 = q.trim().parse().unwrap_or(1.0);
            q <= 0.0
        });
        coding.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let cases = [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0, br", false),
            ("gzip; q=0.0", false),
            ("br, deflate", false),
            ("", false),
        ];
        for (value, expected) in cases {
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(takes_gzip(&asked), expected, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_is_the_file() {
        let text = "the same words, the same words, the same words";
        let packed = pack(text).unwrap();
        let mut back = String::new();
        GzDecoder::new(packed.as_slice())
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, text);
    }
}
