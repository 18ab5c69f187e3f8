//! From a document to the engine's typed scenario: which keys there may be, cohorts with their names and roles, data
//! files, and the texts of the mechanisms' blocks. What a block means is for its mechanism to say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use palisade_engine::clock::Clock;
use palisade_engine::mechanisms;
use palisade_engine::registry::Registry;
use palisade_engine::scenario::{AssetSpec, Cohort, FORMAT, Measure, Measures, Role, Scenario, SetupError};
use palisade_engine::valuation::{DEPOSITS, ESCROW, INSURANCE, POOL, vault_group};
use serde::de::DeserializeOwned;

use crate::source::{Document, Problem, TOP_LEVEL, read_csv, suggestion};

/// The group of the rest of the world.
pub(crate) const OUTSIDE: &str = "outside";
/// What the name of a venue's group starts with.
pub(crate) const LIQUIDITY: &str = "liquidity ";
/// Groups of the protocol itself, whose names no cohort may have.
const PARTIES: [&str; 5] = [POOL, INSURANCE, DEPOSITS, ESCROW, OUTSIDE];
/// The parts that hold cohorts.
const COHORTS: [&str; 2] = ["population", "attackers"];
/// The most things of one kind: groups are counted in 16 bits, and venues are groups too.
const MAX_NAMES: usize = 10_000;
/// The most balances a population may need.
const MAX_BALANCES: u64 = 1 << 31;
/// The longest name of a cohort.
pub(crate) const MAX_NAME: usize = 64;

/// Problems found on the way, so that one does not hide the next.
#[derive(Debug, Default)]
pub(crate) struct Found(pub(crate) Vec<Problem>);

impl Found {
    /// What was read, or a stand-in that nobody will see once a problem has been noted.
    pub(crate) fn keep<T: Default>(&mut self, result: Result<T, Problem>) -> T {
        result.unwrap_or_else(|problem| {
            self.0.push(problem);
            T::default()
        })
    }
}

/// The scenario of a document, with its data files.
///
/// # Errors
/// Everything that is wrong with the document, in no particular order.
pub(crate) fn scenario(document: &Document, data: &[(String, PathBuf)]) -> Result<Scenario, Vec<Problem>> {
    let mut found = Found::default();
    check_top(document, &mut found);
    let mut tables = BTreeMap::new();
    for (name, file) in found.keep(document.tables(data)) {
        let table = found.keep(read_csv(&file));
        tables.insert(name, table);
    }
    let assets = assets(document, &mut found);
    let scenario = Scenario {
        name: found.keep(name(document)),
        clock: found.keep(document.parse("clock")),
        timing: found.keep(optional(document, "timing")),
        settlement: found.keep(document.parse("protocol.settlement")),
        cohorts: cohorts(document, assets.len(), &mut found),
        assets,
        blocks: blocks(document, &mut found),
        data: tables,
        rules: Vec::new(),
        measures: measures(document, &mut found),
    };
    if found.0.is_empty() { Ok(scenario) } else { Err(found.0) }
}

/// What the scenario's own scripts measure.
pub(crate) fn measures(document: &Document, found: &mut Found) -> Measures {
    Measures {
        probes: scripts(document, "probes", found),
        outcomes: scripts(document, "outcomes", found),
        invariants: scripts(document, "invariants", found),
    }
}

/// The scripts under a key of the head, by name.
fn scripts(document: &Document, key: &str, found: &mut Found) -> Vec<(String, Measure)> {
    let names = found.keep(named(document, key));
    if names.is_empty() && document.raw(key).is_some() {
        found.keep(document.parse::<BTreeMap<String, Measure>>(key));
    }
    each(document, key, names, found)
}

/// The values of some names under a path, in order; a problem with one does not hide the others.
fn each<T: DeserializeOwned>(
    document: &Document,
    path: &str,
    names: Vec<String>,
    found: &mut Found,
) -> Vec<(String, T)> {
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        match document.parse(&format!("{path}.{name}")) {
            Ok(value) => values.push((name, value)),
            Err(problem) => found.0.push(problem),
        }
    }
    values
}

/// The value at a path, or its default where there is none.
pub(crate) fn optional<T: DeserializeOwned + Default>(document: &Document, path: &str) -> Result<T, Problem> {
    document.optional(path).map(Option::unwrap_or_default)
}

/// The plan of steps.
pub(crate) fn clock(document: &Document) -> Result<Clock, Problem> {
    let segments = document.parse("clock")?;
    Clock::new(segments).map_err(|(index, message)| document.problem(&format!("clock.{index}"), message, None))
}

pub(crate) fn check_top(document: &Document, found: &mut Found) {
    let keys = document.keys("");
    let unknown = keys.iter().filter(|key| !TOP_LEVEL.contains(&key.as_str()));
    found.0.extend(unknown.map(|key| document.unknown("", key, &TOP_LEVEL)));
    found.keep(format(document));
    found.keep(optional::<Vec<String>>(document, "sources"));
}

fn format(document: &Document) -> Result<(), Problem> {
    let format: u32 = document.parse("format")?;
    if format == FORMAT {
        return Ok(());
    }
    let hint = Some(format!("this version reads format {FORMAT}"));
    Err(document.problem("format", format!("format {format} is not known"), hint))
}

pub(crate) fn name(document: &Document) -> Result<String, Problem> {
    let name: String = document.parse("name")?;
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(document.problem("name", "a scenario needs a printable name", None));
    }
    Ok(name)
}

fn assets(document: &Document, found: &mut Found) -> Vec<(String, AssetSpec)> {
    let path = "protocol.assets";
    let keys = found.keep(named(document, path));
    if keys.is_empty() {
        let hint = "list at least the settlement asset, such as {\"USD\": (decimals: 6)}";
        let none = || document.problem(path, "no assets", Some(hint.to_owned()));
        found.0.push(document.parse::<BTreeMap<String, AssetSpec>>(path).map_or_else(|problem| problem, |_| none()));
    }
    each(document, path, keys, found)
}

/// The names under a path, when there are not too many.
fn named(document: &Document, path: &str) -> Result<Vec<String>, Problem> {
    let keys = document.keys(path);
    if keys.len() > MAX_NAMES {
        return Err(document.problem(path, format!("{} names: at most {MAX_NAMES} fit a run", keys.len()), None));
    }
    Ok(keys)
}

fn blocks(document: &Document, found: &mut Found) -> BTreeMap<String, String> {
    let registry = Registry::of(&mechanisms::ALL);
    let mut blocks = BTreeMap::new();
    for (part, own) in [("protocol", &["assets", "settlement"][..]), ("market", &[])] {
        let declared = registry.blocks.iter().filter_map(|block| block.path.strip_prefix(part)?.strip_prefix('.'));
        let known: Vec<&str> = own.iter().copied().chain(declared).collect();
        for key in document.keys(part) {
            let path = format!("{part}.{key}");
            if !known.contains(&key.as_str()) {
                found.0.push(document.unknown(part, &key, &known));
            } else if !own.contains(&key.as_str()) {
                found.keep(named(document, &path));
                blocks.extend(document.raw(&path).map(|text| (path.clone(), text.to_owned())));
            }
        }
    }
    blocks
}

/// Everyone of the population and the attackers, with the path of each cohort; `assets` is how many kinds they may hold.
pub(crate) fn cohorts(document: &Document, assets: usize, found: &mut Found) -> Vec<(String, Cohort)> {
    let mut cohorts: Vec<(String, Cohort)> = Vec::new();
    let mut balances = 0_u64;
    for part in COHORTS {
        for name in found.keep(named(document, part)) {
            match cohort(document, (part, &name), assets, &mut balances) {
                Ok(cohort) => cohorts.push((format!("{part}.{name}"), cohort)),
                Err(problem) => found.0.push(problem),
            }
        }
    }
    cohorts
}

fn cohort(
    document: &Document,
    (part, name): (&str, &str),
    assets: usize,
    balances: &mut u64,
) -> Result<Cohort, Problem> {
    let path = format!("{part}.{name}");
    check_cohort_name(document, part, name)?;
    if part == COHORTS[1] && document.keys(COHORTS[0]).iter().any(|known| known == name) {
        let message = format!("`{name}` is a cohort of the population already");
        return Err(document.problem(&path, message, None));
    }
    let cohort: Cohort = document.parse(&path)?;
    check_role(document, &path, cohort.role)?;
    *balances += u64::from(cohort.count) * (assets as u64 + u64::from(cohort.accounts) + 1);
    if *balances > MAX_BALANCES {
        let message = format!("{} agents: the run would need more than {MAX_BALANCES} balances", cohort.count);
        return Err(document.problem(&format!("{path}.count"), message, None));
    }
    Ok(cohort)
}

fn check_cohort_name(document: &Document, part: &str, name: &str) -> Result<(), Problem> {
    let wrong = |message: String| Err(document.problem(&format!("{part}.{name}"), message, None));
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    if !(1..=MAX_NAME).contains(&name.chars().count()) || name.trim() != name || !name.chars().all(plain) {
        return wrong(format!("a cohort's name is 1 to {MAX_NAME} letters, digits, `_`, `-` and inner spaces"));
    }
    if PARTIES.contains(&name) || name.starts_with(LIQUIDITY) || name.starts_with(&vault_group("")) {
        return wrong(format!("`{name}` is the name of a party that every protocol has"));
    }
    Ok(())
}

fn check_role(document: &Document, path: &str, role: Role) -> Result<(), Problem> {
    let attacks = path.starts_with(COHORTS[1]);
    let message = match role {
        Role::Attacker if !attacks => "attackers stand under `attackers`, so that a run without them can be paired",
        Role::Attacker => return Ok(()),
        _ if attacks => "only the role `attacker` stands under `attackers`",
        _ => return Ok(()),
    };
    Err(document.problem(&format!("{path}.role"), message, None))
}

/// An error of building the scenario, at its place in the files.
pub(crate) fn explain(document: &Document, error: &SetupError) -> Problem {
    match error {
        SetupError::Block { path, error } => document.explain(path, error),
        SetupError::Value { path, message } => document.problem(path, message, None),
        SetupError::Name { path, what, name, known } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("there is no {what} called `{name}`");
            let hint = suggestion(name, &known).unwrap_or_else(|| format!("the scenario has no {what} at all"));
            document.problem(&holder(document, path, name), message, Some(hint))
        }
    }
}

/// The path of the very value that holds `name`: the one at `path`, or an item of it.
fn holder(document: &Document, path: &str, name: &str) -> String {
    let quoted = format!("{name:?}");
    let children = document.keys(path).into_iter().map(|key| (format!("{path}.{key}"), key));
    let holds = |child: &(String, String)| child.1 == name || document.raw(&child.0) == Some(&quoted);
    children.into_iter().find(holds).map_or_else(|| path.to_owned(), |(child, _)| child)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = r#"(format: 1, name: "t", clock: [(for: "1m", dt: "1s")],
protocol: Inline((assets: {"USD": (), "ETH": (decimals: 9)}, settlement: "USD", funds: (pool: 1.0))),
market: Inline((prices: {})),
population: Inline({"a b": (role: trader, strategy: "noise", count: 1)}),
attackers: Inline({"x": (role: attacker, strategy: "noise", count: 1)}),
)"#;

    fn read(text: &str, sets: &[&str]) -> Result<Scenario, Problem> {
        let sets: Vec<_> = sets.iter().map(|set| set.parse().unwrap()).collect();
        scenario(&Document::from_text("x.ron", text, &sets)?, &[]).map_err(|mut problems| problems.remove(0))
    }

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(TEXT.contains(from));
        let problem = read(&TEXT.replacen(from, to, 1), &[]).unwrap_err();
        assert_eq!(format!("{problem} | {}", problem.help().unwrap_or("")), expected);
    }

    #[test]
    fn assets_and_cohorts_keep_their_order_and_blocks_their_text() {
        let scenario = read(TEXT, &[]).unwrap();
        let assets: Vec<_> = scenario.assets.iter().map(|(name, spec)| (name.as_str(), spec.decimals)).collect();
        assert_eq!(assets, [("USD", 6), ("ETH", 9)]);
        let cohorts: Vec<_> = scenario.cohorts.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(cohorts, ["population.a b", "attackers.x"]);
        assert_eq!(scenario.blocks["protocol.funds"], "(pool: 1.0)");
        let late = read(TEXT, &["timing.liquidation=after_execute"]).unwrap();
        assert_ne!(format!("{:?}", late.timing), format!("{:?}", scenario.timing));
    }

    #[test]
    fn unknown_keys_name_their_neighbor() {
        check(
            "name:",
            "title: 1, name:",
            &format!("x.ron:1:13: unknown `title` | expected one of `{}`", TOP_LEVEL.join("`, `")),
        );
        let known = "`assets`, `settlement`, `vaults`, `feeds`, `markets`, `funds`, `liquidation`, `auctions`, `waterfall`, \
                     `offences`, `governance`, `safety`, `blockspace`";
        check(
            "funds:",
            "fund:",
            &format!("x.ron:2:81: unknown `fund` in `protocol` | did you mean `funds`? expected one of {known}"),
        );
        check("format: 1", "format: 2", "x.ron:1:10: format 2 is not known | this version reads format 1");
    }

    #[test]
    fn cohorts_have_their_place_their_name_and_their_role() {
        check("role: attacker", "role: keeper", "x.ron:5:32: only the role `attacker` stands under `attackers` | ");
        check(
            "role: trader",
            "role: attacker",
            "x.ron:4:35: attackers stand under `attackers`, so that a run without them can be paired | ",
        );
        check("\"x\"", "\"a b\"", "x.ron:5:27: `a b` is a cohort of the population already | ");
        check("\"x\"", "\"pool\"", "x.ron:5:28: `pool` is the name of a party that every protocol has | ");
        for name in ["a.b", " a", "a\\nb", "a/b"] {
            let problem = read(&TEXT.replacen("\"x\"", &format!("\"{name}\""), 1), &[]).unwrap_err();
            assert!(problem.message().starts_with("a cohort's name is"), "{name:?}: {problem}");
        }
    }

    #[test]
    fn absurd_counts_are_refused_with_their_place() {
        check("count: 1)", "count: 1000000000000)", "x.ron:4:69: `1000000000000` is out of range for `count` | ");
        check("count: 1)", "count: -1)", "x.ron:4:69: `-1` is out of range for `count` | ");
        let huge = TEXT.replacen("count: 1)", "count: 4000000000)", 1);
        assert!(read(&huge, &[]).unwrap_err().message().contains("more than 2147483648 balances"));
    }

    #[test]
    fn what_is_missing_is_named() {
        check(", settlement: \"USD\"", "", "x.ron:2:18: missing `settlement` in `protocol` | ");
        check(
            "{\"USD\": (), \"ETH\": (decimals: 9)}",
            "{}",
            "x.ron:2:27: no assets | list at least the settlement asset, such as {\"USD\": (decimals: 6)}",
        );
    }
}
