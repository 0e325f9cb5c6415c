//! `kepil store …`: what lies in a node's folder, checked and made again.

use crate::exit::{Failure, environment, input};
use clap::Subcommand;
use kepil_chronicle::KeyBooker;
use kepil_ledger::note::VerifyingKey;
use kepil_server::Config;
use kepil_store::draft::Booker;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can be done with the files of a node.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read every file, change nothing, and name what is damaged and which entries it touches.
    Check {
        #[command(flatten)]
        place: Place,
    },
}

/// Where the data are.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The data folder of a node that does not run, or a copy.
    #[arg(long, value_name = "DIR", default_value = "kepil-data")]
    data: PathBuf,
    /// The log's public key, got from somebody you trust; the folder's own if left out.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// Do not use the keys: the maps and lists of persons are then not checked.
    #[arg(long)]
    without_keys: bool,
}

impl Place {
    fn key(&self, ledger: &Path) -> Result<VerifyingKey, Failure> {
        let text = match &self.key {
            Some(key) => key.clone(),
            None => {
                let path = ledger.join("log").join("key");
                std::fs::read_to_string(&path).map_err(|e| {
                    environment(format!(
                        "reading {}: {e}; give the key with --key",
                        path.display()
                    ))
                })?
            }
        };
        VerifyingKey::parse(text.trim()).map_err(|e| input(format!("the log's key: {e}")))
    }

    fn booker(&self) -> Result<Option<Arc<dyn Booker>>, Failure> {
        if self.without_keys {
            return Ok(None);
        }
        let config = Config {
            data_dir: self.data.clone(),
            ..Config::default()
        };
        let keys = kepil_server::ledger::open_keys(&config).map_err(environment)?;
        Ok(Some(Arc::new(KeyBooker::new(Arc::new(keys)))))
    }
}

pub fn run(command: &Store, json: bool) -> Result<(), Failure> {
    match command {
        Store::Check { place } => check(place, json),
    }
}

/// Shows how far a reading has come: a bar on a terminal, plain lines otherwise.
pub fn progress() -> impl FnMut(u64, u64) {
    let bar = indicatif::ProgressBar::new(0);
    let mut said = 0;
    move |done, of| {
        bar.set_length(of);
        bar.set_position(done);
        let tenth = done.saturating_mul(10).checked_div(of).unwrap_or(0);
        if bar.is_hidden() && tenth > said {
            said = tenth;
            eprintln!("{tenth}0 %");
        }
        if done >= of {
            bar.finish_and_clear();
        }
    }
}

fn check(place: &Place, json: bool) -> Result<(), Failure> {
    let ledger = place.data.join("ledger");
    if !ledger.is_dir() {
        return Err(input(format!(
            "{} is not the data folder of a node",
            place.data.display()
        )));
    }
    let key = place.key(&ledger)?;
    let report = kepil_store::check::check(&ledger, Some(&key), place.booker()?, &mut progress());
    if json {
        crate::out!("{}", serde_json::to_string(&report).map_err(environment)?);
    } else {
        crate::out!(
            "{} entries in {} segments, {} erased rows, {} published files read.",
            report.entries,
            report.segments,
            report.erased_rows,
            report.published_files
        );
        for finding in &report.findings {
            crate::out!("  {finding}");
        }
    }
    if report.is_sound() {
        if !json {
            crate::out!("Everything holds.");
        }
        Ok(())
    } else {
        Err(Failure::Finding)
    }
}
