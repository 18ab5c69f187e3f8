//! The host against real simulations: what scripts see, ask for and remember, and how they fail.

use std::collections::BTreeMap;

use palisade_engine::action::{Intent, Value};
use palisade_engine::clock::{Now, Segment};
use palisade_engine::domain::AgentId;
use palisade_engine::mechanism::Mechanism;
use palisade_engine::registry::{Directory, Handle, Kind};
use palisade_engine::rng::Streams;
use palisade_engine::scenario::{Amounts, AssetSpec};
use palisade_engine::units::Span;
use palisade_engine::view::{Asked, Columns, Public};
use palisade_engine::{Options, mechanisms};

use super::*;

mod equality;
mod votes;

const CARD: &str = "//! name: x\n//! role: trader\n//! summary: s\n";

fn cohort(role: Role, strategy: &str, count: u32) -> Cohort {
    Cohort {
        role,
        strategy: strategy.into(),
        count,
        accounts: 2,
        wallet: [("USD", 1_000.0), ("TOK", 500.0)].map(|(asset, coins)| (asset.into(), Amounts::Fixed(coins))).into(),
        margin: Some(Amounts::Fixed(1_000.0)),
        stake: (role == Role::Oracle).then_some(Amounts::Fixed(100.0)),
        params: BTreeMap::new(),
        bind: BTreeMap::new(),
        latency: Span(0),
    }
}

fn scenario(cohorts: Vec<(&str, Cohort)>) -> Scenario {
    let blocks = [
        (
            "market.venues",
            r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 10000.0), "THIN/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 500.0)}"#,
        ),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK/USD"], heartbeat: "1s", deviation: 0.0)}"#),
        (
            "protocol.markets",
            r#"{"TOK-PERP": (feed: "TOK", base: "TOK", venues: ["TOK/USD"], imr: 0.1, mmr: 0.05, skew_scale: 1e7, unrealized_weight: 1.0)}"#,
        ),
        ("protocol.funds", "(pool: 10000.0, insurance: 100.0, deposits: 5000.0)"),
    ];
    Scenario {
        name: "small".into(),
        clock: vec![Segment { length: Span(100_000), dt: Span(1_000) }],
        assets: vec![("USD".into(), AssetSpec { decimals: 6 }), ("TOK".into(), AssetSpec { decimals: 6 })],
        settlement: "USD".into(),
        cohorts: cohorts.into_iter().map(|(path, cohort)| (path.to_owned(), cohort)).collect(),
        blocks: blocks.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
        ..Scenario::default()
    }
}

/// A world with three traders that play `body`.
struct Stage {
    simulation: Simulation,
    host: ScriptHost,
    step: u64,
}

impl Stage {
    fn of(body: &str) -> Self {
        Self::with(body, |_| {}).unwrap()
    }

    fn with(body: &str, adjust: impl FnOnce(&mut Cohort)) -> Result<Self, LoadError> {
        Self::among(&mechanisms::ALL, body, adjust)
    }

    fn among(all: &[&dyn Mechanism], body: &str, adjust: impl FnOnce(&mut Cohort)) -> Result<Self, LoadError> {
        let library = Library::of_texts(&[("x.rhai", &format!("{CARD}{body}")), ("honest.rhai", HONEST)]).unwrap();
        let mut traders = cohort(Role::Trader, "x", 3);
        adjust(&mut traders);
        let nodes = cohort(Role::Oracle, "honest", 1);
        let scenario = scenario(vec![("population.traders", traders), ("population.nodes", nodes)]);
        let simulation = Simulation::new(&scenario, all, Options::default()).unwrap();
        let host = ScriptHost::new(&library, &scenario, &simulation, HostOptions::default())?;
        Ok(Self { simulation, host, step: 0 })
    }

    fn ask(&mut self, hook: Hook, subject: Option<Handle>) -> Replies {
        let (world, mut replies) = (self.simulation.world(), Replies::default());
        let agents = [AgentId(0), AgentId(1), AgentId(2)];
        let reads = self.host.reads(CohortId(0), hook).unwrap_or_default();
        let own = Columns::gather(world, &reads, Asked { agents: &agents, accounts: 2, subject });
        let values = vec![0.5; self.simulation.registry().public.len()];
        let ask = Ask {
            hook,
            now: Now { step: self.step, time: self.step * 1_000, dt: Span(1_000) },
            cohort: CohortId(0),
            agents: &agents,
            keys: &[11, 22, 33],
            subject,
            subject_values: &values,
            own: &own,
            public: &Public::of(world),
            streams: Streams::new(7),
            directory: world.resource::<Directory>(),
        };
        self.host.ask(&ask, &mut replies);
        replies.unpack(&agents);
        self.step += 1;
        replies
    }

    fn decide(&mut self) -> Replies {
        self.ask(Hook::Decide, None)
    }
}

const HONEST: &str = "//! name: h\n//! role: oracle\n//! summary: s\nfn report(me, feed) { me.observation(feed) }";

/// What every agent sent as the amount of `deposit`.
#[track_caller]
fn deposits(replies: &Replies) -> Vec<f64> {
    assert_eq!(replies.faults, [], "no faults");
    let amount = |intent: &Intent| match intent.args[0] {
        Some(Value::Number(amount)) => amount,
        other => panic!("no number: {other:?}"),
    };
    replies.intents.iter().map(amount).collect()
}

/// The value of an expression, as the first agent sees it.
#[track_caller]
fn check(expression: &str, expected: f64) {
    let mut stage = Stage::of(&format!("fn decide(me, world) {{ let x = {expression}; me.account(0).deposit(x); }}"));
    assert_eq!(deposits(&stage.decide())[0], expected, "{expression}");
}

#[test]
fn scripts_see_the_world() {
    check("me.cash", 1_000.0);
    check("me.balance(world.asset(\"TOK\"))", 500.0);
    check("me.balance(world.settlement)", 1_000.0);
    check("me.account(0).equity + me.account(1).equity", 1_000.0);
    check("world.market(\"TOK-PERP\").imr", 0.1);
    check("world.market(\"TOK-PERP\").spot.price", 1.0);
    check("world.find(\"THIN/USD\").price", 1.0);
    check("if world.market(\"TOK-PERP\").spot == world.venue(\"TOK/USD\") { 1.0 } else { 2.0 }", 1.0);
    check("if world.venue(\"THIN/USD\") != () { 1.0 } else { 2.0 }", 1.0);
    check("if world.market(\"TOK-PERP\").stale { 1.0 } else { 2.0 }", 1.0);
    check("if me.account(1).has_position(world.market(\"TOK-PERP\")) { 1.0 } else { 2.0 }", 2.0);
    check("world.market(\"TOK-PERP\").name.len()", 8.0);
    check("me.accounts", 2.0);
}

#[test]
fn pure_functions_give_pinned_bits() {
    check("pow(2, 0.5)", libm::pow(2.0, 0.5));
    check("2.0 ** 0.5 + 0.0 * me.cash", libm::pow(2.0, 0.5));
    check("exp(1.0)", libm::exp(1.0));
    check("(3.0).ln()", libm::log(3.0));
    check("clamp(5.0, 0, 2)", 2.0);
    check("min(1, 2.5) + max(1.0, 2)", 3.0);
    check("abs(-2.0) * sign(-3.5) + floor(1.7) + ceil(1.2)", 1.0);
}

#[test]
fn actions_become_intents() {
    let mut stage = Stage::of(
        "fn decide(me, world) { let m = world.market(\"TOK-PERP\"); me.account(1).open(m, -2); me.account(0).withdraw(all); \
         me.account(0).close(m, fraction(0.5)); me.sell(world.venue(\"TOK/USD\"), 3.5); }",
    );
    let replies = stage.decide();
    assert_eq!(replies.faults, []);
    assert_eq!(replies.intents.len(), 12, "four actions of three agents, in the agents' order");
    let market = Value::Handle(Handle { kind: Kind::Market, index: 0 });
    let args: Vec<_> =
        replies.intents[4..8].iter().map(|intent| (intent.actor.agent.0, intent.actor.account, intent.args)).collect();
    assert_eq!(args[0], (1, 1, [Some(market), Some(Value::Number(-2.0)), None, None]));
    assert_eq!(args[1], (1, 0, [Some(Value::All), None, None, None]));
    assert_eq!(args[2], (1, 0, [Some(market), Some(Value::Fraction(0.5)), None, None]));
    assert_eq!(args[3].2[1], Some(Value::Number(3.5)));
    let names: Vec<_> = replies.intents[..4]
        .iter()
        .map(|intent| stage.simulation.registry().actions[usize::from(intent.action.0)].name)
        .collect();
    assert_eq!(names, ["open", "withdraw", "close", "sell"]);
}

#[test]
fn memory_is_written_through_its_handle() {
    let mut stage = Stage::of(
        "fn memory() { #{ n: 1, x: 0.5, seen: false } }\n\
         fn decide(me, world) { let m = me.memory; m.n += 1; m.x = 2; me.memory.x += m.n; if m.seen { m.x = 9.0; } m.seen = true; me.account(0).deposit(me.memory.x); }",
    );
    assert_eq!(deposits(&stage.decide()), [4.0; 3]);
    assert_eq!(deposits(&stage.decide()), [9.0; 3]);
}

#[test]
fn a_fault_undoes_the_call() {
    let mut stage = Stage::of(
        "fn memory() { #{ n: 0 } }\n\
         fn decide(me, world) {\n me.memory.n += 1;\n me.account(0).deposit(me.memory.n);\n if me.rng.uniform() < 2.0 && me.memory.n == 2 { me.account(5); }\n}",
    );
    assert_eq!(deposits(&stage.decide()), [1.0; 3]);
    for _ in 0..2 {
        let replies = stage.decide();
        assert_eq!(replies.intents, []);
        assert_eq!(replies.faults.len(), 3);
        assert_eq!(&*replies.faults[0].place, "x.rhai:8:53");
        assert_eq!(&*replies.faults[0].message, "there is no account(5): the agent has 2, counted from 0");
    }
}

/// A fault at a place, with a message.
#[track_caller]
fn check_fault(body: &str, place: &str, message: &str) {
    let mut stage = Stage::of(&format!("fn decide(me, world) {{\n{body}\n}}\nfn f(x) {{\n x.anything\n}}"));
    let replies = stage.decide();
    assert_eq!(replies.intents, [], "{body}");
    let fault = replies.faults.first().expect(body);
    assert!(fault.message.contains(message), "{body}: {}", fault.message);
    assert_eq!(fault.place.strip_prefix("x.rhai:"), Some(place), "{body}: {}", fault.message);
}

#[test]
fn faults_name_their_place_and_the_nearest_name() {
    check_fault(
        "let x = world.find(\"TOK-PERP\"); x.indx",
        "5:34",
        "a market has no field `indx` (did you mean `index`?)",
    );
    check_fault("let x = world.find(\"TOK-PRP\");", "5:15", "(did you mean `TOK-PERP`?)");
    check_fault("let x = world.venue(\"TOK\");", "5:15", "there is no venue called `TOK`");
    check_fault("let x = [me]; x[0].csh", "5:19", "`me` has no field `csh` (did you mean `cash`?)");
    check_fault("let x = [me]; x[0].acount(1)", "5:20", "there is no `acount (me, i64)` (did you mean `account`?)");
    check_fault("let x = [world]; x[0].time = 3.0;", "5:23", "");
    check_fault("f(world.find(\"TOK-PERP\"))", "8:3", "a market has no field `anything`");
    check_fault("let x = [1.0]; me.account(0).open(x[0], 1.0)", "5:30", "`market` of `open` is a market, not f64");
    check_fault("throw \"enough\"", "5:1", "enough");
    check_fault("let x = [1]; x[7]", "5:16", "out of bounds");
    check_fault("let x = 9223372036854775807; x + 1", "5:32", "overflow");
    check_fault("loop { me.cash }", "4:4", "more than 50000 operations");
    check_fault("for i in 0..65 { me.account(0).deposit(1.0); }", "5:32", "more than 64 actions");
    check_fault("let a = [me.memory]; a[0].x = 1", "5:26", "`me.memory` has no field `x`");
}

#[test]
fn draws_are_an_agents_own() {
    let body =
        "fn decide(me, world) { me.account(0).deposit(me.rng.uniform()); me.account(0).deposit(me.rng.normal()); }";
    let (mut one, mut two) = (Stage::of(body), Stage::of(body));
    let first = deposits(&one.decide());
    assert_eq!(first, deposits(&two.decide()));
    assert!(first[0] != first[2] && first[2] != first[4], "agents share no draws: {first:?}");
    assert_ne!(first, deposits(&one.decide()), "steps share no draws");
    let mut more = Stage::of("fn decide(me, world) { if me.cash > 0.0 { me.account(0).deposit(me.rng.uniform()); } }");
    assert_eq!(deposits(&more.decide())[1], first[2], "the first draw does not depend on later ones");
}

#[test]
fn reports_are_prices_or_nothing() {
    let subject = Some(Handle { kind: Kind::Feed, index: 0 });
    let report = |body: &str| {
        let replies = Stage::of(&format!("fn report(me, feed) {{ {body} }}")).ask(Hook::Report, subject);
        (replies.values.first().copied(), replies.faults.first().map(|fault| fault.message.to_string()))
    };
    assert_eq!(report("2"), (Some((0, 2.0)), None));
    assert_eq!(report("if feed.price > 1.0 { 2.5 }"), (None, None));
    assert_eq!(report("0.0 / 0.0").1.as_deref(), Some("`report` returned NaN"));
    assert_eq!(report("[1.0][0] / 0.0").1.as_deref(), Some("`report` returned inf"));
    assert_eq!(report("[[1]][0]").1.as_deref(), Some("`report` returned array, not a price"));
}

#[test]
fn the_subject_of_liquidate_is_seen_and_its_action_reached() {
    let mut stage =
        Stage::of("fn liquidate(me, account) { if account.equity < 1.0 { me.liquidate(account, account.mmr); } }");
    let account = Handle { kind: Kind::Account, index: 5 };
    let replies = stage.ask(Hook::Liquidate, Some(account));
    assert_eq!(replies.faults, []);
    assert_eq!(replies.intents[0].args[..2], [Some(Value::Handle(account)), Some(Value::Number(0.5))]);
}

const TUNED: &str = "fn params() { #{ size: param(1.0, 0.0, 2.0, \"s\"), venue: venue_param(\"thinnest\") } }\n\
    fn decide(me, world) { me.account(0).deposit(me.params.size); me.buy(me.params.venue, 1.0); }";

#[track_caller]
fn check_tuned(adjust: impl FnOnce(&mut Cohort), expected: Result<(f64, u32), &str>) {
    match (Stage::with(TUNED, adjust), expected) {
        (Ok(mut stage), Ok((size, venue))) => {
            let intents = stage.decide().intents;
            assert_eq!(intents[0].args[0], Some(Value::Number(size)));
            assert_eq!(intents[1].args[0], Some(Value::Handle(Handle { kind: Kind::Venue, index: venue })));
        }
        (Err(error), Err(message)) => assert_eq!(error.to_string(), message),
        (found, _) => panic!("{:?}", found.err()),
    }
}

#[test]
fn a_scenario_overrides_and_binds() {
    let names = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let thin =
        u32::from(Stage::of(TUNED).simulation.world().resource::<Directory>().find(Kind::Venue, "THIN/USD") == Some(1));
    check_tuned(|_| {}, Ok((1.0, thin)));
    check_tuned(|cohort| cohort.params = BTreeMap::from([("size".to_owned(), 1.5)]), Ok((1.5, thin)));
    check_tuned(|cohort| cohort.bind = names("venue", "TOK/USD"), Ok((1.0, 1 - thin)));
    check_tuned(
        |cohort| cohort.params = BTreeMap::from([("size".to_owned(), 3.0)]),
        Err("population.traders.params.size: expected 0 to 2, found 3"),
    );
    check_tuned(
        |cohort| cohort.params = BTreeMap::from([("sice".to_owned(), 3.0)]),
        Err("population.traders.params.sice: there is no strategy parameter called `sice`"),
    );
    check_tuned(
        |cohort| cohort.bind = names("venue", "TOK"),
        Err("population.traders.bind.venue: there is no venue called `TOK`"),
    );
    check_tuned(
        |cohort| cohort.bind = names("vnue", "TOK/USD"),
        Err("population.traders.bind.vnue: there is no handle parameter called `vnue`"),
    );
    check_tuned(|cohort| cohort.bind = names("market", "TOK-PERP"), Ok((1.0, thin)));
    check_tuned(
        |cohort| cohort.strategy = "nobody".into(),
        Err("population.traders.strategy: there is no strategy called `nobody`"),
    );
}

#[test]
fn a_panic_disqualifies_its_agent_only() {
    let mut stage = Stage::of(
        "fn memory() { #{ n: 0 } }\n\
         fn decide(me, world) { me.memory.n += 1; let n = [me.memory.n]; me.account(0).deposit(floor(n[0])); }",
    );
    let engine = stage.host.cohorts[0].engine();
    engine.register_fn("floor", |_: i64| -> f64 { panic!("a native that breaks") });
    let replies = stage.decide();
    let fault = &replies.faults[0];
    assert_eq!((fault.agent, &*fault.message), (Some(AgentId(0)), "internal fault in the script engine"));
    assert_eq!((replies.faults.len(), replies.intents.len()), (1, 2), "the others have a new engine");
    assert_eq!(deposits(&stage.decide()), [2.0, 2.0], "and their memory");
    assert!(stage.host.cohorts[1].reads(Hook::Report).is_some());
}

#[test]
fn all_problems_of_all_strategies_come_together() {
    let library = Library::of_texts(&[
        ("a.rhai", &format!("{CARD}fn decide(me, world) {{ me.csh }}")),
        ("b.rhai", &format!("{CARD}fn decide(me, world) {{ me.cahs }}")),
    ])
    .unwrap();
    let cohorts = vec![("population.a", cohort(Role::Trader, "a", 1)), ("population.b", cohort(Role::Trader, "b", 1))];
    let mut scenario = scenario(cohorts);
    scenario.blocks.clear();
    let simulation = Simulation::new(&scenario, &mechanisms::ALL, Options::default()).unwrap();
    match ScriptHost::new(&library, &scenario, &simulation, HostOptions::default()) {
        Err(LoadError::Script(problems)) => assert_eq!(problems.len(), 2),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn the_embedded_strategies_play_together() {
    let library = Library::load(&[]).unwrap();
    let mut cohorts = vec![
        ("attackers.mallory", cohort(Role::Attacker, "thin_market_push", 1)),
        ("population.nodes", cohort(Role::Oracle, "honest", 2)),
        ("population.copiers", cohort(Role::Oracle, "lazy_copy", 1)),
        ("population.keepers", cohort(Role::Keeper, "keeper", 1)),
        ("population.arbitrage", cohort(Role::Arbitrageur, "spot", 1)),
    ];
    for name in ["trend", "mean_reversion", "holder", "noise", "hedger"] {
        cohorts.push(("population.t", cohort(Role::Trader, name, 2)));
    }
    for (place, (path, _)) in cohorts.iter_mut().enumerate().skip(5) {
        *path = ["population.t0", "population.t1", "population.t2", "population.t3", "population.t4"][place - 5];
    }
    let attack = &mut cohorts[0].1;
    attack.params = [("margin", 400.0), ("push", 200.0), ("push_minutes", 0.5)]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    let scenario = scenario(cohorts);
    let run = |seed: u64| {
        let mut simulation =
            Simulation::new(&scenario, &mechanisms::ALL, Options { seed, ..Options::default() }).unwrap();
        let mut host = ScriptHost::new(&library, &scenario, &simulation, HostOptions::default()).unwrap();
        for _ in 0..100 {
            simulation.step(&mut host);
        }
        assert_eq!(simulation.fault_count(), 0, "{:?}", simulation.take_frames());
        let mut state = String::new();
        simulation.write_state(&mut state).unwrap();
        state
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}
