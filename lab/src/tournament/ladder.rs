//! A ranking in which neighbors play each other: who is better beyond chance moves up. Rounds alternate between the two
//! ways to split the ranking into neighbors, until nobody has moved in either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::matches::{Order, Pairing, Replicates, Results, Schedule, Status};
use crate::stats;

/// The schedule of a ladder. Pairings are all ordered pairs of entrants in every environment.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    /// Pairing `(environment · n + first) · n + second`.
    pub(crate) pairings: Vec<Pairing>,
    pub(crate) entrants: usize,
    pub(crate) replicates: Replicates,
    pub(crate) rounds: u32,
}

/// Two neighbors who met.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Meeting {
    /// The round of the ladder, from 0.
    pub round: u32,
    /// Who stood above, by place among the entrants.
    pub above: usize,
    /// Who stood below.
    pub below: usize,
    /// What the one below gained more per agent, on average over both seatings.
    #[serde(deserialize_with = "crate::report::number")]
    pub difference: f64,
    /// The 95 % interval of that, by Student's t.
    pub interval: Option<(f64, f64)>,
    /// Whether the two changed places.
    pub swapped: bool,
}

/// The ladder so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Walk {
    /// Entrants by their places, the best first.
    pub(crate) ranking: Vec<usize>,
    pub(crate) meetings: Vec<Meeting>,
    /// Replicates that must be played before it can go on: pairing, and which.
    missing: Vec<(usize, std::ops::Range<u32>)>,
}

impl Ladder {
    fn pairing(&self, environment: usize, first: usize, second: usize) -> usize {
        (environment * self.entrants + first) * self.entrants + second
    }

    fn environments(&self) -> usize {
        self.pairings.len() / (self.entrants * self.entrants).max(1)
    }

    /// What `below` gained more than `above`, by replicate: over both seatings and all environments, which share its seed.
    fn differences(&self, (above, below): (usize, usize), results: &Results) -> Vec<f64> {
        let mut found: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for environment in 0..self.environments() {
            let one = results.of(self.pairing(environment, above, below));
            let two = results.of(self.pairing(environment, below, above));
            let done = one.iter().zip(two).filter(|(a, b)| a.status == Status::Done && b.status == Status::Done);
            // In the first the one above sits first, in the second the one below.
            for (one, two) in done {
                let more = f64::midpoint(one.payoffs[1] - one.payoffs[0], two.payoffs[0] - two.payoffs[1]);
                found.entry(one.replicate).or_default().push(more);
            }
        }
        found.into_values().map(|differences| stats::mean(&differences)).collect()
    }

    /// Whether two can never meet.
    fn is_impossible(&self, (above, below): (usize, usize), results: &Results) -> bool {
        let pairings = (0..self.environments()).map(|environment| self.pairing(environment, above, below));
        pairings
            .into_iter()
            .all(|pairing| results.of(pairing).first().is_some_and(|brief| brief.status == Status::NotApplicable))
    }

    /// The replicates that two still have to play before more is asked of them.
    fn missing(
        &self,
        (above, below): (usize, usize),
        upto: u32,
        results: &Results,
    ) -> Vec<(usize, std::ops::Range<u32>)> {
        let pairs = (0..self.environments())
            .flat_map(|environment| [self.pairing(environment, above, below), self.pairing(environment, below, above)]);
        let played = |pairing: usize| u32::try_from(results.of(pairing).len()).unwrap_or(u32::MAX);
        pairs.map(|pairing| (pairing, played(pairing)..upto)).filter(|(_, range)| !range.is_empty()).collect()
    }

    /// How two neighbors compare, or what they must play first.
    fn meet(
        &self,
        pair: (usize, usize),
        round: u32,
        results: &Results,
    ) -> Result<Meeting, Vec<(usize, std::ops::Range<u32>)>> {
        let Replicates { at_least, .. } = self.replicates;
        let mut upto = at_least;
        loop {
            let missing = self.missing(pair, upto, results);
            if !missing.is_empty() {
                return Err(missing);
            }
            let differences = self.differences(pair, results);
            let interval = stats::mean_interval(&differences);
            let is_decided = interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0);
            if is_decided || upto >= self.replicates.most() || self.is_impossible(pair, results) {
                let swapped = interval.is_some_and(|(low, high)| low > 0.0 && low < high);
                let difference = stats::mean(&differences);
                return Ok(Meeting { round, above: pair.0, below: pair.1, difference, interval, swapped });
            }
            upto = upto.saturating_add(at_least).min(self.replicates.most());
        }
    }

    /// Goes through the ladder as far as what was played allows.
    pub(crate) fn walk(&self, results: &Results) -> Walk {
        let mut walk = Walk { ranking: (0..self.entrants).collect(), ..Walk::default() };
        let mut quiet = 0;
        for round in 0..self.rounds {
            let places: Vec<usize> = ((round % 2) as usize..self.entrants.saturating_sub(1)).step_by(2).collect();
            let mut met = Vec::new();
            for place in &places {
                match self.meet((walk.ranking[*place], walk.ranking[place + 1]), round, results) {
                    Ok(meeting) => met.push(meeting),
                    Err(mut missing) => walk.missing.append(&mut missing),
                }
            }
            if !walk.missing.is_empty() {
                break;
            }
            quiet = if met.iter().any(|meeting| meeting.swapped) { 0 } else { quiet + 1 };
            for (place, meeting) in places.iter().zip(&met) {
                if meeting.swapped {
                    walk.ranking.swap(*place, place + 1);
                }
            }
            walk.meetings.append(&mut met);
            if quiet == 2 {
                break;
            }
        }
        walk
    }
}

impl Schedule for Ladder {
    fn pairings(&self) -> &[Pairing] {
        &self.pairings
    }

    fn next(&mut self, round: u32, results: &Results) -> Vec<Order> {
        let mut orders: Vec<Order> = self
            .walk(results)
            .missing
            .into_iter()
            .flat_map(|(pairing, range)| {
                let pairing = u32::try_from(pairing).unwrap_or(u32::MAX);
                range.map(move |replicate| Order { round, pairing, replicate })
            })
            .collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }

    fn most(&self) -> Option<u64> {
        None
    }

    fn is_shardable(&self) -> bool {
        false
    }
}
