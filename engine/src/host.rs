//! The seam to whatever decides for agents: asked once per cohort and hook, it answers with intents or values.
//!
//! The host lives outside the world. It never sees entities or components, only the frozen public view and the own
//! columns it said it reads.

use std::sync::Arc;

use bevy_ecs::prelude::World;

use crate::action::{ActionId, Actor, Intent, MAX_ARGS, Value};
use crate::clock::Now;
use crate::domain::{AgentId, CohortId};
use crate::registry::{Directory, Handle};
use crate::rng::Streams;
use crate::units::Span;
use crate::view::{Columns, Public, Reads};

/// A function of a strategy that the engine calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hook {
    /// `report(me, feed)` in Oracle: a price, or nothing.
    Report,
    /// `liquidate(me, account)` in Liquidate: actions.
    Liquidate,
    /// `decide(me, world)` in Decide: actions.
    Decide,
    /// `vote(me, proposal)` in Decide, every step until cast: for, against or abstain, or nothing yet.
    Vote,
    /// `bid(me, auction)` in Liquidate, every step of an auction: a price, or nothing.
    Bid,
    /// `order(me, pool)` in Order, of the step's proposer about each pending action: its rank, or nothing to leave it out.
    Order,
}

impl Hook {
    /// All hooks, as they are declared: a hook's number is its place.
    pub const ALL: [Self; 6] = [Self::Report, Self::Liquidate, Self::Decide, Self::Vote, Self::Bid, Self::Order];

    /// The function's name in scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Liquidate => "liquidate",
            Self::Decide => "decide",
            Self::Vote => "vote",
            Self::Bid => "bid",
            Self::Order => "order",
        }
    }
}

/// When an agent wants to be asked to decide. With no condition at all it is asked every step.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Wake {
    /// At the latest this long after it was last asked.
    pub every: Option<Span>,
    /// When the watched market's mark has moved by this ratio since it was last asked.
    pub moves: Option<f64>,
    /// When something happened to its own accounts.
    pub own: bool,
}

/// One question to all awake agents of a cohort.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Which hook.
    pub hook: Hook,
    /// The current step.
    pub now: Now,
    /// The cohort, whose agents share a strategy.
    pub cohort: CohortId,
    /// The agents asked, in order; a row of every column each.
    pub agents: &'a [AgentId],
    /// Their stable keys, for [`Streams`].
    pub keys: &'a [u64],
    /// What the question is about: the feed of `report`, the account of `liquidate`, the proposal of `vote`, the pending
    /// action of `order`, the auction of `bid`.
    pub subject: Option<Handle>,
    /// Public fields of the subject, by place in `Registry::public` (NaN for fields of other kinds).
    pub subject_values: &'a [f64],
    /// The own fields that the hook reads.
    pub own: &'a Columns,
    /// The frozen public view.
    pub public: &'a Public,
    /// Random streams of the run.
    pub streams: Streams,
    /// The names of all things, those that came into being while the world ran included.
    pub directory: &'a Directory,
}

/// What a hook answered.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    /// Actions asked for, in the order of agents and then of calls.
    pub intents: Vec<Intent>,
    /// Actions asked for by many agents at once, in the order of calls; no agent is in these and among the intents.
    pub batches: Vec<Batch>,
    /// Values returned, with the row of the agent that returned them.
    pub values: Vec<(usize, f64)>,
    /// Scripts that failed; their agent's actions of this hook are not among the intents.
    pub faults: Vec<Fault>,
}

/// One action of many agents, its arguments in columns: the answer of a host that decides for all of them at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    /// Which action, by its place in the registry.
    pub action: ActionId,
    /// On which margin account of each agent, counted from 0.
    pub account: u8,
    /// The rows of the question whose agents ask for it, ascending.
    pub rows: BatchRows,
    /// The arguments in order.
    pub args: [Option<BatchArg>; MAX_ARGS],
}

/// Whose actions a batch holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchRows {
    /// Those of every agent asked.
    All,
    /// Those of the agents in these rows, ascending.
    Some(Vec<u32>),
}

/// One argument of all actions of a batch.
#[derive(Clone, PartialEq, Debug)]
pub enum BatchArg {
    /// The same for all.
    Same(Value),
    /// A number each, in the order of the batch's rows.
    Numbers(Vec<f64>),
}

impl Batch {
    /// The action of the agent at a place of the batch.
    #[must_use]
    pub fn intent(&self, agent: AgentId, place: usize) -> Intent {
        let value = |arg: &Option<BatchArg>| match arg.as_ref()? {
            BatchArg::Same(value) => Some(*value),
            BatchArg::Numbers(numbers) => numbers.get(place).copied().map(Value::Number),
        };
        let actor = Actor { agent, account: self.account };
        Intent { actor, action: self.action, args: std::array::from_fn(|arg| value(&self.args[arg])) }
    }
}

impl Replies {
    /// Turns batches into intents of `agents`, which were asked: in the order of agents and then of batches.
    pub fn unpack(&mut self, agents: &[AgentId]) {
        if self.batches.is_empty() {
            return;
        }
        let batches = std::mem::take(&mut self.batches);
        let mut places = vec![0; batches.len()];
        for (row, agent) in agents.iter().enumerate() {
            for (batch, place) in batches.iter().zip(&mut places) {
                let asks = match &batch.rows {
                    BatchRows::All => true,
                    BatchRows::Some(rows) => rows.get(*place).is_some_and(|asking| *asking as usize == row),
                };
                if asks {
                    self.intents.push(batch.intent(*agent, *place));
                    *place += 1;
                }
            }
        }
    }
}

/// A strategy's failure: data, never an error of the run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// Whose decision failed; nobody's when a rule did.
    pub agent: Option<AgentId>,
    /// In which function of the script.
    pub hook: &'static str,
    /// `file:line:column`.
    pub place: Arc<str>,
    /// One printable line.
    pub message: Arc<str>,
}

/// Decides for agents.
pub trait Host {
    /// When agents of the cohort want to be asked; called once, before the first step.
    fn wake(&mut self, cohort: CohortId) -> Wake;

    /// The own fields the hook reads, or `None` when the cohort's strategy has no such hook; called once.
    fn reads(&mut self, cohort: CohortId, hook: Hook) -> Option<Reads>;

    /// Answers for all agents of one question.
    fn ask(&mut self, ask: &Ask<'_>, replies: &mut Replies);

    /// The values of the scenario's probes, in their order, at the end of a step.
    ///
    /// # Panics
    /// `Invariant:` when an invariant of the scenario does not hold.
    fn measure(&mut self, _world: &World) -> Vec<f64> {
        Vec::new()
    }

    /// Failures of scripted rules and measures since the last call; called once a step.
    fn script_faults(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(action: u16, rows: BatchRows, numbers: &[f64]) -> Batch {
        let args = [Some(BatchArg::Numbers(numbers.to_vec())), Some(BatchArg::Same(Value::All)), None, None];
        Batch { action: ActionId(action), account: 1, rows, args }
    }

    #[test]
    fn batches_become_intents_in_the_order_of_agents_and_then_of_calls() {
        let some = BatchRows::Some(vec![0, 2]);
        let mut replies = Replies {
            batches: vec![batch(7, some, &[0.1, 0.2]), batch(8, BatchRows::All, &[1.0, 2.0, 3.0])],
            ..Replies::default()
        };
        replies.unpack(&[AgentId(4), AgentId(5), AgentId(9)]);
        let asked = replies.intents.iter().map(|Intent { actor, action, args }| (actor.agent.0, action.0, args[0]));
        let expected = [(4, 7, 0.1), (4, 8, 1.0), (5, 8, 2.0), (9, 7, 0.2), (9, 8, 3.0)];
        let expected = expected.map(|(agent, action, number)| (agent, action, Some(Value::Number(number))));
        assert_eq!(asked.collect::<Vec<_>>(), expected);
        let first = replies.intents[0];
        assert_eq!((first.actor.account, first.args[1], first.args[2]), (1, Some(Value::All), None));
        assert!(replies.batches.is_empty());
    }
}
