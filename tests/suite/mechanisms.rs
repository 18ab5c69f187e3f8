//! Each mechanism against closed forms and exact small cases, out of running worlds.

#![allow(clippy::disallowed_methods)] // expectations are compared within tolerances: no bits to pin

use palisade_engine::action::{Rejected, Value};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Kind;
use palisade_engine::scenario::Scenario;
use palisade_engine::units::Span;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{drive, handle, intent, own, seen};
use palisade_tests::worlds::small;

const TRADER: u32 = 3;
const ATTACKER: u32 = 9;
const MARKET: Value = handle(Kind::Market, 0);
const VENUE: Value = handle(Kind::Venue, 0);
/// Own fields by their unique names where account and position share one.
const OWN_TOKENS: usize = 1;

fn start(scenario: &Scenario, seed: u64) -> Simulation {
    Simulation::new(scenario, &ALL, Options { seed, ..Options::default() }).expect("a legal scenario")
}

fn act(simulation: &mut Simulation, agent: u32, account: u8, action: &str, args: &[Value]) -> Result<(), Rejected> {
    let intent = intent(simulation.registry(), agent, account, action, args);
    simulation.act(&intent)
}

fn external(process: &str) -> Scenario {
    let prices = format!(r#"{{"TOK": (start: 1.0, process: {process})}}"#);
    let feed = r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#;
    let mut scenario = small(&[("market.prices", &prices), ("protocol.feeds", feed)]);
    scenario.clock[0].dt = Span(3_600_000);
    scenario.clock[0].length = Span(3_600_000 * 24);
    scenario
}

/// Mean and variance of the log price after 24 hours over many seeds.
fn log_moments(process: &str, seeds: u32) -> (f64, f64) {
    let scenario = external(process);
    let logs: Vec<f64> = (0..u64::from(seeds))
        .map(|seed| {
            let mut simulation = start(&scenario, seed);
            drive(&mut simulation, 25, |_, _| {});
            seen(&simulation, Kind::Market, "mark", 0).ln()
        })
        .collect();
    let n = f64::from(seeds);
    let mean = logs.iter().sum::<f64>() / n;
    (mean, logs.iter().map(|log| (log - mean) * (log - mean)).sum::<f64>() / (n - 1.0))
}

#[track_caller]
fn within_standard_errors(found: f64, expected: f64, error: f64) {
    assert!((found - expected).abs() < 4.0 * error, "{found} is not {expected} ± 4 × {error}");
}

#[test]
fn diffusions_have_the_stated_moments() {
    let n = 400;
    let (mean, variance) = log_moments("Gbm(drift: 0.0, volatility: 1.0)", n);
    let daily = 1.0 / 365.0;
    within_standard_errors(mean, -0.5 * daily, (daily / f64::from(n)).sqrt());
    within_standard_errors(variance, daily, daily * (2.0 / f64::from(n)).sqrt());

    // Merton: variance adds rate·(mean² + deviation²); the compensator keeps E[S] at the drift.
    let jumps = "Merton(drift: 0.0, volatility: 0.5, jumps_per_day: 4.0, jump_mean: -0.02, jump_deviation: 0.03)";
    let (_, variance) = log_moments(jumps, n);
    let expected = 0.25 * daily + 4.0 * (0.02_f64 * 0.02 + 0.03 * 0.03);
    within_standard_errors(variance, expected, expected * (2.5 / f64::from(n)).sqrt());

    // Two regimes of equal mean stay spend half of the time in each.
    let regimes =
        r#"Regimes(drift: 0.0, regimes: [(volatility: 0.2, mean_stay: "2h"), (volatility: 1.4, mean_stay: "2h")])"#;
    let (_, variance) = log_moments(regimes, n);
    let expected = 0.5 * (0.04 + 1.96) * daily;
    assert!((0.75..1.25).contains(&(variance / expected)), "{variance} is not about {expected}");
}

#[test]
fn replays_pass_through_their_points() {
    let mut simulation = start(
        &external(r#"Replay(points: [(at: "0s", price: 1.0), (at: "2h", price: 3.0), (at: "4h", price: 2.0)])"#),
        1,
    );
    let expected = [1.0, 2.0, 3.0, 2.5, 2.0, 2.0];
    for price in expected {
        drive(&mut simulation, 1, |_, _| {});
        assert_eq!(seen(&simulation, Kind::Market, "mark", 0), price);
    }
    let mut scenario = external(r#"Csv(data: "d", time: "t", price: "p")"#);
    scenario.data.insert("d".into(), [("t".into(), vec![7200.0, 14_400.0]), ("p".into(), vec![5.0, 6.0])].into());
    let mut simulation = start(&scenario, 1);
    drive(&mut simulation, 2, |_, _| {});
    assert_eq!(seen(&simulation, Kind::Market, "mark", 0), 5.5, "the first row is the start of the run");
}

#[test]
fn selling_into_a_venue_raises_what_the_pool_formula_pays() {
    // Vy/(V+y) at par without fees: 1000 into (10000, 10000).
    let venue = r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 10000.0, fee: 0.0)}"#;
    let mut simulation = start(&small(&[("market.venues", venue)]), 1);
    act(&mut simulation, TRADER, 0, "sell", &[VENUE, Value::All]).expect("a sale");
    let raised = own(&simulation, "balance", TRADER, 0) - 1000.0;
    assert!((raised - 1000.0 * 10_000.0 / 11_000.0).abs() < 1e-6, "{raised}");
    assert_eq!(own(&simulation, "balance", TRADER, OWN_TOKENS), 0.0);
}

/// A feed with `terms`, on a price that doubles at 10 s; the prices published at the end of each of 30 steps.
fn published(terms: &str, latency: u64) -> Vec<f64> {
    let prices = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 2.0)]))}"#;
    let feed = format!(r#"{{"TOK": (sources: ["TOK"], {terms})}}"#);
    let mut scenario = small(&[("market.prices", prices), ("protocol.feeds", &feed)]);
    scenario.cohorts[0].1.latency = Span(latency);
    let mut simulation = start(&scenario, 1);
    let mut found = Vec::new();
    for _ in 0..30 {
        drive(&mut simulation, 1, |_, _| {});
        found.push(seen(&simulation, Kind::Feed, "price", 0));
    }
    found
}

#[test]
fn feeds_publish_by_deviation_and_heartbeat_after_their_nodes_latency() {
    let first = |prices: &[f64]| prices.iter().position(|price| *price > 1.5);
    assert_eq!(first(&published(r#"heartbeat: "1m", deviation: 0.1"#, 0)), Some(11), "by deviation at once");
    assert_eq!(first(&published(r#"heartbeat: "1m", deviation: 0.1"#, 5_000)), Some(16), "five seconds later");
    assert_eq!(first(&published(r#"heartbeat: "7s", deviation: 5.0"#, 0)), Some(14), "at the second heartbeat");
    assert_eq!(first(&published(r#"heartbeat: "1m", deviation: 5.0"#, 0)), None, "not before the heartbeat");
}

#[test]
fn a_collar_limits_the_change_a_minute() {
    let prices = published(r#"heartbeat: "1s", deviation: 0.0, collar_per_minute: 0.5"#, 0);
    let after = |seconds: f64| 1.5_f64.powf(seconds / 60.0);
    assert!((prices[11] - after(1.0)).abs() < 1e-9 && (prices[29] - after(19.0)).abs() < 1e-9, "{prices:?}");
}

#[test]
fn silent_nodes_make_a_feed_stale_and_a_stale_feed_stops_trading() {
    let feed = r#"{"TOK": (sources: ["TOK/USD"], heartbeat: "1s", deviation: 0.0, staleness: "5s", quorum: 0.7)}"#;
    let mut simulation = start(&small(&[("protocol.feeds", feed)]), 1);
    drive(&mut simulation, 3, |_, _| {});
    assert_eq!(act(&mut simulation, TRADER, 0, "open", &[MARKET, Value::Number(1.0)]), Ok(()));
    // Two of three equal stakes are 0.67: below the quorum.
    for _ in 0..7 {
        let observed = 1.0;
        let mut host = palisade_tests::hosts::Native::new(&simulation, |ask, replies| {
            if ask.hook == palisade_engine::host::Hook::Report {
                replies.values.extend([(0, observed), (1, observed)]);
            }
        });
        simulation.step(&mut host);
    }
    assert_eq!(seen(&simulation, Kind::Feed, "stale", 0), 1.0);
    for (action, args) in [
        ("open", vec![MARKET, Value::Number(1.0)]),
        ("close", vec![MARKET, Value::All]),
        ("withdraw", vec![Value::All]),
    ] {
        assert_eq!(act(&mut simulation, TRADER, 0, action, &args), Err(Rejected::STALE), "{action}");
    }
}

#[test]
fn a_mean_is_moved_by_one_node_and_a_median_is_not() {
    let run = |rule: &str| {
        let feed = format!(r#"{{"TOK": (sources: ["TOK/USD"], heartbeat: "1s", deviation: 0.0, rule: "{rule}")}}"#);
        let mut simulation = start(&small(&[("protocol.feeds", &feed)]), 1);
        let mut host = palisade_tests::hosts::Native::new(&simulation, |ask, replies| {
            if ask.hook == palisade_engine::host::Hook::Report {
                replies.values.extend([(0, 1.0), (1, 1.0), (2, 1000.0)]);
            }
        });
        simulation.step(&mut host);
        seen(&simulation, Kind::Feed, "price", 0)
    };
    assert_eq!(run("stake_weighted_lower_median"), 1.0);
    assert_eq!(run("stake_weighted_mean"), 334.0);
}

#[test]
fn funding_moves_the_stated_amount_from_the_heavy_side_to_the_light_one() {
    let market = r#"{"TOK-PERP": (feed: "TOK", base: "TOK", imr: 0.1, mmr: 0.05, fee: 0.0, skew_scale: 1e17,
        funding_period: "10s", funding_cap: 8640.0, funding_scale: 1e6)}"#;
    let result = Simulation::new(&small(&[("protocol.markets", market)]), &ALL, Options::default());
    assert!(result.is_err(), "the cap is bounded");
    let market = market.replace("8640.0", "8.64");
    let mut simulation = start(&small(&[("protocol.markets", &market)]), 1);
    drive(&mut simulation, 2, |_, _| {});
    act(&mut simulation, TRADER, 0, "open", &[MARKET, Value::Number(3000.0)]).expect("a long");
    act(&mut simulation, TRADER + 1, 0, "open", &[MARKET, Value::Number(-1000.0)]).expect("a short");
    drive(&mut simulation, 10, |_, _| {});
    // Skew 2000 of 1e6 at 8.64 a day for ten seconds: 2e-6 of notional; the pool keeps the difference of the sides.
    let margin = |agent| own(&simulation, "free", agent, 0) + own(&simulation, "imr", agent, 0) - 1000.0;
    let (long, short) = (margin(TRADER), margin(TRADER + 1));
    assert!((long + 0.006).abs() < 2e-6, "the long paid {long}");
    assert!((short - 0.002).abs() < 2e-6, "the short received {short}");
    let pool = seen(&simulation, Kind::Market, "pool_liquid", 0) - 10_000.0;
    assert!((pool - 0.004).abs() < 3e-6, "the pool kept {pool}");
}

#[test]
fn open_interest_is_capped_by_notional_and_by_depth() {
    let capped = |terms: &str| {
        let market =
            format!(r#"{{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, {terms})}}"#);
        let mut simulation = start(&small(&[("protocol.markets", &market)]), 1);
        drive(&mut simulation, 2, |_, _| {});
        let over = act(&mut simulation, TRADER, 0, "open", &[MARKET, Value::Number(501.0)]);
        let under = act(&mut simulation, TRADER, 0, "open", &[MARKET, Value::Number(499.0)]);
        (over, under)
    };
    assert_eq!(capped("oi_cap: 500.0"), (Err(Rejected::CAP), Ok(())));
    // 2 % depth of a reserve of 10,000 is 99.50: five times it is 497.5, six times 597.
    assert_eq!(capped("oi_cap_depth_share: 5.02"), (Err(Rejected::CAP), Ok(())));
    assert_eq!(capped("oi_cap_depth_share: 6.0").0, Ok(()));
}

#[test]
fn paper_profit_leaves_by_its_weight_and_never_beyond_the_deposits() {
    let withdrawn = |weight: f64, deposits: f64| {
        let market = format!(
            r#"{{"TOK-PERP": (feed: "TOK", base: "TOK", imr: 0.1, mmr: 0.05, fee: 0.0, skew_scale: 1e17, unrealized_weight: {weight})}}"#
        );
        let funds = format!("(pool: 0.0, deposits: {deposits})");
        let mut simulation = start(&small(&[("protocol.markets", &market), ("protocol.funds", &funds)]), 1);
        drive(&mut simulation, 2, |_, _| {});
        act(&mut simulation, ATTACKER, 0, "deposit", &[Value::Number(1000.0)]).expect("collateral");
        act(&mut simulation, ATTACKER, 0, "open", &[MARKET, Value::Number(5000.0)]).expect("a long");
        act(&mut simulation, ATTACKER, 0, "buy", &[VENUE, Value::Number(5000.0)]).expect("a push");
        drive(&mut simulation, 2, |_, _| {});
        // Already refused when nothing may leave.
        let _ = act(&mut simulation, ATTACKER, 0, "withdraw", &[Value::All]);
        (simulation.outcome("withdrawn").expect("an outcome"), seen(&simulation, Kind::Market, "mark", 0))
    };
    // 5000 contracts from 1 to 2.25: profit 6229 (fee of the venue), requirement 1123 at 10 %.
    let (full, mark) = withdrawn(1.0, 1e6);
    assert!((full - (1000.0 + 5000.0 * (mark - 1.0) - 0.1 * 5000.0 * mark)).abs() < 1e-3, "{full} at {mark}");
    let (half, _) = withdrawn(0.5, 1e6);
    assert!((half - (1000.0 + 2500.0 * (mark - 1.0) - 0.1 * 5000.0 * mark)).abs() < 1e-3, "{half}");
    assert_eq!(withdrawn(0.0, 1e6).0, 0.0, "the requirement grew beyond the collateral");
    assert_eq!(withdrawn(1.0, 300.0).0, 1300.0, "collateral and all that was there to lend");
}

#[test]
fn a_takeover_stops_where_the_keepers_collateral_ends() {
    let prices = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 0.87)]))}"#;
    let market = r#"{"TOK-PERP": (feed: "TOK", base: "TOK", imr: 0.1, mmr: 0.05, fee: 0.0, skew_scale: 1e17)}"#;
    let mut scenario = small(&[
        ("market.prices", prices),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#),
        ("protocol.markets", market),
        ("protocol.liquidation", "(route: takeover, penalty: 0.02, full_below: 1.0)"),
        ("protocol.waterfall", "(order: [margin, insurance, socialized])"),
    ]);
    scenario.cohorts[2].1.margin = Some(palisade_engine::scenario::Amounts::Fixed(50.0));
    let mut simulation = start(&scenario, 1);
    drive(&mut simulation, 5, |_, _| {});
    act(&mut simulation, TRADER, 0, "open", &[MARKET, Value::Number(7000.0)]).expect("a long");
    drive(&mut simulation, 8, |_, _| {});
    let account = handle(Kind::Account, TRADER);
    assert_eq!(act(&mut simulation, 7, 0, "liquidate", &[account, Value::Number(1.0)]), Ok(()));
    let taken = own(&simulation, "size", 7, 0);
    // 50 coins carry at most 50 / (0.1 × 0.87) = 575 contracts; the discount adds what it brings.
    assert!((500.0..580.0).contains(&taken), "{taken}");
    assert_eq!(act(&mut simulation, 7, 0, "liquidate", &[account, Value::Number(2.0)]), Err(Rejected::ARGUMENT));
    assert_eq!(act(&mut simulation, TRADER, 0, "liquidate", &[account, Value::Number(1.0)]), Err(Rejected::ROLE));
}

#[test]
fn an_attackers_starting_margin_is_no_loot() {
    let mut scenario = small(&[]);
    scenario.cohorts[3].1.margin = Some(palisade_engine::scenario::Amounts::Fixed(500.0));
    let mut simulation = start(&scenario, 1);
    drive(&mut simulation, 2, |_, _| {});
    act(&mut simulation, ATTACKER, 0, "withdraw", &[Value::All]).expect("its own money");
    assert_eq!(simulation.outcome("attacker_net"), Some(0.0));
    assert_eq!(simulation.outcome("attacker_outlay"), Some(500.0));
}

#[test]
fn prices_move_by_the_time_that_passed_across_a_change_of_step() {
    // A second at a time for a minute, after one step of a day: the day's diffusion is not lost.
    let prices = r#"{"TOK": (start: 1.0, process: Gbm(drift: 0.0, volatility: 1.0))}"#;
    let feed = r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#;
    let mut scenario = small(&[("market.prices", prices), ("protocol.feeds", feed)]);
    let day = Span(86_400_000);
    scenario.clock[0] = palisade_engine::clock::Segment { length: day, dt: day };
    scenario.clock.push(palisade_engine::clock::Segment { length: Span(60_000), dt: Span(1_000) });
    let n = 200;
    let squares: f64 = (0..n)
        .map(|seed| {
            let mut simulation = start(&scenario, seed);
            drive(&mut simulation, 2, |_, _| {});
            seen(&simulation, Kind::Market, "mark", 0).ln()
        })
        .map(|log| log * log)
        .sum();
    within_standard_errors(squares / n as f64, 1.0 / 365.0, (2.0 / n as f64).sqrt() / 365.0);
}

#[test]
fn published_noise_is_what_the_median_of_the_nodes_leaves() {
    let variance = |noise: &str| {
        let prices = r#"{"TOK": (start: 1.0, process: Fixed)}"#;
        let feed = format!(r#"{{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0, {noise})}}"#);
        let mut simulation = start(&small(&[("market.prices", prices), ("protocol.feeds", &feed)]), 1);
        let steps = 1500;
        let mut squares = 0.0;
        for _ in 0..steps {
            drive(&mut simulation, 1, |_, _| {});
            squares += seen(&simulation, Kind::Feed, "price", 0).ln().powi(2);
        }
        squares / f64::from(steps)
    };
    // Var of the median of three unit normals is 0.448671 (order statistics); noise that is shared does not average out.
    let error = (2.0_f64 / 1500.0).sqrt();
    within_standard_errors(variance("own_noise: 0.01") / 1e-4, 0.448_671, 0.448_671 * error * 1.1);
    within_standard_errors(variance("common_noise: 0.01") / 1e-4, 1.0, error);
}

#[test]
fn a_partial_liquidation_restores_the_target_health() {
    let prices = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 0.9)]))}"#;
    let scenario = small(&[
        ("market.prices", prices),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#),
        (
            "protocol.markets",
            r#"{"TOK-PERP": (feed: "TOK", base: "TOK", imr: 0.1, mmr: 0.05, fee: 0.0, skew_scale: 1e17)}"#,
        ),
        ("protocol.liquidation", "(penalty: 0.01, target_health: 1.2)"),
    ]);
    let mut simulation = start(&scenario, 1);
    drive(&mut simulation, 5, |_, _| {});
    act(&mut simulation, TRADER, 0, "open", &[MARKET, Value::Number(7000.0)]).expect("a long");
    drive(&mut simulation, 8, |_, _| {});
    // 300 of collateral against 315 of maintenance: below it, but not by half.
    let account = handle(Kind::Account, TRADER);
    act(&mut simulation, 7, 0, "liquidate", &[account, Value::Number(1.0)]).expect("a liquidation");
    let health = own(&simulation, "equity", TRADER, 0) / own(&simulation, "mmr", TRADER, 0);
    assert!((health - 1.2).abs() < 1e-3, "{health}");
    assert_eq!(act(&mut simulation, 7, 0, "liquidate", &[account, Value::Number(1.0)]), Err(Rejected::HEALTHY));
    let rewards = own(&simulation, "cash", 7, 0);
    assert!(rewards > 0.0, "the keeper was paid");
}
