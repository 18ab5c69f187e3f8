//! Prices: what the sources said, what the oracle published, and what positions were marked at.

use super::super::chart::Lines;
use super::super::{Section, Source};
use super::distinct;
use crate::frames::{FramesError, number, text};

pub(super) fn prices(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let all = source.run.rows_of(
        "SELECT market, time_ms, \"index\", oracle, mark, oi_notional FROM markets WHERE run = 0 ORDER BY step",
    )?;
    let mut charts = Vec::new();
    for (place, market) in distinct(&all, "market").into_iter().enumerate() {
        // A price of 0 is none yet.
        let mut own: Vec<_> = all.iter().filter(|row| text(row, "market") == market).cloned().collect();
        for row in &mut own {
            for name in ["index", "oracle", "mark"] {
                if number(row, name) <= 0.0 {
                    row.remove(name);
                }
            }
        }
        let marks = own.iter().map(|row| number(row, "mark")).filter(|mark| mark.is_finite());
        let (low, high) =
            marks.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), mark| (low.min(mark), high.max(mark)));
        let lines = Lines {
            id: &format!("prices-{}", place),
            title: &market,
            caption: "The index is what the feed's sources said; the oracle published it with its delay, noise and guard rails; positions are valued at the mark.",
            unit: "coins",
            fields: &[("index", "index"), ("oracle", "oracle"), ("mark", "mark")],
            rule: None,
            log: high > 10.0 * low,
        };
        charts.extend(lines.of(&own));
        let lines = Lines {
            id: &format!("interest-{}", place),
            title: &format!("{market}: open interest"),
            caption: "Notional of the fuller side.",
            unit: "coins",
            fields: &[("oi_notional", "open interest")],
            rule: None,
            log: false,
        };
        charts.extend(lines.of(&own));
    }
    let lead = vec!["Of the first world.".to_owned()];
    Ok((!charts.is_empty()).then(|| Section {
        id: "prices",
        title: "Prices and open interest".into(),
        lead,
        charts,
        ..Section::default()
    }))
}
