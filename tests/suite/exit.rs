//! What attackers gained when all they hold is sold at once: told before it is done, and done.

use palisade_engine::action::{Rejected, Value};
use palisade_engine::math::impact::swap_out;
use palisade_engine::mechanisms::ALL;
use palisade_engine::outcomes::attacker_profit;
use palisade_engine::registry::Kind;
use palisade_engine::scenario::Scenario;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{drive, handle, intent};
use palisade_tests::worlds::small;

const ATTACKER: u32 = 9;
const MARKET: Value = handle(Kind::Market, 0);
const VENUE: Value = handle(Kind::Venue, 0);
const COIN: i128 = 1_000_000;

fn start(scenario: &Scenario) -> Simulation {
    let mut simulation = Simulation::new(scenario, &ALL, Options { seed: 1, ..Options::default() }).expect("legal");
    drive(&mut simulation, 3, |_, _| {});
    simulation
}

fn act(simulation: &mut Simulation, account: u8, action: &str, args: &[Value]) -> Result<(), Rejected> {
    let intent = intent(simulation.registry(), ATTACKER, account, action, args);
    simulation.act(&intent)
}

fn profit(simulation: &Simulation) -> i128 {
    attacker_profit(simulation.world())
}

/// What attackers carried out, in units.
#[allow(clippy::cast_possible_truncation)]
fn carried_out(simulation: &Simulation) -> i128 {
    (simulation.outcome("attacker_net").expect("declared") * 1e6).round() as i128
}

/// Long and short with a profit and a loss, and tokens: closing, withdrawing and selling brings what was told, to the unit.
#[test]
fn what_an_exit_brings_is_told_to_the_unit_before_it_is_made() {
    let mut simulation = start(&small(&[]));
    assert_eq!(profit(&simulation), 0);
    for (account, size) in [(0, 3000.0), (1, -1000.0)] {
        act(&mut simulation, account, "deposit", &[Value::Number(1000.0)]).expect("collateral");
        act(&mut simulation, account, "open", &[MARKET, Value::Number(size)]).expect("a position");
    }
    act(&mut simulation, 0, "buy", &[VENUE, Value::Number(1_234.567_891)]).expect("tokens");
    drive(&mut simulation, 5, |_, _| {});
    let told = profit(&simulation);
    assert!(told > 100 * COIN, "the long gains more than the short loses: {told}");
    for account in [0, 1] {
        act(&mut simulation, account, "close", &[MARKET, Value::All]).expect("there is a price");
        act(&mut simulation, account, "withdraw", &[Value::All]).expect("the pool can pay");
        assert_eq!(profit(&simulation), told, "whatever part of it is done");
    }
    act(&mut simulation, 0, "sell", &[VENUE, Value::All]).expect("tokens back");
    assert_eq!((carried_out(&simulation), profit(&simulation)), (told, told));
}

/// On paper the long gains a hundred where the price doubles, and the pool cannot pay any of it; a short that loses more than
/// its margin of 200 owes the rest to nobody whom the attacker would have to pay.
#[test]
fn a_dry_pool_pays_nothing_and_nobody_pays_more_than_the_margin() {
    let prices = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "5s", price: 1.0), (at: "6s", price: 2.0)]))}"#;
    let scenario = small(&[
        ("market.prices", prices),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#),
        (
            "protocol.markets",
            r#"{"TOK-PERP": (feed: "TOK", base: "TOK", imr: 0.1, mmr: 0.05, skew_scale: 1e17, fee: 0.0)}"#,
        ),
        ("protocol.funds", "(pool: 0.0, insurance: 0.0, deposits: 0.0)"),
    ]);
    for (size, expected) in [(100.0, 0), (-1000.0, -200 * COIN)] {
        let mut simulation = start(&scenario);
        act(&mut simulation, 0, "deposit", &[Value::Number(200.0)]).expect("collateral");
        act(&mut simulation, 0, "open", &[MARKET, Value::Number(size)]).expect("a position");
        drive(&mut simulation, 6, |_, _| {});
        assert_eq!(profit(&simulation), expected, "{size}");
    }
}

#[test]
fn stake_counts_as_what_it_sells_for_whether_it_is_out_or_not() {
    let vaults = r#"{"nodes": (), "pool": (asset: "TOK", venue: "TOK/USD", cooldown: "1h")}"#;
    let mut simulation = start(&small(&[("protocol.vaults", vaults)]));
    act(&mut simulation, 0, "buy", &[VENUE, Value::Number(1000.0)]).expect("tokens");
    let held = profit(&simulation);
    assert!((-10 * COIN..0).contains(&held), "the fee, twice: {held}");
    let pool = handle(Kind::Vault, 1);
    act(&mut simulation, 0, "stake", &[pool, Value::Fraction(0.7)]).expect("stake");
    assert_eq!(profit(&simulation), held);
    act(&mut simulation, 0, "unstake", &[pool, Value::All]).expect("asked back");
    assert_eq!(profit(&simulation), held, "it cools down");
}

#[test]
fn tokens_are_spread_over_the_venues_that_take_them() {
    let venues = r#"{
        "a": (base: "TOK", quote: "USD", price: 1.0, depth: 10000.0, fee: 0.0),
        "b": (base: "TOK", quote: "USD", price: 1.0, depth: 30000.0, fee: 0.0),
    }"#;
    let feed = r#"{"TOK": (sources: ["a"], heartbeat: "1s", deviation: 0.0)}"#;
    let market = r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["a"])}"#;
    let mut scenario = small(&[("market.venues", venues), ("protocol.feeds", feed), ("protocol.markets", market)]);
    scenario.cohorts[3].1.wallet.insert("TOK".into(), palisade_engine::scenario::Amounts::Fixed(4000.0));
    let simulation = start(&scenario);
    let (brought, worth) = palisade_engine::outcomes::attackers_brought(simulation.world());
    let coin = 1_000_000;
    let sold =
        |amount: i64, depth: i64| i128::from(swap_out(amount * coin, depth * coin, depth * coin, 0).expect("fits"));
    // Prices stay equal where a quarter goes to the pool with a quarter of the depth.
    assert_eq!(worth, 100_000 * COIN + sold(1000, 10_000) + sold(3000, 30_000));
    assert!(sold(1000, 10_000) + sold(3000, 30_000) > sold(4000, 30_000));
    assert_eq!((brought.proceeds(simulation.world()), brought.is_money()), (worth, false));
    assert_eq!(profit(&simulation), 0);
}

#[test]
fn a_bribe_that_was_not_taken_comes_back() {
    let mut simulation = start(&small(&[]));
    let offer = [handle(Kind::Feed, 0), Value::Number(77.0), Value::Number(0.1), Value::Number(500.0)];
    act(&mut simulation, 0, "bribe", &offer).expect("an offer");
    assert_eq!((carried_out(&simulation), profit(&simulation)), (-500 * COIN, 0));
}
