//! `kepil config …`.

use crate::exit::{Failure, environment, input};
use clap::Subcommand;
use kepil_ledger::policy::Policy;
use kepil_server::config::{Config as NodeConfig, DOCUMENTED};
use std::path::{Path, PathBuf};

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print the default configuration; every key explains itself.
    Print,
    /// Check a file, and the law and registers it names; say what an operator should think about.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Reads a configuration file.
pub fn read(file: &Path) -> Result<NodeConfig, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| environment(format!("reading {}: {e}", file.display())))?;
    NodeConfig::parse(&text).map_err(|e| input(format!("{}: {e}", file.display())))
}

pub fn run(command: &Config, json: bool) -> Result<(), Failure> {
    match command {
        Config::Print => crate::out!("{}", DOCUMENTED.trim_end()),
        Config::Check { file } => {
            let config = read(file)?;
            let law = kepil_server::serve::load_law(&config).map_err(input)?;
            let named = [
                ("ledger.policy", &config.ledger.policy),
                (
                    "ledger.timestamp_certificates",
                    &config.ledger.timestamp_certificates,
                ),
            ];
            for (key, path) in named {
                if let Some(path) = path.as_ref().filter(|path| !path.is_file()) {
                    return Err(input(format!(
                        "`{key}` names {}, which is not a file",
                        path.display()
                    )));
                }
            }
            if let Some(path) = &config.ledger.policy {
                let text = std::fs::read(path)
                    .map_err(|e| environment(format!("reading {}: {e}", path.display())))?;
                Policy::parse(&text).map_err(|e| input(format!("{}: {e}", path.display())))?;
            }
            let mut warnings = config.warnings();
            warnings.extend(kepil_server::people::doubts(&config, &law).map_err(input)?);
            let systems = law.register.systems().count();
            if json {
                crate::out!(
                    "{}",
                    serde_json::json!({"ok": true, "warnings": warnings, "systems": systems, "pack": kepil_gate::record::hex(&law.gate.book().hash)})
                );
            } else {
                crate::out!(
                    "The configuration holds. Listening on {}, data in {}, {systems} registered systems.",
                    config.listen,
                    config.data_dir.display()
                );
                for w in warnings {
                    crate::out!("Think about: {w}");
                }
            }
        }
    }
    Ok(())
}
