//! What happened, as rows: each event goes to one table, is noted inside the action's scope, and wakes its agent.

use bevy_ecs::prelude::Resource;

use crate::domain::{AccountId, AgentId, Change};
use crate::registry::Handle;
use crate::units::Amount;

/// The table an event belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventTable {
    /// Positions taken or closed by liquidation.
    Liquidations,
    /// Stake put in, asked back and taken out.
    Stakes,
    /// Stake cut, and what it raised.
    Slashes,
    /// Votes cast.
    Votes,
    /// Proposals on their way, and parameters that change.
    Governance,
    /// Waterfall stages and everything else.
    Events,
    /// Changes of positions, and exchanges on venues; kept on request.
    Trades,
    /// What nodes reported in each step; kept on request.
    Reports,
}

impl EventTable {
    /// Every table.
    pub const ALL: [Self; 8] = [
        Self::Liquidations,
        Self::Stakes,
        Self::Slashes,
        Self::Votes,
        Self::Governance,
        Self::Events,
        Self::Trades,
        Self::Reports,
    ];

    /// Whether its events are kept only for who asks for them: nothing in the world may depend on these.
    #[must_use]
    pub const fn is_on_request(self) -> bool {
        matches!(self, Self::Trades | Self::Reports)
    }
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Event {
    /// Its table.
    pub table: EventTable,
    /// What, as a stable snake_case word in the past tense.
    pub what: &'static str,
    /// Whose.
    pub agent: Option<AgentId>,
    /// On which margin account.
    pub account: Option<AccountId>,
    /// To which thing: a market, a vault, a proposal.
    pub thing: Option<Handle>,
    /// Signed size in the base asset's smallest unit; stake; the weight of a vote.
    pub size: Amount,
    /// Price in quote per base, 0 when none applies.
    pub price: f64,
    /// Amount in the settlement asset's smallest unit.
    pub amount: Amount,
    /// The parameter that changes.
    pub change: Option<Change>,
}

impl Event {
    /// An event of `table` with nothing else set.
    #[must_use]
    pub const fn new(table: EventTable, what: &'static str) -> Self {
        Self { table, what, agent: None, account: None, thing: None, size: 0, price: 0.0, amount: 0, change: None }
    }
}

/// The events of the step under way.
#[derive(Resource, Clone, Debug, Default)]
pub struct Events {
    list: Vec<Event>,
    /// Tables on request that are kept.
    asked: Vec<EventTable>,
}

impl Events {
    /// Adds one, unless its table is not kept.
    pub fn push(&mut self, event: Event) {
        if self.keeps(event.table) {
            self.list.push(event);
        }
    }

    /// Whether events of a table are kept.
    #[must_use]
    pub fn keeps(&self, table: EventTable) -> bool {
        !table.is_on_request() || self.asked.contains(&table)
    }

    /// Keeps a table's events, or no longer.
    pub fn keep(&mut self, table: EventTable, is_kept: bool) {
        self.asked.retain(|asked| *asked != table);
        if is_kept {
            self.asked.push(table);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets those after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Those since `mark`.
    #[must_use]
    pub fn since(&self, mark: usize) -> &[Event] {
        &self.list[mark.min(self.list.len())..]
    }

    /// Takes all of them.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.list)
    }
}
