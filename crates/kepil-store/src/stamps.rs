//! The time stamps beside a published log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kepil_ledger::stamp::{StampPath, parse_latest};

use crate::durable;

/// The folder of time stamps of a published log.
#[derive(Debug, Clone)]
pub struct Stamps {
    public: PathBuf,
}

/// A stamp as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Number of entries.
    pub size: u64,
    /// The signed checkpoint that was stamped.
    pub checkpoint: Vec<u8>,
    /// What the authority answered.
    pub response: Vec<u8>,
}

impl Stamps {
    /// Those beside the log that is published in this folder.
    #[must_use]
    pub fn new(public: &Path) -> Self {
        Self {
            public: public.to_owned(),
        }
    }

    /// Keeps a stamped checkpoint and its stamp durably, then says that it is the last.
    ///
    /// # Errors
    ///
    /// When a file cannot be written; what was the last stamp stays the last.
    pub fn keep(&self, size: u64, checkpoint: &[u8], response: &[u8]) -> io::Result<()> {
        durable::create(&self.path(StampPath::Checkpoint(size)), checkpoint)?;
        durable::create(&self.path(StampPath::Response(size)), response)?;
        durable::create(
            &self.path(StampPath::Latest),
            format!("{size}\n").as_bytes(),
        )
    }

    /// The last stamp; none where there is none.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the last stamp is named and not there.
    pub fn latest(&self) -> io::Result<Option<Kept>> {
        let name = match fs::read(self.path(StampPath::Latest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            name => name?,
        };
        let size = parse_latest(&name).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some(Kept {
            size,
            checkpoint: fs::read(self.path(StampPath::Checkpoint(size)))?,
            response: fs::read(self.path(StampPath::Response(size)))?,
        }))
    }

    fn path(&self, path: StampPath) -> PathBuf {
        self.public.join(path.to_string())
    }
}
