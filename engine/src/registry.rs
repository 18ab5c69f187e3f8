//! What the mechanisms declare: scenario blocks, risk parameters, actions, view fields, probes, outcomes and rules.
//!
//! Scripts, validation, tables and reference pages are all derived from these lists; nothing is declared twice. Names
//! are resolved to typed ids once, at load.

use bevy_ecs::prelude::{Entity, Resource, World};
use ron::error::SpannedError;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::action::{ActionId, ActionSpec};
use crate::mechanism::ron_options;
use crate::params::ParamSpec;
use crate::probe::{Outcome, Probe};
use crate::rule::Rule;
use crate::view::{OwnField, PublicField};

/// The kinds of named things that handles, parameters and tables refer to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// The protocol as a whole: exactly one.
    Protocol,
    /// A perpetual market.
    Market,
    /// An oracle feed.
    Feed,
    /// A trading venue.
    Venue,
    /// An asset.
    Asset,
    /// A margin account.
    Account,
    /// A stake vault.
    Vault,
    /// A proposal to change risk parameters; comes into being while the world runs.
    Proposal,
    /// One change of a proposal.
    Change,
    /// A risk parameter of one thing, where there is governance.
    Parameter,
    /// A kind of action, where actions compete for blockspace.
    Action,
    /// An action on its way, as the proposer of a block sees it.
    Pending,
    /// A sale of an underwater account's position, as bidders see it; its place is the account's.
    Auction,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Protocol,
        Self::Market,
        Self::Feed,
        Self::Venue,
        Self::Asset,
        Self::Account,
        Self::Vault,
        Self::Proposal,
        Self::Change,
        Self::Parameter,
        Self::Action,
        Self::Pending,
        Self::Auction,
    ];

    /// Whether its things are seen only by those who are asked about them, and no longer than that.
    #[must_use]
    pub const fn is_momentary(self) -> bool {
        matches!(self, Self::Account | Self::Pending | Self::Auction)
    }
}

impl Handle {
    /// The thing at a place of a kind.
    #[must_use]
    pub fn new(kind: Kind, place: usize) -> Self {
        Self { kind, index: u32::try_from(place).unwrap_or(u32::MAX) }
    }
}

/// A thing of the world as scripts hold it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handle {
    /// What it is.
    pub kind: Kind,
    /// Its place among its kind.
    pub index: u32,
}

/// Names and entities of all things, by kind, in scenario order.
#[derive(Resource, Clone, Debug, Default)]
pub struct Directory {
    lists: [Vec<(String, Entity)>; Kind::ALL.len()],
}

impl Directory {
    /// Adds a thing and returns its place among its kind.
    pub fn add(&mut self, kind: Kind, name: &str, entity: Entity) -> usize {
        let list = &mut self.lists[kind as usize];
        list.push((name.to_owned(), entity));
        list.len() - 1
    }

    /// Forgets the last thing of a kind: it came into being in a scope that was undone.
    pub(crate) fn remove_last(&mut self, kind: Kind) {
        self.lists[kind as usize].pop();
    }

    /// The place of the thing called `name`.
    #[must_use]
    pub fn find(&self, kind: Kind, name: &str) -> Option<usize> {
        self.lists[kind as usize].iter().position(|(known, _)| known == name)
    }

    /// The entity at a place.
    #[must_use]
    pub fn entity(&self, kind: Kind, index: usize) -> Option<Entity> {
        self.lists[kind as usize].get(index).map(|(_, entity)| *entity)
    }

    /// The name at a place.
    #[must_use]
    pub fn name(&self, kind: Kind, index: usize) -> &str {
        self.lists[kind as usize].get(index).map_or("", |(name, _)| name)
    }

    /// All names of a kind.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.lists[kind as usize].iter().map(|(name, _)| name.as_str())
    }

    /// All entities of a kind.
    pub fn entities(&self, kind: Kind) -> impl Iterator<Item = Entity> + '_ {
        self.lists[kind as usize].iter().map(|(_, entity)| *entity)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.lists[kind as usize].len()
    }
}

/// A block of the scenario that a mechanism reads.
#[derive(Clone, Copy, Debug)]
pub struct BlockSpec {
    /// Where it stands, such as `protocol.markets`.
    pub path: &'static str,
    /// What it is, and what a scenario without it has.
    pub doc: &'static str,
    /// The JSON Schema of the type that it is read as; of a map of them where its things have names.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Whether a text can be read as that type.
    pub check: fn(&str) -> Result<(), SpannedError>,
}

impl BlockSpec {
    /// The block at `path` that is read as a `T`.
    #[must_use]
    pub fn of<T: JsonSchema + DeserializeOwned>(path: &'static str, doc: &'static str) -> Self {
        let schema = |generator: &mut SchemaGenerator| generator.subschema_for::<T>();
        Self { path, doc, schema, check: |text| ron_options().from_str::<T>(text).map(drop) }
    }
}

/// Everything the mechanisms of a simulation declared.
#[derive(Resource, Clone, Debug, Default)]
pub struct Registry {
    /// Scenario blocks.
    pub blocks: Vec<BlockSpec>,
    /// Risk parameters.
    pub params: Vec<ParamSpec>,
    /// Actions; an [`ActionId`] is a place in this list.
    pub actions: Vec<ActionSpec>,
    /// What everyone sees.
    pub public: Vec<PublicField>,
    /// What an agent sees of its own.
    pub own: Vec<OwnField>,
    /// Columns of the tables.
    pub probes: Vec<Probe>,
    /// Figures of a whole run.
    pub outcomes: Vec<Outcome>,
    /// Rules that scenarios choose by name.
    pub rules: Vec<Rule>,
}

impl Registry {
    /// The registry of `mechanisms`, in their order.
    #[must_use]
    pub fn of(mechanisms: &[&dyn crate::mechanism::Mechanism]) -> Self {
        let mut registry = Self::default();
        crate::outcomes::declare(&mut registry);
        for mechanism in mechanisms {
            mechanism.declare(&mut registry);
        }
        registry
    }

    /// The action called `name`.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<ActionId> {
        let place = self.actions.iter().position(|action| action.name == name)?;
        u16::try_from(place).ok().map(ActionId)
    }
}

/// The component `C` of the thing at `index` of `kind`, when there is one.
#[must_use]
pub fn part<C: bevy_ecs::component::Component>(world: &World, kind: Kind, index: usize) -> Option<&C> {
    world.get::<C>(world.resource::<Directory>().entity(kind, index)?)
}
