//! What the figures rest on, and how to get them again.

use super::super::{Section, Source, Table, words};
use crate::frames::FramesError;
use crate::report::Report;

/// What holds for every run, whatever the scenario.
const ASSUMPTIONS: [&str; 5] = [
    "Agents act by their strategies alone: what nobody's script does, does not happen.",
    "Attackers' outlay, gross and net count settlement coins; groups count all they hold at the last market price.",
    "Deposits earn and cost no interest; there is one settlement asset.",
    "Actions of a step run one at a time behind their agent's latency, in a seeded order unless the protocol has blocks.",
    "The paired world is the same seed without attackers; what they caused is the difference.",
];

/// What many matches rest on.
fn many((scenario, digest): (&str, &str), seed: u64) -> Vec<Vec<String>> {
    let row = |key: &str, value: &str| vec![key.to_owned(), value.to_owned()];
    vec![row("scenario", scenario), row("digest of all inputs", digest), row("seed of all seeds", &seed.to_string())]
}

pub(super) fn closing(source: &Source) -> Result<Option<Section>, FramesError> {
    let row = |key: &str, value: &str| vec![key.to_owned(), value.to_owned()];
    let of = |report: &Report, lead: &str| {
        let seeds: Vec<String> = report.seeds.iter().map(u64::to_string).collect();
        let seeds =
            if seeds.len() > 8 { format!("{} to {}", seeds[0], seeds[seeds.len() - 1]) } else { seeds.join(", ") };
        vec![
            row(&format!("{lead}scenario"), &report.scenario),
            row(&format!("{lead}scenario hash"), &report.scenario_hash),
            row(&format!("{lead}scripts hash"), &report.scripts_hash),
            row(&format!("{lead}seeds"), &seeds),
        ]
    };
    let (rows, commands) = match source {
        Source::Run(source) => (of(&source.report, ""), vec![source.report.command.clone()]),
        Source::Comparison(source) => {
            let rows = of(&source.a.report, "A: ").into_iter().chain(of(&source.b.report, "B: ")).collect();
            (rows, vec![source.comparison.command.clone()])
        }
        Source::Tournament(source) => {
            let report = &source.report;
            let of = many((&report.scenario, &report.digest), report.seed);
            (of, vec![report.command.clone()])
        }
        Source::Hunt(found) => {
            let rows = [("scenario", &found.name), ("scenario hash", &found.scenario_hash)];
            (rows.map(|(key, value)| row(key, value)).into(), vec![found.command.clone()])
        }
        Source::Sweep(report) => (many((&report.scenario, &report.digest), report.seed), vec![report.command.clone()]),
    };
    let assumed = ASSUMPTIONS.iter().map(|text| vec![(*text).to_owned()]).collect();
    let tables = vec![
        Table {
            caption: "What every run takes for granted; docs/ASSUMPTIONS.md says what changes each and what that does"
                .into(),
            heads: vec![words("assumption")],
            rows: assumed,
        },
        Table { caption: "Where it comes from".into(), heads: vec![words(""), words("")], rows },
    ];
    let lead = vec![
        "The same command gives the same figures to the last unit, on any machine and any number of threads:"
            .to_owned(),
    ];
    Ok(Some(Section {
        id: "reproduce",
        title: "Assumptions and reproduction".into(),
        lead,
        tables,
        commands,
        ..Section::default()
    }))
}
