//! Hosts that decide in Rust: a closure per hook, for tests and as the native side of benches.

use palisade_engine::Simulation;
use palisade_engine::action::{Actor, Intent, MAX_ARGS, Value};
use palisade_engine::domain::{AgentId, CohortId};
use palisade_engine::host::{Ask, Hook, Host, Replies, Wake};
use palisade_engine::registry::{Handle, Kind, Registry};
use palisade_engine::view::{Reads, Rows};

/// A host that answers with a closure and reads every own field.
pub struct Native<F> {
    reads: Vec<usize>,
    answer: F,
}

impl<F: FnMut(&Ask<'_>, &mut Replies)> Native<F> {
    /// A host for `simulation` that answers every question with `answer`.
    pub fn new(simulation: &Simulation, answer: F) -> Self {
        Self { reads: (0..simulation.registry().own.len()).collect(), answer }
    }

    /// The same host, reading only `fields`.
    #[must_use]
    pub fn reading(mut self, simulation: &Simulation, fields: &[&str]) -> Self {
        self.reads = fields.iter().map(|field| own_field(simulation.registry(), field)).collect();
        self
    }
}

impl<F: FnMut(&Ask<'_>, &mut Replies)> Host for Native<F> {
    fn wake(&mut self, _: CohortId) -> Wake {
        Wake::default()
    }

    fn reads(&mut self, _: CohortId, _: Hook) -> Option<Reads> {
        Some(Reads::of_own(self.reads.clone()))
    }

    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies) {
        (self.answer)(ask, replies);
    }
}

/// Nodes report what they observe; nobody else does anything.
pub fn honest_nodes(registry: &Registry) -> impl Fn(&Ask<'_>, &mut Replies) + use<> {
    let observation = own_field(registry, "observation");
    move |ask, replies| {
        let Some(feed) = ask.subject.filter(|_| ask.hook == Hook::Report) else { return };
        for row in 0..ask.agents.len() {
            replies.values.push((row, ask.own.value(observation, feed.index as usize, 0, row)));
        }
    }
}

/// Nodes report what they observe, and whoever is asked liquidates all that it is offered.
pub fn liquidators(registry: &Registry) -> impl Fn(&Ask<'_>, &mut Replies) + use<> {
    let (honest, registry) = (honest_nodes(registry), registry.clone());
    move |ask, replies| {
        honest(ask, replies);
        if let Some(account) = ask.subject.filter(|_| ask.hook == Hook::Liquidate) {
            let args = [Value::Handle(account), Value::Number(1.0)];
            replies.intents.extend(ask.agents.iter().map(|agent| intent(&registry, agent.0, 0, "liquidate", &args)));
        }
    }
}

/// The place of an own field.
///
/// # Panics
/// When no mechanism declares it.
#[must_use]
pub fn own_field(registry: &Registry, name: &str) -> usize {
    registry.own.iter().position(|field| field.name == name).expect("a declared field")
}

/// An intent by names.
///
/// # Panics
/// When no mechanism declares the action.
#[must_use]
pub fn intent(registry: &Registry, agent: u32, account: u8, action: &str, args: &[Value]) -> Intent {
    let mut all = [None; MAX_ARGS];
    for (slot, value) in all.iter_mut().zip(args) {
        *slot = Some(*value);
    }
    let action = registry.action(action).expect("a declared action");
    Intent { actor: Actor { agent: AgentId(agent), account }, action, args: all }
}

/// A handle as an argument.
#[must_use]
pub const fn handle(kind: Kind, index: u32) -> Value {
    Value::Handle(Handle { kind, index })
}

/// Steps a simulation `steps` times with honest nodes; `act` adds intents to each Decide question.
pub fn drive(simulation: &mut Simulation, steps: usize, mut act: impl FnMut(&Ask<'_>, &mut Replies)) {
    let honest = honest_nodes(simulation.registry());
    for _ in 0..steps {
        let mut host = Native::new(simulation, |ask, replies| {
            honest(ask, replies);
            if ask.hook == Hook::Decide {
                act(ask, replies);
            }
        });
        simulation.step(&mut host);
    }
}

/// The public value of a thing as it stands now.
///
/// # Panics
/// When no mechanism declares the field.
#[must_use]
pub fn seen(simulation: &Simulation, of: Kind, name: &str, index: usize) -> f64 {
    let field = simulation.registry().public.iter().find(|field| field.of == of && field.name == name);
    (field.expect("a declared field").read)(simulation.world(), index)
}

/// An agent's own value as it stands now.
#[must_use]
pub fn own(simulation: &Simulation, name: &str, agent: u32, first: usize) -> f64 {
    let field = &simulation.registry().own[own_field(simulation.registry(), name)];
    let mut out = Vec::new();
    (field.gather)(simulation.world(), Rows { agents: &[AgentId(agent)], first, second: 0 }, &mut out);
    out[0]
}
