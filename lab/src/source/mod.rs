//! The scenario document: a file, the parts it includes and the `--set` overrides, composed into
//! one text whose every byte knows where the user wrote it. Typed values come out through
//! [`Document::parse`]; what a scenario means is decided elsewhere, with [`Document::problem`] and
//! [`Document::unknown`] to say what is wrong with it and where.

mod built_in;
mod compose;
mod culprit;
mod edit;
mod file;
mod home;
mod lexeme;
mod named;
mod number;
mod overrides;
mod problem;
mod scan;
mod table;
mod text;
mod tree;
mod typed;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use home::Home;
use problem::Source;
use text::Composed;
use tree::{Node, Walk};

pub use built_in::{BuiltIn, built_in, built_in_tournaments};
pub(crate) use compose::{beside, tournament as tournament_text};
pub use edit::TOP_LEVEL;
pub use file::SourceFile;
pub use named::named_files;
pub use overrides::Override;
pub(crate) use problem::suggestion;
pub use problem::{Place, Problem};
pub use table::read_csv;

/// A scenario as text: composed, checked, and mapped back to its files.
///
/// A dotted path leads through struct fields, map keys and list indexes, and passes over
/// `Inline(…)` and `Some(…)`; the empty path is the whole scenario.
#[derive(Clone, Debug)]
pub struct Document {
    composed: Composed,
    tree: Node,
    home: Option<Home>,
}

impl Document {
    /// Reads a scenario file with the files it includes, and applies overrides in order. Where there is no such file, the
    /// name of a built-in scenario will do.
    pub fn load(path: &Path, sets: &[Override]) -> Result<Self, Problem> {
        Document::of(compose::top(path)?, sets)
    }

    /// Reads a scenario that travels with the program.
    pub fn load_built_in(scenario: BuiltIn) -> Result<Self, Problem> {
        Document::of(compose::top_of(scenario)?, &[])
    }

    fn of((source, home): (Source, Home), sets: &[Override]) -> Result<Self, Problem> {
        Document::compose(source, Some(home), sets)
    }

    /// A scenario that is not a file, and so cannot name other files.
    pub fn from_text(name: &str, text: &str, sets: &[Override]) -> Result<Self, Problem> {
        Document::compose(compose::decode(name, text.as_bytes())?, None, sets)
    }

    fn compose(source: Source, home: Option<Home>, sets: &[Override]) -> Result<Self, Problem> {
        let mut composed = Composed::new(source);
        let mut tree = compose::include(&mut composed, home.as_ref())?;
        for over in sets {
            tree = edit::apply(&mut composed, &tree, over, home.as_ref())?;
        }
        Ok(Document { composed, tree, home })
    }

    /// The composed text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.composed.text()
    }

    /// BLAKE3, in hex, of the composed text without comments, spacing and trailing commas.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut canonical = String::with_capacity(self.text().len());
        self.tree.canonical(self.text(), &mut canonical);
        blake3::hash(canonical.as_bytes()).to_hex().to_string()
    }

    /// The names of the children at a path in file order: fields, keys, or indexes; none where the
    /// path does not lead.
    #[must_use]
    pub fn keys(&self, path: &str) -> Vec<String> {
        self.tree.find(path).map(|node| node.payload().keys()).unwrap_or_default()
    }

    /// The text of the value at a path.
    #[must_use]
    pub fn raw(&self, path: &str) -> Option<&str> {
        self.tree.find(path).map(|node| node.span.of(self.text()))
    }

    /// The value at a path without comments, spacing and trailing commas.
    #[must_use]
    pub fn canonical(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        self.tree.find(path)?.canonical(self.text(), &mut text);
        Some(text)
    }

    /// The value at a path, read by its type with RON's `implicit_some`.
    pub fn parse<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        let Walk { node, rest, .. } = self.tree.walk(path);
        if rest.is_empty() {
            return typed::parse(&self.composed, node);
        }
        let parent = path[..path.len() - rest.len()].trim_end_matches('.');
        let name = rest.split('.').next().unwrap_or(rest);
        Err(self.problem(parent, format!("missing `{name}`{}", within(parent)), None))
    }

    /// The same where there is a value at the path.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub(crate) fn optional<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Problem> {
        self.raw(path).map(|_| self.parse(path)).transpose()
    }

    /// The changes that stand as a list of `path=value` at a path.
    ///
    /// # Errors
    /// The first that is none, at its place.
    pub(crate) fn overrides(&self, path: &str, sets: &[String]) -> Result<Vec<Override>, Problem> {
        let read = |(index, set): (usize, &String)| {
            set.parse().map_err(|problem: Problem| {
                let hint = problem.help().map(str::to_owned);
                self.problem(&format!("{path}.{index}"), problem.message(), hint)
            })
        };
        sets.iter().enumerate().map(read).collect()
    }

    /// Whether this is a `kind` of a version that is known, with no other keys than `known` at its top.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn check_kind(&self, kind: &str, version: u32, known: &[&str]) -> Result<(), Problem> {
        if let Some(key) = self.keys("").iter().find(|key| !known.contains(&key.as_str())) {
            return Err(self.unknown("", key, known));
        }
        let found: u32 = self.parse(kind)?;
        if found == version {
            return Ok(());
        }
        let hint = Some(format!("this version reads {kind}s of format {version}"));
        Err(self.problem(kind, format!("format {found} is not known"), hint))
    }

    /// The problem of a value that was read from [`Document::raw`] elsewhere, in the words of [`Document::parse`].
    #[must_use]
    pub fn explain(&self, path: &str, error: &ron::error::SpannedError) -> Problem {
        typed::explain(&self.composed, self.tree.walk(path).node, error)
    }

    /// The place of the value at a path, or of the nearest value on the way that exists.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        self.composed.place(self.tree.walk(path).node.span)
    }

    /// A problem with the value at a path, found when its meaning was checked.
    #[must_use]
    pub fn problem(&self, path: &str, message: impl Into<String>, hint: Option<String>) -> Problem {
        self.composed.problem(self.tree.walk(path).node.span, message).with_help(hint)
    }

    /// The problem that the child `key` at a path is none of `known`, placed on the key itself.
    #[must_use]
    pub fn unknown(&self, path: &str, key: &str, known: &[&str]) -> Problem {
        let node = self.tree.walk(path).node;
        let entry = node.payload().entries().iter().find(|entry| entry.key == key);
        let span = entry.map_or(node.span, |entry| entry.key_span);
        self.composed.problem(span, format!("unknown `{key}`{}", within(path))).with_help(suggestion(key, known))
    }

    /// The CSV file of every name under `data`; `given` (`--data NAME=FILE`, relative to the working folder) may add names
    /// and wins over the scenario.
    pub fn tables(&self, given: &[(String, PathBuf)]) -> Result<BTreeMap<String, SourceFile>, Problem> {
        table::files(&self.composed, &self.tree, self.home.as_ref(), given)
    }
}

fn within(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in `{path}`") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Document {
        Document::from_text("x.ron", text, &[]).unwrap()
    }

    const TEXT: &str = "(\n  name: \"a\", // why\n  market: Inline({\"price\": (noise: 1), \"venues\": {}}),\n)";

    #[test]
    fn paths_give_keys_texts_values_and_places() {
        let document = document(TEXT);
        assert_eq!(document.keys(""), ["name", "market"]);
        assert_eq!(document.keys("market"), ["price", "venues"]);
        assert_eq!(document.keys("market.nowhere"), [""; 0]);
        assert_eq!(document.raw("market.price"), Some("(noise: 1)"));
        assert_eq!(document.raw("market.prices"), None);
        assert_eq!(document.parse::<String>("name").unwrap(), "a");
        assert_eq!(document.place("market.price.noise").to_string(), "x.ron:3:36");
        assert_eq!(document.place("market.price.nois.x").to_string(), "x.ron:3:28");
        assert_eq!(document.place("nowhere").to_string(), "x.ron:1:1");
    }

    #[test]
    fn later_problems_are_placed_by_path() {
        let document = document(TEXT);
        let problem = document.problem("market.price.noise", "too loud", Some("try 0".to_owned()));
        assert_eq!((problem.to_string().as_str(), problem.help()), ("x.ron:3:36: too loud", Some("try 0")));
        let unknown = document.unknown("market", "price", &["prices", "venues"]);
        assert_eq!(unknown.to_string(), "x.ron:3:19: unknown `price` in `market`");
        assert_eq!(unknown.help(), Some("did you mean `prices`? expected one of `prices`, `venues`"));
        assert_eq!(document.unknown("", "name", &[]).to_string(), "x.ron:2:3: unknown `name`");
    }

    #[test]
    fn errors_of_a_text_read_elsewhere_are_placed_like_those_of_parse() {
        let document = document("(\n market: Inline((price: (noise: true))))");
        let path = "market.price";
        let error = ron::from_str::<BTreeMap<String, f64>>(document.raw(path).unwrap()).unwrap_err();
        let typed = document.parse::<BTreeMap<String, f64>>(path).unwrap_err();
        let explained = document.explain(path, &error);
        assert_eq!(explained.to_string(), typed.to_string());
        assert!(explained.to_string().starts_with("x.ron:2:25: "), "{explained}");
    }

    #[track_caller]
    fn check_hash(left: &str, right: &str, same: bool) {
        assert_eq!(document(left).hash() == document(right).hash(), same, "{left} {right}");
    }

    #[test]
    fn layout_does_not_change_the_hash_and_values_do() {
        check_hash("(a: 1, b: [2, 3])", "( // c\n a:1,/* d */b : [\n2,3,],)", true);
        check_hash("(a: \"x y\")", "(a: \"xy\")", false);
        check_hash("(a: \"x // y\")", "(a: \"x \")", false);
        check_hash("(a: 1, b: 2)", "(b: 2, a: 1)", false);
        check_hash("(a: [1, 2])", "(a: [12])", false);
    }

    #[test]
    fn tables_come_from_the_scenario_and_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("top.ron"), "(data: {\"A\": \"a.csv\", \"B\": \"b.csv\"})").unwrap();
        std::fs::write(file("a.csv"), "x\n1\n").unwrap();
        let document = Document::load(&file("top.ron"), &[]).unwrap();
        let problem = document.tables(&[]).unwrap_err();
        assert!(problem.to_string().ends_with("top.ron:1:28: no file `b.csv`"), "{problem}");
        assert_eq!(problem.help(), Some("did you mean `a.csv`? or give it as --data B=FILE"));
        let given = |name: &str| vec![("B".to_owned(), file(name)), ("C".to_owned(), file("a.csv"))];
        let tables = document.tables(&given("a.csv")).unwrap();
        assert_eq!(tables.keys().collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(read_csv(&tables["A"]).unwrap()["x"], [1.0]);
        let absent = document.tables(&given("none.csv")).unwrap_err();
        assert!(absent.to_string().starts_with("--data B="), "{absent}");
    }

    #[test]
    fn a_built_in_scenario_is_what_its_file_is_with_its_data() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        for scenario in built_in() {
            let carried = Document::load_built_in(scenario).unwrap();
            let from_disk = Document::load(&folder.join(scenario.path()), &[]).unwrap();
            assert_eq!(carried.hash(), from_disk.hash(), "{}", scenario.path());
            let bytes = |document: &Document| {
                let tables = document.tables(&[]).unwrap();
                tables.into_iter().map(|(name, file)| (name, file.bytes().unwrap())).collect::<Vec<_>>()
            };
            assert_eq!(bytes(&carried), bytes(&from_disk), "{}", scenario.path());
        }
        assert!(Document::load(Path::new("crash"), &[]).unwrap().tables(&[]).unwrap()["eth"].path().is_none());
    }

    #[test]
    fn a_file_comes_before_a_built_in_scenario_and_a_missing_one_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("calm");
        std::fs::write(&own, "(name: \"mine\")").unwrap();
        assert_eq!(Document::load(&own, &[]).unwrap().raw("name"), Some("\"mine\""));
        let help = |name: &str| {
            let problem = Document::load(&folder.path().join(name), &[]).unwrap_err();
            assert_eq!(problem.message(), "no such file");
            problem.help().map(|help| help.replace(&format!("{}/", folder.path().display()), ""))
        };
        assert_eq!(help("clam").as_deref(), Some("did you mean `calm`? or the built-in scenario `calm`?"));
        assert_eq!(help("mango.ron").as_deref(), Some("did you mean the built-in scenario `mango_2022`?"));
        assert_eq!(help("nothing_like_it.ron"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(source) = compose::decode("x", &bytes) {
                let _ = Document::from_text("x", &source.text, &[]);
            }
        }

        #[test]
        fn texts_and_overrides_never_panic(
            text in r#"[\[\](){}:,"'\\/*#rb\n 0-9a-ceé.+_-]{0,30}"#,
            path in "[a-c0.]{1,5}",
            value in r#"[\[\](){}:,"\\/ 0-9a-cé]{0,8}"#,
        ) {
            let sets = [Override { path, value }];
            for text in [text.clone(), format!("(a: ({text}), b: [{text}], c: {{1: {text}}})")] {
                if let Ok(document) = Document::from_text("x", &text, &[]) {
                    prop_assert!(ron::from_str::<serde::de::IgnoredAny>(&text).is_ok());
                    let _ = document.parse::<BTreeMap<String, Vec<u8>>>("");
                    let _ = document.parse::<(f64, String)>("a");
                    let _ = Document::from_text("x", &text, &sets);
                }
            }
        }
    }
}
