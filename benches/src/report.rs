//! Figures for people and for programs.

use crate::setting::Setting;
use comfy_table::{Table, presets};
use serde_json::{Map, Number, Value, json};

/// One figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its name with its unit, for programs.
    pub key: String,
    /// What it is, for people.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// What it should reach.
    pub goal: Option<Goal>,
    /// The state of the disk meanwhile, where it matters.
    pub disk: Option<&'static str>,
}

/// What a figure should reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    /// Whether a figure reaches it.
    ///
    /// A thousandth is given: who offers 100,000 a second can at most measure 100,000.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal * 0.999,
            Self::AtMost(goal) => value <= goal,
        }
    }

    fn said(self, value: f64) -> String {
        let (sign, goal) = match self {
            Self::AtLeast(goal) => ("at least", goal),
            Self::AtMost(goal) => ("at most", goal),
        };
        let end = if self.is_met(value) { "met" } else { "MISSED" };
        format!("{sign} {}: {end}", shown(goal))
    }
}

/// What a benchmark found.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was measured.
    pub title: String,
    /// Ratios: they come first.
    pub ratios: Vec<Figure>,
    /// Absolute figures.
    pub figures: Vec<Figure>,
    /// What a reader must know to read them.
    pub notes: Vec<String>,
    /// Where.
    pub setting: Setting,
}

/// A figure.
pub fn figure(key: impl Into<String>, what: impl Into<String>, value: f64) -> Figure {
    Figure {
        key: key.into(),
        what: what.into(),
        value,
        goal: None,
        disk: None,
    }
}

impl Figure {
    /// The figure with what it should reach.
    #[must_use]
    pub fn with_goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// The figure with the state of the disk.
    #[must_use]
    pub fn on(mut self, disk: &'static str) -> Self {
        self.disk = Some(disk);
        self
    }
}

impl Report {
    /// One flat JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut out = Map::new();
        for f in self.ratios.iter().chain(&self.figures) {
            // Six digits are more than any measurement of time holds.
            let rounded = format!("{:.6e}", f.value)
                .parse()
                .ok()
                .and_then(Number::from_f64);
            out.insert(f.key.clone(), rounded.map_or(Value::Null, Value::Number));
            if let Some(disk) = f.disk {
                out.insert(format!("{}_disk", f.key), json!(disk));
            }
            if let Some(goal) = f.goal {
                out.insert(format!("{}_goal_met", f.key), json!(goal.is_met(f.value)));
            }
        }
        for (name, value) in &self.setting.lines {
            out.insert(
                format!("setting_{}", name.replace(['-', ' '], "_")),
                json!(value),
            );
        }
        Value::Object(out)
    }

    /// Tables.
    #[must_use]
    pub fn people(&self) -> String {
        let mut out = format!(
            "{}\n\n{}\n\n{}\n\n",
            self.title,
            table("ratio", &self.ratios),
            table("figure", &self.figures)
        );
        for n in &self.notes {
            out.push_str(&format!("- {n}\n"));
        }
        let mut setting = bare();
        for (name, value) in &self.setting.lines {
            setting.add_row([*name, value]);
        }
        format!("{out}\n{setting}")
    }
}

fn bare() -> Table {
    let mut t = Table::new();
    t.load_style(presets::NOTHING);
    t
}

fn table(head: &str, figures: &[Figure]) -> Table {
    let has_goals = figures.iter().any(|f| f.goal.is_some());
    let has_disks = figures.iter().any(|f| f.disk.is_some());
    let row = |what: String, value: String, goal: String, disk: String, key: String| {
        let mut row = vec![what, value];
        row.extend(has_goals.then_some(goal));
        row.extend(has_disks.then_some(disk));
        row.push(key);
        row
    };
    let head = [head, "", "goal", "disk", "name in --json"].map(str::to_owned);
    let [what, value, goal, disk, key] = head;
    let mut t = bare();
    t.set_header(row(what, value, goal, disk, key));
    for f in figures {
        let goal = f.goal.map(|goal| goal.said(f.value)).unwrap_or_default();
        let disk = f.disk.unwrap_or_default().to_owned();
        t.add_row(row(
            f.what.clone(),
            shown(f.value),
            goal,
            disk,
            f.key.clone(),
        ));
    }
    t
}

/// Three digits that count, thousands apart.
#[must_use]
pub fn shown(v: f64) -> String {
    if !v.is_finite() {
        return "-".into();
    }
    let plain = match v.abs() {
        a if a >= 100.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    };
    let (whole, rest) = plain
        .split_once('.')
        .map_or((plain.as_str(), String::new()), |(w, r)| {
            (w, format!(".{r}"))
        });
    let mut out = String::new();
    let len = whole.len();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (len - i).is_multiple_of(3) && c.is_ascii_digit() && !out.ends_with('-') {
            out.push(',');
        }
        out.push(c);
    }
    format!("{out}{rest}")
}

#[cfg(test)]
mod tests {
    use super::{Goal, Report, figure, shown};
    use crate::setting::Setting;

    #[test]
    fn figures_are_shown_with_the_digits_that_count() {
        for (v, s) in [
            (1_234_567.8, "1,234,568"),
            (999.6, "1,000"),
            (42.24, "42.2"),
            (1.0, "1.00"),
            (0.034, "0.03"),
            (-123_456.0, "-123,456"),
        ] {
            assert_eq!(shown(v), s);
        }
        assert_eq!(shown(f64::NAN), "-");
    }

    #[test]
    fn goals_and_disks_stand_beside_their_figures() {
        let report = Report {
            title: "A log".into(),
            ratios: vec![figure("ratio", "here : there", 4.0).with_goal(Goal::AtLeast(5.0))],
            figures: vec![
                figure("p99_ms", "p99, ms", 4.2)
                    .with_goal(Goal::AtMost(5.0))
                    .on("normal"),
                figure("plain", "plain", 1.0),
            ],
            notes: Vec::new(),
            setting: Setting { lines: Vec::new() },
        };
        let people = report.people();
        for said in ["at least 5.00: MISSED", "at most 5.00: met", "normal"] {
            assert!(people.contains(said), "{people}");
        }
        let json = report.json();
        assert_eq!(json["ratio_goal_met"], false);
        assert_eq!(json["p99_ms_goal_met"], true);
        assert_eq!(json["p99_ms_disk"], "normal");
        assert!(json.get("plain_disk").is_none());
        // Whoever offers so much cannot measure more.
        assert!(Goal::AtLeast(100_000.0).is_met(99_990.0));
        assert!(!Goal::AtLeast(100_000.0).is_met(99_000.0));
    }
}
