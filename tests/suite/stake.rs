//! Stake: who owns a vault, what a cut raises and never exceeds, and what becomes of offenders' stake.
#![allow(clippy::disallowed_methods)] // expectations are compared within tolerances: no bits to pin

use palisade_engine::action::{Rejected, Value};
use palisade_engine::domain::{Harm, Vault};
use palisade_engine::host::{Ask, Hook, Replies};
use palisade_engine::ledger::Ledger;
use palisade_engine::math::impact;
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Kind, part};
use palisade_engine::scenario::{Amounts, Role, Scenario};
use palisade_engine::valuation;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, drive, handle, intent, liquidators, own, seen};
use palisade_tests::worlds::{cohort, small, wallet};

const TRADER: u32 = 3;
/// The cohort that stakes stands behind nodes, traders and keepers.
const STAKER: u32 = 9;
const MARKET: Value = handle(Kind::Market, 0);

/// Places of assets in `small`.
const TOK: usize = 1;

const FALL: &str = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 0.5)]))}"#;
const FEED: &str = r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0, vault: "nodes")}"#;
const ORDER: &str = "(order: [margin, stake, socialized])";

/// A market on TOK guaranteed by stake in STK, whose venue holds 10,000 of either side; two stakers with 1000 STK each.
fn guaranteed(terms: &str, extra: &[(&str, &str)]) -> Scenario {
    let vaults =
        format!(r#"{{"nodes": (), "pool": (asset: "STK", venue: "STK/USD", markets: ["TOK-PERP"], {terms})}}"#);
    let venues = r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 10000.0),
        "STK/USD": (base: "STK", quote: "USD", price: 1.0, depth: 10000.0, fee: 0.0)}"#;
    let market = r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e17, fee: 0.001, fee_insurance_share: 0.0, fee_stake_share: 0.5)}"#;
    let mut blocks = vec![
        ("protocol.vaults", vaults.as_str()),
        ("market.venues", venues),
        ("protocol.markets", market),
        ("market.prices", FALL),
        ("protocol.feeds", FEED),
        ("protocol.waterfall", ORDER),
    ];
    blocks.extend_from_slice(extra);
    let mut scenario = small(&blocks);
    scenario.assets.push(("STK".into(), palisade_engine::scenario::AssetSpec { decimals: 6 }));
    let mut stakers = cohort(Role::Staker, 2);
    stakers.stake = Some(Amounts::Fixed(1000.0));
    stakers.bind.insert("vault".into(), "pool".into());
    stakers.wallet = wallet(&[("STK", 500.0)]);
    scenario.cohorts.insert(3, ("population.stakers".into(), stakers));
    scenario
}

fn start(scenario: &Scenario) -> Simulation {
    Simulation::new(scenario, &ALL, Options { seed: 1, ..Options::default() }).expect("a legal scenario")
}

fn act(simulation: &mut Simulation, agent: u32, action: &str, args: &[Value]) -> Result<(), Rejected> {
    let intent = intent(simulation.registry(), agent, 0, action, args);
    simulation.act(&intent)
}

/// `nodes` is vault 0, `pool` vault 1.
const POOL: Value = handle(Kind::Vault, 1);
const POOL_PLACE: usize = 1;

fn vault(simulation: &Simulation) -> Vault {
    part::<Vault>(simulation.world(), Kind::Vault, POOL_PLACE).expect("the pool").clone()
}

fn staked(simulation: &Simulation) -> i64 {
    simulation.world().resource::<Ledger>().balance(vault(simulation).staked)
}

/// A long of 5000 with 1000 of margin at a price that halves: a deficit of 1500 (and the fees).
fn fall(scenario: &Scenario) -> Simulation {
    let mut simulation = start(scenario);
    drive(&mut simulation, 3, |_, _| {});
    act(&mut simulation, TRADER, "open", &[MARKET, Value::Number(5000.0)]).expect("a long");
    let keep = liquidators(simulation.registry());
    for _ in 0..12 {
        simulation.step(&mut Native::new(&simulation, &keep));
    }
    simulation
}

fn outcome(simulation: &Simulation, name: &str) -> f64 {
    simulation.outcome(name).expect("a declared outcome")
}

#[test]
fn shares_earn_the_fees_of_the_markets_they_guarantee() {
    let mut simulation = start(&guaranteed("", &[]));
    drive(&mut simulation, 3, |_, _| {});
    act(&mut simulation, STAKER, "stake", &[POOL, Value::Number(500.0)]).expect("more stake");
    act(&mut simulation, TRADER, "open", &[MARKET, Value::Number(5000.0)]).expect("a long");
    // Half of 0.1 % of 5000: 2.5 coins, by 1500 and 1000 shares.
    assert!((own(&simulation, "unclaimed", STAKER, POOL_PLACE) - 1.5).abs() < 2e-6);
    assert!((own(&simulation, "unclaimed", STAKER + 1, POOL_PLACE) - 1.0).abs() < 2e-6);
    act(&mut simulation, STAKER, "claim", &[POOL]).expect("fees");
    assert!((own(&simulation, "cash", STAKER, 0) - 1.5).abs() < 2e-6);
    assert_eq!(act(&mut simulation, STAKER, "claim", &[POOL]), Err(Rejected::AMOUNT), "once");
    // Who joins now has no part in what was earned before.
    act(&mut simulation, STAKER, "unstake", &[POOL, Value::All]).expect("without a cooldown it is out at once");
    assert_eq!(own(&simulation, "balance", STAKER, TOK + 1), 1500.0);
    act(&mut simulation, STAKER, "stake", &[POOL, Value::All]).expect("back");
    assert_eq!(own(&simulation, "unclaimed", STAKER, POOL_PLACE), 0.0);
}

#[test]
fn a_cut_sold_into_the_pool_raises_exactly_what_the_pool_pays() {
    let simulation = fall(&guaranteed("slash_cap: 0.25", &[]));
    // The deficit is larger than the cap allows to raise: 500 of 2000 are cut, and V·y/(V + y) is all that comes in.
    let cut = vault(&simulation).cut;
    assert_eq!(cut, 500_000_000);
    let expected = impact::swap_out(cut, 10_000_000_000, 10_000_000_000, 0).expect("a sale");
    assert!((expected as f64 / 1e6 - 500.0 * 10_000.0 / 10_500.0).abs() < 1e-6);
    assert_eq!((outcome(&simulation, "stake_paid") * 1e6).round() as i64, expected);
    assert_eq!(staked(&simulation), 1_500_000_000);
    assert!(outcome(&simulation, "socialized") > 1000.0, "what the sale did not raise fell to the next layer");
    // Both stakers bear it alike, and the price their stake is worth has fallen with the sale.
    assert_eq!(own(&simulation, "staked", STAKER, POOL_PLACE), 750.0);
    assert!(seen(&simulation, Kind::Vault, "price", POOL_PLACE) < 0.91);
}

#[test]
fn stake_covers_a_deficit_before_anyone_else_where_it_can() {
    let simulation = fall(&guaranteed("slash_cap: 1.0", &[]));
    let deficit = outcome(&simulation, "deficits");
    assert!((outcome(&simulation, "stake_paid") - deficit).abs() < 1e-6, "{deficit}");
    assert_eq!(outcome(&simulation, "socialized"), 0.0);
    // 1500 out of a pool of 10,000 without fees take 1500·10000 ÷ 8500 of stake.
    let needed = impact::swap_in((deficit * 1e6).round() as i64, 10_000_000_000, 10_000_000_000, 0).expect("enough");
    assert!((vault(&simulation).cut - needed).abs() <= 1);
}

#[test]
fn stake_that_is_held_raises_nothing_and_goes_to_the_treasury() {
    let simulation = fall(&guaranteed("disposal: hold", &[]));
    let treasury = simulation.world().resource::<Ledger>().balance(vault(&simulation).treasury);
    let deficit = outcome(&simulation, "deficits");
    assert!((treasury as f64 / 1e6 - deficit).abs() < 1e-5, "worth the deficit at the market price: {treasury}");
    assert_eq!(outcome(&simulation, "stake_paid"), 0.0);
    assert!((outcome(&simulation, "socialized") - deficit).abs() < 1e-5);
    assert_eq!(seen(&simulation, Kind::Vault, "price", POOL_PLACE), 1.0, "nothing was sold");
}

#[test]
fn a_vault_guarantees_its_own_markets_only() {
    let vaults = r#"{"nodes": (), "pool": (asset: "STK", venue: "STK/USD")}"#;
    let simulation = fall(&guaranteed("", &[("protocol.vaults", vaults)]));
    assert_eq!((vault(&simulation).cut, outcome(&simulation, "stake_paid")), (0, 0.0));
}

#[test]
fn leaving_takes_its_time_and_does_not_escape_a_cut() {
    let mut simulation = start(&guaranteed("cooldown: \"1h\", slash_cap: 0.25", &[]));
    drive(&mut simulation, 3, |_, _| {});
    act(&mut simulation, STAKER, "unstake", &[POOL, Value::Number(400.0)]).expect("asked back");
    assert_eq!(act(&mut simulation, STAKER, "unstake", &[POOL, Value::Number(601.0)]), Err(Rejected::FUNDS));
    let early = act(&mut simulation, STAKER, "redeem", &[POOL]);
    assert_eq!(early, Err(Rejected::new("nothing_cooled_down")));
    let mut scenario = guaranteed("cooldown: \"5s\", slash_cap: 0.25", &[]);
    scenario.cohorts[3].1.count = 1;
    let mut simulation = start(&scenario);
    drive(&mut simulation, 3, |_, _| {});
    act(&mut simulation, STAKER, "unstake", &[POOL, Value::Number(400.0)]).expect("asked back");
    drive(&mut simulation, 5, |_, _| {});
    act(&mut simulation, STAKER, "redeem", &[POOL]).expect("it has cooled down");
    assert!((own(&simulation, "balance", STAKER, TOK + 1) - 900.0).abs() < 1e-5);
    assert!((own(&simulation, "staked", STAKER, POOL_PLACE) - 600.0).abs() < 1e-5);
}

#[test]
fn the_cap_counts_all_cuts_of_a_window() {
    // Two bankruptcies in one window: the second finds the cap used up.
    let scenario = guaranteed("slash_cap: 0.25, slash_window: \"1h\"", &[]);
    let mut simulation = start(&scenario);
    drive(&mut simulation, 3, |_, _| {});
    for trader in [TRADER, TRADER + 1] {
        act(&mut simulation, trader, "open", &[MARKET, Value::Number(5000.0)]).expect("a long");
    }
    let keep = liquidators(simulation.registry());
    for _ in 0..12 {
        simulation.step(&mut Native::new(&simulation, &keep));
    }
    assert!(outcome(&simulation, "deficits") > 2500.0, "both are bankrupt");
    assert_eq!(vault(&simulation).cut, 500_000_000, "a quarter of 2000, and no more");
}

const SIGMA: f64 = 1e-4;

/// A world of `nodes` nodes with equal stake on a fixed price, own noise of [`SIGMA`], and a published round every step.
fn network(nodes: u32, extra: &[(&str, &str)]) -> Scenario {
    let feed = format!(r#"{{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0, own_noise: {SIGMA})}}"#);
    let mut blocks =
        vec![("market.prices", r#"{"TOK": (start: 1.0, process: Fixed)}"#), ("protocol.feeds", feed.as_str())];
    blocks.extend_from_slice(extra);
    let mut scenario = small(&blocks);
    scenario.cohorts[0].1.count = nodes;
    scenario.cohorts.truncate(1);
    scenario
}

/// Steps with nodes that report what `report` makes of their place and observation.
fn report(simulation: &mut Simulation, steps: u32, report: impl Fn(u32, f64) -> Option<f64>, mut see: impl FnMut(f64)) {
    let observation = palisade_tests::hosts::own_field(simulation.registry(), "observation");
    for _ in 0..steps {
        let mut host = Native::new(simulation, |ask: &Ask<'_>, replies: &mut Replies| {
            let Some(feed) = ask.subject.filter(|_| ask.hook == Hook::Report) else { return };
            for (row, agent) in ask.agents.iter().enumerate() {
                let seen = ask.own.value(observation, feed.index as usize, 0, row);
                replies.values.extend(report(agent.0, seen).map(|price| (row, price)));
            }
        })
        .reading(simulation, &["observation"]);
        simulation.step(&mut host);
        see(seen(simulation, Kind::Feed, "price", 0));
    }
}

/// A network whose rule is the mean by stake: the mutant of the median.
const MEAN: (&str, &str) = (
    "protocol.feeds",
    r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0, own_noise: 0.0001, rule: "stake_weighted_mean")}"#,
);

#[track_caller]
fn check_breakdown(colluders: u32, price: f64, moved: bool) {
    assert_eq!(breaks_down(colluders, price, &[]), moved, "{colluders} of 6 reporting {price}");
}

/// Whether so many of six reporting nodes move the price; ten have equal stakes, four of them are silent.
fn breaks_down(colluders: u32, price: f64, extra: &[(&str, &str)]) -> bool {
    let mut simulation = start(&network(10, extra));
    let mut last = 0.0;
    report(
        &mut simulation,
        3,
        |node, seen| if node < colluders { Some(price) } else { (node < 6).then_some(seen) },
        |seen| {
            last = seen;
        },
    );
    (last - 1.0_f64).abs() > 0.5
}

/// Kills a rule that needs half of all stake instead of the reporting stake (4 of 10 are 40 %), a strict threshold
/// downward, and the mean.
#[test]
fn a_majority_of_the_reporting_stake_controls_the_price_and_half_does_not_lift_it() {
    check_breakdown(3, 1000.0, false);
    check_breakdown(4, 1000.0, true);
    // The lower median is reached by exactly half from below.
    check_breakdown(2, 0.001, false);
    check_breakdown(3, 0.001, true);
    assert!(breaks_down(1, 1000.0, &[MEAN]), "one node moves a mean");
}

#[track_caller]
fn within_standard_errors(found: f64, expected: f64, error: f64) {
    assert!((found - expected).abs() <= 4.0 * error, "{found} is {} s.e. from {expected}", (found - expected) / error);
}

/// Mean and deviation of the published price's logarithm, in units of the noise, when a minority reports a price far up.
fn shift(nodes: u32, colluders: u32, extra: &[(&str, &str)]) -> (f64, f64) {
    let steps = 600;
    let mut simulation = start(&network(nodes, extra));
    let (mut sum, mut squares) = (0.0, 0.0);
    let lie = |node, seen| Some(if node < colluders { 1e6 } else { seen });
    report(&mut simulation, steps, lie, |price| {
        let shift = price.ln() / SIGMA;
        sum += shift;
        squares += shift * shift;
    });
    let n = f64::from(steps);
    (sum / n, (squares / n - (sum / n) * (sum / n)).sqrt() / n.sqrt())
}

/// Kills the mean, which a lie moves without bound, and an upper median, which lies half a rank higher.
#[test]
fn a_minority_moves_the_price_by_the_exact_quantile_and_no_further() {
    assert!(shift(21, 4, &[MEAN]).0 > 1e4, "a mean goes where it is pushed");
    let (even, error) = shift(20, 4, &[]);
    let upper = palisade_engine::math::order_statistics::minority_shift_finite(22, 6);
    assert!(
        (even - upper).abs() > 4.0 * error,
        "an upper median of 20 would be the 11th report: {even} is not {upper}"
    );
    for (nodes, colluders) in [(21, 4), (21, 7), (31, 10)] {
        let (mean, error) = shift(nodes, colluders, &[]);
        let expected = palisade_engine::math::order_statistics::minority_shift_finite(nodes, colluders);
        within_standard_errors(mean, expected, error);
        // Many nodes: the quantile of the closed form.
        let share = f64::from(colluders) / f64::from(nodes);
        let limit = palisade_engine::math::order_statistics::minority_shift(1.0, share);
        assert!((expected - limit).abs() < 0.12, "{expected} is near {limit}");
    }
}

/// Kills a band around the true price instead of the round's own median: that rate is the naive one, which the exact one
/// differs from by more than the error allowed.
#[test]
fn honest_nodes_are_convicted_at_the_exact_rate_of_their_noise() {
    for (nodes, band, steps) in [(3, 1.0, 2000), (5, 2.0, 2000), (31, 2.0, 400)] {
        let terms = format!("(deviation_tolerance: {}, deviation_slash: 0.000001)", band * SIGMA);
        let mut simulation = start(&network(nodes, &[("protocol.offences", &terms)]));
        report(&mut simulation, steps, |_, seen| Some(seen), |_| {});
        let trials = f64::from(nodes) * f64::from(steps);
        let rate = palisade_engine::math::order_statistics::false_positive_rate(nodes, band);
        let found = outcome(&simulation, "deviation_offences") / trials;
        let error = (rate * (1.0 - rate) / trials).sqrt();
        within_standard_errors(found, rate, error);
        if nodes == 3 {
            let naive = 2.0 * palisade_engine::math::order_statistics::normal_cdf(-band);
            assert!((found - naive).abs() > 4.0 * error, "{found} is not {naive}");
        }
    }
}

#[test]
fn silence_costs_stake_each_time_it_has_lasted() {
    let terms = r#"(downtime_after: "10s", downtime_slash: 0.1)"#;
    let mut simulation = start(&network(5, &[("protocol.offences", terms)]));
    report(&mut simulation, 35, |node, seen| (node > 0).then_some(seen), |_| {});
    assert_eq!(outcome(&simulation, "downtime_offences"), 3.0);
    let left = own(&simulation, "staked", 0, 0);
    assert!((left - 1000.0 * 0.9_f64.powi(3)).abs() < 1e-3, "{left}");
    assert_eq!(own(&simulation, "staked", 1, 0), 1000.0, "nobody else bears a unit of it");
}

#[test]
fn offenders_pay_victims_first_then_the_reporter_the_insurance_fund_and_nobody() {
    // Under a mean one node moves the price alone, is far from it, and is convicted for it.
    let feed = r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0, rule: "stake_weighted_mean")}"#;
    let terms = "(deviation_tolerance: 0.3, deviation_slash: 1.0, reporter_share: 0.25, insurance_share: 0.25)";
    let mut scenario = small(&[
        ("market.prices", r#"{"TOK": (start: 1.0, process: Fixed)}"#),
        ("protocol.feeds", feed),
        ("protocol.offences", terms),
        ("protocol.funds", "(pool: 10000.0, insurance: 0.0)"),
        ("protocol.waterfall", "(order: [margin, insurance, socialized])"),
        ("protocol.liquidation", "(penalty: 0.01, keeper_share: 1.0)"),
    ]);
    scenario.cohorts[0].1.count = 10;
    let (node, trader, keeper) = (0, 10, 14);
    let mut simulation = start(&scenario);
    let registry = simulation.registry().clone();
    let observation = palisade_tests::hosts::own_field(&registry, "observation");
    for step in 0..8 {
        if step == 3 {
            act(&mut simulation, trader, "open", &[MARKET, Value::Number(-5000.0)]).expect("a short");
        }
        let mut host = Native::new(&simulation, |ask: &Ask<'_>, replies: &mut Replies| {
            if ask.hook == Hook::Report {
                for (row, agent) in ask.agents.iter().enumerate() {
                    let seen = ask.own.value(observation, 0, 0, row);
                    let lie = step == 5 && agent.0 == node;
                    replies.values.push((row, if lie { 2.7 } else { seen }));
                }
            }
            if let Some(account) = ask.subject.filter(|_| ask.hook == Hook::Liquidate) {
                let args = [Value::Handle(account), Value::Number(1.0)];
                if ask.agents.iter().any(|agent| agent.0 == keeper) {
                    replies.intents.push(intent(&registry, keeper, 0, "liquidate", &args));
                }
            }
        });
        simulation.step(&mut host);
    }
    // The mean went to 1.17: a short of 5000 with 1000 of margin was closed there, though nothing had happened.
    assert_eq!(outcome(&simulation, "wrongful_liquidations"), 1.0);
    let harm = outcome(&simulation, "wrongful_harm");
    assert!(harm > 500.0, "{harm}");
    assert_eq!(outcome(&simulation, "deviation_offences"), 1.0);
    // All of 1000 staked coins were cut: victims first.
    let paid = outcome(&simulation, "victims_paid");
    assert!((paid - harm.min(1000.0)).abs() < 1e-6, "{paid} of {harm}");
    let rest = 1000.0 - paid;
    let reporters: f64 = (1..10).map(|node| own(&simulation, "cash", node, 0)).sum();
    assert!((reporters - 0.25 * rest).abs() < 1e-3, "{reporters} of {rest}");
    let burned = part::<Vault>(simulation.world(), Kind::Vault, 0).map(|vault| vault.burned).expect("a vault");
    let burned = simulation.world().resource::<Ledger>().balance(burned) as f64 / 1e6;
    assert!((burned - 0.5 * rest).abs() < 1e-3, "{burned} of {rest}");
    assert_eq!(own(&simulation, "staked", node, 0), 0.0);
    let harms = part::<Harm>(simulation.world(), Kind::Feed, 0).expect("a feed");
    assert!(harms.claims.is_empty(), "paid in full");
}

#[test]
fn nodes_take_bribes_by_their_stake_until_the_money_is_gone() {
    let mut simulation = start(&{
        let mut scenario = network(5, &[]);
        scenario.cohorts.push((
            "attackers.briber".into(),
            palisade_engine::scenario::Cohort { wallet: wallet(&[("USD", 100.0)]), ..cohort(Role::Attacker, 1) },
        ));
        scenario
    });
    let feed = handle(Kind::Feed, 0);
    let offer = [feed, Value::Number(2.0), Value::Number(0.01), Value::Number(50.0)];
    act(&mut simulation, 5, "bribe", &offer).expect("an offer");
    // Two of five report what is asked for: 10 coins a round each, 50 in all.
    report(&mut simulation, 4, |node, seen| Some(if node < 2 { 2.0 } else { seen }), |_| {});
    assert_eq!(outcome(&simulation, "bribes_paid"), 50.0);
    assert_eq!(own(&simulation, "cash", 0, 0), 30.0, "the first in order takes what is left");
    assert_eq!(seen(&simulation, Kind::Feed, "bribe_price", 0), 0.0, "no money, no offer");
    act(&mut simulation, 5, "bribe", &offer).expect("another offer");
    act(&mut simulation, 5, "end_bribe", &[feed]).expect("taken back");
    assert_eq!(own(&simulation, "cash", 5, 0), 50.0);
}

#[test]
fn worth_is_counted_at_those_who_own_it() {
    let simulation = fall(&guaranteed("slash_cap: 0.25", &[]));
    let worth = valuation::group_worth(simulation.world());
    let of = |group: &str| worth.iter().find(|(name, _)| name == group).map(|(_, worth)| *worth).expect("a group");
    assert!(of("vault pool").abs() < 1e-3, "{}", of("vault pool"));
    let price = seen(&simulation, Kind::Vault, "price", POOL_PLACE);
    let fees =
        own(&simulation, "unclaimed", STAKER, POOL_PLACE) + own(&simulation, "unclaimed", STAKER + 1, POOL_PLACE);
    assert!((of("stakers") - price * (1500.0 + 1000.0) - fees).abs() < 1e-3, "{}", of("stakers"));
}
