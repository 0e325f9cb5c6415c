//! Whom an account belongs to.

use serde::{Deserialize, Serialize};

/// What somebody is to the state, as far as an account goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A citizen of Kazakhstan.
    Citizen,
    /// Anybody else who lives or deals here; protected alike (DC 1(3), parameter I8).
    Foreigner,
    /// Somebody who asks for data for a body.
    Official,
    /// Somebody who watches over those who do.
    Supervisor,
    /// Somebody who runs the node.
    Operator,
}

impl Role {
    /// True for those whose own data the node speaks of.
    #[must_use]
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Citizen | Self::Foreigner)
    }

    /// The word in addresses and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Foreigner => "foreigner",
            Self::Official => "official",
            Self::Supervisor => "supervisor",
            Self::Operator => "operator",
        }
    }
}

/// Whom an account belongs to: a role, and the reference of the register behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// What the holder is.
    pub role: Role,
    /// The register's reference: of a person for citizens and foreigners, else of an office.
    /// Never a national number.
    pub reference: String,
}
