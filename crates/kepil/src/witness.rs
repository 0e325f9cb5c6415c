//! `kepil witness …`.

use crate::exit::{Failure, environment, input};
use clap::Subcommand;
use kepil_ledger::error::in_one_line;
use kepil_ledger::note::{KeyName, VerifyingKey};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What can be done with a witness.
#[derive(Debug, Subcommand)]
pub enum Witness {
    /// Cosign the checkpoints of logs, by the C2SP protocol of witnesses.
    Serve {
        /// The witness's folder: its keys, and the last checkpoint of each log.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8092", value_name = "ADDR")]
        listen: String,
        /// The witness's name, best a web address without scheme.
        #[arg(long)]
        name: String,
        /// Public key (vkey) of a log to witness; may be repeated.
        #[arg(long = "log", value_name = "VKEY", required = true)]
        logs: Vec<String>,
    },
}

pub fn run(command: &Witness) -> Result<(), Failure> {
    let Witness::Serve {
        dir,
        listen,
        name,
        logs,
    } = command;
    let name = KeyName::new(name).map_err(input)?;
    let logs = logs
        .iter()
        .map(|key| VerifyingKey::parse(key))
        .collect::<Result<Vec<_>, _>>()
        .map_err(input)?;
    let witness =
        kepil_witness::Witness::open(dir, &name, logs).map_err(|e| environment(in_one_line(&e)))?;
    for key in witness.keys() {
        eprintln!("{key}");
    }
    serving(listen, |listener| async move {
        kepil_witness::serve(
            listener,
            Arc::new(witness),
            kepil_witness::system_clock(),
            crate::serve::stopped(),
        )
        .await
        .map_err(environment)
    })
}

/// Listens and serves until Ctrl-C or SIGTERM.
pub fn serving<F>(listen: &str, serve: impl FnOnce(TcpListener) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    crate::serve::logs(&kepil_server::Config::default().log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(environment)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|e| environment(format!("listening on {listen}: {e}")))?;
        let at = listener.local_addr().map_err(environment)?;
        eprintln!("Listening on http://{at}. Stop with Ctrl-C.");
        serve(listener).await
    })
}
