//! Formulas against numbers that no one here wrote (`tests/vectors`).

use palisade_engine::math::{impact, liquidation, oracle, volatility};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use serde_json::Value;

fn rows(prefix: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../vectors/theory.json")).expect("rows");
    let rows: Vec<Value> =
        all.into_iter().filter(|row| row["id"].as_str().is_some_and(|id| id.starts_with(prefix))).collect();
    assert!(!rows.is_empty(), "no rows of `{prefix}`");
    rows
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

#[track_caller]
fn check(row: &Value, found: f64, expected: &Value, tolerance: f64) {
    let expected = number(expected);
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{}: {found} is not {expected}", row["id"]);
}

#[test]
fn ewma_variance() {
    for row in rows("hull-ewma") {
        let (lambda, sigma, u) =
            (number(&row["inputs"]["lam"]), number(&row["inputs"]["sigma"]), number(&row["inputs"]["u"]));
        check(&row, volatility::ewma_variance(sigma * sigma, u, 1.0, lambda, 0.0), &row["expected"]["var"], 1e-12);
    }
    for row in rows("ewma-step") {
        let (lambda, from, to) =
            (number(&row["inputs"]["lam"]), number(&row["inputs"]["s0"]), number(&row["inputs"]["s1"]));
        let steps = row["inputs"]["n"].as_u64().expect("steps");
        // Squared returns at their mean: the expectation of the recursion.
        let found =
            (0..steps).fold(from * from, |variance, _| volatility::ewma_variance(variance, to, 1.0, lambda, 0.0));
        check(&row, found, &row["expected"]["var"], 1e-12);
    }
}

#[test]
fn constant_product() {
    for row in rows("cpmm-") {
        let inputs = &row["inputs"];
        let (x, y) = (number(&inputs["x"]), number(&inputs["y"]));
        if let Some(multiple) = inputs["k"].as_f64() {
            check(&row, impact::cost_of_multiple(y, multiple), &row["expected"]["quote_in"], 1e-12);
        } else {
            let units = |coins: f64| (coins * 1e9).round() as i64;
            let fee = (number(&inputs["fee"]) * 1e6).round() as u32;
            let spent = number(&inputs["quote_in"]);
            let out = impact::swap_out(units(spent), units(y), units(x), fee).expect("a swap");
            check(&row, out as f64 / 1e9, &row["expected"]["base_out"], 1e-9);
            let back = impact::swap_out(out, units(x) - out, units(y) + units(spent), fee).expect("a swap back");
            check(&row, back as f64 / 1e9, &row["expected"]["quote_back"], 1e-9);
        }
    }
}

#[test]
fn weighted_lower_median() {
    for row in rows("wmed-") {
        let (prices, stakes) = (numbers(&row["inputs"]["x"]), numbers(&row["inputs"]["w"]));
        let found = oracle::weighted_lower_median(&prices, &stakes).expect("a median");
        check(&row, found, &row["expected"]["lower"], 0.0);
    }
    for row in rows("breakdown") {
        let forced = row["expected"]["lower_median_forced_up"].as_array().expect("flags");
        for (share, expected) in numbers(&row["inputs"]["shares"]).into_iter().zip(forced) {
            let found = oracle::weighted_lower_median(&[1.0, 1e9], &[1.0 - share, share]).expect("a median");
            assert_eq!(found > 1.0, expected.as_bool().expect("a flag"), "share {share}");
        }
    }
}

#[test]
fn bankruptcy_prices() {
    for row in rows("liqpx-lin") {
        let inputs = &row["inputs"];
        let (side, entry) = (number(&inputs["side"]), number(&inputs["entry"]));
        let margin = entry / number(&inputs["leverage"]);
        check(&row, liquidation::bankruptcy_price(entry, side, margin), &row["expected"]["bankruptcy"], 1e-12);
    }
}

#[test]
fn deleveraging_order() {
    let registry = Registry::of(&ALL);
    let rank = registry.rules.iter().find(|rule| rule.name == "profit_times_leverage").expect("the usual queue");
    for row in rows("adl-") {
        let winners = row["inputs"]["winners"].as_array().expect("winners");
        let column = |name: &str| winners.iter().map(|winner| number(&winner[name])).collect::<Vec<_>>();
        let (profits, shares, leverages) = (column("pnl"), column("pnl_pct"), column("lev"));
        let entries: Vec<f64> = profits.iter().zip(&shares).map(|(profit, share)| profit / share).collect();
        let equities: Vec<f64> = leverages.iter().map(|leverage| 1000.0 / leverage).collect();
        let mut scores = Vec::new();
        (rank.eval)(&[&profits, &entries, &vec![1000.0; winners.len()], &equities], &mut scores);
        for (winner, score) in winners.iter().zip(&scores) {
            check(&row, *score, &winner["score"], 1e-12);
        }
        let mut order: Vec<usize> = (0..winners.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let expected: Vec<usize> =
            numbers(&row["expected"]["queue_order"]).into_iter().map(|place| place as usize).collect();
        assert_eq!(order, expected, "{}", row["id"]);
    }
}
