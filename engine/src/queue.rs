//! Orders on their way: decisions wait out their agent's latency, then run in a seeded order, one at a time. Where actions
//! compete for blockspace, its mechanism says which of them run, and in which order.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Resource, World};

use crate::action::{ActionId, Args, Intent, Rejected};
use crate::clock::Now;
use crate::domain::{Agent, AgentId, CohortId, Cohorts, Roster, Tip};
use crate::event::Events;
use crate::outcomes::Ventures;
use crate::population::Attention;
use crate::registry::Registry;
use crate::rng::Streams;
use crate::scenario::Role;
use crate::tx::Tx;
use crate::units::{Amount, Millis};

/// An intent, when it may run, and what it offers for its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) due: Millis,
    /// For the proposer, in settlement units.
    pub(crate) tip: Amount,
    pub(crate) intent: Intent,
}

/// Decisions that have not run yet, and the order of those that run in this step.
#[derive(Resource, Clone, Debug, Default)]
pub struct Queue {
    waiting: Vec<Pending>,
    pub(crate) ready: Vec<Pending>,
    /// What the proposer asked for in `order`, to go right before the ready one at a place.
    pub(crate) ahead: Vec<(usize, Intent)>,
    /// What got into no block in the last step.
    pub(crate) missed: Vec<Intent>,
}

/// Where actions compete for blockspace: how they come to the queue.
#[derive(Resource, Clone, Copy, Debug)]
pub(crate) struct Mempool {
    /// The action that sets an agent's standing tip, which goes along with whatever it asks for afterwards.
    pub(crate) tip: ActionId,
    /// Whether what is asked for in `liquidate` queues up with everything else.
    pub(crate) takes_liquidations: bool,
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
    let has_tips = world.contains_resource::<Mempool>();
    let mut waiting = Vec::with_capacity(intents.len());
    for intent in intents {
        if has_tips && set_apart(world, intent) {
            continue;
        }
        let tip = if has_tips { standing_tip(world, intent) } else { 0 };
        waiting.push(Pending { due: now.time + latency(world, intent), tip, intent: *intent });
    }
    world.resource_mut::<Queue>().waiting.extend(waiting);
}

/// Puts what the proposer asked for right before the ready action at a place.
pub(crate) fn put_ahead(world: &mut World, place: usize, intents: Vec<Intent>) {
    let ahead: Vec<_> =
        intents.into_iter().filter(|intent| !set_apart(world, intent)).map(|intent| (place, intent)).collect();
    world.resource_mut::<Queue>().ahead.extend(ahead);
}

/// Whether an intent sets its agent's tip: what an agent tells itself is done at once, and needs no place in a block.
fn set_apart(world: &mut World, intent: &Intent) -> bool {
    let is_tip = world.get_resource::<Mempool>().is_some_and(|mempool| mempool.tip == intent.action);
    if is_tip {
        let _ = run(world, intent);
    }
    is_tip
}

fn standing_tip(world: &World, intent: &Intent) -> Amount {
    let entity = world.resource::<Roster>().agent(intent.actor.agent);
    entity.and_then(|entity| world.get::<Tip>(entity)).map_or(0, |tip| tip.0)
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
    let (mut ready, waiting): (Vec<_>, Vec<_>) =
        std::mem::take(&mut queue.waiting).into_iter().partition(|pending| pending.due < now.time + now.dt.0);
    queue.waiting = waiting;
    shuffle(world, &mut ready, "order", |pending| &pending.intent);
    world.resource_mut::<Queue>().ready = ready;
}

/// Puts agents in the seeded order of stream `name`; what is one agent's stays as it stands.
pub(crate) fn shuffle<T>(world: &World, items: &mut [T], name: &str, intent: impl Fn(&T) -> &Intent) {
    let (streams, step) = (*world.resource::<Streams>(), world.resource::<Now>().step);
    items.sort_by_cached_key(|item| {
        let key = agent(world, intent(item)).map_or(0, |agent| agent.key);
        (streams.mix(name, key, step), intent(item).actor.agent)
    });
}

/// Runs what is ready, each all-or-nothing.
pub(crate) fn execute(world: &mut World) {
    let ready = std::mem::take(&mut world.resource_mut::<Queue>().ready);
    run_all(world, ready.iter().map(|pending| &pending.intent));
}

/// Runs `intents` in order, each all-or-nothing.
pub(crate) fn run_all<'a>(world: &mut World, intents: impl IntoIterator<Item = &'a Intent>) {
    for intent in intents {
        // The reason is in the refusals; nothing else is to be done about it.
        let _ = run(world, intent);
    }
}

/// Runs one intent: it takes effect whole, or is counted as refused and leaves no trace.
pub(crate) fn run(world: &mut World, intent: &Intent) -> Result<(), Rejected> {
    let mark = world.resource::<Events>().len();
    let result = attempt(world, intent);
    note(world, intent, result);
    if result.is_ok() {
        world.resource_mut::<Refusals>().executed += 1;
        wake_touched(world, mark);
        Ventures::observe(world, intent.actor.agent);
    }
    result
}

/// Notes what became of an intent, and counts it when it was refused.
pub(crate) fn note(world: &mut World, intent: &Intent, result: Result<(), Rejected>) {
    if let Some(mut log) = world.get_resource_mut::<ActionLog>().filter(|log| log.agent == intent.actor.agent) {
        log.done.push((*intent, result));
    }
    if let Err(rejected) = result {
        let cohort = agent(world, intent).map_or(CohortId(u16::MAX), |agent| agent.cohort);
        *world.resource_mut::<Refusals>().counts.entry((cohort, intent.action, rejected)).or_default() += 1;
    }
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
