//! `palisade explain`: why a run came out as it did, and with `--what-if` what would have stopped it.

use std::path::PathBuf;

use clap::{Args, Parser};
use palisade_lab::explain::{Explanation, Question, explain as lab};
use palisade_lab::frames::RunDir;
use palisade_lab::load::{RunRequest, load};
use palisade_lab::verify::{Stop, what_if};
use palisade_lab::words::signed;

use crate::args::{Cli, Command, Display};
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::verify::narrow;
use crate::watch::Onlooker;

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// A run directory, as `palisade run … --out DIR` writes it
    dir: PathBuf,
    /// One agent, by its id
    #[arg(long, value_name = "ID", group = "question")]
    agent: Option<u32>,
    /// Losses beyond margin, account by account
    #[arg(long, group = "question")]
    loss: bool,
    /// One liquidation, by its place in the table, from 0
    #[arg(long, value_name = "ID", group = "question")]
    liquidation: Option<usize>,
    /// One proposal, by its name, or by its place from 0
    #[arg(long, value_name = "ID", group = "question")]
    proposal: Option<String>,
    /// The world of this seed [default: the first]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run the changes that the scenario names as its counterfactuals, and say which would have stopped the attack
    #[arg(long)]
    what_if: bool,
    #[command(flatten)]
    pub(crate) display: Display,
}

/// Everything that is printed.
#[derive(serde::Serialize)]
struct Answer {
    #[serde(flatten)]
    explanation: Explanation,
    what_if: Option<Vec<Stop>>,
}

pub(crate) fn explain(args: &ExplainArgs) -> Result<Exit, Trouble> {
    let run = RunDir::open(&args.dir)?;
    let question = match (args.agent, args.loss, args.liquidation, &args.proposal) {
        (Some(agent), ..) => Question::Agent(agent),
        (_, true, ..) => Question::Loss,
        (_, _, Some(place), _) => Question::Liquidation(place),
        (_, _, _, Some(name)) => Question::Proposal(name.clone()),
        _ => Question::Course,
    };
    let explanation = lab(&run, args.seed, &question)?;
    let what_if = if args.what_if { Some(stops(&run, &explanation, args)?) } else { None };
    let paint = Paint::stdout(args.display.color);
    if args.display.json {
        print_json(&Answer { explanation, what_if })?;
    } else {
        print(&shown(&explanation, what_if.as_deref(), paint))?;
    }
    Ok(Exit::Done)
}

/// Runs the scenario's counterfactuals in the world that is explained.
fn stops(run: &RunDir, explanation: &Explanation, args: &ExplainArgs) -> Result<Vec<Stop>, Trouble> {
    let request = RunRequest { seed: explanation.seed, seeds: 1, ..again(&run.manifest().command)? };
    let loaded = load(&request)?;
    if loaded.scenario_hash() != run.manifest().scenario_hash || loaded.scripts_hash() != run.manifest().scripts_hash {
        let text =
            format!("the scenario or its scripts have changed since {} was written; run it again", args.dir.display());
        return Err(Trouble::Usage(text));
    }
    let onlooker = Onlooker::start(&args.display, None)?;
    Ok(what_if(&loaded, &request, &onlooker)?)
}

/// The request behind a command of this program.
fn again(command: &str) -> Result<RunRequest, Trouble> {
    let wrong = || Trouble::Usage(format!("the manifest's command cannot be read: {command}"));
    let words = shlex::split(command).ok_or_else(wrong)?;
    match Cli::try_parse_from(words).map(|cli| cli.command) {
        Ok(Command::Run(args)) => args.request(),
        _ => Err(wrong()),
    }
}

fn shown(explanation: &Explanation, stops: Option<&[Stop]>, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(&explanation.title));
    let width = explanation.sentences.iter().map(|sentence| sentence.when().chars().count()).max().unwrap_or(0);
    for sentence in &explanation.sentences {
        text += &wrapped(&format!("  {:width$}  ", sentence.when()), &sentence.text);
    }
    for missing in &explanation.missing {
        text += &format!("\n{}", wrapped("", missing));
    }
    match stops {
        None => {
            text += "\n`--what-if` runs the changes that the scenario names, and says which would have stopped it.\n"
        }
        Some([]) => text += "\nThe scenario names no counterfactuals to run.\n",
        Some(stops) => text += &format!("\n{}\n{}", paint.bold("What if"), what_if_table(stops)),
    }
    text
}

fn what_if_table(stops: &[Stop]) -> String {
    let row = |stop: &Stop| {
        let change = if stop.set.is_empty() {
            "as it was".to_owned()
        } else {
            stop.set.iter().map(|set| narrow(set)).collect::<Vec<_>>().join("\n")
        };
        let verdict = match (stop.set.is_empty(), stop.net > 0.0) {
            (true, _) => "",
            (false, true) => "still pays",
            (false, false) => "does not pay",
        };
        vec![change, signed(stop.net), signed(stop.loss_caused), verdict.to_owned(), stop.why.clone()]
    };
    let columns = [
        ("change", Align::Left),
        ("attackers' net", Align::Right),
        ("loss caused", Align::Right),
        ("", Align::Name),
        ("why", Align::Left),
    ];
    table(&columns, stops.iter().map(row).collect())
}
