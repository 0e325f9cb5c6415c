//! A published log in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kepil_ledger::stamp::StampPath;
use kepil_ledger::tile::{SourceError, TilePath, TileSource};
use kepil_ledger::verify::CHECKPOINT_PATH;

/// Reads the files of a published log from a folder, such as `DATA/log`.
#[derive(Debug, Clone)]
pub struct DirSource {
    folder: PathBuf,
}

impl DirSource {
    /// Reads from the folder that holds `checkpoint` and `tile/`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }
}

impl TileSource for DirSource {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let failed = |source: io::Error| SourceError {
            path: path.to_owned(),
            source: source.into(),
        };
        // Only names of the log: a path from elsewhere must not reach other files.
        let is_known = path == CHECKPOINT_PATH
            || TilePath::parse(path).is_ok()
            || path.parse::<StampPath>().is_ok();
        if !is_known {
            return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        match fs::read(self.folder.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}
