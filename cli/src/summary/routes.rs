//! What stood behind the markets at its lowest, and what the known routes of attack would have taken before anybody
//! acted. Over several worlds these figures stand in the table of outcomes instead.

use palisade_lab::report::Report;

use super::pairs;
use crate::table::{Align, table, wrapped};
use palisade_lab::words::{figure, money, time};

/// What the figures of routes do not say.
const CAVEAT: &str = "Bounds for these routes alone, from the depth there was; other routes are not priced, and none of \
                      this rules an attack out.";

/// The routes: their name, and the outcomes with their capital and their cost.
const ROUTES: [(&str, &str, &str); 4] = [
    ("buy a majority of the oracle's stake", "oracle_majority_capital", "oracle_majority_cost"),
    ("bribe half of the oracle's stake", "oracle_bribe_capital", "oracle_bribe_cost"),
    ("buy a quorum of votes", "quorum_capital", "quorum_cost"),
    ("lift a feed through its venues", "venue_push_capital", "venue_push_cost"),
];

fn outcome(report: &Report, name: &str) -> Option<f64> {
    report
        .outcomes
        .iter()
        .find(|outcome| outcome.name == name)
        .map(|outcome| outcome.first)
        .filter(|value| value.is_finite())
}

/// The lowest backing of any vault; nothing where no vault guarantees a market.
pub(super) fn backing(report: &Report) -> Option<(String, String)> {
    let cap = outcome(report, "lowest_cap_ratio").filter(|_| report.worlds <= 1)?;
    let ratio = |name| outcome(report, name).map_or_else(|| "none needed".to_owned(), |value| figure(value, "ratio"));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let alarm = outcome(report, "alarm_time").map_or_else(|| "never".to_owned(), |at| time((at * 1e3) as u64));
    let lines = [
        ("market value ÷ open interest", figure(cap, "ratio")),
        ("alarm first at", alarm),
        ("stake ÷ open interest", ratio("lowest_stake_ratio")),
        ("stressed cover", ratio("lowest_cover")),
    ];
    let lines: Vec<(String, String)> = lines.into_iter().map(|(label, value)| (label.to_owned(), value)).collect();
    Some(("Backing at its lowest".to_owned(), pairs(&lines)))
}

/// Capital and cost of the routes that have a price, beside what could be taken.
pub(super) fn routes(report: &Report) -> Option<(String, String)> {
    let at_risk = outcome(report, "value_at_risk").filter(|_| report.worlds <= 1)?;
    let priced = |(name, capital, cost): (&str, &str, &str)| {
        let (capital, cost) = (outcome(report, capital)?, outcome(report, cost)?);
        Some(vec![name.to_owned(), money(capital), money(cost), money(at_risk)])
    };
    let rows: Vec<Vec<String>> = ROUTES.into_iter().filter_map(priced).collect();
    if rows.is_empty() {
        return None;
    }
    let columns = [
        ("route", Align::Left),
        ("capital", Align::Right),
        ("lost on the way", Align::Right),
        ("value at risk", Align::Right),
    ];
    let title = format!("Routes of attack, before anybody acted ({})", report.settlement);
    Some((title, [table(&columns, rows), wrapped("  ", CAVEAT)].concat()))
}

#[cfg(test)]
mod tests {
    use palisade_lab::report::OutcomeRow;

    use super::*;
    use crate::summary::sample;

    fn report(figures: &[(&str, f64)]) -> Report {
        let mut report = sample::one_world();
        let row = |(name, first): &(&str, f64)| OutcomeRow {
            name: (*name).to_owned(),
            unit: "coins".to_owned(),
            doc: String::new(),
            first: *first,
            stats: None,
        };
        report.outcomes.extend(figures.iter().map(row));
        report
    }

    #[test]
    fn routes_without_a_price_are_left_out_and_nothing_is_called_safe() {
        let report = report(&[
            ("quorum_capital", 28_700.0),
            ("quorum_cost", 12.5),
            ("venue_push_capital", f64::NAN),
            ("value_at_risk", 3.2e6),
        ]);
        let (title, text) = routes(&report).unwrap_or_default();
        assert_eq!(title, "Routes of attack, before anybody acted (USD)");
        let expected = "
  route                    capital  lost on the way  value at risk
  ----------------------------------------------------------------
  buy a quorum of votes  28,700.00            12.50         3.20 M
  Bounds for these routes alone, from the depth there was; other routes are not priced, and none of
  this rules an attack out.
";
        assert_eq!(format!("\n{text}"), expected);
        assert!(!text.contains("safe") && !text.contains("none found"));
    }

    #[test]
    fn backing_is_told_where_a_vault_guarantees_a_market() {
        let report = report(&[("lowest_cap_ratio", 0.8), ("lowest_cover", 0.25), ("alarm_time", 2_175.0)]);
        let (_, text) = backing(&report).unwrap_or_default();
        let expected = "
  market value ÷ open interest       0.8000     alarm first at  36m 15s
  stake ÷ open interest         none needed     stressed cover   0.2500
";
        assert_eq!(format!("\n{text}"), expected);
        assert_eq!(backing(&sample::one_world()), None);
        assert_eq!(routes(&sample::one_world()), None);
    }
}
