//! Every pairing by itself: a world first, then as many as are asked for, and more until the interval of what it is worth is
//! narrow enough.

use serde::{Deserialize, Serialize};

use super::{Order, Pairing, Results, Schedule, Status};
use crate::stats;

/// The most worlds of one pairing.
const MOST: u32 = 1_000_000;

/// How many worlds each pairing plays.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replicates {
    /// Worlds before it is asked whether that is enough, and between two such questions.
    pub at_least: u32,
    /// Worlds at most.
    pub at_most: Option<u32>,
    /// Width of the 95 % interval of the first payoff's mean, in coins, that is narrow enough.
    pub width: Option<f64>,
}

impl Default for Replicates {
    fn default() -> Self {
        Self { at_least: 8, at_most: None, width: None }
    }
}

impl Replicates {
    /// What makes no sense, by its field.
    pub(crate) fn fault(self) -> Option<(&'static str, String)> {
        let Self { at_least, at_most, width } = self;
        if at_least == 0 || at_least > MOST {
            return Some(("at_least", format!("{at_least}: expected 1 to {MOST} worlds")));
        }
        if at_most.is_some_and(|most| most < at_least || most > MOST) {
            return Some(("at_most", format!("expected {at_least} (`at_least`) to {MOST} worlds")));
        }
        let width = width?;
        if !(width.is_finite() && width > 0.0) {
            return Some(("width", format!("{width}: expected a width above 0, in coins")));
        }
        let needs = at_least < 2 || at_most.is_none();
        needs.then(|| ("width", "an interval needs `at_least` two worlds, and an `at_most` to end at".to_owned()))
    }

    /// Worlds at most.
    pub(crate) fn most(self) -> u32 {
        self.at_most.unwrap_or(self.at_least).max(self.at_least)
    }
}

/// All pairings, each played until enough is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Cross {
    pub(crate) pairings: Vec<Pairing>,
    pub(crate) replicates: Replicates,
}

impl Cross {
    /// The replicates of a pairing that are to be played next.
    fn wanted(&self, pairing: usize, results: &Results) -> std::ops::Range<u32> {
        let Replicates { at_least, width, .. } = self.replicates;
        let briefs = results.of(pairing);
        let played = u32::try_from(briefs.len()).unwrap_or(u32::MAX);
        let is_impossible = briefs.first().is_some_and(|brief| brief.status == Status::NotApplicable);
        match played {
            // One world shows whether a pairing makes sense at all.
            0 => 0..1,
            _ if is_impossible => 0..0,
            _ if played < at_least => played..at_least,
            _ if width.is_none_or(|width| self.is_narrow(&results.payoffs(pairing, 0), width)) => 0..0,
            _ => played..played.saturating_add(at_least).min(self.replicates.most()),
        }
    }
}

impl Cross {
    /// Whether the 95 % interval of a mean is at most so wide. Worlds that are all worth the same say nothing of rare ones:
    /// of them three batches are wanted.
    fn is_narrow(&self, values: &[f64], width: f64) -> bool {
        let is_enough = values.len() >= 3 * self.replicates.at_least as usize;
        stats::mean_interval(values).is_some_and(|(low, high)| high - low <= width && (low < high || is_enough))
    }
}

impl Schedule for Cross {
    fn pairings(&self) -> &[Pairing] {
        &self.pairings
    }

    fn next(&mut self, round: u32, results: &Results) -> Vec<Order> {
        let orders = (0..self.pairings.len()).flat_map(|place| {
            let pairing = u32::try_from(place).unwrap_or(u32::MAX);
            self.wanted(place, results).map(move |replicate| Order { round, pairing, replicate })
        });
        orders.collect()
    }

    fn most(&self) -> Option<u64> {
        Some(self.pairings.len() as u64 * u64::from(self.replicates.most()))
    }

    fn is_shardable(&self) -> bool {
        true
    }
}
