//! Orders on their way: decisions wait out their agent's latency, then run in a seeded order, one at a time.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Resource, World};

use crate::action::{ActionId, Args, Intent, Rejected};
use crate::clock::Now;
use crate::domain::{Agent, AgentId, CohortId, Cohorts, Roster};
use crate::event::Events;
use crate::outcomes::Ventures;
use crate::population::Attention;
use crate::registry::Registry;
use crate::rng::Streams;
use crate::scenario::Role;
use crate::tx::Tx;
use crate::units::Millis;

/// An intent and when it may run.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: Millis,
    intent: Intent,
}

/// Decisions that have not run yet, and the order of those that run in this step.
#[derive(Resource, Clone, Debug, Default)]
pub struct Queue {
    waiting: Vec<Waiting>,
    ready: Vec<Intent>,
}

/// How often actions were refused, by cohort, action and reason; and how many ran.
#[derive(Resource, Clone, Debug, Default)]
pub struct Refusals {
    /// Refused actions.
    pub counts: BTreeMap<(CohortId, ActionId, Rejected), u64>,
    /// Actions that took effect.
    pub executed: u64,
}

impl Refusals {
    /// All refused actions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// What became of one agent's actions, where somebody follows it.
#[derive(Resource, Clone, Debug)]
pub(crate) struct ActionLog {
    pub(crate) agent: AgentId,
    pub(crate) done: Vec<(Intent, Result<(), Rejected>)>,
}

/// Puts decisions on their way.
pub(crate) fn admit(world: &mut World, intents: &[Intent]) {
    let now = *world.resource::<Now>();
    let waiting: Vec<Waiting> =
        intents.iter().map(|intent| Waiting { due: now.time + latency(world, intent), intent: *intent }).collect();
    world.resource_mut::<Queue>().waiting.extend(waiting);
}

fn latency(world: &World, intent: &Intent) -> Millis {
    agent(world, intent).map_or(0, |agent| agent.latency.0)
}

fn agent<'w>(world: &'w World, intent: &Intent) -> Option<&'w Agent> {
    world.get::<Agent>(world.resource::<Roster>().agent(intent.actor.agent)?)
}

/// Takes what is due by the end of this step and orders it: agents by a seeded shuffle, an agent's own actions as asked.
pub(crate) fn order(world: &mut World) {
    let now = *world.resource::<Now>();
    let mut queue = world.resource_mut::<Queue>();
    let (due, waiting): (Vec<_>, Vec<_>) =
        std::mem::take(&mut queue.waiting).into_iter().partition(|waiting| waiting.due < now.time + now.dt.0);
    queue.waiting = waiting;
    let ready = shuffled(world, due.into_iter().map(|waiting| waiting.intent).collect(), "order");
    world.resource_mut::<Queue>().ready = ready;
}

/// Intents with their agents in the seeded order of stream `name`.
pub(crate) fn shuffled(world: &World, mut intents: Vec<Intent>, name: &str) -> Vec<Intent> {
    let (streams, step) = (*world.resource::<Streams>(), world.resource::<Now>().step);
    intents.sort_by_cached_key(|intent| {
        let key = agent(world, intent).map_or(0, |agent| agent.key);
        (streams.mix(name, key, step), intent.actor.agent)
    });
    intents
}

/// Runs what is ready.
pub(crate) fn execute(world: &mut World) {
    let ready = std::mem::take(&mut world.resource_mut::<Queue>().ready);
    run_all(world, &ready);
}

/// Runs `intents` in order, each all-or-nothing.
pub(crate) fn run_all(world: &mut World, intents: &[Intent]) {
    for intent in intents {
        // The reason is in the refusals; nothing else is to be done about it.
        let _ = run(world, intent);
    }
}

/// Runs one intent: it takes effect whole, or is counted as refused and leaves no trace.
pub(crate) fn run(world: &mut World, intent: &Intent) -> Result<(), Rejected> {
    let mark = world.resource::<Events>().len();
    let result = attempt(world, intent);
    if let Some(mut log) = world.get_resource_mut::<ActionLog>().filter(|log| log.agent == intent.actor.agent) {
        log.done.push((*intent, result));
    }
    match result {
        Ok(()) => {
            world.resource_mut::<Refusals>().executed += 1;
            wake_touched(world, mark);
            Ventures::observe(world, intent.actor.agent);
        }
        Err(rejected) => {
            let cohort = agent(world, intent).map_or(CohortId(u16::MAX), |agent| agent.cohort);
            *world.resource_mut::<Refusals>().counts.entry((cohort, intent.action, rejected)).or_default() += 1;
        }
    }
    result
}

fn attempt(world: &mut World, intent: &Intent) -> Result<(), Rejected> {
    let spec = *world.resource::<Registry>().actions.get(usize::from(intent.action.0)).ok_or(Rejected::NOT_FOUND)?;
    let cohort = agent(world, intent).ok_or(Rejected::NOT_FOUND)?.cohort;
    let role = world.resource::<Cohorts>().0.get(usize::from(cohort.0)).map_or(Role::Trader, |cohort| cohort.role);
    if !spec.who.admits(role) {
        return Err(Rejected::ROLE);
    }
    Tx::new(world).scope(|tx| (spec.run)(tx, intent.actor, &Args(&intent.args)))
}

/// Wakes the agents to whose accounts something happened since `mark`.
pub(crate) fn wake_touched(world: &mut World, mark: usize) {
    let events = world.resource::<Events>().since(mark);
    if events.is_empty() {
        return;
    }
    // What is kept on request wakes nobody: whether it is kept must not be seen.
    let touched: Vec<_> =
        events.iter().filter(|event| !event.table.is_on_request()).filter_map(|event| event.agent).collect();
    let mut attention = world.resource_mut::<Attention>();
    for agent in touched {
        attention.touch(agent);
    }
}
