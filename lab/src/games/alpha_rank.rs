//! Alpha-rank of one population (Omidshafiei et al. 2019, Scientific Reports 9:9937): how long a finite population that
//! imitates success, and seldom tries something else, spends at each strategy. Unlike an equilibrium it is unique, and it
//! sees cycles.

use serde::Serialize;

use super::fixation::{Invasion, log_sum};
use super::{GameError, Payoffs};

/// How a population selects.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Selection {
    /// Players in the population, at least 2.
    pub population: u32,
    /// How strongly a gap of one unit of payoff decides who is imitated: alpha. 0 is chance; the ranking settles as it grows.
    pub intensity: f64,
}

/// A ranking by evolution.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AlphaRank {
    /// The share of time at each strategy, in order of the game's rows.
    pub shares: Vec<f64>,
    /// Strategies by falling share; equals in order of rows.
    pub ranking: Vec<usize>,
    /// The chance that one mutant (second) takes over residents (first); among their own kind 1 over the population.
    pub fixation: Vec<Vec<f64>>,
}

/// Ranks the strategies of a square game that pays `payoffs` to its rows.
///
/// All is reckoned in logarithms: chances of 10⁻¹⁰⁰⁰, as strong selection makes them, still say where time is spent.
///
/// # Errors
///
/// If the game is not square, the population below 2, or the intensity below 0 or too large for numbers.
pub fn alpha_rank(payoffs: &Payoffs, selection: &Selection) -> Result<AlphaRank, GameError> {
    payoffs.check_square()?;
    let strategies = payoffs.rows();
    let mut chances = vec![vec![0.0; strategies]; strategies];
    for (resident, row) in chances.iter_mut().enumerate() {
        for (mutant, chance) in row.iter_mut().enumerate() {
            let game = Invasion {
                mutant: [payoffs.at(mutant, mutant), payoffs.at(mutant, resident)],
                resident: [payoffs.at(resident, mutant), payoffs.at(resident, resident)],
            };
            *chance = game.imitation(selection.population, selection.intensity)?;
        }
    }
    let fixation = chances.iter().map(|row| row.iter().map(|chance| libm::exp(*chance)).collect()).collect();
    let logarithms = stationary(chances);
    let mut ranking: Vec<usize> = (0..strategies).collect();
    ranking.sort_by(|one, other| logarithms[*other].total_cmp(&logarithms[*one]));
    Ok(AlphaRank { shares: logarithms.iter().map(|share| libm::exp(*share)).collect(), ranking, fixation })
}

/// Logarithms of the stationary shares of the chain whose states are left at `rates` (logarithms, from row to column; the
/// diagonal is not read). By state reduction (Grassmann, Taksar and Heyman 1985), which subtracts nothing, so that small
/// rates keep all their digits.
fn stationary(mut rates: Vec<Vec<f64>>) -> Vec<f64> {
    let total = |row: &[f64]| row.iter().copied().fold(f64::NEG_INFINITY, log_sum);
    for last in (1..rates.len()).rev() {
        let (kept, left) = rates.split_at_mut(last);
        let back = &left[0][..last];
        let leaving = total(back);
        for (state, row) in kept.iter_mut().enumerate() {
            row[last] -= leaving;
            for target in (0..last).filter(|target| *target != state) {
                row[target] = log_sum(row[target], row[last] + back[target]);
            }
        }
    }
    let mut shares = vec![0.0];
    for state in 1..rates.len() {
        let arrivals: Vec<f64> = shares.iter().zip(&rates).map(|(share, row)| share + row[state]).collect();
        shares.push(total(&arrivals));
    }
    let all = total(&shares);
    shares.iter().map(|share| share - all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank<const N: usize>(payoffs: [[f64; N]; N], population: u32, intensity: f64) -> AlphaRank {
        let payoffs = Payoffs::new(&payoffs.map(|row| row.to_vec())).unwrap();
        alpha_rank(&payoffs, &Selection { population, intensity }).unwrap()
    }

    #[track_caller]
    fn check(found: &[f64], expected: &[f64]) {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?} is not {expected:?}");
    }

    const FOUR: [[f64; 4]; 4] =
        [[3.0, -1.0, 2.0, 0.0], [1.0, 4.0, -2.0, 3.0], [0.0, 2.0, 3.0, -1.0], [2.0, 1.0, 0.0, 0.5]];

    /// The definition solved in 400 digits with mpmath 1.4.1; at 0.05 egttools 0.1.14.2 (`PairwiseComparison`, stationary
    /// distribution of its small-mutation chain) says 0.23588417087855854, 0.38186481675835954, 0.32648693458914246,
    /// 0.05576407777394154, and at 2 it gives up. Kills rates turned around and a plain solve of the linear system.
    #[test]
    fn shares_of_time_are_exact_under_any_selection() {
        let found = rank(FOUR, 30, 0.05);
        let weak =
            [0.235_884_170_878_551_86, 0.381_864_816_758_365_63, 0.326_486_934_589_142_12, 0.055_764_077_773_940_389];
        check(&found.shares, &weak);
        assert_eq!(found.ranking, [1, 2, 0, 3]);
        let strong =
            [0.685_962_897_318_381_2, 0.313_945_102_372_290_6, 9.199_394_813_440_733e-5, 6.361_193_759_660_706e-9];
        check(&rank(FOUR, 30, 2.0).shares, &strong);
        let stronger = [
            0.995_411_045_140_155_2,
            0.004_588_954_859_844_816,
            3.236_084_066_677_057_3e-21,
            5.440_790_475_575_837e-37,
        ];
        check(&rank(FOUR, 30, 10.0).shares, &stronger);
    }

    /// No strategy can be left with a chance that a float holds; the ranking is that of weaker selection, which has settled.
    #[test]
    fn selection_beyond_the_smallest_numbers_still_ranks() {
        let found = rank(FOUR, 30, 1e4);
        assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found.ranking, [0, 1, 2, 3]);
        assert_eq!(found.fixation[0][2], 0.0);
    }

    #[test]
    fn one_strategy_takes_all_time_and_odd_games_are_refused() {
        let found = rank([[1.0]], 10, 1.0);
        assert_eq!((found.shares, found.ranking), (vec![1.0], vec![0]));
        let wide = Payoffs::new(&[vec![0.0, 1.0]]).unwrap();
        let selection = Selection { population: 10, intensity: 1.0 };
        assert_eq!(alpha_rank(&wide, &selection), Err(GameError::NotSquare { rows: 1, columns: 2 }));
        let square = Payoffs::new(&[vec![0.0, 1.0], vec![1.0, 0.0]]).unwrap();
        assert!(alpha_rank(&square, &Selection { population: 1, ..selection }).is_err());
        assert!(alpha_rank(&square, &Selection { intensity: -1.0, ..selection }).is_err());
    }
}
