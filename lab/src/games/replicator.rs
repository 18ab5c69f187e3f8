//! Replicator dynamics: shares of strategies grow by what they earn beyond their population's mean (Taylor and Jonker 1978),
//! in one population or in several. Continuous time, no mutation; finite populations are [`super::fixation`]'s.

use serde::Serialize;

use super::payoffs::{dot, largest};
use super::{GameError, Payoffs, check_length, check_mix, check_range};

/// How far to follow the shares, and what to keep of the way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Clock {
    /// Time between two evaluations; short beside 1 over the range of payoffs.
    pub step: f64,
    /// Steps to take.
    pub steps: u32,
    /// Every how many steps the shares are kept; the first and the last always are.
    pub keep_every: u32,
}

/// Shares at a time.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Moment {
    /// Since the start.
    pub time: f64,
    /// Shares by population and strategy; those of a population sum to 1.
    pub shares: Vec<Vec<f64>>,
}

/// One population whose strategies meet each other: `payoffs` to the row, in a square game.
///
/// # Errors
///
/// If the game is not square, `start` is no mix of its rows, or the clock does not move.
pub fn one_population(payoffs: &Payoffs, start: &[f64], clock: &Clock) -> Result<Vec<Moment>, GameError> {
    payoffs.check_square()?;
    check_mix(start, payoffs.rows())?;
    evolve(|shares| vec![payoffs.by_row(&shares[0])], &[start.to_vec()], clock)
}

/// Two populations that meet each other, paid `to_rows` and `to_columns` (both rows × columns); their shares at the start.
///
/// # Errors
///
/// If the payoffs differ in shape, the shares are no mixes of rows and columns, or the clock does not move.
pub fn two_populations(
    to_rows: &Payoffs,
    to_columns: &Payoffs,
    start: [&[f64]; 2],
    clock: &Clock,
) -> Result<Vec<Moment>, GameError> {
    super::nash::check_shapes(to_rows, to_columns)?;
    check_mix(start[0], to_rows.rows())?;
    check_mix(start[1], to_rows.columns())?;
    let earn = |shares: &[Vec<f64>]| vec![to_rows.by_row(&shares[1]), to_columns.by_column(&shares[0])];
    evolve(earn, &start.map(<[f64]>::to_vec), clock)
}

/// Any number of populations: `earn` says from the shares of all what each strategy of each population earns.
///
/// Shares are followed in logarithms by the classical method of Runge and Kutta: they sum to 1 and stay positive whatever the
/// step, and a strategy that has gone below the smallest number can still come back. One that starts at 0 stays there.
///
/// # Errors
///
/// If `start` holds no mix, the clock does not move, or `earn` answers with another number of payoffs or one that is not
/// finite.
pub fn evolve(
    earn: impl Fn(&[Vec<f64>]) -> Vec<Vec<f64>>,
    start: &[Vec<f64>],
    clock: &Clock,
) -> Result<Vec<Moment>, GameError> {
    start.iter().try_for_each(|shares| check_mix(shares, shares.len()))?;
    check_range("the step of time", clock.step, clock.step.is_finite() && clock.step > 0.0, "above 0")?;
    check_range("the interval of keeping", f64::from(clock.keep_every), clock.keep_every > 0, "at least 1")?;
    let mut logarithms: Vec<Vec<f64>> =
        start.iter().map(|shares| shares.iter().map(|x| libm::log(*x)).collect()).collect();
    let mut moments = vec![Moment { time: 0.0, shares: start.to_vec() }];
    for step in 1..=clock.steps {
        logarithms = advance(&earn, &logarithms, clock.step)?;
        if step % clock.keep_every == 0 || step == clock.steps {
            moments.push(Moment { time: f64::from(step) * clock.step, shares: shares(&logarithms) });
        }
    }
    Ok(moments)
}

/// How fast shares change, xᵢ(fᵢ − x·f), where strategies earn `payoffs`.
#[must_use]
pub fn velocity(shares: &[f64], payoffs: &[f64]) -> Vec<f64> {
    let mean = dot(shares, payoffs);
    shares.iter().zip(payoffs).map(|(share, payoff)| share * (payoff - mean)).collect()
}

/// One step of the fourth order for logarithms of shares; each grows by what its strategy earns, less the same for all of a
/// population, which [`shares`] takes out.
fn advance(
    earn: &impl Fn(&[Vec<f64>]) -> Vec<Vec<f64>>,
    from: &[Vec<f64>],
    step: f64,
) -> Result<Vec<Vec<f64>>, GameError> {
    let first = growth(earn, from)?;
    let second = growth(earn, &moved(from, &first, step / 2.0))?;
    let third = growth(earn, &moved(from, &second, step / 2.0))?;
    let fourth = growth(earn, &moved(from, &third, step))?;
    let mut to = from.to_vec();
    for (growth, weight) in [(first, 1.0), (second, 2.0), (third, 2.0), (fourth, 1.0)] {
        to = moved(&to, &growth, step * weight / 6.0);
    }
    Ok(to)
}

/// What strategies earn beyond their population's mean.
fn growth(earn: &impl Fn(&[Vec<f64>]) -> Vec<Vec<f64>>, logarithms: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, GameError> {
    let shares = shares(logarithms);
    let mut earned = earn(&shares);
    check_length("populations that earn", shares.len(), earned.len())?;
    for (row, (shares, payoffs)) in shares.iter().zip(&mut earned).enumerate() {
        check_length("payoffs of a population", shares.len(), payoffs.len())?;
        if let Some(column) = payoffs.iter().position(|payoff| !payoff.is_finite()) {
            return Err(GameError::NotFinite { row, column });
        }
        let mean = dot(shares, payoffs);
        payoffs.iter_mut().for_each(|payoff| *payoff -= mean);
    }
    Ok(earned)
}

fn moved(from: &[Vec<f64>], along: &[Vec<f64>], by: f64) -> Vec<Vec<f64>> {
    let population = |(from, along): (&Vec<f64>, &Vec<f64>)| from.iter().zip(along).map(|(x, v)| x + by * v).collect();
    from.iter().zip(along).map(population).collect()
}

fn shares(logarithms: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let population = |logarithms: &Vec<f64>| {
        let top = largest(logarithms);
        let weights: Vec<f64> = logarithms.iter().map(|logarithm| libm::exp(logarithm - top)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    };
    logarithms.iter().map(population).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn game<const R: usize, const C: usize>(rows: [[f64; C]; R]) -> Payoffs {
        Payoffs::new(&rows.map(|row| row.to_vec())).unwrap()
    }

    #[track_caller]
    fn check(found: &[f64], expected: &[f64], within: f64) {
        let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < within);
        assert!(found.len() == expected.len() && near, "{found:?} is not {expected:?}");
    }

    /// scipy 1.17.1, `solve_ivp` by DOP853 with rtol 1e-13. Kills Euler's method and a wrong weight of a stage.
    #[test]
    fn one_population_moves_as_integrated_elsewhere() {
        let payoffs = game([[3.0, -1.0, 2.0, 0.0], [1.0, 4.0, -2.0, 3.0], [0.0, 2.0, 3.0, -1.0], [2.0, 1.0, 0.0, 0.5]]);
        let clock = Clock { step: 0.005, steps: 400, keep_every: 400 };
        let way = one_population(&payoffs, &[0.4, 0.3, 0.2, 0.1], &clock).unwrap();
        let expected =
            [0.074_924_033_119_828_84, 0.764_070_577_120_434_8, 0.123_820_355_649_500_96, 0.037_185_034_110_235_14];
        check(&way[1].shares[0], &expected, 1e-9);
        assert!((way[1].time - 2.0).abs() < 1e-12);
    }

    /// scipy likewise. Kills the mutant that pays columns by the rows' payoffs.
    #[test]
    fn two_populations_move_as_integrated_elsewhere() {
        let (rows, columns) = (game([[2.0, 0.0], [1.0, 3.0], [0.0, 1.5]]), game([[1.0, 2.0], [3.0, 0.0], [0.5, 1.0]]));
        let clock = Clock { step: 0.005, steps: 400, keep_every: 400 };
        let way = two_populations(&rows, &columns, [&[0.2, 0.3, 0.5], &[0.6, 0.4]], &clock).unwrap();
        check(&way[1].shares[0], &[0.390_256_880_518_377_7, 0.517_434_941_772_663_5, 0.092_308_177_708_958_79], 1e-9);
        check(&way[1].shares[1], &[0.916_351_018_021_861_4, 0.083_648_981_978_139_03], 1e-9);
    }
    #[test]
    fn every_so_many_moments_are_kept_and_the_last() {
        let clock = Clock { step: 0.5, steps: 5, keep_every: 2 };
        let way = one_population(&game([[0.0]]), &[1.0], &clock).unwrap();
        assert_eq!(way.iter().map(|moment| moment.time).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 2.5]);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let clock = Clock { step: 0.1, steps: 1, keep_every: 1 };
        let square = game([[0.0, 1.0], [1.0, 0.0]]);
        assert!(matches!(one_population(&square, &[0.5, 0.4], &clock), Err(GameError::NotAMix(_))));
        assert!(matches!(one_population(&square, &[1.5, -0.5], &clock), Err(GameError::NotAMix(_))));
        assert!(matches!(one_population(&game([[0.0, 1.0]]), &[1.0], &clock), Err(GameError::NotSquare { .. })));
        let still = Clock { step: 0.0, ..clock };
        assert!(matches!(one_population(&square, &[0.5, 0.5], &still), Err(GameError::Parameter { .. })));
        let nan = evolve(|_| vec![vec![f64::NAN]], &[vec![1.0]], &clock);
        assert_eq!(nan, Err(GameError::NotFinite { row: 0, column: 0 }));
    }

    proptest! {
        /// Even with steps far too long: kills the mutant that follows the shares themselves.
        #[test]
        fn shares_stay_shares(
            cells in proptest::collection::vec(-9.0_f64..9.0, 9), step in 0.01_f64..50.0, first in 0.0_f64..1.0,
        ) {
            let rows: Vec<Vec<f64>> = cells.chunks(3).map(<[f64]>::to_vec).collect();
            let clock = Clock { step, steps: 50, keep_every: 1 };
            let way = one_population(&Payoffs::new(&rows).unwrap(), &[first, 1.0 - first, 0.0], &clock).unwrap();
            for moment in way {
                let shares = &moment.shares[0];
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && shares.iter().all(|x| *x >= 0.0));
                prop_assert_eq!(shares[2], 0.0);
            }
        }
    }
}
