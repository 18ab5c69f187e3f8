//! Laws of the world that hold whatever agents do: conservation, all-or-nothing, order of spawning, no ambiguity.

use palisade_engine::action::Value;
use palisade_engine::domain::Market;
use palisade_engine::host::Hook;
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Kind, part};
use palisade_engine::rng::{Stream, Streams};
use palisade_engine::scenario::Scenario;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, handle, honest_nodes, intent};
use palisade_tests::worlds::small;

fn simulation(scenario: &Scenario, options: Options) -> Simulation {
    Simulation::new(scenario, &ALL, options).expect("a legal scenario")
}

fn state(simulation: &Simulation) -> String {
    let mut text = String::new();
    simulation.write_state(&mut text).expect("strings take everything");
    text
}

/// Random blocks: routes, waterfall orders, weights, volatility scaling, fees and funding.
fn random_blocks(draw: &mut Stream) -> Vec<(&'static str, String)> {
    let pick = |draw: &mut Stream, words: &[&'static str]| words[(draw.uniform() * words.len() as f64) as usize];
    let order = pick(
        draw,
        &[
            "[margin, insurance, auto_deleverage, socialized]",
            "[insurance, margin, socialized]",
            "[auto_deleverage]",
            "[socialized, insurance]",
            "[]",
            "[margin, auto_deleverage, insurance]",
        ],
    );
    let route = pick(draw, &["pool", "takeover"]);
    let market = format!(
        r#"{{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: {}, mmr: {}, skew_scale: {}, unrealized_weight: {},
            vol_reference: {}, funding_period: "3s", funding_cap: {}, funding_scale: 5000.0, fee: {}, oi_cap_depth_share: {},
            tiers: [(above: 500.0, imr: 0.3, mmr: 0.2)])}}"#,
        0.02 + 0.2 * draw.uniform(),
        0.01 * draw.uniform(),
        pick(draw, &["1e5", "1e9"]),
        draw.uniform(),
        pick(draw, &["0.0", "0.5"]),
        10.0 * draw.uniform(),
        0.01 * draw.uniform(),
        pick(draw, &["1e15", "40.0"]),
    );
    vec![
        ("protocol.waterfall", format!("(order: {order})")),
        ("protocol.liquidation", format!("(route: {route}, penalty: {})", 0.1 * draw.uniform())),
        ("protocol.markets", market),
        ("market.prices", r#"{"TOK": (start: 1.0, process: Merton(drift: 0.0, volatility: 20.0, jumps_per_day: 5000.0, jump_mean: 0.0, jump_deviation: 0.2))}"#.into()),
        ("market.outside", r#"(inventory: {"USD": 50000.0, "TOK": 50000.0}, spread: 0.001)"#.into()),
        ("protocol.feeds", format!(
            r#"{{"TOK": (sources: ["{}"], heartbeat: "1s", deviation: 0.0, own_noise: 0.01, collar_per_minute: {})}}"#,
            pick(draw, &["TOK/USD", "TOK"]),
            pick(draw, &["1e6", "5.0"]),
        )),
    ]
}

fn random_value(draw: &mut Stream) -> Value {
    match (draw.uniform() * 12.0) as u32 {
        0 => Value::All,
        1 => Value::Fraction(draw.uniform() * 1.2 - 0.1),
        2 => Value::Number([f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 1e-9][(draw.uniform() * 6.0) as usize]),
        3 => handle(Kind::Venue, (draw.uniform() * 3.0) as u32),
        4..=6 => Value::Number((draw.uniform() - 0.5) * 4000.0),
        _ => Value::Number(draw.uniform() * 200.0),
    }
}

/// An action of any kind, mostly with arguments of the right kind.
fn random_intent(simulation: &Simulation, draw: &mut Stream) -> palisade_engine::action::Intent {
    let registry = simulation.registry();
    let spec = &registry.actions[(draw.uniform() * registry.actions.len() as f64) as usize];
    let args: Vec<Value> = spec
        .args
        .iter()
        .map(|arg| match arg.kind {
            palisade_engine::action::ArgKind::Handle(kind) if draw.uniform() < 0.95 => {
                handle(kind, (draw.uniform() * 9.0) as u32 % kind_size(kind))
            }
            palisade_engine::action::ArgKind::Number if spec.name == "liquidate" => Value::Number(draw.uniform()),
            _ => random_value(draw),
        })
        .collect();
    let agent = (draw.uniform() * 11.0) as u32;
    intent(registry, agent, (draw.uniform() * 2.2) as u8, spec.name, &args)
}

fn kind_size(kind: Kind) -> u32 {
    if kind == Kind::Account { 12 } else { 2 }
}

/// Random scenarios × random actions: every step checks Σ balances = issued and Σ positions = open interest itself, and
/// stops the run with `Invariant:` when one breaks.
#[test]
fn value_is_conserved_whatever_agents_do() {
    let (mut steps, mut executed, mut liquidated, mut kinds) = (0, 0.0, 0.0, std::collections::BTreeSet::new());
    for case in 0..50 {
        let mut draw = Streams::new(case).stream("laws", 0, 0);
        let blocks = random_blocks(&mut draw);
        let blocks: Vec<(&str, &str)> = blocks.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let mut simulation = simulation(&small(&blocks), Options { seed: case, ..Options::default() });
        let honest = honest_nodes(simulation.registry());
        for _ in 0..210 {
            let intents: Vec<_> = (0..6).map(|_| random_intent(&simulation, &mut draw)).collect();
            let registry = simulation.registry().clone();
            let mut host = Native::new(&simulation, |ask, replies| {
                honest(ask, replies);
                if ask.hook == Hook::Decide {
                    replies.intents.extend(intents.iter().filter(|intent| ask.agents.contains(&intent.actor.agent)));
                }
                if let Some(account) = ask.subject.filter(|_| ask.hook == Hook::Liquidate) {
                    let args = [Value::Handle(account), Value::Number(0.7)];
                    replies
                        .intents
                        .extend(ask.agents.iter().map(|agent| intent(&registry, agent.0, 0, "liquidate", &args)));
                }
            });
            simulation.step(&mut host);
            for _ in 0..4 {
                let attempt = random_intent(&simulation, &mut draw);
                if simulation.act(&attempt).is_ok() {
                    kinds.insert(simulation.registry().actions[usize::from(attempt.action.0)].name);
                }
            }
            steps += 1;
        }
        executed += simulation.outcome("executed_actions").unwrap_or(0.0);
        liquidated += simulation.outcome("liquidations").unwrap_or(0.0);
    }
    assert!(steps >= 10_000, "{steps} steps");
    assert!(executed > 10_000.0, "{executed} actions took effect");
    assert!(liquidated > 50.0, "{liquidated} liquidations");
    assert_eq!(kinds.len(), 9, "every kind of action succeeded at least once: {kinds:?}");
}

#[test]
fn a_rejected_action_leaves_no_trace() {
    let mut reasons = std::collections::BTreeSet::new();
    for case in 0..12 {
        let mut draw = Streams::new(1000 + case).stream("laws", 0, 0);
        let blocks = random_blocks(&mut draw);
        let blocks: Vec<(&str, &str)> = blocks.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let mut simulation = simulation(&small(&blocks), Options { seed: case, ..Options::default() });
        let honest = honest_nodes(simulation.registry());
        for _ in 0..25 {
            let mut host = Native::new(&simulation, &honest);
            simulation.step(&mut host);
            for _ in 0..12 {
                let attempt = random_intent(&simulation, &mut draw);
                let before = state(&simulation);
                if let Err(rejected) = simulation.act(&attempt) {
                    reasons
                        .insert((simulation.registry().actions[usize::from(attempt.action.0)].name, rejected.reason));
                    assert!(before == state(&simulation), "{attempt:?} was refused with {rejected:?} and left a trace");
                }
            }
        }
    }
    let words: std::collections::BTreeSet<_> = reasons.iter().map(|(_, reason)| *reason).collect();
    assert!(words.len() >= 8, "many reasons were met: {words:?}");
    assert_eq!(reasons.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>().len(), 9);
}

#[test]
fn the_order_of_spawning_never_shows() {
    let scenario = small(&[]);
    let run = |spawn_shuffle| {
        let mut simulation = simulation(&scenario, Options { seed: 3, spawn_shuffle, ..Options::default() });
        let honest = honest_nodes(simulation.registry());
        let mut draw = Streams::new(77).stream("spawn", 0, 0);
        for _ in 0..40 {
            let intents: Vec<_> = (0..6).map(|_| random_intent(&simulation, &mut draw)).collect();
            let mut host = Native::new(&simulation, |ask, replies| {
                honest(ask, replies);
                if ask.hook == Hook::Decide {
                    replies
                        .intents
                        .extend(intents.iter().filter(|intent| ask.agents.contains(&intent.actor.agent)).copied());
                }
            });
            simulation.step(&mut host);
        }
        format!("{:?}{:?}{}", simulation.take_frames(), simulation.closing_frames(), state(&simulation))
    };
    let reference = run(0);
    for shuffle in 1..=16 {
        assert_eq!(run(shuffle), reference, "shuffle {shuffle}");
    }
}

#[test]
fn no_two_systems_race() {
    let mut simulation = simulation(&small(&[]), Options::default());
    simulation.check_ambiguities().expect("a total order");
}

#[test]
fn removing_the_attacker_changes_nobody_elses_luck() {
    let run = |without_attackers| {
        let mut simulation = simulation(&small(&[]), Options { seed: 5, without_attackers, ..Options::default() });
        let honest = honest_nodes(simulation.registry());
        for _ in 0..20 {
            let mut host = Native::new(&simulation, &honest);
            simulation.step(&mut host);
        }
        part::<Market>(simulation.world(), Kind::Market, 0)
            .and_then(|market| market.mark)
            .map(|mark| mark.get().to_bits())
    };
    assert!(run(true).is_some());
    assert_eq!(run(true), run(false));
}
