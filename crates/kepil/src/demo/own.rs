//! One of the invented people asks who used her data.

use crate::client::Client;
use crate::exit::{Failure, environment};
use kepil_chronicle::Chronicle;
use kepil_ledger::anchor::Anchor;
use kepil_ledger::completeness::{Expectation, check};
use kepil_ledger::period::Period;
use kepil_ledger::person::PersonKeys;
use kepil_ledger::policy::Policy;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who asks, and for which month: the person with the longest list.
pub struct Asker {
    pub person: String,
    pub period: Period,
    pub secret: PathBuf,
}

/// Finds the person with the longest list of a month, and writes down the person's secret.
pub fn choose(
    chronicle: &Chronicle,
    persons: &[String],
    dir: &Path,
) -> Result<Option<Asker>, Failure> {
    let mut best: Option<(usize, String, Period)> = None;
    for person in persons {
        let keys = chronicle
            .person(&format!("person:{person}"))
            .map_err(environment)?;
        for (period, _) in chronicle.book().months() {
            let uses = chronicle
                .book()
                .entries(period, &keys.tag(period))
                .map_err(environment)?;
            if uses.len() > best.as_ref().map_or(0, |(count, ..)| *count) {
                best = Some((uses.len(), person.clone(), period));
            }
        }
    }
    let Some((_, person, period)) = best else {
        return Ok(None);
    };
    let secret = dir.join("person.secret");
    let key = chronicle
        .keys()
        .person(&format!("person:{person}"))
        .map_err(environment)?;
    let text = format!("{}\n", kepil_gate::record::hex(key.secret.as_bytes()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&secret)
        .map_err(environment)?;
    file.write_all(text.as_bytes()).map_err(environment)?;
    Ok(Some(Asker {
        person,
        period,
        secret,
    }))
}

/// Fetches the list over HTTP and checks it as the person would; gives the number of entries.
pub fn ask(asker: &Asker, base: &str, now: u64) -> Result<usize, Failure> {
    let text = std::fs::read_to_string(&asker.secret).map_err(environment)?;
    let (pairs, _) = text.trim().as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let secret: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let secret = secret.and_then(|bytes| bytes.try_into().ok());
    let keys = PersonKeys::new(secret.ok_or_else(|| environment("the secret was not written"))?);
    let client = Client::new(base);
    let path = format!("/my/v1/uses/{}", asker.period.number());
    let time = now.to_string();
    let mac = kepil_server::my::code(keys.request_key(), &path, &time);
    let person = &asker.person;
    let header = format!("Kepil-Person subject=\"{person}\", time=\"{time}\", mac=\"{mac}\"");
    let file = client.bytes(&path, &header)?;
    let policy = Policy::parse(client.text("/log/policy")?.as_bytes()).map_err(environment)?;
    let anchor = Anchor::parse(&client.text("/log/anchor")?).map_err(environment)?;
    let expectation = Expectation {
        person: &keys,
        period: asker.period,
        policy: &policy,
        anchor: &anchor,
        now,
        max_age: 3600,
        memory: None,
    };
    let verified = check(&file, &expectation).map_err(environment)?;
    Ok(verified.count)
}
