//! `kepil ledger timestamp`: since when a tree exists, by the word of an authority outside.

use super::{KeyArg, OTHER_KEY, Place, at, said, signer_of};
use crate::exit::{Failure, environment, input};
use kepil_ledger::checkpoint;
use kepil_ledger::error::in_one_line;
use kepil_ledger::note::VerifyingKey;
use kepil_ledger::stamp::{StampPath, parse_latest};
use kepil_ledger::tile::TileSource as _;
use kepil_timestamp::{Stamp, Trust, verify};
use std::path::{Path, PathBuf};

/// Which stamp, and whom to trust.
#[derive(Debug, clap::Args)]
pub struct Timestamp {
    /// Folder or address of the log; its newest stamp is checked.
    #[arg(required_unless_present = "checkpoint", conflicts_with = "checkpoint")]
    place: Option<String>,
    /// Certificates (PEM) of the authority, or of who issued its certificate, got from somebody
    /// you trust.
    #[arg(long, value_name = "FILE")]
    tsa: PathBuf,
    /// A stamp of another size than the newest.
    #[arg(long, value_name = "N", conflicts_with = "checkpoint")]
    size: Option<u64>,
    /// A stamped checkpoint in a file, instead of a place.
    #[arg(long, value_name = "FILE", requires = "token")]
    checkpoint: Option<PathBuf>,
    /// The authority's response about it in a file.
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    token: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArg,
}

pub fn run(args: &Timestamp, json: bool) -> Result<(), Failure> {
    let trust = Trust::from_pem(&read(&args.tsa)?)
        .map_err(|e| input(format!("{}: {}", args.tsa.display(), in_one_line(&e))))?;
    let (signed, response, keys) = match (&args.checkpoint, &args.token, &args.place) {
        (Some(checkpoint), Some(token), _) => (read(checkpoint)?, read(token)?, args.key.given()?),
        (_, _, Some(place)) => fetch(&Place::new(place), args)?,
        _ => return Err(input("name a place, or --checkpoint and --token")),
    };
    let signed = checkpoint::parse(&signed).map_err(|e| input(in_one_line(&e)))?;
    let tree = signed.unverified();
    let text = signed.note().text().as_bytes();
    let key = signer_of(&signed, &keys);
    let found = match key {
        Some(key) => signed
            .verify(key)
            .map(drop)
            .map_err(|e| format!("{}; {OTHER_KEY}", in_one_line(&e))),
        None => Ok(()),
    };
    let found =
        found.and_then(|()| verify(&response, text, None, &trust).map_err(|e| in_one_line(&e)));
    let size = tree.size;
    if json {
        let stamp = found.as_ref().ok();
        let said = serde_json::json!({
            "origin": tree.origin.to_string(), "size": size, "root": tree.root.to_base64(),
            "is_log_checked": key.is_some(), "holds": stamp.is_some(), "finding": found.as_ref().err(),
            "time": stamp.map(|s| at(s.unix_ms)), "unix_ms": stamp.map(|s| s.unix_ms),
            "authority": stamp.map(|s| &s.authority), "serial": stamp.map(|s| &s.serial),
            "policy": stamp.map(|s| &s.policy),
        });
        crate::out!("{said}");
    } else {
        match &found {
            Ok(stamp) => tell(stamp, tree, key.is_some()),
            Err(why) => crate::out!("The time stamp of {size} entries does NOT hold: {why}."),
        }
    }
    found.map(drop).map_err(|_| Failure::Finding)
}

fn tell(stamp: &Stamp, tree: &checkpoint::Checkpoint, is_log_checked: bool) {
    crate::out!(
        "This tree of {} entries existed at {}, says {}.",
        tree.size,
        at(stamp.unix_ms),
        stamp.authority
    );
    crate::out!("  log     {}", tree.origin);
    crate::out!("  serial  {}", stamp.serial);
    crate::out!("  policy  {}", stamp.policy);
    if !is_log_checked {
        crate::out!("Whether the log signed it was not checked: give its key with --key.");
    }
}

type Stamped = (Vec<u8>, Vec<u8>, Vec<VerifyingKey>);

fn fetch(place: &Place, args: &Timestamp) -> Result<Stamped, Failure> {
    let none = || environment("there is no time stamp here; nothing was stamped yet");
    let size = match args.size {
        Some(size) => size,
        None => {
            let name = place.read(&StampPath::Latest.to_string()).map_err(said)?;
            parse_latest(&name.ok_or_else(none)?)
                .ok_or_else(|| input("the name of the newest time stamp is not a size"))?
        }
    };
    let get = |path: StampPath| {
        let bytes = place.read(&path.to_string()).map_err(said)?;
        bytes.ok_or_else(|| environment(format!("{path} is not there")))
    };
    Ok((
        get(StampPath::Checkpoint(size))?,
        get(StampPath::Response(size))?,
        place.keys(&args.key)?,
    ))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| environment(format!("reading {}: {e}", path.display())))
}
