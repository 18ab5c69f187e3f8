//! Strengths of entrants that do not depend on the order of contests: the model of Bradley and Terry (1952), in which i beats j
//! with odds of exp(θᵢ − θⱼ) to 1, fitted by Newton's method. A draw counts half a win for both.

use serde::Serialize;

use super::contest::check;
use super::payoffs::largest;
use super::{Contest, GameError, linear};
use crate::stats::Estimate;

/// Strengths, with how sure they are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Strengths {
    /// Strength of each entrant, θ: natural logarithms of odds, which sum to 0, with 95 % intervals.
    pub strengths: Vec<Estimate>,
    /// How the contests bind the strengths.
    pub ground: Ground,
    #[serde(skip)]
    covariance: Vec<f64>,
}

/// What strengths rest on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The contests alone: strengths are of greatest likelihood.
    Contests,
    /// The contests and a prior: some entrants never lost to the others, or never met them, so that the contests alone put
    /// them infinitely far away (Ford 1957). Everybody is given one drawn contest with an entrant of strength 0 as well.
    Prior,
}

impl Strengths {
    /// How much stronger `first` is than `second`, with its 95 % interval; narrower than from the two intervals, since both
    /// depend on the same contests.
    ///
    /// # Panics
    ///
    /// If there is no such entrant.
    #[must_use]
    pub fn difference(&self, first: usize, second: usize) -> Estimate {
        let n = self.strengths.len();
        let at = |row: usize, column: usize| self.covariance[row * n + column];
        let variance = at(first, first) + at(second, second) - 2.0 * at(first, second);
        estimate(self.strengths[first].value - self.strengths[second].value, variance)
    }

    /// The points that `first` expects of a contest with `second`, 0…1.
    ///
    /// # Panics
    ///
    /// If there is no such entrant.
    #[must_use]
    pub fn expected_points(&self, first: usize, second: usize) -> f64 {
        logistic(self.strengths[first].value - self.strengths[second].value)
    }
}

/// Newton steps after which the fit is given up; a dozen is usual.
const STEPS: u32 = 200;

/// Strengths of entrants 0…`entrants` − 1 from their contests, with Wald intervals from Fisher's information.
///
/// # Errors
///
/// If a contest is with oneself or with somebody who is not there, there is nobody, or the fit does not settle.
pub fn bradley_terry(entrants: usize, contests: &[Contest]) -> Result<Strengths, GameError> {
    check(entrants, contests)?;
    if entrants == 0 {
        return Err(GameError::Empty);
    }
    let mut model = Model { n: entrants, points: vec![0.0; entrants * entrants], prior: 0.0 };
    for contest in contests {
        model.points[contest.first * entrants + contest.second] += contest.outcome.points();
        model.points[contest.second * entrants + contest.first] += 1.0 - contest.outcome.points();
    }
    let ground = if model.connected() { Ground::Contests } else { Ground::Prior };
    model.prior = if ground == Ground::Prior { 1.0 } else { 0.0 };
    let (strengths, information) = model.fit()?;
    let covariance = centered(&information, entrants)?;
    let center = strengths.iter().sum::<f64>() / model.size();
    let strength = |place: usize| estimate(strengths[place] - center, covariance[place * entrants + place]);
    Ok(Strengths { strengths: (0..entrants).map(strength).collect(), ground, covariance })
}

fn estimate(value: f64, variance: f64) -> Estimate {
    // The 97.5 % quantile of the normal distribution.
    let half = 1.959_963_984_540_054 * variance.max(0.0).sqrt();
    Estimate { value, interval: Some((value - half, value + half)) }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// ln(1/(1 + e⁻ˣ)) without overflow.
fn log_logistic(x: f64) -> f64 {
    x.min(0.0) - libm::log1p(libm::exp(-x.abs()))
}

struct Model {
    n: usize,
    /// Points of the row's entrant from the column's.
    points: Vec<f64>,
    /// Drawn contests with an entrant of strength 0.
    prior: f64,
}

impl Model {
    #[allow(clippy::cast_precision_loss)]
    fn size(&self) -> f64 {
        self.n as f64
    }

    /// Whether from everybody a chain of points leads to everybody else, so that greatest likelihood is finite (Ford 1957).
    fn connected(&self) -> bool {
        let reaches_all = |has_points: &dyn Fn(usize, usize) -> bool| {
            let (mut seen, mut open) = (vec![false; self.n], vec![0]);
            seen[0] = true;
            while let Some(from) = open.pop() {
                for to in (0..self.n).filter(|to| has_points(from, *to)) {
                    if !std::mem::replace(&mut seen[to], true) {
                        open.push(to);
                    }
                }
            }
            seen.iter().all(|seen| *seen)
        };
        let points = |one: usize, other: usize| self.points[one * self.n + other] > 0.0;
        reaches_all(&points) && reaches_all(&|one, other| points(other, one))
    }

    fn log_likelihood(&self, strengths: &[f64]) -> f64 {
        let pair = |(place, points): (usize, &f64)| {
            let gap = strengths[place / self.n] - strengths[place % self.n];
            if *points > 0.0 { points * log_logistic(gap) } else { 0.0 }
        };
        let prior = |strength: &f64| self.prior / 2.0 * (log_logistic(*strength) + log_logistic(-strength));
        self.points.iter().enumerate().map(pair).sum::<f64>() + strengths.iter().map(prior).sum::<f64>()
    }

    /// The gradient of the log-likelihood, and Fisher's information. Where a common shift of all strengths changes nothing, 1
    /// is added everywhere, and what a shift does is left to [`centered`].
    fn slope(&self, strengths: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.n;
        let shift = if self.prior > 0.0 { 0.0 } else { 1.0 };
        let (mut gradient, mut information) = (vec![0.0; n], vec![shift; n * n]);
        for one in 0..n {
            let chance = logistic(strengths[one]);
            gradient[one] += self.prior * (0.5 - chance);
            information[one * n + one] += self.prior * chance * (1.0 - chance);
            for other in (0..n).filter(|other| *other != one) {
                let played = self.points[one * n + other] + self.points[other * n + one];
                let chance = logistic(strengths[one] - strengths[other]);
                gradient[one] += self.points[one * n + other] - played * chance;
                information[one * n + one] += played * chance * (1.0 - chance);
                information[one * n + other] -= played * chance * (1.0 - chance);
            }
        }
        (gradient, information)
    }

    /// The strengths of greatest likelihood and the information there.
    fn fit(&self) -> Result<(Vec<f64>, Vec<f64>), GameError> {
        let mut strengths = vec![0.0; self.n];
        for _ in 0..STEPS {
            let (gradient, information) = self.slope(&strengths);
            let step = newton(&information, &gradient, self.n)?;
            let length = largest(&step.iter().map(|change| change.abs()).collect::<Vec<_>>());
            if length < 1e-10 {
                return Ok((strengths, information));
            }
            strengths = self.climb(&strengths, &step);
        }
        Err(GameError::Unsolved(format!("strengths still change after {STEPS} steps")))
    }

    /// Along `step` as far as does not lower the likelihood: half of it as often as needed.
    fn climb(&self, from: &[f64], step: &[f64]) -> Vec<f64> {
        let before = self.log_likelihood(from);
        let rounding = 1e-12 * before.abs();
        let mut share = 1.0;
        loop {
            let to: Vec<f64> = from.iter().zip(step).map(|(strength, change)| strength + share * change).collect();
            if share < 1e-6 || self.log_likelihood(&to) >= before - rounding {
                return to;
            }
            share /= 2.0;
        }
    }
}

fn newton(information: &[f64], gradient: &[f64], n: usize) -> Result<Vec<f64>, GameError> {
    let rows = information.chunks(n).zip(gradient);
    let mut system: Vec<f64> = rows.flat_map(|(row, slope)| row.iter().copied().chain([*slope])).collect();
    linear::solve(&mut system, n).ok_or_else(singular)?;
    Ok(system.chunks(n + 1).map(|row| row[n]).collect())
}

fn singular() -> GameError {
    GameError::Unsolved("too few contests to tell strengths apart".to_owned())
}

/// The covariance of strengths that sum to 0: the inverse of the information, less the means of rows and columns.
#[allow(clippy::cast_precision_loss)]
fn centered(information: &[f64], n: usize) -> Result<Vec<f64>, GameError> {
    let unit = |row: usize| (0..n).map(move |column| if row == column { 1.0 } else { 0.0 });
    let rows = information.chunks(n).enumerate();
    let mut system: Vec<f64> = rows.flat_map(|(place, row)| row.iter().copied().chain(unit(place))).collect();
    linear::solve(&mut system, n).ok_or_else(singular)?;
    let inverse: Vec<&[f64]> = system.chunks(2 * n).map(|row| &row[n..]).collect();
    let means: Vec<f64> = inverse.iter().map(|row| row.iter().sum::<f64>() / n as f64).collect();
    let mean = means.iter().sum::<f64>() / n as f64;
    let cell = |place: usize| inverse[place / n][place % n] - means[place / n] - means[place % n] + mean;
    Ok((0..n * n).map(cell).collect())
}

#[cfg(test)]
mod tests;
