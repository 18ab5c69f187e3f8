//! What several mechanisms know of proposals: which changes they ask for, how far they are, and market states.

use std::sync::Arc;

use bevy_ecs::prelude::{Component, Resource, World};

use super::AgentId;
use crate::units::Amount;

/// A proposal to change risk parameters.
#[derive(Component, Clone, Debug)]
pub struct Proposal {
    /// Who proposed it.
    pub proposer: AgentId,
    /// Its first change, by place among all changes; the others follow.
    pub first_change: usize,
    /// How many changes it asks for.
    pub changes: usize,
    /// Weights of all agents, by id, at the step before voting opened; `None` before that, or when present weights count.
    pub snapshot: Option<Arc<Vec<Amount>>>,
}

/// One change of a proposal.
#[derive(Component, Clone, Copy, PartialEq, Debug)]
pub struct Change {
    /// The parameter, by place among the world's parameters.
    pub parameter: usize,
    /// Its value when it was proposed.
    pub before: f64,
    /// The value asked for.
    pub after: f64,
}

/// A risk parameter of one thing.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its declaration, by place in `Registry::params`.
    pub spec: usize,
    /// The thing that carries it, by place among its kind.
    pub thing: usize,
    /// Its present value, by that place.
    pub read: fn(&World, usize) -> Option<f64>,
}

/// Where there is governance: every parameter, a thing that can be voted on, by place.
#[derive(Resource, Clone, Debug, Default)]
pub struct Votable(pub Vec<Parameter>);
