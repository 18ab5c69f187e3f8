//! What the build scripts of this crate and of the lab share: a list of files that travel with the program.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Writes `list`, a declaration that ends in `= &[`, with the path below `folder` of the workspace and the text of every
/// file that `keep` picks, as `out` for the crate to include.
pub(crate) fn embed(folder: &str, keep: fn(&Path) -> bool, list: &str, out: &str) -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("..").join(folder).canonicalize()?;
    let mut files = Vec::new();
    collect(&root, keep, &mut files)?;
    files.sort();
    let mut text = format!("{list}\n");
    for file in files {
        let name = file.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
        writeln!(text, "    ({name:?}, include_str!({:?})),", file.display().to_string())?;
    }
    text.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join(out), text)?;
    Ok(())
}

/// All such files below `folder`; every folder on the way is watched, so that a new file is noticed.
fn collect(folder: &Path, keep: fn(&Path) -> bool, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, keep, files)?;
        } else if keep(&path) {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}
