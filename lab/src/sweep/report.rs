//! What came of a sweep: every point with its intervals and the tail of its losses, and what the variance is owed to.

use std::path::Path;
use std::sync::Arc;

use palisade_engine::frame::{Data, Frame, Item};
use serde::{Deserialize, Serialize};

use super::Prepared;
use crate::design::{Bootstrap, Sensitivity, sensitivity};
use crate::folder::read_json;
use crate::matches::{Played, Results, Status};
use crate::report::number;
use crate::run::RunError;
use crate::stats::{self, Draws, Estimate, expected_shortfall, value_at_risk};
use crate::words::amount;

/// A sweep's results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepReport {
    /// What came out, in a sentence or two.
    pub verdict: String,
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// What is swept.
    pub scenario: String,
    /// Version of the program.
    pub version: String,
    /// Digest of everything that the results depend on.
    pub digest: String,
    /// The command that reproduces it.
    pub command: String,
    /// The seed that all others are made of.
    pub seed: u64,
    /// The settlement asset, in which coins are counted.
    pub settlement: String,
    /// What is swept for, of figures.
    pub outcome: String,
    /// What counts as loss, of figures.
    pub loss: String,
    /// The paths that vary.
    pub paths: Vec<String>,
    /// Worlds that were looked at, and those among them that were played to their end.
    pub worlds: (u64, u64),
    /// Whether everything was played.
    pub complete: bool,
    /// Whether it ended before all was played that was to be played here.
    pub interrupted: bool,
    /// The part that was played: which, from 1, of how many.
    pub shard: Option<(u32, u32)>,
    /// Every point.
    pub points: Vec<PointRow>,
    /// What the variance of the outcome is owed to, where points were chosen for that.
    pub indices: Option<IndexRow>,
    /// What was in the way, each once with how the world ended and a command that shows it.
    pub troubles: Vec<(Status, String, String)>,
    /// What had to be mended before it could go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The folder that was written.
    pub out: Option<String>,
}

/// A point.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PointRow {
    /// Its key, which stays when other points come or go.
    pub key: String,
    /// Its values, in the order of the paths.
    pub values: Vec<String>,
    /// Worlds that were played to their end.
    pub n: u32,
    /// The outcome's mean over these.
    #[serde(deserialize_with = "number")]
    pub mean: f64,
    /// Its 95 % interval by Student's t.
    pub interval: Option<(f64, f64)>,
    /// The tail of the losses.
    pub tail: Tail,
}

/// The tail of losses, with 95 % intervals; none where there are too few worlds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tail {
    /// 95 % value at risk.
    pub value_at_risk: Option<Estimate>,
    /// 95 % expected shortfall.
    pub expected_shortfall: Option<Estimate>,
}

/// Sobol indices of the means over worlds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IndexRow {
    /// Rows of the scheme that count, those left out, mean, variance and the indices by path.
    pub sensitivity: Sensitivity,
}

impl SweepReport {
    pub(super) fn of(
        prepared: &Prepared,
        played: &Played,
        out: Option<&Path>,
        notes: Vec<String>,
    ) -> Result<Self, RunError> {
        let Prepared { plan, sweep, points, scheme, settlement, .. } = prepared;
        let rows: Vec<PointRow> =
            points.iter().enumerate().map(|(place, point)| row(place, point, &played.results, plan.seed)).collect();
        let means: Vec<f64> = rows.iter().map(|row| row.mean).collect();
        let bootstrap = Bootstrap { seed: plan.seed, ..Bootstrap::default() };
        let indices = scheme.filter(|_| !played.interrupted && plan.shard.is_none());
        let indices = indices.map(|scheme| sensitivity(scheme, &means, bootstrap)).transpose()?;
        let mut report = Self {
            verdict: String::new(),
            name: sweep.name.clone(),
            summary: sweep.summary.clone(),
            scenario: sweep.scenario.display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: blake3::Hash::from(plan.digest).to_hex().to_string(),
            command: plan.command.clone(),
            seed: plan.seed,
            settlement: settlement.clone(),
            outcome: sweep.outcome.clone().unwrap_or_default(),
            loss: sweep.loss.clone(),
            paths: plan.axes.iter().map(|axis| axis.name.clone()).collect(),
            worlds: (played.matches, rows.iter().map(|row| u64::from(row.n)).sum()),
            complete: !played.interrupted && plan.shard.is_none(),
            interrupted: played.interrupted,
            shard: plan.shard,
            indices: indices.map(|sensitivity| IndexRow { sensitivity }),
            troubles: troubles(points.len(), &played.results),
            points: rows,
            notes,
            out: out.map(|out| out.display().to_string()),
        };
        report.verdict = verdict(&report);
        Ok(report)
    }

    /// The table `points`.
    pub(super) fn table(&self) -> Frame {
        let float = || Data::Float(Vec::new());
        let mut frame = Frame::new("points", "A point of the sweep, with what came out there.").with(
            "point",
            "",
            "Key that stays when other points come or go.",
            Data::Text(Vec::new()),
        );
        for path in &self.paths {
            frame = frame.with(path.clone(), "", "The value at this path.", Data::Text(Vec::new()));
        }
        frame = frame.with("worlds", "worlds", "Worlds that were played to their end.", Data::Int(Vec::new()));
        for (name, doc) in [
            ("mean", "Mean of what is swept for."),
            ("low", "Lower end of its 95 % interval."),
            ("high", "Upper end."),
            ("value_at_risk", "95 % value at risk of losses, NaN for too few worlds."),
            ("value_at_risk_low", "Lower end of its 95 % interval."),
            ("value_at_risk_high", "Upper end."),
            ("expected_shortfall", "95 % expected shortfall of losses, NaN for too few worlds."),
            ("expected_shortfall_low", "Lower end of its 95 % interval."),
            ("expected_shortfall_high", "Upper end."),
        ] {
            frame = frame.with(name, "", doc, float());
        }
        for point in &self.points {
            let text = |text: &String| Item::Text(Arc::from(text.as_str()));
            let ends = |interval: Option<(f64, f64)>| interval.unwrap_or((f64::NAN, f64::NAN));
            let three = |estimate: Option<Estimate>| {
                let (low, high) = ends(estimate.and_then(|estimate| estimate.interval));
                [estimate.map_or(f64::NAN, |estimate| estimate.value), low, high]
            };
            let (low, high) = ends(point.interval);
            let mut row = vec![text(&point.key)];
            row.extend(point.values.iter().map(text));
            row.push(Item::Int(point.n.into()));
            row.extend([point.mean, low, high].map(Item::Float));
            row.extend(three(point.tail.value_at_risk).map(Item::Float));
            row.extend(three(point.tail.expected_shortfall).map(Item::Float));
            frame.push(&row);
        }
        frame
    }

    /// Reads a sweep's results back; `None` when the folder holds none.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub fn open(folder: &Path) -> Result<Option<Self>, String> {
        read_json(&folder.join(super::FILE))
    }

    /// The indices by path, the largest total one first.
    #[must_use]
    pub fn owed(&self) -> Vec<(&str, Estimate, Estimate)> {
        let shares = self.indices.as_ref().and_then(|row| row.sensitivity.shares.as_ref());
        let mut owed: Vec<(&str, Estimate, Estimate)> = shares
            .into_iter()
            .flat_map(|shares| self.paths.iter().zip(shares))
            .map(|(path, shares)| (path.as_str(), shares.first, shares.total))
            .collect();
        owed.sort_by(|a, b| b.2.value.total_cmp(&a.2.value));
        owed
    }
}

fn row(place: usize, point: &crate::design::Point, results: &Results, seed: u64) -> PointRow {
    let (values, losses) = (results.payoffs(place, 0), results.payoffs(place, 1));
    let draws = Draws { seed, ..Draws::default() };
    PointRow {
        key: point.key().to_owned(),
        values: point.values().iter().map(|(_, value)| value.clone()).collect(),
        n: stats::count(results.done(place).count()),
        mean: stats::mean(&values),
        interval: stats::mean_interval(&values),
        tail: Tail {
            value_at_risk: value_at_risk(&losses, 0.95),
            expected_shortfall: expected_shortfall(&losses, 0.95, &draws),
        },
    }
}

/// What was in the way, each message once with the first command that shows it.
fn troubles(points: usize, results: &Results) -> Vec<(Status, String, String)> {
    let mut found: Vec<(Status, String, String)> = Vec::new();
    for brief in (0..points).flat_map(|place| results.of(place)) {
        let Some((message, command)) = brief.trouble.as_deref() else { continue };
        if !found.iter().any(|(status, known, _)| (*status, known) == (brief.status, message)) {
            found.push((brief.status, message.clone(), command.clone()));
        }
    }
    found
}

fn verdict(report: &SweepReport) -> String {
    let played: Vec<&PointRow> = report.points.iter().filter(|point| point.mean.is_finite()).collect();
    let by = |a: &&&PointRow, b: &&&PointRow| a.mean.total_cmp(&b.mean);
    let (Some(least), Some(most)) = (played.iter().min_by(by), played.iter().max_by(by)) else {
        return "No world was played to its end.".to_owned();
    };
    let place = |point: &PointRow| {
        let values = report.paths.iter().zip(&point.values).map(|(path, value)| format!("{path} = {value}"));
        values.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "Over {} points, mean {} goes from {} (at {}) to {} (at {}).",
        played.len(),
        report.outcome,
        amount(least.mean),
        place(least),
        amount(most.mean),
        place(most)
    );
    if let Some((path, _, total)) = report.owed().first() {
        text += &format!(" Most of its variance is owed to {path}: a total index of {:.2}.", total.value);
    }
    text += &crate::matches::part_of(report.shard, report.complete);
    text
}
