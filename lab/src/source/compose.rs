//! Reading a scenario file and putting the files it names in their places. A path resolves from the
//! file it stands in and, links followed, stays under the scenario's root.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::built_in::{self, BuiltIn};
use super::file::SourceFile;
use super::home::{Home, NOT_A_FILE, Refused, neighbor};
use super::problem::{Problem, Source, suggestion};
use super::text::{Composed, Patch};
use super::tree::{Kind, Node, Span};

/// The top-level keys whose value is `Inline(…)` or `File("…")`.
pub(super) const PARTS: [&str; 4] = ["protocol", "market", "population", "attackers"];

/// The largest scenario file, and the largest composed text, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// The file at a path, or the built-in scenario that the path is the name of, and where its relative paths start.
pub(super) fn top(path: &Path) -> Result<(Source, Home), Problem> {
    if let Some(scenario) = built_in::asked_for(path) {
        return top_of(scenario);
    }
    let shown = path.display().to_string();
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Problem::file(&shown, "no such file").with_help(meant(path)),
        _ => Problem::file(&shown, format!("cannot be read: {error}")),
    };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Problem::file(&shown, "is not a regular file"));
    }
    let home = Home::of(path).map_err(unreadable)?;
    Ok((read(&SourceFile::on_disk(path, shown))?, home))
}

/// The text of a tournament: a file, or one that travels with the program; how it is called in problems, and the folder
/// that its paths start from, where it has one.
pub(crate) fn tournament(path: &Path) -> Result<(String, String, Option<PathBuf>), Problem> {
    let word = path.to_str().filter(|_| !path.is_file());
    let named = |file: &BuiltIn| word.is_some_and(|word| file.name() == word);
    if let Some(file) = built_in::built_in_tournaments().find(named) {
        return Ok((file.shown(), file.text().to_owned(), None));
    }
    let shown = path.display().to_string();
    let problem = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            let known: Vec<&str> = built_in::built_in_tournaments().map(BuiltIn::name).collect();
            Problem::file(&shown, "no such file").with_help(suggestion(&shown, &known))
        }
        _ => Problem::file(&shown, format!("cannot be read: {error}")),
    };
    if !fs::metadata(path).map_err(problem)?.is_file() {
        return Err(Problem::file(&shown, "is not a regular file"));
    }
    let source = read(&SourceFile::on_disk(path, shown.clone()))?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok((shown, source.text.to_string(), Some(folder)))
}

/// A path in a file of `folder`: what lies beside the file, or else the path itself, which may be the name of something that
/// travels with the program.
pub(crate) fn beside(folder: Option<&Path>, path: &str) -> PathBuf {
    match folder.map(|folder| folder.join(path)) {
        Some(file) if file.exists() => file,
        _ => PathBuf::from(path),
    }
}

/// A scenario that travels with the program.
pub(super) fn top_of(scenario: BuiltIn) -> Result<(Source, Home), Problem> {
    Ok((read(&SourceFile::from(scenario))?, Home::of_built_in(scenario)))
}

/// What an absent file was perhaps meant to be: one beside it, or a scenario that needs no file.
fn meant(path: &Path) -> Option<String> {
    let beside = neighbor(path).map(|name| format!("did you mean `{}`?", path.with_file_name(name).display()));
    let built_in = built_in::perhaps(path).map(|name| format!("the built-in scenario `{name}`"));
    match (beside, built_in) {
        (Some(beside), Some(built_in)) => Some(format!("{beside} or {built_in}?")),
        (None, Some(built_in)) => Some(format!("did you mean {built_in}?")),
        (None, None) if is_word(path) => Some("`palisade list scenarios` names the built-in ones".to_owned()),
        (beside, None) => beside,
    }
}

/// Whether it looks like the name of a built-in scenario rather than a file.
fn is_word(path: &Path) -> bool {
    path.components().count() == 1 && path.extension().is_none()
}

fn read(file: &SourceFile) -> Result<Source, Problem> {
    let unreadable = |error: io::Error| Problem::file(file.shown(), format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    let start = file.open().map_err(unreadable)?;
    start.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    decode(file.shown(), &bytes)
}

/// The text of a file, without a byte order mark.
pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Source, Problem> {
    if bytes.len() > MAX_BYTES {
        return Err(Problem::file(name, "is larger than 4 MiB"));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let source = Source::new(name, &String::from_utf8_lossy(bytes));
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(source.problem(error.valid_up_to(), 1, "the text is not UTF-8"));
    }
    match source.text.find('\0') {
        Some(at) => Err(source.problem(at, 1, "the text holds a NUL character")),
        None => Ok(source),
    }
}

/// Replaces every `File("…")` of the top level by `Inline(text of that file)` and returns the tree
/// of the result.
pub(super) fn include(composed: &mut Composed, home: Option<&Home>) -> Result<Node, Problem> {
    let tree = composed.check()?;
    let mut included = Vec::new();
    for entry in tree.entries().iter().filter(|entry| PARTS.contains(&entry.key.as_str())) {
        if let Some(source) = part(composed, &entry.value, home)? {
            included.push((entry.value.span, source));
        }
    }
    if included.is_empty() {
        return Ok(tree);
    }
    for (span, source) in included.into_iter().rev() {
        let patches = wrap(composed, source);
        composed.replace(span, patches);
    }
    sized(composed)?.check()
}

/// `Inline(…)` around a whole file; the line break closes a comment on its last line.
fn wrap(composed: &mut Composed, source: Source) -> Vec<Patch> {
    let (text, end) = (source.text.to_string(), source.text.len());
    let source = composed.add_source(source);
    let around = |text: &str, offset| Patch { text: text.to_owned(), source, offset, width: Some(0) };
    vec![around("Inline(", 0), Patch { text, source, offset: 0, width: None }, around("\n)", end)]
}

pub(super) fn sized(composed: &Composed) -> Result<&Composed, Problem> {
    if composed.text().len() > MAX_BYTES {
        return Err(composed.problem(Span::new(0, 1), "the scenario and its parts are together larger than 4 MiB"));
    }
    Ok(composed)
}

/// The file that a part's value names, or none when it is inline.
pub(super) fn part(composed: &Composed, value: &Node, home: Option<&Home>) -> Result<Option<Source>, Problem> {
    let wrong = |help: &str| {
        let message = "a part of a scenario is `Inline(…)` or `File(\"…\")`";
        composed.problem(value.span, message).with_help(help.to_owned())
    };
    let one = match &value.kind {
        Kind::Tuple(items) if items.len() == 1 => Some(&items[0]),
        _ => None,
    };
    match (value.name.as_deref(), one) {
        (Some("Inline"), Some(_)) => Ok(None),
        (Some("Inline"), None) => Err(wrong("a struct keeps its own parentheses: `Inline((…))`")),
        (Some("File"), Some(path)) => {
            let text = path.span.of(composed.text());
            let relative: String = ron::from_str(text).map_err(|_| wrong("the path is a string in quotes"))?;
            file(composed, path.span, &relative, home).map(Some)
        }
        _ => Err(wrong("")),
    }
}

fn file(composed: &Composed, at: Span, relative: &str, home: Option<&Home>) -> Result<Source, Problem> {
    let Some(home) = home else {
        return Err(composed.problem(at, NOT_A_FILE));
    };
    let refused = |(message, help): Refused| composed.problem(at, message).with_help(help);
    let source = read(&home.resolve(relative).map_err(refused)?)?;
    let whole = Composed::new(source.clone());
    let tree = whole.check()?;
    match tree.name.as_deref() {
        Some("Inline" | "File") => Err(whole
            .problem(tree.span, "an included file holds the value of the part itself")
            .with_help("write it without `Inline(…)`; an included file cannot include another".to_owned())),
        _ => Ok(source),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use crate::source::Document;

    use super::*;

    /// A folder with a library: `scenarios/top.ron` holds `top`, and `scenarios/protocols/` two
    /// parts.
    fn library(top: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("scenarios/protocols/perp.ron", "// a design\n(\n  imr: 0.1,\n) // end");
        file("scenarios/protocols/twice.ron", "(a: 1,\n a: 2)");
        file("scenarios/protocols/nested.ron", "File(\"perp.ron\")");
        file("scenarios/protocols/open.ron", "(a: [1)");
        file("secret.ron", "(key: 1)");
        file("scenarios/incidents/top.ron", top);
        folder
    }

    fn load(folder: &TempDir) -> Result<Document, Problem> {
        Document::load(&folder.path().join("scenarios/incidents/top.ron"), &[])
    }

    /// The report without the folder that the test ran in.
    fn report(folder: &TempDir, problem: &Problem) -> String {
        let folder = format!("{}/scenarios/", folder.path().display());
        format!("{problem} | {}", problem.help().unwrap_or("")).replace(&folder, "")
    }

    #[track_caller]
    fn check(top: &str, expected: &str) {
        let folder = library(top);
        assert_eq!(report(&folder, &load(&folder).unwrap_err()), expected);
    }

    #[test]
    fn an_included_file_stands_in_its_place_and_keeps_its_own_lines() {
        let folder = library("(\n protocol: File(\"../protocols/perp.ron\"),\n after: 1)");
        let document = load(&folder).unwrap();
        assert_eq!(document.raw("protocol.imr"), Some("0.1"));
        let place = |path| report(&folder, &document.problem(path, "", None));
        assert_eq!(place("protocol.imr"), "protocols/perp.ron:3:8:  | ");
        assert_eq!(place("protocol"), "protocols/perp.ron:2:1:  | ");
        assert_eq!(place("after"), "incidents/top.ron:3:9:  | ");
    }

    #[test]
    fn included_and_inline_parts_hash_the_same() {
        let (file, inline) = ("(protocol: File(\"../protocols/perp.ron\"))", "(protocol: Inline((imr: 0.1)))");
        let hash = |top| load(&library(top)).unwrap().hash();
        assert_eq!(hash(file), hash(inline));
    }

    #[test]
    fn bad_paths_are_refused_where_they_stand() {
        check(
            "(\n protocol: File(\"../protocols/prep.ron\"))",
            "incidents/top.ron:2:17: no file `../protocols/prep.ron` | did you mean `../protocols/perp.ron`?",
        );
        let root = "the root is the nearest folder named `scenarios`, or else the folder of the scenario itself";
        for path in ["../../secret.ron", "../../secrets.ron"] {
            check(
                &format!("(protocol: File(\"{path}\"))"),
                &format!("incidents/top.ron:1:17: `{path}` lies outside the root of the scenario | {root}"),
            );
        }
        check(
            "(protocol: File(\"/etc/passwd\"))",
            "incidents/top.ron:1:17: `/etc/passwd` is an absolute path | paths in a scenario are relative to the file they stand in",
        );
        check("(protocol: File(\"..\"))", "incidents/top.ron:1:17: `..` is not a regular file | ");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_root_is_outside() {
        let folder = library("(protocol: File(\"link.ron\"))");
        let link = folder.path().join("scenarios/incidents/link.ron");
        std::os::unix::fs::symlink(folder.path().join("secret.ron"), &link).unwrap();
        let problem = load(&folder).unwrap_err();
        assert_eq!(problem.message(), "`link.ron` lies outside the root of the scenario");
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(folder.path().join("scenarios/protocols/perp.ron"), &link).unwrap();
        assert_eq!(load(&folder).unwrap().raw("protocol.imr"), Some("0.1"));
    }

    #[test]
    fn mistakes_inside_an_included_file_are_placed_there() {
        check(
            "(protocol: File(\"../protocols/twice.ron\"))",
            "protocols/twice.ron:2:2: field `a` is given twice (first given on line 1) | ",
        );
        check(
            "(protocol: File(\"../protocols/open.ron\"))",
            "protocols/open.ron:1:7: expected `]` to close the `[`, found `)` (opened on line 1) | ",
        );
        check(
            "(protocol: File(\"../protocols/nested.ron\"))",
            "protocols/nested.ron:1:1: an included file holds the value of the part itself | write it without `Inline(…)`; an included file cannot include another",
        );
    }

    #[test]
    fn a_part_is_inline_or_a_file() {
        let what = "a part of a scenario is `Inline(…)` or `File(\"…\")`";
        check("(market: (prices: {}))", &format!("incidents/top.ron:1:10: {what} | "));
        check(
            "(market: Inline(prices: {}))",
            &format!("incidents/top.ron:1:10: {what} | a struct keeps its own parentheses: `Inline((…))`"),
        );
        check("(market: File(perp))", &format!("incidents/top.ron:1:10: {what} | the path is a string in quotes"));
        let problem = Document::from_text("x", "(market: File(\"a.ron\"))", &[]).unwrap_err();
        assert_eq!(problem.to_string(), format!("x:1:15: {NOT_A_FILE}"));
    }

    #[test]
    fn the_top_file_must_be_a_readable_text() {
        let folder = library("()");
        let absent = Document::load(&folder.path().join("scenarios/incidents/tops.ron"), &[]);
        let expected = "incidents/tops.ron: no such file | did you mean `incidents/top.ron`?";
        assert_eq!(report(&folder, &absent.unwrap_err()), expected);
        let directory = Document::load(&folder.path().join("scenarios"), &[]).unwrap_err();
        assert_eq!(directory.message(), "is not a regular file");
        let large = format!("({})", " ".repeat(MAX_BYTES));
        check(&large, "incidents/top.ron: is larger than 4 MiB | ");
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let refused = |bytes: &[u8]| decode("x", bytes).unwrap_err().to_string();
        assert_eq!(refused(b"(a:\n \xFF)"), "x:2:2: the text is not UTF-8");
        assert_eq!(refused(b"(a:\0)"), "x:1:4: the text holds a NUL character");
        assert_eq!(&*decode("x", b"\xEF\xBB\xBF()").unwrap().text, "()");
    }
}
