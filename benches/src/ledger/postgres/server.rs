//! A PostgreSQL server of one's own.

use crate::fault::{Fault, during, fault};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Where Debian and its kin keep the programs, by version.
const INSTALLED: &str = "/usr/lib/postgresql";

/// Oldest version that is compared with.
const OLDEST: u32 = 15;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// The user who runs the server when root must not, and the superuser inside.
const USER: &str = "postgres";

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    child: Child,
    /// Transactions that were acknowledged.
    pub(super) acknowledged: AtomicU64,
    /// What it calls itself.
    pub version: String,
}

impl Server {
    /// Makes a database in the folder and starts a server on it.
    ///
    /// # Errors
    /// In one line, what is missing or went wrong.
    pub fn start(folder: PathBuf) -> Result<Self, Fault> {
        let programs = programs(Path::new(INSTALLED))?;
        std::fs::create_dir(&folder).map_err(during("making a folder"))?;
        if rustix::process::geteuid().is_root() {
            let (user, group) = ids(USER)?;
            chown(&folder, Some(user), Some(group)).map_err(during("giving a folder away"))?;
        }
        let data = folder.join("data");
        let mut made = as_server(&programs.join("initdb"));
        made.args(["--username", USER, "--auth", "trust", "--locale", "C"])
            .args(["--encoding", "UTF8", "--pgdata"])
            .arg(&data)
            .current_dir(&folder);
        output(&mut made, "making a database")?;

        let said = File::create(folder.join("said")).map_err(during("making a file"))?;
        let settings = [
            "listen_addresses=",
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
            "max_connections=200",
            "shared_buffers=256MB",
            "checkpoint_timeout=1h",
            "max_wal_size=8GB",
            "min_wal_size=4GB",
        ];
        let mut command = as_server(&programs.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(&folder);
        for setting in settings {
            command.args(["-c", setting]);
        }
        let child = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map_err(during("starting PostgreSQL"))?;
        let mut server = Self {
            programs,
            folder,
            child,
            acknowledged: AtomicU64::new(0),
            version: String::new(),
        };
        server.wait()?;
        server.version = server.ask("show server_version")?;
        server.ask(
            "create table entry (id bigint generated always as identity primary key, row bytea not null)",
        )?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<(), Fault> {
        let begin = Instant::now();
        loop {
            let Err(error) = self.ask("select 1") else {
                return Ok(());
            };
            let ended = self.child.try_wait().map_err(fault)?;
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(self.folder.join("said")).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default().to_owned();
                return Err(Fault(format!("PostgreSQL did not start: {error}; {last}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes everything out and gets log files ready for the next run.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn settle(&self) -> Result<(), Fault> {
        self.ask("checkpoint").map(drop)
    }

    /// Demands that every acknowledged row stands in the table.
    ///
    /// # Errors
    /// When one is missing: the figures are void.
    pub fn check(&self) -> Result<(), Fault> {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let found: u64 = self
            .ask("select count(*) from entry where length(row) = 300")?
            .parse()
            .map_err(during("counting rows"))?;
        if found < acknowledged {
            return Err(Fault(format!(
                "PostgreSQL acknowledged {acknowledged} rows and holds {found}: the figures are void"
            )));
        }
        Ok(())
    }

    fn ask(&self, sql: &str) -> Result<String, Fault> {
        let mut command = self.client("psql");
        command.args(["-XAtqc", sql]);
        output(&mut command, "asking PostgreSQL")
    }

    /// A client program with the way to this server.
    pub(super) fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .current_dir(&self.folder)
            .env("PGHOST", &self.folder)
            .env("PGUSER", USER)
            .env("PGDATABASE", "postgres")
            .stdin(Stdio::null());
        command
    }

    /// The server's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = as_server(&self.programs.join("pg_ctl"));
        stop.args(["stop", "--mode", "immediate", "--pgdata"])
            .arg(self.folder.join("data"))
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // If it does not stop gently, it stops all the same.
        if !stop.status().is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The programs of the newest version that is new enough.
fn programs(installed: &Path) -> Result<PathBuf, Fault> {
    let needed = ["initdb", "postgres", "pg_ctl", "psql", "pgbench"];
    let versions = std::fs::read_dir(installed).into_iter().flatten().flatten();
    let found = versions.filter_map(|folder| {
        let version: u32 = folder.file_name().to_str()?.parse().ok()?;
        let programs = folder.path().join("bin");
        let is_whole = needed.iter().all(|name| programs.join(name).is_file());
        (version >= OLDEST && is_whole).then_some((version, programs))
    });
    found.max().map(|(_, programs)| programs).ok_or_else(|| {
        Fault(format!(
            "PostgreSQL {OLDEST} or newer is missing under {}: install it, for example with `apt-get install postgresql`",
            installed.display()
        ))
    })
}

/// A program of the server: PostgreSQL refuses to run as root.
fn as_server(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--init-groups", "--"])
        .arg(program)
        .env("HOME", "/");
    command
}

/// User and group numbers of a user.
fn ids(name: &str) -> Result<(u32, u32), Fault> {
    let users = std::fs::read_to_string("/etc/passwd").map_err(during("reading the users"))?;
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let mut numbers = fields.skip(1).map(|field| field.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    users
        .lines()
        .find_map(of_line)
        .ok_or_else(|| Fault(format!("there is no user `{name}` to run PostgreSQL as")))
}

/// What a program prints; its last words when it fails.
pub(super) fn output(command: &mut Command, step: &str) -> Result<String, Fault> {
    let name = Path::new(command.get_program())
        .file_name()
        .unwrap_or(OsStr::new("a program"))
        .to_string_lossy()
        .into_owned();
    let done = command
        .output()
        .map_err(|error| Fault(format!("{step}: `{name}` could not be run: {error}")))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let last = said.lines().last().unwrap_or_default();
        return Err(Fault(format!("{step}: {last}")));
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_version_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let fault = programs(folder.path()).unwrap_err();
        assert!(fault.to_string().contains("apt-get"), "{fault}");
        for (version, needed) in [("14", 5), ("15", 5), ("17", 5), ("18", 4)] {
            let bin = folder.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for name in ["initdb", "postgres", "pg_ctl", "psql", "pgbench"]
                .iter()
                .take(needed)
            {
                std::fs::write(bin.join(name), b"").unwrap();
            }
        }
        let found = programs(folder.path()).unwrap();
        assert_eq!(found, folder.path().join("17/bin"));
    }
}
