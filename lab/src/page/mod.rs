//! A report as one HTML file that needs no network: sections in their order, charts drawn by Vega, which travels inside.
//! Every number comes from the run directory's own tables and summary; a section that has nothing to show is left out.

mod chart;
mod games;
mod sections;

use std::path::Path;

use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use crate::compare::Comparison;
use crate::frames::{FramesError, RunDir};
use crate::hunt::Certificate;
use crate::report::Report;
use crate::sweep::SweepReport;
use crate::tournament::{Ranking, TournamentReport, rank};

pub(crate) use self::chart::Chart;

/// What a report is made from.
pub(crate) enum Source {
    /// A run.
    Run(Box<RunSource>),
    /// A comparison, with what its two runs were.
    Comparison(Box<ComparisonSource>),
    /// A tournament.
    Tournament(Box<TournamentSource>),
    /// A sweep.
    Sweep(Box<SweepReport>),
    /// What a hunt found.
    Hunt(Box<Certificate>),
}

/// A tournament, and what it is as a game where it is one of pairs.
pub(crate) struct TournamentSource {
    pub(crate) report: TournamentReport,
    pub(crate) ranking: Option<Ranking>,
}

/// A run directory and its report.
pub(crate) struct RunSource {
    pub(crate) run: RunDir,
    pub(crate) report: Report,
}

/// A comparison and its two runs.
pub(crate) struct ComparisonSource {
    pub(crate) comparison: Comparison,
    pub(crate) a: RunSource,
    pub(crate) b: RunSource,
}

/// A part of a report.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Section {
    /// Its anchor.
    pub(crate) id: &'static str,
    /// Its heading.
    pub(crate) title: String,
    /// Paragraphs before everything else.
    pub(crate) lead: Vec<String>,
    /// Charts.
    pub(crate) charts: Vec<Chart>,
    /// Tables.
    pub(crate) tables: Vec<Table>,
    /// A command line to copy.
    pub(crate) commands: Vec<String>,
}

/// A table of words.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: String,
    /// Headings; those of numbers stand right.
    pub(crate) heads: Vec<Head>,
    /// Rows of cells.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A heading.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) text: String,
    pub(crate) number: bool,
}

/// A heading over words.
pub(crate) fn words(text: &str) -> Head {
    Head { text: text.to_owned(), number: false }
}

/// A heading over numbers.
pub(crate) fn numbers(text: &str) -> Head {
    Head { text: text.to_owned(), number: true }
}

/// A report as a page.
///
/// # Errors
/// A folder that is neither a run directory nor a comparison; a file that is damaged.
pub fn page(folder: &Path) -> Result<String, FramesError> {
    let source = open(folder)?;
    let (title, subtitle, command) = match &source {
        Source::Run(source) => {
            (source.report.scenario.clone(), source.report.summary.clone(), source.report.command.clone())
        }
        Source::Comparison(source) => {
            let Comparison { a, b, command, .. } = &source.comparison;
            (
                format!("{} against {}", name(&a.scenario, &a.set), name(&b.scenario, &b.set)),
                String::new(),
                command.clone(),
            )
        }
        Source::Tournament(source) => {
            let TournamentReport { name, summary, command, .. } = &source.report;
            (name.clone(), summary.clone(), command.clone())
        }
        Source::Hunt(found) => (format!("Hunt: {}", found.name), String::new(), found.command.clone()),
        Source::Sweep(report) => (format!("Sweep: {}", report.name), report.summary.clone(), report.command.clone()),
    };
    let mut parts = Vec::new();
    for section in sections::ALL {
        parts.extend(section(&source)?);
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let wrong = |error: minijinja::Error| FramesError::Output(format!("the page cannot be made: {error:#}"));
    environment.add_template("page", include_str!("page.html")).map_err(wrong)?;
    let template = environment.get_template("page").map_err(wrong)?;
    let scripts = [
        include_str!("vendor/vega.min.js"),
        include_str!("vendor/vega-lite.min.js"),
        include_str!("vendor/vega-embed.min.js"),
        include_str!("page.js"),
    ];
    let version = env!("CARGO_PKG_VERSION");
    let style = include_str!("page.css");
    template.render(context! { title, subtitle, command, version, style, scripts, sections => minijinja::Value::from(minijinja::value::Serde(parts)) }).map_err(wrong)
}

fn open(folder: &Path) -> Result<Source, FramesError> {
    let of = |path: &Path| -> Result<RunSource, FramesError> {
        let run = RunDir::open(path)?;
        let report = run.report()?;
        Ok(RunSource { run, report })
    };
    let wrong = |what| FramesError::NotARun { path: folder.to_owned(), what };
    if folder.is_file()
        && let Some(found) = Certificate::open(folder).map_err(|error| FramesError::Output(error.to_string()))?
    {
        return Ok(Source::Hunt(Box::new(found)));
    }
    if let Some(report) = TournamentReport::open(folder).map_err(wrong)? {
        check(folder)?;
        let ranking = if report.format == "population" { None } else { Some(rank(folder)?) };
        return Ok(Source::Tournament(Box::new(TournamentSource { report, ranking })));
    }
    if let Some(report) = SweepReport::open(folder).map_err(wrong)? {
        check(folder)?;
        return Ok(Source::Sweep(Box::new(report)));
    }
    let read = Comparison::open(folder).map_err(|what| FramesError::NotARun { path: folder.to_owned(), what })?;
    Ok(match read {
        Some(comparison) => {
            let (a, b) = (of(&folder.join("a"))?, of(&folder.join("b"))?);
            Source::Comparison(Box::new(ComparisonSource { comparison, a, b }))
        }
        None => Source::Run(Box::new(of(folder)?)),
    })
}

/// A folder of matches must be as its manifest says before anything of it is shown.
fn check(folder: &Path) -> Result<(), FramesError> {
    RunDir::open(folder)?.check()
}

/// A design in one line.
pub(crate) fn name(scenario: &str, set: &[String]) -> String {
    if set.is_empty() { scenario.to_owned() } else { format!("{scenario} with {}", set.join(", ")) }
}

#[cfg(test)]
mod tests;
