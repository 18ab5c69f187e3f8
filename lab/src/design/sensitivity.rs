//! Which share of an output's variance is owed to which axis: Sobol indices with bootstrap intervals.
//!
//! The first-order index is the share that goes away when the axis alone is known, by the estimator (b) of table 2 of
//! Saltelli et al. 2010 (Comput. Phys. Commun. 181:259); the total index is the share that stays when all others are known,
//! by that of Jansen 1999 (ibid. 117:35). Outputs are centered on their mean first, as SALib does: without, the noise of
//! the first grows with the mean. Estimates are left as they come out: a share near 0 may be below it.

use palisade_engine::rng::Streams;
use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

use super::error::DesignError;
use super::saltelli::Saltelli;
use crate::stats::quantile;

/// Rows below which an interval is not given.
const ENOUGH_ROWS: usize = 16;
/// The share of resamples that may lack variance before an interval is not given.
const LACKING: f64 = 0.05;
/// A spread below this share of the values, or of their squares, is rounding.
const ROUNDING: f64 = 1e-12;

/// What an output's variance is owed to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Rows of the scheme that count: those whose outputs are all finite.
    pub rows: usize,
    /// Rows left out, for one output of theirs at least is not finite. Indices speak of the others alone.
    pub left_out: usize,
    /// The mean of the outputs of A and B; NaN without rows.
    #[serde(deserialize_with = "crate::report::number")]
    pub mean: f64,
    /// Their variance.
    #[serde(deserialize_with = "crate::report::number")]
    pub variance: f64,
    /// The indices of each axis, in order. `None` when the outputs of A and B are all the same, or there are none: a
    /// variance of nothing has no shares.
    pub shares: Option<Vec<Shares>>,
}

/// The indices of an axis, with 95 % percentile intervals over resampled rows, as if these were independent: for a Sobol
/// sequence, whose rows are more even, often wider than they must be, and blind to what is uneven between single pairs of its
/// coordinates. There is no interval with fewer than 16 rows, or where more than one in twenty resamples did not vary, as
/// with an event in a few rows.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Shares {
    /// What it does alone.
    pub first: Estimate,
    /// What it does alone and together with others; more than `first` where it works with others.
    pub total: Estimate,
}

/// How rows are resampled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bootstrap {
    /// How often; 0 for no intervals.
    pub resamples: u32,
    /// The seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// The indices of every axis, from one output for each point of a scheme, in the scheme's order; what is not finite stands
/// for an output that is missing.
///
/// # Errors
/// Outputs that are not one a point.
pub fn sensitivity(scheme: Saltelli, outputs: &[f64], bootstrap: Bootstrap) -> Result<Sensitivity, DesignError> {
    if outputs.len() != scheme.count() {
        return Err(DesignError::Outputs { expected: scheme.count(), found: outputs.len() });
    }
    let rows = Rows::of(scheme, outputs);
    let (mean, variance) = rows.moments();
    let estimates = rows.estimates(0..rows.len()).filter(|_| rows.vary);
    let shares = estimates.map(|estimates| rows.with_intervals(&estimates, bootstrap));
    Ok(Sensitivity { rows: rows.len(), left_out: scheme.rows() - rows.len(), mean, variance, shares })
}

/// The rows that count, each A, A_B^1 … A_B^k and B, less the mean of all.
struct Rows {
    centered: Vec<f64>,
    axes: usize,
    center: f64,
    vary: bool,
}

/// The first-order and total index of an axis.
type Indices = (f64, f64);

impl Rows {
    #[allow(clippy::cast_precision_loss)]
    fn of(scheme: Saltelli, outputs: &[f64]) -> Self {
        let whole = outputs.chunks(scheme.width()).filter(|row| row.iter().all(|output| output.is_finite()));
        let kept: Vec<f64> = whole.flatten().copied().collect();
        let center = kept.iter().sum::<f64>() / kept.len() as f64;
        let ends = kept.chunks(scheme.width()).flat_map(|row| [row[0], row[scheme.axes() + 1]]);
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (y.min(low), y.max(high)));
        let vary = high - low > ROUNDING * high.abs().max(low.abs());
        Self { centered: kept.iter().map(|output| output - center).collect(), axes: scheme.axes(), center, vary }
    }

    fn len(&self) -> usize {
        self.centered.len() / (self.axes + 2)
    }

    /// A, A_B^1 … A_B^k and B of a row.
    fn row(&self, place: usize) -> (f64, &[f64], f64) {
        let row = &self.centered[place * (self.axes + 2)..][..self.axes + 2];
        (row[0], &row[1..=self.axes], row[self.axes + 1])
    }

    /// Mean and variance of the outputs of A and B.
    #[allow(clippy::cast_precision_loss)]
    fn moments(&self) -> (f64, f64) {
        let ends = || (0..self.len()).flat_map(|place| [self.row(place).0, self.row(place).2]);
        let n = 2.0 * self.len() as f64;
        let mean = ends().sum::<f64>() / n;
        (self.center + mean, ends().map(|y| (y - mean) * (y - mean)).sum::<f64>() / n)
    }

    /// The indices over some rows; `None` when the outputs of A and B in them do not vary.
    fn estimates(&self, places: impl Iterator<Item = usize>) -> Option<Vec<Indices>> {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let mut sums = vec![(0.0, 0.0); self.axes];
        for (a, mixed, b) in places.map(|place| self.row(place)) {
            n += 2.0;
            sum += a + b;
            squares += a * a + b * b;
            for ((first, total), y) in sums.iter_mut().zip(mixed) {
                *first += b * (y - a);
                *total += (a - y) * (a - y);
            }
        }
        let variance = squares / n - (sum / n) * (sum / n);
        let indices = |(first, total): Indices| (2.0 * first / n / variance, total / n / variance);
        (variance > ROUNDING * squares / n).then(|| sums.into_iter().map(indices).collect())
    }

    fn with_intervals(&self, estimates: &[Indices], bootstrap: Bootstrap) -> Vec<Shares> {
        let resamples = self.resamples(bootstrap);
        let lacking = f64::from(bootstrap.resamples) * LACKING;
        let lacks = f64::from(bootstrap.resamples) - resamples.len() as f64;
        let is_enough = self.len() >= ENOUGH_ROWS && !resamples.is_empty() && lacks <= lacking;
        let estimate = |axis: usize, pick: fn(Indices) -> f64| {
            let mut values: Vec<f64> = resamples.iter().map(|indices| pick(indices[axis])).collect();
            values.sort_by(f64::total_cmp);
            let interval = is_enough.then(|| (quantile(&values, 0.025), quantile(&values, 0.975)));
            Estimate { value: pick(estimates[axis]), interval }
        };
        let shares = |axis| Shares { first: estimate(axis, |pair| pair.0), total: estimate(axis, |pair| pair.1) };
        (0..self.axes).map(shares).collect()
    }

    /// The indices of rows drawn with replacement, as many as there are, each time from a stream of its own; times without
    /// variance are missing.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn resamples(&self, bootstrap: Bootstrap) -> Vec<Vec<Indices>> {
        let streams = Streams::new(bootstrap.seed);
        let resample = |time: u32| {
            let mut stream = streams.stream("design.bootstrap", u64::from(time), 0);
            self.estimates((0..self.len()).map(|_| (stream.uniform() * self.len() as f64) as usize))
        };
        (0..bootstrap.resamples).filter_map(resample).collect()
    }
}

#[cfg(test)]
mod tests;
