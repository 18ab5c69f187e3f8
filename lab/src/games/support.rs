//! Equilibria of small games in which both sides may gain, by going through their supports: which choices each side uses at
//! all. Zero-sum games of any size are [`super::nash`]'s.

use serde::Serialize;

use super::nash::check_shapes;
use super::{GameError, Payoffs, linear};

/// The most rows, or columns, that are gone through: 2.7 million pairs of supports.
pub const LIMIT: usize = 12;

/// A mix for each side against which neither gains by another choice.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Profile {
    /// Shares of the rows.
    pub row: Vec<f64>,
    /// Shares of the columns.
    pub column: Vec<f64>,
    /// What the rows earn.
    pub to_row: f64,
    /// What the columns earn.
    pub to_column: f64,
}

/// What was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Equilibria {
    /// Those with supports of equal size: in a nondegenerate game all there are. Smaller supports first.
    pub profiles: Vec<Profile>,
    /// Whether the game is seen to be degenerate, so that there may be more: a choice outside a support is as good as those
    /// in it, or the number found is even (a nondegenerate game has an odd number; Wilson 1971).
    pub degenerate: bool,
}

/// A share or a gain below this, of 1 or of the range of payoffs, counts as 0.
const NOTHING: f64 = 1e-9;

/// Equilibria of the game that pays `to_rows` and `to_columns` (both rows × columns), by support enumeration (Nisan,
/// Roughgarden, Tardos and Vazirani 2007, algorithm 3.4).
///
/// # Errors
///
/// If the payoffs differ in shape, or there are more than [`LIMIT`] rows or columns.
pub fn equilibria(to_rows: &Payoffs, to_columns: &Payoffs) -> Result<Equilibria, GameError> {
    check_shapes(to_rows, to_columns)?;
    let (rows, columns) = (to_rows.rows(), to_rows.columns());
    if rows.max(columns) > LIMIT {
        return Err(GameError::TooLarge { rows, columns, limit: LIMIT });
    }
    let game = [unit(to_rows), unit(&to_columns.transposed())];
    let (mut profiles, mut tied) = (Vec::new(), false);
    for size in 1..=rows.min(columns) {
        let others: Vec<_> = supports(columns, size).map(|other| (undominated(&game[0], &other), other)).collect();
        for own in supports(rows, size) {
            let best = undominated(&game[1], &own);
            let possible = |(rows, other): &&(u32, Vec<usize>)| within(&own, *rows) && within(other, best);
            for (_, other) in others.iter().filter(possible) {
                let Some((row, column, ties)) = equilibrium(&game, &own, other) else { continue };
                let (to_row, to_column) = (to_rows.expected(&row, &column), to_columns.expected(&row, &column));
                profiles.push(Profile { row, column, to_row, to_column });
                tied |= ties;
            }
        }
    }
    let degenerate = tied || profiles.len() % 2 == 0;
    Ok(Equilibria { profiles, degenerate })
}

/// The same game with payoffs in 0…1: equilibria do not depend on units, tolerances do.
fn unit(payoffs: &Payoffs) -> Payoffs {
    let (low, range) = payoffs.range();
    payoffs.map(|payoff| if range > 0.0 { (payoff - low) / range } else { 0.0 })
}

/// The sets of `size` of `choices`, in a fixed order.
fn supports(choices: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    let members = move |set: u32| (0..choices).filter(|choice| set >> choice & 1 == 1).collect::<Vec<_>>();
    (0..1_u32 << choices).map(members).filter(move |set| set.len() == size)
}

fn within(support: &[usize], set: u32) -> bool {
    support.iter().all(|choice| set >> choice & 1 == 1)
}

/// The choices, as a set, that no other beats against every one of `others`: the rest is in no equilibrium with that support,
/// and most pairs of supports need no arithmetic (Porter, Nudelman and Shoham 2008).
fn undominated(payoffs: &Payoffs, others: &[usize]) -> u32 {
    let beaten = |choice: usize| {
        let beats = |rival| others.iter().all(|other| payoffs.at(rival, *other) > payoffs.at(choice, *other) + NOTHING);
        (0..payoffs.rows()).any(beats)
    };
    (0..payoffs.rows()).filter(|choice| !beaten(*choice)).fold(0, |set, choice| set | 1 << choice)
}

/// The mixes of the equilibrium with exactly these supports, and whether a choice outside them is as good; each side's
/// payoffs in `game` are by its own choices.
fn equilibrium(game: &[Payoffs; 2], rows: &[usize], columns: &[usize]) -> Option<(Vec<f64>, Vec<f64>, bool)> {
    let column = indifference(&game[0], rows, columns)?;
    let row = indifference(&game[1], columns, rows)?;
    let ties = best_response(&game[0], rows, &column)? | best_response(&game[1], columns, &row)?;
    Some((row, column, ties))
}

/// The other side's mix over `mixed` against which all choices of `indifferent` pay the same; `None` if there is not exactly
/// one, or it leaves a choice of `mixed` unused.
fn indifference(payoffs: &Payoffs, indifferent: &[usize], mixed: &[usize]) -> Option<Vec<f64>> {
    let size = mixed.len();
    // Unknowns are the shares and what every choice pays.
    let mut system = Vec::with_capacity((size + 1) * (size + 2));
    for choice in indifferent {
        system.extend(mixed.iter().map(|other| payoffs.at(*choice, *other)));
        system.extend([-1.0, 0.0]);
    }
    system.extend(std::iter::repeat_n(1.0, size));
    system.extend([0.0, 1.0]);
    linear::solve(&mut system, size + 1)?;
    let mut mix = vec![0.0; payoffs.columns()];
    for (place, choice) in mixed.iter().enumerate() {
        mix[*choice] = system[place * (size + 2) + size + 1];
    }
    mixed.iter().all(|choice| mix[*choice] > NOTHING).then_some(mix)
}

/// Whether a choice outside `support` pays as much against `other` as those in it; `None` if one pays more.
fn best_response(payoffs: &Payoffs, support: &[usize], other: &[f64]) -> Option<bool> {
    let all = payoffs.by_row(other);
    let paid = support.iter().map(|choice| all[*choice]).fold(f64::INFINITY, f64::min);
    let outside = (0..all.len()).filter(|choice| !support.contains(choice));
    let gain = outside.map(|choice| all[choice] - paid).fold(f64::NEG_INFINITY, f64::max);
    (gain <= NOTHING).then_some(gain >= -NOTHING)
}

#[cfg(test)]
mod tests {
    use super::super::nash::regret;
    use super::*;

    fn game<const R: usize, const C: usize>(rows: [[f64; C]; R]) -> Payoffs {
        Payoffs::new(&rows.map(|row| row.to_vec())).unwrap()
    }

    #[track_caller]
    fn check(found: &Equilibria, expected: &[(&[f64], &[f64], f64, f64)]) {
        assert_eq!(found.profiles.len(), expected.len(), "{found:?}");
        let near = |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        for (row, column, to_row, to_column) in expected {
            let same = |found: &&Profile| {
                near(&found.row, row)
                    && near(&found.column, column)
                    && near(&[found.to_row, found.to_column], &[*to_row, *to_column])
            };
            assert!(found.profiles.iter().any(|profile| same(&profile)), "{row:?} {column:?} in {found:?}");
        }
    }

    /// Nisan et al. 2007, example 3.3.
    #[test]
    fn a_textbook_game_has_its_three_equilibria() {
        let found =
            equilibria(&game([[3.0, 3.0], [2.0, 5.0], [0.0, 6.0]]), &game([[3.0, 2.0], [2.0, 6.0], [3.0, 1.0]]));
        let third = 1.0 / 3.0;
        let expected: [(&[f64], &[f64], f64, f64); 3] = [
            (&[1.0, 0.0, 0.0], &[1.0, 0.0], 3.0, 3.0),
            (&[0.8, 0.2, 0.0], &[2.0 * third, third], 3.0, 2.8),
            (&[0.0, third, 2.0 * third], &[third, 2.0 * third], 4.0, 8.0 * third),
        ];
        let found = found.unwrap();
        check(&found, &expected);
        assert!(!found.degenerate);
    }

    /// nashpy 0.0.43: `Game.support_enumeration` and `Game.vertex_enumeration` find the same five. Kills the mutants that let
    /// a choice outside a support pay more, accept negative shares, or end at supports of two.
    #[test]
    fn all_equilibria_of_a_game_are_those_of_nashpy() {
        let rows = game([
            [6.0, -2.5, 3.6, 6.5],
            [2.5, 0.9, 4.7, 3.9],
            [-0.6, 1.3, 4.4, -7.9],
            [2.6, 4.2, -1.8, 0.1],
            [-4.9, 2.7, 8.5, -3.6],
        ]);
        let columns = game([
            [-0.7, 7.0, 0.9, -1.4],
            [3.0, -8.4, -6.2, 6.7],
            [-6.2, -8.5, 7.7, 4.6],
            [8.6, 4.7, 7.6, -2.8],
            [4.6, -6.0, 5.8, 4.2],
        ]);
        let expected: [(&[f64], &[f64], f64, f64); 5] = [
            (&[0.0, 0.0, 0.0, 0.0, 1.0], &[0.0, 0.0, 1.0, 0.0], 8.5, 5.8),
            (
                &[0.642_553_191_489_361_7, 0.357_446_808_510_638_3, 0.0, 0.0, 0.0],
                &[0.0, 0.433_333_333_333_333_4, 0.0, 0.566_666_666_666_666_7],
                2.6,
                1.495_319_148_936_170_6,
            ),
            (
                &[0.336_206_896_551_724_1, 0.0, 0.0, 0.663_793_103_448_275_9, 0.0],
                &[0.663_366_336_633_663_3, 0.336_633_663_366_336_6, 0.0, 0.0],
                3.138_613_861_386_138_3,
                5.473_275_862_068_965,
            ),
            (
                &[0.565_326_338_044_712_6, 0.354_371_402_842_488_6, 0.0, 0.080_302_259_112_799_1, 0.0],
                &[0.145_686_471_970_459_9, 0.455_186_304_128_902_4, 0.0, 0.399_127_223_900_637_8],
                2.330_480_026_854_649_7,
                1.357_985_200_266_239_1,
            ),
            (
                &[0.585_263_157_894_736_9, 0.137_894_736_842_105_3, 0.0, 0.0, 0.276_842_105_263_158],
                &[0.312_929_061_784_897, 0.147_597_254_004_576_6, 0.539_473_684_210_526_3, 0.0],
                3.450_686_498_855_835_4,
                1.277_473_684_210_526_5,
            ),
        ];
        let found = equilibria(&rows, &columns).unwrap();
        check(&found, &expected);
        for profile in &found.profiles {
            let (row, column) = regret(&rows, &columns, &profile.row, &profile.column).unwrap();
            assert!(row < 1e-9 && column < 1e-9, "{profile:?}");
        }
        assert!(!found.degenerate);
        // In other units the same.
        let (rows, columns) = (rows.map(|payoff| payoff * 1e9), columns.map(|payoff| payoff * 1e-9 + 5.0));
        assert_eq!(equilibria(&rows, &columns).unwrap().profiles.len(), 5);
    }

    #[test]
    fn ties_are_told_and_large_games_refused() {
        let tied = equilibria(&game([[1.0, 1.0]]), &game([[1.0, 1.0]])).unwrap();
        assert!(tied.degenerate && tied.profiles.len() == 2, "{tied:?}");
        let large = game([[0.0; 13]]);
        assert_eq!(equilibria(&large, &large), Err(GameError::TooLarge { rows: 1, columns: 13, limit: 12 }));
    }
}
