//! `palisade new`: a first file to work on, which runs as it is. Nothing that exists is written over.

mod scenario;
mod strategy;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use palisade_lab::shell_word;

use crate::args::Coloring;
use crate::exit::Exit;
use crate::output::print;
use crate::trouble::Trouble;

/// The longest name.
const MAX_NAME: usize = 64;

#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    #[command(subcommand)]
    what: New,
}

#[derive(Subcommand, Debug)]
enum New {
    /// Write a strategy that passes its checks and its cases, to change from there
    Strategy(StrategyArgs),
    /// Write a small scenario that runs, to change from there
    Scenario(ScenarioArgs),
}

#[derive(Args, Debug)]
struct StrategyArgs {
    /// Its name: small letters, digits and `_`
    name: String,
    /// Who plays it
    #[arg(long, value_parser = strategy::roles())]
    role: String,
    /// The folder of strategies; the file goes into the folder of its role below it
    #[arg(long, value_name = "DIR", default_value = "scripts")]
    dir: PathBuf,
    #[command(flatten)]
    coloring: Coloring,
}

#[derive(Args, Debug)]
struct ScenarioArgs {
    /// Its name: small letters, digits and `_`
    name: String,
    /// The folder of scenarios
    #[arg(long, value_name = "DIR", default_value = "scenarios")]
    dir: PathBuf,
    #[command(flatten)]
    coloring: Coloring,
}

impl NewArgs {
    /// Colors of what goes wrong.
    pub(crate) fn coloring(&self) -> &Coloring {
        match &self.what {
            New::Strategy(args) => &args.coloring,
            New::Scenario(args) => &args.coloring,
        }
    }
}

/// A file that was written, and commands to try next.
struct Written {
    path: PathBuf,
    next: Vec<String>,
}

pub(crate) fn new(args: &NewArgs) -> Result<Exit, Trouble> {
    let Written { path, next } = match &args.what {
        New::Strategy(args) => strategy::write(args)?,
        New::Scenario(args) => scenario::write(args)?,
    };
    let next: String = next.iter().map(|command| format!("  palisade {command}\n")).collect();
    print(&format!("created {}\nnext:\n{next}", path.display()))?;
    Ok(Exit::Done)
}

/// Refuses what is no name for a file, a strategy or a scenario.
fn check_name(name: &str) -> Result<(), Trouble> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain) && name.len() <= MAX_NAME {
        return Ok(());
    }
    let hint = suggested(name).map(|hint| format!("; try `{hint}`")).unwrap_or_default();
    let rule = format!("a name begins with a small letter and has at most {MAX_NAME} small letters, digits and `_`");
    Err(Trouble::Usage(format!("`{name}` is no name: {rule}{hint}")))
}

/// The nearest name that there may be.
fn suggested(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".rhai").or_else(|| name.strip_suffix(".ron")).unwrap_or(name);
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let plain: String = stem.chars().map(word).collect();
    let plain = plain.trim_matches('_').trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('_');
    (!plain.is_empty() && plain.len() <= MAX_NAME).then(|| plain.to_owned())
}

/// Writes a file that is not there yet, with the folders above it.
fn create(path: &Path, text: &str) -> Result<(), Trouble> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => taken(path),
        _ => Trouble::Usage(format!("{}: cannot be written: {error}", path.display())),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| Trouble::Usage(format!("{}: cannot be created: {error}", folder.display())))?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(|error| {
        // What is half-written is ours, and of no use to anybody.
        let _ = fs::remove_file(path);
        failed(error)
    })
}

fn taken(path: &Path) -> Trouble {
    Trouble::Usage(format!("{} exists already, and is left as it is: choose another name", path.display()))
}

/// A path as a shell reads it back.
fn word(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        let message = match check_name(name) {
            Ok(()) => None,
            Err(Trouble::Usage(message)) => Some(message),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(message.is_none(), expected.is_none(), "{name:?}: {message:?}");
        if let (Some(message), Some(expected)) = (message, expected) {
            assert!(message.ends_with(expected), "{message}");
        }
    }

    #[test]
    fn names_are_snake_case() {
        check("my_idea_2", None);
        check("a", None);
        check("MyIdea", Some("digits and `_`; try `myidea`"));
        check("my-idea.rhai", Some("try `my_idea`"));
        check("../escape", Some("try `escape`"));
        check("2nd", Some("try `nd`"));
        check("_x", Some("try `x`"));
        check("", Some("digits and `_`"));
        check("\u{e9}", Some("digits and `_`"));
        check(&"x".repeat(65), Some("digits and `_`"));
    }
}
