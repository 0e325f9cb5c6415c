//! Names of the time stamps beside a published log.
//!
//! ```text
//! timestamp/latest              the size that was stamped last, decimal, and a newline
//! timestamp/<size>.checkpoint   the signed checkpoint that was stamped
//! timestamp/<size>.tsr          the authority's response (RFC 3161, DER)
//! ```
//!
//! What is stamped is the SHA-256 of the checkpoint's text: its three lines, each with its
//! newline, without the empty line and the signatures that follow them.

use std::fmt;
use std::str::FromStr;

use crate::encoding::decimal;

/// Name of the folder.
pub const STAMPS_PATH: &str = "timestamp";

/// A file about time stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StampPath {
    /// Says which size was stamped last.
    Latest,
    /// The checkpoint of this size that was stamped.
    Checkpoint(u64),
    /// What the authority answered about it.
    Response(u64),
}

/// The name is none of a time stamp's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the name of a time stamp's file")]
pub struct StampPathError;

impl FromStr for StampPath {
    type Err = StampPathError;

    fn from_str(text: &str) -> Result<Self, StampPathError> {
        let name = text
            .strip_prefix(STAMPS_PATH)
            .and_then(|name| name.strip_prefix('/'))
            .ok_or(StampPathError)?;
        if name == "latest" {
            return Ok(Self::Latest);
        }
        let (size, end) = name.split_once('.').ok_or(StampPathError)?;
        let size = decimal(size).ok_or(StampPathError)?;
        match end {
            "checkpoint" => Ok(Self::Checkpoint(size)),
            "tsr" => Ok(Self::Response(size)),
            _ => Err(StampPathError),
        }
    }
}

impl fmt::Display for StampPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => write!(f, "{STAMPS_PATH}/latest"),
            Self::Checkpoint(size) => write!(f, "{STAMPS_PATH}/{size}.checkpoint"),
            Self::Response(size) => write!(f, "{STAMPS_PATH}/{size}.tsr"),
        }
    }
}

/// Reads the file that says which size was stamped last.
#[must_use]
pub fn parse_latest(bytes: &[u8]) -> Option<u64> {
    decimal(std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        for path in [
            StampPath::Latest,
            StampPath::Checkpoint(0),
            StampPath::Response(u64::MAX),
        ] {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
        for text in [
            "latest",
            "timestamp",
            "timestamp/",
            "timestamp/../key",
            "timestamp/01.tsr",
            "timestamp/1.tsr.new",
            "timestamp/1",
            "timestamp/latest.tsr",
        ] {
            assert_eq!(text.parse::<StampPath>(), Err(StampPathError), "{text}");
        }
        assert_eq!(parse_latest(b"12\n"), Some(12));
        for bytes in [&b"12"[..], b"012\n", b"\n", b"12\n\n", b"\xff\n"] {
            assert_eq!(parse_latest(bytes), None);
        }
    }
}
