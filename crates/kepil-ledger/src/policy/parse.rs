//! Reading a policy, line by line.

use super::{Group, Log, Member, NONE, Policy, Threshold, Witness};
use crate::cosignature::CosignerKey;
use crate::encoding::decimal;
use crate::note::{KeyError, VerifyingKey};

/// Longest policy that is read, in bytes; an ML-DSA-44 key takes about 1.8 kB.
pub const MAX_POLICY_BYTES: usize = 256 * 1024;

/// Most logs, witnesses and groups each; the specification asks for at least 32.
pub const MAX_LINES_OF_A_KIND: usize = 64;

/// Why bytes are not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The policy is longer than [`MAX_POLICY_BYTES`].
    #[error("reading a policy: {found} bytes are too many")]
    TooLong {
        /// Number of bytes found.
        found: usize,
    },
    /// No line says how many cosigners it takes.
    #[error("reading a policy: it has no `quorum` line")]
    NoQuorum,
    /// A line is not as it should be.
    #[error("reading a policy: line {line}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: LineError,
    },
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// A policy is UTF-8 without control characters other than tab and newline.
    #[error("it is not UTF-8 text, or has a control character")]
    NotText,
    /// The last line has no newline.
    #[error("it does not end with a newline")]
    Unfinished,
    /// The first word says nothing.
    #[error("`{keyword}` is not one of `log`, `witness`, `group`, `quorum`")]
    Keyword {
        /// The first word.
        keyword: String,
    },
    /// A word is missing or too many.
    #[error("it is not of the form `{form}`")]
    Form {
        /// How such a line looks.
        form: &'static str,
    },
    /// A vkey does not read.
    #[error("its key cannot be used")]
    Key(#[from] KeyError),
    /// The same public key stands on an earlier line, maybe under another name.
    #[error("the key of `{name}` stands on an earlier line")]
    SameKey {
        /// Name of the key.
        name: String,
    },
    /// A witness or group of this name stands on an earlier line, or it is `none`.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Groups and quorum can only name what was named before.
    #[error("no line before names `{name}`")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A witness or group may be a member once only.
    #[error("`{name}` is a member of a group already")]
    MemberTwice {
        /// The name.
        name: String,
    },
    /// A threshold is `all`, `any` or a number from 1 to the number of members.
    #[error("`{threshold}` is not `all`, `any` or a number from 1 to {members}")]
    Threshold {
        /// The threshold.
        threshold: String,
        /// Number of members.
        members: usize,
    },
    /// There is exactly one quorum.
    #[error("an earlier line gives the quorum already")]
    SecondQuorum,
    /// More lines of a kind than [`MAX_LINES_OF_A_KIND`].
    #[error("there are more than {MAX_LINES_OF_A_KIND} `{keyword}` lines")]
    TooMany {
        /// The first word of these lines.
        keyword: &'static str,
    },
}

/// What was read so far.
#[derive(Default)]
struct Draft {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
    /// Every member of every group.
    used: Vec<Member>,
}

pub(super) fn policy(bytes: &[u8]) -> Result<Policy, PolicyError> {
    if bytes.len() > MAX_POLICY_BYTES {
        return Err(PolicyError::TooLong { found: bytes.len() });
    }
    let mut draft = Draft::default();
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        draft.read(line).map_err(|source| PolicyError::Line {
            line: at + 1,
            source,
        })?;
    }
    Ok(Policy {
        logs: draft.logs,
        witnesses: draft.witnesses,
        groups: draft.groups,
        quorum: draft.quorum.ok_or(PolicyError::NoQuorum)?,
    })
}

impl Draft {
    fn read(&mut self, line: &[u8]) -> Result<(), LineError> {
        let line = line.strip_suffix(b"\n").ok_or(LineError::Unfinished)?;
        let line = std::str::from_utf8(line).map_err(|_| LineError::NotText)?;
        if line.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return Err(LineError::NotText);
        }
        // White space is space and tab only, so words may hold any other character.
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let Some(keyword) = words.next().filter(|word| !word.starts_with('#')) else {
            return Ok(());
        };
        let words: Vec<&str> = words.collect();
        match keyword {
            "log" => self.log(&words),
            "witness" => self.witness(&words),
            "group" => self.group(&words),
            "quorum" => self.quorum(&words),
            _ => Err(LineError::Keyword {
                keyword: keyword.to_owned(),
            }),
        }
    }

    fn log(&mut self, words: &[&str]) -> Result<(), LineError> {
        let (vkey, url) = match words {
            [vkey] => (vkey, None),
            [vkey, url] => (vkey, Some((*url).to_owned())),
            _ => {
                let form = "log <vkey> [<url>]";
                return Err(LineError::Form { form });
            }
        };
        let key = VerifyingKey::parse(vkey)?;
        let is_same = |log: &Log| log.key.public_bytes() == key.public_bytes();
        if self.logs.iter().any(is_same) {
            let name = key.name().to_string();
            return Err(LineError::SameKey { name });
        }
        push(&mut self.logs, Log { key, url }, "log")
    }

    fn witness(&mut self, words: &[&str]) -> Result<(), LineError> {
        let (name, vkey, url) = match words {
            [name, vkey] => (name, vkey, None),
            [name, vkey, url] => (name, vkey, Some((*url).to_owned())),
            _ => {
                let form = "witness <name> <vkey> [<url>]";
                return Err(LineError::Form { form });
            }
        };
        let name = self.new_name(name)?;
        let key = CosignerKey::parse(vkey)?;
        let is_same = |other: &Witness| {
            other.key.public_bytes() == key.public_bytes()
                || (other.key.name() == key.name() && other.key.id() == key.id())
        };
        if self.witnesses.iter().any(is_same) {
            let name = key.name().to_string();
            return Err(LineError::SameKey { name });
        }
        push(&mut self.witnesses, Witness { name, key, url }, "witness")
    }

    fn group(&mut self, words: &[&str]) -> Result<(), LineError> {
        let [name, threshold, names @ ..] = words else {
            let form = "group <name> all|any|<k> <name>...";
            return Err(LineError::Form { form });
        };
        let name = self.new_name(name)?;
        let count = names.len();
        let threshold = match *threshold {
            "all" if count > 0 => Threshold::All,
            "any" if count > 0 => Threshold::Any,
            number => decimal(number)
                .and_then(|k| usize::try_from(k).ok())
                .filter(|k| (1..=count).contains(k))
                .map(Threshold::AtLeast)
                .ok_or_else(|| LineError::Threshold {
                    threshold: number.to_owned(),
                    members: count,
                })?,
        };
        let mut members = Vec::new();
        for name in names {
            let member = self.named(name)?;
            if self.used.contains(&member) {
                let name = (*name).to_owned();
                return Err(LineError::MemberTwice { name });
            }
            self.used.push(member);
            members.push(member);
        }
        let group = Group {
            name,
            threshold,
            members,
        };
        push(&mut self.groups, group, "group")
    }

    fn quorum(&mut self, words: &[&str]) -> Result<(), LineError> {
        let [name] = words else {
            let form = "quorum <name>|none";
            return Err(LineError::Form { form });
        };
        if self.quorum.is_some() {
            return Err(LineError::SecondQuorum);
        }
        self.quorum = Some(match *name {
            NONE => None,
            name => Some(self.named(name)?),
        });
        Ok(())
    }

    fn named(&self, name: &str) -> Result<Member, LineError> {
        let witness = self.witnesses.iter().position(|w| w.name == name);
        let group = || self.groups.iter().position(|g| g.name == name);
        witness
            .map(Member::Witness)
            .or_else(|| group().map(Member::Group))
            .ok_or_else(|| LineError::UnknownName {
                name: name.to_owned(),
            })
    }

    fn new_name(&self, name: &str) -> Result<String, LineError> {
        let name = name.to_owned();
        if name == NONE || self.named(&name).is_ok() {
            Err(LineError::NameTaken { name })
        } else {
            Ok(name)
        }
    }
}

fn push<T>(lines: &mut Vec<T>, line: T, keyword: &'static str) -> Result<(), LineError> {
    if lines.len() >= MAX_LINES_OF_A_KIND {
        return Err(LineError::TooMany { keyword });
    }
    lines.push(line);
    Ok(())
}
