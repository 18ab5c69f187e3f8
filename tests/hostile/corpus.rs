//! The corpus: files of the folders beside this one, and the verdict that each of them states in a line such as
//! `// expect: fault "too deeply"`.

use std::fs;
use std::path::{Path, PathBuf};

/// What must become of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// Its strategy is not loaded, for a reason with this in it.
    Refused(String),
    /// It faults, and only with this in its messages.
    Fault(String),
    /// It runs like any other.
    Harmless,
}

/// A file of the corpus.
pub(crate) struct File {
    /// Its class and name.
    pub(crate) name: String,
    /// Its bytes, which need not be text.
    pub(crate) bytes: Vec<u8>,
    /// What it says must become of it.
    pub(crate) expected: Expected,
}

const CLASSES: [&str; 10] = ["abort", "confuse", "differ", "escape", "gate", "hang", "leak", "memory", "panic", "peek"];

/// The folder of the corpus.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile")
}

/// All files, in order.
pub(crate) fn files() -> Vec<File> {
    CLASSES.iter().flat_map(|class| of_class(class)).collect()
}

fn of_class(class: &str) -> Vec<File> {
    let entries = fs::read_dir(folder().join(class)).expect("a folder for every class");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(class, path)).collect()
}

fn read(class: &str, path: &Path) -> File {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = fs::read(path).expect("a readable file");
    let expected = expected(&String::from_utf8_lossy(&bytes));
    File {
        name: format!("{class}/{stem}"),
        expected: expected.unwrap_or_else(|| panic!("{class}/{stem}: no verdict")),
        bytes,
    }
}

fn expected(text: &str) -> Option<Expected> {
    let line = text.lines().find_map(|line| line.strip_prefix("// expect: "))?;
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let part = rest.trim().trim_matches('"').to_owned();
    match word {
        "refused" => Some(Expected::Refused(part)),
        "fault" => Some(Expected::Fault(part)),
        "harmless" if part.is_empty() => Some(Expected::Harmless),
        _ => None,
    }
}

#[test]
fn verdicts_are_read() {
    let check = |line: &str, expected_verdict: Option<Expected>| assert_eq!(expected(line), expected_verdict, "{line}");
    check("// expect: harmless", Some(Expected::Harmless));
    check("//! name: x\n// expect: fault \"too deeply\"\n", Some(Expected::Fault("too deeply".into())));
    check("// expect: refused", Some(Expected::Refused(String::new())));
    check("// expect: harmles", None);
    check("// expects: harmless", None);
}
