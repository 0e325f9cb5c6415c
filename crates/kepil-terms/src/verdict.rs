//! The three answers of the gate.

use serde::{Deserialize, Serialize};

/// An answer of the gate; the worse one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Lawful as asked.
    Ok,
    /// The machine may not decide: a person with the mandate must.
    Human,
    /// Not lawful as asked.
    Deny,
}

impl Verdict {
    /// The word used in records and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Human => "human",
            Verdict::Deny => "deny",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
