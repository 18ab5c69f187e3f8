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
            if self.watch.interrupted() {
                return Err(RunError::Interrupted);
            }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    #[cfg(feature = "parquet")]
    use crate::frames::{Cell, RunDir};
    use crate::load::load;
    #[cfg(feature = "parquet")]
    use crate::run::run;
    use crate::sample::{self, Onlooker};

    /// What is prefunded in a world whose vaults hold this much stake, each sold on the venue beside it.
    fn prefunded(vaults: &[(&str, f64, &str)]) -> f64 {
        let terms = |(name, _, venue): &(&str, f64, &str)| {
            format!("\"{name}\": (asset: \"STK\", venue: \"{venue}\", markets: [\"THIN-PERP\"], slash_cap: 1.0)")
        };
        let stakers = |(name, stake, _): &(&str, f64, &str)| {
            format!(
                "\"{name} stakers\": (role: staker, strategy: \"passive\", count: 1, stake: Fixed({stake:?}), bind: {{\"vault\": \"{name}\"}}),"
            )
        };
        let venue =
            |name: &str| format!("\"{name}\": (base: \"STK\", quote: \"USD\", price: 1.0, depth: 100000.0, fee: 0.0)");
        let [terms, stakers] = [
            vaults.iter().map(terms).collect::<Vec<_>>().join(", "),
            vaults.iter().map(stakers).collect::<Vec<_>>().join(" "),
        ];
        let (_folder, request) = sample::calm(&[
            ("\"THIN\": (decimals: 6)}", "\"THIN\": (decimals: 6), \"STK\": (decimals: 6)}"),
            ("feeds:", &format!("vaults: {{\"nodes\": (), {terms}}}, feeds:")),
            ("funds:", "waterfall: (order: [margin, insurance, stake, socialized]), funds:"),
            (
                "venues: {\"THIN/USD\": (",
                &format!("venues: {{{}, {}, \"THIN/USD\": (", venue("STK/USD"), venue("STK/USD B")),
            ),
            ("population: Inline({", &format!("population: Inline({{ {stakers}")),
        ]);
        let loaded = load(&request).unwrap();
        let grid = Grid { prices: vec![1.0], depths: vec![1.0], stake_prices: vec![1.0] };
        let found = stress(&loaded, &request, (Some(1), &grid), &Onlooker::default()).unwrap();
        found.cells[0].prefunded
    }

    /// Two vaults on one venue are two halves of one; on a venue of its own each has the whole depth of that. Kills a second
    /// vault that meets the pool as it was.
    #[test]
    fn vaults_on_one_venue_share_what_it_can_buy() {
        let one = prefunded(&[("a", 100_000.0, "STK/USD")]);
        let halves = prefunded(&[("a", 50_000.0, "STK/USD"), ("b", 50_000.0, "STK/USD")]);
        let apart = prefunded(&[("a", 50_000.0, "STK/USD"), ("b", 50_000.0, "STK/USD B")]);
        assert!((one - halves).abs() < 1e-6, "{one} {halves}");
        assert!(apart > 1.1 * halves, "{apart} {halves}");
    }

    /// The engine measures a vault's stressed deficit and what its stake would raise by another path after every step: at a
    /// move of 30 % either way, and at half the stake's price.
    #[cfg(feature = "parquet")]
    #[test]
    fn shocks_cost_what_the_measures_of_every_step_say() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let request = RunRequest { scenario: "v1_single_pool".into(), steps: Some(400), ..RunRequest::default() };
        let request = RunRequest { out: Some(out.clone()), ..request };
        let loaded = load(&request).unwrap();
        run(&loaded, &request, &Onlooker::default()).unwrap();
        let grid = Grid { prices: vec![0.7, 1.3], depths: vec![1.0, 0.25], stake_prices: vec![0.5] };
        let tables = RunDir::open(&out).unwrap();
        let (mut deficits, mut thinner) = (0, 0);
        for at in [1, 200, 400] {
            let found = stress(&loaded, &request, (Some(at), &grid), &Onlooker::default()).unwrap();
            let sql = format!(
                "SELECT v.stressed_deficit, v.realizable, w.insurance_fund FROM vaults AS v JOIN world AS w ON v.step = w.step WHERE v.step = {} AND v.open_interest BETWEEN 0.0 AND 1000000000000000000",
                at - 1
            );
            let row = tables.query(&sql).unwrap().row(0);
            let [Cell::Float(deficit), Cell::Float(realizable), Cell::Float(insurance)] = row[..] else {
                panic!("{row:?}")
            };
            let [fall, thin, rise, _] = &found.cells[..] else { panic!("{found:?}") };
            assert!((fall.deficit.max(rise.deficit) - deficit).abs() < 1e-6, "{found:?} {deficit}");
            assert!((fall.prefunded - insurance - realizable).abs() < 1e-6, "{fall:?} {realizable} {insurance}");
            assert!(thin.prefunded <= fall.prefunded && thin.deficit == fall.deficit);
            thinner += u32::from(thin.prefunded < fall.prefunded);
            for cell in &found.cells {
                let borne: f64 = cell.layers.iter().map(|borne| borne.amount).sum();
                assert!((borne + cell.uncovered - cell.deficit).abs() < 1e-6 && cell.largest <= cell.two_largest);
                deficits += u32::from(cell.deficit > 0.0);
            }
        }
        assert!(deficits > 0 && thinner > 0, "{deficits} {thinner}: no shock did anything");
        let error = stress(&loaded, &request, (Some(401), &grid), &Onlooker::default()).unwrap_err().to_string();
        assert!(error.contains("the run has 400 steps"), "{error}");
    }
}
