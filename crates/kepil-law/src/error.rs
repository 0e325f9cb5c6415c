//! What can be wrong with a pack, said to the person who writes it.

use std::fmt;

/// One fault in a pack: where it stands, what is wrong, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// File, relative to the pack's folder.
    pub file: String,
    /// Line, counted from one; zero when the whole file is meant.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}; {}", self.file, self.what, self.remedy)
        } else {
            write!(
                f,
                "{}:{}: {}; {}",
                self.file, self.line, self.what, self.remedy
            )
        }
    }
}

/// All the faults found while loading a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackError {
    /// The faults, in the order of files and lines.
    pub faults: Vec<Fault>,
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the law pack was not loaded: {} fault(s)",
            self.faults.len()
        )?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PackError {}

/// Collects faults while reading goes on, so that a writer sees all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub Vec<Fault>);

impl Faults {
    pub fn add(
        &mut self,
        file: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Fault {
            file: file.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    pub fn finish(mut self) -> Result<(), PackError> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0
            .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(PackError { faults: self.0 })
    }
}
