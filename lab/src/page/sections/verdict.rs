//! What came out, with the figures behind it and how they spread over worlds.

use super::super::chart::dots;
use super::super::{Section, Source, Table, numbers, words};
use super::figures;
use crate::frames::FramesError;
use crate::report::{OutcomeRow, Report};
use crate::words::{counted, figure, percent};

/// The figures a committee asks for first.
pub(super) const HEADLINE: [&str; 12] = [
    "attacker_net",
    "attacker_outlay",
    "attacker_gross",
    "loss_caused",
    "attack_profitable",
    "insolvent",
    "solvency",
    "deficits",
    "liquidations",
    "lowest_cover",
    "volume",
    "fees",
];

pub(super) fn verdict(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let report = &source.report;
    let mut lead = vec![report.verdict.clone()];
    lead.push(format!(
        "{} of {}, {} each, seeds {}; coins are {}.",
        counted(u64::from(report.worlds), "world"),
        report.time,
        counted(report.steps, "step"),
        seeds(report),
        report.settlement
    ));
    if report.worlds > 1 {
        lead.push("Intervals: of shares of worlds by Wilson (95 %); figures are those over all worlds, the first world's beside them. An attack that was not found is not ruled out.".into());
    }
    let many = report.worlds > 1;
    let mut heads = vec![words("figure"), words("unit"), numbers(if many { "first world" } else { "value" })];
    if many {
        heads.extend(["mean", "median", "95 % quantile", "share of worlds", "95 % interval"].map(numbers));
    }
    let shown = HEADLINE.iter().filter_map(|name| report.outcomes.iter().find(|outcome| outcome.name == *name));
    let rows = shown.filter(|outcome| outcome.first.is_finite()).map(|outcome| row(outcome, many)).collect();
    let tables = vec![Table { caption: "Headline figures".into(), heads, rows }];
    Ok(Some(Section { id: "verdict", title: "Verdict".into(), lead, tables, ..Section::default() }))
}

fn seeds(report: &Report) -> String {
    match (report.seeds.first(), report.seeds.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.to_string(),
        _ => "none".into(),
    }
}

fn row(outcome: &OutcomeRow, many: bool) -> Vec<String> {
    let value = |value: f64| if value.is_finite() { figure(value, &outcome.unit) } else { "–".into() };
    let mut row = vec![outcome.name.replace('_', " "), outcome.unit.clone(), value(outcome.first)];
    if let Some(stats) = outcome.stats.as_ref().filter(|_| many) {
        row.extend(match &stats.probability {
            Some(share) => {
                let dash = || "–".to_owned();
                let interval = format!("{} to {}", percent(share.low), percent(share.high));
                [dash(), dash(), dash(), percent(share.p), interval]
            }
            None => [value(stats.mean), value(stats.p50), value(stats.p95), "–".into(), "–".into()],
        });
    }
    row
}

pub(super) fn worlds(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    if source.report.worlds < 2 {
        return Ok(None);
    }
    let mut charts = Vec::new();
    for (name, caption) in [
        ("attacker_net", "What attackers carried out of each world, less all they put in."),
        ("loss_caused", "What everyone else lost by the attack, against the paired world without it."),
        ("solvency", "Assets of the protocol minus all claims on it at the end."),
        ("deficits", "What bankrupt accounts owed beyond their margin."),
    ] {
        let Some(outcome) = source.report.outcomes.iter().find(|outcome| outcome.name == name) else { continue };
        let values = figures(&source.run, name)?;
        if values.iter().all(|value| *value == 0.0) {
            continue;
        }
        let title = name.replace('_', " ");
        let caption = format!("{caption} A tick is a world, the diamond their median.");
        charts.push(dots(&format!("worlds-{name}"), (&title, &caption), &outcome.unit, &[(title.clone(), values)]));
    }
    let lead = vec![format!("How the figures spread over {}.", counted(u64::from(source.report.worlds), "world"))];
    Ok((!charts.is_empty()).then(|| Section {
        id: "worlds",
        title: "Spread over worlds".into(),
        lead,
        charts,
        ..Section::default()
    }))
}
