//! A grid of shocks on a state of a scenario: price × depth × price of stake, what each would cost and who would bear it.

use palisade_engine::{Shock, Stress};
use serde::Serialize;

use crate::load::{LoadError, Loaded, RunRequest};
use crate::run::{RunError, Watch};
use crate::session::{Cast, Session, on_large_stack};

/// The shocks, as factors on what is.
#[derive(Clone, PartialEq, Debug)]
pub struct Grid {
    /// On all marks.
    pub prices: Vec<f64>,
    /// On the depth of the venues on which stake is sold.
    pub depths: Vec<f64>,
    /// On the prices of staked assets.
    pub stake_prices: Vec<f64>,
}

/// What shocks to a state would cost.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stressed {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Steps behind the state.
    pub at: u64,
    /// Simulated time in milliseconds.
    pub time_ms: u64,
    /// The settlement asset, in which coins are counted.
    pub settlement: String,
    /// Every shock of the grid, prices outermost.
    pub cells: Vec<Stressing>,
}

/// One shock and what it would cost, in settlement coins.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stressing {
    /// What all marks are multiplied by.
    pub price: f64,
    /// What the depth of exits is multiplied by.
    pub depth: f64,
    /// What the prices of staked assets are multiplied by.
    pub stake_price: f64,
    /// Accounts that would be bankrupt.
    pub bankrupt: u32,
    /// What they would owe beyond their margin.
    pub deficit: f64,
    /// What each layer would bear, in the configured order.
    pub layers: Vec<Borne>,
    /// What no layer would cover.
    pub uncovered: f64,
    /// The insurance fund and what stake would raise.
    pub prefunded: f64,
    /// The largest deficit of one agent.
    pub largest: f64,
    /// The two largest.
    pub two_largest: f64,
    /// How often what is prefunded covers the largest; `null` when there is none.
    pub cover_1: f64,
    /// And the two largest.
    pub cover_2: f64,
}

/// What a layer would bear.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Borne {
    /// The layer.
    pub layer: String,
    /// How much.
    pub amount: f64,
}

/// Plays the scenario with the request's seed up to a step (to its end, for none) and reads the shocks off that state.
///
/// # Errors
/// As for running; a step that is not in the run.
pub fn stress(
    loaded: &Loaded,
    request: &RunRequest,
    (at, grid): (Option<u64>, &Grid),
    watch: &dyn Watch,
) -> Result<Stressed, RunError> {
    let steps = loaded.steps(request);
    let at = at.unwrap_or(steps);
    if at > steps {
        return Err(LoadError::Usage(format!("--at {at}: the run has {steps} steps")).into());
    }
    let session = Session { loaded, request, watch };
    on_large_stack(|| session.unless_tripped(|| session.stressed(at, grid)))
}

impl Session<'_> {
    fn stressed(&self, at: u64, grid: &Grid) -> Result<Stressed, RunError> {
        let seed = self.request.seed;
        let (mut simulation, mut host) = self.build(seed, Cast::Full)?;
        for step in 0..at {
            self.step((&mut simulation, &mut host), (seed, step))?;
            self.watch.stepped(1);
        }
        let shocks = grid.prices.iter().flat_map(|price| {
            grid.depths.iter().flat_map(move |depth| {
                let of = move |stake: &f64| Shock { price: *price, depth: *depth, stake_price: *stake };
                grid.stake_prices.iter().map(of)
            })
        });
        Ok(Stressed {
            scenario: self.loaded.scenario.name.clone(),
            seed,
            at,
            time_ms: simulation.time(),
            settlement: self.loaded.scenario.settlement.clone(),
            cells: shocks.map(|shock| cell(shock, simulation.stress(shock))).collect(),
        })
    }
}

fn cell(Shock { price, depth, stake_price }: Shock, stress: Stress) -> Stressing {
    let (cover_1, cover_2) = (stress.cover_one(), stress.cover_two());
    let Stress { bankrupt, deficit, layers, uncovered, prefunded, largest, two_largest } = stress;
    let layers = layers.into_iter().map(|(layer, amount)| Borne { layer: layer.to_owned(), amount }).collect();
    Stressing {
        price,
        depth,
        stake_price,
        bankrupt,
        deficit,
        layers,
        uncovered,
        prefunded,
        largest,
        two_largest,
        cover_1,
        cover_2,
    }
}
