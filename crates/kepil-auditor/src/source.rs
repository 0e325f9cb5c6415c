//! Where a log's public files and its records come from: a node, or a folder.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kepil_ledger::audit::parse_openings;
use kepil_ledger::tile::{SourceError, TilePath, TileSource};
use kepil_ledger::verify::CHECKPOINT_PATH;
use ureq::Agent;
use ureq::http::header;

/// Name of the file with the log's public key, beside the checkpoint.
pub const KEY_PATH: &str = "key";

/// Where records lie, below the address of a node or beside the folder `log`.
const RECORDS_PATH: &str = "audit/v1/records";

/// Longest public file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Longest bundle of openings that is read: an enrolment of a country is in it.
const MAX_RECORDS_BYTES: u64 = 2 << 30;

/// A log's public files and, for auditors, what opens its leaves.
pub trait Log: TileSource {
    /// What opens the first `width` leaves of a bundle of 256, each as bytes; none where
    /// nothing opens it.
    ///
    /// # Errors
    ///
    /// When it cannot be had, or is not what was asked for.
    fn records(&self, bundle: u64, width: u16) -> Result<Vec<Vec<u8>>, RecordsError>;
}

/// Records could not be had.
#[derive(Debug, thiserror::Error)]
#[error("reading the records of bundle {bundle}")]
pub struct RecordsError {
    /// Number of the bundle.
    pub bundle: u64,
    /// What went wrong.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// A node elsewhere. Calls wait for the answer.
pub struct HttpLog {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl std::fmt::Debug for HttpLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpLog")
            .field("base", &self.base)
            .field("token", &self.token.as_ref().map(|_| "(secret)"))
            .finish_non_exhaustive()
    }
}

impl HttpLog {
    /// The node at an address, with the auditor's token and the time one call may take.
    #[must_use]
    pub fn new(base: &str, token: Option<String>, timeout: Duration) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // The token goes to nobody else.
            .max_redirects(0)
            .build()
            .into();
        Self {
            agent,
            base: base.trim_end_matches('/').to_owned(),
            token,
        }
    }

    /// The body of a good answer; `None` where there is no such thing.
    fn get(
        &self,
        path: &str,
        token: Option<&str>,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        let mut request = self.agent.get(format!("{}/{path}", self.base));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut answer = request.call()?;
        match answer.status().as_u16() {
            200 => {
                let body = answer.body_mut().with_config().limit(limit);
                Ok(Some(body.read_to_vec()?))
            }
            404 => Ok(None),
            401 | 403 => Err("the node does not accept the token".into()),
            status => Err(format!("the node answers {status}").into()),
        }
    }
}

impl TileSource for HttpLog {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.get(&format!("log/{path}"), None, MAX_FILE_BYTES)
            .map_err(|source| SourceError {
                path: path.to_owned(),
                source,
            })
    }
}

impl Log for HttpLog {
    fn records(&self, bundle: u64, width: u16) -> Result<Vec<Vec<u8>>, RecordsError> {
        let path = format!("{RECORDS_PATH}/{bundle}?width={width}");
        let bytes = self.get(&path, self.token.as_deref(), MAX_RECORDS_BYTES);
        taken_apart(bundle, width, bytes)
    }
}

/// A folder with `log/checkpoint`, `log/tile/...` and, for auditors, `audit/v1/records/N`.
#[derive(Debug, Clone)]
pub struct FolderLog {
    log: PathBuf,
    records: PathBuf,
}

impl FolderLog {
    /// A folder that holds `log`, or is it: a node's, a ledger's, or a copy of the public files.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let places = [folder.join("ledger").join("log"), folder.join("log")];
        let found = places
            .into_iter()
            .find(|place| place.join(CHECKPOINT_PATH).exists());
        let log = found.unwrap_or_else(|| folder.to_owned());
        let beside = match log.parent() {
            Some(parent) if log != folder => parent,
            _ => folder,
        };
        Self {
            records: beside.join(RECORDS_PATH),
            log,
        }
    }
}

impl TileSource for FolderLog {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let is_public = [CHECKPOINT_PATH, KEY_PATH].contains(&path);
        let bytes = if is_public || TilePath::parse(path).is_ok() {
            file(&self.log.join(path))
        } else {
            // Only names of the log: a path from elsewhere must not reach other files.
            Err(io::Error::from(io::ErrorKind::InvalidInput))
        };
        bytes.map_err(|source| SourceError {
            path: path.to_owned(),
            source: source.into(),
        })
    }
}

impl Log for FolderLog {
    fn records(&self, bundle: u64, width: u16) -> Result<Vec<Vec<u8>>, RecordsError> {
        let bytes = file(&self.records.join(bundle.to_string()));
        taken_apart(bundle, width, bytes.map_err(Into::into))
    }
}

fn file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn taken_apart(
    bundle: u64,
    width: u16,
    bytes: Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>,
) -> Result<Vec<Vec<u8>>, RecordsError> {
    let parts = || {
        let bytes = bytes?.ok_or("there are none")?;
        let parts = parse_openings(&bytes, width)
            .ok_or_else(|| format!("they are not those of {width} entries"))?;
        Ok(parts.into_iter().map(<[u8]>::to_vec).collect())
    };
    parts().map_err(|source| RecordsError { bundle, source })
}

/// A log at an address, or in a folder.
#[derive(Debug)]
pub enum Place {
    /// A node.
    Node(HttpLog),
    /// A folder.
    Folder(FolderLog),
}

impl Place {
    /// Takes `http://` and `https://` as an address and anything else as a folder.
    #[must_use]
    pub fn new(place: &str, token: Option<String>, timeout: Duration) -> Self {
        if place.starts_with("http://") || place.starts_with("https://") {
            Self::Node(HttpLog::new(place, token, timeout))
        } else {
            Self::Folder(FolderLog::new(Path::new(place)))
        }
    }
}

impl TileSource for Place {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        match self {
            Self::Node(node) => node.read(path),
            Self::Folder(folder) => folder.read(path),
        }
    }
}

impl Log for Place {
    fn records(&self, bundle: u64, width: u16) -> Result<Vec<Vec<u8>>, RecordsError> {
        match self {
            Self::Node(node) => node.records(bundle, width),
            Self::Folder(folder) => folder.records(bundle, width),
        }
    }
}
