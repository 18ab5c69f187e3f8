//! `palisade sweep`: one scenario over many points of its parameters, and which of them what comes out is owed to.

use std::path::PathBuf;

use clap::Args;
use palisade_lab::matches::Status;
use palisade_lab::sweep::{self as lab, Method, PointRow, Request, SweepReport};
use palisade_lab::words::{amount, counted, interval};

use crate::args::{Display, data};
use crate::exit::Exit;
use crate::matches::{HowArgs, WorldsArgs};
use crate::output::{complain, print, print_json};
use crate::paint::Paint;
use crate::table::{Align, table, wrapped};
use crate::trouble::Trouble;
use crate::watch::MatchOnlooker;

/// The most points that a summary lists.
const LISTED: usize = 40;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    palisade sweep thin_market --vary protocol.markets.THIN-PERP.imr=0.05..0.5/5 --replicates 8\n  \
    palisade sweep thin_market --vary protocol.markets.THIN-PERP.imr=0.05..0.5 \\\n      \
    --vary market.venues.THIN/USD.depth=1e5..1e6:log --indices 64\n\n\
    An axis is PATH=FROM..TO, with `:log`, `:int` or `/POINTS` behind it, or PATH=[a,b,c]. A grid needs /POINTS.\n\
    Exit codes: 0 played, 1 some worlds failed, 2 bad input or usage, 130 interrupted.")]
pub(crate) struct SweepArgs {
    /// The sweep's file (.ron), or the scenario to sweep
    file: PathBuf,
    /// An axis, such as protocol.markets.THIN-PERP.imr=0.05..0.5/5; may be repeated
    #[arg(long, value_name = "PATH=RANGE")]
    vary: Vec<String>,
    /// A table of points: Parquet, CSV or Arrow IPC, a column for each path
    #[arg(long, value_name = "FILE", conflicts_with_all = ["latin", "sobol", "indices"])]
    design: Option<PathBuf>,
    /// Sample this many points as a Latin hypercube instead of a grid
    #[arg(long, value_name = "POINTS", conflicts_with_all = ["sobol", "indices"])]
    latin: Option<usize>,
    /// Sample this many points of a Sobol sequence instead of a grid
    #[arg(long, value_name = "POINTS", conflicts_with = "indices")]
    sobol: Option<usize>,
    /// Tell Sobol indices from so many rows of (axes + 2) points; a power of two is best
    #[arg(long, value_name = "ROWS")]
    indices: Option<usize>,
    /// What is swept for, of figures [default: attacker_profit, or solvency where nobody attacks]
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    outcome: Option<String>,
    /// What counts as loss, of figures [default: deficits]
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    loss: Option<String>,
    #[command(flatten)]
    how: HowArgs,
    /// Worlds of each point [default: 8, or as the file says]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    replicates: Option<u32>,
    /// The seed that those of all worlds and samples are made of [default: 1, or as the file says]
    #[arg(long, value_name = "N", env = "PALISADE_SEED")]
    seed: Option<u64>,
    #[command(flatten)]
    worlds: WorldsArgs,
    /// The file behind a data name of the scenario; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = data)]
    data: Vec<(String, PathBuf)>,
    #[command(flatten)]
    pub(crate) display: Display,
}

impl SweepArgs {
    fn request(&self) -> Result<Request, Trouble> {
        let method = match (self.latin, self.sobol, self.indices) {
            (Some(points), ..) => Some(Method::Latin { points }),
            (_, Some(points), _) => Some(Method::Sobol { points }),
            (.., Some(rows)) => Some(Method::Indices { rows }),
            (None, None, None) => None,
        };
        Ok(Request {
            file: self.file.clone(),
            vary: self.vary.clone(),
            method,
            design: self.design.clone(),
            outcome: self.outcome.clone(),
            loss: self.loss.clone(),
            sets: self.worlds.sets()?,
            scripts: self.worlds.scripts.clone(),
            data: self.data.clone(),
            seed: self.seed,
            steps: self.worlds.steps,
            replicates: self.replicates,
            how: self.how.how()?,
            host: self.worlds.host(),
        })
    }
}

pub(crate) fn sweep(args: &SweepArgs) -> Result<Exit, Trouble> {
    let request = args.request()?;
    let onlooker = MatchOnlooker::start(&args.display)?;
    let report = lab::sweep(&request, &onlooker)?;
    drop(onlooker);
    show(&report, &args.display)
}

pub(crate) fn show(report: &SweepReport, display: &Display) -> Result<Exit, Trouble> {
    report.notes.iter().for_each(|note| complain(&format!("warning: {note}\n")));
    let paint = Paint::stdout(display.color);
    match (display.json, display.quiet) {
        (true, _) => print_json(report)?,
        (false, true) => print(&wrapped("", &report.verdict))?,
        (false, false) => print(&full(report, paint))?,
    }
    let has_failed = report.troubles.iter().any(|(status, ..)| *status != Status::NotApplicable);
    Ok(match (report.interrupted, has_failed) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

fn full(report: &SweepReport, paint: Paint) -> String {
    let said: String = wrapped("", &report.verdict).lines().map(|line| paint.bold(line) + "\n").collect();
    let mut text = format!("{said}\n{}{}", points(report), indices(report));
    for (status, message, command) in &report.troubles {
        text += &wrapped(&format!("  {} ", status.word()), message);
        if !command.is_empty() {
            text += &format!("    reproduce: {command}\n");
        }
    }
    let (all, done) = report.worlds;
    text += &format!("{} of which {done} were played to their end.\n", counted(all, "world"));
    if let Some(out) = &report.out {
        text += &format!("Written to {out}.\n");
    }
    text += &format!("reproduce: {}\n", report.command);
    text
}

fn points(report: &SweepReport) -> String {
    let mut columns: Vec<(&str, Align)> = report.paths.iter().map(|path| (short(path), Align::Right)).collect();
    columns.extend([
        ("mean", Align::Right),
        ("95 % interval", Align::Right),
        ("value at risk", Align::Right),
        ("shortfall", Align::Right),
        ("worlds", Align::Right),
    ]);
    let row = |point: &PointRow| {
        let interval = interval(point.interval);
        let tail = [&point.tail.value_at_risk, &point.tail.expected_shortfall];
        let tail = tail.map(|estimate| estimate.as_ref().map_or(String::new(), |estimate| amount(estimate.value)));
        let mut row = point.values.clone();
        row.extend([amount(point.mean), interval]);
        row.extend(tail);
        row.push(point.n.to_string());
        row
    };
    let rows = report.points.iter().take(LISTED).map(row).collect();
    let mut text = format!("{}, and the tail of {}\n{}", report.outcome, report.loss, table(&columns, rows));
    if report.points.len() > LISTED {
        text += &format!(
            "  … and {} more points: write them by --out, or print them by --json\n",
            report.points.len() - LISTED
        );
    }
    text + "\n"
}

/// The last two names of a path.
fn short(path: &str) -> &str {
    path.rmatch_indices('.').nth(1).map_or(path, |(at, _)| &path[at + 1..])
}

fn indices(report: &SweepReport) -> String {
    let owed = report.owed();
    if owed.is_empty() {
        return String::new();
    }
    let columns = [
        ("path", Align::Name),
        ("alone", Align::Right),
        ("95 % interval", Align::Right),
        ("with others", Align::Right),
        ("95 % interval", Align::Right),
    ];
    let interval =
        |interval: Option<(f64, f64)>| interval.map_or(String::new(), |(low, high)| format!("{low:.2} to {high:.2}"));
    let rows = owed.into_iter().map(|(path, first, total)| {
        vec![
            path.to_owned(),
            format!("{:.3}", first.value),
            interval(first.interval),
            format!("{:.3}", total.value),
            interval(total.interval),
        ]
    });
    format!("share of the variance of {} (Sobol indices)\n{}\n", report.outcome, table(&columns, rows.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_by_its_last_names() {
        assert_eq!(short("protocol.markets.THIN-PERP.imr"), "THIN-PERP.imr");
        assert_eq!((short("seed"), short("a.b")), ("seed", "a.b"));
    }
}
