//! Lists the files of `packs/` so that they travel inside the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?)
        .join("../../packs");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut out = String::new();
    for pack in ["kz", "conformance"] {
        let dir = root.join(pack);
        let mut files = Vec::new();
        if dir.is_dir() {
            walk(&dir, &mut files)?;
        }
        files.sort();
        let _ = writeln!(
            out,
            "pub(crate) static {}: &[(&str, &str)] = &[",
            pack.to_uppercase()
        );
        for f in files {
            println!("cargo:rerun-if-changed={}", f.display());
            let name = f
                .strip_prefix(&dir)
                .map_err(io::Error::other)?
                .display()
                .to_string();
            let path = fs::canonicalize(&f)?;
            let _ = writeln!(
                out,
                "    ({name:?}, include_str!({:?})),",
                path.display().to_string()
            );
        }
        out.push_str("];\n");
    }
    fs::write(
        PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("files.rs"),
        out,
    )
}

fn walk(dir: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, into)?;
        } else if path.extension().is_some_and(|e| {
            ["md", "yaml", "cedarschema", "cedar", "json"]
                .iter()
                .any(|x| e == *x)
        }) {
            into.push(path);
        }
    }
    Ok(())
}
