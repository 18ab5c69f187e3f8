//! Who paid whom: the largest flows between different groups, the settlement asset first.

use palisade_lab::report::{FlowRow, Report};

use super::of_first;
use crate::table::{Align, table};
use palisade_lab::words::{amount, counted, spoken};

/// More flows than this are counted, fewer where the table of outcomes takes the room.
const MOST: (usize, usize) = (8, 5);

pub(crate) fn section(report: &Report) -> Option<(String, String)> {
    let mut flows: Vec<&FlowRow> =
        report.first.flows.iter().filter(|flow| flow.from != flow.to && flow.amount != 0.0).collect();
    flows.sort_by(|a, b| {
        let foreign = |flow: &FlowRow| flow.asset != report.settlement;
        foreign(a).cmp(&foreign(b)).then(b.amount.abs().total_cmp(&a.amount.abs()))
    });
    let most = if report.worlds > 1 { MOST.1 } else { MOST.0 };
    let rest = flows.len().saturating_sub(most);
    flows.truncate(most);
    let columns =
        [("from", Align::Left), ("to", Align::Left), ("amount", Align::Right), ("", Align::Left), ("for", Align::Left)];
    let cells = |flow: &&FlowRow| {
        vec![flow.from.clone(), flow.to.clone(), amount(flow.amount), flow.asset.clone(), spoken(&flow.reason)]
    };
    let mut text = table(&columns, flows.iter().map(cells).collect());
    if rest > 0 {
        text += &format!("  and {}\n", counted(rest as u64, "more flow"));
    }
    (!text.is_empty()).then(|| (format!("Who paid whom{}", of_first(report)), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::sample;

    #[test]
    fn the_largest_come_first_and_a_group_never_pays_itself() {
        let mut report = sample::one_world();
        report.first.flows = vec![
            sample::flow("a", "a", "USD", 1e9),
            sample::flow("a", "b", "MNGO", 1e8),
            sample::flow("b", "pool", "USD", 5.0),
            sample::flow("pool", "a", "USD", 12_000.0),
        ];
        let (_, text) = section(&report).unwrap_or_default();
        let expected = "
  from  to       amount        for
  -----------------------------------
  pool  a     12,000.00  USD   profit
  b     pool       5.00  USD   profit
  a     b      100.00 M  MNGO  profit
";
        assert_eq!(format!("\n{text}"), expected);
    }

    #[test]
    fn the_rest_is_counted() {
        let mut report = sample::one_world();
        report.first.flows = (1..=10).map(|place| sample::flow("a", "b", "USD", f64::from(place))).collect();
        let (_, text) = section(&report).unwrap_or_default();
        assert!(text.ends_with("  and 2 more flows\n") && text.contains(" 10.00  USD"), "{text}");
    }
}
