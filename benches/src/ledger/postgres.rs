//! PostgreSQL on the same disk: the same rows, each in a transaction of its own, each durable.
//!
//! The server is started here, on a folder of its own and a socket in it, and is gone
//! afterwards. It is given what helps it: a socket instead of TCP, prepared statements,
//! no index beside the primary key, room enough that no checkpoint falls into a run, and
//! log files written ahead by a checkpoint before each run.

mod bench;
mod server;

pub use bench::Loaded;
pub use server::Server;

use crate::fault::Fault;
use crate::ledger::closed;
use crate::ledger::disk::{Disk, Rest, State};
use crate::ledger::scratch::Scratch;
use crate::report::shown;
use std::time::Duration;

/// Writers here and clients there.
pub const WRITERS: u64 = 64;

/// One round: both sides, one right after the other.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Our log.
    pub ours: closed::Outcome,
    /// The disk meanwhile.
    pub our_disk: Disk,
    /// PostgreSQL.
    pub theirs: Loaded,
    /// The disk meanwhile.
    pub their_disk: Disk,
}

impl Round {
    /// Runs both, ours first or last.
    ///
    /// # Errors
    /// When either side fails, or our log does not hold what it acknowledged.
    pub fn run(
        scratch: &Scratch,
        rest: &Rest,
        server: &Server,
        long: Duration,
        ours_first: bool,
    ) -> Result<Self, Fault> {
        let ours = || closed::run(scratch.fresh(), rest, WRITERS, long);
        let theirs = || -> Result<(Loaded, Disk), Fault> {
            server.settle()?;
            rest.beside(scratch.path(), || server.load(WRITERS, long))
        };
        let ((ours, our_disk), (theirs, their_disk)) = if ours_first {
            let first = ours()?;
            (first, theirs()?)
        } else {
            let first = theirs()?;
            (ours()?, first)
        };
        Ok(Self {
            ours,
            our_disk,
            theirs,
            their_disk,
        })
    }

    /// Entries a second here : there.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ours.per_s / self.theirs.per_s
    }

    /// The state of the disk, if it was the same for both.
    #[must_use]
    pub fn state(&self) -> State {
        let (ours, theirs) = (self.our_disk.state(), self.their_disk.state());
        if ours == theirs { ours } else { State::Mixed }
    }

    /// The round in one line.
    #[must_use]
    pub fn said(&self) -> String {
        format!(
            "{} here, {} there, ratio {}; disk {} / {}",
            shown(self.ours.per_s),
            shown(self.theirs.per_s),
            shown(self.ratio()),
            self.our_disk.said(),
            self.their_disk.said(),
        )
    }
}
