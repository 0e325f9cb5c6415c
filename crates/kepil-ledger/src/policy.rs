//! Trust policies (C2SP `tlog-policy`): which logs, which cosigners, how many of them.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! Several `log` lines may carry one origin, as while a log's key changes over: any of
//! them will do. An auditor is a `witness` line like any other; that its word means more
//! is for the groups to say.

mod parse;

use std::fmt;

pub use parse::{LineError, MAX_LINES_OF_A_KIND, MAX_POLICY_BYTES, PolicyError};

use crate::checkpoint::{Checkpoint, SignedCheckpoint, TrustError};
use crate::cosignature::{Cosignature, CosignatureError, CosignerKey};
use crate::note::VerifyingKey;

/// The quorum that asks for no cosignature.
const NONE: &str = "none";

/// Whom a reader trusts with which checkpoints.
///
/// INVARIANT: members and quorum point at witnesses and at *earlier* groups, and no two of
/// them at the same one. So each cosigner counts in one way only, and one pass decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A `log` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Key of the log; its name is the origin of the log's checkpoints.
    pub key: VerifyingKey,
    /// Where the log is.
    pub url: Option<String>,
}

/// A `witness` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What groups and quorum call it; without meaning outside of the policy.
    pub name: String,
    /// Its key.
    pub key: CosignerKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A `group` line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: Threshold,
    members: Vec<Member>,
}

/// How many members make a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threshold {
    All,
    Any,
    AtLeast(usize),
}

/// A witness or a group, by its place among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Member {
    Witness(usize),
    Group(usize),
}

impl Policy {
    /// Reads a policy strictly; beyond the specification it must be UTF-8.
    ///
    /// # Errors
    ///
    /// When a line is not of its form, names what was not named before it, or counts a key
    /// or a member twice; with the number of the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        parse::policy(bytes)
    }

    /// The logs, in the order of their lines.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses, in the order of their lines.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Checks that one of the policy's logs signed a checkpoint of its own.
    ///
    /// # Errors
    ///
    /// When it is of no log of the policy, or the log's signature is missing or bad.
    pub fn verify_log<'a>(
        &self,
        signed: &'a SignedCheckpoint,
    ) -> Result<&'a Checkpoint, TrustError> {
        signed.verify_any(self.logs.iter().map(|log| &log.key))
    }

    /// Collects the cosignatures by the policy's witnesses.
    ///
    /// # Errors
    ///
    /// When a line by one of them does not verify, or carries the time 0.
    pub fn cosignatures(
        &self,
        signed: &SignedCheckpoint,
    ) -> Result<Vec<Cosignature>, CosignatureError> {
        signed.cosignatures(self.witnesses.iter().map(|witness| &witness.key))
    }

    /// True when it asks for somebody's word beside the log's own.
    #[must_use]
    pub const fn has_quorum(&self) -> bool {
        self.quorum.is_some()
    }

    /// True when these cosignatures meet the quorum; a cosigner counts once.
    ///
    /// They are taken as good: [`Policy::cosignatures`] gives such.
    #[must_use]
    pub fn check(&self, cosignatures: &[Cosignature]) -> bool {
        self.is_met_since(0, cosignatures)
    }

    /// The greatest time T such that the cosignatures at or after T alone meet the quorum.
    ///
    /// `None` when they do not meet it, and under `quorum none`, where nobody says a time.
    #[must_use]
    pub fn cosigned_until(&self, cosignatures: &[Cosignature]) -> Option<u64> {
        self.quorum?;
        let mut times: Vec<u64> = cosignatures.iter().map(|line| line.time).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.dedup();
        times
            .into_iter()
            .find(|time| self.is_met_since(*time, cosignatures))
    }

    fn is_met_since(&self, time: u64, cosignatures: &[Cosignature]) -> bool {
        let Some(quorum) = self.quorum else {
            return true;
        };
        let is_by = |line: &Cosignature, key: &CosignerKey| {
            line.time >= time && line.name == *key.name() && line.id == key.id()
        };
        let mut met = Met {
            witnesses: self
                .witnesses
                .iter()
                .map(|witness| cosignatures.iter().any(|line| is_by(line, &witness.key)))
                .collect(),
            groups: Vec::new(),
        };
        for group in &self.groups {
            let count = group.members.iter().filter(|m| met.has(**m)).count();
            met.groups.push(count >= group.needed());
        }
        met.has(quorum)
    }

    fn name_of(&self, member: Member) -> &str {
        let name = match member {
            Member::Witness(at) => self.witnesses.get(at).map(|witness| &witness.name),
            Member::Group(at) => self.groups.get(at).map(|group| &group.name),
        };
        name.map_or("", String::as_str)
    }
}

/// Which witnesses and groups are met so far.
struct Met {
    witnesses: Vec<bool>,
    groups: Vec<bool>,
}

impl Met {
    fn has(&self, member: Member) -> bool {
        let met = match member {
            Member::Witness(at) => self.witnesses.get(at),
            Member::Group(at) => self.groups.get(at),
        };
        met.copied().unwrap_or(false)
    }
}

impl Group {
    const fn needed(&self) -> usize {
        match self.threshold {
            Threshold::All => self.members.len(),
            Threshold::Any => 1,
            Threshold::AtLeast(count) => count,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Any => f.write_str("any"),
            Self::AtLeast(count) => write!(f, "{count}"),
        }
    }
}

/// Writes the policy without comments; reading it again gives the same policy.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| {
            url.as_ref()
                .map_or_else(String::new, |url| format!(" {url}"))
        };
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            let Witness { name, key, .. } = witness;
            writeln!(f, "witness {name} {key}{}", url(&witness.url))?;
        }
        for group in &self.groups {
            write!(f, "group {} {}", group.name, group.threshold)?;
            for member in &group.members {
                write!(f, " {}", self.name_of(*member))?;
            }
            writeln!(f)?;
        }
        let quorum = self.quorum.map_or(NONE, |member| self.name_of(member));
        writeln!(f, "quorum {quorum}")
    }
}
