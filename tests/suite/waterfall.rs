//! Who bears a loss, and when: layers in every order, and winners that try to leave before they are deleveraged.

use palisade_engine::action::Value;
use palisade_engine::host::Hook;
use palisade_engine::mechanisms::ALL;
use palisade_engine::phase::LiquidationTiming;
use palisade_engine::registry::Kind;
use palisade_engine::scenario::Scenario;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, drive, handle, honest_nodes, intent, own};
use palisade_tests::worlds::small;

const FALL: &str = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 0.5)]))}"#;
const FEED: &str = r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#;
/// First trader: agent 3 (nodes are 0..3). The loser is long 5000 with 1000 of margin: bankrupt below 0.8.
const LOSER: u32 = 3;
const WINNER: u32 = 4;

fn falling(extra: &[(&str, &str)]) -> Scenario {
    let mut blocks = vec![("market.prices", FALL), ("protocol.feeds", FEED)];
    blocks.extend_from_slice(extra);
    small(&blocks)
}

/// The loser buys 5000 and the winner sells 5000 at step 2; with `react` the winner closes as soon as it sees a fall.
fn run(scenario: &Scenario, react: bool) -> Simulation {
    let mut simulation = Simulation::new(scenario, &ALL, Options::default()).expect("a legal scenario");
    let registry = simulation.registry().clone();
    let honest = honest_nodes(&registry);
    let mark =
        registry.public.iter().position(|field| field.of == Kind::Market && field.name == "mark").expect("a mark");
    let market = handle(Kind::Market, 0);
    for step in 0..20 {
        let mut host = Native::new(&simulation, |ask, replies| {
            honest(ask, replies);
            let asked = |agent: u32| ask.hook == Hook::Decide && ask.agents.iter().any(|asked| asked.0 == agent);
            for (agent, size) in [(LOSER, 5000.0), (WINNER, -5000.0)] {
                if step == 2 && asked(agent) {
                    replies.intents.push(intent(&registry, agent, 0, "open", &[market, Value::Number(size)]));
                }
            }
            if react && step > 2 && asked(WINNER) && ask.public.value(mark, 0) < 0.9 {
                replies.intents.push(intent(&registry, WINNER, 0, "close", &[market, Value::All]));
            }
        });
        simulation.step(&mut host);
    }
    simulation
}

fn outcome(simulation: &Simulation, name: &str) -> f64 {
    simulation.outcome(name).expect("a declared outcome")
}

#[test]
fn a_reactive_winner_cannot_dodge_deleveraging() {
    let mut scenario = falling(&[]);
    let default = run(&scenario, true);
    assert!(outcome(&default, "deleveraged") > 1000.0, "{}", outcome(&default, "deleveraged"));
    scenario.timing.liquidation = LiquidationTiming::AfterExecute;
    let dodged = run(&scenario, true);
    assert_eq!(outcome(&dodged, "deleveraged"), 0.0, "with the other timing it leaves first");
    assert!(outcome(&dodged, "socialized") + outcome(&dodged, "written_off") > 1000.0, "and others bear the loss");
}

#[test]
fn the_layers_sum_to_the_deficit_in_every_order() {
    let orders = [
        ("[margin, insurance, auto_deleverage, socialized]", [1.0, 1.0, 0.0, 0.0]),
        ("[margin, auto_deleverage, insurance, socialized]", [0.0, 1.0, 0.0, 0.0]),
        ("[insurance, auto_deleverage]", [1.0, 1.0, 0.0, 0.0]),
        ("[auto_deleverage]", [0.0, 1.0, 0.0, 0.0]),
    ];
    for (order, used) in orders {
        let simulation = run(&falling(&[("protocol.waterfall", &format!("(order: {order})"))]), false);
        let names = ["insurance_paid", "deleveraged", "socialized", "written_off"];
        let borne = names.map(|name| outcome(&simulation, name));
        let deficit = outcome(&simulation, "deficits");
        // Long 5000 from 1 to 0.5 loses 2500; 1000 of margin less the opening fee of 2.5 were there.
        assert!((deficit - 1502.5).abs() < 2.0, "{order}: {deficit}");
        assert!((borne.iter().sum::<f64>() - deficit).abs() < 3e-6, "{order}: {borne:?} is not {deficit}");
        for (place, expected) in used.iter().enumerate() {
            assert_eq!(borne[place] > 0.001, *expected > 0.0, "{order}: {} is {}", names[place], borne[place]);
        }
    }
}

#[test]
fn without_deleveraging_keepers_close_and_everyone_pays() {
    let scenario = falling(&[("protocol.waterfall", "(order: [margin, insurance, socialized])")]);
    let mut simulation = Simulation::new(&scenario, &ALL, Options::default()).expect("a legal scenario");
    let registry = simulation.registry().clone();
    let honest = honest_nodes(&registry);
    for step in 0..20 {
        let mut host = Native::new(&simulation, |ask, replies| {
            honest(ask, replies);
            if ask.hook == Hook::Decide && step == 2 && ask.agents.iter().any(|agent| agent.0 == LOSER) {
                let args = [handle(Kind::Market, 0), Value::Number(5000.0)];
                replies.intents.push(intent(&registry, LOSER, 0, "open", &args));
            }
            if let Some(account) = ask.subject.filter(|_| ask.hook == Hook::Liquidate) {
                let args = [Value::Handle(account), Value::Number(1.0)];
                replies
                    .intents
                    .extend(ask.agents.iter().map(|agent| intent(&registry, agent.0, 0, "liquidate", &args)));
            }
        });
        simulation.step(&mut host);
    }
    assert_eq!(outcome(&simulation, "deleveraged"), 0.0);
    assert!((outcome(&simulation, "insurance_paid") - 100.0).abs() < 1.0, "the whole fund");
    assert!((outcome(&simulation, "socialized") - 1402.0).abs() < 3.0, "{}", outcome(&simulation, "socialized"));
    assert_eq!(outcome(&simulation, "written_off"), 0.0);
    assert_eq!(outcome(&simulation, "liquidations"), 1.0, "the second keeper finds a closed account");
}

#[test]
fn a_borrowers_debt_counts_once_against_solvency() {
    // Deposits of 5000; the attacker borrows against paper profit that the loser's account cannot pay in full.
    let scenario = falling(&[
        ("protocol.funds", "(pool: 0.0, insurance: 0.0, deposits: 5000.0)"),
        ("protocol.waterfall", "(order: [margin, insurance, socialized])"),
    ]);
    let mut simulation = run(&scenario, false);
    let before = outcome(&simulation, "solvency");
    let registry = simulation.registry().clone();
    simulation
        .act(&intent(&registry, WINNER, 0, "withdraw", &[Value::Number(2500.0)]))
        .expect("profit to borrow against");
    assert!((outcome(&simulation, "solvency") - before).abs() < 1e-6, "lending against a good claim changes nothing");
    // The loser is 1502.5 short; the fees of both legs, 5 together, are the protocol's.
    assert!((before + 1497.5).abs() < 3.0, "{before}");
}

#[test]
fn an_account_that_owes_and_holds_nothing_is_resolved() {
    let market = r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, fee: 0.0, skew_scale: 1e7)}"#;
    let order = "(order: [margin, insurance, socialized])";
    let scenario = falling(&[("protocol.markets", market), ("protocol.waterfall", order)]);
    let mut simulation = run(&scenario, false);
    let registry = simulation.registry().clone();
    assert_eq!(outcome(&simulation, "deficits"), 0.0, "no keeper has come, and its position is still open");
    simulation
        .act(&intent(&registry, LOSER, 0, "close", &[handle(Kind::Market, 0), Value::All]))
        .expect("its own close");
    drive(&mut simulation, 1, |_, _| {});
    assert!(outcome(&simulation, "deficits") > 1400.0, "{}", outcome(&simulation, "deficits"));
}

#[test]
fn deleveraging_never_ruins_a_winner() {
    // The loser: long 5000 from 1 to 0.5. The winner went short late, at 0.52, and cannot bear the loser's 1500.
    let mut simulation = Simulation::new(&falling(&[]), &ALL, Options::default()).expect("a legal scenario");
    let registry = simulation.registry().clone();
    let market = handle(Kind::Market, 0);
    drive(&mut simulation, 3, |_, _| {});
    simulation.act(&intent(&registry, LOSER, 0, "open", &[market, Value::Number(5000.0)])).expect("a long");
    simulation.act(&intent(&registry, WINNER, 0, "open", &[market, Value::Number(-1.0)])).expect("a small short");
    drive(&mut simulation, 12, |_, _| {});
    assert!(outcome(&simulation, "deficits") > 1400.0);
    for agent in [WINNER, WINNER + 1] {
        assert!(own(&simulation, "free", agent, 0) >= 0.0, "agent {agent} is ruined");
    }
}
