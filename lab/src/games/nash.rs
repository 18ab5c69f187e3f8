//! Equilibria of zero-sum games by linear programming, and regret: what either side could gain by choosing better against
//! mixes as they are. Games in which both may gain are [`super::support`]'s.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, constraint, microlp, variable};
use serde::Serialize;

use super::payoffs::largest;
use super::{GameError, Payoffs, check_length, check_mix};

/// An equilibrium of a zero-sum game: neither side does better than the value against the other's mix.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Equilibrium {
    /// Shares of the rows; one of several mixes that are as good where the game has more than one.
    pub row: Vec<f64>,
    /// Shares of the columns, likewise.
    pub column: Vec<f64>,
    /// What the rows earn and the columns lose; the same in every equilibrium (von Neumann 1928).
    pub value: f64,
    /// What both sides together could gain by choosing better: 0 but for rounding.
    pub exploitability: f64,
}

/// The exploitability at which an equilibrium is refused, as a share of the range of payoffs.
const EXPLOITABLE: f64 = 1e-7;

/// An equilibrium of the game that pays `payoffs` to its rows and takes them from its columns: each side's mix is the one
/// with the best worst case, a linear program (Dantzig 1951).
///
/// # Errors
///
/// If the program is not solved to within 1e-7 of the range of payoffs.
pub fn zero_sum(payoffs: &Payoffs) -> Result<Equilibrium, GameError> {
    let (low, range) = payoffs.range();
    let range = if range > 0.0 { range } else { 1.0 };
    // The solver's tolerances are absolute: payoffs in coins would be solved too well or not at all.
    let scaled = payoffs.map(|payoff| (payoff - low) / range);
    let row = best_worst_case(&scaled)?;
    let column = best_worst_case(&scaled.transposed().map(|payoff| 1.0 - payoff))?;
    let value = payoffs.expected(&row, &column);
    let (gain, saving) = regret(payoffs, &payoffs.map(|payoff| -payoff), &row, &column)?;
    let exploitability = gain + saving;
    if exploitability > EXPLOITABLE * range {
        return Err(GameError::Unsolved(format!("the mixes found can be exploited by {exploitability}")));
    }
    Ok(Equilibrium { row, column, value, exploitability })
}

/// The mix of rows that earns most against the column that is worst for it; payoffs lie in 0…1.
fn best_worst_case(payoffs: &Payoffs) -> Result<Vec<f64>, GameError> {
    let mut variables = ProblemVariables::new();
    let shares = variables.add_vector(variable().min(0.0), payoffs.rows());
    let floor = variables.add(variable().min(0.0));
    let mut program = variables.maximise(floor).using(microlp);
    for column in 0..payoffs.columns() {
        let earned: Expression = shares.iter().enumerate().map(|(row, share)| payoffs.at(row, column) * *share).sum();
        program.add_constraint(constraint!(earned >= floor));
    }
    program.add_constraint(constraint!(shares.iter().sum::<Expression>() == 1.0));
    let solution = program.solve().map_err(|error| GameError::Unsolved(error.to_string()))?;
    // Vertices of the program come with rounding to either side of 0.
    let found: Vec<f64> = shares.iter().map(|share| solution.value(*share).max(0.0)).collect();
    let sum: f64 = found.iter().sum();
    Ok(found.iter().map(|share| share / sum).collect())
}

/// What the rows, and the columns, would gain by their best choice against the other side's mix, where `to_rows` and
/// `to_columns` (both rows × columns) are their payoffs. Both are 0 exactly in equilibrium.
///
/// # Errors
///
/// If the payoffs differ in shape, or `rows` and `columns` are not mixes of their rows and columns.
pub fn regret(to_rows: &Payoffs, to_columns: &Payoffs, rows: &[f64], columns: &[f64]) -> Result<(f64, f64), GameError> {
    check_shapes(to_rows, to_columns)?;
    check_mix(rows, to_rows.rows())?;
    check_mix(columns, to_rows.columns())?;
    let gain = |choices: Vec<f64>, now: f64| (largest(&choices) - now).max(0.0);
    let row = gain(to_rows.by_row(columns), to_rows.expected(rows, columns));
    Ok((row, gain(to_columns.by_column(rows), to_columns.expected(rows, columns))))
}

pub(super) fn check_shapes(to_rows: &Payoffs, to_columns: &Payoffs) -> Result<(), GameError> {
    check_length("rows of the columns' payoffs", to_rows.rows(), to_columns.rows())?;
    check_length("columns of the columns' payoffs", to_rows.columns(), to_columns.columns())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// nashpy 0.0.43, `Game.linear_program`; the equilibrium is unique. Kills the mutants that take the column mix of the
    /// same program as the row's, and that minimise.
    #[test]
    fn zero_sum_equilibria_are_those_of_nashpy() {
        let game = [
            [-7.0, -7.0, 6.0, 0.0, 2.0, 2.0],
            [4.0, -9.0, 0.0, -7.0, -2.0, 8.0],
            [1.0, -8.0, 1.0, -7.0, 5.0, 9.0],
            [9.0, 2.0, 7.0, -2.0, -7.0, 0.0],
        ];
        let found = zero_sum(&Payoffs::new(&game.map(|row| row.to_vec())).unwrap()).unwrap();
        let near = |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        let row = [0.282_894_736_842_105_25, 0.0, 0.177_631_578_947_368_42, 0.539_473_684_210_526_3];
        let column = [0.0, 0.453_947_368_421_052_65, 0.0, 0.118_421_052_631_579, 0.427_631_578_947_368_3, 0.0];
        assert!(near(&found.row, &row) && near(&found.column, &column), "{found:?}");
        assert!((found.value - -2.322_368_421_052_632).abs() < 1e-9 && found.exploitability < 1e-9, "{found:?}");
    }

    #[test]
    fn a_game_without_choices_has_its_payoff_as_value() {
        let found = zero_sum(&Payoffs::new(&[vec![5.0, 5.0]]).unwrap()).unwrap();
        assert_eq!((found.row, found.value, found.exploitability), (vec![1.0], 5.0, 0.0));
    }

    /// Matching pennies with a stake of 2 for the rows only.
    #[test]
    fn regret_is_what_each_side_leaves() {
        let rows = Payoffs::new(&[vec![2.0, -2.0], vec![-2.0, 2.0]]).unwrap();
        let columns = Payoffs::new(&[vec![-1.0, 1.0], vec![1.0, -1.0]]).unwrap();
        assert_eq!(regret(&rows, &columns, &[0.5, 0.5], &[0.5, 0.5]), Ok((0.0, 0.0)));
        assert_eq!(regret(&rows, &columns, &[1.0, 0.0], &[0.25, 0.75]), Ok((2.0, 0.5)));
        assert!(matches!(regret(&rows, &columns, &[1.0, 0.5], &[0.5, 0.5]), Err(GameError::NotAMix(_))));
        let narrow = Payoffs::new(&[vec![1.0], vec![0.0]]).unwrap();
        assert!(matches!(regret(&rows, &narrow, &[1.0, 0.0], &[1.0, 0.0]), Err(GameError::Length { .. })));
    }

    proptest! {
        /// The minimax theorem: both programs meet, whatever the payoffs' size and however many choices are equal.
        #[test]
        fn nobody_gains_by_leaving_an_equilibrium(
            cells in proptest::collection::vec(-3_i32..4, 30), columns in 1_usize..7, scale in -6_i32..7,
        ) {
            let unit = libm::exp10(f64::from(scale));
            let rows: Vec<Vec<f64>> =
                cells.chunks_exact(columns).map(|row| row.iter().map(|cell| f64::from(*cell) * unit).collect()).collect();
            let found = zero_sum(&Payoffs::new(&rows).unwrap()).unwrap();
            prop_assert!(found.exploitability <= 1e-8 * unit, "{found:?}");
        }
    }
}
