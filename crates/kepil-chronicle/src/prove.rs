//! A person's list with the proof that it is complete.

use std::fs;

use kepil_ledger::checkpoint::{self, SignedCheckpoint};
use kepil_ledger::completeness::{Completeness, NoticeProof, RowProof, ShownRow};
use kepil_ledger::entry::Leaf;
use kepil_ledger::period::Period;
use kepil_ledger::proof::TlogProof;
use kepil_ledger::tile::{FetchError, TILE_WIDTH, TileHashes, TilePath, fetch_bundle};
use kepil_ledger::tree::inclusion_path;

use kepil_store::log::closing_path;

use crate::chronicle::Chronicle;
use crate::error::ChronicleError;
use crate::notice::Notices;

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
            let signed = self.published(period)?;
            let size = signed.unverified().size;
            let covers = size.checked_sub(1).ok_or(ChronicleError::NotPublished)?;
            let listed = match self.book.list(period, &tag, covers) {
                Ok(listed) => listed,
                Err(_) if tries < 3 => {
                    tries += 1;
                    continue;
                }
                Err(_) => return Err(ChronicleError::NoList { period }),
            };
            let source = self.source();
            let hashes = TileHashes::new(&source, size);
            let prove = |index| {
                inclusion_path(&hashes, index, size)
                    .map_err(|_: FetchError| ChronicleError::NotPublished)
            };
            let mut rows = Vec::new();
            if opened == Opened::All {
                let notices = self.notices();
                for (position, entry) in (0u32..).zip(&listed.uses) {
                    if let Some(row) =
                        self.row_proof(entry.index, &notices, size, now_secs, &prove)?
                    {
                        rows.push((position, row));
                    }
                }
            }
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
            };
            return Ok(TlogProof {
                extra: Some(content.to_bytes()),
                index: covers,
                path: prove(covers)?,
                checkpoint: signed,
            });
        }
    }

    /// The checkpoint a month's lists are proved by.
    fn published(&self, period: Period) -> Result<SignedCheckpoint, ChronicleError> {
        let text = match self.book.closing(period) {
            Some(_) => fs::read(closing_path(&self.public(), period)).ok(),
            None => self
                .head()
                .and_then(|head| head.checkpoint)
                .map(|text| text.as_bytes().to_vec()),
        };
        let text = text.ok_or(ChronicleError::NotPublished)?;
        checkpoint::parse(&text).map_err(|_| ChronicleError::NotPublished)
    }

    /// What a list may say of an entry now; `None` for a row that only waits to be published.
    fn row_proof(
        &self,
        index: u64,
        notices: &Notices,
        size: u64,
        now_secs: u64,
        prove: &impl Fn(u64) -> Result<Vec<kepil_ledger::hash::Hash>, ChronicleError>,
    ) -> Result<Option<RowProof>, ChronicleError> {
        let notice_proof = |notice: u64| {
            Ok::<_, ChronicleError>(NoticeProof {
                index: notice,
                leaf: self.reader.record(notice)?.leaf,
                path: prove(notice)?,
            })
        };
        if let Some(notice) = notices.erased.get(&index) {
            // A notice that is not published yet proves nothing yet; the row is gone all the same.
            return match *notice < size {
                true => Ok(Some(RowProof::Erased(notice_proof(*notice)?))),
                false => Ok(None),
            };
        }
        if let Some(kept) = notices.kept.get(&index) {
            let is_over = kept.until != 0 && kept.until <= now_secs;
            let row = notices.rows.get(&kept.notice);
            if let (false, Some(row)) = (is_over, row) {
                if kept.notice >= size {
                    return Ok(None);
                }
                return Ok(Some(RowProof::KeptBack {
                    notice: notice_proof(kept.notice)?,
                    salt: row.salt,
                    ground: row.basis.clone(),
                }));
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
