//! Charts of games and sweeps: heat maps, estimates with their intervals, and curves over a number.

use serde_json::{Value, json};

use super::chart::{Chart, tick_format};
use super::{Head, Table, numbers, words};

/// One field of a heat map.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) row: String,
    pub(crate) column: String,
    /// What decides its color; none where there is nothing.
    pub(crate) value: Option<f64>,
    /// What is written into it.
    pub(crate) text: String,
    /// And what is told of it besides.
    pub(crate) more: String,
}

/// A name with an estimate and its interval.
#[derive(Clone, Debug)]
pub(crate) struct Estimated {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
}

/// A map of fields, colored from blue over white (nothing) to orange.
pub(crate) fn heat(id: &str, (title, caption): (&str, &str), (rows, columns): (&str, &str), fields: &[Field]) -> Chart {
    let most = fields.iter().filter_map(|field| field.value).map(f64::abs).fold(0.0, f64::max);
    let values: Vec<Value> = fields
        .iter()
        .map(|field| json!({"r": field.row, "c": field.column, "v": field.value, "t": field.text, "m": field.more}))
        .collect();
    let names = |field: &str, title: &str, limit: u32| json!({"field": field, "type": "nominal", "sort": null, "title": title, "axis": {"labelLimit": limit, "labelAngle": if field == "c" { -30 } else { 0 }}});
    let (y, x) = (names("r", rows, 150), names("c", columns, 130));
    let count = distinct(fields.iter().map(|field| field.row.as_str())).len();
    let spec = json!({
        "height": 34 * count,
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 2},
                "encoding": {"y": y, "x": x,
                    "color": {"field": "v", "type": "quantitative", "legend": null,
                        "scale": {"domain": [-most, 0, most], "range": ["#56b4e9", "#f4f4f4", "#e69f00"]}},
                    "tooltip": [
                        {"field": "r", "type": "nominal", "title": rows},
                        {"field": "c", "type": "nominal", "title": columns},
                        {"field": "t", "type": "nominal", "title": "mean"},
                        {"field": "m", "type": "nominal", "title": "95 % interval"},
                    ]},
            },
            {
                "mark": {"type": "text", "fontSize": 11, "color": "#16202a"},
                "encoding": {"y": y, "x": x, "text": {"field": "t", "type": "nominal"}},
            },
        ],
    });
    let heads = ["", "", "mean", "95 % interval"];
    let heads: Vec<Head> =
        heads.iter().enumerate().map(|(place, head)| if place < 2 { words(head) } else { numbers(head) }).collect();
    let lines = fields
        .iter()
        .map(|field| vec![field.row.clone(), field.column.clone(), field.text.clone(), field.more.clone()])
        .collect();
    Chart::new(id, title, caption, &spec).with(Table { caption: title.to_owned(), heads, rows: lines })
}

/// Estimates one below the other, each with its interval.
pub(crate) fn estimates(id: &str, (title, caption): (&str, &str), unit: &str, rows: &[Estimated]) -> Chart {
    let values: Vec<Value> = rows
        .iter()
        .map(|row| {
            let (low, high) = row.interval.unwrap_or((row.value, row.value));
            json!({"n": row.name, "v": row.value, "l": low, "h": high})
        })
        .collect();
    let y = json!({"field": "n", "type": "nominal", "sort": null, "title": null, "axis": {"labelLimit": 220}});
    let format = tick_format(rows.iter().map(|row| row.value));
    let x = |field: &str| json!({"field": field, "type": "quantitative", "title": unit, "scale": {"zero": false}, "axis": {"format": format, "tickCount": 7}});
    let spec = json!({
        "height": 28 * rows.len(),
        "data": {"values": values},
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"y": y, "x": x("l"), "x2": {"field": "h"}}},
            {"mark": {"type": "point", "filled": true, "size": 80}, "encoding": {"y": y, "x": x("v"), "color": {"value": "#d55e00"},
                "tooltip": [
                    {"field": "n", "type": "nominal", "title": "who"},
                    {"field": "v", "type": "quantitative", "title": unit, "format": ",.4~g"},
                    {"field": "l", "type": "quantitative", "title": "from", "format": ",.4~g"},
                    {"field": "h", "type": "quantitative", "title": "to", "format": ",.4~g"},
                ]}},
        ],
    });
    let cell = |value: f64| format!("{value:.3}");
    let lines = rows
        .iter()
        .map(|row| {
            let interval = row.interval.map_or(String::new(), |(low, high)| format!("{} to {}", cell(low), cell(high)));
            vec![row.name.clone(), cell(row.value), interval]
        })
        .collect();
    let heads = vec![words(""), numbers(unit), numbers("95 % interval")];
    Chart::new(id, title, caption, &spec).with(Table { caption: title.to_owned(), heads, rows: lines })
}

/// A point of a curve.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) x: f64,
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
    /// Which curve.
    pub(crate) series: String,
}

/// Curves over a number, with bands of their intervals.
pub(crate) fn curves(id: &str, (title, caption): (&str, &str), (x, y): (&str, &str), points: &[At]) -> Chart {
    let values: Vec<Value> = points
        .iter()
        .map(|at| {
            let (low, high) = at.interval.unwrap_or((at.value, at.value));
            json!({"x": at.x, "v": at.value, "l": low, "h": high, "s": at.series})
        })
        .collect();
    let format = tick_format(points.iter().map(|at| at.value));
    let across = json!({"field": "x", "type": "quantitative", "title": x, "scale": {"nice": false, "zero": false}, "axis": {"tickCount": 8}});
    let up = |field: &str| json!({"field": field, "type": "quantitative", "title": y, "scale": {"zero": false}, "axis": {"format": format, "tickCount": 6}});
    let series = distinct(points.iter().map(|at| at.series.as_str()));
    let legend = if series.len() > 1 { json!({}) } else { Value::Null };
    let color = json!({"field": "s", "type": "nominal", "scale": {"domain": series}, "legend": legend});
    let band = json!({"mark": {"type": "area", "opacity": 0.18}, "encoding": {"x": across, "y": up("l"), "y2": {"field": "h"}, "color": color}});
    let line = json!({
        "mark": {"type": "line", "strokeWidth": 1.8, "point": points.len() <= 60},
        "encoding": {"x": across, "y": up("v"), "color": color,
            "tooltip": [
                {"field": "s", "type": "nominal", "title": "series"},
                {"field": "x", "type": "quantitative", "title": x, "format": ",.6~g"},
                {"field": "v", "type": "quantitative", "title": y, "format": ",.6~g"},
            ]},
    });
    // A band of nothing would only make its legend pale.
    let has_bands = points.iter().any(|at| at.interval.is_some());
    let layers: Vec<Value> = if has_bands { vec![band, line] } else { vec![line] };
    let spec = json!({"height": 260, "data": {"values": values}, "layer": layers});
    let lines = points
        .iter()
        .map(|at| {
            let interval = at.interval.map_or(String::new(), |(low, high)| format!("{low:.4} to {high:.4}"));
            vec![at.series.clone(), at.x.to_string(), format!("{:.4}", at.value), interval]
        })
        .collect();
    let heads = vec![words(""), numbers(x), numbers(y), numbers("95 % interval")];
    Chart::new(id, title, caption, &spec).with(Table { caption: title.to_owned(), heads, rows: lines })
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    names.for_each(|name| {
        if !found.contains(&name) {
            found.push(name);
        }
    });
    found
}
