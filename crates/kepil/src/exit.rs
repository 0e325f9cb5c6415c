//! How the command ends, for people and for programs.

use std::fmt;
use std::process::ExitCode;

/// Prints a line; a reader that has gone away (`| head`) is no reason to fail.
#[macro_export]
macro_rules! out {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($part)*);
    }};
}

/// Shown under `kepil --help`.
pub const HELP: &str = "Exit codes:
  0  done; everything that was checked holds
  1  done, and something does not hold: a denied request, a failed case, a finding in a log
  2  the command was not understood or its input cannot be used
  3  the environment failed: a file, a folder, the network, another process";

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// Something that was checked does not hold; it has been printed already.
    Finding,
    /// The input cannot be used.
    Input(String),
    /// The environment failed.
    Environment(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Finding => Ok(()),
            Failure::Input(s) | Failure::Environment(s) => f.write_str(s),
        }
    }
}

/// A shorthand for input that cannot be used.
pub fn input(e: impl fmt::Display) -> Failure {
    Failure::Input(e.to_string())
}

/// A shorthand for an environment that failed.
pub fn environment(e: impl fmt::Display) -> Failure {
    Failure::Environment(e.to_string())
}

/// The exit code.
pub fn code(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Finding) => ExitCode::from(1),
        Err(e @ Failure::Input(_)) => {
            eprintln!("kepil: {e}");
            ExitCode::from(2)
        }
        Err(e @ Failure::Environment(_)) => {
            eprintln!("kepil: {e}");
            ExitCode::from(3)
        }
    }
}
