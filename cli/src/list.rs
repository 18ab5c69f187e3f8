//! `palisade list`: what there is to choose from. Nothing named, everything in short; one kind named, a line for each.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use palisade_lab::inventory::{Action, Inventory, Parameter, Rule, ScenarioRow, StrategyRow};
use serde::Serialize;

use crate::args::Coloring;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use palisade_lab::words::{exact, range};

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// What to list [default: everything, in short]
    #[arg(value_enum, value_name = "WHAT")]
    what: Option<What>,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

/// What the commands share that look things up.
#[derive(Args, Debug)]
pub(crate) struct Looking {
    /// A folder with strategies of your own, beside the built-in ones; may be repeated
    #[arg(long, value_name = "DIR", env = "PALISADE_SCRIPTS")]
    pub(crate) scripts: Vec<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) coloring: Coloring,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum What {
    Scenarios,
    Tournaments,
    Strategies,
    Parameters,
    Actions,
    Rules,
}

/// What was asked for.
#[derive(Debug, Default, Serialize)]
struct Lists {
    #[serde(skip_serializing_if = "Option::is_none")]
    scenarios: Option<Vec<ScenarioRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tournaments: Option<Vec<ScenarioRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategies: Option<Vec<StrategyRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Vec<Parameter>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<Action>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<Rule>>,
}

pub(crate) fn list(args: &ListArgs) -> Result<Exit, Trouble> {
    let inventory = Inventory::load(&args.looking.scripts)?;
    let lists = lists(&inventory, args.what)?;
    let paint = Paint::stdout(args.looking.coloring.color);
    match (args.looking.json, args.what) {
        (true, _) => print_json(&lists)?,
        (false, None) => print(&short(&lists, paint))?,
        (false, Some(_)) => print(&long(&lists, paint))?,
    }
    Ok(Exit::Done)
}

fn lists(inventory: &Inventory, what: Option<What>) -> Result<Lists, Trouble> {
    let wanted = |kind| what.is_none_or(|what| what == kind);
    Ok(Lists {
        scenarios: wanted(What::Scenarios).then(|| inventory.scenarios()).transpose()?,
        tournaments: wanted(What::Tournaments).then(|| inventory.tournaments()).transpose()?,
        strategies: wanted(What::Strategies).then(|| inventory.strategies()),
        parameters: wanted(What::Parameters).then(|| inventory.parameters()),
        actions: wanted(What::Actions).then(|| inventory.actions()),
        rules: wanted(What::Rules).then(|| inventory.rules()),
    })
}

/// A table with a line for everything there is of a kind.
fn long(lists: &Lists, paint: Paint) -> String {
    let Lists { scenarios, tournaments, strategies, actions, rules, parameters } = lists;
    let tournaments = tournaments.iter().flatten().map(|row| vec![row.name.clone(), row.summary.clone()]);
    let scenarios = scenarios.iter().flatten().map(|row| vec![row.name.clone(), row.summary.clone()]);
    let strategies =
        strategies.iter().flatten().map(|row| vec![row.role.clone(), row.name.clone(), row.summary.clone()]);
    let actions = actions.iter().flatten().map(|row| vec![row.call.clone(), row.who.clone(), row.doc.clone()]);
    let rules = rules.iter().flatten().map(|row| vec![row.decides.clone(), row.name.clone(), row.doc.clone()]);
    let (name, words) = (Align::Name, Align::Left);
    [
        table(&[("scenario", name), ("what it shows", words)], scenarios.collect()),
        table(&[("tournament", name), ("what it plays", words)], tournaments.collect()),
        table(&[("role", name), ("strategy", name), ("what it does", words)], strategies.collect()),
        blocks(parameters.iter().flatten(), paint),
        table(&[("call", name), ("who", words), ("what it does", words)], actions.collect()),
        table(&[("decides", name), ("rule", name), ("how", words)], rules.collect()),
    ]
    .concat()
}

/// A table of parameters below the path of each block.
fn blocks<'a>(parameters: impl Iterator<Item = &'a Parameter>, paint: Paint) -> String {
    let columns = [
        ("parameter", Align::Name),
        ("unit", Align::Name),
        ("default", Align::Name),
        ("bounds", Align::Name),
        ("meaning", Align::Left),
    ];
    let row = |row: &Parameter| {
        let Parameter { name, unit, default, low, high, doc, .. } = row;
        vec![name.clone(), unit.clone(), exact(*default), range(*low, *high), doc.clone()]
    };
    let blocks = groups(parameters.map(|parameter| (block(parameter), row(parameter)))).into_iter();
    let shown = blocks.map(|(block, rows)| format!("{}\n{}", paint.bold(&block), table(&columns, rows)));
    shown.collect::<Vec<_>>().join("\n")
}

/// Names alone, together with what they share.
fn short(lists: &Lists, paint: Paint) -> String {
    let scenarios = lists.scenarios.iter().flatten().map(|row| (String::new(), row.name.as_str()));
    let tournaments = lists.tournaments.iter().flatten().map(|row| (String::new(), row.name.as_str()));
    let strategies = lists.strategies.iter().flatten().map(|row| (row.role.clone(), row.name.as_str()));
    let parameters = lists.parameters.iter().flatten().map(|row| (block(row), row.name.as_str()));
    let actions = lists.actions.iter().flatten().map(|row| (receiver(row), row.name.as_str()));
    let rules = lists.rules.iter().flatten().map(|row| (row.decides.clone(), row.name.as_str()));
    let sections = [
        ("Scenarios", groups(scenarios)),
        ("Tournaments", groups(tournaments)),
        ("Strategies", groups(strategies)),
        ("Parameters", groups(parameters)),
        ("Actions", groups(actions)),
        ("Rules", groups(rules)),
    ];
    let mut text = String::new();
    for (title, groups) in sections {
        let width = groups.iter().map(|(group, _)| group.chars().count() + 2).max().filter(|width| *width > 2);
        text += &format!("{}\n", paint.bold(title));
        for (group, names) in groups {
            text += &wrapped(&format!("  {group:width$}", width = width.unwrap_or(0)), &names.join(", "));
        }
        text.push('\n');
    }
    text + "`palisade list strategies` shows a line for each, `palisade describe NAME` all about one.\n"
}

fn block(parameter: &Parameter) -> String {
    parameter.path.strip_suffix(&format!(".{}", parameter.name)).unwrap_or(&parameter.path).to_owned()
}

fn receiver(action: &Action) -> String {
    action.call.split_once(&format!(".{}(", action.name)).map_or("", |(receiver, _)| receiver).to_owned()
}

/// What belongs to each group, both in the order in which they come.
fn groups<T>(rows: impl Iterator<Item = (String, T)>) -> Vec<(String, Vec<T>)> {
    let mut groups: Vec<(String, Vec<T>)> = Vec::new();
    for (group, row) in rows {
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((group, vec![row])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order_in_which_they_come() {
        let rows = [("b", "x"), ("a", "y"), ("b", "z")].map(|(group, name)| (group.to_owned(), name));
        assert_eq!(groups(rows.into_iter()), [("b".to_owned(), vec!["x", "z"]), ("a".to_owned(), vec!["y"])]);
    }
}
