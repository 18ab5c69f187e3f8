//! What the shipped validators do to the actions of others.

use palisade_agents::ScriptHost;
use palisade_engine::action::{Intent, Value};
use palisade_engine::domain::CohortId;
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::registry::Kind;
use palisade_engine::scenario::{Amounts, Cohort, Role};
use palisade_engine::view::Reads;
use palisade_tests::hosts::{handle, intent, own};
use palisade_tests::worlds::{cohort, wallet};

use crate::strategies::{Play, stage};

/// The token falls by half: the trader's long is up for liquidation from then on.
fn crash(terms: &str, validator: &str) -> Play {
    let prices = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "10s", price: 1.0), (at: "11s", price: 0.905)]))}"#;
    let block = format!(r#"(priority: "proposer", vault: "nodes", {terms})"#);
    let blocks = [
        ("market.prices", prices),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], vault: "pool", heartbeat: "1s", deviation: 0.0)}"#),
        ("protocol.blockspace", block.as_str()),
    ];
    let mut actors = cohort(Role::Validator, 1);
    actors.stake = Some(Amounts::Fixed(100.0));
    let mut scenario = stage(validator, actors, &blocks);
    scenario.cohorts[0].1.bind.insert("vault".into(), "pool".into());
    // The trader neither tops its margin up nor closes.
    scenario.cohorts[2].1.strategy = "holder".into();
    scenario.cohorts[2].1.params.clear();
    let mut keeper = Cohort { strategy: "keeper".into(), ..cohort(Role::Keeper, 1) };
    (keeper.margin, keeper.wallet) = (Some(Amounts::Fixed(1000.0)), wallet(&[("USD", 1000.0)]));
    scenario.cohorts.push(("population.keepers".into(), keeper));
    let mut play = Play::of(&scenario);
    play.steps(3);
    play.act(4, "open", &[handle(Kind::Market, 0), Value::Number(400_000.0)]);
    play.steps(12);
    play
}

#[test]
fn a_censor_keeps_the_liquidations_of_others_out_of_its_blocks() {
    let liquidated = |terms: &str, validator: &str| {
        let play = crash(terms, validator);
        let outcome = |name| play.simulation.outcome(name).expect("an outcome");
        (outcome("liquidations") > 0.0, outcome("censored") > 0.0)
    };
    assert_eq!(liquidated("liquidations: queued", "honest_proposer"), (true, false));
    assert_eq!(liquidated("liquidations: queued", "censor"), (false, true));
    assert_eq!(liquidated("liquidations: queued, visibility: sealed", "censor"), (true, false));
    assert_eq!(liquidated("liquidations: at_once", "censor"), (true, false));
}

/// Scripts, and an agent that asks for one more thing in one step.
struct AndAlso {
    scripts: ScriptHost,
    intent: Intent,
    step: u64,
}

impl Host for AndAlso {
    fn wake(&mut self, cohort: CohortId) -> Wake {
        self.scripts.wake(cohort)
    }

    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads> {
        self.scripts.reads(cohort, hook)
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        self.scripts.ask(ask, replies);
        if ask.hook == Hook::Decide && ask.now.step == self.step && ask.agents.contains(&self.intent.actor.agent) {
            replies.intents.push(self.intent);
        }
    }
}

/// What a front runner makes of a purchase of 20,000 coins on a venue with 100,000 on each side.
fn front_runs(terms: &str) -> f64 {
    let mut actors = cohort(Role::Validator, 1);
    (actors.stake, actors.wallet) = (Some(Amounts::Fixed(100.0)), wallet(&[("USD", 10_000.0)]));
    actors.bind.extend([("venue", "TOK/USD"), ("vault", "nodes")].map(|(name, thing)| (name.into(), thing.into())));
    let block = format!(r#"(vault: "nodes", {terms})"#);
    let venues = r#"{"TOK/USD": (base: "TOK", quote: "USD", price: 1.0, depth: 100000.0, fee: 0.001),
        "STK/USD": (base: "STK", quote: "USD", price: 1.0, depth: 100000.0)}"#;
    let scenario = stage("front_runner", actors, &[("protocol.blockspace", &block), ("market.venues", venues)]);
    let Play { mut simulation, host } = Play::of(&scenario);
    let intent = intent(simulation.registry(), 4, 0, "buy", &[handle(Kind::Venue, 1), Value::Number(20_000.0)]);
    let mut host = AndAlso { scripts: host, intent, step: 0 };
    (0..6).for_each(|_| simulation.step(&mut host));
    assert_eq!(simulation.fault_count(), 0);
    assert!(own(&simulation, "balance", 4, 1) > 60_000.0, "the purchase went through");
    assert_eq!(own(&simulation, "balance", 3, 1), 0.0, "it keeps nothing");
    own(&simulation, "cash", 3, 0) - 10_000.0
}

/// By the pool's formula, 0.1 % of what is paid in being the venue's: 10,000 in front of 20,000, and out again.
#[test]
fn a_front_runner_lives_off_large_purchases_that_it_can_see() {
    let swap = |(own, other): (f64, f64), paid: f64| {
        let counted = 0.999 * paid;
        ((own + paid, other - other * counted / (own + counted)), other * counted / (own + counted))
    };
    let (pool, tokens) = swap((100_000.0, 100_000.0), 10_000.0);
    let (pool, _) = swap(pool, 20_000.0);
    let (_, coins) = swap((pool.1, pool.0), tokens);
    let profit = front_runs(r#"priority: "proposer""#);
    assert!((profit - (coins - 10_000.0)).abs() < 1e-3, "{profit} is not {}", coins - 10_000.0);
    assert!(profit > 3_000.0);
    assert_eq!(front_runs(r#"priority: "proposer", visibility: sealed"#), 0.0);
    assert_eq!(front_runs(r#"priority: "fee""#), 0.0);
}
