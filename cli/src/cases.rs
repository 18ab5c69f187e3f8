//! `palisade test`: the cases that strategies carry with them.

use palisade_agents::{Case, Library, Shelf, Strategy, Verdict, cases};
use palisade_lab::on_large_stack;
use serde::Serialize;

use crate::args::TestArgs;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::paint::Paint;
use crate::trouble::Trouble;
use palisade_lab::words::counted;

/// One strategy with its cases.
struct Tested {
    file: String,
    cases: Vec<Case>,
}

pub(crate) fn test(args: &TestArgs) -> Result<Exit, Trouble> {
    let all = on_large_stack(|| run(args))?;
    let failed = all.iter().flat_map(|tested| &tested.cases).filter(|case| case.verdict != Verdict::Passed).count();
    if args.display.json {
        print_json(&all.iter().flat_map(|tested| &tested.cases).map(Row::of).collect::<Vec<_>>())?;
    } else {
        let paint = Paint::stdout(args.display.color);
        let list: String = all.iter().map(|tested| shown(tested, args.display.quiet)).collect();
        print(&format!("{list}{}\n", paint.bold(&verdict(&all, failed))))?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn run(args: &TestArgs) -> Result<Vec<Tested>, Trouble> {
    let opened = Library::open(&args.paths).map_err(|problem| Trouble::Script(vec![problem]))?;
    if !opened.problems.is_empty() {
        return Err(Trouble::Script(opened.problems));
    }
    let strategies: Vec<&Strategy> = opened.files.iter().filter(|script| script.shelf == Shelf::Strategy).collect();
    if strategies.is_empty() {
        return Err(Trouble::Usage("there are no strategies there".to_owned()));
    }
    let test = |strategy: &&Strategy| {
        let cases = cases(&opened.library, strategy).map_err(Trouble::Script)?;
        Ok(Tested { file: strategy.file.clone(), cases })
    };
    strategies.iter().map(test).collect()
}

fn shown(tested: &Tested, quiet: bool) -> String {
    let failed = tested.cases.iter().filter(|case| case.verdict != Verdict::Passed).count();
    if quiet && failed == 0 {
        return String::new();
    }
    let count = match tested.cases.len() {
        0 => "no cases".to_owned(),
        all => format!("{} of {all} passed", all - failed),
    };
    let mut text = format!("{}: {count}\n", tested.file);
    for case in tested.cases.iter().filter(|case| !(quiet && case.verdict == Verdict::Passed)) {
        text += &match &case.verdict {
            Verdict::Passed => format!("  ok      {}\n", case.title),
            Verdict::Failed(found) => format!("  failed  {}\n{}", case.title, why(case, found)),
            Verdict::Faulted(message) => format!("  fault   {}\n{}", case.title, why(case, message)),
        };
    }
    text
}

fn why(case: &Case, text: &str) -> String {
    format!("          {}:{}:{}: {text}\n", case.file, case.line, case.column)
}

fn verdict(all: &[Tested], failed: usize) -> String {
    let cases: usize = all.iter().map(|tested| tested.cases.len()).sum();
    let without = all.iter().filter(|tested| tested.cases.is_empty()).count();
    let mut text = format!("{} of {}", counted(cases as u64, "case"), counted(all.len() as u64, "strategy"));
    text += &if failed == 0 { ": all passed".to_owned() } else { format!(": {failed} failed") };
    if without > 0 {
        text += &format!("; {without} without cases");
    }
    text
}

/// A case for programs.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    title: &'a str,
    verdict: &'static str,
    found: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(case: &'a Case) -> Self {
        let (verdict, found) = match &case.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Failed(found) => ("failed", Some(found.as_str())),
            Verdict::Faulted(message) => ("fault", Some(message.as_str())),
        };
        Row { file: &case.file, line: case.line, column: case.column, title: &case.title, verdict, found }
    }
}
