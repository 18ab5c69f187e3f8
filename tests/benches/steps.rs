//! What a decision and a step cost, native and scripted; how the cost grows with the number of traders; bytes per trader.

use std::alloc::System;
use std::path::Path;
use std::time::Duration;

use cap::Cap;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palisade_agents::{Backend, HostOptions, Library, ScriptHost};
use palisade_engine::action::Value;
use palisade_engine::clock::Now;
use palisade_engine::domain::{AgentId, CohortId};
use palisade_engine::host::{Ask, Hook, Host, Replies};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Directory, Kind};
use palisade_engine::rng::Streams;
use palisade_engine::scenario::Scenario;
use palisade_engine::view::{Asked, Columns, Public};
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{Native, handle, honest_nodes, intent, own_field};
use palisade_tests::worlds::crowd;
use rhai::packages::{ArithmeticPackage, BasicMathPackage, LogicPackage, Package};
use rhai::{AST, Caches, Engine, Scope};

/// Counts bytes, so that the memory of a world can be stated.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

fn native(simulation: &Simulation) -> impl FnMut(&Ask<'_>, &mut Replies) + use<> {
    let registry = simulation.registry().clone();
    let honest = honest_nodes(&registry);
    let (size, equity) = (own_field(&registry, "size"), own_field(&registry, "equity"));
    let mark =
        registry.public.iter().position(|field| field.of == Kind::Market && field.name == "mark").expect("a mark");
    let template = intent(&registry, 0, 0, "open", &[handle(Kind::Market, 0), Value::Number(0.0)]);
    let mut last = 0.0;
    move |ask, replies| {
        honest(ask, replies);
        if ask.hook != Hook::Decide {
            return;
        }
        let mark = ask.public.value(mark, 0);
        let (Some(sizes), Some(equities)) = (ask.own.column(size, 0, 0), ask.own.column(equity, 0, 0)) else { return };
        for (row, (size, equity)) in sizes.iter().zip(equities).enumerate() {
            let leverage = size.abs() * mark / equity;
            let unit = 0.1 * equity / mark;
            let change = if leverage > 30.0 {
                -0.5 * size
            } else if mark - last > 0.002 * mark {
                unit * (1.0 - leverage / 30.0)
            } else {
                -unit * (1.0 - leverage / 30.0)
            };
            let mut intent = template;
            intent.actor.agent = ask.agents[row];
            intent.args[1] = Some(Value::Number(change));
            replies.intents.push(intent);
        }
        last = mark;
    }
}

/// What the decision reads of its own, and nodes of theirs.
const READ: [&str; 3] = ["size", "equity", "observation"];

/// Sizes of the crowd: small when run as a test.
fn sizes() -> Vec<u32> {
    if std::env::args().any(|arg| arg == "--bench") { vec![1_000, 10_000, 100_000] } else { vec![10] }
}

/// The shipped strategies and the bench's own.
fn library() -> Library {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scripts");
    Library::load(&[folder]).expect("checked strategies")
}

/// A simulation of `traders` that has settled for some steps, and the bytes it takes per trader.
fn settled(
    traders: u32,
    strategy: &str,
    host: impl Fn(&Scenario, &Simulation) -> Box<dyn Host>,
) -> (Simulation, Box<dyn Host>) {
    let scenario = crowd(traders, strategy);
    let before = ALLOCATOR.allocated();
    let mut simulation = Simulation::new(&scenario, &ALL, Options::default()).expect("a legal scenario");
    let mut host = host(&scenario, &simulation);
    for _ in 0..20 {
        simulation.step(&mut *host);
    }
    drop(simulation.take_frames());
    let bytes = (ALLOCATOR.allocated() - before) / traders as usize;
    eprintln!("{traders} traders: {bytes} bytes each");
    (simulation, host)
}

fn steps(criterion: &mut Criterion) {
    let library = library();
    type Make<'a> = Box<dyn Fn(&Scenario, &Simulation) -> Box<dyn Host> + 'a>;
    let hosts: [(&str, &str, Make<'_>); 2] = [
        (
            "native",
            "",
            Box::new(|_, simulation| Box::new(Native::new(simulation, native(simulation)).reading(simulation, &READ))),
        ),
        (
            "scripted",
            "every_step",
            Box::new(|scenario, simulation| {
                Box::new(
                    ScriptHost::new(&library, scenario, simulation, HostOptions::default())
                        .expect("a checked strategy"),
                )
            }),
        ),
    ];
    for (name, strategy, make) in hosts {
        let mut group = criterion.benchmark_group(format!("step/{name}"));
        group.sample_size(10);
        for traders in sizes() {
            let (mut simulation, mut host) = settled(traders, strategy, &make);
            group.throughput(Throughput::Elements(u64::from(traders)));
            group.bench_with_input(BenchmarkId::from_parameter(traders), &traders, |bench, _| {
                bench.iter(|| {
                    simulation.step(&mut *host);
                    simulation.take_frames()
                });
            });
        }
        group.finish();
    }
}

/// Sizes of the crowds that are asked for one decision each.
fn asked() -> Vec<u32> {
    if std::env::args().any(|arg| arg == "--bench") { vec![4, 16, 64, 256, 1_000] } else { vec![10] }
}

/// One decision alone: the host is asked for a crowd whose columns have been gathered, and nothing else runs.
fn decisions(criterion: &mut Criterion) {
    for traders in asked() {
        decision(criterion, traders);
    }
}

fn decision(criterion: &mut Criterion, traders: u32) {
    let library = library();
    let scenario = crowd(traders, "every_step");
    let (simulation, _) = settled(traders, "every_step", |_, simulation| {
        Box::new(Native::new(simulation, honest_nodes(simulation.registry())))
    });
    let [mut columnar, mut interpreted] = [Backend::Columnar, Backend::Rhai].map(|backend| {
        let options = HostOptions { backend, ..HostOptions::default() };
        ScriptHost::new(&library, &scenario, &simulation, options).expect("a checked strategy")
    });
    let mut native = Native::new(&simulation, native(&simulation)).reading(&simulation, &READ);
    let mut group = criterion.benchmark_group(format!("decision/{traders}"));
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(u64::from(traders)));
    let hosts: [(&str, &mut dyn Host); 3] =
        [("native", &mut native), ("columnar", &mut columnar), ("interpreted", &mut interpreted)];
    for (name, host) in hosts {
        let crowd_id = CohortId(1);
        let reads = host.reads(crowd_id, Hook::Decide).expect("a decide hook");
        let agents: Vec<AgentId> = (3..3 + traders).map(AgentId).collect();
        let keys: Vec<u64> = agents.iter().map(|agent| u64::from(agent.0)).collect();
        let asked = Asked { agents: &agents, accounts: 1, subject: None };
        let own = Columns::gather(simulation.world(), &reads, asked);
        let ask = Ask {
            hook: Hook::Decide,
            now: *simulation.world().resource::<Now>(),
            cohort: crowd_id,
            agents: &agents,
            keys: &keys,
            subject: None,
            subject_values: &[],
            own: &own,
            public: simulation.world().resource::<Public>(),
            streams: Streams::new(1),
            directory: simulation.world().resource::<Directory>(),
        };
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut replies = Replies::default();
                host.ask(&ask, &mut replies);
                replies
            });
        });
    }
    let mut bare = Bare::new();
    group.bench_function("bare", |bench| {
        bench.iter(|| (0..traders).map(|row| bare.decide(1_000.0 + f64::from(row))).sum::<f64>());
    });
    group.finish();
}

/// The least that the interpreter takes for the same rule: nothing is called, what it reads stands in a kept scope as
/// numbers, and the engine keeps what it found out, with operations limited. It has no memory and asks for nothing.
struct Bare {
    engine: Engine,
    caches: Caches,
    scope: Scope<'static>,
    rule: AST,
}

impl Bare {
    fn new() -> Self {
        let mut engine = Engine::new_raw();
        ArithmeticPackage::new().register_into_engine(&mut engine);
        LogicPackage::new().register_into_engine(&mut engine);
        BasicMathPackage::new().register_into_engine(&mut engine);
        engine.set_max_operations(50_000);
        let mut scope = Scope::new();
        for (name, value) in
            [("equity", 0.0), ("price", 100.0), ("size", 9.0), ("last", 99.0), ("threshold", 0.002), ("most", 30.0)]
        {
            scope.push(name, value);
        }
        let rule = "let leverage = abs(size) * price / equity;
            let unit = 0.1 * equity / price;
            let moved = price - last;
            if leverage > most {
                -0.5 * size
            } else if moved > threshold * price {
                unit * (1.0 - leverage / most)
            } else {
                -unit * (1.0 - leverage / most)
            }";
        let rule = engine.compile_with_scope(&scope, rule).expect("a rule");
        Self { engine, caches: Caches::new(), scope, rule }
    }

    #[allow(deprecated)] // not deprecated but "volatile", as all that is pinned with rhai
    fn decide(&mut self, equity: f64) -> f64 {
        let known = self.scope.len();
        *self.scope.get_value_mut("equity").expect("a number") = equity;
        let mut global = self.engine.new_global_runtime_state();
        let statements = self.rule.statements();
        let change = self.engine.eval_statements_raw(&mut global, &mut self.caches, &mut self.scope, statements);
        self.scope.rewind(known);
        change.expect("a decision").as_float().expect("a number")
    }
}

criterion_group!(benches, decisions, steps);
criterion_main!(benches);
