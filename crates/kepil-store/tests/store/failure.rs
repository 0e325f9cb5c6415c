//! A disk that fails: answers become errors, never unrecorded permits.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kepil_store::disk::{Blocks, DirectDisk, Disk, SegmentFile};
use kepil_store::draft::Draft;
use kepil_store::log::{AppendError, CloseError, Log, OpenError, Options, PublishError};
use rustix::io::Errno;

use crate::log::{assert_holds, draft, drafts, fill, open, options, segments, verify};

/// How a write goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing is written.
    Nothing,
    /// The first half is written.
    Half,
    /// All is written, and the sync reports an error.
    Sync,
}

/// A real disk that fails after a number of calls of one kind.
#[derive(Debug)]
struct FailingDisk {
    errno: Errno,
    fault: Fault,
    writes: Arc<AtomicI64>,
    creations: AtomicI64,
    publications: AtomicI64,
}

impl FailingDisk {
    fn new(errno: Errno, fault: Fault) -> Self {
        let never = || AtomicI64::new(i64::MAX);
        Self {
            errno,
            fault,
            writes: Arc::new(never()),
            creations: never(),
            publications: never(),
        }
    }
}

fn spend(left: &AtomicI64, errno: Errno) -> io::Result<()> {
    if left.fetch_sub(1, Ordering::SeqCst) > 0 {
        Ok(())
    } else {
        Err(errno.into())
    }
}

impl Disk for FailingDisk {
    fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
        spend(&self.creations, self.errno)?;
        DirectDisk.create_zeroed(path, bytes, rest)
    }

    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(FailingFile {
            file: DirectDisk.open_segment(path)?,
            errno: self.errno,
            fault: self.fault,
            writes: self.writes.clone(),
        }))
    }

    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8], stays: bool) -> io::Result<()> {
        spend(&self.publications, self.errno)?;
        DirectDisk.publish(scratch, path, bytes, stays)
    }
}

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn SegmentFile>,
    errno: Errno,
    fault: Fault,
    writes: Arc<AtomicI64>,
}

impl SegmentFile for FailingFile {
    fn write_blocks(&mut self, blocks: &Blocks, offset: u64) -> io::Result<()> {
        let Err(error) = spend(&self.writes, self.errno) else {
            return self.file.write_blocks(blocks, offset);
        };
        let written = match self.fault {
            Fault::Nothing => 0,
            Fault::Half => blocks.as_bytes().len() / 2,
            Fault::Sync => blocks.as_bytes().len(),
        };
        if written > 0 {
            let mut part = Blocks::new();
            part.fill(&blocks.as_bytes()[..written]);
            self.file.write_blocks(&part, offset)?;
        }
        Err(error)
    }
}

fn with_disk(disk: FailingDisk) -> Options {
    Options {
        disk: Arc::new(disk),
        ..options()
    }
}

/// Appends from many threads until the log fails; gives what was acknowledged.
fn append_until_failure(log: &Log) -> BTreeMap<u64, Draft> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16_u64)
            .map(|writer| {
                let appender = log.appender();
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    for round in 0.. {
                        let number = writer * 10_000 + round * 4;
                        match appender.append_blocking(drafts(number..number + 1 + round % 4)) {
                            Ok(tickets) => {
                                let drafts = (number..).map(draft);
                                let indices = tickets.iter().map(|ticket| ticket.index());
                                acknowledged.extend(indices.zip(drafts));
                            }
                            Err(error) => {
                                assert!(matches!(error, AppendError::Failed { .. }), "{error}");
                                break;
                            }
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn assert_acknowledged(folder: &Path, acknowledged: &BTreeMap<u64, Draft>) {
    let log = open(folder);
    for (index, draft) in acknowledged {
        assert_eq!(log.record(*index).unwrap().draft().as_ref(), Some(draft));
    }
    log.publish().unwrap();
    let report = verify(&log, folder);
    assert!(report.is_sound(), "{report:?}");
    let size = log.head().size;
    fill(&log, size + 10, 3);
    log.close().unwrap();
}

#[test]
fn a_failed_write_turns_answers_into_errors_and_loses_nothing() {
    for (errno, fault) in [
        (Errno::NOSPC, Fault::Nothing),
        (Errno::NOSPC, Fault::Half),
        (Errno::IO, Fault::Sync),
        (Errno::ROFS, Fault::Nothing),
    ] {
        for writes in [1, 2, 3, 17, 60] {
            let folder = tempfile::tempdir().unwrap();
            let disk = FailingDisk::new(errno, fault);
            disk.writes.store(writes, Ordering::SeqCst);
            let log = Log::open(folder.path(), with_disk(disk)).unwrap();
            let acknowledged = append_until_failure(&log);
            assert!(writes < 3 || !acknowledged.is_empty());

            // Later appends fail at once and say why.
            let start = Instant::now();
            let error = log.appender().append_blocking(drafts(0..1)).unwrap_err();
            assert!(start.elapsed() < Duration::from_millis(100));
            let AppendError::Failed { reason } = &error else {
                panic!("{error}")
            };
            assert_eq!(log.health().failed.as_ref(), Some(reason));
            assert!(
                reason.contains(&io::Error::from(errno).to_string()),
                "{reason}"
            );

            // Nothing that got no answer counts, and reading goes on.
            let size = log.head().size;
            assert_eq!(acknowledged.len() as u64, size);
            assert_eq!(log.records(0).count() as u64, size);
            assert_eq!(log.publish().unwrap().size, size);
            assert!(verify(&log, folder.path()).is_sound());
            assert!(matches!(log.close(), Err(CloseError::Failed { .. })));
            assert_acknowledged(folder.path(), &acknowledged);
        }
    }
}

#[test]
fn a_disk_full_when_the_next_segment_is_made_fails_the_log() {
    for creations in [1, 2, 4] {
        let folder = tempfile::tempdir().unwrap();
        let disk = FailingDisk::new(Errno::NOSPC, Fault::Nothing);
        disk.creations.store(creations, Ordering::SeqCst);
        let log = Log::open(folder.path(), with_disk(disk)).unwrap();
        let acknowledged = append_until_failure(&log);
        assert!(
            acknowledged.len() > 15,
            "the segments there were are used to the end"
        );
        assert_eq!(segments(folder.path()).len() as i64, creations);
        drop(log);
        assert_acknowledged(folder.path(), &acknowledged);
    }
}

#[test]
fn a_log_that_cannot_be_begun_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FailingDisk::new(Errno::NOSPC, Fault::Nothing);
    disk.creations.store(0, Ordering::SeqCst);
    let error = Log::open(folder.path(), with_disk(disk)).unwrap_err();
    assert!(matches!(error, OpenError::Segment { .. }), "{error}");
    let disk = FailingDisk::new(Errno::NOSPC, Fault::Nothing);
    disk.writes.store(0, Ordering::SeqCst);
    let error = Log::open(folder.path(), with_disk(disk)).unwrap_err();
    assert!(matches!(error, OpenError::Segment { .. }), "{error}");
    fill(&open(folder.path()), 10, 3);
    assert_holds(&open(folder.path()), 10);
}

#[test]
fn publishing_that_fails_does_not_stop_the_log_and_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FailingDisk::new(Errno::NOSPC, Fault::Nothing));
    disk.publications.store(3, Ordering::SeqCst);
    let log = Log::open(
        folder.path(),
        Options {
            disk: disk.clone(),
            ..options()
        },
    )
    .unwrap();
    for size in [20_000, 20_300, 20_600] {
        fill(&log, size, 100);
        let error = log.publish().unwrap_err();
        assert!(matches!(error, PublishError::Write { .. }), "{error}");
        assert!(log.health().publishing.is_some() && log.health().failed.is_none());
    }
    assert_holds(&log, 20_600);
    disk.publications.store(i64::MAX, Ordering::SeqCst);
    assert_eq!(log.publish().unwrap().size, 20_600);
    assert_eq!(log.health().publishing, None);
    assert!(verify(&log, folder.path()).is_sound());
}

#[test]
fn a_clock_that_panics_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let calls = AtomicI64::new(0);
    let clock = Arc::new(move || match calls.fetch_add(1, Ordering::SeqCst) {
        0..5 => 1,
        _ => panic!("no more time"),
    });
    let log = Log::open(folder.path(), Options { clock, ..options() }).unwrap();
    let acknowledged = append_until_failure(&log);
    let error = log.close().unwrap_err();
    assert!(matches!(
        &error,
        CloseError::Failed { reason } if &**reason == "the sequencer panicked"
    ));
    assert_acknowledged(folder.path(), &acknowledged);
}

const CHILD_FOLDER: &str = "KEPIL_STORE_TEST_FAILURE_FOLDER";

/// Not a test by itself: appends in a folder whose disk is really full at some point.
#[test]
#[ignore = "run by the parent as its child"]
fn full_disk_writer() {
    let Some(folder) = env::var_os(CHILD_FOLDER).map(PathBuf::from) else {
        return;
    };
    let log = open(&folder);
    let acknowledged = append_until_failure(&log);
    let reason = log.health().failed.unwrap();
    assert!(reason.contains("No space left on device"), "{reason}");
    drop(log);
    // Make room, as an operator would, and go on.
    fs::remove_file(folder.join("ballast")).unwrap();
    assert_acknowledged(&folder, &acknowledged);
    println!("full disk: {} acknowledged", acknowledged.len());
}

/// Not a test by itself: tries to open a folder that may not be written.
#[test]
#[ignore = "run by the parent as its child"]
fn read_only_opener() {
    let Some(folder) = env::var_os(CHILD_FOLDER).map(PathBuf::from) else {
        return;
    };
    let error = Log::open(&folder, options()).unwrap_err();
    assert!(
        matches!(error, OpenError::Lock { .. } | OpenError::Folder { .. }),
        "{error:?}"
    );
    println!("read only: {error:?}");
}

/// Runs one of the tests above in a process of its own, through a shell line.
fn child(test: &str, folder: &Path, executable: &Path, shell: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args([
            "-c",
            &format!("{shell} exec \"$0\" --exact failure::{test} --ignored --nocapture"),
        ])
        .arg(executable)
        .env(CHILD_FOLDER, folder);
    command
}

#[test]
fn a_really_full_disk_turns_answers_into_errors() {
    let folder = tempfile::tempdir().unwrap();
    // A file system of its own, 2 MiB, seen by the child alone.
    let mount = format!(
        "mount -t tmpfs -o size=2m tmpfs '{0}' && head -c 1300000 /dev/zero > '{0}/ballast' &&",
        folder.path().display()
    );
    let executable = env::current_exe().unwrap();
    let inner = child("full_disk_writer", folder.path(), &executable, &mount);
    let mut command = Command::new("unshare");
    command
        .arg("-m")
        .arg(inner.get_program())
        .args(inner.get_args());
    let output = command.env(CHILD_FOLDER, folder.path()).output();
    let Ok(output) = output else {
        println!("not run: `unshare` is not installed");
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && (errors.contains("unshare:") || errors.contains("mount:")) {
        println!("not run: no right to mount ({})", errors.trim());
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("full disk:"), "{text}");
}

#[test]
fn a_file_size_limit_is_an_error_and_not_a_death() {
    let folder = tempfile::tempdir().unwrap();
    let executable = env::current_exe().unwrap();
    // 32 KiB a file: not even the first segment can be made.
    let limit = "trap '' XFSZ; ulimit -f 64;";
    let output = child("limited_opener", folder.path(), &executable, limit)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("limited:"),
        "{output:?}"
    );
    assert!(
        segments(folder.path()).is_empty(),
        "nothing half-made is left"
    );
    fill(&open(folder.path()), 10, 3);
}

/// Not a test by itself: opens a log under a limit on the size of files.
#[test]
#[ignore = "run by the parent as its child"]
fn limited_opener() {
    let Some(folder) = env::var_os(CHILD_FOLDER).map(PathBuf::from) else {
        return;
    };
    let error = Log::open(&folder, options()).unwrap_err();
    assert!(matches!(error, OpenError::Segment { .. }), "{error:?}");
    println!("limited: {error}");
}

#[test]
fn a_read_only_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fill(&open(&log), 10, 3);
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // The superuser may write anywhere, so the child is a common user with a copy of
    // this executable that it may run.
    let executable = folder.path().join("tests");
    fs::copy(env::current_exe().unwrap(), &executable).unwrap();
    mode(&executable, 0o755);
    mode(folder.path(), 0o755);
    mode(&log, 0o555);
    let run = || {
        let mut command = child("read_only_opener", &log, &executable, "");
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        command.output().unwrap()
    };
    let output = run();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("PermissionDenied"));
    mode(&log, 0o755);
    assert_holds(&open(&log), 10);
}
