//! What a head has closed stays closed, whatever the clock does and however the log is opened.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kepil_ledger::period::Period;
use kepil_store::log::{AppendError, Log, Options};

use crate::book::{NOW_MS, entry, own_period, with_book};
use crate::check::run;
use crate::log::forget_snapshots;
use crate::snapshot::{assert_same_without, snapshots};

/// Opens a log whose clock is in the test's hand.
fn open_at(folder: &Path, clock: &Arc<AtomicU64>) -> Log {
    let clock = clock.clone();
    let options = Options {
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        ..with_book()
    };
    Log::open(folder, options).unwrap()
}

fn append(log: &Log, number: u64, period: Period) -> Result<(), AppendError> {
    let drafts = vec![entry(number % 3, number, period)];
    log.appender().append_blocking(drafts).map(|_| ())
}

/// A log in which a month was closed, so many seconds after its end, before the clock stepped
/// back; it is closed too.
fn stepped_back(folder: &Path, after_secs: u64) {
    let clock = Arc::new(AtomicU64::new(NOW_MS));
    let log = open_at(folder, &clock);
    append(&log, 0, own_period()).unwrap();
    log.publish().unwrap();
    clock.store(
        (own_period().end_secs() + after_secs) * 1000,
        Ordering::Relaxed,
    );
    append(&log, 1, own_period().next()).unwrap();
    log.publish().unwrap();
    clock.store(NOW_MS, Ordering::Relaxed);
    append(&log, 2, own_period().next()).unwrap();
    log.publish().unwrap();
    log.close().unwrap();
    assert_eq!(snapshots(folder).len(), 1);
}

fn assert_closed(log: &Log) {
    assert_eq!(log.period_for(NOW_MS), Some(own_period().next()));
    let refused = append(log, 3, own_period()).unwrap_err();
    let period = own_period();
    assert_eq!(refused, AppendError::ClosedMonth { period });
    append(log, 4, own_period().next()).unwrap();
    log.publish().unwrap();
}

#[test]
fn a_month_stays_closed_when_the_clock_steps_back_before_the_snapshot() {
    // Still listed by heads, and no more listed.
    for after_secs in [86_400, 5 * 86_400, 9 * 86_400] {
        for has_snapshot in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            stepped_back(folder.path(), after_secs);
            let report = run(folder.path());
            assert!(report.findings.is_empty(), "{:#?}", report.findings);
            assert_same_without(folder.path());
            if !has_snapshot {
                forget_snapshots(folder.path());
            }
            let clock = Arc::new(AtomicU64::new(NOW_MS));
            for _ in 0..2 {
                let log = open_at(folder.path(), &clock);
                assert_closed(&log);
                log.close().unwrap();
            }
            let report = run(folder.path());
            assert!(report.findings.is_empty(), "{:#?}", report.findings);
        }
    }
}

#[test]
fn a_month_stays_closed_when_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    stepped_back(folder.path(), 9 * 86_400);
    let clock = Arc::new(AtomicU64::new(NOW_MS));
    let log = open_at(folder.path(), &clock);
    log.book().unwrap().forget(own_period()).unwrap();
    append(&log, 5, own_period().next()).unwrap();
    log.close().unwrap();
    assert_closed(&open_at(folder.path(), &clock));
}
