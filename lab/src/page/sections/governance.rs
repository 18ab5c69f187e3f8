//! Votes over time, and the parameters that they, or whoever forked the run, put into force.

use serde_json::{Value, json};

use super::super::chart::{Chart, time_unit};
use super::super::{Section, Source, Table, numbers, words};
use super::distinct;
use crate::frames::{FramesError, Row, number, text};
use crate::words::{counted, exact, spoken, time};

pub(super) fn votes(source: &Source) -> Result<Option<Section>, FramesError> {
    let Source::Run(source) = source else { return Ok(None) };
    let course = source.run.rows_of(
        "SELECT step, time_ms, what, cohort, proposal, path, before, after FROM governance WHERE run = 0 ORDER BY step",
    )?;
    if course.is_empty() {
        return Ok(None);
    }
    let cast = source.run.rows_of("SELECT proposal, time_ms, choice, SUM(weight) AS weight FROM votes WHERE run = 0 GROUP BY proposal, time_ms, choice ORDER BY time_ms",
    )?;
    let (divisor, unit) = time_unit(&course);
    let mut charts = Vec::new();
    let mut points: Vec<Value> = Vec::new();
    for proposal in distinct(&cast, "proposal") {
        for choice in distinct(&cast, "choice") {
            let mut sum = 0.0;
            for row in cast.iter().filter(|row| text(row, "proposal") == proposal && text(row, "choice") == choice) {
                sum += number(row, "weight");
                points.push(json!({"t": number(row, "time_ms") / divisor, "w": sum, "c": choice, "p": proposal}));
            }
        }
    }
    if !points.is_empty() {
        let spec = json!({
            "height": 200,
            "data": {"values": points},
            "mark": {"type": "line", "interpolate": "step-after", "point": true},
            "encoding": {
                "x": {"field": "t", "type": "quantitative", "title": format!("time ({unit})"), "scale": {"zero": false}},
                "y": {"field": "w", "type": "quantitative", "title": "votes cast (token units)", "axis": {"format": ".5~s", "tickCount": 6}},
                "color": {"field": "c", "type": "nominal"},
                "detail": {"field": "p", "type": "nominal"},
                "tooltip": [{"field": "p", "type": "nominal", "title": "proposal"}, {"field": "c", "type": "nominal", "title": "choice"}, {"field": "w", "type": "quantitative", "title": "weight", "format": ",.6~g"}],
            },
        });
        charts.push(Chart::new(
            "votes",
            "Votes cast",
            "Weight of the votes cast so far, by choice, each proposal a line.",
            &spec,
        ));
    }
    let value = |value: f64| if value.is_finite() { exact(value) } else { String::new() };
    let heads = vec![
        numbers("time"),
        words("what"),
        words("proposal"),
        words("by"),
        words("parameter"),
        numbers("before"),
        numbers("after"),
    ];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let cells = |row: &Row| {
        vec![
            time(number(row, "time_ms") as u64),
            spoken(text(row, "what")),
            text(row, "proposal").to_owned(),
            text(row, "cohort").to_owned(),
            text(row, "path").to_owned(),
            value(number(row, "before")),
            value(number(row, "after")),
        ]
    };
    let tables = vec![Table {
        caption: "Proposals on their way, and the parameters that changed".into(),
        heads,
        rows: course.iter().map(cells).collect(),
    }];
    let count = |what: &str| course.iter().filter(|row| text(row, "what") == what).count() as u64;
    let (changed, set) = (count("changed"), count("set_from_outside"));
    let mut lead = vec![format!(
        "Of the first world: {}.",
        counted(changed, "parameter change by a vote").replace("change by a votes", "changes by a vote")
    )];
    if set > 0 {
        lead.push(format!("Set from outside, by --set-at: {}.", counted(set, "parameter")));
    }
    Ok(Some(Section { id: "votes", title: "Votes and parameters".into(), lead, charts, tables, ..Section::default() }))
}
