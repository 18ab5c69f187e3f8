//! Who paid: the layers that bore deficits, and what every group gained and lost.

use super::super::chart::bars;
use super::super::{Section, Source, Table, numbers, words};
use crate::frames::{FramesError, Row, number, text};
use crate::words::{NEGLIGIBLE, figure, money, signed};

/// The layers of a loss in their usual order.
const LAYERS: [(&str, &str); 5] = [
    ("insurance_paid", "insurance fund"),
    ("stake_paid", "stake"),
    ("deleveraged", "winners (deleveraged)"),
    ("socialized", "depositors and solvent accounts"),
    ("written_off", "nobody (written off)"),
];

pub(super) fn losses(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let report = &source.report;
    let worlds = if report.worlds > 1 { ", mean over worlds" } else { "" };
    let mut charts = Vec::new();
    let columns = LAYERS.map(|(name, _)| format!("AVG({name}) AS {name}")).join(", ");
    let paid = source.run.rows_of(&format!("SELECT AVG(deficits) AS deficits, {columns} FROM runs"))?;
    let mut lead = Vec::new();
    if let Some(paid) = paid.first().filter(|row| number(row, "deficits") >= NEGLIGIBLE) {
        let layers = LAYERS.map(|(name, label)| (label.to_owned(), number(paid, name)));
        let caption = "What bankrupt accounts owed beyond their margin, by who bore it.";
        charts.push(bars("layers", (&format!("The waterfall of the loss{worlds}"), caption), "coins", &layers));
        lead.push(format!(
            "Bankrupt accounts owed {} {} beyond their margin{worlds}.",
            money(number(paid, "deficits")),
            report.settlement
        ));
    } else {
        lead.push(
            "No account went bankrupt beyond its margin: what was lost, was lost to the attack or by trading.".into(),
        );
    }
    let groups = source.run.rows_of("SELECT \"group\", role, AVG(start) AS start, AVG(\"end\") AS \"end\", AVG(\"end\" - start) AS change, AVG(without_attack) AS without FROM groups GROUP BY \"group\", role ORDER BY change, \"group\"",
    )?;
    let moved: Vec<(String, f64)> = groups
        .iter()
        .map(|row| (text(row, "group").to_owned(), number(row, "change")))
        .filter(|(_, change)| change.abs() >= NEGLIGIBLE)
        .collect();
    if !moved.is_empty() {
        let caption = "What every group was worth at the end less what it was worth at the start, at market prices.";
        charts.push(bars("groups", (&format!("Who gained and who lost{worlds}"), caption), "coins", &moved));
    }
    let cells = |row: &Row| {
        let (change, without) = (number(row, "change"), number(row, "without"));
        let or_dash = |value: f64| if value.is_finite() { signed(value) } else { "–".into() };
        vec![
            text(row, "group").to_owned(),
            text(row, "role").to_owned(),
            figure(number(row, "start"), "coins"),
            figure(number(row, "end"), "coins"),
            signed(change),
            or_dash(without),
            or_dash(change - without),
        ]
    };
    let heads = vec![
        words("group"),
        words("role"),
        numbers("start"),
        numbers("end"),
        numbers("change"),
        numbers("without attack"),
        numbers("caused by it"),
    ];
    let tables = vec![Table { caption: format!("Groups{worlds}"), heads, rows: groups.iter().map(cells).collect() }];
    Ok(Some(Section { id: "losses", title: "Who paid".into(), lead, charts, tables, ..Section::default() }))
}
