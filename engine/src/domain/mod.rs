//! Components that two mechanisms or more read: agents, margin accounts, positions, and who is where.

mod stake;
mod terms;
mod things;
mod votes;

pub use stake::{Cooling, CutWindow, Disposal, Holders, Holding, Holdings, Vault, VaultTerms};
pub(crate) use terms::{FLAT, TIERED};
pub use terms::{LiquidationRoute, LiquidationTerms, MarketTerms, UNLIMITED};
pub use things::{External, Feed, Funds, Harm, History, Market, MarketState, Venue};
pub use votes::{Change, Parameter, Proposal, Votable};

use std::ops::Range;

use bevy_ecs::prelude::{Component, Entity, Resource};

use crate::book::Book;
use crate::ledger::{GroupId, Slot};
use crate::scenario::Role;
use crate::units::{Amount, Span};

/// An agent by its place in the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AgentId(pub u32);

/// A margin account by its place in the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(pub u32);

/// A cohort by its place in the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CohortId(pub u16);

/// Somebody who acts.
#[derive(Component, Clone, Debug)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its cohort.
    pub cohort: CohortId,
    /// Stable key for random streams: cohort name and place in it, so that other cohorts cannot shift it.
    pub key: u64,
    /// Its wallet of the first asset; the others follow in asset order.
    pub wallet: Slot,
    /// Its first margin account; the others follow.
    pub first_account: AccountId,
    /// How many margin accounts it has.
    pub accounts: u8,
    /// Time between a decision and its execution.
    pub latency: Span,
}

/// What an agent offers the proposer for the place of each action that it asks for, in settlement units.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct Tip(pub Amount);

/// A margin account.
///
/// Equity = margin balance + `claim` − `debt` + unrealized profit.
#[derive(Component, Clone, Debug)]
#[component(immutable, on_insert = Book::hear)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its owner.
    pub owner: AgentId,
    /// Where its collateral lies.
    pub margin: Slot,
    /// Realized profit that the pool still owes (positive) or realized loss still owed to the pool (negative).
    pub claim: Amount,
    /// Borrowed from the deposits against unrealized profit.
    pub debt: Amount,
    /// The market it traded last, by place: the one that its loss counts to when nothing is open any more.
    pub last_market: u16,
}

/// One position in one market.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The market, by place.
    pub market: u16,
    /// Signed size in the base asset's smallest unit.
    pub size: Amount,
    /// What the position cost: unrealized profit = value at mark − cost.
    pub cost: Amount,
}

/// The open positions of an account, in market order.
#[derive(Component, Clone, Debug, Default)]
#[component(immutable, on_insert = Book::hear)]
pub struct Positions(pub Vec<Position>);

impl Positions {
    /// The position in `market`, if open.
    #[must_use]
    pub fn in_market(&self, market: usize) -> Option<&Position> {
        self.0.iter().find(|position| usize::from(position.market) == market)
    }
}

/// The requirements of an account and what stands against them, in the settlement asset's smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Risk {
    /// Initial requirement.
    pub imr: Amount,
    /// Maintenance requirement.
    pub mmr: Amount,
    /// Net collateral: equity with all unrealized profit.
    pub nc: Amount,
}

/// Entities of agents and accounts by id: the order in which they were spawned never shows.
#[derive(Resource, Clone, Debug, Default)]
pub struct Roster {
    pub(crate) agents: Vec<Entity>,
    pub(crate) accounts: Vec<Entity>,
}

impl Roster {
    /// An agent's entity.
    #[must_use]
    pub fn agent(&self, agent: AgentId) -> Option<Entity> {
        self.agents.get(agent.0 as usize).copied()
    }

    /// An account's entity.
    #[must_use]
    pub fn account(&self, account: AccountId) -> Option<Entity> {
        self.accounts.get(account.0 as usize).copied()
    }

    /// All agents' entities in id order.
    #[must_use]
    pub fn agents(&self) -> &[Entity] {
        &self.agents
    }

    /// All accounts' entities in id order.
    #[must_use]
    pub fn accounts(&self) -> &[Entity] {
        &self.accounts
    }
}

/// Agents that share a strategy.
#[derive(Clone, Debug)]
pub struct CohortInfo {
    /// Its name in the scenario.
    pub name: String,
    /// What its agents are.
    pub role: Role,
    /// Its ledger group.
    pub group: GroupId,
    /// Its agents' ids.
    pub agents: Range<u32>,
    /// Margin accounts per agent.
    pub accounts: u8,
    /// The market whose moves wake its agents, and the feeds its nodes report to, by name of the binding.
    pub bind: std::collections::BTreeMap<String, String>,
}

/// All cohorts, in order: the population first, attackers last.
#[derive(Resource, Clone, Debug, Default)]
pub struct Cohorts(pub Vec<CohortInfo>);

impl Cohorts {
    /// The cohorts that attack.
    pub fn attackers(&self) -> impl Iterator<Item = &CohortInfo> {
        self.0.iter().filter(|cohort| cohort.role == Role::Attacker)
    }
}

/// Names of the ledger's groups, by [`GroupId`].
#[derive(Resource, Clone, Debug, Default)]
pub struct Groups(pub Vec<String>);

impl Groups {
    /// Adds a group.
    ///
    /// # Panics
    /// `Invariant:` past 65,535 groups; the loader refuses so many cohorts.
    pub fn add(&mut self, name: &str) -> GroupId {
        let id = u16::try_from(self.0.len()).expect("Invariant: fewer than 2^16 groups");
        self.0.push(name.to_owned());
        GroupId(id)
    }
}
