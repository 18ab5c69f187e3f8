//! Embeds the scenarios of the workspace and the files they name, so that they travel with the program.

#[path = "../agents/embed.rs"]
mod embed;

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    embed::embed("scenarios", is_of_scenarios, "pub(super) static FILES: &[(&str, &str)] = &[", "scenarios.rs")
}

/// What scenarios are made of: themselves, their parts, and tables of data.
fn is_of_scenarios(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ron" || extension == "csv")
}
