//! What a step of the full protocol costs beside the reference workload: per idle trader, per open position, for the
//! world as such, and for its records.

use std::time::Duration;

use cpu_time::ThreadTime;
use palisade_engine::action::{Intent, Value};
use palisade_engine::domain::CohortId;
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::mechanism::{Mechanism, Setup};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Kind, Registry};
use palisade_engine::scenario::{Scenario, SetupError};
use palisade_engine::units::Span;
use palisade_engine::view::Reads;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{handle, honest_nodes, intent, own_field};
use palisade_tests::worlds::crowd;

use crate::is_bench;

/// So few traders cost next to nothing: what is left is the world.
const FEW: u32 = 10;

/// Runs of so many steps are timed; the median counts.
const RUNS: usize = 9;

/// A crowd on a market with nodes, two vaults, votes and offences.
#[must_use]
fn scenario(traders: u32) -> Scenario {
    let mut scenario = crowd(traders, "");
    let blocks = [
        (
            "protocol.vaults",
            r#"{"nodes": (), "pool": (asset: "TOK", venue: "TOK/USD", markets: ["TOK-PERP"], cooldown: "2m")}"#,
        ),
        ("protocol.governance", r#"(token: "TOK", threshold: 0.001, quorum: 0.01, period: "5m", timelock: "1m")"#),
        ("protocol.offences", "(deviation_tolerance: 0.02, deviation_slash: 0.05)"),
    ];
    scenario.blocks.extend(blocks.map(|(path, text)| (path.to_owned(), text.to_owned())));
    scenario.cohorts[0].1.bind.insert("vault".into(), "nodes".into());
    scenario
}

/// What traders do: they open a position in the first step and are never asked again, or are never asked at all.
struct Still<F> {
    honest: F,
    observation: usize,
    open: Option<Intent>,
}

impl<F: Fn(&Ask<'_>, &mut Replies)> Host for Still<F> {
    fn wake(&mut self, _: CohortId) -> Wake {
        Wake { every: Some(Span(1_000_000_000_000)), ..Wake::default() }
    }

    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads> {
        match hook {
            Hook::Report => Some(Reads::of_own(vec![self.observation])),
            Hook::Decide if cohort.0 == 1 && self.open.is_some() => Some(Reads::default()),
            _ => None,
        }
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        (self.honest)(ask, replies);
        let Some(open) = self.open.filter(|_| ask.hook == Hook::Decide) else { return };
        replies.intents.extend(ask.agents.iter().map(|agent| {
            let mut intent = open;
            intent.actor.agent = *agent;
            intent
        }));
    }
}

/// Forgets all probes: no row has more than its key.
struct Unrecorded;

impl Mechanism for Unrecorded {
    fn name(&self) -> &'static str {
        "unrecorded"
    }

    fn declare(&self, registry: &mut Registry) {
        registry.probes.clear();
    }

    fn build(&self, _: &mut Setup<'_>) -> Result<(), SetupError> {
        Ok(())
    }
}

/// Whether every trader has a position.
#[derive(Clone, Copy, PartialEq)]
enum Traders {
    Idle,
    Open,
}

/// CPU nanoseconds of one step, median of several runs of steps.
fn step_ns(scenario: &Scenario, mechanisms: &[&dyn Mechanism], traders: Traders) -> f64 {
    let mut simulation = Simulation::new(scenario, mechanisms, Options::default()).expect("a legal scenario");
    let registry = simulation.registry();
    let open = intent(registry, 0, 0, "open", &[handle(Kind::Market, 0), Value::Number(50.0)]);
    let mut host = Still {
        honest: honest_nodes(registry),
        observation: own_field(registry, "observation"),
        open: (traders == Traders::Open).then_some(open),
    };
    let steps = if is_bench() { (200_000 / scenario.cohorts[1].1.count).clamp(2, 500) } else { 2 };
    let mut run = |steps: u32| {
        let start = ThreadTime::now();
        (0..steps).for_each(|_| simulation.step(&mut host));
        let time = start.elapsed() / steps;
        drop(simulation.take_frames());
        time
    };
    run(5);
    let mut times: Vec<Duration> = (0..RUNS).map(|_| run(steps)).collect();
    times.sort();
    times[RUNS / 2].as_secs_f64() * 1e9
}

/// Prints what traders, positions, worlds and records cost, as ratios to `plain` nanoseconds of a decision.
pub(crate) fn table(sizes: &[u32], plain: f64) {
    println!("The full protocol: CPU ns a step, and ratios to a decision of plain Rust");
    for (world, scenario) in
        [("crowd", crowd as fn(u32, &str) -> Scenario), ("protocol", |traders, _| scenario(traders))]
    {
        let fixed = step_ns(&scenario(FEW, ""), &ALL, Traders::Idle);
        println!(r#"{{"implementation": "{world} fixed", "agents": {FEW}, "us": {:.2}}}"#, fixed / 1e3);
        for traders in sizes {
            for (name, kind) in [("idle trader", Traders::Idle), ("open position", Traders::Open)] {
                let ns = (step_ns(&scenario(*traders, ""), &ALL, kind) - fixed) / f64::from(traders - FEW);
                let ratio = ns / plain;
                println!(
                    r#"{{"implementation": "{world} {name}", "agents": {traders}, "ns": {ns:.2}, "ratio": {ratio:.2}}}"#
                );
            }
        }
        for traders in [100].iter().chain(sizes) {
            let mut quiet = ALL.to_vec();
            quiet.push(&Unrecorded);
            let scenario = scenario(*traders, "");
            let (whole, without) = (step_ns(&scenario, &ALL, Traders::Open), step_ns(&scenario, &quiet, Traders::Open));
            let unmeasured = step_ns(&scenario, &ALL[..ALL.len() - 1], Traders::Open);
            println!(
                r#"{{"implementation": "{world} records", "agents": {traders}, "share": {:.3}, "share_of_safety": {:.3}}}"#,
                1.0 - without / whole,
                1.0 - unmeasured / whole
            );
        }
    }
}
