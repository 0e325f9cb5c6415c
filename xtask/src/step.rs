//! Steps: each is announced, timed, and kept for the summary.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It passed.
    Passed,
    /// It passed, with something a reader should know.
    Noted(String),
    /// It failed, and why in one line.
    Failed(String),
    /// It could not run because an earlier step failed.
    Skipped,
}

/// The steps so far.
#[derive(Debug, Default)]
pub struct Steps {
    done: Vec<(&'static str, Duration, End)>,
}

impl Steps {
    /// Runs a step.
    pub fn run(&mut self, name: &'static str, step: impl FnOnce() -> End) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let end = step();
        let took = start.elapsed();
        println!("== {name}: {} in {:.1} s", word(&end), took.as_secs_f64());
        let passed = matches!(end, End::Passed | End::Noted(_));
        self.done.push((name, took, end));
        passed
    }

    /// Runs a step if what it needs has passed.
    pub fn run_after(
        &mut self,
        ready: bool,
        name: &'static str,
        step: impl FnOnce() -> End,
    ) -> bool {
        self.run(name, || if ready { step() } else { End::Skipped })
    }

    /// Prints all steps; whether all passed.
    pub fn summary(&self) -> bool {
        println!("\n== summary");
        for (name, took, end) in &self.done {
            let remark = match end {
                End::Noted(why) | End::Failed(why) => format!("  {why}"),
                End::Passed | End::Skipped => String::new(),
            };
            println!(
                "{:<8} {:>8.1} s  {name}{remark}",
                word(end),
                took.as_secs_f64()
            );
        }
        let total: f64 = self
            .done
            .iter()
            .map(|(_, took, _)| took.as_secs_f64())
            .sum();
        println!("{:<8} {total:>8.1} s", "in all");
        self.done
            .iter()
            .all(|(_, _, end)| matches!(end, End::Passed | End::Noted(_)))
    }
}

fn word(end: &End) -> &'static str {
    match end {
        End::Passed | End::Noted(_) => "ok",
        End::Failed(_) => "FAILED",
        End::Skipped => "skipped",
    }
}

/// A command in the workspace's folder.
pub fn command(root: &Path, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut c = Command::new(program);
    c.args(args).current_dir(root);
    c
}

/// The cargo that runs us.
pub fn cargo(root: &Path, args: &[&str]) -> Command {
    command(
        root,
        std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        args,
    )
}

/// Runs a command and lets it speak for itself.
pub fn run(mut c: Command) -> End {
    let name = said(&c);
    match c.status() {
        Ok(s) if s.success() => End::Passed,
        Ok(s) => End::Failed(format!("`{name}` ended with {s}")),
        Err(e) => End::Failed(format!("`{name}` could not be started: {e}")),
    }
}

/// Runs a command and shows its lines while `each` reads them.
pub fn run_reading(mut c: Command, mut each: impl FnMut(&str)) -> End {
    let name = said(&c);
    let mut child = match c.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(e) => return End::Failed(format!("`{name}` could not be started: {e}")),
    };
    if let Some(out) = child.stdout.take() {
        let mut screen = std::io::stdout().lock();
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            // Nobody may be listening; the step still counts.
            let _ = writeln!(screen, "{line}");
            each(&line);
        }
    }
    match child.wait() {
        Ok(s) if s.success() => End::Passed,
        Ok(s) => End::Failed(format!("`{name}` ended with {s}")),
        Err(e) => End::Failed(format!("`{name}` was lost: {e}")),
    }
}

fn said(c: &Command) -> String {
    let program = Path::new(c.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let args: Vec<_> = c.get_args().map(OsStr::to_string_lossy).collect();
    format!("{program} {}", args.join(" "))
}

/// A binary of this workspace, which cargo puts beside this one.
pub fn beside(name: &str) -> PathBuf {
    let here = std::env::current_exe()
        .ok()
        .and_then(|p| p.parent().map(Path::to_path_buf));
    here.unwrap_or_default()
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Builds everything, always by the same line, so that nothing is compiled twice.
pub fn build(root: &Path) -> End {
    run(cargo(root, &["build", "--release", "--workspace"]))
}
