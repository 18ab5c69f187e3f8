//! Small worlds as scenarios in code: one asset, one venue, one feed, one market, and cohorts by role.

use std::collections::BTreeMap;

use palisade_engine::clock::Segment;
use palisade_engine::scenario::{Amounts, AssetSpec, Cohort, Role, Scenario};
use palisade_engine::units::Span;

/// Blocks and cohorts to start from.
#[must_use]
pub fn small(blocks: &[(&str, &str)]) -> Scenario {
    let mut scenario = Scenario {
        name: "small".into(),
        clock: vec![Segment { length: Span(100_000), dt: Span(1_000) }],
        assets: vec![("USD".into(), AssetSpec { decimals: 6 }), ("TOK".into(), AssetSpec { decimals: 6 })],
        settlement: "USD".into(),
        cohorts: vec![
            ("population.nodes".into(), Cohort { stake: Some(Amounts::Fixed(1000.0)), ..cohort(Role::Oracle, 3) }),
            (
                "population.traders".into(),
                Cohort {
                    margin: Some(Amounts::Fixed(1000.0)),
                    wallet: wallet(&[("USD", 1000.0), ("TOK", 1000.0)]),
                    ..cohort(Role::Trader, 4)
                },
            ),
            ("population.keepers".into(), Cohort { margin: Some(Amounts::Fixed(1000.0)), ..cohort(Role::Keeper, 2) }),
            (
                "attackers.attacker".into(),
                Cohort { accounts: 2, wallet: wallet(&[("USD", 100_000.0)]), ..cohort(Role::Attacker, 1) },
            ),
        ],
        blocks: BTreeMap::new(),
        ..Scenario::default()
    };
    let defaults = [
        ("market.venues", r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 10000.0)}"#),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK/USD"], heartbeat: "1s", deviation: 0.0)}"#),
        (
            "protocol.markets",
            r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e7, unrealized_weight: 1.0)}"#,
        ),
        ("protocol.funds", "(pool: 10000.0, insurance: 100.0, deposits: 5000.0)"),
    ];
    for (path, text) in defaults.iter().chain(blocks) {
        scenario.blocks.insert((*path).into(), (*text).into());
    }
    scenario
}

/// A cohort of `count` agents with nothing.
#[must_use]
pub fn cohort(role: Role, count: u32) -> Cohort {
    Cohort {
        role,
        strategy: String::new(),
        count,
        accounts: 1,
        wallet: BTreeMap::new(),
        margin: None,
        stake: None,
        params: BTreeMap::new(),
        bind: BTreeMap::new(),
        latency: Span(0),
    }
}

/// The same starting wallet for everyone.
#[must_use]
pub fn wallet(coins: &[(&str, f64)]) -> BTreeMap<String, Amounts> {
    coins.iter().map(|(asset, coins)| ((*asset).to_owned(), Amounts::Fixed(*coins))).collect()
}

/// A market with `traders` traders of one cohort, an external price, three nodes and a pool: the reference for scaling.
#[must_use]
pub fn crowd(traders: u32, strategy: &str) -> Scenario {
    let mut scenario = small(&[
        ("market.prices", r#"{"TOK": (start: 1.0, process: Gbm(drift: 0.0, volatility: 0.8))}"#),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#),
        ("protocol.funds", "(pool: 1000000000.0, insurance: 1000000.0)"),
    ]);
    scenario.clock = vec![Segment { length: Span(1_000_000_000), dt: Span(1_000) }];
    scenario.cohorts.retain(|(path, _)| path == "population.nodes");
    let crowd = Cohort {
        strategy: strategy.to_owned(),
        margin: Some(Amounts::Uniform(100.0, 1000.0)),
        ..cohort(Role::Trader, traders)
    };
    scenario.cohorts.push(("population.crowd".into(), crowd));
    scenario.cohorts[0].1.strategy = "honest".into();
    scenario
}
