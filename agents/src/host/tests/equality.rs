//! Programs run over columns and by the interpreter: the same intents, answers, faults and memory, to the bit. By default
//! a few thousand of them; `PALISADE_PROGRAMS` sets how many.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::votes::{ONE, TWO, ballot};
use super::*;
use crate::backend::Backend;
use crate::cohort::Members;
use crate::sandbox::Packages;

mod generator;

/// Programs of the fast suite.
const PROGRAMS: u32 = 2_000;
/// More than one chunk.
const AGENTS: u32 = 300;

/// Where programs are played: a world with a crowd in it, of which some have positions.
struct World {
    scenario: Scenario,
    simulation: Simulation,
    catalog: Catalog,
    packages: Packages,
}

impl World {
    fn new() -> Self {
        let mut traders = cohort(Role::Trader, "x", AGENTS);
        traders.margin = Some(Amounts::Uniform(0.0, 2_000.0));
        let wallet = [("USD", 5_000.0), ("TOK", 900.0)];
        traders.wallet = wallet.map(|(asset, most)| (asset.into(), Amounts::Uniform(0.0, most))).into();
        let nodes = cohort(Role::Oracle, "honest", 1);
        let scenario = scenario(vec![("population.traders", traders), ("population.nodes", nodes)]);
        let mut simulation = Simulation::new(&scenario, &ballot(), Options::default()).unwrap();
        let library = library(
            "fn decide(me, world) {
                if me.rng.chance(0.5) {
                    me.account(1).deposit(100.0);
                    me.account(1).open(world.market(\"TOK-PERP\"), 50.0 * me.rng.normal());
                }
            }",
        );
        let mut host = ScriptHost::new(&library, &scenario, &simulation, HostOptions::default()).unwrap();
        for _ in 0..3 {
            simulation.step(&mut host);
        }
        let catalog = Catalog::of(simulation.registry());
        Self { scenario, simulation, catalog, packages: Packages::new() }
    }

    /// A checked program; nothing when it does not pass the checks.
    fn checked(&self, body: &str) -> Option<Checked> {
        let library = library(body);
        let packages = (&self.packages, HostOptions::default());
        check::checked(&library, library.get("x").unwrap(), &self.catalog, packages).ok()
    }

    fn script(&self, checked: &Checked, backend: Backend) -> CohortScript {
        let around = Surroundings::of(&self.simulation);
        let (path, traders) = &self.scenario.cohorts[0];
        let values = bind::values(around, &checked.terms.declarations.params, (path, traders)).unwrap();
        let members = Members { first: 0, count: AGENTS, accounts: 2 };
        let view = (self.catalog.clone(), around.directory);
        let options = HostOptions { backend, ..HostOptions::default() };
        CohortScript::new(checked, values, members, view, (&self.packages, options)).unwrap()
    }

    /// Facts of what is asked about: of the first pending action on a venue, of the other one and of an auction in a market.
    fn momentary(&self, subject: Option<Handle>) -> Vec<f64> {
        let is_first = subject.is_some_and(|subject| subject.index == 0);
        let value = |field: &palisade_engine::view::PublicField| match field.name {
            _ if !field.of.is_momentary() => f64::NAN,
            "venue" => f64::from(u8::from(is_first)) - 1.0,
            "market" => -f64::from(u8::from(is_first)),
            "own" | "long" => 1.0,
            _ => 2.5,
        };
        self.simulation.registry().public.iter().map(value).collect()
    }

    /// What agents do and remember, in words.
    fn play(&self, script: &mut CohortScript, crowd: u32) -> String {
        let few = AGENTS / 12;
        let questions = [
            (Hook::Decide, None, 1, 1, few),
            (Hook::Decide, None, 2, 3, few),
            (Hook::Report, Some(Handle { kind: Kind::Feed, index: 0 }), 1, 2, few),
            (Hook::Vote, TWO, 1, 1, 20),
            (Hook::Vote, ONE, 2, 1, 20),
            (Hook::Order, Some(Handle { kind: Kind::Pending, index: 0 }), 1, 1, 20),
            (Hook::Order, Some(Handle { kind: Kind::Pending, index: 1 }), 1, 1, 20),
            (Hook::Bid, Some(Handle { kind: Kind::Auction, index: 3 }), 1, 1, 20),
            (Hook::Decide, None, 3, 1, crowd),
        ];
        let mut text = String::new();
        for (hook, subject, step, stride, count) in questions {
            let Some(reads) = script.reads(hook) else { continue };
            let agents: Vec<AgentId> = (0..count).step_by(stride).map(AgentId).collect();
            let keys: Vec<u64> = agents.iter().map(|agent| 1_000 + u64::from(agent.0)).collect();
            let world = self.simulation.world();
            let own = Columns::gather(world, &reads, Asked { agents: &agents, accounts: 2, subject });
            let ask = Ask {
                hook,
                now: Now { step, time: step * 1_000, dt: Span(1_000) },
                cohort: CohortId(0),
                agents: &agents,
                keys: &keys,
                subject,
                subject_values: &self.momentary(subject),
                own: &own,
                // What inference overlooked is a fault of the interpreter, and a difference.
                public: &Public::shown_to(world, [&reads]),
                streams: Streams::new(7),
                directory: world.resource::<Directory>(),
            };
            let mut replies = Replies::default();
            script.ask(&ask, &mut replies);
            replies.unpack(&agents);
            write!(text, "{replies:?}\n{:?}\n", script.remembered()).unwrap();
        }
        text
    }
}

fn library(body: &str) -> Library {
    Library::of_texts(&[("x.rhai", &format!("{CARD}{body}")), ("honest.rhai", HONEST)]).unwrap()
}

thread_local! {
    static WORLD: World = World::new();
}

/// Where the two ways differ; nothing also for a program that does not pass the checks.
fn difference(body: &str) -> Option<String> {
    WORLD.with(|world| {
        let checked = world.checked(body)?;
        // More than a chunk takes long to interpret: one in eight does it.
        let crowd = if body.len().is_multiple_of(8) { AGENTS } else { AGENTS / 12 };
        let [one, two] =
            [Backend::Auto, Backend::Rhai].map(|backend| world.play(&mut world.script(&checked, backend), crowd));
        let at = one.bytes().zip(two.bytes()).position(|(one, two)| one != two);
        let at = at.or((one.len() != two.len()).then_some(one.len().min(two.len())))?;
        let part = |text: &str| text.chars().skip(at.saturating_sub(200)).take(400).collect::<String>();
        Some(format!("over columns: …{}\ninterpreted:  …{}", part(&one), part(&two)))
    })
}

/// A number from the environment.
fn set<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn tapes() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..600)
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/regressions/columnar")
}

#[test]
fn random_programs_run_the_same_both_ways() {
    let programs = set("PALISADE_PROGRAMS").unwrap_or(PROGRAMS);
    let seed = set("PALISADE_PROGRAMS_SEED").unwrap_or(1_u8);
    let config = Config { cases: programs, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    let result = runner.run(&tapes(), |tape| match difference(&generator::program(&tape)) {
        None => Ok(()),
        Some(difference) => Err(TestCaseError::fail(difference)),
    });
    if let Err(TestError::Fail(reason, tape)) = result {
        let program = generator::program(&tape);
        let name = format!("{:016x}.rhai", palisade_engine::rng::name_key(&program));
        std::fs::create_dir_all(kept()).unwrap();
        std::fs::write(kept().join(&name), &program).unwrap();
        panic!("kept as tests/regressions/columnar/{name}:\n{program}\n{reason}");
    }
}

#[test]
fn programs_that_once_ran_differently_run_the_same() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(kept()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let body = std::fs::read_to_string(&file).unwrap();
        assert!(WORLD.with(|world| world.checked(&body).is_some()), "{} is refused", file.display());
        assert_eq!(difference(&body), None, "{}", file.display());
    }
}

/// The property above would hold of programs that are all refused, or all interpreted.
#[test]
fn most_random_programs_are_lowered() {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[2; 32]));
    let (mut accepted, mut lowered, mut hooks) = (0, 0, 0);
    for _ in 0..200 {
        let program = generator::program(&tapes().new_tree(&mut runner).unwrap().current());
        WORLD.with(|world| {
            let Some(checked) = world.checked(&program) else { return };
            accepted += 1;
            lowered += world.script(&checked, Backend::Auto).lowered();
            hooks += checked.terms.reads.len();
        });
    }
    assert!(accepted >= 190, "{accepted} of 200 programs pass the checks");
    assert!(lowered * 50 >= hooks * 49, "{lowered} of {hooks} hooks are lowered");
}
