//! Laws of the world that hold whatever agents do: conservation, all-or-nothing, order of spawning, no ambiguity.

use palisade_engine::action::Value;
use palisade_engine::domain::Market;
use palisade_engine::host::Hook;
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Directory, Kind, Registry, part};
use palisade_engine::rng::{Stream, Streams};
use palisade_engine::scenario::{Amounts, Role, Scenario};
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, handle, honest_nodes, intent, seen};
use palisade_tests::worlds::{cohort, small, wallet};

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
            "[margin, stake, socialized]",
            "[stake, insurance, margin, auto_deleverage, socialized]",
            "[insurance, margin, socialized]",
            "[auto_deleverage]",
            "[socialized, insurance]",
            "[]",
            "[margin, auto_deleverage, insurance]",
        ],
    );
    let route = pick(draw, &["pool", "takeover", "pool", "takeover", "auction"]);
    let market = format!(
        r#"{{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: {}, mmr: {}, skew_scale: {}, unrealized_weight: {},
            fee_stake_share: 0.3, vol_reference: {}, funding_period: "3s", funding_cap: {}, funding_scale: 5000.0, fee: {}, oi_cap_depth_share: {},
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
    let vaults = format!(
        r#"{{"nodes": (cooldown: "2s"), "pool": (asset: "TOK", venue: "TOK/USD", markets: ["TOK-PERP"], disposal: {}, cooldown: "{}s", slash_cap: {}, slash_window: "20s")}}"#,
        pick(draw, &["sell", "hold"]),
        (draw.uniform() * 3.0) as u32,
        draw.uniform(),
    );
    let governance = format!(
        r#"(token: "TOK", weight: {}, threshold: 0.001, quorum: 0.01, super_quorum: 0.1, period: "4s", timelock: "{}s", extension: "{}s")"#,
        pick(draw, &["snapshot", "current"]),
        (draw.uniform() * 2.0) as u32,
        (draw.uniform() * 2.0) as u32,
    );
    let offences = format!(
        r#"(deviation_tolerance: {}, deviation_slash: {}, downtime_after: "3s", downtime_slash: {}, reporter_share: {}, insurance_share: {})"#,
        0.02 * draw.uniform(),
        pick(draw, &["0.0", "0.1", "1.0"]),
        pick(draw, &["0.0", "0.05"]),
        0.5 * draw.uniform(),
        0.5 * draw.uniform(),
    );
    let mut blocks = vec![
        ("protocol.vaults", vaults),
        ("protocol.governance", governance),
        ("protocol.offences", offences),
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
        ("protocol.blockspace", format!(
            r#"(priority: "{}", liquidations: {}, vault: "pool", base_fee_to: {}, base_fee: {}, capacity: {}, block: "2s")"#,
            pick(draw, &["shuffle", "fee", "stake", "first_come"]),
            pick(draw, &["at_once", "queued"]),
            pick(draw, &["burn", "insurance"]),
            0.1 * draw.uniform(),
            2.0 + 8.0 * draw.uniform(),
        )),
    ];
    if route == "auction" {
        let form = pick(draw, &["dutch", "english"]);
        blocks.push(("protocol.auctions", format!(r#"(form: {form}, duration: "4s", quiet: "1s", lot: 300.0)"#)));
    }
    blocks
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
    // Positions are opened more often than markets are stopped: losses are what tests the most.
    let mut name = registry.actions[(draw.uniform() * registry.actions.len() as f64) as usize].name;
    if matches!(name, "halt" | "reduce_only" | "veto" | "unstake") && draw.uniform() < 0.8 {
        name = "open";
    }
    let spec = registry.actions.iter().find(|action| action.name == name).expect("a declared action");
    let args: Vec<Value> = spec
        .args
        .iter()
        .map(|arg| match arg.kind {
            palisade_engine::action::ArgKind::Handle(kind) if draw.uniform() < 0.95 => {
                handle(kind, (draw.uniform() * f64::from(kind_size(simulation, kind))) as u32)
            }
            palisade_engine::action::ArgKind::Number if spec.name == "liquidate" => Value::Number(draw.uniform()),
            palisade_engine::action::ArgKind::Number if arg.name == "choice" => {
                Value::Number((draw.uniform() * 3.0).floor())
            }
            palisade_engine::action::ArgKind::Number if matches!(arg.name, "value" | "rate" | "coins") => {
                Value::Number(0.3 * draw.uniform())
            }
            _ => random_value(draw),
        })
        .collect();
    let agent = (draw.uniform() * 14.0) as u32;
    intent(registry, agent, (draw.uniform() * 2.2) as u8, spec.name, &args)
}

/// One more than there are, so that some handles are wrong.
fn kind_size(simulation: &Simulation, kind: Kind) -> u32 {
    if kind == Kind::Account {
        return 15;
    }
    simulation.world().resource::<Directory>().count(kind) as u32 + 1
}

/// The small world with stakers and a guardian: agents 9 to 11, the attacker behind them.
fn populated(blocks: &[(&str, &str)]) -> Scenario {
    let mut scenario = small(blocks);
    let mut stakers = cohort(Role::Staker, 2);
    stakers.wallet = wallet(&[("TOK", 2000.0)]);
    if blocks.iter().any(|(path, _)| *path == "protocol.vaults") {
        stakers.stake = Some(Amounts::Fixed(1000.0));
        stakers.bind.insert("vault".into(), "pool".into());
    }
    scenario.cohorts.insert(3, ("population.stakers".into(), stakers));
    scenario.cohorts.insert(4, ("population.guardians".into(), cohort(Role::Guardian, 1)));
    scenario
}

/// Random scenarios × random actions: every step checks Σ balances = issued and Σ positions = open interest itself, and
/// stops the run with `Invariant:` when one breaks.
#[test]
fn value_is_conserved_whatever_agents_do() {
    let (mut steps, mut executed, mut liquidated, mut kinds) = (0, 0.0, 0.0, std::collections::BTreeSet::new());
    let (mut cut, mut changed, mut auctioned) = (0.0, 0.0, 0.0);
    for case in 0..50 {
        let mut draw = Streams::new(case).stream("laws", 0, 0);
        let blocks = random_blocks(&mut draw);
        let blocks: Vec<(&str, &str)> = blocks.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let mut simulation = simulation(&populated(&blocks), Options { seed: case, ..Options::default() });
        let honest = honest_nodes(simulation.registry());
        let fields = &simulation.registry().public;
        let least =
            fields.iter().position(|field| field.of == Kind::Auction && field.name == "price").expect("a field");
        for _ in 0..210 {
            let intents: Vec<_> = (0..6).map(|_| random_intent(&simulation, &mut draw)).collect();
            let registry = simulation.registry().clone();
            let mut host = Native::new(&simulation, |ask, replies| {
                honest(ask, replies);
                if ask.hook == Hook::Decide {
                    replies.intents.extend(intents.iter().filter(|intent| ask.agents.contains(&intent.actor.agent)));
                }
                if ask.hook == Hook::Bid {
                    let least = ask.subject_values[least];
                    replies.values.extend((0..ask.agents.len()).map(|row| (row, least)));
                }
                if let Some(account) = ask.subject.filter(|_| ask.hook == Hook::Liquidate) {
                    let args = [Value::Handle(account), Value::Number(0.7)];
                    replies
                        .intents
                        .extend(ask.agents.iter().map(|agent| intent(&registry, agent.0, 0, "liquidate", &args)));
                }
            });
            simulation.step(&mut host);
            for _ in 0..12 {
                let attempt = random_intent(&simulation, &mut draw);
                if simulation.act(&attempt).is_ok() {
                    kinds.insert(simulation.registry().actions[usize::from(attempt.action.0)].name);
                }
            }
            steps += 1;
        }
        executed += simulation.outcome("executed_actions").unwrap_or(0.0);
        liquidated += simulation.outcome("liquidations").unwrap_or(0.0);
        auctioned += simulation.outcome("auctions_settled").unwrap_or(0.0);
        cut += seen(&simulation, Kind::Vault, "cut", 1);
        changed += simulation.outcome("proposals_executed").unwrap_or(0.0);
    }
    assert!(steps >= 10_000, "{steps} steps");
    assert!(executed > 10_000.0, "{executed} actions took effect");
    assert!(liquidated > 50.0 && auctioned > 5.0, "{liquidated} liquidations, {auctioned} by auction");
    let all = Registry::of(&ALL).actions.len();
    assert_eq!(kinds.len(), all, "every kind of action succeeded at least once: {kinds:?}");
    assert!(cut > 20.0 && changed > 20.0, "{cut} coins of stake cut, {changed} proposals in force");
}

#[test]
fn a_rejected_action_leaves_no_trace() {
    let mut reasons = std::collections::BTreeSet::new();
    for case in 0..12 {
        let mut draw = Streams::new(1000 + case).stream("laws", 0, 0);
        let blocks = random_blocks(&mut draw);
        let blocks: Vec<(&str, &str)> = blocks.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let mut simulation = simulation(&populated(&blocks), Options { seed: case, ..Options::default() });
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
    assert_eq!(
        reasons.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>().len(),
        Registry::of(&ALL).actions.len()
    );
}

#[test]
fn the_order_of_spawning_never_shows() {
    let blocks = random_blocks(&mut Streams::new(5).stream("laws", 0, 0));
    let blocks: Vec<(&str, &str)> = blocks.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let scenario = populated(&blocks);
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
    let blocks = [
        ("protocol.governance", r#"(token: "TOK")"#),
        ("protocol.blockspace", "()"),
        ("protocol.liquidation", "(route: auction)"),
    ];
    let mut simulation = simulation(&populated(&blocks), Options::default());
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
