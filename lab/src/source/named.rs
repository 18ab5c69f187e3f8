//! Which files a scenario names, told from its text alone, so that they can be watched while they are wrong or missing.

use std::fs;
use std::path::{Path, PathBuf};

use super::built_in;
use super::compose::PARTS;
use super::scan::scan;
use super::tree::{Entry, Kind, Node};

/// The scenario file, its parts and its tables, there or not; nothing of a scenario that travels with the program.
#[must_use]
pub fn named_files(top: &Path) -> Vec<PathBuf> {
    if built_in::asked_for(top).is_some() {
        return Vec::new();
    }
    let mut files = vec![top.to_owned()];
    let Ok(text) = fs::read_to_string(top) else { return files };
    let Ok(tree) = scan(&text) else { return files };
    let folder = top.parent().unwrap_or(Path::new(""));
    let tables = tree.find("data").map(Node::entries).unwrap_or_default();
    let parts = tree.entries().iter().filter(|entry| PARTS.contains(&entry.key.as_str()));
    let named = parts.filter_map(file_of).chain(tables.iter().map(|entry| &entry.value));
    files.extend(
        named.filter_map(|path| ron::from_str::<String>(path.span.of(&text)).ok()).map(|path| folder.join(path)),
    );
    files
}

/// The path within `File("…")`.
fn file_of(part: &Entry) -> Option<&Node> {
    match (part.value.name.as_deref(), &part.value.kind) {
        (Some("File"), Kind::Tuple(items)) => items.first(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top.ron");
        fs::write(&top, text).unwrap();
        let found = named_files(&top);
        assert_eq!(found, expected.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>());
    }

    #[test]
    fn parts_and_tables_are_named_whether_they_are_there_or_not() {
        let text = "(protocol: File(\"../p.ron\"), market: Inline(()), data: {\"A\": \"a.csv\"}, summary: \"File\")";
        check(text, &["top.ron", "../p.ron", "a.csv"]);
        check("(protocol: File(3), data: {\"A\": 1})", &["top.ron"]);
        check("(protocol: File(\"p.ron\"", &["top.ron"]);
    }

    #[test]
    fn built_in_scenarios_name_no_files() {
        assert_eq!(named_files(Path::new("crash")), [""; 0].map(PathBuf::from));
        assert_eq!(named_files(Path::new("missing.ron")), [PathBuf::from("missing.ron")]);
    }
}
