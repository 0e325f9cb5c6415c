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
use crate::ledger::disk::{self, Disk, State};
use crate::ledger::scratch::Scratch;
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
}

/// Runs rounds of both; every second one begins with the other side.
///
/// # Errors
/// When either side fails, or does not hold what it acknowledged.
pub fn rounds(
    scratch: &Scratch,
    server: &Server,
    count: usize,
    long: Duration,
    mut each: impl FnMut(usize, &Round),
) -> Result<Vec<Round>, Fault> {
    let mut done = Vec::new();
    for number in 0..count {
        let ours = || closed::run(scratch.sub("log"), WRITERS, long);
        let theirs = || -> Result<(Loaded, Disk), Fault> {
            server.settle()?;
            disk::beside(scratch.path(), || server.load(WRITERS, long))
        };
        let ((ours, our_disk), (theirs, their_disk)) = if number % 2 == 0 {
            let first = ours()?;
            (first, theirs()?)
        } else {
            let first = theirs()?;
            (ours()?, first)
        };
        let round = Round {
            ours,
            our_disk,
            theirs,
            their_disk,
        };
        each(number, &round);
        done.push(round);
    }
    server.check()?;
    Ok(done)
}

/// The rounds of one state, the normal one if there are any; a median mixes no states.
#[must_use]
pub fn of_one_state(rounds: &[Round]) -> (State, Vec<Round>) {
    for state in [State::Normal, State::Slow] {
        let found: Vec<Round> = rounds
            .iter()
            .filter(|round| round.state() == state)
            .copied()
            .collect();
        if !found.is_empty() {
            return (state, found);
        }
    }
    (State::Mixed, rounds.to_vec())
}
