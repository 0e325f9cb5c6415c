//! Makes the next segment while the present one is being filled.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::OpenError;
use crate::disk::{Disk, ZEROS_AT_ONCE};
use crate::segment;

/// Longest rest between two pieces of zeros.
const LONGEST_REST: Duration = Duration::from_millis(5);

/// A thread that writes zeros ahead, so that a full segment costs no pause.
///
/// It takes its time, half of what the last segment lasted: zeros in one burst would hold up the
/// writes that somebody waits for.
#[derive(Debug)]
pub(super) struct Preparer {
    /// `None` only while it is being dropped.
    orders: Option<Sender<Order>>,
    /// The last order.
    ordered: Cell<Option<Instant>>,
    pieces: u32,
    /// Somebody waits for the segment: no rests any more.
    is_urgent: Arc<AtomicBool>,
    ready: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    pub(super) fn start(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        segment_bytes: u64,
    ) -> Result<Self, OpenError> {
        let (orders, ordered) = mpsc::channel::<Order>();
        let (done, ready) = mpsc::channel();
        let is_urgent = Arc::new(AtomicBool::new(false));
        let hurried = Arc::clone(&is_urgent);
        let work = move || {
            for order in ordered {
                let path = segment::path(&folder, order.number);
                let rest = || {
                    if !hurried.load(Ordering::Relaxed) {
                        thread::sleep(order.rest);
                    }
                };
                if done
                    .send(prepare(&*disk, &path, segment_bytes, &rest))
                    .is_err()
                {
                    return;
                }
            }
        };
        let pieces = segment_bytes.div_ceil(ZEROS_AT_ONCE as u64).max(1);
        let thread = thread::Builder::new()
            .name("kepil-log-prepare".to_owned())
            .spawn(work)
            .map_err(OpenError::Thread)?;
        Ok(Self {
            orders: Some(orders),
            ordered: Cell::new(None),
            pieces: pieces.try_into().unwrap_or(u32::MAX),
            is_urgent,
            ready,
            thread: Some(thread),
        })
    }

    /// Orders a segment. INVARIANT: every order is followed by one [`Preparer::wait`].
    pub(super) fn order(&self, number: u64) {
        let now = Instant::now();
        let before = self.ordered.replace(Some(now));
        let rest = before.map_or(Duration::ZERO, |before| (now - before) / 2 / self.pieces);
        self.is_urgent.store(false, Ordering::Relaxed);
        if let Some(orders) = &self.orders {
            // If the thread is gone, `wait` says so.
            let _ = orders.send(Order {
                number,
                rest: rest.min(LONGEST_REST),
            });
        }
    }

    /// Waits until the ordered segment stands.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.is_urgent.store(true, Ordering::Relaxed);
        self.ready
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the preparing thread is gone")))
    }
}

/// A segment to be made.
#[derive(Debug)]
struct Order {
    number: u64,
    /// After each piece of it.
    rest: Duration,
}

fn prepare(disk: &dyn Disk, path: &Path, segment_bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
    match fs::metadata(path) {
        // Left from the last time the log was open; recovery saw that it is all zeros.
        Ok(found) if found.len() == segment_bytes => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    disk.create_zeroed(path, segment_bytes, rest)
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.orders = None;
        self.is_urgent.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has no more to tell than the missing segment had.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SegmentFile;
    use std::sync::Mutex;

    /// Makes nothing, and keeps what its caller did at the rests.
    #[derive(Debug, Default)]
    struct Slow(Mutex<Vec<u64>>);

    impl Disk for Slow {
        fn create_zeroed(&self, _: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
            for _ in 0..bytes / ZEROS_AT_ONCE as u64 {
                rest();
            }
            self.0.lock().unwrap().push(bytes);
            Ok(())
        }

        fn open_segment(&self, _: &Path) -> io::Result<Box<dyn SegmentFile>> {
            Err(io::Error::other("not asked for"))
        }

        fn publish(&self, _: &Path, _: &Path, _: &[u8], _: bool) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_segment_that_is_waited_for_is_made_without_rests() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Slow::default());
        // A million pieces: with rests it would take an hour and more.
        let bytes = 1_000_000 * ZEROS_AT_ONCE as u64;
        let made = Preparer::start(disk.clone(), folder.path().to_owned(), bytes).unwrap();
        made.order(0);
        made.wait().unwrap();
        thread::sleep(Duration::from_millis(20));
        made.order(1);
        made.wait().unwrap();
        // So is one that nobody needs any more.
        made.order(2);
        drop(made);
        assert_eq!(disk.0.lock().unwrap().len(), 3);
    }
}
