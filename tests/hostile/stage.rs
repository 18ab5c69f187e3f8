//! A small world with an innocent cohort and a hostile one, played for a few steps under watch.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use palisade_agents::{Backend, HostOptions, Library, LoadError, ScriptHost};
use palisade_engine::action::Value;
use palisade_engine::domain::{CohortId, Cohorts};
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::mechanisms::ALL;
use palisade_engine::registry::{Directory, Kind};
use palisade_engine::scenario::{Amounts, Cohort, Role, Scenario};
use palisade_engine::view::Reads;
use palisade_engine::{Options, Simulation};
use palisade_tests::hosts::{handle, intent};
use palisade_tests::worlds::{cohort, small, wallet};

use crate::ALLOCATOR;

/// Steps that every world is played for.
const STEPS: u32 = 5;

/// What became of a world.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Faults of the hostile cohort.
    pub(crate) faults: Vec<String>,
    /// The first call that a back-stop ended.
    pub(crate) tripped: Option<String>,
    /// All rows and the state of the world at its end, as text.
    pub(crate) rows: String,
    /// Everything the innocent cohort asked for.
    pub(crate) neighbor: String,
    /// The longest that the hostile cohort took over one question.
    pub(crate) slowest: Duration,
}

/// A strategy that means harm, and who plays it.
#[derive(Clone, Copy)]
pub(crate) struct Intruder<'a> {
    pub(crate) strategy: &'a str,
    pub(crate) role: Role,
    pub(crate) agents: u32,
}

/// Names of the cohorts; the innocent one comes first, so that its agents keep their numbers.
const INNOCENT: &str = "innocent";
const HOSTILE: &str = "hostile";

/// Agents of the cohorts before the hostile one.
const TRADER: u32 = 3;
const ORACLES: u32 = 3;

/// A market whose price falls, an account that the fall ruins, a proposal under vote, and the hostile cohort, if any.
fn scenario(hostile: Option<Intruder<'_>>) -> Scenario {
    let fall = r#"{"TOK": (start: 1.0, process: Replay(points: [(at: "0s", price: 1.0), (at: "1s", price: 0.8)]))}"#;
    let mut scenario = small(&[
        ("market.prices", fall),
        ("protocol.feeds", r#"{"TOK": (sources: ["TOK"], heartbeat: "1s", deviation: 0.0)}"#),
        ("protocol.governance", r#"(token: "TOK", threshold: 0.01, review: "0s", period: "1h", timelock: "1h")"#),
        ("protocol.vaults", r#"{"nodes": ()}"#),
    ]);
    scenario.cohorts.truncate(1);
    scenario.cohorts[0].1.strategy = "honest".into();
    let innocent = Cohort {
        strategy: INNOCENT.into(),
        margin: Some(Amounts::Fixed(1_000.0)),
        wallet: wallet(&[("USD", 1_000.0), ("TOK", 1_000.0)]),
        ..cohort(Role::Trader, 2)
    };
    scenario.cohorts.push((format!("population.{INNOCENT}"), innocent));
    if let Some(Intruder { strategy, role, agents }) = hostile {
        let cohort = Cohort {
            strategy: strategy.into(),
            margin: Some(Amounts::Fixed(1_000.0)),
            wallet: wallet(&[("USD", 1_000.0), ("TOK", 1_000.0)]),
            stake: (role == Role::Oracle).then_some(Amounts::Fixed(1_000.0)),
            accounts: 2,
            ..cohort(role, agents)
        };
        scenario.cohorts.push((format!("population.{HOSTILE}"), cohort));
    }
    scenario
}

/// Plays a world with `hostile` in it; the error is what its strategy was refused for.
pub(crate) fn play(library: &Library, hostile: Option<Intruder<'_>>, backend: Backend) -> Result<Played, String> {
    let scenario = scenario(hostile);
    let mut simulation =
        Simulation::new(&scenario, &ALL, Options { seed: 7, ..Options::default() }).expect("a legal scenario");
    let options = HostOptions { live_bytes: watched_bytes, backend, ..HostOptions::default() };
    let host = ScriptHost::new(library, &scenario, &simulation, options).map_err(|error| match error {
        LoadError::Script(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect::<String>(),
        setup @ LoadError::Setup(_) => panic!("the stage is unsound: {setup}"),
    })?;
    let mut watched = Watched::new(host, &simulation);
    for step in 0..STEPS {
        simulation.step(&mut watched);
        if step == 0 {
            prepare(&mut simulation);
        }
    }
    let mut played = watched.played;
    played.tripped = watched.host.backstop_tripped().map(|fault| format!("{}: {}", fault.place, fault.message));
    let frames = simulation.take_frames().into_iter().chain(simulation.closing_frames());
    frames.for_each(|frame| write!(played.rows, "{frame:?}").expect("a string"));
    simulation.write_state(&mut played.rows).expect("a string");
    Ok(played)
}

/// Opens a position that the fall will ruin, and a proposal.
fn prepare(simulation: &mut Simulation) {
    let imr = simulation.world().resource::<Directory>().find(Kind::Parameter, "protocol.markets.TOK-PERP.imr");
    let imr = handle(Kind::Parameter, u32::try_from(imr.expect("a parameter")).expect("few"));
    let market = handle(Kind::Market, 0);
    for (action, args) in [
        ("open", vec![market, Value::Number(8_000.0)]),
        ("draft", vec![imr, Value::Number(0.3)]),
        ("propose", Vec::new()),
    ] {
        let intent = intent(simulation.registry(), TRADER, 0, action, &args);
        simulation.act(&intent).unwrap_or_else(|refused| panic!("{action}: {refused:?}"));
    }
}

/// The most bytes seen since the last reset.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The live bytes of the process, remembering the most.
fn watched_bytes() -> usize {
    let bytes = ALLOCATOR.allocated();
    PEAK.fetch_max(bytes, Ordering::Relaxed);
    bytes
}

/// Begins to watch anew and returns the bytes that are live.
pub(crate) fn watch_bytes() -> usize {
    let bytes = ALLOCATOR.allocated();
    PEAK.store(bytes, Ordering::Relaxed);
    bytes
}

/// The most bytes that were live since [`watch_bytes`].
pub(crate) fn peak_bytes() -> usize {
    PEAK.load(Ordering::Relaxed)
}

/// Passes questions on, and notes what comes of them.
struct Watched {
    host: ScriptHost,
    innocent: CohortId,
    hostile: Option<CohortId>,
    played: Played,
}

impl Watched {
    fn new(host: ScriptHost, simulation: &Simulation) -> Self {
        let cohorts = &simulation.world().resource::<Cohorts>().0;
        let find = |name| {
            let place = cohorts.iter().position(|info| info.name == name)?;
            Some(CohortId(u16::try_from(place).expect("few")))
        };
        let innocent = find(INNOCENT).expect("always there");
        assert_eq!(cohorts[usize::from(innocent.0)].agents.start, ORACLES);
        Self { host, innocent, hostile: find(HOSTILE), played: Played::default() }
    }
}

impl Host for Watched {
    fn wake(&mut self, cohort: CohortId) -> Wake {
        self.host.wake(cohort)
    }

    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads> {
        self.host.reads(cohort, hook)
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        let start = Instant::now();
        self.host.ask(ask, replies);
        replies.unpack(ask.agents);
        if Some(ask.cohort) == self.hostile {
            self.played.slowest = self.played.slowest.max(start.elapsed());
            let faults = replies.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.message));
            self.played.faults.extend(faults);
        }
        if ask.cohort == self.innocent {
            write!(self.played.neighbor, "{:?}", (&replies.intents, &replies.values, &replies.faults))
                .expect("a string");
        }
    }
}
