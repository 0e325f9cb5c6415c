//! `pgbench`: clients that insert one row in a transaction.

use super::server::{Server, output};
use crate::fault::{Fault, during};
use crate::ledger::random::{ROW_BYTES, Random};
use crate::ledger::times::Latency;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What each transaction does. The row comes as a parameter of the prepared statement.
const SCRIPT: &str = "insert into entry (row) values (decode(:row, 'hex'));\n";

/// Threads of the clients, as many as our callers have.
const THREADS: &str = "2";

/// Clients that ask again as soon as they are answered.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// Rows a second.
    pub per_s: f64,
    /// Mean time of a transaction, ms.
    pub mean_ms: f64,
}

/// Rows that come when they come.
#[derive(Debug, Clone, Copy)]
pub struct Paced {
    /// Rows a second.
    pub per_s: f64,
    /// From scheduled to acknowledged; the first tenth is left out.
    pub ack: Latency,
}

impl Server {
    /// Loads the server with clients in a closed loop.
    ///
    /// # Errors
    /// When `pgbench` fails or its report cannot be read.
    pub fn load(&self, clients: u64, long: Duration) -> Result<Loaded, Fault> {
        let mut command = self.pgbench(clients, long)?;
        let report = Report::parse(&output(&mut command, "running pgbench")?)?;
        self.acknowledged.fetch_add(report.rows, Ordering::Relaxed);
        Ok(Loaded {
            per_s: report.per_s,
            mean_ms: report.mean_ms,
        })
    }

    /// Offers rows at a rate.
    ///
    /// # Errors
    /// When `pgbench` fails or its report cannot be read.
    pub fn pace(&self, per_s: u64, clients: u64, long: Duration) -> Result<Paced, Fault> {
        let mut command = self.pgbench(clients, long)?;
        command
            .args(["--rate", &per_s.to_string()])
            .args(["--log", "--log-prefix", "paced"]);
        let report = Report::parse(&output(&mut command, "running pgbench")?)?;
        self.acknowledged.fetch_add(report.rows, Ordering::Relaxed);
        Ok(Paced {
            per_s: report.per_s,
            ack: read_logs(self.folder(), "paced")?,
        })
    }

    fn pgbench(&self, clients: u64, long: Duration) -> Result<Command, Fault> {
        let script = self.folder().join("insert.sql");
        std::fs::write(&script, SCRIPT).map_err(during("writing a script"))?;
        let mut row = vec![0; ROW_BYTES];
        Random::new(1).fill(&mut row);
        let mut hex = String::with_capacity(ROW_BYTES * 2);
        for byte in row {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        let mut command = self.client("pgbench");
        command
            .args(["--no-vacuum", "--protocol", "prepared"])
            .args(["--client", &clients.to_string(), "--jobs", THREADS])
            .args(["--time", &long.as_secs().max(1).to_string()])
            .args(["--define", &format!("row={hex}")])
            .arg("--file")
            .arg(&script);
        Ok(command)
    }
}

/// What `pgbench` says at its end.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Report {
    rows: u64,
    per_s: f64,
    mean_ms: f64,
}

impl Report {
    fn parse(text: &str) -> Result<Self, Fault> {
        let value = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start))?;
            line.split([' ', '/']).find(|word| !word.is_empty())
        };
        let number = |start: &str| value(start).and_then(|word| word.parse::<f64>().ok());
        let read = || {
            Some(Self {
                rows: value("number of transactions actually processed:")?
                    .parse()
                    .ok()?,
                per_s: number("tps =")?,
                mean_ms: number("latency average =")?,
            })
        };
        read().ok_or_else(|| Fault(format!("pgbench said something unexpected: {text}")))
    }
}

/// Reads and removes the logs of one run: a line for each transaction, its time in the third word.
fn read_logs(folder: &Path, prefix: &str) -> Result<Latency, Fault> {
    let failed = during("reading the log of pgbench");
    // Lines of different threads are put in the order of their ends, seconds and microseconds.
    let mut lines: Vec<(u64, u64, u32)> = Vec::new();
    for file in std::fs::read_dir(folder).map_err(&failed)? {
        let path = file.map_err(&failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(&format!("{prefix}.")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(&failed)?;
        for line in text.lines() {
            let words: Vec<u64> = line
                .split(' ')
                .map_while(|word| word.parse().ok())
                .collect();
            let [_, _, us, _, secs, micros, ..] = *words.as_slice() else {
                return Err(Fault(format!("a line of pgbench's log is odd: {line}")));
            };
            lines.push((secs, micros, u32::try_from(us).unwrap_or(u32::MAX)));
        }
        std::fs::remove_file(&path).map_err(&failed)?;
    }
    lines.sort_unstable();
    let rest = lines.iter().skip(lines.len() / 10);
    Ok(Latency::of(rest.map(|(_, _, us)| *us).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_pgbench_is_read() {
        let text = "transaction type: insert.sql\nnumber of clients: 64\n\
            number of transactions actually processed: 4242\nnumber of failed transactions: 0 (0.000%)\n\
            latency average = 2.850 ms\ninitial connection time = 50.1 ms\n\
            tps = 22453.5 (without initial connection time)\n";
        let report = Report::parse(text).unwrap();
        assert_eq!(report.rows, 4242);
        assert!((report.per_s - 22_453.5).abs() < 1e-6);
        assert!((report.mean_ms - 2.85).abs() < 1e-6);
        let bounded = text.replace("processed: 4242", "processed: 4242/5000");
        assert_eq!(Report::parse(&bounded).unwrap().rows, 4242);
        assert!(Report::parse("pgbench: error").is_err());
    }

    #[test]
    fn the_logs_of_all_threads_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let of = |times: std::ops::Range<u64>| {
            let line = |at: u64| format!("0 1 {} 0 100 {at} 5\n", at * 1_000);
            times.map(line).collect::<String>()
        };
        std::fs::write(folder.path().join("paced.7.1"), of(50..100)).unwrap();
        std::fs::write(folder.path().join("paced.7"), of(0..50)).unwrap();
        std::fs::write(folder.path().join("other"), "x").unwrap();
        let found = read_logs(folder.path(), "paced").unwrap();
        assert_eq!(found.count, 90);
        assert!((found.max - 99.0).abs() < 1e-9);
        assert!(folder.path().join("other").exists());
        assert!(!folder.path().join("paced.7").exists());
    }
}
