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
    let mut t = bare();
    t.set_header([head, "", "name in --json"]);
    for f in figures {
        t.add_row([f.what.clone(), shown(f.value), f.key.clone()]);
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
    use super::shown;

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
}
