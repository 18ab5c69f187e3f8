//! Two designs: what differs, what the second costs, and how both spread over worlds.

use serde_json::json;

use super::super::chart::{Chart, dots};
use super::super::{Section, Source, Table, name, numbers, words};
use super::figures;
use super::verdict::HEADLINE;
use crate::compare::{COSTS, Difference};
use crate::frames::FramesError;
use crate::words::{counted, figure, percent};

pub(super) fn verdict(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Comparison(source) = source else { return Ok(None) };
    let comparison = &source.comparison;
    let mut lead = vec![
        format!(
            "A is {}, B is {}.",
            name(&comparison.a.scenario, &comparison.a.set),
            name(&comparison.b.scenario, &comparison.b.set)
        ),
        format!(
            "Both played {}. Differences are B − A of the same seed; intervals are 95 %, by Student's t and of shares by Newcombe's method; * leaves out no difference at all.",
            counted(comparison.seeds.len() as u64, "seed")
        ),
    ];
    lead.extend(comparison.uneven().map(|uneven| uneven + "."));
    if comparison.interrupted {
        lead.push("It was interrupted: fewer worlds ran than were asked for.".to_owned());
    }
    let shown: Vec<&Difference> =
        HEADLINE.iter().filter_map(|name| comparison.row(name)).filter(|row| row.n > 0).collect();
    let others: Vec<&Difference> =
        comparison.rows.iter().filter(|row| row.differing > 0 && !HEADLINE.contains(&row.name.as_str())).collect();
    let mut tables = vec![table("Headline figures", &shown)];
    if !others.is_empty() {
        tables.push(table("What else differs", &others));
    }
    Ok(Some(Section { id: "verdict", title: "What differs".into(), lead, tables, ..Section::default() }))
}

pub(super) fn costs(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Comparison(source) = source else { return Ok(None) };
    let rows: Vec<&Difference> =
        COSTS.iter().filter_map(|name| source.comparison.row(name)).filter(|row| row.n > 0).collect();
    let share = |row: &&Difference, value: f64| if row.a == 0.0 { f64::NAN } else { value / row.a };
    let points: Vec<_> = rows
        .iter()
        .filter(|row| row.a != 0.0)
        .map(|row| {
            let (low, high) = row.interval.unwrap_or((row.difference, row.difference));
            json!({"n": row.name.replace('_', " "), "d": share(row, row.difference), "l": share(row, low), "h": share(row, high)})
        })
        .collect();
    let mut charts = Vec::new();
    if !points.is_empty() {
        let y = json!({"field": "n", "type": "nominal", "sort": null, "title": null, "axis": {"labelLimit": 150}});
        let spec = json!({
            "height": 36 * points.len(),
            "data": {"values": points},
            "layer": [
                {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"y": y, "x": {"field": "l", "type": "quantitative", "title": "change against A", "axis": {"format": "+%"}}, "x2": {"field": "h"}}},
                {"mark": {"type": "point", "filled": true, "size": 90}, "encoding": {"y": y, "x": {"field": "d", "type": "quantitative"}, "color": {"value": "#d55e00"}}},
                {"data": {"values": [{}]}, "mark": {"type": "rule", "strokeDash": [2, 3]}, "encoding": {"x": {"datum": 0}}},
            ],
        });
        charts.push(Chart::new(
            "costs-chart",
            "What the defence costs",
            "Change of volume, open interest and fees from A to B as a share of A, with its interval.",
            &spec,
        ));
    }
    let tables = vec![table("Volume, open interest and fees", &rows)];
    Ok((!rows.is_empty()).then(|| Section {
        id: "costs",
        title: "What it costs".into(),
        charts,
        tables,
        ..Section::default()
    }))
}

pub(super) fn worlds(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Comparison(source) = source else { return Ok(None) };
    let mut charts = Vec::new();
    for figure in ["attacker_net", "loss_caused", "solvency", "volume"] {
        let Some(row) = source.comparison.row(figure) else { continue };
        let groups =
            [("A".to_owned(), figures(&source.a.run, figure)?), ("B".to_owned(), figures(&source.b.run, figure)?)];
        if groups.iter().all(|(_, values)| values.iter().all(|value| *value == 0.0)) {
            continue;
        }
        let title = figure.replace('_', " ");
        charts.push(dots(
            &format!("both-{figure}"),
            (&title, &format!("{} A tick is a world, the diamond their median.", row.doc)),
            &row.unit,
            &groups,
        ));
    }
    Ok((!charts.is_empty()).then(|| Section {
        id: "worlds",
        title: "Spread over worlds".into(),
        charts,
        ..Section::default()
    }))
}

fn table(caption: &str, rows: &[&Difference]) -> Table {
    let heads =
        vec![words("figure"), words("unit"), numbers("A"), numbers("B"), numbers("B − A"), numbers("95 % interval")];
    let cells = |row: &&Difference| {
        let value = |value: f64| if row.unit == "flag" { percent(value) } else { figure(value, &row.unit) };
        let interval = row.interval.map(|(low, high)| {
            format!("{} to {}{}", value(low), value(high), if row.is_certain() { " *" } else { "" })
        });
        let unit = if row.unit == "flag" { "share of worlds" } else { &row.unit };
        vec![
            row.name.replace('_', " "),
            unit.to_owned(),
            value(row.a),
            value(row.b),
            value(row.difference),
            interval.unwrap_or_default(),
        ]
    };
    Table { caption: caption.to_owned(), heads, rows: rows.iter().map(cells).collect() }
}
