//! Rules of the house that no other tool checks.

use crate::step::End;
use std::path::{Path, PathBuf};

/// A source file has fewer lines than this.
const MOST_LINES: usize = 600;

/// Folders nobody wrote by hand.
const SKIPPED: [&str; 5] = [".git", "corpus", "artifacts", "coverage", "node_modules"];

/// Every package says `[lints] workspace = true`.
pub fn lints_are_inherited(root: &Path) -> End {
    let mut seen = 0;
    let mut found = Vec::new();
    for path in files(root)
        .into_iter()
        .filter(|p| p.file_name().is_some_and(|n| n == "Cargo.toml"))
    {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        // The root has no package, and the fuzz targets are a workspace of their own.
        if !text.contains("[package]") || text.contains("[workspace]") {
            continue;
        }
        seen += 1;
        if !inherits(&text) {
            found.push(format!(
                "{}: add `[lints]` with `workspace = true`",
                shown(root, &path)
            ));
        }
    }
    println!("{seen} packages");
    ended(found, "packages that do not inherit the lints")
}

fn inherits(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .skip_while(|l| *l != "[lints]")
        .skip(1);
    let section: Vec<&str> = lines.by_ref().take_while(|l| !l.starts_with('[')).collect();
    section
        .iter()
        .any(|l| l.split_whitespace().collect::<String>() == "workspace=true")
}

/// No Rust file is too long to be read in one go.
pub fn files_are_short(root: &Path) -> End {
    let mut found = Vec::new();
    for path in files(root)
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
    {
        let lines = std::fs::read_to_string(&path).map_or(0, |t| t.lines().count());
        if lines >= MOST_LINES {
            found.push(format!("{}: {lines} lines; split it", shown(root, &path)));
        }
    }
    ended(found, "files that are too long")
}

/// No file names a folder of somebody's own machine.
pub fn no_local_paths(root: &Path) -> End {
    // Put together here, so that this file does not find itself.
    let local: Vec<String> = ["home", "root", "Users", "work"]
        .iter()
        .map(|d| format!("/{d}/"))
        .collect();
    let mut found = Vec::new();
    for path in files(root) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(start) = local.iter().find(|l| names(line, l)) {
                found.push(format!("{}:{number}: {start}…", shown(root, &path)));
            }
        }
    }
    ended(found, "local paths")
}

/// Whether a line holds a path that starts like this, not one that goes on like this.
fn names(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line.get(..at).and_then(|l| l.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~}*/".contains(c))
    })
}

fn ended(found: Vec<String>, what: &str) -> End {
    for line in &found {
        println!("{line}");
    }
    if found.is_empty() {
        End::Passed
    } else {
        End::Failed(format!("{} {what}", found.len()))
    }
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// All files that somebody wrote, in order.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (
                entry.path(),
                entry.file_name().to_string_lossy().into_owned(),
            );
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                if !SKIPPED.contains(&name.as_str())
                    && name != "target"
                    && !name.starts_with("target-")
                {
                    open.push(path);
                }
            } else if kind.is_file() {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_inherits_only_by_saying_so() {
        assert!(inherits(
            "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n"
        ));
        assert!(!inherits(
            "[package]\nname = \"x\"\n\n[lints]\n\n[dependencies]\nworkspace = true\n"
        ));
        assert!(!inherits("[package]\nname = \"x\"\n"));
    }

    #[test]
    fn a_local_path_is_told_from_the_middle_of_another() {
        let start = format!("/{}/", "home");
        for line in ["home/x", "see https://example.org{}x", "target{}x"] {
            assert!(!names(&line.replace("{}", &start), &start), "{line}");
        }
        for line in ["{}me/x", "see `{}me`", "\"{}me\"", "(path: {}me)"] {
            assert!(names(&line.replace("{}", &start), &start), "{line}");
        }
    }

    #[test]
    fn this_repository_keeps_the_rules_about_its_own_tool() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(lints_are_inherited(here), End::Passed);
        assert_eq!(files_are_short(here), End::Passed);
        assert_eq!(no_local_paths(here), End::Passed);
    }
}
