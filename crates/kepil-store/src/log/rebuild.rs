//! Makes the read models of a log again: the published files and the book.
//!
//! Both follow from the segments. They are made in `DIR/rebuild`, compared with what
//! stands in the log, and put in its place if that is wanted. Segments are only read.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::checkpoint::{self, Checkpoint};
use kepil_ledger::note::Signer;
use kepil_ledger::stamp::STAMPS_PATH;
use kepil_ledger::tile::{TileBuilder, TileError, TilePath};
use kepil_ledger::verify::CHECKPOINT_PATH;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::keeper::Keeper;
use super::reader::Reader;
use super::recovery::{self, Place, Recovered};
use super::snapshotter::Snapshotter;
use super::state::Shared;
use super::{Lock, OpenError, Options, ReadError, make_folders};
use crate::compare::{difference, narrowed};

/// Name of the temporary place within the log.
pub(crate) const NAME: &str = "rebuild";

/// What is compared, and replaced as a whole.
const FOLDERS: [&str; 2] = ["log", "book"];

/// What a node puts beside the published log, so that a copy can be checked on its own.
pub(crate) const BESIDE: [&str; 3] = ["key", "policy", "anchor"];

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// Number of entries read.
    pub entries: u64,
    /// Number of entries in the published log.
    pub published: u64,
    /// Number of bookings that can no longer be read; their persons are not in the book made.
    pub unreadable: u64,
    /// Files that are not as they were made again, in order.
    pub differences: Vec<Difference>,
    /// True when what was made stands in the log now.
    pub is_replaced: bool,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file, relative to the log's folder.
    pub file: PathBuf,
    /// How it differs.
    pub how: How,
}

/// How a file differs from what was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It does not exist.
    Missing,
    /// It differs from this byte on.
    Different {
        /// Where in the file.
        offset: u64,
    },
    /// The entries make no such file.
    Extra,
}

/// Why nothing was made again.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The log cannot be read, or is in use.
    #[error("making the read models again")]
    Open(#[from] OpenError),
    /// An entry cannot be read.
    #[error("making the read models again")]
    Read(#[from] ReadError),
    /// An entry is too long for a bundle.
    #[error("making the read models again")]
    Tile(#[from] TileError),
    /// A file cannot be read or written.
    #[error("making the read models again: `{}`", path.display())]
    File {
        /// Path of the file or folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The book made again would have fewer persons than the one that stands.
    #[error(
        "making the read models again: {count} bookings can no longer be read, so the book is not replaced"
    )]
    Unreadable {
        /// Number of bookings.
        count: u64,
    },
}

/// Makes the published files and the book again from the segments of a closed log.
///
/// The differences are listed; with `replace` what was made takes the place of what
/// differs, and a new snapshot that of the old ones.
///
/// # Errors
///
/// When the log is in use, its segments are damaged, or a file cannot be written. What
/// stands is then as it was.
pub fn rebuild(
    folder: &Path,
    options: &Options,
    replace: bool,
) -> Result<RebuildReport, RebuildError> {
    options.check()?;
    let segments = folder.join("segments");
    fs::metadata(&segments).map_err(|source| RebuildError::File {
        path: segments.clone(),
        source,
    })?;
    let _lock = Lock::take(&folder.join("lock"))?;
    let made = folder.join(NAME);
    let file = |source| RebuildError::File {
        path: folder.join(NAME),
        source,
    };
    remove(&made).map_err(file)?;
    let guard = Made(made);
    let made = guard.0.as_path();
    fs::create_dir_all(made.join("log")).map_err(file)?;

    let signer = Signer::from_seed(options.origin.clone(), &options.seed);
    let mut recovered = recovery::replay(
        &Place {
            folder,
            segments: segments.clone(),
            origin: &options.origin,
            key: signer.verifying_key(),
            booker: options.booker.clone(),
        },
        &made.join("book"),
    )?;
    let books = recovered.books.take();
    let unreadable = books.as_ref().map_or(0, |books| books.unreadable());
    let keeper = books
        .zip(options.booker.clone())
        .map(|(books, booker)| Keeper::new(booker, books));
    let shared = Arc::new(Shared::new(segments, signer, &recovered, keeper.is_some()));
    let builder = publish(&shared, &recovered, &made.join("log"))?;
    keep_foreign(&folder.join("log"), &made.join("log"))?;

    let mut report = RebuildReport {
        entries: recovered.frontier.size(),
        published: builder.size(),
        unreadable,
        differences: Vec::new(),
        is_replaced: false,
    };
    for name in FOLDERS {
        if made.join(name).is_dir() {
            compare(folder, made, name, &mut report.differences)?;
        }
    }
    if replace && !report.differences.is_empty() {
        if unreadable > 0 {
            return Err(RebuildError::Unreadable { count: unreadable });
        }
        options.disk.sync_below(made).map_err(file)?;
        for name in FOLDERS {
            if made.join(name).is_dir() {
                exchange(&made.join(name), &folder.join(name)).map_err(file)?;
            }
        }
        remove(&folder.join("snapshot")).map_err(file)?;
        make_folders(folder)?;
        // The book remembers the last head only.
        let is_cut = recovered
            .head
            .is_some_and(|head| head.size == builder.size());
        if keeper.is_none() || is_cut {
            Snapshotter::new(shared, keeper, options.disk.clone(), folder, 0).finish(&builder);
        }
        report.is_replaced = true;
    }
    Ok(report)
}

/// Takes over what entries cannot make: what the node put beside them, time stamps, and the
/// signatures of others under the checkpoint.
fn keep_foreign(public: &Path, made: &Path) -> Result<(), RebuildError> {
    let take = |name: &Path| {
        let (from, to) = (public.join(name), made.join(name));
        match fs::copy(&from, to) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(RebuildError::File { path: from, source })
            }
            _ => Ok(()),
        }
    };
    for name in BESIDE {
        take(Path::new(name))?;
    }
    let stamps = Path::new(STAMPS_PATH);
    for name in files(&public.join(stamps))? {
        let to = made.join(stamps);
        fs::create_dir_all(&to).map_err(|source| RebuildError::File { path: to, source })?;
        take(&stamps.join(name))?;
    }
    let text = |folder: &Path| {
        let bytes = fs::read(folder.join(CHECKPOINT_PATH)).ok()?;
        let signed = checkpoint::parse(&bytes).ok()?;
        Some(signed.note().text().to_owned())
    };
    match (text(public), text(made)) {
        (Some(stands), Some(own)) if stands == own => take(Path::new(CHECKPOINT_PATH)),
        _ => Ok(()),
    }
}

/// Writes tiles, bundles and checkpoint as they were published last.
fn publish(
    shared: &Arc<Shared>,
    recovered: &Recovered,
    folder: &Path,
) -> Result<TileBuilder, RebuildError> {
    let size = match (recovered.published, shared.cut()) {
        (Some(size), _) => size,
        (None, Some(cut)) => cut.size,
        // A log with a book and without a head: nothing can have been published.
        (None, None) => return Ok(TileBuilder::new()),
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        written
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|source| RebuildError::File { path, source })
    };
    let mut builder = TileBuilder::new();
    for stored in Reader::new(shared.clone()).stored(0, size) {
        builder.push(&stored?.entry.leaf.to_bytes())?;
        for (path, bytes) in builder.filled() {
            write(&path.to_string(), bytes)?;
        }
        builder.forget_filled();
    }
    for (path, bytes) in builder.partial() {
        write(&path.to_string(), &bytes)?;
    }
    let signer = shared.signer();
    let checkpoint = Checkpoint {
        origin: signer.verifying_key().name().clone(),
        size,
        root: builder.root(),
    };
    write(CHECKPOINT_PATH, checkpoint.sign(signer).as_bytes())?;
    Ok(builder)
}

/// Lists the files that differ between what stands and what was made.
fn compare(
    folder: &Path,
    made: &Path,
    name: &str,
    differences: &mut Vec<Difference>,
) -> Result<(), RebuildError> {
    let standing = files(&folder.join(name))?;
    let wanted = files(&made.join(name))?;
    for file in standing.union(&wanted) {
        let how = match (standing.contains(file), wanted.contains(file)) {
            (false, _) => Some(How::Missing),
            (true, true) => {
                let wanted = read(&made.join(name).join(file))?;
                differs(&wanted, &read(&folder.join(name).join(file))?)
            }
            (true, false) => extra(folder, made, name, file)?,
        };
        let file = Path::new(name).join(file);
        differences.extend(how.map(|how| Difference { file, how }));
    }
    Ok(())
}

fn differs(wanted: &[u8], found: &[u8]) -> Option<How> {
    let offset = u64::try_from(difference(wanted, found)).unwrap_or(u64::MAX);
    (wanted != found).then_some(How::Different { offset })
}

/// A partial tile of an earlier size is no difference if it is the beginning of the later one.
fn extra(folder: &Path, made: &Path, name: &str, file: &Path) -> Result<Option<How>, RebuildError> {
    let path = file.to_str().and_then(|file| TilePath::parse(file).ok());
    let Some(path) = path.filter(|path| name == "log" && path.is_partial()) else {
        return Ok(Some(How::Extra));
    };
    let full = made.join(name).join(path.to_full().to_string());
    let later = if full.is_file() {
        Some(full)
    } else {
        let parent = made.join(name).join(file);
        let widths = parent.parent().map(files).transpose()?.unwrap_or_default();
        let parent = parent.parent().map(Path::to_owned).unwrap_or_default();
        widths.into_iter().next().map(|width| parent.join(width))
    };
    let Some(later) = later else {
        return Ok(Some(How::Extra));
    };
    let Some(wanted) = narrowed(&path, &read(&later)?) else {
        return Ok(Some(How::Extra));
    };
    Ok(differs(&wanted, &read(&folder.join(name).join(file))?))
}

fn read(path: &Path) -> Result<Vec<u8>, RebuildError> {
    fs::read(path).map_err(|source| RebuildError::File {
        path: path.to_owned(),
        source,
    })
}

/// Names of all files below a folder; none if it does not exist.
fn files(folder: &Path) -> Result<BTreeSet<PathBuf>, RebuildError> {
    let failed = |path: &Path, source| RebuildError::File {
        path: path.to_owned(),
        source,
    };
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|source| failed(&next, source))?,
        };
        for entry in entries {
            let path = entry.map_err(|source| failed(&next, source))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                found.insert(name.to_owned());
            }
        }
    }
    Ok(found)
}

/// Puts a folder in another's place in one step; what stood there is where it was then.
fn exchange(made: &Path, standing: &Path) -> io::Result<()> {
    match renameat_with(CWD, made, CWD, standing, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        Err(Errno::NOENT) => fs::rename(made, standing)?,
        // A file system that cannot: for a moment neither stands there.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let aside = made.with_extension("old");
            fs::rename(standing, &aside)?;
            fs::rename(made, standing)?;
        }
        Err(error) => return Err(error.into()),
    }
    match standing.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The temporary place, removed at the end whatever happens.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "removing a temporary folder");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
