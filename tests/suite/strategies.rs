//! What the shipped strategies do in the situations they are made for.

use palisade_agents::{Library, ScriptHost};
use palisade_engine::action::Value;
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Directory, Kind};
use palisade_engine::scenario::{Amounts, AssetSpec, Cohort, Role, Scenario};
use palisade_engine::units::Span;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{handle, intent, own, seen};
use palisade_tests::worlds::{cohort, small, wallet};

/// A world whose scripts run, and the host that runs them.
pub(crate) struct Play {
    pub(crate) simulation: Simulation,
    pub(crate) host: ScriptHost,
}

impl Play {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let simulation =
            Simulation::new(scenario, &ALL, Options { seed: 1, ..Options::default() }).expect("a legal scenario");
        let library = Library::load(&[]).expect("the shipped scripts");
        let host = ScriptHost::new(&library, scenario, &simulation, Default::default()).expect("sound scripts");
        Self { simulation, host }
    }

    pub(crate) fn steps(&mut self, steps: u32) {
        for _ in 0..steps {
            self.simulation.step(&mut self.host);
        }
        assert_eq!(self.simulation.fault_count(), 0, "{:?}", self.simulation.benched());
    }

    pub(crate) fn act(&mut self, agent: u32, action: &str, args: &[Value]) {
        let intent = intent(self.simulation.registry(), agent, 0, action, args);
        self.simulation.act(&intent).unwrap_or_else(|refused| panic!("{action}: {refused:?}"));
    }
}

/// Nodes 0 to 2, the actors from 3 on, and one who owns tokens and money behind them: `count` + 3.
pub(crate) fn stage(strategy: &str, actors: Cohort, extra: &[(&str, &str)]) -> Scenario {
    let vaults = r#"{"nodes": (), "pool": (asset: "STK", venue: "STK/USD", markets: ["TOK-PERP"], cooldown: "10s")}"#;
    let venues = r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 100000.0),
        "STK/USD": (base: "STK", quote: "USD", price: 1.0, depth: 100000.0)}"#;
    let market = r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e9, fee: 0.01, fee_stake_share: 0.5)}"#;
    let governance = r#"(token: "TOK", threshold: 0.001, quorum: 0.01, review: "0s", period: "2h", timelock: "1h")"#;
    let mut blocks = vec![
        ("protocol.vaults", vaults),
        ("market.venues", venues),
        ("protocol.markets", market),
        ("protocol.governance", governance),
        ("protocol.funds", "(pool: 1000000.0, insurance: 1000.0)"),
    ];
    blocks.extend_from_slice(extra);
    let mut scenario = small(&blocks);
    scenario.clock[0].length = Span(100_000_000);
    scenario.assets.push(("STK".into(), AssetSpec { decimals: 6 }));
    scenario.cohorts.truncate(1);
    scenario.cohorts[0].1.strategy = "honest".into();
    scenario.cohorts.push(("population.actors".into(), Cohort { strategy: strategy.into(), ..actors }));
    let mut owner = cohort(Role::Trader, 1);
    owner.strategy = "hedger".into();
    owner.bind.insert("venue".into(), "TOK/USD".into());
    owner.params.insert("ratio".into(), 0.0);
    owner.wallet = wallet(&[("USD", 100_000.0), ("TOK", 50_000.0), ("STK", 50_000.0)]);
    owner.margin = Some(Amounts::Fixed(50_000.0));
    scenario.cohorts.push(("population.owner".into(), owner));
    scenario
}

const ACTOR: u32 = 3;
const POOL: usize = 1;
const STK: usize = 2;
const MARKET: Value = handle(Kind::Market, 0);
const STAKE_VENUE: Value = handle(Kind::Venue, 0);

fn staker(coins: f64) -> Cohort {
    let mut actors = cohort(Role::Staker, 1);
    actors.wallet = wallet(&[("STK", coins)]);
    actors.bind.insert("vault".into(), "pool".into());
    actors
}

#[test]
fn a_passive_staker_stakes_claims_and_stays() {
    let mut play = Play::of(&stage("passive", staker(1000.0), &[]));
    play.steps(3);
    assert_eq!(own(&play.simulation, "staked", ACTOR, POOL), 1000.0);
    play.act(4, "open", &[MARKET, Value::Number(1000.0)]);
    play.act(4, "sell", &[STAKE_VENUE, Value::All]);
    play.steps(3_700);
    assert!(own(&play.simulation, "cash", ACTOR, 0) > 4.9, "half of 1 % of 1000 was claimed");
    assert_eq!(own(&play.simulation, "staked", ACTOR, POOL), 1000.0);
}

#[test]
fn a_yield_chaser_leaves_a_vault_that_earns_less_than_the_outside_and_joins_one_that_earns_more() {
    let mut play = Play::of(&stage("yield_chaser", Cohort { stake: Some(Amounts::Fixed(1000.0)), ..staker(0.0) }, &[]));
    play.act(4, "stake", &[handle(Kind::Vault, POOL as u32), Value::Number(40_000.0)]);
    play.steps(2);
    // A trickle of fees: a yield, but far below what is asked.
    play.act(4, "open", &[MARKET, Value::Number(0.02)]);
    play.steps(2_800);
    let fee_yield = seen(&play.simulation, Kind::Vault, "fee_yield", POOL);
    assert!(fee_yield > 0.0 && fee_yield < 0.05, "{fee_yield}");
    assert_eq!(own(&play.simulation, "staked", ACTOR, POOL), 0.0, "out");
    let cash = own(&play.simulation, "cash", ACTOR, 0);
    assert!(cash > 900.0, "and sold: {cash}");
    play.act(4, "open", &[MARKET, Value::Number(20_000.0)]);
    play.steps(1_000);
    assert!(seen(&play.simulation, Kind::Vault, "fee_yield", POOL) > 0.1);
    assert!(own(&play.simulation, "staked", ACTOR, POOL) > 300.0, "half of its money is back at stake");
}

#[test]
fn a_panicking_staker_runs_from_a_fall_and_not_from_calm() {
    let mut play = Play::of(&stage("panic", staker(1000.0), &[]));
    play.steps(200);
    assert_eq!(own(&play.simulation, "staked", ACTOR, POOL), 1000.0);
    play.act(4, "sell", &[STAKE_VENUE, Value::Number(20_000.0)]);
    play.steps(200);
    assert_eq!(own(&play.simulation, "staked", ACTOR, POOL), 0.0);
    assert_eq!(own(&play.simulation, "balance", ACTOR, STK), 0.0, "sold");
}

fn propose(play: &mut Play, path: &str, value: f64) {
    let place = play.simulation.world().resource::<Directory>().find(Kind::Parameter, path).expect("a parameter");
    play.act(4, "draft", &[handle(Kind::Parameter, place as u32), Value::Number(value)]);
    play.act(4, "propose", &[]);
}

fn voter() -> Cohort {
    let mut actors = cohort(Role::Voter, 1);
    actors.wallet = wallet(&[("TOK", 1000.0)]);
    actors.margin = Some(Amounts::Fixed(1000.0));
    actors
}

fn votes(play: &Play) -> (f64, f64, f64) {
    let read = |name| seen(&play.simulation, Kind::Proposal, name, 0);
    (read("for_votes"), read("against_votes"), read("abstain_votes"))
}

#[test]
fn a_risk_averse_voter_reads_first_then_votes_against_what_loosens() {
    for (value, expected) in [(0.05, (0.0, 1000.0, 0.0)), (0.2, (1000.0, 0.0, 0.0))] {
        let mut play = Play::of(&stage("risk_averse", voter(), &[]));
        play.steps(2);
        propose(&mut play, "protocol.markets.TOK-PERP.imr", value);
        play.steps(1_800);
        assert_eq!(votes(&play), (0.0, 0.0, 0.0), "it takes an hour to read");
        play.steps(1_900);
        assert_eq!(votes(&play), expected, "imr to {value}");
    }
}

#[test]
fn a_self_interested_voter_votes_for_its_own_collateral() {
    // A lower ratio frees what its position ties up, a higher one ties up more; without a position it does not care.
    for (size, value, expected) in
        [(2000.0, 0.05, (1000.0, 0.0, 0.0)), (2000.0, 0.2, (0.0, 1000.0, 0.0)), (0.0, 0.2, (0.0, 0.0, 1000.0))]
    {
        let mut play = Play::of(&stage("self_interested", voter(), &[]));
        play.steps(2);
        if size != 0.0 {
            play.act(ACTOR, "open", &[MARKET, Value::Number(size)]);
        }
        propose(&mut play, "protocol.markets.TOK-PERP.imr", value);
        play.steps(3);
        assert_eq!(votes(&play), expected, "imr to {value} with {size}");
    }
}

#[test]
fn apathetic_voters_turn_out_as_rarely_as_they_say() {
    let mut actors = voter();
    actors.count = 400;
    actors.margin = None;
    actors.wallet = wallet(&[("TOK", 1.0)]);
    actors.params.insert("turnout".into(), 0.1);
    actors.params.insert("support".into(), 0.25);
    let mut scenario = stage("apathetic", actors, &[]);
    scenario.cohorts[2].1.count = 1;
    let mut play = Play::of(&scenario);
    play.steps(2);
    let place = play.simulation.world().resource::<Directory>().find(Kind::Parameter, "protocol.markets.TOK-PERP.imr");
    let parameter = handle(Kind::Parameter, place.expect("a parameter") as u32);
    play.act(403, "draft", &[parameter, Value::Number(0.2)]);
    play.act(403, "propose", &[]);
    // However long it is open: who does not care today does not care tomorrow.
    play.steps(200);
    let (for_votes, against_votes, _) = votes(&play);
    let cast = for_votes + against_votes;
    assert!((cast - 40.0).abs() <= 4.0 * 6.0, "{cast} of 400 at 10 %");
    assert!((for_votes - 0.25 * cast).abs() <= 4.0 * (cast * 0.1875_f64).sqrt(), "{for_votes} of {cast}");
}

#[test]
fn a_guardian_vetoes_a_leap_lets_a_step_pass_and_halts_a_jump() {
    let guardian = || {
        let mut actors = cohort(Role::Guardian, 1);
        actors.latency = Span(60_000);
        actors.params.insert("backing".into(), 0.0);
        actors
    };
    for (value, state) in [(0.02, 7.0), (0.08, 1.0)] {
        let mut play = Play::of(&stage("watchful", guardian(), &[]));
        play.steps(2);
        propose(&mut play, "protocol.markets.TOK-PERP.imr", value);
        play.steps(50);
        assert_eq!(seen(&play.simulation, Kind::Proposal, "state", 0), 1.0, "a minute is its latency");
        play.steps(50);
        assert_eq!(seen(&play.simulation, Kind::Proposal, "state", 0), state, "imr to {value}");
    }
    let jump = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 2.0)]))}"#;
    let feed = r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#;
    let mut play = Play::of(&stage("watchful", guardian(), &[("market.prices", jump), ("protocol.feeds", feed)]));
    play.steps(60);
    assert_eq!(seen(&play.simulation, Kind::Market, "halted", 0), 0.0);
    play.steps(30);
    assert_eq!(seen(&play.simulation, Kind::Market, "halted", 0), 1.0);
}

#[test]
fn an_elastic_trader_holds_less_where_it_costs_more_and_leaves_where_it_costs_too_much() {
    let trade = |fee: f64| {
        let market = format!(
            r#"{{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e9, fee: {fee})}}"#
        );
        let mut actors = cohort(Role::Trader, 1);
        actors.margin = Some(Amounts::Fixed(1000.0));
        let mut play = Play::of(&stage("elastic", actors, &[("protocol.markets", &market)]));
        play.steps(5);
        (own(&play.simulation, "size", ACTOR, 0).abs(), own(&play.simulation, "cash", ACTOR, 0))
    };
    let (cheap, dear, ruinous) = (trade(0.0001), trade(0.01), trade(0.1));
    assert!(cheap.0 > 2900.0 && dear.0 < 0.7 * cheap.0 && dear.0 > 0.0, "{cheap:?} {dear:?}");
    assert_eq!((ruinous.0, ruinous.1), (0.0, 1000.0), "its margin is in its wallet again");
}

#[test]
fn a_bribable_node_lies_for_more_than_it_fears_and_not_for_less() {
    let published = |rate: f64| {
        let mut actors = cohort(Role::Oracle, 5);
        actors.stake = Some(Amounts::Fixed(1000.0));
        let mut play = Play::of(&stage("bribable", actors, &[]));
        play.steps(2);
        play.act(
            8,
            "bribe",
            &[handle(Kind::Feed, 0), Value::Number(2.0), Value::Number(rate), Value::Number(50_000.0)],
        );
        play.steps(4);
        seen(&play.simulation, Kind::Feed, "price", 0)
    };
    // Ten rounds at 0.024 are 0.24 a coin of stake, less than half a chance of losing half of it.
    assert_eq!((published(0.024), published(0.026)), (1.0, 2.0));
}
