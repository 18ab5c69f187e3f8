//! Charts as Vega-Lite specifications, and the thinning of long series: of every stretch, its first row and those with the
//! lowest and highest values stay, so that no peak is lost and every point is a row of the table.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Table, numbers, words};
use crate::frames::Row;
use crate::words::figure;

/// Points of a line at most, roughly.
const POINTS: usize = 240;

/// A chart.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chart {
    /// Its anchor.
    pub(crate) id: String,
    /// Its heading.
    pub(crate) title: String,
    /// How to read it.
    pub(crate) caption: String,
    /// The specification, ready to stand within a script element.
    pub(crate) spec: String,
    /// The same in numbers.
    pub(crate) table: Option<Table>,
}

impl Chart {
    /// A chart that draws `spec`, whose data are in it.
    pub(crate) fn new(id: &str, title: &str, caption: &str, spec: &Value) -> Self {
        let mut spec = spec.clone();
        if let Some(spec) = spec.as_object_mut() {
            spec.insert("$schema".into(), json!("https://vega.github.io/schema/vega-lite/v6.json"));
            spec.entry("width").or_insert(json!("container"));
        }
        Self {
            id: format!("chart-{id}"),
            title: title.to_owned(),
            caption: caption.to_owned(),
            // Within a script element only this could end it.
            spec: spec.to_string().replace('<', "\\u003c"),
            table: None,
        }
    }

    /// With the same in numbers below it.
    pub(crate) fn with(self, table: Table) -> Self {
        Self { table: Some(table), ..self }
    }
}

/// Lines over time, one for each series of `fields`: column, label.
pub(crate) struct Lines<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) caption: &'a str,
    /// Unit of the values, for the axis and the numbers.
    pub(crate) unit: &'a str,
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// A horizontal line: where and what it says.
    pub(crate) rule: Option<(f64, &'a str)>,
    /// Whether the values grow by factors.
    pub(crate) log: bool,
}

impl Lines<'_> {
    /// The chart of rows that have `time_ms`; `None` when no series has a value.
    pub(crate) fn of(&self, rows: &[Row]) -> Option<Chart> {
        let (divisor, time) = time_unit(rows);
        let mut points = Vec::new();
        let mut table = Table {
            caption: format!("{}: first, lowest, highest and last values", self.title),
            heads: vec![words("series"), numbers("first"), numbers("lowest"), numbers("highest"), numbers("last")],
            rows: Vec::new(),
        };
        for (field, label) in self.fields {
            let series: Vec<(f64, f64)> = rows
                .iter()
                .filter_map(|row| Some((row.get("time_ms")?.as_f64()?, row.get(*field)?.as_f64()?)))
                .collect();
            let (Some(first), Some(last)) = (series.first(), series.last()) else { continue };
            let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
            let (low, high) = (series.iter().min_by(by).unwrap_or(first), series.iter().max_by(by).unwrap_or(first));
            let cell = |point: &(f64, f64)| figure(point.1, self.unit);
            table.rows.push(vec![(*label).to_owned(), cell(first), cell(low), cell(high), cell(last)]);
            points.extend(
                thinned(&series).into_iter().map(|(time, value)| json!({"t": time / divisor, "v": value, "s": label})),
            );
        }
        if points.is_empty() {
            return None;
        }
        let labels: Vec<&str> = table.rows.iter().filter_map(|row| row.first().map(String::as_str)).collect();
        let legend = if labels.len() > 1 { json!({}) } else { Value::Null };
        let scale = if self.log { json!({"type": "log", "nice": false}) } else { json!({"zero": false}) };
        let lines = json!({
            "mark": {"type": "line", "strokeWidth": 1.8, "interpolate": "step-after", "clip": true},
            "encoding": {
                "x": {"field": "t", "type": "quantitative", "title": format!("time ({time})"), "scale": {"nice": false}, "axis": {"tickCount": 8, "labelFlush": true}},
                "y": {"field": "v", "type": "quantitative", "title": self.unit, "scale": scale, "axis": {"format": ".5~s", "tickCount": 6}},
                "color": {"field": "s", "type": "nominal", "scale": {"domain": labels}, "legend": legend},
                "strokeDash": {"field": "s", "type": "nominal", "scale": {"domain": labels}, "legend": legend},
                "tooltip": [
                    {"field": "s", "type": "nominal", "title": "series"},
                    {"field": "t", "type": "quantitative", "title": time, "format": ".2f"},
                    {"field": "v", "type": "quantitative", "title": self.unit, "format": ",.6~g"},
                ],
            },
        });
        let mut layers = vec![lines];
        if let Some((at, text)) = self.rule {
            layers.push(json!({"mark": {"type": "rule", "strokeDash": [2, 3]}, "encoding": {"y": {"datum": at}}}));
            layers.push(json!({
                "mark": {"type": "text", "align": "left", "x": 4, "dy": -5, "fontSize": 11},
                "encoding": {"y": {"datum": at}, "text": {"value": text}},
            }));
        }
        let spec = json!({"height": 240, "data": {"values": points}, "layer": layers});
        Some(Chart::new(self.id, self.title, self.caption, &spec).with(table))
    }
}

/// What time is shown in: how many milliseconds one is, and its name.
pub(crate) fn time_unit(rows: &[Row]) -> (f64, &'static str) {
    let longest = rows.iter().filter_map(|row| row.get("time_ms")?.as_f64()).fold(0.0, f64::max);
    match longest {
        time if time <= 300_000.0 => (1_000.0, "seconds"),
        time if time <= 4.0 * 3_600_000.0 => (60_000.0, "minutes"),
        time if time <= 4.0 * 86_400_000.0 => (3_600_000.0, "hours"),
        _ => (86_400_000.0, "days"),
    }
}

fn thinned(series: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = (series.len() / (POINTS / 3)).max(1);
    if stretch < 4 {
        return series.to_vec();
    }
    let mut kept = Vec::new();
    for rows in series.chunks(stretch) {
        let place = |better: fn(f64, f64) -> bool| {
            (0..rows.len()).fold(0, |best, place| if better(rows[place].1, rows[best].1) { place } else { best })
        };
        let mut places = vec![0, place(|a, b| a < b), place(|a, b| a > b)];
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().map(|place| rows[place]));
    }
    kept.extend(series.last().filter(|last| kept.last() != Some(last)).copied());
    kept
}

/// How numbers stand on an axis: with thousands and millions as letters only where they are large, so that no share reads as
/// thousandths of something.
pub(crate) fn tick_format(values: impl Iterator<Item = f64>) -> &'static str {
    let most = values.filter(|value| value.is_finite()).map(f64::abs).fold(0.0, f64::max);
    if most < 1000.0 { ".3~f" } else { ".4~s" }
}

/// Horizontal bars from zero: name and value, in their order.
pub(crate) fn bars(id: &str, (title, caption): (&str, &str), unit: &str, bars: &[(String, f64)]) -> Chart {
    let values: Vec<Value> =
        bars.iter().map(|(name, value)| json!({"n": name, "v": value, "l": figure(*value, unit)})).collect();
    let color = json!({"condition": {"test": "datum.v < 0", "value": "#d55e00"}, "value": "#0072b2"});
    let names = json!({"field": "n", "type": "nominal", "sort": null, "title": null, "axis": {"labelLimit": 220}});
    let spec = json!({
        "height": 26 * bars.len(),
        "data": {"values": values},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": names,
            "x": {"field": "v", "type": "quantitative", "title": unit, "axis": {"format": tick_format(bars.iter().map(|(_, value)| *value)), "tickCount": 8}},
            "color": color,
            "tooltip": [{"field": "n", "type": "nominal", "title": "who"}, {"field": "l", "type": "nominal", "title": unit}],
        },
    });
    let rows = bars.iter().map(|(name, value)| vec![name.clone(), figure(*value, unit)]).collect();
    let table = Table { caption: title.to_owned(), heads: vec![words(""), numbers(unit)], rows };
    Chart::new(id, title, caption, &spec).with(table)
}

/// A dot for every world over one value, in rows by group.
pub(crate) fn dots(id: &str, (title, caption): (&str, &str), unit: &str, groups: &[(String, Vec<f64>)]) -> Chart {
    let values: Vec<Value> = groups
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| json!({"n": name, "v": value})))
        .collect();
    let names = json!({"field": "n", "type": "nominal", "sort": null, "title": null, "axis": {"labelLimit": 220}});
    let x = json!({"field": "v", "type": "quantitative", "title": unit, "axis": {"format": ".6~s", "tickCount": 6}, "scale": {"zero": false}});
    let spec = json!({
        "height": 44 * groups.len(),
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "tick", "opacity": 0.75, "thickness": 2, "size": 22},
                "encoding": {"y": names, "x": x, "color": {"value": "#0072b2"},
                    "tooltip": [{"field": "v", "type": "quantitative", "title": unit, "format": ",.6~g"}]},
            },
            {
                "mark": {"type": "point", "shape": "diamond", "filled": true, "size": 90},
                "encoding": {"y": names, "x": {"aggregate": "median", "field": "v", "type": "quantitative"}, "color": {"value": "#d55e00"}},
            },
        ],
    });
    Chart::new(id, title, caption, &spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_first_last_and_every_peak() {
        let series: Vec<(f64, f64)> =
            (0..10_000).map(|n| (f64::from(n), if n == 5_123 { 9.0 } else { f64::from(n % 7) / 7.0 })).collect();
        let kept = thinned(&series);
        assert!(kept.len() <= POINTS + 4 && kept.contains(&(5_123.0, 9.0)), "{}", kept.len());
        assert_eq!((kept.first(), kept.last()), (series.first(), series.last()));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0) && kept.iter().all(|point| series.contains(point)));
        assert_eq!(thinned(&series[..100]), series[..100]);
    }

    #[test]
    fn nothing_in_the_data_can_end_the_script_it_stands_in() {
        let chart = bars("x", ("t", ""), "coins", &[("</script><script>alert(1)".to_owned(), 1.0)]);
        assert!(!chart.spec.contains('<') && chart.spec.contains("\\u003c/script>"));
    }
}
