//! `palisade check`: every problem of scripts and scenarios, without running a step.

use std::io::{IsTerminal, stdout};

use palisade_agents::{ScriptProblem, Way};
use palisade_lab::check::{Checked, Flaw, check as lab};
use serde::Serialize;

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::trouble::Trouble;
use palisade_lab::words::counted;

pub(crate) fn check(args: &CheckArgs) -> Result<Exit, Trouble> {
    let all = lab(&args.paths, &args.scripts)?;
    let flaws: Vec<&Flaw> = all.iter().flat_map(|checked| &checked.flaws).collect();
    if args.display.json {
        let problems = flaws.iter().map(|flaw| Row::of(flaw)).collect();
        print_json(&Found { problems, functions: functions(&all).map(Function::of).collect() })?;
    } else {
        let paint = Paint::stdout(args.display.color);
        let shown = |flaw: &&Flaw| Trouble::flaw(flaw, paint, stdout().is_terminal());
        let mut list = String::new();
        if !args.display.quiet {
            list.extend(flaws.iter().map(shown));
            list.extend(functions(&all).filter_map(|(_, way)| interpreted(way)));
        }
        print(&format!("{list}{}\n", paint.bold(&verdict(&all, flaws.len()))))?;
    }
    Ok(if flaws.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The functions that the host calls, with the files they stand in.
fn functions(all: &[Checked]) -> impl Iterator<Item = (&str, &Way)> {
    all.iter().flat_map(|checked| checked.ways.iter().map(|way| (checked.file.as_str(), way)))
}

/// What keeps a function off the columns.
fn interpreted(way: &Way) -> Option<String> {
    let ScriptProblem { file, line, column, message, .. } = way.kept.as_ref()?;
    Some(format!("{file}:{line}:{column}: `{}` is interpreted: {message}\n", way.name))
}

fn verdict(all: &[Checked], flaws: usize) -> String {
    let files = counted(all.len() as u64, "file");
    let flawed = all.iter().filter(|checked| !checked.flaws.is_empty()).count();
    let problems = match flaws {
        0 => format!("{files}: no problems"),
        _ => format!("{files}: {} in {}", counted(flaws as u64, "problem"), counted(flawed as u64, "file")),
    };
    let kept = functions(all).filter(|(_, way)| way.kept.is_some()).count();
    match functions(all).count() {
        0 => problems,
        1 if kept == 0 => format!("{problems}; 1 function, which runs over columns"),
        1 => format!("{problems}; 1 function, which is interpreted"),
        count if kept == 0 => format!("{problems}; {count} functions, all of which run over columns"),
        count => format!("{problems}; {count} functions, of which {} run over columns", count - kept),
    }
}

/// Everything found, for programs.
#[derive(Serialize)]
struct Found<'a> {
    problems: Vec<Row<'a>>,
    functions: Vec<Function<'a>>,
}

/// A function that the host calls.
#[derive(Serialize)]
struct Function<'a> {
    file: &'a str,
    name: &'a str,
    backend: &'a str,
    /// Where what keeps it off the columns stands, and what it is.
    line: Option<usize>,
    column: Option<usize>,
    kept_by: Option<&'a str>,
}

impl<'a> Function<'a> {
    fn of((file, way): (&'a str, &'a Way)) -> Self {
        let kept = way.kept.as_ref();
        Self {
            file: kept.map_or(file, |kept| &kept.file),
            name: way.name,
            backend: way.backend().word(),
            line: kept.map(|kept| kept.line),
            column: kept.map(|kept| kept.column),
            kept_by: kept.map(|kept| kept.message.as_str()),
        }
    }
}

/// A problem for programs.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    /// From 1; 0 for the file as a whole.
    line: usize,
    column: usize,
    message: &'a str,
    hint: Option<&'a str>,
    source_line: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(flaw: &'a Flaw) -> Self {
        match flaw {
            Flaw::Script(problem) => {
                let ScriptProblem { file, line, column, message, hint, .. } = problem;
                let hint = hint.as_deref();
                Row { file, line: *line, column: *column, message, hint, source_line: problem.source_line() }
            }
            Flaw::Scenario(problem) => {
                let place = problem.place();
                Row {
                    file: &place.file,
                    line: place.line as usize,
                    column: place.column as usize,
                    message: problem.message(),
                    hint: problem.help(),
                    source_line: problem.source_line(),
                }
            }
        }
    }
}
