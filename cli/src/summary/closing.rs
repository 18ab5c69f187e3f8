//! What was run, from which inputs, and the command that runs it again.

use palisade_lab::report::Report;

use crate::table::wrapped;
use palisade_lab::words::{count, counted};

/// So many characters of a digest tell two apart.
const SHORT: usize = 12;

/// Scenario, worlds, steps and simulated time.
pub(crate) fn scope(report: &Report) -> String {
    let summary = if report.summary.is_empty() { String::new() } else { format!(": {}", report.summary) };
    let worlds = counted(u64::from(report.worlds), "world");
    let steps = counted(report.steps, "step");
    wrapped("", &format!("{}{summary} ({worlds} of {steps}, {} simulated)", report.scenario, report.time))
}

/// Seeds, digests and version, and where the tables are.
pub(crate) fn provenance(report: &Report) -> String {
    let short = |hash: &str| hash.chars().take(SHORT).collect::<String>();
    let (scenario, scripts) = (short(&report.scenario_hash), short(&report.scripts_hash));
    let line = format!("{} | scenario {scenario} | scripts {scripts} | palisade {}", seeds(report), report.version);
    let tables = report.out.as_ref().map(|out| format!("tables: {out}\n")).unwrap_or_default();
    format!("{}{tables}", wrapped("", &line))
}

/// The command is never wrapped: it is there to be copied.
pub(crate) fn reproduce(report: &Report) -> String {
    format!("reproduce: {}\n", report.command)
}

fn seeds(report: &Report) -> String {
    match report.seeds.as_slice() {
        [] => "no seed".to_owned(),
        [seed] => format!("seed {seed}"),
        [first, .., last] if last - first == report.seeds.len() as u64 - 1 => format!("seeds {first} to {last}"),
        [first, .., last] => format!("{} seeds from {first} to {last}", count(report.seeds.len() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::sample;

    #[track_caller]
    fn check_seeds(seeds: &[u64], expected: &str) {
        let mut report = sample::one_world();
        report.seeds = seeds.to_vec();
        let text = provenance(&report);
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn seeds_in_a_row_are_a_range() {
        check_seeds(&[7], "seed 7 | scenario 0123456789ab | scripts ");
        check_seeds(&[1, 2, 3], "seeds 1 to 3 | ");
        check_seeds(&[1, 3, 4], "3 seeds from 1 to 4 | ");
        check_seeds(&[], "no seed | ");
    }
}
