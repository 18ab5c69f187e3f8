//! The command line: what may be said, and how it becomes a request to the lab.

use std::ops::Range;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand};
use palisade_agents::{Backend, HostOptions};
use palisade_lab::fork::Fork;
use palisade_lab::load::{DEFAULT_SEED, LoadError, RunRequest};
use palisade_lab::recording::{Format, Record, RecordWord, Recording};

use crate::compare::CompareArgs;
use crate::completions::CompletionsArgs;
use crate::describe::DescribeArgs;
#[cfg(feature = "parquet")]
use crate::diff::DiffArgs;
use crate::docs::DocsArgs;
#[cfg(feature = "parquet")]
use crate::explain::ExplainArgs;
use crate::hunt::HuntArgs;
use crate::list::ListArgs;
use crate::matches::{WORKER, WorkerArgs};
use crate::memory;
use crate::new::NewArgs;
#[cfg(feature = "parquet")]
use crate::query::{QueryArgs, TablesArgs};
#[cfg(feature = "parquet")]
use crate::rank::RankArgs;
#[cfg(feature = "parquet")]
use crate::report::ReportArgs;
use crate::stress::StressArgs;
use crate::sweep::SweepArgs;
use crate::threshold::ThresholdArgs;
use crate::tournament::{MergeArgs, TournamentArgs};
use crate::trouble::Trouble;

const CODES: &str = "Exit codes: 0 done, 1 a broken invariant, a missed expectation or a --fail-if that hit, \
                     2 bad input or usage, 130 interrupted.";

/// Attack and stress test DeFi perpetuals, oracles and margin.
#[derive(Parser, Debug)]
#[command(name = "palisade", version, after_help = CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a scenario and say who lost how much to whom
    Run(RunArgs),
    /// Check a scenario against its own expectations and counterfactuals, or a hunt's certificate to the unit
    Verify(VerifyArgs),
    /// List every problem of scripts and scenarios without running them
    Check(CheckArgs),
    /// Run the cases that strategies carry with them
    Test(TestArgs),
    /// Follow one agent: what it saw, what it asked for, what it got
    Trace(TraceArgs),
    /// Show where the operations and the time of a scenario's scripts go
    Profile(ProfileArgs),
    /// Compare two designs, or two settings of one, over the same seeds
    Compare(CompareArgs),
    /// Find where along one value of a scenario a condition begins to hold
    Threshold(ThresholdArgs),
    /// Shock a state of a scenario, and say who would bear it
    Stress(StressArgs),
    /// Cross designs, environments and strategies, and say who wins
    Tournament(TournamentArgs),
    /// Say how a tournament's entrants stand: payoffs, ratings, equilibria
    #[cfg(feature = "parquet")]
    Rank(RankArgs),
    /// Run a scenario over many points of its parameters
    Sweep(SweepArgs),
    /// Bring the shards of a tournament or a sweep together
    Merge(MergeArgs),
    /// Plays matches for another process
    #[command(name = WORKER, hide = true)]
    Worker(WorkerArgs),
    /// Search an attacker's parameters for an attack that pays, and certify it
    Hunt(HuntArgs),
    /// List the tables of a run directory, or a table's columns with their meaning
    #[cfg(feature = "parquet")]
    Tables(TablesArgs),
    /// Ask a run directory in SQL, or by a ready analysis
    #[cfg(feature = "parquet")]
    Query(QueryArgs),
    /// Say why a run came out as it did, in sentences with their steps
    #[cfg(feature = "parquet")]
    Explain(ExplainArgs),
    /// Write a run, a comparison, a tournament or a sweep as one HTML file
    #[cfg(feature = "parquet")]
    Report(ReportArgs),
    /// Say what differs between two run directories
    #[cfg(feature = "parquet")]
    Diff(DiffArgs),
    /// Print the JSON Schema of the scenario file
    Schema,
    /// Write a first strategy or scenario, to change from there
    New(NewArgs),
    /// List scenarios, tournaments, strategies, parameters, actions and rules
    List(ListArgs),
    /// Describe what a name means: a scenario, a strategy, a parameter, an action or a rule
    Describe(DescribeArgs),
    /// Write the reference pages into a folder
    Docs(DocsArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

impl Command {
    /// When to color what goes wrong.
    pub(crate) fn color(&self) -> ColorChoice {
        match self {
            Self::Check(args) => args.display.color,
            Self::Test(args) => args.display.color,
            Self::Trace(args) => args.display.color,
            Self::Run(args) => args.display.color,
            Self::Verify(args) => args.display.color,
            Self::Profile(args) => args.display.color,
            Self::Compare(args) => args.display.color,
            Self::Threshold(args) => args.display.color,
            Self::Stress(args) => args.display.color,
            Self::Tournament(args) => args.display.color,
            Self::Merge(args) => args.display.color,
            #[cfg(feature = "parquet")]
            Self::Rank(args) => args.display.color,
            Self::Sweep(args) => args.display.color,
            Self::Worker(_) => ColorChoice::Never,
            Self::Hunt(args) => args.display.color,
            #[cfg(feature = "parquet")]
            Self::Explain(args) => args.display.color,
            #[cfg(feature = "parquet")]
            Self::Report(args) => args.coloring.color,
            #[cfg(feature = "parquet")]
            Self::Diff(args) => args.coloring.color,
            #[cfg(feature = "parquet")]
            Self::Tables(args) => args.coloring.color,
            #[cfg(feature = "parquet")]
            Self::Query(args) => args.coloring.color,
            Self::Schema => ColorChoice::Auto,
            Self::New(args) => args.coloring().color,
            Self::List(args) => args.looking.coloring.color,
            Self::Describe(args) => args.looking.coloring.color,
            Self::Docs(args) => args.coloring.color,
            Self::Completions(args) => args.coloring.color,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// How many worlds to run, with seeds counted up from --seed
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    seeds: u32,
    /// Stop after this many steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Write every table and a manifest into this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to write beside or instead of every row of every table: every=N keeps each N-th step, tables=positions,trades,reports
    /// adds these; may be repeated
    #[arg(long, value_name = "every=N,tables=…", requires = "out")]
    record: Vec<String>,
    /// The format of the tables
    #[arg(long, value_name = "FORMAT", requires = "out", default_value = Format::Parquet.word(), value_parser = formats())]
    format: Format,
    /// From this step on, give a risk parameter another value; may be repeated
    #[arg(long, num_args = 2, value_names = ["STEP", "PATH=VALUE"])]
    set_at: Vec<String>,
    /// Exit with 1 when this comparison of outcomes holds in any world, such as "insolvent > 0"
    #[arg(long, value_name = "EXPR")]
    fail_if: Option<String>,
    /// Run again whenever the scenario, a file it names or a folder of scripts changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["out", "json"])]
    pub(crate) watch: bool,
    /// Show the first world on the terminal while it is played, before the run
    #[arg(long, conflicts_with_all = ["watch", "json", "quiet"])]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 clean, 1 problems, 2 usage.")]
pub(crate) struct CheckArgs {
    /// Scripts (.rhai), scenarios (.ron), and folders of both
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// A folder with strategies that scenarios use, beside the built-in ones; may be repeated
    #[arg(long, value_name = "DIR", env = "PALISADE_SCRIPTS")]
    pub(crate) scripts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 every case passed, 1 one failed, 2 bad input or usage.")]
pub(crate) struct TestArgs {
    /// Scripts (.rhai) and folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// The agent: its id, or a cohort's name, with #N for another than the cohort's first agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: String,
    /// Steps to show, the second one left out; with A.. to the end of the run
    #[arg(long, value_name = "A..B", default_value = "0..20", value_parser = steps)]
    pub(crate) steps: Range<u64>,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Debug)]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// How many lines to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) display: Display,
}

/// What goes into a world.
#[derive(Args, Debug)]
pub(crate) struct Inputs {
    /// The scenario file (.ron), or the name of a built-in scenario such as mango_2022
    scenario: PathBuf,
    /// Seed of the first world
    #[arg(long, value_name = "N", env = "PALISADE_SEED", default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Replace one value of the scenario, such as protocol.markets.ETH-PERP.imr=0.05; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// A folder with strategies of your own, beside the built-in ones; may be repeated
    #[arg(long, value_name = "DIR", env = "PALISADE_SCRIPTS")]
    scripts: Vec<PathBuf>,
    /// The file behind a data name of the scenario; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = data)]
    data: Vec<(String, PathBuf)>,
    /// Worlds run at a time [default: the cores of this machine]
    #[arg(short, long, value_name = "N", env = "PALISADE_JOBS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// How strategies are run; the results are the same: over columns where that is possible, all by the interpreter, or
    /// all over columns
    #[arg(long, value_name = "WAY", default_value = Backend::Auto.word(), value_parser = backends())]
    backend: Backend,
}

/// How results are shown.
#[derive(Args, Debug)]
pub(crate) struct Display {
    /// Print one JSON object and nothing else
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) json: bool,
    /// Print only the verdict and how to reproduce it
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(crate) quiet: bool,
    /// When to color
    #[arg(long, value_name = "WHEN", env = "PALISADE_COLOR", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

/// Colors of commands that have only one way to show their results.
#[derive(Args, Debug)]
pub(crate) struct Coloring {
    /// When to color
    #[arg(long, value_name = "WHEN", env = "PALISADE_COLOR", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

impl RunArgs {
    pub(crate) fn request(&self) -> Result<RunRequest, Trouble> {
        let request = self.inputs.request()?;
        let (out, fail_if) = (self.out.clone(), self.fail_if.clone());
        let forks = self.set_at.chunks(2).map(|words| match words {
            [step, change] => Fork::parse(step, change),
            _ => Err(LoadError::Usage("--set-at: expected a step and `path=value`".into())),
        });
        let forks = forks.collect::<Result<_, _>>()?;
        let record = Record { recording: recording(&self.record)?, format: self.format };
        Ok(RunRequest { seeds: self.seeds, steps: self.steps, out, record, forks, fail_if, ..request })
    }
}

impl Inputs {
    pub(crate) fn request(&self) -> Result<RunRequest, Trouble> {
        let sets = self.set.iter().map(|set| set.parse()).collect::<Result<_, _>>()?;
        Ok(RunRequest {
            scenario: self.scenario.clone(),
            sets,
            data: self.data.clone(),
            scripts: self.scripts.clone(),
            seed: self.seed,
            seeds: 1,
            jobs: self.jobs.map_or_else(cores, usize::from),
            host: HostOptions { live_bytes: memory::live_bytes, backend: self.backend, ..HostOptions::default() },
            ..RunRequest::default()
        })
    }
}

/// What all `--record` ask for together.
pub(crate) fn recording(words: &[String]) -> Result<Recording, Trouble> {
    let mut all = Recording::default();
    for word in words {
        let RecordWord(Recording { every, positions, trades, reports }) = word.parse()?;
        all = Recording {
            every: all.every.max(every),
            positions: all.positions || positions,
            trades: all.trades || trades,
            reports: all.reports || reports,
        };
    }
    Ok(all)
}

fn formats() -> impl TypedValueParser<Value = Format> {
    let known = |word: String| Format::ALL.into_iter().find(|format| format.word() == word);
    PossibleValuesParser::new(Format::ALL.map(Format::word))
        .map(move |word| known(word).expect("one of the words that are possible"))
}

pub(crate) fn backends() -> impl TypedValueParser<Value = Backend> {
    let known = |word: String| Backend::ALL.into_iter().find(|backend| backend.word() == word);
    PossibleValuesParser::new(Backend::ALL.map(Backend::word))
        .map(move |word| known(word).expect("one of the words that are possible"))
}

/// `A..B`, where either may be left out.
fn steps(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "expected steps such as 10..20".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str, open: u64| if text.is_empty() { Ok(open) } else { text.parse().map_err(|_| wrong()) };
    let range = number(start, 0)?..number(end, u64::MAX)?;
    if range.is_empty() { Err(format!("{text}: no steps")) } else { Ok(range) }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub(crate) fn data(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), PathBuf::from(file))),
        _ => Err("expected NAME=FILE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[track_caller]
    fn check_refused(line: &str, expected: &str) {
        let error = parse(line).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), i32::from(crate::exit::Exit::BadInput.code()));
    }

    fn request(line: &str) -> RunRequest {
        match parse(line).unwrap().command {
            Command::Run(args) => args.request().unwrap(),
            Command::Verify(args) => args.inputs.request().unwrap(),
            other => panic!("{other:?} runs no world"),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn counts_have_bounds() {
        check_refused("palisade run a.ron --seeds 0", "0 is not in 1..=1000000");
        check_refused("palisade run a.ron --seeds 1000001", "1000001 is not in 1..=1000000");
        check_refused("palisade run a.ron --steps 0", "'--steps <N>'");
        check_refused("palisade run a.ron --jobs 0", "0 is not in 1..=1024");
        check_refused("palisade run a.ron --seed -1", "unexpected argument");
        check_refused("palisade run", "<SCENARIO>");
        check_refused("palisade run a.ron --data ETH", "expected NAME=FILE");
        check_refused("palisade run a.ron --backend gpu", "[possible values: auto, rhai, columnar]");
        check_refused("palisade trace a.ron --agent 1 --steps 5", "expected steps such as 10..20");
        check_refused("palisade trace a.ron --agent 1 --steps 5..5", "5..5: no steps");
        check_refused("palisade run a.ron --watch --out x", "cannot be used with '--out <DIR>'");
        check_refused("palisade run a.ron --watch --json", "cannot be used with '--json'");
        check_refused("palisade verify a.ron --seeds 3", "unexpected argument '--seeds'");
    }

    #[test]
    fn a_run_is_asked_for_as_written() {
        let request =
            request("palisade run a.ron --seed 7 --seeds 3 --set a.b=1 --data E=e.csv --fail-if insolvent>0 -j 2");
        assert_eq!((request.seed, request.seeds, request.jobs), (7, 3, 2));
        assert_eq!((request.sets[0].path.as_str(), request.sets[0].value.as_str()), ("a.b", "1"));
        assert_eq!(request.data, [("E".to_owned(), PathBuf::from("e.csv"))]);
        assert_eq!(request.fail_if.as_deref(), Some("insolvent>0"));
    }

    #[test]
    fn nothing_said_means_one_world_of_the_default_seed() {
        let request = request("palisade verify a.ron");
        assert_eq!((request.seed, request.seeds, request.steps), (DEFAULT_SEED, 1, None));
        assert!(request.jobs >= 1);
    }

    #[test]
    fn a_bad_override_is_bad_input() {
        let Command::Run(args) = parse("palisade run a.ron --set seed").unwrap().command else { panic!("run") };
        assert_eq!(args.request().unwrap_err().exit(), crate::exit::Exit::BadInput);
    }
}
