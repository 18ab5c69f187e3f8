//! Applying `--set`: a value's text put in place of another, or added as a new field. Whether a new
//! field is known is for its type to say; the source map leads that complaint back to the `--set`.

use super::compose::{self, PARTS};
use super::home::Home;
use super::overrides::{Override, first};
use palisade_agents::nearest;

use super::problem::{Problem, Source};
use super::text::{Composed, Patch};
use super::tree::{Kind, Node, Span, Walk};

/// The keys of a scenario's top level.
pub const TOP_LEVEL: [&str; 17] = [
    "format",
    "name",
    "summary",
    "sources",
    "clock",
    "timing",
    "data",
    "protocol",
    "market",
    "population",
    "attackers",
    "probes",
    "outcomes",
    "invariants",
    "fitted",
    "expect",
    "counterfactuals",
];

/// The key whose children are names with a text each.
const TABLES: &str = "data";

/// Applies one override and returns the tree of the new text.
pub(super) fn apply(
    composed: &mut Composed,
    tree: &Node,
    over: &Override,
    home: Option<&Home>,
) -> Result<Node, Problem> {
    over.named()?;
    let Walk { node, entry, rest } = tree.walk(&over.path);
    let place = if rest.is_empty() {
        let source = composed.add_source(over.source());
        let quoted = is_string(node.span.of(composed.text()));
        let patches = match replacement(over, source, quoted, home)? {
            Replacement::Value(patches) => patches,
            Replacement::File(file) => whole(composed, file),
        };
        Change { span: node.span, patches }
    } else {
        let parent = entry.map_or("the scenario", |entry| entry.key.as_str());
        let source = composed.add_source(over.source());
        addition(composed, node.payload(), &Missing { over, parent, rest, source })?
    };
    composed.replace(place.span, place.patches);
    compose::sized(composed)?.check()
}

struct Change {
    span: Span,
    patches: Vec<Patch>,
}

/// What is put in place of a value.
enum Replacement {
    /// Another value.
    Value(Vec<Patch>),
    /// A file that holds a part of a scenario.
    File(Source),
}

fn replacement(over: &Override, source: usize, quoted: bool, home: Option<&Home>) -> Result<Replacement, Problem> {
    let offset = over.path.len() + 1;
    if quoted && !is_string(&over.value) {
        let text = quote(&over.value);
        return Ok(Replacement::Value(vec![Patch { text, source, offset, width: Some(over.value.len()) }]));
    }
    let (alone, node) = over.parsed()?;
    if PARTS.contains(&over.path.as_str()) && matches!(node.name.as_deref(), Some("Inline" | "File")) {
        return Ok(match compose::part(&alone, &node, home)? {
            Some(file) => Replacement::File(file),
            None => Replacement::Value(vec![exact(&alone, node.inlined(), source, offset)]),
        });
    }
    Ok(Replacement::Value(vec![exact(&alone, &node, source, offset)]))
}

/// All of a file; the line break closes a comment on its last line.
fn whole(composed: &mut Composed, file: Source) -> Vec<Patch> {
    let (text, end) = (file.text.to_string(), file.text.len());
    let source = composed.add_source(file);
    let line = Patch { text: "\n".to_owned(), source, offset: end, width: Some(0) };
    vec![Patch { text, source, offset: 0, width: None }, line]
}

/// The value without the comments around it.
fn exact(alone: &Composed, node: &Node, source: usize, offset: usize) -> Patch {
    let text = node.span.of(alone.text()).to_owned();
    Patch { text, source, offset: offset + node.span.start, width: None }
}

/// A path that leads no further than `parent`.
struct Missing<'a> {
    over: &'a Override,
    parent: &'a str,
    rest: &'a str,
    source: usize,
}

impl Missing<'_> {
    fn problem(&self, message: impl Into<String>) -> Problem {
        self.over.at_path(self.rest, message)
    }

    fn at_top(&self) -> bool {
        self.rest.len() == self.over.path.len()
    }

    /// Whether an absent key of the top level is known, and a plain value.
    fn may_be_added(&self) -> bool {
        let name = first(self.rest);
        TOP_LEVEL.contains(&name) && !PARTS.contains(&name)
    }

    /// Whether the value is a text, so that a bare word needs no quotes.
    fn takes_text(&self) -> bool {
        let path = self.over.path.as_str();
        matches!(path, "name" | "summary") || (first(path) == TABLES && path != TABLES)
    }

    /// The names to add, one inside the other; all that follows `data.` is one name.
    fn names(&self) -> (&str, Vec<&str>) {
        match self.rest.split_once('.') {
            _ if !self.at_top() && first(&self.over.path) == TABLES => (self.rest, Vec::new()),
            Some((TABLES, name)) if self.at_top() => (TABLES, vec![name]),
            Some((name, rest)) => (name, rest.split('.').collect()),
            None => (self.rest, Vec::new()),
        }
    }

    fn absent(&self, node: &Node) -> Problem {
        let name = first(self.rest);
        let keys = node.keys();
        let near = nearest(name, keys.iter().map(String::as_str));
        self.problem(format!("no `{name}` in {}", tick(self.parent)))
            .with_help(near.map(|near| format!("did you mean `{near}`?")))
    }
}

/// Fields whose value is a map from names, wherever a scenario has them.
const MAPS: [&str; 10] =
    [TABLES, "assets", "feeds", "markets", "prices", "venues", "inventory", "wallet", "params", "bind"];

/// A new field or key at the end of `node`; names that are missing on the way become maps or structs, by their name.
fn addition(composed: &Composed, node: &Node, missing: &Missing) -> Result<Change, Problem> {
    let keys = match &node.kind {
        _ if missing.at_top() && !missing.may_be_added() => return Err(missing.absent(node)),
        Kind::Struct(entries) | Kind::Map(entries) => entries.as_slice(),
        Kind::Tuple(items) if items.is_empty() => &[],
        Kind::List(items) | Kind::Tuple(items) => {
            let count = items.len();
            return Err(missing.problem(format!("{} has {count} items, counted from 0", tick(missing.parent))));
        }
        Kind::Leaf => {
            let message = format!("{} is a single value, it has no `{}`", tick(missing.parent), first(missing.rest));
            return Err(missing.problem(message));
        }
    };
    let (name, on_the_way) = missing.names();
    if !on_the_way.is_empty()
        && !missing.at_top()
        && nearest(name, keys.iter().map(|entry| entry.key.as_str())).is_some()
    {
        return Err(missing.absent(node));
    }
    let bare = !matches!(node.kind, Kind::Map(_));
    let quoted = keys.first().is_none_or(|entry| is_string(entry.key_span.of(composed.text())));
    let key = if bare || !quoted { field(missing, name)? } else { quote(name) };
    let lead = if keys.is_empty() { "" } else { ", " };
    let at = keys.last().map_or(node.span.end - 1, |entry| entry.value.span.end);
    Ok(Change { span: Span::new(at, at), patches: nested(missing, format!("{lead}{key}: "), &on_the_way)? })
}

fn nested(missing: &Missing, mut opening: String, on_the_way: &[&str]) -> Result<Vec<Patch>, Problem> {
    let mut closing = String::new();
    let (mut parent, _) = missing.names();
    for &name in on_the_way {
        if MAPS.contains(&parent) {
            opening.push_str(&format!("{{{}: ", quote(name)));
            closing.insert(0, '}');
        } else {
            opening.push_str(&format!("({}: ", field(missing, name)?));
            closing.insert(0, ')');
        }
        parent = name;
    }
    let offset = missing.over.path.len() - missing.rest.len();
    let around = |text| Patch { text, source: missing.source, offset, width: Some(missing.rest.len()) };
    let offset = missing.over.path.len() + 1;
    let value = &missing.over.value;
    let value = if missing.takes_text() && !is_string(value) {
        let (text, width) = (quote(value), Some(value.len()));
        Patch { text, source: missing.source, offset, width }
    } else {
        let (alone, node) = missing.over.parsed()?;
        exact(&alone, &node, missing.source, offset)
    };
    Ok(vec![around(opening), value, around(closing)])
}

fn field(missing: &Missing, name: &str) -> Result<String, Problem> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(name.to_owned());
    }
    Err(missing.problem(format!("`{name}` is not a field name, and {} has no such key", tick(missing.parent))))
}

fn tick(parent: &str) -> String {
    if parent == "the scenario" { parent.to_owned() } else { format!("`{parent}`") }
}

fn is_string(text: &str) -> bool {
    text.starts_with('"') || text.strip_prefix('r').is_some_and(|raw| raw.trim_start_matches('#').starts_with('"'))
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::source::Document;

    use super::*;
    use crate::source::home::NOT_A_FILE;

    const TEXT: &str = r#"(
  name: "base", seed: 7,
  protocol: Inline((
    markets: {"ETH-PERP": (imr: 0.1, pool: Some((fee: 1))), "a/b:c": ()}, // two
    margin: (rate: 2,),
  )),
  population: Inline({"makers": (count: 5)}),
  expect: [(value: 1), (value: 2)],
  empty: {},
)"#;

    fn document(sets: &[&str]) -> Result<Document, Problem> {
        let sets: Result<Vec<Override>, Problem> = sets.iter().map(|set| set.parse()).collect();
        Document::from_text("x.ron", TEXT, &sets?)
    }

    #[test]
    fn absent_maps_are_made_as_maps() {
        let document =
            document(&["population.makers.params.size=0.5", "population.makers.wallet.A/B=Fixed(1)"]).unwrap();
        assert_eq!(document.raw("population.makers.params"), Some("{\"size\": 0.5}"));
        assert_eq!(document.raw("population.makers.wallet"), Some("{\"A/B\": Fixed(1)}"));
    }

    /// `set` puts `expected` at `path`, which is then placed at `column` of the `--set`.
    #[track_caller]
    fn check(set: &str, (path, expected, column): (&str, &str, u32)) {
        let document = document(&[set]).unwrap();
        assert_eq!(document.raw(path), Some(expected), "after {set}");
        let place = document.place(path);
        assert_eq!((place.file, place.column), (format!("--set {set}"), column));
        let (line, name) = (document.place("empty").line, document.place("empty").file);
        assert_eq!((line, name.as_str()), (9, "x.ron"), "the text behind keeps its place");
    }

    #[track_caller]
    fn check_refused(set: &str, expected: &str) {
        let problem = document(&[set]).unwrap_err();
        let report = format!("{problem} | {}", problem.help().unwrap_or(""));
        assert_eq!(report, format!("--set {set}:1:{expected}"));
    }

    /// A part from a file beside the scenario: its values are placed in that file, and what comes after stays.
    #[test]
    fn a_part_is_replaced_by_a_file_beside_the_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("x.ron");
        std::fs::write(&top, TEXT).unwrap();
        std::fs::write(folder.path().join("other.ron"), "// another design\n(margin: (rate: 9)) // end").unwrap();
        let read = |sets: &[&str]| {
            let sets: Vec<Override> = sets.iter().map(|set| set.parse().unwrap()).collect();
            Document::load(&top, &sets)
        };
        let document = read(&["protocol=File(\"other.ron\")", "protocol.margin.rate=3"]).unwrap();
        assert_eq!((document.raw("protocol.margin.rate"), document.raw("protocol.markets")), (Some("3"), None));
        let document = read(&["protocol=File(\"other.ron\")"]).unwrap();
        let place = document.place("protocol.margin.rate");
        assert!(place.file.ends_with("other.ron") && place.line == 2, "{place:?}");
        assert_eq!(document.place("empty").line, 9);
        let missing = read(&["protocol=File(\"oter.ron\")"]).unwrap_err();
        assert!(missing.help().is_some_and(|help| help.contains("other.ron")), "{missing}");
    }

    #[test]
    fn values_are_replaced_through_every_kind_of_step() {
        check("seed=9", ("seed", "9", 6));
        check("protocol.markets.ETH-PERP.imr=0.05", ("protocol.markets.ETH-PERP.imr", "0.05", 31));
        check("protocol.markets.ETH-PERP.pool.fee=3", ("protocol.markets.ETH-PERP.pool.fee", "3", 36));
        check("expect.1.value=[4]", ("expect.1.value", "[4]", 16));
        check("protocol=(a: 1)", ("protocol.a", "1", 14));
        check("protocol=Inline((a: 1))", ("protocol", "(a: 1)", 17));
        check("seed=9 // why", ("seed", "9", 6));
    }

    #[test]
    fn a_string_is_quoted_where_it_replaces_one() {
        check("name=other name", ("name", "\"other name\"", 6));
        check("name=\"other\"", ("name", "\"other\"", 6));
        check("name=say \"x\"", ("name", "\"say \\\"x\\\"\"", 6));
    }

    #[test]
    fn new_fields_and_keys_are_added() {
        check("protocol.margin.mmr=3", ("protocol.margin.mmr", "3", 21));
        check("protocol.markets.a/b:c.imr=1", ("protocol.markets.a/b:c.imr", "1", 28));
        check("protocol.markets.BTC=(imr: 1)", ("protocol.markets.BTC", "(imr: 1)", 22));
        check("empty.k=1", ("empty.k", "1", 9));
        check("protocol.fees.maker.rate=1", ("protocol.fees.maker.rate", "1", 26));
        check("population.thieves.count=1", ("population.thieves.count", "1", 26));
    }

    #[test]
    fn known_keys_of_the_top_level_are_added() {
        check("timing.liquidation=after_execute", ("timing.liquidation", "after_execute", 20));
        check("data.X/Y.1=a b.csv", ("data.X/Y.1", "\"a b.csv\"", 12));
        check("summary=two words", ("summary", "\"two words\"", 9));
        check("clock=[(for: \"1h\", dt: \"1s\")]", ("clock.0.dt", "\"1s\"", 24));
        let twice = document(&["data.X=a.csv", "data.Y.Z=b.csv"]).unwrap();
        assert_eq!(twice.keys("data"), ["X", "Y.Z"]);
        check_refused("attackers.x.count=1", "1: no `attackers` in the scenario | ");
    }

    #[test]
    fn an_added_name_is_placed_on_its_segment() {
        let place = document(&["protocol.margin.mmr=3"]).unwrap();
        let problem = place.unknown("protocol.margin", "mmr", &["imr"]);
        assert_eq!(problem.to_string(), "--set protocol.margin.mmr=3:1:17: unknown `mmr` in `protocol.margin`");
    }

    #[test]
    fn overrides_apply_in_order() {
        let sets = ["seed=8", "protocol.margin.x=1", "seed=9", "protocol.margin.x=2"];
        let document = document(&sets).unwrap();
        assert_eq!((document.raw("seed"), document.raw("protocol.margin.x")), (Some("9"), Some("2")));
        assert_eq!(document.place("protocol.margin.rate").to_string(), "x.ron:5:20");
    }

    #[test]
    fn paths_that_lead_nowhere_are_refused() {
        check_refused("sed=1", "1: no `sed` in the scenario | did you mean `seed`?");
        check_refused("protocl.margin=1", "1: no `protocl` in the scenario | did you mean `protocol`?");
        check_refused("population.maker.count=1", "12: no `maker` in `population` | did you mean `makers`?");
        check_refused("seed.x=1", "6: `seed` is a single value, it has no `x` | ");
        check_refused("expect.2.value=1", "8: `expect` has 2 items, counted from 0 | ");
        check_refused("protocol.margin.a/b=1", "17: `a/b` is not a field name, and `margin` has no such key | ");
    }

    #[test]
    fn bad_values_are_refused_in_their_column() {
        check_refused("seed=NaN", "6: `NaN` is not a finite number | ");
        check_refused("protocol.margin.new=1e-310", "21: `1e-310` is too close to zero to be held exactly | ");
        check_refused("seed=(1", "6: this `(` is never closed | ");
        check_refused("seed=1)", "7: non-whitespace trailing characters | ");
        check_refused("seed=", "6: unexpected end of RON | ");
        check_refused("seed=(a: 1, a: 2)", "13: field `a` is given twice (first given on line 1) | ");
        let deep = document(&[&format!("seed={}", "(".repeat(1_000_000))]).unwrap_err();
        assert_eq!(deep.message(), "brackets are nested deeper than 64 levels");
        let path = document(&[&format!("protocol.{}x=1", "x.".repeat(70))]).unwrap_err();
        assert_eq!(path.message(), "brackets are nested deeper than 64 levels");
        check_refused("protocol=File(\"x\")", &format!("15: {} | ", NOT_A_FILE));
    }
}
