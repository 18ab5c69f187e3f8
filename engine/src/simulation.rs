//! One world and its schedules: built from a scenario, stepped with a host, read through frames and outcomes.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use bevy_ecs::prelude::World;
use bevy_ecs::schedule::{LogLevel, Schedule, ScheduleBuildSettings};

use crate::action::{Intent, Rejected};
use crate::assembly;
use crate::book::Book;
use crate::clock::{Clock, Now};
use crate::domain::{Agent, AgentId, CohortId, Cohorts, Market, Roster};
use crate::event::Events;
use crate::frame::Frame;
use crate::host::{Ask, Fault, Hook, Host, Replies, Wake};
use crate::inquiry::{Answers, Inquiries, Inquiry, Listeners};
use crate::ledger::{AssetId, Ledger};
use crate::mechanism::{Assets, Mechanism, Setup, StateWriter};
use crate::mechanisms::safety::stress::{self, Shock, Stress};
use crate::outcomes::Ventures;
use crate::params;
use crate::phase::{Half, Phase};
use crate::population::{self, Attention};
use crate::queue::{self, ActionLog, Mempool, Queue};
use crate::record::{Recorder, Recording};
use crate::registry::{Directory, Kind, Registry, part};
use crate::rng::Streams;
use crate::scenario::{Scenario, SetupError};
use crate::units::Millis;
use crate::view::{self, Asked, Columns, Public, Reads};

/// How a simulation differs from its scenario.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The seed of every random stream.
    pub seed: u64,
    /// Leave the attackers out: the paired baseline.
    pub without_attackers: bool,
    /// Permute the order in which entities are spawned (0: do not). Nothing may depend on it.
    pub spawn_shuffle: u64,
    /// What is recorded beside the tables of every run.
    pub recording: Recording,
    /// Record no rows at all: of a world whose figures alone are asked for. It never changes what happens.
    pub without_tables: bool,
}

/// A cohort that has been faulting for too large a share of its decisions is no longer asked.
const BENCH_SHARE: f64 = 0.5;
/// How many decisions a cohort makes before it may be benched.
const BENCH_AFTER: u64 = 200;

/// What the host told about a cohort.
#[derive(Debug, Default)]
struct Manners {
    wake: Wake,
    reads: BTreeMap<Hook, Reads>,
    asked: u64,
    faults: u64,
    benched: bool,
}

/// A running world.
pub struct Simulation {
    world: World,
    schedules: BTreeMap<(Phase, Half), Schedule>,
    order: [Phase; 12],
    clock: Clock,
    /// None where no rows are recorded.
    recorder: Option<Recorder>,
    manners: Vec<Manners>,
    faults: Vec<Fault>,
    fault_count: u64,
    states: Vec<StateWriter>,
    next_step: u64,
}

impl Simulation {
    /// Builds the world of `scenario`.
    ///
    /// # Errors
    /// What is wrong with the scenario, by path.
    pub fn new(scenario: &Scenario, mechanisms: &[&dyn Mechanism], options: Options) -> Result<Self, SetupError> {
        let clock = Clock::new(scenario.clock.clone())
            .map_err(|(index, message)| SetupError::value(format!("clock.{index}"), message))?;
        let mut world = World::new();
        world.insert_resource(Registry::of(mechanisms));
        assembly::install_core(&mut world, scenario, options)?;
        population::spawn(&mut world, scenario, options.without_attackers, options.spawn_shuffle)?;
        let mut schedules = assembly::schedules(mechanisms.len());
        let mut states: Vec<StateWriter> = Vec::new();
        for (place, mechanism) in mechanisms.iter().enumerate() {
            let mut setup =
                Setup { world: &mut world, scenario, schedules: &mut schedules, states: &mut states, place };
            mechanism.build(&mut setup)?;
        }
        assembly::check_bounds(&world)?;
        assembly::list_parameters(&mut world);
        schedules.retain(|_, schedule| !schedule.graph().systems.is_empty());
        let agents = world.resource::<Roster>().agents().len();
        world.insert_resource(Attention::of(agents));
        world.resource_mut::<Ledger>().assert_conserved("set-up");
        Book::begin(&mut world);
        Ventures::begin(&mut world);
        view::freeze(&mut world);
        let recorder =
            (!options.without_tables).then(|| Recorder::of(&mut world, &scenario.measures, options.recording));
        let manners = world.resource::<Cohorts>().0.iter().map(|_| Manners::default()).collect();
        Ok(Self {
            world,
            schedules,
            order: Phase::order(scenario.timing.liquidation),
            clock,
            recorder,
            manners,
            faults: Vec::new(),
            fault_count: 0,
            states,
            next_step: 0,
        })
    }

    /// Runs one step. It cannot fail: refusals and faults are data, and a broken invariant panics with `Invariant:`.
    ///
    /// # Panics
    /// `Invariant:` when value was created or lost.
    pub fn step(&mut self, host: &mut dyn Host) {
        if self.next_step == 0 {
            self.meet(host);
        }
        self.world.insert_resource(self.clock.at(self.next_step));
        for phase in self.order {
            if phase == Phase::Order {
                queue::order(&mut self.world);
            }
            self.run(phase, Half::Prepare);
            match phase {
                Phase::Oracle | Phase::Liquidate | Phase::Order => self.ask_inquiries(host),
                Phase::Observe => view::freeze(&mut self.world),
                Phase::Decide => {
                    self.ask_decisions(host);
                    self.ask_inquiries(host);
                }
                Phase::Execute => queue::execute(&mut self.world),
                _ => {}
            }
            self.run(phase, Half::Settle);
        }
        self.world.resource_mut::<Ledger>().assert_conserved("the step");
        let measured = host.measure(&self.world);
        let script_faults = host.script_faults();
        self.fault_count += script_faults.len() as u64;
        self.faults.extend(script_faults);
        self.faults.sort();
        Book::follow(&mut self.world);
        match &mut self.recorder {
            Some(recorder) => recorder.record(&mut self.world, &measured, &self.faults),
            None => self.world.resource_mut::<Events>().clear(),
        }
        self.faults.clear();
        self.next_step += 1;
    }

    fn run(&mut self, phase: Phase, half: Half) {
        if let Some(schedule) = self.schedules.get_mut(&(phase, half)) {
            let mark = self.world.resource::<Events>().len();
            schedule.run(&mut self.world);
            queue::wake_touched(&mut self.world, mark);
        }
    }

    fn meet(&mut self, host: &mut dyn Host) {
        for (place, manners) in self.manners.iter_mut().enumerate() {
            let cohort = CohortId(u16::try_from(place).unwrap_or(u16::MAX));
            manners.wake = host.wake(cohort);
            manners.reads =
                Hook::ALL.iter().filter_map(|hook| host.reads(cohort, *hook).map(|reads| (*hook, reads))).collect();
            let mut listeners = self.world.resource_mut::<Listeners>();
            manners.reads.keys().for_each(|hook| listeners.add(cohort, *hook));
        }
        let fields = self.registry().public.len();
        let reads = self.manners.iter().flat_map(|manners| manners.reads.values());
        self.world.resource_mut::<Public>().show_only(fields, reads);
    }

    fn ask_inquiries(&mut self, host: &mut dyn Host) {
        let inquiries = self.world.resource_mut::<Inquiries>().take();
        for alike in inquiries.chunk_by(|one, two| one.hook == two.hook) {
            self.ask_about(host, alike[0].hook, alike);
        }
    }

    fn ask_about(&mut self, host: &mut dyn Host, hook: Hook, inquiries: &[Inquiry]) {
        if matches!(hook, Hook::Liquidate | Hook::Bid) {
            view::freeze(&mut self.world);
        }
        let mut intents = Vec::new();
        for inquiry in inquiries {
            let replies = self.ask(host, inquiry);
            let values = replies.values.into_iter().filter_map(|(row, value)| Some((*inquiry.agents.get(row)?, value)));
            self.world.resource_mut::<Answers>().add(inquiry.subject, values);
            match inquiry.subject.filter(|_| hook == Hook::Order) {
                Some(pending) => queue::put_ahead(&mut self.world, pending.index as usize, replies.intents),
                None => intents.extend(replies.intents),
            }
        }
        let queues = self.world.get_resource::<Mempool>().is_some_and(|mempool| mempool.takes_liquidations);
        if hook == Hook::Vote || (hook == Hook::Liquidate && queues) {
            queue::admit(&mut self.world, &intents);
            return;
        }
        queue::shuffle(&self.world, &mut intents, hook.name(), |intent| intent);
        queue::run_all(&mut self.world, &intents);
        self.world.resource_mut::<Ledger>().assert_conserved(hook.name());
    }

    fn ask_decisions(&mut self, host: &mut dyn Host) {
        let now = *self.world.resource::<Now>();
        let mut intents: Vec<Intent> = Vec::new();
        for place in 0..self.manners.len() {
            if !self.manners[place].reads.contains_key(&Hook::Decide) {
                continue;
            }
            let (range, mark) = watched(&self.world, place);
            let wake = self.manners[place].wake;
            let agents = self.world.resource_mut::<Attention>().wake(range, wake, now, mark);
            let cohort = CohortId(u16::try_from(place).unwrap_or(u16::MAX));
            let replies = self.ask(host, &Inquiry { hook: Hook::Decide, cohort, agents, subject: None });
            intents.extend(replies.intents);
        }
        queue::admit(&mut self.world, &intents);
    }

    fn ask(&mut self, host: &mut dyn Host, inquiry: &Inquiry) -> Replies {
        let mut replies = Replies::default();
        let Some(manners) = self.manners.get_mut(usize::from(inquiry.cohort.0)) else { return replies };
        let Some(reads) = manners.reads.get(&inquiry.hook) else { return replies };
        if manners.benched || inquiry.agents.is_empty() {
            return replies;
        }
        let world = &self.world;
        let accounts = usize::from(world.resource::<Cohorts>().0[usize::from(inquiry.cohort.0)].accounts);
        let asked = Asked { agents: &inquiry.agents, accounts, subject: inquiry.subject };
        let own = Columns::gather(world, reads, asked);
        let keys: Vec<u64> = inquiry.agents.iter().filter_map(|agent| key_of(world, *agent)).collect();
        let ask = Ask {
            hook: inquiry.hook,
            now: *world.resource::<Now>(),
            cohort: inquiry.cohort,
            agents: &inquiry.agents,
            keys: &keys,
            subject: inquiry.subject,
            subject_values: &view::of_subject(world, inquiry.subject),
            own: &own,
            public: world.resource::<Public>(),
            streams: *world.resource::<Streams>(),
            directory: world.resource::<Directory>(),
        };
        host.ask(&ask, &mut replies);
        replies.unpack(&inquiry.agents);
        manners.asked += inquiry.agents.len() as u64;
        manners.faults += replies.faults.len() as u64;
        #[allow(clippy::cast_precision_loss)]
        let share = manners.faults as f64 / manners.asked as f64;
        manners.benched = manners.asked >= BENCH_AFTER && share > BENCH_SHARE;
        if manners.benched {
            self.world.resource_mut::<Listeners>().remove(inquiry.cohort);
        }
        self.fault_count += replies.faults.len() as u64;
        self.faults.append(&mut replies.faults);
        replies
    }

    /// Steps done.
    #[must_use]
    pub const fn steps_done(&self) -> u64 {
        self.next_step
    }

    /// Simulated time at the end of the last step.
    #[must_use]
    pub fn time(&self) -> Millis {
        self.clock.at(self.next_step).time
    }

    /// Script faults so far.
    #[must_use]
    pub const fn fault_count(&self) -> u64 {
        self.fault_count
    }

    /// The names of cohorts that are no longer asked because they kept failing.
    #[must_use]
    pub fn benched(&self) -> Vec<String> {
        let cohorts = &self.world.resource::<Cohorts>().0;
        cohorts
            .iter()
            .zip(&self.manners)
            .filter(|(_, manners)| manners.benched)
            .map(|(info, _)| info.name.clone())
            .collect()
    }

    /// The rows recorded since the last call.
    #[must_use]
    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.recorder.as_mut().map(Recorder::take).unwrap_or_default()
    }

    /// The tables that describe the run as a whole, as of now.
    #[must_use]
    pub fn closing_frames(&self) -> Vec<Frame> {
        self.recorder.as_ref().map(|recorder| recorder.closing(&self.world)).unwrap_or_default()
    }

    /// The world, to read.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Runs one intent at once, outside any phase: for tests and dry runs of actions.
    ///
    /// # Errors
    /// Why it was refused; nothing has changed then.
    pub fn act(&mut self, intent: &Intent) -> Result<(), Rejected> {
        queue::run(&mut self.world, intent)
    }

    /// Sets a risk parameter between two steps. The table of governance says so in the next one.
    ///
    /// # Errors
    /// A path that leads to no parameter; a value outside its bounds.
    pub fn set_parameter(&mut self, path: &str, value: f64) -> Result<(), SetupError> {
        params::set(&mut self.world, path, value)
    }

    /// What a shock to the world as it stands would cost, and who would bear it; nothing changes.
    #[must_use]
    pub fn stress(&self, shock: Shock) -> Stress {
        stress::stress(&self.world, shock)
    }

    /// From now on keeps what becomes of the actions of one agent.
    pub fn follow(&mut self, agent: AgentId) {
        self.world.insert_resource(ActionLog { agent, done: Vec::new() });
    }

    /// The followed agent's actions that ran since the last call, in order, with the reasons of those refused.
    #[must_use]
    pub fn take_followed(&mut self) -> Vec<(Intent, Result<(), Rejected>)> {
        self.world.get_resource_mut::<ActionLog>().map(|mut log| std::mem::take(&mut log.done)).unwrap_or_default()
    }

    /// What everything declared.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.world.resource::<Registry>()
    }

    /// The settlement asset.
    #[must_use]
    pub fn settlement(&self) -> AssetId {
        self.world.resource::<Assets>().settlement()
    }

    /// A figure of the run so far, by name.
    #[must_use]
    pub fn outcome(&self, name: &str) -> Option<f64> {
        let outcome = self.registry().outcomes.iter().find(|outcome| outcome.name == name)?;
        Some((outcome.read)(&self.world))
    }

    /// Feeds a text of the whole state to `out`: equal states give equal texts, whatever order they were spawned in.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write_state(&self, out: &mut dyn Write) -> fmt::Result {
        self.world.resource::<Ledger>().write_state(out)?;
        write!(out, "{:?}{:?};", self.world.resource::<Queue>(), self.world.resource::<Events>())?;
        let (roster, directory) = (self.world.resource::<Roster>(), self.world.resource::<Directory>());
        let named =
            Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::Parameter | Kind::Action) && !kind.is_momentary());
        let things = named.flat_map(|kind| directory.entities(*kind));
        for entity in things.chain(roster.agents().iter().copied()).chain(roster.accounts().iter().copied()) {
            for write_part in &self.states {
                write_part(&self.world, entity, out);
            }
        }
        Ok(())
    }

    /// Pairs of systems that touch the same data in no fixed order, found by building every schedule anew.
    ///
    /// # Errors
    /// The first schedule's complaint.
    pub fn check_ambiguities(&mut self) -> Result<(), String> {
        for (stage, schedule) in &mut self.schedules {
            schedule.set_build_settings(ScheduleBuildSettings {
                ambiguity_detection: LogLevel::Error,
                ..Default::default()
            });
            schedule.initialize(&mut self.world).map_err(|error| format!("{stage:?}: {error:?}"))?;
        }
        Ok(())
    }
}

fn key_of(world: &World, agent: AgentId) -> Option<u64> {
    world.get::<Agent>(world.resource::<Roster>().agent(agent)?).map(|agent| agent.key)
}

/// The agents of a cohort and the mark they watch: of the market bound as `market`, else of one bound under another
/// name, else of the first one.
fn watched(world: &World, cohort: usize) -> (std::ops::Range<u32>, f64) {
    let info = &world.resource::<Cohorts>().0[cohort];
    let directory = world.resource::<Directory>();
    let named = |name: &String| directory.find(Kind::Market, name);
    let bound = info.bind.get("market").and_then(named).or_else(|| info.bind.values().find_map(named));
    let market = bound.unwrap_or(0);
    let mark = part::<Market>(world, Kind::Market, market)
        .and_then(|market| market.mark)
        .map_or(f64::NAN, crate::units::Price::get);
    (info.agents.clone(), mark)
}
