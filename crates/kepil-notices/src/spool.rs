//! Short messages, laid into a folder for the operator's own modem or gateway program.
//!
//! `out/<id>.json` is a message; the program takes the file away and sends it. When it knows what
//! became of it, it lays `receipts/<id>.json` down, under another name first and then renamed:
//! `{"delivered": true, "receipt": "…"}` or `{"delivered": false, "receipt": "why"}`. Only that
//! receipt proves the delivery.

use crate::delivery::{Outcome, Proof};
use crate::id::NoticeId;
use crate::message::Message;
use crate::sender::{Accepted, Receipt, Refused, Sender};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Largest receipt that is read, bytes, and how many are read at a time.
const RECEIPT: u64 = 64 * 1024;
const AT_A_TIME: usize = 1000;

/// Longest receipt that is kept, characters.
const KEPT: usize = 300;

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("preparing the folder of short messages {}", path.display())]
pub struct SpoolError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    id: String,
    to: &'a str,
    lang: &'static str,
    text: &'a str,
}

#[derive(Deserialize)]
struct Incoming {
    delivered: bool,
    #[serde(default)]
    receipt: String,
}

/// The folder.
#[derive(Debug)]
pub struct Spool {
    out: PathBuf,
    receipts: PathBuf,
}

impl Spool {
    /// Uses a folder; it and its parts are made if they are not there.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let spool = Self {
            out: folder.join("out"),
            receipts: folder.join("receipts"),
        };
        for path in [&spool.out, &spool.receipts] {
            fs::create_dir_all(path).map_err(|source| SpoolError {
                path: path.clone(),
                source,
            })?;
        }
        Ok(spool)
    }

    fn lay(&self, to: &str, message: &Message) -> io::Result<()> {
        let outgoing = Outgoing {
            id: message.id.to_string(),
            to,
            lang: message.lang.code(),
            text: &message.short,
        };
        let new = self.out.join(format!(".{}.new", message.id));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o640)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(&outgoing)?)?;
        file.sync_all()?;
        fs::rename(&new, self.out.join(format!("{}.json", message.id)))?;
        File::open(&self.out)?.sync_all()
    }

    fn receipt(&self, id: NoticeId) -> PathBuf {
        self.receipts.join(format!("{id}.json"))
    }
}

impl Sender for Spool {
    fn send(&self, to: &str, message: &Message) -> Result<Accepted, Refused> {
        match self.lay(to, message) {
            Ok(()) => Ok(Accepted::Handed),
            Err(error) => Err(Refused::Temporary(format!(
                "the message could not be laid down: {error}"
            ))),
        }
    }

    fn receipts(&self) -> Vec<Receipt> {
        let Ok(entries) = fs::read_dir(&self.receipts) else {
            return Vec::new();
        };
        let names = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            NoticeId::parse(name.strip_suffix(".json")?).ok()
        });
        let read = names.filter_map(|id| {
            let mut text = String::new();
            let file = File::open(self.receipt(id)).ok()?;
            file.take(RECEIPT).read_to_string(&mut text).ok()?;
            let outcome = match serde_json::from_str::<Incoming>(&text) {
                Ok(said) => {
                    let receipt: String = said.receipt.chars().take(KEPT).collect();
                    if said.delivered {
                        Outcome::Proven(Proof::Receipt { receipt })
                    } else {
                        Outcome::Permanent(receipt)
                    }
                }
                // Not ours to guess at: it stays where the operator finds it.
                Err(_) => return None,
            };
            Some(Receipt { id, outcome })
        });
        read.take(AT_A_TIME).collect()
    }

    fn settle(&self, id: NoticeId) {
        // What stays behind is given again, and changes nothing.
        let _ = fs::remove_file(self.receipt(id));
    }
}
