//! Auctions of underwater accounts' positions: prices to the digit, who wins, and what becomes of what nobody takes.

use palisade_engine::action::{Rejected, Value};
use palisade_engine::host::{Hook, Host};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::Kind;
use palisade_engine::scenario::{Amounts, Scenario};
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, handle, honest_nodes, intent, own, seen};
use palisade_tests::worlds::small;

use crate::scenarios::{outcome, report};

const TRADER: u32 = 3;
const KEEPERS: [u32; 2] = [7, 8];

/// A trader with 1,000 coins and 7,000 contracts at 1; from step 11 on the price is `after`.
fn scenario(auctions: &str, after: f64) -> Scenario {
    let prices = format!(
        r#"{{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: {after})]))}}"#
    );
    small(&[
        ("market.prices", &prices),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#),
        (
            "protocol.markets",
            r#"{"TOK-PERP": (feed: "TOK", base: "TOK", imr: 0.1, mmr: 0.05, fee: 0.0, skew_scale: 1e17)}"#,
        ),
        ("protocol.liquidation", "(route: auction, penalty: 0.0, full_below: 1.0)"),
        ("protocol.auctions", auctions),
    ])
}

/// What bidders saw of an auction, and when.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Seen {
    step: u64,
    price: f64,
    best: f64,
    left: f64,
}

struct World {
    simulation: Simulation,
    seen: Vec<Seen>,
}

impl World {
    fn of(scenario: &Scenario, seed: u64, size: f64) -> Self {
        let options = Options { seed, ..Options::default() };
        let simulation = Simulation::new(scenario, &ALL, options).expect("a legal scenario");
        let mut world = Self { simulation, seen: Vec::new() };
        world.steps(3, |_, _, _| None);
        let open =
            intent(world.simulation.registry(), TRADER, 0, "open", &[handle(Kind::Market, 0), Value::Number(size)]);
        world.simulation.act(&open).expect("a position");
        world.steps(8, |_, _, _| None);
        assert!(world.seen.is_empty());
        world
    }

    fn new(auctions: &str) -> Self {
        Self::of(&scenario(auctions, 0.9), 1, 7000.0)
    }

    /// Steps in which keepers bid by their id, the second of the auction, and its least price.
    fn steps(&mut self, steps: u64, bid: impl Fn(u32, u64, f64) -> Option<f64>) {
        let (honest, fields) = (honest_nodes(self.simulation.registry()), self.simulation.registry().public.clone());
        let read = |values: &[f64], name: &str| {
            let place = fields.iter().position(|field| field.of == Kind::Auction && field.name == name);
            values[place.expect("a field")]
        };
        for _ in 0..steps {
            let seen = &mut self.seen;
            let mut host = Native::new(&self.simulation, |ask, replies| {
                honest(ask, replies);
                if ask.hook != Hook::Bid || !ask.agents.iter().any(|agent| KEEPERS.contains(&agent.0)) {
                    return;
                }
                let value = |name| read(ask.subject_values, name);
                let now = Seen {
                    step: ask.now.step,
                    price: value("price"),
                    best: value("best_bid"),
                    left: value("time_left"),
                };
                seen.push(now);
                let first = seen[0].step;
                for (row, agent) in ask.agents.iter().enumerate() {
                    replies.values.extend(bid(agent.0, now.step - first, now.price).map(|price| (row, price)));
                }
            });
            self.simulation.step(&mut host as &mut dyn Host);
        }
    }

    fn outcome(&self, name: &str) -> f64 {
        self.simulation.outcome(name).expect("an outcome")
    }

    fn size(&self, agent: u32) -> f64 {
        own(&self.simulation, "size", agent, 0)
    }

    fn equity(&self, agent: u32) -> f64 {
        own(&self.simulation, "equity", agent, 0)
    }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

/// 300 coins are left at 0.9: bankrupt at 0.9 − 300/7000.
const FLOOR: f64 = 0.9 - 300.0 / 7000.0;

/// From 0.9 · 1.02 = 0.918 straight to the floor in ten seconds; then it fails, and begins anew in the next step.
/// Kills: a price that falls by ratio, one that starts below the mark, one that ends before its floor was offered.
#[test]
fn a_dutch_price_falls_straight_to_the_bankruptcy_price() {
    let mut world = World::new(r#"(duration: "10s", premium: 0.02)"#);
    world.steps(12, |_, _, _| None);
    let prices: Vec<f64> = world.seen.iter().map(|seen| seen.price).collect();
    assert_eq!((world.seen[0].step, prices.len()), (11, 12));
    for (second, price) in prices[..11].iter().enumerate() {
        near(*price, 0.918 + (FLOOR - 0.918) * second as f64 / 10.0);
        assert_eq!(world.seen[second].left, 10.0 - second as f64);
    }
    near(prices[11], 0.918);
    assert_eq!((world.outcome("auctions_failed"), world.outcome("auctions_settled")), (1.0, 0.0));
    assert_eq!((world.size(TRADER), world.outcome("liquidations")), (7000.0, 0.0));
}

/// Going prices of 0.918 − 0.0060857 a second pass 0.89 within the fifth; the going price is paid, not what was offered.
#[test]
fn the_first_who_takes_the_going_price_has_it() {
    let mut world = World::new(r#"(duration: "10s", premium: 0.02)"#);
    world.steps(20, |agent, _, _| (agent == 8).then_some(0.89));
    let price = 0.918 + (FLOOR - 0.918) * 0.5;
    assert_eq!(world.seen.len(), 6, "it ends with its taker");
    assert_eq!((world.size(TRADER), world.size(7), world.size(8)), (0.0, 0.0, 7000.0));
    near(own(&world.simulation, "entry", 8, 0), price);
    near(world.equity(TRADER), 1000.0 - 7000.0 * (1.0 - price));
    near(world.equity(8), 1000.0 + 7000.0 * (0.9 - price));
    near(world.outcome("auction_discount"), (0.9 - price) / 0.9);
    assert_eq!((world.outcome("auctions_settled"), world.outcome("liquidations")), (1.0, 1.0));
}

#[test]
fn the_penalty_goes_to_the_insurance_fund() {
    let mut scenario = scenario("()", 0.9);
    scenario.blocks.insert("protocol.liquidation".into(), "(route: auction, penalty: 0.01, full_below: 1.0)".into());
    let mut world = World::of(&scenario, 1, 7000.0);
    world.steps(1, |agent, _, price| (agent == 7).then_some(price));
    // Sold at 0.9 · 1.01 at once: 1 % of 6,363 of the 363 that are left.
    near(world.equity(TRADER), 363.0 - 63.63);
    near(palisade_engine::valuation::fund(world.simulation.world(), |funds| funds.insurance), 163.63);
}

/// A short is bought back for more and more: kills a price that falls for both.
#[test]
fn a_short_is_sold_upwards() {
    let mut world = World::of(&scenario(r#"(duration: "10s", premium: 0.02)"#, 1.1), 1, -7000.0);
    world.steps(20, |agent, _, _| (agent == 7).then_some(1.12));
    let (start, floor) = (1.1 * 0.98, 1.1 + 300.0 / 7000.0);
    near(world.seen[3].price, start + (floor - start) * 0.3);
    // 1.078 + 0.0064857 a second: beyond 1.12 in the seventh.
    assert_eq!((world.seen.len(), world.size(7)), (8, -7000.0));
    near(own(&world.simulation, "entry", 7, 0), start + (floor - start) * 0.7);
}

#[test]
fn equal_takers_are_drawn_and_the_same_seed_draws_the_same() {
    let winners: Vec<bool> = (0..20)
        .map(|seed| {
            let winner = || {
                let mut world = World::of(&scenario("()", 0.9), seed, 7000.0);
                world.steps(1, |_, _, price| Some(price));
                world.size(7) == 7000.0
            };
            let first = winner();
            assert_eq!(first, winner());
            first
        })
        .collect();
    let of_first = winners.iter().filter(|first| **first).count();
    assert!((4..=16).contains(&of_first), "{of_first} of 20");
}

/// Kills: a winner that is not margined, one whose failure ends the auction.
#[test]
fn who_cannot_carry_it_is_passed_over() {
    let mut scenario = scenario("()", 0.9);
    // 6,300 of notional take 630 of margin: the second keeper has too little for whatever it bids.
    let mut poor = scenario.cohorts[2].clone();
    poor.0 = "population.poor keepers".into();
    (poor.1.count, poor.1.margin) = (1, Some(Amounts::Fixed(500.0)));
    scenario.cohorts[2].1.count = 1;
    scenario.cohorts.insert(3, poor);
    for form in ["dutch", "english"] {
        scenario.blocks.insert("protocol.auctions".into(), format!(r#"(form: {form}, duration: "2s")"#));
        let mut world = World::of(&scenario, 1, 7000.0);
        world.steps(3, |agent, _, price| Some(if agent == 8 { 1.01 * price } else { price }));
        assert_eq!((world.size(7), world.size(8), world.size(TRADER)), (7000.0, 0.0, 0.0), "{form}");
        let mut world = World::of(&scenario, 1, 7000.0);
        world.steps(3, |agent, _, price| (agent == 8).then_some(price));
        assert_eq!((world.size(8), world.size(TRADER)), (0.0, 7000.0), "{form}: nobody else wants it");
        assert_eq!(world.outcome("auctions_failed"), 1.0);
    }
}

/// Kills: a bid that beats by less than the increment, one against oneself, an end after the first bid instead of the last.
#[test]
fn an_english_auction_ends_some_time_after_the_last_better_bid() {
    let mut world = World::new(r#"(form: english, duration: "20s", quiet: "3s", increment: 0.01)"#);
    world.steps(20, |agent, second, _| match (agent, second) {
        (7, 0) => Some(0.86),
        (7, 1) => Some(0.899),
        (8, 1) => Some(0.868),
        (8, 2) => Some(0.87),
        (7, 4) => Some(0.878),
        _ => None,
    });
    let told: Vec<(f64, f64, f64)> = world.seen.iter().map(|seen| (seen.price, seen.best, seen.left)).collect();
    near(told[0].0, FLOOR);
    assert_eq!(told[0].1, 0.0);
    assert_eq!(told[0].2, 20.0);
    // 0.868 is less than 1 % above 0.86; 0.878 than above 0.87; 0.899 would be the leader's own.
    assert_eq!(told[1..3], [(0.86 * 1.01, 0.86, 2.0), (0.86 * 1.01, 0.86, 1.0)]);
    assert_eq!(told[3..], [(0.87 * 1.01, 0.87, 2.0), (0.87 * 1.01, 0.87, 1.0), (0.87 * 1.01, 0.87, 0.0)]);
    assert_eq!(world.size(8), 7000.0);
    near(own(&world.simulation, "entry", 8, 0), 0.87);
}

#[test]
fn an_english_auction_ends_at_its_deadline_at_the_latest() {
    let mut world = World::new(r#"(form: english, duration: "5s", quiet: "3s", increment: 0.001)"#);
    // Each outbids the other every second.
    world.steps(20, |agent, second, price| (u64::from(agent % 2) == second % 2).then_some(price));
    assert_eq!((world.seen.len(), world.outcome("auctions_settled")), (6, 1.0));
    near(own(&world.simulation, "entry", 7, 0), (0..5).fold(FLOOR, |price, _| price * 1.001));
}

#[test]
fn large_positions_are_sold_lot_by_lot_and_no_more_than_restores_health() {
    let mut scenario = scenario("(lot: 900.0)", 0.9);
    scenario.blocks.insert("protocol.liquidation".into(), "(route: auction, penalty: 0.0, target_health: 1.2)".into());
    let mut world = World::of(&scenario, 1, 7000.0);
    world.steps(1, |agent, _, price| (agent == 7).then_some(price));
    assert_eq!(world.size(7), 1000.0, "900 coins at 0.9");
    world.steps(5, |agent, _, price| (agent == 7).then_some(price));
    let health = world.equity(TRADER) / own(&world.simulation, "mmr", TRADER, 0);
    assert!((1.0..1.3).contains(&health), "{health}");
    assert!(world.size(TRADER) > 5000.0, "{}", world.size(TRADER));
}

#[test]
fn what_has_become_sound_is_sold_no_longer() {
    let mut world = World::new("()");
    world.steps(2, |_, _, _| None);
    assert_eq!(seen(&world.simulation, Kind::Auction, "size", TRADER as usize), 7000.0);
    let deposit = intent(world.simulation.registry(), TRADER, 0, "deposit", &[Value::All]);
    world.simulation.act(&deposit).expect("a deposit");
    world.steps(3, |_, _, price| Some(price));
    assert_eq!((world.seen.len(), world.size(TRADER)), (2, 7000.0));
    assert_eq!((world.outcome("auctions_failed"), world.outcome("auctions_settled")), (0.0, 0.0));
}

/// What becomes of a bankrupt account that nobody takes: the same as where nobody takes it over.
#[test]
fn what_nobody_takes_goes_the_way_of_the_waterfall() {
    for order in ["[margin, insurance, socialized]", "[margin, insurance, auto_deleverage]"] {
        let end = |route: &str| {
            let mut scenario = scenario("()", 0.8);
            scenario.blocks.insert("protocol.liquidation".into(), format!("(route: {route})"));
            scenario.blocks.insert("protocol.waterfall".into(), format!("(order: {order})"));
            if route != "auction" {
                scenario.blocks.remove("protocol.auctions");
            }
            let mut world = World::of(&scenario, 1, 7000.0);
            world.steps(10, |_, _, _| None);
            let figures = ["deficits", "insurance_paid", "deleveraged", "socialized", "written_off", "solvency"];
            (figures.map(|name| world.outcome(name)), world.equity(TRADER), world.size(TRADER))
        };
        assert_eq!(end("auction"), end("takeover"), "{order}");
    }
}

#[test]
fn auctions_need_their_route_and_their_route_needs_auctions() {
    let mut world = World::new("()");
    world.steps(1, |_, _, _| None);
    let take = [handle(Kind::Account, TRADER), Value::Number(1.0)];
    let take = intent(world.simulation.registry(), KEEPERS[0], 0, "liquidate", &take);
    assert_eq!(world.simulation.act(&take), Err(Rejected::new("sold_by_auction")));
    let mut other = scenario("()", 0.9);
    other.blocks.remove("protocol.liquidation");
    let refused = Simulation::new(&other, &ALL, Options::default()).err().expect("no route").to_string();
    assert!(refused.contains("without `route: auction`"), "{refused}");
}

/// The crash of `crash.ron`: bidders spare the layers behind margin most of what falls to them where nobody bids.
#[test]
fn auctions_clear_a_crash() {
    for (form, bidder) in [("dutch", "dutch_bidder"), ("english", "english_bidder")] {
        let auctions = format!(r#"protocol.auctions=(form: {form}, premium: 0.0, duration: "30m", quiet: "5m")"#);
        let figures = |count: u32| {
            let keepers = format!(
                r#"population.keepers=(role: keeper, strategy: "{bidder}", count: {count}, margin: Fixed(400_000.0), params: {{"discount": 0.0}})"#
            );
            let report =
                report("crash.ron", &["clock.0.dt=\"5m\"", "protocol.liquidation.route=auction", &auctions, &keepers]);
            ["auctions_settled", "auctions_failed", "auction_discount", "deficits", "faults"]
                .map(|name| outcome(&report, name))
        };
        let [settled, failed, discount, deficits, faults] = figures(8);
        let [none, .., left, _] = figures(0);
        assert!(settled > 500.0 && failed < 0.01 * settled, "{form}: {settled} settled, {failed} failed");
        assert!((0.0..0.025).contains(&discount), "{form}: {discount}");
        assert!(deficits < 0.3 * left && none == 0.0, "{form}: {deficits} instead of {left}");
        assert_eq!(faults, 0.0);
    }
}
