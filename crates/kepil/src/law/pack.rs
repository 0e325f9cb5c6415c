//! Which law pack a command works with.

use crate::exit::{Failure, environment, input};
use clap::Args;
use kepil_gate::Gate;
use kepil_law::StatuteBook;
use kepil_law::pack::{File, Options, load};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The pack to use.
#[derive(Debug, Clone, Args)]
pub struct PackArg {
    /// A folder with a law pack instead of the one inside this binary.
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
    /// Leave the assumed acts out, as a gate in service does.
    #[arg(long)]
    pub no_assumed: bool,
    /// A pack in the making: let rules without a worked case through.
    #[arg(long)]
    pub draft: bool,
}

impl PackArg {
    /// The files of the pack.
    pub fn files(&self) -> Result<Vec<File>, Failure> {
        match &self.pack {
            None => Ok(kepil_packs::kz()),
            Some(dir) => read(dir),
        }
    }

    /// What to load of it.
    pub fn options(&self) -> Options {
        Options {
            assumed: !self.no_assumed,
            draft: self.draft,
        }
    }

    /// The pack, loaded.
    pub fn book(&self) -> Result<StatuteBook, Failure> {
        load(&self.files()?, self.options()).map_err(input)
    }

    /// The gate over the pack.
    pub fn gate(&self) -> Result<Gate, Failure> {
        Gate::new(Arc::new(self.book()?)).map_err(input)
    }
}

/// Reads a pack from a folder.
pub fn read(dir: &Path) -> Result<Vec<File>, Failure> {
    let mut out = Vec::new();
    walk(dir, dir, &mut out)?;
    Ok(out)
}

fn walk(root: &Path, dir: &Path, out: &mut Vec<File>) -> Result<(), Failure> {
    let say = |p: &Path, e: std::io::Error| environment(format!("reading {}: {e}", p.display()));
    for entry in std::fs::read_dir(dir).map_err(|e| say(dir, e))? {
        let path = entry.map_err(|e| say(dir, e))?.path();
        if path.is_dir() {
            walk(root, &path, out)?;
            continue;
        }
        let wanted = path
            .extension()
            .is_some_and(|e| ["md", "yaml", "cedarschema"].iter().any(|x| e == *x));
        if wanted {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            let text = std::fs::read_to_string(&path).map_err(|e| say(&path, e))?;
            out.push((name, text));
        }
    }
    Ok(())
}
