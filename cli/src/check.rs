//! `palisade check`: every problem of scripts and scenarios, without running a step.

use std::io::{IsTerminal, stdout};

use palisade_agents::ScriptProblem;
use palisade_lab::check::{Checked, Flaw, check as lab};
use serde::Serialize;

use crate::amount::counted;
use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::trouble::Trouble;

pub(crate) fn check(args: &CheckArgs) -> Result<Exit, Trouble> {
    let all = lab(&args.paths, &args.scripts)?;
    let flaws: Vec<&Flaw> = all.iter().flat_map(|checked| &checked.flaws).collect();
    if args.display.json {
        print_json(&flaws.iter().map(|flaw| Row::of(flaw)).collect::<Vec<_>>())?;
    } else {
        let paint = Paint::stdout(args.display.color);
        let shown = |flaw: &&Flaw| Trouble::flaw(flaw, paint, stdout().is_terminal());
        let list: String = if args.display.quiet { String::new() } else { flaws.iter().map(shown).collect() };
        print(&format!("{list}{}\n", paint.bold(&verdict(&all, flaws.len()))))?;
    }
    Ok(if flaws.is_empty() { Exit::Done } else { Exit::Failed })
}

fn verdict(all: &[Checked], flaws: usize) -> String {
    let files = counted(all.len() as u64, "file");
    let flawed = all.iter().filter(|checked| !checked.flaws.is_empty()).count();
    match flaws {
        0 => format!("{files}: no problems"),
        _ => format!("{files}: {} in {}", counted(flaws as u64, "problem"), counted(flawed as u64, "file")),
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
