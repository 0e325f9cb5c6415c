//! Proofs out of a filled log.

use super::of_count;
use crate::fault::Fault;
use crate::ledger::Run;
use crate::ledger::proofs::{ENTRIES, Found, World};
use crate::report::{Figure, Goal, figure, shown};

/// Most bytes of a proof beyond 40 an entry.
const MOST_BYTES: f64 = 2_048.0;

/// Longest time to make one, ms.
const MAKE_MS: f64 = 5.0;

/// Longest time to check one, ms.
const VERIFY_MS: f64 = 10.0;

impl Run {
    /// A person's proof, without rows and with all of them.
    pub(in crate::ledger) fn proof(&mut self) -> Result<(), Fault> {
        self.progress.step(format!(
            "filling a log of {} entries about {} persons",
            self.effort.leaves, self.persons
        ));
        let world = World::make(self.scratch.fresh(), self.persons, self.effort.leaves)?;
        self.progress.step(format!("proofs of {ENTRIES} entries"));
        let bare = world.measure(false)?;
        self.progress.found(format!(
            "{} bytes beyond the entries, made in {} ms, checked in {} ms",
            shown(bare.beyond),
            shown(bare.make_ms),
            shown(bare.verify_ms)
        ));
        self.progress
            .step(format!("proofs of {ENTRIES} entries with their rows"));
        let whole = world.measure(true)?;
        let leaves = world.leaves();
        self.progress.step("checking the log");
        world.finish()?;
        self.figures.extend(of_proofs(&bare, &whole, leaves));
        self.notes.push(format!(
            "Proofs are of a person with {ENTRIES} entries: bytes beyond 40 for each of them, in the decoded file, with a checkpoint of one log and three cosigners. Making reads the book's file, the segments and the published tiles, all of them in the system's cache; checking is kepil_ledger::completeness::check."
        ));
        Ok(())
    }
}

fn of_proofs(bare: &Found, whole: &Found, leaves: u64) -> Vec<Figure> {
    let of = |key: &str, what: &str, value| figure(format!("proof_{key}"), what, value);
    let most = Goal::AtMost;
    vec![
        of(
            "bytes",
            "proof of 1,000 entries, bytes beyond 40 an entry",
            bare.beyond,
        )
        .with_goal(most(MOST_BYTES)),
        of("make_ms", "  making it, ms", bare.make_ms).with_goal(most(MAKE_MS)),
        of("verify_ms", "  checking it, ms", bare.verify_ms).with_goal(most(VERIFY_MS)),
        of("file_bytes", "  bytes of the file", bare.file),
        of("gzip_bytes", "  bytes of the file after gzip", bare.gzip),
        of(
            "rows_file_bytes",
            "with all rows shown, bytes of the file",
            whole.file,
        ),
        of("rows_gzip_bytes", "  after gzip", whole.gzip),
        of("rows_make_ms", "  making it, ms", whole.make_ms),
        of("rows_verify_ms", "  checking it, ms", whole.verify_ms),
        of(
            "leaves",
            "leaves of the log it is made from",
            of_count(leaves),
        ),
    ]
}
