//! `kepil store …`: what lies in a node's folder, checked and made again.

use crate::exit::{Failure, environment, input};
use clap::Subcommand;
use kepil_chronicle::KeyBooker;
use kepil_ledger::note::VerifyingKey;
use kepil_server::Config;
use kepil_server::serve::system_clock;
use kepil_store::draft::Booker;
use kepil_store::keys::KeyFile;
use kepil_store::log::{self, How, Options};
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
    /// Make the published files and the book again from the log, and compare them with what stands.
    Rebuild {
        #[command(flatten)]
        place: Place,
        /// Put what was made in the place of what differs.
        #[arg(long)]
        replace: bool,
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
    /// Folder of the keys, if it is not in the data folder.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// File with the secret that encrypts the keys, if it is not in the data folder.
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
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
        let mut config = Config {
            data_dir: self.data.clone(),
            ..Config::default()
        };
        config.ledger.keys_dir.clone_from(&self.keys);
        config.ledger.root_key.clone_from(&self.root_key);
        let keys = self.keys.clone().unwrap_or_else(|| self.data.join("keys"));
        if !keys.is_dir() {
            return Err(input(format!(
                "{} holds no keys; name their folder with --keys, or go without with --without-keys",
                keys.display()
            )));
        }
        let keys = kepil_server::ledger::open_keys(&config).map_err(environment)?;
        Ok(Some(Arc::new(KeyBooker::new(Arc::new(keys)))))
    }
}

pub fn run(command: &Store, json: bool) -> Result<(), Failure> {
    match command {
        Store::Check { place } => check(place, json),
        Store::Rebuild { place, replace } => rebuild(place, *replace, json),
    }
}

fn rebuild(place: &Place, replace: bool, json: bool) -> Result<(), Failure> {
    let ledger = place.data.join("ledger");
    let key = place.key(&ledger)?;
    let seed = KeyFile::load(&place.data.join("log.key")).map_err(environment)?;
    let mut options = Options::new(key.name().clone(), *seed.seed(), system_clock());
    options.booker = place.booker()?;
    let report = log::rebuild(&ledger, &options, replace).map_err(|e| {
        let cause = std::error::Error::source(&e)
            .map(|s| format!(": {s}"))
            .unwrap_or_default();
        environment(format!("{e}{cause}"))
    })?;
    if json {
        let differences: Vec<_> = report
            .differences
            .iter()
            .map(|d| serde_json::json!({"file": d.file, "how": format!("{:?}", d.how)}))
            .collect();
        crate::out!(
            "{}",
            serde_json::json!({"entries": report.entries, "published": report.published, "unreadable": report.unreadable, "differences": differences, "replaced": report.is_replaced})
        );
    } else {
        crate::out!(
            "{} entries read, {} of them published.",
            report.entries,
            report.published
        );
        for d in &report.differences {
            let how = match d.how {
                How::Missing => "is missing".to_owned(),
                How::Different { offset } => format!("differs from byte {offset} on"),
                How::Extra => "is nothing that the log makes".to_owned(),
            };
            crate::out!("  {}: {how}", d.file.display());
        }
        if report.unreadable > 0 {
            crate::out!(
                "{} bookings cannot be read any more: their month was erased.",
                report.unreadable
            );
        }
        crate::out!(
            "{}",
            match (report.differences.is_empty(), report.is_replaced) {
                (true, _) => "Everything that stands is what the log makes.",
                (false, true) => "What was made again stands in its place now.",
                (false, false) => "Nothing was changed; --replace puts what was made in its place.",
            }
        );
    }
    if report.differences.is_empty() || report.is_replaced {
        Ok(())
    } else {
        Err(Failure::Finding)
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
