//! What a tournament says of its cells and entrants, with cells missing, and what pairing is worth.

use palisade_engine::rng::Streams;

use super::*;
use crate::games::vectors::{check, number, rows};

const DRAWS: Draws = Draws { count: 1000, seed: 4 };

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn matrix(replicates: Replicates) -> Matrix {
    Matrix::new(names(["attack", "wait"]), names(["guard", "sleep"]), replicates).unwrap()
}

fn cell(to_row: &[f64], to_column: Option<&[f64]>) -> Cell {
    Cell { to_row: to_row.to_vec(), to_column: to_column.map(<[f64]>::to_vec) }
}

#[test]
fn means_and_standings_are_of_what_was_played() {
    let mut played = matrix(Replicates::Paired);
    played.enter(0, 0, cell(&[1.0, 3.0], Some(&[-1.0, -2.0]))).unwrap();
    played.enter(0, 1, cell(&[6.0, 8.0], None)).unwrap();
    played.enter(1, 0, cell(&[0.0, 1.0], Some(&[2.0, 5.0]))).unwrap();
    let mean = |to, row, column| played.mean(to, row, column, &DRAWS).map(|found| found.value);
    assert_eq!((mean(Side::Row, 0, 0), mean(Side::Column, 0, 0)), (Some(2.0), Some(-1.5)));
    assert_eq!((mean(Side::Column, 0, 1), mean(Side::Row, 1, 1)), (None, None));
    let standing = |side, entrant| played.standing(side, entrant, &DRAWS).map(|found| (found.payoff.value, found.met));
    assert_eq!((standing(Side::Row, 0), standing(Side::Row, 1)), (Some((4.5, 2)), Some((0.5, 1))));
    // Only whom both met counts: kills the difference of the two standings.
    let difference = |side, first, second| played.difference(side, first, second, &DRAWS).map(|found| found.value);
    assert_eq!(difference(Side::Row, 0, 1), Some(1.5));
    assert_eq!((standing(Side::Column, 0), standing(Side::Column, 1)), (Some((1.0, 2)), None));
    assert_eq!(difference(Side::Column, 0, 1), None);
}

#[test]
fn a_game_with_a_missing_cell_is_refused_by_its_name() {
    let mut played = matrix(Replicates::Independent);
    for (row, column) in [(0, 0), (0, 1), (1, 0)] {
        played.enter(row, column, cell(&[1.0, 2.0], None)).unwrap();
    }
    let missing = |row: &str, column: &str, side| {
        Err(GameError::Missing { row: row.to_owned(), column: column.to_owned(), side })
    };
    assert_eq!(played.payoffs(Side::Row), missing("wait", "sleep", Side::Row));
    played.enter(1, 1, cell(&[7.0], None)).unwrap();
    assert_eq!(played.payoffs(Side::Row), Payoffs::new(&[vec![1.5, 1.5], vec![1.5, 7.0]]));
    assert_eq!(played.payoffs(Side::Column), missing("attack", "guard", Side::Column));
}

#[test]
fn what_makes_no_cell_is_refused() {
    let mut played = matrix(Replicates::Paired);
    assert!(matches!(played.enter(0, 0, cell(&[], None)), Err(GameError::Length { found: 0, .. })));
    assert!(matches!(played.enter(0, 0, cell(&[1.0], Some(&[]))), Err(GameError::Length { found: 0, .. })));
    assert_eq!(played.enter(0, 0, cell(&[f64::NAN], None)), Err(GameError::NotFinite { row: 0, column: 0 }));
    assert_eq!(played.enter(2, 0, cell(&[1.0], None)), Err(GameError::Unknown { what: "row", index: 2, among: 2 }));
    assert_eq!(played.enter(0, 2, cell(&[1.0], None)), Err(GameError::Unknown { what: "column", index: 2, among: 2 }));
    played.enter(0, 0, cell(&[1.0, 2.0], None)).unwrap();
    assert!(matches!(played.enter(0, 1, cell(&[1.0], None)), Err(GameError::Length { expected: 2, found: 1, .. })));
    let new = |rows, columns| Matrix::new(rows, columns, Replicates::Paired);
    assert_eq!(new(names([]), names(["a"])), Err(GameError::Empty));
    assert_eq!(new(names(["a"]), names(["b", "b"])), Err(GameError::Twice("b".to_owned())));
}

/// Two lists with exactly the deviations and the correlation of the row.
fn correlated(sx: f64, sy: f64, rho: f64, n: u32) -> [Vec<f64>; 2] {
    let mut stream = Streams::new(11).stream("seeds", 0, 0);
    let draws: Vec<[f64; 2]> = (0..n).map(|_| [stream.normal(), stream.normal()]).collect();
    let n = f64::from(n);
    let center = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / n;
        values.into_iter().map(|value| value - mean).collect::<Vec<_>>()
    };
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n;
    let unit = |values: Vec<f64>| {
        let length = product(&values, &values).sqrt();
        values.into_iter().map(|value| value / length).collect::<Vec<_>>()
    };
    let x = unit(center(draws.iter().map(|draw| draw[0]).collect()));
    let noise = center(draws.iter().map(|draw| draw[1]).collect());
    let along = product(&x, &noise);
    let noise = unit(noise.iter().zip(&x).map(|(noise, x)| noise - along * x).collect());
    let y = x.iter().zip(&noise).map(|(x, noise)| sy * (rho * x + (1.0 - rho * rho).sqrt() * noise)).collect();
    [x.iter().map(|x| sx * x).collect(), y]
}

/// The variance of a difference under common random numbers, as a share of what it is without. Kills the mutant that resamples
/// paired replicates apart.
#[test]
fn pairing_narrows_differences_as_theory_says() {
    for row in rows("crn") {
        let [sx, sy, rho] = ["sx", "sy", "rho"].map(|name| number(&row["inputs"][name]));
        let [x, y] = correlated(sx, sy, rho, 400);
        let width = |replicates| {
            let mut played = Matrix::new(names(["x", "y"]), names(["other"]), replicates).unwrap();
            played.enter(0, 0, cell(&x, None)).unwrap();
            played.enter(1, 0, cell(&y, None)).unwrap();
            let draws = Draws { count: 20_000, seed: 2 };
            let (low, high) = played.difference(Side::Row, 0, 1, &draws).and_then(|found| found.interval).unwrap();
            high - low
        };
        let ratio = width(Replicates::Paired) / width(Replicates::Independent);
        check(&row, ratio * ratio, &row["expected"]["ratio"], 0.1);
    }
}
