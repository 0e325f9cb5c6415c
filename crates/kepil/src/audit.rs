//! `kepil ledger audit` and `kepil auditor …`.

use crate::exit::{Failure, environment, input};
use clap::{Args, Subcommand};
use kepil_auditor::{AuditArgs, RunError, ServeArgs, run_audit, run_serve};
use kepil_ledger::error::in_one_line;
use std::path::PathBuf;

/// What an audit and an auditor have in common.
#[derive(Debug, Args)]
pub struct Common {
    /// The log's public key (vkey), got from somebody you trust.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The policy: log keys, witnesses and auditors, and how many of them it takes.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A witness to compare with, beside those of the policy; may be repeated.
    #[arg(long = "witness", value_name = "URL")]
    witnesses: Vec<String>,
    /// A second address or folder of the same log to compare with.
    #[arg(long, value_name = "PLACE")]
    mirror: Option<String>,
    /// File with the token that gives an auditor the records.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Greatest age of the newest checkpoint, in seconds.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    max_age: u64,
    /// Time one call over the network may take, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

/// Follow a log as an auditor.
#[derive(Debug, Args)]
pub struct Audit {
    /// Address of a node, or folder.
    place: String,
    /// The auditor's own folder: what it has seen of the log.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    #[command(flatten)]
    common: Common,
    /// PLACE is a folder with `audit/v1/records` beside the log: replay them.
    #[arg(long)]
    records: bool,
    /// Begin a new folder with another auditor's saved replay (its file `replay`).
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

/// What can be done with an auditor.
#[derive(Debug, Subcommand)]
pub enum Auditor {
    /// Follow a log and cosign what held, by the protocol of witnesses.
    Serve {
        /// Address of a node, or folder.
        place: String,
        /// The auditor's folder: its keys, and what it has seen of the log.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8093", value_name = "ADDR")]
        listen: String,
        /// The auditor's name, best a web address without scheme.
        #[arg(long)]
        name: String,
        /// Seconds between two rounds of following.
        #[arg(long, default_value_t = 5, value_name = "SECONDS")]
        every: u64,
        #[command(flatten)]
        common: Common,
    },
}

pub fn run(args: &Audit, json: bool) -> Result<(), Failure> {
    let common = &args.common;
    let now = (kepil_witness::system_clock())();
    let report = run_audit(
        &AuditArgs {
            place: args.place.clone(),
            state: args.state.clone(),
            key: common.key.clone(),
            policy: common.policy.clone(),
            witnesses: common.witnesses.clone(),
            mirror: common.mirror.clone(),
            token_file: common.token_file.clone(),
            with_records: args.records,
            snapshot: args.snapshot.clone(),
            max_age: common.max_age,
            timeout_secs: common.timeout,
        },
        now,
    )
    .map_err(|e| failure(&e))?;
    if json {
        crate::out!("{}", serde_json::to_string(&report).map_err(input)?);
    } else {
        crate::out!("{report}");
    }
    match report.exit {
        0 => Ok(()),
        1 => Err(Failure::Finding),
        _ => Err(environment("the audit is not complete")),
    }
}

pub fn run_auditor(command: &Auditor) -> Result<(), Failure> {
    let Auditor::Serve {
        place,
        dir,
        listen,
        name,
        every,
        common,
    } = command;
    let args = ServeArgs {
        dir: dir.clone(),
        name: name.clone(),
        place: place.clone(),
        key: common.key.clone(),
        policy: common.policy.clone(),
        witnesses: common.witnesses.clone(),
        mirror: common.mirror.clone(),
        token_file: common.token_file.clone(),
        every_secs: *every,
        max_age: common.max_age,
        timeout_secs: common.timeout,
    };
    crate::witness::serving(listen, |listener| async move {
        eprintln!("The auditor {} follows {}.", args.name, args.place);
        run_serve(
            &args,
            listener,
            kepil_witness::system_clock(),
            crate::serve::stopped(),
        )
        .await
        .map_err(|e| failure(&e))
    })
}

fn failure(error: &RunError) -> Failure {
    let text = in_one_line(error);
    if error.is_input() {
        input(text)
    } else {
        environment(text)
    }
}
