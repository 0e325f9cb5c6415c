//! `kepil person …`: the own list of uses, and the check that it is complete.

use crate::client::Client;
use crate::exit::{Failure, environment, input};
use clap::Subcommand;
use kepil_ledger::anchor::Anchor;
use kepil_ledger::completeness::{Expectation, FaultCode, Memory, Noted, Verified, check};
use kepil_ledger::entry::{Commitment, KeepingKind};
use kepil_ledger::hash::Hash;
use kepil_ledger::period::Period;
use kepil_ledger::person::PersonKeys;
use kepil_ledger::policy::Policy;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a person can do with the own secret.
#[derive(Debug, Subcommand)]
pub enum Person {
    /// Fetch the own list of a month from a node, and check that it is complete.
    List {
        /// Address of the node.
        url: String,
        /// The own reference in the register.
        #[arg(long)]
        person: String,
        #[command(flatten)]
        own: Own,
        /// Keep the proof file.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Check an archive that a node gave out: that its log signed it, and nothing was changed.
    Export {
        /// The archive, `kepil.zip`, or the folder it unpacks to.
        file: PathBuf,
        /// The log's key, as it stands at `/log/key` of the node: the text, or a file with it.
        #[arg(long)]
        key: String,
    },
    /// Check a proof file that was kept.
    Check {
        /// The proof file.
        file: PathBuf,
        #[command(flatten)]
        own: Own,
    },
}

/// What a check needs beside the proof.
#[derive(Debug, clap::Args)]
pub struct Own {
    /// File with the own secret: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// The month, such as 202611 or 2026-11; this month if left out.
    #[arg(long, value_parser = month)]
    period: Option<Period>,
    /// Policy (C2SP tlog-policy) from somebody you trust; without it the node's own is used, which
    /// proves less.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Anchor document with the gates' keys; without it the node's own is used.
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Folder in which the last result is remembered: a list that shrinks is found.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Seconds for which the witnesses' signatures stay fresh.
    #[arg(long, default_value_t = 3600)]
    max_age: u64,
}

/// A month as people write it.
fn month(text: &str) -> Result<Period, String> {
    let number = text.replacen('-', "", 1).parse().ok();
    let period = number.and_then(Period::new);
    period.ok_or_else(|| "a month is written as 202611 or 2026-11".to_owned())
}

pub fn run(command: &Person, json: bool) -> Result<(), Failure> {
    match command {
        Person::List {
            url,
            person,
            own,
            save,
        } => list(url, person, own, save.as_deref(), json),
        Person::Export { file, key } => crate::export::check(file, key, json),
        Person::Check { file, own } => {
            let (policy, anchor) = (own.policy.as_deref(), own.anchor.as_deref());
            let (Some(policy), Some(anchor)) = (policy, anchor) else {
                return Err(input(
                    "give --policy and --anchor: a kept proof names no node to ask",
                ));
            };
            let proof = read(file)?;
            report(
                own,
                &keys(&own.secret)?,
                &proof,
                &text(policy)?,
                &text(anchor)?,
                json,
            )
        }
    }
}

fn list(
    url: &str,
    person: &str,
    own: &Own,
    save: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let keys = keys(&own.secret)?;
    let client = Client::new(url);
    let period = own.month()?;
    let path = format!("/my/v1/uses/{}", period.number());
    let time = now().to_string();
    let code = kepil_server::my::code(keys.request_key(), &path, &time);
    let header = format!("Kepil-Person subject=\"{person}\", time=\"{time}\", mac=\"{code}\"");
    let proof = client.bytes(&path, &header).map_err(|failure| match failure {
        Failure::Environment(said) if said.contains("401") => {
            input("the node does not know this person with this secret; look at both")
        }
        Failure::Environment(said) if said.contains("404") => input(format!(
            "there is no list of {period} for this person: in no register and in no entry of that month"
        )),
        other => other,
    })?;
    if let Some(file) = save {
        std::fs::write(file, &proof)
            .map_err(|e| environment(format!("writing {}: {e}", file.display())))?;
    }
    let policy = match &own.policy {
        Some(file) => text(file)?,
        None => client.text("/log/policy")?,
    };
    let anchor = match &own.anchor {
        Some(file) => text(file)?,
        None => client.text("/log/anchor")?,
    };
    report(own, &keys, &proof, &policy, &anchor, json)
}

impl Own {
    fn month(&self) -> Result<Period, Failure> {
        Ok(self.period.unwrap_or_else(|| Period::of_secs(now())))
    }

    fn remembered(&self, period: Period) -> Option<PathBuf> {
        let folder = self.state.as_ref()?;
        Some(folder.join(format!("list-{}.json", period.number())))
    }
}

/// What is remembered from the last time.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    size: u64,
    entries: Vec<(u64, String)>,
}

impl Remembered {
    fn memory(self) -> Option<Memory> {
        let entries = self.entries.into_iter().map(|(index, commitment)| {
            Some((
                index,
                Commitment::from_hash(Hash::from_base64(&commitment)?),
            ))
        });
        Some(Memory {
            size: self.size,
            entries: entries.collect::<Option<_>>()?,
        })
    }

    fn of(memory: &Memory) -> Self {
        let entries = memory.entries.iter();
        Self {
            size: memory.size,
            entries: entries
                .map(|(index, commitment)| (*index, commitment.as_hash().to_base64()))
                .collect(),
        }
    }
}

fn report(
    own: &Own,
    keys: &PersonKeys,
    proof: &[u8],
    policy: &str,
    anchor: &str,
    json: bool,
) -> Result<(), Failure> {
    let period = own.month()?;
    let policy = Policy::parse(policy.as_bytes()).map_err(input)?;
    let anchor = Anchor::parse(anchor).map_err(input)?;
    let kept = own.remembered(period);
    let memory = match kept.as_ref().map(std::fs::read) {
        Some(Ok(bytes)) => {
            let read: Remembered = serde_json::from_slice(&bytes).map_err(input)?;
            Some(
                read.memory()
                    .ok_or_else(|| input("the remembered list cannot be read"))?,
            )
        }
        _ => None,
    };
    let expectation = Expectation {
        person: keys,
        period,
        policy: &policy,
        anchor: &anchor,
        now: now(),
        max_age: own.max_age,
        memory: memory.as_ref(),
    };
    match check(proof, &expectation) {
        Ok(verified) => {
            if let Some(path) = kept {
                let folder = path.parent().unwrap_or(Path::new("."));
                let text = serde_json::to_vec(&Remembered::of(&verified.memory)).map_err(input)?;
                std::fs::create_dir_all(folder)
                    .and_then(|()| std::fs::write(&path, text))
                    .map_err(|e| environment(format!("writing {}: {e}", path.display())))?;
            }
            say(&verified, period, policy.has_quorum(), json);
            if verified.overdue == 0 {
                Ok(())
            } else {
                Err(Failure::Finding)
            }
        }
        Err(fault) => {
            if json {
                let entry = fault.entry;
                crate::out!(
                    "{}",
                    serde_json::json!({"code": fault.code, "entry": entry, "meaning": fault.code.meaning()})
                );
            } else {
                crate::out!("The list is NOT proved: {}.", fault.code.meaning());
                if let Some(index) = fault.entry {
                    crate::out!("It concerns entry {index}.");
                }
                match fault.code {
                    FaultCode::Malformed => {}
                    FaultCode::Stale => crate::out!(
                        "A proof that was kept gets old: --max-age says how many seconds are good enough."
                    ),
                    _ => crate::out!(
                        "Look first whether the month ({period}), the secret, the policy and the anchor are those of \
                         this file. If they are, keep it: it is signed evidence."
                    ),
                }
            }
            Err(Failure::Finding)
        }
    }
}

/// Why an entry is not shown, until when, and on what ground.
fn noted(why: &Noted) -> (&'static str, Option<u64>, Option<&str>) {
    match why {
        Noted::Erased => ("erased", None, None),
        Noted::KeptBack {
            kind,
            until,
            ground,
        } => (
            match kind {
                KeepingKind::Deferred => "deferred by a judge",
                KeepingKind::Withheld => "withheld for another person's secrecy",
            },
            Some(*until).filter(|until| *until != 0),
            Some(ground),
        ),
    }
}

fn say(verified: &Verified, period: Period, has_quorum: bool, json: bool) {
    if json {
        let uses: Vec<_> = verified
            .opened
            .iter()
            .map(|entry| {
                let p = &entry.payload;
                serde_json::json!({
                    "index": entry.index, "at_ms": p.at_ms, "system": p.system, "official": p.official,
                    "operation": p.operation, "purpose": p.purpose, "data": p.categories,
                    "fields": p.fields, "verdict": p.verdict, "grounds": p.grounds, "tests": p.tests,
                    "outcome": p.outcome, "intent": p.intent, "sealed": p.sealed, "order": p.order,
                })
            })
            .collect();
        let not_shown: Vec<_> = verified
            .noted
            .iter()
            .map(|entry| {
                let (why, until, ground) = noted(&entry.why);
                serde_json::json!({
                    "index": entry.index, "notice": entry.notice, "why": why,
                    "until": until, "ground": ground,
                })
            })
            .collect();
        crate::out!(
            "{}",
            serde_json::json!({"code": "ok", "period": period.number(), "result": verified, "uses": uses, "not_shown": not_shown})
        );
        return;
    }
    for entry in &verified.opened {
        let p = &entry.payload;
        let when = kepil_terms::Instant::from_ms(i64::try_from(p.at_ms).unwrap_or(0)).to_rfc3339();
        let sealed = p
            .sealed
            .map(|at| format!(", sealed until now at entry {at}"));
        let sealed = sealed.unwrap_or_default();
        if let Some(intent) = p.intent {
            crate::out!(
                "{when}  entry {}: outcome of entry {intent}: {}{sealed}",
                entry.index,
                p.outcome
            );
        } else {
            crate::out!(
                "{when}  entry {}: {} {} {}: {} ({}), verdict {}{sealed}",
                entry.index,
                p.system,
                p.official,
                p.operation,
                p.categories.join(", "),
                p.purpose,
                p.verdict
            );
        }
    }
    for entry in &verified.noted {
        let (why, until, ground) = noted(&entry.why);
        let until = until.map_or_else(String::new, |until| format!(" until {}", at(until)));
        let ground = ground.map_or_else(String::new, |ground| format!(": {ground}"));
        crate::out!(
            "entry {}: {why}{until}, under the notice at entry {}{ground}",
            entry.index,
            entry.notice
        );
    }
    let whole = match verified.count {
        0 => "There is no access to your data",
        _ => "\nThese are all accesses to your data",
    };
    crate::out!(
        "{whole} in {period}, up to {}, except ones that a court keeps sealed: how many there are in all, of whomever, \
         the log counts in public.",
        at(verified.complete_until)
    );
    crate::out!(
        "{} entries: {} shown, {} erased, {} deferred, {} withheld, {} not opened here.",
        verified.count,
        verified.shown,
        verified.erased,
        verified.deferred,
        verified.withheld,
        verified.not_opened
    );
    let closed = match verified.closed {
        true => "; the month is closed",
        false => "",
    };
    match has_quorum {
        true => crate::out!(
            "Witnesses and auditors of the policy vouch for the log up to {}{closed}.",
            at(verified.cosigned_until)
        ),
        false => crate::out!(
            "The policy asks for nobody beside the log itself: its own word is all there is{closed}."
        ),
    }
    if verified.overdue > 0 {
        crate::out!(
            "{} entries are kept back beyond their day: complain.",
            verified.overdue
        );
    }
}

fn at(secs: u64) -> String {
    let ms = i64::try_from(secs.saturating_mul(1000)).unwrap_or(i64::MAX);
    kepil_terms::Instant::from_ms(ms).to_rfc3339()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| environment(format!("reading {}: {e}", file.display())))
}

fn text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read(file)?).map_err(|_| input(format!("{} is not text", file.display())))
}

fn keys(file: &Path) -> Result<PersonKeys, Failure> {
    let text = text(file)?;
    let (pairs, rest) = text.trim().as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let secret: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    match secret.filter(|_| rest.is_empty()) {
        Some(secret) => Ok(PersonKeys::new(secret)),
        None => Err(input(format!(
            "{}: the secret is 64 hexadecimal digits",
            file.display()
        ))),
    }
}
