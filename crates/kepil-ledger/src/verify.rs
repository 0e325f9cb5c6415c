//! Checks a published log again, trusting nothing but the log's public key.
//!
//! [`rebuild`] reads every entry and every tile; [`growth`] and [`receipt`] read only
//! what a short proof needs. None of them stops at the first fault: they name each
//! place and say what it means, so that the report can be handed on as it is.

mod links;
mod report;

pub use report::{Finding, FindingKind, LogState, ReceiptReport, Report, Standing};

use report::Findings;

use crate::checkpoint::{self, Checkpoint};
use crate::entry::Leaf;
use crate::error::in_one_line;
use crate::hash::{self, Hash};
use crate::note::VerifyingKey;
use crate::receipt::Receipt;
use crate::tile::{TILE_WIDTH, TileHashes, TilePath, TileSource, fetch_bundle};
use crate::tree::{
    Frontier, consistency_path, inclusion_path, verify_consistency, verify_inclusion,
};
use links::Links;

/// Path of the checkpoint in a published log.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// Rebuilds the whole log from its entry bundles and compares everything with it.
///
/// Checked: the checkpoint's signature; every leaf's form; every leaf hash against the
/// level-0 tile; every tile against the level below; the rebuilt root against the
/// checkpoint; and, given an older checkpoint, that the log only grew since.
#[must_use]
pub fn rebuild(source: &impl TileSource, key: &VerifyingKey, older: Option<&Checkpoint>) -> Report {
    let mut findings = Findings::default();
    let Some(now) = read_checkpoint(source, key, &mut findings) else {
        return Report::new(key, None, 0, 0, findings);
    };

    let mut frontier = Frontier::new();
    let mut links = Links::new(source, now.size);
    let mut old_root = (older.map(|old| old.size) == Some(0)).then(hash::empty);
    for index in 0..now.size.div_ceil(u64::from(TILE_WIDTH)) {
        let Some(path) = TilePath::entries_in(index, now.size) else {
            break;
        };
        let hashes = read_entries(source, path, &mut findings);
        // A missing bundle is a finding already; its tile lets the rest be checked.
        for leaf in links
            .leaves(index, hashes, &mut findings)
            .unwrap_or_default()
        {
            frontier.append(leaf);
            if older.map(|old| old.size) == Some(frontier.size()) {
                old_root = Some(frontier.root());
            }
        }
    }
    let tiles = links.finish(&mut findings);

    if frontier.size() == now.size && frontier.root() != now.root {
        findings.add(
            FindingKind::RootMismatch,
            CHECKPOINT_PATH,
            format!(
                "the {} entries rebuild to root {}, the log signed {}: \
                 entries or tiles were changed after signing",
                now.size,
                frontier.root().to_base64(),
                now.root.to_base64()
            ),
        );
    }
    if let Some(old) = older {
        compare_with_older(&now, old, old_root, &mut findings);
    }
    Report::new(key, Some(&now), frontier.size(), tiles, findings)
}

/// Checks by a short proof that a log only grew since an older checkpoint.
///
/// The older checkpoint must have been verified before, or be the reader's own memory.
#[must_use]
pub fn growth(source: &impl TileSource, key: &VerifyingKey, older: &Checkpoint) -> Report {
    let mut findings = Findings::default();
    let Some(now) = read_checkpoint(source, key, &mut findings) else {
        return Report::new(key, None, 0, 0, findings);
    };
    if older.size > now.size || older.origin != now.origin {
        compare_with_older(&now, older, None, &mut findings);
    } else {
        match consistency_path(&TileHashes::new(source, now.size), older.size, now.size) {
            Ok(path) => {
                let grown =
                    verify_consistency((older.size, &older.root), (now.size, &now.root), &path);
                if grown.is_err() {
                    findings.add(
                        FindingKind::Rewritten,
                        CHECKPOINT_PATH,
                        rewritten(older.size, now.size),
                    );
                }
            }
            Err(error) => findings.fetch(&error, "the proof of growth cannot be made"),
        }
    }
    Report::new(key, Some(&now), 0, 0, findings)
}

/// Checks a receipt by itself and against the published log.
#[must_use]
pub fn receipt(source: &impl TileSource, key: &VerifyingKey, receipt: &Receipt) -> ReceiptReport {
    receipt_over_keys(source, (key, key), receipt)
}

/// Checks a receipt by the log's key of its time, and against the log under its key of today.
#[must_use]
pub fn receipt_over_keys(
    source: &impl TileSource,
    (then, key): (&VerifyingKey, &VerifyingKey),
    receipt: &Receipt,
) -> ReceiptReport {
    let mut findings = Findings::default();
    let place = format!("receipt for entry {}", receipt.index());
    let verified = match receipt.verify(then) {
        Ok(verified) => verified,
        Err(error) => {
            findings.add(
                FindingKind::Receipt,
                &place,
                format!("the receipt proves nothing: {}", in_one_line(&error)),
            );
            return ReceiptReport::new(receipt, Standing::Broken, None, None, findings);
        }
    };
    let Some(now) = read_checkpoint(source, key, &mut findings) else {
        let standing = Standing::Unknown;
        return ReceiptReport::new(receipt, standing, Some(verified), None, findings);
    };
    if receipt.index() >= now.size {
        let standing = Standing::NotYetPublished;
        return ReceiptReport::new(receipt, standing, Some(verified), Some(&now), findings);
    }

    let leaf = receipt.leaf_hash();
    let standing = match inclusion_path(
        &TileHashes::new(source, now.size),
        receipt.index(),
        now.size,
    ) {
        Err(error) => {
            findings.fetch(&error, "the receipt's entry cannot be looked up");
            Standing::Unknown
        }
        Ok(path) => match verify_inclusion(&leaf, receipt.index(), now.size, &path, &now.root) {
            Ok(()) => Standing::Included,
            Err(_) => other_leaf(source, receipt, now.size, &place, &mut findings),
        },
    };
    ReceiptReport::new(receipt, standing, Some(verified), Some(&now), findings)
}

/// Tells a broken promise from damaged tiles: does the log itself show another leaf?
fn other_leaf(
    source: &impl TileSource,
    receipt: &Receipt,
    size: u64,
    place: &str,
    findings: &mut Findings,
) -> Standing {
    let index = receipt.index();
    let width = u64::from(TILE_WIDTH);
    let entry = TilePath::entries_in(index / width, size)
        .and_then(|path| fetch_bundle(source, path).ok())
        .and_then(|entries| {
            entries
                .into_iter()
                .nth(usize::try_from(index % width).ok()?)
        });
    if entry.as_deref() == Some(receipt.leaf()) {
        findings.add(
            FindingKind::TileMismatch,
            place,
            format!("entry {index} is in its bundle, but the tiles do not lead to the signed root"),
        );
        return Standing::Unknown;
    }
    findings.add(
        FindingKind::Contradicted,
        place,
        format!(
            "the log promised this leaf at index {index} and shows another: \
             keep the receipt and the checkpoint, both are signed"
        ),
    );
    Standing::Contradicted
}

/// Reads the checkpoint and checks the log's signature on it.
fn read_checkpoint(
    source: &impl TileSource,
    key: &VerifyingKey,
    findings: &mut Findings,
) -> Option<Checkpoint> {
    let bytes = match source.read(CHECKPOINT_PATH) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let meaning = "there is no checkpoint: nothing has been published here";
            findings.add(FindingKind::Missing, CHECKPOINT_PATH, meaning.to_owned());
            return None;
        }
        Err(error) => {
            findings.add(
                FindingKind::Unreadable,
                CHECKPOINT_PATH,
                in_one_line(&error),
            );
            return None;
        }
    };
    let signed = match checkpoint::parse(&bytes) {
        Ok(signed) => signed,
        Err(error) => {
            findings.add(FindingKind::Malformed, CHECKPOINT_PATH, in_one_line(&error));
            return None;
        }
    };
    match signed.verify(key) {
        Ok(checkpoint) => Some(checkpoint.clone()),
        Err(error) => {
            findings.add(
                FindingKind::Signature,
                CHECKPOINT_PATH,
                format!("this is not the log's word: {}", in_one_line(&error)),
            );
            None
        }
    }
}

/// Reads one bundle and hashes its leaves; `None` when it cannot be read.
fn read_entries(
    source: &impl TileSource,
    path: TilePath,
    findings: &mut Findings,
) -> Option<Vec<Hash>> {
    let entries = match fetch_bundle(source, path) {
        Ok(entries) => entries,
        Err(error) => {
            findings.fetch(&error, "its entries cannot be checked");
            return None;
        }
    };
    let first = path.index() * u64::from(TILE_WIDTH);
    for (index, entry) in (first..).zip(&entries) {
        if let Err(error) = Leaf::parse(entry) {
            findings.add(
                FindingKind::UnknownLeaf,
                &format!("entry {index} in {path}"),
                format!(
                    "this reader does not understand the entry: {}",
                    in_one_line(&error)
                ),
            );
        }
    }
    Some(entries.iter().map(|entry| hash::leaf(entry)).collect())
}

fn compare_with_older(
    now: &Checkpoint,
    old: &Checkpoint,
    old_root: Option<Hash>,
    findings: &mut Findings,
) {
    let meaning = if old.origin != now.origin {
        format!("the older checkpoint is of `{}`, another log", old.origin)
    } else if old.size > now.size {
        format!(
            "the log had {} entries and now shows only {}",
            old.size, now.size
        )
    } else if old_root.is_some_and(|root| root != old.root) {
        rewritten(old.size, now.size)
    } else {
        return;
    };
    findings.add(FindingKind::Rewritten, CHECKPOINT_PATH, meaning);
}

fn rewritten(old: u64, new: u64) -> String {
    format!(
        "the first {old} entries of today's {new} are not those of the older checkpoint: \
         history was rewritten; keep both checkpoints, both are signed"
    )
}
