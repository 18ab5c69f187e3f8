//! Strengths against published and independently computed ones, where contests do not bind them, and how often intervals hold.

use palisade_engine::rng::Streams;

use super::super::Outcome;
use super::*;

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() < within, "{found} is not {expected}");
}

fn half_width(found: &Estimate) -> f64 {
    let (low, high) = found.interval.unwrap();
    (high - low) / 2.0 / 1.959_963_984_540_054
}

fn wins<const N: usize>(table: [[usize; N]; N]) -> Vec<Contest> {
    let cells = (0..N * N).map(|cell| (cell / N, cell % N));
    let list =
        |(first, second): (usize, usize)| vec![Contest { first, second, outcome: Outcome::Win }; table[first][second]];
    cells.flat_map(list).collect()
}

/// Wins of seven baseball teams in 1987 (Agresti 2002, table 10.10): strengths above Baltimore's and their standard errors as
/// printed by R's BradleyTerry2; the strengths to more digits by choix 0.4.1 (`mm_pairwise`). Kills wins counted for the
/// loser, an information of half the pairs, and intervals without the covariance.
#[test]
fn strengths_and_errors_are_the_published_ones() {
    let found = bradley_terry(
        7,
        &wins([
            [0, 7, 9, 7, 7, 9, 11],
            [6, 0, 7, 5, 11, 9, 9],
            [4, 6, 0, 7, 7, 8, 12],
            [6, 8, 6, 0, 6, 7, 10],
            [6, 2, 6, 7, 0, 7, 12],
            [4, 4, 5, 6, 6, 0, 6],
            [2, 4, 1, 3, 1, 7, 0],
        ]),
    )
    .unwrap();
    let published =
        [(1.5814, 0.3433), (1.4364, 0.3396), (1.2945, 0.3367), (1.2476, 0.3359), (1.1077, 0.3339), (0.6839, 0.3319)];
    for (team, (strength, error)) in published.into_iter().enumerate() {
        let above = found.difference(team, 6);
        near(above.value, strength, 5e-5);
        near(half_width(&above), error, 5e-5);
    }
    let strengths = [
        0.531_153_340_651_715,
        0.386_205_895_803_314_9,
        0.244_282_587_902_623_94,
        0.197_415_309_132_194_66,
        0.057_495_169_369_445_445,
        -0.366_349_766_850_063_4,
        -1.050_202_536_009_230_9,
    ];
    for (found, expected) in found.strengths.iter().zip(strengths) {
        near(found.value, expected, 1e-9);
    }
    // The pseudo-inverse of the information by numpy 2.4.6.
    near(half_width(&found.strengths[0]), 0.207_419_476_292_005_16, 1e-9);
    near(half_width(&found.strengths[6]), 0.232_462_296_013_442_23, 1e-9);
    assert_eq!(found.ground, Ground::Contests);
    near(found.expected_points(0, 6), 1.0 / (1.0 + libm::exp(-1.581_355_876_660_945_5)), 1e-9);
}

/// choix 0.4.1, `mm_pairwise` of every contest taken twice, a draw as one win each. Kills draws left out.
#[test]
fn a_draw_is_half_a_win_for_both() {
    use Outcome::{Draw, Loss, Win};
    let list = [
        (0, 1, Win),
        (0, 1, Draw),
        (0, 2, Win),
        (1, 2, Draw),
        (1, 2, Loss),
        (0, 3, Loss),
        (2, 3, Win),
        (3, 1, Draw),
        (3, 0, Draw),
        (2, 0, Draw),
    ];
    let contests = list.map(|(first, second, outcome)| Contest { first, second, outcome });
    let found = bradley_terry(4, &contests).unwrap();
    let expected =
        [0.263_262_472_300_148_93, -0.614_468_976_966_516_5, 0.294_239_304_627_421_8, 0.056_967_200_038_945_05];
    for (found, expected) in found.strengths.iter().zip(expected) {
        near(found.value, expected, 1e-9);
    }
}

/// One of two wins all ten: with the prior, strengths ±t where 10(1 − σ(2t)) = σ(t) − ½ (root by scipy 1.17.1). Kills the
/// mutants that follow chains of points one way only.
#[test]
fn who_never_lost_is_not_infinitely_strong() {
    for (table, sign) in [([[0, 10], [0, 0]], 1.0), ([[0, 0], [10, 0]], -1.0)] {
        let found = bradley_terry(2, &wins(table)).unwrap();
        assert_eq!(found.ground, Ground::Prior);
        near(found.strengths[0].value, sign * 1.670_838_664_109_543_6, 1e-9);
        near(found.strengths[1].value, sign * -1.670_838_664_109_543_6, 1e-9);
    }
}

#[test]
fn who_never_met_is_told_apart_by_the_prior_only() {
    let found =
        bradley_terry(5, &wins([[0, 3, 0, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 2, 0], [0, 0, 2, 0, 0], [0; 5]])).unwrap();
    assert_eq!(found.ground, Ground::Prior);
    let (met, unmet, absent) = (found.difference(0, 1), found.difference(0, 2), found.difference(0, 4));
    assert!(
        met.value.abs() < 1e-12 && half_width(&met) < half_width(&unmet) && half_width(&unmet) < half_width(&absent)
    );
    assert!(matches!(bradley_terry(0, &[]), Err(GameError::Empty)));
    assert_eq!(bradley_terry(1, &[]).unwrap().strengths[0].value, 0.0);
}

/// From strengths of 0, whole steps of Newton's method run away on these: kills the mutant that always takes them. At the
/// greatest likelihood everybody expects the points that were won.
#[test]
fn lopsided_contests_settle() {
    let table = [[0, 0, 0, 0, 6263], [0, 0, 0, 11, 282], [4938, 0, 0, 59, 0], [7968, 0, 615, 0, 0], [0, 7, 0, 1, 0]];
    let found = bradley_terry(5, &wins(table)).unwrap();
    assert_eq!(found.ground, Ground::Contests);
    let count = |first: usize, second: usize| f64::from(u32::try_from(table[first][second]).unwrap());
    for entrant in 0..5 {
        let others = (0..5).filter(|other| *other != entrant);
        let won: f64 = others.clone().map(|other| count(entrant, other)).sum();
        let played = |other: usize| count(entrant, other) + count(other, entrant);
        let expected: f64 = others.map(|other| played(other) * found.expected_points(entrant, other)).sum();
        near(expected, won, 1e-6);
    }
}

/// Of 2,400 intervals of differences known by construction, 95 % hold. Kills a standard error taken for the half width, and
/// intervals without the covariance.
#[test]
fn intervals_hold_as_often_as_they_say() {
    let truth = [0.9, 0.3, -0.2, -1.0];
    let (mut held, mut all) = (0.0, 0.0);
    for tournament in 0..400 {
        let mut stream = Streams::new(5).stream("contests", tournament, 0);
        let mut contests = Vec::new();
        for (first, second) in (0..16).map(|pair| (pair / 4, pair % 4)).filter(|(first, second)| first < second) {
            for _ in 0..25 {
                let won = stream.uniform() < logistic(truth[first] - truth[second]);
                contests.push(Contest { first, second, outcome: if won { Outcome::Win } else { Outcome::Loss } });
            }
        }
        let found = bradley_terry(4, &contests).unwrap();
        for (first, second) in (0..16).map(|pair| (pair / 4, pair % 4)).filter(|(first, second)| first < second) {
            let (low, high) = found.difference(first, second).interval.unwrap();
            all += 1.0;
            held += f64::from((low..=high).contains(&(truth[first] - truth[second])));
        }
    }
    near(held / all, 0.95, 0.015);
}

/// Four that always lose to all of four others, as attackers that no design lets gain: the prior alone holds the two sides
/// together, and a common shift is a matter of it too. By symmetry every strength is ±θ, where the gradient vanishes:
/// 4·6·(1 − 1/(1 + e^−2θ)) = 1/(1 + e^−θ) − 1/2.
#[test]
fn sides_that_only_win_or_only_lose_settle_on_the_prior() {
    let contests: Vec<Contest> = (0..4)
        .flat_map(|first| (4..8).map(move |second| (first, second)))
        .flat_map(|(first, second)| vec![Contest { first, second, outcome: Outcome::Loss }; 6])
        .collect();
    let found = bradley_terry(9, &contests).unwrap();
    assert_eq!(found.ground, Ground::Prior);
    let theta = found.strengths[4].value;
    assert!(found.strengths[..4].iter().all(|strength| (strength.value + theta).abs() < 1e-8), "{found:?}");
    let logistic = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    assert!((24.0 * (1.0 - logistic(2.0 * theta)) - (logistic(theta) - 0.5)).abs() < 1e-8, "{theta}");
    // One who met nobody stands in the middle.
    assert!(found.strengths[8].value.abs() < 1e-8);
}
