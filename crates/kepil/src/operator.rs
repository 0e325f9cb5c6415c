//! `kepil operator …`: what an operator does on somebody's order, each an entry in the log.

use crate::client::Client;
use crate::exit::{Failure, environment};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Where the node is, and the operator's token.
#[derive(Debug, clap::Args)]
pub struct Node {
    /// Address of the node.
    #[arg(long, default_value = "http://127.0.0.1:8640")]
    url: String,
    /// The operator's token: operator.token in the data folder.
    #[arg(long, value_name = "FILE", default_value = "kepil-data/operator.token")]
    token: PathBuf,
}

/// What an operator can do.
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Erase the rows of entries: what they said is gone, that they were stays.
    EraseRows {
        /// Indexes of the entries.
        #[arg(required = true)]
        entries: Vec<u64>,
        /// The legal basis.
        #[arg(long)]
        basis: String,
        #[command(flatten)]
        node: Node,
    },
    /// Erase a person's key and all rows about the person.
    ErasePerson {
        /// The person, by the register's reference.
        person: String,
        /// The legal basis.
        #[arg(long)]
        basis: String,
        #[command(flatten)]
        node: Node,
    },
    /// Erase a month that is over: its map and all of its rows.
    EraseMonth {
        /// The month, such as 202611.
        period: u32,
        /// The legal basis.
        #[arg(long)]
        basis: String,
        #[command(flatten)]
        node: Node,
    },
    /// Keep the content of an entry back for a third person's secrecy.
    Withhold {
        /// Index of the entry.
        entry: u64,
        /// The ground, which the person reads.
        #[arg(long)]
        ground: String,
        /// Until when, Unix seconds.
        #[arg(long, default_value_t = 0)]
        until: u64,
        #[command(flatten)]
        node: Node,
    },
    /// Put the notice of an entry off on a judge's order.
    Defer {
        /// Index of the entry.
        entry: u64,
        /// The order, which the person reads.
        #[arg(long)]
        ground: String,
        /// Until when, Unix seconds.
        #[arg(long)]
        until: u64,
        #[command(flatten)]
        node: Node,
    },
    /// Keep a sealed entry sealed for longer on a court's order.
    Extend {
        /// Index of the sealed entry.
        entry: u64,
        /// The new month at whose end it opens.
        #[arg(long)]
        until_month: u32,
        /// The order.
        #[arg(long)]
        order: String,
        #[command(flatten)]
        node: Node,
    },
    /// Print a person's own secret, to be handed to the person.
    PersonKey {
        /// The person, by the register's reference.
        person: String,
        #[command(flatten)]
        node: Node,
    },
    /// Encrypt the keys under a fresh key; older copies of them cannot be opened afterwards.
    RotateKeys {
        #[command(flatten)]
        node: Node,
    },
    /// Announce a new key of the log, in the log; from a moment on it signs beside the present one.
    NewLogKey {
        /// The moment: a day such as 2027-01-31, or an instant with its offset.
        #[arg(long, value_parser = moment)]
        from: u64,
        #[command(flatten)]
        node: Node,
    },
    /// Open an account for somebody whose identity was checked; print its number and a code.
    OpenAccount {
        /// The register's reference of the person or the office.
        reference: String,
        /// What the holder is.
        #[arg(long, default_value = "citizen", value_parser = ["citizen", "foreigner", "official", "supervisor", "operator"])]
        role: String,
        /// How the identity was checked.
        #[arg(long)]
        method: String,
        #[command(flatten)]
        node: Node,
    },
    /// Take all ways into an account away and end its sessions, as when they may be in other hands
    /// or the holder has left; open-account gives a code to come back with.
    ShutAccount {
        /// The register's reference of the person or the office.
        reference: String,
        /// What the holder is.
        #[arg(long, default_value = "citizen", value_parser = ["citizen", "foreigner", "official", "supervisor", "operator"])]
        role: String,
        /// Why, and on whose order.
        #[arg(long)]
        basis: String,
        #[command(flatten)]
        node: Node,
    },
    /// Let the new key of the log sign alone from the next start on.
    RetireLogKey {
        #[command(flatten)]
        node: Node,
    },
}

/// A moment, for people.
fn day(secs: u64) -> String {
    let ms = i64::try_from(secs.saturating_mul(1000)).unwrap_or(i64::MAX);
    kepil_terms::Instant::from_ms(ms).to_rfc3339()
}

/// Unix seconds of a day or an instant.
fn moment(text: &str) -> Result<u64, String> {
    let instant = kepil_terms::instant::day_or_instant(text).map_err(|e| e.to_string())?;
    u64::try_from(instant.ms() / 1000).map_err(|_| "it lies before 1970".to_owned())
}

impl Operator {
    fn order(&self) -> (Value, &Node) {
        match self {
            Self::EraseRows {
                entries,
                basis,
                node,
            } => (
                json!({"do": "erase_rows", "entries": entries, "basis": basis}),
                node,
            ),
            Self::ErasePerson {
                person,
                basis,
                node,
            } => (
                json!({"do": "erase_person", "person": person, "basis": basis}),
                node,
            ),
            Self::EraseMonth {
                period,
                basis,
                node,
            } => (
                json!({"do": "erase_month", "period": period, "basis": basis}),
                node,
            ),
            Self::Withhold {
                entry,
                ground,
                until,
                node,
            } => (
                json!({"do": "withhold", "entry": entry, "ground": ground, "until": until}),
                node,
            ),
            Self::Defer {
                entry,
                ground,
                until,
                node,
            } => (
                json!({"do": "defer", "entry": entry, "ground": ground, "until": until}),
                node,
            ),
            Self::Extend {
                entry,
                until_month,
                order,
                node,
            } => (
                json!({"do": "extend", "entry": entry, "until_month": until_month, "order": order}),
                node,
            ),
            Self::PersonKey { person, node } => {
                (json!({"do": "person_key", "person": person}), node)
            }
            Self::RotateKeys { node } => (json!({"do": "rotate_keys"}), node),
            Self::NewLogKey { from, node } => (json!({"do": "new_log_key", "from": from}), node),
            Self::OpenAccount {
                reference,
                role,
                method,
                node,
            } => (
                json!({"do": "open_account", "reference": reference, "role": role, "method": method}),
                node,
            ),
            Self::ShutAccount {
                reference,
                role,
                basis,
                node,
            } => (
                json!({"do": "shut_account", "reference": reference, "role": role, "basis": basis}),
                node,
            ),
            Self::RetireLogKey { node } => (json!({"do": "retire_log_key"}), node),
        }
    }
}

pub fn run(command: &Operator, json: bool) -> Result<(), Failure> {
    let (order, node) = command.order();
    let token = std::fs::read_to_string(&node.token)
        .map_err(|e| environment(format!("reading {}: {e}", node.token.display())))?;
    let answer = Client::new(&node.url).post("/admin/v1/orders", token.trim(), &order)?;
    if json {
        crate::out!("{answer}");
        return Ok(());
    }
    let number = |key: &str| answer.get(key).and_then(Value::as_u64);
    if let Some(secret) = answer.get("secret").and_then(Value::as_str) {
        crate::out!("{secret}");
    } else if let Some(number) = answer.get("number").and_then(Value::as_str) {
        let code = answer.get("activation").and_then(Value::as_str);
        crate::out!(
            "Account {number}\nActivation code {}, good once, for a week.",
            code.unwrap_or_default()
        );
    } else if let Some(shut) = answer.get("shut").and_then(Value::as_str) {
        crate::out!(
            "Account {shut} is shut: {} taken away, {} ended.",
            counted(number("ways").unwrap_or_default(), "way"),
            counted(number("sessions").unwrap_or_default(), "session")
        );
    } else if let Some(key) = answer.get("log_key").and_then(Value::as_str) {
        match number("from") {
            Some(from) => crate::out!(
                "Announced in the log. From {} on both keys sign. Give everybody this line of the policy before that:\nlog {key}",
                day(from)
            ),
            None => crate::out!(
                "The new key signs alone once the node has been started anew:\nlog {key}"
            ),
        }
    } else if let Some(notice) = number("notice") {
        match number("rows") {
            Some(rows) => crate::out!(
                "{} erased, under the notice at entry {notice}.",
                counted(rows, "row")
            ),
            None => crate::out!("Done, under the notice at entry {notice}."),
        }
    } else if number("rows") == Some(0) {
        crate::out!("There was nothing to erase in the log.");
    } else {
        crate::out!("Done.");
    }
    if let (Some(cases), Some(notices)) = (number("cases"), number("notices")) {
        crate::out!(
            "Taken out of {}; {} removed.",
            counted(cases, "case"),
            counted(notices, "notice")
        );
    }
    Ok(())
}

/// A count with its noun.
fn counted(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}
