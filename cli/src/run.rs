//! `palisade run`: one world or many, and what came out.

use palisade_lab::load::RunRequest;
use palisade_lab::report::Report;
use palisade_lab::{load, run as lab};

use crate::args::{Display, RunArgs};
use crate::exit::Exit;
use crate::live;
use crate::output::{complain, print, print_json};
use crate::paint::Paint;
use crate::rerun;
use crate::summary;
use crate::trouble::Trouble;
use crate::watch::Onlooker;

pub(crate) fn run(args: &RunArgs) -> Result<Exit, Trouble> {
    let request = args.request()?;
    if args.watch { rerun::watch(args, &request) } else { once(args, &request) }
}

/// One run from its files to its summary.
pub(crate) fn once(args: &RunArgs, request: &RunRequest) -> Result<Exit, Trouble> {
    let loaded = load::load(request)?;
    if args.live
        && let Some(exit) = live::watch(&loaded, request)?
    {
        return Ok(exit);
    }
    let onlooker = Onlooker::start(&args.display, Some(loaded.all_steps(request)))?;
    let report = lab::run(&loaded, request, &onlooker)?;
    drop(onlooker);
    show(&report, &args.display)?;
    Ok(exit(&report))
}

fn show(report: &Report, display: &Display) -> anyhow::Result<()> {
    let paint = Paint::stdout(display.color);
    if display.json {
        return print_json(report);
    }
    if !display.quiet {
        return print(&summary::full(report, paint));
    }
    let faults = &report.first.faults;
    if faults.count > 0 {
        complain(&format!("warning: strategies failed {} times; run without --quiet to see where\n", faults.count));
    }
    print(&summary::quiet(report, paint))
}

fn exit(report: &Report) -> Exit {
    let hit = report.fail_if.as_ref().is_some_and(|condition| condition.hits > 0);
    match (report.interrupted, hit) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use palisade_lab::report::FailIf;

    use super::*;

    #[track_caller]
    fn check_exit(interrupted: bool, hits: Option<u32>, expected: u8) {
        let mut report = summary::sample::one_world();
        report.interrupted = interrupted;
        report.fail_if = hits.map(|hits| FailIf { expression: "insolvent > 0".to_owned(), hits, first_seed: None });
        assert_eq!(exit(&report).code(), expected);
    }

    #[test]
    fn a_condition_that_hit_fails_and_ctrl_c_comes_first() {
        check_exit(false, None, 0);
        check_exit(false, Some(0), 0);
        check_exit(false, Some(1), 1);
        check_exit(true, None, 130);
        check_exit(true, Some(1), 130);
    }
}
