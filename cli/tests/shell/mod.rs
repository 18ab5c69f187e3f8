//! The program as a command that is called in a folder, with nothing of the repository in reach.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in `folder`, with nothing of the repository in reach.
fn palisade(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.current_dir(folder).args(args).env("NO_COLOR", "1").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command prints when it does what it was asked for.
#[track_caller]
pub(crate) fn printed(folder: &Path, args: &[&str]) -> String {
    let output = palisade(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command prints that did its work and found something wrong.
#[track_caller]
#[allow(dead_code)] // not every binary of tests calls it
pub(crate) fn failed(folder: &Path, args: &[&str]) -> String {
    let output = palisade(folder, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The message of a command that is refused, with nothing on stdout.
#[track_caller]
pub(crate) fn refused(folder: &Path, args: &[&str], expected: &[&str]) {
    let output = palisade(folder, args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {message}{}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "{args:?}: stdout stays empty");
    for part in expected {
        assert!(message.contains(part), "{args:?}: no `{part}` in:\n{message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[allow(dead_code)] // as above
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Every key of a JSON document, at any depth.
#[allow(dead_code)] // as above
pub(crate) fn keys(value: &serde_json::Value, found: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, inner)| {
            found(key);
            keys(inner, found);
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}
