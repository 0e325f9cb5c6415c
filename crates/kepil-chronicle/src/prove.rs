//! A person's list with the proof that it is complete.

use std::fs;

use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::completeness::{Completeness, Later, NoticeProof, RowProof, ShownRow};
use kepil_ledger::entry::Leaf;
use kepil_ledger::hash::Hash;
use kepil_ledger::period::Period;
use kepil_ledger::proof::TlogProof;
use kepil_ledger::tile::{FetchError, TILE_WIDTH, TileHashes, TilePath, fetch_bundle};
use kepil_ledger::tree::inclusion_path;

use kepil_store::log::closing_path;

use crate::chronicle::Chronicle;
use crate::error::ChronicleError;
use crate::notice::Notices;

/// How far the trees go that notices are proved in.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// The tree that proves the list.
    list: u64,
    /// The newest published one.
    newest: u64,
}

impl Sizes {
    /// The first of the two trees that holds an entry.
    fn holding(self, index: u64) -> Option<u64> {
        let sizes = [self.list, self.newest];
        sizes.into_iter().find(|size| index < *size)
    }
}

/// How much of a list a proof opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Everything the person may see now.
    All,
    /// Nothing: the proof shows completeness alone.
    Nothing,
}

impl Chronicle {
    /// The proof of a person's list for a month, as of the last published checkpoint.
    ///
    /// A month that is closed is proved by the checkpoint that closed it, for good.
    ///
    /// # Errors
    ///
    /// When nothing is published yet, the person is not enrolled in that month, or something
    /// cannot be read.
    pub fn prove(
        &self,
        subject: &str,
        period: Period,
        opened: Opened,
        now_secs: u64,
    ) -> Result<TlogProof, ChronicleError> {
        let tag = self.person(subject)?.tag(period);
        // A newer checkpoint may be published while the list is being read: then once more.
        let mut tries = 0;
        loop {
            let newest = self.newest()?;
            let signed = match self.closing(period)? {
                Some(closing) => closing,
                None => newest.clone(),
            };
            let size = signed.unverified().size;
            let covers = size.checked_sub(1).ok_or(ChronicleError::NotPublished)?;
            // Old heads are forgotten; a closed month is the same in every head since.
            let asked = newest.unverified().size.saturating_sub(1).max(covers);
            let listed = match self.book.list(period, &tag, asked) {
                Ok(listed) => listed,
                Err(_) if tries < 3 => {
                    tries += 1;
                    continue;
                }
                Err(_) => return Err(ChronicleError::NoList { period }),
            };
            // Notices may have come after the checkpoint that closed the month.
            let sizes = Sizes {
                list: size,
                newest: newest.unverified().size.max(size),
            };
            let source = self.source();
            let trees = [sizes.list, sizes.newest].map(|size| TileHashes::new(&source, size));
            let prove = |index, size| {
                let [list, newest] = &trees;
                let hashes = if size == sizes.list { list } else { newest };
                inclusion_path(hashes, index, size)
                    .map_err(|_: FetchError| ChronicleError::NotPublished)
            };
            let mut rows = Vec::new();
            if opened == Opened::All {
                let notices = self.notices();
                for (position, entry) in (0u32..).zip(&listed.uses) {
                    if let Some(row) =
                        self.row_proof(entry.index, &notices, sizes, now_secs, &prove)?
                    {
                        rows.push((position, row));
                    }
                }
            }
            let is_later = rows.iter().any(|(_, row)| row.notice() >= Some(size));
            let later = match is_later {
                false => None,
                true => Some(Later {
                    path: prove(covers, sizes.newest)?,
                    checkpoint: newest,
                }),
            };
            let entries = listed
                .uses
                .iter()
                .map(|entry| (entry.index, entry.commitment));
            let content = Completeness {
                period,
                path: listed.path,
                head: self.leaf_bytes(covers, size)?,
                entries: entries.collect(),
                rows,
                later,
            };
            return Ok(TlogProof {
                extra: Some(content.to_bytes()),
                index: covers,
                path: prove(covers, size)?,
                checkpoint: signed,
            });
        }
    }

    /// The newest checkpoint that is published.
    fn newest(&self) -> Result<SignedCheckpoint, ChronicleError> {
        let text = self.head().and_then(|head| head.checkpoint);
        let text = text.ok_or(ChronicleError::NotPublished)?;
        checkpoint::parse(text.as_bytes()).map_err(|_| ChronicleError::NotPublished)
    }

    /// The first checkpoint after a month closed, which proves its lists for good.
    fn closing(&self, period: Period) -> Result<Option<SignedCheckpoint>, ChronicleError> {
        match fs::read(closing_path(&self.public(), period)) {
            Ok(text) => checkpoint::parse(&text)
                .map(Some)
                .map_err(|_| ChronicleError::NotPublished),
            // While heads list the month any of them proves it.
            Err(_) if self.book.closing(period).is_none() => Ok(None),
            Err(_) => Err(ChronicleError::NotPublished),
        }
    }

    /// What a list may say of an entry now; `None` for a row that only waits to be published.
    fn row_proof(
        &self,
        index: u64,
        notices: &Notices,
        sizes: Sizes,
        now_secs: u64,
        prove: &impl Fn(u64, u64) -> Result<Vec<Hash>, ChronicleError>,
    ) -> Result<Option<RowProof>, ChronicleError> {
        let notice_proof = |notice: u64| {
            // A notice that is not published yet proves nothing yet.
            let Some(size) = sizes.holding(notice) else {
                return Ok(None);
            };
            Ok::<_, ChronicleError>(Some(NoticeProof {
                index: notice,
                leaf: self.reader.record(notice)?.leaf,
                path: prove(notice, size)?,
            }))
        };
        if let Some(notice) = notices.erased.get(&index) {
            return Ok(notice_proof(*notice)?.map(RowProof::Erased));
        }
        if let Some(kept) = notices.kept.get(&index) {
            let is_over = kept.until != 0 && kept.until <= now_secs;
            let row = notices.rows.get(&kept.notice);
            if let (false, Some(row)) = (is_over, row) {
                let kept_back = |notice| RowProof::KeptBack {
                    notice,
                    salt: row.salt,
                    ground: row.basis.clone(),
                };
                return Ok(notice_proof(kept.notice)?.map(kept_back));
            }
        }
        match self.row(index) {
            Ok(open) => Ok(Some(RowProof::Shown(ShownRow::from(&open.row)))),
            Err(ChronicleError::Erased) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bytes of a published leaf.
    fn leaf_bytes(&self, index: u64, size: u64) -> Result<Vec<u8>, ChronicleError> {
        let width = u64::from(TILE_WIDTH);
        let path = TilePath::entries_in(index / width, size).ok_or(ChronicleError::NotPublished)?;
        let bundle =
            fetch_bundle(&self.source(), path).map_err(|_| ChronicleError::NotPublished)?;
        let place = usize::try_from(index % width).ok();
        place
            .and_then(|place| bundle.into_iter().nth(place))
            .ok_or(ChronicleError::NotPublished)
    }

    /// The leaf of an entry, published or not.
    ///
    /// # Errors
    ///
    /// When the entry cannot be read.
    pub fn leaf(&self, index: u64) -> Result<Leaf, ChronicleError> {
        Ok(self.reader.record(index)?.leaf)
    }
}
