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
    raised: BTreeSet<Rule>,
}

/// What the rules remember: two days, by official.
#[derive(Debug, Default)]
pub struct Watch {
    limits: Limits,
    newest: Option<Day>,
    days: BTreeMap<(Day, String, String), Seen>,
    raised: Vec<Flag>,
}

impl Watch {
    /// A watch that has seen nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes in a use. A rule raises its flag once for an official and a day.
    pub fn see(&mut self, look: Look<'_>) {
        if look.official.is_empty() || look.person.is_empty() {
            return;
        }
        let day = look.at.kz_day();
        if self.newest.is_none_or(|newest| newest < day) {
            self.newest = Some(day);
            let oldest = day.plus_days(-2);
            self.days.retain(|(of, ..), _| *of >= oldest);
        }
        let of = (day, look.system.to_owned(), look.official.to_owned());
        let seen = self.days.entry(of).or_default();
        seen.persons.insert(look.person.to_owned());
        seen.entries.push(look.index);
        if !(6..22).contains(&look.at.kz_hour()) {
            seen.night.push(look.index);
        }
        if look.is_close {
            seen.close.push(look.index);
        }
        let many = (
            Rule::ManyPersons,
            seen.persons.len(),
            self.limits.persons,
            &seen.entries,
        );
        let night = (
            Rule::NightWork,
            seen.night.len(),
            self.limits.night,
            &seen.night,
        );
        let close = (Rule::Close, seen.close.len(), 1, &seen.close);
        for (rule, count, limit, entries) in [many, night, close] {
            if count >= limit && seen.raised.insert(rule) {
                self.raised.push(Flag {
                    rule,
                    official: look.official.to_owned(),
                    system: look.system.to_owned(),
                    day,
                    count,
                    entries: entries.iter().rev().take(MAX_ENTRIES).copied().collect(),
                });
            }
        }
    }

    /// The flags raised since the last time they were taken.
    pub fn take_raised(&mut self) -> Vec<Flag> {
        std::mem::take(&mut self.raised)
    }
}
