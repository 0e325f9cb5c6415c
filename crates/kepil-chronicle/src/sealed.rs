//! Sealed entries: opened by themselves, extended only by another order.

use kepil_ledger::entry::{Commitment, EmbargoExtension, Leaf};
use kepil_ledger::payload::PayloadKind;
use kepil_ledger::period::Period;
use kepil_ledger::record::RecordKind;
use kepil_store::log::Ticket;

use crate::chronicle::Chronicle;
use crate::error::ChronicleError;
use crate::event::Event;
use crate::notice::NoticeRow;

impl Chronicle {
    /// Opens every sealed entry whose month has ended; gives the indexes of the new entries.
    ///
    /// The new entry stands in its person's list, with what was done, when, and on which order.
    ///
    /// # Errors
    ///
    /// When a new entry cannot be recorded.
    pub async fn open_due(&self, now_ms: u64) -> Result<Vec<u64>, ChronicleError> {
        let due = self.notices().due(now_ms / 1000);
        let mut opened = Vec::with_capacity(due.len());
        for sealed in due {
            let row = match self.row(sealed) {
                Ok(row) => row,
                // Erased on a court's order: there is nothing left to show.
                Err(ChronicleError::Erased) => continue,
                // One that is damaged must not keep the others shut; it stays overdue, and counted.
                Err(error) => {
                    tracing::error!(entry = sealed, error = %error, "a sealed entry cannot be opened");
                    continue;
                }
            };
            let mut payload = match self.payload(&row) {
                Ok(payload) => payload,
                Err(error) => {
                    tracing::error!(entry = sealed, error = %error, "a sealed entry cannot be opened");
                    continue;
                }
            };
            // An outcome never opens before its use, whose embargo may have been extended.
            let waits = payload
                .intent
                .filter(|_| payload.kind == PayloadKind::Outcome);
            if waits.is_some_and(|intent| self.notices().embargo(intent).is_some()) {
                continue;
            }
            payload.kind = PayloadKind::Opened;
            payload.sealed = Some(sealed);
            let event = Event {
                subject: row.subject,
                kind: RecordKind::Opened,
                decision: row.row.record.facts.decision,
                time_ms: now_ms,
                payload,
                embargo: None,
            };
            let tickets = self.record(&[event]).await?;
            opened.extend(tickets.iter().map(Ticket::index));
        }
        Ok(opened)
    }

    /// Extends the embargo of a sealed entry on a court's order, and with it that of its outcome.
    ///
    /// # Errors
    ///
    /// When it is not sealed any more, the month is not later, or it cannot be recorded.
    pub fn extend(&self, sealed: u64, embargo: Period, order: &str) -> Result<u64, ChronicleError> {
        let notice = self.extend_one(sealed, embargo, order)?;
        let others = self.notices().still_sealed();
        for outcome in others.into_iter().filter(|index| *index > sealed) {
            let payload = match self.row(outcome).and_then(|row| self.payload(&row)) {
                Ok(payload) => payload,
                Err(ChronicleError::Erased) => continue,
                Err(error) => return Err(error),
            };
            let is_of_it = payload.kind == PayloadKind::Outcome && payload.intent == Some(sealed);
            let opens = self.notices().embargo(outcome);
            if is_of_it && opens.is_some_and(|opens| opens < embargo) {
                self.extend_one(outcome, embargo, order)?;
            }
        }
        Ok(notice)
    }

    fn extend_one(&self, sealed: u64, embargo: Period, order: &str) -> Result<u64, ChronicleError> {
        let not_that = |why| ChronicleError::NotThat { index: sealed, why };
        let state = self
            .notices()
            .sealed(sealed)
            .ok_or_else(|| not_that("is not a sealed entry"))?;
        if state.opened.is_some() {
            return Err(not_that("is open already; it cannot be sealed again"));
        }
        if embargo.number() <= state.embargo {
            return Err(not_that(
                "is sealed until then already; an extension names a later month",
            ));
        }
        let salt = self.random()?;
        let leaf = Leaf::EmbargoExtension(EmbargoExtension {
            sealed,
            embargo,
            order: Commitment::of(&salt, order.as_bytes()),
        });
        let row = NoticeRow {
            salt,
            basis: order.to_owned(),
            rows: Vec::new(),
        };
        self.record_notice(&leaf, row)
    }
}
