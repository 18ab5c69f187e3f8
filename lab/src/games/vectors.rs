//! The mathematics of tournaments against numbers from elsewhere (`tests/vectors/games.json`); rows of what has a file of its
//! own are asked for there.

use serde_json::Value;

use super::Payoffs;
use super::alpha_rank::{Selection, alpha_rank};
use super::fixation::{Invasion, fermi, moran};
use super::nash::{regret, zero_sum};
use super::replicator::{Clock, evolve, one_population, velocity};
use super::support::equilibria;
use crate::stats::{Draws, bootstrap_mean, describe, mean_interval};

/// The rows that tests ask for, by what their ids start with.
const CHECKED: [&str; 17] = [
    "repl-2-",
    "hawk-dove",
    "rps-invariant",
    "repl-4pop",
    "moran-game-",
    "moran-",
    "one-third-law",
    "fermi-",
    "alpharank-han2013",
    "alpharank-rps-",
    "zerosum-",
    "nash-avg-dominated",
    "elo-",
    "trueskill-",
    "wilson-",
    "crn",
    "boot-mean",
];

fn all_rows() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../tests/vectors/games.json")).expect("rows")
}

/// The rows whose ids start with `prefix`.
pub(super) fn rows(prefix: &str) -> Vec<Value> {
    assert!(CHECKED.contains(&prefix), "list `{prefix}` as checked");
    let starts = |row: &Value| row["id"].as_str().is_some_and(|id| id.starts_with(prefix));
    let rows: Vec<Value> = all_rows().into_iter().filter(starts).collect();
    assert!(!rows.is_empty(), "no rows of `{prefix}`");
    rows
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

fn count(value: &Value) -> u32 {
    u32::try_from(value.as_u64().expect("a count")).expect("a small count")
}

fn game(value: &Value) -> Payoffs {
    Payoffs::new(&value.as_array().expect("rows").iter().map(numbers).collect::<Vec<_>>()).expect("a game")
}

/// Within a share `tolerance` of what is expected.
#[track_caller]
pub(super) fn check(row: &Value, found: f64, expected: &Value, tolerance: f64) {
    let expected = number(expected);
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{}: {found} is not {expected}", row["id"]);
}

/// Within `tolerance` of what is expected.
#[track_caller]
fn check_near(row: &Value, found: &[f64], expected: &[f64], tolerance: f64) {
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= tolerance);
    assert!(found.len() == expected.len() && near, "{}: {found:?} is not {expected:?}", row["id"]);
}

#[test]
fn every_row_is_checked() {
    for row in all_rows() {
        let id = row["id"].as_str().expect("an id");
        assert!(CHECKED.iter().any(|prefix| id.starts_with(prefix)), "no test asks for `{id}`");
    }
}

#[test]
fn a_constant_gap_makes_a_logistic_curve() {
    for row in rows("repl-2-") {
        let [gap, first, time] = ["d", "x0", "t"].map(|name| number(&row["inputs"][name]));
        let payoffs = Payoffs::new(&[vec![gap, gap], vec![0.0, 0.0]]).expect("a game");
        let clock = Clock { step: time / 100.0, steps: 100, keep_every: 100 };
        let way = one_population(&payoffs, &[first, 1.0 - first], &clock).expect("a way");
        check(&row, way[1].shares[0][0], &row["expected"]["x"], 1e-9);
    }
}

#[test]
fn hawks_and_doves_end_in_the_evolutionarily_stable_mix() {
    for row in rows("hawk-dove") {
        let [prize, injury] = ["V", "C"].map(|name| number(&row["inputs"][name]));
        let payoffs = Payoffs::new(&[vec![(prize - injury) / 2.0, prize], vec![0.0, prize / 2.0]]).expect("a game");
        let clock = Clock { step: 0.1, steps: 1000, keep_every: 1000 };
        let end = one_population(&payoffs, &[0.1, 0.9], &clock).expect("a way")[1].shares[0].clone();
        check(&row, end[0], &row["expected"]["hawk"], 1e-12);
        check(&row, payoffs.expected(&end, &end), &row["expected"]["avg_payoff"], 1e-12);
        let found = equilibria(&payoffs, &payoffs.transposed()).expect("equilibria").profiles;
        let symmetric = found.iter().find(|profile| profile.row[0] > 0.0 && profile.row[1] > 0.0).expect("a mix");
        check(&row, symmetric.row[0], &row["expected"]["hawk"], 1e-12);
    }
}

#[test]
fn cycles_neither_widen_nor_narrow() {
    for row in rows("rps-invariant") {
        let payoffs =
            Payoffs::new(&[vec![0.0, -1.0, 1.0], vec![1.0, 0.0, -1.0], vec![-1.0, 1.0, 0.0]]).expect("a game");
        let clock = Clock { step: 0.01, steps: 1000, keep_every: 10 };
        for moment in one_population(&payoffs, &numbers(&row["inputs"]["x0"]), &clock).expect("a way") {
            check(&row, moment.shares[0].iter().product(), &row["expected"]["product"], 1e-6);
        }
        let still = one_population(&payoffs, &[1.0 / 3.0; 3], &clock).expect("a way");
        check_near(&row, &still[100].shares[0], &[1.0 / 3.0; 3], 1e-12);
    }
}

#[test]
fn populations_move_together() {
    for row in rows("repl-4pop") {
        let populations = count(&row["inputs"]["players"]) as usize;
        // One if all play the first strategy, nothing else.
        let earn = |shares: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let others =
                |own: usize| (0..populations).filter(|other| *other != own).map(|other| shares[other][0]).product();
            (0..populations).map(|own| vec![others(own), 0.0]).collect()
        };
        let uniform = vec![vec![0.5, 0.5]; populations];
        let expected = ["dx0", "dx1"].map(|name| number(&row["expected"][name]));
        for payoffs in earn(&uniform) {
            check_near(&row, &velocity(&[0.5, 0.5], &payoffs), &expected, 1e-12);
        }
        let clock = Clock { step: 1e-6, steps: 1, keep_every: 1 };
        for shares in &evolve(earn, &uniform, &clock).expect("a way")[1].shares {
            check_near(&row, &[(shares[0] - 0.5) / 1e-6, (shares[1] - 0.5) / 1e-6], &expected, 1e-6);
        }
    }
}

#[test]
fn mutants_fix_in_a_moran_process() {
    for row in rows("moran-").iter().filter(|row| row["inputs"]["r"].is_number()) {
        let found = moran(number(&row["inputs"]["r"]), count(&row["inputs"]["N"])).expect("a chance");
        check(row, found, &row["expected"]["rho"], 1e-9);
    }
    for row in rows("moran-game-") {
        let [aa, ab, ba, bb] = ["AA", "AB", "BA", "BB"].map(|name| number(&row["inputs"]["payoff"][name]));
        let game = Invasion { mutant: [aa, ab], resident: [ba, bb] };
        let found = game.moran(count(&row["inputs"]["N"]), number(&row["inputs"]["w"])).expect("a chance");
        check(&row, found, &row["expected"]["rho"], 1e-9);
    }
}

#[test]
fn weak_selection_follows_the_law_of_one_third() {
    for row in rows("one-third-law") {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| number(&row["inputs"][name]));
        let population = count(&row["inputs"]["N"]);
        let found = Invasion { mutant: [a, b], resident: [c, d] }.moran(population, number(&row["inputs"]["w"]));
        let found = found.expect("a chance") * f64::from(population);
        check(&row, found, &row["expected"]["rho_times_N"], 1e-9);
        // The unstable equilibrium is the mixed one.
        let payoffs = Payoffs::new(&[vec![a, b], vec![c, d]]).expect("a game");
        let profiles = equilibria(&payoffs, &payoffs.transposed()).expect("equilibria").profiles;
        let mixed = profiles.iter().find(|profile| profile.row[0] > 0.0 && profile.row[1] > 0.0).expect("a mix");
        check(&row, mixed.row[0], &row["expected"]["xstar"], 1e-9);
        assert_eq!(found > 1.0, row["expected"]["favoured"].as_bool().expect("a flag"));
    }
}

#[test]
fn mutants_fix_by_imitation() {
    for row in rows("fermi-") {
        let [gap, alpha] = ["gap", "alpha"].map(|name| number(&row["inputs"][name]));
        let population = count(&row["inputs"]["m"]);
        check(&row, fermi(gap, alpha, population).expect("a chance"), &row["expected"]["rho"], 1e-9);
        let steady = Invasion { mutant: [gap, gap], resident: [0.0, 0.0] };
        let found = libm::exp(steady.imitation(population, alpha).expect("a chance"));
        check(&row, found, &row["expected"]["rho"], 1e-9);
    }
}

#[test]
fn alpha_rank_spends_its_time_as_elsewhere() {
    let rank = |row: &Value| {
        let selection =
            Selection { population: count(&row["inputs"]["m"]), intensity: number(&row["inputs"]["alpha"]) };
        alpha_rank(&game(&row["inputs"]["payoff"]), &selection).expect("a ranking")
    };
    for row in rows("alpharank-han2013").iter().chain(&rows("alpharank-rps-")) {
        check_near(row, &rank(row).shares, &numbers(&row["expected"]["pi"]), 1e-8);
    }
    for row in rows("alpharank-rps-") {
        let found = rank(&row);
        check(&row, found.fixation[0][1], &row["expected"]["rho_rock_to_paper"], 1e-8);
        check(&row, found.fixation[1][0], &row["expected"]["rho_paper_to_rock"], 1e-8);
    }
}

#[test]
fn zero_sum_games_have_the_mixes_and_the_value_of_elsewhere() {
    for row in rows("zerosum-") {
        let payoffs = game(&row["inputs"]["payoff_row"]);
        let found = zero_sum(&payoffs).expect("an equilibrium");
        check_near(&row, &found.row, &numbers(&row["expected"]["row"]), 1e-8);
        check_near(&row, &found.column, &numbers(&row["expected"]["col"]), 1e-8);
        check_near(&row, &[found.value, found.exploitability], &[number(&row["expected"]["value"]), 0.0], 1e-8);
        // The other method finds it too, and neither side can gain.
        let negative = payoffs.map(|payoff| -payoff);
        let profiles = equilibria(&payoffs, &negative).expect("equilibria").profiles;
        assert_eq!(profiles.len(), 1);
        check_near(&row, &profiles[0].row, &found.row, 1e-8);
        let (gain, saving) = regret(&payoffs, &negative, &profiles[0].row, &profiles[0].column).expect("regrets");
        check_near(&row, &[gain, saving], &[0.0, 0.0], 1e-8);
    }
}

#[test]
fn a_dominant_entrant_takes_all_weight() {
    for row in rows("nash-avg-dominated") {
        let found = zero_sum(&game(&row["inputs"]["payoff"])).expect("an equilibrium");
        check_near(&row, &found.row, &numbers(&row["expected"]["eq"]), 1e-5);
        check_near(&row, &found.column, &numbers(&row["expected"]["eq"]), 1e-5);
    }
}

#[test]
fn intervals_of_shares_are_wilsons() {
    for row in rows("wilson-") {
        let (events, all) = (count(&row["inputs"]["x"]), count(&row["inputs"]["n"]));
        let flags: Vec<f64> = (0..all).map(|world| f64::from(world < events)).collect();
        let found = describe(&flags, "flag").probability.expect("a share");
        check_near(&row, &[found.low, found.high], &numbers(&row["expected"]["wilson"]), 1e-9);
    }
}

#[test]
fn resampled_means_spread_as_they_should() {
    for row in rows("boot-mean") {
        let values = numbers(&row["inputs"]["x"]);
        let found = bootstrap_mean(&values, &Draws { count: 100_000, seed: 7 }).and_then(|found| found.interval);
        let (low, high) = found.expect("an interval");
        // Means of ten are near enough to normal for two per cent.
        check(&row, (high - low) / 2.0 / 1.959_964, &row["expected"]["se"], 0.02);
        let (low, high) = mean_interval(&values).expect("an interval");
        check_near(&row, &[low, high], &numbers(&row["expected"]["t_ci"]), 1e-9);
    }
}
