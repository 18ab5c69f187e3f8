//! `palisade compare`: two designs over the same seeds, what differs between them, and what the second one costs.

use std::path::PathBuf;

use clap::Args;
use palisade_lab::compare::{COSTS, Comparison, Difference, Pair, Side};
use palisade_lab::load::{self, LoadError, RunRequest};

use crate::args::{Display, Inputs};
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::Onlooker;
use palisade_lab::words::{counted, figure, percent};

#[derive(Args, Debug)]
#[command(after_help = "Either a second scenario or `--with` says what B is; `--set` changes both.")]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The scenario of B [default: that of A]
    #[arg(value_name = "B", required_unless_present = "with")]
    other: Option<PathBuf>,
    /// Replace one value of the scenario in B alone; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    with: Vec<String>,
    /// How many worlds of each, with the same seeds counted up from --seed
    #[arg(long, value_name = "K", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    seeds: u32,
    /// Stop after this many steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Write both runs and the comparison into this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) display: Display,
}

pub(crate) fn compare(args: &CompareArgs) -> Result<Exit, Trouble> {
    let base = args.inputs.request()?;
    let a = RunRequest { seeds: args.seeds, steps: args.steps, ..base };
    let mut b = RunRequest { scenario: args.other.clone().unwrap_or_else(|| a.scenario.clone()), ..a.clone() };
    for set in &args.with {
        b.sets.push(set.parse().map_err(LoadError::from)?);
    }
    let (left, right) = (load::load(&a)?, load::load(&b)?);
    let steps = left.all_steps(&a).saturating_add(right.all_steps(&b));
    let onlooker = Onlooker::start(&args.display, Some(steps))?;
    let pair = Pair { a: (&left, &a), b: (&right, &b) };
    let comparison = pair.compare(args.out.as_deref(), &onlooker)?;
    drop(onlooker);
    let paint = Paint::stdout(args.display.color);
    match (args.display.json, args.display.quiet) {
        (true, _) => print_json(&comparison)?,
        (false, true) => print(&wrapped("", &verdict(&comparison)))?,
        (false, false) => print(&full(&comparison, paint))?,
    }
    Ok(if comparison.interrupted { Exit::Interrupted } else { Exit::Done })
}

/// What a committee would ask first, in one sentence each.
fn verdict(comparison: &Comparison) -> String {
    let settlement = &comparison.settlement;
    let change = |name: &str, what: &str| {
        let row = comparison.row(name)?;
        let certain = match (row.interval, row.is_certain()) {
            (None, _) => String::new(),
            (Some((low, high)), true) => {
                let [mean, low, high] = [row.difference, low, high].map(|value| number(row, value));
                format!(" (a difference of {mean}, 95 % interval {low} to {high})")
            }
            (Some(_), false) => " (not to be told from no change)".to_owned(),
        };
        let [a, b] = [row.a, row.b].map(|value| number(row, value));
        Some(match row.unit.as_str() {
            "flag" => format!("{what} in {a} of worlds under A and {b} under B{certain}"),
            _ => format!("{what} {a} {settlement} under A and {b} under B{certain}"),
        })
    };
    let attacked = comparison.row("attacker_outlay").is_some_and(|row| row.a > 0.0 || row.b > 0.0);
    let of_attack = [change("attack_profitable", "The attack pays"), change("attacker_net", "Attackers' net is")];
    let of_all = [change("insolvent", "The protocol ends insolvent"), change("volume", "Agents trade")];
    let said: Vec<String> = of_attack.into_iter().filter(|_| attacked).chain(of_all).flatten().collect();
    let seeds = counted(comparison.seeds.len() as u64, "paired seed");
    let early = if comparison.interrupted { "Interrupted. " } else { "" };
    let uneven = comparison.uneven().map(|uneven| format!(" {uneven}.")).unwrap_or_default();
    format!("{early}Over {seeds}: {}.{uneven}", said.join(". "))
}

fn full(comparison: &Comparison, paint: Paint) -> String {
    let columns = [
        ("figure", Align::Left),
        ("unit", Align::Name),
        ("A", Align::Right),
        ("B", Align::Right),
        ("B − A", Align::Right),
        ("95 % interval", Align::Right),
    ];
    let is_cost = |row: &&Difference| COSTS.contains(&row.name.as_str());
    let moved = |row: &&Difference| row.differing > 0;
    let costs: Vec<_> = comparison.rows.iter().filter(is_cost).map(cells).collect();
    let rest: Vec<_> = comparison.rows.iter().filter(|row| !is_cost(row) && moved(row)).map(cells).collect();
    let still = comparison.rows.iter().filter(|row| !is_cost(row) && row.n > 0 && row.differing == 0);
    let still: Vec<&str> = still.map(|row| row.name.as_str()).collect();
    let mut text: String = wrapped("", &verdict(comparison)).lines().map(|line| paint.bold(line) + "\n").collect();
    text += "\n";
    text += &side("A", &comparison.a);
    text += &side("B", &comparison.b);
    text += &format!("\n{}\n{}", paint.bold("What the defence costs"), table(&columns, costs));
    if rest.is_empty() {
        text += "\nNo other figure differs.\n";
    } else {
        text += &format!("\n{}\n{}", paint.bold("What else differs"), table(&columns, rest));
        text += "  Means over worlds; intervals by Student's t over differences of the same seed, of shares by\n  Newcombe's method; * leaves out 0.\n";
    }
    if !still.is_empty() {
        text += &format!("\n{}", wrapped("Equal in every world: ", &still.join(", ")));
    }
    text += &format!("\nreproduce: {}\n", comparison.command);
    text
}

fn side(name: &str, side: &Side) -> String {
    let set = if side.set.is_empty() { "as it is".to_owned() } else { side.set.join(" ") };
    wrapped(&format!("{name}  "), &format!("{}, {set}", side.scenario))
}

/// A value of a row; means of flags are shares.
fn number(row: &Difference, value: f64) -> String {
    if row.unit == "flag" { percent(value) } else { figure(value, &row.unit) }
}

fn cells(row: &Difference) -> Vec<String> {
    let number = |value: f64| number(row, value);
    let interval = row
        .interval
        .map(|(low, high)| format!("{} … {}{}", number(low), number(high), if row.is_certain() { " *" } else { "  " }));
    let difference = if row.difference > 0.0 { format!("+{}", number(row.difference)) } else { number(row.difference) };
    let unit = if row.unit == "flag" { "share" } else { &row.unit };
    vec![row.name.clone(), unit.to_owned(), number(row.a), number(row.b), difference, interval.unwrap_or_default()]
}
