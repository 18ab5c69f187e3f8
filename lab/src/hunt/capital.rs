//! The smallest capital with which a plan still pays: everything that attackers start with and every amount of the plan
//! shrink together, and the mean profit on held-out seeds says whether it pays.

use serde::Serialize;

use super::Hunter;
use super::edge::{Which, edge};
use super::space::four_digits;
use crate::run::RunError;

/// Shares that are looked at first: three in each power of ten, down to a thousandth.
const GRID: u32 = 9;
/// Halvings between two of them, to within 2 %.
const HALVINGS: u32 = 6;

/// The smallest capital with which a plan still pays.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Capital {
    /// The share of what attackers start with.
    pub share: f64,
    /// What they start with of the settlement asset at that share, in coins.
    pub wallets: f64,
    /// The plan's mean profit there, in coins.
    pub profit: f64,
    /// The largest smaller share that was looked at, with which it does not pay; none where it pays with all of them.
    pub fails_at: Option<f64>,
    /// Whether larger shares were seen that do not pay.
    pub wavers: bool,
}

pub(super) fn smallest(hunter: &Hunter<'_>, plan: &[f64]) -> Result<Capital, RunError> {
    let grid: Vec<f64> = (0..=GRID).map(|place| four_digits(libm::exp10(-f64::from(place) / 3.0))).collect();
    let middle = |high: f64, low: f64| four_digits(libm::sqrt(high * low));
    let mut best = (1.0, f64::NAN);
    let found = edge((&grid, HALVINGS), Which::Last, middle, |share| {
        let profit = hunter.profit(&hunter.space.sets(plan, share)?)?;
        let pays = profit.is_some_and(|profit| profit > 0.0);
        if let Some(profit) = profit.filter(|_| pays && (share < best.0 || best.1.is_nan())) {
            best = (share, profit);
        }
        Ok(pays)
    })?;
    let share = found.holds.unwrap_or(1.0);
    Ok(Capital {
        share,
        wallets: share * hunter.space.wallets(),
        profit: if share == best.0 { best.1 } else { f64::NAN },
        fails_at: found.fails,
        wavers: found.wavers,
    })
}
