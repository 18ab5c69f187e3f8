//! Where plans are played: what a plan brings in the world of a seed, to the unit, net of what its capital costs and of what
//! the attackers' holdings would have gained without an attack.

use palisade_engine::domain::Cohorts;
use palisade_engine::outcomes::{attacker_outlay, attacker_profit, attackers_brought};
use palisade_engine::units::Millis;
use palisade_engine::{Estate, Simulation};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::load::{LoadError, Loaded, RunRequest, load};
use crate::run::{RunError, Watch};
use crate::session::{Cast, Nobody, Played, Session};
use crate::source::Override;

/// A year, over which capital costs its rate.
const YEAR: f64 = 365.0 * 86_400_000.0;

/// What a plan brought in one world, in the settlement asset's smallest unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taking {
    /// The seed.
    pub seed: u64,
    /// What attackers gained, with everything sold at depth, less the cost of their capital and less what the same holdings
    /// gained in the paired world without them.
    pub profit: i64,
    /// The most that they had put in at any moment.
    pub outlay: i64,
}

/// Plays plans on seeds.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) request: &'a RunRequest,
    pub(crate) watch: &'a dyn Watch,
    /// What capital costs, as a share of it a year.
    pub(crate) capital_cost: f64,
}

impl Field<'_> {
    /// The request with further changes of the scenario.
    pub(crate) fn with(&self, sets: &[Override]) -> RunRequest {
        let sets = self.request.sets.iter().chain(sets).cloned().collect();
        let mut request = RunRequest { sets, out: None, fail_if: None, ..self.request.clone() };
        // Nobody looks at the tables, and what is recorded changes nothing that happens.
        request.record.recording.every = u64::MAX;
        request
    }

    /// What the scenario with some changes brings on each seed; nothing where it cannot be loaded, or where an attacker's
    /// strategy failed so often that it was not asked any more.
    pub(crate) fn play(&self, sets: &[Override], seeds: &[u64]) -> Result<Option<Vec<Taking>>, RunError> {
        let request = self.with(sets);
        match load(&request) {
            Ok(loaded) => self.play_loaded((&loaded, &request), seeds),
            Err(_) => Ok(None),
        }
    }

    /// The same of what has been loaded.
    pub(crate) fn play_loaded(
        &self,
        (loaded, request): (&Loaded, &RunRequest),
        seeds: &[u64],
    ) -> Result<Option<Vec<Taking>>, RunError> {
        let session = Session { loaded, request, watch: self.watch };
        let takings: Vec<Result<Option<Taking>, RunError>> =
            seeds.par_iter().map(|seed| self.taking(&session, *seed)).collect();
        // In the order of seeds, so that of several errors always the same one is told.
        match takings.into_iter().collect() {
            // A world that cannot be built: a parameter is out of bounds.
            Err(RunError::Load(_)) => Ok(None),
            result => result,
        }
    }

    fn taking(&self, session: &Session<'_>, seed: u64) -> Result<Option<Taking>, RunError> {
        if self.watch.interrupted() {
            return Err(RunError::Interrupted);
        }
        session.unless_tripped(|| {
            let played = session.play(seed, Cast::Full, &mut Nobody)?;
            let world = played.simulation.world();
            if is_benched(&played.simulation) {
                return Ok(None);
            }
            let outlay = attacker_outlay(world);
            let cost = cost_of_capital(outlay, self.capital_cost, played.simulation.time());
            let idle = idle_gain(session, seed, attackers_brought(world))?;
            let profit = attacker_profit(world) - idle - cost;
            Ok(Some(Taking { seed, profit: narrow(profit), outlay: narrow(outlay) }))
        })
    }
}

/// What holdings gain in the world without attackers: nothing where they are money.
fn idle_gain(session: &Session<'_>, seed: u64, (brought, worth): (&Estate, i128)) -> Result<i128, RunError> {
    if brought.is_money() {
        return Ok(0);
    }
    let Played { simulation, .. } = session.play(seed, Cast::WithoutAttackers, &mut Nobody)?;
    Ok(brought.proceeds(simulation.world()) - worth)
}

/// What capital costs for a time at a rate a year, rounded up.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn cost_of_capital(outlay: i128, rate: f64, time: Millis) -> i128 {
    (outlay as f64 * rate * (time as f64 / YEAR)).ceil() as i128
}

fn is_benched(simulation: &Simulation) -> bool {
    let cohorts = simulation.world().resource::<Cohorts>();
    let benched = simulation.benched();
    cohorts.attackers().any(|cohort| benched.contains(&cohort.name))
}

fn narrow(units: i128) -> i64 {
    i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
}

/// The sum of what was brought.
pub(crate) fn total(takings: &[Taking]) -> i128 {
    takings.iter().map(|taking| i128::from(taking.profit)).sum()
}

/// The share of 1 that a rate of capital's cost may be.
pub(crate) fn check_rate(rate: f64) -> Result<(), LoadError> {
    if (0.0..=1000.0).contains(&rate) {
        return Ok(());
    }
    Err(LoadError::Usage(format!("--capital-cost {rate}: expected a share a year such as 0.1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capital_costs_its_rate_over_the_time_it_is_bound() {
        let year = 365 * 86_400_000;
        assert_eq!(cost_of_capital(1_000_000, 0.1, year), 100_000);
        assert_eq!(cost_of_capital(1_000_000, 0.1, year / 2), 50_000);
        assert_eq!(cost_of_capital(1, 0.1, 1), 1, "rounded up, against the attacker");
        assert_eq!(cost_of_capital(0, 0.1, year), 0);
        assert_eq!(cost_of_capital(1_000_000, 0.0, year), 0);
    }
}
