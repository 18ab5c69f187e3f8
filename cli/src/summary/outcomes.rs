//! Figures of the run: those of one world that no other section shows, or their distribution over worlds.

use palisade_lab::report::{OutcomeRow, Report, Stats};

use super::pairs;
use crate::table::{Align, table, wrapped};
use palisade_lab::words::{count, figure, percent};

/// Outcomes that other sections of a single world show in words.
const SHOWN: [&str; 31] = [
    "attacker_outlay",
    "attacker_gross",
    "attacker_net",
    "attack_profitable",
    "withdrawn",
    "peak_paper_profit",
    "loss_caused",
    "insolvent",
    "solvency",
    "deficits",
    "insurance_paid",
    "stake_paid",
    "deleveraged",
    "socialized",
    "written_off",
    "refused_actions",
    "executed_actions",
    "faults",
    "lowest_cap_ratio",
    "lowest_stake_ratio",
    "lowest_cover",
    "alarm_time",
    "oracle_majority_capital",
    "oracle_majority_cost",
    "oracle_bribe_capital",
    "oracle_bribe_cost",
    "quorum_capital",
    "quorum_cost",
    "venue_push_capital",
    "venue_push_cost",
    "value_at_risk",
];

const SHORTFALL: &str = "ES95: expected shortfall, the mean of the values at or above p95";

pub(crate) fn section(report: &Report) -> Option<(String, String)> {
    match report.worlds {
        0 | 1 => single(report),
        _ => distribution(report),
    }
}

fn single(report: &Report) -> Option<(String, String)> {
    let told = |outcome: &&OutcomeRow| {
        !SHOWN.contains(&outcome.name.as_str()) && outcome.first != 0.0 && outcome.first.is_finite()
    };
    let lines: Vec<(String, String)> = report
        .outcomes
        .iter()
        .filter(told)
        .map(|outcome| (name(outcome, &report.settlement), figure(outcome.first, &outcome.unit)))
        .collect();
    (!lines.is_empty()).then(|| ("Other outcomes".to_owned(), pairs(&lines)))
}

fn distribution(report: &Report) -> Option<(String, String)> {
    let rows: Vec<(&OutcomeRow, &Stats)> = report
        .outcomes
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.stats.as_ref()?)))
        .filter(|(_, stats)| stats.n > 0)
        .collect();
    let quantities = rows.iter().filter(|(_, stats)| stats.probability.is_none());
    let (still, quantities): (Vec<_>, Vec<_>) = quantities.partition(|(outcome, stats)| is_zero(outcome, stats));
    let columns = [
        ("outcome", Align::Left),
        ("mean", Align::Right),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("p99", Align::Right),
        ("ES95", Align::Right),
    ];
    let mut text =
        table(&columns, quantities.iter().map(|(outcome, stats)| quantity(outcome, stats, report)).collect());
    if !still.is_empty() {
        let names: Vec<&str> = still.iter().map(|(outcome, _)| outcome.name.as_str()).collect();
        text += &wrapped("  zero mean and quantiles: ", &names.join(", "));
    }
    let events: Vec<Vec<String>> = rows.iter().filter_map(|(outcome, stats)| event(outcome, stats)).collect();
    if !events.is_empty() && !text.is_empty() {
        text.push('\n');
    }
    let columns =
        [("event", Align::Left), ("worlds", Align::Right), ("share", Align::Right), ("95 % interval", Align::Right)];
    text += &table(&columns, events);
    text += &notes(&rows);
    let title = format!("Over {} worlds (coins in {})", count(u64::from(report.worlds)), report.settlement);
    (!text.is_empty()).then_some((title, text))
}

/// Whether every statistic is zero, so that a row of its own says nothing.
fn is_zero(outcome: &OutcomeRow, stats: &Stats) -> bool {
    let tail = [Some(stats.p95), stats.p99, stats.expected_shortfall_95];
    let center = [outcome.first, stats.mean, stats.p50];
    center.iter().all(|value| *value == 0.0) && tail.iter().flatten().all(|value| *value == 0.0 || value.is_nan())
}

fn quantity(outcome: &OutcomeRow, stats: &Stats, report: &Report) -> Vec<String> {
    let cell = |value: Option<f64>| match value.filter(|value| value.is_finite()) {
        Some(value) => figure(value, &outcome.unit),
        None => "-".to_owned(),
    };
    let figures = [Some(stats.mean), Some(stats.p50), Some(stats.p95), stats.p99, stats.expected_shortfall_95];
    std::iter::once(name(outcome, &report.settlement)).chain(figures.map(cell)).collect()
}

fn event(outcome: &OutcomeRow, stats: &Stats) -> Option<Vec<String>> {
    let share = stats.probability.as_ref()?;
    let worlds = format!("{} of {}", share.events, stats.n);
    let interval = format!("{} to {}", percent(share.low), percent(share.high));
    Some(vec![outcome.name.clone(), worlds, percent(share.p), interval])
}

/// What ES95 means, and what there are too few worlds for: each said once.
fn notes(rows: &[(&OutcomeRow, &Stats)]) -> String {
    let mut notes: Vec<&str> = Vec::new();
    if rows.iter().any(|(_, stats)| stats.expected_shortfall_95.is_some()) {
        notes.push(SHORTFALL);
    }
    for note in rows.iter().filter_map(|(_, stats)| stats.too_few.as_deref()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes.iter().map(|note| wrapped("  ", note)).collect()
}

/// The name, with the unit where it is neither coins nor a flag.
fn name(outcome: &OutcomeRow, settlement: &str) -> String {
    match outcome.unit.as_str() {
        "" | "flag" => outcome.name.clone(),
        "coins" => format!("{} ({settlement})", outcome.name),
        unit => format!("{} ({unit})", outcome.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::sample;

    #[test]
    fn one_world_shows_what_nothing_else_shows() {
        let (title, text) = section(&sample::one_world()).unwrap_or_default();
        assert_eq!(title, "Other outcomes");
        assert_eq!(text, "  liquidations (actions)  1,204     largest_gap (ratio)  0.0312\n");
    }

    #[test]
    fn events_have_shares_and_quantities_have_quantiles() {
        let (title, text) = section(&sample::many_worlds()).unwrap_or_default();
        assert_eq!(title, "Over 100 worlds (coins in USD)");
        assert!(text.contains("\n  zero mean and quantiles: deleveraged\n"), "{text}");
        assert!(text.contains("attacker_net (USD)") && text.contains("90.00 M"), "{text}");
        assert!(text.contains("87 of 100") && text.contains("79.0 % to 92.2 %"), "{text}");
        assert_eq!(text.matches("too few seeds").count(), 1, "{text}");
    }
}
