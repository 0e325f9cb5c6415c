//! Makes the next segment while the present one is being filled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::OpenError;
use crate::disk::Disk;
use crate::segment;

/// A thread that writes zeros ahead, so that a full segment costs no pause.
#[derive(Debug)]
pub(super) struct Preparer {
    /// `None` only while it is being dropped.
    orders: Option<Sender<u64>>,
    ready: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    pub(super) fn start(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        segment_bytes: u64,
    ) -> Result<Self, OpenError> {
        let (orders, ordered) = mpsc::channel::<u64>();
        let (done, ready) = mpsc::channel();
        let work = move || {
            for number in ordered {
                let path = segment::path(&folder, number);
                if done.send(prepare(&*disk, &path, segment_bytes)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("kepil-log-prepare".to_owned())
            .spawn(work)
            .map_err(OpenError::Thread)?;
        Ok(Self {
            orders: Some(orders),
            ready,
            thread: Some(thread),
        })
    }

    /// Orders a segment. INVARIANT: every order is followed by one [`Preparer::wait`].
    pub(super) fn order(&self, number: u64) {
        if let Some(orders) = &self.orders {
            // If the thread is gone, `wait` says so.
            let _ = orders.send(number);
        }
    }

    /// Waits until the ordered segment stands.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.ready
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the preparing thread is gone")))
    }
}

fn prepare(disk: &dyn Disk, path: &Path, segment_bytes: u64) -> io::Result<()> {
    match fs::metadata(path) {
        // Left from the last time the log was open; recovery saw that it is all zeros.
        Ok(found) if found.len() == segment_bytes => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    disk.create_zeroed(path, segment_bytes)
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has no more to tell than the missing segment had.
            let _ = thread.join();
        }
    }
}
