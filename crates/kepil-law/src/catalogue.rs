//! Data beside the instruments: tests, slots, parameters, the working-day calendar.

use crate::error::Faults;
use crate::instrument::{Confidence, Place};
use kepil_terms::calendar::Year;
use kepil_terms::{Calendar, Day, Text};
use serde::{Deserialize, Serialize};

/// A test of the gate, as people read it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestDef {
    /// T01 to T36, D01 to D15, E01 to E15.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// What is said when it fails.
    pub fails: Text,
    /// Further sentences, by key, for rules with a reason of their own (`@say`).
    #[serde(default)]
    pub says: std::collections::BTreeMap<String, Text>,
    /// True for tests that are our proposal and not yet agreed.
    #[serde(default)]
    pub proposed: bool,
}

/// A by-law the Code waits for and that is not loaded.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlotText {
    /// As in `SLOT.DC.77.3`.
    pub id: String,
    /// The provision that names it.
    pub provision: String,
    /// Who issues it.
    pub issuer: String,
    /// `permits`: no ok rests on it while it is empty; `form`: a visible default applies.
    pub effect: SlotEffect,
    /// What is missing.
    pub text: Text,
}

/// What an empty by-law stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotEffect {
    /// Sets form only.
    Form,
    /// Is what permits.
    Permits,
}

/// An open question or a policy default, with the value in use.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// P01, I1, or the name of a policy default.
    pub id: String,
    /// Its short name.
    #[serde(default)]
    pub name: String,
    /// The value in use.
    pub value: String,
    /// The other value some source gives.
    #[serde(default)]
    pub other: Option<String>,
    /// conflict, gap, reading, interaction or policy.
    pub kind: String,
    /// What it is about.
    pub note: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    years: Vec<RawYear>,
}

#[derive(Debug, Deserialize)]
struct RawYear {
    year: i16,
    #[expect(dead_code, reason = "read so that every year must state it")]
    confidence: Confidence,
    #[serde(default)]
    holidays: Vec<RawHoliday>,
    #[serde(default)]
    moved_rest: Vec<String>,
    #[serde(default)]
    moved_work: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RawHoliday {
    day: String,
}

/// Reads the calendar.
pub(crate) fn calendar(file: &str, text: &str, faults: &mut Faults) -> Calendar {
    let mut calendar = Calendar::default();
    let at = Place { file, line: 0 };
    let Some(raw) = at.yaml::<RawCalendar>("calendar", text, faults) else {
        return calendar;
    };
    for y in raw.years {
        let mut year = Year::default();
        let rest = y.holidays.iter().map(|h| &h.day).chain(&y.moved_rest);
        for (days, set) in [
            (rest.collect::<Vec<_>>(), &mut year.off),
            (y.moved_work.iter().collect(), &mut year.working),
        ] {
            for d in days {
                match Day::parse(d) {
                    Ok(day) if day.year() == y.year => {
                        set.insert(day);
                    }
                    Ok(day) => faults.add(
                        file,
                        0,
                        format!("the day {day} stands under {}", y.year),
                        "move it",
                    ),
                    Err(e) => faults.add(file, 0, e.to_string(), "mend the day"),
                }
            }
        }
        calendar.insert(y.year, year);
    }
    calendar
}

/// Reads the catalogue of tests and checks that each has its sentences in three languages.
pub(crate) fn tests(file: &str, text: &str, faults: &mut Faults) -> Vec<TestDef> {
    let at = Place { file, line: 0 };
    let list: Vec<TestDef> = at
        .yaml("catalogue of tests", text, faults)
        .unwrap_or_default();
    for (i, t) in list.iter().enumerate() {
        if list.iter().take(i).any(|o| o.id == t.id) {
            faults.add(
                file,
                0,
                format!("the test `{}` is defined twice", t.id),
                "keep one",
            );
        }
        for text in [&t.name, &t.fails].into_iter().chain(t.says.values()) {
            for lang in text.missing() {
                faults.add(
                    file,
                    0,
                    format!(
                        "the test `{}` has a text missing in `{}`",
                        t.id,
                        lang.code()
                    ),
                    "add it",
                );
            }
        }
    }
    list
}
