//! `kepil backup` and `kepil restore`: copies of a node's data that prove what they hold.

use crate::exit::{Failure, environment, input};
use kepil_accounts::Accounts;
use kepil_cases::Cases;
use kepil_ledger::checkpoint;
use kepil_ledger::error::in_one_line;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::stamp::{STAMPS_PATH, StampPath};
use kepil_notices::Outbox;
use kepil_server::serve::system_clock;
use kepil_store::keys::KeyFile;
use kepil_store::log::{Log, Options};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What to copy, and where to.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// The data folder of a node; it may be running.
    #[arg(long, value_name = "DIR", default_value = "kepil-data")]
    data: PathBuf,
    /// A folder that does not exist yet.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Copy the encrypted state of the keys too. Keep it apart from the rest: together they are
    /// everything. It cannot be opened any more after the next erasure or rotation, by design.
    #[arg(long)]
    with_keys: bool,
    /// Folder of the keys, if it is not in the data folder.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

/// What to put back, and where.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// A folder made by `kepil backup`.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data folder to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// A later checkpoint of the same log: says how many entries are missing from the copy.
    #[arg(long, value_name = "FILE")]
    newest: Option<PathBuf>,
}

/// Files of a data folder beside the ledger; secrets among them.
///
/// The folder of the witness is not copied: its memory must never be set back.
const FILES: [&str; 8] = [
    "log.key",
    "log.key.next",
    "gate.key",
    "register.json",
    "operator.token",
    "clients.json",
    "openid.key",
    "pairwise.key",
];

/// Accounts of people, cases and notices, which are copied as their databases see them.
const ACCOUNTS: &str = "accounts.db";
const CASES: &str = "cases.db";
const NOTICES: &str = "notices.db";

pub fn backup(args: &Backup, json: bool) -> Result<(), Failure> {
    let ledger = args.data.join("ledger");
    if !ledger.join("segments").is_dir() {
        return Err(input(format!(
            "{} is not the data folder of a node",
            args.data.display()
        )));
    }
    make(&args.to)?;
    let to = args.to.join("ledger");
    // The checkpoint first: whatever it signs is in the segments that are copied after it.
    for name in ["checkpoint", "key", "policy", "anchor"] {
        let (from, to) = (ledger.join("log").join(name), to.join("log").join(name));
        if from.exists() {
            copy_file(&from, &to)?;
        }
    }
    // Time stamps before the segments, too: what was stamped has been published.
    copy_stamps(&ledger.join("log"), &to.join("log"))?;
    for folder in ["closed", "segments"] {
        copy_folder(&ledger.join(folder), &to.join(folder))?;
    }
    for name in FILES {
        if args.data.join(name).exists() {
            copy_file(&args.data.join(name), &args.to.join(name))?;
        }
    }
    copy_database(args, ACCOUNTS, |from, to| {
        Accounts::copy(from, to).map_err(|e| in_one_line(&e))
    })?;
    copy_database(args, CASES, |from, to| {
        Cases::copy(from, to).map_err(|e| in_one_line(&e))
    })?;
    copy_database(args, NOTICES, |from, to| {
        Outbox::copy(from, to).map_err(|e| in_one_line(&e))
    })?;
    if args.with_keys {
        let keys = args.keys.clone().unwrap_or_else(|| args.data.join("keys"));
        let state = keys.join("store").join("state");
        copy_file(&state, &args.to.join("keys").join("store").join("state"))?;
    }
    let held = prove(&args.to)?;
    say("The backup", &held, json);
    Ok(())
}

/// Copies a database, if there is one, with what still stands in its journal.
fn copy_database(
    args: &Backup,
    name: &str,
    copy: impl FnOnce(&Path, &Path) -> Result<(), String>,
) -> Result<(), Failure> {
    let (from, to) = (args.data.join(name), args.to.join(name));
    if !from.exists() {
        return Ok(());
    }
    copy(&from, &to).map_err(|e| environment(format!("copying {}: {e}", to.display())))?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).map_err(environment)
}

/// Copies the time stamps; the last one is the one that was the last when the copy began.
fn copy_stamps(from: &Path, to: &Path) -> Result<(), Failure> {
    let latest = StampPath::Latest.to_string();
    let name = fs::read(from.join(&latest)).ok();
    copy_folder(&from.join(STAMPS_PATH), &to.join(STAMPS_PATH))?;
    let path = to.join(&latest);
    let set = match name {
        Some(name) => fs::write(&path, name),
        None if path.exists() => fs::remove_file(&path),
        None => Ok(()),
    };
    set.map_err(|e| environment(format!("copying {}: {e}", path.display())))
}

pub fn restore(args: &Restore, json: bool) -> Result<(), Failure> {
    if args.to.exists() {
        return Err(input(format!(
            "{} exists already; nothing is overwritten",
            args.to.display()
        )));
    }
    prove(&args.from)?;
    copy_folder(&args.from, &args.to)?;
    let held = prove(&args.to)?;
    say("The restored log", &held, json);
    if let Some(file) = &args.newest {
        let text =
            fs::read(file).map_err(|e| environment(format!("reading {}: {e}", file.display())))?;
        let signed = checkpoint::parse(&text).map_err(input)?;
        let newest = signed.verify(&held.key).map_err(input)?.size;
        if newest > held.size {
            crate::out!(
                "{} entries were published after this copy was made and are not in it. Do not let a node \
                 go on from it under the same name: the log would fork, and every witness would refuse it.",
                newest - held.size
            );
            return Err(Failure::Finding);
        }
    }
    Ok(())
}

/// What a copy proved to hold.
struct Held {
    key: VerifyingKey,
    size: u64,
    signed: u64,
    root: String,
}

/// Opens a copy and holds it against its own signed checkpoint.
///
/// Recovery reads every frame, rebuilds the tree, and compares its root at the signed size.
fn prove(data: &Path) -> Result<Held, Failure> {
    let key = KeyFile::load(&data.join("log.key")).map_err(environment)?;
    let vkey = data.join("ledger").join("log").join("key");
    let vkey = fs::read_to_string(&vkey)
        .map_err(|e| environment(format!("reading {}: {e}", vkey.display())))?;
    let vkey = VerifyingKey::parse(vkey.trim()).map_err(input)?;
    let mut options = Options::new(vkey.name().clone(), *key.seed(), system_clock());
    options.is_reader = true;
    let log = Log::open(&data.join("ledger"), options).map_err(|e| {
        let cause = std::error::Error::source(&e)
            .map(|s| format!(": {s}"))
            .unwrap_or_default();
        environment(format!("the copy does not hold: {e}{cause}"))
    })?;
    let head = log.head();
    let signed = head
        .checkpoint
        .as_deref()
        .map_or(0, kepil_server::endorse::size_of);
    let damaged = log.damaged_rows();
    log.close().map_err(environment)?;
    if !damaged.is_empty() {
        return Err(environment(format!(
            "rows of these entries are damaged: {damaged:?}"
        )));
    }
    Ok(Held {
        key: vkey,
        size: head.size,
        signed,
        root: head.root.to_base64(),
    })
}

fn say(what: &str, held: &Held, json: bool) {
    if json {
        crate::out!(
            "{}",
            serde_json::json!({"size": held.size, "signed": held.signed, "root": held.root})
        );
    } else {
        crate::out!(
            "{what} holds {} entries; the first {} lead to the root that the log has signed.",
            held.size,
            held.signed
        );
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        return Err(input(format!(
            "{} exists already; nothing is overwritten",
            folder.display()
        )));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| environment(format!("making {}: {e}", folder.display())))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| environment(format!("copying {}: {e}", from.display()));
    if !from.exists() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else if path.extension().is_none_or(|e| e != "new") && name != "lock" {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    let copy = || {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, to)?;
        let mode = fs::metadata(from)?.permissions().mode();
        fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
        fs::File::open(to)?.sync_all()
    };
    match copy() {
        // A segment being prepared has got its name in the meantime.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|e| environment(format!("copying {}: {e}", from.display()))),
    }
}
