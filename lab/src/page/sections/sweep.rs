//! A sweep: what comes out over its points, and what that is owed to.

use super::super::games::{At, Estimated, Field, curves, estimates, heat};
use super::super::{Section, Source, Table, numbers};
use crate::frames::FramesError;
use crate::sweep::{PointRow, SweepReport};
use crate::words::{amount, counted, interval};

/// Rows of a table of points at most.
const LISTED: usize = 200;

fn of(source: &Source) -> Option<&SweepReport> {
    match source {
        Source::Sweep(report) => Some(report),
        _ => None,
    }
}

pub(super) fn verdict(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(report) = of(source) else { return Ok(None) };
    let (all, done) = report.worlds;
    let lead = vec![
        report.verdict.clone(),
        format!(
            "{} of scenario {}, {done} of them played to their end; all points met the same seeds. What counts as loss: {}.",
            counted(all, "world"),
            report.scenario,
            report.loss
        ),
    ];
    let mut heads: Vec<_> = report.paths.iter().map(|path| numbers(path)).collect();
    let more = ["mean", "95 % interval", "value at risk", "expected shortfall", "worlds"];
    heads.extend(more.iter().map(|head| numbers(head)));
    let row = |point: &PointRow| {
        let mut row = point.values.clone();
        row.extend([amount(point.mean), interval(point.interval)]);
        for estimate in [&point.tail.value_at_risk, &point.tail.expected_shortfall] {
            row.push(estimate.as_ref().map_or(String::new(), |found| {
                format!(
                    "{} {}",
                    amount(found.value),
                    found.interval.map_or(String::new(), |_| format!("({})", interval(found.interval)))
                )
            }));
        }
        row.push(point.n.to_string());
        row
    };
    let rows = report.points.iter().take(LISTED).map(row).collect();
    let caption = match report.points.len() {
        count if count > LISTED => format!("The first {LISTED} of {count} points; the table `points` has all"),
        _ => "Every point".to_owned(),
    };
    let tables = vec![Table { caption, heads, rows }];
    Ok(Some(Section { id: "verdict", title: "What came out".into(), lead, tables, ..Section::default() }))
}

/// A curve where one thing varies, a map of the two that matter most where several do.
pub(super) fn map(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(report) = of(source) else { return Ok(None) };
    let number = |point: &PointRow, axis: usize| point.values[axis].parse::<f64>().ok();
    let mut axes: Vec<usize> = report.owed().iter().filter_map(|(path, ..)| place(report, path)).collect();
    axes.extend((0..report.paths.len()).filter(|axis| !axes.contains(axis)).collect::<Vec<_>>());
    let played: Vec<&PointRow> = report.points.iter().filter(|point| point.mean.is_finite()).collect();
    let title = format!("Mean {}", report.outcome);
    let charts = match axes[..] {
        [axis] if played.iter().all(|point| number(point, axis).is_some()) => {
            let at = |point: &&PointRow| At {
                x: number(point, axis).unwrap_or(f64::NAN),
                value: point.mean,
                interval: point.interval,
                series: report.outcome.clone(),
            };
            let mut points: Vec<At> = played.iter().map(at).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            let caption = "Over all worlds of a point, with the 95 % interval.";
            vec![curves("sweep-curve", (&title, caption), (&report.paths[axis], &report.outcome), &points)]
        }
        [row, column, ..] => {
            let caption = "Orange is above 0, blue below; means over everything that varies besides.";
            let fields = fields(&played, (row, column));
            vec![heat("sweep-map", (&title, caption), (&report.paths[row], &report.paths[column]), &fields)]
        }
        _ => Vec::new(),
    };
    if charts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Section { id: "map", title: "Over what varies".into(), charts, ..Section::default() }))
}

fn place(report: &SweepReport, path: &str) -> Option<usize> {
    report.paths.iter().position(|known| known == path)
}

/// Fields of a map over two axes, each cut into eight where it has more values.
fn fields(played: &[&PointRow], (row, column): (usize, usize)) -> Vec<Field> {
    let rows = bins(played, row);
    let columns = bins(played, column);
    let mut fields = Vec::new();
    for (row_name, row_has) in &rows {
        for (column_name, column_has) in &columns {
            let inside: Vec<f64> = played
                .iter()
                .filter(|point| row_has(&point.values[row]) && column_has(&point.values[column]))
                .map(|point| point.mean)
                .collect();
            let mean = (!inside.is_empty()).then(|| crate::stats::mean(&inside));
            fields.push(Field {
                row: row_name.clone(),
                column: column_name.clone(),
                value: mean,
                text: mean.map_or("-".to_owned(), amount),
                more: counted(inside.len() as u64, "point"),
            });
        }
    }
    fields
}

type Bin = (String, Box<dyn Fn(&str) -> bool>);

/// The values of an axis, or eight stretches of its range.
#[allow(clippy::cast_precision_loss)]
fn bins(played: &[&PointRow], axis: usize) -> Vec<Bin> {
    const MOST: usize = 8;
    let mut values: Vec<String> = Vec::new();
    for point in played {
        if !values.contains(&point.values[axis]) {
            values.push(point.values[axis].clone());
        }
    }
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.parse().ok()).collect();
    if values.len() <= 2 * MOST || numbers.len() < values.len() {
        return values
            .into_iter()
            .map(|value| -> Bin { (value.clone(), Box::new(move |found| found == value)) })
            .collect();
    }
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let end = move |place: usize| low + (high - low) * place as f64 / MOST as f64;
    (0..MOST)
        .map(|place| -> Bin {
            let (from, to, is_last) = (end(place), end(place + 1), place + 1 == MOST);
            let name = format!("{from:.4} to {to:.4}");
            let has =
                move |found: &str| found.parse::<f64>().is_ok_and(|value| value >= from && (value < to || is_last));
            (name, Box::new(has))
        })
        .collect()
}

pub(super) fn indices(source: &Source) -> Result<Option<Section>, FramesError> {
    let Some(report) = of(source) else { return Ok(None) };
    let owed = report.owed();
    if owed.is_empty() {
        return Ok(None);
    }
    let rows = owed.iter().flat_map(|(path, first, total)| {
        [("alone", first), ("with others", total)].map(|(word, share)| Estimated {
            name: format!("{path} ({word})"),
            value: share.value,
            interval: share.interval,
        })
    });
    let rows: Vec<Estimated> = rows.collect();
    let caption = "Share of the variance of the mean outcome that a value owns alone, and together with others.";
    let charts = vec![estimates("indices-chart", ("Sobol indices", caption), "share of variance", &rows)];
    let lead = vec![format!(
        "First-order indices by Saltelli et al. (2010), total ones by Jansen (1999), over {} rows.",
        report.indices.as_ref().map_or(0, |row| row.sensitivity.rows)
    )];
    Ok(Some(Section { id: "indices", title: "What it is owed to".into(), lead, charts, ..Section::default() }))
}
