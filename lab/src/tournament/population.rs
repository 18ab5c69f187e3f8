//! A mixed population: each generation plays worlds with its strategies in their shares, and what earns a higher return than
//! the mean becomes more frequent (the replicator equation in discrete time with exponential fitness).

use super::entrants::Player;
use crate::matches::{Order, Pairing, Payoff, Results, Schedule};
use crate::source::{Document, Override};
use crate::stats;

/// The schedule of a population. Every environment has a history of its own; pairing `generation · environments +
/// environment`.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    /// A pairing for every environment, before the population is put in.
    pub(crate) environments: Vec<Pairing>,
    pub(crate) players: Vec<Player>,
    pub(crate) scenario: Document,
    /// The cohort that is divided.
    pub(crate) seat: String,
    /// How many agents it has in each environment.
    pub(crate) agents: Vec<u32>,
    pub(crate) generations: u32,
    pub(crate) selection: f64,
    pub(crate) floor: f64,
    pub(crate) replicates: u32,
    pub(crate) pairings: Vec<Pairing>,
}

impl Population {
    /// The name of a player's part of the cohort: by its place, since its own name need not be one of a cohort.
    fn cohort(&self, place: usize) -> String {
        let name = self.seat.rsplit('.').next().unwrap_or_default();
        format!("{name} {place}")
    }

    /// A generation of an environment with players in some shares.
    pub(crate) fn generation(&self, environment: usize, generation: u32, shares: &[f64]) -> Pairing {
        let agents = apportion(self.agents[environment], shares);
        self.pairing(&self.environments[environment], generation, &agents)
    }

    /// Shares of the first generation.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn start(&self) -> Vec<f64> {
        vec![1.0 / self.players.len() as f64; self.players.len()]
    }

    /// The pairing of an environment with so many agents of each player.
    fn pairing(&self, environment: &Pairing, generation: u32, agents: &[u32]) -> Pairing {
        let mut pairing = environment.clone();
        let cohort = self.scenario.canonical(&self.seat).unwrap_or_default();
        let part = self.seat.rsplit_once('.').map_or("population", |(part, _)| part);
        let mut sets = vec![format!("{}.count=0", self.seat)];
        for (place, (player, count)) in self.players.iter().zip(agents).enumerate() {
            let seat = format!("{part}.{}", self.cohort(place));
            sets.push(format!("{seat}={cohort}"));
            sets.push(format!("{seat}.count={count}"));
            sets.extend(player.seated_as(&self.scenario, &seat, &self.seat));
        }
        let read = |set: String| {
            let (path, value) = set.split_once('=').unwrap_or((&set, ""));
            Override { path: path.to_owned(), value: value.to_owned() }
        };
        pairing.request.sets.extend(sets.into_iter().map(read));
        pairing.labels.push(generation.to_string());
        pairing.payoffs = (0..self.players.len()).map(|place| Payoff::Return(self.cohort(place))).collect();
        // Each generation meets new weather: the luck of one must not be that of all.
        pairing.environment += &format!("\n{generation}");
        pairing
    }

    /// The shares of an environment in every generation that can be told so far, the first one included.
    pub(crate) fn history(&self, environment: usize, results: &Results) -> Vec<Vec<f64>> {
        let count = self.players.len();
        let mut shares = self.start();
        let mut history = vec![shares.clone()];
        for generation in 0..self.generations as usize {
            let pairing = generation * self.environments.len() + environment;
            if results.of(pairing).len() < self.replicates as usize {
                break;
            }
            let returns: Vec<f64> = (0..count).map(|side| stats::mean(&results.payoffs(pairing, side))).collect();
            shares = step(&shares, &returns, (self.selection, self.floor));
            history.push(shares.clone());
        }
        history
    }
}

/// One generation: shares grow by the exponential of `selection` times the return over the mean one. Who was not there to
/// earn anything counts as earning the mean.
pub(crate) fn step(shares: &[f64], returns: &[f64], (selection, floor): (f64, f64)) -> Vec<f64> {
    let known = || shares.iter().zip(returns).filter(|(_, earned)| earned.is_finite());
    let weight: f64 = known().map(|(share, _)| share).sum();
    let mean = if weight > 0.0 { known().map(|(share, earned)| share * earned).sum::<f64>() / weight } else { 0.0 };
    let grown = shares.iter().zip(returns).map(|(share, earned)| {
        let over = if earned.is_finite() { earned - mean } else { 0.0 };
        share * libm::exp(selection * over)
    });
    let grown: Vec<f64> = grown.collect();
    let total: f64 = grown.iter().sum();
    #[allow(clippy::cast_precision_loss)]
    let count = shares.len() as f64;
    let left = (1.0 - floor * count).max(0.0);
    grown.iter().map(|grown| floor.min(1.0 / count) + left * grown / total).collect()
}

/// Whole numbers in proportion to shares that add up to `agents`, by largest remainders; equal ones go to the first.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn apportion(agents: u32, shares: &[f64]) -> Vec<u32> {
    let exact: Vec<f64> = shares.iter().map(|share| share * f64::from(agents)).collect();
    let mut whole: Vec<u32> = exact.iter().map(|exact| exact.floor() as u32).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| (exact[*b] - exact[*b].floor()).total_cmp(&(exact[*a] - exact[*a].floor())).then(a.cmp(b)));
    let missing = agents.saturating_sub(whole.iter().sum());
    for place in order.into_iter().cycle().take(missing as usize) {
        whole[place] += 1;
    }
    whole
}

impl Schedule for Population {
    fn pairings(&self) -> &[Pairing] {
        &self.pairings
    }

    fn next(&mut self, round: u32, results: &Results) -> Vec<Order> {
        if round >= self.generations {
            return Vec::new();
        }
        let mut orders = Vec::new();
        for environment in 0..self.environments.len() {
            let history = self.history(environment, results);
            let Some(shares) = history.get(round as usize) else { return Vec::new() };
            let pairing = self.generation(environment, round, shares);
            let place = u32::try_from(self.pairings.len()).unwrap_or(u32::MAX);
            self.pairings.push(pairing);
            orders.extend((0..self.replicates).map(|replicate| Order { round, pairing: place, replicate }));
        }
        orders
    }

    fn most(&self) -> Option<u64> {
        Some(u64::from(self.generations) * self.environments.len() as u64 * u64::from(self.replicates))
    }

    fn is_shardable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_apportioned_by_largest_remainders() {
        assert_eq!(apportion(10, &[0.5, 0.25, 0.25]), [5, 3, 2]);
        assert_eq!(apportion(7, &[1.0 / 3.0; 3]), [3, 2, 2]);
        assert_eq!(apportion(3, &[0.999, 0.001]), [3, 0]);
    }

    /// Two strategies with a constant difference d of returns: x′ = x·e^(s·d) ÷ (1 − x + x·e^(s·d)), Taylor and Jonker 1978
    /// in steps of one generation.
    #[test]
    fn shares_follow_the_logistic_solution() {
        let (selection, difference) = (2.0, 0.125_f64);
        let mut shares = vec![0.1, 0.9];
        for generation in 1..=20 {
            shares = step(&shares, &[0.3 + difference, 0.3], (selection, 0.0));
            let grown = 0.1 * libm::exp(selection * difference * f64::from(generation));
            assert!((shares[0] - grown / (0.9 + grown)).abs() < 1e-12, "{generation}: {shares:?}");
        }
        let kept = step(&[0.999, 0.001], &[1.0, -1.0], (5.0, 0.02));
        assert!(kept[1] >= 0.02 && (kept.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{kept:?}");
        assert_eq!(step(&[0.5, 0.5], &[f64::NAN, 0.2], (5.0, 0.0)), [0.5, 0.5]);
    }
}
