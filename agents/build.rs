//! Embeds every script of the workspace's `scripts` folder, so that the library travels with the program.

mod embed;

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    embed::embed("scripts", is_script, "pub(crate) static EMBEDDED: &[(&str, &str)] = &[", "embedded.rs")
}

/// Definitions for editors are no script.
fn is_script(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".rhai") && !name.ends_with(".d.rhai")
}
