//! The description of a scenario: its clock and sources, who plays in which markets, and what it claims.

use palisade_lab::inventory::{Claim, Figure, Scenario};

use super::Page;
use crate::table::{Align, table};
use crate::verify::{narrow, place, readable};
use palisade_lab::words::{counted, exact, figure};

pub(super) fn page(scenario: &Scenario) -> Page {
    let clock = scenario.clock.join(", then ");
    let mut facts = vec![
        ("file", scenario.file.clone()),
        ("clock", format!("{clock}: {} in all", counted(scenario.steps, "step"))),
    ];
    facts.extend(scenario.sources.iter().map(|source| ("sources", source.clone())));
    Page {
        title: format!("scenario {}", scenario.name),
        summary: scenario.summary.clone(),
        facts,
        sections: vec![
            ("Markets", markets(scenario)),
            ("Cohorts", cohorts(scenario)),
            ("Expectations", expectations(&scenario.expectations)),
            ("Counterfactuals", counterfactuals(&scenario.counterfactuals)),
        ],
        text: scenario.text.clone(),
    }
}

fn markets(scenario: &Scenario) -> String {
    let rows =
        scenario.markets.iter().map(|row| vec![row.name.clone(), row.feed.clone(), exact(row.imr), exact(row.mmr)]);
    let columns = [("market", Align::Name), ("feed", Align::Name), ("imr", Align::Right), ("mmr", Align::Right)];
    table(&columns, rows.collect())
}

fn cohorts(scenario: &Scenario) -> String {
    let rows = scenario.cohorts.iter().map(|row| {
        let agents = figure(f64::from(row.count), "");
        vec![row.name.clone(), row.role.clone(), row.strategy.clone(), agents]
    });
    let columns = [("cohort", Align::Name), ("role", Align::Name), ("strategy", Align::Name), ("agents", Align::Right)];
    table(&columns, rows.collect())
}

fn expectations(figures: &[Figure]) -> String {
    let rows = figures.iter().map(|row| {
        let value = row.value.map_or_else(|| "-".to_owned(), |value| figure(value, ""));
        let outcome = place(&row.outcome, row.at.as_deref());
        vec![outcome, row.rests_on.to_string(), value, readable(&row.tolerance), row.why.clone()]
    });
    let columns = [
        ("outcome", Align::Name),
        ("kind", Align::Name),
        ("expected", Align::Right),
        ("tolerance", Align::Left),
        ("why", Align::Left),
    ];
    table(&columns, rows.collect())
}

fn counterfactuals(claims: &[Claim]) -> String {
    let rows = claims.iter().map(|row| {
        let change = row.set.iter().map(|set| narrow(set)).collect::<Vec<_>>().join("\n");
        vec![change, place(&row.outcome, row.at.as_deref()), readable(&row.claim), row.why.clone()]
    });
    let columns = [("change", Align::Name), ("outcome", Align::Name), ("claim", Align::Name), ("why", Align::Left)];
    table(&columns, rows.collect())
}
