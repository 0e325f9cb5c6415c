//! Unusual patterns of reading: rules over who looked at whom and when.
//!
//! A rule finds nobody guilty: it opens a case, and a person looks. What a rule saw is thrown away
//! after two days; the log keeps it.

use kepil_terms::{Day, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// Entries that a flag names at most; it counts all of them.
const MAX_ENTRIES: usize = 20;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// One official looked at many persons in a day.
    ManyPersons,
    /// One official looked at data at night, again and again.
    NightWork,
    /// An official looked at somebody close: a relative, a neighbour, a namesake, as the register
    /// of officials says.
    Close,
}

impl Rule {
    /// The word in files and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ManyPersons => "many_persons",
            Self::NightWork => "night_work",
            Self::Close => "close",
        }
    }
}

/// From when on a rule flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Different persons in a day.
    pub persons: usize,
    /// Uses between ten in the evening and six in the morning of a day.
    pub night: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            persons: 50,
            night: 5,
        }
    }
}

/// One use of data, as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Index of the entry.
    pub index: u64,
    /// When.
    pub at: Instant,
    /// The system that asked.
    pub system: &'a str,
    /// The official behind it; rules are about officials.
    pub official: &'a str,
    /// Whose data.
    pub person: &'a str,
    /// The register of officials says that they are close.
    pub is_close: bool,
}

/// What a rule flagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Which rule.
    pub rule: Rule,
    /// Whom.
    pub official: String,
    /// Through which system.
    pub system: String,
    /// On which day.
    pub day: Day,
    /// How many.
    pub count: usize,
    /// The newest of them.
    pub entries: Vec<u64>,
}

impl Flag {
    /// One case for one rule, official and day.
    #[must_use]
    pub fn key(&self) -> String {
        format!(
            "{} {} {} {}",
            self.rule.as_str(),
            self.system,
            self.official,
            self.day
        )
    }
}

#[derive(Debug, Default)]
struct Seen {
    persons: BTreeSet<String>,
    entries: Vec<u64>,
    night: Vec<u64>,
    close: Vec<u64>,
}

/// What the rules remember.
#[derive(Debug, Default)]
pub struct Watch {
    limits: Limits,
    days: BTreeMap<(Day, String, String), Seen>,
}

impl Watch {
    /// A watch that has seen nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            days: BTreeMap::new(),
        }
    }

    /// Takes in a use; gives the flags of every rule whose limit is reached, each time anew, so
    /// that whoever keeps them has the whole.
    pub fn see(&mut self, look: Look<'_>) -> Vec<Flag> {
        if look.official.is_empty() || look.person.is_empty() {
            return Vec::new();
        }
        let day = look.at.kz_day();
        let oldest = day.plus_days(-2);
        self.days.retain(|(of, ..), _| *of >= oldest);
        let of = (day, look.system.to_owned(), look.official.to_owned());
        let seen = self.days.entry(of).or_default();
        seen.persons.insert(look.person.to_owned());
        seen.entries.push(look.index);
        let hour = look.at.kz_hour();
        let is_night = !(6..22).contains(&hour);
        if is_night {
            seen.night.push(look.index);
        }
        if look.is_close {
            seen.close.push(look.index);
        }
        let flag = |rule, count, entries: &[u64]| Flag {
            rule,
            official: look.official.to_owned(),
            system: look.system.to_owned(),
            day,
            count,
            entries: entries.iter().rev().take(MAX_ENTRIES).copied().collect(),
        };
        let mut flags = Vec::new();
        if seen.persons.len() >= self.limits.persons {
            let count = seen.persons.len();
            flags.push(flag(Rule::ManyPersons, count, &seen.entries));
        }
        if is_night && seen.night.len() >= self.limits.night {
            flags.push(flag(Rule::NightWork, seen.night.len(), &seen.night));
        }
        if look.is_close {
            flags.push(flag(Rule::Close, seen.close.len(), &seen.close));
        }
        flags
    }
}
