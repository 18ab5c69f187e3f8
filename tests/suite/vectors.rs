//! Formulas against numbers that no one here wrote (`tests/vectors`).

use palisade_engine::math::{
    attack_cost, deterrence, impact, liquidation, oracle, order_statistics, power, tally, volatility,
};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Registry;
use serde_json::Value;

/// The rows that tests below ask for, by what their ids start with.
const CHECKED: [&str; 28] = [
    "hull-ewma",
    "ewma-step",
    "cpmm-",
    "wmed-",
    "breakdown",
    "liqpx-lin",
    "adl-",
    "uma-",
    "chainlink-",
    "p-eps-matrix",
    "p-eps-deposit",
    "becker-",
    "inspection-",
    "oi-cap-",
    "native-",
    "stakesure-",
    "turnout-",
    "maxbias-",
    "varmed-",
    "vardev-",
    "slashfp-",
    "maker-split-",
    "flash-",
    "quorum-",
    "timelock-",
    "ve-",
    "qv-sybil-",
    "vbe-",
];

fn all_rows() -> Vec<Value> {
    serde_json::from_str(include_str!("../vectors/theory.json")).expect("rows")
}

fn rows(prefix: &str) -> Vec<Value> {
    assert!(CHECKED.contains(&prefix), "list `{prefix}` as checked");
    let starts = |row: &Value| row["id"].as_str().is_some_and(|id| id.starts_with(prefix));
    let rows: Vec<Value> = all_rows().into_iter().filter(starts).collect();
    assert!(!rows.is_empty(), "no rows of `{prefix}`");
    rows
}

#[test]
fn every_row_is_checked() {
    for row in all_rows() {
        let id = row["id"].as_str().expect("an id");
        assert!(CHECKED.iter().any(|prefix| id.starts_with(prefix)), "no test asks for `{id}`");
    }
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

#[test]
fn cost_of_corruption() {
    for row in rows("uma-") {
        let inputs = &row["inputs"];
        let cost = attack_cost::corruption_cost(
            number(&inputs["price"]),
            number(&inputs["tokens"]),
            number(&inputs["turnout"]),
        );
        check(&row, cost, &row["expected"]["coc"], 1e-12);
        check(&row, cost - number(&inputs["pfc"]), &row["expected"]["margin"], 1e-12);
        // Strictly: what costs exactly what it brings is not secure.
        assert_eq!(cost > number(&inputs["pfc"]), row["expected"]["safe"].as_bool().expect("a flag"), "{}", row["id"]);
    }
    for row in rows("chainlink-") {
        let (nodes, deposit) = (number(&row["inputs"]["n"]), number(&row["inputs"]["d"]));
        check(&row, attack_cost::watchdog_budget(nodes, deposit), &row["expected"]["triangular"], 1e-12);
    }
    for row in rows("oi-cap-") {
        let inputs = &row["inputs"];
        let stake = number(&inputs["stake"]) * number(&inputs["quorum"]);
        let lie = (number(&inputs["attacker_share_of_OI"]), number(&inputs["price_deviation"]));
        let found = attack_cost::secured_open_interest(stake, number(&inputs["slash_fraction"]), lie);
        check(&row, found, &row["expected"]["oi_max"], 1e-12);
    }
    for row in rows("native-") {
        let inputs = &row["inputs"];
        let stake = number(&inputs["stake"]) * number(&inputs["quorum"]);
        let (fall, hedge) = (number(&inputs["price_fall"]), number(&inputs["short_notional"]));
        check(&row, attack_cost::hedged_cost(stake, 1.0, (hedge, fall)), &row["expected"]["coc_slash"], 1e-12);
        check(&row, attack_cost::hedged_cost(stake, fall, (hedge, fall)), &row["expected"]["coc_no_slash"], 1e-12);
    }
}

#[test]
fn bribes() {
    for row in rows("p-eps-matrix") {
        let (payoff, epsilon) = (number(&row["inputs"]["P"]), number(&row["inputs"]["eps"]));
        for (cell, choices) in [
            ("you0_others0", (false, false)),
            ("you1_others0", (true, false)),
            ("you0_others1", (false, true)),
            ("you1_others1", (true, true)),
        ] {
            let found = attack_cost::bribed_payoff(payoff, epsilon, choices);
            check(&row, found, &row["expected"]["matrix"][cell], 1e-12);
        }
        let budget = 101.0 * attack_cost::bribe_needed(payoff, 0.0, epsilon);
        check(&row, budget, &row["expected"]["required_budget_N101"], 1e-12);
    }
    for row in rows("p-eps-deposit") {
        let inputs = &row["inputs"];
        let each = attack_cost::bribe_needed(number(&inputs["P"]), number(&inputs["d"]), number(&inputs["eps"]));
        check(&row, each, &row["expected"]["bribe_each"], 1e-12);
        check(&row, each * number(&inputs["N"]), &row["expected"]["budget"], 1e-12);
    }
}

#[test]
fn deterring_and_inspecting() {
    for row in rows("becker-") {
        let found = deterrence::deterring_probability(number(&row["inputs"]["gain"]), number(&row["inputs"]["slash"]));
        check(&row, found, &row["expected"]["q_star"], 1e-12);
    }
    for row in rows("inspection-") {
        let inputs = &row["inputs"];
        let game = deterrence::inspection(
            (number(&inputs["gain"]), number(&inputs["slash"])),
            (number(&inputs["inspect_cost"]), number(&inputs["undetected_loss"])),
        );
        check(&row, game.inspect, &row["expected"]["inspect_prob"], 1e-12);
        check(&row, game.cheat, &row["expected"]["cheat_prob"], 1e-12);
        check(&row, game.inspector_value, &row["expected"]["inspector_value"], 1e-12);
        assert!((game.cheater_value - number(&row["expected"]["cheater_value"])).abs() < 1e-12);
    }
    for row in rows("stakesure-") {
        let units = |value: &Value| (number(value) * 1e6).round() as i64;
        let claims: Vec<i64> = row["inputs"]["claims"].as_array().expect("claims").iter().map(units).collect();
        let slashed = units(&row["inputs"]["slashed"]);
        let paid = deterrence::compensate(slashed, &claims);
        let expected: Vec<i64> = row["expected"]["paid"].as_array().expect("payments").iter().map(units).collect();
        assert_eq!(paid, expected, "{}", row["id"]);
        assert_eq!(slashed - paid.iter().sum::<i64>(), units(&row["expected"]["surplus"]), "{}", row["id"]);
    }
}

#[test]
fn medians_of_noisy_reports() {
    let nodes = |row: &Value| row["inputs"]["n"].as_u64().expect("nodes") as u32;
    for row in rows("turnout-") {
        let found = attack_cost::majority_share(number(&row["inputs"]["honest_turnout"]));
        check(&row, found, &row["expected"]["attacker_share_needed"], 1e-12);
    }
    for row in rows("maxbias-") {
        let found = order_statistics::minority_shift(number(&row["inputs"]["sigma"]), number(&row["inputs"]["eps"]));
        check(&row, found, &row["expected"]["shift"], 1e-10);
    }
    for row in rows("varmed-") {
        check(&row, order_statistics::median_variance(nodes(&row)), &row["expected"]["var"], 1e-8);
        let asymptotic = std::f64::consts::FRAC_PI_2 / f64::from(nodes(&row));
        check(&row, asymptotic, &row["expected"]["asymptotic"], 1e-12);
    }
    for row in rows("vardev-") {
        check(&row, order_statistics::deviation_variance(nodes(&row)), &row["expected"]["var"], 1e-8);
    }
    for row in rows("slashfp-") {
        let rate = order_statistics::false_positive_rate(nodes(&row), number(&row["inputs"]["k"]));
        check(&row, rate, &row["expected"]["prob_per_node"], 1e-6);
        check(&row, rate * f64::from(nodes(&row)), &row["expected"]["expected_slashed_per_round"], 1e-6);
    }
}

#[test]
fn governance_attacks() {
    for row in rows("maker-split-") {
        let inputs = &row["inputs"];
        let votes = tally::hat_votes_needed(number(&inputs["H"]), number(&inputs["moved"]));
        check(&row, votes, &row["expected"]["votes_needed"], 1e-12);
        check(&row, votes * number(&inputs["token_price"]), &row["expected"]["usd"], 1e-12);
    }
    for row in rows("flash-") {
        let past = row["inputs"]["snapshot_before_loan"].as_bool().expect("a flag");
        let delay = row["inputs"]["exec_delay_blocks"].as_u64().expect("blocks");
        let outcome = match tally::flash_vote(past, delay) {
            tally::FlashOutcome::NoPower => "no_power",
            tally::FlashOutcome::Executed => "success",
            tally::FlashOutcome::Queued => "queued",
        };
        assert_eq!(outcome, row["expected"]["outcome"], "{}", row["id"]);
    }
    for row in rows("quorum-") {
        let inputs = &row["inputs"];
        let count = |name: &str| inputs[name].as_u64().expect("votes") as u32;
        let found = tally::capture_probability(tally::Capture {
            honest: count("honest"),
            turnout: number(&inputs["turnout"]),
            support: number(&inputs["support"]),
            block: count("attacker"),
            quorum: count("quorum"),
        });
        check(&row, found, &row["expected"]["prob"], 1e-8);
    }
    for row in rows("timelock-") {
        let inputs = &row["inputs"];
        let (hazard, delay) = (number(&inputs["hazard"]), number(&inputs["delay"]));
        check(&row, tally::noticed(hazard, delay, 1.0), &row["expected"]["fraction"], 1e-12);
        let guardians = number(&inputs["guardians"]);
        check(&row, tally::noticed(hazard, delay, guardians), &row["expected"]["any_guardian"], 1e-12);
    }
    for row in rows("ve-") {
        let inputs = &row["inputs"];
        let lock = (number(&inputs["lock_years"]), number(&inputs["elapsed"]));
        let found = power::locked_weight(number(&inputs["amount"]), lock, number(&inputs["max_years"]));
        check(&row, found, &row["expected"]["weight"], 1e-12);
    }
    for row in rows("qv-sybil-") {
        let found = power::quadratic_votes(number(&row["inputs"]["credits"]), number(&row["inputs"]["accounts"]));
        check(&row, found, &row["expected"]["votes"], 1e-12);
    }
    for row in rows("vbe-") {
        let (shannon, least) = power::bloc_entropy(&numbers(&row["inputs"]["cluster_weights"]));
        check(&row, shannon, &row["expected"]["shannon"], 1e-12);
        check(&row, least, &row["expected"]["min_entropy"], 1e-12);
    }
}
