//! Where and with what the figures were made: without this a figure says nothing.

use std::path::Path;

/// The setting, as names and values.
#[derive(Debug, Clone)]
pub struct Setting {
    /// In the order in which they are shown.
    pub lines: Vec<(&'static str, String)>,
}

/// Crates whose versions belong beside the figures.
const CRATES: [&str; 4] = ["cedar-policy", "regorus", "casbin", "serde_json"];

impl Setting {
    /// Looks around, as for the gate and its peers.
    #[must_use]
    pub fn look() -> Self {
        Self::look_for(&CRATES)
    }

    /// Looks around; the versions of these crates belong beside the figures.
    #[must_use]
    pub fn look_for(crates: &[&'static str]) -> Self {
        let mut lines = vec![
            ("cpu", cpu()),
            (
                "cores",
                std::thread::available_parallelism()
                    .map_or_else(|_| "unknown".into(), |n| n.to_string()),
            ),
            ("kernel", read("/proc/sys/kernel/osrelease")),
            ("rustc", rustc()),
            ("profile", profile().to_owned()),
            ("commit", commit().unwrap_or_else(|| "unknown".into())),
        ];
        for name in crates {
            lines.push((name, version(include_str!("../../Cargo.lock"), name)));
        }
        Self { lines }
    }
}

/// The load averages of one, five and fifteen minutes.
#[must_use]
pub fn load_average() -> String {
    read("/proc/loadavg")
        .split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| "unknown".into(), |s| s.trim().to_owned())
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "debug: these figures mean nothing"
    } else {
        "release"
    }
}

fn cpu() -> String {
    let text = read("/proc/cpuinfo");
    let model = text
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .and_then(|l| l.split_once(':'));
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn rustc() -> String {
    let out = std::process::Command::new("rustc")
        .arg("--version")
        .output();
    out.ok()
        .filter(|o| o.status.success())
        .and_then(|o| String::from_utf8(o.stdout).ok())
        .map_or_else(|| "unknown".into(), |s| s.trim().to_owned())
}

/// The commit at the head of the checkout one stands in, from its files.
fn commit() -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let git = here
        .ancestors()
        .map(|d| d.join(".git"))
        .find(|d| d.is_dir())?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let id = match head.trim().strip_prefix("ref: ") {
        None => head.trim().to_owned(),
        Some(name) => reference(&git, name)?,
    };
    id.get(..12).map(str::to_owned)
}

fn reference(git: &Path, name: &str) -> Option<String> {
    if let Ok(id) = std::fs::read_to_string(git.join(name)) {
        return Some(id.trim().to_owned());
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    packed
        .lines()
        .find_map(|l| l.strip_suffix(name))
        .map(|id| id.trim().to_owned())
}

/// The newest version in the lock file: it lists them in order, and ours come last.
fn version(lock: &str, name: &str) -> String {
    let line = format!("name = \"{name}\"");
    let lines = lock.lines().zip(lock.lines().skip(1));
    let found = lines.filter(|(l, _)| *l == line).last();
    let found = found.and_then(|(_, l)| l.strip_prefix("version = "));
    found.map_or_else(|| "unknown".into(), |v| v.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"casbin\"\nversion = \"2.20.0\"\nsource = \"x\"\n";
        assert_eq!(version(lock, "casbin"), "2.20.0");
        let two = format!("{lock}\n[[package]]\nname = \"casbin\"\nversion = \"3.0.0\"\n");
        assert_eq!(version(&two, "casbin"), "3.0.0");
        assert_eq!(version(lock, "cas"), "unknown");
    }
}
