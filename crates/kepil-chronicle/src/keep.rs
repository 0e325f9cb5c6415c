//! Keeping an entry back: it stays in the list, and its content waits.

use kepil_ledger::entry::{Commitment, KeepingBack, KeepingKind, Leaf};

use crate::chronicle::Chronicle;
use crate::error::ChronicleError;
use crate::notice::NoticeRow;

impl Chronicle {
    /// Keeps the content of an entry back from its person, on a ground, until a day.
    ///
    /// `until` is in Unix seconds, 0 where no day is set. Returns the index of the notice.
    ///
    /// # Errors
    ///
    /// When the entry is in nobody's list, or the notice cannot be recorded.
    pub fn keep_back(
        &self,
        index: u64,
        kind: KeepingKind,
        until: u64,
        ground: &str,
    ) -> Result<u64, ChronicleError> {
        if self.reader.record(index)?.leaf.chained().is_none() {
            return Err(ChronicleError::NotThat {
                index,
                why: "is in nobody's list, so there is nothing to keep back",
            });
        }
        let salt = self.random()?;
        let leaf = Leaf::KeepingBack(KeepingBack {
            kind,
            index,
            until,
            ground: Commitment::of(&salt, ground.as_bytes()),
        });
        let row = NoticeRow {
            salt,
            basis: ground.to_owned(),
            rows: Vec::new(),
        };
        self.record_notice(&leaf, row)
    }
}
